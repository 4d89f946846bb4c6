"""Images of scenes decoded, checked, hashed and resized: in this process, or shared among several."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from sartext.core.config import ImagesConfig
from sartext.core.errors import UserError
from sartext.core.files import sha256_file
from sartext.core.records import Scene
from sartext.sources.decode import DecodeError, Pixels, decode_image, resize
from sartext.sources.hashes import THUMB, Hashes, hash_image, pixel_digest, thumb_hash
from sartext.sources.rejects import RejectKind, SetAsideError

# scenes a process takes at once, and how many such lots of each may be ahead of the one that is wanted
_LOT, _AHEAD = 32, 2
# images are resized in fours, larger ones alone: four of the largest would fill the memory
_LARGE = 1 << 20


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run keeps of a scene's image, uint8 (S, S, C), and of its optical twin, if it has one."""

    image: Pixels
    hashes: Hashes
    file_sha256: str
    twin: Pixels | None
    twin_hashes: Hashes | None


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a scene's image cannot be used."""

    reason: str
    kind: RejectKind


def decode_scene(scene: Scene, images: ImagesConfig) -> tuple[Pixels, Pixels | None]:
    """Return a scene's image and its optical twin, uint8 (H, W, C).

    Raises:
        SetAsideError: one of them does not decode, or has another size than the scene.
    """
    try:
        image = decode_image(Path(scene.image), images, scene.modality)
    except DecodeError as error:
        raise SetAsideError(error.reason) from None
    try:
        twin = decode_image(Path(scene.twin), images, "optical") if scene.twin else None
    except DecodeError as error:
        raise SetAsideError(f"its optical twin {scene.twin}: {error.reason}") from None
    height, width = image.shape[:2]
    if (width, height) != (scene.width, scene.height):
        raise SetAsideError(
            f"is {width}x{height} pixels, but its annotation says {scene.width}x{scene.height}; "
            "its boxes cannot be trusted"
        )
    if twin is not None and twin.shape[:2] != image.shape[:2]:
        raise SetAsideError(
            f"is {width}x{height} pixels, but its optical twin {twin.shape[1]}x{twin.shape[0]}; "
            "expected registered images of one size"
        )
    return image, twin


def resize_four(images: Sequence[Pixels], targets: Sequence[tuple[int, Resampling]]) -> list[list[Pixels]]:
    """Return four grey images of one size resized as each alone would be.

    Pillow takes half the time for the four bands of one image.

    Args:
        images: four of uint8 (H, W, 1).
        targets: side of each result, pixels, and its filter.

    Returns:
        For each target four of uint8 (S, S, 1).
    """
    height, width = images[0].shape[:2]
    packed = Image.frombuffer("CMYK", (width, height), np.concatenate(images, axis=2), "raw", "CMYK", 0, 1)
    results = [np.asarray(packed.resize((size, size), resampling)) for size, resampling in targets]
    return [[np.ascontiguousarray(four[..., band : band + 1]) for band in range(4)] for four in results]


def _hashed_and_resized(images: Sequence[Pixels], size: int) -> list[tuple[Hashes, Pixels]]:
    """Hash and resize images; uint8 (H, W, C) each."""
    if len(images) != 4 or images[0].shape[2] != 1 or len({image.shape for image in images}) > 1:
        return [(hash_image(image), resize(image, size)) for image in images]
    thumbs, small = resize_four(images, ((THUMB, Resampling.LANCZOS), (size, Resampling.BICUBIC)))
    hashes = [
        Hashes(pixel_digest(image), thumb_hash(thumb[..., 0]))
        for image, thumb in zip(images, thumbs, strict=True)
    ]
    return list(zip(hashes, small, strict=True))


def _prepare_lot(scenes: Sequence[Scene], images: ImagesConfig) -> list[Prepared | Unusable]:
    outcomes: dict[int, Prepared | Unusable] = {}
    waiting: dict[int, tuple[Pixels, Pixels | None]] = {}
    for position, scene in enumerate(scenes):
        try:
            waiting[position] = decode_scene(scene, images)
        except SetAsideError as fault:
            outcomes[position] = Unusable(fault.reason, fault.kind)
        large = any(image.size > _LARGE for image, _ in waiting.values())
        if large or len(waiting) == 4 or position == len(scenes) - 1:
            lot = [scenes[place] for place in waiting]
            outcomes |= zip(waiting, _prepare(lot, list(waiting.values()), images.size), strict=True)
            waiting = {}
    return [outcomes[position] for position in range(len(scenes))]


def _prepare(
    scenes: Sequence[Scene], decoded: Sequence[tuple[Pixels, Pixels | None]], size: int
) -> list[Prepared]:
    prepared = []
    own = _hashed_and_resized([image for image, _ in decoded], size)
    for scene, (hashes, small), (_, twin) in zip(scenes, own, decoded, strict=True):
        twin_hashes = None if twin is None else hash_image(twin)
        small_twin = None if twin is None else resize(twin, size)
        prepared.append(Prepared(small, hashes, sha256_file(scene.image), small_twin, twin_hashes))
    return prepared


def prepare_images(
    scenes: Sequence[Scene], images: ImagesConfig, processes: int = 1
) -> Generator[Prepared | Unusable, None, None]:
    """Yield what becomes of each scene's images, in the scenes' order.

    Args:
        scenes: the scenes.
        images: size and stretch.
        processes: how many share the work; 1: this one alone. A few dozen images a process are held.

    Raises:
        UserError: one of the processes was killed.
    """
    lots = [scenes[start : start + _LOT] for start in range(0, len(scenes), _LOT)]
    if processes == 1 or len(lots) < 2:
        for lot in lots:
            yield from _prepare_lot(lot, images)
        return
    try:
        with _workers(min(processes, len(lots)), images) as workers:
            yield from _share(lots, workers)
    except _LostWorkerError:
        raise UserError(
            f"one of the {processes} processes that decode images was killed, most often because memory ran "
            "out; nothing was written; run again with fewer --processes"
        ) from None


class _LostWorkerError(Exception):
    """A process is no longer at the other end of its pipe."""


def _share(
    lots: Sequence[Sequence[Scene]], workers: Sequence[Connection]
) -> Generator[Prepared | Unusable, None, None]:
    """Yield what becomes of each lot's scenes in order; any process takes the next lot.

    A process holds one lot at a time, so that never both ends wait for the other to read. A killed one closes
    its end of the pipe, whatever it was at.
    """
    idle, busy = list(workers), dict[Connection, int]()
    done: dict[int, list[Prepared | Unusable]] = {}
    sent = 0
    for position in range(len(lots)):
        while True:
            while idle and sent < min(len(lots), position + _AHEAD * len(workers) + 1):
                worker = idle.pop()
                _send(worker, lots[sent])
                busy[worker] = sent
                sent += 1
            if position in done:
                break
            ready = wait(list(busy))
            for worker in [worker for worker in busy if worker in ready]:
                done[busy.pop(worker)] = _receive(worker)
                idle.append(worker)
        yield from done.pop(position)


def _send(worker: Connection, lot: Sequence[Scene]) -> None:
    try:
        worker.send(lot)
    except OSError:
        raise _LostWorkerError from None


def _receive(worker: Connection) -> list[Prepared | Unusable]:
    try:
        outcome: list[Prepared | Unusable] | Exception = worker.recv()
    except (EOFError, OSError):
        raise _LostWorkerError from None
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


@contextmanager
def _workers(count: int, images: ImagesConfig) -> Iterator[list[Connection]]:
    """Start processes that prepare lots, and give the ends of their pipes; none outlives the block."""
    context = multiprocessing.get_context("spawn")
    processes, connections = [], []
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            connections.append(ours)
            with theirs:  # only the process itself holds it then, so that its end is ours to see
                process = context.Process(target=_work, args=(theirs, images), daemon=True)
                process.start()
            processes.append(process)
        yield connections
    finally:
        # they write nothing, so nothing is lost with one at work
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        for connection in connections:
            connection.close()


def _work(connection: Connection, images: ImagesConfig) -> None:
    """Prepare lots until killed; leave Ctrl-C to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):  # the parent's end is closed
        while True:
            connection.send(_prepare_or_fail(connection.recv(), images))


def _prepare_or_fail(lot: Sequence[Scene], images: ImagesConfig) -> list[Prepared | Unusable] | Exception:
    try:
        return _prepare_lot(lot, images)
    except Exception as error:  # the parent's to raise
        return error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
