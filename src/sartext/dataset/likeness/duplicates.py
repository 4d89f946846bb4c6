"""Equal images within a training set, and among test images whose split is drawn: one stays."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from sartext.core.records import Caption, Question, Scene
from sartext.dataset.likeness.prints import Prints
from sartext.dataset.likeness.same import Same
from sartext.dataset.text import words

Richness = tuple[int, int, int]
Repeats = dict[str, tuple[str, Literal["exact", "near"]]]
"""Scenes to drop, each with the scene that stays and how they are alike."""


def richness(texts: Sequence[str]) -> Richness:
    """Return how much is said of an image: texts, different words, characters."""
    return len(texts), len({word for text in texts for word in words(text)}), sum(map(len, texts))


def richness_of(
    scenes: Iterable[Scene],
    captions: Mapping[str, Sequence[Caption]],
    questions: Mapping[str, Sequence[Question]],
) -> dict[str, Richness]:
    """Return how much is said of each scene, by its captions and its own dialogue (both by scene id)."""
    return {
        scene.scene_id: richness(
            [one.caption for one in captions.get(scene.scene_id, ())]
            + [f"{one.question} {one.answer}" for one in questions.get(scene.scene_id, ())]
        )
        for scene in scenes
    }


def duplicates(scenes: Sequence[Scene], prints: Prints, same: Same, texts: Mapping[str, Richness]) -> Repeats:
    """Return the training and validation scenes to drop.

    Images that are the same, and those that are the same as one of them, are one group, of which one scene
    stays: the one with the richest text; of those, one of train before val, then the first by scene id.

    Args:
        scenes: training and validation scenes.
        prints: images of these and any other scenes; twins are left aside: two SAR images may share one
            optical twin.
        same: which of them are the same.
        texts: how much is said of a scene, by its id.
    """
    dropped: Repeats = {}
    for inside in _groups(scenes, prints, same):
        dropped |= _but_first(sorted(inside, key=lambda member: _rank(member[0], texts)))
    return dropped


def drawn_repeats(
    tests: Sequence[Scene],
    drawn: Collection[str],
    prints: Prints,
    same: Same,
    texts: Mapping[str, Richness],
) -> Repeats:
    """Return the test scenes to drop: of sources whose split is drawn, and the same as another test scene.

    Groups are those of `duplicates`. Official test scenes all stay, and every drawn one beside one goes; of a
    group of drawn ones the one with the richest text stays, then the first by scene id.

    Args:
        tests: test scenes.
        drawn: sources whose splits are drawn; the others' are official.
        prints: see `duplicates`.
        same: see `duplicates`.
        texts: see `duplicates`.
    """
    dropped: Repeats = {}
    for inside in _groups(tests, prints, same):
        ranked = sorted(inside, key=lambda member: _rank(member[0], texts))
        official = [member for member in ranked if member[0].source not in drawn]
        ours = [member for member in ranked if member[0].source in drawn]
        dropped |= _but_first([*official[:1], *ours])
    return dropped


def official_repeats(tests: Sequence[Scene], drawn: Collection[str], prints: Prints, same: Same) -> int:
    """Return how many official test scenes are the same as another one; arguments as in `drawn_repeats`."""
    official = [scene for scene in tests if scene.source not in drawn]
    return sum(len(inside) - 1 for inside in _groups(official, prints, same))


def _but_first(members: Sequence[tuple[Scene, int]]) -> Repeats:
    """All members of a group but the first, each with the first one."""
    (best, look), *rest = members
    return {scene.scene_id: (best.scene_id, "exact" if own == look else "near") for scene, own in rest}


def _groups(scenes: Sequence[Scene], prints: Prints, same: Same) -> list[list[tuple[Scene, int]]]:
    """Scenes by what their images show, each with the number of its pixels (`Same.pixels`)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    by_id = {scene.scene_id: scene for scene in scenes}
    rows = np.array(
        [
            row
            for row, (name, twin) in enumerate(zip(prints.scene_ids, prints.twin, strict=True))
            if not twin and name in by_id
        ],
        np.int64,
    )
    pixels = same.pixels[rows]
    count = int(same.pixels.max()) + 1 if len(prints) else 0
    there = np.zeros(count, np.bool_)
    there[pixels] = True
    edges = there[same.first] & there[same.second]
    first, second = same.first[edges], same.second[edges]
    graph = coo_array((np.ones(len(first), np.float32), (first, second)), shape=(count, count))
    _, group = connected_components(graph, directed=False)
    members: dict[int, list[tuple[Scene, int]]] = {}
    for row, number in zip(rows.tolist(), group[pixels].tolist(), strict=True):
        members.setdefault(number, []).append((by_id[prints.scene_ids[row]], int(same.pixels[row])))
    return list(members.values())


def _rank(scene: Scene, texts: Mapping[str, Richness]) -> tuple[int, int, int, str, str]:
    captions, different, characters = texts.get(scene.scene_id, (0, 0, 0))
    # train before val, as the words sort
    return -captions, -different, -characters, scene.split, scene.scene_id
