"""The vocabulary: any text comes back, other libraries read it alike, equal texts give equal bytes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models_toy import toy_config, toy_set, toy_texts

from sartext.core.errors import UserError
from sartext.core.files import list_files
from sartext.core.records import Caption
from sartext.core.tables import write_records
from sartext.models.tokenizer import Tokenizer, train_tokenizer
from sartext.models.vocabulary import learn_vocabulary, vocabulary_texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tokenizer") / "bpe"
    train_tokenizer(toy_texts(), 340, out)
    return out


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.load(folder)


@given(
    words=st.lists(
        st.text(
            st.characters(codec="utf-8", exclude_categories=("Z", "C", "M", "Lu", "Lt", "Lm", "No")),
            min_size=1,
        )
    )
)
def test_any_text_comes_back(tokenizer: Tokenizer, words: list[str]) -> None:
    import unicodedata

    text = unicodedata.normalize("NFC", " ".join(words)).lower()
    length = len(text.encode()) + 4
    assert tokenizer.decode(tokenizer.encode([text], length)[0]) == unicodedata.normalize("NFC", text)


def test_case_and_white_space_are_folded(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode(["  There is\n a RED   square. "], 40)[0]
    assert tokenizer.decode(ids) == "there is a red square."


def test_what_a_model_says_is_one_printable_line(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode(["a\x1b[31m red\x1e square\x00"], 40)[0]
    assert tokenizer.decode(ids) == "a[31m red square"


def test_special_ids(tokenizer: Tokenizer) -> None:
    assert (tokenizer.pad, tokenizer.start, tokenizer.image) == (0, 1, 2)
    assert tokenizer.end == tokenizer.size - 1 <= 339
    row = tokenizer.encode(["a red square"], 30)[0]
    assert row[0] == tokenizer.start
    assert row.argmax() == list(row).index(tokenizer.end)
    assert set(row[row.argmax() + 1 :]) == {0}


def test_a_long_text_is_cut_before_its_end(tokenizer: Tokenizer) -> None:
    whole = tokenizer.encode(["a red square in the top left"], 40)[0]
    cut = tokenizer.encode(["a red square in the top left"], 5)[0]
    assert list(cut) == [*whole[:4], tokenizer.end]


def test_transformers_and_open_clip_read_it_alike(folder: Path, tokenizer: Tokenizer) -> None:
    from open_clip.tokenizer import HFTokenizer
    from transformers import AutoTokenizer

    texts = ["There is a red square in the top left.", "ÅÄ 东 ship-42", "a" * 200, ""]
    ours = tokenizer.encode(texts, 24)
    np.testing.assert_array_equal(HFTokenizer(folder, context_length=24)(texts).numpy(), ours)
    theirs = AutoTokenizer.from_pretrained(folder)
    found = theirs(texts, max_length=24, padding="max_length", truncation=True, return_tensors="np")
    np.testing.assert_array_equal(found.input_ids, ours)
    assert theirs.pad_token_id == 0
    assert theirs.bos_token_id == tokenizer.start
    assert theirs.eos_token_id == tokenizer.end
    assert theirs.decode(ours[0], skip_special_tokens=True).strip() == tokenizer.decode(ours[0])


def test_order_of_texts_does_not_matter(folder: Path, tmp_path: Path) -> None:
    train_tokenizer(reversed(toy_texts()), 340, tmp_path / "again")
    assert list_files(folder) == list_files(tmp_path / "again")
    for path in list_files(folder):
        assert (folder / path).read_bytes() == (tmp_path / "again" / path).read_bytes()


def test_too_small_or_without_texts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 260"):
        train_tokenizer(["a"], 259, tmp_path / "t")
    with pytest.raises(UserError, match="no texts"):
        train_tokenizer([], 300, tmp_path / "t")
    with pytest.raises(UserError, match="no such file"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"model": {"type": "BPE", "vocab": {}, "merges": []}}']
)
def test_a_damaged_vocabulary(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        Tokenizer.load(tmp_path)


def test_a_profile_learns_from_training_texts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    toy_set(tmp_path, "stage1", "opt", 20)
    toy_set(tmp_path, "sartext", "sar", 20)
    config = toy_config()
    told = [Caption(f"sar/{number}", "a2c", f"There are {number} ships.") for number in range(20)]
    write_records(config.results / "captions" / "sar.a2c.parquet", told, Caption)
    texts = list(vocabulary_texts(config))
    assert "There are 7 ships." in texts
    assert "There are 8 ships." not in texts
    assert "There are 19 ships." not in texts
    assert len(texts) == 16 * 2 + 16 * 2 + 16
    assert Tokenizer.load(learn_vocabulary(config)).size <= config.vocabulary
