"""What `snakemake` says before a run starts: mistakes in one line, targets by their names."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml


def _snakemake(
    root: Path, folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on the checkout's workflow in a folder of its own, so that no run is touched."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"),
         "--directory", str(folder), "--cores", "1", "--dry-run", "--workflow-profile", "none", *arguments],
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


def test_every_table_and_figure_of_the_first_report_is_a_target(root: Path, tmp_path: Path) -> None:
    tables, figures = (2, 4, 5, 6, 7, 8, 10, 11), (2, 4, 5, 6, 8, 9, 10, 11, 12)
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
