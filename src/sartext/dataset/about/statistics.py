"""What tables and figures tell of SAR-TEXT: images, captions, words, classes, questions."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sartext.core.records import BRANCHES, QUESTION_TYPES, SPLITS, Branch, Caption, Question, Scene
from sartext.dataset.about.corpus import Corpus, Rows
from sartext.dataset.about.images import cover_statistics, image_statistics, object_statistics
from sartext.dataset.questions.baseline import question_only

_WORDS = 300
_ANSWERS = 50


def caption_statistics(captions: Sequence[Caption]) -> dict[str, Any]:
    """Return what a set of captions is like, as `Corpus.described` does."""
    return Corpus([caption.caption for caption in captions]).described(np.arange(len(captions)))


def _counted(values: Iterable[str], names: Sequence[str]) -> dict[str, int]:
    counts = Counter(values)
    return {name: counts[name] for name in names}


def question_statistics(questions: Sequence[Question], split: Mapping[str, str]) -> dict[str, Any]:
    """Return what a set of questions is like.

    Args:
        questions: the questions.
        split: split by scene id.

    Returns:
        ``questions``, ``by_type``, ``by_split``, ``images`` asked about, ``yes`` and ``no`` (answers); by
        type ``wordings`` (different questions), ``different_answers``, and ``answers``: the most frequent 50
        with their counts.
    """
    answers: dict[str, Counter[str]] = {}
    for (kind, answer), count in Counter((asked.type, asked.answer) for asked in questions).items():
        answers.setdefault(kind, Counter())[answer] = count
    wordings = Counter(kind for kind, _ in {(asked.type, asked.question) for asked in questions})
    kinds = [kind for kind in QUESTION_TYPES if kind in answers]
    return {
        "questions": len(questions),
        "by_type": {kind: answers[kind].total() if kind in answers else 0 for kind in QUESTION_TYPES},
        "by_split": _counted((split[question.scene_id] for question in questions), SPLITS),
        "images": len({question.scene_id for question in questions}),
        "yes": sum(of["yes"] for of in answers.values()),
        "no": sum(of["no"] for of in answers.values()),
        "wordings": {kind: wordings[kind] for kind in kinds},
        "different_answers": {kind: len(answers[kind]) for kind in kinds},
        "answers": {
            kind: dict(sorted(answers[kind].items(), key=lambda entry: (-entry[1], entry[0]))[:_ANSWERS])
            for kind in kinds
        },
    }


def _baseline(questions: Sequence[Question], split: Mapping[str, str]) -> dict[str, Any] | None:
    """What can be answered from the questions alone: learnt on train, tried on test, or val without one."""
    parts: dict[str, list[Question]] = {name: [] for name in SPLITS}
    for question in questions:
        parts[split[question.scene_id]].append(question)
    tried = "test" if parts["test"] else "val"
    if not parts["train"] or not parts[tried]:
        return None
    return {"split": tried, **question_only(parts["train"], parts[tried])}


class _Described:
    """A data set's captions by scene, source, branch and split, and what any part of them is like."""

    def __init__(self, scenes: Sequence[Scene], captions: Sequence[Caption]) -> None:
        places = {scene.scene_id: place for place, scene in enumerate(scenes)}
        self._scenes = scenes
        self._corpus = Corpus([caption.caption for caption in captions])
        self._scene: Rows = np.array([places[caption.scene_id] for caption in captions], dtype=np.int64)
        self._split = np.array([SPLITS.index(scene.split) for scene in scenes], dtype=np.int64)
        self.names = list(dict.fromkeys(scene.source for scene in scenes))
        numbers = {name: number for number, name in enumerate(self.names)}
        source = np.array([numbers[scene.source] for scene in scenes], dtype=np.int64)
        self.source: Rows = source[self._scene]
        self.branch = np.array([BRANCHES.index(caption.branch) for caption in captions], dtype=np.int64)
        self.split: Rows = self._split[self._scene]
        self.words = self._corpus.frequent(_WORDS)

    def images(self, rows: Rows) -> int:
        """Images that some captions are of."""
        return len(np.unique(self._scene[rows]))

    def told(self, rows: Rows) -> list[Scene]:
        """Scenes that some captions are of."""
        return [self._scenes[place] for place in np.unique(self._scene[rows])]

    def of(self, scenes: Sequence[Scene], rows: Rows) -> dict[str, Any]:
        """Return what images and some captions are like."""
        splits = np.bincount(self.split[rows], minlength=len(SPLITS)).tolist()
        each = np.unique(self._scene[rows], return_counts=True)[1]
        per_image = np.bincount(each, minlength=1)
        per_image[0] = len(scenes) - len(each)
        return {
            "images": _counted((scene.split for scene in scenes), SPLITS),
            "captions_by_split": dict(zip(SPLITS, splits, strict=True)),
            "captions_per_image": {
                str(count): int(per_image[count]) for count in np.flatnonzero(per_image).tolist()
            },
            **self._corpus.described(rows),
            **image_statistics(scenes),
        }


def statistics(
    scenes: Sequence[Scene], captions: Sequence[Caption], questions: Sequence[Question]
) -> dict[str, Any]:
    """Return the statistics of a data set, most of what ``statistics.json`` holds.

    Returns:
        ``all``, ``by_source``, ``by_branch`` and ``by_split``: captions (see `Corpus.described`) and images
        (see `image_statistics`), with ``images`` and ``captions_by_split`` by split, and
        ``captions_per_image`` (captions to images). ``all`` and ``by_source`` tell of ``objects`` (see
        `object_statistics`) and land ``cover`` (see `cover_statistics`) too. ``by_source_and_branch``:
        images, captions, and both by split. ``words``: the most frequent with counts. ``questions``: see
        `question_statistics`, with ``question_only``, what can be answered from the question alone; null
        without questions to learn from and to try.
    """
    split: dict[str, str] = {scene.scene_id: scene.split for scene in scenes}
    source = {scene.scene_id: scene.source for scene in scenes}
    told = _Described(scenes, captions)
    own: dict[str, list[Scene]] = {name: [] for name in told.names}
    for scene in scenes:
        own[scene.source].append(scene)
    asked: dict[str, list[Question]] = {name: [] for name in told.names}
    for question in questions:
        asked[source[question.scene_id]].append(question)

    sources, branches = {}, {}
    both: dict[str, dict[Branch, dict[str, Any]]] = {}
    for number, name in enumerate(told.names):
        rows = np.flatnonzero(told.source == number)
        sources[name] = {
            **told.of(own[name], rows),
            **object_statistics(own[name]),
            "cover": cover_statistics(own[name]),
            "questions": question_statistics(asked[name], split),
        }
        both[name] = {}
        for place, branch in enumerate(BRANCHES):
            part = rows[told.branch[rows] == place]
            if len(part):
                both[name][branch] = _images_and_captions(told, part)
    for place, branch in enumerate(BRANCHES):
        rows = np.flatnonzero(told.branch == place)
        if len(rows):
            branches[branch] = told.of(told.told(rows), rows)
    return {
        "all": {
            **told.of(scenes, np.arange(len(captions))),
            **object_statistics(scenes),
            "cover": cover_statistics(scenes),
        },
        "by_source": sources,
        "by_branch": branches,
        "by_split": {
            name: told.of(
                [scene for scene in scenes if scene.split == name], np.flatnonzero(told.split == place)
            )
            for place, name in enumerate(SPLITS)
        },
        "by_source_and_branch": both,
        "words": told.words,
        "questions": {
            **question_statistics(questions, split),
            "question_only": _baseline(questions, split),
        },
    }


def _images_and_captions(told: _Described, rows: Rows) -> dict[str, Any]:
    parts = {name: rows[told.split[rows] == place] for place, name in enumerate(SPLITS)}
    return {
        "images": told.images(rows),
        "captions": len(rows),
        "images_by_split": {name: told.images(part) for name, part in parts.items()},
        "captions_by_split": {name: len(part) for name, part in parts.items()},
    }
