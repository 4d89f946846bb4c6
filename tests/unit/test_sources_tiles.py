"""Large images: cut without overlap, nothing lost, nothing counted twice."""

import csv
import json
import pickle
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from sources_files import boxes, colours, grey, source, written

from sartext.core.config import Config, SourceConfig, parse_config
from sartext.core.errors import UserError
from sartext.core.files import sha256_file
from sartext.core.records import Box, Scene
from sartext.core.tables import read_scenes
from sartext.sources import decode_image, ingest
from sartext.sources.hashes import hash_image
from sartext.sources.masks import mask_classes, window_covers
from sartext.sources.tiles import boxes_of_tiles, cut_scene, grid, is_large

SIDES = st.integers(1, 300)
MASKS = {"images": "SAR/{id}", "masks": "LAB/{id}"}
OUT = Path("results/smoke/tiles")


@pytest.fixture
def config(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Images above 400 pixels are cut, no tile's side is above 20. Results go to the test's own folder."""
    raw = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    raw["images"] = {"size": 8, "max_rejected_share": 0.4, "max_pixels": 400}
    monkeypatch.chdir(tmp_path)
    return parse_config(raw, "test.yaml")


def _changed(config: Config, **images: Any) -> Config:
    return config.model_copy(update={"images": config.images.model_copy(update=images)})


def _coco(
    root: Path, images: dict[str, tuple[int, int]], found: dict[str, list[list[float]]]
) -> SourceConfig:
    records = []
    for number, (name, (width, height)) in enumerate(images.items()):
        grey(root / "images" / name, width, height, value=number)
        records.append({"id": number, "file_name": name, "width": width, "height": height})
    ids = {name: number for number, name in enumerate(images)}
    every = [(name, box) for name, of_one in found.items() for box in of_one]
    annotations = [
        {"id": number, "image_id": ids[name], "category_id": 1, "bbox": box}
        for number, (name, box) in enumerate(every)
    ]
    categories = [{"id": 1, "name": "ship"}]
    written(root / "a.json", {"images": records, "annotations": annotations, "categories": categories})
    return source(root, "coco", {"annotations": "a.json", "images": "images"})


def _ingested(given: SourceConfig, config: Config, processes: int = 1) -> dict[str, Scene]:
    ingest(given, config, Path("out"), processes)
    return {scene.scene_id: scene for scene in read_scenes("out/scenes.parquet")}


def _summary() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path("out/summary.json").read_text())
    return content


def _rejects() -> list[tuple[str, str, str]]:
    with Path("out/rejects.csv").open(newline="", encoding="utf-8") as stream:
        return [(row["file"], row["kind"], row["reason"]) for row in csv.DictReader(stream)]


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_scenes_of_whu_opt_sar_are_cut_as_the_paper_s_rule_says() -> None:
    windows = grid(5556, 3704, 4_000_000).windows
    assert windows[:4] == [
        (0, 0, 1852, 1852),
        (1852, 0, 3704, 1852),
        (3704, 0, 5556, 1852),
        (0, 1852, 1852, 3704),
    ]
    assert len(windows) == 6
    # MSAR's largest
    assert [window[2:] for window in grid(2048, 2048, 4_000_000).windows] == [
        (1024, 1024),
        (2048, 1024),
        (1024, 2048),
        (2048, 2048),
    ]


@given(SIDES, SIDES, st.integers(1, 10_000))
def test_tiles_cover_every_pixel_once_and_are_few_and_alike(width: int, height: int, limit: int) -> None:
    cells = grid(width, height, limit)
    covered = np.zeros((height, width), np.int64)
    for left, top, right, bottom in cells.windows:
        covered[top:bottom, left:right] += 1
    assert (covered == 1).all()
    side = int(np.sqrt(limit))
    for edges, length in ((cells.columns, width), (cells.rows, height)):
        sides = np.diff(edges)
        assert 0 < sides.min() <= sides.max() <= min(side, sides.min() + 1)
        assert len(sides) == -(-length // side)  # fewer would need a longer side


BOXES = st.lists(
    st.tuples(
        st.floats(0, 99),
        st.floats(0, 79),
        st.floats(0.01, 120),
        st.floats(0.01, 120),
        st.sampled_from(["ship", "bridge"]),
    ),
    max_size=30,
)


@given(BOXES, st.integers(100, 8000))
def test_objects_go_to_the_tile_of_their_centre_and_counts_add_up(
    drawn: list[tuple[float, float, float, float, str]], limit: int
) -> None:
    whole = [
        Box(label, x, y, min(width, 100 - x), min(height, 80 - y)) for x, y, width, height, label in drawn
    ]
    cells = grid(100, 80, limit)
    tiles = boxes_of_tiles(whole, cells)
    assert Counter(box.label for of_one in tiles for box in of_one) == Counter(box.label for box in whole)
    for (left, top, right, bottom), of_one in zip(cells.windows, tiles, strict=True):
        inside = [box for box in whole if left <= box.centre[0] < right and top <= box.centre[1] < bottom]
        assert len(of_one) == len(inside)
        for box, parent in zip(of_one, inside, strict=True):
            assert box.width > 0
            assert box.height > 0
            edges = (box.x, box.y, box.x + box.width, box.y + box.height)
            assert edges == pytest.approx(
                (
                    max(parent.x, left) - left,
                    max(parent.y, top) - top,
                    min(parent.x + parent.width, right) - left,
                    min(parent.y + parent.height, bottom) - top,
                ),
                abs=1e-9,
            )
            assert edges[2] <= right - left + 1e-9
            assert edges[3] <= bottom - top + 1e-9


@settings(max_examples=50)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.sampled_from([0, 1, 2, 9])
    ),
    st.integers(4, 400),
)
def test_shares_of_tiles_add_up_to_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, mask: Any, limit: int
) -> None:
    path = tmp_path_factory.mktemp("mask") / "m.png"
    Image.fromarray(mask).save(path)
    classes = mask_classes("x", {"water": 1, "land": 2}, [0], [9], "semantic")
    windows = grid(mask.shape[1], mask.shape[0], limit).windows
    covers = window_covers(path, classes, windows)
    sums = {"water": 0.0, "land": 0.0}
    for (left, top, right, bottom), cover in zip(windows, covers, strict=True):
        part = mask[top:bottom, left:right]
        valid = int((part != 9).sum())
        assert (cover is None) == (valid == 0)
        for name, value in (("water", 1), ("land", 2)):
            share = (cover or {}).get(name, 0.0)
            assert (name in (cover or {})) == bool((part == value).any())
            sums[name] += share * valid
    assert sums == pytest.approx({"water": (mask == 1).sum(), "land": (mask == 2).sum()})


def test_a_large_image_is_replaced_by_its_tiles_and_others_are_left(tmp_path: Path, config: Config) -> None:
    ships = [[3, 4, 4, 4], [17, 2, 6, 3], [18, 15, 5, 8], [38, 28, 1, 1]]
    given = _coco(
        tmp_path / "s", {"b.png": (40, 30), "a.png": (20, 20)}, {"b.png": ships, "a.png": ships[:1]}
    )
    scenes = _ingested(given.model_copy(update={"expected_images": 2, "expected_boxes": 5}), config)
    assert list(scenes) == [
        "tiny/images/a",
        "tiny/images/b__0_0",
        "tiny/images/b__0_15",
        "tiny/images/b__20_0",
        "tiny/images/b__20_15",
    ]
    small = scenes.pop("tiny/images/a")
    assert (small.image, small.group, small.window) == (str(tmp_path / "s/images/a.png"), None, None)
    # the second ship's centre is on the edge: the later tile has it, clipped; the third's is lower right
    assert [boxes(scene) for scene in scenes.values()] == [
        [("ship", 3, 4, 4, 4)],
        [],
        [("ship", 0, 2, 3, 3)],
        [("ship", 0, 0, 3, 8), ("ship", 18, 13, 1, 1)],
    ]
    assert {scene.group for scene in scenes.values()} == {"tiny/images/b"}
    assert [scene.window for scene in scenes.values()] == [
        (0, 0, 20, 15),
        (0, 15, 20, 30),
        (20, 0, 40, 15),
        (20, 15, 40, 30),
    ]
    whole = decode_image(tmp_path / "s/images/b.png", config.images)
    with Path("out/hashes.csv").open(newline="") as stream:
        hashes = {row["scene_id"]: row["sha256"] for row in csv.DictReader(stream)}
    for name, scene in scenes.items():
        assert Path(scene.image).is_relative_to(OUT / "tiny")
        tile = decode_image(Path(scene.image), config.images)
        left, top, right, bottom = scene.window or (0, 0, 0, 0)
        np.testing.assert_array_equal(tile, whole[top:bottom, left:right])
        assert tile.shape[:2] == (scene.height, scene.width) == (15, 20)
        assert hashes[name] == hash_image(tile).sha256
    summary = _summary()
    assert (summary["read"], summary["tiled"], summary["tiles"]) == (5, 1, 4)
    assert summary["boxes"] == {"ship": 5}
    assert not summary["differs_from_expected"]
    assert not summary["boxes_differ_from_expected"]
    assert summary["megapixels"] == pytest.approx((40 * 30 + 20 * 20) / 1e6)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_a_raster_of_16_bits_is_stretched_as_a_whole(tmp_path: Path, config: Config) -> None:
    import rasterio

    dark = np.random.default_rng(0).integers(10, 40, (30, 40)).astype(np.uint16)
    dark[:, 20:] *= 200  # a tile of its own would be stretched to the full range, whatever its level
    path = tmp_path / "s" / "SAR" / "a.tif"
    path.parent.mkdir(parents=True)
    with rasterio.open(path, "w", driver="GTiff", width=40, height=30, count=1, dtype="uint16") as raster:
        raster.write(dark, 1)
    mask = np.ones((30, 40), np.uint8)
    colours(tmp_path / "s" / "LAB" / "a.png", mask)
    scenes = _ingested(source(tmp_path / "s", "mask", MASKS, classes={"water": 1}), config)
    whole = decode_image(path, config.images)
    assert len(scenes) == 4
    for scene in scenes.values():
        left, top, right, bottom = scene.window or (0, 0, 0, 0)
        tile = np.asarray(Image.open(scene.image))
        assert tile.dtype == np.uint8
        np.testing.assert_array_equal(tile, whole[top:bottom, left:right, 0])
    assert np.asarray(Image.open(scenes["tiny/SAR/a__0_0"].image)).max() < 10


def _masked(root: Path, **more: Any) -> SourceConfig:
    """Left half water (a lake of 10 pixels across the cut), right half ignored but for one column of land."""
    mask = np.zeros((30, 40), np.uint8)
    mask[:, :20] = 1
    mask[14:16, 5:10] = 3
    mask[:, 20:] = 9
    mask[:15, 39] = 2
    grey(root / "SAR" / "a.png", 40, 30)
    colours(root / "LAB" / "a.png", mask)
    classes = {"water": 1, "land": 2, "lake": 3}
    return source(
        root, "mask", {**MASKS, **more}, classes=classes, background=[0], ignore=[9], branches=["sa2c"]
    )


def test_each_tile_has_the_cover_of_its_part_and_whole_objects_of_the_mask(
    tmp_path: Path, config: Config
) -> None:
    scenes = _ingested(_masked(tmp_path / "s", mask_boxes="lake"), config)
    covers = {name.removeprefix("tiny/SAR/a__"): scene.cover for name, scene in scenes.items()}
    assert covers == {
        "0_0": pytest.approx({"water": 295 / 300, "lake": 5 / 300}),
        "0_15": pytest.approx({"water": 295 / 300, "lake": 5 / 300}),
        "20_0": {"land": 1.0},
        "20_15": {},
    }
    # the lake lies in two tiles and is one object: its centre is on the cut, the lower tile has it
    found = {name.removeprefix("tiny/SAR/a__"): boxes(scene) for name, scene in scenes.items()}
    assert found == {"0_0": [], "0_15": [("lake", 5, 0, 5, 1)], "20_0": [], "20_15": []}
    # where the mask says nothing, nothing is known: not even that there is no lake
    assert [scene.annotated for scene in scenes.values()] == [True, True, True, False]


def test_objects_of_an_instance_mask_are_boxed_as_wholes(tmp_path: Path, config: Config) -> None:
    mask = np.zeros((30, 40, 3), np.uint8)
    mask[3:6, 18:26] = (0, 0, 7)  # across the cut at 20, most of it right
    mask[20:22, 2:4] = (0, 9, 0)
    grey(tmp_path / "s" / "SAR" / "a.png", 40, 30)
    colours(tmp_path / "s" / "LAB" / "a.png", mask)
    layout = {**MASKS, "mask_kind": "instance", "mask_class": "ship"}
    scenes = _ingested(source(tmp_path / "s", "mask", layout), config)
    found = {name.removeprefix("tiny/SAR/a__"): boxes(scene) for name, scene in scenes.items()}
    assert found == {"0_0": [], "0_15": [("ship", 2, 5, 2, 2)], "20_0": [("ship", 0, 3, 6, 3)], "20_15": []}
    assert all(scene.annotated and not scene.cover for scene in scenes.values())


def test_twins_are_cut_with_their_images(tmp_path: Path, config: Config) -> None:
    root = tmp_path / "s"
    pixels = np.random.default_rng(1).integers(0, 256, (30, 40, 3))
    grey(root / "sar1.png", 40, 30)
    colours(root / "opt1.png", pixels)
    grey(root / "sar2.png", 20, 20)
    colours(root / "opt2.png", pixels[:20, :20])
    given = source(root, "pairs", {"sar": "sar{id}.png", "optical": "opt{id}.png"})
    scenes = _ingested(given, config)
    assert len(scenes) == 5
    assert np.load("out/twins.npy").shape == (5, 8, 8, 3)
    for scene in scenes.values():
        assert not scene.annotated
        if scene.window is not None:
            left, top, right, bottom = scene.window
            twin = np.asarray(Image.open(scene.twin or ""))
            np.testing.assert_array_equal(twin, pixels[top:bottom, left:right])
            assert Path(scene.twin or "").is_relative_to(OUT / "tiny")


def test_a_twin_of_another_size_loses_the_whole_image_once(tmp_path: Path, config: Config) -> None:
    root = tmp_path / "s"
    for number in (1, 2, 3):
        grey(root / f"sar{number}.png", 40, 30)
        colours(root / f"opt{number}.png", np.zeros((30, 40 if number > 1 else 39, 3)))
    given = source(root, "pairs", {"sar": "sar{id}.png", "optical": "opt{id}.png"}, expected_images=3)
    scenes = _ingested(given, config)
    assert len(scenes) == 8
    assert [(file, kind) for file, kind, _ in _rejects()] == [("sar1.png", "image")]
    assert "its optical twin 39x30" in _rejects()[0][2]
    assert (_summary()["rejected"], _summary()["tiled"], _summary()["tiles"]) == (1, 2, 8)
    assert not _summary()["differs_from_expected"]


def test_lost_images_are_counted_as_wholes_and_stop_the_run(tmp_path: Path, config: Config) -> None:
    """Two of three images are lost: over the share of 0.4, though the first makes four tiles."""
    given = _coco(tmp_path / "s", {f"{name}.png": (40, 30) for name in "abc"}, {})
    _ingested(given, config)
    before = _bytes(Path("results")) | _bytes(Path("out"))
    grey(tmp_path / "s" / "images" / "a.png", 40, 30, value=200)  # its tiles would be others now
    for name in "bc":
        written(tmp_path / "s" / "images" / f"{name}.png", b"junk")
    with pytest.raises(UserError, match=r"2 of 3 images had to be set aside.*images/b\.png: cannot be"):
        ingest(given, config, Path("out"))
    # tiles and tables are still those of the run before
    assert _bytes(Path("results")) | _bytes(Path("out")) == before
    assert [path.name for path in OUT.iterdir()] == ["tiny"]


def test_the_same_bytes_again_and_by_several_processes(tmp_path: Path, config: Config) -> None:
    images = {f"{number:02}.png": (40, 30) if number % 3 == 0 else (20, 15) for number in range(60)}
    given = _coco(tmp_path / "s", images, {name: [[3, 4, 4, 4]] for name in images})
    _ingested(given, config)
    first = _bytes(Path("results")) | _bytes(Path("out"))
    assert len(_bytes(OUT)) == 80
    _ingested(given, config)
    assert _bytes(Path("results")) | _bytes(Path("out")) == first
    _ingested(given, config, processes=3)
    assert _bytes(Path("results")) | _bytes(Path("out")) == first


# the first ingest is copied, and done anew of a changed source by a child that kills itself just
# before its first, second, ... change of a name or folder, until one gets through
KILLED = """
import os, pickle, shutil, signal, sys
from pathlib import Path
from sartext.sources import ingest

CHANGES = {"os.rename", "os.remove", "os.rmdir"}
given, config = pickle.loads(Path("call.pickle").read_bytes())
ingest(given, config, Path("imported"))  # once, not by every child
for point in range(1000):
    place = Path(f"killed/{point:03}")
    shutil.copytree("first", place)
    child = os.fork()
    if child == 0:
        os.chdir(place)
        left = point

        def kill(event, arguments):
            global left
            if event in CHANGES:
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        sys.addaudithook(kill)
        ingest(given, config, Path("out"))
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def _tiles_fit(place: Path) -> bool:
    """Whether a place has scenes; if so, every image must be the one that was ingested."""
    if not (place / "out").is_dir():
        return False
    scenes = {scene.scene_id: scene for scene in read_scenes(place / "out" / "scenes.parquet")}
    with (place / "out" / "hashes.csv").open(newline="") as stream:
        rows = {row["scene_id"]: row for row in csv.DictReader(stream)}
    assert rows.keys() == scenes.keys()
    for name, scene in scenes.items():
        if scene.window is not None:
            assert sha256_file(place / scene.image) == rows[name]["file_sha256"]
            twin = np.asarray(Image.open(place / (scene.twin or "")))
            assert hash_image(twin).sha256 == rows[name]["twin_sha256"]
    return True


def test_killed_at_any_moment_scenes_have_their_tiles_and_the_next_ingest_mends_all(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "s"
    pixels = np.random.default_rng(2).integers(0, 256, (30, 40, 3))
    grey(root / "sar1.png", 40, 30, value=3)
    colours(root / "opt1.png", pixels)
    given = source(root, "pairs", {"sar": "sar{id}.png", "optical": "opt{id}.png"})
    for name, value in (("first", 3), ("second", 90)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        grey(root / "sar1.png", 40, 30, value=value)
        colours(root / "opt1.png", pixels // (1 if value == 3 else 2))
        _ingested(given, config)
    monkeypatch.chdir(tmp_path)
    undisturbed = _bytes(Path("second"))
    assert _bytes(Path("first")) != undisturbed
    Path("call.pickle").write_bytes(pickle.dumps((given, config)))
    subprocess.run([sys.executable, "-c", KILLED], check=True, timeout=120)
    places = sorted(Path("killed").iterdir())
    had_scenes = [_tiles_fit(place) for place in places]
    # between two renames of one folder alone there are none, and the next ingest makes them
    assert had_scenes.count(False) == 1
    assert len(places) > 10
    assert _bytes(places[-1]) == undisturbed
    for place in places:
        monkeypatch.chdir(tmp_path / place)
        ingest(given, config, Path("out"))
        assert _bytes(Path()) == undisturbed, place


def test_the_same_tiles_are_left_and_damaged_ones_written_again(tmp_path: Path, config: Config) -> None:
    given = _coco(tmp_path / "s", {"a.png": (40, 30)}, {})
    _ingested(given, config)
    first = _bytes(OUT)
    path = OUT / next(iter(first))
    before = path.stat().st_mtime_ns
    _ingested(given, config)
    assert path.stat().st_mtime_ns == before
    path.write_bytes(first[next(iter(first))][:-1])
    _ingested(given, config)
    assert _bytes(OUT) == first


def test_tiles_of_an_earlier_run_go_where_none_are_needed(tmp_path: Path, config: Config) -> None:
    given = _coco(tmp_path / "s", {"a.png": (40, 30)}, {})
    _ingested(given, config)
    assert (OUT / "tiny").is_dir()
    scenes = _ingested(given, _changed(config, max_pixels=1200))
    assert list(scenes) == ["tiny/images/a"]
    assert not (OUT / "tiny").exists()


def test_an_image_with_texts_of_its_own_is_kept_whole_and_said(tmp_path: Path, config: Config) -> None:
    root = tmp_path / "s"
    for name in ("a", "b"):
        colours(root / "images" / f"{name}.png", np.full((30, 40 if name == "a" else 10, 3), 90))
    images = [
        {"filename": f"{name}.png", "split": "train", "sentences": [{"raw": "a large lake"}]} for name in "ab"
    ]
    written(root / "a.json", {"images": images})
    given = source(
        root,
        "karpathy",
        {"annotations": "a.json", "images": "images"},
        modality="optical",
        splits={"train": "train"},
    )
    scenes = _ingested(given, config)
    assert [(scene.width, scene.captions) for scene in scenes.values()] == [
        (40, ("a large lake",)),
        (10, ("a large lake",)),
    ]
    reason = "has 40x30 pixels, over images.max_pixels = 400; kept whole: its texts are of the whole"
    assert _rejects() == [("images/a.png", "note", reason)]
    assert (_summary()["tiled"], _summary()["notes"]) == (0, 1)


def test_a_tile_lies_in_what_its_image_was_cut_from(tmp_path: Path, config: Config) -> None:
    images = {"P7_100_130_200_240.png": (40, 30), "P8_0_60_0_80.png": (40, 30), "other.png": (40, 30)}
    given = _coco(tmp_path / "s", images, {})
    named = given.model_copy(update={"tile_name": "{scene}_{y0}_{y1}_{x0}_{x1}"})
    scenes = _ingested(named, config)
    places = {
        name.removeprefix("tiny/images/"): (scene.group, scene.window) for name, scene in scenes.items()
    }
    assert places["P7_100_130_200_240__20_15"] == ("tiny/P7", (220, 115, 240, 130))
    # drawn at half the scale of what it was cut from
    assert places["P8_0_60_0_80__20_15"] == ("tiny/P8", (40, 30, 80, 60))
    assert places["P8_0_60_0_80__0_0"] == ("tiny/P8", (0, 0, 40, 30))
    assert places["other__20_15"] == ("tiny/images/other", (20, 15, 40, 30))
    # where in the larger scene is not said: the tile's place is not known either
    scenes = _ingested(given.model_copy(update={"tile_name": "{scene}_{id}"}), config)
    scene = scenes["tiny/images/P7_100_130_200_240__20_15"]
    assert (scene.group, scene.window) == ("tiny/P7_100_130_200", None)


def test_splits_and_limit_are_of_whole_images(tmp_path: Path, config: Config) -> None:
    images = {f"{number:02}.png": (40, 30) for number in range(40)}
    given = _coco(tmp_path / "s", images, {})
    whole = _ingested(given, _changed(config, max_pixels=1200))
    splits = defaultdict(set)
    for scene in _ingested(given, config).values():
        splits[scene.group].add(scene.split)
    assert splits == {name: {scene.split} for name, scene in whole.items()}
    assert {split for found in splits.values() for split in found} == {"train", "val", "test"}
    limited = _ingested(given.model_copy(update={"limit": 2}), config)
    assert Counter(scene.split for scene in limited.values()) == {"train": 8, "val": 8, "test": 8}


def test_an_image_that_lost_a_box_stays_without_a_whole_annotation(tmp_path: Path, config: Config) -> None:
    given = _coco(tmp_path / "s", {"a.png": (40, 30)}, {"a.png": [[3, 4, 4, 4], [3, 4, -4, 4]]})
    assert {scene.annotated for scene in _ingested(given, config).values()} == {False}


def test_a_tile_takes_no_other_image_s_name(tmp_path: Path, config: Config) -> None:
    images = {"a.png": (40, 30), "a__20_15.png": (10, 10), "b.png": (40, 30)}
    scenes = _ingested(_coco(tmp_path / "s", images, {}), config)
    assert len(scenes) == 5
    assert (scenes["tiny/images/a__20_15"].width, scenes["tiny/images/a__20_15"].group) == (10, None)
    assert [(file, kind) for file, kind, _ in _rejects()] == [("images/a.png", "image")]
    assert "would have the tile 'images/a__20_15', which is another image's name" in _rejects()[0][2]
    assert len(_bytes(OUT / "tiny")) == 4


def test_a_name_that_climbs_writes_no_tile_outside_its_folder(tmp_path: Path, config: Config) -> None:
    given = _coco(tmp_path / "s", {"a.png": (40, 30), "b.png": (40, 30)}, {})
    content = json.loads((tmp_path / "s" / "a.json").read_text())
    # it leads out of the source's folder and back: there it may be read, but not written after
    content["images"][0]["file_name"] = f"../../../{tmp_path.name}/s/images/a.png"
    written(tmp_path / "s" / "a.json", content)
    scenes = _ingested(given, _changed(config, max_rejected_share=0.5))
    assert len(scenes) == 4
    assert "tiles cannot be named" in _rejects()[0][2]
    (settled,) = (OUT / "tiny").iterdir()
    assert all(name.startswith("image/images/b__") for name in _bytes(settled))
    assert {path.name for path in OUT.iterdir()} == {"tiny"}


def test_a_tile_that_cannot_be_written_stops_in_one_line(tmp_path: Path, config: Config) -> None:
    given = _coco(tmp_path / "s", {"a.png": (40, 30)}, {})
    (scene,) = _ingested(given, _changed(config, max_pixels=10**6)).values()
    assert is_large(scene, config.images)
    long = replace(scene, scene_id="tiny/" + "n" * 250)
    with pytest.raises(UserError, match="this tile cannot be written \\(File name too long\\)") as error:
        cut_scene(long, config.images, None, None, tmp_path / "t")
    assert "\n" not in str(error.value)
