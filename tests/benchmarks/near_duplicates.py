"""How fast near hashes are found, beside comparing every pair of the same hashes; both must find the same.

    python tests/benchmarks/near_duplicates.py --count 100000

Four sets of 64-bit hashes: random ones; clusters of fifty, each hash a few bits from its centre; one hash
that a twentieth of all images share; and perceptual hashes of drawn pictures, whose bits hang together. Brute
force is numpy's exclusive or and bit count over blocks of rows, each pair once, at the largest distance: its
time does not depend on the distance.
"""

import time
from collections.abc import Sequence

import click
import numpy as np
from numpy.typing import NDArray

from sartext.core.seeds import generator
from sartext.dataset.likeness.near import MAX_DISTANCE, close_pairs
from sartext.sources.hashes import THUMB, thumb_hash

_ROWS = 512
_SHARED = 20


def random_hashes(count: int, draws: np.random.Generator) -> NDArray[np.uint64]:
    """Hashes whose bits are fair coins."""
    return draws.integers(0, 2**64, count, dtype=np.uint64)


def clustered(count: int, draws: np.random.Generator) -> NDArray[np.uint64]:
    """Hashes up to four bits from their centre, fifty to a centre."""
    centres = max(count // 50, 1)
    found = random_hashes(centres, draws)[draws.integers(0, centres, count)]
    for _ in range(4):
        found = found ^ (np.uint64(1) << draws.integers(0, 64, count, dtype=np.uint64))
    return found


def shared(count: int, draws: np.random.Generator) -> NDArray[np.uint64]:
    """Random hashes, a twentieth of them equal."""
    found = random_hashes(count, draws)
    found[draws.permutation(count)[: count // _SHARED]] = found[0]
    return found


def perceptual(count: int, draws: np.random.Generator) -> NDArray[np.uint64]:
    """Perceptual hashes of pictures of few low frequencies, as chips of sea and land have."""
    falloff = 1 / (1 + np.hypot(*np.mgrid[0:THUMB, 0:THUMB]))
    found = np.empty(count, np.uint64)
    for place in range(count):
        waves = np.fft.irfft2(falloff * np.exp(2j * np.pi * draws.random((THUMB, THUMB))), (THUMB, THUMB))
        found[place] = int(thumb_hash((255 * (waves - waves.min()) / np.ptp(waves)).astype(np.uint8)), 16)
    return found


def brute(hashes: NDArray[np.uint64], distance: int) -> NDArray[np.int64]:
    """All pairs by comparing every hash with every later one: (K, 3)."""
    found = []
    for start in range(0, len(hashes), _ROWS):
        bits = np.bitwise_count(hashes[start : start + _ROWS, None] ^ hashes[None, start:])
        rows, columns = np.nonzero(bits <= distance)
        later = rows < columns
        rows, columns = rows[later], columns[later]
        found.append(np.stack([rows + start, columns + start, bits[rows, columns]], axis=1))
    return np.concatenate(found)


def ordered(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pairs by rising positions."""
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def compare(name: str, hashes: NDArray[np.uint64], distances: Sequence[int]) -> bool:
    """Print a line a distance; return whether all pairs were equal."""
    start = time.perf_counter()
    every = brute(hashes, MAX_DISTANCE)
    slow = time.perf_counter() - start
    equal = True
    for distance in distances:
        start = time.perf_counter()
        found = [np.stack(pairs, axis=1) for pairs in close_pairs(hashes, distance)]
        fast = time.perf_counter() - start
        own = ordered(np.concatenate([np.zeros((0, 3), np.int64), *found]))
        same = bool(np.array_equal(own, ordered(every[every[:, 2] <= distance])))
        equal &= same
        click.echo(
            f"{name:<12}{distance:2d} bits {len(own):10d} pairs {'equal' if same else 'DIFFER'} "
            f"{fast:8.2f} s, brute force {slow:7.1f} s: {slow / fast:7.0f} times faster"
        )
    return equal


@click.command()
@click.option("--count", default=100_000, show_default=True, help="How many hashes.")
@click.option("--distance", "distances", multiple=True, default=(1, 4, 8), show_default=True)
def main(count: int, distances: tuple[int, ...]) -> None:
    """Time the search for near hashes."""
    kinds = {"random": random_hashes, "clustered": clustered, "one shared": shared, "perceptual": perceptual}
    results = [
        compare(name, make(count, generator("near-duplicates", name)), distances)
        for name, make in kinds.items()
    ]
    if not all(results):
        raise click.ClickException("the pairs differ from brute force")


if __name__ == "__main__":
    main()
