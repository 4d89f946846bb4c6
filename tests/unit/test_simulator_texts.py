"""Texts of simulated scenes: true, varied, and in grammars apart from the narrator's."""

import itertools
import re
from collections import Counter

import pytest

from sartext.simulator.captions import write_captions
from sartext.simulator.dialogues import as_conversation, write_dialogue
from sartext.simulator.facts import PLACES, Facts, Seen
from sartext.simulator.random import Draws
from sartext.simulator.references import write_references
from sartext.simulator.scene import draw_scene, text_draws
from sartext.simulator.words import counted, listed, number_word
from sartext.simulator.world import LABELS

NUMBERS = {number_word(count): count for count in range(1, 11)} | {
    str(count): count for count in range(1, 60)
}
NUMBERS |= {"a": 1, "an": 1, "only": 1}
PLURALS = {"ships": "ship", "cars": "car", "bridges": "bridge", "harbors": "harbor", "tanks": "storage tank"}


def told_counts(sentence: str) -> dict[str, int]:
    """Counts that a sentence states, as (number, noun) pairs next to each other."""
    text = sentence.lower().replace("storage tank", "tank").replace(",", " ").replace(".", " ")
    found = {}
    words = text.split()
    for number, noun in itertools.pairwise(words):
        label = PLURALS.get(noun, "storage tank" if noun == "tank" else noun)
        if number in NUMBERS and label in LABELS:
            found[label] = NUMBERS[number]
    return found


def scenes(source: str, count: int = 60) -> list[tuple[Facts, Draws]]:
    return [
        (draw_scene(source, 1, "train", index, 64).facts, text_draws(source, 1, "train", index))
        for index in range(count)
    ]


@pytest.mark.parametrize("source", ["hrsid", "sardet-100k", "fusar-map", "osdataset"])
def test_references_tell_the_truth(source: str) -> None:
    for facts, draws in scenes(source):
        sentences = write_references(facts, draws)
        assert len(sentences) == 5
        counts = facts.counts()
        for sentence in sentences:
            assert sentence[0].isupper() or sentence[0].isdigit()
            assert sentence.endswith(".")
            assert "  " not in sentence
            for label, count in told_counts(sentence).items():
                assert counts.get(label) == count, (sentence, counts)
        if counts:
            assert told_counts(sentences[1]) == counts  # the second names every class with its count
            assert told_counts(sentences[0]) == counts
        named = " ".join(sentences)
        for cover in facts.covers(0.3):
            assert cover.split("-")[0] in named.lower() or (cover == "farmland" and "farm" in named)


def test_reference_places_are_true() -> None:
    facts = Facts(
        60,
        3.0,
        "open sea",
        (Seen("ship", 2, 2, 6, 6, 20, ()), Seen("ship", 50, 50, 6, 4, 20, ())),
        {"water": 1.0},
        {},
    )
    first = write_references(facts, Draws("places"))[0]
    assert "two ships toward the upper left and toward the lower right" in first
    alone = Facts(60, 3.0, "open sea", facts.objects[:1], {"water": 1.0}, {})
    assert "The only ship lies toward the upper left" in write_references(alone, Draws("places"))[4]


def test_references_share_no_form_with_the_narrator_or_the_optical_captions() -> None:
    reference_text, caption_text = [], []
    for facts, draws in scenes("osdataset", 80):
        reference_text += write_references(facts, draws)
    for facts, draws in scenes("rsicd", 80):
        caption_text += write_captions(facts, draws)
    narrator = re.compile(
        r"there (is|are)|in the center|edge of this image|percent|%|share of|large part|dominat", re.I
    )
    for sentence in reference_text + caption_text:
        assert not narrator.search(sentence), sentence
    colours = re.compile(r"\b(blue|green|red|gray|brown|yellow|white)\b")
    assert not any(colours.search(sentence) for sentence in reference_text)
    assert sum(bool(colours.search(sentence)) for sentence in caption_text) > len(caption_text) / 4
    openings = [{" ".join(s.lower().split()[:3]) for s in texts} for texts in (reference_text, caption_text)]
    digits = {opening for opening in openings[0] & openings[1] if not opening[0].isdigit()}
    assert not digits


def runs_of_words(sentences: list[str], length: int) -> Counter[tuple[str, ...]]:
    """How often each run of so many words stands in the sentences; punctuation does not count."""
    runs: Counter[tuple[str, ...]] = Counter()
    for sentence in sentences:
        words = re.findall(r"[a-z0-9-]+", sentence.lower())
        runs.update(zip(*(words[start:] for start in range(length)), strict=False))
    return runs


@pytest.fixture(scope="module")
def benchmark_and_stage_1() -> tuple[list[str], list[str]]:
    """References of 200 scenes of the benchmark's sources, and captions of 200 scenes of stage 1."""
    references = [
        sentence
        for source in ("osdataset", "hrsid")
        for facts, draws in scenes(source, 100)
        for sentence in write_references(facts, draws)
    ]
    return references, [
        sentence for facts, draws in scenes("rsicd", 200) for sentence in write_captions(facts, draws)
    ]


@pytest.mark.parametrize(("length", "of_all", "of_different"), [(3, 0.025, 0.035), (4, 0.003, 0.004)])
def test_captions_teach_few_turns_of_phrase_of_the_references(
    benchmark_and_stage_1: tuple[list[str], list[str]], length: int, of_all: float, of_different: float
) -> None:
    references, captions = (runs_of_words(texts, length) for texts in benchmark_and_stage_1)
    shared = {run: times for run, times in references.items() if run in captions}
    assert sum(shared.values()) <= of_all * references.total(), sorted(shared, key=references.__getitem__)
    assert len(shared) <= of_different * len(references)


def test_captions_hold_most_words_of_the_references(
    benchmark_and_stage_1: tuple[list[str], list[str]],
) -> None:
    references, captions = (runs_of_words(texts, 1) for texts in benchmark_and_stage_1)
    known = sum(times for word, times in references.items() if word in captions)
    assert known >= 0.88 * references.total()


def test_captions_tell_the_truth_in_rsicd_style() -> None:
    for facts, draws in scenes("rsicd"):
        sentences = write_captions(facts, draws)
        assert len(sentences) == 5
        for sentence in sentences:
            assert sentence == sentence.lower()
            assert sentence.endswith(" .")
            for label, count in told_counts(sentence).items():
                assert facts.counts().get(label) == count, (sentence, facts.counts())
        assert len(set(sentences)) >= 4


def test_caption_places_are_true() -> None:
    told = 0
    for facts, draws in scenes("rsicd", 120):
        last = write_captions(facts, draws)[4]
        if "'s " not in last:
            continue
        told += 1
        places = re.findall(r"(upper left|upper right|lower left|lower right|\w+) part", last)
        nouns = [label for label in facts.counts() if counted(label, 2).removeprefix("two ") in last]
        nouns += [label for label in facts.counts() if re.search(rf"\b{label} (is|lies|stands|shows)", last)]
        if nouns:
            assert places == [place.replace("center", "middle") for place in facts.places(nouns[0])], last
        else:
            assert not facts.counts()
            assert places[0] in facts.sides.values()
    assert told > 60


def test_caption_verbs_agree_with_their_subjects() -> None:
    verbs = {"is": "are", "lies": "lie", "comes": "come", "reaches": "reach", "fills": "fill"}
    seen = set()
    for facts, draws in scenes("rsicd", 120):
        third = write_captions(facts, draws)[2]
        match = re.match(r"(.+?) (is|are|lies?|comes?|reach|reaches|fills?) ", third)
        if match is None or match[1].startswith(("almost", "the picture", "note")):
            continue
        head = re.split(" of | with ", match[1])[0]
        assert (match[2] in verbs.values()) == head.endswith("s"), third
        seen.add(match[2])
    assert {"are", "lie", "lies", "reaches", "come"} <= seen


def test_texts_repeat_with_their_seed_only() -> None:
    facts = scenes("osdataset", 3)[2][0]
    once, again = (write_references(facts, Draws("same")) for _ in range(2))
    assert once == again
    assert any(write_references(facts, Draws("other", number)) != once for number in range(5))


def answer(question: str, facts: Facts) -> str:
    """A reader of its own: answers from the facts."""
    counts = facts.counts()

    def label_of(noun: str) -> str:
        noun = re.sub(r"^(a|an|the) ", "", noun)
        return noun if noun in LABELS else next(label for label in LABELS if counted(label, 2).endswith(noun))

    if match := re.match(r"Are there more (.+) than (.+) in", question):
        first, second = (counts.get(label_of(noun), 0) for noun in match.groups())
        return "yes" if first > second else "no"
    if match := re.match(r"(?:How many|What is the number of) (.+?)(?: are there)? in the image", question):
        return str(counts.get(label_of(match[1]), 0))
    if match := re.match(r"(?:Is there|Can) (an? .+?)(?: be seen)? in the image", question):
        return "yes" if label_of(match[1]) in counts else "no"
    if match := re.match(r"Is there any (.+) in", question):
        cover = {"bare land": "bare", "built-up land": "built-up"}.get(match[1], match[1])
        return "yes" if facts.cover.get(cover, 0) > 0 else "no"
    if "land cover" in question:
        return max(facts.cover, key=lambda name: facts.cover[name])
    if match := re.match(
        r"(?:Where is|In which part of the image is) (the .+?)(?: in the image)?\?", question
    ):
        return facts.places(label_of(match[1]))[0]
    match = re.search(r"at the (.+) of the image", question)
    assert match, question
    return next(item.label for item in facts.objects if item.place(facts.size) == match[1])


def test_dialogues_tell_the_truth_and_ask_all_kinds() -> None:
    answers: dict[str, set[str]] = {}
    for facts, draws in scenes("rs-vqa", 80):
        pairs = write_dialogue(facts, draws)
        assert 4 <= len(pairs) <= 8
        assert len({question for question, _ in pairs}) == len(pairs)
        for question, given in pairs:
            assert given == answer(question, facts), (question, given)
            answers.setdefault(question.split()[0], set()).add(given)
    assert answers["Is"] == {"yes", "no"}
    assert answers["Are"] == {"yes", "no"}
    assert {"0", "1", "2", "3", "4"} <= answers["How"]
    assert answers["Where"] <= {place for row in PLACES for place in row}
    assert len(answers["Where"]) > 5


def test_conversations_have_the_released_form() -> None:
    entry = as_conversation("7", "/x/7.png", [("How many?", "2")])
    assert entry == {
        "id": "7",
        "image": "/x/7.png",
        "conversations": [{"from": "human", "value": "How many?"}, {"from": "gpt", "value": "2"}],
    }


def test_lists_and_numbers() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert counted("storage tank", 2) == "two storage tanks"
    assert counted("aircraft", 12) == "12 aircraft"
