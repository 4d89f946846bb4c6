"""What `snakemake` says before a run starts: mistakes in one line, targets by their names."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from sartext.core.runlock import hold_folder


def _snakemake(
    root: Path, folder: Path, *arguments: str, dry: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on the checkout's workflow in a folder of its own, so that no run is touched."""
    arguments = ("--dry-run", *arguments) if dry else arguments
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"),
         "--directory", str(folder), "--cores", "1", "--workflow-profile", "none", *arguments],
        capture_output=True, text=True, check=False, cwd=root, env={**os.environ, **environment},
    )  # fmt: skip


def _profile(root: Path, folder: Path, **changes: object) -> Path:
    content = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    (folder / "data" / "benchmark").mkdir(parents=True)
    (folder / "data" / "benchmark" / "v0.dvc").touch()
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({**content, **changes}, sort_keys=False))
    return path


def _said(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("sartext: ")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vocabluary": 3}, "vocabluary: unknown key; did you mean 'vocabulary'?"),
        ({"recipes": ["base", "optical", "published"]}, "recipes.2: Input should be 'base', 'optical'"),
        ({"models": {"blip": {}}}, "models.blip"),
        ({"disk_gb": 1e9}, "needs 1000000000.0 GiB of free disk"),
        ({"evaluation": {"version": "v7", "batch_size": 1}}, "no frozen benchmark v7; there are: v0"),
        ({"simulator": None}, "source hrsid: no folder data/simulated/smoke/hrsid; to get it: HRSID from"),
    ],
)
def test_a_mistake_stops_the_run_before_it_starts(
    root: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    done = _snakemake(root, tmp_path, "--configfile", str(_profile(root, tmp_path, **changes)))
    assert done.returncode == 2
    assert len(_said(done)) == 1
    assert said in _said(done)[0]
    assert "Traceback" not in done.stderr


def test_the_samples_profile_says_which_folder_it_misses(root: Path, tmp_path: Path) -> None:
    done = _snakemake(
        root,
        tmp_path,
        "--configfile",
        str(root / "config" / "samples.yaml"),
        SARTEXT_SAMPLES=str(tmp_path / "none"),
    )
    assert done.returncode == 2
    assert str(tmp_path / "none") in _said(done)[0]


def test_a_second_run_in_a_folder_says_so_and_disturbs_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = _profile(root, tmp_path, seed=5)
    config = tmp_path / "results" / "smoke" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("what the first run reads")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    with hold_folder("profile first"):
        second = _snakemake(root, tmp_path, "--configfile", str(profile), dry=False)
        looked = _snakemake(root, tmp_path, "tokenizer", "--configfile", str(profile))
    assert second.returncode == 2
    assert _said(second) == [line for line in second.stderr.splitlines() if "sartext" in line]
    assert f"{tmp_path}: another run (profile first, pid {os.getpid()}, since " in _said(second)[0]
    assert looked.returncode == 0, looked.stderr
    assert config.read_text() == "what the first run reads"
    assert [path for path in sorted(tmp_path.rglob("*")) if ".snakemake" not in path.parts] == before


def test_packages_other_than_the_locked_stop_the_run(root: Path, tmp_path: Path) -> None:
    for name in ("src", "workflow", "config", "envs"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "Snakefile", tmp_path)
    lock = tmp_path / "envs" / "requirements.lock"
    lock.write_text(lock.read_text().replace("\nnumpy==", "\nnumpy==0."))
    done = _snakemake(tmp_path, tmp_path, PYTHONPATH=str(tmp_path / "src"))
    assert done.returncode == 2
    assert len(_said(done)) == 1
    assert _said(done)[0].startswith("sartext: requirements.lock: numpy ")
    assert "is installed, expected 0." in _said(done)[0]


def test_every_table_and_figure_of_the_first_report_is_a_target(root: Path, tmp_path: Path) -> None:
    tables, figures = (2, 4, 5, 6, 7, 8, 9, 10, 11), (2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
    (tmp_path / "data" / "benchmark").mkdir(parents=True)
    (tmp_path / "data" / "benchmark" / "v0.dvc").touch()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "claims.yaml").touch()
    targets = [f"table_{number:02d}" for number in tables] + [f"figure_{number:02d}" for number in figures]
    started = time.monotonic()
    done = _snakemake(root, tmp_path, *targets, "--configfile", str(root / "config" / "smoke.yaml"))
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 60
    for target in targets:
        assert target in done.stdout + done.stderr
