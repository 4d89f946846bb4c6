"""The parser of captions: English worked by hand, and sentences drawn with their counts."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sartext.narrator.facts import Facts, Mention, includes, known, parse_caption, same_thing


def said(text: str) -> list[tuple[str, int | str | None]]:
    """Label and count, number or "many", of each mention that is not negated."""
    return [
        (m.label, m.count if m.count is not None else "many" if m.many else None)
        for m in parse_caption(text).mentions
        if not m.negated
    ]


def places(text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(m.label, m.places) for m in parse_caption(text).mentions]


def shares(text: str) -> list[tuple[str, str | float | None]]:
    return [(m.label, m.share) for m in parse_caption(text).mentions]


def negated(text: str) -> list[str]:
    return [m.label for m in parse_caption(text).mentions if m.negated]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two cargo ships and a tanker", [("ship", 2), ("ship", 1)]),
        ("A lone jet on the runway", [("aircraft", 1), ("runway", None)]),
        ("a pair of oil tanks beside a dock", [("storage tank", 2), ("harbor", 1)]),
        ("Dozens of trucks are parked along the highway.", [("vehicle", "many"), ("road", None)]),
        ("twenty-three vessels near the quay", [("ship", 23), ("harbor", None)]),
        ("1,024 houses", [("building", 1024)]),
        ("a dozen boats", [("ship", 12)]),
        ("in total 5 bridges", [("bridge", 5)]),
        ("a few planes, several vans", [("aircraft", "many"), ("vehicle", "many")]),
        ("One can see one bridge.", [("bridge", 1)]),
        ("a small white and red building", [("building", 1)]),
        ("three heavily loaded freighters", [("ship", 3)]),
        ("some terminal buildings", [("building", "many")]),
        ("a stretch of calm sea", [("water", None)]),
        ("trees and grass", [("forest", "many"), ("grassland", None)]),
        ("3 A220s, 1 Boeing 737", [("a220", 3), ("aircraft", 1)]),
        (
            "There are 15 boats: 10 in the center and 5 at the border.",
            [("ship", 15), ("ship", 10), ("ship", 5)],
        ),
        ("2 other objects", [("other", 2)]),
        ("resolution of 3 m, 512 x 512 pixels, 2 cars", [("vehicle", 2)]),
    ],
)
def test_things_and_how_many(text: str, expected: list[tuple[str, int | str | None]]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at least three ships", [("ship", "many")]),
        ("more than 1 ship", [("ship", "many")]),
        ("at least a dozen boats and two cars", [("ship", "many"), ("vehicle", 2)]),
        ("no fewer than 20 planes", [("aircraft", "many")]),
        ("between 5 and 10 ships near 2 piers", [("ship", "many"), ("harbor", 2)]),
        ("5-10 houses", [("building", "many")]),
        ("three to five trucks", [("vehicle", "many")]),
        ("6 or 7 trucks", [("vehicle", "many")]),
        # not even that there are several
        ("at least one bridge", [("bridge", None)]),
        ("at least a bridge", [("bridge", None)]),
        ("at most two ships", [("ship", None)]),
        ("fewer than five ships", [("ship", None)]),
        ("no more than two ships", [("ship", None)]),
        ("one or two tanks", [("storage tank", None)]),
        # numbers that are exact beside such words
        ("three out of five ships are moored", [("ship", 5)]),
        ("a road between 2 houses and 3 towers", [("road", 1), ("building", 2), ("tower", 3)]),
        ("two ships or 3 cars next to 4 tanks", [("ship", 2), ("vehicle", 3), ("storage tank", 4)]),
    ],
)
def test_a_number_that_is_a_bound_is_no_count(
    text: str, expected: list[tuple[str, int | str | None]]
) -> None:
    assert said(text) == expected
    assert not negated(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a large zeppelin hovers over the sea", [("zeppelin", 1), ("water", None)]),
        ("2 dragons and a ship", [("dragon", 2), ("ship", 1)]),
        ("there are seven swimming elephants near the bridge", [("elephant", 7), ("bridge", None)]),
        ("a dog sleeping on a pier", [("dog", 1), ("harbor", 1)]),
        ("several factories", [("factory", "many")]),
    ],
)
def test_an_unknown_noun_is_a_mention_of_its_own(
    text: str, expected: list[tuple[str, int | str | None]]
) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    "text", ["a blurry picture", "a quiet scene", "", "!?", "a kind of pattern", "the image"]
)
def test_words_for_the_image_are_no_things(text: str) -> None:
    assert parse_caption(text) == Facts(())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a ship in the middle", [("ship", ("center",))]),
        ("A plane sits at the top-right corner of the picture.", [("aircraft", ("upper right",))]),
        ("in the lower left part a harbor is seen", [("harbor", ("lower left",))]),
        ("a bridge along the bottom edge", [("bridge", ("bottom",))]),
        ("cars on the left-hand side", [("vehicle", ("left",))]),
        ("boats at the margins of the frame", [("ship", ("edge",))]),
        ("ships in the upper left and lower right corners", [("ship", ("upper left", "lower right"))]),
        # a group shares its place, but for members counted in another way
        ("2 ships and 1 bridge in the center", [("ship", ("center",)), ("bridge", ("center",))]),
        ("many houses and a street in the middle", [("building", ()), ("road", ("center",))]),
        ("a bridge and some boats are in the center", [("bridge", ("center",)), ("ship", ("center",))]),
        # what is said first of a place stands there, until the next place
        (
            "In the center there are two tanks, at the edge a car.",
            [("storage tank", ("center",)), ("vehicle", ("edge",))],
        ),
        # places of other things are none in the image
        ("a ship to the left of the bridge", [("ship", ()), ("bridge", ())]),
        ("a house in the middle of the forest", [("building", ()), ("forest", ())]),
        ("the pond is in the upper left relative to the town", [("water", ()), ("built-up", ())]),
        ("a ship in the middle of the image", [("ship", ("center",))]),
        ("a car right next to a house in the northwest", [("vehicle", ()), ("building", ("upper left",))]),
    ],
)
def test_places(text: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert places(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The sea dominates.", [("water", "dominant")]),
        ("a scene dominated by cropland", [("farmland", "dominant")]),
        ("mostly woods with a pond", [("forest", "dominant"), ("water", None)]),
        ("30% of the image is water", [("water", 0.3)]),
        ("Lakes take up 12.5 percent of the frame", [("water", 0.125)]),
        ("about half of the picture is covered by meadows", [("grassland", 0.5)]),
        ("a quarter of the scene is desert", [("bare land", 0.25)]),
        ("houses cover a small portion", [("building", "small")]),
        ("A significant part of the land is forest.", [("land", "large"), ("forest", None)]),
        ("a large part of the image is forest", [("forest", "large")]),
        ("streets and houses each occupy a minor share", [("road", "small"), ("building", "small")]),
        ("almost all of the frame is ocean", [("water", "dominant")]),
        ("nothing but water", [("water", "dominant")]),
        ("the whole image is forest", [("forest", "dominant")]),
        ("ships are scattered over the whole image", [("ship", None)]),
        ("a part of the sea", [("water", None)]),
    ],
)
def test_shares(text: str, expected: list[tuple[str, str | float | None]]) -> None:
    assert shares(text) == expected


@pytest.mark.parametrize(
    ("text", "gone", "there"),
    [
        ("no ships", ["ship"], set()),
        ("There is no bridge, but 3 boats lie here.", ["bridge"], {"ship"}),
        ("a port without any vessels or cranes", ["ship", "crane"], {"harbor"}),
        ("neither planes nor cars", ["aircraft", "vehicle"], set()),
        ("No cars are near the bridge.", ["vehicle"], {"bridge"}),
        ("Bridges are not visible.", ["bridge"], set()),
        ("Aircraft are absent; a hangar stands alone.", ["aircraft"], {"hangar"}),
        ("0 ships, 2 tanks", ["ship"], {"storage tank"}),
        ("there is not a single house", ["building"], set()),
        ("no longer two ships but three", [], {"ship"}),
    ],
)
def test_negation(text: str, gone: list[str], there: set[str]) -> None:
    assert negated(text) == gone
    assert parse_caption(text).labels() == there


def test_counts_are_the_largest_said() -> None:
    facts = parse_caption("Five ships are present, two ships lie in the center, no bridges, many cars.")
    assert facts.counts() == {"ship": 5}
    assert facts.mentions[1] == Mention("ship", 2, False, ("center",), None, False)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("oil tank", "storage tank"),
        ("tank", "storage tank"),
        ("Boat", "ship"),
        ("Harbour", "harbor"),
        ("built-up", "built-up"),
        ("built_up", "built-up"),
        ("developed", "built-up"),
        ("bareland", "bare land"),
        ("agriculture", "farmland"),
        ("A320/321", "a320/321"),
        ("Zeppelins", "zeppelin"),
        ("other", "other"),
        ("Others", "other"),
        ("High-Speed Craft", "ship"),
        ("rescue ship", "ship"),
        ("ambulance ship", "ship"),
        ("large-vehicle", "vehicle"),
        ("agriculture land", "farmland"),
        ("destroyed", "destroyed building"),
        ("red zone", "red zone"),
    ],
)
def test_class_names_of_sources_are_the_lexicons(label: str, name: str) -> None:
    assert same_thing(label) == name
    assert same_thing(name) == name


def test_broad_words_include_narrow_ones() -> None:
    assert includes("vegetation", "forest")
    assert not includes("forest", "vegetation")
    assert includes("aircraft", "a220")
    assert not includes("a220", "aircraft")
    assert includes("ship", "ship")
    assert includes("building", "damaged building")
    assert not includes("damaged building", "building")
    assert known("ship")
    assert known("boeing737")
    assert not known("zeppelin")


THINGS = {
    "ship": ("ship", "ships"),
    "bridge": ("bridge", "bridges"),
    "storage tank": ("oil tank", "oil tanks"),
    "vehicle": ("car", "cars"),
    "aircraft": ("airplane", "airplanes"),
    "zeppelin": ("zeppelin", "zeppelins"),
}
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
FRAMES = (
    "We notice {} here.",
    "{} can be made out",
    "radar echoes of {} stand out against the sea",
    "Somebody counted {}; nothing else matters.",
    "this picture was taken over {}",
)


@given(
    st.dictionaries(st.sampled_from(sorted(THINGS)), st.integers(1, 400), min_size=1, max_size=4),
    st.sampled_from(FRAMES),
    st.booleans(),
    st.sampled_from(("", "large ", "clearly visible ", "old and narrow ")),
)
def test_counts_come_back(counts: dict[str, int], frame: str, words: bool, adjective: str) -> None:
    parts = [
        f"{WORDS[n] if words and n < len(WORDS) else n} {adjective}{THINGS[label][n > 1]}"
        for label, n in counts.items()
    ]
    text = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    assert parse_caption(frame.format(text)).counts() == counts


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    for mention in parse_caption(text).mentions:
        assert mention.label
        assert mention.count is None or mention.count > 0
        assert not (mention.negated and (mention.many or mention.count))


TELLING = (
    *(
        "no",
        "two",
        "the",
        "a",
        "ships",
        "left",
        "of",
        "center",
        "mostly",
        "water",
        "%",
        "30",
        "and",
        ",",
        ".",
    ),
    *("in", "corner", "half", "image", "dominates", "is"),
)


@given(st.lists(st.sampled_from(TELLING)))
def test_any_order_of_telling_words_is_read(words: list[str]) -> None:
    assert {m.label for m in parse_caption(" ".join(words)).mentions} <= {"ship", "water"}


def test_a_million_captions_take_minutes_not_hours() -> None:
    text = "Two ships lie in the upper left corner, and many houses cover a small part of the image."
    start = time.process_time()
    for _ in range(2000):
        parse_caption(text)
    assert time.process_time() - start < 1.0, "expected above 2,000 captions a second on any machine"
