"""Degraded annotations: what an annotator misses, moves or mislabels, by named seed.

Each object, or land cover, is hit with the probability `share`. Its draws have a seed of their own, named by
scene and damage but not by share: what is hit at 10% is hit at 25% too, so that a chart shows the damage and
not the draw.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from sartext.core.records import Box, Scene
from sartext.core.seeds import generator
from sartext.narrator.facts import same_thing

Damage = Literal["miss", "jitter", "mislabel"]

DAMAGES: tuple[Damage, ...] = ("miss", "jitter", "mislabel")


def damage_scene(scene: Scene, damage: Damage, share: float, labels: Sequence[str], seed: int) -> Scene:
    """Return a scene as a careless annotator would hand it in.

    Boxes: a missed one is gone; a moved one has left its object (by its own larger side, in any direction,
    its centre kept inside the image); a mislabelled one has a class of `labels` that means another thing
    (`sartext.narrator.facts.same_thing`: a tanker is not mislabelled as a cargo ship, since both are ships).

    Land cover, by shares since a scene carries no mask: a missed class is gone and its pixels belong to none;
    a moved outline makes every class larger or smaller by up to `share` of itself, and all are scaled back to
    what they covered; a mislabelled class counts for another.

    Args:
        scene: the scene as annotated.
        damage: what goes wrong.
        share: probability that it does, for each box or land cover, 0 to 1.
        labels: classes to mislabel as; with none that means another thing nothing is mislabelled.
        seed: of the run.
    """
    return replace(
        scene,
        boxes=_boxes(scene, damage, share, labels, seed),
        cover=_cover(scene, damage, share, labels, seed),
    )


def _boxes(scene: Scene, damage: Damage, share: float, labels: Sequence[str], seed: int) -> tuple[Box, ...]:
    draws = generator(seed, "damage", "boxes", damage, scene.scene_id).random((len(scene.boxes), 2))
    damaged = []
    for box, (chance, how) in zip(scene.boxes, draws.tolist(), strict=True):
        if chance >= share:
            damaged.append(box)
        elif damage == "jitter":
            damaged.append(_moved(box, 2 * math.pi * how, scene.width, scene.height))
        elif damage == "mislabel":
            damaged.append(replace(box, label=_other(box.label, labels, how)))
    return tuple(damaged)


def _moved(box: Box, angle: float, width: int, height: int) -> Box:
    step = max(box.width, box.height)
    x, y = box.centre
    x = min(max(x + step * math.cos(angle), 0.0), float(width))
    y = min(max(y + step * math.sin(angle), 0.0), float(height))
    return replace(box, x=x - box.width / 2, y=y - box.height / 2)


def _other(label: str, labels: Sequence[str], how: float) -> str:
    others = [name for name in sorted(labels) if same_thing(name) != same_thing(label)]
    return others[int(how * len(others))] if others else label


def _cover(scene: Scene, damage: Damage, share: float, labels: Sequence[str], seed: int) -> dict[str, float]:
    names = sorted(scene.cover)
    draws = generator(seed, "damage", "cover", damage, scene.scene_id).random((len(names), 2))
    if damage == "jitter":
        grown = np.array([scene.cover[name] for name in names]) * (1 + share * (2 * draws[:, 1] - 1))
        scale = sum(scene.cover.values()) / float(grown.sum()) if grown.sum() > 0 else 0.0
        return {name: float(value) * scale for name, value in zip(names, grown, strict=True)}
    damaged: dict[str, float] = {}
    for name, (chance, how) in zip(names, draws.tolist(), strict=True):
        if chance >= share:
            damaged[name] = damaged.get(name, 0.0) + scene.cover[name]
        elif damage == "mislabel":
            other = _other(name, labels, how)
            damaged[other] = damaged.get(other, 0.0) + scene.cover[name]
    return damaged
