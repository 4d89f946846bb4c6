"""Exports load in open_clip and transformers as they are and say the same as ours; features are stable."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models_toy import ARCHITECTURES, SIZE, square, toy_config, toy_texts
from PIL import Image

from sartext.core.errors import UserError
from sartext.core.files import list_files
from sartext.models import Tokenizer, load, train_tokenizer
from sartext.models.build import build_model, read_weights, save_model
from sartext.models.loading import load_kind
from sartext.models.prompts import Prompter
from sartext.models.tokenizer import take_tokenizer

TEXTS = ["There is a red square in the top left.", "white", "A square that is blue lies at the bottom right."]
MODELS = ("clip", "coca", "gpt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vocabulary, and one export of each model."""
    out = tmp_path_factory.mktemp("build")
    train_tokenizer(toy_texts(), 360, out / "bpe")
    for name in MODELS:
        (out / name).mkdir()
        save_model(_built(out, name, 0), name, toy_config(name), out / "bpe", out / name)
    return out


def _built(folder: Path, name: str, seed: int) -> Any:
    return build_model(name, toy_config(name), folder / "bpe", seed)


def _images(count: int) -> np.ndarray:
    return np.stack([square("opt", number)[0] for number in range(count)])


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_is_a_set_of_weights(folder: Path, name: str, tmp_path: Path) -> None:
    save_model(_built(folder, name, 0), name, toy_config(name), folder / "bpe", tmp_path)
    assert list_files(tmp_path) == list_files(folder / name)
    for path in list_files(tmp_path):
        assert (tmp_path / path).read_bytes() == (folder / name / path).read_bytes()
    other = _built(folder, name, 1).state_dict()
    weights = read_weights(folder / name)
    assert weights.keys() == other.keys()
    assert any(not torch.equal(value, other[key]) for key, value in weights.items())
    assert all(bool(torch.isfinite(value).all()) for value in other.values())


def test_queries_of_gpt_differ(folder: Path) -> None:
    queries = read_weights(folder / "gpt")["query_tokens"]
    assert queries.std().item() == pytest.approx(0.02, rel=0.3)


@pytest.mark.parametrize("name", ["clip", "coca"])
def test_open_clip_gives_the_same_features(folder: Path, name: str) -> None:
    import open_clip

    path = f"local-dir:{folder / name}"
    module, _, transform = open_clip.create_model_and_transforms(path)
    module.eval()
    tokenizer = open_clip.get_tokenizer(path)
    images = _images(3)
    with torch.no_grad():
        pixels = torch.stack([transform(Image.fromarray(image)) for image in images])
        theirs = module.encode_image(pixels, normalize=True).numpy()
        their_texts = module.encode_text(tokenizer(TEXTS), normalize=True).numpy()
    ours: Any = load(folder / name)
    assert ours.kind == name
    assert ours.image_size == SIZE
    np.testing.assert_allclose(ours.encode_images(images, 2), theirs, atol=1e-5)
    np.testing.assert_allclose(ours.encode_texts(TEXTS, 2), their_texts, atol=1e-5)


def test_transformers_reads_gpt_and_its_prompts(folder: Path) -> None:
    from transformers import AutoTokenizer, Blip2ForConditionalGeneration, Blip2Processor

    module = Blip2ForConditionalGeneration.from_pretrained(folder / "gpt").eval()
    processor = Blip2Processor.from_pretrained(folder / "gpt")
    images = _images(2)
    questions = ["Where is the square?", "What is the color of the square, once more?"]
    inputs = processor(
        images=[Image.fromarray(image) for image in images],
        text=[f"question: {question} answer:" for question in questions],
        return_tensors="pt",
        padding=True,
    )
    tokenizer = AutoTokenizer.from_pretrained(folder / "gpt")
    out = module.generate(
        pixel_values=inputs["pixel_values"],
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        max_new_tokens=6,
        do_sample=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    told = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    ours: Any = load(folder / "gpt")
    assert ours.kind == "gpt"
    assert ours.answer(images, questions, 6, 2) == [text.strip().lower() for text in told]


def _last_logits(model: Any, image: np.ndarray, ids: np.ndarray, mask: np.ndarray) -> torch.Tensor:
    with torch.no_grad():
        out = model.module(
            pixel_values=model.preprocess(image[None], "cpu"),
            input_ids=torch.from_numpy(ids),
            attention_mask=torch.from_numpy(mask),
        )
    return out.logits[0, -1]


def test_gpt_sees_the_image(folder: Path) -> None:
    """Another image changes what follows a prompt; without the image's tokens it would be ignored."""
    model: Any = load(folder / "gpt")
    first, second = _images(2)
    blind = Prompter(model.tokenizer, 0, model.context_length).prompts(["where?"], 20)
    assert torch.equal(_last_logits(model, first, *blind), _last_logits(model, second, *blind))
    seeing = Prompter(model.tokenizer, model.queries, model.context_length).prompts(["where?"], 20)
    assert not torch.equal(_last_logits(model, first, *seeing), _last_logits(model, second, *seeing))


@pytest.mark.parametrize("name", ["clip", "coca"])
def test_features_depend_on_neither_batch_size_nor_neighbours(folder: Path, name: str) -> None:
    model: Any = load(folder / name)
    images = _images(40)
    texts = [TEXTS[number % 3] + " again" * (number % 5) for number in range(40)]
    whole, said = model.encode_images(images, 32), model.encode_texts(texts, 32)
    assert whole.dtype == said.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    order = np.random.default_rng(0).permutation(40)
    assert model.encode_images(images[order], 7).tobytes() == whole[order].tobytes()
    assert model.encode_texts([texts[number] for number in order], 1).tobytes() == said[order].tobytes()
    assert model.encode_images(images[39:], 1).tobytes() == whole[39:].tobytes()
    assert model.encode_images(images[:0], 4).shape == (0, whole.shape[1])


def test_grey_is_three_equal_channels(folder: Path) -> None:
    model: Any = load(folder / "clip")
    grey = _images(3).mean(axis=3, keepdims=True).astype(np.uint8)
    same = model.encode_images(np.repeat(grey, 3, axis=3), 4)
    assert model.encode_images(grey, 4).tobytes() == same.tobytes()
    with pytest.raises(ValueError, match="32 pixels"):
        model.encode_images(grey[:, :16, :16], 4)
    with pytest.raises(ValueError, match="uint8"):
        model.encode_images(grey.astype(np.float32), 4)


def test_captions_and_answers_do_not_depend_on_the_batch(folder: Path) -> None:
    coca: Any = load(folder / "coca")
    gpt: Any = load(folder / "gpt")
    images = _images(34)
    captions = coca.caption(images, 2, 10, 8)
    assert len(captions) == 34
    assert coca.caption(images[33:], 2, 10, 1) == captions[33:]
    questions = ["Where is the square?" + " please" * (number % 4) for number in range(34)]
    answers = gpt.answer(images, questions, 5, 8)
    assert gpt.answer(images[33:], questions[33:], 5, 1) == answers[33:]
    with pytest.raises(ValueError, match="34 images but 1 questions"):
        gpt.answer(images, ["?"], 5, 8)


def test_an_unknown_key_of_an_architecture(folder: Path) -> None:
    wrong = {**ARCHITECTURES["clip"], "vision_cfg": {"layer": 1}}
    with pytest.raises(UserError, match=r"models\.clip\.architecture: .*layer"):
        build_model("clip", toy_config("clip", architecture=wrong), folder / "bpe", 0)


@pytest.fixture(scope="module")
def with_clips(folder: Path) -> Path:
    """An export of each open_clip model with the tokenizer of OpenAI's CLIP."""
    take_tokenizer("clip", folder / "clip-bpe")
    for name in ("clip", "coca"):
        model = build_model(name, toy_config(name), folder / "clip-bpe", 0)
        (folder / f"{name}-openai").mkdir()
        save_model(model, name, toy_config(name), folder / "clip-bpe", folder / f"{name}-openai")
    return folder


@pytest.mark.parametrize("name", ["clip", "coca"])
def test_open_clip_takes_its_own_tokenizer_where_a_model_has_it(with_clips: Path, name: str) -> None:
    import open_clip

    path = f"local-dir:{with_clips / f'{name}-openai'}"
    module = open_clip.create_model_and_transforms(path)[0].eval()
    tokenizer = open_clip.get_tokenizer(path)
    assert type(tokenizer).__name__ == "SimpleTokenizer"
    with torch.no_grad():
        theirs = module.encode_text(tokenizer(TEXTS), normalize=True).numpy()
    ours: Any = load(with_clips / f"{name}-openai")
    np.testing.assert_allclose(ours.encode_texts(TEXTS, 2), theirs, atol=1e-5)
    ids = Tokenizer.load(with_clips / "clip-bpe").encode(TEXTS, 32)
    np.testing.assert_array_equal(ours.codec.encode(TEXTS, 32), ids)


def test_a_tokenizer_that_does_not_fit(with_clips: Path, tmp_path: Path) -> None:
    small = {**ARCHITECTURES["clip"], "text_cfg": {**ARCHITECTURES["clip"]["text_cfg"], "vocab_size": 360}}
    with pytest.raises(UserError, match=r"models\.clip: the tokenizer has 49408 entries .* vocab_size 360"):
        build_model("clip", toy_config("clip", architecture=small), with_clips / "clip-bpe", 0)
    with pytest.raises(UserError, match=r"models\.gpt\.tokenizer: has no token for an image"):
        build_model("gpt", toy_config("gpt"), with_clips / "clip-bpe", 0)
    train_tokenizer(toy_texts(), 300, tmp_path / "smaller")
    more = [f"pier {number} and pier {number}" for number in range(100, 900)]
    train_tokenizer([*toy_texts(), *more], 500, tmp_path / "larger")
    for name in MODELS:
        copy = tmp_path / name
        shutil.copytree(with_clips / name, copy)
        for size, told in (
            ("smaller", "end has id 299, its configuration says"),
            ("larger", "its tokenizer has 500 entries, its weights 3"),
        ):
            shutil.copy(tmp_path / size / "tokenizer.json", copy / "tokenizer.json")
            with pytest.raises(UserError, match=told) as caught:
                load(copy)
            assert "\n" not in str(caught.value)


def _damage(folder: Path, how: str) -> None:
    """Make a checkpoint one that cannot be loaded."""
    config = folder / "open_clip_config.json"
    weights = folder / "open_clip_model.safetensors"
    if how == "no config":
        config.unlink()
    elif how == "not JSON":
        config.write_text("{")
    elif how == "another architecture":
        told = json.loads(config.read_text())
        told["model_cfg"]["embed_dim"] = 64
        config.write_text(json.dumps(told))
    elif how == "no weights":
        weights.unlink()
    elif how == "a pickle":
        torch.save({"a": torch.zeros(1)}, folder / "open_clip_pytorch_model.bin")
        weights.unlink()
    elif how == "cut weights":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "another library":
        config.unlink()
        (folder / "config.json").write_text('{"model_type": "bert"}')


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("no config", "not a checkpoint"),
        ("not JSON", "not valid JSON"),
        ("another architecture", "cannot load it"),
        ("no weights", "no \\*.safetensors"),
        ("a pickle", "no \\*.safetensors"),
        ("cut weights", "cannot load it"),
        ("another library", "type 'bert'"),
    ],
)
def test_a_folder_that_is_no_checkpoint(folder: Path, tmp_path: Path, how: str, told: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder / "clip", copy)
    _damage(copy, how)
    with pytest.raises(UserError, match=told) as caught:
        load(copy)
    assert "\n" not in str(caught.value)
    assert str(copy) in str(caught.value)


def test_unknown_names(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        load(tmp_path / "none")
    with pytest.raises(UserError, match="open_clip:NAME/PRETRAINED"):
        load("open_clip:ViT-B-32")
    with pytest.raises(UserError, match="cannot load it"):
        load("open_clip:ViT-Z-99/openai")
    with pytest.raises(UserError, match="a clip model; expected a checkpoint of gpt"):
        load_kind(folder / "clip", ("gpt",))
    with pytest.raises(UserError, match="no GPU"):
        load(folder / "clip", "cuda")


def test_damaged_gpt(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder / "gpt", copy)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(UserError, match="transformers cannot load it"):
        load(copy)
    shutil.copy(folder / "gpt" / "model.safetensors", weights)
    (copy / "preprocessor_config.json").write_text("{}")
    with pytest.raises(UserError, match="image_mean"):
        load(copy)
    assert Tokenizer.load(copy).size == Tokenizer.load(folder / "bpe").size
