"""`sartext build`: SAR-TEXT and the optical texts of stage 1."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--config", "config_file", required=True, type=click.Path(path_type=Path), help="Profile (YAML)."
)
@click.option(
    "--part",
    type=click.Choice(["stage1", "sartext"]),
    help="stage1: the optical sources' own texts; sartext: what the narrator wrote. Both if left out.",
)
@click.option(
    "--benchmark/--no-benchmark",
    default=True,
    help="Check training images against the frozen benchmark (default), or not: to freeze a first one.",
)
def build(config_file: Path, part: str | None, benchmark: bool) -> None:
    """Build the training texts: SAR-TEXT from everything narrated, and stage 1 from the optical sources.

    Images that coincide with a test image are dropped from training and listed in leakage.json; results lie
    in results/PROFILE/stage1 and results/PROFILE/sartext.
    """
    from sartext.core.config import load_config
    from sartext.dataset import build_sartext, build_stage1

    config = load_config(config_file)
    if part != "sartext":
        build_stage1(config, benchmark)
    if part != "stage1":
        build_sartext(config, benchmark)
