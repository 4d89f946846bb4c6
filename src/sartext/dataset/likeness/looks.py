"""Second check before two images count as one: the same speckle or texture, place by place.

A perceptual hash keeps the signs of the lowest frequencies: chips of open sea or bare land share it by
chance, and so do ships in the middle of a dark chip. Whether two images are the same is told by what they are
made of. An image is drawn in grey at 64 x 64 cells and cut into 8 x 8 windows; from each window its own
smooth part (a quadratic surface) is taken away. What is left is textured where its deviation is above that of
rounding to whole grey levels, and is kept as one bit a cell: above or below the window's median. Two images
are the same if enough windows are textured in both, and enough of their bits agree.

- Smooth parts count for nothing: chips that share a gradient, or are flat, have no textured window and are
  the same only if their pixels are equal. A window's bits are half ones whatever it holds, so a bright ship
  in two dark chips is a few windows of 64.
- Bits do not change with contrast, brightness or gamma, where nothing saturates.

Measured on the real samples (HRSID and pieces of it, SEN1-2, SAR-Ship-Dataset, SSDD, SAR-AIRcraft, MSTAR,
UCM, RSICD), simulated scenes, drawn sea and ships, with small copies of 64 and 224 pixels. Copies: JPEG of
quality 50 to 95, resized by 0.5 to 1.3, stretched, by gamma 0.7 and 1.5, halved in contrast. Bits that agree:
unlike images 50% by chance and at most 59% in 440,000 pairs (62% and 73% in three pairs of UCM's crop rows,
whose hashes are 28 bits or more apart); copies of real images 76% or more, of simulated ones of 64 pixels 64%
or more. Not seen: copies of dark sea (deviation below half a grey level once averaged), which has no textured
window. Seen as the same: images that share a background and differ in a few windows.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sartext.dataset.likeness.prints import Prints

TEXTURE = 0.5
"""Grey levels: deviation of a window from which it is textured; rounding alone leaves 0.29."""

WINDOWS = 16
"""Windows of 64 that must be textured in both images: a quarter of the image."""

AGREEMENT = 0.65
"""Share of bits of those windows that must agree: unlike images have at most 0.59, real copies 0.76."""

_CELLS, _WINDOW = 64, 8
_COUNT = (_CELLS // _WINDOW) ** 2
_PAIRS = 1 << 14


@dataclass(frozen=True, eq=False)
class Looks:
    """The texture of images, 576 bytes each.

    Attributes:
        words: uint64 (N, 64), one word of 64 bits a window.
        textured: bool (N, 64).
    """

    words: NDArray[np.uint64]
    textured: NDArray[np.bool_]

    @property
    def featured(self) -> NDArray[np.bool_]:
        """Whether an image has texture enough to be told from others, bool (N,)."""
        enough: NDArray[np.bool_] = self.textured.sum(axis=1) >= WINDOWS
        return enough


@cache
def _averages(size: int) -> NDArray[np.float32]:
    """Weights (64, size) that average `size` pixels into 64 cells by the area they share."""
    edges = np.arange(_CELLS + 1) * (size / _CELLS)
    pixel = np.arange(size)
    shared = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights: NDArray[np.float32] = (np.clip(shared, 0, None) * (_CELLS / size)).astype(np.float32)
    return weights


@cache
def _smooth() -> NDArray[np.float32]:
    """An orthonormal basis (64, 6) of the quadratic surfaces over a window."""
    y, x = np.mgrid[-1 : 1 : _WINDOW * 1j, -1 : 1 : _WINDOW * 1j].reshape(2, -1)
    basis, _ = np.linalg.qr(np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1))
    return basis.astype(np.float32)


def describe(grey: NDArray[np.float32]) -> Looks:
    """Return the texture of images.

    Args:
        grey: float32 (N, S, S), 0 to 255.
    """
    weights = _averages(grey.shape[1])
    cells = weights @ grey @ weights.T
    side = _CELLS // _WINDOW
    windows = cells.reshape(-1, side, _WINDOW, side, _WINDOW).swapaxes(2, 3).reshape(-1, _COUNT, _WINDOW**2)
    rest = windows - (windows @ _smooth()) @ _smooth().T
    above = rest > np.median(rest, axis=2, keepdims=True)
    words = np.packbits(above, axis=2).view(np.uint64)[..., 0]
    return Looks(words, np.sqrt(np.square(rest).mean(axis=2)) > TEXTURE)


def looks_of(prints: Prints, positions: NDArray[np.int64]) -> Looks:
    """Return the texture of some images, in the order of `positions`."""
    looks = Looks(np.zeros((len(positions), _COUNT), np.uint64), np.zeros((len(positions), _COUNT), np.bool_))
    for places, grey in prints.grey(positions):
        found = describe(grey)
        looks.words[places], looks.textured[places] = found.words, found.textured
    return looks


def same_texture(looks: Looks, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether the images at `first` are those at `second`, bool (K,).

    Args:
        looks: textures of N images.
        first: int64 (K,), positions in `looks`.
        second: the same.
    """
    same = np.zeros(len(first), np.bool_)
    for start in range(0, len(first), _PAIRS):
        part = slice(start, start + _PAIRS)
        one, other = first[part], second[part]
        both = looks.textured[one] & looks.textured[other]
        differing = np.bitwise_count(looks.words[one] ^ looks.words[other])
        windows = both.sum(axis=1)
        bits = differing.sum(axis=1, where=both, dtype=np.int64)
        same[part] = (windows >= WINDOWS) & (bits <= (1 - AGREEMENT) * _WINDOW**2 * windows)
    return same
