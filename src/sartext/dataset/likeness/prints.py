"""What images are compared by: pixel digests, perceptual hashes, and where their small copies lie."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.core.stacks import open_stack

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Print:
    """One image: its scene, whether it is the optical twin, its digest and hash, and its small copy's place.

    Attributes:
        scene_id: the scene it belongs to.
        twin: it is the scene's optical twin, not the scene's own image.
        sha256: digest of the decoded pixels at full size, hexadecimal.
        phash: perceptual hash, 64 bits.
        stack: which of the stacks holds its small copy.
        row: where in it.
    """

    scene_id: str
    twin: bool
    sha256: str
    phash: int
    stack: int
    row: int


@dataclass(frozen=True, eq=False)
class Prints:
    """Images to compare, as columns: an object each would take gigabytes with what is computed of them.

    Attributes:
        scene_ids: (N,) of str.
        twin: bool (N,).
        sha256: bytes of 64, (N,).
        phash: uint64 (N,).
        stack: int32 (N,).
        row: int64 (N,).
        stacks: uint8 (M, S, S, C) arrays of small copies, of one S.
    """

    scene_ids: NDArray[np.object_]
    twin: NDArray[np.bool_]
    sha256: NDArray[np.bytes_]
    phash: NDArray[np.uint64]
    stack: NDArray[np.int32]
    row: NDArray[np.int64]
    stacks: tuple[NDArray[np.uint8], ...]

    @classmethod
    def of(cls, prints: Sequence[Print], stacks: Sequence[NDArray[np.uint8]]) -> "Prints":
        """Return the prints as columns; `Print.stack` counts `stacks`."""
        return cls(
            np.array([one.scene_id for one in prints], np.object_),
            np.array([one.twin for one in prints], np.bool_),
            np.array([one.sha256.encode() for one in prints], "S64"),
            np.array([one.phash for one in prints], np.uint64),
            np.array([one.stack for one in prints], np.int32),
            np.array([one.row for one in prints], np.int64),
            tuple(stacks),
        )

    @classmethod
    def joined(cls, parts: Sequence["Prints"]) -> "Prints":
        """Return the rows of several, one after the other."""
        firsts = np.cumsum([0] + [len(part.stacks) for part in parts])
        stack = [part.stack + int(first) for part, first in zip(parts, firsts, strict=False)]
        return cls(
            np.concatenate([np.zeros(0, np.object_)] + [part.scene_ids for part in parts]),
            np.concatenate([np.zeros(0, np.bool_)] + [part.twin for part in parts]),
            np.concatenate([np.zeros(0, "S64")] + [part.sha256 for part in parts]),
            np.concatenate([np.zeros(0, np.uint64)] + [part.phash for part in parts]),
            np.concatenate([np.zeros(0, np.int32), *stack]).astype(np.int32),
            np.concatenate([np.zeros(0, np.int64)] + [part.row for part in parts]),
            tuple(stack for part in parts for stack in part.stacks),
        )

    def __len__(self) -> int:
        return len(self.scene_ids)

    def grey(self, positions: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield the small copies of some images in grey, some at a time, in the order they lie on disk.

        Yields:
            The images' places in `positions`, int64 (K,), and float32 (K, S, S), 0 to 255.
        """
        for number, stack in enumerate(self.stacks):
            here = np.flatnonzero(self.stack[positions] == number)
            here = here[np.argsort(self.row[positions[here]], kind="stable")]
            for start in range(0, len(here), _BATCH):
                part = here[start : start + _BATCH]
                yield part, stack[self.row[positions[part]]].mean(axis=3, dtype=np.float32)


def _hash_rows(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = {row["scene_id"]: row for row in csv.DictReader(stream)}
    except (FileNotFoundError, KeyError):
        raise UserError(f"{path}: no table of scene_id,sha256,phash; ingest the source") from None
    return rows


def read_prints(config: Config, source: str, scenes: Sequence[Scene]) -> Prints:
    """Return the prints of a source's scenes, in their order; a pair gives two, its image and its twin.

    Args:
        config: the profile; the source must be ingested.
        source: a source's name.
        scenes: all of its ingested scenes, row by row.

    Raises:
        UserError: hashes or images are missing, or do not belong to these scenes.
    """
    folder = config.results / "scenes" / source
    path = folder / "hashes.csv"
    hashes = _hash_rows(path)
    stacks = [open_stack(folder / "images.npy", len(scenes), config.images.size)]
    if any(scene.twin for scene in scenes):
        stacks.append(open_stack(folder / "twins.npy", len(scenes), config.images.size))
    prints = []
    for row, scene in enumerate(scenes):
        entry = hashes.get(scene.scene_id)
        if entry is None:
            raise UserError(f"{path}: no hashes of {scene.scene_id}; ingest the source again")
        prints.append(_print(path, scene.scene_id, entry, 0, row))
        if scene.twin:
            prints.append(_print(path, scene.scene_id, entry, 1, row))
    return Prints.of(prints, stacks)


def _print(path: Path, scene_id: str, entry: dict[str, str], stack: int, row: int) -> Print:
    prefix = "twin_" if stack else ""
    sha256, phash = (entry.get(f"{prefix}{name}") or "" for name in ("sha256", "phash"))
    try:
        if len(bytes.fromhex(sha256)) == 32 and len(bytes.fromhex(phash)) == 8:
            return Print(scene_id, bool(stack), sha256, int(phash, 16), stack, row)
    except ValueError:
        pass
    raise UserError(
        f"{path}: {scene_id}: digest {sha256!r:.70} and perceptual hash {phash!r:.40}; expected 64 and 16 "
        "hexadecimal digits; ingest the source again"
    )
