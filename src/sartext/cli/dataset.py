"""`sartext build` and `sartext audit`: SAR-TEXT, the optical texts of stage 1, and the check for leaks."""

from pathlib import Path

import click

PARTS = ("stage1", "sartext", "statistics", "exports", "shards")
SETS = ("stage1", "sartext")
_CONFIG = click.option(
    "--config", "config_file", required=True, type=click.Path(path_type=Path), help="Profile (YAML)."
)
_BENCHMARK = click.option(
    "--benchmark/--no-benchmark",
    default=True,
    help="Check training images against the frozen benchmark (default), or not: to freeze a first one.",
)


@click.command()
@_CONFIG
@click.option(
    "--part", type=click.Choice(PARTS), help="One part of the build; all, and the audits, if left out."
)
@click.option("--source", "names", multiple=True, help="shards: of this source alone; may be repeated.")
@_BENCHMARK
def build(config_file: Path, part: str | None, names: tuple[str, ...], benchmark: bool) -> None:
    """Build the training texts: SAR-TEXT from everything narrated, and stage 1 from the optical sources.

    Captions are cleaned, images without any, repeated ones and those that coincide with a test image are
    dropped (dropped.csv), questions are asked of what annotations settle.

    \b
    stage1      optical sources' own texts         results/PROFILE/stage1
    sartext     what the narrator wrote            results/PROFILE/sartext
    statistics  counts, datasheet.md, croissant.json
    exports     csv, COCO captions, dialogues, Parquet
    shards      WebDataset shards of each source; goes on where it was killed

    \b
    sartext build --config config/mini.yaml
    sartext build --config config/mini.yaml --part shards --source hrsid
    """  # noqa: D301 - click's sign for lines kept as they are
    from sartext.core.config import load_config, save_config
    from sartext.core.errors import UserError
    from sartext.dataset.about.write import write_about
    from sartext.dataset.build import build_sartext
    from sartext.dataset.exports.built import write_built_exports
    from sartext.dataset.exports.shards import write_shards
    from sartext.dataset.likeness.audit import audit_set
    from sartext.dataset.merge import sources_of
    from sartext.dataset.stage1 import build_stage1

    config = load_config(config_file)
    if part is None:  # the parts of the workflow's jobs are of the profile that it wrote
        save_config(config, config.results / "config.yaml")
    if names and part != "shards":
        raise UserError("--source goes with --part shards")
    wanted = (part,) if part else PARTS
    if "stage1" in wanted:
        build_stage1(config, benchmark)
    if "sartext" in wanted:
        build_sartext(config, benchmark)
    if part is None:
        for name in SETS:
            audit_set(config, name, benchmark)
    if "statistics" in wanted:
        write_about(config)
    if "exports" in wanted:
        write_built_exports(config)
    if "shards" in wanted:
        for name in names or [source.name for source in sources_of(config, "sar")]:
            config.source(name)
            write_shards(config, name)


@click.command()
@_CONFIG
@click.option(
    "--set", "sets", multiple=True, type=click.Choice(SETS), help="stage1 or sartext; both if left out."
)
@_BENCHMARK
def audit(config_file: Path, sets: tuple[str, ...], benchmark: bool) -> None:
    """Check the built training sets for leaks: exit status 2 if any is left, and training does not start.

    No training or validation image may be a test image, nearly one, a tile that overlaps one, or the twin of
    one, across sources and stages; no scene may lie in two splits. results/PROFILE/audit/SET.json names the
    pairs that the build found and removed; SET.remaining.csv what is left.

    \b
    sartext audit --config config/mini.yaml --set sartext
    """  # noqa: D301 - click's sign for lines kept as they are
    from sartext.core.config import load_config
    from sartext.dataset.likeness.audit import audit_set

    config = load_config(config_file)
    for name in sets or SETS:
        audit_set(config, name, benchmark)
