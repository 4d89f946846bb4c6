"""What a loaded model offers, by kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Kind = Literal["clip", "coca", "gpt"]
Images = NDArray[np.uint8]

# forward passes run on this many rows at all times, the last ones padded: a row's bytes then depend neither
# on `batch_size` nor on its neighbours
TILE = 32


class TextCodec(Protocol):
    """Texts to ids and back."""

    pad: int
    start: int
    end: int

    def encode(self, texts: Sequence[str], length: int) -> NDArray[np.int64]:
        """Return int64 (N, `length`)."""

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids."""


@dataclass(frozen=True)
class Preprocess:
    """From 8-bit pixels to what the network sees.

    Attributes:
        size: side of the square, pixels.
        mean: of each channel, pixels scaled to 0..1.
        std: of each channel.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, images: Images, device: str) -> Any:
        """Return float32 (N, 3, S, S), normalised; a grey image is repeated to 3 channels.

        Args:
            images: uint8 (N, S, S, C), C 1 or 3.
            device: where the tensor goes.

        Raises:
            ValueError: another shape or type.
        """
        import torch

        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise ValueError(f"expected uint8 (N, S, S, 1 or 3), got {images.dtype} {images.shape}")
        if images.shape[1:3] != (self.size, self.size):
            raise ValueError(f"expected images of {self.size} pixels a side, got {images.shape[1:3]}")
        return self.normalised(torch.from_numpy(np.ascontiguousarray(images)).to(device))

    def normalised(self, images: Any) -> Any:
        """Return float32 (N, 3, S, S) from a uint8 tensor (N, S, S, 1 or 3), on the device where that is."""
        import torch

        pixels = images.permute(0, 3, 1, 2).expand(-1, 3, -1, -1).to(torch.float32) / 255
        mean = torch.tensor(self.mean, device=images.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(1, 3, 1, 1)
        return (pixels - mean) / std


class Model(Protocol):
    """A loaded model; what it can do goes by its kind."""

    kind: ClassVar[Kind]

    @property
    def image_size(self) -> int:
        """Side of the images it takes, pixels."""


def tiles(count: int, batch_size: int) -> Iterable[tuple[NDArray[np.int64], int]]:
    """Yield row numbers in tiles of `TILE`, the last padded with its own last row, and how many are real.

    Args:
        count: rows.
        batch_size: at least 1; it does not change the tiles (see `TILE`).
    """
    if batch_size < 1:
        raise ValueError(f"batch_size {batch_size}; expected at least 1")
    for start in range(0, count, TILE):
        real = min(TILE, count - start)
        yield np.minimum(np.arange(start, start + TILE), count - 1), real
