"""Figure 12: recipes with intervals."""

from typing import TYPE_CHECKING

from sartext.core.config import Config
from sartext.leaderboard.scores import Measured, Score
from sartext.leaderboard.standings import Summary, summarise
from sartext.report.figures.style import GREY, INK, RECIPE_STYLES, new_figure
from sartext.report.inputs import choose, load_scores
from sartext.report.names import RECIPES, TASK_SHORT, metric_name
from sartext.report.tables.recipes import main_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _panel(axes: "Axes", config: Config, scores: list[Score], panel: tuple[str, str, str]) -> None:
    model, task, metric = panel
    name = metric_name(metric)
    scale = 100.0 if name.percent else 1.0
    for row, recipe in enumerate(config.recipes):
        found = choose(scores, task, model, recipe)
        summary = summarise(found, metric)
        colour, _, marker = RECIPE_STYLES[recipe]
        if not isinstance(summary, Summary):
            reason = "missing" if summary is None else "unavailable"
            axes.text(
                0.02, row, reason, va="center", fontsize=8, color=GREY, transform=axes.get_yaxis_transform()
            )
            continue
        low, high = summary.low * scale, summary.high * scale
        axes.plot([low, high], [row, row], color=colour, linewidth=2.4, solid_capstyle="butt", zorder=2)
        # a light point is readable by its dark edge
        axes.plot(
            summary.value * scale,
            row,
            marker="o" if marker == "x" else marker,
            color=colour,
            markersize=7,
            markeredgecolor=INK,
            markeredgewidth=0.7,
            zorder=4,
        )
        for score in found if len(found) > 1 else ():
            entry = score.metrics.get(metric)
            if isinstance(entry, Measured):
                axes.plot(entry.value * scale, row + 0.24, marker="|", color=INK, markersize=5, zorder=3)
    axes.set_title(f"{config.models[model].title}, {TASK_SHORT[task]}", fontsize=9)  # type: ignore[index]
    axes.set_xlabel(f"{name.title} (%)" if name.percent else name.title)
    axes.set_yticks(range(len(config.recipes)), [RECIPES[recipe] for recipe in config.recipes])
    axes.set_ylim(len(config.recipes) - 0.5, -0.5)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def figure_12(config: Config) -> "Figure":
    """Recipes compared, a panel a model's main metric.

    A point is the mean over seeds, the bar the 95% interval over test images, a tick below it a seed.
    """
    scores = load_scores(config)
    panels = main_columns(config)
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    height = 0.27 * len(config.recipes) + 1.05
    figure = new_figure(3.9 * columns, height * rows + 0.2, config.data_note)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes in grid[len(panels) :]:
        axes.axis("off")
    for axes, panel in zip(grid, panels, strict=False):
        _panel(axes, config, scores, panel)
    return figure
