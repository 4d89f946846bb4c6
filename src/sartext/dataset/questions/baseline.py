"""How well questions can be answered without their images.

Two classifiers see nothing but a question's text and learn from a set's own training questions. Of each type
the one is tried that does better on a fifth of them that it did not learn from. What it gets right above
chance, a model can get right without looking.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import sqrt
from typing import Any

from sartext.core.records import QUESTION_TYPES, Question
from sartext.core.seeds import generator
from sartext.dataset.questions.ngrams import fit_ngrams
from sartext.narrator.words import singular

Answer = Callable[[str], str]
"""A question's text to an answer."""

_HELD_OUT = 0.2
_PRIOR = 2.0
_Z = 1.959964
# words of our questions and of RSVQA's that do not say what is asked about
_ASKING = frozenset(
    {
        *("a", "an", "any", "are", "as", "be", "can", "does", "do", "had", "has", "have", "how", "image"),
        *("in", "is", "it", "kind", "lie", "lies", "many", "much", "number", "object", "objects", "of", "on"),
        *("part", "photo", "picture", "scene", "see", "seen", "show", "shown", "some", "that", "the"),
        *("there", "this", "visible", "was", "were", "what", "where", "which"),
    }
)


@lru_cache(maxsize=65536)
def subject_words(question: str) -> tuple[str, ...]:
    """Return the words of a question that say what it asks about, in the singular and in their order."""
    words = re.findall(r"[\w'-]+", question.lower())
    return tuple(singular(word) for word in words if word not in _ASKING)


def wilson(right: int, asked: int) -> dict[str, float]:
    """Return a share and its 95% interval (Wilson, JASA 22(158), 1927), rounded to six places."""
    if asked == 0:
        return {"value": 0.0, "low": 0.0, "high": 1.0}
    share, z2 = right / asked, _Z * _Z / asked
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z / (1 + z2) * sqrt(share * (1 - share) / asked + z2 / (4 * asked))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return {"value": round(share, 6), "low": round(low, 6), "high": round(high, 6)}


class _Memory:
    """Answers as the same question was answered most often, or one with the same words, or of its type."""

    def __init__(self, train: Sequence[Question]) -> None:
        self._all = Counter(question.answer for question in train)
        self._commonest = max(self._all, key=lambda answer: (self._all[answer], answer), default="")
        self._texts: dict[str, Counter[str]] = {}
        self.subjects: dict[tuple[str, ...], Counter[str]] = {}
        for (text, answer), count in Counter((q.question, q.answer) for q in train).items():
            self._texts.setdefault(text, Counter())[answer] += count
            self.subjects.setdefault(subject_words(text), Counter())[answer] += count

    def __call__(self, text: str) -> str:
        exact = self._texts.get(text, Counter[str]())
        alike = self.subjects.get(subject_words(text), Counter[str]())
        total, similar = self._all.total(), alike.total() + _PRIOR
        # each level is a prior of the next, as strong as two questions
        # of the answers that no such question has, the commonest is ahead
        scores = {
            answer: exact[answer] + _PRIOR * (alike[answer] + _PRIOR * self._all[answer] / total) / similar
            for answer in {*exact, *alike, self._commonest}
        }
        return max(scores, key=lambda answer: (scores[answer], answer))


def _right(answer: Answer, questions: Sequence[Question]) -> int:
    given = {text: answer(text) for text in {question.question for question in questions}}
    return sum(given[question.question] == question.answer for question in questions)


def _ngrams(train: Sequence[Question]) -> Answer:
    return fit_ngrams(Counter((question.question, question.answer) for question in train))


_FITS: dict[str, Callable[[Sequence[Question]], Answer]] = {"memory": _Memory, "ngrams": _ngrams}


def _better(kind: str, train: Sequence[Question]) -> str:
    """The name of the classifier that does better on a fifth of the training questions."""
    train = sorted(train, key=lambda question: question.question_id)
    held = generator("question only", kind).random(len(train)) < _HELD_OUT
    learnt = [question for question, out in zip(train, held.tolist(), strict=True) if not out]
    tried = [question for question, out in zip(train, held.tolist(), strict=True) if out]
    if not learnt:
        return "memory"
    right = {name: _right(fit(learnt), tried) for name, fit in _FITS.items()}
    return max(right, key=lambda name: (right[name], name == "memory"))


def question_only(train: Sequence[Question], test: Sequence[Question]) -> dict[str, Any]:
    """Return how well questions are answered from their texts alone, beside chance.

    Args:
        train: questions to learn from.
        test: questions to try; of types without a training question none is answered right.

    Returns:
        ``train`` and ``test``: how many questions; ``all`` and ``by_type``: ``n`` questions tried, ``chance``
        (of one answer drawn from all that the type has in `train`), ``chance_of_subject`` (from those that
        questions with the same words have there: fairer where a type has both yes/no and open questions),
        and ``majority`` (the type's most frequent answer) and ``question_only``, each with ``value``, ``low``
        and ``high``: the share that is right and its 95% interval by Wilson. ``by_type`` names the
        ``classifier``: ``memory`` or ``ngrams``.
    """
    rows: dict[str, dict[str, Any]] = {}
    totals: Counter[str] = Counter()
    chances = [0.0, 0.0]
    for kind in QUESTION_TYPES:
        learnt = [question for question in train if question.type == kind]
        tried = [question for question in test if question.type == kind]
        if not tried:
            continue
        counts, sums = {"n": len(tried), "majority": 0, "question_only": 0}, [0.0, 0.0]
        name = None
        if learnt:
            name = _better(kind, learnt)
            answers = Counter(question.answer for question in learnt)
            most = max(answers, key=lambda one: (answers[one], one))
            counts["majority"] = sum(question.answer == most for question in tried)
            counts["question_only"] = _right(_FITS[name](learnt), tried)
            sums = _chances(learnt, tried)
        rows[kind] = {**_row(counts, sums), "classifier": name}
        totals.update(counts)
        chances = [a + b for a, b in zip(chances, sums, strict=True)]
    return {"train": len(train), "test": len(test), "all": _row(totals, chances), "by_type": rows}


def _row(counts: Mapping[str, int], sums: Sequence[float]) -> dict[str, Any]:
    tried = counts["n"]
    return {
        "n": tried,
        "chance": round(sums[0] / max(tried, 1), 6),
        "chance_of_subject": round(sums[1] / max(tried, 1), 6),
        "majority": wilson(counts["majority"], tried),
        "question_only": wilson(counts["question_only"], tried),
    }


def _chances(train: Sequence[Question], tried: Sequence[Question]) -> list[float]:
    """How many of `tried` are right by chance: of the type's answers, and of the subject's."""
    subjects = _Memory(train).subjects
    everything = Counter(question.answer for question in train)
    of_type = of_subject = 0.0
    for question in tried:
        alike = subjects.get(subject_words(question.question), everything)
        of_type += (question.answer in everything) / len(everything)
        of_subject += (question.answer in alike) / len(alike)
    return [of_type, of_subject]
