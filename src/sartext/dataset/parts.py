"""What both stages share: reading sources of a modality, their test images, and dropping training images."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sartext.core.config import Config, SourceConfig
from sartext.core.errors import UserError
from sartext.core.files import atomic_path
from sartext.core.records import SPLITS, Modality, Scene
from sartext.core.tables import read_scenes
from sartext.dataset.likeness.duplicates import duplicates
from sartext.dataset.likeness.leakage import Leak, find_leaks, verify_clean
from sartext.dataset.likeness.prints import Print, benchmark_prints, read_prints


@dataclass(frozen=True)
class Dropped:
    """One scene left out: why, and which other scene or benchmark image it coincides with, if any."""

    scene_id: str
    reason: str
    other: str = ""


@dataclass(frozen=True)
class Gathered:
    """Every ingested image of a profile.

    Attributes:
        scenes: scenes by source, in the profile's order.
        prints: prints by scene id: a scene's image, and its twin.
        benchmark: prints of the frozen benchmark's images; empty without one.
        version: its version; none if it was not checked.
    """

    scenes: dict[str, list[Scene]]
    prints: dict[str, list[Print]]
    benchmark: list[Print] = field(default_factory=list)
    version: str | None = None

    def of(self, scenes: Iterable[Scene]) -> list[Print]:
        """Return the prints of some scenes, in their order."""
        return [one for scene in scenes for one in self.prints[scene.scene_id]]

    def tests(self) -> list[Print]:
        """Return the prints of all test images: those of every source, their twins, and the benchmark's."""
        own = [scene for scenes in self.scenes.values() for scene in scenes if scene.split == "test"]
        return self.of(own) + self.benchmark


def sources_of(config: Config, modality: Modality) -> list[SourceConfig]:
    """Return the sources that go into a stage: optical ones into 1, narrated SAR ones into 2."""
    return [
        source
        for source in config.sources
        if source.modality == modality and (modality == "optical" or source.branches)
    ]


def gather(config: Config, with_benchmark: bool) -> Gathered:
    """Read the scenes and prints of all sources of a profile, and of its frozen benchmark.

    Args:
        config: the profile; all sources must be ingested.
        with_benchmark: whether the frozen benchmark is read, if the profile has one (a draft is made of the
            run's own test images, which are read anyway).

    Raises:
        UserError: a source is not ingested, or the benchmark is not there.
    """
    scenes: dict[str, list[Scene]] = {}
    prints: dict[str, list[Print]] = {}
    for source in config.sources:
        read = read_scenes(config.results / "scenes" / source.name / "scenes.parquet")
        scenes[source.name] = read
        for one in read_prints(config, source.name, read):
            prints.setdefault(one.scene_id, []).append(one)
    version = config.evaluation.version
    if not with_benchmark or version == "draft":
        return Gathered(scenes, prints)
    frozen = benchmark_prints(Path("data/benchmark") / version, config.images)
    return Gathered(scenes, prints, frozen, version)


@dataclass(frozen=True)
class Kept:
    """What is left of a stage's scenes, and what the leakage check found."""

    scenes: list[Scene]
    leaks: list[Leak]
    checked: int


def keep(
    config: Config,
    gathered: Gathered,
    scenes: Sequence[Scene],
    texts: Mapping[str, int],
    dropped: list[Dropped],
    what: str,
) -> Kept:
    """Drop training and validation scenes that say nothing, leak a test image, or repeat another one.

    Args:
        config: the profile.
        gathered: all images of it.
        scenes: a stage's scenes.
        texts: captions (or questions) by scene id; a scene without any is dropped, of test sets too.
        dropped: what is dropped is added here.
        what: the stage, for errors.

    Raises:
        UserError: nothing is left to train on, or an image that coincides with a test image is left.
    """
    distance = config.dataset.phash_distance
    told = [scene for scene in scenes if texts.get(scene.scene_id)]
    dropped += [
        Dropped(scene.scene_id, "nothing to say") for scene in scenes if not texts.get(scene.scene_id)
    ]
    training = [scene for scene in told if scene.split != "test"]
    tests = gathered.tests()
    leaks = find_leaks(tests, gathered.of(training), distance)
    leaking = {leak.train for leak in leaks}
    dropped += [
        Dropped(leak.train, f"coincides with a test image ({leak.kind})", leak.test) for leak in leaks
    ]
    clean = [scene for scene in training if scene.scene_id not in leaking]
    repeated = duplicates(clean, gathered.of(clean), texts, distance)
    dropped += [
        Dropped(scene_id, f"repeats another image ({kind})", other)
        for scene_id, (other, kind) in sorted(repeated.items())
    ]
    left = [scene for scene in clean if scene.scene_id not in repeated]
    verify_clean(tests, gathered.of(left), distance, what)
    if not any(scene.split == "train" for scene in left):
        raise UserError(
            f"{what}: no training image is left of {len(scenes)} scenes ({len(dropped)} dropped); "
            "expected at least one source with training images and texts"
        )
    stays = {scene.scene_id for scene in left}
    kept = [scene for scene in told if scene.split == "test" or scene.scene_id in stays]
    return Kept(sorted(kept, key=lambda scene: scene.scene_id), leaks, len(training))


def write_dropped(path: Path, dropped: Sequence[Dropped]) -> None:
    """Write what was left out as csv (``scene_id,reason,other``), atomically."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["scene_id", "reason", "other"])
        writer.writerows(
            [entry.scene_id, entry.reason, entry.other]
            for entry in sorted(dropped, key=lambda entry: entry.scene_id)
        )


def by_split(scenes: Iterable[Scene]) -> dict[str, int]:
    """Count scenes by split."""
    chosen = list(scenes)
    return {split: sum(scene.split == split for scene in chosen) for split in SPLITS}


def reasons(dropped: Sequence[Dropped]) -> dict[str, int]:
    """Count what was left out by reason."""
    counts: dict[str, int] = {}
    for entry in dropped:
        counts[entry.reason] = counts.get(entry.reason, 0) + 1
    return dict(sorted(counts.items()))


def leak_report(leaks: Sequence[Leak], checked: int, tests: int) -> dict[str, Any]:
    """Return the report of one stage's check; `verify_clean` has passed, so nothing remains."""
    return {
        "tests": tests,
        "checked": checked,
        "pairs": [leak.record() for leak in leaks],
        "dropped": len(leaks),
        "remaining": 0,
    }
