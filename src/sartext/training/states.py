"""States to resume from: DeepSpeed's checkpoint of a step, whole or not there, read as tensors only.

``state/step-N/`` holds DeepSpeed's files, ``state/newest.json`` names the one state that counts, with the
digests of its files. It is written after them, and an older state goes only after that: whatever ends a run
while it saves, the last good state is still there.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sartext.core.errors import UserError
from sartext.core.files import list_files, read_json, sha256_file, write_json
from sartext.training.machine import Machine

_NEWEST = "newest.json"


def read_safely(engine: Any) -> None:
    """Let a DeepSpeed engine write and read its files as plain tensors: no object of a file is called."""
    from deepspeed.runtime.checkpoint_engine.torch_checkpoint_engine import TorchCheckpointEngine
    from deepspeed.runtime.fp16.loss_scaler import LossScaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address

    class Plain(TorchCheckpointEngine):
        def load(self, path: str, map_location: Any = None) -> Any:
            # what DeepSpeed itself puts beside the tensors
            with torch.serialization.safe_globals([LossScaler, ZeroStageEnum, fragment_address]):
                return torch.load(path, map_location=map_location, weights_only=True)

    engine.checkpoint_engine = Plain(engine._config)


def _frozen(module: nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if not parameter.requires_grad}


@contextmanager
def _disk_told(folder: Path, tag: str) -> Iterator[None]:
    """Say in one line that a state could not be written, and leave no half of it."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch's writer has no type of its own
        shutil.rmtree(folder / tag, ignore_errors=True)
        raise UserError(
            f"{folder / tag}: cannot write the state ({str(error).splitlines()[0]}); free some disk and run "
            "again: the run goes on from the last whole state"
        ) from None


def save_state(
    engine: Any, folder: Path, step: int, inputs: str, cost: tuple[float, float], where: Machine
) -> None:
    """Write the state after `step` steps, and let go of older ones; every process calls it.

    Parts that are not trained are left out: they are what the run started from.

    Args:
        engine: DeepSpeed's.
        folder: of the states of one run.
        step: steps done.
        inputs: digest of what the run was made from.
        cost: wall and CPU seconds spent so far, those before a resume included.
        where: this process.

    Raises:
        UserError: the disk is full, or the folder cannot be written; older states are as they were.
    """
    tag = f"step-{step}"
    with _disk_told(folder, tag):
        # half a state of a run that was killed
        if where.first:
            shutil.rmtree(folder / tag, ignore_errors=True)
        where.wait()
        engine.save_checkpoint(
            str(folder),
            tag=tag,
            client_state={"step": step},
            save_latest=False,
            exclude_frozen_parameters=bool(_frozen(engine.module)),
        )
    where.wait()
    if where.first:
        files = {path.as_posix(): sha256_file(folder / tag / path) for path in list_files(folder / tag)}
        with _disk_told(folder, tag):
            write_json(
                folder / _NEWEST,
                {
                    "tag": tag,
                    "step": step,
                    "inputs": inputs,
                    "world": where.world,
                    "cost": list(cost),
                    "files": files,
                },
            )
        for old in folder.glob("step-*"):
            if old.name != tag:
                shutil.rmtree(old, ignore_errors=True)
    where.wait()


def _check_files(folder: Path, tag: str) -> None:
    """Compare a state's files with their digests; `UserError` names the first that differs."""
    said = read_json(folder / _NEWEST, "the newest state of a run")
    files = said.get("files") if isinstance(said, dict) else None
    if not isinstance(files, dict) or not files:
        raise UserError(f"{folder / _NEWEST}: no digests of the state's files; train without --resume")
    there = {path.as_posix() for path in list_files(folder / tag)}
    for name in sorted({*files, *there}):
        if name not in there:
            raise UserError(f"{folder / tag / name}: missing from the state; train without --resume")
        if sha256_file(folder / tag / name) != files.get(name):
            raise UserError(
                f"{folder / tag / name}: damaged, its digest is not the one it was saved with; "
                "train without --resume"
            )


def load_state(engine: Any, folder: Path, step: int) -> None:
    """Go on from the state after `step` steps.

    Raises:
        UserError: the state is damaged, or of another model.
    """
    tag = f"step-{step}"
    _check_files(folder, tag)
    frozen = _frozen(engine.module)
    try:
        path, _ = engine.load_checkpoint(str(folder), tag=tag, load_module_strict=not frozen)
    except Exception as error:  # torch, zip and pickle errors alike
        raise UserError(
            f"{folder / tag}: does not load ({str(error).splitlines()[0]}); train without --resume"
        ) from None
    if path is None:
        raise UserError(f"{folder / tag}: no state there; train without --resume")


def newest_state(folder: Path, inputs: str, world: int) -> int:
    """Return the steps done by the newest whole state of a run made from the same inputs, or 0.

    A state of another number of processes does not load, and counts as none.
    """
    path = folder / _NEWEST
    if not path.is_file():
        return 0
    said = read_json(path, "the newest state of a run")
    same = isinstance(said, dict) and said.get("inputs") == inputs and said.get("world") == world
    return int(said["step"]) if same else 0


def spent(folder: Path) -> tuple[float, float]:
    """Return the wall and CPU seconds that the newest state of a run had cost when it was saved."""
    wall, cpu = read_json(folder / _NEWEST, "the newest state of a run")["cost"]
    return float(wall), float(cpu)
