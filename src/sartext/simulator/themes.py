"""Kinds of place: what lies where, and which objects stand on it."""

from collections.abc import Callable

import numpy as np

from sartext.simulator.exact import ANGLES, direction
from sartext.simulator.ground import axes, lay_road, paint_cover, paint_town, river, shore, zones
from sartext.simulator.random import Draws
from sartext.simulator.shapes import Rules, fits, place, set_down
from sartext.simulator.world import (
    SHALLOW,
    SLICK,
    WAKE,
    Cover,
    Mask,
    Plane,
    Surface,
    Thing,
    World,
    empty_world,
)

_QUARTER = ANGLES // 4
_COUNTS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
_SHIP_COUNTS = (10, 22, 18, 14, 11, 8, 6, 5, 3, 3)
_GROUP_COUNTS = (0, 12, 16, 16, 14, 12, 10, 8, 6, 6)

_LAND = (Cover.FARMLAND, Cover.FOREST, Cover.BUILT_UP, Cover.BARE)


def _crowding(world: World) -> int:
    """Larger ground holds more: how many times the counts of a 256-pixel side are repeated."""
    return max(1, world.size // 400)


def _count(world: World, draws: Draws, weights: tuple[int, ...]) -> int:
    return sum(draws.pick(_COUNTS, weights) for _ in range(_crowding(world)))


def _land(world: World, draws: Draws, mask: Mask, weights: tuple[int, int, int, int], parts: int) -> None:
    """Divide `mask` into zones of farmland, forest, built-up and bare ground by `weights`."""
    owner = zones(world, draws, parts)
    for index in range(parts):
        paint_cover(world, draws, mask & (owner == index), draws.pick(_LAND, weights))


def _ships(world: World, draws: Draws, count: int, water: Mask) -> None:
    """Ships on the water: mostly small, some large; in some scenes at anchor, all along one heading."""
    anchored = draws.chance(40)
    heading = draws.angle()
    longest = min(190.0, (0.40 - 0.022 * min(count, 10)) * world.size * world.resolution_m)
    shortest = max(18.0, 6.0 * world.resolution_m)
    for _ in range(count):
        part = draws.uniform(0, 1)
        length_m = shortest + (max(longest, shortest) - shortest) * part * part
        width_m = length_m * draws.uniform(0.17, 0.26)
        length = length_m / world.resolution_m
        width = max(width_m / world.resolution_m, 2.2)
        angle = heading + draws.integer(-6, 6) if anchored else draws.angle()
        rules = Rules(water, gap=2.0, inside=60)
        if place(
            world, draws, "ship", (length, width, 2.0 + 0.028 * length_m), angle, rules
        ) and draws.chance(10 if anchored else 40):
            _wake(world, draws)


def _wake(world: World, draws: Draws) -> None:
    """The turbulent wake of the ship put down last: foam in light, a smooth dark streak to the radar."""
    ship = world.things[-1]
    along, across = axes(world, ship.x, ship.y, ship.angle)
    behind = -along - ship.length / 2
    spread = np.maximum(ship.width * 0.22, 0.8) + behind * 0.02
    streak = (behind > 0) & (behind < draws.uniform(1.0, 3.0) * ship.length) & (np.abs(across) < spread)
    world.variant[streak & (world.surface == Surface.WATER)] = WAKE


def open_sea(world: World, draws: Draws) -> None:
    """Nothing but water and what sails on it; in places calm or under a film, dark to the radar."""
    film = draws.chance(25)
    world.paint(
        np.ones_like(world.instance, bool), Cover.WATER, Surface.WATER, 0 if film else draws.integer(0, 3)
    )
    if film:
        world.variant[draws.noise(world.size, world.size / 2.2, 3) > draws.uniform(0.55, 0.66)] = SLICK
    _ships(world, draws, _count(world, draws, _SHIP_COUNTS), world.is_cover(Cover.WATER))


def coast(world: World, draws: Draws) -> None:
    """Sea beside mixed land, perhaps a beach between them, ships on the sea."""
    distance, _ = shore(world, draws, draws.uniform(0.2, 0.65), draws.uniform(0.15, 0.45))
    world.variant[:] = draws.integer(0, 3)
    _land(world, draws, distance <= 0, (30, 25, 30, 15), draws.integer(2, 4))
    if draws.chance(50):
        reach = max(14.0 / world.resolution_m, 2.0)
        paint_cover(world, draws, (distance <= 0) & (distance > -reach), Cover.BARE)
        world.variant[(distance > 0) & (distance < 1.5 * reach)] = SHALLOW
    _ships(world, draws, _count(world, draws, _SHIP_COUNTS), distance > 2.0)


def harbor(world: World, draws: Draws) -> None:
    """A straight waterfront: sheds behind, piers before it, ships alongside and in the roads."""
    distance, heading = shore(world, draws, draws.uniform(0.22, 0.42), 0.0)
    world.variant[:] = draws.integer(0, 3)
    land = distance <= 0
    paint_town(world, draws, land, heading)
    if draws.chance(50):
        _land(world, draws, distance < -0.16 * world.size, (25, 30, 25, 20), 2)
    apron = land & (distance > -max(16.0 / world.resolution_m, 2.5))
    world.paint(apron, Cover.BUILT_UP, Surface.YARD, 1)
    cosine, sine = direction(heading)
    everywhere = np.ones_like(land)
    for _ in range(draws.pick((1, 2, 3), (45, 35, 20)) * _crowding(world)):
        length = min(draws.uniform(70, 150) / world.resolution_m, 0.34 * world.size)
        reach = min(draws.uniform(45, 110) / world.resolution_m, 0.26 * world.size)
        for _ in range(12):
            spot = draws.uniform(-0.5, 0.5) * world.size
            base = world.size / 2 - float(distance[world.size // 2, world.size // 2])
            ahead = base - world.size / 2 + reach / 2 - 2.0
            x = world.size / 2 + ahead * cosine - spot * sine
            y = world.size / 2 + ahead * sine + spot * cosine
            thing = Thing("harbor", x, y, length, reach, heading - _QUARTER, 3.0)
            if fits(world, thing, Rules(everywhere, gap=3.0, inside=60)):
                set_down(world, draws, thing)
                break
    water = (distance > 2.0) & (world.instance == 0)
    _ships(world, draws, _count(world, draws, _SHIP_COUNTS), water)


def river_valley(world: World, draws: Draws) -> None:
    """A river through mixed land, roads that bridge it, now and then a ship."""
    everywhere = np.ones_like(world.instance, bool)
    _land(world, draws, everywhere, (38, 25, 27, 10), draws.integer(2, 5))
    course = draws.angle()
    width = max(draws.uniform(36, 110) / world.resolution_m, 6.0)
    width = min(width, 0.34 * world.size)
    bank = river(world, draws, width, course)
    world.paint(bank <= 0, Cover.WATER, Surface.WATER, draws.integer(0, 3))
    cosine, sine = direction(course)
    margin = max(8.0 / world.resolution_m, 2.0)
    first = draws.uniform(-0.35, 0.1)
    for index in range(draws.pick((0, 1, 2, 3), (12, 48, 28, 12))):
        spot = (first + 0.3 * index) * world.size
        through = (world.size / 2 + spot * cosine, world.size / 2 + spot * sine)
        _bridge(world, draws, bank, course + _QUARTER + draws.integer(-10, 10), through, margin)
    if draws.chance(45):
        _ships(world, draws, draws.integer(1, 3), bank < -2.0)


def _bridge(
    world: World, draws: Draws, bank: Plane, angle: int, through: tuple[float, float], margin: float
) -> None:
    """A road over the river; its part over the water is the bridge."""
    width_m = max(draws.uniform(10, 20), 2.6 * world.resolution_m)
    strip = lay_road(world, draws, width_m, angle, through)
    deck = strip & (bank <= margin) & (world.instance == 0)
    rows, columns = np.nonzero(deck)
    if len(rows) < 8 or int((deck & (bank <= 0)).sum()) < 6:
        return
    x = (int(columns.min()) + int(columns.max()) + 1) / 2
    y = (int(rows.min()) + int(rows.max()) + 1) / 2
    down, right = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
    length = float(np.sqrt(float(down * down + right * right)))
    thing = Thing("bridge", x, y, length, width_m / world.resolution_m, angle, draws.uniform(4, 8))
    set_down(world, draws, thing, outline=deck)


def countryside(world: World, draws: Draws) -> None:
    """Fields, woods, hamlets, a pond perhaps, and roads between; most often no object at all."""
    everywhere = np.ones_like(world.instance, bool)
    weights = draws.pick(((60, 20, 8, 12), (20, 62, 6, 12), (30, 30, 25, 15), (25, 15, 5, 55)))
    _land(world, draws, everywhere, weights, draws.integer(2, 6))
    if draws.chance(35):
        around = axes(world, draws.uniform(0.2, 0.8) * world.size, draws.uniform(0.2, 0.8) * world.size, 0)
        away = around[0] * around[0] + around[1] * around[1]
        reach = (
            world.size * draws.uniform(0.10, 0.24) * (0.6 + 0.8 * draws.noise(world.size, world.size / 3, 3))
        )
        paint_cover(world, draws, away < reach * reach, Cover.WATER)
    for _ in range(draws.pick((0, 1, 2), (30, 45, 25))):
        through = (draws.uniform(0.2, 0.8) * world.size, draws.uniform(0.2, 0.8) * world.size)
        lay_road(world, draws, draws.uniform(8, 14), draws.angle(), through)


def town(world: World, draws: Draws) -> None:
    """Mostly built-up, with a park or fields at a side and a main road."""
    everywhere = np.ones_like(world.instance, bool)
    paint_town(world, draws, everywhere)
    if draws.chance(65):
        distance, _ = shore(world, draws, draws.uniform(0.15, 0.4), 0.3)
        _land(world, draws, distance < 0, (30, 40, 5, 25), 2)
    if draws.chance(60):
        through = (draws.uniform(0.3, 0.7) * world.size, draws.uniform(0.3, 0.7) * world.size)
        lay_road(world, draws, draws.uniform(12, 20), draws.angle(), through)


def airport(world: World, draws: Draws) -> None:
    """An apron with parked aircraft, a runway, grass or bare ground between, halls behind."""
    everywhere = np.ones_like(world.instance, bool)
    heading = draws.angle()
    paint_cover(world, draws, everywhere, draws.pick((Cover.FARMLAND, Cover.BARE), (60, 40)))
    _, across = axes(world, world.size / 2, world.size / 2, heading)
    side = draws.pick((-1, 1))
    reach = min(draws.uniform(0.5, 0.72) * world.size, 190.0 / world.resolution_m)
    near = across * side + world.size * 0.5
    paint_town(world, draws, near < 0.16 * world.size, heading)
    apron = (near >= 0.16 * world.size) & (near < 0.16 * world.size + reach)
    world.paint(apron, Cover.BARE, Surface.PAVED, 0)
    strip = (near > 0.28 * world.size + reach) & (
        near < 0.28 * world.size + reach + max(30.0 / world.resolution_m, 4)
    )
    world.paint(strip, Cover.ROAD, Surface.ROAD, 2)
    facing = heading + side * _QUARTER
    for _ in range(_count(world, draws, _GROUP_COUNTS)):
        length_m = draws.pick((22.0, 34.0, 38.0, 47.0), (30, 35, 20, 15)) * draws.uniform(0.92, 1.08)
        length = min(length_m / world.resolution_m, 0.36 * world.size)
        angle = facing + draws.integer(-5, 5) if draws.chance(75) else draws.angle()
        rules = Rules(apron, gap=1.0, inside=70)
        place(world, draws, "aircraft", (length, length * draws.uniform(0.86, 1.0), 5.0), angle, rules)


def tank_farm(world: World, draws: Draws) -> None:
    """Round tanks in rows on bare ground, by the water or by a works."""
    everywhere = np.ones_like(world.instance, bool)
    distance, heading = shore(world, draws, draws.uniform(0.6, 0.95), 0.06)
    world.variant[:] = draws.integer(0, 3)
    land = distance <= 0
    beyond = draws.pick((Cover.WATER, Cover.FARMLAND, Cover.BUILT_UP, Cover.FOREST), (40, 25, 25, 10))
    paint_cover(world, draws, everywhere, beyond)
    paint_cover(world, draws, land, Cover.BARE)
    if draws.chance(60):
        _land(world, draws, distance < -draws.uniform(0.45, 0.6) * world.size, (30, 25, 30, 15), 2)
    diameter = max(draws.uniform(18, 42) / world.resolution_m, 5.0)
    pitch = diameter * draws.uniform(1.35, 1.7)
    wanted = _count(world, draws, _GROUP_COUNTS)
    yard = (world.surface == Surface.SOIL) & (distance < -3.0)
    spots = [(column, row) for row in range(-3, 4) for column in range(-3, 4)]
    start = (draws.uniform(-0.25, 0.05) * world.size, draws.uniform(-0.2, 0.2) * world.size)
    spots.sort(key=lambda spot: (spot[0] * spot[0] + spot[1] * spot[1], spot))
    cosine, sine = direction(heading)
    for column, row in spots:
        if wanted <= 0:
            break
        u, v = start[0] + column * pitch, start[1] + row * pitch
        x = world.size / 2 + u * cosine - v * sine
        y = world.size / 2 + u * sine + v * cosine
        width = diameter * draws.pick((1.0, 1.0, 0.8))
        thing = Thing("storage tank", x, y, width, width, 0, draws.uniform(8, 13))
        if draws.chance(88) and fits(world, thing, Rules(yard, gap=1.0, inside=65)):
            wanted -= int(set_down(world, draws, thing))
    if beyond == Cover.WATER:
        _ships(world, draws, draws.pick((0, 1, 2), (50, 35, 15)), distance > 2.0)


def car_park(world: World, draws: Draws) -> None:
    """Cars in rows on a paved place, sheds and a street beside it."""
    everywhere = np.ones_like(world.instance, bool)
    heading = draws.angle()
    paint_town(world, draws, everywhere, heading, tallest=4.0)
    if draws.chance(40):
        distance, _ = shore(world, draws, draws.uniform(0.15, 0.35), 0.2)
        _land(world, draws, distance < 0, (20, 50, 0, 30), 1)
    along, across = axes(
        world, world.size * draws.uniform(0.4, 0.6), world.size * draws.uniform(0.4, 0.6), heading
    )
    half = min(0.42 * world.size, 45.0 / world.resolution_m)
    lot = (np.abs(along) < half) & (np.abs(across) < draws.uniform(0.57, 0.9) * half)
    world.paint(lot, Cover.BARE, Surface.PAVED, 1)
    strip = (across > 0.95 * half) & (across < 0.95 * half + max(9.0 / world.resolution_m, 3.0))
    world.paint(strip, Cover.ROAD, Surface.ROAD, 0)
    for _ in range(_count(world, draws, _GROUP_COUNTS)):
        length = max(draws.uniform(4.2, 6.5) / world.resolution_m, 3.6)
        angle = heading + (_QUARTER if draws.chance(75) else 0) + draws.integer(-2, 2)
        free = lot if draws.chance(80) else strip
        place(world, draws, "car", (length, length * 0.44, 1.6), angle, Rules(free, gap=1.0, inside=80))


THEMES: dict[str, tuple[Callable[[World, Draws], None], float]] = {
    "open sea": (open_sea, 3.0),
    "coast": (coast, 3.0),
    "harbor": (harbor, 3.0),
    "river": (river_valley, 3.0),
    "countryside": (countryside, 3.0),
    "town": (town, 2.0),
    "airport": (airport, 1.5),
    "tank farm": (tank_farm, 2.5),
    "car park": (car_park, 0.6),
}
"""How each kind of place is made, and its metres a pixel when the source sets none."""


def _building_points(world: World, draws: Draws) -> None:
    """Corner reflectors among buildings: balconies, gutters, inner courts."""
    roofs = np.flatnonzero(world.surface.ravel() == Surface.ROOF)
    for _ in range(min(len(roofs) // 350, 60)):
        spot = int(roofs[draws.integer(0, len(roofs) - 1)])
        x, y = spot % world.size + draws.uniform(0, 1), spot // world.size + draws.uniform(0, 1)
        world.reflectors.append((x, y, draws.uniform(4, 20)))


def make_world(theme: str, size: int, resolution_m: float, draws: Draws) -> World:
    """Return a world of one theme.

    Args:
        theme: a key of `THEMES`.
        size: side, pixels.
        resolution_m: metres a pixel.
        draws: its random draws.
    """
    world = empty_world(size, resolution_m, theme)
    THEMES[theme][0](world, draws)
    _building_points(world, draws)
    return world
