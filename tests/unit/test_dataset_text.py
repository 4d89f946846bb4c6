from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from questions_scenes import CLASSES, random_scenes

from sartext.core.files import write_json
from sartext.core.records import Scene, Turn
from sartext.dataset.questions import ask
from sartext.dataset.questions.dialogues import conversation, dialogue_questions, question_type
from sartext.dataset.text import checked_caption, clean_answer, clean_caption, words
from sartext.sources.captions import read_dialogues


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("two ships  are here .", "Two ships are here."),
        ("There is 1 ship.", "There is 1 ship."),
        ("a harbor", "A harbor."),
        ("a harbor ,with ships ;", "A harbor,with ships."),
        ("is it a ship ?", "Is it a ship?"),
        ("tab\tand\nline\x00break", "Tab and line break."),
        ("a\u200b hidden sign..", "A hidden sign."),
        ("e\u0301tang", "\u00c9tang."),
        ("12 .", ""),
        (" ... ", ""),
        ("a har\u00adbor", "A harbor."),
        ("a pixel of .5 m", "A pixel of .5 m."),
        ("", ""),
    ],
)
def test_captions_take_one_form(raw: str, clean: str) -> None:
    assert clean_caption(raw) == clean


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("a ship", None),
        ("a ship\tand\na quay", None),
        ("a \ufffd ship", "not printable"),
        ("a\x1cship", "not printable"),
        ("a\x00ship", "not printable"),
        ("a ship \u202erevo", "not printable"),
        (" 12 . ", "empty"),
        ("word " * 7, None),
        ("word " * 8, "too long"),
    ],
)
def test_a_caption_is_dropped_for_a_reason(raw: str, fault: str | None) -> None:
    assert checked_caption(raw, 7)[1] == fault


@given(st.text(max_size=80))
def test_cleaning_holds_of_any_text(raw: str) -> None:
    clean = clean_caption(raw)
    assert clean_caption(clean) == clean
    if clean:
        assert clean[-1] in ".!?"
        assert clean.isprintable()
        assert "  " not in clean
        assert any(letter.isalpha() for letter in clean)
    else:
        assert not any(letter.isalpha() and letter.isprintable() for letter in raw)


def test_answers_and_words() -> None:
    assert clean_answer(" Yes. ") == "yes"
    assert clean_answer("3.5 .") == "3.5"
    assert words("There are 3 built-up areas, it's said.") == [
        "there",
        "are",
        "3",
        "built-up",
        "areas",
        "it's",
        "said",
    ]


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Is there a ship in the image?", "presence"),
        ("Can an aircraft be seen in the image?", "presence"),
        ("Is a road present?", "presence"),
        ("How many ships are there in the image?", "count"),
        ("What is the number of cars in the image?", "count"),
        ("Where is the bridge in the image?", "location"),
        ("In which part of the image is the harbor?", "location"),
        ("Are there more ships than cars in the image?", "comparison"),
        ("Is the number of roads equal to the number of rivers?", "comparison"),
        ("Are there less buildings than roads?", "comparison"),
        ("What is the main land cover of the image?", "land cover"),
        ("Is there any built-up land in the image?", "land cover"),
        ("Is there any water in the image?", "land cover"),
        ("Is it a rural or an urban area", "land cover"),
        ("What object is at the upper left of the image?", "class"),
        ("What kind of object lies at the top of the image?", "class"),
    ],
)
def test_types_of_a_source_s_questions(question: str, kind: str) -> None:
    assert question_type(question) == kind


def test_dialogues_are_cleaned_typed_and_asked_once() -> None:
    scene = Scene(
        "talk/1", "talk", "train", "optical", "1.png", 9, 9,
        dialogue=(
            Turn("How many  ships?", " Two. "),
            Turn("How many ships?", "Three"),
            Turn("Is it calm?", "Yes", "land cover"),
            Turn("What is this?", " . "),
        ),
    )  # fmt: skip
    asked = dialogue_questions(scene)
    assert [(q.question_id, q.type, q.question, q.answer) for q in asked] == [
        ("talk/1#1", "count", "How many ships?", "two"),
        ("talk/1#2", "land cover", "Is it calm?", "yes"),
    ]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.booleans())
def test_dialogues_in_the_released_form_come_back_as_the_same_questions(seed: int, parted: bool) -> None:
    scenes = random_scenes(seed, 12)
    asked = ask(scenes, 6, seed, lambda _: CLASSES)
    records = [
        {"id": number, "image": f"/their/machine/data/{scene.scene_id}.png", "conversations": turns}
        for number, scene in enumerate(scenes)
        for whole in (conversation(asked[scene.scene_id]),)
        # the released files hold several records of an image
        for turns in ((whole[:2], whole[2:]) if parted else (whole,))
        if turns
    ]
    assert {key for record in records for turn in record["conversations"] for key in turn} <= {
        "from",
        "value",
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vqa.json"
        write_json(path, records)
        rejects: list = []
        entries = {entry.name: entry for entry in read_dialogues(path, "vqa.json", rejects)}
    assert rejects == []
    for scene in scenes:
        entry = entries.pop(f"/their/machine/data/{scene.scene_id}.png", None)
        told = () if entry is None else tuple(entry.dialogue)
        again = Scene(scene.scene_id, "q", "train", "sar", "1.png", 9, 9, dialogue=told)
        assert dialogue_questions(again) == asked[scene.scene_id]
    assert not entries
