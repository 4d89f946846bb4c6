"""Tiles of one scene: which overlap, by the places they were cut from."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from likeness_files import make_scene

from sartext.core.records import Scene
from sartext.dataset.likeness.overlap import cut_groups, overlaps

Window = tuple[int, int, int, int]


def tile(name: str, window: Window | None, split: str = "train", group: str | None = "h/P1") -> Scene:
    return make_scene(name, split, group=group, window=window)


def test_tiles_of_hrsid_overlap_where_their_names_say_so() -> None:
    """P0094_0_800_3000_3800 spans x 0 to 800, y 3000 to 3800; its neighbour begins at 600."""
    test = tile("h/t", (0, 3000, 800, 3800), "test")
    shares = tile("h/1", (600, 3000, 1400, 3800))
    touches = tile("h/2", (800, 3000, 1600, 3800))
    far = tile("h/3", (0, 4600, 800, 5400))
    elsewhere = tile("h/4", (0, 3000, 800, 3800), group="h/P2")
    alone = make_scene("h/5", window=(0, 3000, 800, 3800))
    corner = tile("h/6", (799, 3799, 1599, 4599), "val")
    found = overlaps([test], [shares, touches, far, elsewhere, alone, corner])
    assert found == [("h/t", "h/1", "overlap"), ("h/t", "h/6", "overlap")]


def test_a_place_that_is_not_known_counts_as_the_same_scene() -> None:
    near, far = tile("h/t1", (0, 0, 10, 10), "test"), tile("h/t2", (500, 0, 510, 10), "test")
    unknown = tile("h/t0", None, "test")
    training = [tile("h/1", None), tile("h/2", (5, 5, 9, 9)), tile("h/3", (100, 0, 110, 10))]
    assert overlaps([near, far], training) == [("h/t1", "h/1", "same scene"), ("h/t1", "h/2", "overlap")]
    # what overlaps one test tile is said to, even if another is of no known place
    assert overlaps([unknown, near], training) == [
        ("h/t0", "h/1", "same scene"), ("h/t1", "h/2", "overlap"), ("h/t0", "h/3", "same scene"),
    ]  # fmt: skip


def test_of_a_scene_whose_test_tiles_were_drawn_all_other_tiles_are_tests() -> None:
    """HRSID's masks have no official split: what we drew of a scene for tests leaves none of it to HRSID."""
    tests = [tile("masks/t", (0, 0, 10, 10), "test"), tile("h/t", (90, 0, 99, 9), "test", "h/P2")]
    training = [
        tile("h/1", (9, 0, 19, 10)), tile("h/2", (50, 0, 60, 10), "val"), tile("h/3", None),
        tile("h/4", (50, 0, 60, 10), group="h/P2"),
    ]  # fmt: skip
    assert overlaps(tests, training, {"masks"}) == [
        ("masks/t", "h/1", "overlap"), ("masks/t", "h/2", "same scene"), ("masks/t", "h/3", "same scene"),
    ]  # fmt: skip
    # an official test split of the same scene: tiles beside its own stay
    assert overlaps(tests, training) == [("masks/t", "h/1", "overlap"), ("masks/t", "h/3", "same scene")]


WINDOW = st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 6)] * 2).map(
    lambda edges: (edges[0], edges[1], edges[0] + edges[2], edges[1] + edges[3])
)


@given(st.lists(WINDOW, max_size=5), st.lists(WINDOW, max_size=5))
def test_tiles_overlap_if_they_share_a_pixel(tests: list[Window], training: list[Window]) -> None:
    def drawn(window: Window) -> np.ndarray:
        canvas = np.zeros((20, 20), bool)
        canvas[window[1] : window[3], window[0] : window[2]] = True
        return canvas

    expected = {
        f"h/{n}"
        for n, own in enumerate(training)
        if any((drawn(own) & drawn(other)).any() for other in tests)
    }
    found = overlaps(
        [tile(f"t/{n}", window, "test") for n, window in enumerate(tests)],
        [tile(f"h/{n}", window) for n, window in enumerate(training)],
    )
    assert {train for _, train, _ in found} == expected
    assert all(kind == "overlap" for _, _, kind in found)


def test_a_large_scene_is_compared_in_pieces() -> None:
    """A Sentinel-1 product of ten thousand chips on a grid; every test chip overlaps its right neighbour."""
    tests = [tile(f"t/{n:05d}", (100 * n, 0, 100 * n + 10, 10), "test") for n in range(500)]
    training = [tile(f"h/{n:05d}", (10 * n + 5, 0, 10 * n + 15, 10)) for n in range(5000)]
    found = overlaps(tests, training)
    # chips at 5 + 10 n share 5 pixels with the test chips at 100 m if they begin at or just before them
    assert {train for _, train, _ in found} == {
        f"h/{n:05d}" for n in range(5000) if n % 10 == 0 or (n % 10 == 9 and n < 4999)
    }


def test_groups_in_train_and_val_are_told() -> None:
    scenes = [
        tile("h/1", None), tile("h/0", None), tile("h/2", (0, 0, 1, 1), "val"), tile("h/3", None, "test"),
        tile("h/4", None, "val", "h/P2"), tile("h/5", None, "val", None), tile("h/6", None, "train", None),
        tile("x/7", None, "val"),
    ]  # fmt: skip
    assert cut_groups(scenes) == [("h/2", "h/0"), ("x/7", "h/0")]
