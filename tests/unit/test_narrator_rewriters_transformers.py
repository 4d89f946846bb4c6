"""The transformers back end with a tiny model that has learned three answers by heart."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sartext.core.config import RewriterConfig
from sartext.core.errors import UserError
from sartext.narrator.rewriters import Account, make_rewriter
from sartext.narrator.rewriters.cache import Answer
from sartext.narrator.rewriters.prompts import Example, Prompt
from sartext.narrator.rewriters.transformers import LocalModel

LEARNED = {
    "a white ship on blue water": "a bright ship on dark water",
    "red roofs": "bright roofs in strong echo",
    "a green field beside a long gray road": "a field beside a long dark road",
}
CHAT = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)
PROMPT = Prompt(instruction="Rewrite", examples=[Example(optical="a blue car", sar="a car")])


def as_text(caption: str, chat: bool) -> str:
    """The prompt as the model should read it, written out by hand."""
    if chat:
        return f"<system> Rewrite\n<user> a blue car\n<assistant> a car\n<user> {caption}\n<assistant> "
    shown = "Rewrite\n\nOptical caption: a blue car\nSAR caption: a car\n"
    return f"{shown}\nOptical caption: {caption}\nSAR caption:"


def make_model(folder: Path, chat: bool) -> None:
    """Train a tiny causal model on the three answers and save it."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({"<end>": 0, **{sign: n + 1 for n, sign in enumerate(signs)}}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>")
    tokenizer.chat_template = CHAT if chat else None
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=257, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=256, bos_token_id=None, eos_token_id=0, pad_token_id=0,
        )
    )  # fmt: skip
    rows = []
    for optical, sar in LEARNED.items():
        before = tokenizer(as_text(optical, chat))["input_ids"]
        # without turns it would go on with further captions, as such models do
        after = tokenizer(f"{sar}" if chat else f" {sar}\n\nOptical caption: a")["input_ids"]
        rows.append((before, [*after, 0] if chat else after))
    length = max(len(before) + len(after) for before, after in rows)
    ids, labels, seen = (torch.full((3, length), fill) for fill in (0, -100, 0))
    for n, (before, after) in enumerate(rows):
        ids[n, -len(before) - len(after) :] = torch.tensor(before + after)
        labels[n, -len(after) :] = torch.tensor(after)
        seen[n, -len(before) - len(after) :] = 1
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(400):
        loss = model(input_ids=ids, attention_mask=seen, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if loss.item() < 0.01:
            break
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads of so small a model wait for each other more than they work."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=["chat", "plain"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param) / request.param
    make_model(path, request.param == "chat")
    return path


@pytest.fixture
def prompt(tmp_path: Path) -> str:
    path = tmp_path / "short.yaml"
    path.write_text("instruction: Rewrite\nexamples: [{optical: a blue car, sar: a car}]\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def rewriter(folder: Path, prompt: str) -> Callable[..., Any]:
    def make(cache: Path | None = None, **settings: Any) -> Any:
        given = {"name": "transformers", "model": str(folder), "prompt": prompt, "max_tokens": 40}
        return make_rewriter(RewriterConfig(**{**given, **settings}), cache)

    return make


def test_a_batch_of_captions_gets_the_learned_answers(rewriter: Callable[..., Any]) -> None:
    rewrite = rewriter(completion_price=1.0)
    captions = [*LEARNED, "red roofs"]
    rewritten = rewrite(captions)
    assert [entry.text for entry in rewritten] == [*LEARNED.values(), LEARNED["red roofs"]]
    assert {(entry.by, entry.fallback) for entry in rewritten} == {("transformers", "")}
    account = rewrite.account
    assert (account.captions, account.distinct, account.requests) == (4, 3, 3)
    assert account.cost == pytest.approx(account.completion_tokens / 1e6)


def test_tokens_are_those_of_the_prompt_and_the_answer(folder: Path) -> None:
    config = RewriterConfig(name="transformers", model=str(folder), max_tokens=40)
    answers: dict[str, Answer] = {}
    model = LocalModel(config, PROMPT, Account())
    assert list(model.ask(list(LEARNED), answers.__setitem__)) == ["", "", ""]
    chat = folder.name == "chat"
    for optical, sar in LEARNED.items():
        # one token a letter; a plain model stops at the end of its line
        assert answers[optical].prompt_tokens == len(as_text(optical, chat))
        assert answers[optical].completion_tokens == len(sar) + (0 if chat else 2)
        assert not answers[optical].cut
    alone: dict[str, Answer] = {}
    for optical in LEARNED:
        list(model.ask([optical], alone.__setitem__))
    assert alone == answers


def test_what_it_has_not_learned_falls_back(rewriter: Callable[..., Any]) -> None:
    rewrite = rewriter()
    (entry,) = rewrite(["nine purple cats in a row near the old gray church ."])
    assert (entry.by, entry.text) == ("rules", "nine cats in a row near the old church.")
    assert entry.fallback.startswith("guard: ")
    assert sum(rewrite.account.fallbacks.values()) == 1
    short = rewriter(max_tokens=5)
    assert short(["red roofs"])[0].fallback == "guard: cut off at max_tokens"


def test_a_rerun_generates_nothing(
    rewriter: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rewriter(tmp_path / "cache")(list(LEARNED))
    monkeypatch.setattr(LocalModel, "_generate", lambda self, captions: pytest.fail("asked again"))
    again = rewriter(tmp_path / "cache")
    assert again(list(LEARNED)) == first
    assert (again.account.cached, again.account.requests) == (3, 0)


def test_other_weights_are_another_question(
    folder: Path, rewriter: Callable[..., Any], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    rewriter(tmp_path / "cache")(["red roofs"])
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    weights = load_file(other / "model.safetensors")
    save_file(
        {name: -tensor for name, tensor in weights.items()}, other / "model.safetensors", {"format": "pt"}
    )
    again = rewriter(tmp_path / "cache", model=str(other))
    again(["red roofs"])
    assert (again.account.cached, again.account.requests) == (0, 1)


def test_sampling_is_the_same_in_every_run(folder: Path) -> None:
    config = RewriterConfig(name="transformers", model=str(folder), max_tokens=40, temperature=3.0)
    runs: list[dict[str, Answer]] = [{}, {}]
    for answers in runs:
        list(LocalModel(config, PROMPT, Account()).ask(list(LEARNED), answers.__setitem__))
    assert runs[0] == runs[1]
    assert [runs[0][optical].text.strip() for optical in LEARNED] != list(LEARNED.values())


def test_a_model_that_is_not_here_is_not_downloaded(
    tmp_path: Path, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("goes to the network"))
    empty = tmp_path / "empty"
    empty.mkdir()
    for model, told in (
        ("nobody/nothing", "nobody/nothing: no such model here; expected a folder"),
        ("not a model id//", "no such model here"),
        (str(empty), "transformers cannot load it"),
    ):
        with pytest.raises(UserError, match=told):
            make_rewriter(RewriterConfig(name="transformers", model=model, prompt=prompt))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="no GPU was found"):
        make_rewriter(RewriterConfig(name="transformers", model=str(empty), prompt=prompt), device="cuda")
