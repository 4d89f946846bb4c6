"""What the models learn from: the tables of texts and the images they belong to, read a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.records import Scene, Split
from sartext.core.seeds import generator
from sartext.core.stacks import open_stack
from sartext.core.tables import by_scene, read_captions, read_questions, read_scenes

DESCRIBE = "describe the image."


class Pixels:
    """Images of a profile's sources, memory-mapped: ``results/P/scenes/SOURCE/images.npy``.

    Row i of a source's array is row i of its ``scenes.parquet``.
    """

    def __init__(self, config: Config) -> None:
        self._folder = config.results / "scenes"
        self._size = config.images.size
        self._arrays: dict[str, NDArray[np.uint8]] = {}
        self._rows: dict[str, tuple[str, int]] = {}

    def add(self, source: str) -> None:
        """Open a source's images.

        Raises:
            UserError: they are missing, or are not as many or as large as they should be.
        """
        if source in self._arrays:
            return
        folder = self._folder / source
        scenes = read_scenes(folder / "scenes.parquet")
        self._arrays[source] = open_stack(folder / "images.npy", len(scenes), self._size)
        self._rows.update({scene.scene_id: (source, row) for row, scene in enumerate(scenes)})

    def known(self, scene_id: str) -> bool:
        """Whether the scene's image is there."""
        return scene_id in self._rows

    def batch(self, scene_ids: Sequence[str]) -> NDArray[np.uint8]:
        """Return uint8 (N, S, S, 3) images; a grey one is repeated to 3 channels."""
        out = np.empty((len(scene_ids), self._size, self._size, 3), np.uint8)
        for place, scene_id in enumerate(scene_ids):
            source, row = self._rows[scene_id]
            out[place] = self._arrays[source][row]
        return out


@dataclass(frozen=True)
class Sample:
    """One thing to learn: an image with a text (and the question that the text answers, for GPT)."""

    scene_id: str
    text: str
    question: str = ""


@dataclass(frozen=True)
class TextSet:
    """One split of stage 1 or of SAR-TEXT.

    Attributes:
        name: ``stage1`` or ``sartext``.
        groups: for CLIP and CoCa an image with all its captions, of which a visit draws one; for GPT a
            question with its one answer.
    """

    name: str
    groups: tuple[tuple[Sample, ...], ...]

    def __len__(self) -> int:
        return len(self.groups)

    def first(self, count: int) -> list[Sample]:
        """Return the first sample of the first `count` groups: fixed, for validation."""
        return [group[0] for group in self.groups[:count]]


def _paired(scenes: list[Scene], folder: Path) -> list[tuple[Sample, ...]]:
    captions = by_scene(read_captions(folder / "captions.parquet"))
    return [
        tuple(Sample(scene.scene_id, record.caption) for record in captions[scene.scene_id])
        for scene in scenes
        if scene.scene_id in captions
    ]


def _asked(scenes: list[Scene], folder: Path) -> list[tuple[Sample, ...]]:
    chosen = {scene.scene_id for scene in scenes}
    return [
        (Sample(record.scene_id, record.answer, record.question),)
        for record in read_questions(folder / "questions.parquet")
        if record.scene_id in chosen
    ]


def read_set(config: Config, name: str, model: str, split: Split, pixels: Pixels) -> TextSet:
    """Read one split of a set of texts.

    GPT learns from questions and answers. Where a set has none (captions of real sources come without), it
    learns to describe: the captions are answers to one fixed question.

    Args:
        config: the profile.
        name: ``stage1`` or ``sartext``.
        model: ``clip``, ``coca`` or ``gpt``.
        split: which split.
        pixels: the sources' images; those that the set needs are opened.

    Raises:
        UserError: a table is missing or damaged, or names a scene without an image.
    """
    folder = config.results / name
    scenes = [scene for scene in read_scenes(folder / "scenes.parquet") if scene.split == split]
    groups = _asked(scenes, folder) if model == "gpt" else _paired(scenes, folder)
    if model == "gpt" and not groups:
        groups = [
            tuple(Sample(sample.scene_id, sample.text, DESCRIBE) for sample in group)
            for group in _paired(scenes, folder)
        ]
    for source in sorted({scene.source for scene in scenes}):
        pixels.add(source)
    for group in groups:
        if not pixels.known(group[0].scene_id):
            raise UserError(
                f"{folder / 'scenes.parquet'}: scene {group[0].scene_id!r} is not among the ingested "
                "scenes of its source; build the texts again"
            )
    return TextSet(name, tuple(groups))


def require_samples(found: TextSet, config: Config) -> TextSet:
    """Return `found` if there is something in it.

    Raises:
        UserError: an empty training split.
    """
    if not len(found):
        raise UserError(
            f"{config.results / found.name}: empty training split: no image of split 'train' has a text; "
            "raise the train counts of the profile's sources, or look at what was dropped"
        )
    return found


class Visits:
    """An endless, seeded order of visits to a set: each epoch shuffles its groups and draws a text of each.

    The same set, seed and visit number always give the same sample, so that a run can go on anywhere.
    """

    def __init__(self, texts: TextSet, seed: int) -> None:
        self._texts = texts
        self._seed = seed
        self._epoch = -1
        self._order: NDArray[np.int64] = np.empty(0, np.int64)
        self._draw: NDArray[np.float64] = np.empty(0)

    def sample(self, visit: int) -> Sample:
        """Return the sample of visit 0, 1, ..."""
        epoch, place = divmod(visit, len(self._texts))
        if epoch != self._epoch:
            random = generator("training", "visits", self._texts.name, self._seed, epoch)
            self._order = random.permutation(len(self._texts))
            self._draw = random.random(len(self._texts))
            self._epoch = epoch
        group = self._texts.groups[int(self._order[place])]
        return group[int(self._draw[place] * len(group))]


@dataclass(frozen=True)
class Mix:
    """Samples of a recipe: so many of each set, in seeded order.

    Attributes:
        sets: the sets and the samples to see of each.
        seed: of the order.
    """

    sets: tuple[tuple[TextSet, int], ...]
    seed: int

    @property
    def total(self) -> int:
        """Samples of one round."""
        return sum(count for _, count in self.sets)

    @cached_property
    def _plan(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The set of each sample of a round, and how many of the same set came before it."""
        labels = np.repeat(np.arange(len(self.sets)), [count for _, count in self.sets])
        if len(self.sets) > 1:
            labels = generator("training", "mix", self.seed).permutation(labels)
        before = np.zeros_like(labels)
        for index in range(len(self.sets)):
            chosen = labels == index
            before[chosen] = np.arange(int(chosen.sum()))
        return labels, before

    @cached_property
    def _visits(self) -> tuple[Visits, ...]:
        return tuple(Visits(texts, self.seed) for texts, _ in self.sets)

    def samples(self, start: int, stop: int) -> list[Sample]:
        """Return samples `start` to `stop` (not included); beyond a round, the plan begins again."""
        labels, before = self._plan
        chosen = []
        for number in range(start, stop):
            turn, place = divmod(number, self.total)
            index = int(labels[place])
            chosen.append(self._visits[index].sample(int(before[place]) + turn * self.sets[index][1]))
        return chosen
