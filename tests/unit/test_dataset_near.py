"""The search for near hashes, against counting the bits of every pair."""

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sartext.dataset.likeness.near import MAX_DISTANCE, close_pairs, has_close

HASH = st.integers(0, 2**64 - 1)


@st.composite
def families(draw: st.DrawFn) -> list[int]:
    """Hashes some of which are a few bits from another: random words are 32 bits apart."""
    hashes = draw(st.lists(HASH, max_size=12))
    for _ in range(draw(st.integers(0, 25))):
        if hashes:
            near = draw(st.sampled_from(hashes))
            for bit in draw(st.lists(st.integers(0, 63), max_size=10)):
                near ^= 1 << bit
            hashes.append(near)
    return hashes


def naive(hashes: list[int], distance: int) -> set[tuple[int, int, int]]:
    return {
        (i, j, bits)
        for (i, a), (j, b) in combinations(enumerate(hashes), 2)
        if (bits := (a ^ b).bit_count()) <= distance
    }


def found(hashes: NDArray[np.uint64], distance: int) -> list[tuple[int, int, int]]:
    return [
        triple
        for part in close_pairs(hashes, distance)
        for triple in zip(*(column.tolist() for column in part), strict=True)
    ]


@given(families(), st.integers(0, MAX_DISTANCE))
def test_pairs_are_those_of_counting_bits_one_by_one(hashes: list[int], distance: int) -> None:
    own = found(np.array(hashes, np.uint64), distance)
    expected = naive(hashes, distance)
    assert len(own) == len(set(own)), "each pair once"
    assert set(own) == expected
    near = {position for one, other, _ in expected for position in (one, other)}
    told = has_close(np.array(hashes, np.uint64), distance)
    assert set(np.flatnonzero(told).tolist()) == near


@pytest.mark.parametrize("distance", [0, 1, 3, 8])
@pytest.mark.parametrize("kind", ["random", "clusters", "one shared", "few bits", "counted"])
def test_thousands_of_hashes_give_the_pairs_of_brute_force(kind: str, distance: int) -> None:
    draws = np.random.default_rng(7)
    hashes = draws.integers(0, 2**64, 1500, dtype=np.uint64)
    if kind == "clusters":
        hashes = hashes[draws.integers(0, 60, 1500)]
        for _ in range(5):
            hashes ^= np.uint64(1) << draws.integers(0, 64, 1500, dtype=np.uint64)
    elif kind == "one shared":
        hashes[500:1000] = hashes[0]
    elif kind == "few bits":
        # all but twenty bits are constant, as those of chips of one kind may be
        hashes = (hashes & np.uint64(0xFFFFF)) | np.uint64(0xABC << 40)
    elif kind == "counted":
        hashes = np.arange(1500, dtype=np.uint64) << np.uint64(30)
    bits = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    rows, columns = np.nonzero(np.triu(bits <= distance, 1))
    expected = np.stack([rows, columns, bits[rows, columns]])
    own = np.concatenate(
        [np.zeros((3, 0), np.int64), *(np.stack(part) for part in close_pairs(hashes, distance))], axis=1
    )
    assert np.array_equal(own[:, np.lexsort((own[1], own[0]))], expected)


def test_the_search_does_not_grow_with_the_square() -> None:
    """Of 200,000 hashes there are 20 thousand million pairs: brute force takes minutes."""
    hashes = np.random.default_rng(1).integers(0, 2**64, 200_000, dtype=np.uint64)
    hashes[-1] = hashes[0] ^ np.uint64(0b1011)
    start = time.process_time()
    pairs = found(hashes, 4)
    assert (0, 199_999, 3) in pairs
    assert time.process_time() - start < 20


def test_millions_of_pairs_come_in_pieces() -> None:
    sizes = [len(part[0]) for part in close_pairs(np.full(3000, 5, np.uint64), 4)]
    assert sum(sizes) == 3000 * 2999 // 2
    assert max(sizes) <= 1 << 20


@pytest.mark.parametrize("distance", [-1, 9])
def test_other_distances_are_refused(distance: int) -> None:
    with pytest.raises(ValueError, match="expected 0 to 8"):
        list(close_pairs(np.arange(3, dtype=np.uint64), distance))
