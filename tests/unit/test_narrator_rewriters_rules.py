import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sartext.core.config import RewriterConfig
from sartext.narrator.rewriters import Rewritten, make_rewriter
from sartext.narrator.rewriters.rules import rewrite_rules

# the test's own list: the module's must not be the judge of itself
COLOURS = set(
    re.findall(
        r"\S+",
        """
    red green blue yellow orange purple pink brown black white gray grey golden silver beige cyan
    reddish greenish bluish yellowish brownish whitish grayish color colour colors colored colorful
    """,
    )
)
ALLOWED = set(re.findall(r"\S+", """a an sar image images dark bright vegetation can be seen is are"""))


@pytest.mark.parametrize(
    ("optical", "sar"),
    [
        ("a green field", "a field"),
        ("an orange roof and a white car", "a roof and a car"),
        ("a white, red and blue plane is parked on the gray ground .", "a plane is parked on the ground."),
        ("many buildings with red and gray roofs are near green and yellow farmland .",
         "many bright buildings are near farmland."),
        ("two ships are floating on the blue water .", "two ships are floating on the dark water."),
        ("Deep green waters with some containers beside .", "Dark waters with some containers beside."),
        ("The water is blue .", "The dark water can be seen."),
        ("the sea is blue and calm .", "the dark sea is calm."),
        ("the lake is blue and the trees are green .",
         "the dark lake can be seen and the trees can be seen."),
        ("the roofs of the buildings are red and white", "the roofs of the bright buildings can be seen"),
        ("an image of an airport", "a SAR image of an airport"),
        ("this is an aerial image of a harbor", "this is a SAR image of a harbor"),
        ("it is a black and white photo of an airport .", "it is a SAR image of an airport."),
        ("a built-up area beside a river", "a bright built-up area beside a dark river"),
        ("a dark lake", "a dark lake"),
        ("a water tank and a river valley", "a water tank and a river valley"),
        ("a green belt along the road", "vegetation along the road"),
        ("a residential area surrounded by green", "a residential area surrounded by vegetation"),
        ("a ship in the sunlight", "a ship"),
        ("dark green trees with long shadows on the ground", "trees"),
        ("the buildings cast long shadows on the ground .", "the bright buildings can be seen."),
        ("an old house and its shadow", "an old house"),
        ("many cars of different colors and sizes", "many cars of different sizes"),
        ("several ships painted white", "several ships"),
        ("some red-roofed houses", "some houses"),
        ("an almost completely green meadow", "a meadow"),
        ("a greenhouse and a blackboard", "a greenhouse and a blackboard"),
        ("green", "a SAR image"),
        ("the sun is shining", "a SAR image"),
        ("the sun shines on the beach", "the beach"),
        ("there are some white clouds over the sea", "the dark sea"),
        ("There are white clouds and two ships .", "There are two ships."),
        ("the clouds over the sea are white", "the dark sea can be seen"),
        ("there are many shadows on the ground", "the ground"),
        ("two white ships in the Red Sea", "two ships in the Red Sea"),
        ("Orange County with many red houses", "Orange County with many houses"),
        ("Green Trees Near A Blue Lake", "Trees Near A dark Lake"),
        ("an olive farm and an olive roof", "an olive farm and a roof"),
        ("a gold mine", "a gold mine"),
        ("three navy ships on the navy sea", "three navy ships on the dark sea"),
        ("", "a SAR image"),
    ],
)  # fmt: skip
def test_hand_worked_rewritings(optical: str, sar: str) -> None:
    assert rewrite_rules(optical) == sar


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


VOCABULARY = re.findall(
    r"\S+",
    """
    a an the many some two and or with of in on by near is are there it this next to , . green blue
    red white gray dark light bright deep yellow reddish colorful color colors water sea river lake
    buildings building ships ship car trees roofs image picture shadow shadows sunlight sky clouds
    field built-up area road painted covered surrounded full calm old orange airport photo lush
    clear blue-green white-roofed
""",
)


@given(st.lists(st.sampled_from(VOCABULARY), max_size=14))
def test_random_word_salad_keeps_the_guard(words: list[str]) -> None:
    optical = " ".join(words)
    said = words_of(rewrite_rules(optical))
    assert said
    assert not set(said) & COLOURS
    assert not set(said) & {"shadow", "shadows", "sunlight", "sky", "clouds"}
    # nothing invented
    assert set(said) <= set(words_of(optical)) | ALLOWED


@given(st.text(max_size=60))
def test_any_text_is_taken_and_never_empty(text: str) -> None:
    assert words_of(rewrite_rules(text)) or any(letter.isalnum() for letter in rewrite_rules(text))


@given(
    st.sampled_from(["green", "dark blue", "red and white", "yellowish", "light gray"]),
    st.sampled_from(["field", "island", "airport", "hill", "urban area", "old house"]),
)
def test_articles_fit_the_word_that_follows(colour: str, noun: str) -> None:
    article = "an" if noun[0] in "aeiou" else "a"
    assert rewrite_rules(f"a {colour} {noun}") == f"{article} {noun}"


def test_the_rules_are_the_default_rewriter() -> None:
    rewrite = make_rewriter(RewriterConfig())
    assert rewrite(["a green field", "blue water", ""]) == [
        Rewritten("a field", "rules"),
        Rewritten("dark water", "rules"),
        Rewritten("a SAR image", "rules"),
    ]
    summary = rewrite.account.summary()
    assert (summary["captions"], summary["rewritten"], summary["fallbacks"]) == (3, {"rules": 3}, {})
