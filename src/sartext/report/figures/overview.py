"""Figure 2: the paper's stages, drawn from the workflow's own rule graph."""

from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx

from sartext.core.config import Config
from sartext.report.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
)
from sartext.report.rulegraph import STAGES, load_rulegraph, overview_graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = dict(
    zip((stage for stage, _ in STAGES), (GREY, BLUE, SKY, ORANGE, VERMILION, PURPLE, GREEN), strict=True)
)
_LABELS = {
    "simulate": "simulate\nwrite sources",
    "ingest": "ingest\nread, check",
    "narrate": "narrate\nA2C, SA2C",
    "narrate_pairs": "narrate_pairs\noptical twins",
    "fidelity": "fidelity\nfacts, truth",
    "build_stage1": "build_stage1\noptical texts",
    "build_sartext": "build_sartext\nSAR-TEXT",
    "audit_stage1": "audit_stage1\nno leaks",
    "audit_sartext": "audit_sartext\nno leaks",
    "statistics": "statistics\ndatasheet",
    "exports": "exports\ncsv, COCO",
    "shards": "shards\nWebDataset",
    "tokenizer": "tokenizer",
    "train_stage1": "train_stage1\nCLIP, CoCa, GPT",
    "train_stage2": "train_stage2\nCLIP, CoCa, GPT",
    "pull_benchmark": "pull_benchmark\nfrozen",
    "draft_benchmark": "draft_benchmark\nthis run's own",
}
_BOX = (0.79, 0.6)  # of a column and a lane


def _layers(graph: "nx.DiGraph[str]") -> dict[str, int]:
    """The column of each rule: just before it is first used, so that no line passes behind a box."""
    column: dict[str, int] = {}
    order = list(nx.lexicographical_topological_sort(graph))
    for rule in order:
        column[rule] = max((column[before] + 1 for before in graph.predecessors(rule)), default=0)
    for rule in reversed(order):
        column[rule] = min((column[after] - 1 for after in graph.successors(rule)), default=column[rule])
    return column


def _places(
    graph: "nx.DiGraph[str]",
) -> tuple[dict[str, tuple[float, float]], list[tuple[str, float, float]]]:
    """Where each rule stands (column, height), and each stage's lane as (stage, top, bottom)."""
    column = _layers(graph)
    stages = [stage for stage, _ in STAGES] + ["Other steps"]
    places: dict[str, tuple[float, float]] = {}
    lanes, top = [], 0.0
    for stage in stages:
        members = sorted(rule for rule in graph if graph.nodes[rule]["stage"] == stage)
        if not members:
            continue
        taken: dict[int, int] = {}
        for rule in members:
            row = taken.get(column[rule], 0)
            taken[column[rule]] = row + 1
            places[rule] = (float(column[rule]), top + row + 0.5)
        height = max(taken.values())
        lanes.append((stage, top, top + height))
        top += height
    return places, lanes


def _arrow(axes: "Axes", start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a curve that leaves to the right and arrives from the left."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    half = _BOX[0] / 2
    first, last = (start[0] + half, start[1]), (end[0] - half, end[1])
    bend = max(0.14, 0.5 * (last[0] - first[0]) if last[0] - first[0] < 0.6 else 0.5)
    points = [first, (first[0] + bend, first[1]), (last[0] - bend, last[1]), last]
    curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
    axes.add_patch(
        FancyArrowPatch(
            path=curve, arrowstyle="-|>,head_length=3.5,head_width=2", color=GREY, linewidth=1.0, zorder=2
        )
    )


def _box(axes: "Axes", place: tuple[float, float], label: str, colour: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    width, height = _BOX
    name, _, note = label.partition("\n")
    axes.add_patch(
        FancyBboxPatch(
            (place[0] - width / 2, place[1] - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor="white",
            edgecolor=colour,
            linewidth=1.6,
            zorder=3,
        )
    )
    shift = 0.11 if note else 0.0
    axes.text(*(place[0], place[1] - shift), name, ha="center", va="center", fontsize=7.3, zorder=4)
    if note:
        axes.text(
            place[0], place[1] + 0.13, note, ha="center", va="center", fontsize=6.8, color=GREY, zorder=4
        )


def figure_02(config: Config, rulegraph: Path | None = None) -> "Figure":
    """Overview: a lane a stage of the paper, a box a rule of the workflow, left to right as data flows.

    Args:
        config: the profile.
        rulegraph: dot text as ``snakemake --rulegraph`` prints it; ``results/P/rulegraph.dot`` if not given.

    Raises:
        UserError: the rule graph is missing or not one.
    """
    graph = overview_graph(load_rulegraph(rulegraph or config.results / "rulegraph.dot"))
    places, lanes = _places(graph)
    columns = int(max(x for x, _ in places.values())) + 1
    bottom = lanes[-1][2]
    figure = new_figure(1.1 * (columns + 1.6), 0.72 * bottom + 0.45, config.data_note)
    axes = figure.add_subplot()
    axes.set(xlim=(-2.0, columns - 0.5), ylim=(bottom + 0.02, -0.02))
    axes.axis("off")
    for stage, top, end in lanes:
        colour = _COLOURS.get(stage, GREY)
        axes.axhspan(top + 0.03, end - 0.03, color=colour, alpha=0.11, linewidth=0, zorder=0)
        axes.text(
            -1.95, (top + end) / 2, stage, ha="left", va="center", fontsize=10, fontweight="bold", color=INK
        )
    for start, finish in sorted(graph.edges):
        _arrow(axes, places[start], places[finish])
    for rule, place in places.items():
        label = _LABELS.get(rule, rule)
        if rule in ("tables", "figures"):
            label = f"{rule}\none rule each"
        _box(axes, place, label, _COLOURS.get(graph.nodes[rule]["stage"], GREY))
    return figure
