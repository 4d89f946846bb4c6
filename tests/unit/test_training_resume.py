"""Runs that are killed, and what may go wrong with their states: the last good one survives."""

import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from models_toy import toy_config

from sartext.core.config import Config, save_config
from sartext.core.errors import UserError
from sartext.core.files import sha256_file
from sartext.training import states, train
from sartext.training.runs import export_files, run_folder
from sartext.training.watch import Step, Watch

# children are forked from a process that has the libraries but has not trained
_CHILDREN = multiprocessing.get_context("forkserver")
_CHILDREN.set_forkserver_preload(["deepspeed", "open_clip", "transformers", "sartext.training.loop"])


def _six_steps(model: str, engine: dict[str, Any] | None = None, **training: Any) -> Config:
    return toy_config(model, engine, stage2_samples=96, **training)


def _bytes(config: Config, model: str) -> dict[str, bytes]:
    folder = run_folder(config, model, "sar", 0)
    return {path.as_posix(): (folder / path).read_bytes() for path in export_files(folder)}


def _losses(config: Config, model: str) -> list[float]:
    path = run_folder(config, model, "sar", 0) / "train.jsonl"
    return [json.loads(line)["loss"] for line in path.read_text().splitlines()]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_after_step(step: int) -> None:
    """Kill this process once the record of a step is written."""
    write = Watch.write

    def told(watch: Watch, done: Step) -> None:
        write(watch, done)
        if done.step == step:
            _die()

    Watch.write = told  # type: ignore[method-assign]


def _die_before_newest(step: int) -> None:
    """Kill this process when the files of a state are there, but not what names them."""
    write = states.write_json

    def named(path: Path, value: Any) -> None:
        if value["step"] == step:
            _die()
        write(path, value)

    states.write_json = named


def _train(folder: str, config: Config, model: str, before: Callable[[int], None] | None, step: int) -> None:
    os.chdir(folder)
    if before is not None:
        before(step)
    train(config, model, ["sar"], [0], resume=True)


def _in_child(config: Config, model: str, before: Callable[[int], None] | None = None, step: int = 0) -> int:
    """Train in a process of its own, and return how it ended."""
    child = _CHILDREN.Process(target=_train, args=(str(Path.cwd()), config, model, before, step))
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


@pytest.mark.parametrize(
    ("model", "engine", "training", "before", "step"),
    [
        ("coca", {"zero_stage": 0}, {}, _die_after_step, 5),
        ("gpt", {"zero_stage": 1}, {}, _die_before_newest, 4),
        ("clip", {"zero_stage": 2, "workers": 2}, {"micro_batch_size": 4}, _die_after_step, 3),
        ("coca", {"zero_stage": 3}, {"activation_checkpointing": True}, _die_before_newest, 2),
        ("gpt", {"zero_stage": 2, "precision": "bfloat16"}, {}, _die_after_step, 5),
    ],
)
def test_a_killed_run_ends_with_the_same_bytes(
    world: Path,
    model: str,
    engine: dict[str, Any],
    training: dict[str, Any],
    before: Callable[[int], None],
    step: int,
) -> None:
    config = _six_steps(model, engine, **training)
    assert _in_child(config, model) == 0
    whole, losses = _bytes(config, model), _losses(config, model)
    shutil.rmtree(run_folder(config, model, "sar", 0))
    assert _in_child(config, model, before, step) == -signal.SIGKILL
    assert not (run_folder(config, model, "sar", 0) / "run.json").exists()
    assert _in_child(config, model) == 0
    assert _bytes(config, model) == whole
    assert _losses(config, model) == losses


def test_two_killed_processes_end_with_the_same_bytes(world: Path) -> None:
    """The whole group dies in the middle; the second start goes on."""
    config = _six_steps("clip", {"processes": 2, "zero_stage": 1})
    save_config(config, world / "config.yaml")
    command = [sys.executable, "-m", "sartext", "train", "--config", "config.yaml"]
    command += ["--model", "clip", "--recipe", "sar", "--seed", "0", "--resume"]
    subprocess.run(command, check=True)
    whole, losses = _bytes(config, "clip"), _losses(config, "clip")
    folder = run_folder(config, "clip", "sar", 0)
    shutil.rmtree(folder)
    running = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 120
    while not (folder / "state" / "newest.json").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (folder / "run.json").exists()
    subprocess.run(command, check=True)
    assert _bytes(config, "clip") == whole
    assert _losses(config, "clip") == losses


def _stopped(config: Config, model: str, step: int) -> Path:
    """A run that was killed after a step; returns the folder of its states."""
    assert _in_child(config, model, _die_after_step, step) == -signal.SIGKILL
    return run_folder(config, model, "sar", 0) / "state"


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [_cut, _flip, Path.unlink])
def test_a_damaged_state_is_told_in_one_line(world: Path, harm: Callable[[Path], None]) -> None:
    config = _six_steps("clip")
    folder = _stopped(config, "clip", 3)
    path = sorted((folder / "step-2").iterdir())[-1]
    harm(path)
    with pytest.raises(
        UserError, match=rf"step-2/{path.name}: (damaged|missing).*train without --resume"
    ) as told:
        train(config, "clip", ["sar"], [0], resume=True)
    assert "\n" not in str(told.value)


class _Bomb:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("exploded"),)


def test_a_state_runs_no_code(world: Path) -> None:
    """Even with a digest that fits: whoever can write the one can write the other."""
    config = _six_steps("clip")
    folder = _stopped(config, "clip", 3)
    path = sorted((folder / "step-2").glob("*model_states.pt"))[0]
    torch.save({"module": _Bomb()}, path)
    newest = json.loads((folder / "newest.json").read_text())
    newest["files"][path.name] = sha256_file(path)
    (folder / "newest.json").write_text(json.dumps(newest))
    with pytest.raises(UserError, match=r"step-2: does not load .*; train without --resume"):
        train(config, "clip", ["sar"], [0], resume=True)
    assert not Path("exploded").exists()


def _small_disk(step: int) -> None:
    """After a step no file can be larger than a few blocks, as on a full disk."""
    write = Watch.write

    def told(watch: Watch, done: Step) -> None:
        write(watch, done)
        if done.step == step:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    Watch.write = told  # type: ignore[method-assign]


def _told(folder: str, config: Config, before: Callable[[int], None], step: int) -> None:
    os.chdir(folder)
    before(step)
    try:
        train(config, "clip", ["sar"], [0], resume=True)
    except UserError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        Path("told.txt").write_text(str(error))


def _what_is_told(config: Config, before: Callable[[int], None], step: int) -> str:
    child = _CHILDREN.Process(target=_told, args=(str(Path.cwd()), config, before, step))
    child.start()
    child.join()
    return Path("told.txt").read_text()


def test_a_full_disk_leaves_the_last_good_state(world: Path) -> None:
    config = _six_steps("clip")
    assert _in_child(config, "clip") == 0
    whole = _bytes(config, "clip")
    shutil.rmtree(run_folder(config, "clip", "sar", 0))
    told = _what_is_told(config, _small_disk, 3)
    folder = run_folder(config, "clip", "sar", 0) / "state"
    assert told.startswith(f"{folder}/step-4: cannot write the state (")
    assert told.endswith("free some disk and run again: the run goes on from the last whole state")
    assert [entry.name for entry in folder.glob("step-*")] == ["step-2"]
    assert _in_child(config, "clip") == 0
    assert _bytes(config, "clip") == whole


def _little_memory(_: int) -> None:
    """200 MiB more than what the libraries hold, whenever the first batch comes."""
    from sartext.training.engine import Trainer

    backward = Trainer.backward

    def limited(*arguments: Any) -> Any:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 200 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        return backward(*arguments)

    Trainer.backward = limited  # type: ignore[method-assign]


def test_out_of_memory_names_the_knobs(world: Path) -> None:
    config = toy_config("clip", stage2_samples=8192, batch_size=8192)
    told = _what_is_told(config, _little_memory, 0)
    assert told.startswith("out of memory (")
    assert "lower training.micro_batch_size (now 8192), set training.activation_checkpointing" in told
    assert "\n" not in told


def test_workers_change_nothing(world: Path) -> None:
    config, helped = _six_steps("gpt"), _six_steps("gpt", {"workers": 2})
    assert _in_child(config, "gpt") == 0
    whole = _bytes(config, "gpt")
    # made from the same inputs: finished already
    changed = (run_folder(config, "gpt", "sar", 0) / "run.json").stat().st_mtime_ns
    assert _in_child(helped, "gpt") == 0
    assert (run_folder(config, "gpt", "sar", 0) / "run.json").stat().st_mtime_ns == changed
    shutil.rmtree(run_folder(config, "gpt", "sar", 0))
    assert _in_child(helped, "gpt") == 0
    assert _bytes(config, "gpt") == whole
