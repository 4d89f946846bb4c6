"""The radar drawing: from a world to an 8-bit amplitude image.

Steps, each with its source:

1. **Backscatter by class and polarisation.** Mean sigma0 of each surface, `SIGMA0_DB`. Rounded values for
   about 35 degrees of incidence, set by hand in the order of surfaces that Ulaby & Dobson, Handbook of Radar
   Scattering Statistics for Terrain (Artech House, 1989) give for soil, grass, short vegetation, trees, road
   and urban surfaces, and for the sea at moderate wind after CMOD5 (Hersbach et al., J. Geophys. Res. 112,
   2007) at VV, lower at HH, and some 10 dB lower across; they were not checked against those tables, only
   against real chips (docs/simulator.md). A scene draws its wind and its moisture around them.
2. **Geometry.** The range axis is the image's row, the radar at its left (or right, by mirroring),
   incidence angle theta. In ground range, a scatterer h metres high lies ``h / tan(theta)`` nearer to the
   radar than its foot: layover. Behind it ``h tan(theta)`` metres are unlit: shadow. A wall and the ground
   before it make a dihedral, which returns all paths in one bright line at the wall's foot: double bounce
   (Franceschetti, Iodice, Riccio, IEEE TGRS 40(8), 2002; Auer, Hinz & Bamler, IEEE TGRS 48(3), 2010). It is
   strong where the wall faces the radar and fades as the wall turns away.
3. **Speckle.** Every look is a circular complex Gaussian field of the local mean intensity (Goodman, J. Opt.
   Soc. Am. 66(11), 1976), so one look's intensity is exponential, and the mean of L looks is gamma with
   shape L: equivalent number of looks L on flat ground (Oliver & Quegan, Understanding Synthetic
   Aperture Radar Images, 2004, ch. 4). The fields pass through the impulse response, so that neighbouring
   pixels are correlated as in an oversampled image.
4. **Point targets.** Corner reflectors answer with the processor's impulse response, a weighted sinc in
   range and azimuth (see `exact.impulse_response`), whose sidelobes make the crosses on strong targets.
   They do not speckle from look to look.
5. **Noise floor** of the receiver (`Radar.noise_db`), and a linear amplitude scale clipped at 255, as most
   published chips have.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sartext.simulator.exact import direction, from_decibels, impulse_response
from sartext.simulator.random import Draws
from sartext.simulator.world import Mask, Plane, Surface, World

POLARISATIONS = ("HH", "VV", "HV")

SIGMA0_DB: dict[Surface, tuple[float, float, float]] = {
    Surface.WATER: (-21.0, -18.0, -29.0),
    Surface.CROP: (-11.5, -11.0, -18.5),
    Surface.CANOPY: (-8.5, -9.0, -14.0),
    Surface.YARD: (-11.0, -11.0, -18.0),
    Surface.ROOF: (-8.0, -8.0, -15.0),
    Surface.ROAD: (-19.0, -18.0, -27.0),
    Surface.SOIL: (-15.0, -14.0, -24.0),
    Surface.PAVED: (-20.0, -19.0, -28.0),
    Surface.DECK: (1.0, 1.0, -6.0),
    Surface.SKIN: (-3.0, -3.0, -10.0),
    Surface.CAR: (-1.0, -1.0, -9.0),
    Surface.SPAN: (-5.0, -5.0, -13.0),
    Surface.QUAY: (-5.0, -5.0, -13.0),
    Surface.TANK: (-9.0, -9.0, -17.0),
}
"""Mean sigma0 in dB at HH, VV and HV. Metal surfaces are means over decks and hulls, without their points."""

_VARIANT_DB = {
    Surface.WATER: (0.0, 0.0, 0.0, 0.0, 1.0, -5.0, -6.0, 0.0),
    Surface.CROP: (-3.0, 2.0, -1.0, 1.0, -4.5, 0.5, 3.0, -2.0),
    Surface.ROOF: (-5.0, 0.0, 3.0, -3.0, 5.0, 1.0, -2.0, 2.0),
    Surface.YARD: (-3.0, 1.0, 2.0, 0.0, -2.0, 1.0, 3.0, -1.0),
    Surface.CANOPY: (0.0, 0.8, -0.8, 0.4, 0.0, 0.0, 0.0, 0.0),
    Surface.SOIL: (0.0, 2.0, -2.0, 1.0, 0.0, 0.0, 0.0, 0.0),
    Surface.DECK: (0.0, 1.0, -4.0, 2.0, -7.0, -2.0, 1.0, 6.0),
}
_TEXTURE = {
    # share of the mean by which slow texture moves it, and its scale in metres
    Surface.WATER: (0.35, 60.0),
    Surface.CROP: (0.25, 24.0),
    Surface.CANOPY: (0.95, 9.0),
    Surface.YARD: (0.9, 9.0),
    Surface.ROOF: (0.8, 7.0),
    Surface.SOIL: (0.35, 30.0),
    Surface.DECK: (0.95, 8.0),
    Surface.SKIN: (0.9, 6.0),
    Surface.QUAY: (0.95, 10.0),
    Surface.SPAN: (0.6, 10.0),
}
_WALL_DB = (-2.0, -2.0, -10.0)
_DIHEDRAL_DB = (9.0, 6.0, -2.0)
_WALLED = (Surface.ROOF, Surface.TANK, Surface.DECK, Surface.SPAN, Surface.QUAY, Surface.SKIN, Surface.CAR)
_FACING = (0.06, 0.35, 1.0)
_SUB_PIXEL = 8


@dataclass(frozen=True, slots=True)
class Radar:
    """One acquisition.

    Attributes:
        polarisation: HH, VV or HV.
        looks: independent looks averaged, 1 or more.
        incidence: angle from the vertical, 1/256 turn (20 to 36 are about 28 to 51 degrees).
        from_left: whether the radar stands left of the image.
        weight: of the processor's spectral window, 0.5 to 1 (1: unweighted sinc).
        oversampling: resolution over pixel spacing, 1 or more.
        gain: grey levels of an 8-bit image at unit amplitude.
        noise_db: noise equivalent sigma0.
        wind_db: what the sea's backscatter is above its mean.
        moisture_db: what the land's backscatter is above its mean.
    """

    polarisation: str
    looks: int
    incidence: int
    from_left: bool
    weight: float
    oversampling: float
    gain: float
    noise_db: float
    wind_db: float
    moisture_db: float

    @property
    def tangent(self) -> float:
        """The tangent of the incidence angle."""
        cosine, sine = direction(self.incidence)
        return sine / cosine


def draw_radar(draws: Draws, looks: tuple[int, ...], polarisations: tuple[str, ...], gain: float) -> Radar:
    """Return a random acquisition with one of `looks` and of `polarisations`, its gain around `gain`."""
    polarisation = draws.pick(polarisations)
    if polarisation == "HV":
        gain = gain * 1.9
    return Radar(
        polarisation=polarisation,
        looks=draws.pick(looks),
        incidence=draws.integer(21, 34),
        from_left=draws.chance(50),
        weight=draws.uniform(0.62, 0.95),
        oversampling=draws.uniform(1.05, 1.7),
        gain=gain * draws.uniform(0.75, 1.3),
        noise_db=draws.uniform(-29, -24),
        wind_db=draws.uniform(-4, 6),
        moisture_db=draws.uniform(-1.5, 1.5),
    )


@dataclass(frozen=True, slots=True)
class Imaged:
    """What a radar made of a world.

    Attributes:
        image: amplitude, uint8 (size, size).
        instance: 1 + index of the object seen at a pixel, layover included, int16 (size, size).
        lit: share of each object's pixels that lie neither in radar shadow nor under what is laid over, 0
            to 1.
    """

    image: NDArray[np.uint8]
    instance: NDArray[np.int16]
    lit: tuple[float, ...]


def draw_sar(world: World, radar: Radar, draws: Draws) -> Imaged:
    """Draw `world` as `radar` sees it.

    Args:
        world: the world.
        radar: the acquisition.
        draws: texture, speckle and phases.
    """
    sigma, instance, lit = mean_intensity(world, radar, draws)
    looks = complex_looks(sigma, radar, draws)
    _add_targets(looks, world, radar, draws)
    power = looks[:, 0] * looks[:, 0] + looks[:, 1] * looks[:, 1]
    intensity = power[0]
    for look in range(1, radar.looks):
        intensity = intensity + power[look]
    amplitude = np.sqrt(intensity / np.float32(radar.looks)) * np.float32(radar.gain)
    image = np.minimum(amplitude + np.float32(0.5), np.float32(255.0)).astype(np.uint8)
    if not radar.from_left:
        image, instance = image[:, ::-1], instance[:, ::-1]
    return Imaged(np.ascontiguousarray(image), np.ascontiguousarray(instance), lit)


def mean_intensity(
    world: World, radar: Radar, draws: Draws
) -> tuple[Plane, NDArray[np.int16], tuple[float, ...]]:
    """Return the speckle-free intensity, the objects' imaged pixels, and how far each is lit.

    All are in the radar's own orientation: range grows to the right.
    """
    size = world.size
    reach = int(float(world.height.max()) / (radar.tangent * world.resolution_m)) + 2

    def ranged(plane: NDArray[Any]) -> NDArray[Any]:
        """Turn range to the right, and go on beyond it, from where tall things are laid into the image."""
        return np.pad(plane if radar.from_left else plane[:, ::-1], ((0, 0), (0, reach)), mode="edge")

    height = ranged(world.height)
    sigma = ranged(_backscatter(world, radar, draws))
    shadow = _shadow(height, world.resolution_m, radar.tangent)
    shift = (height / np.float32(radar.tangent * world.resolution_m) + np.float32(0.5)).astype(np.int64)
    image = _lay_over(np.where(shadow, np.float32(0), sigma), shift)
    image = image + _walls(height, ranged(world.surface), shadow, world.resolution_m, radar)
    image = image + np.float32(from_decibels(radar.noise_db))
    instance, lit = _imaged_objects(world, ranged(world.instance), shift, shadow)
    return image[:, :size], instance[:, :size], lit


@lru_cache(maxsize=len(POLARISATIONS))
def _mean_table(channel: int) -> Plane:
    """Mean sigma0 by surface and variant, linear, float32 (surfaces, 8)."""
    table = np.zeros((len(Surface), 8), np.float32)
    for surface, levels in SIGMA0_DB.items():
        extras = _VARIANT_DB.get(surface, (0.0,) * 8)
        table[surface] = [from_decibels(levels[channel] + extra) for extra in extras]
    table.setflags(write=False)
    return table


def _backscatter(world: World, radar: Radar, draws: Draws) -> Plane:
    factor = np.ones(len(Surface), np.float32)
    factor[Surface.WATER] = from_decibels(radar.wind_db)
    factor[[Surface.CROP, Surface.CANOPY, Surface.SOIL, Surface.YARD]] = from_decibels(radar.moisture_db)
    share = np.asarray([_TEXTURE.get(surface, (0.2, 20.0))[0] for surface in Surface], np.float32)
    table = _mean_table(POLARISATIONS.index(radar.polarisation)) * factor[:, None]
    mean = table[world.surface, world.variant]
    slow = draws.noise(world.size, max(30.0 / world.resolution_m, 4.0), 2)
    fine = draws.noise(world.size, max(8.0 / world.resolution_m, 1.5), 1)
    rough = np.isin(world.surface, [s for s, (_, scale) in _TEXTURE.items() if scale < 15])
    texture = np.where(rough, fine, slow) * np.float32(2.0) - np.float32(1.0)
    return (mean * (np.float32(1.0) + share[world.surface] * texture)).astype(np.float32)


def _shadow(height: Plane, resolution_m: float, tangent: float) -> Mask:
    """Follow the grazing ray across range: a pixel below it is unlit."""
    drop = np.float32(resolution_m / tangent)
    ray = height[:, 0].copy()
    shadow = np.zeros(height.shape, bool)
    for column in range(1, height.shape[1]):
        ray = ray - drop
        here = height[:, column]
        shadow[:, column] = here < ray - np.float32(0.3)
        ray = np.maximum(ray, here)
    return shadow


def _lay_over(sigma: Plane, shift: NDArray[np.int64]) -> Plane:
    """Move every pixel `shift` pixels towards the radar and add up what meets."""
    rows, columns = sigma.shape
    target = np.arange(columns)[None, :] - shift
    inside = target >= 0
    index = (np.arange(rows)[:, None] * columns + target)[inside]
    total = np.bincount(index, weights=sigma[inside], minlength=rows * columns)
    return total.reshape(rows, columns).astype(np.float32)


def _walls(
    height: Plane, surface: NDArray[np.uint8], shadow: Mask, resolution_m: float, radar: Radar
) -> Plane:
    """Walls that face the radar: their own face laid over, and the double bounce at their foot."""
    channel = POLARISATIONS.index(radar.polarisation)
    rise = np.zeros_like(height)
    rise[:, 1:] = height[:, 1:] - height[:, :-1]
    wall = (rise > 1.2) & np.isin(surface, _WALLED) & ~shadow
    total = np.zeros(height.size, np.float64)
    rows, columns = np.nonzero(wall)
    if not len(rows):
        return total.reshape(height.shape).astype(np.float32)
    upright = wall.astype(np.int8)
    padded = np.pad(upright, ((1, 1), (0, 0)))
    neighbours = padded[:-2] + padded[2:]
    tall = rise[rows, columns]
    facing = np.asarray(_FACING, np.float32)[neighbours[rows, columns]]
    foot = np.maximum(columns - 1, 0)
    bounce = (
        facing
        * np.minimum(tall / np.float32(8.0), np.float32(1.5))
        * np.float32(from_decibels(_DIHEDRAL_DB[channel]))
    )
    total += np.bincount(rows * height.shape[1] + foot, weights=bounce, minlength=height.size)
    reach = (tall / np.float32(radar.tangent * resolution_m)).astype(np.int64)
    face = np.float32(from_decibels(_WALL_DB[channel]))
    for step in range(1, int(reach.max()) + 1):
        seen = (reach >= step) & (foot - step >= 0)
        index = rows[seen] * height.shape[1] + foot[seen] - step
        total += np.bincount(index, weights=np.full(len(index), face), minlength=height.size)
    return total.reshape(height.shape).astype(np.float32)


def _imaged_objects(
    world: World, instance: NDArray[np.int16], shift: NDArray[np.int64], shadow: Mask
) -> tuple[NDArray[np.int16], tuple[float, ...]]:
    rows, columns = np.nonzero(instance > 0)
    owner = instance[rows, columns]
    dark = shadow[rows, columns]
    moved = columns - shift[rows, columns]
    inside = (moved >= 0) & ~dark
    buried = np.zeros(instance.shape, bool)
    tall_rows, tall_columns = np.nonzero((shift > 0) & (instance == 0) & ~shadow)
    over = tall_columns - shift[tall_rows, tall_columns]
    buried[tall_rows[over >= 0], over[over >= 0]] = True
    dark = dark | buried[rows, np.maximum(moved, 0)]
    all_pixels = np.bincount(owner, minlength=len(world.things) + 1)
    lit_pixels = np.bincount(owner[~dark], minlength=len(world.things) + 1)
    lit = tuple(int(a) / int(b) if b else 0.0 for a, b in zip(lit_pixels[1:], all_pixels[1:], strict=True))
    seen = np.where(shadow, 0, instance).astype(np.int16)
    seen[rows[inside], moved[inside]] = owner[inside]
    return seen, lit


def complex_looks(sigma: Plane, radar: Radar, draws: Draws) -> NDArray[np.float32]:
    """Return one circular Gaussian field a look, of the given mean intensity, through the impulse response.

    Args:
        sigma: mean intensity, float32 (S, S).
        radar: its looks and its impulse response.
        draws: the fields.

    Returns:
        Real and imaginary parts, float32 (looks, 2, S, S).
    """
    kernel = _clutter_kernel(round(radar.oversampling * 16), round(radar.weight * 16))
    reach = len(kernel) // 2
    padded = np.pad(sigma, reach, mode="edge")
    spread = np.sqrt(padded * np.float32(0.5))
    field: NDArray[np.float32] = draws.normals(radar.looks, 2, *padded.shape) * spread
    for axis in (2, 3):
        length = field.shape[axis] - 2 * reach
        before = (slice(None),) * axis
        total = field[(*before, slice(0, length))] * np.float32(kernel[0])
        for place, tap in enumerate(kernel[1:], start=1):
            total += field[(*before, slice(place, place + length))] * np.float32(tap)
        field = total
    return field


@lru_cache(maxsize=256)
def _clutter_kernel(oversampling_16: int, weight_16: int) -> tuple[float, ...]:
    """Seven taps of the impulse response, of unit energy so that the mean intensity stays."""
    taps = impulse_response(16 / oversampling_16, weight_16 / 16, 3, 1)[0]
    energy = 0.0
    for tap in taps:
        energy += tap * tap
    norm = float(np.sqrt(energy))
    return tuple(tap / norm for tap in taps)


def _add_targets(looks: NDArray[np.float32], world: World, radar: Radar, draws: Draws) -> None:
    """Add every reflector's impulse response, one phase each, the same in all looks."""
    size = world.size
    reach = min(20, max(8, size // 6))
    cells = 16 / round(radar.oversampling * 16)
    rows = impulse_response(cells, round(radar.weight * 16) / 16, reach, _SUB_PIXEL)
    response = np.asarray(rows, np.float32)
    loss = 6.0 if radar.polarisation == "HV" else 0.0
    for x, y, peak_db in world.reflectors:
        position = x if radar.from_left else size - x
        column, row = int(position // 1), int(y // 1)
        phase = direction(draws.angle())
        level = float(np.sqrt(from_decibels(peak_db - loss)))
        across = response[min(int((position - column) * _SUB_PIXEL), _SUB_PIXEL - 1)]
        down = response[min(int((y - row) * _SUB_PIXEL), _SUB_PIXEL - 1)]
        top, bottom = max(row - reach, 0), min(row + reach + 1, size)
        left, right = max(column - reach, 0), min(column + reach + 1, size)
        if top >= bottom or left >= right:
            continue
        patch = (
            down[top - row + reach : bottom - row + reach, None]
            * across[left - column + reach : right - column + reach]
        )
        for part in (0, 1):
            looks[:, part, top:bottom, left:right] += patch * np.float32(level * phase[part])
