"""Table 8: single-stage, joint and two-stage training by each model's main metric."""

from sartext.core.config import Config
from sartext.leaderboard.standings import MAIN_METRICS, summarise
from sartext.report.inputs import choose, load_scores
from sartext.report.names import RECIPE_NOTES, RECIPES, TASK_KINDS, TASK_SHORT, metric_name
from sartext.report.table import Cell, Column, NotApplicable, Row, Table, measure
from sartext.report.tables.scores import second_label


def main_columns(config: Config) -> list[tuple[str, str, str]]:
    """(model, task, main metric) of everything a profile compares recipes by."""
    return [
        (name, task, MAIN_METRICS[TASK_KINDS[task]])
        for name, model in config.models.items()
        for task in model.tasks
    ]


def table_08(config: Config) -> Table:
    """Recipes against each other: each model's main metric with its interval, spread and seeds.

    The second column of a task is the same metric against narrator-written references; VQA has none.
    """
    scores = load_scores(config)
    columns = [Column("recipe", "Recipe", text=True), Column("trained_on", "Trained on", text=True)]
    mains = main_columns(config)
    for model, task, metric in mains:
        name = metric_name(metric)
        group = f"{config.models[model].title}, {TASK_SHORT[task]}"  # type: ignore[index]
        unit = " (%)" if name.percent else ""
        columns.append(Column(f"{model}_{task}", name.title + unit, group=group))
        if TASK_KINDS[task] != "vqa":
            columns.append(Column(f"{model}_{task}_narrator", "narrator", group=group))
        columns.append(Column(f"{model}_{task}_seeds", "seeds", group=group))
    rows = []
    for recipe in config.recipes:
        cells: list[Cell] = [RECIPES[recipe], RECIPE_NOTES[recipe]]
        for model, task, metric in mains:
            found = choose(scores, task, model, recipe)
            percent = metric_name(metric).percent
            cells.append(measure(summarise(found, metric), percent))
            if TASK_KINDS[task] != "vqa":
                cells.append(measure(summarise(found, metric, secondary=True), percent, brief=True))
            cells.append(len(found) or NotApplicable())
        rows.append(Row(tuple(cells)))
    samples = "; ".join(
        f"{model.title} {model.training.stage1_samples:,} and {model.training.stage2_samples:,}"
        for model in config.models.values()
    )
    notes = (
        f"N1 and N2, samples seen in stage 1 and stage 2: {samples}. Schedules are the same for all recipes.",
        f"narrator: the same metric against {second_label(scores)}.",
        "In brackets: 95% bootstrap interval over test images; ± is the standard deviation across seeds.",
        "Mean recall is by the instance protocol.",
    )
    title = "Single-stage, joint and two-stage training"
    return Table(8, title, tuple(columns), tuple(rows), config.data_note, notes)
