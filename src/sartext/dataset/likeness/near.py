"""All pairs of 64-bit hashes that differ by a few bits, without comparing every one with every other.

Multi-index hashing (Norouzi, Punjani and Fleet, 2014): the bits are cut into bands, and each band has a
radius so that the radii and the number of bands add up to more than the distance. Two hashes within the
distance then agree in at least one band up to its radius (pigeonhole), so only hashes that share such a band
are compared, looked up in a table of its values. Exact for distances from 0 to 8, whatever the hashes are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Places = tuple[NDArray[np.int64], NDArray[np.int64]]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

MAX_DISTANCE = 8
"""Bits: of two images further apart a perceptual hash says nothing."""

_BITS = 64
# a table of a band's values stays small: 2^20 entries of 8 bytes
_MAX_WIDTH = 20
_CHUNK = 1 << 20
# reading the table once costs about as much as comparing this many hashes
_LOOKUP = 2.0


@dataclass(frozen=True)
class _Band:
    """Some bits of the hashes, and how many of them may differ."""

    bits: tuple[int, ...]
    radius: int

    def keys(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The band's bits of each hash, as a number."""
        keys = np.zeros(len(hashes), np.int64)
        for place, bit in enumerate(self.bits):
            keys |= ((hashes >> np.uint64(bit)) & np.uint64(1)).astype(np.int64) << place
        return keys

    def changes(self) -> Iterator[int]:
        """The differences within the radius, as numbers to xor; 0 is the first."""
        for count in range(self.radius + 1):
            for places in combinations(range(len(self.bits)), count):
                yield sum(1 << place for place in places)


def close_pairs(hashes: NDArray[np.uint64], distance: int) -> Iterator[Pairs]:
    """Yield all pairs of positions whose hashes differ by at most `distance` bits.

    Args:
        hashes: uint64 (N,).
        distance: bits, 0 to `MAX_DISTANCE`.

    Yields:
        The smaller and the larger position and the bits they differ by, int64 (K,) each, K at most about a
        million: a hash that thousands share gives millions of pairs. Every pair comes once, in no order.

    Raises:
        ValueError: `distance` is not in its range.
    """
    values, group = np.unique(hashes, return_inverse=True)
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=len(values))
    starts = np.cumsum(sizes) - sizes
    repeated = np.flatnonzero(sizes > 1)
    for first, second in _joined(starts[repeated], sizes[repeated]):
        yield order[first], order[second], np.zeros(len(first), np.int64)
    for left, right, bits in close_values(values, distance):
        for pair, first, second in _products(starts[left], sizes[left], starts[right], sizes[right]):
            one, other = order[first], order[second]
            yield np.minimum(one, other), np.maximum(one, other), bits[pair]


def has_close(hashes: NDArray[np.uint64], distance: int) -> NDArray[np.bool_]:
    """Return whether a hash has another one, or its equal, within `distance` bits, bool (N,)."""
    values, group = np.unique(hashes, return_inverse=True)
    close = np.bincount(group, minlength=len(values)) > 1
    for first, second, _ in close_values(values, distance):
        close[first] = close[second] = True
    found: NDArray[np.bool_] = close[group]
    return found


def close_values(values: NDArray[np.uint64], distance: int) -> Iterator[Pairs]:
    """Yield as `close_pairs` does, of hashes that are all different."""
    if not 0 <= distance <= MAX_DISTANCE:
        raise ValueError(f"a distance of {distance} bits; expected 0 to {MAX_DISTANCE}")
    if distance == 0 or len(values) < 2:
        return
    bands = _bands(values, distance)
    done: list[tuple[NDArray[np.int64], int]] = []
    for band in bands:
        keys = band.keys(values)
        for first, second in _candidates(keys, band):
            bits = np.bitwise_count(values[first] ^ values[second])
            near = bits <= distance
            # a pair that an earlier band gives too was yielded there
            one, other = first[near], second[near]
            new = np.ones(len(one), bool)
            for earlier, radius in done:
                new &= np.bitwise_count(earlier[one] ^ earlier[other]) > radius
            one, other = one[new], other[new]
            yield np.minimum(one, other), np.maximum(one, other), bits[near][new].astype(np.int64)
        done.append((keys, band.radius))


def _bands(values: NDArray[np.uint64], distance: int) -> list[_Band]:
    """The cheapest bands for so many hashes; the bits that tell most apart are shared out among them."""
    plans = []
    for count in range(1, distance + 2):
        width = min(_BITS // count, _MAX_WIDTH)
        radii = [(distance + 1 - count + place) // count for place in range(count)]
        cost = sum(
            sum(comb(width, k) for k in range(radius + 1)) * (_LOOKUP + len(values) / 2**width)
            for radius in radii
        )
        plans.append((cost, count, width, radii))
    _, count, width, radii = min(plans)
    ones = [int(((values >> np.uint64(bit)) & np.uint64(1)).sum()) for bit in range(_BITS)]
    telling = sorted(range(_BITS), key=lambda bit: abs(2 * ones[bit] - len(values)))
    return [_Band(tuple(telling[place : count * width : count]), radii[place]) for place in range(count)]


def _candidates(keys: NDArray[np.int64], band: _Band) -> Iterator[Places]:
    """Pairs of positions whose keys agree up to the band's radius, each once."""
    order = np.argsort(keys, kind="stable")
    sizes = np.bincount(keys, minlength=1 << len(band.bits))
    starts = np.cumsum(sizes) - sizes
    present = np.flatnonzero(sizes)
    for change in band.changes():
        if change == 0:
            shared = np.flatnonzero(sizes > 1)
            found: Iterator[Places] = _joined(starts[shared], sizes[shared])
        else:
            # of a key and its like only the one without the highest changed bit asks for the other
            asking = present[(present >> (change.bit_length() - 1)) & 1 == 0]
            asking = asking[sizes[asking ^ change] > 0]
            other = asking ^ change
            found = (
                (first, second)
                for _, first, second in _products(starts[asking], sizes[asking], starts[other], sizes[other])
            )
        for first, second in found:
            yield order[first], order[second]


def _products(
    left: NDArray[np.int64], lefts: NDArray[np.int64], right: NDArray[np.int64], rights: NDArray[np.int64]
) -> Iterator[Pairs]:
    """All pairs of two runs, for many pairs of runs: which pair of runs, and a place in either.

    Args:
        left: where each first run begins.
        lefts: how long it is, at least 1.
        right: where each second run begins.
        rights: how long it is, at least 1.
    """
    for run, offset in _counted(lefts * rights):
        yield run, left[run] + offset // rights[run], right[run] + offset % rights[run]


def _joined(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> Iterator[Places]:
    """All pairs of places within each run, the smaller place first."""
    # every member of a run is paired with those before it
    member = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.repeat(starts, sizes) + member
    for run, offset in _counted(member):
        yield place[run] - member[run] + offset, place[run]


def _counted(
    counts: NDArray[np.int64],
) -> Iterator[Places]:
    """Count each of `counts` up from 0: which one, and the number; about `_CHUNK` numbers at a time."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    for start in range(0, total, _CHUNK):
        number = np.arange(start, min(start + _CHUNK, total))
        which = np.searchsorted(ends, number, side="right")
        yield which, number - (ends[which] - counts[which])
