"""Masks: shares of cover, boxes of components and of instances."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from sources_files import boxes, colours, grey, read, source, written

from sartext.core.errors import UserError
from sartext.sources.masks import component_boxes, mask_classes, semantic_content

LAYOUT = {"images": "SAR/{id}", "masks": "LAB/{id}"}
WATER, LAND, NOTHING = [0, 0, 255], [0, 255, 0], [0, 0, 0]


def _source(root: Path, mask: Any, **more: Any) -> Any:
    grey(root / "SAR" / "a.png", mask.shape[1], mask.shape[0])
    colours(root / "LAB" / "a.png", mask)
    given: dict[str, Any] = {"classes": {"water": WATER, "land": LAND}, "background": [NOTHING], **more}
    layout = given.pop("layout", LAYOUT)
    return source(root, "mask", layout, **given)


def _painted() -> Any:
    mask = np.zeros((10, 20, 3), np.uint8)
    mask[:5] = WATER  # 100 of 200 pixels
    mask[5:, :4] = LAND  # 20
    return mask


def test_shares_are_of_valid_pixels_and_background_counts_among_them(tmp_path: Path) -> None:
    scenes, rejects = read(_source(tmp_path, _painted()))
    assert rejects == []
    assert scenes[0].cover == {"water": 0.5, "land": 0.1}
    assert (scenes[0].boxes, scenes[0].width, scenes[0].height) == ((), 20, 10)


def test_ignored_pixels_are_left_out_of_the_shares(tmp_path: Path) -> None:
    scenes, _ = read(_source(tmp_path, _painted(), background=[], ignore=[NOTHING]))
    assert scenes[0].cover == pytest.approx({"water": 100 / 120, "land": 20 / 120})


def test_a_mask_of_nothing_but_no_data_is_set_aside(tmp_path: Path) -> None:
    mask = np.zeros((4, 4, 3), np.uint8)
    scenes, rejects = read(_source(tmp_path, mask, background=[], ignore=[NOTHING]))
    assert scenes == []
    assert "no valid pixel" in rejects[0].reason


def test_a_colour_that_means_nothing_is_named(tmp_path: Path) -> None:
    mask = _painted()
    mask[9, 19] = [1, 2, 3]
    scenes, rejects = read(_source(tmp_path, mask))
    assert scenes == []
    assert "holds [1, 2, 3], 0.50% of its pixels" in rejects[0].reason
    assert rejects[0].file == "LAB/a.png"


def test_whole_numbers_in_a_palette_and_colours_of_the_same_palette(tmp_path: Path) -> None:
    indices = np.zeros((10, 20), np.uint8)
    indices[:5], indices[5:, :4] = 1, 2
    image = Image.fromarray(indices, "P")
    image.putpalette(NOTHING + WATER + LAND)
    grey(tmp_path / "SAR" / "a.png", 20, 10)
    (tmp_path / "LAB").mkdir()
    image.save(tmp_path / "LAB" / "a.png")
    for values in ({"water": 1, "land": 2}, {"water": WATER, "land": LAND}):
        background: list[Any] = [0] if values["water"] == 1 else [NOTHING]
        scenes, _ = read(source(tmp_path, "mask", LAYOUT, classes=values, background=background))
        assert scenes[0].cover == {"water": 0.5, "land": 0.1}


def test_negative_values_of_a_float_raster_and_its_holes(tmp_path: Path) -> None:
    import rasterio

    codes = np.array([[-1, 0, 0, 1], [np.nan, 0, 1, 1]], np.float32)
    (tmp_path / "LAB").mkdir()
    place = rasterio.Affine(10, 0, 0, 0, -10, 0)
    with rasterio.open(
        tmp_path / "LAB" / "a.tif", "w", driver="GTiff", width=4, height=2, count=1, dtype="float32",
        transform=place,
    ) as raster:  # fmt: skip
        raster.write(codes, 1)
    grey(tmp_path / "SAR" / "a.png", 4, 2)
    config = source(tmp_path, "mask", LAYOUT, classes={"land": 0, "water": 1}, ignore=[-1])
    scenes, _ = read(config)
    assert scenes[0].cover == {"land": 0.5, "water": 0.5}


@pytest.mark.parametrize(
    ("more", "cover"),
    [
        ({"classes": {"land": 1, "water": 2}}, {"land": 4 / 6, "water": 2 / 6}),
        ({"classes": {"land": 1, "water": 2}, "background": [0]}, {"land": 0.5, "water": 0.25}),
        ({"classes": {"land": 1, "water": 2, "rest": 0}}, {"land": 0.5, "water": 0.25, "rest": 0.25}),
        ({"classes": {"land": [1] * 3, "water": [2] * 3}}, {"land": 4 / 6, "water": 2 / 6}),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_rasters_own_no_data_is_not_counted_unless_it_means_something(
    tmp_path: Path, more: dict[str, Any], cover: dict[str, float], dtype: str
) -> None:
    import rasterio

    codes = np.array([[1, 1, 1, 1], [2, 2, 0, 0]], dtype)
    (tmp_path / "LAB").mkdir()
    place = rasterio.Affine(10, 0, 0, 0, -10, 0)
    with rasterio.open(
        tmp_path / "LAB" / "a.tif", "w", driver="GTiff", width=4, height=2, count=1, dtype=dtype, nodata=0,
        transform=place,
    ) as raster:  # fmt: skip
        raster.write(codes, 1)
    grey(tmp_path / "SAR" / "a.png", 4, 2)
    scenes, rejects = read(source(tmp_path, "mask", LAYOUT, **more))
    assert rejects == []
    assert scenes[0].cover == pytest.approx(cover)


def test_named_classes_are_boxed_by_component(tmp_path: Path) -> None:
    mask = np.zeros((10, 20, 3), np.uint8)
    mask[1:3, 2:6] = LAND
    mask[3, 6] = LAND  # touches by a corner only: the same component
    mask[7:9, 15:20] = LAND
    mask[5:6, 0:2] = WATER
    config = _source(tmp_path, mask, layout={**LAYOUT, "mask_boxes": "land"})
    scenes, _ = read(config)
    assert boxes(scenes[0]) == [("land", 2, 1, 5, 3), ("land", 15, 7, 5, 2)]


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_components_against_a_flood_fill(region: Any) -> None:
    """An independent reference: flood fill over eight neighbours."""
    waiting = {(int(row), int(column)) for row, column in np.argwhere(region)}
    expected = set()
    while waiting:
        front, part = [waiting.pop()], []
        while front:
            row, column = front.pop()
            part.append((row, column))
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & waiting
            waiting -= near
            front += near
        rows, columns = [place[0] for place in part], [place[1] for place in part]
        top, left = min(rows), min(columns)
        expected.add((left, top, max(columns) - left + 1, max(rows) - top + 1, len(expected)))
    found = component_boxes(region, "ship", "m")
    assert sorted((box.x, box.y, box.width, box.height) for box in found) == sorted(
        place[:4] for place in expected
    )


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(np.int64, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(0, 3)))
def test_shares_of_all_classes_and_background_add_up_to_one(codes: Any) -> None:
    classes = mask_classes("m", {"a": 1, "b": 2}, [0, 3], [], "semantic")
    cover, _ = semantic_content(codes, np.ones(codes.shape, bool), classes, "m")
    rest = np.isin(codes, [0, 3]).mean()
    assert sum(cover.values()) + rest == pytest.approx(1)
    assert set(cover) == {name for name, value in (("a", 1), ("b", 2)) if (codes == value).any()}


def test_instances_are_boxed_by_id_even_in_pieces(tmp_path: Path) -> None:
    mask = np.zeros((12, 12, 3), np.uint8)
    mask[1:3, 1:3] = [0, 0, 128]
    mask[3:5, 1:3] = [0, 128, 0]  # touches the first: another ship all the same
    mask[8, 0] = mask[8, 11] = [128, 0, 0]  # one ship in two pieces
    grey(tmp_path / "a.png", 12, 12)
    colours(tmp_path / "a_instance_id_RGB.png", mask)
    layout = {
        "images": "{id}.png",
        "masks": "{id}_instance_id_RGB.png",
        "mask_kind": "instance",
        "mask_class": "ship",
    }
    scenes, rejects = read(source(tmp_path, "mask", layout))
    assert rejects == []
    assert [scene.scene_id for scene in scenes] == ["tiny/a"]
    assert boxes(scenes[0]) == [("ship", 1, 1, 2, 2), ("ship", 1, 3, 2, 2), ("ship", 0, 8, 12, 1)]
    assert scenes[0].cover == {}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"classes": {}}, "classes: missing"),
        ({"classes": {"water": 1, "land": LAND}}, "classes.land: whole numbers and colours are mixed"),
        ({"classes": {"water": WATER, "land": WATER}}, "is classes.water's value too"),
        ({"classes": {"water": [0, 0, 256]}}, "expected a whole number or a colour"),
        ({"classes": {"water": "blue"}}, "expected a whole number or a colour"),
        ({"background": [WATER]}, "background: [0, 0, 255] is classes.water's value too"),
        ({"layout": {**LAYOUT, "mask_kind": "panoptic"}}, "expected semantic or instance"),
        ({"layout": {**LAYOUT, "mask_kind": "instance"}}, "needs the class of its objects"),
        ({"layout": {**LAYOUT, "mask_boxes": "whale"}}, "mask_boxes: 'whale' is none of water, land"),
        ({"layout": {**LAYOUT, "mask_king": "instance"}}, "layout.mask_king: unknown key of format mask"),
        ({"layout": {"images": "SAR", "masks": "LAB/{id}"}}, "layout.images: expected {id}"),
    ],
)
def test_a_mistake_in_what_masks_mean_stops(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as error:
        read(_source(tmp_path, _painted(), **more))
    assert said in str(error.value)


def test_a_broken_mask_is_set_aside(tmp_path: Path) -> None:
    config = _source(tmp_path, _painted())
    whole = (tmp_path / "LAB" / "a.png").read_bytes()
    written(tmp_path / "LAB" / "b.png", whole[: len(whole) // 2])
    written(tmp_path / "LAB" / "c.png", b"no image")
    for name in "bc":
        grey(tmp_path / "SAR" / f"{name}.png", 20, 10)
    scenes, rejects = read(config)
    assert len(scenes) == 1
    assert [entry.file for entry in rejects] == ["LAB/b.png", "LAB/c.png"]
