import pytest

from sartext.narrator.rewriters.guard import check
from sartext.narrator.rewriters.prompts import load_prompt

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
        (PORT, "Many boats give bright returns in a harbor with dark smooth water."),
        (PORT, "Numerous vessels are docked in a port. The water is dark and smooth."),
        (TOWN, "A church stands in the center of a dense residential area with some trees."),
        (TOWN, "A church with strong scattering is in the middle of a built-up area with vegetation."),
        ("a green lake", "a dark smooth lake with low backscatter"),
        ("a cube on a lawn", "a bright cube on a lawn"),
        ("no ship is on the blue sea", "no ship is on the dark sea"),
        (LAWN, "Many houses with strong returns and a lawn in the lower right corner."),
        (BANK, "There are some vessels on the dark smooth river with some houses on the bank."),
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
