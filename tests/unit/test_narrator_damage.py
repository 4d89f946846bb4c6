"""Degraded annotations: what is hit, how far it goes, and that nothing else changes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sartext.core.records import Box, Scene
from sartext.narrator.damage import DAMAGES, Damage, damage_scene

LABELS = ("bridge", "car", "ship")


def scene(boxes: int = 200, name: str = "hrsid/1") -> Scene:
    return Scene(
        name,
        "hrsid",
        "train",
        "sar",
        "x.png",
        800,
        600,
        boxes=tuple(Box("ship", 3.0 * i, 2.0 * i, 10.0, 6.0) for i in range(boxes)),
        cover={"water": 0.5, "forest": 0.25, "road": 0.05},
    )


@pytest.mark.parametrize("damage", DAMAGES)
def test_no_share_does_no_damage(damage: Damage) -> None:
    assert damage_scene(scene(), damage, 0.0, LABELS, 1) == scene()


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_same_seed_does_the_same_and_another_seed_or_scene_does_not(damage: Damage) -> None:
    first = damage_scene(scene(), damage, 0.3, LABELS, 1)
    assert first == damage_scene(scene(), damage, 0.3, LABELS, 1)
    assert first.boxes != damage_scene(scene(), damage, 0.3, LABELS, 2).boxes
    assert first.boxes != damage_scene(scene(name="hrsid/2"), damage, 0.3, LABELS, 1).boxes


def test_about_the_share_is_missed_and_more_with_a_larger_one() -> None:
    kept = [set(damage_scene(scene(), "miss", share, LABELS, 1).boxes) for share in (0.1, 0.25, 0.5, 1.0)]
    # 200 boxes: within four standard deviations of a binomial
    for boxes, share in zip(kept, (0.1, 0.25, 0.5, 1.0), strict=True):
        assert abs(200 - len(boxes) - 200 * share) <= 4 * math.sqrt(200 * share * (1 - share))
    assert kept[3] < kept[2] < kept[1] < kept[0] < set(scene().boxes)


def test_a_moved_box_has_left_its_object() -> None:
    moved = damage_scene(scene(), "jitter", 1.0, LABELS, 1).boxes
    for before, after in zip(scene().boxes, moved, strict=True):
        (x, y), (u, v) = before.centre, after.centre
        assert (after.label, after.width, after.height) == ("ship", 10.0, 6.0)
        assert 0 <= u <= 800
        assert 0 <= v <= 600
        if 20 < x < 780 and 20 < y < 580:
            assert math.hypot(u - x, v - y) == pytest.approx(10.0)


def test_a_mislabelled_box_has_another_class_of_those_given() -> None:
    labels = [box.label for box in damage_scene(scene(), "mislabel", 1.0, LABELS, 1).boxes]
    assert set(labels) == {"bridge", "car"}
    assert 60 < labels.count("car") < 140
    alone = damage_scene(scene(), "mislabel", 1.0, ("ship",), 1)
    assert alone.boxes == scene().boxes, "there is no other class"


def test_a_mislabelled_box_means_another_thing() -> None:
    ships = ("cargo ship", "rescue ship", "ship", "tanker")
    assert damage_scene(scene(), "mislabel", 1.0, ships, 1).boxes == scene().boxes, "all of them are ships"
    mistaken = damage_scene(scene(), "mislabel", 1.0, (*ships, "bridge"), 1).boxes
    assert {box.label for box in mistaken} == {"bridge"}


def test_land_cover_is_missed_misjudged_and_mistaken() -> None:
    covers = ("forest", "road", "water")
    assert damage_scene(scene(), "miss", 1.0, covers, 1).cover == {}
    grown = damage_scene(scene(), "jitter", 0.5, covers, 1).cover
    assert sum(grown.values()) == pytest.approx(0.8)
    assert grown != scene().cover
    # before they are scaled back, no class grows above 3/2 or shrinks below 1/2
    ratios = [grown[name] / share for name, share in scene().cover.items()]
    assert max(ratios) / min(ratios) <= 3.0
    mistaken = damage_scene(scene(), "mislabel", 1.0, ("forest", "water"), 1).cover
    assert sum(mistaken.values()) == pytest.approx(0.8)
    assert mistaken["forest"] >= 0.5, "the water counts for forest, there being no other class"


@given(
    st.sampled_from(DAMAGES),
    st.floats(0, 1),
    st.integers(0, 20),
    st.dictionaries(st.sampled_from(("water", "forest", "road")), st.floats(0.001, 0.33)),
)
def test_what_is_damaged_is_still_a_scene(
    damage: Damage, share: float, boxes: int, cover: dict[str, float]
) -> None:
    before = Scene("a/1", "a", "val", "sar", "x", 64, 64, boxes=scene(boxes).boxes, cover=cover)
    after = damage_scene(before, damage, share, ("bridge", "water", "forest"), 5)
    assert len(after.boxes) <= boxes
    assert sum(after.cover.values()) <= sum(cover.values()) + 1e-9
    assert all(value >= 0 for value in after.cover.values())
