"""Measures that tell a SAR image from a drawing of one, for simulated and real images alike.

None of these reach a pixel or an annotation, so library functions are used freely.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SATURATED = 255


@dataclass(frozen=True, slots=True)
class Amplitudes:
    """Shape of an amplitude distribution.

    Attributes:
        count: how many pixels.
        mean: of the amplitudes.
        variation: standard deviation over mean.
        skewness: third standardised moment.
        kurtosis: fourth standardised moment (3 for a normal distribution).
        saturated: share of pixels at 255, where the image is of 8 bits.
    """

    count: int
    mean: float
    variation: float
    skewness: float
    kurtosis: float
    saturated: float


def summarise(amplitudes: NDArray[np.generic]) -> Amplitudes:
    """Return the shape of the distribution of amplitudes, any shape and real dtype.

    Raises:
        ValueError: fewer than two different values.
    """
    values = np.asarray(amplitudes, np.float64).ravel()
    mean, deviation = float(values.mean()), float(values.std())
    if deviation == 0.0 or mean == 0.0:
        raise ValueError("expected at least two different amplitudes")
    standard = (values - mean) / deviation
    return Amplitudes(
        count=values.size,
        mean=mean,
        variation=deviation / mean,
        skewness=float((standard**3).mean()),
        kurtosis=float((standard**4).mean()),
        saturated=float((values >= _SATURATED).mean()) if np.asarray(amplitudes).dtype == np.uint8 else 0.0,
    )


def gamma_amplitudes(looks: float) -> Amplitudes:
    """Return what `summarise` tends to for fully developed speckle of `looks` looks and mean intensity 1.

    The intensity is gamma distributed with shape L and mean 1, so the amplitude's moments are
    ``E[A^k] = Gamma(L + k / 2) / (Gamma(L) L^(k / 2))`` (Oliver & Quegan 2004, ch. 4). One look is Rayleigh:
    variation 0.5227, skewness 0.631, kurtosis 3.245.
    """

    def moment(order: int) -> float:
        return math.exp(math.lgamma(looks + order / 2) - math.lgamma(looks) - order / 2 * math.log(looks))

    first, second, third, fourth = (moment(order) for order in (1, 2, 3, 4))
    variance = second - first * first
    skewness = (third - 3 * first * second + 2 * first**3) / variance**1.5
    kurtosis = (fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4) / variance**2
    return Amplitudes(0, first, math.sqrt(variance) / first, skewness, kurtosis, 0.0)


def equivalent_looks(intensity: NDArray[np.generic]) -> float:
    """Return the equivalent number of looks of a flat area: squared mean over variance of the intensity.

    Args:
        intensity: power (the square of amplitude), any shape.
    """
    values = np.asarray(intensity, np.float64)
    return float(values.mean() ** 2 / values.var())


def flat_windows(
    amplitude: NDArray[np.generic], side: int = 32, least_mean: float = 8.0, quantile: float = 0.75
) -> list[NDArray[np.float64]]:
    """Return the flattest windows of an image, found without a mask.

    Windows with a mean below `least_mean` grey levels (where 8 bits are too coarse) or with saturated pixels
    are left out. Structure only lowers a window's number of looks, so the windows above a quantile of it are
    the flat ones (Anfinsen, Doulgeris & Eltoft, IEEE TGRS 47(11), 2009, take the mode in the same spirit).

    Args:
        amplitude: image (H, W) of amplitudes.
        side: of a window, pixels.
        least_mean: grey levels.
        quantile: share of windows, 0 to 1, that are taken for structured.
    """
    values = np.asarray(amplitude, np.float64)
    parts = []
    for top in range(0, values.shape[0] - side + 1, side):
        for left in range(0, values.shape[1] - side + 1, side):
            part = values[top : top + side, left : left + side]
            if part.mean() >= least_mean and part.max() < _SATURATED and part.var() > 0:
                parts.append(part)
    if not parts:
        return []
    looks = [equivalent_looks(part * part) for part in parts]
    edge = float(np.quantile(looks, quantile))
    return [part for part, value in zip(parts, looks, strict=True) if value >= edge]


def flat_looks(amplitude: NDArray[np.generic], side: int = 32, least_mean: float = 8.0) -> float:
    """Return the median equivalent number of looks of `flat_windows`, or NaN where there is none."""
    found = [equivalent_looks(part * part) for part in flat_windows(amplitude, side, least_mean)]
    return float(np.median(found)) if found else math.nan


def contrast_db(
    amplitude: NDArray[np.generic], target: NDArray[np.bool_], background: NDArray[np.bool_]
) -> float:
    """Return the ratio of mean intensities of two areas, in decibels.

    Args:
        amplitude: image (H, W) of amplitudes.
        target: pixels of the one area, bool (H, W).
        background: pixels of the other, bool (H, W).
    """
    power = np.asarray(amplitude, np.float64) ** 2
    return float(10.0 * np.log10(power[target].mean() / power[background].mean()))


def neighbour_correlation(intensity: NDArray[np.generic]) -> float:
    """Return the correlation of the intensity with its right-hand neighbour's, on a flat area (H, W)."""
    values = np.asarray(intensity, np.float64)
    return float(np.corrcoef(values[:, :-1].ravel(), values[:, 1:].ravel())[0, 1])
