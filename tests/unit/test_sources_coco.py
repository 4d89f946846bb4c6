"""COCO files: what is read, and what each fault is answered with."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sources_files import boxes, grey, read, source, written

from sartext.core.errors import DatasetNotFoundError, UserError

LAYOUT = {"annotations": "annotations.json", "images": "images"}


def _coco(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 30}],
        "categories": [{"id": 0, "name": "ship"}, {"id": 5, "name": "oil tank"}],
        "annotations": list(annotations),
        **more,
    }


def _one(**more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 7, "category_id": 0, "bbox": [2, 3, 10, 5], **more}


def _source(root: Path, content: Any, **more: Any) -> Any:
    written(root / "annotations.json", content)
    grey(root / "images" / "a.png", 40, 30)
    return source(root, "coco", LAYOUT, **{"classes": {"ship": "ship", "oil tank": "storage tank"}, **more})


def test_boxes_take_our_names_and_an_image_without_annotation_holds_nothing(tmp_path: Path) -> None:
    grey(tmp_path / "images" / "sub" / "b.png", 8, 8)
    images = [
        {"id": 7, "file_name": "a.png", "width": 40, "height": 30},
        {"id": "x", "file_name": "sub/b.png", "width": 8, "height": 8},
    ]
    content = _coco(_one(), _one(id=2, category_id=5, bbox=[0, 0, 40, 30]), images=images)
    scenes, rejects = read(_source(tmp_path, content, resolution_m=3.0, polarisation="HH"))
    assert rejects == []
    assert [scene.scene_id for scene in scenes] == ["tiny/images/a", "tiny/images/sub/b"]
    assert boxes(scenes[0]) == [("ship", 2, 3, 10, 5), ("storage tank", 0, 0, 40, 30)]
    assert (scenes[0].width, scenes[0].height, scenes[0].resolution_m) == (40, 30, 3.0)
    assert scenes[1].boxes == ()
    assert scenes[1].annotated


def test_a_polygon_or_a_run_length_mask_is_boxed_where_there_is_no_bbox(tmp_path: Path) -> None:
    from pycocotools import mask as coco_mask

    drawn = np.zeros((30, 40), np.uint8, order="F")
    drawn[4:9, 6:16] = 1
    packed = coco_mask.encode(drawn)
    runs = [6 * 30 + 4] + [5, 25] * 9 + [5]
    runs.append(30 * 40 - sum(runs))
    content = _coco(
        _one(bbox=[], segmentation=[[1, 2, 11, 2, 11, 9], [3, 20, 5, 20, 5, 22]]),
        _one(id=2, bbox=None, segmentation={"size": [30, 40], "counts": packed["counts"].decode()}),
        _one(id=3, bbox=None, segmentation={"size": [30, 40], "counts": runs}),
    )
    scenes, rejects = read(_source(tmp_path, content))
    assert rejects == []
    assert boxes(scenes[0]) == [("ship", 1, 2, 10, 20), ("ship", 6, 4, 10, 5), ("ship", 6, 4, 10, 5)]


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (_one(bbox=[float("nan"), 3, 10, 5]), "expected finite numbers"),
        (_one(bbox=[2, 3, float("inf"), 5]), "expected finite numbers"),
        (_one(bbox=[2, 3, 0, 5]), "has no area"),
        (_one(bbox=[2, 3, 10, -5]), "inverted"),
        (_one(bbox=[40, 3, 10, 5]), "outside its image of 40x30"),
        (_one(bbox=[-20, -20, 10, 5]), "outside its image"),
        (_one(bbox=[1, 2, 3]), "expected four numbers"),
        (_one(bbox=["1", 2, 3, 4]), "expected four numbers"),
        (_one(category_id=99), "category_id 99 is not in the file's 'categories'"),
        (_one(category_id=None), "category_id None"),
        (_one(category_id=[0]), "category_id [0]"),
        (_one(image_id=8), "image_id 8 is no image of this file"),
        (_one(iscrowd=1), "a crowd"),
        (_one(ignore=1), "ignore is 1"),
        (_one(bbox=None), "neither a 'bbox'"),
        (_one(bbox=None, segmentation=[[1, 2, 3, 4]]), "three points or more"),
        (_one(bbox=None, segmentation={"size": [3, 4], "counts": [12]}), "is not the image's"),
        (_one(bbox=None, segmentation={"size": [30, 40], "counts": [5, 5]}), "do not add up"),
        (_one(bbox=None, segmentation={"size": [30, 40], "counts": "\u00ff\u0001"}), "segmentation.counts"),
        ("no record", "expected an annotation record"),
    ],
)
def test_a_faulty_box_is_set_aside_and_its_scene_kept(tmp_path: Path, annotation: Any, said: str) -> None:
    good = _one(id=50, bbox=[1, 1, 4, 4])
    scenes, rejects = read(_source(tmp_path, _coco(annotation, good)))
    assert boxes(scenes[0]) == [("ship", 1, 1, 4, 4)]
    assert [entry.kind for entry in rejects] == ["box"]
    assert rejects[0].file == "annotations.json"
    assert said in rejects[0].reason


def test_a_box_reaching_outside_is_clipped_and_said(tmp_path: Path) -> None:
    scenes, rejects = read(_source(tmp_path, _coco(_one(bbox=[-5, 20, 50, 30]))))
    assert boxes(scenes[0]) == [("ship", 0, 20, 40, 10)]
    assert [entry.kind for entry in rejects] == ["note"]
    assert "annotation 1 of a.png" in rejects[0].record


def test_an_unknown_class_is_named_with_its_file(tmp_path: Path) -> None:
    scenes, rejects = read(_source(tmp_path, _coco(_one(category_id=5)), classes={"ship": "ship"}))
    assert rejects[0].file == "annotations.json"
    assert "class 'oil tank' is unknown; expected one of ship" in rejects[0].reason
    # every box was lost: the scene must not pass for one that is known to be empty
    assert not scenes[0].annotated


def test_a_scene_that_lost_a_faulty_box_is_not_counted_and_one_with_a_foreign_class_is(
    tmp_path: Path,
) -> None:
    outside = _one(id=2, bbox=[60, 3, 10, 5])
    scenes, _ = read(_source(tmp_path, _coco(_one(), outside)))
    assert boxes(scenes[0]) == [("ship", 2, 3, 10, 5)]
    assert not scenes[0].annotated, "two ships were annotated: a caption of one would be false"
    scenes, _ = read(_source(tmp_path, _coco(_one(), _one(id=2, category_id=5)), classes={"ship": "ship"}))
    assert boxes(scenes[0]) == [("ship", 2, 3, 10, 5)]
    assert scenes[0].annotated, "that there is one ship is true, whatever else there is"


def test_duplicate_annotation_ids_are_kept_and_noted_unless_the_annotation_is_the_same(
    tmp_path: Path,
) -> None:
    content = _coco(_one(), _one(bbox=[20, 20, 5, 5]), _one())
    scenes, rejects = read(_source(tmp_path, content))
    assert len(scenes[0].boxes) == 2
    assert [entry.kind for entry in rejects] == ["note", "box"]


def test_two_images_of_one_id_or_of_one_name(tmp_path: Path) -> None:
    images = [
        {"id": 7, "file_name": "a.png", "width": 40, "height": 30},
        {"id": 7, "file_name": "b.png", "width": 40, "height": 30},
        {"id": 8, "file_name": "a.png", "width": 40, "height": 30},
        {"id": 9, "width": 40, "height": 30},
        {"file_name": "a.png"},
    ]
    scenes, rejects = read(_source(tmp_path, _coco(_one(), images=images)))
    assert len(scenes) == 1
    said = " | ".join(entry.reason for entry in rejects)
    assert "its id is a.png's too" in said
    assert "describes images/a again" in said
    assert "file_name: expected" in said
    assert "with an 'id'" in said


@pytest.mark.parametrize("name", ["../outside.png", "/etc/passwd", "sub/../../outside.png", "a\x00.png"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    grey(tmp_path / "outside.png", 40, 30)
    content = _coco(_one(), images=[{"id": 7, "file_name": name, "width": 40, "height": 30}])
    scenes, rejects = read(_source(tmp_path, content))
    assert scenes == []
    assert "leads outside this folder" in rejects[0].reason


def test_an_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    content = _coco(images=[{"id": 1, "file_name": "gone.png", "width": 4, "height": 4}])
    scenes, rejects = read(_source(tmp_path, content))
    assert scenes == []
    assert rejects[0].kind == "absent"
    assert "'gone.png'" in rejects[0].reason


def test_sizes_the_file_does_not_know_come_from_the_image(tmp_path: Path) -> None:
    content = _coco(_one(), images=[{"id": 7, "file_name": "a.png", "width": 0}])
    scenes, _ = read(_source(tmp_path, content))
    assert (scenes[0].width, scenes[0].height) == (40, 30)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + json.dumps(_coco(_one())).encode()
    scenes, rejects = read(_source(tmp_path, text))
    assert len(scenes[0].boxes) == 1
    assert rejects == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not valid JSON"),
        (b'{"images": [', "not valid JSON"),
        (b'{"images": "\xff"}', "not UTF-8"),
        ("[]", "found a list"),
        ('{"images": []}', "annotations: expected a list"),
        ('{"images": [], "annotations": []}', "categories: expected a list"),
        ('{"images": {}, "annotations": [], "categories": []}', "images: expected a list"),
    ],
)
def test_a_file_that_is_no_coco_stops_with_one_line(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(UserError, match=r"annotations\.json") as error:
        read(_source(tmp_path, content))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_annotation_file_says_how_to_get_it(tmp_path: Path) -> None:
    config = _source(tmp_path, _coco())
    (tmp_path / "annotations.json").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"annotations\.json; to get it: fetch tiny\.zip"):
        read(config)


def test_mask_values_are_no_class_names_of_boxes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"classes\.ship: expected our class name, found 3"):
        read(_source(tmp_path, _coco(), classes={"ship": 3}))


def test_three_annotations_of_one_id_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
    again = _one(bbox=[9, 9, 4, 4])
    content = _coco(_one(), again, _one(), dict(again), _one(id=1.0), _one(id="1"), _one(id=True))
    scenes, rejects = read(_source(tmp_path, content))
    assert len(boxes(scenes[0])) == 5, "two of id 1, and one each of 1.0, '1' and true"
    assert [(entry.record, entry.kind) for entry in rejects] == [
        ("annotation 1", "note"),
        ("annotation 1", "box"),
        ("annotation 1", "box"),
    ]


def test_ids_beyond_64_bits_are_whole_numbers(tmp_path: Path) -> None:
    content = _coco(_one(image_id=(1 << 70) + 1), _one(id=2, image_id=(1 << 70) + 1, bbox=[1, 1, 2, 2]))
    content["images"] = [{"id": (1 << 70) + 1, "file_name": "a.png"}, {"id": 1 << 70, "file_name": "b.png"}]
    for name in ("a.png", "b.png"):
        grey(tmp_path / "images" / name, 40, 30)
    scenes, rejects = read(_source(tmp_path, content))
    assert [len(boxes(scene)) for scene in scenes] == [2, 0]
    assert rejects == []
