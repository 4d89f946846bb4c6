"""What captions say is always true of the scene: random scenes, every rule, wording and way to tell places.

Two readers judge, and neither knows the narrator's sentences: a small one here, of numbers before the class
names of a table written by hand, and `sartext.narrator.facts`, which reads places and shares too.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sartext.core.config import NarratorConfig, Sa2cWords
from sartext.core.records import Box, Scene
from sartext.narrator import a2c, sa2c
from sartext.narrator.facts import parse_caption, same_thing

# a source's class name: how English names one and several
OBJECTS = {
    "ship": ("ship", "ships"),
    "Ships": ("ship", "ships"),
    "aircraft": ("aircraft", "aircraft"),
    "Airplane": ("aircraft", "aircraft"),
    "car": ("car", "cars"),
    "bridge": ("bridge", "bridges"),
    "Harbour": ("harbor", "harbors"),
    "oil_tank": ("oil tank", "oil tanks"),
    "Storage-Tank": ("storage tank", "storage tanks"),
    "vehicle": ("vehicle", "vehicles"),
    "large-vehicle": ("large vehicle", "large vehicles"),
    "A220": ("A220", "A220s"),
    "A320/321": ("A320/321", "A320/321s"),
    "A330": ("A330", "A330s"),
    "ARJ21": ("ARJ21", "ARJ21s"),
    "Boeing737": ("Boeing737", "Boeing737s"),
    "Boeing787": ("Boeing787", "Boeing787s"),
    "other": ("other object", "other objects"),
    "ship_type Cargo": ("cargo ship", "cargo ships"),
    "Fishing": ("fishing boat", "fishing boats"),
    "tanker": ("tanker", "tankers"),
    "high-speed craft": ("high speed craft", "high speed craft"),
    "ferry": ("ferry", "ferries"),
    "bus": ("bus", "buses"),
    "person": ("person", "people"),
    "island": ("island", "islands"),
    "building": ("building", "buildings"),
    "Damaged": ("damaged building", "damaged buildings"),
    "cargo ship": ("cargo ship", "cargo ships"),
    "container ship": ("container ship", "container ships"),
    "passenger ship": ("passenger ship", "passenger ships"),
    "patrol ship": ("patrol ship", "patrol ships"),
    "rescue ship": ("rescue ship", "rescue ships"),
    "bulk carrier": ("bulk carrier", "bulk carriers"),
    "dredger": ("dredger", "dredgers"),
    "fishing boat": ("fishing boat", "fishing boats"),
    "pilot boat": ("pilot boat", "pilot boats"),
    "pleasure boat": ("pleasure boat", "pleasure boats"),
    "sailing boat": ("sailing boat", "sailing boats"),
    "tug": ("tug", "tugs"),
    "storage tank": ("storage tank", "storage tanks"),
    "harbor": ("harbor", "harbors"),
}
# a source's land cover: how English names it, and whether that is a plural
COVERS = {
    "water": ("water", False),
    "building": ("buildings", True),
    "Road": ("roads", True),
    "vegetation": ("vegetation", False),
    "farmland": ("farmland", False),
    "city": ("urban land", False),
    "village": ("villages", True),
    "forest": ("forest", False),
    "Bareland": ("bare land", False),
    "rangeland": ("rangeland", False),
    "developed space": ("developed land", False),
    "tree": ("trees", True),
    "agriculture land": ("agricultural land", False),
    "land": ("land", False),
    "others": ("other land", False),
    "intact": ("intact buildings", True),
    "damaged": ("damaged buildings", True),
    "destroyed": ("destroyed buildings", True),
    "intact building": ("intact buildings", True),
    "damaged building": ("damaged buildings", True),
    "destroyed building": ("destroyed buildings", True),
    "road": ("roads", True),
    "bareland": ("bare land", False),
}
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
MANY = -1
NUMBERS = {
    **{word: index for index, word in enumerate(_WORDS, 1)},
    **{"a": 1, "an": 1, "many": MANY, "a lot of": MANY},
}


def test_the_tables_hold_every_class_of_every_source(root: Path) -> None:
    objects, covers = set(), set()
    for path in (root / "config" / "sources").glob("*.yaml"):
        entry = yaml.safe_load(path.read_text(encoding="utf-8"))
        classes = entry.get("classes", {})
        if entry["format"] == "mask":
            covers |= set(classes)
        else:
            objects |= set(classes.values())
    assert len(objects) > 20
    assert len(covers) > 15
    assert objects <= OBJECTS.keys()
    assert covers <= COVERS.keys()


def places(box: Box, width: int, height: int, kind: str) -> str:
    """Where a box's centre lies, worked out apart from the narrator."""
    x, y = (box.x + box.width / 2) / width, (box.y + box.height / 2) / height
    if kind == "center":
        return "center" if 0.25 <= x <= 0.75 and 0.25 <= y <= 0.75 else "edge"
    column = 0 if x < 1 / 3 else 1 if x < 2 / 3 else 2
    row = ("upper", "", "lower")[0 if y < 1 / 3 else 1 if y < 2 / 3 else 2]
    side = ("left", "", "right")[column]
    if row and side:
        return f"{row} {side}"
    return {"upper": "top", "lower": "bottom", "": side or "center"}[row]


def counts_said(text: str, names: dict[str, tuple[str, str]]) -> Iterator[tuple[str, int]]:
    """Every class named with its count (`MANY`: no number), each number agreeing with its noun."""
    nouns = {noun: one for one, many in names.values() for noun in (one, many)}
    longest = "|".join(sorted(map(re.escape, nouns), key=len, reverse=True))
    for number, noun in re.findall(
        rf"\b(\d+|a lot of|[a-z]+|an(?=other)) ?({longest})\b", text[0].lower() + text[1:]
    ):
        count = int(number) if number.isdigit() else NUMBERS[number]
        one, many = next(pair for pair in names.values() if noun in pair)
        assert noun == (one if count == 1 else many), text
        yield one, count


def check_english(text: str) -> None:
    assert re.match(r"[A-Z]", text), text
    assert re.search(r"[^.]\.$", text), text
    assert not re.search(r"  | [,.;]|,,|\{|\}", text), text
    assert not re.search(r"\ba (?:[aeio]|A\d|ARJ)|\ban (?:[bcdfgjkpqtvwyz]|ship|Boeing)", text), text
    # the verb after "there" agrees with the first count, one after a lone object with that
    assert not re.search(r"\bthere is (?:[2-9]|\d\d|two|many|a lot)\b", text, re.IGNORECASE), text
    assert not re.search(r"\bthere are (?:1|one|an?)\b(?! lot)", text, re.IGNORECASE), text
    assert not re.match(r"(?:One|An?)\b(?! lot)(?:(?!,| and ).)* (?:are|lie) ", text), text


@st.composite
def scenes(draw: st.DrawFn, labels: tuple[str, ...] = tuple(OBJECTS)) -> Scene:
    """A scene of up to 60 boxes anywhere; centres on the borders of its quarters and thirds among them."""
    width, height = draw(st.integers(1, 4000)), draw(st.integers(1, 4000))
    few = draw(st.lists(st.sampled_from(labels), min_size=1, max_size=6))
    share = st.one_of(st.integers(0, 12).map(lambda step: step / 12), st.floats(0, 1, width=32))
    thing = st.tuples(st.sampled_from(few), share, share, st.sampled_from((0.5, 2.0, 64.0)))
    boxes = tuple(
        Box(label, x * width - half, y * height - half, 2 * half, 2 * half)
        for label, x, y, half in draw(st.lists(thing, max_size=60))
    )
    return Scene("s/1", "s", "train", "sar", "1.png", width, height, boxes=boxes)


@given(
    scenes(),
    st.sampled_from(("fixed", "varied")),
    st.sampled_from(("center", "grid", "none")),
    st.integers(0, 99),
)
def test_every_class_is_counted_truly(scene: Scene, wording: str, told: str, seed: int) -> None:
    captions = a2c(scene, NarratorConfig(wording=wording, places=told), seed)
    assert len(captions) == (0 if not scene.boxes else 1 if told == "none" else 2)
    truth = Counter(OBJECTS[box.label][0] for box in scene.boxes)
    for caption in captions:
        check_english(caption)
        said: Counter[str] = Counter()
        for label, count in counts_said(caption, OBJECTS):
            said[label] += count
        assert said == truth, caption


@given(
    scenes(),
    st.sampled_from(("fixed", "varied")),
    st.sampled_from(("center", "grid")),
    st.integers(0, 99),
)
def test_every_count_is_true_of_its_place(scene: Scene, wording: str, told: str, seed: int) -> None:
    captions = a2c(scene, NarratorConfig(wording=wording, places=told), seed)
    truth = Counter(
        (same_thing(OBJECTS[box.label][0]), places(box, scene.width, scene.height, told))
        for box in scene.boxes
    )
    said: Counter[tuple[str, str]] = Counter()
    for mention in parse_caption(captions[1]).mentions if captions else ():
        assert mention.count is not None
        assert not mention.negated
        (place,) = mention.places
        said[mention.label, place] += mention.count
    assert said == truth, captions


@given(scenes(), st.integers(0, 99))
def test_b2c_tells_five_truths(scene: Scene, seed: int) -> None:
    captions = a2c(scene, NarratorConfig(rule="b2c"), seed)
    assert len(set(captions)) == len(captions) == (5 if scene.boxes else 0)
    truth = Counter(OBJECTS[box.label][0] for box in scene.boxes)
    middle = Counter(
        OBJECTS[box.label][0]
        for box in scene.boxes
        if places(box, scene.width, scene.height, "center") == "center"
    )
    placed = Counter()
    for caption in captions:
        check_english(caption)
        said = dict(counts_said(caption, OBJECTS))
        place = re.search(r"\b(center|edge)\b", caption)
        there = {None: truth, "center": middle, "edge": truth - middle}[place and place.group()]
        placed[place and place.group()] += 1
        assert said, caption
        assert said == {label: there[label] if there[label] <= 10 else MANY for label in said}, caption
        if place:
            assert set(said) == set(there), caption
    if captions:
        assert placed == Counter(
            {
                "center": bool(middle),
                "edge": bool(truth - middle),
                None: 5 - bool(middle) - bool(truth - middle),
            }
        )


@st.composite
def covers(draw: st.DrawFn) -> tuple[Scene, dict[str, int], int]:
    """A scene, pixels by the name in English of each class, and all pixels."""
    pixels = draw(st.dictionaries(st.sampled_from(sorted(COVERS)), st.integers(1, 1000), min_size=1))
    total = sum(pixels.values()) + draw(st.integers(0, 3000))
    shares = {label: count / total for label, count in pixels.items()}
    scene = Scene("s/1", "s", "train", "sar", "1.png", 9, 9, cover=shares)
    named: Counter[str] = Counter()
    for label, count in pixels.items():
        named[COVERS[label][0]] += count
    return scene, dict(named), total


def grades_said(text: str) -> dict[str, str]:
    """The grade of each class that a sentence names, each verb agreeing with its subject."""
    singular = r"dominates|prevails in|is dominant in|covers|occupies|takes up|makes up"
    several = r"dominate|prevail in|are dominant in|cover|occupy|take up|make up"
    clause = rf"(?:^|, and |, )((?:(?! each ).)+?)(?: each)? ({singular}|{several})\b(.*?)(?=$|,)"
    graded = {}
    for subject, verb, rest in re.findall(clause, text[0].lower() + text[1:].rstrip(".")):
        nouns = re.split(r", | and ", subject)
        many = len(nouns) > 1 or dict(COVERS.values())[nouns[0]]
        assert bool(re.fullmatch(several, verb)) == many, text
        grade = "large" if " large " in rest else "small" if " small " in rest else "dominant"
        graded |= dict.fromkeys(nouns, grade)
    return graded


def nouns_said(text: str) -> list[str]:
    """The classes that a sentence names, in its order."""
    longest = "|".join(sorted((noun for noun, _ in COVERS.values()), key=len, reverse=True))
    return re.findall(rf"\b({longest})\b", text[0].lower() + text[1:])


@given(
    covers(),
    st.sampled_from(("fixed", "varied")),
    st.lists(st.integers(0, 100), min_size=3, max_size=3).map(sorted),
    st.integers(0, 99),
)
def test_every_share_is_graded_and_ranked_truly(
    case: tuple[Scene, dict[str, int], int], wording: str, percent: list[int], seed: int
) -> None:
    scene, pixels, total = case
    names = ("minor_share", "large_share", "dominant_share")
    thresholds = {name: value / 100 for name, value in zip(names, percent, strict=True)}
    captions = sa2c(scene, NarratorConfig(wording=wording, **thresholds), seed)
    # whole numbers, so that shares are compared without rounding
    minor, large, dominant = (value * total for value in percent)
    named = {noun: count for noun, count in pixels.items() if 100 * count >= minor}
    assert len(captions) == (2 if named else 0)
    if not named:
        return
    for caption in captions:
        check_english(caption)
    assert grades_said(captions[0]) == {
        noun: "dominant" if 100 * count >= dominant else "large" if 100 * count >= large else "small"
        for noun, count in named.items()
    }, captions[0]
    order = nouns_said(captions[1])
    assert sorted(order) == sorted(named), captions[1]
    counts = [named[noun] for noun in order]
    assert counts == sorted(counts, reverse=True), captions[1]
    if re.search("mostly|mainly", captions[1]):
        assert 2 * counts[0] >= total
    if "largest" in captions[1]:
        rest = [count for noun, count in pixels.items() if noun != order[0]]
        assert counts[0] > max([total - sum(pixels.values()), *rest])


@pytest.mark.parametrize("rule", ["authors", "b2c"])
def test_the_seed_alone_decides_the_wording(rule: str) -> None:
    config = NarratorConfig(rule=rule, wording="varied", places="grid")
    boxes = (Box("ship", 1, 1, 2, 2), Box("bridge", 50, 50, 2, 2), Box("ship", 90, 90, 4, 4))
    many = [
        Scene(f"s/{i}", "s", "train", "sar", "1.png", 99, 99, boxes=boxes, cover={"water": 0.6, "road": 0.3})
        for i in range(50)
    ]
    for say in (a2c, sa2c):
        once = [say(scene, config, 1) for scene in many]
        assert [say(scene, config, 1) for scene in many] == once
        other = [say(scene, config, 2) for scene in many]
        assert sum(a != b for a, b in zip(once, other, strict=True)) > 25
        assert len({tuple(captions) for captions in once}) > 10


def test_wordings_are_as_many_as_promised() -> None:
    boxes = (Box("ship", 50, 50, 2, 2), Box("ship", 1, 1, 2, 2), Box("bridge", 50, 50, 2, 2))
    cover = {"water": 0.6, "road": 0.1}
    number = r"\b(?:\d|an?|one|two) "
    place = r"(?:in|at|near) the (?:center|middle|central part|edge|border)"
    found: list[set[str]] = [set(), set(), set(), set()]
    for index in range(600):
        scene = Scene(f"s/{index}", "s", "train", "sar", "1.png", 99, 99, boxes=boxes, cover=cover)
        config = NarratorConfig(wording="varied")
        said = [*a2c(scene, config), *sa2c(scene, config)]
        # the same sentence with other numerals or words for a place is no other wording
        for wordings, text in zip(found, said, strict=True):
            wordings.add(re.sub(place, "@", re.sub(number, "# ", text.lower())))
    assert [len(wordings) >= least for wordings, least in zip(found, (8, 8, 8, 4), strict=True)] == [True] * 4


def test_words_of_the_profile_are_used() -> None:
    words = Sa2cWords(image="the radar scene", dominant_one="rules", large="a big share", small="a bit")
    scene = Scene("s/1", "s", "train", "sar", "1.png", 9, 9, cover={"water": 0.6, "road": 0.3, "city": 0.1})
    assert sa2c(scene, NarratorConfig(sa2c_words=words)) == [
        "Water rules the radar scene, roads cover a big share, and urban land covers a bit.",
        "The radar scene shows mostly water, followed by roads and urban land.",
    ]
