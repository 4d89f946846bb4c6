"""What an image was cut from, told by its name; and drawn splits that cut no such group."""

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources_files import grey, read, source, written

from sartext.core.config import CONFIG_FOLDER
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.sources import Reject, read_source
from sartext.sources.catalogue import read_entry
from sartext.sources.groups import check_tile_name, group_of
from sartext.sources.read import draw_split

VOC = {"annotations": "xml/{id}.xml", "images": "images/{id}"}
EMPTY = "<annotation><size><width>4</width><height>4</height></size></annotation>"
HRSID = "{scene}_{y0}_{y1}_{x0}_{x1}"
ENTRIES = sorted(path.stem for path in (CONFIG_FOLDER / "sources").glob("*.yaml"))


def _named(root: Path, names: list[str], **more: Any) -> tuple[list[Scene], list[Reject]]:
    for name in names:
        written(root / "xml" / f"{name}.xml", EMPTY)
        written(root / "images" / f"{name}.png", b"")
    return read(source(root, "voc", VOC, **more))


# names as publishers have them (README.md of the real samples; BRIGHT's and HRSID's own pages)
@pytest.mark.parametrize(
    ("name", "below", "group", "window"),
    [
        ("hrsid", "JPEGImages/P0094_0_800_3000_3800", "hrsid/P0094", (3000, 0, 3800, 800)),
        ("hrsid", "JPEGImages/P0119_2400_3200_6000_6800", "hrsid/P0119", (6000, 2400, 6800, 3200)),
        ("hrsid-masks", "P0123_4800_5600_4800_5600", "hrsid/P0123", (4800, 4800, 5600, 5600)),
        ("sen1-2", "s1/ROIs1158_spring_s1_90_p1008", "sen1-2/ROIs1158_spring_s1_90", None),
        ("sen1-2", "a/s1_90/ROIs1868_summer_s1_90_p5", "sen1-2/ROIs1868_summer_s1_90", None),
        ("sen1floods11", "S1/India_900498_S1Hand", "sen1floods11/India", None),
        ("bright", "post-event/bata-explosion_00000049_post_disaster", "bright/bata-explosion", None),
        ("opensarship", "S1A_1/Patch_Uint8/Visual_Other Type_x7_y8_vv", "opensarship/S1A_1", None),
        ("opensarship", "S1A_1/Patch/Cargo_x7_y8", "opensarship/S1A_1", None),
        ("ssdd", "images/train/000001", None, None),
    ],
)
def test_names_of_real_images_say_what_they_were_cut_from(
    name: str, below: str, group: str | None, window: tuple[int, ...] | None
) -> None:
    assert group_of(read_entry(CONFIG_FOLDER / "sources" / f"{name}.yaml"), below) == (group, window)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_tile_name_of_every_entry_is_sound(name: str) -> None:
    check_tile_name(read_entry(CONFIG_FOLDER / "sources" / f"{name}.yaml"))


def test_scenes_get_their_group_and_window_and_others_a_note(tmp_path: Path) -> None:
    bad = ["P0001_0_4_0", "P0001_0_4_0_4b", "P0001_4_4_0_4", "P0001_0_4_8_4", "P0001_0_4_0_9999999999"]
    scenes, rejects = _named(tmp_path, ["P0001_0_4_8_12", "P_2_0_4_8_12", *bad], tile_name=HRSID)
    assert {Path(scene.image).stem: (scene.group, scene.window) for scene in scenes} == {
        "P0001_0_4_8_12": ("tiny/P0001", (8, 0, 12, 4)),
        "P_2_0_4_8_12": ("tiny/P_2", (8, 0, 12, 4)),
        **dict.fromkeys(bad, (None, None)),
    }
    assert [entry.kind for entry in rejects] == ["note"] * len(bad)
    said = {entry.file: entry.reason for entry in rejects}
    assert (
        "'P0001_0_4_0' is not like '{scene}_{y0}_{y1}_{x0}_{x1}' (tile_name)" in said["xml/P0001_0_4_0.xml"]
    )
    assert "x1: expected a whole number, found '4b'" in said["xml/P0001_0_4_0_4b.xml"]
    assert "found x 8 to 4 and y 0 to 4" in said["xml/P0001_0_4_8_4.xml"]
    assert "x 0 to 4 and y 4 to 4" in said["xml/P0001_4_4_0_4.xml"]


def test_the_larger_scenes_may_be_another_source_s(tmp_path: Path) -> None:
    scenes, _ = _named(tmp_path, ["P0001_0_4_8_12"], tile_name=HRSID, tiles_of="hrsid")
    assert scenes[0].group == "hrsid/P0001"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tile_name": "{id}_{x0}"}, "tile_name: expected {scene} in '{id}_{x0}'"),
        ({"tile_name": "{scene}_{x0}_{x1}_{y0}"}, "tile_name: expected {y1} in '{scene}_{x0}_{x1}_{y0}'"),
        ({"tile_name": "{scene"}, "tile_name: unpaired brace"),
        ({"tile_name": "../{scene}"}, "tile_name: expected a path below the source's root"),
        ({"tiles_of": "hrsid"}, "tile_name: missing, but 'tiles_of' is given"),
    ],
)
def test_a_mistake_in_the_pattern_stops_in_one_line(tmp_path: Path, more: dict[str, str], said: str) -> None:
    with pytest.raises(UserError) as error:
        _named(tmp_path, ["a"], **more)
    assert f"source tiny: {said}" in str(error.value)
    assert "\n" not in str(error.value)


def _number(seed: int, name: str) -> float:
    """The draw as it was before there were groups, in other words."""
    digest = hashlib.sha256("\x1f".join(["sources", "split", str(seed), name]).encode()).digest()
    return (int.from_bytes(digest[:8], "little") >> 1) / 2**63


@given(st.text(min_size=1), st.integers(0, 99), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_scene_without_a_group_is_drawn_as_ever(name: str, seed: int, val: float, test: float) -> None:
    number = _number(seed, name)
    expected = "test" if number < test else "val" if number < test + val else "train"
    assert draw_split(None, {}, seed, name, val, test) == expected
    expected = "val" if number < val else "train"
    assert draw_split("train", {"train": "a"}, seed, name, val, test) == expected


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40),
    st.integers(0, 99),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
)
def test_no_group_lies_in_two_drawn_splits(
    images: list[tuple[int, bool]], seed: int, val: float, test: float
) -> None:
    drawn: dict[int, set[str]] = defaultdict(set)
    of_train: dict[int, set[str]] = defaultdict(set)
    for position, (group, official) in enumerate(images):
        where = of_train if official else drawn
        where[group].add(
            draw_split(
                "train" if official else None,
                {"train": "a"} if official else {},
                seed,
                f"s/{position}",
                val,
                test,
                f"s/P{group}",
            )
        )
    assert all(len(splits) == 1 for splits in [*drawn.values(), *of_train.values()])
    for group in drawn.keys() & of_train.keys():
        # what both draw is the same; a test group that the other source calls train is the audit's to drop
        assert (drawn[group] == {"val"}) == (of_train[group] == {"val"})


def test_splits_of_a_source_are_drawn_by_group_in_their_shares(tmp_path: Path) -> None:
    names = [f"P{scene:04}_{row}_{row + 4}_0_4" for scene in range(150) for row in (0, 3)]
    scenes, _ = _named(tmp_path, names, tile_name=HRSID)
    splits: dict[str | None, set[str]] = defaultdict(set)
    for scene in scenes:
        splits[scene.group].add(scene.split)
    assert len(splits) == 150
    assert all(len(found) == 1 for found in splits.values())
    counts = [sum(found == {split} for found in splits.values()) for split in ("val", "test")]
    assert all(15 <= count <= 45 for count in counts)  # 150 draws of 0.2


def test_official_splits_win_and_val_is_drawn_from_train_by_group(tmp_path: Path) -> None:
    for split, rows in (("train", (0, 3, 6)), ("test", (9,))):
        for scene in range(60):
            for row in rows:
                name = f"P{scene:04}_{row}_{row + 4}_0_4"
                written(tmp_path / split / f"{name}.xml", EMPTY)
                grey(tmp_path / "images" / f"{name}.png", 4, 4)
    layout = {"annotations": "{split}/{id}.xml", "images": "images/{id}"}
    given = source(
        tmp_path, "voc", layout, splits={"train": "train", "test": "test"}, tile_name=HRSID, limit=None
    )
    scenes, _ = read_source(given, 0, 0.25, 0.1)
    assert {Path(scene.image).stem.split("_")[1] for scene in scenes if scene.split == "test"} == {"9"}
    of_train: dict[str | None, list[str]] = defaultdict(list)
    for scene in scenes:
        if scene.split != "test":
            of_train[scene.group].append(scene.split)
    assert all(len(found) == 3 and len(set(found)) == 1 for found in of_train.values())
    assert 5 <= sum(found[0] == "val" for found in of_train.values()) <= 27  # 60 draws of 0.25
