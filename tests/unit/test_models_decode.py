"""Our CoCa decoder against open_clip's own `generate`, token by token, and against searching everything."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from models_toy import SIZE, toy_config, toy_texts

from sartext.models.build import build_model
from sartext.models.decode import Search, Specials, decode
from sartext.models.tokenizer import Tokenizer, train_tokenizer


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("decode") / "bpe"
    train_tokenizer(toy_texts(), 360, out)
    return out


def _ids(vocabulary: Path) -> Specials:
    tokenizer = Tokenizer.load(vocabulary)
    return Specials(tokenizer.pad, tokenizer.start, tokenizer.end)


def _bias(model: Any, values: dict[int, float], others: float = 0) -> None:
    """Give tokens a constant logit on top: one channel of the decoder's output is 1 at all times."""
    decoder = model.text_decoder
    with torch.no_grad():
        decoder.ln_final.weight[0], decoder.ln_final.bias[0] = 0, 1
        decoder.text_projection[0] = others
        for token, value in values.items():
            decoder.text_projection[0, token] = value


def _coca(vocabulary: Path, seed: int, end: float = 1.5) -> Any:
    """A random CoCa that says decided things, ends now and then and, as a trained one, never says padding."""
    model: Any = build_model("coca", toy_config("coca"), vocabulary, seed)
    ids = _ids(vocabulary)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim > 1 and "positional" not in name and "token_embedding" not in name:
                value.mul_(1.5)
        model.text.positional_embedding.mul_(40)
        model.text.token_embedding.weight.mul_(20)
    _bias(model, {ids.pad: -1e4, ids.end: end})
    return model.eval()


def _pixels(seed: int, count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def _trimmed(rows: torch.Tensor, end: int) -> list[list[int]]:
    return [row[: row.index(end) + 1] if end in row else row for row in rows.tolist()]


@pytest.mark.parametrize("beams", [1, 2, 5])
def test_same_tokens_as_open_clip(vocabulary: Path, beams: int) -> None:
    ids = _ids(vocabulary)
    lengths = set()
    for seed, (longest, end) in enumerate([(8, 1.5), (20, 1.5), (20, 3), (20, 4), (24, 4)]):
        model, pixels = _coca(vocabulary, seed, end), _pixels(seed)
        how: dict[str, Any] = (
            {"generation_type": "top_k", "top_k": 1}
            if beams == 1
            else {"generation_type": "beam_search", "num_beams": beams, "num_beam_groups": 1}
        )
        theirs = model.generate(
            pixels,
            seq_len=longest,
            pad_token_id=ids.pad,
            sot_token_id=ids.start,
            eos_token_id=ids.end,
            **how,
        )
        ours = decode(model, pixels, Search(beams, longest), ids)
        assert ours == _trimmed(theirs, ids.end)
        lengths |= {len(row) for row in ours}
    # the comparison is worth something: captions that end by themselves, and ones cut at the longest
    assert len(lengths) > 2


def test_open_clips_default_groups_are_a_third_of_the_beams(vocabulary: Path) -> None:
    ids = _ids(vocabulary)
    model, pixels = _coca(vocabulary, 1), _pixels(1)
    theirs = model.generate(
        pixels, seq_len=20, pad_token_id=ids.pad, sot_token_id=ids.start, eos_token_id=ids.end
    )
    assert decode(model, pixels, Search(2, 20), ids) == _trimmed(theirs, ids.end)


def test_enough_beams_find_the_best_of_all_captions(vocabulary: Path) -> None:
    """With as many beams as there are captions nothing is dropped: the best mean logit of all is found."""
    ids = _ids(vocabulary)
    model, pixels = _coca(vocabulary, 3), _pixels(3, 1)
    # only three tokens and the end can be said
    spoken = [5, 6, 7, ids.end]
    _bias(model, dict.fromkeys(spoken, 0.0), others=-1e4)
    search = Search(beams=27, max_tokens=4, min_tokens=2)
    best, best_score = [], -float("inf")
    for length in range(1, 4):
        for words in itertools.product(spoken[:3], repeat=length):
            ended = length < 3
            tokens = [ids.start, *words, *([ids.end] if ended else [])]
            with torch.no_grad():
                logits = model(pixels, torch.tensor([tokens]), output_labels=False)["logits"][0]
            total = sum(float(logits[place, token]) for place, token in enumerate(tokens[1:]))
            if total / len(tokens) > best_score:
                best, best_score = tokens, total / len(tokens)
    assert decode(model, pixels, search, ids) == [best]


def test_an_image_gets_its_caption_in_any_batch(vocabulary: Path) -> None:
    ids = _ids(vocabulary)
    model, pixels = _coca(vocabulary, 2), _pixels(2)
    together = decode(model, pixels, Search(3, 16), ids)
    assert [decode(model, one[None], Search(3, 16), ids)[0] for one in pixels] == together


def test_no_end_before_the_least_length(vocabulary: Path) -> None:
    ids = _ids(vocabulary)
    model = _coca(vocabulary, 0)
    _bias(model, {ids.end: 1e4})
    for beams in (1, 3):
        for row in decode(model, _pixels(0), Search(beams, 12, min_tokens=7), ids):
            assert row.index(ids.end) == len(row) - 1 == 7


@pytest.mark.parametrize("beams", [1, 3])
def test_padding_is_never_said(vocabulary: Path, beams: int) -> None:
    ids = _ids(vocabulary)
    model = _coca(vocabulary, 0)
    _bias(model, {ids.pad: 1e4})
    for row in decode(model, _pixels(0), Search(beams, 12), ids):
        assert ids.pad not in row[: row.index(ids.end) if ids.end in row else None]


def test_longer_than_the_context(vocabulary: Path) -> None:
    with pytest.raises(ValueError, match="at most 32"):
        decode(_coca(vocabulary, 0), _pixels(0), Search(1, 33), _ids(vocabulary))
