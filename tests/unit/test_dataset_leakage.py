"""Training images that tell of a test image: found by likeness, by pairing and by place, and what follows."""

from typing import Any

import numpy as np
import pytest
from dataset_files import Pixels, make_image, nudged
from hypothesis import given, settings
from hypothesis import strategies as st
from likeness_files import copies, make_scene, prints_of
from PIL import Image

from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.dataset.likeness.benchmark import BenchmarkImage, stem_of
from sartext.dataset.likeness.leakage import Leak, find_leaks
from sartext.dataset.likeness.prints import Print, Prints
from sartext.dataset.likeness.same import Same, find_same
from sartext.dataset.parts import Dropped, Gathered, keep, reasons

DISTANCE = 2


class Images:
    """Scenes of some sources with their images and twins."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []
        self.prints: list[Any] = []
        self.benchmark: list[tuple[BenchmarkImage, Pixels]] = []
        self.drawn: set[str] = set()

    def add(
        self, name: str, split: str, image: Pixels | None = None, twin: Pixels | None = None, **fields: Any
    ) -> None:
        """Add a scene; its image is its own unless one is given."""
        self.scenes.append(make_scene(name, split, twin="o.png" if twin is not None else None, **fields))
        self.prints.append((name, make_image(name) if image is None else image))
        if twin is not None:
            self.prints.append((name, twin, "twin"))

    def gathered(self) -> Gathered:
        by_source: dict[str, list[Scene]] = {}
        for scene in self.scenes:
            by_source.setdefault(scene.source, []).append(scene)
        prints = prints_of(*self.prints, *((image.name, pixels) for image, pixels in self.benchmark))
        frozen = [image for image, _ in self.benchmark]
        version = "v0" if frozen else None
        return Gathered(by_source, prints, frozen, version, DISTANCE, frozenset(self.drawn))

    def leaks(self) -> list[tuple[str, str, str, str | None]]:
        return [(leak.train, leak.kind, leak.test, leak.via) for leak in self.gathered().leaks.values()]


@pytest.fixture
def images() -> Images:
    """Two test images and two training images, none like another."""
    found = Images()
    for number in (1, 2):
        found.add(f"base/{number}", "test")
        found.add(f"base/{number + 10}", "train")
    return found


def test_images_of_their_own_do_not_leak(images: Images) -> None:
    images.add("s/1", "train", group="s/P1", window=(0, 0, 10, 10))
    images.add("s/2", "test", group="s/P1", window=(10, 0, 20, 10))
    images.add("s/3", "test", group="s/P2")
    assert images.leaks() == []


@pytest.mark.parametrize("split", ["train", "val"])
def test_equal_and_nearly_equal_images_leak(images: Images, split: str) -> None:
    test = make_image("base/1")
    images.add("s/1", split, test)
    images.add("s/2", split, nudged(test))
    assert images.leaks() == [("s/1", "exact", "base/1", None), ("s/2", "near", "base/1", None)]


def test_twins_on_either_side_leak(images: Images) -> None:
    optical, other = make_image("o1", channels=3), make_image("o2", channels=3)
    images.add("pairs/t", "test", twin=optical)
    images.add("words/t", "test", other, modality="optical")
    images.add("words/1", "train", optical, modality="optical")
    images.add("words/2", "val", nudged(optical), modality="optical")
    images.add("pairs/1", "train", twin=optical)
    images.add("pairs/2", "train", twin=nudged(optical))
    images.add("pairs/3", "val", twin=other)
    # a picture published in grey as SAR shows what the optical one does
    images.add("grey/1", "train", np.asarray(Image.fromarray(optical).convert("L")))
    assert images.leaks() == [
        ("grey/1", "near twin", "pairs/t", None),
        ("pairs/1", "exact twin", "pairs/t", None),
        ("pairs/2", "near twin", "pairs/t", None),
        ("pairs/3", "exact twin", "words/t", None),
        ("words/1", "exact twin", "pairs/t", None),
        ("words/2", "near twin", "pairs/t", None),
    ]


def test_overlapping_tiles_and_tiles_of_no_known_place_leak(images: Images) -> None:
    images.add("h/t", "test", group="h/P1", window=(0, 0, 800, 800))
    images.add("h/1", "train", group="h/P1", window=(600, 0, 1400, 800))
    images.add("h/2", "val", group="h/P1", window=(600, 600, 1400, 1400))
    images.add("h/3", "train", group="h/P1", window=(800, 0, 1600, 800))
    images.add("masks/4", "train", group="h/P1")
    assert images.leaks() == [
        ("h/1", "overlap", "h/t", None),
        ("h/2", "overlap", "h/t", None),
        ("masks/4", "same scene", "h/t", None),
    ]


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_scene_that_another_source_tests_by_a_drawn_split_is_left_to_it(images: Images, split: str) -> None:
    copy = make_image("h/1")
    images.add("masks/t", "test", group="h/P1", window=(0, 0, 800, 800))
    images.add("h/1", split, group="h/P1", window=(3000, 0, 3800, 800))
    images.add("h/2", split, group="h/P2", window=(0, 0, 800, 800))
    images.add("sardet/9", "train", copy)
    assert images.leaks() == []
    images.drawn = {"masks"}
    assert images.leaks() == [("h/1", "same scene", "masks/t", None), ("sardet/9", "exact", "masks/t", "h/1")]


def test_a_copy_of_a_tile_that_overlaps_leaks_too_and_a_copy_of_that(images: Images) -> None:
    """SARDet-100K holds HRSID's tiles without the names that tell where they were cut."""
    tile = make_image("tile")
    images.add("h/t", "test", group="h/P1", window=(0, 0, 800, 800))
    images.add("h/1", "train", tile, group="h/P1", window=(600, 0, 1400, 800))
    images.add("sardet/9", "train", tile)
    images.add("third/5", "val", nudged(tile))
    images.add("sardet/8", "train")
    assert images.leaks() == [
        ("h/1", "overlap", "h/t", None),
        ("sardet/9", "exact", "h/t", "h/1"),
        ("third/5", "near", "h/t", "h/1"),
    ]


def test_likeness_is_followed_until_nothing_changes() -> None:
    """A chain: the twin of each is the image of the one before, the first's is a test image's twin."""
    images = Images()
    optical = make_image("o", channels=3)
    images.add("p/t", "test", twin=optical)
    images.add("p/0", "train", make_image("far 0"), twin=optical)
    for number in range(1, 4):
        images.add(f"p/{number}", "train", make_image(f"far {number}"), twin=make_image(f"far {number - 1}"))
    assert images.leaks() == [
        ("p/0", "exact twin", "p/t", None),
        ("p/1", "exact twin", "p/t", "p/0"),
        ("p/2", "exact twin", "p/t", "p/1"),
        ("p/3", "exact twin", "p/t", "p/2"),
    ]


def test_a_tile_that_overlaps_a_copy_of_a_test_image_leaks(images: Images) -> None:
    """SARDet-100K's test set holds tiles of HRSID's training set: their neighbours overlap a test image."""
    tile = make_image("tile")
    images.add("sardet/t", "test", tile)
    images.add("h/1", "train", nudged(tile), group="h/P1", window=(0, 0, 800, 800))
    images.add("h/2", "train", group="h/P1", window=(600, 0, 1400, 800))
    images.add("h/3", "train", group="h/P1", window=(1200, 0, 2000, 800))
    images.add("h/4", "train", group="h/P1")
    assert images.leaks() == [("h/1", "near", "sardet/t", None), ("h/2", "overlap", "sardet/t", "h/1")]


def test_a_leak_in_one_stage_is_followed_into_the_other(images: Images) -> None:
    """The optical picture of a SAR tile that overlaps a test tile shows a part of the test's place."""
    optical = make_image("o", channels=3)
    images.add("pairs/t", "test", group="pairs/P1", window=(0, 0, 10, 10))
    images.add("pairs/1", "train", twin=optical, group="pairs/P1", window=(5, 0, 15, 10))
    images.add("words/1", "train", optical, modality="optical")
    assert images.leaks() == [
        ("pairs/1", "overlap", "pairs/t", None), ("words/1", "exact twin", "pairs/t", "pairs/1"),
    ]  # fmt: skip


def test_benchmark_images_are_tests_even_under_a_name_of_this_run(images: Images) -> None:
    image = make_image("base/11")
    frozen = [("base/11", nudged(image)), ("old/3", make_image("base/12"))]
    images.benchmark = [(BenchmarkImage(name, stem_of(name), ()), pixels) for name, pixels in frozen]
    assert images.leaks() == [("base/11", "near", "base/11", None), ("base/12", "exact", "old/3", None)]
    assert images.gathered().tests == 4


def test_the_closest_test_image_is_named_once() -> None:
    images = Images()
    image = make_image("bridge")
    images.add("t/1near", "test", nudged(image))
    images.add("t/2same", "test", image)
    images.add("t/3twin", "test", twin=image)
    images.add("s/1", "train", image)
    assert images.leaks() == [("s/1", "exact", "t/2same", None)]
    record = images.gathered().leaks["s/1"].record()
    assert record == {"test": "t/2same", "train": "s/1", "kind": "exact", "distance": 0}


def test_copies_by_other_publishers_are_found_through_their_hashes() -> None:
    images = Images()
    image = make_image("port", 256)
    images.add("t/1", "test", image)
    made = copies(image)
    for number, copy in enumerate(made.values()):
        images.add(f"s/{number}", "train", copy)
    gathered = images.gathered()
    found = find_leaks(gathered.prints, find_same(gathered.prints, 8), images.scenes[:1], images.scenes[1:])
    assert [leak.kind for leak in found] == ["near"] * len(made)


def test_kinds_are_counted_and_told_apart() -> None:
    def leak(kind: str, via: str | None = None) -> Leak:
        return Leak("t/1", "s/1", kind, None, via)

    assert leak("overlap").record() == {"test": "t/1", "train": "s/1", "kind": "overlap"}
    assert leak("near", "s/2").record()["via"] == "s/2"
    assert leak("near twin").reason == "coincides with a test image (near twin)"
    assert leak("exact", "s/2").reason == "repeats an image that leaks (exact)"
    assert leak("overlap").reason == leak("overlap", "s/2").reason == "overlaps a test image"
    assert leak("same scene").reason == "is of a test image's scene"


def test_nothing_to_compare_gives_nothing() -> None:
    empty = Prints.joined([])
    assert find_leaks(empty, find_same(empty, 2), [], []) == []


def test_keep_drops_every_kind_and_counts_it(images: Images) -> None:
    tile, test = make_image("tile"), make_image("base/1")
    images.add("h/t", "test", group="h/P1", window=(0, 0, 800, 800))
    images.add("h/1", "train", tile, group="h/P1", window=(600, 0, 1400, 800))
    images.add("h/2", "train", group="h/P2", window=(0, 0, 800, 800))
    images.add("h/3", "val", group="h/P2", window=(900, 0, 1700, 800))
    images.add("h/4", "val", group="h/P3", window=(900, 0, 1700, 800))
    images.add("sardet/1", "train", tile)
    images.add("sardet/2", "val", nudged(test))
    images.add("sardet/3", "train", nudged(make_image("base/11")))
    images.add("sardet/4", "train")
    images.add("sardet/t", "test")
    texts = {scene.scene_id: (1, 3, 20) for scene in images.scenes}
    texts |= {"sardet/3": (2, 3, 20), "sardet/4": (0, 0, 0)}
    del texts["sardet/t"]
    dropped: list[Dropped] = []
    kept = keep(images.gathered(), images.scenes, texts, dropped, "a stage")
    assert {entry.scene_id: (entry.reason, entry.other) for entry in dropped} == {
        "h/1": ("overlaps a test image", "h/t"),
        "h/3": ("is of a training image's scene", "h/2"),
        "sardet/1": ("repeats an image that leaks (exact)", "h/1"),
        "sardet/2": ("coincides with a test image (near)", "base/1"),
        "base/11": ("repeats another image (near)", "sardet/3"),
        "sardet/4": ("nothing to say", ""),
        "sardet/t": ("nothing to say", ""),
    }
    assert [scene.scene_id for scene in kept.scenes] == [
        "base/1", "base/12", "base/2", "h/2", "h/4", "h/t", "sardet/3",
    ]  # fmt: skip
    assert [leak.train for leak in kept.leaks] == ["h/1", "sardet/1", "sardet/2"]
    assert reasons(dropped)["nothing to say"] == 2


def test_keep_drops_a_validation_image_that_shares_its_optical_twin_alone(images: Images) -> None:
    """Two acquisitions over one place: to train on both is fine, to choose by the other is not."""
    optical = make_image("o", channels=3)
    images.add("pairs/1", "train", twin=optical)
    images.add("pairs/2", "train", twin=optical)
    images.add("pairs/3", "val", twin=nudged(optical))
    images.add("pairs/4", "val", twin=make_image("o4", channels=3))
    images.add("grey/5", "val", np.asarray(Image.fromarray(optical).convert("L")))
    dropped: list[Dropped] = []
    texts = {scene.scene_id: (1, 3, 20) for scene in images.scenes}
    kept = keep(images.gathered(), images.scenes, texts, dropped, "a stage")
    assert {entry.scene_id: (entry.reason, entry.other) for entry in dropped} == {
        "pairs/3": ("repeats another image (near twin)", "pairs/1"),
        "grey/5": ("repeats another image (near twin)", "pairs/1"),
    }
    assert {scene.scene_id for scene in kept.scenes} >= {"pairs/1", "pairs/2", "pairs/4"}


def test_keep_drops_drawn_test_images_that_repeat_a_test_image_and_no_official_one(images: Images) -> None:
    official, own = make_image("official"), make_image("own")
    images.drawn = {"ours", "more"}
    images.add("base/7", "test", official)
    images.add("base/8", "test", nudged(official))
    images.add("ours/1", "test", official)
    images.add("ours/2", "test", nudged(official, 1))
    images.add("ours/3", "test", own)
    images.add("more/4", "test", nudged(own))
    images.add("more/5", "test")
    dropped: list[Dropped] = []
    # the richest of those that were drawn stays; an official one stays however little is said of it
    texts = {scene.scene_id: (1, 3, 20) for scene in images.scenes} | {
        "ours/1": (9, 9, 9),
        "ours/3": (2, 3, 9),
    }
    kept = keep(images.gathered(), images.scenes, texts, dropped, "a stage")
    assert {entry.scene_id: (entry.reason, entry.other) for entry in dropped} == {
        "ours/1": ("repeats a test image (exact)", "base/7"),
        "ours/2": ("repeats a test image (near)", "base/7"),
        "more/4": ("repeats a test image (near)", "ours/3"),
    }
    assert [scene.scene_id for scene in kept.scenes if scene.split == "test"] == [
        "base/1", "base/2", "base/7", "base/8", "more/5", "ours/3",
    ]  # fmt: skip


def test_a_test_image_that_was_dropped_as_a_repeat_is_still_a_test(images: Images) -> None:
    """What is like the dropped one, and not like the one that stays, leaks all the same."""
    images.drawn = {"ours"}
    optical = make_image("o", channels=3)
    images.add("base/7", "test", make_image("place"))
    images.add("ours/1", "test", make_image("place"), twin=optical)
    images.add("words/1", "train", optical, modality="optical")
    assert images.leaks() == [("words/1", "exact twin", "ours/1", None)]


def test_keep_follows_images_that_say_nothing_and_other_stages(images: Images) -> None:
    tile = make_image("tile")
    images.add("h/t", "test", group="h/P1", window=(0, 0, 800, 800))
    images.add("h/1", "train", tile, group="h/P1", window=(600, 0, 1400, 800))
    images.add("sardet/1", "train", tile)
    stage = [scene for scene in images.scenes if scene.source != "h"]
    dropped: list[Dropped] = []
    kept = keep(images.gathered(), stage, {s.scene_id: (1, 1, 1) for s in stage}, dropped, "a stage")
    assert [(entry.scene_id, entry.other) for entry in dropped] == [("sardet/1", "h/1")]
    assert kept.leaks[0].test == "h/t"


def test_a_stage_of_nothing_to_train_on_is_refused(images: Images) -> None:
    stage = [scene for scene in images.scenes if scene.split == "test"]
    with pytest.raises(UserError, match="a stage: no training image is left of 2 scenes"):
        keep(images.gathered(), stage, {s.scene_id: (1, 1, 1) for s in stage}, [], "a stage")


Drawn = tuple[list[Scene], list[tuple[int, bool]], list[int], set[tuple[int, int]]]


@st.composite
def worlds(draw: st.DrawFn) -> Drawn:
    """Scenes, their images (scene, twin or not), a number for the pixels of each, and near numbers."""
    count = draw(st.integers(2, 7))
    scenes = []
    for number in range(count):
        left = draw(st.integers(0, 12))
        window = draw(st.sampled_from([(left, 0, left + 4, 4), (left, 0, left + 8, 4), None]))
        group = draw(st.sampled_from(["g/1", "g/2", None]))
        split = draw(st.sampled_from(["train", "val", "test"]))
        # the splits of o are official, those of s are drawn
        name = f"{draw(st.sampled_from(['o', 's']))}/{number}"
        scenes.append(make_scene(name, split, group=group, window=window if group else None))
    images = [(number, False) for number in range(count)]
    images += [(number, True) for number in range(count) if draw(st.booleans())]
    pixels = [draw(st.integers(0, 2 * count)) for _ in images]
    known = sorted(set(pixels))
    pixels = [known.index(value) for value in pixels]
    place = st.integers(0, len(known) - 1)
    near = draw(st.sets(st.tuples(place, place).filter(lambda pair: pair[0] < pair[1]), max_size=4))
    return scenes, images, pixels, near


def naive(world: Drawn) -> dict[str, str]:
    """Kinds of leak by scene, found by looking at every pair again and again."""
    scenes, images, pixels, near = world

    def same(one: int, other: int) -> bool:
        return any(
            pixels[a] == pixels[b] or tuple(sorted((pixels[a], pixels[b]))) in near
            for a, (x, _) in enumerate(images)
            for b, (y, _) in enumerate(images)
            if (x, y) == (one, other)
        )

    def shared(one: Scene, other: Scene) -> bool | None:
        """None: of one scene, and not known to overlap."""
        if one.group is None or one.group != other.group:
            return False
        if one.window is None or other.window is None:
            return None
        overlap = one.window[0] < other.window[2] and other.window[0] < one.window[2]
        return None if other.source == "s" and not overlap else overlap

    tests = {n for n, scene in enumerate(scenes) if scene.split == "test"}
    rest = set(range(len(scenes))) - tests

    def follow(fallen: set[int], start: set[int]) -> set[int]:
        while found := {n for n in rest - fallen if any(same(n, other) for other in start | fallen)}:
            fallen = fallen | found
        return fallen

    copies = follow(set(), tests)
    cut = {
        n
        for n in rest - copies
        if any(shared(scenes[n], scenes[test]) is not False for test in tests)
        or any(shared(scenes[n], scenes[copy]) is True for copy in copies)
    }
    everything = follow(copies | cut, set())
    return {
        scenes[n].scene_id: "copy" if n in copies else "cut" if n in cut else "copy of cut"
        for n in everything
    }


@settings(max_examples=400)
@given(worlds())
def test_leaks_are_those_of_looking_at_every_pair_until_nothing_changes(world: Drawn) -> None:
    scenes, images, pixels, near = world
    rows = [Print(scenes[number].scene_id, twin, "0" * 64, 0, 0, 0) for number, twin in images]
    prints = Prints.of(rows, [])
    first, second = np.array(sorted(near), np.int64).reshape(-1, 2).T
    same = Same(np.array(pixels), first, second, np.full(len(near), 2))
    tests = [scene for scene in scenes if scene.split == "test"]
    leaks = find_leaks(prints, same, tests, [scene for scene in scenes if scene.split != "test"], {"s"})
    found = {leak.train: leak for leak in leaks}
    expected = naive(world)
    assert set(found) == set(expected)
    test_ids = {scene.scene_id for scene in tests}
    for name, leak in found.items():
        assert leak.test in test_ids
        assert (leak.kind in ("overlap", "same scene")) == (expected[name] == "cut")
        if leak.via is not None:
            assert found[leak.via].test == leak.test
