"""Confidence intervals: a percentile bootstrap over images of summed statistics.

Every metric of the suite is a formula of sums over images (hits and counts, n-gram matches and lengths,
METEOR's match statistics, per-image values). So one bootstrap serves them all: images are drawn with
replacement, each with all its captions or questions, their statistics are summed, and the formula is
applied to the sums. The gallery of retrieval and CIDEr's document frequencies stay those of the whole test
set.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from sartext.core.seeds import generator

Array = NDArray[np.float64]
Sums = Mapping[str, Array]
Formula = Callable[[Sums], dict[str, Array]]

LEVEL = 0.95
_DECIMALS = 12  # far below any difference that means something, above the last bits of a summation order
_CELLS = 1 << 22  # draws x images held at once


class Interval(TypedDict):
    """A value with its interval and the number of things it is a mean of."""

    value: float
    low: float
    high: float
    n: int


class Difference(Interval):
    """A difference with its paired interval and its two-sided bootstrap p-value."""

    p: float


@dataclass(frozen=True)
class Statistics:
    """Per-image statistics, whose sums over images give the metrics.

    Attributes:
        ids: image ids, sorted.
        columns: names of the statistics.
        values: float64 (images, columns).
        counts: for each metric, how many queries, images or questions it is taken over.
    """

    ids: tuple[str, ...]
    columns: tuple[str, ...]
    values: Array
    counts: dict[str, int]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.ids), len(self.columns)):
            raise ValueError(
                f"statistics of shape {self.values.shape}; expected {(len(self.ids), len(self.columns))}"
            )

    def sums(self) -> Sums:
        """Return the sum of each column over all images."""
        return dict(zip(self.columns, self.values.sum(axis=0), strict=True))


def bootstrap_sums(values: Array, samples: int, seed: int) -> Array:
    """Sum statistics over images drawn with replacement.

    The draws depend on the seed and the number of images only, so that two models on the same images are
    drawn alike.

    Args:
        values: float64 (images, columns).
        samples: bootstrap draws.
        seed: of the draws.

    Returns:
        float64 (samples, columns).
    """
    images, columns = values.shape
    random = generator("bootstrap", seed)
    sums = np.empty((samples, columns))
    step = max(1, _CELLS // max(1, images))
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        drawn = random.integers(0, images, (rows, images)) + np.arange(rows)[:, None] * images
        times = np.bincount(drawn.ravel(), minlength=rows * images).reshape(rows, images)
        sums[start : start + rows] = times.astype(np.float64) @ values
    return sums


def _named(columns: Sequence[str], sums: Array) -> Sums:
    return {name: sums[:, index] for index, name in enumerate(columns)}


def _percentiles(draws: Array) -> tuple[float, float]:
    # a draw may hold no question of a rare type: such a draw says nothing about it
    known = draws[np.isfinite(draws)]
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return round(float(low), _DECIMALS), round(float(high), _DECIMALS)


def summarise(statistics: Statistics, formula: Formula, samples: int, seed: int) -> dict[str, Interval]:
    """Return each metric's value with its 95% percentile-bootstrap interval over images.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Args:
        statistics: what the metrics are formulas of.
        formula: from sums to metrics; works on arrays of any equal shape.
        samples: bootstrap draws.
        seed: of the draws.
    """
    values = formula(statistics.sums())
    draws = formula(_named(statistics.columns, bootstrap_sums(statistics.values, samples, seed)))
    result = {}
    for name, value in values.items():
        low, high = _percentiles(draws[name])
        result[name] = Interval(
            value=round(float(value), _DECIMALS), low=low, high=high, n=statistics.counts[name]
        )
    return result


def p_value(draws: Array) -> float:
    """Return the two-sided bootstrap p-value of a difference: how far into its draws 0 lies.

    It is ``2 min(#{d <= 0} + 1, #{d >= 0} + 1) / (B + 1)``, at most 1, over the B draws d that are finite. It
    turns the percentile interval round: but for the draw at its end, p is below 0.05 where the 95% interval
    of the same draws leaves out 0. With the 1, B draws never give less than ``2 / (B + 1)``.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 15; the 1 of Davison and
    Hinkley, Bootstrap Methods and their Application (1997), chapter 4.
    """
    known = draws[np.isfinite(draws)]
    tail = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return round(min(1.0, 2 * (tail + 1) / (len(known) + 1)), _DECIMALS)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down rule, in the order given.

    The chance that any of them falls below 0.05 without a difference behind it is then at most 5%, however
    they depend on one another.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics
    6 (1979) 65-70.
    """
    corrected = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda index: values[index])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = round(largest, _DECIMALS)
    return corrected


def _mean_over_seeds(runs: Sequence[Statistics]) -> Array:
    first = runs[0]
    for run in runs[1:]:
        if run.ids != first.ids or run.columns != first.columns:
            raise ValueError("paired statistics must be of the same images and columns")
    mean: Array = np.mean([run.values for run in runs], axis=0)
    return mean


def paired(
    first: Sequence[Statistics],
    second: Sequence[Statistics],
    formula: Formula,
    samples: int,
    seed: int,
) -> dict[str, Difference]:
    """Return ``second - first`` of each metric with a paired 95% bootstrap interval and its p-value.

    Statistics are averaged over the seeds of a recipe within each image; then the same images are drawn for
    both recipes. An interval that leaves out 0 is a difference that the choice of test images does not
    explain; what another training seed would change is not in it.

    Args:
        first: one recipe's statistics, one entry a seed.
        second: the other's, of the same images.
        formula: from sums to metrics.
        samples: bootstrap draws.
        seed: of the draws.

    Raises:
        ValueError: the statistics are not of the same images and columns.
    """
    if (first[0].ids, first[0].columns) != (second[0].ids, second[0].columns):
        raise ValueError("paired statistics must be of the same images and columns")
    columns = first[0].columns
    pair = [_mean_over_seeds(first), _mean_over_seeds(second)]
    whole = [formula(dict(zip(columns, values.sum(axis=0), strict=True))) for values in pair]
    drawn = [formula(_named(columns, bootstrap_sums(values, samples, seed))) for values in pair]
    result = {}
    for name in whole[0]:
        draws = np.round(drawn[1][name] - drawn[0][name], _DECIMALS)
        low, high = _percentiles(draws)
        difference = float(whole[1][name] - whole[0][name])
        result[name] = Difference(
            value=round(difference, _DECIMALS),
            low=low,
            high=high,
            n=first[0].counts[name],
            p=p_value(draws),
        )
    return result
