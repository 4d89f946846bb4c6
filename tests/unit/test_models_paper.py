"""The paper's sizes: architectures that are open_clip's and BLIP-2's own, built without their memory."""

from pathlib import Path
from typing import Any

import pytest
import torch
from models_toy import toy_texts

from sartext.core.config import Config, load_config, parse_config
from sartext.models.build import build_model
from sartext.models.tokenizer import take_tokenizer, train_tokenizer


def _offline(root: Path, name: str) -> Config:
    """``paper.yaml`` with nothing to fetch."""
    raw = load_config(root / "config" / "paper.yaml").model_dump(mode="json")
    raw["models"][name] |= {"base": [], "fresh": []}
    return parse_config(raw, "paper.yaml")


def _built(config: Config, name: str, folder: Path) -> Any:
    if name == "gpt":
        train_tokenizer(toy_texts(), 400, folder)
    else:
        take_tokenizer("clip", folder)
    with torch.device("meta"):
        return build_model(name, config, folder, 0)


def _shapes(module: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "theirs", "millions"), [("clip", "ViT-L-14-quickgelu", 427.6), ("coca", "coca_ViT-L-14", 638.5)]
)
def test_clip_and_coca_are_open_clips(
    root: Path, tmp_path: Path, name: str, theirs: str, millions: float
) -> None:
    import open_clip
    from open_clip.coca_model import CoCa
    from open_clip.model import CLIP, convert_to_custom_text_state_dict

    ours = _built(_offline(root, name), name, tmp_path / "bpe")
    settings = open_clip.get_model_config(theirs)
    custom = settings.pop("custom_text", False)
    with torch.device("meta"):
        module: Any = CoCa(**settings) if custom else CLIP(**settings)
    state = convert_to_custom_text_state_dict(module.state_dict())
    expected = {key: tuple(value.shape) or (1,) for key, value in state.items()}
    assert _shapes(ours) == expected
    count = sum(value.numel() for value in ours.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.1)
    activation = type(ours.visual.transformer.resblocks[0].mlp.gelu).__name__
    assert activation == ("QuickGELU" if name == "clip" else "GELU")


def test_gpt_is_blip2_with_phi_2_trained_as_tinygpt_v(root: Path, tmp_path: Path) -> None:
    config = _offline(root, "gpt")
    module = _built(config, "gpt", tmp_path / "bpe")
    sizes = {name: value.numel() for name, value in module.named_parameters()}
    text = sum(
        size for name, size in sizes.items() if name.startswith("language_model.") and ".lora_" not in name
    )
    # as the pages of microsoft/phi-2 and of BLIP-2's image tower have them
    assert text == 2_779_683_840
    assert sum(
        size for name, size in sizes.items() if name.startswith("vision_model.")
    ) / 1e6 == pytest.approx(985.95, abs=0.1)
    trained = {name for name, value in module.named_parameters() if value.requires_grad}
    lora = {name for name in trained if ".lora_" in name}
    norms = 2 * 33
    assert len(lora) == 32 * 4 * 2
    assert sum(sizes[name] for name in lora) == 32 * 4 * 2 * 2560 * 64
    assert len(trained - lora) == norms + 2
    # every name that is not drawn anew is in one of the base's files
    said = load_config(root / "config" / "paper.yaml").model("gpt")
    begins = tuple(begin for weights in said.base for begin in (weights.take or [weights.into]))
    left = {name for name in sizes if not name.startswith(begins)}
    assert left == {"language_projection.weight", "language_projection.bias"}
    assert said.fresh == ["language_projection.*"]
