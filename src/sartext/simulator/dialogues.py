"""Questions and answers about an optical scene, in the form in which the paper's RS-VQA was released.

Six kinds of question: presence, count, location, comparison, land cover and class. Answers are lower case; a
location is one of the nine thirds of `facts.PLACES`.
"""

from typing import Any

from sartext.simulator.facts import PLACES, Facts
from sartext.simulator.random import Draws
from sartext.simulator.words import plural
from sartext.simulator.world import COVER_NAMES, LABELS

_COVER_NOUN = {
    name: {"bare": "bare land", "built-up": "built-up land"}.get(name, name) for name in COVER_NAMES
}
_CLEAR_SHARE = 0.05
_CLEAR_LEAD = 0.10


def write_dialogue(facts: Facts, draws: Draws, turns: int = 8) -> list[tuple[str, str]]:
    """Return up to `turns` different (question, answer) pairs that are true of a scene.

    Args:
        facts: what is true of the scene.
        draws: which questions to ask.
        turns: most pairs.
    """
    asked: dict[str, str] = {}
    writers = (_presence, _count, _location, _comparison, _land_cover, _class)
    for turn in range(2 * turns):
        pair = writers[turn % len(writers)](facts, draws)
        if pair is not None and len(asked) < turns:
            asked.setdefault(*pair)
    return list(asked.items())


def as_conversation(identifier: str, image: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return one entry of a released dialogue file."""
    turns = []
    for question, answer in pairs:
        turns += [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"id": identifier, "image": image, "conversations": turns}


def _article(label: str) -> str:
    return f"an {label}" if label[0] in "aeiou" else f"a {label}"


def _presence(facts: Facts, draws: Draws) -> tuple[str, str]:
    counts = facts.counts()
    if counts and draws.chance(50):
        label = draws.pick(sorted(counts))
    else:
        label = draws.pick(LABELS)
    form = draws.pick(("Is there {} in the image?", "Can {} be seen in the image?"))
    return form.format(_article(label)), "yes" if label in counts else "no"


def _count(facts: Facts, draws: Draws) -> tuple[str, str]:
    counts = facts.counts()
    label = draws.pick(sorted(counts)) if counts and draws.chance(80) else draws.pick(LABELS)
    form = draws.pick(("How many {} are there in the image?", "What is the number of {} in the image?"))
    return form.format(plural(label, 2)), str(counts.get(label, 0))


def _location(facts: Facts, draws: Draws) -> tuple[str, str] | None:
    single = [label for label, count in facts.counts().items() if count == 1]
    if not single:
        return None
    label = draws.pick(single)
    form = draws.pick(("Where is the {} in the image?", "In which part of the image is the {}?"))
    return form.format(label), facts.places(label)[0]


def _comparison(facts: Facts, draws: Draws) -> tuple[str, str]:
    counts = facts.counts()
    first = draws.pick(sorted(counts)) if counts else draws.pick(LABELS)
    second = draws.pick([label for label in LABELS if label != first])
    if draws.chance(50):
        first, second = second, first
    question = f"Are there more {plural(first, 2)} than {plural(second, 2)} in the image?"
    return question, "yes" if counts.get(first, 0) > counts.get(second, 0) else "no"


def _land_cover(facts: Facts, draws: Draws) -> tuple[str, str] | None:
    ranked = facts.covers(0.0)
    lead = facts.cover[ranked[0]] - (facts.cover[ranked[1]] if len(ranked) > 1 else 0.0)
    if lead >= _CLEAR_LEAD and draws.chance(60):
        form = draws.pick(
            ("What is the main land cover of the image?", "Which land cover takes up most of the image?")
        )
        return form, ranked[0]
    name = draws.pick(COVER_NAMES)
    share = facts.cover.get(name, 0.0)
    if 0.0 < share < _CLEAR_SHARE:
        return None
    return f"Is there any {_COVER_NOUN[name]} in the image?", "yes" if share else "no"


def _class(facts: Facts, draws: Draws) -> tuple[str, str] | None:
    by_place: dict[str, set[str]] = {}
    for item in facts.objects:
        by_place.setdefault(item.place(facts.size), set()).add(item.label)
    single = [place for row in PLACES for place in row if len(by_place.get(place, ())) == 1]
    if not single:
        return None
    place = draws.pick(single)
    form = draws.pick(
        ("What object is at the {} of the image?", "What kind of object lies at the {} of the image?")
    )
    return form.format(place), next(iter(by_place[place]))
