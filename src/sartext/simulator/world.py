"""A world with known truth: land cover, heights and objects on one pixel grid, drawn by light and by radar.

A `World` holds rasters in the geometry of the ground, and a list of objects, each a set of pixels. Both
drawings read the same world, so that what is true of one is true of the other.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sartext.simulator.exact import direction

Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]


class Cover(IntEnum):
    """Land cover of a pixel; the value is its code in `World.cover`."""

    WATER = 0
    FARMLAND = 1
    FOREST = 2
    BUILT_UP = 3
    ROAD = 4
    BARE = 5


COVER_NAMES: tuple[str, ...] = ("water", "farmland", "forest", "built-up", "road", "bare")
"""Names of `Cover`, by code, as the truth files write them."""

LABELS: tuple[str, ...] = ("ship", "aircraft", "car", "bridge", "harbor", "storage tank")
"""Object classes, as the truth files write them."""


class Surface(IntEnum):
    """What a pixel is made of; it decides colour and backscatter."""

    WATER = 0
    CROP = 1
    CANOPY = 2
    YARD = 3
    ROOF = 4
    ROAD = 5
    SOIL = 6
    PAVED = 7
    DECK = 8
    SKIN = 9
    CAR = 10
    SPAN = 11
    QUAY = 12
    TANK = 13


SHALLOW, WAKE, SLICK = 4, 5, 6
"""Variants of `Surface.WATER`: over sand, behind a ship, calmed by a film or by still air."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of the world.

    Attributes:
        label: one of `LABELS`.
        x: centre, pixels from the left edge; it may lie outside the image.
        y: centre, pixels from the top edge.
        length: extent along its heading, pixels.
        width: extent across, pixels.
        angle: heading, 1/256 turn.
        height_m: metres above what it stands on.
    """

    label: str
    x: float
    y: float
    length: float
    width: float
    angle: int
    height_m: float


@dataclass(slots=True)
class World:
    """A square piece of ground seen from above.

    Attributes:
        size: side, pixels.
        resolution_m: metres a pixel.
        theme: kind of place, such as ``harbor``.
        cover: `Cover` codes, uint8 (size, size).
        surface: `Surface` codes, uint8 (size, size).
        variant: which kind of a surface, 0 to 7 (crop, roof colour, paint), uint8 (size, size).
        height: metres above the ground, float32 (size, size).
        instance: 1 + index into `things`, 0 where none, int16 (size, size).
        things: the objects.
        reflectors: corner reflectors and other strong points as (x, y, peak in dB over unit sigma0), pixels.
    """

    size: int
    resolution_m: float
    theme: str
    cover: NDArray[np.uint8]
    surface: NDArray[np.uint8]
    variant: NDArray[np.uint8]
    height: Plane
    instance: NDArray[np.int16]
    things: list[Thing] = field(default_factory=list)
    reflectors: list[tuple[float, float, float]] = field(default_factory=list)

    def paint(self, mask: Mask, cover: Cover, surface: Surface, variant: int | NDArray[np.uint8] = 0) -> None:
        """Cover the pixels of `mask` (bool (size, size)) with one surface at ground level."""
        self.cover[mask] = cover
        self.surface[mask] = surface
        self.variant[mask] = variant if isinstance(variant, int) else variant[mask]
        self.height[mask] = 0.0

    def is_cover(self, *covers: Cover) -> Mask:
        """Return where the land cover is one of `covers`, bool (size, size)."""
        found: Mask = np.isin(self.cover, covers)
        return found

    def shares(self) -> dict[str, float]:
        """Return the share of pixels of each land cover present, 0 to 1, by name."""
        counts = np.bincount(self.cover.ravel(), minlength=len(COVER_NAMES)).tolist()
        total = self.size * self.size
        return {name: count / total for name, count in zip(COVER_NAMES, counts, strict=True) if count}


def empty_world(size: int, resolution_m: float, theme: str) -> World:
    """Return a world of nothing but water."""
    shape = (size, size)
    return World(
        size=size,
        resolution_m=resolution_m,
        theme=theme,
        cover=np.zeros(shape, np.uint8),
        surface=np.zeros(shape, np.uint8),
        variant=np.zeros(shape, np.uint8),
        height=np.zeros(shape, np.float32),
        instance=np.zeros(shape, np.int16),
    )


def window(size: int, x: float, y: float, reach: float) -> tuple[slice, slice]:
    """Return the (row, column) slices of the pixels within `reach` of a point, cut at the image's border."""
    left = min(max(int(x - reach), 0), size)
    top = min(max(int(y - reach), 0), size)
    right = min(max(int(x + reach) + 2, 0), size)
    bottom = min(max(int(y + reach) + 2, 0), size)
    return slice(top, bottom), slice(left, right)


def local_axes(rows: slice, columns: slice, x: float, y: float, angle: int) -> tuple[Plane, Plane]:
    """Return the coordinates of pixel centres along and across a heading, pixels, float32 each.

    Args:
        rows: rows of the window.
        columns: columns of the window.
        x: origin, pixels from the left edge.
        y: origin, pixels from the top edge.
        angle: heading, 1/256 turn.
    """
    cosine, sine = direction(angle)
    right = np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5 - x)
    down = (np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(0.5 - y))[:, None]
    return right * np.float32(cosine) + down * np.float32(sine), down * np.float32(
        cosine
    ) - right * np.float32(sine)
