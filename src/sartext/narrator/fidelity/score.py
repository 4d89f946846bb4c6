"""Fidelity: what captions say against what is true, as precision and recall of facts.

A scene's facts are those of all its captions together, each once. Precision is the share of the facts
said that are true, recall the share of the true facts that are said. Kinds of fact:

- ``class``: an object of this class is there; "no ships" is such a fact too, and adds nothing to recall.
- ``count``: how many, of the whole image or at a place. A number is true if it is exact; a caption's
  numbers of one class without a place are added up. "Many", "several" and a bare plural are true from 2
  on, and tell no count.
- ``place``: one object of the class at least lies there. ``center`` is the rectangle from 1/4 to 3/4 of
  width and height, ``edge`` all around it (the authors' rule); side and corner words go by thirds: "left"
  is all of the left third, "upper left" what is also in the upper third. A number at such a place may
  count the one of nine cells of that name instead. Recall is over center and edge, or over the nine cells
  where a caption uses their names.
- ``cover``: a land cover is there.
- ``share``: how much of the image it takes: "dominant" from ``dominant_share`` on, "large" from
  ``large_share`` on, "small" below that, a number within 0.1. Recall is over covers from ``minor_share``
  on.

Names are compared as the lexicon has them (`sartext.narrator.facts.same_thing`): "boat" is a ship. A word
that the truth has not includes what the truth tells apart: vegetation is true where there is forest or
farmland, and its share is their sum (`sartext.narrator.facts.includes`). A fact on which the truth is
silent, such as an airport or the number of roads, is unchecked; a noun that no lexicon knows is an invented
object, and false.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sartext.core.config import NarratorConfig
from sartext.core.records import Scene
from sartext.core.seeds import generator
from sartext.narrator.facts import includes, known, parse_caption, same_thing
from sartext.simulator.world import COVER_NAMES, LABELS

KINDS = ("class", "count", "place", "cover", "share")
"""Kinds of fact, in the order of the columns of `Tally.counts`."""

SHARE_TOLERANCE = 0.1
_MANY = "many"
_ROUNDING = 1e-9
_LEAST_OF_MANY = 2
_ROUGH = frozenset(("center", "edge"))
_CELLS = (
    ("upper left", "top", "upper right"),
    ("left", "center", "right"),
    ("lower left", "bottom", "lower right"),
)
_RIGHT, _SAID, _TOLD, _TRUE = range(4)


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one scene.

    Attributes:
        objects: the lexicon's name and centre (x, y) of each object, as shares of width and height.
        cover: share of the image of each land cover, by the lexicon's name.
        classes: every class of object the truth would name: what is not among `objects` is not there.
        covers: every land cover it would name.
    """

    objects: tuple[tuple[str, float, float], ...]
    cover: dict[str, float]
    classes: frozenset[str]
    covers: frozenset[str]


@dataclass(slots=True)
class Tally:
    """Facts of one scene, counted.

    Attributes:
        counts: by kind, how many facts are said and true, said, true and told, true.
        unchecked: facts said on which the truth is silent.
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((len(KINDS), 4), np.int64))
    unchecked: int = 0


def truth_of_scene(scene: Scene, classes: Iterable[str], covers: Iterable[str]) -> Truth:
    """Return an annotation as the truth; `classes` and `covers` are all that its source annotates."""
    objects = tuple(
        (same_thing(box.label), box.centre[0] / scene.width, box.centre[1] / scene.height)
        for box in scene.boxes
    )
    return Truth(objects, _joined(scene.cover), _names(classes), _names(covers))


def truth_of_record(entry: dict[str, Any]) -> Truth:
    """Return an entry of the simulator's truth (`sartext.simulator.facts.record`)."""
    objects = tuple(
        (
            same_thing(thing["label"]),
            (thing["x"] + thing["width"] / 2) / entry["width"],
            (thing["y"] + thing["height"] / 2) / entry["height"],
        )
        for thing in entry["objects"]
    )
    return Truth(objects, _joined(entry["cover"]), _names(LABELS), _names(COVER_NAMES))


def _names(labels: Iterable[str]) -> frozenset[str]:
    return frozenset(same_thing(label) for label in labels)


def _joined(cover: dict[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for label, share in cover.items():
        if share > 0:
            found[same_thing(label)] = found.get(same_thing(label), 0.0) + share
    return found


def lies_at(place: str, x: float, y: float) -> bool:
    """Whether a point, as shares of width and height, lies where a place word says (see the module)."""
    if place in _ROUGH:
        return (0.25 <= x <= 0.75 and 0.25 <= y <= 0.75) == (place == "center")
    sides = {"top": y < 1 / 3, "bottom": y >= 2 / 3, "left": x < 1 / 3, "right": x >= 2 / 3}
    if place == "corner":
        return (sides["top"] or sides["bottom"]) and (sides["left"] or sides["right"])
    words = place.replace("upper", "top").replace("lower", "bottom").split()
    return all(sides[word] for word in words)


def cell_of(x: float, y: float) -> str:
    """Return the name of the one of nine cells, by thirds, that holds a point."""
    return _CELLS[min(int(3 * y), 2)][min(int(3 * x), 2)]


@dataclass(slots=True)
class _Said:
    """The different facts of one scene's captions."""

    present: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    counts: set[tuple[str, tuple[str, ...], int | str]] = field(default_factory=set)
    places: set[tuple[str, str]] = field(default_factory=set)
    shares: set[tuple[str, str | float]] = field(default_factory=set)
    unchecked: set[tuple[str, str | float]] = field(default_factory=set)

    def read(self, caption: str) -> None:
        totals: dict[tuple[str, tuple[str, ...]], int] = {}
        for mention in parse_caption(caption).mentions:
            label = mention.label
            if mention.negated:
                self.absent.add(label)
                continue
            self.present.add(label)
            if mention.count is not None:
                key = label, mention.places
                totals[key] = totals.get(key, 0) + mention.count
            elif mention.many:
                self.counts.add((label, mention.places, _MANY))
            self.places.update((label, place) for place in mention.places)
            if mention.share is not None:
                # a share of a part of the image says nothing of the whole
                (self.unchecked if mention.places else self.shares).add((label, mention.share))
        self.counts.update((label, places, count) for (label, places), count in totals.items())


def tally_scene(truth: Truth, captions: Iterable[str], config: NarratorConfig) -> Tally:
    """Count a scene's facts, said and true.

    Args:
        truth: what is true of it.
        captions: all that one branch says of it.
        config: thresholds of shares.
    """
    said = _Said()
    for caption in captions:
        said.read(caption)
    tally = Tally(unchecked=len(said.unchecked))
    named = said.present | said.absent
    meant = {label: _meant(label, truth.classes) for label in named}
    objects = {
        label: tuple((x, y) for name, x, y in truth.objects if name in names)
        for label, names in meant.items()
        if names
    }
    meant |= {label: _meant(label, truth.covers) for label in named if label not in objects}
    covers = {
        label: sum(truth.cover.get(name, 0.0) for name in names)
        for label, names in meant.items()
        if names and label not in objects
    }
    _tally_presence(tally, said, objects, covers)
    _tally_counts(tally, said, objects)
    for label, place in said.places:
        if label in objects:
            _judge(tally, "place", any(lies_at(place, x, y) for x, y in objects[label]))
        else:
            tally.unchecked += 1
    for label, said_share in said.shares:
        if label in covers:
            _judge(tally, "share", share_holds(said_share, covers[label], config))
        else:
            tally.unchecked += 1
    _tally_truths(tally, truth, said, meant, config)
    return tally


def _meant(label: str, vocabulary: frozenset[str]) -> frozenset[str]:
    """The truth's names for what a word says: the same where it has it, else all that the word includes."""
    if label in vocabulary:
        return frozenset((label,))
    return frozenset(name for name in vocabulary if includes(label, name))


def _judge(tally: Tally, kind: str, right: bool) -> None:
    row = tally.counts[KINDS.index(kind)]
    row[_SAID] += 1
    row[_RIGHT] += right


def _tally_presence(
    tally: Tally,
    said: _Said,
    objects: dict[str, tuple[tuple[float, float], ...]],
    covers: dict[str, float],
) -> None:
    for labels, there in ((said.present, True), (said.absent, False)):
        for label in labels:
            if label in objects:
                _judge(tally, "class", bool(objects[label]) == there)
            elif label in covers:
                _judge(tally, "cover", (covers[label] > 0) == there)
            elif known(label):
                tally.unchecked += 1
            else:
                _judge(tally, "class", not there)


def _tally_counts(tally: Tally, said: _Said, objects: dict[str, tuple[tuple[float, float], ...]]) -> None:
    for label, places, count in said.counts:
        if label not in objects:
            tally.unchecked += 1
            continue
        points = objects[label]
        there = (
            sum(any(lies_at(place, x, y) for place in places) for x, y in points) if places else len(points)
        )
        if count == _MANY:
            _judge(tally, "count", there >= _LEAST_OF_MANY)
        else:
            in_cells = sum(cell_of(x, y) in places for x, y in points)
            _judge(tally, "count", count == there or (bool(places) and count == in_cells))


def share_holds(said: str | float, share: float, config: NarratorConfig) -> bool:
    """Whether a land cover of this share, 0 to 1, may be called so."""
    if isinstance(said, float):
        return abs(said - share) <= SHARE_TOLERANCE + _ROUNDING
    if said == "small":
        return 0 < share < config.large_share
    return share >= (config.dominant_share if said == "dominant" else config.large_share)


def _tally_truths(
    tally: Tally, truth: Truth, said: _Said, meant: dict[str, frozenset[str]], config: NarratorConfig
) -> None:
    """Count the true facts, and those of them that are told."""
    points: dict[str, list[tuple[float, float]]] = {}
    for label, x, y in truth.objects:
        points.setdefault(label, []).append((x, y))
    fine = any(place not in _ROUGH for _, place in said.places)
    present = {name for label in said.present for name in meant[label]}
    numbers = {(name, count) for label, places, count in said.counts if not places for name in meant[label]}
    places = {(name, place) for label, place in said.places for name in meant[label]}
    for label, spots in points.items():
        _told(tally, "class", label in present)
        _told(tally, "count", (label, len(spots)) in numbers)
        for place in {cell_of(*spot) if fine else _rough(*spot) for spot in spots}:
            _told(tally, "place", (label, place) in places)
    shares = {
        name
        for label, share in said.shares
        for name in meant[label]
        if share_holds(share, sum(truth.cover.get(part, 0.0) for part in meant[label]), config)
    }
    for label, share in truth.cover.items():
        if share >= config.minor_share:
            _told(tally, "cover", label in present)
            _told(tally, "share", label in shares)


def _rough(x: float, y: float) -> str:
    return "center" if lies_at("center", x, y) else "edge"


def _told(tally: Tally, kind: str, told: bool) -> None:
    row = tally.counts[KINDS.index(kind)]
    row[_TRUE] += 1
    row[_TOLD] += told


class FidelityScore:
    """Tallies of many scenes, and the score they give.

    Attributes:
        scenes: how many.
        captions: how many were read.
        unchecked: facts on which the truth is silent.
    """

    def __init__(self) -> None:
        self.scenes = self.captions = self.unchecked = 0
        self._scenes: dict[bytes, int] = {}

    def add(self, tally: Tally, captions: int) -> None:
        """Add a scene of which `captions` captions were read."""
        self.scenes += 1
        self.captions += captions
        self.unchecked += tally.unchecked
        key = tally.counts.tobytes()
        self._scenes[key] = self._scenes.get(key, 0) + 1

    def merge(self, other: "FidelityScore") -> None:
        """Add all scenes of another score."""
        self.scenes += other.scenes
        self.captions += other.captions
        self.unchecked += other.unchecked
        for key, count in other._scenes.items():
            self._scenes[key] = self._scenes.get(key, 0) + count

    def kinds(self, samples: int) -> dict[str, dict[str, dict[str, float | int | None]]]:
        """Return precision and recall by kind and ``overall``, each with n and a 95% interval.

        The bootstrap draws scenes with replacement, `samples` times by a fixed seed. Equal tallies are drawn
        together, by a multinomial over the different ones, which is the same distribution.
        """
        keys = sorted(self._scenes)
        values = np.array([np.frombuffer(key, np.int64) for key in keys], np.int64)
        values = values.reshape(len(keys), len(KINDS), 4)
        values = np.concatenate([values, values.sum(axis=1, keepdims=True)], axis=1)
        often = np.array([self._scenes[key] for key in keys], np.int64)
        sums = np.tensordot(often, values, axes=(0, 0))
        drawn = np.zeros((samples, len(KINDS) + 1, 4), np.int64)
        if self.scenes:
            draws = generator("fidelity").multinomial(self.scenes, often / self.scenes, size=samples)
            drawn = np.tensordot(draws, values, axes=(1, 0))
        return {
            kind: {
                "precision": _ratio(sums[row], drawn[:, row], _RIGHT, _SAID),
                "recall": _ratio(sums[row], drawn[:, row], _TOLD, _TRUE),
            }
            for row, kind in enumerate((*KINDS, "overall"))
        }


def _ratio(
    sums: NDArray[np.int64], drawn: NDArray[np.int64], part: int, whole: int
) -> dict[str, float | int | None]:
    total = int(sums[whole])
    if not total:
        return {"value": None, "low": None, "high": None, "n": 0}
    held = drawn[:, whole] > 0
    low, high = np.percentile(drawn[held, part] / drawn[held, whole], (2.5, 97.5))
    return {
        "value": round(int(sums[part]) / total, 6),
        "low": round(float(low), 6),
        "high": round(float(high), 6),
        "n": total,
    }


def score_captions(
    scenes: Iterable[tuple[Truth, Sequence[str]]], config: NarratorConfig | None = None
) -> FidelityScore:
    """Return the score of scenes, each with all that one branch says of it."""
    score = FidelityScore()
    for truth, captions in scenes:
        score.add(tally_scene(truth, captions, config or NarratorConfig()), len(captions))
    return score
