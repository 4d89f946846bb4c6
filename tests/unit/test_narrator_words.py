import pytest

from sartext.narrator.words import (
    article,
    counted,
    cover_noun,
    listed,
    normalise_label,
    number_word,
    plural,
)


@pytest.mark.parametrize(
    ("label", "normal"),
    [
        ("Ship", "ship"),
        ("oil_tank", "oil tank"),
        ("  Storage-Tank ", "storage tank"),
        ("Built-up", "built-up"),
        ("airplane", "aircraft"),
        ("Harbour", "harbor"),
        ("Human", "person"),
        ("A220", "A220"),
        ("Boeing737", "Boeing737"),
        ("A320/321", "A320/321"),
        ("ship, large", "ship large"),
        ("planet", "planet"),
        ("large-vehicle", "large vehicle"),
        ("Oiltank", "oil tank"),
        ("ship_type Cargo", "cargo ship"),
        ("Elaborated_type Bulk Carrier", "bulk carrier"),
        ("ship type", "ship type"),
        ("Bareland", "bare land"),
        ("Buildings", "building"),
        ("people", "person"),
        ("villages", "village"),
        ("bus", "bus"),
        ("others", "other object"),
        ("Destroyed", "destroyed building"),
        ("High Speed Craft", "high speed craft"),
        ("\uff53\uff48\uff49\uff50", "ship"),
        (" -_ ", ""),
        ("7", ""),
        ("4_2", ""),
        ("unlabeled", "unknown object"),
        ("helicopters", "helicopter"),
        ("Wind_Turbines", "wind turbine"),
        ("buses", "bus"),
        ("ferries", "ferry"),
        ("cities", "city"),
        ("aircrafts", "aircraft"),
        ("Airplanes", "aircraft"),
        ("Harbours", "harbor"),
        ("oiltanks", "oil tank"),
        ("warehouses", "warehouse"),
        ("courses", "course"),
        ("beaches", "beach"),
        ("tennis courts", "tennis court"),
        ("glass", "glass"),
        ("leaves", "leaf"),
        ("sheep", "sheep"),
        ("series", "series"),
        ("BMP2", "BMP2"),
    ],
)
def test_normal_form_of_class_names(label: str, normal: str) -> None:
    assert normalise_label(label) == normal
    assert normalise_label(normal) == normal


@pytest.mark.parametrize(
    ("noun", "many"),
    [
        ("ship", "ships"),
        ("aircraft", "aircraft"),
        ("storage tank", "storage tanks"),
        ("bus", "buses"),
        ("factory", "factories"),
        ("railway", "railways"),
        ("bench", "benches"),
        ("person", "people"),
        ("A220", "A220s"),
        ("A320/321", "A320/321s"),
        ("other object", "other objects"),
        ("high speed craft", "high speed craft"),
        ("island", "islands"),
        ("bare land", "bare land"),
        ("farmland", "farmland"),
        ("wetland", "wetlands"),
        ("sheep", "sheep"),
        ("leaf", "leaves"),
        ("headquarters", "headquarters"),
    ],
)
def test_plurals(noun: str, many: str) -> None:
    assert plural(noun) == many
    assert counted(noun, 1) == f"1 {noun}"
    assert counted(noun, 2) == f"2 {many}"


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("ship", "a"), ("aircraft", "an"), ("SAR", "a"), ("old", "an"), ("university", "a"), ("one", "a"),
        ("hour", "an"), ("L-shaped", "an"), ("U-shaped", "a"), ("uninhabited", "an"), ("unit", "a"),
        ("8", "an"), ("A220", "an"), ("F16", "an"), ("T72", "a"), ("ARJ21", "an"),
        ("European", "a"), ("urban", "an"), ("useful", "a"), ("island", "an"),
    ],
)  # fmt: skip
def test_articles_go_by_sound(word: str, right: str) -> None:
    assert article(word) == right


def test_lists_and_covers() -> None:
    assert listed([]) == ""
    assert listed(["water"]) == "water"
    assert listed(["water", "roads"]) == "water and roads"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert [number_word(count) for count in (1, 10, 11)] == ["one", "ten", "11"]


@pytest.mark.parametrize(
    ("label", "noun", "many"),
    [
        ("building", "buildings", True), ("Buildings", "buildings", True), ("Water", "water", False),
        ("bare", "bare land", False), ("Bareland", "bare land", False), ("rangeland", "rangeland", False),
        ("developed space", "developed land", False), ("agriculture land", "agricultural land", False),
        ("tree", "trees", True), ("road", "roads", True), ("city", "urban land", False),
        ("village", "villages", True), ("others", "other land", False), ("forest", "forest", False),
        ("farmland", "farmland", False), ("vegetation", "vegetation", False),
        ("intact building", "intact buildings", True), ("damaged", "damaged buildings", True),
        ("water body", "water bodies", True), ("Snow and ice", "snow and ice", True),
        ("wetlands", "wetlands", True), ("crops", "crops", True), ("clouds", "clouds", True),
        ("Mountains", "mountains", True), ("Built-up areas", "built-up areas", True),
        ("impervious surfaces", "impervious surfaces", True), ("parking lots", "parking lots", True),
        ("parking lot", "parking lots", True), ("sand dunes", "sand dunes", True),
        ("Inland waters", "inland waters", True), ("Rice fields", "rice fields", True),
        ("grass", "grass", False), ("marsh", "marsh", False), ("farmlands", "farmland", False),
        ("cities", "urban land", False), ("flooded", "flooded land", False), ("Burnt", "burnt land", False),
        ("unlabeled", "unknown land", False), ("7", "", False),
        ("Beaches, dunes, sands", "beaches, dunes and sands", True),
        ("Moors, heathland and scrub", "moors, heathland and scrub", True),
        ("Land of farms, with woods", "land of farms, with woods", False),
    ],
)  # fmt: skip
def test_land_covers_of_the_sources(label: str, noun: str, many: bool) -> None:
    assert cover_noun(label) == (noun, many)
