"""Verbs `report` and `leaderboard`: score files to tables, figures, the page and standings."""

from pathlib import Path

import click

_CONFIG = click.option(
    "--config", "config_path", type=click.Path(path_type=Path), required=True, help="The profile's YAML file."
)


@click.group()
def report() -> None:
    """Make tables, figures and the page from the files of a run."""


@report.command()
@click.argument("numbers", type=int, nargs=-1, required=True)
@_CONFIG
def table(numbers: tuple[int, ...], config_path: Path) -> None:
    """Write tables NUMBERS as CSV, Markdown, LaTeX and HTML."""
    from sartext.core.config import load_config
    from sartext.report.table import write_table
    from sartext.report.tables import make_table

    config = load_config(config_path)
    for number in numbers:
        for path in write_table(make_table(number, config), config.reports / "tables"):
            click.echo(path)


@report.command()
@click.argument("numbers", type=int, nargs=-1, required=True)
@_CONFIG
@click.option(
    "--rulegraph",
    type=click.Path(path_type=Path),
    help="Figure 2: dot text of `snakemake --rulegraph`; results/PROFILE/rulegraph.dot if not given.",
)
def figure(numbers: tuple[int, ...], config_path: Path, rulegraph: Path | None) -> None:
    """Draw figures NUMBERS as SVG and PNG."""
    from sartext.core.config import load_config
    from sartext.report.figures import write_figure

    config = load_config(config_path)
    for number in numbers:
        for path in write_figure(number, config, rulegraph):
            click.echo(path)


@report.command()
@_CONFIG
def page(config_path: Path) -> None:
    """Write reports/PROFILE/index.html, which works from a file with no network."""
    from sartext.core.config import load_config
    from sartext.report.page import write_page

    click.echo(write_page(load_config(config_path)))


@report.command()
def index() -> None:
    """Write reports/index.html, which links every profile's page."""
    from sartext.report.page import write_index

    click.echo(write_index(Path("reports"), Path("results")))


@report.command()
@_CONFIG
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A .png or .svg file.")
@click.option("--scenes", type=click.IntRange(1, 200), default=12, show_default=True, help="How many scenes.")
def sheet(config_path: Path, out: Path, scenes: int) -> None:
    """Draw a sheet of scenes for people: optical twin, image, captions by branch."""
    from sartext.core.config import load_config
    from sartext.report.figures.samples import write_sheet

    write_sheet(load_config(config_path), out, scenes)
    click.echo(out)


@click.group()
def leaderboard() -> None:
    """Render standings from score files."""


@leaderboard.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The board: .json, .csv, .md, .tex or .html.",
)
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="Only the scores that this profile asks for, not what an earlier one left.",
)
def render(folder: Path, out: Path, config_path: Path | None) -> None:
    """Order the score files below DIR (**/score.json) by each task's main metric."""
    from sartext.core.config import load_config
    from sartext.core.errors import UserError
    from sartext.core.files import write_json, write_text
    from sartext.leaderboard.scores import read_scores
    from sartext.leaderboard.standings import as_json
    from sartext.report.boards import board_table
    from sartext.report.inputs import load_scores
    from sartext.report.table import SUFFIXES
    from sartext.report.table import render as render_table

    if out.suffix not in (".json", *SUFFIXES):
        raise UserError(f"{out}: expected a name that ends in .json, {', '.join(SUFFIXES)}")
    scores = load_scores(load_config(config_path)) if config_path else read_scores(folder)
    if out.suffix == ".json":
        write_json(out, as_json(scores))
    else:
        write_text(out, render_table(board_table(scores), out.suffix))
    click.echo(out)
