"""CoCa: features as CLIP's, and captions."""

from typing import ClassVar

from sartext.models.clip import Clip
from sartext.models.decode import Search, Specials, decode
from sartext.models.interface import Images, Kind, tiles


class Coca(Clip):
    """A CoCa of open_clip."""

    kind: ClassVar[Kind] = "coca"

    def caption(self, images: Images, beams: int, max_tokens: int, batch_size: int) -> list[str]:
        """Caption images.

        Args:
            images: uint8 (N, S, S, C), S `image_size`, C 1 or 3.
            beams: 1 is greedy.
            max_tokens: most tokens of a caption, start and end included; cut to the model's context.
            batch_size: at least 1; captions do not depend on it.

        Returns:
            One caption an image.
        """
        ids = Specials(self.codec.pad, self.codec.start, self.codec.end)
        search = Search(beams, min(max_tokens, self.context_length))
        captions: list[str] = []
        for index, real in tiles(len(images), batch_size):
            rows = decode(self.module, self.preprocess(images[index], self.device), search, ids)
            captions += [self.codec.decode(row) for row in rows[:real]]
        return captions
