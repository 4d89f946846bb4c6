"""The optical drawing: colours, textures and sun shadows, from a world to an 8-bit RGB image.

Colours are set by eye from aerial images. A scene draws its sun, haze and exposure. Sun shadows follow the
geometry (shadow length is height over the tangent of the sun's elevation) and keep a third of the light,
about the share of diffuse skylight on a clear day.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sartext.simulator.exact import direction
from sartext.simulator.random import Draws
from sartext.simulator.world import Mask, Plane, Surface, World

_COLOURS: dict[Surface, tuple[tuple[int, int, int], ...]] = {
    Surface.WATER: (
        (38, 74, 104),
        (30, 62, 84),
        (52, 92, 108),
        (44, 84, 92),
        (86, 138, 142),
        (92, 124, 142),
        (40, 78, 108),
    ),
    Surface.CROP: (
        (142, 136, 84),
        (88, 122, 62),
        (112, 140, 70),
        (168, 152, 104),
        (134, 112, 82),
        (72, 108, 56),
        (104, 150, 74),
        (180, 170, 120),
    ),
    Surface.CANOPY: ((40, 76, 42), (34, 66, 40), (50, 84, 44), (44, 72, 50)),
    Surface.YARD: (
        (150, 148, 140),
        (128, 128, 122),
        (112, 126, 92),
        (164, 158, 146),
        (120, 122, 116),
        (104, 122, 84),
        (140, 136, 128),
        (132, 134, 126),
    ),
    Surface.ROOF: (
        (172, 90, 72),
        (186, 184, 178),
        (150, 76, 62),
        (206, 204, 198),
        (92, 116, 156),
        (140, 138, 134),
        (194, 118, 92),
        (164, 166, 170),
    ),
    Surface.ROAD: ((104, 104, 106), (116, 115, 114), (92, 92, 96)),
    Surface.SOIL: ((176, 150, 112), (188, 164, 126), (158, 132, 98), (196, 178, 142)),
    Surface.PAVED: ((162, 162, 158), (98, 98, 100)),
    Surface.DECK: (
        (206, 206, 204),
        (150, 80, 66),
        (120, 124, 130),
        (188, 192, 196),
        (96, 108, 128),
        (170, 112, 82),
        (214, 216, 216),
        (236, 236, 234),
    ),
    Surface.SKIN: ((238, 240, 242), (226, 230, 236), (244, 244, 244)),
    Surface.CAR: ((226, 226, 228), (36, 38, 44), (178, 34, 34), (52, 84, 160), (190, 192, 196)),
    Surface.SPAN: ((176, 174, 168), (150, 150, 148)),
    Surface.QUAY: ((178, 172, 160), (160, 158, 150)),
    Surface.TANK: ((236, 236, 232), (214, 216, 214), (196, 200, 198), (226, 222, 212)),
}
_GRAIN = {
    # contrast of fine and of slow texture, in percent of the colour
    Surface.WATER: (4, 10),
    Surface.CROP: (12, 14),
    Surface.CANOPY: (46, 16),
    Surface.YARD: (20, 10),
    Surface.ROOF: (8, 6),
    Surface.ROAD: (6, 4),
    Surface.SOIL: (14, 16),
    Surface.PAVED: (5, 6),
}
_SHADE = 0.36


@dataclass(frozen=True, slots=True)
class Sun:
    """The light of one optical image.

    Attributes:
        azimuth: direction the shadows fall, 1/256 turn.
        slope: shadow length over height (the cotangent of the sun's elevation).
        haze: share of grey veil, 0 to 1.
        exposure: factor on brightness.
    """

    azimuth: int
    slope: float
    haze: float
    exposure: float


def draw_sun(draws: Draws) -> Sun:
    """Return a random light."""
    return Sun(draws.angle(), draws.uniform(0.5, 1.5), draws.uniform(0.0, 0.16), draws.uniform(0.86, 1.18))


def sun_shadow(height: Plane, resolution_m: float, sun: Sun) -> Mask:
    """Return where the sun does not reach: some point towards it stands above the ray, bool (size, size)."""
    cosine, sine = direction(sun.azimuth)
    highest = float(height.max())
    steps = int(highest * sun.slope / resolution_m + 1)
    size = height.shape[0]
    shadow = np.zeros(height.shape, bool)
    for step in range(1, min(steps, size - 1) + 1):
        right, down = round(step * cosine), round(step * sine)
        rows, from_rows = _overlap(size, down)
        columns, from_columns = _overlap(size, right)
        drop = np.float32(step * resolution_m / sun.slope + 0.4)
        shadow[rows, columns] |= height[from_rows, from_columns] > height[rows, columns] + drop
    return shadow


def _overlap(size: int, move: int) -> tuple[slice, slice]:
    if move >= 0:
        return slice(move, size), slice(0, size - move)
    return slice(0, size + move), slice(-move, size)


def _colour(world: World, draws: Draws) -> NDArray[np.float32]:
    table = np.zeros((len(Surface), 8, 3), np.float32)
    grain = np.zeros((len(Surface), 2), np.float32)
    for surface, colours in _COLOURS.items():
        for variant in range(8):
            table[surface, variant] = colours[variant % len(colours)]
        grain[surface] = _GRAIN.get(surface, (5, 3))
    fine = draws.sixteen(world.size, world.size).astype(np.float32) / np.float32(65535) - np.float32(0.5)
    crowns = draws.noise(world.size, max(7.0 / world.resolution_m, 1.7), 1) - np.float32(0.5)
    slow = draws.noise(world.size, max(40.0 / world.resolution_m, 5.0), 3) - np.float32(0.5)
    share = grain[world.surface] / np.float32(100)
    factor = (
        1 + share[..., 0] * (np.float32(0.4) * fine + np.float32(0.9) * crowns) + 2 * share[..., 1] * slow
    )
    return table[world.surface, world.variant] * factor[..., None].astype(np.float32)


def _furrows(world: World, draws: Draws) -> Plane:
    """Sowing rows on farmland: a stripe pattern that turns from crop to crop."""
    columns = np.arange(world.size)[None, :]
    rows = np.arange(world.size)[:, None]
    period = draws.integer(3, 5)
    first = ((columns + rows // 2) % period == 0).astype(np.float32)
    second = ((rows + columns // 3) % period == 0).astype(np.float32)
    stripes = np.where(world.variant % 2 == 0, first, second)
    return np.where(world.surface == Surface.CROP, np.float32(1) - np.float32(0.13) * stripes, np.float32(1))


def draw_optical(world: World, draws: Draws) -> NDArray[np.uint8]:
    """Draw `world` in sunlight, uint8 (size, size, 3)."""
    sun = draw_sun(draws)
    colour = _colour(world, draws)
    light = np.where(sun_shadow(world.height, world.resolution_m, sun), np.float32(_SHADE), np.float32(1))
    light = light * _furrows(world, draws) * np.float32(sun.exposure)
    image = colour * light[..., None]
    image = image * np.float32(1 - sun.haze) + np.float32(sun.haze * 176)
    image = _soften(image)
    noise = draws.sixteen(*image.shape).astype(np.float32) / np.float32(65535) * np.float32(6) - np.float32(3)
    return np.clip(image + noise + np.float32(0.5), 0, 255).astype(np.uint8)


def _soften(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The optics' blur: weights 1, 6, 1 along both axes."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    down = padded[:-2] + np.float32(6) * padded[1:-1] + padded[2:]
    both = down[:, :-2] + np.float32(6) * down[:, 1:-1] + down[:, 2:]
    return both / np.float32(64)
