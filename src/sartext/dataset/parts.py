"""What both stages share: reading sources of a modality, their test images, and dropping training images."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import atomic_path, write_json
from sartext.core.records import SPLITS, Scene
from sartext.core.tables import read_scenes
from sartext.dataset.likeness.duplicates import Richness, duplicates
from sartext.dataset.likeness.leakage import Leak, find_leaks
from sartext.dataset.likeness.overlap import cut_groups
from sartext.dataset.likeness.prints import Prints, benchmark_prints, read_prints
from sartext.dataset.likeness.same import Same, find_same


@dataclass(frozen=True)
class Dropped:
    """One scene left out: why, and which other scene or benchmark image it coincides with, if any."""

    scene_id: str
    reason: str
    other: str = ""


@dataclass(frozen=True, eq=False)
class Gathered:
    """Every ingested image of a profile; what is found among them is found once, when asked for.

    Attributes:
        scenes: scenes by source, in the profile's order.
        prints: prints of all their images and twins, then of the frozen benchmark's images.
        benchmark: how many of the last prints are the benchmark's; 0 without one.
        version: its version; none if it was not checked.
        distance: most bits that perceptual hashes of near images differ by.
    """

    scenes: dict[str, list[Scene]]
    prints: Prints
    benchmark: int
    version: str | None
    distance: int

    @property
    def every(self) -> list[Scene]:
        """All scenes of all sources."""
        return [scene for scenes in self.scenes.values() for scene in scenes]

    @property
    def tests(self) -> int:
        """How many images are tests: those of every source, their twins, and the benchmark's."""
        own = [scene for scene in self.every if scene.split == "test"]
        return len(own) + sum(scene.twin is not None for scene in own) + self.benchmark

    @cached_property
    def same(self) -> Same:
        """Which images are the same."""
        return find_same(self.prints, self.distance)

    @cached_property
    def leaks(self) -> dict[str, Leak]:
        """Training and validation scenes of any source that tell of a test image, by scene id."""
        tests = [scene for scene in self.every if scene.split == "test"]
        training = [scene for scene in self.every if scene.split != "test"]
        return {leak.train: leak for leak in self.leaks_of(tests, training)}

    def leaks_of(self, tests: Sequence[Scene], training: Sequence[Scene]) -> list[Leak]:
        """Return the leaks of these scenes to those and the benchmark, by the images that were ingested."""
        benchmark = np.arange(len(self.prints)) >= len(self.prints) - self.benchmark
        return find_leaks(self.prints, self.same, tests, training, benchmark)


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
    prints: list[Prints] = []
    for source in config.sources:
        scenes[source.name] = read_scenes(config.results / "scenes" / source.name / "scenes.parquet")
        prints.append(read_prints(config, source.name, scenes[source.name]))
    version, frozen = None, 0
    if with_benchmark and config.evaluation.version != "draft":
        version = config.evaluation.version
        prints.append(benchmark_prints(Path("data/benchmark") / version, config.images))
        frozen = len(prints[-1])
    return Gathered(scenes, Prints.joined(prints), frozen, version, config.dataset.phash_distance)


@dataclass(frozen=True)
class Kept:
    """What is left of a stage's scenes, and what the leakage check found."""

    scenes: list[Scene]
    leaks: list[Leak]


def keep(
    gathered: Gathered,
    scenes: Sequence[Scene],
    texts: Mapping[str, Richness],
    dropped: list[Dropped],
    what: str,
) -> Kept:
    """Drop scenes that say nothing, and training and validation scenes that leak or repeat another one.

    Of a larger scene that training and validation images were cut from, the validation images are dropped, so
    that no split cuts it.

    Args:
        gathered: all images of the profile.
        scenes: a stage's scenes.
        texts: how much is said of each, by scene id (see `richness`); a scene of no text is dropped, of test
            sets too.
        dropped: what is dropped is added here.
        what: the stage, for errors.

    Returns:
        The scenes that stay, by rising id; the leaks among those of some text.

    Raises:
        UserError: nothing is left to train on.
    """
    told = [scene for scene in scenes if texts.get(scene.scene_id, (0, 0, 0))[0]]
    named = {scene.scene_id for scene in told}
    dropped += [Dropped(scene.scene_id, "nothing to say") for scene in scenes if scene.scene_id not in named]
    training = [scene for scene in told if scene.split != "test"]
    leaks = [gathered.leaks[scene.scene_id] for scene in training if scene.scene_id in gathered.leaks]
    leaks.sort(key=lambda leak: leak.train)
    dropped += [Dropped(leak.train, leak.reason, leak.via or leak.test) for leak in leaks]
    clean = [scene for scene in training if scene.scene_id not in gathered.leaks]
    cut = dict(cut_groups(clean))
    dropped += [Dropped(scene_id, "is of a training image's scene", other) for scene_id, other in cut.items()]
    whole = [scene for scene in clean if scene.scene_id not in cut]
    repeated = duplicates(whole, gathered.prints, gathered.same, texts)
    dropped += [
        Dropped(scene_id, f"repeats another image ({kind})", other)
        for scene_id, (other, kind) in sorted(repeated.items())
    ]
    stays = {scene.scene_id for scene in whole if scene.scene_id not in repeated}
    if not any(scene.split == "train" and scene.scene_id in stays for scene in whole):
        raise UserError(
            f"{what}: no training image is left of {len(scenes)} scenes ({len(dropped)} dropped); "
            "expected at least one source with training images and texts"
        )
    kept = [scene for scene in told if scene.split == "test" or scene.scene_id in stays]
    return Kept(sorted(kept, key=lambda scene: scene.scene_id), leaks)


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


def write_leaks(path: Path, leaks: Sequence[Leak]) -> None:
    """Write the leaks that a build found and removed; the audit tells of them."""
    write_json(path, {"pairs": [leak.record() for leak in leaks]})
