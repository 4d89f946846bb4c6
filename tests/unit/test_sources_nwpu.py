"""Captions in the form of NWPU-captions."""

from pathlib import Path
from typing import Any

import pytest
from sources_files import grey, read, source, written

from sartext.core.errors import UserError

LAYOUT = {"annotations": "dataset_nwpu.json", "images": "NWPU_images"}
SPLITS = {"train": "train", "val": "val", "test": "test"}


def _image(name: str, split: str = "train", **more: Any) -> dict[str, Any]:
    raws = {key: f"{key} of {name} ." for key in ("raw", "raw_1", "raw_2", "raw_3", "raw_4")}
    return {"filename": name, "split": split, "imgid": 0, "sentids": [0], **raws, **more}


@pytest.mark.parametrize(
    ("images", "folder"),
    [
        ("NWPU_images", "NWPU_images/airport"),
        ("NWPU_images", "NWPU_images"),
        ("NWPU_images/{category}/{id}", "NWPU_images/airport"),
        ("all/{id}.jpg", "all"),
    ],
)
def test_images_lie_by_category_or_in_one_folder(tmp_path: Path, images: str, folder: str) -> None:
    grey(tmp_path / folder / "airport_001.jpg", 8, 6)
    written(tmp_path / "dataset_nwpu.json", {"airport": [_image("airport_001.jpg", "val")]})
    (scene,), rejects = read(source(tmp_path, "nwpu", {**LAYOUT, "images": images}, splits=SPLITS))
    assert rejects == []
    assert scene.image == f"{tmp_path}/{folder}/airport_001.jpg"
    assert scene.split == "val"
    assert scene.captions == tuple(
        f"{key} of airport_001.jpg ." for key in ("raw", "raw_1", "raw_2", "raw_3", "raw_4")
    )


def test_one_name_in_two_categories_is_two_images(tmp_path: Path) -> None:
    for category in ("airport", "beach"):
        grey(tmp_path / "NWPU_images" / category / "001.jpg", 8, 6)
    written(tmp_path / "dataset_nwpu.json", {"airport": [_image("001.jpg")], "beach": [_image("001.jpg")]})
    scenes, rejects = read(source(tmp_path, "nwpu", LAYOUT, splits=SPLITS))
    assert ([scene.scene_id for scene in scenes], rejects) == (
        ["tiny/NWPU_images/airport/001", "tiny/NWPU_images/beach/001"],
        [],
    )


def test_faulty_records_are_set_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        grey(tmp_path / "NWPU_images" / name, 8, 6)
    empty = dict.fromkeys(("raw", "raw_1", "raw_2", "raw_3", "raw_4"), " ")
    records = [
        _image("a.jpg", raw_2=None),
        {"split": "train"},
        "junk",
        {**_image("b.jpg"), **empty},
        _image("gone.jpg"),
        _image("c.jpg", "trian"),
        _image("../../secret.jpg"),
    ]
    written(tmp_path / "dataset_nwpu.json", {"lake": records})
    scenes, rejects = read(source(tmp_path, "nwpu", LAYOUT, splits=SPLITS))
    assert [(scene.scene_id, len(scene.captions)) for scene in scenes] == [("tiny/NWPU_images/a", 4)]
    kinds = [(entry.record, entry.kind) for entry in rejects]
    assert ("a.jpg", "box") in kinds
    assert [record for record, kind in kinds if kind == "image"] == ["lake.1", "lake.2", "lake.3", "c.jpg"]
    assert [record for record, kind in kinds if kind == "absent"] == ["gone.jpg", "../../secret.jpg"]


@pytest.mark.parametrize("content", [[], {"lake": {}}, "{"])
def test_a_file_that_is_something_else_stops(tmp_path: Path, content: Any) -> None:
    written(tmp_path / "dataset_nwpu.json", content)
    with pytest.raises(UserError, match=r"dataset_nwpu\.json: .*expected captions by category"):
        read(source(tmp_path, "nwpu", LAYOUT, splits=SPLITS))
