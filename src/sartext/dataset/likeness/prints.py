"""What images are compared by: pixel digests, perceptual hashes, and small copies to confirm a likeness."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sartext.core.config import Config, ImagesConfig
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.core.stacks import open_stack
from sartext.sources import decode_image, resize
from sartext.sources.hashes import hash_image

Part = Literal["image", "twin"]
Likeness = Literal["exact", "near"]

SAME_SCENE = 0.95
"""Normalised correlation of two small images from which an equal perceptual hash counts as the same image.

A perceptual hash keeps signs of low frequencies only: open sea and bare land without features share it by
chance.
"""

_ROWS = 512
_PAIRS = 2048


@dataclass(frozen=True, slots=True)
class Print:
    """One image to compare.

    Attributes:
        scene_id: the scene it belongs to.
        part: the scene's own image, or its optical twin.
        sha256: digest of the decoded pixels at full size.
        phash: 64-bit perceptual hash.
        stack: uint8 (N, S, S, C) that holds its small copy.
        row: where in `stack`.
    """

    scene_id: str
    part: Part
    sha256: str
    phash: int
    stack: NDArray[np.uint8]
    row: int


@dataclass(frozen=True, slots=True)
class Likely:
    """Two images found alike: positions in the lists compared, how, and the bits between their hashes."""

    first: int
    second: int
    kind: Likeness
    distance: int


def _hash_rows(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = {row["scene_id"]: row for row in csv.DictReader(stream)}
    except (FileNotFoundError, KeyError):
        raise UserError(f"{path}: no table of scene_id,sha256,phash; ingest the source") from None
    return rows


def read_prints(config: Config, source: str, scenes: Sequence[Scene]) -> list[Print]:
    """Return the prints of a source's scenes, in their order; a pair gives two, its image and its twin.

    Args:
        config: the profile; the source must be ingested.
        source: a source's name.
        scenes: all of its ingested scenes, row by row.

    Raises:
        UserError: hashes or images are missing, or do not belong to these scenes.
    """
    folder = config.results / "scenes" / source
    hashes = _hash_rows(folder / "hashes.csv")
    images = open_stack(folder / "images.npy", len(scenes))
    twins = open_stack(folder / "twins.npy", len(scenes)) if any(scene.twin for scene in scenes) else None
    prints = []
    for row, scene in enumerate(scenes):
        entry = hashes.get(scene.scene_id)
        if entry is None:
            raise UserError(
                f"{folder / 'hashes.csv'}: no hashes of {scene.scene_id}; ingest the source again"
            )
        prints.append(_print(scene.scene_id, "image", entry["sha256"], entry["phash"], images, row))
        if twins is not None and entry.get("twin_sha256"):
            prints.append(
                _print(scene.scene_id, "twin", entry["twin_sha256"], entry["twin_phash"], twins, row)
            )
    return prints


def _print(scene_id: str, part: Part, sha256: str, phash: str, stack: NDArray[np.uint8], row: int) -> Print:
    try:
        return Print(scene_id, part, sha256, int(phash, 16), stack, row)
    except ValueError:
        raise UserError(
            f"{scene_id}: perceptual hash {phash!r:.40}; expected hexadecimal; ingest the source again"
        ) from None


def benchmark_prints(folder: Path, images: ImagesConfig) -> list[Print]:
    """Return the prints of every image of a frozen benchmark, ``FOLDER/TASK/images/*.png``, each name once.

    Raises:
        UserError: the benchmark is not there, holds no image, or one does not decode.
    """
    if not (folder / "manifest.json").is_file():
        raise UserError(
            f"{folder}: no benchmark there to check training images against; pull it "
            f"('dvc pull {folder}.dvc'), or build with --no-benchmark to freeze a first one"
        )
    paths = {path.stem: path for path in sorted(folder.glob("*/images/*.png"))}
    if not paths:
        raise UserError(f"{folder}: no image in */images; expected a frozen benchmark (dvc pull brings it)")
    prints = []
    for stem, path in sorted(paths.items()):
        pixels = decode_image(path, images, "sar")
        own = hash_image(pixels)
        small = resize(pixels, images.size)[None]
        prints.append(_print(stem.replace("__", "/"), "image", own.sha256, own.phash, small, 0))
    return prints


def normalised(prints: Sequence[Print]) -> NDArray[np.float32]:
    """Return the small copies as float32 (N, S * S): grey, mean 0, length 1; all 0 if of one value."""
    vectors = []
    for one in prints:
        grey = np.asarray(one.stack[one.row], np.float32).mean(axis=2).ravel()
        centred = grey - grey.mean()
        length = float(np.linalg.norm(centred))
        vectors.append(centred / length if length > 0 else centred)
    return np.stack(vectors)


def correlations(first: Sequence[Print], second: Sequence[Print]) -> NDArray[np.float32]:
    """Return the normalised correlation of each image of `first` with its like in `second`, float32 (N,)."""
    if not first:
        return np.zeros(0, np.float32)
    left, right = normalised(first), normalised(second)
    if left.shape != right.shape:
        raise ValueError(f"small images of {left.shape[1]} and {right.shape[1]} pixels")
    result: NDArray[np.float32] = np.einsum("ij,ij->i", left, right)
    return result


def phashes(prints: Sequence[Print]) -> NDArray[np.uint64]:
    """Return the perceptual hashes as uint64 (N,)."""
    return np.array([one.phash for one in prints], np.uint64)


def close_pairs(
    first: NDArray[np.uint64], second: NDArray[np.uint64], distance: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield positions in `first`, in `second`, and Hamming distances of all pairs at most `distance` apart.

    Args:
        first: uint64 (N,).
        second: uint64 (M,).
        distance: bits.

    Yields:
        int64 (K,) each, for some rows of `first` at a time: memory stays at 512 * M bytes.
    """
    for start in range(0, len(first), _ROWS):
        bits = np.bitwise_count(first[start : start + _ROWS, None] ^ second[None, :])
        rows, columns = np.nonzero(bits <= distance)
        yield rows + start, columns, bits[rows, columns].astype(np.int64)


def confirmed(
    first: Sequence[Print], second: Sequence[Print], pairs: Iterable[tuple[int, int, int]]
) -> list[Likely]:
    """Return those of `pairs` (position, position, bits) whose small images correlate above `SAME_SCENE`."""
    waiting = list(pairs)
    found = []
    for start in range(0, len(waiting), _PAIRS):
        part = waiting[start : start + _PAIRS]
        values = correlations([first[i] for i, _, _ in part], [second[j] for _, j, _ in part])
        found += [
            Likely(i, j, "near", bits)
            for (i, j, bits), value in zip(part, values.tolist(), strict=True)
            if value > SAME_SCENE
        ]
    return found


def alike(first: Sequence[Print], second: Sequence[Print], distance: int) -> list[Likely]:
    """Return pairs of images of two lists that are the same: equal pixels, or close hashes and confirmed.

    An image of `first` whose pixels are equal to one of `second` gives that pair alone (the first such);
    another gives every pair that is near.

    Args:
        first: one list.
        second: another.
        distance: most bits that perceptual hashes may differ by.

    Returns:
        Pairs by position in `first`, then in `second`; ``exact`` where the pixels are equal, else ``near``.
    """
    by_digest: dict[str, int] = {}
    for position, one in enumerate(second):
        by_digest.setdefault(one.sha256, position)
    found, rest = [], []
    for position, one in enumerate(first):
        same = by_digest.get(one.sha256)
        if same is None:
            rest.append(position)
        else:
            found.append(Likely(position, same, "exact", 0))
    left = [first[position] for position in rest]
    for rows, columns, bits in close_pairs(phashes(left), phashes(second), distance):
        pairs = zip(rows.tolist(), columns.tolist(), bits.tolist(), strict=True)
        near = confirmed(left, second, pairs)
        found += [Likely(rest[one.first], one.second, "near", one.distance) for one in near]
    return sorted(found, key=lambda one: (one.first, one.second))


def alike_within(prints: Sequence[Print], distance: int) -> list[Likely]:
    """Return pairs of images of one list that are the same; `Likely.second` is the earlier one.

    An image whose pixels are equal to an earlier one's gives that pair alone (the earliest such).
    """
    earliest: dict[str, int] = {}
    found, rest = [], []
    for position, one in enumerate(prints):
        same = earliest.setdefault(one.sha256, position)
        if same == position:
            rest.append(position)
        else:
            found.append(Likely(position, same, "exact", 0))
    left = [prints[position] for position in rest]
    hashes = phashes(left)
    for rows, columns, bits in close_pairs(hashes, hashes, distance):
        pairs = [
            (i, j, d) for i, j, d in zip(rows.tolist(), columns.tolist(), bits.tolist(), strict=True) if j < i
        ]
        near = confirmed(left, left, pairs)
        found += [Likely(rest[one.first], rest[one.second], "near", one.distance) for one in near]
    return sorted(found, key=lambda one: (one.first, one.second))
