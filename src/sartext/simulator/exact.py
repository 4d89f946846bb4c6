"""Mathematics whose every bit is the same everywhere: only ``+ - * /`` and square root, in a fixed order.

IEEE 754 fixes the last bit of these five operations, and of nothing else: ``exp``, ``sin``, ``log`` and
powers differ between libraries and processors. What reaches a pixel or an annotation is computed from the
functions of this module, from integers and from numpy's elementwise arithmetic. Sums over arrays (whose
order a library may choose) are made of integers, or by ``np.bincount``, which adds in the order of its input.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ANGLES = 256
"""Directions are whole numbers of 1/256 of a turn."""

_PI = 3.141592653589793
_SERIES_TERMS = 14
_QUANTILES = 65536


def sine_of_turn(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sine of angles given in turns (1 is a full circle), by Taylor's series around 0.

    The argument is folded into a quarter turn first, where 14 terms reach the last bits of float64.
    """
    folded = turns - np.floor(turns + 0.5)
    folded = np.where(folded > 0.25, 0.5 - folded, folded)
    folded = np.where(folded < -0.25, -0.5 - folded, folded)
    angle = folded * (2.0 * _PI)
    square = angle * angle
    term = angle
    total = angle
    for index in range(1, _SERIES_TERMS):
        term = -term * square / float((2 * index) * (2 * index + 1))
        total = total + term
    return total


@lru_cache(maxsize=1)
def _turn_tables() -> tuple[tuple[float, ...], tuple[float, ...]]:
    steps = np.arange(ANGLES, dtype=np.float64) / ANGLES
    sines = sine_of_turn(steps)
    cosines = sine_of_turn(steps + 0.25)
    return tuple(float(value) for value in cosines), tuple(float(value) for value in sines)


def direction(angle: int) -> tuple[float, float]:
    """Return (cosine, sine) of an angle in 1/256 turn, clockwise from the right as rows grow downwards."""
    cosines, sines = _turn_tables()
    return cosines[angle % ANGLES], sines[angle % ANGLES]


def from_decibels(decibels: float) -> float:
    """Return the power ratio ``10 ** (decibels / 10)`` by repeated square roots of ten.

    The exponent is written in binary with 40 places, and ten's roots of the places that are set are
    multiplied.
    """
    exponent = decibels / 10.0
    whole = int(exponent // 1)
    rest = exponent - whole
    result = 1.0
    root = 10.0
    for _ in range(40):
        root = float(np.sqrt(root))
        rest = rest * 2.0
        if rest >= 1.0:
            rest = rest - 1.0
            result = result * root
    for _ in range(abs(whole)):
        result = result * 10.0 if whole > 0 else result / 10.0
    return result


def _exponential(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """The exponential of values of 0 to about 12: Taylor's series of a sixteenth, squared four times."""
    part = value / 16.0
    term = np.ones_like(part)
    total = np.ones_like(part)
    for index in range(1, 20):
        term = term * part / float(index)
        total = total + term
    for _ in range(4):
        total = total * total
    return total


@lru_cache(maxsize=1)
def normal_quantiles() -> NDArray[np.float32]:
    """Return the standard normal's quantiles at ``(k + 1/2) / 65536``, float32 (65536,), ascending.

    The distribution function is ``1/2 + phi(x) (x + x^3/3 + x^5/(3*5) + ...)`` (Marsaglia, Evaluating the
    Normal Distribution, J. Stat. Software 11(4), 2004); its inverse is found by Newton's steps from 0,
    which rise to the root without overshooting since the function is concave on the upper half.
    """
    half = _QUANTILES // 2
    wanted = (np.arange(half, dtype=np.float64) + 0.5) / _QUANTILES
    x = np.zeros(half)
    for _ in range(18):
        square = x * x
        density = 0.3989422804014327 / _exponential(square / 2.0)
        term = x.copy()
        total = x.copy()
        for index in range(1, 64):
            term = term * square / float(2 * index + 1)
            total = total + term
        x = x - (density * total - wanted) / density
    upper = x.astype(np.float32)
    table = np.concatenate([-upper[::-1], upper])
    table.setflags(write=False)
    return table


@lru_cache(maxsize=512)
def impulse_response(
    cells_per_pixel: float, weight: float, reach: int, steps: int
) -> tuple[tuple[float, ...], ...]:
    """Return a weighted sinc sampled at the pixels around a point, for `steps` sub-pixel positions of it.

    A band-limited processor with the spectral window ``weight + (1 - weight) cos`` (a raised cosine;
    Hamming at 0.54) answers a point with ``weight sinc(t) + (1 - weight) / 2 (sinc(t - 1) + sinc(t + 1))``,
    t in resolution cells (Cumming & Wong, Digital Processing of Synthetic Aperture Radar Data, 2005, ch.
    2). Weight 1 leaves the highest sidelobe at -13.3 dB; 0.54 brings it to -43 dB and broadens the main lobe.

    Args:
        cells_per_pixel: pixel spacing over resolution; below 1 the image is oversampled.
        weight: of the window, 0.5 to 1.
        reach: pixels to either side.
        steps: sub-pixel positions, from -1/2 to +1/2 pixel.

    Returns:
        `steps` rows of ``2 reach + 1`` amplitudes, 1 at the peak of an on-grid point.
    """
    rows = []
    for step in range(steps):
        offset = (step + 0.5) / steps - 0.5 if steps > 1 else 0.0
        cells = (np.arange(-reach, reach + 1, dtype=np.float64) - offset) * cells_per_pixel
        response = weight * _sinc(cells)
        response = response + (1.0 - weight) / 2.0 * (_sinc(cells - 1.0) + _sinc(cells + 1.0))
        rows.append(tuple(float(value) / weight for value in response))
    return tuple(rows)


def _sinc(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    small = np.abs(cells) < 1e-9
    safe = np.where(small, 1.0, cells)
    return np.where(small, 1.0, sine_of_turn(safe / 2.0) / (safe * _PI))
