"""Training does not start on a set that holds a test image."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from sartext.core.records import Scene
from sartext.core.tables import read_scenes, write_records

RESULTS = Path("results/leak")
SOURCES = {"hrsid": {"train": 12, "val": 0, "test": 6}, "rsicd": {"train": 10, "val": 2, "test": 2}}


def _profile(root: Path) -> dict[str, Any]:
    """One model and recipe on a few scenes."""
    profile: dict[str, Any] = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    clip = {**profile["models"]["clip"], "tasks": ["hrsid_retrieval"]}
    clip["training"].update(stage1_samples=32, stage2_samples=32, batch_size=16)
    profile.update(
        profile="leak",
        images={"size": 32, "max_rejected_share": 0},
        models={"clip": clip},
        recipes=["optical", "sar"],
        evaluation={"version": "draft", "bootstrap_samples": 20},
        simulator={"image_size": 32, "sources": SOURCES},
        sources=[
            {"use": name, "root": f"data/simulated/leak/{name}", "expected_images": None} for name in SOURCES
        ],
    )
    return profile


def _run(root: Path, folder: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    (folder / "leak.yaml").write_text(yaml.safe_dump(_profile(root), sort_keys=False))
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--cores", "2",
         "--directory", str(folder), "--configfile", str(folder / "leak.yaml"), "--no-hooks",
         "--keep-going", "--", *targets],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _plant(path: Path) -> str:
    """Put the first test scene of a built set among its training scenes; return its id."""
    scenes = read_scenes(path)
    leak = next(scene for scene in scenes if scene.split == "test")
    planted = [dataclasses.replace(scene, split="train") if scene is leak else scene for scene in scenes]
    write_records(path, planted, Scene)
    return leak.scene_id


def test_a_leak_stops_the_training_of_its_stage(root: Path, tmp_path: Path) -> None:
    built = [f"{RESULTS}/audit/{name}.json" for name in ("stage1", "sartext")]
    done = _run(root, tmp_path, *built)
    assert done.returncode == 0, done.stderr
    leaks = {name: _plant(tmp_path / RESULTS / name / "scenes.parquet") for name in ("stage1", "sartext")}
    trained = [f"{RESULTS}/checkpoints/clip/{recipe}/0/run.json" for recipe in ("optical", "sar")]
    failed = _run(root, tmp_path, *trained)
    assert failed.returncode == 1
    for name, leak in leaks.items():
        log = (tmp_path / RESULTS / "logs" / "audit" / f"{name}.log").read_text()
        assert log.count("\n") == 1, "one line"
        assert leak in log
        assert leak in (tmp_path / RESULTS / "audit" / f"{name}.remaining.csv").read_text()
        assert not (tmp_path / RESULTS / "audit" / f"{name}.json").exists()
    assert not (tmp_path / RESULTS / "checkpoints").exists()
