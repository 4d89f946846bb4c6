"""RSVQA: three files joined by ids."""

from pathlib import Path
from typing import Any

import pytest
from sources_files import grey, read, source, written

from sartext.core.errors import DatasetNotFoundError, UserError

LAYOUT = {
    "annotations": "LR_split_{split}_images.json",
    "questions": "LR_split_{split}_questions.json",
    "answers": "LR_split_{split}_answers.json",
    "images": "Images_LR/{id}.tif",
}
OFF = {"active": False}


def _question(identity: int, image: int, kind: str, text: str, **more: Any) -> dict[str, Any]:
    return {"id": identity, "active": True, "img_id": image, "type": kind, "question": text, **more}


def _answer(identity: int, question: int, answer: Any, **more: Any) -> dict[str, Any]:
    return {"id": identity, "active": True, "question_id": question, "answer": answer, **more}


def _write(root: Path, split: str, images: list[Any], questions: list[Any], answers: list[Any]) -> None:
    for key, records in (("images", images), ("questions", questions), ("answers", answers)):
        written(root / f"LR_split_{split}_{key}.json", {key: records})


QUESTIONS = [
    _question(0, 0, "rural_urban", "Is it a rural or an urban area"),
    _question(1, 0, "presence", "Is a road  present?"),
    _question(2, 3, "count", "What is the number of buildings?"),
    _question(3, 3, "comp", "Are there more roads than buildings?"),
    _question(4, 3, "area", "What is the area covered by buildings?"),
    {"id": 5, **OFF},
]
ANSWERS = [
    _answer(9, 4, "12m2"),
    _answer(8, 3, "no"),
    _answer(7, 2, 0),
    _answer(6, 1, "yes"),
    _answer(5, 0, "rural"),
    {"id": 4, **OFF},
]


def test_questions_answers_and_images_are_joined_and_inactive_ones_skipped(tmp_path: Path) -> None:
    images = [{"id": 0, "active": True}, {"id": 1, **OFF}, {"id": 2, **OFF}, {"id": 3, "active": True}]
    _write(tmp_path, "train", images, QUESTIONS, ANSWERS)
    _write(
        tmp_path,
        "test",
        [{"id": 0, **OFF}, {"id": 1, "active": True}],
        [_question(6, 1, "presence", "Is there water?")],
        [_answer(1, 6, "yes"), _answer(2, 6, "no")],
    )
    for number in range(4):
        grey(tmp_path / "Images_LR" / f"{number}.tif", 12, 12)
    config = source(tmp_path, "rsvqa", LAYOUT, splits={"val": "train", "test": "test"}, modality="optical")
    scenes, rejects = read(config)
    assert rejects == []
    said = {
        Path(scene.image).name: (
            scene.split,
            [(turn.type, turn.question, turn.answer) for turn in scene.dialogue],
        )
        for scene in scenes
    }
    assert said == {
        "0.tif": (
            "val",
            [
                ("land cover", "Is it a rural or an urban area", "rural"),
                ("presence", "Is a road present?", "yes"),
            ],
        ),
        "1.tif": ("test", [("presence", "Is there water?", "yes")]),
        "3.tif": (
            "val",
            [
                ("count", "What is the number of buildings?", "0"),
                ("comparison", "Are there more roads than buildings?", "no"),
                (None, "What is the area covered by buildings?", "12m2"),
            ],
        ),
    }


def test_what_cannot_be_joined_is_set_aside_with_its_position(tmp_path: Path) -> None:
    images = [{"id": 0}, {"id": 1}, {"name": "x"}, "junk"]
    questions = [
        _question(0, 0, "count", "How many roads?"),
        _question(1, 7, "count", "Of an image that is not there?"),
        _question(2, 0, "count", " "),
        _question(3, 0, "count", "Without an answer?"),
        "junk",
        _question(4, 0, "new type", "What else?"),
    ]
    answers = [
        _answer(0, 0, "3"),
        {"answer": "yes"},
        _answer(1, 3, "yes", active=False),
        _answer(2, 4, "nothing"),
    ]
    _write(tmp_path, "all", images, questions, answers)
    grey(tmp_path / "Images_LR" / "0.tif", 12, 12)
    layout = {key: value.replace("{split}", "all") for key, value in LAYOUT.items()}
    (scene,), rejects = read(source(tmp_path, "rsvqa", layout))
    assert [(turn.question, turn.type) for turn in scene.dialogue] == [
        ("How many roads?", "count"),
        ("What else?", None),
    ]
    found = [(entry.file.rsplit("_", 1)[1], entry.record, entry.kind) for entry in rejects]
    assert found == [
        ("images.json", "images.2", "image"),
        ("images.json", "images.3", "image"),
        ("answers.json", "answers.1", "box"),
        ("questions.json", "questions.1", "box"),
        ("questions.json", "questions.2", "box"),
        ("questions.json", "questions.3", "box"),
        ("questions.json", "questions.4", "box"),
        ("images.json", "image 1", "image"),
    ]


def test_a_missing_or_foreign_file_stops(tmp_path: Path) -> None:
    layout = {key: value.replace("{split}", "all") for key, value in LAYOUT.items()}
    _write(tmp_path, "all", [], [], [])
    written(tmp_path / "LR_split_all_answers.json", {"questions": []})
    with pytest.raises(UserError, match=r"LR_split_all_answers\.json: answers: expected RSVQA's answers"):
        read(source(tmp_path, "rsvqa", layout))
    (tmp_path / "LR_split_all_answers.json").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no file .*LR_split_all_answers\.json"):
        read(source(tmp_path, "rsvqa", layout))
