"""Table 8: single-stage, joint and two-stage training by each model's main metric, compared in pairs."""

from sartext.core.config import Config
from sartext.leaderboard.scores import Score
from sartext.leaderboard.standings import MAIN_METRICS, summarise
from sartext.metrics.intervals import holm
from sartext.metrics.retrieval import PROTOCOLS
from sartext.report.inputs import choose, load_scores
from sartext.report.names import RECIPE_NOTES, RECIPES, TASK_KINDS, TASK_SHORT, metric_name
from sartext.report.paired import DRAWS, Gain, gains
from sartext.report.table import Cell, Column, NotApplicable, NotThere, Number, Row, Table, measure
from sartext.report.tables.scores import benchmark_note, second_label

BETTER = "two-stage"
AGAINST = ("optical", "sar", "sar-matched", "joint")
"""What two-stage is compared with: every other recipe that trains."""

_PAIRED = "Two-stage minus it"
_COLUMNS = (
    Column("recipe", "Recipe", text=True),
    Column("trained_on", "Trained on", text=True),
    Column("value", "Score"),
    Column("narrator", "Narrator"),
    Column("seeds", "Seeds"),
    Column("difference", "Difference", group=_PAIRED),
    Column("p", "p", group=_PAIRED),
    Column("p_holm", "p (Holm)", group=_PAIRED),
)

Compared = tuple[str, str, str]
"""What recipes are compared by: model, task, metric."""


def main_columns(config: Config) -> list[Compared]:
    """(model, task, main metric) of everything a profile compares recipes by."""
    return [
        (name, task, MAIN_METRICS[TASK_KINDS[task]])
        for name, model in config.models.items()
        for task in model.tasks
    ]


def _compared(config: Config) -> list[Compared]:
    """`main_columns` with mean recall by both protocols."""
    return [
        (model, task, name)
        for model, task, metric in main_columns(config)
        for name in (
            [f"{protocol}.mean_recall" for protocol in PROTOCOLS]
            if TASK_KINDS[task] == "retrieval"
            else [metric]
        )
    ]


def _section(config: Config, compared: Compared) -> str:
    model, task, metric = compared
    name = metric_name(metric)
    title = f"{config.model(model).title}, {TASK_SHORT[task]}: "
    if TASK_KINDS[task] == "retrieval":
        return f"{title}mean recall (%), {metric.split('.')[0]} protocol"
    return title + name.title + (" (%)" if name.percent else "")


Tested = tuple[Compared, str]
"""One comparison: what by, and the recipe that two-stage is set against."""


def tested(config: Config) -> dict[Tested, tuple[Gain, float]]:
    """Return two-stage minus each recipe of `AGAINST`, with p by Holm over all that could be compared."""
    found: dict[Tested, Gain] = {}
    for model, task, _ in main_columns(config):
        for recipe in config.recipes:
            if recipe not in AGAINST or BETTER not in config.recipes:
                continue
            gained = gains(config, task, model, BETTER, recipe)
            for compared in _compared(config):
                if compared[:2] == (model, task) and compared[2] in gained:
                    found[compared, recipe] = gained[compared[2]]
    corrected = holm([gain.p for gain in found.values()])
    return {key: (gain, p) for (key, gain), p in zip(found.items(), corrected, strict=True)}


def _paired_cells(config: Config, key: Tested, found: dict[Tested, tuple[Gain, float]]) -> list[Cell]:
    (_, _, metric), recipe = key
    if recipe not in AGAINST or BETTER not in config.recipes:
        return [NotApplicable()] * 3
    if key not in found:
        return [NotThere()] * 3
    gain, corrected = found[key]
    percent = metric_name(metric).percent
    return [
        Number(gain.value, 1 if percent else 3, percent, gain.low, gain.high),
        Number(gain.p, 4),
        Number(corrected, 4),
    ]


def _row(config: Config, scores: list[Score], key: Tested, found: dict[Tested, tuple[Gain, float]]) -> Row:
    compared, recipe = key
    model, task, metric = compared
    chosen = choose(scores, task, model, recipe)
    percent = metric_name(metric).percent
    second: Cell = NotApplicable()
    if TASK_KINDS[task] != "vqa":
        second = measure(summarise(chosen, metric, secondary=True), percent, brief=True)
    cells: list[Cell] = [
        RECIPES[recipe],
        RECIPE_NOTES[recipe],
        measure(summarise(chosen, metric), percent),
        second,
        len(chosen) or NotApplicable(),
        *_paired_cells(config, key, found),
    ]
    return Row(tuple(cells), _section(config, compared))


def _notes(config: Config, scores: list[Score], comparisons: int) -> tuple[str, ...]:
    samples = "; ".join(
        f"{model.title} {model.training.stage1_samples:,} and {model.training.stage2_samples:,}"
        for model in config.models.values()
    )
    return (
        f"N1 and N2, samples seen in stage 1 and stage 2: {samples}. Schedules are the same for all recipes.",
        f"Narrator: the same metric against {second_label(scores)}.",
        "In brackets: 95% bootstrap interval over test images; ± is the standard deviation across seeds.",
        f"{_PAIRED}: in the score's unit (points for percent), by a paired bootstrap of {DRAWS:,} draws on "
        "the same test images, seeds averaged within an image; p is two-sided, from the same draws; p (Holm) "
        f"is corrected for the {comparisons} comparisons of this table.",
        "Intervals and p-values say what another choice of test images would change, not another training "
        "seed: that is ±, where there are several.",
        benchmark_note(scores),
    )


def table_08(config: Config) -> Table:
    """Recipes against each other: each model's main metric with its interval, spread and seeds.

    Retrieval is there by both protocols. Beside each recipe that trains stands two-stage minus it, with a
    paired interval and p-values. The narrator column is the same metric against narrator-written references;
    VQA has none.
    """
    scores = load_scores(config)
    found = tested(config)
    rows = tuple(
        _row(config, scores, (compared, recipe), found)
        for compared in _compared(config)
        for recipe in config.recipes
    )
    title = "Single-stage, joint and two-stage training"
    return Table(8, title, _COLUMNS, rows, config.data_note, _notes(config, scores, len(found)))
