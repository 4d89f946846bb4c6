"""Layouts, splits, pairs and limits; and readers never crash on junk."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sources_files import grey, read, source, written

from sartext.core.errors import DatasetNotFoundError, UserError
from sartext.sources import read_source
from sartext.sources.layout import Folders
from sartext.sources.read import draw_split

VOC = {"annotations": "{id}.xml", "images": "{id}"}
EMPTY = "<annotation><size><width>4</width><height>4</height></size></annotation>"


def _many(root: Path, count: int) -> Any:
    for number in range(count):
        written(root / f"{number:04}.xml", EMPTY)
        (root / f"{number:04}.png").touch()
    return source(root, "voc", VOC)


def test_a_missing_folder_says_where_it_looked_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError) as error:
        read(source(tmp_path / "gone", "voc", VOC))
    assert str(tmp_path / "gone") in str(error.value)
    assert "fetch tiny.zip and unpack it" in str(error.value)


@pytest.mark.parametrize(
    ("format", "layout", "more", "said"),
    [
        (
            "coco",
            {"annotation": "a.json", "images": "i"},
            {},
            "layout.annotation: unknown key of format coco; expected annotations, images",
        ),
        ("coco", {"images": "i"}, {}, "layout.annotations: missing"),
        ("pairs", {"sar": "s/{id}", "optical": "o"}, {}, "layout.optical: expected {id}"),
        ("voc", {"annotations": "{split}/{id}.xml", "images": "i"}, {}, "has {split}, but 'splits' is empty"),
        ("voc", VOC, {"splits": {"train": "train"}}, "no layout value has {split}"),
        (
            "voc",
            {"annotations": "{split}/{id}.xml", "images": "i"},
            {"splits": {"dev": "x"}},
            "splits.dev: expected train, val or test",
        ),
        ("voc", {"annotations": "../{id}.xml", "images": "i"}, {}, "expected a path below the source's root"),
        ("voc", {"annotations": "/a/{id}.xml", "images": "i"}, {}, "expected a path below the source's root"),
        ("voc", {"annotations": "{id.xml", "images": "i"}, {}, "unpaired brace"),
        ("voc", {"annotations": "{0}.xml", "images": "i"}, {}, "{0} is no field name"),
    ],
)
def test_a_mistake_in_a_layout_stops_with_its_key(
    tmp_path: Path, format: str, layout: dict[str, str], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as error:
        read(source(tmp_path, format, layout, **more))
    assert said in str(error.value)
    assert "source tiny" in str(error.value)


def test_patterns_have_fields_that_repeat_and_images_any_suffix(tmp_path: Path) -> None:
    for name in (
        "s1/s1_7/x_s1_7_p1.png",
        "s1/s1_7/x_s1_8_p2.png",
        "s1/s1_8/x_s1_8_p3.JPG",
        "s1/._x_s1_8_p3.png",
    ):
        written(tmp_path / name, b"")
    found = Folders().matches(tmp_path, "s1/s1_{n}/{roi}_s1_{n}_{id}", any_image=True)
    # in s1_7/x_s1_8_p2 the two {n} differ
    assert [fields for fields, _ in found] == [
        {"n": "7", "roi": "x", "id": "p1"},
        {"n": "8", "roi": "x", "id": "p3"},
    ]


def test_official_splits_are_kept_and_a_missing_val_is_drawn_from_train(tmp_path: Path) -> None:
    for split, count in (("01", 200), ("02", 20)):
        for number in range(count):
            written(tmp_path / f"xml{split}" / f"{number}.xml", EMPTY)
            written(tmp_path / f"img{split}" / f"{number}.png", b"")
    layout = {"annotations": "xml{split}/{id}.xml", "images": "img{split}/{id}"}
    config = source(tmp_path, "voc", layout, splits={"train": "01", "test": "02"})
    scenes, _ = read_source(config, 0, 0.25, 0.9)
    splits = Counter(scene.split for scene in scenes)
    assert splits["test"] == 20
    assert {scene.split for scene in scenes if "/img02/" in scene.scene_id} == {"test"}
    assert 30 <= splits["val"] <= 70  # 200 draws of 0.25
    with_val = config.model_copy(update={"splits": {"train": "01", "val": "02"}})
    scenes, _ = read_source(with_val, 0, 0.25, 0.9)
    assert Counter(scene.split for scene in scenes) == {"train": 200, "val": 20}


def test_drawn_splits_have_their_shares_and_do_not_move_when_scenes_are_added(tmp_path: Path) -> None:
    config = _many(tmp_path, 300)
    first = {scene.scene_id: scene.split for scene in read(config)[0]}
    counts = Counter(first.values())
    assert 35 <= counts["val"] <= 85
    assert 35 <= counts["test"] <= 85
    for number in range(300, 330):
        written(tmp_path / f"a{number}.xml", EMPTY)
        (tmp_path / f"a{number}.png").touch()
    second = {scene.scene_id: scene.split for scene in read(config)[0]}
    assert {name: second[name] for name in first} == first
    assert {scene.scene_id: scene.split for scene in read(config, seed=1)[0]} != second


@given(st.text(min_size=1), st.integers(0, 1000))
def test_shares_of_zero_and_one_are_kept(scene_id: str, seed: int) -> None:
    assert draw_split(None, {}, seed, scene_id, 0.0, 0.0) == "train"
    assert draw_split(None, {}, seed, scene_id, 0.0, 1.0) == "test"
    assert draw_split(None, {}, seed, scene_id, 1.0, 0.0) == "val"
    assert draw_split("train", {"train": "a"}, seed, scene_id, 0.0, 1.0) == "train"
    assert draw_split("train", {"train": "a"}, seed, scene_id, 1.0, 1.0) == "val"
    assert draw_split("test", {"train": "a", "test": "b"}, seed, scene_id, 1.0, 1.0) == "test"


def test_a_limit_holds_for_each_split(tmp_path: Path) -> None:
    config = _many(tmp_path, 100).model_copy(update={"limit": 5})
    scenes, _ = read(config)
    assert Counter(scene.split for scene in scenes) == {"train": 5, "val": 5, "test": 5}
    assert [scene.scene_id for scene in scenes] == sorted(scene.scene_id for scene in scenes)
    assert scenes == read(config)[0]
    # drawn, not the first by name
    assert max(int(scene.scene_id[-4:]) for scene in scenes) > 50


def test_the_same_image_in_two_splits_is_kept_once(tmp_path: Path) -> None:
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 4, "height": 4}],
        "annotations": [],
        "categories": [],
    }
    for split in ("train", "test"):
        written(tmp_path / f"{split}.json", coco)
    grey(tmp_path / "images" / "a.png", 4, 4)
    config = source(
        tmp_path,
        "coco",
        {"annotations": "{split}.json", "images": "images"},
        splits={"train": "train", "test": "test"},
    )
    scenes, rejects = read(config)
    assert [scene.split for scene in scenes] in (["train"], ["val"])
    assert "describes images/a again, after train.json image 1" in rejects[0].reason


def test_pairs_meet_by_their_id_within_their_split(tmp_path: Path) -> None:
    for name in ("train/sar1.png", "train/opt1.png", "train/sar2.png", "train/opt3.png", "test/opt2.png",
                 "test/sar10.png", "test/opt10.png"):  # fmt: skip
        grey(tmp_path / "512" / name, 6, 4)
    layout = {"sar": "512/{split}/sar{id}.png", "optical": "512/{split}/opt{id}.png"}
    config = source(tmp_path, "pairs", layout, splits={"train": "train", "val": "test"})
    scenes, rejects = read(config)
    assert [(scene.scene_id, Path(scene.twin or "").name, scene.split) for scene in scenes] == [
        ("tiny/512/test/sar10", "opt10.png", "val"),
        ("tiny/512/train/sar1", "opt1.png", "train"),
    ]
    assert not scenes[0].annotated
    assert [(entry.file, entry.kind) for entry in rejects] == [
        ("512/train/sar2.png", "absent"),
        ("512/train/opt3.png", "note"),
        ("512/test/opt2.png", "note"),
    ]


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 99)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from([10**400, -(10**400), "\ud800", "\x00", "x" * 5000, "..", "/", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
GOOD: dict[str, Any] = {
    "coco": {
        "images": [{"id": 1, "file_name": "a.png", "width": 4, "height": 4}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2], "segmentation": []}],
        "categories": [{"id": 1, "name": "ship"}],
    },
    "karpathy": {"images": [{"filename": "a.png", "split": "train", "sentences": [{"raw": "a ship"}]}]},
    "nwpu": {"lake": [{"filename": "a.png", "split": "train", "raw": "a lake", "raw_1": "water"}]},
    # its three files in one, the image named by its id
    "rsvqa": {
        "images": [{"id": "a", "active": True}],
        "questions": [{"id": 1, "active": True, "img_id": "a", "type": "count", "question": "?"}],
        "answers": [{"id": 1, "active": True, "question_id": 1, "answer": "2"}],
    },
    "dialogues": [
        {
            "id": 1,
            "image": "a.png",
            "conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "2"}],
        }
    ],
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for key, part in inner for place in _places(part, (*path, key))]


@pytest.mark.parametrize("format", sorted(GOOD))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_junk_anywhere_in_a_json_is_a_reject_or_one_line(tmp_path: Path, format: str, data: Any) -> None:
    content = json.loads(json.dumps(GOOD[format]))
    place = data.draw(st.sampled_from(_places(content)))
    junk = data.draw(JUNK)
    if place:
        here = content
        for key in place[:-1]:
            here = here[key]
        here[place[-1]] = junk
    else:
        content = junk
    written(tmp_path / "all.json", json.dumps(content))
    if not (tmp_path / "a.png").exists():
        grey(tmp_path / "a.png", 4, 4)
    layout = {"annotations": "all.json", "images": "."}
    if format == "rsvqa":
        layout |= {"questions": "all.json", "answers": "all.json"}
    config = source(tmp_path, format, layout)
    try:
        scenes, rejects = read(config)
    except UserError as error:
        said = str(error)
        scenes, rejects = [], []
    else:
        said = "all.json"
    assert "all.json" in said
    assert [scene.image for scene in scenes] in ([], [(tmp_path / "a.png").as_posix()])
    assert all(entry.reason for entry in rejects)
