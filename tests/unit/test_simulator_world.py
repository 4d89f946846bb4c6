"""Worlds and scenes: things stand where they should, and the truth is what shows."""

import os
import subprocess
import sys

import numpy as np
import pytest

from sartext.simulator.facts import Facts, gather, place_of
from sartext.simulator.optical import Sun, sun_shadow
from sartext.simulator.plans import PLANS
from sartext.simulator.random import Draws
from sartext.simulator.scene import draw_scene
from sartext.simulator.themes import THEMES, make_world
from sartext.simulator.world import COVER_NAMES, Cover, Surface, Thing, World, empty_world

STANDS_ON = {
    "ship": {Cover.WATER},
    "aircraft": {Cover.BARE},
    "car": {Cover.BARE, Cover.ROAD},
    "storage tank": {Cover.BARE},
    "bridge": {Cover.ROAD},
    "harbor": {Cover.BUILT_UP},
}


def worlds(theme: str, size: int, count: int) -> list[World]:
    return [
        make_world(theme, size, THEMES[theme][1], Draws("worlds", theme, index)) for index in range(count)
    ]


@pytest.mark.parametrize("theme", THEMES)
def test_things_stand_where_they_should(theme: str) -> None:
    for world in worlds(theme, 96, 12):
        assert sum(world.shares().values()) == pytest.approx(1)
        for index, thing in enumerate(world.things):
            under = set(np.unique(world.cover[world.instance == index + 1]).tolist())
            assert under <= {int(cover) for cover in STANDS_ON[thing.label]}, (theme, thing)


def test_bridges_cross_water_from_bank_to_bank() -> None:
    crossed = 0
    for world in worlds("river", 96, 20):
        for index, thing in enumerate(world.things):
            if thing.label != "bridge":
                continue
            deck = world.instance == index + 1
            near = np.zeros_like(deck)
            for step in (-2, 2):
                near |= np.roll(deck, step, 0) | np.roll(deck, step, 1)
            around = set(np.unique(world.cover[near & ~deck]).tolist())
            assert int(Cover.WATER) in around
            crossed += len(around) > 1
    assert crossed > 10


def test_scenes_vary_in_count_place_and_cover() -> None:
    scenes = [draw_scene("hrsid", 0, "train", index, 64).facts for index in range(120)]
    counts = [facts.counts().get("ship", 0) for facts in scenes]
    assert {0, 1, 2, 3, 4, 5, 6, 7} <= set(counts)
    assert 0.03 < counts.count(0) / len(counts) < 0.35
    assert counts.count(1) > counts.count(4) > 0  # a long tail
    places = {item.place(64) for facts in scenes for item in facts.objects}
    assert len(places) == 9
    assert {name for facts in scenes for name in facts.cover} == set(COVER_NAMES)


@pytest.mark.parametrize("source", PLANS)
def test_what_is_listed_lies_inside_and_can_be_seen(source: str) -> None:
    for index in range(25):
        scene = draw_scene(source, 3, "test", index, 64)
        for item in scene.facts.objects:
            assert 0 <= item.x < item.x + item.width <= 64
            assert 0 <= item.y < item.y + item.height <= 64
            assert min(item.width, item.height) >= 2
            corners = np.asarray(item.outline)
            assert corners.min(axis=0).tolist() == [item.x, item.y]
            assert corners.max(axis=0).tolist() == [item.x + item.width, item.y + item.height]
            assert shoelace(corners) >= item.pixels


def shoelace(corners: np.ndarray) -> float:
    following = np.roll(corners, -1, axis=0)
    cross = corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]
    return float(abs(cross.sum()) / 2)


def test_ships_are_brighter_than_the_sea_around_them() -> None:
    ratios = []
    for index in range(40):
        scene = draw_scene("hrsid", 5, "test", index, 64)
        assert scene.sar is not None
        sea = scene.sar[(scene.world.cover == Cover.WATER) & (scene.world.instance == 0)]
        for item in scene.facts.objects:
            if item.label == "ship" and len(sea):
                box = scene.sar[item.y : item.y + item.height, item.x : item.x + item.width]
                ratios.append(box.mean() / sea.mean())
    assert np.median(ratios) > 2.5
    assert np.quantile(ratios, 0.05) > 1.1


def test_boxes_fit_a_thing_drawn_by_hand() -> None:
    world = empty_world(32, 1.0, "test")
    world.things.append(Thing("ship", 10, 8, 10, 4, 0, 3))
    world.instance[6:10, 5:15] = 1
    world.things.append(Thing("ship", 0, 0, 4, 1, 0, 3))
    world.instance[0, 20:24] = 2  # one pixel high: under two pixels is not listed
    facts = gather(world, world.instance)
    assert [(o.x, o.y, o.width, o.height, o.pixels) for o in facts.objects] == [(5, 6, 10, 4, 40)]
    assert set(facts.objects[0].outline) == {(5, 6), (15, 6), (15, 10), (5, 10)}
    assert gather(world, world.instance, (0.3, 1.0)).objects == ()  # most of it in radar shadow


def test_places_are_thirds() -> None:
    assert place_of(0, 0, 9) == "upper left"
    assert place_of(4, 4, 9) == "center"
    assert place_of(3, 8, 9) == "bottom"
    assert place_of(9, 2, 9) == "upper right"


def test_sides_name_where_a_cover_lies() -> None:
    world = empty_world(30, 1.0, "test")
    land = np.zeros((30, 30), bool)
    land[:, 22:] = True
    world.paint(land, Cover.FOREST, Surface.CANOPY)
    facts: Facts = gather(world, world.instance)
    assert facts.sides == {"forest": "right"}
    assert facts.covers() == ["water", "forest"]
    assert facts.cover["forest"] == pytest.approx(8 / 30)


def test_sun_shadow_has_its_length_and_direction() -> None:
    height = np.zeros((40, 40), np.float32)
    height[18:22, 10:14] = 8.0
    shadow = sun_shadow(height, 1.0, Sun(azimuth=0, slope=1.5, haze=0, exposure=1))
    columns = np.flatnonzero(shadow[20])
    assert columns.min() == 14
    assert columns.max() - 13 == pytest.approx(12, abs=1)
    assert not shadow[:17].any()
    assert not shadow[23:].any()


PINNED = {
    ("hrsid", 64): "fdf9bf6f94d9c05c",
    ("sardet-100k", 64): "6538e9f75507dc04",
    ("osdataset", 128): "904dd803ad0893f3",
    ("rsicd", 64): "73ef91c95bcca2c5",
}
"""First digits of the SHA-256 of six scenes' decoded pixels, objects and land cover."""

DIGEST = """
import hashlib, sys
from sartext.simulator.scene import draw_scene
for argument in sys.argv[1:]:
    source, size = argument.split(":")
    digest = hashlib.sha256()
    for index in range(6):
        scene = draw_scene(source, 0, "train", index, int(size))
        for image in (scene.sar, scene.optical):
            if image is not None:
                digest.update(image.tobytes())
        digest.update(repr((scene.facts.objects, scene.facts.cover, scene.facts.sides)).encode())
    print(digest.hexdigest()[:16])
"""


@pytest.mark.parametrize("processor", ["this", "without wide vectors"])
def test_pixels_and_truth_do_not_drift(processor: str) -> None:
    """The digests are pinned, and hold with numpy's vector code for newer processors switched off."""
    environment = dict(os.environ)
    if processor != "this":
        found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
        environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(found)
    result = subprocess.run(
        [sys.executable, "-c", DIGEST, *(f"{source}:{size}" for source, size in PINNED)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == list(PINNED.values()), (
        "the simulator draws other scenes than before: if that is meant, pin the new digests, freeze a new "
        "benchmark version and say so in the changelog"
    )
