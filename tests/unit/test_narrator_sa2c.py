import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sartext.core.config import NarratorConfig
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.narrator import sa2c
from sartext.sources import read_annotations

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
        (0.5 - 1e-8, "Water covers a large part of this SAR image."),
        (0.2, "Water covers a large part of this SAR image."),
        (0.2 - 1e-8, "Water covers a small part of this SAR image."),
        (0.02, "Water covers a small part of this SAR image."),
    ],
)
def test_a_threshold_belongs_to_the_larger_grade(share: float, said: str) -> None:
    assert sa2c(scene(water=float(share)), CONFIG)[0] == said


@pytest.mark.parametrize("parts", [3, 5, 6, 7, 10, 12, 49, 50, 51, 99, 100, 1000])
def test_a_share_at_a_threshold_does_not_flip_by_rounding(parts: int) -> None:
    """Whole pixels: a class of k of n pixels reaches the threshold k/n, and one pixel less does not."""
    for whole in range(1, parts):
        config = NarratorConfig(dominant_share=1.0, large_share=whole / parts, minor_share=0.0)
        for factor in (1, 3, 1111):
            pixels = parts * factor**2
            reached = whole * factor**2
            # the same share as a quotient, and as a sum of two quotients
            for share in (reached / pixels, (reached - 1) / pixels + 1 / pixels):
                assert "large part" in sa2c(scene(water=share), config)[0]
            if reached > 1:
                assert "small part" in sa2c(scene(water=(reached - 1) / pixels), config)[0]


def test_a_float_sum_is_the_share_it_means() -> None:
    assert 0.1 + 0.1 + 0.1 > 0.3
    assert 1 - 0.9 < 0.1
    config = NarratorConfig(dominant_share=0.3, large_share=0.1, minor_share=0.02)
    assert sa2c(scene(road=1 - 0.9), config)[0] == "Roads cover a large part of this SAR image."
    # equal but for rounding: by name
    said = sa2c(scene(water=0.1 + 0.1 + 0.1, building=0.3), NarratorConfig())[1]
    assert said == "This SAR image shows buildings, followed by water."


def test_classes_that_are_named_alike_are_one() -> None:
    assert sa2c(scene(bare=0.15, Bareland=0.1, water=0.2), CONFIG)[0] == (
        "Bare land and water each cover a large part of this SAR image."
    )


def test_classes_named_by_a_plural_have_the_verb_of_one() -> None:
    assert sa2c(scene(wetlands=0.6, **{"parking lots": 0.3, "Beaches, dunes, sands": 0.1}), CONFIG) == [
        "Wetlands dominate this SAR image, parking lots cover a large part, and beaches, dunes and sands "
        "cover a small part.",
        "This SAR image shows mostly wetlands, followed by parking lots and beaches, dunes and sands.",
    ]
    assert sa2c(scene(grass=0.6, flooded=0.3), CONFIG)[0] == (
        "Grass dominates this SAR image, and flooded land covers a large part."
    )


def test_a_number_is_no_name_of_a_class() -> None:
    with pytest.raises(UserError, match=r"^m/1: its mask has the class name '1'; .*--classes"):
        sa2c(scene(**{"1": 0.5}), CONFIG)


def test_a_class_without_a_name_is_told() -> None:
    with pytest.raises(UserError, match=r"m/1: its mask has the class name '_'"):
        sa2c(scene(_=0.5), CONFIG)


def test_varied_wording_does_not_call_the_largest_what_is_not() -> None:
    varied = NarratorConfig(wording="varied")
    for seed in range(60):
        # 60 of 100 pixels are of no class
        for cover in ({"water": 0.3, "road": 0.1}, {"water": 0.4, "road": 0.4}):
            said = sa2c(scene(**cover), varied, seed)[1]
            assert not re.search("largest|most|main", said)
    assert any("largest" in sa2c(scene(water=0.45, road=0.3), varied, seed)[1] for seed in range(60))


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
        r"^(?:This SAR image shows (?:mostly |some )?|In this SAR image )", "", captions[1].rstrip(".")
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
        if "largest" in captions[1] or "mostly" in captions[1]:
            rivals = [background / total, *shares[1:]]
            assert shares[0] > max(rivals)


NAMES = ("water", "road", "building", "vegetation")


def of_mask(folder: Path, mask: np.ndarray) -> list[str]:
    """Captions of a mask as it is read from its file: 0 to 3 the classes, 9 no class, 255 no data."""
    (folder / "masks").mkdir(exist_ok=True)
    Image.fromarray(mask.astype(np.uint8)).save(folder / "masks" / "a.png")
    Image.fromarray(np.zeros(mask.shape, np.uint8)).save(folder / "a.png")
    classes = folder / "classes.yaml"
    named = ", ".join(f"{name}: {code}" for code, name in enumerate(NAMES))
    classes.write_text(f"classes: {{{named}}}\nbackground: [9]\nignore: [255]\n")
    (found,), rejects = read_annotations("mask", folder / "masks", folder, classes)
    assert rejects == []
    return sa2c(found, CONFIG)


def test_pixels_of_no_data_are_no_part_of_the_image(tmp_path: Path) -> None:
    mask = np.full((10, 10), 255)
    mask[:2] = 0
    mask[2, :5] = 1
    mask[3] = 9
    # 20 of 35 valid pixels are water, 5 road
    assert of_mask(tmp_path, mask) == [
        "Water dominates this SAR image, and roads cover a small part.",
        "This SAR image shows mostly water, followed by roads.",
    ]


@pytest.mark.parametrize("seed", range(8))
def test_captions_do_not_change_when_a_mask_s_file_is_enlarged_or_reduced(tmp_path: Path, seed: int) -> None:
    codes = np.random.default_rng(seed).choice(
        [0, 1, 2, 3, 9, 255], (7, 11), p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1]
    )
    small = of_mask(tmp_path, codes)
    for factor in (2, 3, 10):
        large = codes.repeat(factor, 0).repeat(factor, 1)
        assert of_mask(tmp_path, large) == small
        assert of_mask(tmp_path, large[::factor, ::factor]) == small


@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_captions_do_not_change_with_the_scale_of_the_mask(seed: int, factor: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 4, (8, 8))

    def narrated(mask: np.ndarray) -> list[str]:
        names = ("water", "road", "building", "vegetation")
        cover = {name: np.count_nonzero(mask == code) / mask.size for code, name in enumerate(names)}
        return sa2c(scene(**cover), CONFIG)

    assert narrated(codes) == narrated(codes.repeat(factor, 0).repeat(factor, 1))
