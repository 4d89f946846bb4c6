"""The images of an ingested source, as every later room opens them.

A stack is a plain ``.npy`` of uint8 (N, S, S, C), C = 1 for SAR and 3 for optical; row i is the image of
row i of the ``scenes.parquet`` beside it.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sartext.core.errors import UserError


def open_stack(path: Path, scenes: int, size: int | None = None) -> NDArray[np.uint8]:
    """Return the images of `path`, memory-mapped: uint8 (N, S, S, C).

    Args:
        path: ``images.npy`` or ``twins.npy`` of a source.
        scenes: how many scenes the source has.
        size: the side the images must have, pixels; any if not given.

    Raises:
        UserError: no such file, no plain array of images, or not as many or as large as they should be.
    """
    again = f"ingest {path.parent.name} again"
    try:
        stack: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run 'sartext ingest' for {path.parent.name}") from None
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: not a plain npy file ({error}); {again}") from None
    if stack.dtype != np.uint8 or stack.ndim != 4 or stack.shape[3] not in (1, 3):
        raise UserError(f"{path}: {stack.dtype} {stack.shape}; expected uint8 (N, S, S, 1 or 3); {again}")
    if len(stack) != scenes:
        raise UserError(f"{path}: {len(stack)} images, but {scenes} scenes; {again}")
    if size is not None and stack.shape[1:3] != (size, size):
        raise UserError(
            f"{path}: images of {stack.shape[1:3]} pixels; expected {size} (images.size); {again}"
        )
    return stack
