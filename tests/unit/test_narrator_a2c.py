import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sartext.core.errors import UserError
from sartext.core.records import Box, Scene
from sartext.narrator import a2c

NOUNS = {
    "ship": "ships",
    "aircraft": "aircraft",
    "storage tank": "storage tanks",
    "bridge": "bridges",
    "harbor": "harbors",
}


def scene(*boxes: Box, width: int = 100, height: int = 100, annotated: bool = True) -> Scene:
    return Scene("s/1", "s", "train", "sar", "1.png", width, height, boxes=boxes, annotated=annotated)


def at(label: str, x: float, y: float, side: float = 2.0) -> Box:
    """A box of this class with its centre at (x, y)."""
    return Box(label, x - side / 2, y - side / 2, side, side)


def test_the_paper_s_example() -> None:
    boxes = [at("ship", 50, 50), at("ship", 40, 60), at("bridge", 5, 50), at("ship", 90, 90)]
    assert a2c(scene(*boxes)) == [
        "There are 3 ships, 1 bridge.",
        "There are 2 ships in the center, and 1 bridge, 1 ship at the edge of this image.",
    ]


def test_one_object() -> None:
    assert a2c(scene(at("ship", 50, 50))) == ["There is 1 ship.", "There is 1 ship in the center."]
    assert a2c(scene(at("aircraft", 1, 1))) == [
        "There is 1 aircraft.",
        "There is 1 aircraft at the edge of this image.",
    ]


def test_order_is_by_count_then_name_whatever_the_order_of_boxes() -> None:
    boxes = [at("ship", 50, 50), at("bridge", 50, 50), at("harbor", 50, 50), at("harbor", 50, 50)]
    expected = "There are 2 harbors, 1 bridge, 1 ship."
    assert a2c(scene(*boxes))[0] == expected
    assert a2c(scene(*reversed(boxes)))[0] == expected


def test_spellings_of_one_class_are_counted_together() -> None:
    boxes = [at("Oil_Tank", 50, 50), at("oil tank", 50, 50), at("OIL-TANK", 50, 50)]
    assert a2c(scene(*boxes))[0] == "There are 3 oil tanks."


@pytest.mark.parametrize(
    ("x", "y", "inside"),
    [
        (25, 50, True), (24.999, 50, False), (75, 50, True), (75.001, 50, False),
        (50, 25, True), (50, 24.999, False), (50, 75, True), (50, 75.001, False),
        (25, 25, True), (75, 75, True), (25, 75.001, False), (0, 0, False), (100, 100, False),
    ],
)  # fmt: skip
def test_the_border_of_the_middle_rectangle_belongs_to_it(x: float, y: float, inside: bool) -> None:
    place = "in the center" if inside else "at the edge of this image"
    assert a2c(scene(at("ship", x, y)))[1] == f"There is 1 ship {place}."


def test_the_rectangle_follows_width_and_height_apart() -> None:
    wide = {"width": 400, "height": 100}
    assert a2c(scene(at("ship", 300, 25), **wide))[1].endswith("in the center.")
    assert a2c(scene(at("ship", 301, 25), **wide))[1].endswith("at the edge of this image.")
    # odd sides: a quarter of 417 is 104.25
    odd = {"width": 417, "height": 323}
    assert a2c(scene(at("ship", 104.25, 161.5), **odd))[1].endswith("in the center.")
    assert a2c(scene(at("ship", 104.0, 161.5), **odd))[1].endswith("at the edge of this image.")


def test_nothing_annotated_nothing_said() -> None:
    assert a2c(scene()) == []
    assert a2c(scene(at("ship", 50, 50), annotated=False)) == []


def test_a_box_without_a_class_is_named() -> None:
    with pytest.raises(UserError, match="s/1"):
        a2c(scene(at(" _ ", 50, 50)))


def said(text: str) -> dict[str, int]:
    """Class counts of "3 ships, 1 bridge", by the test's own table of plurals."""
    singular = {many: one for one, many in NOUNS.items()}
    counts = {}
    for part in text.split(", "):
        number, noun = re.fullmatch(r"(\d+) (.+)", part).groups()
        label = noun if int(number) == 1 else singular[noun]
        assert label in NOUNS
        assert label not in counts
        counts[label] = int(number)
    return counts


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(NOUNS)), st.integers(0, 800), st.integers(0, 600)),
        min_size=1,
        max_size=40,
    )
)
def test_what_is_said_of_random_scenes_is_true(things: list[tuple[str, int, int]]) -> None:
    first, second = a2c(scene(*(at(label, x, y) for label, x, y in things), width=800, height=600))
    counts = Counter(label for label, _, _ in things)
    assert said(re.fullmatch(r"There (?:is|are) (.+)\.", first).group(1)) == counts
    middle = Counter(label for label, x, y in things if 200 <= x <= 600 and 150 <= y <= 450)
    match = re.fullmatch(
        r"There (is|are) (?:(?P<center>.+) in the center)?(?:, and )?"
        r"(?:(?P<edge>.+) at the edge of this image)?\.",
        second,
    )
    assert (said(match["center"]) if match["center"] else {}) == middle
    assert (said(match["edge"]) if match["edge"] else {}) == counts - middle
    leading = int(re.search(r"\d+", second).group())
    assert match.group(1) == ("is" if leading == 1 else "are")
