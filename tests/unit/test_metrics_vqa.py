"""Answers by SARLANG-1M's rule, worked by hand."""

import pytest

from sartext.metrics import intervals, vqa
from sartext.metrics.vqa import Asked


@pytest.mark.parametrize(
    ("answer", "reference", "right"),
    [
        ("yes", "yes", True),
        ("Yes.", "yes", True),
        ("yes, there is", "yes", False),
        ("no", "yes", False),
        ("3", "3", True),
        (" 3. ", "3", True),
        ("13", "3", False),
        ("3 ships", "3", False),
        ("three", "3", False),
        ("there are 100 of them", "100", True),
        ("a large harbor", "harbor", True),
        ("in the Top  Left corner", "top left", True),
        ("ship", "harbor", False),
        ("", "harbor", False),
        ("", "no", False),
    ],
)
def test_rule(answer, reference, right):
    assert vqa.correct(answer, [reference]) is right


def test_any_accepted_answer_will_do():
    assert vqa.correct("water", ["sea", "water"])
    assert not vqa.correct("10", ["1", "11"])


def test_accuracy_by_type():
    asked = [
        Asked("b", "count", ("2",), "2"),
        Asked("a", "count", ("3",), "2"),
        Asked("a", "land cover", ("water",), "mostly water"),
        Asked("a", "presence", ("yes",), "no"),
        Asked("c", "presence", ("no",), "no"),
        Asked("c", "presence", ("no",), "No"),
    ]
    statistics = vqa.statistics(asked)
    assert statistics.ids == ("a", "b", "c")
    found = intervals.summarise(statistics, vqa.formula, 300, 0)
    assert {name: (entry["value"], entry["n"]) for name, entry in found.items()} == {
        "accuracy": (pytest.approx(4 / 6), 6),
        "accuracy.count": (0.5, 2),
        "accuracy.land_cover": (1, 1),
        "accuracy.presence": (pytest.approx(2 / 3), 3),
    }
    assert found["accuracy"]["low"] < 4 / 6 < found["accuracy"]["high"]
    shuffled = vqa.statistics(asked[::-1])
    assert shuffled.columns == statistics.columns
    assert shuffled.values.tobytes() == statistics.values.tobytes()
