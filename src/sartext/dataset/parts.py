"""What both stages share: reading sources of a modality, their test images, and dropping images."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import atomic_path, write_json
from sartext.core.records import SPLITS, Scene
from sartext.core.tables import read_scenes
from sartext.dataset.likeness.benchmark import BenchmarkImage, read_benchmark, stem_of
from sartext.dataset.likeness.closest import Closest, Match
from sartext.dataset.likeness.duplicates import Richness, drawn_repeats, duplicates
from sartext.dataset.likeness.leakage import Frozen, Leak, find_leaks
from sartext.dataset.likeness.overlap import cut_groups
from sartext.dataset.likeness.prints import Prints, read_prints
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
        benchmark: the images that the last prints are of; none without a benchmark.
        version: its version; none if it was not checked.
        distance: most bits that perceptual hashes of near images differ by.
        drawn: sources without official splits.
    """

    scenes: dict[str, list[Scene]]
    prints: Prints
    benchmark: Sequence[BenchmarkImage]
    version: str | None
    distance: int
    drawn: frozenset[str]

    @property
    def every(self) -> list[Scene]:
        """All scenes of all sources."""
        return [scene for scenes in self.scenes.values() for scene in scenes]

    @property
    def tests(self) -> int:
        """How many images are tests: those of every source, their twins, and the benchmark's."""
        own = [scene for scene in self.every if scene.split == "test"]
        return len(own) + sum(scene.twin is not None for scene in own) + len(self.benchmark)

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
        tested = {stem_of(scene.scene_id) for scene in tests}
        names = {image.stem: image.name for image in reversed(self.benchmark)}
        frozen = Frozen(
            rows=self._frozen,
            places=[place for image in self.benchmark if image.stem not in tested for place in image.places],
            twins={
                scene.scene_id: names[stem]
                for scene in training
                if scene.twin is not None and (stem := stem_of(scene.scene_id)) in names
            },
        )
        return find_leaks(self.prints, self.same, tests, training, self.drawn, frozen)

    def cut_images(self, scenes: Sequence[Scene]) -> list[Match]:
        """Return the validation scenes that a training scene, of these too, or its twin repeats.

        Their own twins count: what two SAR images share may be their optical twin alone.
        """
        val, train = (
            self._closest.holding(scene.scene_id for scene in scenes if scene.split == split) & ~self._frozen
            for split in ("val", "train")
        )
        return self._closest.search(val, train)

    @property
    def _frozen(self) -> NDArray[np.bool_]:
        """Which prints are the benchmark's."""
        rows: NDArray[np.bool_] = np.arange(len(self.prints)) >= len(self.prints) - len(self.benchmark)
        return rows

    @cached_property
    def _closest(self) -> Closest:
        return Closest(self.prints, self.same)


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
    version, frozen = None, list[BenchmarkImage]()
    if with_benchmark and config.evaluation.version != "draft":
        version = config.evaluation.version
        own, frozen = read_benchmark(Path("data/benchmark") / version, config.images, config.sources)
        prints.append(own)
    drawn = frozenset(source.name for source in config.sources if not source.splits)
    return Gathered(scenes, Prints.joined(prints), frozen, version, config.dataset.phash_distance, drawn)


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
    """Drop scenes that say nothing, and scenes that leak or repeat another one; official tests stay.

    Of a larger scene that training and validation images were cut from, the validation images are dropped, so
    that no split cuts it; so are those that share an optical twin with a training image. Of test images whose
    split is drawn, those that repeat another test image are dropped.

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
    for match in gathered.cut_images([scene for scene in whole if scene.scene_id in stays]):
        dropped.append(Dropped(match.scene, f"repeats another image ({match.kind})", match.other))
        stays.remove(match.scene)
    if not any(scene.split == "train" and scene.scene_id in stays for scene in whole):
        raise UserError(
            f"{what}: no training image is left of {len(scenes)} scenes ({len(dropped)} dropped); "
            "expected at least one source with training images and texts"
        )
    tests = [scene for scene in told if scene.split == "test"]
    again = drawn_repeats(tests, gathered.drawn, gathered.prints, gathered.same, texts)
    dropped += [
        Dropped(scene_id, f"repeats a test image ({kind})", other)
        for scene_id, (other, kind) in sorted(again.items())
    ]
    stays |= {scene.scene_id for scene in tests if scene.scene_id not in again}
    kept = [scene for scene in told if scene.scene_id in stays]
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
