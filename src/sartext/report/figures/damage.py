"""Figure 13: fidelity of captions against damage to the annotations they are written from."""

from typing import TYPE_CHECKING, Any

from sartext.core.config import Config
from sartext.report.figures.style import BLUE, GREEN, VERMILION, empty, new_figure
from sartext.report.inputs import read_optional
from sartext.report.names import BRANCHES
from sartext.report.tables.fidelity import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# colour, line and marker of each kind of damage, and how it is called
_DAMAGES = {
    "miss": (BLUE, "-", "o", "missed"),
    "jitter": (GREEN, "--", "s", "moved"),
    "mislabel": (VERMILION, "-.", "^", "mislabelled"),
}


def _curve(axes: "Axes", entries: list[dict[str, Any]], damage: str, kind: str, side: str) -> bool:
    colour, line, marker, name = _DAMAGES[damage]
    points = [
        (100 * entry["share"], entry["kinds"][kind][side])
        for entry in entries
        if entry["damage"] in ("none", damage) and entry["kinds"][kind][side]["value"] is not None
    ]
    if len(points) < 2:
        return False
    shares = [share for share, _ in points]
    values = [100 * score["value"] for _, score in points]
    spread = [
        [100 * (score["value"] - score["low"]) for _, score in points],
        [100 * (score["high"] - score["value"]) for _, score in points],
    ]
    axes.errorbar(
        shares, values, yerr=spread, color=colour, linestyle=line, marker=marker, markersize=4.5, capsize=2,
        linewidth=1.4, label=name,
    )  # fmt: skip
    return True


def _kinds(entries: list[dict[str, Any]]) -> list[str]:
    """Kinds of fact that the branch states."""
    return [
        kind
        for kind in KINDS
        if kind != "overall" and any(entry["kinds"][kind]["precision"]["n"] for entry in entries)
    ]


def figure_13(config: Config) -> "Figure":
    """Precision and recall of each branch's facts against the share of damaged annotations.

    A panel a branch and kind of fact, precision above recall; bars are 95% intervals over images.
    """
    found = read_optional(config.results / "fidelity.json")
    damaged = found["damage"] if found else []
    truths = sorted({entry["truth"] for entry in damaged})
    panels = []
    for branch in BRANCHES:
        for truth in truths:
            entries = [entry for entry in damaged if (entry["branch"], entry["truth"]) == (branch, truth)]
            against = f"\n(against {truth})" if len(truths) > 1 else ""
            panels += [
                (f"{BRANCHES[branch]}: {KINDS[kind]}{against}", kind, entries) for kind in _kinds(entries)
            ]
    if not panels:
        return empty(new_figure(6.0, 3.0, config.data_note), "no damaged annotation was narrated")
    figure = new_figure(2.3 * len(panels) + 0.9, 5.0, config.data_note)
    grid = figure.subplots(2, len(panels), squeeze=False, sharex=True, sharey=True)
    for column, (title, kind, entries) in enumerate(panels):
        for row, side in enumerate(("precision", "recall")):
            axes = grid[row][column]
            for damage in _DAMAGES:
                _curve(axes, entries, damage, kind, side)
            axes.grid(axis="y")
            axes.set_axisbelow(True)
            axes.set_ylim(0, 103)
        grid[0][column].set_title(title, fontsize=9)
        grid[1][column].set_xlabel("damaged (%)")
    grid[0][0].set_ylabel("Precision (%)")
    grid[1][0].set_ylabel("Recall (%)")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), fontsize=8.5)
    return figure
