"""A source into the run: every image decoded once, checked, resized and hashed."""

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from sartext.core.config import Config, SourceConfig
from sartext.core.errors import UserError
from sartext.core.files import atomic_folder, write_json
from sartext.core.progress import track
from sartext.core.records import SPLITS, Scene
from sartext.core.tables import write_records
from sartext.sources.decode import Pixels
from sartext.sources.hashes import Hashes
from sartext.sources.prepare import Prepared, prepare_images
from sartext.sources.read import read_source
from sartext.sources.rejects import Reject, write_rejects

_NAMED = 3


class ImageWriter:
    """Writes uint8 images (S, S, C) one by one as a plain ``.npy`` of (N, S, S, C), N not known before."""

    def __init__(self, path: Path, size: int, channels: int) -> None:
        self._path = path
        self._shape = (size, size, channels)
        self.count = 0

    def _header(self, stream: BinaryIO) -> None:
        description = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self._shape)}
        np.lib.format.write_array_header_1_0(stream, description)

    def __enter__(self) -> "ImageWriter":
        self._stream: BinaryIO = self._path.open("wb")
        self._header(self._stream)
        self._start = self._stream.tell()
        return self

    def append(self, image: Pixels) -> None:
        """Add one image."""
        if image.shape != self._shape or image.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self._shape}, got {image.dtype} {image.shape}")
        self._stream.write(np.ascontiguousarray(image).tobytes())
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                # numpy pads its header so that the count can grow in place
                self._stream.seek(0)
                self._header(self._stream)
                if self._stream.tell() != self._start:
                    raise RuntimeError("the npy header changed its length")
        finally:
            self._stream.close()


class _Guard:
    """Stops the run once more images are set aside than the profile allows."""

    def __init__(self, source: SourceConfig, config: Config, scenes: int, rejects: list[Reject]) -> None:
        self._source, self._share = source, config.images.max_rejected_share
        self._faults = [entry for entry in rejects if self._counts(entry)]
        self._total = scenes + len(self._faults)
        self._check()

    def _counts(self, reject: Reject) -> bool:
        return reject.kind == "image" or (reject.kind == "absent" and not self._source.partial)

    def add(self, reject: Reject) -> None:
        """Count an image that was among the scenes."""
        self._faults.append(reject)
        self._check()

    def _check(self) -> None:
        faults = self._faults
        if len(faults) <= self._share * self._total:
            return
        first = "; ".join(
            f"{entry.file}{' ' + entry.record if entry.record else ''}: {entry.reason}"
            for entry in faults[:_NAMED]
        )
        hint = ""
        if any(entry.kind == "absent" for entry in faults):
            hint = ", or set the source's 'partial: true' if the folder holds only a part of it"
        raise UserError(
            f"source {self._source.name}: {len(faults)} of {self._total} images had to be set aside, "
            f"over images.max_rejected_share = {self._share:g}; the first: {first}; mend them, raise the "
            f"share{hint}"
        )


def _rows(
    scenes: list[Scene], source: SourceConfig, config: Config, processes: int, rejects: list[Reject]
) -> Iterator[tuple[Scene, Prepared]]:
    guard = _Guard(source, config, len(scenes), rejects)
    root = source.folder.as_posix()
    with closing(prepare_images(scenes, config.images, processes)) as outcomes:
        for scene, outcome in zip(track(scenes, f"ingest {source.name}"), outcomes, strict=True):
            if isinstance(outcome, Prepared):
                yield scene, outcome
            else:
                reject = Reject(scene.image.removeprefix(root + "/"), "", outcome.reason, outcome.kind)
                rejects.append(reject)
                guard.add(reject)


def _summary(source: SourceConfig, kept: list[Scene], rejects: list[Reject]) -> dict[str, Any]:
    kinds = Counter(entry.kind for entry in rejects)
    splits = Counter(scene.split for scene in kept)
    labels = Counter(box.label for scene in kept for box in scene.boxes)
    present = len(kept) + kinds["image"]
    objects = labels.total() + kinds["box"]
    whole = not source.partial and source.limit is None
    return {
        "source": source.name,
        "modality": source.modality,
        "read": len(kept),
        "rejected": kinds["image"] + (0 if source.partial else kinds["absent"]),
        "absent": kinds["absent"],
        "boxes_rejected": kinds["box"],
        "notes": kinds["note"],
        "by_split": {split: splits[split] for split in SPLITS},
        "boxes": dict(sorted(labels.items())),
        "captions": sum(len(scene.captions) for scene in kept),
        "turns": sum(len(scene.dialogue) for scene in kept),
        "megapixels": round(sum(scene.width * scene.height for scene in kept) / 1e6, 6),
        "resolution_m": source.resolution_m,
        "partial": source.partial,
        "limit": source.limit,
        "expected_images": source.expected_images,
        "differs_from_expected": whole and source.expected_images not in (None, present),
        "expected_boxes": source.expected_boxes,
        "boxes_differ_from_expected": whole and source.expected_boxes not in (None, objects),
    }


def _write_hashes(path: Path, rows: list[tuple[str, Hashes, Hashes | None]]) -> None:
    twins = any(twin is not None for _, _, twin in rows)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["scene_id", "sha256", "phash"] + (["twin_sha256", "twin_phash"] if twins else []))
        for scene_id, own, twin in rows:
            extra = [twin.sha256, twin.phash] if twin else []
            writer.writerow([scene_id, own.sha256, own.phash, *extra])


def ingest(source: SourceConfig, config: Config, out: Path, processes: int = 1) -> None:
    """Read a source and write what the run needs of it.

    `out` then holds ``scenes.parquet`` (rows by rising scene id), ``images.npy`` (uint8 (N, S, S, C), the
    same rows), ``twins.npy`` for pairs, ``hashes.csv``, ``rejects.csv`` and ``summary.json``. It is
    replaced as a whole, or left as it was; its bytes do not depend on `processes`. Images are held by the
    dozen.

    Args:
        source: the source.
        config: the profile.
        out: the folder to write.
        processes: how many decode; see `prepare_images`.

    Raises:
        DatasetNotFoundError: the source is not there.
        UserError: more images than ``images.max_rejected_share`` had to be set aside, none is left, or one
            of several processes was killed.
    """
    dataset = config.dataset
    unpacked = config.results / "unpacked" / source.name
    scenes, rejects = read_source(source, config.seed, dataset.val_share, dataset.test_share, unpacked)
    size = config.images.size
    paired = "optical" in source.layout
    kept: list[Scene] = []
    hashes: list[tuple[str, Hashes, Hashes | None]] = []
    with atomic_folder(out) as folder:
        with (
            ImageWriter(folder / "images.npy", size, 1 if source.modality == "sar" else 3) as images,
            ImageWriter(folder / "twins.npy", size, 3) as twins,
        ):
            for scene, prepared in _rows(scenes, source, config, processes, rejects):
                images.append(prepared.image)
                if prepared.twin is not None:
                    twins.append(prepared.twin)
                kept.append(scene)
                hashes.append((scene.scene_id, prepared.hashes, prepared.twin_hashes))
        if not paired:
            (folder / "twins.npy").unlink()
        if not kept:
            first = f"; the first: {rejects[0].file}: {rejects[0].reason}" if rejects else ""
            raise UserError(
                f"source {source.name}: no image of {source.folder} could be read{first}; "
                f"to get it: {source.obtain}"
            )
        write_records(folder / "scenes.parquet", kept, Scene)
        write_rejects(folder / "rejects.csv", rejects)
        _write_hashes(folder / "hashes.csv", hashes)
        summary = _summary(source, kept, rejects)
        write_json(folder / "summary.json", summary)
    if summary["differs_from_expected"]:
        print(
            f"sartext: source {source.name}: {summary['read'] + summary['rejected']} images found, "
            f"expected {source.expected_images}; see {out / 'summary.json'}",
            file=sys.stderr,
        )
    if summary["boxes_differ_from_expected"]:
        print(
            f"sartext: source {source.name}: {sum(summary['boxes'].values())} objects kept and "
            f"{summary['boxes_rejected']} set aside, expected {source.expected_boxes} in all; "
            f"see {out / 'summary.json'}",
            file=sys.stderr,
        )
