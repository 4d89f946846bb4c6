"""`sartext fetch`: a source's files, downloaded or told of, and checked."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sartext.core.config import ImagesConfig, SourceConfig

# of a source that no profile is asked about
_REJECTED_SHARE = 0.05


@click.command()
@click.argument("source")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Profile whose source it is; else the entry of config/sources is taken as it is.",
)
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the source, instead of its 'root'.")
@click.option("--check", is_flag=True, help="Only check what is there.")
def fetch(source: str, config_file: Path | None, root: Path | None, check: bool) -> None:
    """Download a source, or say where to get it; then check what lies in its folder.

    Downloads go on where they broke off, and count only with the right digest. Exit status 0: the source can
    be used; 2: something is missing or wrong, said in one line.
    """
    from sartext.sources.fetch import check_files, check_source, fetch_files

    chosen, images = _chosen(source, config_file, check)
    if root is not None:
        chosen = chosen.model_copy(update={"root": root.as_posix()})
    click.echo(f"{chosen.title}: {chosen.folder}")
    if check:
        check_files(chosen, click.echo)
    else:
        _introduce(chosen)
        if chosen.downloads:
            fetch_files(chosen, click.echo)
    check_source(chosen, images, click.echo)
    click.echo(f"{chosen.name}: can be used")


def _chosen(name: str, config_file: Path | None, check: bool) -> tuple["SourceConfig", "ImagesConfig"]:
    from sartext.core.config import ImagesConfig, load_config
    from sartext.core.errors import UserError
    from sartext.sources.fetch import find_entry

    if config_file is None:
        return find_entry(name), ImagesConfig(size=1, max_rejected_share=_REJECTED_SHARE)
    config = load_config(config_file)
    chosen = config.source(name)
    if config.simulator is not None and name in config.simulator.sources and not check:
        raise UserError(
            f"{config_file}: {name} is simulated in this profile (sartext simulate --config {config_file} "
            f"{name}); for the real source leave --config out"
        )
    return chosen, config.images


def _introduce(source: "SourceConfig") -> None:
    """Say what the source is, its terms, and what belongs where."""
    from sartext.sources.fetch import expected_tree

    click.echo(f"licence: {source.licence}")
    click.echo(f"cite: {source.citation}")
    click.echo(f"get: {source.obtain}")
    if source.downloads:
        names = ", ".join(one.file for one in source.downloads)
        click.echo(f"downloaded for you: {names}")
    click.echo("expected:")
    for line in expected_tree(source):
        click.echo(f"  {line}")
