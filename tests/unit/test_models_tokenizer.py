"""The vocabulary: any text comes back, other libraries read it alike, equal texts give equal bytes."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models_toy import toy_config, toy_set, toy_texts

from sartext.core.config import parse_config
from sartext.core.errors import UserError
from sartext.core.files import list_files
from sartext.core.records import Caption
from sartext.core.tables import write_records
from sartext.models.tokenizer import Tokenizer, take_tokenizer, train_tokenizer
from sartext.models.vocabulary import make_vocabularies, vocabulary_texts


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
    assert Tokenizer.load(make_vocabularies(config)[0]).size <= config.vocabulary


def _hub_form(folder: Path, **keys: object) -> Path:
    """A tokenizer in the form of Phi-2's: byte-level pieces, one token that both starts and ends a text."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, pre_tokenizers, trainers

    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=300, show_progress=False, initial_alphabet=alphabet)
    backend.train_from_iterator(toy_texts(), trainer)
    backend.add_special_tokens(["<|endoftext|>"])
    folder.mkdir()
    backend.save(str(folder / "tokenizer.json"))
    said = {"bos_token": "<|endoftext|>", "eos_token": {"content": "<|endoftext|>"}, **keys}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    return folder


def test_a_hub_tokenizer_gets_the_tokens_it_lacks(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    take_tokenizer(str(_hub_form(tmp_path / "phi")), tmp_path / "ours")
    taken = Tokenizer.load(tmp_path / "ours")
    end = taken.size - 3
    assert (taken.start, taken.end, taken.pad, taken.image) == (end, end, end + 1, end + 2)
    text = "There is a Red square.\nTwo ships?"
    assert taken.decode(taken.pieces(text)) == "There is a Red square. Two ships?"
    theirs = AutoTokenizer.from_pretrained(tmp_path / "ours")
    assert theirs(text).input_ids == [end, *taken.pieces(text), end]
    assert theirs.pad_token_id == taken.pad
    assert theirs.convert_tokens_to_ids("<image>") == taken.image
    row = taken.encode([text], 40)[0]
    assert list(row[: len(taken.pieces(text)) + 2]) == theirs(text).input_ids
    assert set(row[len(taken.pieces(text)) + 2 :]) == {taken.pad}


def test_clips_tokenizer_is_open_clips(tmp_path: Path) -> None:
    from open_clip.tokenizer import SimpleTokenizer

    take_tokenizer("clip", tmp_path / "clip")
    taken = Tokenizer.load(tmp_path / "clip")
    texts = ["There are 3 ships!", "Caf\u00e9 &amp; \u6e2f", "", "a harbor " * 60]
    theirs = SimpleTokenizer(context_length=77)
    np.testing.assert_array_equal(taken.encode(texts[:3], 77), theirs(texts[:3]).numpy())
    np.testing.assert_array_equal(taken.encode(texts[3:], 77)[0], theirs(texts[3:]).numpy()[0])
    assert (taken.size, taken.start, taken.end, taken.pad) == (49408, 49406, 49407, 0)
    assert taken.decode(taken.encode(texts[:1], 77)[0][1:]) == "there are 3 ships !"
    assert taken.same_as(Tokenizer.load(tmp_path / "clip"))


def test_a_profile_takes_what_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No text is read where no model has a learned vocabulary."""
    monkeypatch.chdir(tmp_path)
    raw = toy_config("gpt").model_dump(mode="json")
    raw["models"]["gpt"]["tokenizer"] = str(_hub_form(tmp_path / "phi"))
    (folder,) = make_vocabularies(parse_config(raw, "toy"))
    assert folder == Path("results/toy/tokenizers/gpt")
    assert Tokenizer.load(folder).image is not None


@pytest.mark.parametrize(
    ("keys", "told"),
    [({"eos_token": None}, "eos_token: None"), ({"eos_token": "<end>"}, "eos_token: '<end>'")],
)
def test_a_hub_tokenizer_without_an_end(tmp_path: Path, keys: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        take_tokenizer(str(_hub_form(tmp_path / "phi", **keys)), tmp_path / "ours")


def test_no_such_hub_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"no/such: no such folder, and the hub gives none") as caught:
        take_tokenizer("no/such", tmp_path / "ours")
    assert "\n" not in str(caught.value)
