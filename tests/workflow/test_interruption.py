"""A run killed anywhere and started again goes on where it was, and ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from sartext.core.seeds import generator

CHECKPOINT = Path("results/cut/checkpoints/clip/sar/0")
SCORE = Path("results/cut/scores/hrsid_retrieval/clip/sar/0/score.json")
PREDICTION = Path("results/cut/predictions/hrsid_retrieval/clip/sar/0/retrieval.npz")
STEPS, SAVED_EVERY = 60, 7
ARCHITECTURE = {
    "embed_dim": 32,
    "vision_cfg": {"layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"layers": 1, "width": 32, "heads": 2},
}


def _profile(root: Path) -> dict[str, Any]:
    """One model and recipe on a few scenes."""
    profile: dict[str, Any] = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    clip = {**profile["models"]["clip"], "architecture": ARCHITECTURE, "tasks": ["hrsid_retrieval"]}
    clip["training"].update(stage2_samples=16 * STEPS, batch_size=16, checkpoint_interval=SAVED_EVERY)
    profile.update(
        profile="cut",
        images={"size": 32, "max_rejected_share": 0},
        models={"clip": clip},
        recipes=["sar"],
        evaluation={"version": "draft", "bootstrap_samples": 20},
        simulator={
            "image_size": 32,
            "sources": {
                "hrsid": {"train": 12, "val": 0, "test": 6},
                "rsicd": {"train": 10, "val": 2, "test": 2},
            },
        },
        sources=[
            {"use": "hrsid", "root": "data/simulated/cut/hrsid", "expected_images": None},
            {"use": "rsicd", "root": "data/simulated/cut/rsicd", "expected_images": None},
        ],
    )
    return profile


def _start(root: Path, folder: Path) -> subprocess.Popen[str]:
    """Start the workflow as a user does, in a process group of its own."""
    (folder / "cut.yaml").write_text(yaml.safe_dump(_profile(root), sort_keys=False))
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--cores", "2",
         "--directory", str(folder), "--workflow-profile", str(root / "workflow" / "profiles" / "default"),
         "--configfile", str(folder / "cut.yaml"), "--no-hooks", "--", str(SCORE)],
        cwd=root, stdout=(folder / "out.txt").open("a"), stderr=subprocess.STDOUT, start_new_session=True,
        text=True, env=dict(os.environ),
    )  # fmt: skip


def _end(run: subprocess.Popen[str], folder: Path) -> None:
    assert run.wait(timeout=300) == 0, (folder / "out.txt").read_text()[-4000:]


def _kill(run: subprocess.Popen[str], when: Callable[[], bool], seconds: float) -> None:
    """Kill a run and its jobs some seconds after something has come to be."""
    limit = time.monotonic() + 300
    while not when():
        assert run.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < limit
        time.sleep(0.01)
    time.sleep(seconds)
    assert run.poll() is None, "the run ended before it was killed"
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def _log(folder: Path) -> list[str]:
    path = folder / CHECKPOINT / "train.jsonl"
    return path.read_text().splitlines() if path.is_file() else []


def _results(folder: Path) -> dict[str, Any]:
    """What equal runs write with equal bytes, and what stands in for files that hold times."""
    with np.load(folder / PREDICTION) as arrays:
        features = {name: arrays[name].tobytes() for name in arrays.files}
    return {
        "score": (folder / SCORE).read_bytes(),
        "captions": (folder / "results/cut/captions/hrsid.a2c.parquet").read_bytes(),
        "benchmark": (folder / "results/cut/benchmark.json").read_bytes(),
        "export": {path.name: path.read_bytes() for path in (folder / CHECKPOINT).glob("*.safetensors")},
        "weights": json.loads((folder / CHECKPOINT / "run.json").read_text())["weights_at_end"],
        "losses": [json.loads(line)["loss"] for line in _log(folder)],
        "features": features,
    }


@pytest.fixture(scope="module")
def undisturbed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    _end(_start(root, folder), folder)
    return _results(folder)


def test_a_run_killed_anywhere_goes_on_where_it_was(
    root: Path, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    random = generator("interruption")
    logs = tmp_path / "results" / "cut" / "logs"
    # while the sources are made
    _kill(_start(root, tmp_path), lambda: (logs / "simulate").is_dir(), random.uniform(0, 3))
    # while it trains, some steps after a state was saved
    step = int(random.integers(2 * SAVED_EVERY, STEPS - SAVED_EVERY))
    _kill(_start(root, tmp_path), lambda: len(_log(tmp_path)) >= step, 0)
    before = _log(tmp_path)
    saved = json.loads((tmp_path / CHECKPOINT / "state" / "newest.json").read_text())
    done = int(saved["tag"].removeprefix("step-"))
    assert SAVED_EVERY <= done < STEPS
    # while it predicts
    run = _start(root, tmp_path)
    _kill(run, lambda: (logs / "predict" / "clip.0.log").is_file(), random.uniform(0, 3))
    # a step done again would have another speed
    assert _log(tmp_path)[:done] == before[:done]
    trained = (tmp_path / CHECKPOINT / "run.json").stat().st_mtime_ns

    _end(_start(root, tmp_path), tmp_path)
    assert (tmp_path / CHECKPOINT / "run.json").stat().st_mtime_ns == trained, "what was finished stays"
    assert _results(tmp_path) == undisturbed
