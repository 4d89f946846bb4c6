import numpy as np
import pytest
from dataset_files import as_stack, make_image, nudged
from hypothesis import given
from hypothesis import strategies as st

from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.dataset.likeness.duplicates import duplicates
from sartext.dataset.likeness.leakage import find_leaks, verify_clean
from sartext.dataset.likeness.prints import Part, Print, alike, close_pairs, correlations
from sartext.sources import resize
from sartext.sources.hashes import hash_image


def printed(name: str, image: np.ndarray, part: Part = "image") -> Print:
    stack = as_stack(image)
    own = hash_image(stack)
    return Print(name, part, own.sha256, int(own.phash, 16), resize(stack, 32)[None], 0)


@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=8), st.lists(st.integers(0, 2**64 - 1), max_size=8),
    st.integers(0, 40),
)  # fmt: skip
def test_close_pairs_are_those_of_counting_bits_one_by_one(
    left: list[int], right: list[int], most: int
) -> None:
    # a few close ones too: random words are 32 bits apart
    left = left + [value ^ 5 for value in right]
    naive = {
        (i, j, distance)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if (distance := bin(a ^ b).count("1")) <= most
    }
    found = [
        triple
        for rows, columns, bits in close_pairs(np.array(left, np.uint64), np.array(right, np.uint64), most)
        for triple in zip(rows.tolist(), columns.tolist(), bits.tolist(), strict=True)
    ]
    assert set(found) == naive
    assert len(found) == len(naive)


def test_many_rows_are_compared_in_pieces() -> None:
    hashes = np.arange(1500, dtype=np.uint64) << np.uint64(20)
    found = [
        pair
        for rows, columns, _ in close_pairs(hashes, hashes, 0)
        for pair in zip(rows, columns, strict=True)
    ]
    assert found == [(i, i) for i in range(1500)]


def test_correlation_is_pearson_s() -> None:
    one, two = printed("1", make_image("one")), printed("2", make_image("two"))
    expected = np.corrcoef(one.stack.ravel(), two.stack.ravel())[0, 1]
    assert correlations([one, one], [two, one]) == pytest.approx([expected, 1.0], abs=1e-5)
    flat = printed("flat", np.full((64, 64), 7, np.uint8))
    assert correlations([flat], [flat])[0] == 0


def test_equal_pixels_are_exact_and_a_nudge_is_near() -> None:
    image = make_image("harbor")
    same, near, other = (
        printed("same", image),
        printed("near", nudged(image)),
        printed("other", make_image("sea")),
    )
    assert near.sha256 != same.sha256
    found = alike([printed("test", image)], [other, near, same], 2)
    assert [(one.second, one.kind) for one in found] == [(2, "exact")]
    found = alike([printed("test", image)], [other, near], 2)
    assert [(one.second, one.kind) for one in found] == [(1, "near")]
    # a brighter copy with less contrast is the same scene
    faded = printed("faded", (image // 2 + 60).astype(np.uint8))
    assert [one.kind for one in alike([faded], [same], 4)] == ["near"]


def test_an_equal_perceptual_hash_of_unlike_images_is_no_duplicate() -> None:
    """Featureless chips share a perceptual hash by chance: noise of sea and noise of sea."""
    draw = np.random.default_rng(0)
    chips = [
        Print(f"sea/{n}", "image", f"{n}", 0xABCD, draw.integers(90, 110, (1, 32, 32, 1), dtype=np.uint8), 0)
        for n in range(4)
    ]
    flat = [
        Print(f"flat/{n}", "image", f"f{n}", 0xABCD, np.full((1, 32, 32, 1), 10 * n, np.uint8), 0)
        for n in range(3)
    ]
    assert find_leaks(chips[:1], chips[1:] + flat, 1) == []
    scenes = [Scene(one.scene_id, "s", "train", "sar", "1.png", 32, 32) for one in chips + flat]
    assert duplicates(scenes, chips + flat, {}, 1) == {}


def test_hashes_further_apart_than_the_profile_allows_are_left_alone() -> None:
    image = make_image("field")
    one = printed("one", image)
    two = Print("two", "image", "other", one.phash ^ 0b111, one.stack, 0)
    assert find_leaks([one], [two], 2) == []
    assert [leak.distance for leak in find_leaks([one], [two], 3)] == [3]


def test_the_closest_test_image_is_reported_once_a_training_scene() -> None:
    image = make_image("bridge")
    tests = [printed("t/near", nudged(image)), printed("t/same", image), printed("t/twin", image, "twin")]
    leaks = find_leaks(tests, [printed("train/1", image)], 2)
    assert [(leak.test, leak.train, leak.kind, leak.distance) for leak in leaks] == [
        ("t/same", "train/1", "exact", 0)
    ]


def test_what_is_left_is_checked_again() -> None:
    image = make_image("town")
    with pytest.raises(UserError, match=r"stage 1: 1 images still coincide.*train/1 with t/1"):
        verify_clean([printed("t/1", image)], [printed("train/1", image)], 1, "stage 1")
    verify_clean([printed("t/1", image)], [printed("train/1", make_image("forest"))], 1, "stage 1")


def scenes_of(*entries: tuple[str, str]) -> list[Scene]:
    return [Scene(name, "s", split, "sar", "1.png", 96, 96) for name, split in entries]  # type: ignore[arg-type]


def test_of_equal_images_the_one_with_more_captions_stays() -> None:
    image, other = make_image("a"), make_image("b")
    scenes = scenes_of(("s/1", "train"), ("s/2", "train"), ("s/3", "val"), ("s/4", "train"))
    prints = [
        printed("s/1", image),
        printed("s/2", image),
        printed("s/3", nudged(image)),
        printed("s/4", other),
    ]
    assert duplicates(scenes, prints, {"s/1": 1, "s/2": 2, "s/3": 1, "s/4": 1}, 2) == {
        "s/1": ("s/2", "exact"), "s/3": ("s/2", "near"),
    }  # fmt: skip
    # as many captions: train before val, then by name
    assert set(duplicates(scenes, prints, dict.fromkeys(("s/1", "s/2", "s/3", "s/4"), 1), 2)) == {
        "s/2",
        "s/3",
    }


def test_a_copy_of_a_dropped_image_is_dropped_too() -> None:
    image = make_image("c")
    near = nudged(image)
    scenes = scenes_of(("s/1", "train"), ("s/2", "train"), ("s/3", "train"))
    prints = [printed("s/1", image), printed("s/2", near), printed("s/3", near)]
    assert duplicates(scenes, prints, {"s/1": 3, "s/2": 2, "s/3": 1}, 2) == {
        "s/2": ("s/1", "near"), "s/3": ("s/1", "exact"),
    }  # fmt: skip


def test_two_acquisitions_over_one_optical_twin_both_stay() -> None:
    optical = make_image("place", channels=3)
    scenes = scenes_of(("s/1", "train"), ("s/2", "train"))
    prints = [
        printed("s/1", make_image("may")), printed("s/1", optical, "twin"),
        printed("s/2", make_image("june")), printed("s/2", optical, "twin"),
    ]  # fmt: skip
    assert duplicates(scenes, prints, {}, 2) == {}
