"""A multinomial logistic regression from the n-grams of a question to its answer."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_ANSWERS = 100
_NGRAMS = 4000
_TEXTS = 20_000
_PENALTY = 1.0
_STEPS = 60
_DECIMALS = 3

Array = NDArray[np.float64]


def ngrams(text: str) -> set[str]:
    """Return the words of a text and its pairs of neighbouring words, in lower case."""
    words = re.findall(r"[\w'-]+", text.lower())
    return {*words, *(f"{first} {second}" for first, second in pairwise(words))}


def fit_ngrams(asked: Mapping[tuple[str, str], int]) -> Callable[[str], str]:
    """Fit to questions and return the function from a text to its most likely answer.

    The 20,000 most frequent texts, 100 answers and 4,000 n-grams are learnt from; the penalty is the
    square of the weights by half, on the sum of log losses.

    Args:
        asked: how often each (text, answer) was asked; not empty.
    """
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix

    texts, answers = _frequent(asked, 0, _TEXTS), _frequent(asked, 1, _ANSWERS)
    grams = Counter(gram for text in texts for gram in ngrams(text))
    columns = {gram: place for place, (gram, _) in enumerate(sorted(grams.items(), key=_order)[:_NGRAMS])}
    counts = np.zeros((len(texts), len(answers)))
    for (text, answer), count in asked.items():
        if text in texts and answer in answers:
            counts[texts[text], answers[answer]] = count
    rows = [[columns[gram] for gram in sorted(ngrams(text)) if gram in columns] for text in texts]
    places = np.cumsum([0, *map(len, rows)])
    flat = np.array([place for row in rows for place in row], dtype=np.int64)
    features = csr_matrix((np.ones(len(flat)), flat, places), shape=(len(texts), len(columns)))
    weights_shape = (len(columns) + 1, len(answers))
    totals = counts.sum(axis=1, keepdims=True)

    def loss(flat_weights: Array) -> tuple[float, Array]:
        weights = flat_weights.reshape(weights_shape)
        logs = _log_softmax(features @ weights[:-1] + weights[-1])
        error = np.exp(logs) * totals - counts
        gradient = np.vstack([features.T @ error, error.sum(axis=0)])
        gradient[:-1] += _PENALTY * weights[:-1]
        value = -float((counts * logs).sum()) + _PENALTY / 2 * float((weights[:-1] ** 2).sum())
        return value, gradient.ravel()

    start = np.zeros(weights_shape[0] * weights_shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    weights = np.asarray(found.x).reshape(weights_shape)
    names = list(answers)

    def answer_of(text: str) -> str:
        known = [columns[gram] for gram in sorted(ngrams(text)) if gram in columns]
        # rounded, so that equally likely answers are told apart by nothing else than how frequent they are
        return names[int(np.argmax(np.round(weights[known].sum(axis=0) + weights[-1], _DECIMALS)))]

    return answer_of


def _order(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]


def _frequent(asked: Mapping[tuple[str, str], int], part: int, most: int) -> dict[str, int]:
    """The most frequent texts (part 0) or answers (part 1), with their places."""
    counts: Counter[str] = Counter()
    for key, count in asked.items():
        counts[key[part]] += count
    return {name: place for place, (name, _) in enumerate(sorted(counts.items(), key=_order)[:most])}


def _log_softmax(scores: Array) -> Array:
    shifted = scores - scores.max(axis=1, keepdims=True)
    logs: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs
