import pytest

from sartext.narrator.rewriters.guard import check
from sartext.narrator.rewriters.prompts import load_prompt
from sartext.narrator.rewriters.rules import rewrite_rules

PLANES = "two white planes and a red plane are parked on the gray ground ."
PORT = "many ships are moored in a harbor with blue water ."
TOWN = "a church is in the middle of a residential area with some green trees ."
LAWN = "many houses with a lawn in the lower right corner ."
BANK = "There are some boats on the river with some houses on the bank ."


@pytest.mark.parametrize(
    ("optical", "answer"),
    [
        (PLANES, "two planes and a plane are parked on the ground."),
        (PLANES, "Three aircraft with strong returns are parked on the ground."),
        (PLANES, "Planes are parked on the ground."),
        (PORT, "Many ships give bright returns in a harbor with dark smooth water."),
        (PORT, "Numerous vessels are moored in a harbour. The water is dark and smooth."),
        (TOWN, "A church stands in the center of a residential area with some trees."),
        (TOWN, "A church with strong scattering is in the middle of a residential area with trees."),
        ("a green lake", "a dark smooth lake with low backscatter"),
        ("a cube on a lawn", "a bright cube on a lawn"),
        ("no ship is on the blue sea", "no ship is on the dark sea"),
        (LAWN, "Many houses with strong returns and a lawn in the lower right corner."),
        (BANK, "There are some boats on the dark smooth river with some houses on the bank."),
        ("a red tank next to a terminal", "A tank with high intensity beside a terminal in this SAR image."),
        ("houses aranged by a lawn", "bright houses arranged by a lawn"),
        ("two large ships and a small boat", "two large bright ships and a small boat"),
        ("A densely built up area .", "A dense built-up area of rough texture."),
        ("white marking lines on two runways", "two dark smooth runways"),
        ("12 white tanks", "twelve tanks with bright echoes"),
    ],
)
def test_true_answers_pass(optical: str, answer: str) -> None:
    assert check(optical, answer) == ""


@pytest.mark.parametrize(
    ("optical", "answer", "reason"),
    [
        (PLANES, "two white planes and a plane are parked on the ground.", "colour word (white)"),
        (PLANES, "Greyish planes are parked on the ground.", "colour word (greyish)"),
        (PLANES, "two planes cast Shadows on the ground.", "word of light or weather (shadows)"),
        (PORT, "many ships are in a harbor under a cloudy sky.", "word of light or weather (cloudy)"),
        (PORT, "an aerial photo of many ships in a harbor with water", "speaks of an optical image"),
        (PORT, "many ships and a bridge in a harbor with water", "invented object (bridge)"),
        (PORT, "many cats are moored in a harbor with water", "invented object (cat)"),
        (PORT, "a harbor with water but no ships", "denies an object (ship)"),
        (PORT, "the harbor is calm.", "drops an object (ship)"),
        (PORT, "12 ships are moored in a harbor with water", "invented count (12 ship)"),
        (PORT, "a ship is moored in a harbor with water", "invented count (1 ship)"),
        (PORT, "many ships are moored 30 m apart in a harbor with water", "invented number (30)"),
        (PLANES, "four planes are parked on the ground", "changed count (4 aircraft)"),
        (TOWN, "Churches are in a residential area with trees.", "changed count (several church, not 1)"),
        ("a church", "A church is in the upper left corner.", "invented place (church: upper left)"),
        (LAWN, "Houses in the lower right corner and a lawn.", "invented place (building: lower right)"),
        (LAWN, "Many houses stand beside a lawn.", "drops a place (lower right)"),
        (LAWN, "Many houses are in the lower right corner.", "drops an object (grassland)"),
        (BANK, "Houses on the river with boats.", "names another thing first (building, not ship)"),
        (BANK, "There are some boats between houses on the river bank.", "invented relation (between)"),
        ("houses with coluors of roofs", "houses with coluors of roofs", "colour word (coluors)"),
        (PORT, "", "empty answer"),
        (PORT, "...", "empty answer"),
        (PORT, "ships", "length (1 words; expected 2 to 28)"),
        (PORT, "many ships in a harbor with water " * 5, "length (35 words; expected 2 to 28)"),
        (PORT, "Many ships. A harbor. Dark water.", "more than 2 sentences (3)"),
        (PORT, "I cannot rewrite this.", "the model declines"),
        (PORT, "As an AI model I see many ships in a harbor with water.", "the model declines"),
        (PORT, "I'm happy to help: many ships in a harbor.", "the model declines"),
        (PORT, "Sure, many ships are in a harbor with water.", "talks about the task"),
        (PORT, "The caption says many ships in a harbor with water.", "talks about the task"),
        (PORT, "Here is the answer you asked for.", "talks about the task"),
        (PORT, "many <b>ships</b> in a harbor with water", "markup ('<')"),
        (PORT, "many ships in a harbor with water, see http://x.org", "markup ('http:')"),
        (PORT, "many ships in a harbor\x07 with water", "markup ('\\x07')"),
        (PORT, "\u8bb8\u591a\u8239 in a harbor with water", "letters that are not English"),
        (PORT, "many \u0455hips in a harbor with water", "letters that are not English"),
    ],
)  # fmt: skip
def test_false_answers_are_refused_with_the_reason(optical: str, answer: str, reason: str) -> None:
    assert check(optical, answer) == reason


@pytest.mark.parametrize(
    ("optical", "answer", "reason"),
    [
        ("two boats", "two aircraft carriers", "new word (aircraft)"),
        ("two boats", "two warships", "new word (warships)"),
        ("a small boat on the lake", "a small tanker on the lake", "new word (tanker)"),
        ("a small boat on the lake", "a small boat on the ocean", "new word (ocean)"),
        ("a wharf with ships", "a shipyard with ships", "new word (shipyard)"),
        ("houses by a road", "skyscrapers by a road", "new word (skyscrapers)"),
        ("a car on the road", "a bus on the road", "new word (bus)"),
        ("two ships on the river", "two ships on the river near Shanghai", "new word (shanghai)"),
        ("two ships on the river", "two ships on the river in winter at night", "new word (winter)"),
        ("two ships on the river", "two burning ships on the river", "new word (burning)"),
        ("two ships on the river", "two ships on the river. They are heading north.", "new word (heading)"),
        ("two ships on the river", "two ships on the aqua river", "new word (aqua)"),
        ("two ships on the river", "two ships on the rust-toned river", "new word (rust)"),
        ("two ships on the river", "two ships with high masts on the river", "new word (high)"),
        ("some ships on the river", "hundreds of ships on the river", "new word (hundreds)"),
        ("several ships on the river", "dozens of ships on the river", "new word (dozens)"),
        ("two large ships", "two small ships", "new word (small)"),
        ("white tanks", "destroyed tanks", "new word (destroyed)"),
        ("a tank next to a terminal", "a tank far from a terminal", "new word (far)"),
        ("a tank next to a terminal", "a tank on a terminal", "invented relation (on terminal)"),
        ("a bridge over the river", "a bridge along the river", "invented relation (along river)"),
        ("houses beside a lawn", "houses on a lawn", "invented relation (on lawn)"),
        ("boats on the river by a pier", "boats on the pier by a river", "invented relation (on pier)"),
        ("two large ships and a small boat", "two small ships and a large boat",
         "invented relation (small ship)"),
    ],
)  # fmt: skip
def test_words_and_relations_are_the_captions_own(optical: str, answer: str, reason: str) -> None:
    assert check(optical, answer) == reason


@pytest.mark.parametrize(
    "caption",
    [
        "many green trees are near a blue lake .",
        "many buildings with red and gray roofs are beside a green meadow .",
        "There are some white buildings beside a red and white ariplane in the airport .",
        "the roofs of the buildings are red and white",
        "A residential area with green trees and a black road through it .",
    ],
)
def test_what_the_rules_write_passes(caption: str) -> None:
    assert check(caption, rewrite_rules(caption)) == ""


def test_examples_of_the_prompt_keep_its_own_rules() -> None:
    examples = load_prompt("sar-rewrite").examples
    assert 6 <= len(examples) <= 8
    for example in examples:
        assert check(example.optical, example.sar) == ""
        # each shows something: the optical caption itself would be refused
        assert check(example.optical, example.optical).split(" (")[0] in (
            "colour word",
            "word of light or weather",
        )
