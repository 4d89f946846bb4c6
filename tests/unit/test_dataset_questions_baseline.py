"""What can be answered from a question's text alone, where it is known how much that is."""

from collections import Counter

import numpy as np
import pytest
from questions_scenes import CLASSES, random_scenes
from scipy.stats import binomtest

from sartext.core.records import QUESTION_TYPES, Question, QuestionType
from sartext.dataset.questions import ask
from sartext.dataset.questions.baseline import question_only, subject_words, wilson

NOUNS = ("ship", "bridge", "car", "harbor", "aircraft", "tank", "ferry", "crane", "truck", "mast")
FORMS = ("Is there a {} in the image?", "Can a {} be seen in the image?", "Does the image show any {}s?")


def question(number: int, text: str, answer: str, kind: QuestionType = "presence") -> Question:
    return Question(f"q/{number}#1", f"q/{number}", kind, text, answer)


def drawn(count: int, seed: int, chance_of_yes: dict[str, float]) -> list[Question]:
    """Questions on ten nouns in three wordings; a yes has the chance of the first word that is in it."""
    draw = np.random.default_rng(seed)
    asked = []
    for number in range(count):
        noun, form = NOUNS[draw.integers(10)], FORMS[draw.integers(3)]
        text = form.format(noun)
        chance = next((chance for word, chance in chance_of_yes.items() if word in text), 0.5)
        asked.append(question(number, text, "yes" if draw.random() < chance else "no"))
    return asked


def only(train: list[Question], test: list[Question], kind: str = "presence") -> float:
    return float(question_only(train, test)["by_type"][kind]["question_only"]["value"])


def test_balanced_answers_cannot_be_told() -> None:
    found = question_only(drawn(4000, 1, {}), drawn(2000, 2, {}))
    row = found["by_type"]["presence"]
    assert row["chance"] == row["chance_of_subject"] == 0.5
    assert row["question_only"]["low"] < 0.5 < row["question_only"]["high"]
    assert row["n"] == found["test"] == found["all"]["n"] == 2000


def test_a_bias_by_what_is_asked_about_is_found() -> None:
    chances = dict(zip(NOUNS, np.linspace(0, 1, 10), strict=True))
    best = np.mean([max(chance, 1 - chance) for chance in chances.values()])
    assert only(drawn(4000, 3, chances), drawn(4000, 4, chances)) == pytest.approx(best, abs=0.025)


def test_a_bias_by_the_words_is_found_even_for_what_was_never_asked_about() -> None:
    train, test = drawn(3000, 5, {"any": 0.95}), drawn(3000, 6, {"any": 0.95})
    unseen = [
        question(n, q.question.replace("ship", "buoy"), q.answer)
        for n, q in enumerate(test)
        if "ship" in q.question
    ]
    assert only(train, test) == pytest.approx((0.95 + 2 * 0.5) / 3, abs=0.03)
    assert only(train, unseen) == pytest.approx((0.95 + 2 * 0.5) / 3, abs=0.06)


def test_few_questions_a_text_are_pooled_by_what_they_ask_about() -> None:
    """Each text is asked about once: only its words say that no ship carries more than 20 cars."""
    draw = np.random.default_rng(7)
    train, test = (
        [
            question(
                n, f"Is the number of {noun}s on deck {n + start} larger than {limit}?", answer, "comparison"
            )
            for n, noun in enumerate(draw.choice(NOUNS, 600).tolist())
            for limit in (draw.integers(1, 40),)
            for answer in ("yes" if limit <= 20 else "no",)
        ]
        for start in (0, 1000)
    )
    assert only(train, test, "comparison") > 0.9


def test_new_words_for_what_was_asked_before_are_seen_through() -> None:
    """What is compared with what decides, by no rule of single words; the wording was never seen."""
    draw = np.random.default_rng(11)
    pairs = {(a, b): str(draw.choice(["yes", "no"])) for a in NOUNS for b in NOUNS if a != b}
    heads = ("Are there", "Does the image show", "Does this scene show", "Can there be seen")
    asked = [
        [
            question(n, f"{head} more {a}s than {b}s?", told, "comparison")
            for n, ((a, b), told) in enumerate(pairs.items())
        ]
        for head in heads
    ]
    assert only(asked[0] + asked[1] + asked[2], asked[3], "comparison") == 1.0


def test_it_is_as_strong_as_naive_bayes_on_open_answers() -> None:
    draw = np.random.default_rng(8)
    share = draw.dirichlet([0.3] * 12, size=10)

    def counts(number: int) -> list[Question]:
        asked = []
        for place in range(number):
            noun = int(draw.integers(10))
            text = ("How many {}s are there?", "What is the number of {}s?")[draw.integers(2)].format(
                NOUNS[noun]
            )
            asked.append(question(place, text, str(draw.choice(12, p=share[noun])), "count"))
        return asked

    train, test = counts(3000), counts(3000)
    assert only(train, test, "count") >= naive_bayes(train, test) - 0.005
    assert only(train, test, "count") == pytest.approx(float(share.max(axis=1).mean()), abs=0.03)


def naive_bayes(train: list[Question], test: list[Question]) -> float:
    """Multinomial naive Bayes by words, with one added to each count."""
    priors = Counter(q.answer for q in train)
    words = {answer: Counter[str]() for answer in priors}
    for q in train:
        words[q.answer].update(q.question.lower().split())
    size = len(set().union(*words.values()))

    def score(text: str, answer: str) -> float:
        total = words[answer].total() + size
        return float(
            np.log(priors[answer])
            + sum(np.log((words[answer][word] + 1) / total) for word in text.lower().split())
        )

    right = sum(max(priors, key=lambda answer, q=q: score(q.question, answer)) == q.answer for q in test)
    return right / len(test)


def test_our_questions_cannot_be_answered_without_a_look() -> None:
    scenes = {split: random_scenes(seed, 500, split=split) for seed, split in enumerate(("train", "test"))}
    asked = {
        split: [q for own in ask(scenes[split], 6, 0, lambda _: CLASSES).values() for q in own]
        for split in scenes
    }
    found = question_only(asked["train"], asked["test"])["by_type"]
    assert set(found) == set(QUESTION_TYPES)
    for kind in ("presence", "comparison"):
        assert found[kind]["question_only"]["value"] == 0.5
    for kind, most in (("count", 0.3), ("location", 0.3), ("land cover", 0.55), ("class", 0.4)):
        row = found[kind]
        assert row["question_only"]["low"] < most
        assert row["chance"] <= row["chance_of_subject"] < most


def test_chance_and_majority_by_hand() -> None:
    train = [
        question(1, "What is the main land cover?", "water", "land cover"),
        question(2, "What is the main land cover?", "forest", "land cover"),
        question(3, "Does water cover it?", "yes", "land cover"),
        question(4, "Does water cover it?", "no", "land cover"),
        question(5, "Does water cover it?", "no", "land cover"),
    ]
    test = [
        question(6, "What is the main land cover?", "forest", "land cover"),
        question(7, "Does water cover it?", "no", "land cover"),
        question(8, "Does sand cover it?", "no", "land cover"),
        question(9, "What is the main land cover?", "snow", "land cover"),
        question(10, "Where is the ship?", "top", "location"),
    ]
    found = question_only(train, test)
    row = found["by_type"]["land cover"]
    # four answers in train, of which a subject has two; sand is a subject of its own; snow was never said
    assert row["chance"] == pytest.approx(3 / 4 / 4)
    assert row["chance_of_subject"] == pytest.approx((1 / 2 + 1 / 2 + 1 / 4 + 0) / 4)
    assert row["majority"]["value"] == 0.5
    # nothing was learnt about locations, so none is right
    assert found["by_type"]["location"]["question_only"] == found["by_type"]["location"]["majority"]
    assert (
        found["by_type"]["location"]["question_only"]["value"] == found["by_type"]["location"]["chance"] == 0
    )
    assert found["by_type"]["location"]["classifier"] is None
    assert (found["train"], found["test"], found["all"]["n"]) == (5, 5, 5)
    assert question_only([], [])["by_type"] == {}


def test_it_does_not_depend_on_the_order_of_questions() -> None:
    train, test = drawn(900, 9, {"ship": 0.9}), drawn(300, 10, {"ship": 0.9})
    found = question_only(train, test)
    assert question_only(train[::-1], test[::-1]) == found == question_only(train, test)


@pytest.mark.parametrize(("right", "asked"), [(0, 10), (8, 10), (10, 10), (123, 456), (50_000, 100_000)])
def test_intervals_are_wilson_s(right: int, asked: int) -> None:
    expected = binomtest(right, asked).proportion_ci(method="wilson")
    found = wilson(right, asked)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high), abs=2e-6)
    assert found["value"] == pytest.approx(right / asked, abs=1e-6)


def test_subjects_are_the_words_that_matter() -> None:
    assert subject_words("Are there any ships in the image?") == ("ship",)
    assert subject_words("Does the image show any ships?") == ("ship",)
    assert subject_words("Can a ship be seen in the upper left part of the image?") == (
        "ship",
        "upper",
        "left",
    )
    assert subject_words("Are there more ships than bridges?") == ("more", "ship", "than", "bridge")
