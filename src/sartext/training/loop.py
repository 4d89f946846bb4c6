"""The loop: steps, validation, logs, states; the same for all models and recipes."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sartext.core.config import TrainingConfig
from sartext.core.errors import UserError
from sartext.core.files import write_text
from sartext.core.progress import track
from sartext.core.seeds import derive_seed
from sartext.training.data import Mix, Pixels, Sample
from sartext.training.engine import Machine, Trainer, newest_state, spent

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
    """

    title: str
    folder: Path
    inputs: str
    seed: int
    steps: int
    training: TrainingConfig


class Log:
    """``train.jsonl`` and TensorBoard files of a run; only the first process writes.

    Args:
        folder: the run's.
        done: steps that an earlier process did; later records of it are dropped.
        active: whether this process writes.
    """

    def __init__(self, folder: Path, done: int, active: bool) -> None:
        self._writer: Any = None
        if not active:
            return
        from torch.utils.tensorboard import SummaryWriter

        path = folder / "train.jsonl"
        kept = ""
        if done and path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            kept = "".join(f"{line}\n" for line in lines[:done] if line.endswith("}"))
        write_text(path, kept)
        self._stream = path.open("a", encoding="utf-8", newline="\n")
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1 if done else None)

    def write(self, record: dict[str, Any]) -> None:
        """Add one step's record."""
        if self._writer is None:
            return
        self._stream.write(json.dumps(record, allow_nan=False) + "\n")
        self._stream.flush()
        for name, value in record.items():
            if name not in ("step", "samples") and value is not None:
                self._writer.add_scalar(name, value, record["step"])

    def close(self) -> None:
        """Close both."""
        if self._writer is not None:
            self._writer.close()
            self._stream.close()


def validation_batches(samples: Sequence[Sample], batch_size: int, where: Machine) -> list[list[Sample]]:
    """Cut validation samples into batches of this process.

    Contrastive losses depend on the batch's size, so all batches are full; fewer samples than one batch are
    one batch.
    """
    size = min(batch_size, len(samples)) // where.world * where.world
    if size == 0:
        return []
    starts = range(0, len(samples) - size + 1, size)
    return [list(samples[start : start + size])[where.slice(size)] for start in list(starts)[:_VAL_BATCHES]]


def validation_count(batch_size: int) -> int:
    """Samples of val that are looked at."""
    return _VAL_BATCHES * batch_size


def _check_finite(run: Run, step: int, parts: dict[str, float], samples: Sequence[Sample]) -> None:
    bad = [name for name, value in parts.items() if not math.isfinite(value)]
    if not bad:
        return
    scenes = sorted({sample.scene_id for sample in samples})
    more = f" and {len(scenes) - _NAMED_SCENES} more" if len(scenes) > _NAMED_SCENES else ""
    raise UserError(
        f"{run.title}: {', '.join(bad)} is {parts[bad[0]]} at step {step}; its scenes: "
        f"{', '.join(scenes[:_NAMED_SCENES])}{more}; lower learning_rate, or look at these scenes"
    )


def run_steps(
    run: Run,
    trainer: Trainer,
    mix: Mix,
    val: Sequence[Sample],
    pixels: Pixels,
    where: Machine,
    objective: Any,
) -> tuple[float, float]:
    """Train to the end, from the newest state of the run if there is one.

    Args:
        run: what to do.
        trainer: the model under DeepSpeed, its state loaded if `run` goes on.
        mix: what to learn from.
        val: validation samples; none: no validation loss.
        pixels: the images.
        where: this process.
        objective: makes batches.

    Returns:
        Wall and CPU seconds it took, those before a resume included.

    Raises:
        UserError: a loss that is not finite; says the step and its scenes.
    """
    size = run.training.batch_size
    states = run.folder / "state"
    done = newest_state(states, run.inputs, where.world)
    if done:
        trainer.load(states, done)
    wall, cpu = spent(states) if done else (0.0, 0.0)
    batches = [objective.batch(part, pixels, where.device) for part in validation_batches(val, size, where)]
    log = Log(run.folder, done, where.first)
    began, began_cpu = time.perf_counter() - wall, time.process_time() - cpu

    def cost() -> tuple[float, float]:
        return time.perf_counter() - began, time.process_time() - began_cpu

    steps = range(done, run.steps)
    for step in track(steps, run.title) if where.first else steps:
        start = time.perf_counter()
        # a seed a step: chance (dropout) is then no part of the state to resume from
        torch.manual_seed(derive_seed("training", "chance", run.seed, where.rank, step))
        samples = mix.samples(step * size, (step + 1) * size)
        loss, parts = trainer.forward(objective.batch(samples[where.slice(size)], pixels, where.device))
        _check_finite(run, step + 1, parts, samples)
        rate = trainer.backward(loss, step)
        rate_of_samples = size / (time.perf_counter() - start)
        last = step + 1 == run.steps
        val_loss = None
        if batches and ((step + 1) % run.training.val_interval == 0 or last):
            totals = [sum(trainer.loss(batch).values()) for batch in batches]
            val_loss = sum(totals) / len(totals)
        log.write(
            {
                "step": step + 1,
                "samples": (step + 1) * size,
                "loss": sum(parts.values()),
                **parts,
                "lr": rate,
                "val_loss": val_loss if val_loss is None or math.isfinite(val_loss) else None,
                "samples_per_s": rate_of_samples,
            }
        )
        if (step + 1) % run.training.checkpoint_interval == 0 or last:
            trainer.save(states, step + 1, run.inputs, cost())
    log.close()
    return cost()
