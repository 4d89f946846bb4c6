"""CLIP: images and texts to features."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from sartext.models.interface import Images, Kind, Preprocess, TextCodec, tiles


class Clip:
    """A CLIP of open_clip."""

    kind: ClassVar[Kind] = "clip"

    def __init__(
        self, module: Any, codec: TextCodec, preprocess: Preprocess, context_length: int, device: str
    ) -> None:
        self.module = module.to(device).eval()
        self.codec = codec
        self.preprocess = preprocess
        self.context_length = context_length
        self.device = device

    @property
    def image_size(self) -> int:
        """Side of the images it takes, pixels."""
        return self.preprocess.size

    @torch.inference_mode()
    def encode_images(self, images: Images, batch_size: int) -> NDArray[np.float32]:
        """Return the images' features, float32 (N, D) of unit length.

        Args:
            images: uint8 (N, S, S, C), S `image_size`, C 1 or 3.
            batch_size: at least 1; features do not depend on it, since passes have a fixed size.

        Raises:
            ValueError: images of another size or type.
        """
        rows = []
        for index, real in tiles(len(images), batch_size):
            pixels = self.preprocess(images[index], self.device)
            features = self.module.encode_image(pixels, normalize=True)
            rows.append(features[:real].float().cpu().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, self._width()), np.float32)

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], batch_size: int) -> NDArray[np.float32]:
        """Return the texts' features, float32 (M, D) of unit length; as `encode_images`."""
        ids = self.codec.encode(texts, self.context_length) if texts else np.zeros((0, 1), np.int64)
        rows = []
        for index, real in tiles(len(texts), batch_size):
            tokens = torch.from_numpy(ids[index]).to(self.device)
            features = self.module.encode_text(tokens, normalize=True)
            rows.append(features[:real].float().cpu().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, self._width()), np.float32)

    def _width(self) -> int:
        return int(self.module.visual.output_dim)
