"""What tables and figures tell of SAR-TEXT: images, captions, words, classes, questions."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sartext.core.records import BRANCHES, QUESTION_TYPES, SPLITS, Caption, Question, Scene
from sartext.dataset.parts import by_split
from sartext.dataset.text import words
from sartext.narrator.counts import label_counts

_WORDS = 300


def caption_statistics(captions: Sequence[Caption]) -> dict[str, Any]:
    """Return what a set of captions is like.

    Returns:
        ``captions``; ``mean_words``; ``vocabulary`` (different words); ``distinct`` (different captions,
        lower case with white space folded); ``repeated_share`` (share of captions whose text another one has
        too); ``lengths`` (words to captions). Means and shares are null without captions.
    """
    lengths = [len(words(caption.caption)) for caption in captions]
    texts = Counter(" ".join(caption.caption.lower().split()) for caption in captions)
    repeated = sum(count for count in texts.values() if count > 1)
    total = len(captions)
    return {
        "captions": total,
        "mean_words": round(sum(lengths) / total, 6) if total else None,
        "vocabulary": len({word for caption in captions for word in words(caption.caption)}),
        "distinct": len(texts),
        "repeated_share": round(repeated / total, 6) if total else None,
        "lengths": {str(length): count for length, count in sorted(Counter(lengths).items())},
    }


def _by_split(captions: Sequence[Caption], split: dict[str, str]) -> dict[str, int]:
    counts = Counter(split[caption.scene_id] for caption in captions)
    return {name: counts[name] for name in SPLITS}


def _objects(scenes: Sequence[Scene]) -> dict[str, Any]:
    labels: Counter[str] = Counter()
    images: Counter[str] = Counter()
    for scene in scenes:
        counts = dict(label_counts(scene, scene.boxes))
        labels.update(counts)
        images.update(counts.keys())
    boxed = Counter(len(scene.boxes) for scene in scenes if scene.boxes)
    return {
        "objects": dict(sorted(labels.items())),
        "images_with": dict(sorted(images.items())),
        "objects_per_image": {str(number): count for number, count in sorted(boxed.items())},
    }


def _questions(questions: Sequence[Question], split: dict[str, str]) -> dict[str, Any]:
    kinds = Counter(question.type for question in questions)
    splits = Counter(split[question.scene_id] for question in questions)
    answers = Counter(question.answer for question in questions if question.answer in ("yes", "no"))
    return {
        "questions": len(questions),
        "by_type": {kind: kinds[kind] for kind in QUESTION_TYPES},
        "by_split": {name: splits[name] for name in SPLITS},
        "yes": answers["yes"],
        "no": answers["no"],
    }


def statistics(
    scenes: Sequence[Scene], captions: Sequence[Caption], questions: Sequence[Question]
) -> dict[str, Any]:
    """Return the statistics of a data set, as ``statistics.json`` holds them.

    Returns:
        ``all``, ``by_source`` and ``by_branch`` (see `caption_statistics`, with ``images`` and
        ``captions_by_split``), ``by_source_and_branch`` (images and captions), ``words`` (the most frequent,
        with counts), ``questions``, and by source ``objects``, ``images_with``, ``objects_per_image``.
    """
    split: dict[str, str] = {scene.scene_id: scene.split for scene in scenes}
    source = {scene.scene_id: scene.source for scene in scenes}
    names = list(dict.fromkeys(scene.source for scene in scenes))

    def described(chosen: Sequence[Scene], said: Sequence[Caption]) -> dict[str, Any]:
        return {
            "images": by_split(chosen),
            "captions_by_split": _by_split(said, split),
            **caption_statistics(said),
        }

    sources, branches, both = {}, {}, {}
    for name in names:
        own = [scene for scene in scenes if scene.source == name]
        said = [caption for caption in captions if source[caption.scene_id] == name]
        asked = [question for question in questions if source[question.scene_id] == name]
        sources[name] = {
            **described(own, said),
            **_objects(own),
            "questions": _questions(asked, split),
        }
        both[name] = {
            branch: {"images": len({c.scene_id for c in of}), "captions": len(of)}
            for branch in BRANCHES
            if (of := [caption for caption in said if caption.branch == branch])
        }
    for branch in BRANCHES:
        said = [caption for caption in captions if caption.branch == branch]
        told = {caption.scene_id for caption in said}
        if said:
            branches[branch] = described([scene for scene in scenes if scene.scene_id in told], said)
    counts = Counter(word for caption in captions for word in words(caption.caption))
    frequent = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:_WORDS]
    return {
        "all": described(scenes, captions),
        "by_source": sources,
        "by_branch": branches,
        "by_source_and_branch": both,
        "words": [[word, count] for word, count in frequent],
        "questions": _questions(questions, split),
    }
