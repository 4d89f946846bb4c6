"""YOLO and DOTA label files."""

from pathlib import Path

import pytest
from sources_files import boxes, grey, read, source, written

from sartext.core.errors import UserError

LAYOUT = {"annotations": "labels/{id}.txt", "images": "images/{id}"}


def test_yolo_shares_become_pixels(tmp_path: Path) -> None:
    grey(tmp_path / "images" / "a.png", 200, 100)
    written(tmp_path / "labels" / "classes.txt", "ship\n")
    # half of 200x100 around the middle, and a triangle
    written(tmp_path / "labels" / "a.txt", "\ufeff0 0.5 0.5 0.5 0.5\n\n1 0.1 0.2 0.3 0.2 0.3 0.6\n")
    config = source(tmp_path, "yolo", LAYOUT, classes={"0": "ship", "1": "bridge"})
    scenes, rejects = read(config)
    assert rejects == []
    (ship, bridge) = boxes(scenes[0])
    assert ship == ("ship", 50, 25, 100, 50)
    assert bridge[0] == "bridge"
    assert bridge[1:] == pytest.approx((20, 20, 40, 40))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 50 25 100 50", "not shares"),
        ("0 0.5 0.5 0.5", "3 numbers"),
        ("0 0.5 0.5 0.5 wide", "expected numbers"),
        ("ship 0.5 0.5 0.5 0.5", "expected an index"),
        ("7 0.5 0.5 0.5 0.5", "class '7' is unknown"),
        ("0 nan 0.5 0.5 0.5", "finite"),
        ("0 0.5 0.5 0 0.5", "no area"),
    ],
)
def test_a_faulty_yolo_line_is_set_aside(tmp_path: Path, line: str, said: str) -> None:
    grey(tmp_path / "images" / "a.png", 20, 10)
    written(tmp_path / "labels" / "a.txt", f"{line}\n0 0.5 0.5 0.5 0.5\n")
    scenes, rejects = read(source(tmp_path, "yolo", LAYOUT, classes={"0": "ship"}))
    assert boxes(scenes[0]) == [("ship", 5, 2.5, 10, 5)]
    assert [entry.record for entry in rejects] == ["line 1"]
    assert said in rejects[0].reason


def test_an_empty_yolo_file_says_that_nothing_is_there(tmp_path: Path) -> None:
    grey(tmp_path / "images" / "a.png", 20, 10)
    written(tmp_path / "labels" / "a.txt", "")
    scenes, _ = read(source(tmp_path, "yolo", LAYOUT, classes={"0": "ship"}))
    assert scenes[0].annotated
    assert scenes[0].boxes == ()


def test_yolo_needs_its_classes(tmp_path: Path) -> None:
    written(tmp_path / "labels" / "a.txt", "")
    with pytest.raises(UserError, match="classes: missing; YOLO files hold indices only"):
        read(source(tmp_path, "yolo", LAYOUT))


def test_dota_corners_are_boxed_and_its_header_gives_the_resolution(tmp_path: Path) -> None:
    grey(tmp_path / "images" / "a.png", 100, 100)
    grey(tmp_path / "images" / "b.png", 100, 100)
    text = "imagesource:GoogleEarth\ngsd:0.5\n10.0 20.0 30.0 10.0 40.0 30.0 20.0 40.0 vehicle 0\n"
    written(tmp_path / "labels" / "a.txt", text)
    written(tmp_path / "labels" / "b.txt", "gsd:null\n1 2 3 vehicle\n5 5 9 5 9 9 5 nan ship 1\n")
    scenes, rejects = read(source(tmp_path, "dota", LAYOUT))
    assert boxes(scenes[0]) == [("vehicle", 10, 10, 30, 30)]
    assert scenes[0].resolution_m == 0.5
    assert scenes[1].resolution_m is None
    assert ["eight coordinates" in rejects[0].reason, "finite" in rejects[1].reason] == [True, True]


def test_a_label_file_in_another_encoding_is_set_aside(tmp_path: Path) -> None:
    grey(tmp_path / "images" / "a.png", 10, 10)
    written(tmp_path / "labels" / "a.txt", "0 0.5 0.5 0.5 0.5".encode("utf-16"))
    scenes, rejects = read(source(tmp_path, "yolo", LAYOUT, classes={"0": "ship"}))
    assert scenes == []
    assert "UTF-8" in rejects[0].reason
