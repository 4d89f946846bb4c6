"""Figure 2: the paper's stages, drawn from the workflow's own rule graph."""

from itertools import count
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

Place = tuple[float, float]

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
_BOX = (0.73, 0.6)  # of a column and a lane
_APART = 0.045  # lines that run up or down between the same two columns, of a column
_BEFORE = 0.15  # where they do, on average: so far before the later column's boxes
_CORNER = (0.04, 0.07)  # of a line, of a column and a lane


def _layers(graph: "nx.DiGraph[str]") -> dict[str, int]:
    """The column of each rule: just before it is first used, so that no line passes behind a box."""
    column: dict[str, int] = {}
    order = list(nx.lexicographical_topological_sort(graph))
    for rule in order:
        column[rule] = max((column[before] + 1 for before in graph.predecessors(rule)), default=0)
    for rule in reversed(order):
        column[rule] = min((column[after] - 1 for after in graph.successors(rule)), default=column[rule])
    return column


def _rows(graph: "nx.DiGraph[str]", members: list[str], column: dict[str, int]) -> dict[str, int]:
    """The row of each rule of a lane: the first in its column that is free of boxes and of lines.

    Rules that others need come first; those that lead nowhere go where no line runs.
    """
    rows: dict[str, int] = {}
    taken: set[tuple[int, int]] = set()
    for rule in sorted(members, key=lambda rule: (graph.out_degree(rule) == 0, column[rule], rule)):
        row = next(row for row in count() if (column[rule], row) not in taken)
        rows[rule] = row
        taken.add((column[rule], row))
        for before in graph.predecessors(rule):
            if before in rows:
                taken |= {(passed, rows[before]) for passed in range(column[before] + 1, column[rule])}
    return rows


def _places(
    graph: "nx.DiGraph[str]",
) -> tuple[dict[str, Place], list[tuple[str, float, float]]]:
    """Where each rule stands (column, height), and each stage's lane as (stage, top, bottom)."""
    column = _layers(graph)
    stages = [stage for stage, _ in STAGES] + ["Other steps"]
    places: dict[str, Place] = {}
    lanes, top = [], 0.0
    for stage in stages:
        members = sorted(rule for rule in graph if graph.nodes[rule]["stage"] == stage)
        if not members:
            continue
        rows = _rows(graph, members, column)
        for rule, row in rows.items():
            places[rule] = (float(column[rule]), top + row + 0.5)
        height = 1 + max(rows.values())
        lanes.append((stage, top, top + height))
        top += height
    return places, lanes


def _turns(graph: "nx.DiGraph[str]", places: dict[str, Place]) -> dict[tuple[str, str], float]:
    """Where, in columns, the line of each edge between two heights runs up or down: between two columns.

    There every rule has one line of its own, which those to several rules share. Of lines that run down those
    from below are on the left, of lines that run up those from above, so that lines to one rule do not cross.
    A line stays at the height of its start if no box is in its way there, else it turns at once.
    """
    boxes = set(places.values())
    columns: dict[tuple[str, str], float] = {}
    for start, end in sorted(graph.edges):
        (x, y), (last, height) = places[start], places[end]
        if y == height:
            continue
        free = not any((float(passed), y) in boxes for passed in range(int(x) + 1, int(last)))
        columns[start, end] = last if free else x + 1
    turns: dict[tuple[str, str], float] = {}
    for column in sorted(set(columns.values())):
        edges = [edge for edge, own in columns.items() if own == column]
        up = {start for start, end in edges if places[end][1] < places[start][1]}
        rules = sorted(
            {start for start, _ in edges},
            key=lambda rule: (places[rule][1] if rule in up else -places[rule][1], rule),
        )
        middle = column - _BOX[0] / 2 - _BEFORE - _APART * (len(rules) - 1) / 2
        turns |= {(start, end): middle + _APART * rules.index(start) for start, end in edges}
    return turns


def _arrow(axes: "Axes", start: Place, end: Place, turn: float | None, colour: str) -> None:
    """Draw a line that leaves to the right and arrives from the left, and turns at `turn` in between."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    half = _BOX[0] / 2
    (x0, y0), (x1, y1) = (start[0] + half, start[1]), (end[0] - half, end[1])
    points, codes = [(x0, y0)], [Curve.MOVETO]
    if turn is not None:
        along, down = _CORNER[0], _CORNER[1] * (1 if y1 > y0 else -1)
        points += [(turn - along, y0), (turn, y0), (turn, y0 + down)]
        points += [(turn, y1 - down), (turn, y1), (turn + along, y1)]
        codes += [Curve.LINETO, Curve.CURVE3, Curve.CURVE3] * 2
    axes.add_patch(
        FancyArrowPatch(
            path=Curve([*points, (x1, y1)], [*codes, Curve.LINETO]),
            arrowstyle="-|>,head_length=3.5,head_width=2",
            color=colour,
            linewidth=1.1,
            zorder=2,
        )
    )


def _box(axes: "Axes", place: Place, label: str, colour: str) -> None:
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
    figure = new_figure(1.2 * (columns + 1.6), 0.72 * bottom + 0.45, config.data_note)
    axes = figure.add_subplot()
    axes.set(xlim=(-2.0, columns - 0.5), ylim=(bottom + 0.02, -0.02))
    axes.axis("off")
    for stage, top, end in lanes:
        colour = _COLOURS.get(stage, GREY)
        axes.axhspan(top + 0.03, end - 0.03, color=colour, alpha=0.11, linewidth=0, zorder=0)
        axes.text(
            -1.95, (top + end) / 2, stage, ha="left", va="center", fontsize=10, fontweight="bold", color=INK
        )
    turns = _turns(graph, places)
    for start, finish in sorted(graph.edges):
        # lines that run side by side are told apart by where they come from
        colour = _COLOURS.get(graph.nodes[start]["stage"], GREY)
        _arrow(axes, places[start], places[finish], turns.get((start, finish)), colour)
    for rule, place in places.items():
        label = _LABELS.get(rule, rule)
        if rule in ("tables", "figures"):
            label = f"{rule}\none rule each"
        _box(axes, place, label, _COLOURS.get(graph.nodes[rule]["stage"], GREY))
    return figure
