"""Figure 8: training curves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sartext.core.config import Config
from sartext.report.figures.style import GREY, RECIPE_STYLES, empty, new_figure
from sartext.report.inputs import checkpoint_folder, read_lines, runs
from sartext.report.names import RECIPES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass
class Curve:
    """One run's losses: (samples seen, loss) on training batches and on val."""

    train: list[tuple[float, float]]
    val: list[tuple[float, float]]


def _real(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        return None
    return float(value)


def load_curve(config: Config, model: str, recipe: str, seed: int) -> Curve | None:
    """Read a run's ``train.jsonl``: records with ``samples`` and ``loss`` or ``val_loss``; none if missing.

    Records of other things are passed over.
    """
    run = next(run for run in runs(config) if (run.model, run.recipe, run.seed) == (model, recipe, seed))
    path = checkpoint_folder(config, run) / "train.jsonl"
    if not path.is_file():
        return None
    curve = Curve([], [])
    for record in read_lines(path):
        seen = _real(record.get("samples"))
        for name, points in (("loss", curve.train), ("val_loss", curve.val)):
            value = _real(record.get(name))
            if seen is not None and value is not None:
                points.append((seen, value))
    return curve


def smooth(values: list[float], window: int) -> list[float]:
    """Return the running mean over the last `window` values, over fewer at the start."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    return [
        float((sums[i + 1] - sums[max(0, i + 1 - window)]) / min(i + 1, window)) for i in range(len(values))
    ]


def _draw(axes: "Axes", points: list[tuple[float, float]], recipe: str, first: bool, val: bool) -> None:
    colour, line, marker = RECIPE_STYLES[recipe]
    seen = [x for x, _ in points]
    loss = [y for _, y in points]
    style: dict[str, Any] = {"color": colour, "linestyle": line, "linewidth": 1.5 if first else 0.7}
    if val:
        style |= {"marker": marker, "markersize": 3.5 if first else 0}
    else:
        loss = smooth(loss, max(1, len(loss) // 20))
    axes.plot(seen, loss, alpha=1.0 if first else 0.55, label=RECIPES[recipe] if first else None, **style)


def figure_08(config: Config) -> "Figure":
    """Training curves: a column a model; training loss above, val loss below.

    Training loss is a running mean over 5% of the steps. The first seed is thick, the others thin.
    """
    models = list(config.models)
    figure = new_figure(3.1 * len(models) + 0.5, 4.9, config.data_note)
    grid = figure.subplots(2, len(models), squeeze=False, sharex="col")
    handles: dict[str, Any] = {}
    for column, model in enumerate(models):
        above, below = grid[0][column], grid[1][column]
        for recipe in config.recipes:
            for position, seed in enumerate(config.models[model].training.seeds):
                curve = load_curve(config, model, recipe, seed)
                if curve is None:
                    continue
                for axes, points, val in ((above, curve.train, False), (below, curve.val, True)):
                    if points:
                        _draw(axes, points, recipe, position == 0, val)
        for axes in (above, below):
            axes.grid(axis="y")
            if not axes.lines:
                axes.text(0.5, 0.5, "missing", transform=axes.transAxes, ha="center", color=GREY)
            found = zip(*axes.get_legend_handles_labels(), strict=True)
            handles |= {label: handle for handle, label in found if label not in handles}
        above.set_title(config.models[model].title)
        below.set_xlabel("samples seen")
        below.xaxis.get_major_locator().set_params(nbins=5)
    grid[0][0].set_ylabel("training loss")
    grid[1][0].set_ylabel("val loss")
    if not handles:
        figure.clear()
        return empty(figure, "no training run has written its losses yet")
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=len(handles))
    return figure
