"""Images cut from one larger scene: which overlap, by where they were cut out.

A perceptual hash does not see that two tiles share 200 of their 800 pixels (HRSID's do): their places in the
parent scene tell.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sartext.core.records import Scene

Overlap = Literal["overlap", "same scene"]

_ROWS = 1024


def by_group(scenes: Iterable[Scene]) -> dict[str, list[Scene]]:
    """Return the scenes that were cut from larger ones, by their group, each group's by rising id."""
    groups: dict[str, list[Scene]] = {}
    for scene in scenes:
        if scene.group is not None:
            groups.setdefault(scene.group, []).append(scene)
    return {name: sorted(groups[name], key=lambda scene: scene.scene_id) for name in sorted(groups)}


def overlaps(
    tests: Iterable[Scene], training: Iterable[Scene], drawn: Collection[str] = ()
) -> list[tuple[str, str, Overlap]]:
    """Return training scenes that show a part of a test scene: test id, training id, how.

    ``overlap`` where their windows share an area above 0; ``same scene`` where they are of one group and one
    of them has no window, so that nothing tells them apart, or the test scene's split is drawn: then its
    whole group is a test's, in whichever source. Tiles that only touch are no overlap.

    Args:
        tests: test scenes.
        training: training and validation scenes.
        drawn: sources whose splits are drawn; the others' are official.

    Returns:
        One entry a training scene, with the first such test scene by id; an overlap before a same scene.
    """
    asked = by_group(training)
    found: list[tuple[str, str, Overlap]] = []
    for group, inside in by_group(tests).items():
        own = asked.get(group, [])
        for start in range(0, len(own), _ROWS):
            found += _in_group(inside, own[start : start + _ROWS], drawn)
    return found


def _in_group(
    tests: Sequence[Scene], training: Sequence[Scene], drawn: Collection[str]
) -> list[tuple[str, str, Overlap]]:
    theirs, test_known = _windows(tests)
    own, known = _windows(training)
    low = np.maximum(own[:, None, :2], theirs[None, :, :2])
    high = np.minimum(own[:, None, 2:], theirs[None, :, 2:])
    told = known[:, None] & test_known[None, :]
    shared = (high > low).all(axis=2) & told
    whole = np.array([scene.source in drawn for scene in tests], np.bool_)
    one_scene = ~told | whole[None, :]
    found: list[tuple[str, str, Overlap]] = []
    for row, scene in enumerate(training):
        if shared[row].any():
            found.append((tests[int(shared[row].argmax())].scene_id, scene.scene_id, "overlap"))
        elif one_scene[row].any():
            found.append((tests[int(one_scene[row].argmax())].scene_id, scene.scene_id, "same scene"))
    return found


def _windows(scenes: Sequence[Scene]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Windows (N, 4), zeros where not known, and whether they are known (N,)."""
    known = np.array([scene.window is not None for scene in scenes], np.bool_)
    return np.array([scene.window or (0, 0, 0, 0) for scene in scenes], np.int64), known


def cut_groups(scenes: Iterable[Scene]) -> list[tuple[str, str]]:
    """Return the validation scenes of groups with training scenes too, each with the first one of these."""
    found = []
    for inside in by_group(scenes).values():
        train = next((scene.scene_id for scene in inside if scene.split == "train"), None)
        if train is not None:
            found += [(scene.scene_id, train) for scene in inside if scene.split == "val"]
    return sorted(found)
