import pytest

from sartext.narrator.words import article, counted, cover_noun, listed, normalise_label, plural


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
        ("\uff53\uff48\uff49\uff50", "ship"),
        (" -_ ", ""),
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
        ("8", "an"),
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
    assert cover_noun("building") == ("buildings", True)
    assert cover_noun("Water") == ("water", False)
    assert cover_noun("bare") == ("bare land", False)
