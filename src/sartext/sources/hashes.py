"""Hashes of an image: of its pixels as they are, and of what it looks like."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from sartext.sources.decode import Pixels

# side of the picture that pHash is of, and of the square of frequencies it keeps
THUMB, _LOW = 32, 8


@dataclass(frozen=True, slots=True)
class Hashes:
    """Digest of an image's decoded pixels at full size, and its perceptual hash (64 bits, hexadecimal)."""

    sha256: str
    phash: str


def hash_image(image: Pixels) -> Hashes:
    """Return the hashes of a decoded image.

    Args:
        image: uint8 (H, W, C), full size.

    Returns:
        SHA-256 over the line ``H W C`` and the pixels in C order; pHash as the imagehash package's ``phash``.
    """
    grey = Image.fromarray(image[..., 0]) if image.shape[2] == 1 else Image.fromarray(image).convert("L")
    thumb = np.asarray(grey.resize((THUMB, THUMB), Image.Resampling.LANCZOS))
    return Hashes(pixel_digest(image), thumb_hash(thumb))


def pixel_digest(image: Pixels) -> str:
    """Return the hexadecimal SHA-256 over the line ``H W C`` and the pixels in C order of uint8 (H, W, C)."""
    digest = hashlib.sha256(" ".join(map(str, image.shape)).encode() + b"\n")
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def thumb_hash(thumb: npt.NDArray[np.uint8]) -> str:
    """Return the hexadecimal pHash: which of the lowest frequencies are above their median.

    Bit for bit that of the imagehash package, without its detours.

    Args:
        thumb: uint8 (32, 32), the image in grey, resized by Lanczos's filter.
    """
    from scipy.fft import dct

    low = dct(dct(thumb.astype(np.float64), axis=0), axis=1)[:_LOW, :_LOW].ravel()
    middle = slice(low.size // 2 - 1, low.size // 2 + 1)
    median = np.partition(low, (middle.start, middle.start + 1))[middle].sum() / 2
    return np.packbits(low > median).tobytes().hex()
