"""Ground cover: farmland parcels, forest, towns, bare soil, roads, rivers and shores, from integer noise."""

import numpy as np
from numpy.typing import NDArray

from sartext.simulator.random import Draws, scramble
from sartext.simulator.world import Cover, Mask, Plane, Surface, World, local_axes

_COLUMN = np.int64


def axes(world: World, x: float, y: float, angle: int) -> tuple[Plane, Plane]:
    """Return along and across coordinates of all pixels from a point and a heading, pixels."""
    everything = slice(0, world.size)
    return local_axes(everything, everything, x, y, angle)


def zones(world: World, draws: Draws, count: int) -> NDArray[np.int64]:
    """Return a Voronoi partition with warped borders: zone numbers 0 to count-1, int64 (size, size)."""
    size = world.size
    warp = 0.16 * size
    columns = np.arange(size, dtype=np.float32)[None, :] + warp * (draws.noise(size, size / 3, 3) - 0.5)
    rows = np.arange(size, dtype=np.float32)[:, None] + warp * (draws.noise(size, size / 3, 3) - 0.5)
    best = np.full((size, size), 1e12, np.float32)
    owner = np.zeros((size, size), np.int64)
    for index in range(count):
        x, y = draws.uniform(0, size), draws.uniform(0, size)
        away = (columns - x) * (columns - x) + (rows - y) * (rows - y)
        nearer = away < best
        best = np.where(nearer, away, best)
        owner[nearer] = index
    return owner


def paint_cover(world: World, draws: Draws, mask: Mask, cover: Cover) -> None:
    """Paint `mask` with one land cover, in its own manner."""
    if not bool(mask.any()):
        return
    if cover == Cover.WATER:
        world.paint(mask, Cover.WATER, Surface.WATER, draws.integer(0, 3))
    elif cover == Cover.FARMLAND:
        paint_farmland(world, draws, mask)
    elif cover == Cover.FOREST:
        paint_forest(world, draws, mask)
    elif cover == Cover.BUILT_UP:
        paint_town(world, draws, mask)
    elif cover == Cover.ROAD:
        world.paint(mask, Cover.ROAD, Surface.ROAD)
    else:
        world.paint(mask, Cover.BARE, Surface.SOIL, draws.integer(0, 3))


def paint_farmland(world: World, draws: Draws, mask: Mask) -> None:
    """Parcels on a turned lattice, each with one of eight states of crop; a few merge into larger fields."""
    along, across = axes(world, world.size / 2, world.size / 2, draws.angle())
    long_side = max(draws.uniform(60, 150) / world.resolution_m, world.size / 6)
    short_side = long_side * draws.uniform(0.4, 0.9)
    row = np.floor(across / short_side).astype(_COLUMN)
    stagger = (row % 3).astype(np.float32) * (long_side / 3)
    column = np.floor((along + stagger) / long_side).astype(_COLUMN)
    crop = (scramble(column, row, draws.integer(0, 2**31 - 1)) >> np.uint32(9)) % np.uint32(8)
    world.paint(mask, Cover.FARMLAND, Surface.CROP, crop.astype(np.uint8))


def paint_forest(world: World, draws: Draws, mask: Mask) -> None:
    """A canopy 9 to 20 m high, rough at the scale of crowns (about 8 m)."""
    world.paint(mask, Cover.FOREST, Surface.CANOPY, draws.integer(0, 3))
    crowns = draws.noise(world.size, max(9.0 / world.resolution_m, 2.0), 1)
    canopy = draws.uniform(9, 16) + 4.0 * crowns
    world.height[mask] = canopy[mask]


def paint_town(
    world: World, draws: Draws, mask: Mask, angle: int | None = None, tallest: float = 24.0
) -> None:
    """Streets on a grid, and a house or hall in most blocks between them.

    Lots, footprints and heights come from a hash of the lot, so a town costs the same however large it is.

    Args:
        world: the world.
        draws: random draws.
        mask: where, bool (size, size).
        angle: direction of the streets, 1/256 turn; drawn if not given.
        tallest: metres; buildings are up to about 1.5 times a height drawn below it.
    """
    pixel = world.resolution_m
    along, across = axes(world, world.size / 2, world.size / 2, draws.angle() if angle is None else angle)
    halls = draws.chance(30)
    lot = max((draws.uniform(48, 70) if halls else draws.uniform(24, 38)) / pixel, 6.0)
    tall = min(draws.uniform(8, 14) if halls else draws.uniform(6, 24), tallest)
    column, row = np.floor(along / lot).astype(_COLUMN), np.floor(across / lot).astype(_COLUMN)
    right, down = along / lot - column, across / lot - row
    salt = draws.integer(0, 2**31 - 1)
    chosen = scramble(column, row, salt)
    low = 0.12 + (chosen & np.uint32(15)).astype(np.float32) * 0.012
    wide = 0.50 + ((chosen >> np.uint32(4)) & np.uint32(15)).astype(np.float32) * 0.016
    deep = 0.42 + ((chosen >> np.uint32(8)) & np.uint32(15)).astype(np.float32) * 0.020
    built = (chosen >> np.uint32(12)) % np.uint32(100) < np.uint32(86)
    roof = mask & built & (right > low) & (right < low + wide) & (down > low) & (down < low + deep)
    street_width = max(8.0 / pixel, 2.0) / lot
    every = 2
    street = ((column % every == 0) & (right < street_width)) | (
        (row % (every + 1) == 0) & (down < street_width)
    )
    world.paint(mask, Cover.BUILT_UP, Surface.YARD, (chosen >> np.uint32(20)).astype(np.uint8) % np.uint8(8))
    world.paint(mask & street, Cover.ROAD, Surface.ROAD, 1)
    roof &= ~street
    world.surface[roof] = Surface.ROOF
    world.variant[roof] = ((chosen >> np.uint32(16)) % np.uint32(8)).astype(np.uint8)[roof]
    storeys = 0.55 + ((chosen >> np.uint32(24)) & np.uint32(31)).astype(np.float32) * 0.03
    world.height[roof] = (tall * storeys)[roof]


def shore(
    world: World, draws: Draws, share: float, rough: float, angle: int | None = None
) -> tuple[Plane, int]:
    """Return the signed distance to a shore, pixels, above 0 on the water, and the direction of the sea.

    Args:
        world: the world.
        draws: random draws.
        share: share of the image's width that is land, about.
        rough: how far the shore wanders, as a share of the side.
        angle: direction of the open water, 1/256 turn; drawn if not given.
    """
    heading = draws.angle() if angle is None else angle
    along, _ = axes(world, world.size / 2, world.size / 2, heading)
    distance = along - (share - 0.5) * world.size
    if rough:
        distance = distance + rough * world.size * 2 * (draws.noise(world.size, world.size / 2.5, 4) - 0.5)
    return distance, heading


def river(world: World, draws: Draws, width: float, angle: int) -> Plane:
    """Return the distance from a river's bank, pixels, below 0 in the river.

    Args:
        world: the world.
        draws: random draws.
        width: of the river, pixels.
        angle: its course, 1/256 turn.
    """
    offset = draws.uniform(-0.18, 0.18) * world.size
    _, across = axes(world, world.size / 2, world.size / 2, angle)
    wander = 0.32 * world.size * (draws.noise(world.size, world.size / 1.6, 2) - 0.5)
    return (np.abs(across - offset + wander) - width / 2).astype(np.float32)


def lay_road(world: World, draws: Draws, width_m: float, angle: int, through: tuple[float, float]) -> Mask:
    """Pave a gently bent strip across the land of the image; return it, water included, bool (size, size)."""
    _, across = axes(world, through[0], through[1], angle)
    bend = 0.10 * world.size * (draws.noise(world.size, world.size / 1.2, 1) - 0.5)
    half = max(width_m / world.resolution_m, 2.2) / 2
    strip: Mask = np.abs(across + bend - _at(bend, through)) <= half
    land = strip & ~world.is_cover(Cover.WATER) & (world.instance == 0)
    world.paint(land, Cover.ROAD, Surface.ROAD, 0)
    return strip


def _at(field: Plane, point: tuple[float, float]) -> float:
    size = field.shape[0]
    column, row = (min(max(int(value), 0), size - 1) for value in point)
    return float(field[row, column])
