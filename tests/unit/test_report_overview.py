"""Figure 2: no line of the workflow's graph runs through a box, and lines of different rules are apart."""

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from report_fixtures import make_config, rulegraph_text

from sartext.report.figures.overview import figure_02

# as the workflow's own graph is drawn: by rule what it waits for
WORKFLOW = {
    "simulate": [],
    "ingest": ["simulate"],
    "narrate": ["ingest"],
    "pull_benchmark": [],
    "build_stage1": ["ingest", "pull_benchmark"],
    "audit_stage1": ["build_stage1"],
    "tokenizer": ["build_stage1", "narrate"],
    "train_stage1": ["audit_stage1", "tokenizer"],
    "narrate_pairs": ["train_stage1"],
    "fidelity": ["narrate_pairs"],
    "build_sartext": ["narrate_pairs"],
    "audit_sartext": ["build_sartext"],
    "exports": ["audit_sartext"],
    "shards": ["audit_sartext"],
    "statistics": ["audit_sartext"],
    "train_stage2": ["audit_sartext"],
    "predict": ["train_stage2"],
    "score": ["predict"],
    "standings": ["score"],
    "drift": ["score"],
    "rulegraph": [],
    "tables": ["fidelity", "score", "statistics"],
    "figures": ["fidelity", "rulegraph", "score", "statistics"],
    "page": ["drift", "figures", "standings", "tables"],
}
REAL = {rule: waits for rule, waits in WORKFLOW.items() if rule != "simulate"} | {"ingest": []}
# a line to another lane that cannot stay at its start's height, where "audit_stage1" stands
LONG = {
    "ingest": [],
    "build_stage1": ["ingest"],
    "audit_stage1": ["build_stage1"],
    "train_stage1": ["audit_stage1"],
    "train_stage2": ["train_stage1"],
    "predict": ["train_stage2"],
    "narrate_pairs": ["build_stage1"],
    "fidelity": ["narrate_pairs", "predict"],
}


def _dot(waits: dict[str, list[str]]) -> str:
    number = {rule: index for index, rule in enumerate(waits)}
    nodes = [f'{index}[label = "{rule}"];' for rule, index in number.items()]
    edges = [f"{number[start]} -> {number[end]};" for end, starts in waits.items() for start in starts]
    return "\n".join([*nodes, *edges])


def _points(arrow: FancyArrowPatch) -> NDArray[np.float64]:
    """Points close to each other on the line of an arrow, without its head: column and height, (N, 2)."""
    line = arrow.get_path().to_polygons(closed_only=False)[0]
    parts = [np.linspace(start, end, 40) for start, end in pairwise(line)]
    return np.concatenate(parts)


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        (_dot(WORKFLOW), sum(map(len, WORKFLOW.values()))),
        (_dot(REAL), sum(map(len, REAL.values()))),
        (_dot(LONG), sum(map(len, LONG.values()))),
        (rulegraph_text(), None),
    ],
    ids=["workflow", "real sources", "long line", "fixture"],
)
def test_no_line_runs_through_a_box(tmp_path: Path, text: str, edges: int | None) -> None:
    rulegraph = tmp_path / "rulegraph.dot"
    rulegraph.write_text(text, encoding="utf-8")
    figure = figure_02(make_config(), rulegraph)
    (axes,) = figure.axes
    lines = [_points(patch) for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    boxes = [
        Bbox.from_bounds(box.get_x(), box.get_y(), box.get_width(), box.get_height())
        for box in axes.patches
        if isinstance(box, FancyBboxPatch)
    ]
    assert edges in (None, len(lines))
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    for line in lines:
        assert not [box for box in boxes if box.padded(-0.01).count_contains(line)]
        # the two boxes that it joins are where it ends, a little before their edges
        for x, y in (line[0], line[-1]):
            assert len([box for box in boxes if box.padded(0.1).contains(x, y)]) == 1
