"""GPT's prompts, by hand and as transformers' own processor writes them."""

import pytest
from models_toy import toy_texts

from sartext.models.prompts import IGNORED, Prompter
from sartext.models.tokenizer import Tokenizer, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    out = tmp_path_factory.mktemp("prompts") / "bpe"
    train_tokenizer(toy_texts(), 340, out)
    return Tokenizer.load(out)


def test_a_prompt_is_padded_on_its_left(tokenizer: Tokenizer) -> None:
    ids, mask = Prompter(tokenizer, 3, 40).prompts(["Where is the square?", "What?"], 30)
    assert ids.shape == mask.shape == (2, 33)
    for row, seen, question in zip(ids, mask, ("where is the square?", "what?"), strict=True):
        first = int(seen.argmax())
        assert list(seen[first:]) == [1] * (33 - first)
        assert list(row[:first]) == [0] * first
        assert list(row[first : first + 4]) == [tokenizer.image] * 3 + [tokenizer.start]
        assert tokenizer.decode(row[first + 4 :]) == f"question: {question} answer:"


def test_a_lesson_learns_its_answer_and_the_end(tokenizer: Tokenizer) -> None:
    ids, labels = Prompter(tokenizer, 3, 40).lessons(["Where is the square?"], ["top left"])
    learned = labels[0] != IGNORED
    assert list(labels[0][learned]) == [*tokenizer.pieces("top left"), tokenizer.end]
    assert list(ids[0][learned]) == list(labels[0][learned])
    first = int(learned.argmax())
    assert tokenizer.decode(ids[0, 4:first]) == "question: where is the square? answer:"
    assert set(ids[0, first + int(learned.sum()) :]) <= {0}


def test_a_lesson_goes_on_where_the_prompt_ends(tokenizer: Tokenizer) -> None:
    prompter = Prompter(tokenizer, 3, 40)
    prompt, mask = prompter.prompts(["Where is the square?"], 30)
    ids, _ = prompter.lessons(["Where is the square?"], ["top left"])
    asked = prompt[0][mask[0] == 1]
    assert list(ids[0, : len(asked)]) == list(asked)


def test_a_long_question_keeps_its_end(tokenizer: Tokenizer) -> None:
    prompter = Prompter(tokenizer, 2, 16)
    ids, mask = prompter.prompts(["where " * 50], 16)
    assert mask.all()
    assert tokenizer.decode(ids[0]).endswith("answer:")
    ids, labels = prompter.lessons(["where " * 50], ["left " * 50])
    assert ids.shape == (1, 18)
    assert (labels[0] != IGNORED).sum() == 16 // 2 + 1
