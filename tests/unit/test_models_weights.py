"""Weights made elsewhere: the forms that load, and one line for each that must not."""

import json
import pickle
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from models_toy import SIZE, toy_config, toy_texts
from safetensors.torch import save_file

from sartext.core.config import Config, parse_config
from sartext.core.errors import UserError
from sartext.core.files import sha256_file
from sartext.core.preflight import check_weights
from sartext.models import load
from sartext.models.build import build_model, read_weights, released_config
from sartext.models.tokenizer import train_tokenizer
from sartext.report.inputs import Run, runs
from sartext.report.tables.scores import entries
from sartext.training import train
from sartext.training.runs import run_folder

Weights = dict[str, torch.Tensor]


def changed(config: Config, name: str, **keys: Any) -> Config:
    """A profile with keys of one model set."""
    raw = config.model_dump(mode="json")
    raw["models"][name].update(keys)
    return parse_config(raw, "toy")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "bpe"
    train_tokenizer(toy_texts(), 360, folder)
    return folder


@pytest.fixture(scope="module")
def theirs(vocabulary: Path) -> Weights:
    """Weights that the seed of the tests does not give."""
    return build_model("clip", toy_config("clip"), vocabulary, 7).state_dict()


def _built(vocabulary: Path, path: Path, **keys: Any) -> Weights:
    config = changed(toy_config("clip"), "clip", base=[{"path": str(path), **keys}])
    return build_model("clip", config, vocabulary, 0).state_dict()


def _same(first: Weights, second: Weights) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def _released_form(weights: Weights) -> Weights:
    """As open_clip's training writes a CLIP: text at the top, a scalar scale, ``module.`` before all."""
    plain = {key.removeprefix("text."): value for key, value in weights.items()}
    plain["logit_scale"] = plain["logit_scale"].reshape(())
    return OrderedDict((f"module.{key}", value) for key, value in plain.items())


def test_safetensors_and_torch_files_give_their_weights(
    vocabulary: Path, theirs: Weights, tmp_path: Path
) -> None:
    save_file(theirs, tmp_path / "own.safetensors")
    torch.save({"epoch": 3, "state_dict": _released_form(theirs)}, tmp_path / "released.pt")
    torch.save(theirs, tmp_path / "alone.bin")
    for name in ("own.safetensors", "released.pt", "alone.bin"):
        digest = sha256_file(tmp_path / name)
        assert _same(_built(vocabulary, tmp_path / name, digest=digest), theirs), name
    assert not _same(build_model("clip", toy_config("clip"), vocabulary, 0).state_dict(), theirs)


def test_positions_are_resized_as_open_clip_does(vocabulary: Path, theirs: Weights, tmp_path: Path) -> None:
    """Weights of another image size: 25 patches of 8 pixels in place of 16."""
    from open_clip.model import resize_pos_embed

    larger = dict(theirs)
    larger["visual.positional_embedding"] = torch.randn(26, 32, generator=torch.Generator().manual_seed(0))
    save_file(larger, tmp_path / "larger.safetensors")
    model = build_model("clip", toy_config("clip"), vocabulary, 0)
    expected = dict(larger)
    resize_pos_embed(expected, model)
    found = _built(vocabulary, tmp_path / "larger.safetensors")["visual.positional_embedding"]
    assert found.shape == (1 + (SIZE // 8) ** 2, 32)
    assert torch.equal(found, expected["visual.positional_embedding"])


def test_a_model_of_several_files(vocabulary: Path, tmp_path: Path) -> None:
    """GPT as it is put together: parts of one file, a text model of its own, and a projection drawn anew."""
    theirs = build_model("gpt", toy_config("gpt"), vocabulary, 7).state_dict()
    ours = build_model("gpt", toy_config("gpt"), vocabulary, 0).state_dict()
    sees = ("vision_model.", "qformer.", "query_tokens")
    save_file(theirs, tmp_path / "blip2.safetensors")
    texts = {key: value for key, value in theirs.items() if key.startswith("language_model.")}
    save_file(
        {key.removeprefix("language_model."): value for key, value in texts.items()},
        tmp_path / "phi.safetensors",
    )
    base = [
        {"path": str(tmp_path / "blip2.safetensors"), "take": list(sees)},
        {"path": str(tmp_path / "phi.safetensors"), "into": "language_model."},
    ]
    config = changed(toy_config("gpt"), "gpt", base=base, fresh=["language_projection.*"])
    built = build_model("gpt", config, vocabulary, 0).state_dict()
    for key, value in built.items():
        assert torch.equal(value, ours[key] if key.startswith("language_projection.") else theirs[key]), key
    with pytest.raises(
        UserError, match=r"2 names missing \(language_projection.bias, language_projection.weight\)"
    ):
        build_model("gpt", changed(config, "gpt", fresh=[]), vocabulary, 0)


class _Bomb:
    """What a pickle can do to whoever opens it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return (Path.touch, (self.target,))


def _make(how: str, folder: Path, theirs: Weights) -> tuple[Path, dict[str, Any]]:
    """A file that must not load, and the keys it is named with."""
    path = folder / "weights.pt"
    keys: dict[str, Any] = {}
    if how == "tampered":
        torch.save(theirs, path)
        keys = {"digest": sha256_file(path)}
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    elif how == "truncated":
        torch.save(theirs, path)
        path.write_bytes(path.read_bytes()[:3000])
    elif how == "truncated safetensors":
        path = folder / "weights.safetensors"
        save_file(theirs, path)
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "bomb":
        path.write_bytes(pickle.dumps({"state_dict": _Bomb(folder / "went-off")}, protocol=2))
    elif how == "bomb in an archive":
        torch.save({"state_dict": _Bomb(folder / "went-off")}, path)
    elif how == "torchscript":
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(path))
    elif how == "no tensors":
        torch.save({"state_dict": {"a": 1}}, path)
    elif how == "another architecture":
        torch.save({"conv.weight": torch.zeros(2), **dict(list(theirs.items())[4:])}, path)
    elif how == "another width":
        torch.save({**theirs, "visual.proj": torch.zeros(64, 32)}, path)
    elif how == "another tokenizer":
        torch.save({**theirs, "text.token_embedding.weight": torch.zeros(99, 32)}, path)
    elif how == "nothing taken":
        torch.save(theirs, path)
        keys = {"take": ["vision."]}
    return path, keys


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("tampered", "its SHA-256 is .*get it again"),
        ("truncated", "cannot be read as tensors alone"),
        ("truncated safetensors", "damaged or not safetensors"),
        ("bomb", "could run code and is not opened"),
        ("bomb in an archive", "could run code and is not opened"),
        ("torchscript", "timm/vit_large_patch14_clip_224.openai"),
        ("no tensors", "'a' is no tensor"),
        ("another architecture", r"4 names missing \(.*\), 1 unknown \(conv.weight\)"),
        ("another width", r"visual.proj is \(64, 32\), the model has \(32, 32\); of another architecture"),
        ("another tokenizer", r"token_embedding.weight is \(99, 32\).*made with another tokenizer"),
        ("nothing taken", "no name begins with vision."),
        ("none", "no such file of weights; to get it: ask them"),
    ],
)
def test_what_does_not_load_is_told_in_one_line(
    vocabulary: Path, theirs: Weights, tmp_path: Path, how: str, told: str
) -> None:
    path, keys = _make(how, tmp_path, theirs)
    with pytest.raises(UserError, match=told) as caught:
        _built(vocabulary, path, obtain="ask them", **keys)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert not (tmp_path / "went-off").exists()


def test_a_missing_hub_is_told(vocabulary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    base = [{"hub": "no/such", "file": "model.safetensors"}]
    with pytest.raises(UserError, match=r"no/such: model.safetensors: the hub does not give it .*set 'path'"):
        build_model("clip", changed(toy_config("clip"), "clip", base=base), vocabulary, 0)


def test_released_weights_are_rows_of_their_own(vocabulary: Path, theirs: Weights, tmp_path: Path) -> None:
    torch.save({"state_dict": _released_form(theirs)}, tmp_path / "theirs.pt")
    rows = {
        "published": {"title": "Theirs", "path": str(tmp_path / "theirs.pt"), "obtain": "ask them"},
        "others": {"title": "Others", "obtain": "ask others"},
    }
    config = changed(toy_config("clip"), "clip", released=rows)
    assert config.rows("clip")[-1] == ("published", [0])
    assert config.row_title("clip", "published") == "Theirs"
    assert config.row_title("clip", "sar") == "clip"
    check_weights(config)
    built = build_model("clip", released_config(config, "clip", "published"), vocabulary, 0)
    assert _same(built.state_dict(), theirs)
    with pytest.raises(UserError, match="no row 'others' with a path; there are: published"):
        released_config(config, "clip", "others")
    rows["others"]["path"] = str(tmp_path / "none.pt")
    with pytest.raises(UserError, match=r"none\.pt: no such file of weights; to get it: ask others"):
        check_weights(changed(config, "clip", released=rows))


def test_released_weights_become_a_checkpoint_and_rows_of_tables(
    vocabulary: Path, theirs: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": _released_form(theirs)}, tmp_path / "theirs.pt")
    shutil.copytree(vocabulary, "results/toy/tokenizer")
    rows = {"published": {"title": "Theirs", "path": "theirs.pt", "obtain": "ask them"}}
    config = changed(toy_config("clip"), "clip", released=rows, tasks=["hrsid_retrieval"])
    train(config, "clip", ["published"], [0])
    folder = run_folder(config, "clip", "published", 0)
    assert _same(read_weights(folder), theirs)
    assert json.loads((folder / "run.json").read_text())["steps"] == 0
    assert load(folder).kind == "clip"
    assert entries(config, "hrsid_retrieval")[-2:] == [
        ("clip", "clip", "two-stage", 1),
        ("clip", "Theirs", "published", 1),
    ]
    assert runs(config)[-1] == Run("clip", "published", 0)
    with pytest.raises(UserError, match="released weights have no seed"):
        train(config, "clip", ["published"], [1])
    with pytest.raises(UserError, match=r"no recipe 'others'; expected one of .*two-stage, published"):
        train(config, "clip", ["others"], [0])


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"released": {"sar": {"title": "a", "obtain": "b"}}}, "'sar' is a recipe"),
        ({"base": [{}]}, "expected either path or hub"),
        ({"base": [{"hub": "a/b"}]}, "hub and file go together"),
        ({"base": [{"path": "a", "digest": "abc"}]}, "digest: String should match pattern"),
        ({"frozen": ["visual.*"]}, "models.clip: frozen and lora are for gpt only"),
    ],
)
def test_mistakes_in_a_profile(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        changed(toy_config("clip"), "clip", **keys)
