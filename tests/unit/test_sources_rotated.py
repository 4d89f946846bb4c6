"""Rotated boxes in VOC xml: the upright box around the four corners, with the same centre."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources_files import grey, read, source, written

from sartext.core.records import Scene
from sartext.sources import Reject
from sartext.sources.voc import read_voc_file

LAYOUT = {"annotations": "{id}.xml", "images": "{id}"}


def _xml(*objects: str) -> str:
    return f"<annotation><size><width>400</width><height>300</height></size>{''.join(objects)}</annotation>"


def _object(tag: str, **values: Any) -> str:
    numbers = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return f"<object><name>vehicle</name><{tag}>{numbers}</{tag}></object>"


def _read(root: Path, *objects: str) -> tuple[Scene, list[Reject]]:
    written(root / "a.xml", _xml(*objects))
    grey(root / "a.png", 400, 300)
    scenes, rejects = read(source(root, "voc", LAYOUT))
    return scenes[0], rejects


CORNERS = {"x1": 100, "y1": 80, "x2": 120, "y2": 100, "x3": 90, "y3": 130, "x4": 70, "y4": 110}
HALF = 20 * math.sqrt(2) / 2
FORMS = {
    # a square of side 20 turned by 45 degrees around (95, 105), three ways of saying so
    "roLabelImg": (
        _object("robndbox", cx=95, cy=105, w=20, h=20, angle=math.pi / 4),
        (95 - HALF, 105 - HALF, 2 * HALF, 2 * HALF),
    ),
    "SSDD and RSDD, by angle": (
        _object(
            "rotated_bndbox",
            rotated_bbox_cx=95,
            rotated_bbox_cy=105,
            rotated_bbox_w=20,
            rotated_bbox_h=20,
            rotated_bbox_theta=45,
        ),
        (95 - HALF, 105 - HALF, 2 * HALF, 2 * HALF),
    ),
    "a rectangle turned by a quarter": (
        _object("robndbox", cx=100, cy=50, w=40, h=10, angle=math.pi / 2),
        (95, 30, 10, 40),
    ),
    "corners": (_object("rotated_bbox", **CORNERS), (70, 80, 50, 50)),
    "corners in a bndbox": (_object("bndbox", **CORNERS), (70, 80, 50, 50)),
    "corners beside an angle": (
        _object("rotated_bndbox", rotated_bbox_cx=1, rotated_bbox_theta=3, **CORNERS),
        (70, 80, 50, 50),
    ),
}


@pytest.mark.parametrize(("xml", "expected"), FORMS.values(), ids=list(FORMS))
def test_the_box_is_drawn_around_the_corners(
    tmp_path: Path, xml: str, expected: tuple[float, float, float, float]
) -> None:
    scene, rejects = _read(tmp_path, xml)
    assert rejects == []
    (box,) = scene.boxes
    assert (box.x, box.y, box.width, box.height) == pytest.approx(expected)
    assert box.label == "vehicle"


def test_sides_of_a_long_box_that_is_turned_a_little(tmp_path: Path) -> None:
    scene, _ = _read(tmp_path, _object("robndbox", cx=200, cy=150, w=100, h=2, angle=math.radians(30)))
    (box,) = scene.boxes
    width = 100 * math.cos(math.radians(30)) + 2 * math.sin(math.radians(30))
    height = 100 * math.sin(math.radians(30)) + 2 * math.cos(math.radians(30))
    assert (box.width, box.height) == pytest.approx((width, height))


@given(
    st.floats(150, 250),
    st.floats(120, 180),
    st.floats(1, 100),
    st.floats(1, 100),
    st.floats(-10, 10),
)
def test_the_centre_stays_and_all_corners_touch(
    tmp_path_factory: pytest.TempPathFactory, x: float, y: float, width: float, height: float, angle: float
) -> None:
    path = written(
        tmp_path_factory.mktemp("voc") / "a.xml",
        _xml(_object("robndbox", cx=x, cy=y, w=width, h=height, angle=angle)),
    )
    (entry,) = read_voc_file(path, "a.xml", [])
    (box,) = entry.boxes
    assert (box.x + box.width / 2, box.y + box.height / 2) == pytest.approx((x, y))
    # the corners by a rotation matrix
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corners = (turn @ np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]] * np.array([[width / 2], [height / 2]]))).T
    reach = corners.max(axis=0) - corners.min(axis=0)
    assert (box.width, box.height) == pytest.approx(tuple(reach))


def test_an_upright_box_beside_a_rotated_one_is_the_publisher_s_own(tmp_path: Path) -> None:
    upright = "<bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30</xmax><ymax>50</ymax></bndbox>"
    both = _object("rotated_bndbox", **CORNERS).replace("</name>", f"</name>{upright}")
    scene, rejects = _read(tmp_path, both)
    assert [(box.x, box.y, box.width, box.height) for box in scene.boxes] == [(10, 20, 20, 30)]
    assert rejects == []


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (_object("robndbox", cx=1, cy=2, w=3, h=4), "robndbox.theta: '' is no number"),
        (_object("robndbox", cx=1, cy=2, w=3, h="x", angle=0), "robndbox.h: 'x' is no number"),
        (_object("robndbox", cx=1, cy=2, w=3, h=4, angle="inf"), "robndbox: expected finite numbers"),
        (_object("rotated_bbox", **{**CORNERS, "y3": "nan"}), "rotated_bbox: expected finite numbers"),
        (_object("bndbox"), "bndbox.xmin: '' is no number"),
        (_object("polygon"), "bndbox: missing; expected xmin, ymin, xmax, ymax, or a rotated box"),
    ],
)
def test_a_faulty_rotated_box_is_set_aside_and_its_scene_is_not_counted(
    tmp_path: Path, xml: str, said: str
) -> None:
    scene, rejects = _read(tmp_path, _object("bndbox", **CORNERS), xml)
    assert len(scene.boxes) == 1
    assert not scene.annotated
    assert [(entry.file, entry.record, entry.kind) for entry in rejects] == [("a.xml", "object 1", "box")]
    assert said in rejects[0].reason
