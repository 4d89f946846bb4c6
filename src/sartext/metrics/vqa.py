"""Accuracy of answers, by question type.

The rule is SARLANG-1M's as its paper states it: an answer is correct if the reference appears in it; a
reference of yes, no or a number from 0 to 99 must be the whole answer. (Its released script tries
containment first, so that "10" would pass for "1", and asks a language model about the rest; neither is
done here.) Case, white space and a full stop or the like around the answer do not count.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sartext.metrics.intervals import Array, Statistics, Sums

RULE = "SARLANG-1M: exact for yes, no and 0-99, else the reference appears in the answer"
_EXACT = re.compile(r"yes|no|[0-9]{1,2}")
_AROUND = " .,;:!?\"'"


@dataclass(frozen=True)
class Asked:
    """One question with its accepted answers and the answer given."""

    image_id: str
    type: str
    references: tuple[str, ...]
    answer: str


def normalise(text: str) -> str:
    """Return `text` in lower case, white space folded, without punctuation around it."""
    return " ".join(text.lower().split()).strip(_AROUND)


def correct(answer: str, references: Sequence[str]) -> bool:
    """Whether `answer` is right by the rule of this module for any of `references`."""
    given = normalise(answer)
    for reference in references:
        wanted = normalise(reference)
        if given == wanted or (not _EXACT.fullmatch(wanted) and wanted in given):
            return True
    return False


def slug(question_type: str) -> str:
    """Return a question type as it stands in a metric's name, such as ``land_cover``."""
    return re.sub(r"[^a-z0-9]+", "_", question_type.lower()).strip("_")


def statistics(asked: Sequence[Asked]) -> Statistics:
    """Return, for each image, right answers and questions by type."""
    types = sorted({slug(question.type) for question in asked})
    ids = tuple(sorted({question.image_id for question in asked}))
    columns = tuple(f"{part}.{name}" for name in types for part in ("correct", "asked"))
    row = {name: index for index, name in enumerate(ids)}
    column = {name: index for index, name in enumerate(columns)}
    values = np.zeros((len(ids), len(columns)))
    for question in asked:
        name = slug(question.type)
        values[row[question.image_id], column[f"asked.{name}"]] += 1
        if correct(question.answer, question.references):
            values[row[question.image_id], column[f"correct.{name}"]] += 1
    counts = {f"accuracy.{name}": int(values[:, column[f"asked.{name}"]].sum()) for name in types}
    return Statistics(ids, columns, values, {**counts, "accuracy": len(asked)})


def formula(sums: Sums) -> dict[str, Array]:
    """Return ``accuracy`` over all questions and ``accuracy.TYPE``, fractions.

    A type that a bootstrap draw holds no question of is NaN in that draw.
    """
    types = [name.removeprefix("asked.") for name in sums if name.startswith("asked.")]
    total = np.sum([sums[f"asked.{name}"] for name in types], axis=0)
    right = np.sum([sums[f"correct.{name}"] for name in types], axis=0)
    metrics: dict[str, Array] = {"accuracy": right / total}
    with np.errstate(invalid="ignore"):
        for name in types:
            metrics[f"accuracy.{name}"] = np.asarray(sums[f"correct.{name}"]) / sums[f"asked.{name}"]
    return metrics
