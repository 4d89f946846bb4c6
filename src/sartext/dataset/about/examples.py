"""Worked examples for figure 3: one image a branch, what the branch saw of it and what it wrote."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sartext.core.config import Config
from sartext.core.records import BRANCHES, Branch, Caption, Scene
from sartext.core.seeds import generator

# what makes an image worth showing: several things to tell of, yet few enough to draw
_SHOWN: dict[Branch, Callable[[Scene], bool]] = {
    "a2c": lambda scene: 2 <= len(scene.boxes) <= 12,
    "sa2c": lambda scene: len(scene.cover) >= 2,
    "pair": lambda scene: scene.twin is not None,
    "given": lambda scene: bool(scene.captions),
}


def _file(config: Config, scene: Scene, path: str) -> str:
    """A file's name below its source's folder, or below the run's own: no path of this machine."""
    for folder in (config.source(scene.source).folder, config.results):
        try:
            return Path(path).relative_to(folder).as_posix()
        except ValueError:
            continue
    return Path(path).name


def _optical_caption(config: Config, scene: Scene) -> str | None:
    """What the captioner said of the optical twin, from the pair branch's table, if that is there."""
    path = config.results / "captions" / f"{scene.source}.pair.csv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row.get("scene_id") == scene.scene_id:
                return row.get("optical_caption")
    return None


def _seen(config: Config, scene: Scene, branch: Branch) -> dict[str, Any]:
    if branch == "a2c":
        return {
            "boxes": [
                {"label": box.label, "x": box.x, "y": box.y, "width": box.width, "height": box.height}
                for box in scene.boxes
            ]
        }
    if branch == "sa2c":
        return {"cover": dict(sorted(scene.cover.items()))}
    if branch == "pair" and scene.twin is not None:
        return {
            "twin": _file(config, scene, scene.twin),
            "optical_caption": _optical_caption(config, scene),
        }
    return {}


def worked_examples(
    config: Config, scenes: Sequence[Scene], captions: Mapping[str, Sequence[Caption]]
) -> dict[str, Any]:
    """Return one image of each branch, drawn by seed among those that show most.

    Args:
        config: the profile.
        scenes: the data set's.
        captions: by scene id.

    Returns:
        By branch: ``scene_id``, ``source``, ``image`` (below the source's folder), ``width``, ``height``
        (pixels), ``captions``, and what the branch saw: ``boxes``, ``cover``, or ``twin`` and
        ``optical_caption``. A branch without captions is left out.
    """
    found: dict[str, Any] = {}
    for branch in BRANCHES:
        told = [
            scene
            for scene in scenes
            if any(caption.branch == branch for caption in captions.get(scene.scene_id, ()))
        ]
        if not told:
            continue
        best = [scene for scene in told if _SHOWN[branch](scene)] or told
        best.sort(key=lambda scene: scene.scene_id)
        scene = best[int(generator(config.seed, "worked example", branch).integers(len(best)))]
        found[branch] = {
            "scene_id": scene.scene_id,
            "source": scene.source,
            "image": _file(config, scene, scene.image),
            "width": scene.width,
            "height": scene.height,
            "captions": [caption.caption for caption in captions[scene.scene_id] if caption.branch == branch],
            **_seen(config, scene, branch),
        }
    return found
