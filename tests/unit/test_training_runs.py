"""Training under DeepSpeed: it learns, agrees with plain PyTorch, and equal runs end with equal bytes."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models_toy import ARCHITECTURES, square, toy_config
from training_plain import fifty_steps, plain_losses

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.records import Caption
from sartext.core.tables import write_records
from sartext.models import load
from sartext.models.build import read_weights
from sartext.training import train
from sartext.training.runs import export_files, run_folder
from sartext.training.schedule import learning_rate
from sartext.training.watch import Step, Watch


def _log(config: Config, model: str, recipe: str, seed: int = 0) -> list[dict[str, Any]]:
    path = run_folder(config, model, recipe, seed) / "train.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def _summary(config: Config, model: str, recipe: str, seed: int = 0) -> dict[str, Any]:
    return json.loads((run_folder(config, model, recipe, seed) / "run.json").read_text())


def _bytes(config: Config, model: str, recipe: str, seed: int = 0) -> dict[str, bytes]:
    folder = run_folder(config, model, recipe, seed)
    return {path.as_posix(): (folder / path).read_bytes() for path in export_files(folder)}


@pytest.mark.parametrize(
    ("model", "steps", "rate", "below"),
    [("clip", 40, 3e-3, 1.9), ("coca", 40, 3e-3, 3.2), ("gpt", 40, 5e-3, 1.3)],
)
def test_the_loss_falls(world: Path, model: str, steps: int, rate: float, below: float) -> None:
    config = toy_config(
        model, stage1_samples=16 * steps, learning_rate=rate, val_interval=20, checkpoint_interval=1000
    )
    train(config, model, ["optical"], [0])
    log = _log(config, model, "optical")
    assert [record["step"] for record in log] == list(range(1, steps + 1))
    assert log[-1]["samples"] == 16 * steps
    first, last = (sum(record["loss"] for record in part) / 3 for part in (log[:3], log[-3:]))
    assert last < below < first
    assert last < 0.75 * first
    parts = [name for name in log[0] if name.endswith("_loss") and name != "val_loss"]
    assert log[0]["loss"] == pytest.approx(sum(log[0][name] for name in parts))
    assert [record["step"] for record in log if record["val_loss"] is not None] == [20, 40]
    assert list((run_folder(config, model, "optical", 0) / "tensorboard").glob("events.*"))
    assert load(run_folder(config, model, "optical", 0)).kind == model


def test_a_trained_clip_finds_its_captions(world: Path) -> None:
    config = toy_config("clip", stage1_samples=16 * 120, val_interval=1000, checkpoint_interval=1000)
    train(config, "clip", ["base", "optical"], [0])
    images = [square("opt", number) for number in range(40) if number % 10 < 8]
    texts = [f"There is a {colour} square in the {place}." for _, colour, place in images]
    right = {}
    for recipe in ("base", "optical"):
        model: Any = load(run_folder(config, "clip", recipe, 0))
        shown = np.stack([image for image, _, _ in images])
        best = (model.encode_images(shown, 32) @ model.encode_texts(texts, 32).T).argmax(axis=1)
        right[recipe] = np.mean([texts[place] == told for place, told in zip(best, texts, strict=True)])
    assert right["base"] < 0.4
    assert right["optical"] > 0.6


def _losses(config: Config, model: str) -> list[float]:
    """Train, and return the loss of each step."""
    train(config, model, ["sar"], [0])
    weights = read_weights(run_folder(config, model, "sar", 0))
    assert all(bool(torch.isfinite(value).all()) for value in weights.values())
    return [record["loss"] for record in _log(config, model, "sar")]


def _by_pytorch(config: Config, model: str) -> Any:
    """The losses of 50 steps of PyTorch alone, within 1e-3 of their size: sums are taken in another order."""
    return pytest.approx(plain_losses(config, model, "sar", 50), rel=1e-3)


# tests/system/test_training_matrix.py has every combination
@pytest.mark.parametrize(("model", "stage"), [("clip", 0), ("coca", 1), ("gpt", 2), ("coca", 3)])
def test_zero_stages_train_as_plain_pytorch(world: Path, model: str, stage: int) -> None:
    config = fifty_steps(model, stage, 1)
    assert _losses(config, model) == _by_pytorch(config, model)


@pytest.mark.parametrize(("model", "stage"), [("coca", 0), ("gpt", 1), ("clip", 3)])
def test_micro_batches_train_as_the_whole_batch(world: Path, model: str, stage: int) -> None:
    """Four micro-batches of 4 are one batch of 16, the contrastive loss included."""
    config = fifty_steps(model, stage, 1, micro_batch_size=4)
    assert _losses(config, model) == _by_pytorch(config, model)


@pytest.mark.parametrize("model", ["clip", "coca", "gpt"])
def test_bfloat16_keeps_float32_weights(world: Path, model: str) -> None:
    """Losses stay near those of float32, and the export is the optimizer's float32 copy, not its rounding."""
    exact, rounded = toy_config(model), toy_config(model, {"precision": "bfloat16"})
    train(exact, model, ["sar"], [0])
    losses = [record["loss"] for record in _log(exact, model, "sar")]
    train(rounded, model, ["sar"], [0])
    assert [record["loss"] for record in _log(rounded, model, "sar")] == pytest.approx(losses, rel=0.05)
    weights = read_weights(run_folder(rounded, model, "sar", 0)).values()
    assert any(not torch.equal(value, value.bfloat16().float()) for value in weights)


def test_the_logit_scale_stays_below_100(world: Path) -> None:
    config = toy_config("clip", stage2_samples=64, learning_rate=3.0)
    train(config, "clip", ["sar"], [0])
    scale = read_weights(run_folder(config, "clip", "sar", 0))["logit_scale"].item()
    assert 0 <= scale <= math.log(100) + 1e-6


def test_two_runs_are_equal_and_seeds_are_not(world: Path) -> None:
    config = toy_config("coca")
    train(config, "coca", ["sar"], [0, 1])
    first, other = _bytes(config, "coca", "sar", 0), _bytes(config, "coca", "sar", 1)
    assert "open_clip_model.safetensors" in first
    train(config, "coca", ["sar"], [0])
    assert _bytes(config, "coca", "sar", 0) == first
    assert other != first


def test_two_stage_goes_on_from_optical(world: Path) -> None:
    config = toy_config("clip")
    with pytest.raises(UserError, match="recipe two-stage starts from optical: run 'sartext train"):
        train(config, "clip", ["two-stage"], [0])
    train(config, "clip", ["two-stage", "base", "optical"], [0])
    base, optical, two = (_summary(config, "clip", name) for name in ("base", "optical", "two-stage"))
    assert base["weights_at_start"] == base["weights_at_end"] == optical["weights_at_start"]
    assert two["weights_at_start"] == optical["weights_at_end"] != two["weights_at_end"]
    assert (base["steps"], optical["steps"], two["steps"]) == (0, 2, 3)
    assert (base["samples"], optical["samples"], two["samples"]) == (0, 32, 48)
    assert (
        base["parameters"]
        == two["parameters"]
        == sum(value.numel() for value in read_weights(run_folder(config, "clip", "base", 0)).values())
    )
    # a fresh schedule: it warms up again
    assert _log(config, "clip", "two-stage")[0]["lr"] == learning_rate(0, 3, config.models["clip"].training)
    whole = _bytes(config, "clip", "two-stage")
    train(config, "clip", ["two-stage"], [0])
    assert _bytes(config, "clip", "two-stage") == whole


def _stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt a run while it writes the record of a step."""
    write = Watch.write

    def interrupted(watch: Watch, done: Step) -> None:
        write(watch, done)
        if done.step == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "write", interrupted)


def test_a_stopped_run_ends_with_the_same_bytes(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toy_config("gpt", stage2_samples=96)
    train(config, "gpt", ["sar"], [0])
    whole, losses = _bytes(config, "gpt", "sar"), [record["loss"] for record in _log(config, "gpt", "sar")]
    shutil.rmtree(run_folder(config, "gpt", "sar", 0))
    with monkeypatch.context() as patch:
        _stop_at(5, patch)
        with pytest.raises(KeyboardInterrupt):
            train(config, "gpt", ["sar"], [0])
    folder = run_folder(config, "gpt", "sar", 0)
    assert not (folder / "run.json").exists()
    assert json.loads((folder / "state" / "newest.json").read_text())["step"] == 4
    # a newer state that was half written when the job was killed does not count
    (folder / "state" / "step-6").mkdir()
    newest = folder / "state" / "newest.json"
    # as if the steps before the stop had taken long: a resumed run counts them
    newest.write_text(json.dumps(json.loads(newest.read_text()) | {"cost": [1000.0, 500.0]}))
    train(config, "gpt", ["sar"], [0], resume=True)
    cost = json.loads((folder / "run.json").read_text())
    assert 1000 < cost["seconds"] < 1500
    assert 500 < cost["cpu_seconds"] < 1500
    assert cost["samples_per_second"] == pytest.approx(cost["samples"] / cost["seconds"], rel=1e-3)
    assert _bytes(config, "gpt", "sar") == whole
    assert [record["loss"] for record in _log(config, "gpt", "sar")] == losses
    assert [entry.name for entry in (folder / "state").glob("step-*")] == ["step-6"]


def test_resume_leaves_finished_runs_alone_and_sees_changed_inputs(world: Path) -> None:
    config = toy_config("clip")
    train(config, "clip", ["optical"], [0], resume=True)
    path = run_folder(config, "clip", "optical", 0) / "run.json"
    before = path.stat().st_mtime_ns
    train(config, "clip", ["optical"], [0], resume=True)
    assert path.stat().st_mtime_ns == before
    old = _bytes(config, "clip", "optical")
    captions = [Caption(f"opt/{number}", "given", f"Image {number}.") for number in range(60)]
    write_records(config.results / "stage1" / "captions.parquet", captions, Caption)
    train(config, "clip", ["optical"], [0], resume=True)
    assert path.stat().st_mtime_ns != before
    assert _bytes(config, "clip", "optical") != old
    assert len(_log(config, "clip", "optical")) == 2


def test_a_loss_that_is_not_finite_names_its_scenes(world: Path) -> None:
    config = toy_config("clip", stage2_samples=480, learning_rate=1e30)
    with pytest.raises(UserError, match=r"clip sar, seed 0: contrastive_loss is nan at step \d+; .*sar/\d+"):
        train(config, "clip", ["sar"], [0])
    assert not (run_folder(config, "clip", "sar", 0) / "run.json").exists()


def test_what_is_missing_is_told_before_training(world: Path) -> None:
    with pytest.raises(UserError, match="no GPU"):
        train(toy_config("clip", {"device": "cuda"}), "clip", ["sar"], [0])
    with pytest.raises(UserError, match=r"batch_size 16 is not a multiple of engine\.processes 3"):
        train(toy_config("clip", {"processes": 3}), "clip", ["sar"], [0])
    with pytest.raises(UserError, match=r"micro_batch_size 3 does not divide a process's share of 8"):
        train(toy_config("clip", {"processes": 2}, micro_batch_size=3), "clip", ["sar"], [0])
    with pytest.raises(UserError, match=r"engine\.wandb: wandb is not installed"):
        train(toy_config("clip", {"wandb": True}), "clip", ["sar"], [0])
    write_records(Path("results/toy/sartext/captions.parquet"), [], Caption)
    with pytest.raises(UserError, match="sartext: empty training split"):
        train(toy_config("clip"), "clip", ["optical", "sar"], [0])
    assert not Path("results/toy/checkpoints").exists()
    shutil.rmtree("results/toy/tokenizer")
    with pytest.raises(UserError, match="'sartext tokenizer' learns one"):
        train(toy_config("clip"), "clip", ["optical"], [0])


def test_two_processes_of_micro_batches_train_as_one_of_whole(world: Path) -> None:
    """Features are gathered with gradients, and tokens counted over all."""
    config = fifty_steps("coca", 2, 2, micro_batch_size=4)
    assert _losses(config, "coca") == _by_pytorch(config, "coca")


def test_activation_checkpointing_changes_nothing(world: Path) -> None:
    for model in ("coca", "gpt"):
        config = fifty_steps(model, 1, 1, activation_checkpointing=True)
        assert _losses(config, model) == _by_pytorch(config, model)


def test_batch_normalisation_refuses_micro_batches(world: Path) -> None:
    """Its statistics would be those of a micro-batch."""
    resnet = {**ARCHITECTURES["clip"], "vision_cfg": {"layers": [1, 1, 1, 1], "width": 8, "head_width": 32}}
    config = toy_config("clip", architecture=resnet, micro_batch_size=4)
    with pytest.raises(UserError, match="micro_batch_size: the model has batch normalisation"):
        train(config, "clip", ["sar"], [0])
