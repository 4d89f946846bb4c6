"""What is asked of a set of scenes: no question's words tell its answer."""

import random
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from questions_scenes import CLASSES, at, random_scenes, scene

from sartext.core.records import QUESTION_TYPES, Question, Scene
from sartext.dataset.questions import ask
from sartext.dataset.questions.choose import choose


def flat(asked: dict[str, list[Question]]) -> list[Question]:
    return [question for own in asked.values() for question in own]


def largest(answers: int) -> float:
    """The largest share of one of the answers: the others have 3/4 of it on the average, or it has 15%."""
    return 0.5 if answers == 2 else max(1 / (1 + 0.75 * (answers - 1)), 0.15)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(2, 60))
def test_every_yes_no_question_has_as_many_yes_as_no_word_for_word(seed: int, limit: int, count: int) -> None:
    scenes = random_scenes(seed, count)
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for question in flat(ask(scenes, limit, seed, lambda _: CLASSES)):
        if question.answer in ("yes", "no"):
            told[question.question][question.answer] += 1
    assert all(answers["yes"] == answers["no"] for answers in told.values()), told


def test_splits_are_balanced_each_for_itself() -> None:
    scenes = [one for split in ("train", "val", "test") for one in random_scenes(5, 60, split, split)]
    alone = {
        split: ask(random_scenes(5, 60, split, split), 6, 0, lambda _: CLASSES) for split in ("val", "test")
    }
    mixed = ask([Scene(**{**fields(one), "source": "q"}) for one in scenes], 6, 0, lambda _: CLASSES)
    for split in ("train", "val", "test"):
        own = [question for key, asked in mixed.items() if key.startswith(split) for question in asked]
        answers = Counter(question.answer for question in own)
        assert answers["yes"] == answers["no"] > 50
    assert all(flat(asked) for asked in alone.values())


def fields(one: Scene) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__slots__}


def skewed(count: int) -> list[Scene]:
    """Ships alone: a third of the images have one, in the center more often than not; few have many."""
    draw = np.random.default_rng(0)
    scenes = []
    for number in range(count):
        ships = min(int(draw.geometric(0.35)), 12)
        spread = 0.08 if draw.random() < 0.6 else 0.6
        boxes = [
            at("ship", 240 * (0.5 + spread * (x - 0.5)), 120 * (0.5 + spread * (y - 0.5)))
            for x, y in draw.random((ships, 2))
        ]
        scenes.append(scene(boxes, name=f"q/{number}"))
    return scenes


def test_no_answer_of_a_skewed_source_dominates() -> None:
    scenes = skewed(1500)
    asked = flat(ask(scenes, 6, 0, lambda _: (["ship"], None)))
    for pattern in (
        "How many|What is the number",
        r"(?:Where|In which part).* (?:is|does|can) the",
        "most of the",
    ):
        own = [question for question in asked if re.match(f"(?:.*){pattern}", question.question)]
        answers = Counter(question.answer for question in own)
        assert len(answers) > 4
        assert max(answers.values()) <= largest(len(answers)) * len(own)
    counts = Counter(len(one.boxes) for one in scenes)
    assert counts[1] > 0.3 * 1500
    # as many are asked as can be: another of the most frequent answers were one too many
    told = Counter(question.answer for question in asked if question.type == "count")
    top = max(told.values())
    more = sum(min(count, top + 1) for count in counts.values())
    assert top + 1 > largest(len(counts)) * more
    assert told.total() > 0.2 * 1500
    assert len(asked) > 3 * 1500


def test_words_do_not_depend_on_the_answer() -> None:
    """Yes and no share their words exactly; each count is asked for in all words about equally often."""
    used: dict[str, Counter[str]] = defaultdict(Counter)
    for question in flat(ask(skewed(3000), 6, 0, lambda _: (["ship"], None))):
        if question.type == "count":
            used[question.answer][question.question] += 1
    frequent = [words for words in used.values() if words.total() >= 50]
    assert len(frequent) > 3
    assert all(max(words.values()) <= words.total() / 5 + 1 for words in frequent)


def test_types_are_asked_about_equally_often_and_spread_over_scenes() -> None:
    scenes = random_scenes(2, 800)
    asked = ask(scenes, 6, 0, lambda _: CLASSES)
    kinds = Counter(question.type for question in flat(asked))
    assert set(kinds) == set(QUESTION_TYPES)
    several = [kinds[kind] for kind in ("presence", "comparison", "land cover")]
    assert max(several) < 1.3 * min(several)
    full = [own for own in asked.values() if len(own) == 6]
    assert len(full) > 700
    assert sum(len({question.type for question in own}) for own in full) > 4 * len(full)


def test_a_subject_with_one_answer_is_not_asked() -> None:
    """Chips of one ship in their middle: its count and place are known without a look."""
    chips = [scene([at("ship", 120, 60)], name=f"q/{number}") for number in range(50)]
    assert flat(ask(chips, 6, 0, lambda _: (["ship", "bridge"], None))) == []


def test_the_seed_decides_and_the_order_of_scenes_does_not() -> None:
    scenes = random_scenes(4, 80)
    asked = ask(scenes, 6, 3, lambda _: CLASSES)
    turned = scenes[:]
    random.Random(0).shuffle(turned)
    assert ask(turned, 6, 3, lambda _: (CLASSES[0][::-1], CLASSES[1][::-1])) == asked
    assert list(ask(turned, 6, 3, lambda _: CLASSES)) == [one.scene_id for one in turned]
    assert ask(scenes, 6, 4, lambda _: CLASSES) != asked


def test_a_source_and_a_split_change_no_other_s_questions() -> None:
    one, other = random_scenes(1, 50, "one"), random_scenes(2, 50, "other")
    val = random_scenes(3, 50, "one", "val")
    val = [Scene(**{**fields(each), "scene_id": f"{each.scene_id}v"}) for each in val]
    alone = ask(one, 6, 0, lambda _: CLASSES)
    together = ask([*one, *other, *val], 6, 0, lambda _: CLASSES)
    assert {key: together[key] for key in alone} == alone
    assert {key: own for key, own in together.items() if key.startswith("other")} == ask(
        other, 6, 0, lambda _: CLASSES
    )


def test_scenes_are_drawn_not_taken_in_their_order() -> None:
    """Of 400 empty images the 40 that are asked about lie anywhere."""
    scenes = [
        scene([at("ship", 80, 40)] * (number % 10 == 0), name=f"q/{number:03d}") for number in range(400)
    ]
    asked = ask(scenes, 1, 0, lambda _: (["ship"], None))
    empty = [int(key[2:]) for key, own in asked.items() if own and own[0].answer in ("no", "0")]
    assert len(empty) == 40
    assert 140 < np.mean(empty) < 260
    assert np.std(empty) > 70


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_the_limit_is_kept_and_used(limit: int) -> None:
    asked = ask(random_scenes(6, 200), limit, 0, lambda _: CLASSES)
    assert max(map(len, asked.values())) == limit
    assert sum(map(len, asked.values())) > 0.9 * 200 * limit or limit == 0


def test_choosing_by_hand() -> None:
    """Three scenes with a ship, one without: one yes and one no, whichever; a lone answer is left out."""
    subjects = {
        ("object", "ship"): {"yes": [0, 1, 2], "no": [3]},
        ("object", "car"): {"no": [0, 1, 2, 3]},
        ("count", "ship"): {"1": [0], "2": [1], "5": [2], "0": [3]},
    }
    chosen = list(choose(subjects, 4, 6, ("test",)))
    presence = {(answer, order) for _, subject, answer, order in chosen if subject[0] == "object"}
    assert presence == {("yes", 0), ("no", 0)}
    assert {(scene, answer) for scene, subject, answer, _ in chosen if subject[0] == "count"} == {
        (0, "1"), (1, "2"), (2, "5"), (3, "0"),
    }  # fmt: skip
    # with room for one question a scene, a question more of one type would unbalance it
    tight = list(choose(subjects, 4, 1, ("test",)))
    assert len({scene for scene, *_ in tight}) == len(tight)
    answers = Counter(answer for _, subject, answer, _ in tight if subject[0] == "object")
    assert answers["yes"] == answers["no"]
