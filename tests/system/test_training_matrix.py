"""Every model, ZeRO stage, number of processes and size of micro-batches trains as PyTorch alone does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from models_toy import toy_world
from training_plain import fifty_steps, plain_losses

from sartext.core.config import save_config


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    toy_world(folder)
    return folder


@pytest.mark.parametrize("micro", [None, 4])
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("stage", [0, 1, 2, 3])
@pytest.mark.parametrize("model", ["clip", "coca", "gpt"])
def test_fifty_losses_agree(
    toy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    stage: int,
    processes: int,
    micro: int | None,
) -> None:
    shutil.copytree(toy / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    config = fifty_steps(model, stage, processes, micro_batch_size=micro)
    save_config(config, tmp_path / "config.yaml")
    command = [sys.executable, "-m", "sartext", "train", "--config", "config.yaml", "--model", model]
    subprocess.run([*command, "--recipe", "sar", "--seed", "0"], check=True)
    log = Path("results/toy/checkpoints") / model / "sar" / "0" / "train.jsonl"
    losses = [json.loads(line)["loss"] for line in log.read_text().splitlines()]
    plain = plain_losses(config, model, "sar", 50)
    worst = max(abs(a - b) / abs(b) for a, b in zip(losses, plain, strict=True))
    print(f"{model} ZeRO {stage}, {processes} process(es), micro-batch {micro}: {worst:.1e}")
    assert losses == pytest.approx(plain, rel=1e-3)
