import re

import pytest

from sartext.core.config import NarratorConfig
from sartext.core.errors import UserError
from sartext.core.records import Box, Scene
from sartext.narrator import a2c
from sartext.narrator.b2c import b2c


def scene(*boxes: Box, name: str = "s/1", annotated: bool = True) -> Scene:
    return Scene(name, "s", "train", "sar", "1.png", 100, 100, boxes=boxes, annotated=annotated)


def at(label: str, x: float, y: float) -> Box:
    return Box(label, x - 1, y - 1, 2, 2)


def test_five_captions_of_which_two_tell_places() -> None:
    boxes = [at("ship", 50, 50), at("ship", 40, 60), at("bridge", 5, 50), at("ship", 90, 90)]
    for seed in range(50):
        captions = b2c(scene(*boxes), seed)
        assert len(set(captions)) == 5
        assert "center of the image" in captions[0]
        assert re.search("[Tt]wo ships", captions[0])
        assert "edge of the image" in captions[1]
        assert re.search(r"(?:[Oo]ne|[Aa]) bridge and (?:one|a) ship\b", captions[1])
        drawn = " ".join(captions[2:])
        assert "center" not in drawn
        assert "edge" not in drawn
        # a drawn class is told with its count in the whole image
        assert set(re.findall(r"(\w+) ship", drawn.lower())) <= {"three"}


def test_counts_above_ten_are_many() -> None:
    ten, eleven = [at("ship", 50, 50)] * 10, [at("bridge", 50, 50)] * 11
    said = {text for seed in range(100) for text in b2c(scene(*ten, *eleven), seed)}
    amounts = {amount.lower() for text in said for amount in re.findall(r"(\w+(?: of)?) bridges", text)}
    assert amounts == {"many", "lot of"}
    assert {number.lower() for text in said for number in re.findall(r"(\w+) ships", text)} == {"ten"}
    assert not [text for text in said if re.search(r"\d", text)]


@pytest.mark.parametrize(("x", "place"), [(50, "center"), (1, "edge")])
def test_where_a_place_is_empty_one_more_of_drawn_objects_stands_in(x: float, place: str) -> None:
    captions = b2c(scene(at("aircraft", x, 50)))
    assert len(set(captions)) == 5
    assert [bool(re.search("center|edge", text)) for text in captions] == [True] + [False] * 4
    assert f"{place} of the image" in captions[0]
    assert not re.search(r"\b(?:a aircraft|are|no)\b", " ".join(captions).lower())


def test_nothing_annotated_nothing_said() -> None:
    assert b2c(scene()) == []
    assert b2c(scene(at("ship", 1, 1), annotated=False)) == []


def test_the_rule_is_named_in_the_config_and_drawn_by_seed_and_scene() -> None:
    boxes = [at("ship", 50, 50), at("bridge", 5, 50)]
    config = NarratorConfig(rule="b2c")
    assert a2c(scene(*boxes), config, 3) == b2c(scene(*boxes), 3)
    assert len({tuple(b2c(scene(*boxes), seed)) for seed in range(20)}) > 10
    assert len({tuple(b2c(scene(*boxes, name=f"s/{number}"))) for number in range(20)}) > 10


def test_a_box_without_a_class_is_named() -> None:
    with pytest.raises(UserError, match="s/1"):
        b2c(scene(at(" _ ", 50, 50)))
