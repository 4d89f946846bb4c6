from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sartext.core.records import Box
from sartext.narrator.places import by_center, by_grid, grid_place, in_center


def at(x: float, y: float) -> Box:
    return Box("ship", x - 1, y - 1, 2, 2)


@pytest.mark.parametrize(
    ("x", "y", "place"),
    [
        (0, 0, "upper left"), (45, 0, "top"), (89, 0, "upper right"),
        (0, 45, "left"), (45, 45, "center"), (89, 45, "right"),
        (0, 89, "lower left"), (45, 89, "bottom"), (89, 89, "lower right"),
        # a border belongs to the right or the lower third, the image's own to the outer ones
        (30, 30, "center"), (29.999, 30, "left"), (30, 29.999, "top"),
        (60, 60, "lower right"), (59.999, 60, "bottom"), (60, 59.999, "right"),
        (90, 90, "lower right"), (95, -5, "upper right"),
    ],
)  # fmt: skip
def test_nine_thirds(x: float, y: float, place: str) -> None:
    assert grid_place(at(x, y), 90, 90) == place


def test_thirds_follow_width_and_height_apart() -> None:
    assert grid_place(at(99, 10), 300, 30) == "left"
    assert grid_place(at(100, 20), 300, 30) == "bottom"
    assert grid_place(at(100, 50), 301, 100) == "left", "100 of 301 is less than a third"


@given(st.lists(st.tuples(st.integers(-9, 109), st.integers(-9, 209)), max_size=30))
def test_each_box_lies_in_one_place(points: list[tuple[int, int]]) -> None:
    boxes = [at(x, y) for x, y in points]
    for split in (by_center, by_grid):
        found = split(boxes, 100, 200)
        assert Counter(box for _, own in found for box in own) == Counter(boxes)
        assert all(own for _, own in found)
        assert len({place for place, _ in found}) == len(found)
    assert dict(by_center(boxes, 100, 200)).get("center", []) == [
        box for box in boxes if in_center(box, 100, 200)
    ]
