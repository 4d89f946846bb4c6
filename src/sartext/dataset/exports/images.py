"""The images that are published: a source's own files where they are 8 bits, checked against the ingest."""

import csv
import io
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from sartext.core.config import Config, ImagesConfig
from sartext.core.errors import UserError
from sartext.core.files import sha256_bytes
from sartext.core.progress import track
from sartext.core.records import Scene
from sartext.dataset.exports.keys import key_of
from sartext.sources import decode_image
from sartext.sources.decode import Pixels, quiet

Kind = Literal["png", "jpg"]

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# of a PNG: signature, the length and name of its first chunk, width, height, bits a channel
_BITS, _START = 24, 25
_THREADS = 8


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"{path}: {error.strerror}; expected the image that was ingested: restore it, or ingest again"
    )


def own_kind(path: Path) -> Kind | None:
    """Return whether a file is a JPEG or a PNG of 8 bits a channel, by its first bytes; None for others.

    Raises:
        UserError: the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(_START)
    except OSError as error:
        raise _unreadable(path, error) from None
    if start[:3] == _JPEG:
        return "jpg"
    return "png" if start[:8] == _PNG and len(start) == _START and start[_BITS] == 8 else None


@dataclass(frozen=True, slots=True)
class Digests:
    """SHA-256 of an image when it was ingested: of its pixels, and of its file."""

    pixels: str
    file: str


class SourceDigests:
    """The digests of a source's images, as `sartext.sources.ingest` wrote them.

    Raises:
        UserError: there is no such file, or it has no such columns.
    """

    def __init__(self, config: Config, source: str) -> None:
        self._source = source
        self._path = config.results / "scenes" / source / "hashes.csv"
        try:
            with self._path.open(encoding="utf-8", newline="") as stream:
                self._known = {
                    row["scene_id"]: Digests(row["sha256"], row["file_sha256"])
                    for row in csv.DictReader(stream)
                }
        except (FileNotFoundError, KeyError, UnicodeDecodeError):
            raise UserError(
                f"{self._path}: expected a table of scene_id,sha256,file_sha256; ingest again"
            ) from None

    def of(self, scene: Scene) -> Digests:
        """Return those of a scene's image; raises `UserError` if it has none."""
        found = self._known.get(scene.scene_id)
        if found is None:
            raise UserError(f"{self._path}: {scene.scene_id}: no such row; ingest {self._source} again")
        return found


def _png(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(stream, "PNG")
    return stream.getvalue()


def image_bytes(scene: Scene, kind: Kind | None, digests: Digests, images: ImagesConfig) -> bytes:
    """Return the bytes of a scene's image as it is published: PNG or JPEG, 8 bits.

    What is published must be what was compared with the test images: the file is held against its digest.

    Args:
        scene: the scene.
        kind: from `own_kind`; None: it is decoded, as the models see it, and written as PNG.
        digests: of the image when it was ingested.
        images: how rasters of more bits are drawn.

    Raises:
        UserError: the image is missing, does not decode, or is another one than was ingested.
    """
    path = Path(scene.image)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    if sha256_bytes(data) != digests.file:
        raise UserError(
            f"{path}: {scene.scene_id}: expected the image that was ingested, found another; restore the "
            f"image, or ingest, narrate and build {scene.source} again"
        )
    if kind is not None:
        return data
    return _png(decode_image(path, images, scene.modality))


def read_images(
    scenes: Sequence[Scene], kinds: Sequence[Kind | None], digests: Sequence[Digests], images: ImagesConfig
) -> Iterator[bytes]:
    """Yield `image_bytes` of each scene in turn, decoded by some threads; a few images are held at a time."""
    threads = min(_THREADS, os.cpu_count() or 1)
    # threads share Python's warnings, so they are silenced once around all of them
    with quiet(), ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[bytes]] = deque()
        try:
            for scene, kind, own in zip(scenes, kinds, digests, strict=True):
                waiting.append(pool.submit(image_bytes, scene, kind, own, images))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()


def draw_images(config: Config, scenes: Iterable[Scene], folder: Path) -> dict[str, str]:
    """Draw in 8 bits, as the models see them, the images whose own files common readers do not show so.

    Args:
        config: the profile.
        scenes: scenes of any sources.
        folder: where ``SOURCE/KEY.png`` of each such image is written (KEY: see `key_of`).

    Returns:
        Those names, below `folder`, by scene id; nothing for an image that is an 8-bit PNG or a JPEG.

    Raises:
        UserError: an image is missing, does not decode, or is another one than was ingested.
    """
    chosen = [scene for scene in scenes if own_kind(Path(scene.image)) is None]
    digests = {name: SourceDigests(config, name) for name in sorted({scene.source for scene in chosen})}
    for name in digests:
        (folder / name).mkdir(parents=True)
    names = {scene.scene_id: f"{scene.source}/{key_of(scene.scene_id)}.png" for scene in chosen}
    known = [digests[scene.source].of(scene) for scene in chosen]
    drawn = read_images(chosen, [None] * len(chosen), known, config.images)
    for name, image in zip(names.values(), track(drawn, "exports: images", total=len(names)), strict=True):
        (folder / name).write_bytes(image)
    return names
