"""SA2C: captions from the shares of a class mask.

The paper's thresholds and wording are not published; those here are inferred, and both are config
(`NarratorConfig`, `Sa2cWords`). Shares are of valid pixels and do not change when a mask is enlarged or
reduced by whole factors, nor do captions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sartext.core.config import NarratorConfig, Sa2cWords
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.core.seeds import generator
from sartext.narrator.words import capital, cover_noun, listed, pick

Mood = Literal["mostly", "largest", "some"]

# shares are compared to this many decimals: far below a pixel of any image, far above a sum's rounding
_DECIMALS = 9

_MAIN_VERBS = (("prevails in", "prevail in"), ("is dominant in", "are dominant in"))
_VERBS = (("covers", "cover"), ("occupies", "occupy"), ("takes up", "take up"), ("makes up", "make up"))
"""Verbs of one class and of several; the first of `_VERBS` is the fixed wording's."""

_ORDERED: dict[Mood, tuple[str, ...]] = {
    "mostly": (
        "{image} shows mostly {first}{rest}.",
        "{image} is mostly covered by {first}{rest}.",
        "{image} shows mainly {first}{rest}.",
    ),
    "largest": (
        "in {image} {first} {takes} the largest area{rest}.",
        "the largest area of {image} is covered by {first}{rest}.",
        "{first} {takes} the largest area of {image}{rest}.",
    ),
    "some": (
        "{image} shows {some}{first}{rest}.",
        "{image} contains {some}{first}{rest}.",
        "{image} has {some}{first}{rest}.",
    ),
}
"""Wordings of the second caption; the first of each is the fixed one."""
_THEN = ("followed by", "then")
_GRADES = ("dominant", "large", "small")


@dataclass(frozen=True, slots=True)
class Cover:
    """One land cover of a scene: how a sentence names it, whether that is a plural, and its share."""

    noun: str
    many: bool
    share: float


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of one scene's captions; a verb is a pair, for one class and for several."""

    given: Sa2cWords
    dominate: tuple[str, str]
    cover: tuple[str, str]
    ordered: str
    then: str


def ranked_cover(scene: Scene, least: float) -> list[Cover]:
    """Return the land covers of at least the share `least` (0 to 1), the largest first, then by class name.

    Classes that a sentence names alike are one.

    Raises:
        UserError: a class has no name.
    """
    shares: dict[tuple[str, bool], float] = {}
    for label, share in sorted(scene.cover.items()):
        named = cover_noun(label)
        if not named[0]:
            raise UserError(
                f"{scene.scene_id}: its mask has the class name {label!r}; expected a word: name it "
                "by --classes, or by the source's 'classes'"
            )
        shares[named] = shares.get(named, 0.0) + share
    covers = [Cover(noun, many, round(share, _DECIMALS)) for (noun, many), share in shares.items()]
    kept = [cover for cover in covers if cover.share > 0 and _reaches(cover, least)]
    return sorted(kept, key=lambda cover: -cover.share)


def sa2c(scene: Scene, config: NarratorConfig, seed: int = 0) -> list[str]:
    """Return two captions of a scene's land cover: what each class covers, and the classes by falling share.

    A class from ``dominant_share`` on dominates the scene, from ``large_share`` on it covers a large part,
    from ``minor_share`` on a small part; below that it is not named. A scene of which no class is named has
    no caption.

    Args:
        scene: its cover.
        config: thresholds, words, and whether the wording is fixed or varied.
        seed: with the scene's id, decides a varied wording.

    Raises:
        UserError: a class has no name.
    """
    if not scene.annotated:
        return []
    covers = ranked_cover(scene, config.minor_share)
    if not covers:
        return []
    dominant, rest = _parted(covers, config.dominant_share)
    large, small = _parted(rest, config.large_share)
    groups = [(grade, own) for grade, own in zip(_GRADES, (dominant, large, small), strict=True) if own]
    mood = _mood(covers, bool(dominant), unnamed=1.0 - sum(scene.cover.values()))
    if config.wording == "varied":
        words = _drawn_words(config.sa2c_words, mood, generator("narrator", seed, scene.scene_id))
    else:
        words = _fixed_words(config.sa2c_words, mood)
    return [capital(_graded(groups, words)), capital(_ordered(covers, words))]


def _reaches(cover: Cover, threshold: float) -> bool:
    return cover.share >= round(threshold, _DECIMALS)


def _parted(covers: Sequence[Cover], threshold: float) -> tuple[list[Cover], list[Cover]]:
    reaching = [cover for cover in covers if _reaches(cover, threshold)]
    return reaching, list(covers[len(reaching) :])


def _mood(covers: Sequence[Cover], dominant: bool, unnamed: float) -> Mood:
    """What to say of the first cover: nothing is the largest beside as large a class or background."""
    rivals = [round(unnamed, _DECIMALS), *(cover.share for cover in covers[1:])]
    if covers[0].share <= max(rivals):
        return "some"
    if dominant and covers[0].share >= 0.5:
        return "mostly"
    return "largest" if len(covers) > 1 else "some"


def _fixed_words(given: Sa2cWords, mood: Mood) -> _Words:
    dominate = (given.dominant_one, given.dominant_many)
    return _Words(given, dominate, _VERBS[0], _ORDERED[mood][0], _THEN[0])


def _drawn_words(given: Sa2cWords, mood: Mood, draw: np.random.Generator) -> _Words:
    dominate = pick(((given.dominant_one, given.dominant_many), *_MAIN_VERBS), draw)
    return _Words(given, dominate, pick(_VERBS, draw), pick(_ORDERED[mood], draw), pick(_THEN, draw))


def _clause(covers: Sequence[Cover], grade: str, words: _Words, place: str) -> str:
    subject = listed([cover.noun for cover in covers])
    many = len(covers) > 1 or covers[0].many
    if grade == "dominant":
        return f"{subject} {words.dominate[many]} {words.given.image}"
    each = "each " if len(covers) > 1 else ""
    part = words.given.large if grade == "large" else words.given.small
    return f"{subject} {each}{words.cover[many]} {part}{place}"


def _graded(groups: Sequence[tuple[str, list[Cover]]], words: _Words) -> str:
    clauses = [
        _clause(covers, grade, words, "" if number else f" of {words.given.image}")
        for number, (grade, covers) in enumerate(groups)
    ]
    if len(clauses) == 3:
        return f"{clauses[0]}, {clauses[1]}, and {clauses[2]}."
    return f"{', and '.join(clauses)}."


def _ordered(covers: Sequence[Cover], words: _Words) -> str:
    first, rest = covers[0], listed([cover.noun for cover in covers[1:]])
    return words.ordered.format(
        image=words.given.image,
        first=first.noun,
        takes="take" if first.many else "takes",
        some="" if rest else "some ",
        rest=f", {words.then} {rest}" if rest else "",
    )
