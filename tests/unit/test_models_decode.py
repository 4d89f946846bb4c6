"""Our CoCa decoder against open_clip's own `generate`, token by token, and against searching everything."""

import functools
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers.generation
from models_toy import ARCHITECTURES, SIZE, square, toy_config, toy_texts
from open_clip import coca_model
from open_clip.coca_model import CoCa
from PIL import Image
from transformers import TopKLogitsWarper, TopPLogitsWarper

from sartext.cli import main
from sartext.core.errors import UserError
from sartext.core.seeds import generator
from sartext.models.build import build_model, save_model
from sartext.models.coca import Coca
from sartext.models.decode import Sampling, Search, Specials, decode
from sartext.models.decode.single import drawn
from sartext.models.interface import Preprocess
from sartext.models.tokenizer import Tokenizer, train_tokenizer

WORDS = 360
IDS = Specials(pad=0, start=1, end=WORDS - 1)
CONTEXT = 32


pytestmark = pytest.mark.usefixtures("one_thread")


def _bias(model: Any, values: dict[int, float], others: float = 0) -> None:
    """Give tokens a constant logit on top: one channel of the decoder's output is 1 at all times."""
    decoder = model.text_decoder
    with torch.no_grad():
        decoder.ln_final.weight[0], decoder.ln_final.bias[0] = 0, 1
        decoder.text_projection[0] = others
        for token, value in values.items():
            decoder.text_projection[0, token] = value


def _coca(
    seed: int,
    end: float = 1.5,
    pad: float = -1e4,
    text: dict[str, Any] | None = None,
    vision: dict[str, Any] | None = None,
    multimodal: dict[str, Any] | None = None,
    quick_gelu: bool = False,
) -> Any:
    """A random CoCa that says decided things, ends now and then and, as a trained one, never says padding."""
    torch.manual_seed(seed)
    toy = ARCHITECTURES["coca"]
    words = {"vocab_size": WORDS, "context_length": CONTEXT}
    model: Any = CoCa(
        toy["embed_dim"],
        {**toy["multimodal_cfg"], **words, **(multimodal or {})},
        {**toy["text_cfg"], **words, "pad_id": IDS.pad, **(text or {})},
        {**toy["vision_cfg"], "image_size": SIZE, **(vision or {})},
        quick_gelu=quick_gelu,
        pad_id=IDS.pad,
    )
    with torch.no_grad():
        model.text_decoder.text_projection.normal_(std=model.text_decoder.width**-0.5)
        for name, value in model.named_parameters():
            if value.ndim > 1 and "embedding" not in name:
                value.mul_(1.5)
            elif value.ndim == 1 and "ln" in name:
                # norms of a new model do nothing
                value.add_(0.2 * torch.randn_like(value))
        if not (text or {}).get("hf_model_name"):
            model.text.positional_embedding.mul_(40)
            model.text.token_embedding.weight.mul_(20)
    _bias(model, {IDS.pad: pad, IDS.end: end})
    return model.eval()


def _pixels(seed: int, count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


GREEDY = {"generation_type": "top_k", "top_k": 1}


def _beams(count: int, groups: int = 1) -> dict[str, Any]:
    return {"generation_type": "beam_search", "num_beams": count, "num_beam_groups": groups}


def _how(beams: int) -> dict[str, Any]:
    return GREEDY if beams == 1 else _beams(beams)


def _theirs(model: Any, pixels: torch.Tensor, longest: int, **how: Any) -> list[list[int]]:
    rows = model.generate(
        pixels, seq_len=longest, pad_token_id=IDS.pad, sot_token_id=IDS.start, eos_token_id=IDS.end, **how
    )
    told: list[list[int]] = rows.tolist()
    return told


def _ours(model: Any, pixels: torch.Tensor, search: Search) -> list[list[int]]:
    """Our captions, padded as open_clip pads them."""
    rows = decode(model, pixels, search, IDS)
    longest = max(map(len, rows))
    return [row + [IDS.pad] * (longest - len(row)) for row in rows]


def _same(model: Any, pixels: torch.Tensor, search: Search, **how: Any) -> list[list[int]]:
    """Check that all tokens are equal, padding after the end included, and return them."""
    theirs = _theirs(model, pixels, search.max_tokens, min_seq_len=search.min_tokens, **how)
    ours = _ours(model, pixels, search)
    # open_clip goes on padding to the end of the longest; a caption that ended by padding has one more
    longest = max(map(len, ours))
    assert all(set(row[longest:]) <= {IDS.pad} for row in theirs)
    assert ours == [row[:longest] for row in theirs]
    return ours


def _length(row: list[int]) -> int:
    return row.index(IDS.end) + 1 if IDS.end in row else len(row)


@pytest.mark.parametrize("beams", [1, 2, 5])
def test_same_tokens_as_open_clip(beams: int) -> None:
    lengths = set()
    for seed, (longest, end) in enumerate([(8, 1.5), (20, 1.5), (20, 3), (20, 4), (24, 4)]):
        model, pixels = _coca(seed, end), _pixels(seed)
        lengths |= {_length(row) for row in _same(model, pixels, Search(beams, longest), **_how(beams))}
    # the comparison is worth something: captions that end by themselves, and ones cut at the longest
    assert len(lengths) > 2


def test_open_clips_default_groups_are_a_third_of_the_beams() -> None:
    rows = [row for seed in range(3) for row in _same(_coca(seed, 3), _pixels(seed), Search(2, 20))]
    assert len(set(map(_length, rows))) > 1


@pytest.mark.parametrize("penalty", [0.0, 0.5, 2.0, -1.0])
def test_length_penalty(monkeypatch: pytest.MonkeyPatch, penalty: float) -> None:
    scorer = functools.partial(transformers.generation.BeamSearchScorer, length_penalty=penalty)
    monkeypatch.setattr(coca_model, "BeamSearchScorer", scorer)
    search = Search(3, 18, length_penalty=penalty)
    rows = [row for seed in range(3) for row in _same(_coca(seed, 4), _pixels(seed), search, **_beams(3))]
    assert len(set(map(tuple, rows))) > 3


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("fewest", [1, 3, 9])
def test_fewest_tokens(beams: int, fewest: int) -> None:
    model, pixels = _coca(0, 6), _pixels(0)
    rows = _same(model, pixels, Search(beams, 14, fewest), **_how(beams))
    assert min(map(_length, rows)) > fewest


@pytest.mark.parametrize("beams", [1, 4])
def test_padding_is_said_as_open_clip_says_it(beams: int) -> None:
    """CLIP's own vocabulary has no padding: 0 is an exclamation mark, which a beam can say and go on."""
    said = 0
    for seed, pad in itertools.product(range(3), (1.5, 3.0)):
        rows = _same(_coca(seed, 2, pad), _pixels(seed), Search(beams, 16), **_how(beams))
        said += sum(IDS.pad in row for row in rows)
    assert said > 3


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The configuration of a small text tower of transformers."""
    folder = tmp_path_factory.mktemp("bert")
    told = {
        "model_type": "roberta",
        "vocab_size": WORDS,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": CONTEXT + 2,
        "pad_token_id": IDS.pad,
        "bos_token_id": IDS.start,
        "eos_token_id": IDS.end,
    }
    (folder / "config.json").write_text(json.dumps(told))
    return str(folder)


VARIANTS: dict[str, dict[str, Any]] = {
    "no pooler": {"vision": {"attentional_pool": False}},
    "parallel pooler": {"vision": {"attentional_pool": "parallel"}},
    "cascaded pooler": {"vision": {"attentional_pool": "cascade"}},
    "quick GELU": {"quick_gelu": True},
    "layer scale": {"text": {"ls_init_value": 0.3}, "multimodal": {"ls_init_value": 0.2}},
    "other heads": {"text": {"heads": 4, "mlp_ratio": 2.0}, "multimodal": {"heads": 1}},
    "norms in the block": {
        "text": {"qk_norm": True, "scale_heads": True, "scale_attn_inner": True, "scale_attn": True}
    },
    "norm in the perceptron": {"text": {"scale_fc": True}},
    "no causal mask": {"text": {"no_causal_mask": True}},
    "text tower of transformers": {"text": {"hf_pooler_type": "mean_pooler", "hf_proj_type": "linear"}},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants(name: str, bert: str) -> None:
    given = VARIANTS[name]
    if "transformers" in name:
        hub = {"hf_model_name": bert, "hf_model_pretrained": False}
        given = {"text": {**given["text"], **hub}}
    model = _coca(1, 2.5, **given)
    for beams in (1, 3):
        rows = _same(model, _pixels(1), Search(beams, 14), **_how(beams))
        assert len(set(map(tuple, rows))) > 1


NO_CLASS = {"embed_cls": False, "pool_type": "eos", "eos_id": IDS.end}


def _whole(model: Any, pixels: torch.Tensor, tokens: list[int]) -> torch.Tensor:
    """Logits (L, V) after each token of one image's text, by one pass of the whole network."""
    # without a class embedding open_clip takes no text shorter than the context
    padding = [] if model.text.cls_emb is not None else [IDS.pad] * (CONTEXT - len(tokens))
    with torch.no_grad():
        logits = model(pixels, torch.tensor([tokens + padding]), output_labels=False)["logits"][0]
    said: torch.Tensor = logits[: len(tokens)]
    return said


def test_no_class_embedding() -> None:
    """`generate` fails on such a model; one pass over the whole caption says the same words."""
    model, pixels = _coca(2, 3, text=NO_CLASS), _pixels(2)
    with pytest.raises(RuntimeError):
        _theirs(model, pixels, 12, **GREEDY)
    for image, row in zip(pixels, decode(model, pixels, Search(1, 16, 1), IDS), strict=True):
        assert len(row) > 3
        # the last token may be the end for want of room
        assert _whole(model, image[None], row)[: len(row) - 2].argmax(dim=1).tolist() == row[1:-1]


@pytest.mark.parametrize("text", [{}, NO_CLASS])
def test_enough_beams_find_the_best_of_all_captions(text: dict[str, Any]) -> None:
    """With as many beams as there are captions nothing is dropped: the best mean logit of all is found."""
    model, pixels = _coca(3, text=text), _pixels(3, 1)
    # only three tokens and the end can be said
    spoken = [5, 6, 7, IDS.end]
    _bias(model, dict.fromkeys(spoken, 0.0), others=-1e4)
    search = Search(beams=27, max_tokens=4, min_tokens=2)
    best, best_score = [], -float("inf")
    for length in range(1, 4):
        for words in itertools.product(spoken[:3], repeat=length):
            ended = length < 3
            tokens = [IDS.start, *words, *([IDS.end] if ended else [])]
            logits = _whole(model, pixels, tokens)
            total = sum(float(logits[place, token]) for place, token in enumerate(tokens[1:]))
            if total / len(tokens) > best_score:
                best, best_score = tokens, total / len(tokens)
    assert decode(model, pixels, search, IDS) == [best]


@pytest.mark.parametrize("sampling", [None, Sampling(top_k=20, temperature=3.0)])
def test_an_image_gets_its_caption_in_any_batch(sampling: Sampling | None) -> None:
    model, pixels = _coca(2), _pixels(2)
    search = Search(1 if sampling else 3, 16, sampling=sampling)

    def told(numbers: list[int]) -> list[list[int]]:
        streams = [generator("test", number) for number in numbers] if sampling else []
        return decode(model, pixels[numbers], search, IDS, streams)

    together = told([0, 1, 2, 3])
    assert told([3, 1, 0, 2]) == [together[number] for number in (3, 1, 0, 2)]
    assert [told([number])[0] for number in range(4)] == together


WARPERS: list[tuple[Sampling, list[Any]]] = [
    (Sampling(), []),
    (Sampling(temperature=2.5), []),
    (Sampling(top_k=4, temperature=0.5), [TopKLogitsWarper(4)]),
    (Sampling(top_p=0.6), [TopPLogitsWarper(0.6)]),
    (Sampling(top_p=1e-6, temperature=5.0), [TopPLogitsWarper(1e-6)]),
    (Sampling(top_k=6, top_p=0.7, temperature=1.5), [TopKLogitsWarper(6), TopPLogitsWarper(0.7)]),
]


@pytest.mark.parametrize(("sampling", "warpers"), WARPERS)
def test_words_are_drawn_as_often_as_transformers_says(sampling: Sampling, warpers: list[Any]) -> None:
    logits = 2 * torch.randn(1, 12, generator=torch.Generator().manual_seed(0))
    warped = logits.clone()
    for warper in warpers:
        warped = warper(None, warped)
    expected = (warped / sampling.temperature).softmax(dim=1)[0]
    grid = 4000
    uniforms = (torch.arange(grid, dtype=torch.float64)[:, None] + 0.5) / grid
    tokens = drawn(sampling, uniforms)(logits.expand(grid, -1), 0)
    share = torch.bincount(tokens, minlength=12) / grid
    assert float((share - expected).abs().max()) < 2 / grid
    assert set(tokens.tolist()) <= set(expected.nonzero()[:, 0].tolist())


def test_of_one_word_there_is_no_choice() -> None:
    model, pixels = _coca(1, 3), _pixels(1)
    greedy = decode(model, pixels, Search(1, 16), IDS)
    for sampling in (Sampling(top_k=1), Sampling(top_p=1e-9, temperature=9.0)):
        streams = [generator("test", number) for number in range(4)]
        assert decode(model, pixels, Search(1, 16, sampling=sampling), IDS, streams) == greedy


def test_faults(bert: str) -> None:
    model, pixels = _coca(0), _pixels(0)
    with pytest.raises(ValueError, match="at most the model's context, 32"):
        decode(model, pixels, Search(1, 33), IDS)
    with pytest.raises(ValueError, match="0 streams; expected one for each of 4"):
        decode(model, pixels, Search(1, 12, sampling=Sampling()), IDS)
    for wrong, told in (
        (lambda: Search(0, 12), "beams 0"),
        (lambda: Search(2, 12, sampling=Sampling()), "beams 2; expected 1"),
        (lambda: Search(1, 5), "more than min_tokens 5"),
        (lambda: Sampling(top_k=0), "top_k 0"),
        (lambda: Sampling(top_p=0.0), "top_p 0.0"),
        (lambda: Sampling(temperature=0.0), "temperature 0.0"),
        (lambda: Sampling(temperature=float("nan")), "temperature nan"),
    ):
        with pytest.raises(ValueError, match=re.escape(told)):
            wrong()
    for part, key in (("vision", "vision_cfg"), ("text", "text_cfg")):
        silent = _coca(0, **dict[str, Any]({part: {"output_tokens": False}}))
        with pytest.raises(UserError, match=f"{key}.output_tokens: true"):
            decode(silent, pixels, Search(1, 12), IDS)
    hub = {"hf_model_name": bert, "hf_model_pretrained": False, "hf_proj_type": "linear"}
    first = _coca(0, text={**hub, "hf_pooler_type": "cls_pooler"})
    with pytest.raises(UserError, match="hf_pooler_type"):
        decode(first, pixels, Search(1, 12), IDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vocabulary and a checkpoint of it."""
    out = tmp_path_factory.mktemp("decode")
    train_tokenizer(toy_texts(), WORDS, out / "bpe")
    (out / "coca").mkdir()
    model = build_model("coca", toy_config("coca"), out / "bpe", 0)
    save_model(model, "coca", toy_config("coca"), out / "bpe", out / "coca")
    return out


def test_what_is_drawn_depends_on_seed_and_image_alone(folder: Path) -> None:
    tokenizer = Tokenizer.load(folder / "bpe")
    model = build_model("coca", toy_config("coca"), folder / "bpe", 0)
    coca = Coca(model, tokenizer, Preprocess(SIZE, (0.5,) * 3, (0.2,) * 3), CONTEXT, "cpu")
    images = np.stack([square("opt", number)[0] for number in range(36)])
    how: dict[str, Any] = {"sampling": Sampling(top_k=50, temperature=2.0)}
    told = coca.caption(images, 1, 12, 32, **how)
    assert len(set(told)) > 30
    order = np.random.default_rng(0).permutation(36)
    assert coca.caption(images[order], 1, 12, 5, **how) == [told[number] for number in order]
    assert coca.caption(images[35:], 1, 12, 1, **how) == told[35:]
    assert coca.caption(images, 1, 12, 32, seed=1, **how) != told


def test_command_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(square("opt", 0)[0]).save("a.png")
    asked = ["caption", str(folder / "coca"), "a.png", "--max-tokens", "8"]

    def told(*more: str) -> str:
        main([*asked, *more])
        return capsys.readouterr().out

    drawn_once = told("--top-k", "40", "--temperature", "3")
    assert told("--top-k", "40", "--temperature", "3") == drawn_once
    assert told("--top-k", "40", "--temperature", "3", "--seed", "5") != drawn_once
    assert told("--top-p", "1e-9") == told("--beams", "1")
    assert told("--length-penalty", "2").startswith("a.png\t")
    for more in (("--top-p", "0.5", "--beams", "2"), ("--temperature", "2", "--length-penalty", "1")):
        with pytest.raises(SystemExit) as ended:
            main([*asked, *more])
        assert ended.value.code == 2
        assert "draw words" in capsys.readouterr().err


def test_the_benchmark_compares_the_same_libraries() -> None:
    """envs/benchmarks.lock differs from ours in transformers and what that wants, not in what is timed."""
    envs = Path(__file__).parents[2] / "envs"

    def pinned(name: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for package, version in re.findall(r"^([\w-]+)==(\S+)", (envs / name).read_text(), re.MULTILINE):
            found.setdefault(package, []).append(version)
        return found

    ours, theirs = pinned("requirements.lock"), pinned("benchmarks.lock")
    for package in ("torch", "torchvision", "open-clip-torch", "timm", "numpy"):
        assert theirs[package] == ours[package]
    assert theirs["transformers"][0].startswith("4.52.")
