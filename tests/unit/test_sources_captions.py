"""Captions and dialogues that sources give."""

from pathlib import Path
from typing import Any

import pytest
from sources_files import grey, read, source, written

from sartext.core.errors import UserError
from sartext.sources.captions import clean_text, shorter_names

KARPATHY = {"annotations": "dataset.json", "images": "images"}


def _image(name: str, split: str = "train", *sentences: Any) -> dict[str, Any]:
    return {"filename": name, "split": split, "sentences": [{"raw": text} for text in sentences]}


def _karpathy(root: Path, *images: Any, **more: Any) -> Any:
    written(root / "dataset.json", {"images": list(images)})
    for name in ("a.png", "b.png", "c.png"):
        grey(root / "images" / name, 6, 4)
    given: dict[str, Any] = {"splits": {"train": "train", "val": "val", "test": "test"}, **more}
    return source(root, "karpathy", KARPATHY, modality="optical", **given)


def test_sentences_keep_their_order_and_lose_their_white_space(tmp_path: Path) -> None:
    config = _karpathy(tmp_path, _image("a.png", "val", " two  ships\n", "a\u00a0port .", "two ships"))
    scenes, rejects = read(config)
    assert rejects == []
    assert scenes[0].captions == ("two ships", "a port .", "two ships")
    assert (scenes[0].split, scenes[0].modality, scenes[0].width, scenes[0].height) == (
        "val",
        "optical",
        6,
        4,
    )


def test_restval_is_train_and_a_split_we_do_not_know_is_set_aside(tmp_path: Path) -> None:
    images = [
        _image("a.png", "restval", "a port"),
        _image("b.png", "holdout", "a port"),
        {**_image("c.png", "test", "x"), "split": None},
    ]
    scenes, rejects = read(_karpathy(tmp_path, *images))
    assert [(scene.scene_id, scene.split) for scene in scenes] == [("tiny/images/a", "train")]
    assert "split 'holdout': expected one of train, val, test" in rejects[0].reason


def test_without_splits_ours_are_drawn_whatever_the_file_says(tmp_path: Path) -> None:
    scenes, _ = read(_karpathy(tmp_path, _image("a.png", "holdout", "a port"), splits={}))
    assert len(scenes) == 1


def test_tokens_stand_in_for_a_missing_sentence(tmp_path: Path) -> None:
    image = {"filename": "a.png", "split": "train", "sentences": [{"tokens": ["two", "ships"]}]}
    scenes, _ = read(_karpathy(tmp_path, image))
    assert scenes[0].captions == ("two ships",)


@pytest.mark.parametrize(
    ("image", "kind", "said"),
    [
        ({"split": "train", "sentences": []}, "image", "filename: expected"),
        (_image("a.png"), "image", "has no sentence"),
        ({"filename": "a.png", "split": "train", "sentences": "one"}, "image", "sentences: expected a list"),
        (_image("a.png", "train", "fine", " \n"), "box", "raw: expected a sentence"),
        (_image("a.png", "train", "fine", 3), "box", "raw: expected a sentence"),
        (_image("gone.png", "train", "fine"), "absent", "'gone.png'"),
        (_image("../a.png", "train", "fine"), "image", "outside this folder"),
        ("a.png", "image", "filename: expected"),
    ],
)
def test_a_faulty_caption_record_is_set_aside(tmp_path: Path, image: Any, kind: str, said: str) -> None:
    scenes, rejects = read(_karpathy(tmp_path, image, _image("b.png", "train", "a port")))
    assert "tiny/images/b" in [scene.scene_id for scene in scenes]
    assert [entry.kind for entry in rejects] == [kind]
    assert said in rejects[0].reason


@pytest.mark.parametrize("content", ["[]", '{"annotations": []}', '{"images": 3}', ""])
def test_a_file_that_holds_no_captions_stops(tmp_path: Path, content: str) -> None:
    config = _karpathy(tmp_path)
    written(tmp_path / "dataset.json", content)
    with pytest.raises(UserError, match=r"dataset\.json"):
        read(config)


def _dialogue(image: str, *turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    said = [{"from": speaker, "value": text} for speaker, text in turns]
    return {"id": 1, "image": image, "conversations": said, **more}


def _dialogues(root: Path, *records: Any) -> Any:
    written(root / "vqa_train.json", list(records))
    grey(root / "images" / "a.png", 6, 4)
    grey(root / "images" / "part" / "b.png", 6, 4)
    layout = {"annotations": "vqa_{split}.json", "images": "images"}
    return source(root, "dialogues", layout, modality="optical", splits={"train": "train"})


ASKED = (("human", "<image>\nHow many ships?"), ("gpt", "2"))


def test_turns_become_questions_and_records_of_one_image_are_put_together(tmp_path: Path) -> None:
    config = _dialogues(
        tmp_path,
        _dialogue("a.png", *ASKED, ("human", "Is there a port?"), ("gpt", "no")),
        _dialogue("a.png", ("human", "Any cars?"), ("gpt", "yes"), id=2),
    )
    scenes, rejects = read(config)
    assert rejects == []
    assert [(turn.question, turn.answer) for turn in scenes[0].dialogue] == [
        ("How many ships?", "2"),
        ("Is there a port?", "no"),
        ("Any cars?", "yes"),
    ]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("/data/author/rsvqa/images/a.png", "tiny/images/a"),
        ("D:\\data\\images\\part\\b.png", "tiny/images/part/b"),
        ("part/b.png", "tiny/images/part/b"),
        ("/mnt/part/b.png", "tiny/images/part/b"),
        ("../../images/a.png", "tiny/images/a"),
    ],
)
def test_a_path_of_another_machine_is_found_by_its_last_parts(tmp_path: Path, name: str, found: str) -> None:
    scenes, _ = read(_dialogues(tmp_path, _dialogue(name, *ASKED)))
    assert [scene.scene_id for scene in scenes] == [found]


def test_a_dialogue_never_reaches_outside(tmp_path: Path) -> None:
    grey(tmp_path / "secret.png", 6, 4)
    scenes, rejects = read(_dialogues(tmp_path, _dialogue("../secret.png", *ASKED)))
    assert scenes == []
    assert rejects[0].kind == "absent"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (_dialogue("a.png"), "no question with an answer"),
        (_dialogue("a.png", ("gpt", "2")), "in turn"),
        (_dialogue("a.png", ("human", "How many?")), "a question without an answer"),
        (_dialogue("a.png", ("system", "hello"), *ASKED), "from 'system'"),
        (_dialogue("a.png", ("human", "What?"), *ASKED), "a question without an answer"),
        (_dialogue("a.png", ("human", 3), *ASKED), "from 'human'"),
        ({"id": 1, "conversations": []}, "image: expected"),
        ({"id": 1, "image": "a.png"}, "conversations: expected a list"),
        ("a.png", "image: expected"),
    ],
)
def test_a_faulty_turn_or_record_is_said(tmp_path: Path, record: Any, said: str) -> None:
    scenes, rejects = read(_dialogues(tmp_path, record, _dialogue("part/b.png", *ASKED)))
    assert scenes[-1].scene_id == "tiny/images/part/b"
    assert said in " | ".join(entry.reason for entry in rejects)
    if len(scenes) == 2:  # the good turns of the record are kept
        assert [(turn.question, turn.answer) for turn in scenes[0].dialogue] == [("How many ships?", "2")]


def test_text_is_one_clean_line() -> None:
    assert clean_text("a\x00b\x1b[31m\r\n c\u200b") == "a b [31m c"
    assert clean_text(None) == ""
    assert shorter_names("/a/./b/../c.png") == ["a/b/c.png", "b/c.png", "c.png"]
