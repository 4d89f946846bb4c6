"""Figure 4, a grid of SAR-TEXT's images with captions, and the sheet of scenes for people to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.records import BRANCHES, Caption, Scene
from sartext.core.seeds import generator
from sartext.core.stacks import open_stack
from sartext.core.tables import by_scene, read_captions, read_scenes
from sartext.report.figures.style import (
    GREY,
    INK,
    drawing,
    empty,
    new_figure,
    save_figure,
    show_image,
    wrapped,
)
from sartext.report.names import BRANCHES as BRANCH_NAMES
from sartext.sources import decode_image, resize

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Pixels = NDArray[np.uint8]

_COLUMNS, _ROWS = 4, 2
# pixels a side of a sheet's images, and letters of a name that are shown
_SHEET_SIDE = 400
_NAME = 56


class Images:
    """The decoded images of a run's sources, opened when asked for."""

    def __init__(self, config: Config) -> None:
        """Look below ``results/P/scenes`` of the profile."""
        self._folder = config.results / "scenes"
        self._rows: dict[str, dict[str, int]] = {}
        self._arrays: dict[Path, Pixels] = {}

    def get(self, scene: Scene, twin: bool = False) -> Pixels | None:
        """Return uint8 (S, S, C) pixels of a scene, or none if it has no twin.

        Raises:
            UserError: the source's arrays are missing, or do not hold the scene.
        """
        folder = self._folder / scene.source
        if scene.source not in self._rows:
            scenes = read_scenes(folder / "scenes.parquet")
            self._rows[scene.source] = {entry.scene_id: row for row, entry in enumerate(scenes)}
        row = self._rows[scene.source].get(scene.scene_id)
        path = folder / ("twins.npy" if twin else "images.npy")
        if twin and not path.is_file():
            return None
        if path not in self._arrays:
            self._arrays[path] = open_stack(path, len(self._rows[scene.source]))
        if row is None:
            raise UserError(f"{path}: does not hold {scene.scene_id}; run `sartext ingest` again")
        pixels: Pixels = np.asarray(self._arrays[path][row])
        return pixels


def _chosen(scenes: Sequence[Scene], count: int, *names: str | int) -> list[Scene]:
    """Draw scenes by seed, sources by turns so that each is seen."""
    queues: dict[str, list[Scene]] = {}
    for scene in scenes:
        queues.setdefault(scene.source, []).append(scene)
    shuffled = []
    for source, members in sorted(queues.items()):
        order = generator(*names, source).permutation(len(members))
        shuffled.append([members[index] for index in order])
    picked: list[Scene] = []
    turn = 0
    while len(picked) < count and any(turn < len(queue) for queue in shuffled):
        picked.extend(queue[turn] for queue in shuffled if turn < len(queue))
        turn += 1
    return sorted(picked[:count], key=lambda scene: (scene.source, scene.scene_id))


def _told(captions: Sequence[Caption], columns: int, lines: int, most: int) -> str:
    texts = [
        wrapped(f"{BRANCH_NAMES[branch]}: {caption.caption}", columns, lines)
        for branch in BRANCHES
        for caption in captions
        if caption.branch == branch
    ]
    return "\n".join(texts[:most])


def figure_04(config: Config) -> "Figure":
    """Sample grid: images of SAR-TEXT drawn by seed, each source in its turn, with source and captions."""
    folder = config.results / "sartext"
    captions = by_scene(read_captions(folder / "captions.parquet"))
    scenes = [scene for scene in read_scenes(folder / "scenes.parquet") if scene.scene_id in captions]
    if not scenes:
        return empty(new_figure(7, 3, config.data_note), "SAR-TEXT holds no captioned image")
    titles = {source.name: source.title for source in config.sources}
    images = Images(config)
    figure = new_figure(8.6, 6.1, config.data_note)
    grid = figure.subplots(_ROWS, _COLUMNS, squeeze=False).ravel()
    chosen = _chosen(scenes, len(grid), "figure 4", config.seed)
    for axes in grid[len(chosen) :]:
        axes.axis("off")
    for axes, scene in zip(grid, chosen, strict=False):
        pixels = images.get(scene)
        if pixels is not None:
            show_image(axes, pixels)
        axes.set_title(titles.get(scene.source, scene.source), fontsize=9)
        text = _told(captions[scene.scene_id], 37, 3, 2)
        axes.set_xlabel(text, fontsize=6.8, loc="left", linespacing=1.25)
    return figure


def _rows_of_sheet(config: Config, count: int) -> tuple[list[Scene], dict[str, list[Caption]]]:
    scenes: list[Scene] = []
    captions: list[Caption] = []
    for source in config.sources:
        path = config.results / "scenes" / source.name / "scenes.parquet"
        if not path.is_file():
            continue
        scenes += read_scenes(path)
        for branch in source.branches:
            told = config.results / "captions" / f"{source.name}.{branch}.parquet"
            captions += read_captions(told) if told.is_file() else []
    if not scenes:
        raise UserError(f"{config.results / 'scenes'}: no scenes there; run `sartext ingest` first")
    given = [Caption(scene.scene_id, "given", text) for scene in scenes for text in scene.captions[:1]]
    return _chosen(scenes, count, "sheet", config.seed), by_scene([*captions, *given])


def write_sheet(config: Config, path: Path, count: int = 12) -> None:
    """Write a sheet of scenes for people: optical twin if any, the image, and captions by branch.

    Args:
        config: the profile.
        path: ``.png`` or ``.svg``.
        count: scenes, drawn by seed, each source in its turn.

    Raises:
        UserError: nothing was ingested yet, or the suffix is another one.
    """
    if path.suffix not in (".png", ".svg"):
        raise UserError(f"{path}: expected a name that ends in .png or .svg")
    scenes, captions = _rows_of_sheet(config, count)
    titles = {source.name: source.title for source in config.sources}
    images = Images(config)
    columns = 2
    rows = -(-len(scenes) // columns)
    with drawing():
        figure = new_figure(15.0, 2.15 * rows + 0.4, config.data_note)
        grid = figure.subplots(
            rows, 3 * columns, squeeze=False, gridspec_kw={"width_ratios": [1, 1, 1.75] * columns}
        )
        for axes in grid.ravel():
            axes.axis("off")
        for index, scene in enumerate(scenes):
            left, middle, right = grid[index // columns][3 * (index % columns) : 3 * (index % columns) + 3]
            _sheet_entry((left, middle, right), scene, config, images, captions.get(scene.scene_id, []))
            right.set_title(titles.get(scene.source, scene.source), fontsize=9)
        save_figure(figure, path)


def _picture(scene: Scene, config: Config, images: Images, twin: bool) -> Pixels | None:
    """An image as its file has it, at most `_SHEET_SIDE` pixels a side; the run's copy if it is gone."""
    file = scene.twin if twin else scene.image
    if file is None:
        return None
    try:
        pixels = decode_image(Path(file), config.images, "optical" if twin else scene.modality)
    except UserError:
        return images.get(scene, twin)
    return resize(pixels, _SHEET_SIDE) if max(pixels.shape[:2]) > _SHEET_SIDE else pixels


def _sheet_entry(
    axes: Sequence["Axes"], scene: Scene, config: Config, images: Images, captions: Sequence[Caption]
) -> None:
    left, middle, right = axes
    twin, pixels = (_picture(scene, config, images, twin) for twin in (True, False))
    for place, shown, name in ((left, twin, "optical twin"), (middle, pixels, scene.modality)):
        if shown is not None:
            place.axis("on")
            show_image(place, shown)
            place.set_title(name, fontsize=7, fontweight="normal", color=GREY)
    text = _told(captions, 56, 3, 3) or "(no caption)"
    name = scene.scene_id if len(scene.scene_id) <= _NAME else f"…{scene.scene_id[1 - _NAME :]}"
    for height, words, size, colour in ((0.97, text, 8.0, INK), (0.0, name, 6.0, GREY)):
        where = "top" if height else "bottom"
        said = right.text(
            0,
            height,
            words,
            transform=right.transAxes,
            va=where,
            fontsize=size,
            color=colour,
            linespacing=1.3,
        )
        said.set_in_layout(False)  # a long name is no reason to shrink the images
