"""CoCa: features as CLIP's, and captions."""

import hashlib
from typing import ClassVar

from sartext.core.seeds import generator
from sartext.models.clip import Clip
from sartext.models.decode import Sampling, Search, Specials, decode
from sartext.models.interface import Images, Kind, tiles


class Coca(Clip):
    """A CoCa of open_clip."""

    kind: ClassVar[Kind] = "coca"

    def caption(
        self,
        images: Images,
        beams: int,
        max_tokens: int,
        batch_size: int,
        length_penalty: float = 1.0,
        sampling: Sampling | None = None,
        seed: int = 0,
    ) -> list[str]:
        """Caption images.

        Args:
            images: uint8 (N, S, S, C), S `image_size`, C 1 or 3.
            beams: 1 is greedy.
            max_tokens: most tokens of a caption, start and end included; cut to the model's context.
            batch_size: at least 1; captions do not depend on it.
            length_penalty: of beams: exponent of a caption's length in its score.
            sampling: of one beam: draw words. An image is drawn for by `seed` and what it shows: its caption
                depends on no other image, nor on its place among them.
            seed: of `sampling`.

        Returns:
            One caption an image.

        Raises:
            ValueError: images of another size or type, or `sampling` with several beams.
            UserError: open_clip cannot caption with such a model.
        """
        ids = Specials(self.codec.pad, self.codec.start, self.codec.end)
        longest = min(max_tokens, self.context_length, self.module.text.context_length)
        search = Search(beams, longest, length_penalty=length_penalty, sampling=sampling)
        captions: list[str] = []
        for index, real in tiles(len(images), batch_size):
            tile = images[index]
            streams = []
            if sampling is not None:
                shown = [hashlib.sha256(image.tobytes()).hexdigest() for image in tile]
                streams = [generator(seed, "caption", digest) for digest in shown]
            rows = decode(self.module, self.preprocess(tile, self.device), search, ids, streams)
            captions += [self.codec.decode(row) for row in rows[:real]]
        return captions
