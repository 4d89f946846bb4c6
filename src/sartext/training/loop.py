"""The loop: steps, validation, logs, states; the same for all models and recipes."""

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from sartext.core.config import EngineConfig, TrainingConfig
from sartext.core.errors import UserError
from sartext.core.seeds import derive_seed
from sartext.training.collate import Batch
from sartext.training.data import Sample
from sartext.training.engine import Trainer
from sartext.training.feed import Lesson, feed
from sartext.training.states import newest_state, spent
from sartext.training.watch import Step, Watch

_VAL_BATCHES = 4
_NAMED_SCENES = 8


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        title: for progress and errors, such as ``clip two-stage, seed 0``.
        folder: where its logs and states go.
        inputs: digest of what it is made from.
        seed: the run's.
        steps: to do in all.
        training: hyper-parameters.
        engine: who prepares batches, and who watches.
    """

    title: str
    folder: Path
    inputs: str
    seed: int
    steps: int
    training: TrainingConfig
    engine: EngineConfig

    def seeds(self, rank: int, step: int, count: int) -> list[int]:
        """Seeds of a step's chance (dropout), by micro-batch: chance is then no part of a state."""
        if count == 1:
            return [derive_seed("training", "chance", self.seed, rank, step)]
        return [derive_seed("training", "chance", self.seed, rank, step, micro) for micro in range(count)]


def validation_batches(samples: Sequence[Sample], lesson: Lesson) -> list[Batch]:
    """Cut validation samples into batches of this process.

    Contrastive losses depend on the batch's size, so all batches are full; fewer samples than one batch are
    one batch.
    """
    where = lesson.where
    size = min(lesson.training.batch_size, len(samples)) // where.world * where.world
    if size == 0:
        return []
    starts = list(range(0, len(samples) - size + 1, size))[:_VAL_BATCHES]
    parts = [list(samples[start : start + size])[where.slice(size)] for start in starts]
    return [lesson.collator(part, lesson.pixels) for part in parts]


def validation_count(batch_size: int) -> int:
    """Samples of val that are looked at."""
    return _VAL_BATCHES * batch_size


def _check_finite(run: Run, step: int, parts: dict[str, float], lesson: Lesson) -> None:
    bad = [name for name, value in parts.items() if not math.isfinite(value)]
    if not bad:
        return
    scenes = sorted({sample.scene_id for sample in lesson.samples(step)})
    more = f" and {len(scenes) - _NAMED_SCENES} more" if len(scenes) > _NAMED_SCENES else ""
    raise UserError(
        f"{run.title}: {', '.join(bad)} is {parts[bad[0]]} at step {step + 1}; its scenes: "
        f"{', '.join(scenes[:_NAMED_SCENES])}{more}; lower learning_rate, or look at these scenes"
    )


def _validate(trainer: Trainer, batches: Sequence[Batch]) -> float | None:
    """The mean loss on val; none where there is no val, or where it is not finite."""
    totals = [sum(trainer.loss(batch).values()) for batch in batches]
    mean = sum(totals) / len(totals) if totals else math.nan
    return mean if math.isfinite(mean) else None


def run_steps(run: Run, trainer: Trainer, lesson: Lesson, val: Sequence[Sample]) -> tuple[float, float]:
    """Train to the end, from the newest state of the run if there is one.

    Args:
        run: what to do.
        trainer: the model under DeepSpeed.
        lesson: what each step learns from.
        val: validation samples; none: no validation loss.

    Returns:
        Wall and CPU seconds it took, those before a resume included.

    Raises:
        UserError: a loss that is not finite (says the step and its scenes), a damaged state, no memory, a
            full disk.
    """
    where, training = lesson.where, run.training
    states = run.folder / "state"
    done = newest_state(states, run.inputs, where.world)
    if done:
        trainer.load(states, done)
    wall, cpu = spent(states) if done else (0.0, 0.0)
    batches = validation_batches(val, lesson)
    began, began_cpu = time.perf_counter() - wall, time.process_time() - cpu

    def cost() -> tuple[float, float]:
        return time.perf_counter() - began, time.process_time() - began_cpu

    ready = feed(lesson, range(done, run.steps), run.engine.workers)
    remote = run.inputs[:16] if run.engine.wandb else None
    told = Watch(run.title, run.folder, done, run.steps, remote) if where.first else nullcontext()
    with told as watch:
        for step in range(done, run.steps):
            start = time.perf_counter()
            parts = trainer.backward(next(ready), run.seeds(where.rank, step, trainer.micro_batches))
            _check_finite(run, step, parts, lesson)
            rate = trainer.step(step)
            pace = training.batch_size / (time.perf_counter() - start)
            last = step + 1 == run.steps
            look = last or (step + 1) % training.val_interval == 0
            val_loss = _validate(trainer, batches) if look else None
            if watch is not None:
                seen = (step + 1) * training.batch_size
                watch.write(Step(step + 1, seen, parts, rate, val_loss, pace, where.peak_memory_mb()))
            if last or (step + 1) % training.checkpoint_interval == 0:
                trainer.save(states, step + 1, run.inputs, cost())
    return cost()
