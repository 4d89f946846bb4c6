import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sartext.core.config import NarratorConfig
from sartext.core.records import Scene
from sartext.narrator import sa2c

CONFIG = NarratorConfig(dominant_share=0.5, large_share=0.2, minor_share=0.02)
NOUNS = {
    "water": "water",
    "building": "buildings",
    "road": "roads",
    "vegetation": "vegetation",
    "bare": "bare land",
}


def scene(annotated: bool = True, **cover: float) -> Scene:
    return Scene("m/1", "m", "train", "sar", "1.png", 64, 64, cover=cover, annotated=annotated)


def test_hand_worked_captions() -> None:
    assert sa2c(scene(water=0.7, building=0.25, road=0.05), CONFIG) == [
        "Water dominates this SAR image, buildings cover a large part, and roads cover a small part.",
        "This SAR image shows mostly water, followed by buildings and roads.",
    ]
    assert sa2c(scene(vegetation=0.4, water=0.3, road=0.1, building=0.1), CONFIG) == [
        "Vegetation and water each cover a large part of this SAR image, "
        "and buildings and roads each cover a small part.",
        "In this SAR image vegetation takes the largest area, followed by water, buildings and roads.",
    ]
    assert sa2c(scene(building=0.1), CONFIG) == [
        "Buildings cover a small part of this SAR image.",
        "This SAR image shows some buildings.",
    ]


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.5, "Water dominates this SAR image."),
        (np.nextafter(0.5, 0), "Water covers a large part of this SAR image."),
        (0.2, "Water covers a large part of this SAR image."),
        (np.nextafter(0.2, 0), "Water covers a small part of this SAR image."),
        (0.02, "Water covers a small part of this SAR image."),
    ],
)
def test_a_threshold_belongs_to_the_larger_grade(share: float, said: str) -> None:
    assert sa2c(scene(water=float(share)), CONFIG)[0] == said


def test_thresholds_are_the_profile_s() -> None:
    other = NarratorConfig(dominant_share=0.9, large_share=0.6, minor_share=0.3)
    assert sa2c(scene(water=0.7, road=0.25), other)[0] == "Water covers a large part of this SAR image."


def test_nothing_to_name_nothing_said() -> None:
    assert sa2c(scene(), CONFIG) == []
    assert sa2c(scene(water=0.019), CONFIG) == []
    assert sa2c(scene(annotated=False, water=1.0), CONFIG) == []


def parse(captions: list[str]) -> tuple[dict[str, str], list[str]]:
    """The grade of each class that the first caption names, and the order of the second."""
    labels = {noun: label for label, noun in NOUNS.items()}
    grades: dict[str, str] = {}
    text = captions[0].rstrip(".").replace(" of this SAR image", "").replace(" this SAR image", "")
    for subject, grade in re.findall(
        r"(?:^|, and |, )(.+?) (?:each )?(dominates?|covers? a (?:large|small) part)", text
    ):
        for noun in re.split(r", | and ", subject[0].lower() + subject[1:]):
            grades[labels[noun]] = grade.split()[2] if "part" in grade else "dominant"
    order = re.sub(
        r"^(?:This SAR image shows (?:mostly|some)|In this SAR image) ", "", captions[1].rstrip(".")
    )
    order = re.sub(r" takes? the largest area", "", order).replace(", followed by ", ", ")
    return grades, [labels[noun] for noun in re.split(r", | and ", order)]


@given(st.dictionaries(st.sampled_from(sorted(NOUNS)), st.integers(1, 100), min_size=1), st.integers(0, 100))
def test_what_is_said_of_random_covers_is_true(pixels: dict[str, int], background: int) -> None:
    total = sum(pixels.values()) + background
    cover = {label: count / total for label, count in pixels.items()}
    captions = sa2c(scene(**cover), CONFIG)
    named = {label for label, share in cover.items() if share >= 0.02}
    assert len(captions) == (2 if named else 0)
    if named:
        grades, order = parse(captions)
        assert set(grades) == set(order) == named
        for label, grade in grades.items():
            share = cover[label]
            assert grade == ("dominant" if share >= 0.5 else "large" if share >= 0.2 else "small")
        shares = [cover[label] for label in order]
        assert shares == sorted(shares, reverse=True)


@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_captions_do_not_change_with_the_scale_of_the_mask(seed: int, factor: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 4, (8, 8))

    def narrated(mask: np.ndarray) -> list[str]:
        names = ("water", "road", "building", "vegetation")
        cover = {name: np.count_nonzero(mask == code) / mask.size for code, name in enumerate(names)}
        return sa2c(scene(**cover), CONFIG)

    assert narrated(codes) == narrated(codes.repeat(factor, 0).repeat(factor, 1))
