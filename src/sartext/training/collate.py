"""Samples to tensors, on the CPU: pixels stay 8-bit until they are where the network is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sartext.core.config import Config
from sartext.models.prompts import Prompter
from sartext.models.tokenizer import Tokenizer
from sartext.training.data import Pixels, Sample

Batch = dict[str, Tensor]


class Collator(Protocol):
    """What makes a model's batches."""

    def __call__(self, samples: Sequence[Sample], pixels: Pixels) -> Batch:
        """Return the tensors of some samples, on the CPU."""


def _pixels(samples: Sequence[Sample], pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.batch([sample.scene_id for sample in samples]))


@dataclass(frozen=True)
class PairedCollator:
    """Images with their texts, for CLIP and CoCa.

    Attributes:
        tokenizer: the vocabulary.
        length: tokens of a text.
    """

    tokenizer: Tokenizer
    length: int

    def __call__(self, samples: Sequence[Sample], pixels: Pixels) -> Batch:
        """Return ``pixels`` uint8 (N, S, S, 3) and ``ids`` int64 (N, L)."""
        ids = self.tokenizer.encode([sample.text for sample in samples], self.length)
        return {"pixels": _pixels(samples, pixels), "ids": torch.from_numpy(ids)}


@dataclass(frozen=True)
class LessonCollator:
    """Images with a question and its answer, for GPT.

    Attributes:
        prompter: puts them into one text.
        pad: id of padding.
    """

    prompter: Prompter
    pad: int

    def __call__(self, samples: Sequence[Sample], pixels: Pixels) -> Batch:
        """Return ``pixels`` uint8 (N, S, S, 3), and int64 (N, L) ``ids``, ``mask`` and ``labels``."""
        ids, labels = self.prompter.lessons(
            [sample.question for sample in samples], [sample.text for sample in samples]
        )
        used = int((ids != self.pad).any(axis=0).sum())
        ids, labels = ids[:, :used], labels[:, :used]
        return {
            "pixels": _pixels(samples, pixels),
            "ids": torch.from_numpy(ids),
            "mask": torch.from_numpy((ids != self.pad).astype("int64")),
            "labels": torch.from_numpy(labels),
        }


def build_collator(name: str, config: Config, tokenizer: Tokenizer, queries: int = 0) -> Collator:
    """Return what makes the batches of a model.

    Args:
        name: ``clip``, ``coca`` or ``gpt``.
        config: the profile.
        tokenizer: the vocabulary.
        queries: GPT: tokens that stand for an image.
    """
    length = config.model(name).context_length
    if name == "gpt":
        return LessonCollator(Prompter(tokenizer, queries, length), tokenizer.pad)
    return PairedCollator(tokenizer, length)
