"""Questions and answers about a scene, from its boxes and its land cover.

Six types, as the paper's SAR-VQA is scored by question type (the types themselves are inferred). What an
annotation does not settle is not asked: a class that the source does not annotate is never said to be
absent, and an object close to the border of two parts of the image is in neither. Yes/no questions are asked
only where either answer could be asked for, and a fair coin chooses which.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import TypeVar

import numpy as np

from sartext.core.records import Box, Question, QuestionType, Scene
from sartext.core.seeds import generator
from sartext.narrator.counts import label_counts
from sartext.narrator.words import article, cover_noun, normalise_label, plural

T = TypeVar("T")
Asked = tuple[tuple[str, ...], str, str]
"""What is asked whatever the words, the question, the answer."""

PLACES = (
    ("upper left", "top", "upper right"),
    ("left", "center", "right"),
    ("lower left", "bottom", "lower right"),
)
"""Names of the nine thirds of an image, by row and column."""

_MARGIN = 1 / 24
_SEEN_SHARE = 0.05
_CLEAR_LEAD = 0.1
_MOST_COUNTED = 99
_ROUNDS = 4


def possible_places(box: Box, width: int, height: int) -> frozenset[str]:
    """Return the parts of the image that the centre of `box` may be said to lie in.

    More than one if it is closer to a border of thirds than 1/24 of the image's side.
    """

    def thirds(position: float, side: int) -> set[int]:
        share = position / side
        return {min(max(int(3 * (share + shift)), 0), 2) for shift in (-_MARGIN, _MARGIN)}

    x, y = box.centre
    return frozenset(PLACES[row][column] for row in thirds(y, height) for column in thirds(x, width))


def _part(place: str) -> str:
    return "center" if place == "center" else f"{place} part"


@dataclass(frozen=True)
class _Known:
    """What may be asked of one scene."""

    counts: dict[str, int]
    absent: tuple[str, ...]
    places: dict[str, list[frozenset[str]]]
    cover: dict[str, float]
    no_cover: tuple[str, ...]
    draw: np.random.Generator = field(repr=False)

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.draw.integers(len(options)))]

    def coin(self) -> bool:
        return bool(self.draw.integers(2))


def _known(scene: Scene, seed: int, objects: Sequence[str] | None, covers: Sequence[str] | None) -> _Known:
    counts = dict(label_counts(scene, scene.boxes))
    places: dict[str, list[frozenset[str]]] = {label: [] for label in counts}
    for box in scene.boxes:
        places[normalise_label(box.label)].append(possible_places(box, scene.width, scene.height))
    cover = {normalise_label(label): share for label, share in sorted(scene.cover.items())}
    return _Known(
        counts=counts,
        absent=tuple(sorted({normalise_label(label) for label in objects or ()} - set(counts))),
        places=places,
        cover=cover,
        no_cover=tuple(
            sorted(name for label in covers or () if cover.get(name := normalise_label(label), 0.0) == 0.0)
        ),
        draw=generator("questions", seed, scene.scene_id),
    )


def _yes_no(known: _Known, yes: Sequence[T], no: Sequence[T]) -> tuple[T, str] | None:
    """One of `yes` or of `no` and its answer, by a fair coin; none if either is empty."""
    if not yes or not no:
        return None
    return (known.pick(yes), "yes") if known.coin() else (known.pick(no), "no")


def _presence(known: _Known) -> Asked | None:
    form = known.pick(
        ("Is there {} in the image?", "Can {} be seen in the image?", "Does the image show {}?")
    )
    chosen = _yes_no(known, list(known.counts), known.absent)
    if chosen is not None and known.coin():
        return (chosen[0],), form.format(f"{article(chosen[0])} {chosen[0]}"), chosen[1]
    everywhere = [place for row in PLACES for place in row]
    yes, no = [], []
    for label, found in known.places.items():
        for place in everywhere:
            if frozenset((place,)) in found:
                yes.append((label, place))
            elif not any(place in possible for possible in found):
                no.append((label, place))
    placed = _yes_no(known, yes, no)
    if placed is None:
        return None
    (label, place), answer = placed
    form = known.pick(("Is there {} in the {} of the image?", "Does {} lie in the {} of the image?"))
    return (label, place), form.format(f"{article(label)} {label}", _part(place)), answer


def _count(known: _Known) -> Asked | None:
    present = [label for label, count in known.counts.items() if count <= _MOST_COUNTED]
    pool = known.absent if known.absent and (not present or known.draw.random() < 0.2) else present
    if not pool:
        return None
    label = known.pick(pool)
    form = known.pick(
        ("How many {} are there in the image?", "What is the number of {}?", "How many {} can be seen?")
    )
    return (label,), form.format(plural(label)), str(known.counts.get(label, 0))


def _location(known: _Known) -> Asked | None:
    options: list[Asked] = []
    for label, found in known.places.items():
        sure = [next(iter(possible)) for possible in found if len(possible) == 1]
        if len(found) == 1 and sure:
            form = known.pick(("Where is the {} in the image?", "In which part of the image is the {}?"))
            options.append(((label,), form.format(label), sure[0]))
        for place in sorted(set(sure)):
            if len(found) > 1 and 2 * sure.count(place) > len(found):
                form = known.pick(
                    ("Where are most of the {}?", "In which part of the image are most of the {}?")
                )
                options.append(((label,), form.format(plural(label)), place))
    return known.pick(options) if options else None


def _comparison(known: _Known) -> Asked | None:
    options: list[Asked] = []
    form = known.pick(("Are there more {} than {}?", "Does the image show more {} than {}?"))
    everything = {**known.counts, **dict.fromkeys(known.absent, 0)}
    unequal = [(a, b) for a, b in permutations(sorted(everything), 2) if everything[a] != everything[b]]
    if unequal:
        pair = first, second = known.pick(unequal)
        answer = "yes" if everything[first] > everything[second] else "no"
        options.append(((min(pair), max(pair)), form.format(plural(first), plural(second)), answer))
    several = [label for label, count in known.counts.items() if count > 1]
    if several:
        label = known.pick(several)
        count, more = known.counts[label], known.coin()
        limit = (
            known.pick([n for n in range(count - 3, count) if n > 0])
            if more
            else count + known.pick(range(3))
        )
        opening = "Is there" if limit == 1 else "Are there"
        noun = label if limit == 1 else plural(label)
        question = f"{opening} more than {limit} {noun} in the image?"
        options.append(((label, "more than"), question, "yes" if more else "no"))
    apart = [
        (a, b)
        for a, b in permutations(sorted(known.cover), 2)
        if abs(known.cover[a] - known.cover[b]) >= _CLEAR_LEAD
    ]
    if apart:
        pair = first, second = known.pick(apart)
        answer = "yes" if known.cover[first] > known.cover[second] else "no"
        nouns = (cover_noun(first)[0], cover_noun(second)[0])
        question = "Is a larger area covered by {} than by {}?".format(*nouns)
        options.append(((min(pair), max(pair), "area"), question, answer))
    return known.pick(options) if options else None


def _land_cover(known: _Known) -> Asked | None:
    options: list[Asked] = []
    ranked = sorted(known.cover.items(), key=lambda entry: (-entry[1], entry[0]))
    if ranked:
        label, share = ranked[0]
        # what the mask leaves without a class is a rival too
        others = [rest for _, rest in ranked[1:]] + [1.0 - sum(known.cover.values())]
        if share >= max(others) + _CLEAR_LEAD:
            form = known.pick(
                ("What is the main land cover of the image?", "Which land cover takes up most of the image?")
            )
            options.append((("main",), form, label))
    seen = [label for label, share in known.cover.items() if share >= _SEEN_SHARE]
    chosen = _yes_no(known, seen, known.no_cover)
    if chosen is not None:
        noun, many = cover_noun(chosen[0])
        form = known.pick(("{} there any {} in the image?", "{} any part of the image covered by {}?"))
        verb = "Are" if many and form.startswith("{} there") else "Is"
        options.append(((chosen[0],), form.format(verb, noun), chosen[1]))
    return known.pick(options) if options else None


def _class(known: _Known) -> Asked | None:
    if len(known.counts) + len(known.absent) < 2:
        return None  # a source that annotates one class does not say what else is there
    options: list[Asked] = []
    ranked = list(known.counts.items())
    if ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1]):
        form = known.pick(
            ("What is the most common object in the image?", "Which kind of object is most frequent?")
        )
        options.append((("most",), form, ranked[0][0].lower()))
    for place in (name for row in PLACES for name in row):
        there = [label for label, found in known.places.items() if any(place in spots for spots in found)]
        if len(there) == 1 and frozenset((place,)) in known.places[there[0]]:
            form = known.pick(
                ("What kind of object is in the {} of the image?", "What lies in the {} of the image?")
            )
            options.append(((place,), form.format(_part(place)), there[0].lower()))
    return known.pick(options) if options else None


_WRITERS: tuple[tuple[QuestionType, Callable[[_Known], Asked | None]], ...] = (
    ("presence", _presence),
    ("count", _count),
    ("location", _location),
    ("comparison", _comparison),
    ("land cover", _land_cover),
    ("class", _class),
)


def questions_for(
    scene: Scene,
    limit: int,
    seed: int,
    objects: Sequence[str] | None = None,
    covers: Sequence[str] | None = None,
) -> list[Question]:
    """Return up to `limit` different questions about a scene, with answers in lower case.

    Args:
        scene: its boxes and cover are what is known of it; a scene without annotation has no questions, nor
            has one without boxes and cover (pairs: what a caption leaves out may still be there).
        limit: most questions.
        seed: with the scene's id it decides what is asked and in which words.
        objects: every class that was looked for as boxes: only of these can one be absent. None: absence of
            a class is never asked for.
        covers: the same for land cover.

    Returns:
        Questions of mixed types, ids ``SCENE_ID#1`` and so on.
    """
    if not scene.annotated or not (scene.boxes or scene.cover):
        return []
    known = _known(scene, seed, objects, covers)
    order = [_WRITERS[index] for index in known.draw.permutation(len(_WRITERS))]
    asked: dict[tuple[str, ...], tuple[QuestionType, str, str]] = {}
    for _ in range(_ROUNDS):
        for kind, write in order:
            found = write(known) if len(asked) < limit else None
            if found is not None:
                asked.setdefault((kind, *found[0]), (kind, *found[1:]))
    return [
        Question(f"{scene.scene_id}#{number}", scene.scene_id, kind, question, answer)
        for number, (kind, question, answer) in enumerate(asked.values(), start=1)
    ]
