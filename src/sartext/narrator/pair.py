"""The pairing branch: a captioner sees the registered optical image, a rewriter gives its words SAR wording.

The paper captions with a CoCa trained on optical remote-sensing captions; here that is a CoCa checkpoint of
recipe ``optical``, or any model that captions (see `sartext.models.load`).
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import atomic_path
from sartext.core.progress import track
from sartext.core.records import Caption
from sartext.core.stacks import open_stack
from sartext.core.tables import read_scenes
from sartext.models import load
from sartext.narrator.rewriter import rewriter
from sartext.narrator.run import check_branch, write_captions


@dataclass(frozen=True, slots=True)
class Narrated:
    """What became of one optical caption.

    Attributes:
        key: scene id, or path of the SAR image.
        optical: the captioner's words on the optical image.
        caption: the rewritten caption; empty where the captioner said nothing.
    """

    key: str
    optical: str
    caption: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the captioner decodes: beams, most tokens of a caption, images a batch."""

    beams: int
    max_tokens: int
    batch_size: int


class PairNarrator:
    """A captioner and a rewriter, one after the other.

    Args:
        captioner: a spec of `sartext.models.load` that captions.
        decoding: how to decode.
        rewriter_name: see `sartext.narrator.rewriter`.
        device: where the captioner runs.

    Raises:
        UserError: no such checkpoint or rewriter, or the model does not caption.
    """

    def __init__(
        self, captioner: str, decoding: Decoding, rewriter_name: str = "rules", device: str = "cpu"
    ) -> None:
        self._rewrite = rewriter(rewriter_name)
        self._name = captioner
        self._decoding = decoding
        model: Any = load(captioner, device)
        if model.kind != "coca":
            raise UserError(
                f"{captioner}: a {model.kind} model, which does not caption; expected a CoCa checkpoint"
            )
        self._model = model

    @property
    def image_size(self) -> int:
        """Side of the images it takes, pixels."""
        return int(self._model.image_size)

    def narrate(self, keys: Sequence[str], batches: Iterable[NDArray[np.uint8]]) -> list[Narrated]:
        """Caption optical images and rewrite the captions.

        Args:
            keys: a name for each image.
            batches: the images in the same order, uint8 (N, S, S, 3) each.

        Raises:
            UserError: the images have not the size that the captioner takes.
        """
        how = self._decoding
        optical: list[str] = []
        for batch in batches:
            if batch.shape[1] != self.image_size:
                raise UserError(
                    f"{self._name}: takes images of {self.image_size} pixels a side, these have "
                    f"{batch.shape[1]}; expected a captioner trained with this profile's images.size"
                )
            optical += self._model.caption(batch, how.beams, how.max_tokens, how.batch_size)
        return [
            Narrated(key, said, text if any(letter.isalpha() for letter in said) else "")
            for key, said, text in zip(keys, optical, self._rewrite(optical), strict=True)
        ]


def write_provenance(path: Path, narrated: Sequence[Narrated], key: str = "scene_id") -> None:
    """Write both captions of each image as csv (``scene_id,optical_caption,caption``), atomically."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([key, "optical_caption", "caption"])
        writer.writerows([entry.key, entry.optical, entry.caption] for entry in narrated)


def narrate_pairs(config: Config, source: str, captioner: str, out: Path) -> None:
    """Caption a source of pairs; write ``out`` (Parquet), and its counts and both captions beside it.

    Args:
        config: the profile; the source must be ingested.
        source: a source's name.
        captioner: a spec of `sartext.models.load`.
        out: the table to write.

    Raises:
        UserError: the profile does not pair the source, its twins are missing, or the captioner cannot
            caption.
    """
    check_branch(config, source, "pair")
    folder = config.results / "scenes" / source
    scenes = read_scenes(folder / "scenes.parquet")
    twins = open_stack(folder / "twins.npy", len(scenes))
    decoding = Decoding(
        config.narrator.pair_beams, config.evaluation.caption_length, config.evaluation.batch_size
    )
    starts = range(0, len(scenes), decoding.batch_size)
    batches = (
        np.ascontiguousarray(twins[start : start + decoding.batch_size])
        for start in track(starts, f"caption twins of {source}")
    )
    keys = [scene.scene_id for scene in scenes]
    narrator = PairNarrator(captioner, decoding, device=config.engine.device)
    narrated = narrator.narrate(keys, batches)
    captions = [Caption(entry.key, "pair", entry.caption) for entry in narrated if entry.caption]
    write_captions(out, source, "pair", scenes, captions)
    write_provenance(out.with_suffix(".csv"), narrated)
