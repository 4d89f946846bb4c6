"""What is true of a drawn scene and visible in it: objects, their pixels, land cover, where things lie."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sartext.simulator.world import COVER_NAMES, LABELS, World

_LEAST_SIDE = 2
_LEAST_PIXELS = 4
_LEAST_LIT = 0.4

PLACES = (
    ("upper left", "top", "upper right"),
    ("left", "center", "right"),
    ("lower left", "bottom", "lower right"),
)
"""Names of the nine thirds of an image, by row and column."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One object as it shows in an image.

    Attributes:
        label: one of `world.LABELS`.
        x: left edge, whole pixels.
        y: top edge, whole pixels.
        width: pixels.
        height: pixels.
        pixels: how many pixels it shows.
        outline: corners (x, y) of the convex hull of its pixels, clockwise.
    """

    label: str
    x: int
    y: int
    width: int
    height: int
    pixels: int
    outline: tuple[tuple[int, int], ...]

    def place(self, size: int) -> str:
        """Return which third of an image of `size` pixels holds the box's centre (see `PLACES`)."""
        return place_of(2 * self.x + self.width, 2 * self.y + self.height, 2 * size)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a text may say of one scene.

    Attributes:
        size: side, pixels.
        resolution_m: metres a pixel.
        theme: kind of place.
        objects: what is visible, from left to right.
        cover: share of pixels of each land cover present, 0 to 1.
        sides: for each land cover of 2% or more that lies to one side, the `PLACES` name of that side.
    """

    size: int
    resolution_m: float
    theme: str
    objects: tuple[Seen, ...]
    cover: dict[str, float]
    sides: dict[str, str]

    def counts(self) -> dict[str, int]:
        """Return how many objects of each class show, for the classes present, in the order of `LABELS`."""
        labels = [item.label for item in self.objects]
        return {label: labels.count(label) for label in LABELS if label in labels}

    def covers(self, least: float = 0.05) -> list[str]:
        """Return the land covers of at least this share, the largest first."""
        chosen = [name for name, share in self.cover.items() if share >= least]
        return sorted(chosen, key=lambda name: (-self.cover[name], name))

    def places(self, label: str) -> list[str]:
        """Return where the objects of one class lie, each place once, in reading order."""
        found = {item.place(self.size) for item in self.objects if item.label == label}
        return [place for row in PLACES for place in row if place in found]


def place_of(x: int, y: int, size: int) -> str:
    """Return the name of the third of the image that holds a point; whole numbers, all in one unit."""
    column = min(max(3 * x // size, 0), 2)
    row = min(max(3 * y // size, 0), 2)
    return PLACES[row][column]


def gather(world: World, instance: NDArray[np.int16], lit: tuple[float, ...] | None = None) -> Facts:
    """Collect the facts of a scene.

    Args:
        world: the world.
        instance: 1 + index of the object that a pixel shows, as drawn, int16 (size, size).
        lit: for a radar image, how much of each object lies outside radar shadow and foreign layover; objects
            below 0.4 are not visible.
    """
    found = []
    for index, thing in enumerate(world.things):
        if lit is not None and lit[index] < _LEAST_LIT:
            continue
        rows, columns = np.nonzero(instance == index + 1)
        if len(rows) < _LEAST_PIXELS:
            continue
        left, top = int(columns.min()), int(rows.min())
        width, height = int(columns.max()) - left + 1, int(rows.max()) - top + 1
        if min(width, height) >= _LEAST_SIDE:
            found.append(Seen(thing.label, left, top, width, height, len(rows), _hull(rows, columns)))
    found.sort(key=lambda item: (item.x, item.y, item.label))
    return Facts(world.size, world.resolution_m, world.theme, tuple(found), world.shares(), _sides(world))


def _sides(world: World) -> dict[str, str]:
    size = world.size
    sides = {}
    for code, name in enumerate(COVER_NAMES):
        rows, columns = np.nonzero(world.cover == code)
        count = len(rows)
        if count * 50 < size * size or count * 100 > 85 * size * size:
            continue
        place = place_of(2 * int(columns.sum()) + count, 2 * int(rows.sum()) + count, 2 * size * count)
        if place != "center":
            sides[name] = place
    return sides


def _hull(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Andrew's monotone chain (Inf. Process. Lett. 9(5), 1979) over the corners of the pixels at row ends."""
    top = int(rows.min())
    height = int(rows.max()) - top + 1
    first = np.full(height, np.iinfo(np.int64).max)
    last = np.full(height, -1)
    np.minimum.at(first, rows - top, columns)
    np.maximum.at(last, rows - top, columns + 1)
    used = np.flatnonzero(last >= 0).tolist()
    points = sorted(
        {(x, top + row + j) for row in used for x in (int(first[row]), int(last[row])) for j in (0, 1)}
    )

    def chain(ordered: list[tuple[int, int]]) -> list[tuple[int, int]]:
        kept: list[tuple[int, int]] = []
        for point in ordered:
            while len(kept) >= 2 and _turn(kept[-2], kept[-1], point) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    return tuple(chain(points) + chain(points[::-1]))


def _turn(first: tuple[int, int], second: tuple[int, int], third: tuple[int, int]) -> int:
    return (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])


def record(facts: Facts, scene_id: str, split: str | None) -> dict[str, Any]:
    """Return the entry of a truth file: boxes in pixels, land-cover shares."""
    return {
        "scene_id": scene_id,
        "split": split,
        "width": facts.size,
        "height": facts.size,
        "resolution_m": facts.resolution_m,
        "objects": [
            {"label": o.label, "x": o.x, "y": o.y, "width": o.width, "height": o.height}
            for o in facts.objects
        ],
        "cover": facts.cover,
    }
