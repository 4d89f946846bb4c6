"""A frozen benchmark's images: what they are compared by, and what their names tell of where they were cut.

An image is called by its path below the benchmark's folder. Its stem is the scene id that it was frozen from
with ``__`` for ``/``. A file's own name may hold ``__`` too, so every way to read it is tried; a wrong one
gives a larger scene that no image is of.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sartext.core.config import ImagesConfig, SourceConfig
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.dataset.likeness.prints import Print, Prints
from sartext.sources import decode_image, resize
from sartext.sources.groups import Window, group_of
from sartext.sources.hashes import hash_image
from sartext.sources.rejects import SetAsideError

_SLASH = "__"
# what `sources.tiles` adds to the name of a large image that it cuts
_CUT = re.compile(rf"(.+){_SLASH}([0-9]{{1,9}})_([0-9]{{1,9}})")


@dataclass(frozen=True)
class BenchmarkImage:
    """One image of a frozen benchmark.

    Attributes:
        name: its path below the benchmark's folder.
        stem: its file's name without suffix, see `stem_of`.
        places: it as test scenes called `name`, of the groups and windows that its stem may tell; none if
            it tells nothing.
    """

    name: str
    stem: str
    places: tuple[Scene, ...]


def stem_of(scene_id: str) -> str:
    """Return the stem of the image that a benchmark holds of a scene."""
    return scene_id.replace("/", _SLASH)


def read_benchmark(
    folder: Path, images: ImagesConfig, sources: Sequence[SourceConfig]
) -> tuple[Prints, list[BenchmarkImage]]:
    """Return every image of a frozen benchmark, ``FOLDER/TASK/images/*.png``, and their prints, row by row.

    An image that several tasks hold, equal in pixels under one stem, is there once.

    Args:
        folder: the benchmark's.
        images: how images are decoded, and how large their small copies are.
        sources: the profile's, whose `tile_name` and `tiles_of` tell where an image was cut.

    Raises:
        UserError: the benchmark is not there, holds no image, or one does not decode.
    """
    if not (folder / "manifest.json").is_file():
        raise UserError(
            f"{folder}: no benchmark there to check training images against; pull it "
            f"('dvc pull {folder}.dvc'), or build with --no-benchmark to freeze a first one"
        )
    paths = sorted(folder.glob("*/images/*.png"))
    if not paths:
        raise UserError(f"{folder}: no image in */images; expected a frozen benchmark (dvc pull brings it)")
    known: set[tuple[str, str]] = set()
    found, prints = [], []
    small: list[NDArray[np.uint8]] = []
    for path in paths:
        pixels = decode_image(path, images, "sar")
        own = hash_image(pixels)
        if (path.stem, own.sha256) in known:
            continue
        known.add((path.stem, own.sha256))
        name = path.relative_to(folder).as_posix()
        prints.append(Print(name, False, own.sha256, int(own.phash, 16), 0, len(small)))
        small.append(resize(pixels, images.size))
        height, width = pixels.shape[:2]
        found.append(BenchmarkImage(name, path.stem, places_of(name, path.stem, width, height, sources)))
    return Prints.of(prints, [np.stack(small)]), found


def places_of(
    name: str, stem: str, width: int, height: int, sources: Sequence[SourceConfig]
) -> tuple[Scene, ...]:
    """Return a benchmark image as test scenes of the larger scenes that its stem may name.

    Args:
        name: what the scenes are called.
        stem: a scene id's, see `stem_of`.
        width: pixels.
        height: pixels.
        sources: those whose images, or whose larger scenes (`tiles_of`), it may be of.
    """
    found: dict[tuple[str, str, Window | None], Scene] = {}
    for source in sources:
        for owner in dict.fromkeys((source.name, source.tiles_of or source.name)):
            if not stem.startswith(f"{owner}{_SLASH}"):
                continue
            for group, window in _places(source, stem.removeprefix(f"{owner}{_SLASH}"), width, height):
                found[owner, group, window] = Scene(
                    name, owner, "test", source.modality, name, width, height, group=group, window=window
                )
    return tuple(found.values())


def _places(source: SourceConfig, rest: str, width: int, height: int) -> Iterator[tuple[str, Window | None]]:
    """Groups and windows that what follows the source's name in a stem may tell."""
    for below in _paths(rest):
        group, window = _group(source, below)
        if group is not None:
            yield group, window
    cut = _CUT.fullmatch(rest)
    if cut is None:
        return
    left, top = int(cut[2]), int(cut[3])
    for whole in _paths(cut[1]):
        group, window = _group(source, whole)
        if group is not None:
            # the whole's scale in its own scene is not told by a name: all of its window counts
            yield group, window
        else:
            yield f"{source.name}/{whole}", (left, top, left + width, top + height)


def _paths(rest: str) -> Iterator[str]:
    """The paths that a part of a stem may stand for: the first separators are slashes, the others are not."""
    parts = rest.split(_SLASH)
    for slashes in range(len(parts)):
        yield "/".join([*parts[:slashes], _SLASH.join(parts[slashes:])])


def _group(source: SourceConfig, below: str) -> tuple[str | None, Window | None]:
    try:
        return group_of(source, below)
    except SetAsideError:
        return None, None
