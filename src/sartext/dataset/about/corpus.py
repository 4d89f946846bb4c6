"""Captions as arrays of words, so that what any part of them is like is counted in one pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sartext.dataset.text import words

Rows = NDArray[np.int64]
_LONGEST = 3


def _ngrams(tokens: Rows, owner: Rows) -> list[tuple[Rows, Rows]]:
    """Return, for n from 1 to 3, all n-grams as numbers from 0 on, and the text that each stands in."""
    found = [(tokens, owner)]
    code = tokens
    for beyond in range(1, _LONGEST):
        starts = np.flatnonzero(owner[:-beyond] == owner[beyond:])
        # an n-gram is the shorter one that starts where it does, and the word after that
        keys = code[starts] * (tokens.max(initial=0) + 1) + tokens[starts + beyond]
        numbers: Rows = np.unique(keys, return_inverse=True)[1]
        code = np.zeros_like(tokens)
        code[starts] = numbers
        found.append((numbers, owner[starts]))
    return found


def _share(part: int | float, whole: int | float) -> float | None:
    return round(float(part / whole), 6) if whole else None


class Corpus:
    """Captions, their words counted once for each different text."""

    def __init__(self, captions: Sequence[str]) -> None:
        """Read the texts; two are the same in lower case with white space folded."""
        numbers: dict[str, int] = {}
        self._text: Rows = np.array(
            [numbers.setdefault(" ".join(text.lower().split()), len(numbers)) for text in captions],
            dtype=np.int64,
        )
        told = [words(text) for text in numbers]
        self._length: Rows = np.array([len(text) for text in told], dtype=np.int64)
        vocabulary: dict[str, int] = {}
        tokens: Rows = np.array(
            [vocabulary.setdefault(word, len(vocabulary)) for text in told for word in text], dtype=np.int64
        )
        self._words = list(vocabulary)
        self._grams = _ngrams(tokens, np.repeat(np.arange(len(told)), self._length))

    def described(self, rows: Rows) -> dict[str, Any]:
        """Return what some of the captions are like.

        Args:
            rows: (M,) which, by their place in the list.

        Returns:
            ``captions``; ``mean_words``; ``vocabulary`` (different words); ``distinct`` (different texts) and
            ``distinct_share``; ``repeated_share`` (share of captions whose text another one has too);
            ``distinct_1``, ``distinct_2``, ``distinct_3`` (different n-grams to all n-grams, distinct-n of Li
            et al., NAACL 2016); ``lengths`` (words to captions). Means and shares are null where there is
            nothing to count.
        """
        counts = np.bincount(self._text[rows], minlength=len(self._length))
        lengths = np.bincount(self._length, weights=counts).astype(np.int64)
        found: dict[str, Any] = {
            "captions": len(rows),
            "mean_words": _share(int(self._length @ counts), len(rows)),
            "vocabulary": 0,
            "distinct": int((counts > 0).sum()),
            "distinct_share": _share(int((counts > 0).sum()), len(rows)),
            "repeated_share": _share(int(counts[counts > 1].sum()), len(rows)),
            "lengths": {str(length): int(lengths[length]) for length in np.flatnonzero(lengths)},
        }
        for index, (codes, owner) in enumerate(self._grams):
            times = counts[owner]
            seen = np.zeros(codes.max(initial=-1) + 1, dtype=bool)
            seen[codes[times > 0]] = True
            found[f"distinct_{index + 1}"] = _share(int(seen.sum()), int(times.sum()))
            if index == 0:
                found["vocabulary"] = int(seen.sum())
        return found

    def frequent(self, most: int) -> list[list[Any]]:
        """Return the most frequent words of all captions with their counts, then by the alphabet."""
        codes, owner = self._grams[0]
        times = np.bincount(self._text, minlength=len(self._length))
        counts = np.bincount(codes, weights=times[owner], minlength=len(self._words)).astype(np.int64)
        ranked = sorted(
            zip(self._words, counts.tolist(), strict=True), key=lambda entry: (-entry[1], entry[0])
        )
        return [[word, count] for word, count in ranked[:most]]
