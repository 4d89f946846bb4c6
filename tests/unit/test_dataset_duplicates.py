"""Of images that are the same, the one with the richest text stays."""

import time

import numpy as np
import pytest
from dataset_files import make_image, nudged
from hypothesis import given
from hypothesis import strategies as st
from likeness_files import copies, make_scene, prints_of

from sartext.core.records import Scene
from sartext.dataset.likeness.duplicates import (
    Richness,
    drawn_repeats,
    duplicates,
    official_repeats,
    richness,
)
from sartext.dataset.likeness.prints import Print, Prints
from sartext.dataset.likeness.same import Same, find_same


def scenes_of(*entries: tuple[str, str]) -> list[Scene]:
    return [make_scene(name, split) for name, split in entries]


def found(
    scenes: list[Scene], prints: Prints, texts: dict[str, Richness], distance: int = 2
) -> dict[str, tuple[str, str]]:
    return dict(duplicates(scenes, prints, find_same(prints, distance), texts))


def test_richness_counts_texts_then_different_words_then_characters() -> None:
    assert richness([]) == (0, 0, 0)
    assert richness(["A ship.", "A ship at sea."]) == (2, 4, 21)
    ranked = [["A b."], ["Aaa b."], ["A b c."], ["A b.", "A."], ["A b.", "A b."]]
    assert sorted(ranked, key=richness) == [
        ["A b."],
        ["Aaa b."],
        ["A b c."],
        ["A b.", "A."],
        ["A b.", "A b."],
    ]


def test_of_equal_images_the_one_with_the_richest_text_stays() -> None:
    image, other = make_image("a"), make_image("b")
    scenes = scenes_of(("s/1", "train"), ("s/2", "train"), ("s/3", "val"), ("s/4", "train"))
    prints = prints_of(("s/1", image), ("s/2", image), ("s/3", nudged(image)), ("s/4", other))
    poor, wordy, long = (1, 3, 20), (1, 4, 10), (2, 2, 5)
    texts = {"s/1": poor, "s/2": wordy, "s/3": poor, "s/4": long}
    assert found(scenes, prints, texts) == {"s/1": ("s/2", "exact"), "s/3": ("s/2", "near")}
    texts = {"s/1": poor, "s/2": wordy, "s/3": long}
    assert found(scenes, prints, texts) == {"s/1": ("s/3", "near"), "s/2": ("s/3", "near")}
    # as much to say: train before val, then by name
    texts = dict.fromkeys(("s/1", "s/2", "s/3", "s/4"), poor)
    assert found(scenes, prints, texts) == {"s/2": ("s/1", "exact"), "s/3": ("s/1", "near")}


def test_copies_in_another_source_by_another_publisher_are_dropped() -> None:
    image = make_image("port", 256)
    made = copies(image)
    scenes = scenes_of(("a/0", "train"), *((f"b/{n}", "val") for n in range(len(made))))
    prints = prints_of(("a/0", image), *((f"b/{n}", copy) for n, copy in enumerate(made.values())))
    assert set(found(scenes, prints, {}, 8)) == {f"b/{n}" for n in range(len(made))}


def test_of_a_chain_one_stays() -> None:
    """1 is as 2, 2 is as 3, 3 is not as 1: one group, which no split may cut."""
    prints = prints_of(*((f"s/{n}", make_image(str(n))) for n in range(4)))
    same = Same(np.arange(4), np.array([0, 1]), np.array([1, 2]), np.array([1, 1]))
    scenes = scenes_of(("s/0", "train"), ("s/1", "train"), ("s/2", "val"), ("s/3", "val"))
    assert duplicates(scenes, prints, same, {}) == {"s/1": ("s/0", "near"), "s/2": ("s/0", "near")}
    # the link between them is not among the scenes
    assert duplicates([scenes[0], scenes[2]], prints, same, {}) == {}


def test_two_acquisitions_over_one_optical_twin_both_stay() -> None:
    optical = make_image("place", channels=3)
    scenes = scenes_of(("s/1", "train"), ("s/2", "train"))
    prints = prints_of(
        ("s/1", make_image("may")), ("s/1", optical, "twin"), ("s/2", make_image("june")),
        ("s/2", optical, "twin"),
    )  # fmt: skip
    assert found(scenes, prints, {}) == {}


@given(st.data())
def test_one_scene_of_every_group_stays_whatever_the_order(data: st.DataObject) -> None:
    """Against groups found by walking from image to image."""
    count = data.draw(st.integers(1, 9))
    pixels = data.draw(st.lists(st.integers(0, count - 1), min_size=count, max_size=count))
    place = st.integers(0, max(pixels))
    edges = data.draw(st.sets(st.tuples(place, place).filter(lambda pair: pair[0] < pair[1])))
    texts = {f"s/{n}": (data.draw(st.integers(0, 2)), data.draw(st.integers(0, 1)), 5) for n in range(count)}
    order = data.draw(st.permutations(range(count)))
    scenes = [make_scene(f"s/{n}", ("train", "val")[n % 2]) for n in order]
    prints = Prints.of([Print(f"s/{n}", False, "0" * 64, 0, 0, 0) for n in range(count)], [])
    first, second = np.array(sorted(edges), np.int64).reshape(-1, 2).T
    same = Same(np.array([*pixels]), first, second, np.ones(len(edges), np.int64))
    groups = list(range(count))
    for a in range(count):
        for b in range(count):
            one, other = sorted((pixels[a], pixels[b]))
            if one == other or (one, other) in edges:
                old, new = groups[b], groups[a]
                groups = [new if group == old else group for group in groups]
    expected = {}
    for group in set(groups):
        inside = [n for n in range(count) if groups[n] == group]
        best = min(inside, key=lambda n: (*(-x for x in texts[f"s/{n}"]), n % 2, n))
        expected |= {f"s/{n}": f"s/{best}" for n in inside if n != best}
    dropped = duplicates(scenes, prints, same, texts)
    assert {name: other for name, (other, _) in dropped.items()} == expected


def test_of_test_images_only_drawn_ones_go_and_official_repeats_are_counted() -> None:
    """0 and 1 are official and the same, 2 is drawn and as 1; 3 and 4 are drawn and equal; 5 is alone."""
    pixels = np.array([0, 0, 1, 2, 2, 3])
    same = Same(pixels, np.array([0]), np.array([1]), np.array([1]))
    names = ["o/0", "o/1", "d/2", "d/3", "e/4", "o/5"]
    scenes = [make_scene(name, "test") for name in names]
    prints = Prints.of([Print(name, False, "0" * 64, 0, 0, 0) for name in names], [])
    rich: dict[str, Richness] = {"d/2": (9, 9, 9), "o/1": (2, 2, 2), "e/4": (1, 0, 0)}
    expected = {"d/2": ("o/1", "near"), "d/3": ("e/4", "exact")}
    assert drawn_repeats(scenes, {"d", "e"}, prints, same, rich) == expected
    assert drawn_repeats(scenes[::-1], {"d", "e"}, prints, same, rich) == expected
    assert official_repeats(scenes, {"d", "e"}, prints, same) == 1
    assert official_repeats(scenes, (), prints, same) == 3
    assert drawn_repeats(scenes, (), prints, same, rich) == {}


@pytest.mark.parametrize("copied", [True, False])
def test_thousands_of_images_of_one_hash_take_seconds(copied: bool) -> None:
    """All nearly equal, or all different though their hash is the same."""
    count, draws = 2000, np.random.default_rng(0)
    stack = draws.integers(0, 256, (count, 64, 64, 1), dtype=np.uint8)
    if copied:
        stack = np.clip(stack[:1].astype(int) + draws.integers(-3, 4, stack.shape), 0, 255).astype(np.uint8)
    prints = Prints.of([Print(f"s/{n:04d}", False, f"{n:064x}", 0xABCD, 0, n) for n in range(count)], [stack])
    scenes = [make_scene(f"s/{n:04d}") for n in range(count)]
    start = time.process_time()
    dropped = found(scenes, prints, {})
    assert time.process_time() - start < 30
    assert len(dropped) == (count - 1 if copied else 0)
