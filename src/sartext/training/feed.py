"""Batches ahead of the steps that learn from them.

What a step sees depends on its number alone (see `sartext.training.data.Mix`), so a run goes on in the middle
of an epoch as if it had never stopped, and worker processes change nothing but the time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from sartext.core.config import TrainingConfig
from sartext.training.collate import Batch, Collator
from sartext.training.data import Mix, Pixels, Sample
from sartext.training.machine import Machine

_AHEAD = 2  # steps that each worker prepares ahead


@dataclass(frozen=True)
class Lesson(Dataset[list[Batch]]):
    """The steps of a run: item i is what step i learns from, on this process.

    Attributes:
        mix: the samples in order.
        pixels: their images.
        collator: makes tensors of them.
        training: the batch's size, and its micro-batches'.
        where: this process.
    """

    mix: Mix
    pixels: Pixels
    collator: Collator
    training: TrainingConfig
    where: Machine

    def samples(self, step: int) -> list[Sample]:
        """Samples of a step on all processes."""
        size = self.training.batch_size
        return self.mix.samples(step * size, (step + 1) * size)

    def __getitem__(self, step: int) -> list[Batch]:
        """Return this process's micro-batches of a step."""
        mine = self.samples(step)[self.where.slice(self.training.batch_size)]
        size = self.training.micro_batch_size or len(mine)
        return [self.collator(mine[start : start + size], self.pixels) for start in range(0, len(mine), size)]


def _alone(_: int) -> None:
    torch.set_num_threads(1)


def feed(lesson: Lesson, steps: range, workers: int) -> Iterator[list[Batch]]:
    """Yield the micro-batches of each step in order.

    Args:
        lesson: what each step learns from.
        steps: the steps to do.
        workers: processes that prepare steps ahead; 0: each is prepared when it is asked for.
    """
    more: dict[str, Any] = {"prefetch_factor": _AHEAD, "worker_init_fn": _alone} if workers else {}
    loader: DataLoader[list[Batch]] = DataLoader(
        lesson,
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        pin_memory=lesson.where.device != "cpu",
        **more,
    )
    return iter(loader)
