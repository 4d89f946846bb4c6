"""Which of many images are the same: equal pixels, or close perceptual hashes and the same texture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sartext.dataset.likeness.looks import looks_of, same_texture
from sartext.dataset.likeness.near import close_pairs, has_close
from sartext.dataset.likeness.prints import Prints


@dataclass(frozen=True, eq=False)
class Same:
    """Which images of a list are the same.

    Attributes:
        pixels: int64 (N,): a number for each image, equal for equal pixels, counted from 0.
        first: int64 (K,): such a number, of pixels that are nearly those of `second`; a pair stands once.
        second: int64 (K,).
        bits: int64 (K,): bits that their perceptual hashes differ by.
    """

    pixels: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    bits: NDArray[np.int64]

    def both_ways(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return `first`, `second` and `bits` with every pair in both orders."""
        return (
            np.concatenate([self.first, self.second]),
            np.concatenate([self.second, self.first]),
            np.concatenate([self.bits, self.bits]),
        )


def find_same(prints: Prints, distance: int) -> Same:
    """Return which images are the same.

    Images without texture are the same only if their pixels are equal (see `looks`), and are left aside
    before pairs are made: thousands of flat chips share one hash.

    Args:
        prints: the images.
        distance: most bits that perceptual hashes of near images may differ by.
    """
    _, one, pixels = np.unique(prints.sha256, return_index=True, return_inverse=True)
    hashes = prints.phash[one]
    asked = np.flatnonzero(has_close(hashes, distance))
    looks = looks_of(prints, one[asked])
    featured = np.flatnonzero(looks.featured)
    found = [np.zeros((3, 0), np.int64)]
    for first, second, bits in close_pairs(hashes[asked[featured]], distance):
        same = same_texture(looks, featured[first], featured[second])
        found.append(np.stack([asked[featured[first[same]]], asked[featured[second[same]]], bits[same]]))
    first, second, bits = np.concatenate(found, axis=1)
    order = np.lexsort((second, first))
    return Same(pixels.astype(np.int64), first[order], second[order], bits[order])
