"""SAR-TEXT built with kills on the way is the SAR-TEXT of an undisturbed build, byte for byte."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from sartext.core.config import Config, parse_config, save_config
from sartext.core.files import list_files, sha256_file
from sartext.core.seeds import generator
from sartext.narrator import narrate_source
from sartext.simulator import write_source
from sartext.sources import ingest

KILLS = 20
SOURCES = {
    "hrsid": {"train": 60, "val": 0, "test": 20},
    "sardet-100k": {"train": 90, "val": 20, "test": 20},
    "fusar-map": {"train": 40, "val": 0, "test": 0},
    "rsicd": {"train": 60, "val": 20, "test": 20},
}


def _config(root: Path) -> Config:
    raw: dict[str, Any] = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    raw |= {
        "profile": "killed",
        "images": {"size": 32, "max_rejected_share": 0},
        "simulator": {"image_size": 64, "sources": SOURCES},
        "sources": [
            {"use": name, "root": f"data/simulated/killed/{name}", "expected_images": None}
            for name in SOURCES
        ],
    }
    raw["evaluation"]["version"] = "draft"
    raw["dataset"] = {"val_share": 0.1, "test_share": 0.1, "shard_images": 16}
    return parse_config(raw, "killed")


def _deepen(folder: Path) -> None:
    """Make 8-bit images PNG files of 16 bits, which the exports hold a drawn copy of."""
    for path in sorted(folder.iterdir()):
        pixels = np.asarray(Image.open(path).convert("L"))
        Image.fromarray(pixels.astype(np.uint16) * 200).save(path, "PNG")


def _narrated(root: Path, folder: Path) -> None:
    """Write, ingest and narrate the sources in a folder, and leave the profile there."""
    config = _config(root)
    for source in config.sources:
        write_source(source.name, config, source.folder, folder / f"{source.name}.truth.json")
        if source.name == "fusar-map":
            _deepen(source.folder / "SAR")
        ingest(source, config, config.results / "scenes" / source.name)
        for branch in source.branches:
            narrate_source(
                config, source.name, branch, config.results / "captions" / f"{source.name}.{branch}.parquet"
            )
    save_config(config, folder / "profile.yaml")


def _start(folder: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-c",
        "from sartext.cli import main; main()",
        "build",
        "--config",
        "profile.yaml",
    ]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _finish(folder: Path) -> float:
    start = time.monotonic()
    run = _start(folder)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 0, said.decode()
    return time.monotonic() - start


def _built(folder: Path) -> dict[str, str]:
    """Digest of every file of the built sets, half ones and the record of written shards with them."""
    results = folder / "results" / "killed"
    parts = [results / name for name in ("stage1", "sartext", "audit")]
    return {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for part in parts
        for path in (part / name for name in list_files(part))
    }


def test_a_build_killed_at_twenty_moments_ends_with_the_same_bytes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _narrated(root, tmp_path)
    _finish(tmp_path)
    seconds = _finish(tmp_path)
    undisturbed = _built(tmp_path)
    assert any(name.endswith(".tar") for name in undisturbed)
    assert any("/exports/images/fusar-map/" in name for name in undisturbed)
    records = {f"results/killed/sartext/shards/{name}/.written.json" for name in SOURCES if name != "rsicd"}
    assert records <= undisturbed.keys()
    for part in ("stage1", "sartext", "audit"):
        subprocess.run(["rm", "-r", str(tmp_path / "results" / "killed" / part)], check=True)
    random = generator("tests", "killed build")
    killed = 0
    while killed < KILLS:
        run = _start(tmp_path)
        time.sleep(random.uniform(0.3, 1) * seconds)
        if run.poll() is None:
            os.kill(run.pid, signal.SIGKILL)
            killed += 1
        run.communicate()
    _finish(tmp_path)
    assert _built(tmp_path) == undisturbed
