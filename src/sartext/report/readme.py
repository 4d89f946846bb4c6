"""The main table and figure of README, from the reference of a profile."""

import re
from pathlib import Path

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import write_text
from sartext.leaderboard.reference import FIGURE, reference_folder, reference_scores
from sartext.leaderboard.standings import MAIN_METRICS, summarise
from sartext.report.inputs import choose
from sartext.report.names import RECIPE_NOTES, RECIPES, TASK_KINDS, TASK_SHORT, metric_name
from sartext.report.table import Number, escape_markdown, measure

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def section(config: Config) -> str:
    """Return the recipes' main metrics with their intervals, and the figure of them, as Markdown.

    Raises:
        UserError: the profile has no reference, or it was changed by hand.
    """
    folder = reference_folder(config)
    scores = reference_scores(folder)
    titles, units = ["Recipe", "Trained on"], []
    for model in config.models.values():
        for task in model.tasks:
            shown = metric_name(MAIN_METRICS[TASK_KINDS[task]])
            titles.append(f"{model.title}, {TASK_SHORT[task]}")
            units.append(f"{shown.title} (%)" if shown.percent else shown.title)
    lines = [titles, ["---", "---", *("---:" for _ in units)], ["", "", *units]]
    for recipe in config.recipes:
        cells = [RECIPES[recipe], RECIPE_NOTES[recipe]]
        for name, model in config.models.items():
            for task in model.tasks:
                metric = MAIN_METRICS[TASK_KINDS[task]]
                summary = summarise(choose(scores, task, name, recipe), metric)
                cell = measure(summary, metric_name(metric).percent)
                cells.append(f"{cell.main} {cell.interval}" if isinstance(cell, Number) else "n/a")
        lines.append(cells)
    versions = ", ".join(
        sorted({f"{score.benchmark.version}, digest {score.benchmark.digest[:12]}" for score in scores})
    )
    seeds = "; ".join(f"{model.title} {len(model.training.seeds)}" for model in config.models.values())
    return "\n".join(
        [
            *("| " + " | ".join(cells) + " |" for cells in lines),
            "",
            f"Profile {config.profile}: {escape_markdown(config.data_note)}. Benchmark {versions}. "
            f"Seeds: {seeds}; ± is the standard deviation across them.",
            "In brackets: 95% interval over test images. Mean recall is by the instance protocol. Made by "
            f"`sartext reference readme` from the score files of `{folder.as_posix()}`.",
            "",
            f"![Recipes compared by each model's main metric]({(folder / FIGURE).as_posix()})",
        ]
    )


def write_readme(config: Config, path: Path) -> Path:
    """Put `section` between the markers of a Markdown file, and return its path.

    Raises:
        UserError: the file or its markers are missing, or as `section`.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected one with the lines {BEGIN} and {END}")
    text = path.read_text(encoding="utf-8")
    if not re.search(f"{re.escape(BEGIN)}.*{re.escape(END)}", text, re.DOTALL):
        raise UserError(f"{path}: no lines {BEGIN} and {END}; put them where the table goes")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    write_text(path, f"{before}{BEGIN}\n{section(config)}\n{END}{after}")
    return path
