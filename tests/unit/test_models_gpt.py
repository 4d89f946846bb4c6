"""Answers of GPT: what the whole network says word by word, with each word passed once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models_toy import SIZE, square, toy_config, toy_texts

from sartext.models.build import build_model
from sartext.models.gpt import Gpt
from sartext.models.interface import TILE, Preprocess
from sartext.models.prompts import Prompter
from sartext.models.tokenizer import Tokenizer, train_tokenizer

MOST = 9


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Gpt:
    """A random one that says decided things and ends now and then."""
    folder = tmp_path_factory.mktemp("gpt")
    train_tokenizer(toy_texts(), 360, folder / "bpe")
    model: Any = build_model("gpt", toy_config("gpt"), Path(folder / "bpe"), 0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim > 1:
                value.add_(0.25 * torch.randn(value.shape, generator=generator))
        tokenizer = Tokenizer.load(folder / "bpe")
        model.language_model.lm_head.bias[tokenizer.end] = 3
    return Gpt(model, tokenizer, Preprocess(SIZE, (0.5,) * 3, (0.2,) * 3), "cpu")


def _asked(count: int) -> tuple[np.ndarray, list[str]]:
    images = np.stack([square("opt", number)[0] for number in range(count)])
    return images, ["Where is it?" + " Tell me" * (number % 4) for number in range(count)]


def _by_whole_passes(gpt: Gpt, image: np.ndarray, question: str) -> str:
    """The answer to one question, the prompt and all words so far passing again for each word."""
    ids, mask = Prompter(gpt.tokenizer, gpt.queries, gpt.context_length).prompts(
        [question], gpt.context_length - MOST
    )
    text, seen = torch.from_numpy(ids), torch.from_numpy(mask)
    said: list[int] = []
    while len(said) < MOST and gpt.tokenizer.end not in said:
        with torch.no_grad():
            logits = gpt.module(
                pixel_values=gpt.preprocess(image[None], "cpu"), input_ids=text, attention_mask=seen
            ).logits
        said.append(int(logits[0, -1].argmax()))
        text = torch.cat([text, torch.tensor([[said[-1]]])], dim=1)
        seen = torch.cat([seen, torch.ones_like(seen[:, :1])], dim=1)
    return gpt.tokenizer.decode(said).lower()


def test_answers_are_those_of_whole_passes(gpt: Gpt) -> None:
    images, questions = _asked(40)
    told = gpt.answer(images, questions, MOST, 32)
    some = range(0, 40, 3)
    assert [told[number] for number in some] == [
        _by_whole_passes(gpt, images[number], questions[number]) for number in some
    ]
    # of several lengths
    assert len({len(told[number]) for number in some}) > 2
    order = np.random.default_rng(0).permutation(40)
    assert gpt.answer(images[order], [questions[number] for number in order], MOST, 3) == [
        told[number] for number in order
    ]


def test_each_word_passes_once_and_together(gpt: Gpt) -> None:
    passed: list[tuple[int, ...]] = []

    def note(_module: Any, _given: Any, named: dict[str, Any]) -> None:
        embedded = named.get("inputs_embeds")
        passed.append(tuple((named["input_ids"] if embedded is None else embedded).shape[:2]))

    hook = gpt.module.language_model.register_forward_pre_hook(note, with_kwargs=True)
    gpt.answer(*_asked(TILE), MOST, TILE)
    hook.remove()
    first, *rest = passed
    assert first == (TILE, gpt.queries + gpt.context_length - MOST)
    assert rest
    assert set(rest) == {(TILE, 1)}
