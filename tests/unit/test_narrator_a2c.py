import math
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sartext.core.config import NarratorConfig
from sartext.core.errors import UserError
from sartext.core.records import Box, Scene
from sartext.narrator import a2c
from sartext.sources import read_annotations

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


@pytest.mark.parametrize("rule", ["authors", "b2c"])
def test_a_number_is_no_class_name(rule: str) -> None:
    with pytest.raises(UserError, match=r"^s/1: a box has the class name '7'; .*--classes.*vehicle: '7'"):
        a2c(scene(at("7", 50, 50)), NarratorConfig.model_validate({"rule": rule}))


@pytest.mark.parametrize(
    ("label", "one", "two"),
    [
        ("helicopters", "helicopter", "helicopters"),
        ("buses", "bus", "buses"),
        ("ferries", "ferry", "ferries"),
        ("Aircrafts", "aircraft", "aircraft"),
        ("harbours", "harbor", "harbors"),
    ],
)
def test_classes_named_by_their_plural(label: str, one: str, two: str) -> None:
    assert a2c(scene(at(label, 50, 50)))[0] == f"There is 1 {one}."
    assert a2c(scene(at(label, 50, 50), at(label, 9, 9)))[0] == f"There are 2 {two}."


def test_nine_places_on_request() -> None:
    boxes = [at("ship", 10, 10), at("ship", 20, 5), at("bridge", 50, 50)]
    grid = NarratorConfig(places="grid")
    assert a2c(scene(*boxes), grid) == [
        "There are 2 ships, 1 bridge.",
        "There are 2 ships in the upper left, and 1 bridge in the center.",
    ]
    more = [*boxes, at("ship", 50, 50), at("harbor", 95, 95), at("aircraft", 50, 99)]
    assert a2c(scene(*more), grid)[1] == (
        "There are 2 ships in the upper left, 1 bridge and 1 ship in the center, 1 aircraft at the bottom, "
        "and 1 harbor in the lower right."
    )


def test_no_places_on_request() -> None:
    boxes = [at("ship", 10, 10), at("bridge", 50, 50)]
    assert a2c(scene(*boxes), NarratorConfig(places="none")) == ["There is 1 bridge, 1 ship."]
    assert len(a2c(scene(*boxes), NarratorConfig(places="none", wording="varied"))) == 1


def test_varied_wording_of_one_object_has_its_article_and_verb() -> None:
    config = NarratorConfig(wording="varied")
    said = {text for seed in range(300) for text in a2c(scene(at("aircraft", 1, 1)), config, seed)}
    assert {
        "An aircraft can be seen in this SAR image.",
        "One aircraft is visible in this SAR image.",
        "There is 1 aircraft in this SAR image.",
        "In this SAR image, an aircraft lies at the edge.",
    } <= said
    assert not [text for text in said if " a aircraft" in text or "aircraft are " in text or text[0] == "1"]


def test_a_sentence_never_begins_with_a_digit() -> None:
    many = scene(*(at("ship", 50, 50) for _ in range(12)))
    config = NarratorConfig(wording="varied")
    assert all(text[0].isupper() for seed in range(200) for text in a2c(many, config, seed))


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 133])
@pytest.mark.parametrize(
    ("x", "y", "place"),
    [(25.5, 50, "center"), (74.5, 30, "center"), (24.5, 50, "edge"), (50, 80, "edge")],
)
def test_a_rotated_box_is_placed_by_its_own_centre(
    tmp_path: Path, degrees: int, x: float, y: float, place: str
) -> None:
    angle = math.radians(degrees)
    corners = [
        (x + a * math.cos(angle) - b * math.sin(angle), y + a * math.sin(angle) + b * math.cos(angle))
        for a, b in ((-9, -2), (9, -2), (9, 2), (-9, 2))
    ]
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    (tmp_path / "labels").mkdir()
    text = " ".join(f"{value:.3f}" for corner in corners for value in corner)
    (tmp_path / "labels" / "a.txt").write_text(f"{text} vehicle 0\n")
    (found,), rejects = read_annotations("dota", tmp_path / "labels", tmp_path)
    assert rejects == []
    assert found.boxes[0].centre == pytest.approx((x, y), abs=2e-3)
    assert place in a2c(found)[1]


def test_masks_are_boxed_and_placed(tmp_path: Path) -> None:
    Image.new("L", (40, 40)).save(tmp_path / "a.png")
    mask = Image.new("L", (40, 40))
    mask.paste(1, (18, 18, 22, 22))
    mask.paste(1, (0, 0, 4, 4))
    mask.paste(2, (30, 0, 36, 4))
    (tmp_path / "masks").mkdir()
    mask.save(tmp_path / "masks" / "a.png")
    classes = tmp_path / "classes.yaml"
    classes.write_text("classes: {ship: 1, bridge: 2}\nbackground: [0]\n")
    (found,), _ = read_annotations("mask", tmp_path / "masks", tmp_path, classes)
    assert a2c(found) == [
        "There are 2 ships, 1 bridge.",
        "There is 1 ship in the center, and 1 bridge, 1 ship at the edge of this image.",
    ]


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
