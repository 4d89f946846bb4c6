"""Where an object lies in an image, in words: center and edge, or one of nine thirds.

An object lies where the centre of its box lies.
"""

from collections.abc import Callable, Sequence

from sartext.core.records import Box

GRID = (
    ("upper left", "top", "upper right"),
    ("left", "center", "right"),
    ("lower left", "bottom", "lower right"),
)
"""Names of the nine thirds of an image, by row and column."""

_GRID_ORDER = tuple(place for row in GRID for place in row)


def in_center(box: Box, width: int, height: int) -> bool:
    """Whether the centre of `box` lies in the middle rectangle of an image of `width` by `height` pixels."""
    x, y = box.centre
    return width <= 4 * x <= 3 * width and height <= 4 * y <= 3 * height


def _third(position: float, side: int) -> int:
    return (3 * position >= side) + (3 * position >= 2 * side)


def grid_place(box: Box, width: int, height: int) -> str:
    """Return the third of an image of `width` by `height` pixels that holds the centre of `box`.

    A centre on the border of two thirds belongs to the right or the lower one.
    """
    x, y = box.centre
    return GRID[_third(y, height)][_third(x, width)]


def _center_or_edge(box: Box, width: int, height: int) -> str:
    return "center" if in_center(box, width, height) else "edge"


def _split(
    boxes: Sequence[Box], order: Sequence[str], place_of: Callable[[Box], str]
) -> list[tuple[str, list[Box]]]:
    found: dict[str, list[Box]] = {place: [] for place in order}
    for box in boxes:
        found[place_of(box)].append(box)
    return [(place, own) for place, own in found.items() if own]


def by_center(boxes: Sequence[Box], width: int, height: int) -> list[tuple[str, list[Box]]]:
    """Return the boxes in the ``center`` and those at the ``edge``; a place that holds none is left out."""
    return _split(boxes, ("center", "edge"), lambda box: _center_or_edge(box, width, height))


def by_grid(boxes: Sequence[Box], width: int, height: int) -> list[tuple[str, list[Box]]]:
    """Return the boxes of each of the nine thirds that holds any, in reading order."""
    return _split(boxes, _GRID_ORDER, lambda box: grid_place(box, width, height))
