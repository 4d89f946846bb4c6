"""Training and validation images that would tell of a test image, and how.

An image leaks if it, or its optical twin, is the same as a test image, a benchmark image or the twin of
one (`exact`, `near`; with `` twin`` where a twin is on either side); if it was cut from a test image's scene
where they overlap (`overlap`), or anywhere in it where that cannot be told or the test split is drawn (`same
scene`); or if it is the same as an image that leaks (`Leak.via`), until nothing changes: SARDet-100K holds
all of HRSID, without the names that tell where a tile was cut. Images are compared across sources, stages
and modalities.

Not seen: other acquisitions of a place, unless an optical twin is shared; copies turned or mirrored, or whose
perceptual hash is further away than the profile's `dataset.phash_distance`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sartext.core.records import Scene
from sartext.dataset.likeness.closest import Closest
from sartext.dataset.likeness.overlap import overlaps
from sartext.dataset.likeness.prints import Prints
from sartext.dataset.likeness.same import Same


@dataclass(frozen=True, slots=True)
class Leak:
    """One training or validation image that tells of a test image.

    Attributes:
        test: scene id of the test image, or path of the benchmark image below the benchmark's folder.
        train: scene id of the training or validation image.
        kind: ``exact``, ``near``, ``exact twin``, ``near twin``, ``overlap`` or ``same scene``.
        distance: bits that perceptual hashes differ by; 0 for exact; None where places told.
        via: scene id of another image that leaks, which `kind` and `distance` are of; None if they are of the
            test image itself.
    """

    test: str
    train: str
    kind: str
    distance: int | None
    via: str | None = None

    @property
    def reason(self) -> str:
        """Why the image is left out, as ``dropped.csv`` says it."""
        if self.kind == "overlap":
            return "overlaps a test image"
        if self.via:
            return f"repeats an image that leaks ({self.kind})"
        if self.kind == "same scene":
            return "is of a test image's scene"
        return f"coincides with a test image ({self.kind})"

    def record(self) -> dict[str, Any]:
        """Return it as an entry of ``leaks.json``; `via` and `distance` are there if they are known."""
        record = {"test": self.test, "train": self.train, "kind": self.kind}
        optional = {"distance": self.distance, "via": self.via}
        return record | {name: value for name, value in optional.items() if value is not None}


@dataclass(frozen=True, eq=False)
class Frozen:
    """A frozen benchmark's images, as tests.

    Attributes:
        rows: bool (N,), which of the prints are theirs.
        places: those that the run has no test scene of, as test scenes of known groups.
        twins: names of those that training scenes with an optical twin are called after, by scene id.
    """

    rows: NDArray[np.bool_]
    places: Sequence[Scene]
    twins: Mapping[str, str]


def find_leaks(
    prints: Prints,
    same: Same,
    tests: Sequence[Scene],
    training: Sequence[Scene],
    drawn: Collection[str] = (),
    benchmark: Frozen | None = None,
) -> list[Leak]:
    """Return every training scene that leaks, each once and by its closest test image, by rising scene id.

    Three steps: images the same as a test image, and those the same as one of them; images cut from where a
    test image was cut, or an image of the first step; images the same as one of these.

    Args:
        prints: images of all scenes, twins included, and of the benchmark.
        same: which of them are the same.
        tests: test scenes; one that stands among `training` too leaks as ``exact``.
        training: all training and validation scenes of both stages, whether they are used or not.
        drawn: sources whose splits are drawn: what else there is of a larger scene that they test leaks.
        benchmark: the frozen benchmark's images; none if not given.
    """
    closest = Closest(prints, same)
    asked = closest.holding(scene.scene_id for scene in training)
    wanted = closest.holding(scene.scene_id for scene in tests)
    twins: Mapping[str, str] = {}
    placed = list(tests)
    if benchmark is not None:
        twins = benchmark.twins
        asked &= ~benchmark.rows
        wanted |= benchmark.rows | (closest.holding(twins) & prints.twin)
        placed += benchmark.places
    leaks = {
        found.scene: Leak(twins.get(found.other, found.other), found.scene, found.kind, found.distance)
        for found in closest.search(asked, wanted)
    }
    _follow(closest, asked, leaks, set(leaks))
    copies = [scene for scene in training if scene.scene_id in leaks]
    others = [scene for scene in training if scene.scene_id not in leaks]
    cut = {train: Leak(test, train, kind, None) for test, train, kind in overlaps(placed, others, drawn)}
    for copy, train, kind in overlaps(copies, others):
        # what is not known of a copy's place tells nothing: only a shared area counts
        if kind == "overlap" and train not in cut:
            cut[train] = Leak(leaks[copy].test, train, kind, None, copy)
    leaks |= cut
    _follow(closest, asked, leaks, set(cut))
    return [leaks[name] for name in sorted(leaks)]


def _follow(closest: Closest, asked: NDArray[np.bool_], leaks: dict[str, Leak], fresh: set[str]) -> None:
    """Add what is the same as one of `fresh`, and the same as that, until nothing changes."""
    while fresh:
        matches = closest.search(asked & ~closest.holding(leaks), closest.holding(fresh))
        for found in matches:
            test = leaks[found.other].test
            leaks[found.scene] = Leak(test, found.scene, found.kind, found.distance, found.other)
        fresh = {found.scene for found in matches}
