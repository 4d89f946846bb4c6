"""Frozen parts and LoRA of GPT: what trains, what is written, and how a second stage goes on."""

from pathlib import Path
from typing import Any

import pytest
import torch
from models_toy import toy_config
from safetensors.torch import load_file, save_file

from sartext.core.config import Config, parse_config
from sartext.core.errors import UserError
from sartext.models import load
from sartext.models.adapt import is_frozen
from sartext.models.build import LORA, build_model, go_on_from, read_weights, save_model
from sartext.training import train
from sartext.training.runs import run_folder

# as TinyGPT-V freezes: the image tower, the Q-Former and the text model, but for its layer norms
FROZEN = ["vision_model.*", "query_tokens", "qformer.*", "language_model.*", "!language_model.*layernorm*"]
LORA_KEYS = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj"]}


def _adapted(config: Config, **keys: Any) -> Config:
    raw = config.model_dump(mode="json")
    raw["models"]["gpt"].update({"frozen": FROZEN, "lora": LORA_KEYS, **keys})
    return parse_config(raw, "toy")


def _built(toy: Path, **keys: Any) -> Any:
    return build_model("gpt", _adapted(toy_config("gpt"), **keys), toy / "results/toy/tokenizer", 0)


def _inputs(module: Any) -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    text = torch.randint(3, 200, (2, 12), generator=draws)
    image = torch.full((2, module.config.num_query_tokens), module.config.image_token_index)
    return {
        "pixel_values": torch.randn(2, 3, 32, 32, generator=draws),
        "input_ids": torch.cat([image, text], dim=1),
        "attention_mask": torch.ones(2, 12 + module.config.num_query_tokens, dtype=torch.long),
    }


def test_the_last_pattern_that_fits_decides() -> None:
    assert is_frozen("language_model.lm_head.weight", FROZEN)
    assert not is_frozen("language_model.model.layers.0.input_layernorm.weight", FROZEN)
    assert is_frozen("qformer.layernorm.weight", FROZEN)
    assert not is_frozen("language_projection.weight", FROZEN)
    assert not is_frozen("anything", [])


def test_what_trains_is_float32_and_the_rest_bfloat16(toy: Path) -> None:
    module = _built(toy)
    trained = {name for name, value in module.named_parameters() if value.requires_grad}
    layer = "language_model.model.layers.0."
    lora = {
        f"{layer}self_attn.{part}.lora_{side}.default.weight"
        for part in ("q_proj", "v_proj")
        for side in "AB"
    }
    norms = {f"{layer}input_layernorm", "language_model.model.final_layernorm", "language_projection"}
    assert trained == lora | {f"{name}.{kind}" for name in norms for kind in ("weight", "bias")}
    for name, value in module.named_parameters():
        assert value.dtype == (torch.float32 if name in trained else torch.bfloat16), name
    logits = module(**_inputs(module), use_cache=False).logits
    logits.float().square().mean().backward()
    for name, value in module.named_parameters():
        assert (value.grad is not None) == (name in trained), name
    assert all(value.grad.dtype == torch.float32 for value in module.parameters() if value.requires_grad)


def test_mixed_types_compute_what_float32_does(toy: Path) -> None:
    """A bfloat16 stream gives the logits of float32 to the precision of bfloat16."""
    module = _built(toy).eval()
    with torch.no_grad():
        mixed = module(**_inputs(module), use_cache=False).logits.float()
        exact = module.float()(**_inputs(module), use_cache=False).logits
    assert (mixed - exact).abs().max() < 0.05 * exact.abs().max()
    assert torch.nn.functional.cosine_similarity(mixed.flatten(), exact.flatten(), dim=0) > 0.999


def test_the_export_has_lora_added_and_says_the_same(toy: Path, tmp_path: Path) -> None:
    from transformers import Blip2ForConditionalGeneration

    config = _adapted(toy_config("gpt"))
    module = _built(toy).eval()
    with torch.no_grad():
        for name, value in module.named_parameters():
            if ".lora_B" in name:
                value.normal_(std=0.3, generator=torch.Generator().manual_seed(1))
    save_model(module, "gpt", config, toy / "results/toy/tokenizer", tmp_path)
    theirs = Blip2ForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32).eval()
    plain = build_model("gpt", toy_config("gpt"), toy / "results/toy/tokenizer", 0)
    assert theirs.state_dict().keys() == plain.state_dict().keys()
    written = load_file(tmp_path / "model.safetensors")
    assert written["qformer.layernorm.weight"].dtype == torch.bfloat16
    assert written["language_model.model.layers.0.self_attn.q_proj.weight"].dtype == torch.float32
    assert load(tmp_path).kind == "gpt"
    with torch.no_grad():
        exact = module.float()(**_inputs(module), use_cache=False).logits
        found = theirs(**_inputs(module), use_cache=False).logits
        for name, value in module.named_parameters():
            if ".lora_B" in name:
                value.zero_()
        without = module(**_inputs(module), use_cache=False).logits
    torch.testing.assert_close(found, exact, atol=1e-5, rtol=1e-5)
    assert (without - exact).abs().max() > 0.01


def test_both_stages_train_and_leave_frozen_parts_as_they_were(world: Path) -> None:
    config = _adapted(toy_config("gpt", learning_rate=5e-3))
    start = build_model("gpt", config, world / "results/toy/tokenizer", 0).state_dict()
    train(config, "gpt", ["optical", "two-stage"], [0])
    first, second = (run_folder(config, "gpt", recipe, 0) for recipe in ("optical", "two-stage"))
    one, two = read_weights(first), read_weights(second)
    kept = [
        name
        for name in one
        if is_frozen(name, FROZEN) and "q_proj" not in name and "v_proj.weight" not in name
    ]
    assert len(kept) > 30
    for name in kept:
        assert torch.equal(
            one[name], start[name if name in start else name.replace("v_proj.", "v_proj.base_layer.")]
        )
        assert torch.equal(two[name], one[name])
    query = "language_model.model.layers.0.self_attn.q_proj.weight"
    base = start[query.replace("q_proj.", "q_proj.base_layer.")].float()
    assert not torch.equal(one[query], base)
    assert not torch.equal(two[query], one[query])
    # what the second stage starts from is LoRA as the first left it, beside the same frozen matrix
    again = build_model("gpt", config, world / "results/toy/tokenizer", 0)
    go_on_from(again, first)
    beside = load_file(first / LORA)
    assert beside
    for name, value in again.state_dict().items():
        if ".lora_" in name:
            assert torch.equal(value, beside[name])
        elif ".base_layer." in name:
            assert torch.equal(value, start[name])
        else:
            assert torch.equal(value, one[name])


def test_a_stopped_run_ends_with_the_same_bytes(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state holds no frozen part, and going on from it makes what an unbroken run makes."""
    from sartext.training.engine import Trainer

    lora = {**LORA_KEYS, "dropout": 0.1}
    config = _adapted(toy_config("gpt", stage2_samples=96, checkpoint_interval=3), lora=lora)
    train(config, "gpt", ["sar"], [0])
    folder = run_folder(config, "gpt", "sar", 0)
    whole = {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
    save = Trainer.save

    def stop(*given: Any) -> None:
        save(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        train(config, "gpt", ["sar"], [0])
    monkeypatch.undo()
    monkeypatch.chdir(world)
    state = folder / "state" / "step-3" / "mp_rank_00_model_states.pt"
    held = torch.load(state, weights_only=True)["module"]
    assert any(".lora_A" in name for name in held)
    assert not any("vision_model" in name or "base_layer" in name for name in held)
    train(config, "gpt", ["sar"], [0], resume=True)
    assert {path.name: path.read_bytes() for path in folder.glob("*.safetensors")} == whole


def test_a_changed_first_stage_is_told(world: Path) -> None:
    config = _adapted(toy_config("gpt"))
    train(config, "gpt", ["optical"], [0])
    folder = run_folder(config, "gpt", "optical", 0)
    beside = load_file(folder / LORA)
    save_file({name: value + 1e-3 for name, value in beside.items()}, folder / LORA)
    with pytest.raises(
        UserError, match=r"run\.json says it ended with: they were changed; train optical again"
    ):
        train(config, "gpt", ["two-stage"], [0])
    (folder / LORA).unlink()
    with pytest.raises(UserError, match=r"lora\.safetensors: no such file"):
        train(config, "gpt", ["two-stage"], [0])


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"frozen": ["vison_model.*"]}, r"models\.gpt\.frozen: 'vison_model\.\*' names no parameter"),
        ({"frozen": ["*"], "lora": None}, "nothing is left to train"),
        ({"lora": {**LORA_KEYS, "targets": ["Wqkv"]}}, r"models\.gpt\.lora\.targets: .*Wqkv"),
    ],
)
def test_mistakes_are_told_in_one_line(toy: Path, keys: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        _built(toy, **keys)
    assert "\n" not in str(caught.value)
