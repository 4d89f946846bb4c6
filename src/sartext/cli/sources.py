"""`sartext simulate` and `sartext ingest`: sources written and read."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--config", "config_file", required=True, type=click.Path(path_type=Path), help="Profile (YAML)."
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
def simulate(config_file: Path, sources: tuple[str, ...]) -> None:
    """Write simulated sources, their truth and their manifests; all of the profile's if none is named."""
    from sartext.core.config import load_config
    from sartext.core.errors import UserError
    from sartext.core.files import write_manifest
    from sartext.simulator import write_source

    config = load_config(config_file)
    if config.simulator is None:
        raise UserError(
            f"{config_file}: simulator: missing; this profile reads real sources, nothing to simulate"
        )
    root = Path("data/simulated") / config.profile
    for name in sources or tuple(config.simulator.sources):
        write_source(name, config, root / name, root / "truth" / f"{name}.json")
        write_manifest(root / name, root / f"{name}.manifest.json")


@click.command()
@click.option(
    "--config", "config_file", required=True, type=click.Path(path_type=Path), help="Profile (YAML)."
)
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many decode images; what is written is the same.",
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
def ingest(config_file: Path, processes: int, sources: tuple[str, ...]) -> None:
    """Read sources: decode, check and index their images; all of the profile's if none is named."""
    from sartext.core.config import load_config
    from sartext.core.files import read_json
    from sartext.sources import ingest as ingest_source

    config = load_config(config_file)
    chosen = [config.source(name) for name in sources] or config.sources
    for source in chosen:
        out = config.results / "scenes" / source.name
        ingest_source(source, config, out, processes)
        summary = read_json(out / "summary.json")
        click.echo(
            f"{source.name}: {summary['read']} images read, {summary['rejected']} set aside, "
            f"{summary['absent']} absent, {summary['boxes_rejected']} boxes set aside ({out / 'rejects.csv'})"
        )
