"""Large images cut into tiles that do not overlap, as the paper's authors did above 4,000,000 pixels.

A tile is an image like any other from then on: ``SOURCE/STEM__X_Y``, with X and Y its left and upper edge in
the whole. It holds the objects whose centre lies in it, clipped to it, so that the tiles' counts add up to
the whole's, and the cover of its own part of the mask. Its pixels are those of the whole drawn in 8 bits: a
raster of more bits is stretched once, not tile by tile.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isqrt
from pathlib import Path

from PIL import Image

from sartext.core.config import ImagesConfig
from sartext.core.errors import UserError
from sartext.core.files import inside
from sartext.core.records import Box, Scene
from sartext.sources.decode import Pixels
from sartext.sources.groups import Window
from sartext.sources.masks import MaskClasses, window_covers
from sartext.sources.prepare import decode_scene
from sartext.sources.rejects import SetAsideError

# zlib's quickest: speckle does not shrink, and its best takes five times as long
_COMPRESSION = 1


@dataclass(frozen=True)
class Grid:
    """How an image is cut: its columns' and its rows' edges, pixels, the outer ones with them."""

    columns: tuple[int, ...]
    rows: tuple[int, ...]

    @property
    def windows(self) -> list[Window]:
        """Left, top, right and bottom of each tile, in reading order."""
        return [
            (left, top, right, bottom)
            for top, bottom in pairwise(self.rows)
            for left, right in pairwise(self.columns)
        ]

    def index(self, x: float, y: float) -> int:
        """Return the place in `windows` of the tile that holds a point; an edge belongs to the later one."""
        column = min(bisect_right(self.columns, x), len(self.columns) - 1) - 1
        row = min(bisect_right(self.rows, y), len(self.rows) - 1) - 1
        return row * (len(self.columns) - 1) + column


def grid(width: int, height: int, max_pixels: int) -> Grid:
    """Return the fewest rows and columns of near-equal tiles with no side above the root of `max_pixels`."""
    side = isqrt(max_pixels)
    return Grid(_edges(width, side), _edges(height, side))


def _edges(length: int, side: int) -> tuple[int, ...]:
    parts = -(-length // side)
    return tuple(part * length // parts for part in range(parts + 1))


def is_cut(scene: Scene, images: ImagesConfig) -> bool:
    """Return whether a scene is cut: large, and without captions or a dialogue, which are of the whole."""
    return is_large(scene, images) and not scene.captions and not scene.dialogue


def is_large(scene: Scene, images: ImagesConfig) -> bool:
    """Return whether a scene has more pixels than one image may."""
    return scene.width * scene.height > images.max_pixels


def cut_scene(
    scene: Scene,
    images: ImagesConfig,
    mask: Path | None,
    classes: MaskClasses | None,
    folder: Path,
    known: Collection[str] = (),
) -> list[Scene]:
    """Cut a scene and write its tiles, 8-bit PNG, below `folder` (``image/``, and ``twin/`` for its twin's).

    Args:
        scene: the whole.
        images: the limit, and the stretch of rasters of more than 8 bits.
        mask: its mask, if it has one.
        classes: what the mask's values mean.
        folder: where the tiles go; their scenes name them there.
        known: scene ids that are other images'.

    Returns:
        The tiles, in reading order, of the whole's split. One whose part of the mask says nothing is not
        annotated.

    Raises:
        SetAsideError: the image, its twin or its mask does not decode, or a tile's name is not free.
        UserError: a tile cannot be written.
    """
    cells = grid(scene.width, scene.height, images.max_pixels)
    windows = cells.windows
    below = scene.scene_id.removeprefix(f"{scene.source}/")
    names = [f"{below}__{left}_{top}" for left, top, _, _ in windows]
    for name in names:
        if f"{scene.source}/{name}" in known:
            raise SetAsideError(
                f"would have the tile {name!r:.200}, which is another image's name; rename it"
            )
    covers: Sequence[dict[str, float] | None] = [{}] * len(windows)
    if mask is not None and classes is not None:
        covers = window_covers(mask, classes, windows)  # the mask is let go before the image is held
    pixels, twin = decode_scene(scene, images)
    boxes = boxes_of_tiles(scene.boxes, cells)
    tiles = []
    for window, name, held, cover in zip(windows, names, boxes, covers, strict=True):
        left, top, right, bottom = window
        image = _write(folder / "image", name, pixels[top:bottom, left:right])
        optical = None if twin is None else _write(folder / "twin", name, twin[top:bottom, left:right])
        tiles.append(
            replace(
                scene,
                scene_id=f"{scene.source}/{name}",
                image=image,
                twin=optical,
                width=right - left,
                height=bottom - top,
                boxes=held,
                cover=cover or {},
                annotated=scene.annotated and cover is not None,
                group=scene.group or scene.scene_id,
                window=_window(scene, window),
            )
        )
    return tiles


def boxes_of_tiles(boxes: Sequence[Box], cells: Grid) -> list[tuple[Box, ...]]:
    """Return each tile's objects, in its own pixels: those whose centre it holds, clipped to it."""
    windows = cells.windows
    held: list[list[Box]] = [[] for _ in windows]
    for box in boxes:
        index = cells.index(*box.centre)
        left, top, right, bottom = windows[index]
        x, y = max(box.x, left), max(box.y, top)
        width, height = min(box.x + box.width, right) - x, min(box.y + box.height, bottom) - y
        held[index].append(Box(box.label, x - left, y - top, width, height))
    return [tuple(of_one) for of_one in held]


def _window(scene: Scene, window: Window) -> Window | None:
    """Where a tile lies in what its group names: the whole, or what that was cut from, if that is known."""
    if scene.group is None:
        return window
    if scene.window is None:
        return None
    left, top, right, bottom = scene.window
    # the whole may have been drawn at another scale than what it was cut from
    x0, x1 = (left + round(x * (right - left) / scene.width) for x in window[::2])
    y0, y1 = (top + round(y * (bottom - top) / scene.height) for y in window[1::2])
    return x0, y0, x1, y1


def _write(folder: Path, name: str, pixels: Pixels) -> str:
    try:
        path = inside(folder, f"{name}.png")
    except UserError as error:
        raise SetAsideError(f"is large, and its tiles cannot be named: {error}") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(
            path, "PNG", compress_level=_COMPRESSION
        )
    except OSError as error:
        raise UserError(f"{path}: this tile cannot be written ({error.strerror or error})") from None
    return path.as_posix()
