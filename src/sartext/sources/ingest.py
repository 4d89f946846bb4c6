"""A source into the run: every image decoded once, checked, resized and hashed."""

import csv
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from sartext.core.config import Config, ImagesConfig, SourceConfig
from sartext.core.errors import UserError
from sartext.core.files import atomic_folder, digest_json, list_files, sha256_file, write_json
from sartext.core.progress import track
from sartext.core.records import SPLITS, Scene
from sartext.core.tables import write_records
from sartext.sources.decode import Pixels
from sartext.sources.hashes import Hashes
from sartext.sources.layout import checked_layout
from sartext.sources.masks import MaskClasses
from sartext.sources.prepare import Prepared, prepare_images
from sartext.sources.read import read_source, source_mask_classes
from sartext.sources.rejects import Reject, RejectKind, SetAsideError, write_rejects
from sartext.sources.tiles import cut_scene, is_cut, is_large

_NAMED = 3
_DIGEST = 16


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
    """Keeps what is set aside, and stops the run once that is more images than the profile allows.

    Counted in whole images: `scenes` of them were read, and each that is lost counts once.
    """

    def __init__(self, source: SourceConfig, config: Config, scenes: int, rejects: list[Reject]) -> None:
        self._source, self._share, self._rejects = source, config.images.max_rejected_share, rejects
        self._faults = [entry for entry in rejects if self._counts(entry)]
        self._total = scenes + len(self._faults)
        self._check()

    def _counts(self, reject: Reject) -> bool:
        return reject.kind == "image" or (reject.kind == "absent" and not self._source.partial)

    def set_aside(self, scene: Scene, reason: str, kind: RejectKind) -> None:
        """Set aside one of the scenes, or (of kind ``note``) say something of it."""
        reject = Reject(scene.image.removeprefix(f"{self._source.folder.as_posix()}/"), "", reason, kind)
        self._rejects.append(reject)
        if self._counts(reject):
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


class _Tiles:
    """The tiles of a source's large images.

    They lie in a folder named by their bytes, put beside that of an earlier ingest before its scenes are
    replaced, and that one goes afterwards: whenever a run is killed, scenes that are there have their tiles.

    Attributes:
        wholes: the scene id of the whole that each tile is of, by the tile's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._cut = folder, folder / ".cut"
        self._settled: Path | None = None
        self.wholes: dict[str, str] = {}

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Remove in the end what no scene names: all other tiles, or these if the block fails."""
        shutil.rmtree(self._cut, ignore_errors=True)  # of a run that was killed
        try:
            yield
        except BaseException:
            shutil.rmtree(self._cut, ignore_errors=True)
            with suppress(OSError):  # it is not there, or holds the tiles of the scenes that stay
                self._folder.rmdir()
            raise
        if self._settled is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        for entry in self._folder.iterdir():
            if entry != self._settled:
                shutil.rmtree(entry, ignore_errors=True)

    def settle(self) -> None:
        """Put the tiles where their scenes will name them, before those scenes are there."""
        if self._settled is None:
            return
        if self._settled.is_dir():
            if _digest(self._settled) == self._settled.name:
                return
            shutil.rmtree(self._settled)  # damaged, and with it the scenes that name it
        self._cut.replace(self._settled)

    def cut(
        self,
        scenes: Sequence[Scene],
        images: ImagesConfig,
        masks: Mapping[str, Path],
        classes: MaskClasses | None,
        guard: _Guard,
    ) -> list[Scene]:
        """Return `scenes` by rising scene id, with tiles in place of large ones, named where they lie now."""
        known = {scene.scene_id for scene in scenes}
        large = [scene for scene in scenes if is_large(scene, images)]
        result = [scene for scene in scenes if not is_large(scene, images)]
        for scene in track(large, "cut large images into tiles"):
            if not is_cut(scene, images):
                guard.set_aside(
                    scene, f"{_over(scene, images)}; kept whole: its texts are of the whole", "note"
                )
                result.append(scene)
                continue
            try:
                mask = masks.get(scene.scene_id)
                tiles = cut_scene(scene, images, mask, classes, self._cut, known)
            except SetAsideError as fault:
                guard.set_aside(scene, fault.reason, fault.kind)
                continue
            self.wholes |= {tile.scene_id: scene.scene_id for tile in tiles}
            result += tiles
        if self.wholes:
            self._settled = self._folder / _digest(self._cut)
        return sorted(result, key=lambda scene: scene.scene_id)

    def settled(self, scene: Scene) -> Scene:
        """Return a scene with the names that its files have in the end."""
        if self._settled is None or scene.scene_id not in self.wholes:
            return scene
        before, after = self._cut.as_posix(), self._settled.as_posix()
        twin = scene.twin and after + scene.twin.removeprefix(before)
        return replace(scene, image=after + scene.image.removeprefix(before), twin=twin)


def _digest(folder: Path) -> str:
    digests = {path.as_posix(): sha256_file(folder / path) for path in list_files(folder)}
    return digest_json(digests)[:_DIGEST]


def _over(scene: Scene, images: ImagesConfig) -> str:
    return f"has {scene.width}x{scene.height} pixels, over images.max_pixels = {images.max_pixels}"


def _summary(
    source: SourceConfig, kept: list[Scene], rejects: list[Reject], wholes: Mapping[str, str]
) -> dict[str, Any]:
    kinds = Counter(entry.kind for entry in rejects)
    splits = Counter(scene.split for scene in kept)
    labels = Counter(box.label for scene in kept for box in scene.boxes)
    tiles = [wholes[scene.scene_id] for scene in kept if scene.scene_id in wholes]
    tiled = len(set(tiles))
    present = len(kept) - len(tiles) + tiled + kinds["image"]
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
        "tiled": tiled,
        "tiles": len(tiles),
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


def _write_hashes(path: Path, rows: list[tuple[str, Hashes, str, Hashes | None]]) -> None:
    twins = any(twin is not None for *_, twin in rows)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        columns = ["scene_id", "sha256", "phash", "file_sha256"]
        writer.writerow(columns + (["twin_sha256", "twin_phash"] if twins else []))
        for scene_id, own, file_sha256, twin in rows:
            extra = [twin.sha256, twin.phash] if twin else []
            writer.writerow([scene_id, own.sha256, own.phash, file_sha256, *extra])


def ingest(source: SourceConfig, config: Config, out: Path, processes: int = 1) -> None:
    """Read a source and write what the run needs of it.

    `out` then holds ``scenes.parquet`` (rows by rising scene id), ``images.npy`` (uint8 (N, S, S, C), the
    same rows), ``twins.npy`` for pairs, ``hashes.csv``, ``rejects.csv`` and ``summary.json``. It is
    replaced as a whole, or left as it was; its bytes do not depend on `processes`. Images are held by the
    dozen, those to be cut one by one: their tiles go to ``tiles/SOURCE/DIGEST`` of the results, where those
    of the earlier `out` stay until it is replaced, and must stay while the run is used.

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
    masks: dict[str, Path] = {}
    scenes, rejects = read_source(source, config.seed, dataset.val_share, dataset.test_share, unpacked, masks)
    classes = source_mask_classes(source, checked_layout(source))
    guard = _Guard(source, config, len(scenes), rejects)
    tiles = _Tiles(config.results / "tiles" / source.name)
    with tiles.opened(), atomic_folder(out) as folder:
        scenes = tiles.cut(scenes, config.images, masks, classes, guard)
        kept = _write_images(folder, scenes, source, config, processes, tiles, guard)
        if not kept:
            first = f"; the first: {rejects[0].file}: {rejects[0].reason}" if rejects else ""
            raise UserError(
                f"source {source.name}: no image of {source.folder} could be read{first}; "
                f"to get it: {source.obtain}"
            )
        write_records(folder / "scenes.parquet", kept, Scene)
        write_rejects(folder / "rejects.csv", rejects)
        summary = _summary(source, kept, rejects, tiles.wholes)
        write_json(folder / "summary.json", summary)
        tiles.settle()
    _warn(source, summary, out)


def _write_images(
    folder: Path,
    scenes: Sequence[Scene],
    source: SourceConfig,
    config: Config,
    processes: int,
    tiles: _Tiles,
    guard: _Guard,
) -> list[Scene]:
    """Write images, twins and hashes of scenes; return those that have them, named as in the end."""
    size = config.images.size
    kept: list[Scene] = []
    hashes: list[tuple[str, Hashes, str, Hashes | None]] = []
    with (
        ImageWriter(folder / "images.npy", size, 1 if source.modality == "sar" else 3) as images,
        ImageWriter(folder / "twins.npy", size, 3) as twins,
        closing(prepare_images(scenes, config.images, processes)) as outcomes,
    ):
        settled = [tiles.settled(scene) for scene in scenes]
        for scene, outcome in zip(track(settled, f"ingest {source.name}"), outcomes, strict=True):
            if not isinstance(outcome, Prepared):
                guard.set_aside(scene, outcome.reason, outcome.kind)
                continue
            images.append(outcome.image)
            if outcome.twin is not None:
                twins.append(outcome.twin)
            kept.append(scene)
            hashes.append((scene.scene_id, outcome.hashes, outcome.file_sha256, outcome.twin_hashes))
    if "optical" not in source.layout:
        (folder / "twins.npy").unlink()
    _write_hashes(folder / "hashes.csv", hashes)
    return kept


def _warn(source: SourceConfig, summary: dict[str, Any], out: Path) -> None:
    if summary["differs_from_expected"]:
        whole = summary["read"] - summary["tiles"] + summary["tiled"]
        print(
            f"sartext: source {source.name}: {whole + summary['rejected']} images found, "
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
