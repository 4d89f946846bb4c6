"""Prompts of GPT: BLIP-2's.

As many ``<image>`` tokens as the model has queries, which stand for the image, then ``<start> question: ...
answer:``. What is learned is the answer and ``<end>`` after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sartext.models.tokenizer import Tokenizer

IGNORED = -100  # label of a token that is not learned


def question_text(question: str) -> str:
    """Return the text that asks; its end is where an answer starts."""
    return f"question: {question} answer:"


@dataclass(frozen=True)
class Prompter:
    """Questions and answers to token ids.

    Attributes:
        tokenizer: the vocabulary.
        queries: ``<image>`` tokens of an image.
        length: most tokens of start, question, answer and end.
    """

    tokenizer: Tokenizer
    queries: int
    length: int

    def _prompt(self, question: str, room: int) -> list[int]:
        """Ids of a prompt of at most `room` text tokens; a question too long loses its last words."""
        end = self.tokenizer.pieces("answer:")
        whole = self.tokenizer.pieces(question_text(question))
        kept = whole if len(whole) < room else [*whole[: room - 1 - len(end)], *end]
        return [self.tokenizer.image] * self.queries + [self.tokenizer.start, *kept]

    def prompts(self, questions: Sequence[str], room: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and attention mask, int64 (N, queries + `room`), padded on the left for generation."""
        width = self.queries + room
        ids = np.full((len(questions), width), self.tokenizer.pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, question in enumerate(questions):
            prompt = self._prompt(question, room)
            ids[row, width - len(prompt) :] = prompt
            mask[row, width - len(prompt) :] = 1
        return ids, mask

    def lessons(
        self, questions: Sequence[str], answers: Sequence[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and labels, int64 (N, queries + length), padded on the right for training.

        Labels are `IGNORED` but for the answer and the end after it. A long answer is cut to half the length.
        """
        width = self.queries + self.length
        ids = np.full((len(questions), width), self.tokenizer.pad, dtype=np.int64)
        labels = np.full_like(ids, IGNORED)
        for row, (question, answer) in enumerate(zip(questions, answers, strict=True)):
            told = [*self.tokenizer.pieces(answer)[: self.length // 2], self.tokenizer.end]
            prompt = self._prompt(question, self.length - len(told))
            end = len(prompt) + len(told)
            ids[row, :end] = [*prompt, *told]
            labels[row, len(prompt) : end] = told
        return ids, labels
