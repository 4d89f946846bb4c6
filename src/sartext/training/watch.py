"""What a run tells while it goes: ``train.jsonl``, TensorBoard, Weights & Biases, and progress."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sartext.core.config import EngineConfig
from sartext.core.errors import UserError
from sartext.core.files import write_text
from sartext.core.progress import Progress

_COUNTS = ("step", "samples")


@dataclass(frozen=True)
class Step:
    """One step's figures.

    Attributes:
        step: 1 for the first.
        samples: seen so far, over all processes.
        parts: of the loss, by name.
        lr: learning rate.
        val_loss: on val, if it was looked at and is finite.
        samples_per_s: of this step, from asking for its samples to its end.
        memory_mb: most memory so far, MiB, of the first process or its GPU.
    """

    step: int
    samples: int
    parts: Mapping[str, float]
    lr: float
    val_loss: float | None
    samples_per_s: float
    memory_mb: float

    def record(self) -> dict[str, Any]:
        """As in ``train.jsonl``."""
        return {
            "step": self.step,
            "samples": self.samples,
            "loss": sum(self.parts.values()),
            **self.parts,
            "lr": self.lr,
            "val_loss": self.val_loss,
            "samples_per_s": self.samples_per_s,
            "memory_mb": self.memory_mb,
        }

    def note(self) -> str:
        """In a few words."""
        parts = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in self.parts.items())
        return f"{self.samples_per_s:.0f} images/s, {parts}, lr {self.lr:.2g}, {self.memory_mb:.0f} MiB"


def require_wandb(engine: EngineConfig) -> None:
    """Check that Weights & Biases is there if it was asked for.

    Raises:
        UserError: it is not installed.
    """
    if not engine.wandb:
        return
    try:
        import wandb  # noqa: F401
    except ImportError:
        raise UserError(
            "engine.wandb: wandb is not installed; install it beside sartext, or set engine.wandb to false"
        ) from None


def _kept_lines(path: Path, done: int) -> str:
    """The records of the first `done` steps that an earlier process wrote."""
    lines = path.read_text(encoding="utf-8").splitlines() if done and path.is_file() else []
    return "".join(f"{line}\n" for line in lines[:done] if line.endswith("}"))


class Watch:
    """The logs of a run and its progress; only the first process has one.

    Args:
        title: of the run.
        folder: the run's.
        done: steps that an earlier process did; later records of it are dropped.
        steps: to do in all.
        wandb: id under which the run is logged to Weights & Biases too, and goes on there; none: not logged.
    """

    def __init__(self, title: str, folder: Path, done: int, steps: int, wandb: str | None = None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        path = folder / "train.jsonl"
        write_text(path, _kept_lines(path, done))
        self._stream = path.open("a", encoding="utf-8", newline="\n")
        self._board: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1 if done else None)
        self._remote: Any = None
        if wandb is not None:
            import wandb as library

            self._remote = library.init(
                project="sartext", name=title, id=wandb, resume="allow", dir=str(folder)
            )
        self._progress = Progress(title, steps, done)

    def __enter__(self) -> "Watch":
        self._progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.__exit__(*error)
        self._board.close()
        self._stream.close()
        if self._remote is not None:
            self._remote.finish(exit_code=0 if error[0] is None else 1)

    def write(self, step: Step) -> None:
        """Tell of one step."""
        record = step.record()
        self._stream.write(json.dumps(record, allow_nan=False) + "\n")
        self._stream.flush()
        shown = {name: value for name, value in record.items() if name not in _COUNTS and value is not None}
        for name, value in shown.items():
            self._board.add_scalar(name, value, step.step)
        if self._remote is not None:
            self._remote.log(shown, step=step.step)
        self._progress.advance(step.note())
