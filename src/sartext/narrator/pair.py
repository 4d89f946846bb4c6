"""The pairing branch: a captioner sees the registered optical image, a rewriter gives its words SAR wording.

The paper captions with a CoCa trained on optical remote-sensing captions; here that is a CoCa checkpoint of
recipe ``optical``, or any model that captions (see `sartext.models.load`). What the captioner said of
finished batches is kept in a journal, and answers of a language model in a cache, so that a killed run goes
on where it was.
"""

import csv
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sartext.core.config import Config, RewriterConfig
from sartext.core.errors import UserError
from sartext.core.files import atomic_path, digest_json, sha256_file
from sartext.core.progress import track
from sartext.core.records import Caption
from sartext.core.stacks import open_stack
from sartext.core.tables import read_scenes
from sartext.models import load
from sartext.narrator.rewriters import Account, make_rewriter
from sartext.narrator.run import check_branch, write_captions


@dataclass(frozen=True, slots=True)
class Narrated:
    """What became of one optical caption.

    Attributes:
        key: scene id, or path of the SAR image.
        optical: the captioner's words on the optical image.
        caption: the rewritten caption; empty where the captioner said nothing.
        rewritten_by: ``rules`` or the language model's back end.
        fallback: why the rules stood in for a language model; empty if they did not.
    """

    key: str
    optical: str
    caption: str
    rewritten_by: str
    fallback: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the captioner decodes: beams, most tokens of a caption, images a batch."""

    beams: int
    max_tokens: int
    batch_size: int


class Journal:
    """Optical captions of finished batches, in a file of JSON lines that grows batch by batch.

    Args:
        path: the file; one that holds captions made another way is begun anew, and that is said.
        made_by: what captions depend on beside the image, such as a digest of captioner and decoding.

    Raises:
        UserError: the file cannot be read or written.
    """

    def __init__(self, path: Path, made_by: str) -> None:
        self.path = path
        self._captions: dict[str, str] = {}
        try:
            self._begin(made_by)
        except OSError as error:
            raise UserError(
                f"{path}: {error.strerror or error}; expected a file to keep optical captions in"
            ) from None

    def _begin(self, made_by: str) -> None:
        header, end = json.dumps({"made_by": made_by}).encode() + b"\n", 0
        content = self.path.read_bytes() if self.path.exists() else b""
        if content.startswith(header):
            end = len(header)
            for line in content[end:].splitlines(keepends=True):
                row = _journal_row(line)
                if row is None:  # torn when the run was killed: it and what follows is made again
                    break
                self._captions[row[0]] = row[1]
                end += len(line)
        elif content:
            print(
                f"sartext: {self.path} was made by another captioner or other settings; it is begun anew",
                file=sys.stderr,
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self.path.open("r+b" if end else "wb")
        self._stream.truncate(end)
        self._stream.seek(end)
        if not end:
            self._stream.write(header)
            self._stream.flush()

    def __contains__(self, stamp: str) -> bool:
        return stamp in self._captions

    def __getitem__(self, stamp: str) -> str:
        return self._captions[stamp]

    def add(self, stamps: Sequence[str], captions: Sequence[str]) -> None:
        """Keep the captions of a batch; they outlast this process from here on."""
        self._captions.update(zip(stamps, captions, strict=True))
        rows = (json.dumps(row) + "\n" for row in zip(stamps, captions, strict=True))
        self._stream.write("".join(rows).encode())
        self._stream.flush()

    def remove(self) -> None:
        """Delete the file: what was made of it is written."""
        self._stream.close()
        self.path.unlink(missing_ok=True)


def _journal_row(line: bytes) -> tuple[str, str] | None:
    try:
        stamp, caption = json.loads(line)
    except (ValueError, TypeError):
        return None
    sound = isinstance(stamp, str) and isinstance(caption, str) and line.endswith(b"\n")
    return (stamp, caption) if sound else None


def image_stamp(path: Path | str) -> str:
    """Return a name of an image file that changes with the file: its path, size and time."""
    found = Path(path).stat()
    return f"{path}|{found.st_size}|{found.st_mtime_ns}"


class PairNarrator:
    """A captioner and a rewriter, one after the other.

    Args:
        captioner: a spec of `sartext.models.load` that captions.
        decoding: how to decode.
        rewriter: which rewriter, and its settings; the rules if not given.
        device: where captioner and a local rewriter run.
        cache: folder where answers of a language model are kept; none are kept if not given.

    Raises:
        UserError: no such checkpoint or rewriter, or the model does not caption.
    """

    def __init__(
        self,
        captioner: str,
        decoding: Decoding,
        rewriter: RewriterConfig | None = None,
        device: str = "cpu",
        cache: Path | None = None,
    ) -> None:
        self._rewrite = make_rewriter(rewriter or RewriterConfig(), cache, device)
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

    @property
    def account(self) -> Account:
        """What the rewriter did."""
        return self._rewrite.account

    def journal(self, path: Path) -> Journal:
        """Open the journal of what this captioner said, or begin one."""
        how = self._decoding
        return Journal(path, digest_json([_captioner_digest(self._name), how.beams, how.max_tokens]))

    def narrate(
        self,
        keys: Sequence[str],
        stamps: Sequence[str],
        batch_of: Callable[[Sequence[int]], NDArray[np.uint8]],
        journal: Journal,
        label: str = "caption optical twins",
    ) -> list[Narrated]:
        """Caption optical images and rewrite the captions.

        Args:
            keys: a name for each image, to stand in the result.
            stamps: a name for each that changes with the image; those of the journal are not captioned again.
            batch_of: from positions in `keys` to their images, uint8 (N, S, S, 3).
            journal: what was said before; grows.
            label: said with the progress.

        Raises:
            UserError: the images have not the size that the captioner takes, or the rewriter cannot go on.
        """
        waiting = [place for place, stamp in enumerate(stamps) if stamp not in journal]
        how = self._decoding
        for start in track(range(0, len(waiting), how.batch_size), label):
            places = waiting[start : start + how.batch_size]
            batch = batch_of(places)
            if batch.shape[1] != self.image_size:
                raise UserError(
                    f"{self._name}: takes images of {self.image_size} pixels a side, these have "
                    f"{batch.shape[1]}; expected a captioner trained with this profile's images.size"
                )
            said = self._model.caption(batch, how.beams, how.max_tokens, how.batch_size)
            journal.add([stamps[place] for place in places], said)
        optical = [journal[stamp] for stamp in stamps]
        return [
            Narrated(
                key,
                said,
                rewritten.text if any(letter.isalpha() for letter in said) else "",
                rewritten.by,
                rewritten.fallback,
            )
            for key, said, rewritten in zip(keys, optical, self._rewrite(optical), strict=True)
        ]


def _captioner_digest(spec: str) -> str:
    """Digest of a checkpoint's files; a released model is its name."""
    folder = Path(spec)
    if not folder.is_dir():
        return spec
    files = sorted(path for path in folder.iterdir() if path.suffix in (".safetensors", ".json"))
    return digest_json({path.name: sha256_file(path) for path in files})


def write_provenance(path: Path, narrated: Sequence[Narrated], key: str = "scene_id") -> None:
    """Write what became of each image's optical caption as csv, atomically.

    Columns: ``scene_id,optical_caption,caption,rewritten_by,fallback``.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([key, "optical_caption", "caption", "rewritten_by", "fallback"])
        writer.writerows(
            [entry.key, entry.optical, entry.caption, entry.rewritten_by, entry.fallback]
            for entry in narrated
        )


def narrate_pairs(config: Config, source: str, captioner: str, out: Path) -> None:
    """Caption a source of pairs; write ``out`` (Parquet), and its counts and both captions beside it.

    Args:
        config: the profile; the source must be ingested.
        source: a source's name.
        captioner: a spec of `sartext.models.load`.
        out: the table to write; its counts (``.json``) hold the rewriter's account.

    Raises:
        UserError: the profile does not pair the source, its twins are missing, the captioner cannot
            caption, or the rewriter cannot go on.
    """
    check_branch(config, source, "pair")
    folder = config.results / "scenes" / source
    scenes = read_scenes(folder / "scenes.parquet")
    twins = open_stack(folder / "twins.npy", len(scenes))
    decoding = Decoding(
        config.narrator.pair_beams, config.evaluation.caption_length, config.evaluation.batch_size
    )
    narrator = PairNarrator(
        captioner,
        decoding,
        config.narrator.rewriter,
        config.engine.device,
        config.results / "rewriter-cache",
    )
    keys = [scene.scene_id for scene in scenes]
    stack = image_stamp(folder / "twins.npy")
    stamps = [f"{stack}|{place}|{key}" for place, key in enumerate(keys)]
    journal = narrator.journal(out.with_suffix(".partial"))
    narrated = narrator.narrate(
        keys,
        stamps,
        lambda places: np.ascontiguousarray(twins[list(places)]),
        journal,
        f"caption twins of {source}",
    )
    captions = [Caption(entry.key, "pair", entry.caption) for entry in narrated if entry.caption]
    write_captions(out, source, "pair", scenes, captions, {"rewriter": narrator.account.summary()})
    write_provenance(out.with_suffix(".csv"), narrated)
    journal.remove()
