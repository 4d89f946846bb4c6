"""The shapes of objects from above, and how they are set into a world."""

from dataclasses import dataclass

import numpy as np

from sartext.simulator.exact import direction
from sartext.simulator.random import Draws
from sartext.simulator.world import Cover, Mask, Plane, Surface, Thing, World, local_axes, window

_TRIES = 24


def ship_outline(along: Plane, across: Plane, length: float, width: float) -> Mask:
    """A hull: straight sides, a bow that tapers as a parabola over the last third, a blunt stern."""
    taper = np.clip((along - 0.16 * length) / (0.34 * length), 0.0, 1.0)
    half = width / 2 * (1.0 - taper * taper * 0.92)
    hull: Mask = (np.abs(along) <= length / 2) & (np.abs(across) <= half)
    return hull


def aircraft_outline(along: Plane, across: Plane, length: float, width: float) -> Mask:
    """A transport aircraft: fuselage, wings swept back, tailplane. `width` is the wingspan."""
    side = np.abs(across)
    fuselage = (np.abs(along) <= length / 2) & (side <= max(0.055 * length, 0.8))
    wing_front = 0.17 * length - 0.52 * side
    wing_chord = np.maximum(0.25 * length - 0.34 * side, max(0.07 * length, 1.3))
    wing = (side <= width / 2) & (along <= wing_front) & (along >= wing_front - wing_chord)
    tail_front = -0.33 * length - 0.4 * side
    tail = (side <= 0.19 * width) & (along <= tail_front) & (along >= tail_front - max(0.11 * length, 1.2))
    return fuselage | wing | tail


def disc_outline(along: Plane, across: Plane, length: float, width: float) -> Mask:
    """A disc of diameter `length`; a little under `width` would be an ellipse."""
    half, other = length / 2, width / 2
    return (along / half) * (along / half) + (across / other) * (across / other) <= 1.0


def block_outline(along: Plane, across: Plane, length: float, width: float) -> Mask:
    """A rectangle."""
    return (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)


def pier_outline(along: Plane, across: Plane, length: float, width: float) -> Mask:
    """A harbor: a quay along the shore at the foot, and fingers that reach `width` into the water.

    `along` runs along the shore, `across` from the quay (-width/2) out to the water (+width/2).
    """
    inside = (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)
    quay = across <= -width / 2 + max(0.22 * width, 2.0)
    fingers = max(2, int(length / max(width * 0.55, 7.0)) + 1)
    finger_width = max(length * 0.24 / fingers, 1.6)
    pitch = (length - finger_width) / (fingers - 1)
    offset = along + (length - finger_width) / 2
    nearest = np.floor(offset / pitch + 0.5)
    finger = np.abs(offset - nearest * pitch) <= finger_width / 2
    piers: Mask = inside & (quay | finger)
    return piers


_OUTLINES = {
    "ship": ship_outline,
    "aircraft": aircraft_outline,
    "car": block_outline,
    "bridge": block_outline,
    "harbor": pier_outline,
    "storage tank": disc_outline,
}
_SURFACES = {
    "ship": Surface.DECK,
    "aircraft": Surface.SKIN,
    "car": Surface.CAR,
    "bridge": Surface.SPAN,
    "harbor": Surface.QUAY,
    "storage tank": Surface.TANK,
}
_COVERS = {"bridge": Cover.ROAD, "harbor": Cover.BUILT_UP}


@dataclass(frozen=True, slots=True)
class Rules:
    """Where a thing may stand.

    Attributes:
        allowed: pixels it may cover, bool (size, size).
        gap: pixels kept free around it.
        inside: share of its extent, in percent, that must lie inside the image.
    """

    allowed: Mask
    gap: float = 2.0
    inside: int = 55


def fits(world: World, thing: Thing, rules: Rules) -> bool:
    """Return whether `thing` lies on allowed ground, mostly inside the image, and apart from all others."""
    reach = (thing.length + thing.width) / 2 + rules.gap
    rows, columns = window(world.size, thing.x, thing.y, reach)
    along, across = local_axes(rows, columns, thing.x, thing.y, thing.angle)
    shape = block_outline(along, across, thing.length, thing.width)
    if int(shape.sum()) * 100 < rules.inside * thing.length * thing.width * (
        0.75 if thing.label == "storage tank" else 1
    ):
        return False
    if not bool(rules.allowed[rows, columns][shape].all()):
        return False
    near = block_outline(along, across, thing.length + 2 * rules.gap, thing.width + 2 * rules.gap)
    return not bool(world.instance[rows, columns][near].any())


def set_down(world: World, draws: Draws, thing: Thing, outline: Mask | None = None) -> bool:
    """Put `thing` into the world, with its strong radar points; False where nothing of it is inside.

    Args:
        world: the world.
        draws: for its paint and its points.
        thing: the object.
        outline: its pixels, bool (size, size), in place of its class's shape.
    """
    reach = (thing.length + thing.width) / 2 + 1
    rows, columns = window(world.size, thing.x, thing.y, reach)
    along, across = local_axes(rows, columns, thing.x, thing.y, thing.angle)
    if outline is None:
        shape = _OUTLINES[thing.label](along, across, thing.length, thing.width)
    else:
        shape = outline[rows, columns]
    if not bool(shape.any()):
        return False
    world.things.append(thing)
    world.instance[rows, columns][shape] = len(world.things)
    world.surface[rows, columns][shape] = _SURFACES[thing.label]
    world.variant[rows, columns][shape] = draws.integer(0, 6)
    if thing.label in _COVERS:
        world.cover[rows, columns][shape] = _COVERS[thing.label]
    height = np.full(shape.shape, thing.height_m, np.float32)
    if thing.label == "ship":
        house = (along <= -0.18 * thing.length) & (along >= -0.40 * thing.length)
        height[house] += np.float32(0.8 * thing.height_m)
        world.variant[rows, columns][shape & house] = 7
    world.height[rows, columns][shape] = height[shape]
    _add_points(world, draws, thing)
    return True


def place(
    world: World, draws: Draws, label: str, extent: tuple[float, float, float], angle: int, rules: Rules
) -> bool:
    """Put an object of (length px, width px, height m) at a random allowed spot; True if one was found."""
    candidates = np.flatnonzero(rules.allowed.ravel())
    if not len(candidates):
        return False
    length, width, height_m = extent
    for _ in range(_TRIES):
        spot = int(candidates[draws.integer(0, len(candidates) - 1)])
        thing = Thing(
            label, spot % world.size + 0.5, spot // world.size + 0.5, length, width, angle, height_m
        )
        if fits(world, thing, rules):
            return set_down(world, draws, thing)
    return False


_POINTS: dict[str, tuple[tuple[float, float, int, int], ...]] = {
    # along and across in half extents, peak in dB over unit sigma0: lowest and highest
    "ship": (
        (-0.62, 0.0, 14, 24),
        (0.85, 0.0, 4, 14),
        (0.1, 0.0, 6, 18),
        (-0.9, 0.3, 2, 12),
        (0.45, -0.3, 2, 14),
    ),
    "aircraft": (
        (0.9, 0.0, 6, 13),
        (0.12, 0.3, 10, 17),
        (0.12, -0.3, 10, 17),
        (-0.05, 0.9, 3, 10),
        (-0.05, -0.9, 3, 10),
        (-0.85, 0.0, 9, 16),
    ),
    "car": ((0.8, 0.0, 5, 12), (-0.8, 0.0, 3, 11)),
    "bridge": ((-0.9, 0.0, 4, 14), (0.9, 0.0, 4, 14)),
    "harbor": ((-0.9, -0.8, 4, 16), (0.3, -0.8, 4, 18), (0.9, -0.8, 2, 14)),
    "storage tank": ((0.0, 0.0, -4, 6),),
}


def _add_points(world: World, draws: Draws, thing: Thing) -> None:
    """Dihedrals and trihedrals of superstructure, cranes, engines, tail and wheels, as point targets."""
    cosine, sine = direction(thing.angle)
    whole = draws.uniform(-8, 2) if thing.label == "ship" else 0.0  # build, load and aspect
    for along, across, low, high in _POINTS[thing.label]:
        if draws.chance(15):
            continue
        u, v = along * thing.length / 2, across * thing.width / 2
        x, y = thing.x + u * cosine - v * sine, thing.y + u * sine + v * cosine
        world.reflectors.append((x, y, whole + draws.uniform(low, high)))
