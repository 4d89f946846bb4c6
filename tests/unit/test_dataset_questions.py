"""Questions about scenes: true, answerable, and in English."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from questions_scenes import CLASSES, at, random_scenes, scene, true_answer

from sartext.core.config import NarratorConfig
from sartext.core.records import QUESTION_TYPES, Question, Scene
from sartext.dataset.questions import ask
from sartext.dataset.questions.candidates import Candidate, candidates
from sartext.dataset.questions.dialogues import question_type
from sartext.dataset.questions.facts import known_of
from sartext.dataset.questions.reach import reached
from sartext.dataset.questions.wordings import FORMS, worded
from sartext.narrator.sa2c import sa2c


def possible(one: Scene, objects: list[str] | None = None, covers: list[str] | None = None) -> set[Candidate]:
    """All that may be asked of a scene, with the answer."""
    return set(candidates(known_of(one, objects, covers)))


def forms(found: set[Candidate]) -> set[str]:
    return {subject[0] for subject, _ in found}


def asked_of(scenes: list[Scene], limit: int = 6, seed: int = 0) -> list[tuple[Scene, Question]]:
    told = ask(scenes, limit, seed, lambda _: CLASSES)
    return [(one, question) for one in scenes for question in told[one.scene_id]]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 9))
def test_answers_are_true_of_random_scenes(seed: int, limit: int) -> None:
    scenes = random_scenes(seed, 20)
    for one, question in asked_of(scenes, limit, seed):
        assert true_answer(question.question, one) == question.answer, question
        assert question.answer == question.answer.lower()
        assert question.scene_id == one.scene_id
    for own in ask(scenes, limit, seed, lambda _: CLASSES).values():
        assert len({question.question for question in own}) == len(own) <= limit
        assert [question.question_id for question in own] == [
            f"{question.scene_id}#{number}" for number, question in enumerate(own, start=1)
        ]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_all_that_may_be_asked_is_true_in_every_wording(seed: int) -> None:
    for one in random_scenes(seed, 4):
        for subject, answer in possible(one, *CLASSES):
            for variant in range(FORMS[subject[0]].variants):
                question, told = worded(subject, answer, variant)
                assert true_answer(question, one) == told, question


def test_every_form_has_four_wordings_at_least_and_all_are_used() -> None:
    asked = [question for _, question in asked_of(random_scenes(1, 600))]
    assert {question.type for question in asked} == set(QUESTION_TYPES)
    for form in FORMS.values():
        assert len({*form.wordings, *form.reversed}) >= 4
        for wording in form.wordings + form.reversed:
            pattern = re.sub(r"\\{\w+\\}", ".+", re.escape(wording))
            assert [q for q in asked if q.type == form.type and re.fullmatch(pattern, q.question)], wording


@pytest.mark.parametrize(
    ("subject", "answer", "expected"),
    [
        (("object", "aircraft"), "no", "Is there an aircraft in the image? no"),
        (("object", "A220"), "yes", "Can an A220 be seen in the image? yes"),
        (("object", "oil tank"), "yes", "Are there any oil tanks in the image? yes"),
        (("object", "person"), "yes", "Does the image show any people? yes"),
        (("object in part", "harbor", "center"), "yes", "Does a harbor lie in the center of the image? yes"),
        (("object in part", "car", "top"), "no", "Does the top part of the image show any cars? no"),
        (("count", "ferry"), "1", "How many ferries are there in the image? 1"),
        (("place", "ship"), "top", "In which part of the image does the ship lie? top"),
        (("place of most", "ship"), "top", "In which part of the image do most of the ships lie? top"),
        (("more than", "ship", "1"), "yes", "Is there more than 1 ship in the image? yes"),
        (("more than", "ship", "3"), "no", "Are there more than 3 ships in the image? no"),
        (("more than", "ship", "1"), "no", "Is the number of ships larger than 1? no"),
        (("more", "bridge", "ship"), "first", "Are there more bridges than ships? yes"),
        (("more", "bridge", "ship"), "first", "Are there more ships than bridges? no"),
        (("more", "bridge", "ship"), "first", "Does the image show fewer ships than bridges? yes"),
        (("more", "bridge", "ship"), "second", "Does the image show fewer bridges than ships? yes"),
        (("larger area", "roads", "water"), "second", "Is a larger area covered by roads than by water? no"),
        (
            ("larger area", "roads", "water"),
            "second",
            "Is less of the image covered by roads than by water? yes",
        ),
        (("cover", "bare land"), "yes", "Does the land cover of the image include bare land? yes"),
        (("object of part", "left"), "ship", "What kind of object is in the left part of the image? ship"),
    ],
)
def test_questions_are_good_english(subject: tuple[str, ...], answer: str, expected: str) -> None:
    form = FORMS[subject[0]]
    ways = {" ".join(worded(subject, answer, variant)): variant for variant in range(form.variants)}
    assert len(ways) == form.variants
    assert expected in ways
    for question in ways:
        assert question_type(question.rpartition(" ")[0]) == form.type


def test_a_cover_is_called_what_captions_call_it() -> None:
    """FUSAR-Map's classes, and a class with commas as EuroSAT's and CORINE's have."""
    for cover, answer in (
        ({"building": 0.7, "water": 0.2}, "buildings"),
        ({"road": 0.6, "vegetation": 0.4}, "roads"),
        ({"vegetation": 0.8, "road": 0.1}, "vegetation"),
        ({"beaches, dunes, sands": 0.9}, "beaches, dunes and sands"),
        ({"bareland": 0.6, "developed space": 0.3}, "bare land"),
    ):
        one = scene(cover=cover)
        assert (("main cover",), answer) in possible(one)
        assert any(answer in caption.lower() for caption in sa2c(one, NarratorConfig()))
    absent = possible(scene(cover={"water": 1.0}), None, ["water", "building", "agriculture land"])
    assert {subject[1] for subject, told in absent if subject[0] == "cover" and told == "no"} == {
        "buildings",
        "agricultural land",
    }


def test_classes_that_a_sentence_names_alike_are_one_cover() -> None:
    found = possible(scene(cover={"bare": 0.1, "bareland": 0.2, "water": 0.7}))
    assert (("larger area", "bare land", "water"), "second") in found
    even = possible(scene(cover={"bare": 0.2, "bareland": 0.3, "water": 0.5}))
    assert not [subject for subject, _ in even if subject[0] == "larger area"]


def test_a_class_that_is_not_annotated_is_never_said_to_be_absent() -> None:
    ships = scene([at("ship", 20, 20), at("ship", 200, 20)], {"water": 0.9})
    assert not [entry for entry in possible(ships, ["ship"]) if "bridge" in entry[0] or entry[1] == "0"]
    # of a source that annotates one class it is not known what else is there
    assert "most common" not in forms(possible(ships, ["ship"]))
    assert (("most common",), "ship") in possible(ships, ["ship", "bridge"])
    assert (("object", "bridge"), "no") in possible(ships, ["ship", "bridge"])
    assert (("cover", "roads"), "no") not in possible(ships, ["ship"])
    # boxes alone do not say that a land cover is absent
    assert not [
        subject
        for subject, _ in possible(scene([at("ship", 9, 9)]), ["ship"], ["water"])
        if "water" in subject
    ]


@pytest.mark.parametrize(
    "silent",
    [
        scene([at("ship", 9, 9)], annotated=False),
        scene([], {"water": 1.0}, annotated=False),
        scene([], twin="opt.png", annotated=False, captions=("A ship.",)),
    ],
)
def test_no_annotation_no_question(silent: Scene) -> None:
    assert possible(silent, ["ship"], ["water"]) == set()


def test_an_image_annotated_as_holding_nothing_can_be_asked_of() -> None:
    assert possible(scene(), ["ship"]) == {(("object", "ship"), "no"), (("count", "ship"), "0")}
    assert possible(scene()) == set()


def test_an_object_at_a_border_of_thirds_has_no_place() -> None:
    for x in (79, 80, 81):
        found = possible(scene([at("ship", x, 60)]))
        assert "place" not in forms(found), x
        parts = {subject[2]: told for subject, told in found if subject[0] == "object in part"}
        assert not {"left", "center"} & set(parts), x
    found = possible(scene([at("ship", 40, 60)]))
    assert (("place", "ship"), "left") in found
    assert (("object in part", "ship", "center"), "no") in found


def test_an_object_that_reaches_into_a_part_is_not_absent_there() -> None:
    wide = [at("ship", 100, 60, 100, 8), at("bridge", 10, 110)]
    found = possible(scene(wide), ["ship", "bridge"])
    parts = {subject[2]: told for subject, told in found if subject[:2] == ("object in part", "ship")}
    assert "left" not in parts
    assert parts["center"] == "yes"
    assert parts["top"] == "no"
    # nor is it certain what else lies in a part into which another object reaches
    kinds = {subject[1]: told for subject, told in found if subject[0] == "object of part"}
    assert kinds == {"center": "ship", "lower left": "bridge"}
    assert "right" not in {subject[1] for subject, _ in found if subject[0] == "object of part"}


def test_an_object_of_over_half_the_image_has_no_place() -> None:
    assert "place" in forms(possible(scene([at("harbor", 120, 60, 110, 50)])))
    for width, height in ((130, 50), (110, 70)):
        found = possible(scene([at("harbor", 120, 60, width, height)]), ["harbor", "ship"])
        assert not {"place", "object of part"} & forms(found)
        assert (("object", "harbor"), "yes") in found


def test_where_a_kind_of_ship_is_not_said_no_kind_is_counted() -> None:
    kinds = ["cargo ship", "tanker", "ship"]
    # "ship" is a type of its own in OpenSARShip's tables: those whose type is not known
    assert possible(scene([at("ship", 40, 60)]), kinds) == set()
    cargo = possible(scene([at("cargo ship", 40, 60)]), kinds)
    assert (("object", "tanker"), "no") in cargo
    assert not [subject for subject, _ in cargo if "ship" in subject]
    assert possible(scene([at("unknown", 40, 60), at("tanker", 40, 20)]), ["tanker", "unknown"]) == set()


def test_what_is_only_none_of_the_others_is_not_named_but_is_there() -> None:
    found = possible(scene([at("other", 40, 20), at("other", 41, 20), at("A220", 40, 60)]), ["A220", "other"])
    assert not [subject for subject, _ in found if "other object" in subject]
    assert "most common" not in forms(found)
    assert {subject[1] for subject, _ in found if subject[0] == "object of part"} == {"left"}
    cover = possible(scene(cover={"other": 0.6, "water": 0.4}), None, ["other", "water", "road"])
    assert "main cover" not in forms(cover)
    assert (("cover", "roads"), "no") in cover
    # but where the mask does not know, a road may be
    unknown = possible(scene(cover={"unlabeled": 0.3, "water": 0.7}), None, ["unlabeled", "water", "road"])
    assert {subject[0] for subject, _ in unknown} == {"main cover", "cover"}
    assert (("cover", "roads"), "no") not in unknown
    close = possible(scene(cover={"unlabeled": 0.3, "water": 0.5, "road": 0.2}))
    assert forms(close) == {"cover"}


def test_main_land_cover_needs_a_clear_lead() -> None:
    assert (("main cover",), "water") in possible(scene(cover={"water": 0.6, "road": 0.4}))
    for cover in ({"water": 0.52, "road": 0.48}, {"water": 0.4, "road": 0.1}):
        # what the mask leaves without a class is a rival too
        assert "main cover" not in forms(possible(scene(cover=cover)))


def test_a_trace_of_a_cover_is_neither_there_nor_not() -> None:
    found = possible(scene(cover={"water": 0.97, "road": 0.03}), None, ["water", "road"])
    assert not [subject for subject, _ in found if subject == ("cover", "roads")]


def test_counts_of_three_digits_are_not_asked_for() -> None:
    crowd = scene([at("ship", 2 * n % 240, 2 * n % 120) for n in range(122)])
    assert "count" not in forms(possible(crowd))


def test_numbers_to_compare_with_are_near_the_count() -> None:
    """What is asked of 20 ships could be asked of 19 or 22: the number alone does not tell the answer."""
    found = possible(scene([at("ship", 10 * n, 60) for n in range(20)]))
    numbers = {int(subject[2]): told for subject, told in found if subject[0] == "more than"}
    assert numbers == {17: "yes", 18: "yes", 19: "yes", 20: "no", 21: "no", 22: "no"}


def test_nothing_is_counted_where_a_neighbour_s_object_may_reach_in() -> None:
    """A bridge across the border of two tiles is annotated in the one that holds its centre."""
    tiles = [
        scene(name="q/a__0_0", boxes=[at("bridge", 230, 60, 20, 8)], group="q/a", window=(0, 0, 240, 120)),
        scene(name="q/a__240_0", boxes=[at("ship", 40, 60)], group="q/a", window=(240, 0, 480, 120)),
        scene(name="q/a__0_120", boxes=[at("ship", 40, 60)], group="q/a", window=(0, 120, 240, 240)),
        scene(name="q/a__480_0", boxes=[], group="q/a", window=(480, 0, 720, 120)),
        scene(name="q/b__240_0", boxes=[], group="q/b", window=(240, 0, 480, 120)),
        scene(name="q/a__240_240", boxes=[], group="q/a", window=(240, 240, 480, 360)),
    ]
    assert reached(tiles) == {"q/a__240_0"}
    known = ask(tiles, 9, 0, lambda _: (["bridge", "ship"], None), reached(tiles))
    assert known["q/a__240_0"] == [] != known["q/a__0_0"]
    # windows that overlap were annotated one by one
    beside = scene(name="q/a2", boxes=[at("ship", 40, 60)], group="q/a", window=(200, 0, 440, 120))
    assert reached([tiles[0], beside]) == set()


def test_no_question_of_a_scene_of_which_nothing_is_known() -> None:
    scenes = [*random_scenes(3, 30), scene(name="q/none", annotated=False)]
    asked = ask(scenes, 6, 0, lambda _: CLASSES)
    assert list(asked) == [one.scene_id for one in scenes]
    assert asked["q/none"] == []
    assert Counter(bool(own) for own in asked.values())[True] == 30
