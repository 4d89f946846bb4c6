from pathlib import Path

import pytest

from sartext.core.errors import UserError
from sartext.narrator.rewriters.prompts import Example, Prompt, load_prompt, parse_answer


@pytest.mark.parametrize(
    ("raw", "caption"),
    [
        ("a dark lake.", "a dark lake."),
        ('  "a dark lake."\n', "a dark lake."),
        ("SAR caption: a dark lake", "a dark lake"),
        ("**SAR caption:** a dark lake", "a dark lake"),
        ("Caption: 'a dark  lake'\n\nExplanation: water is dark.", "a dark lake"),
        ("Here is the SAR caption:\n\n\u201ca dark lake\u201d", "a dark lake"),
        ("<think>water is\nblue</think>\na dark lake", "a dark lake"),
        ("<think>it never ends", ""),
        ("the lake\u2019s edge", "the lake's edge"),
        ("a dark lake\nOptical caption: a red car\nSAR caption: a car", "a dark lake"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_what_models_put_around_a_caption_is_taken_off(raw: str, caption: str) -> None:
    assert parse_answer(raw) == caption


def test_examples_are_turns_or_lines() -> None:
    prompt = Prompt(instruction="Rewrite.\n", examples=[Example(optical="a red car", sar="a car")])
    assert prompt.messages("a blue bus") == [
        {"role": "system", "content": "Rewrite."},
        {"role": "user", "content": "a red car"},
        {"role": "assistant", "content": "a car"},
        {"role": "user", "content": "a blue bus"},
    ]
    assert prompt.text("a blue bus") == (
        "Rewrite.\n\nOptical caption: a red car\nSAR caption: a car\n\n"
        "Optical caption: a blue bus\nSAR caption:"
    )


def test_a_prompt_of_one_s_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("instruction: Do it.\nexamples: [{optical: a red car, sar: a car}]\n", encoding="utf-8")
    assert load_prompt(str(path)).examples == [Example(optical="a red car", sar="a car")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("instruction: x\n", "examples: Field required"),
        ("instruction: x\nexamples: []\n", "examples: List should have at least 1 item"),
        ("instruction: ' '\nexamples: [{optical: a, sar: b}]\n", "instruction: String should match"),
        ("instruction: x\nexamples: [{optical: a}]\n", r"examples\.0\.sar: Field required"),
        (
            "instruction: x\nexamples: [{optical: a, sar: 3}]\n",
            r"examples\.0\.sar: Input should be a valid str",
        ),
        ("instruction: x\nexamples: [{optical: a, sar: b, c: d}]\n", r"examples\.0\.c: Extra inputs"),
        ("instruction: x\ninstructions: y\nexamples: [{optical: a, sar: b}]\n", "instructions: Extra inputs"),
        ("- x\n", r"\(top\): Input should be"),
        ("a: [\n", "not readable YAML"),
        ("", r"\(top\): Input should be"),
    ],
)
def test_a_faulty_prompt_is_told_with_its_key(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"bad\.yaml: {told}"):
        load_prompt(str(path))


def test_an_unknown_prompt_names_those_there_are() -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml: no such prompt; expected one of sar-rewrite"):
        load_prompt("nowhere")
