"""A2C: captions from annotated boxes, by the rule of the paper's authors.

He et al., "Rethinking Remote Sensing CLIP" (RSM-ITD), section 2.2 and algorithm 1. Caption 1 tells every
class with its count; caption 2 tells the same split by place. An object is in the center if its box's centre
lies in the rectangle from 1/4 to 3/4 of the image's width and height; the border of that rectangle belongs
to it (inferred). The rule's own wording is fixed; other wordings, the nine places and RemoteCLIP's rule are
options (`NarratorConfig`).
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from sartext.core.config import NarratorConfig
from sartext.core.records import Scene
from sartext.core.seeds import generator
from sartext.narrator.b2c import b2c
from sartext.narrator.counts import AMOUNTS, Amount, Counts, agreement, label_counts, there
from sartext.narrator.places import by_center, by_grid
from sartext.narrator.words import capital, counted, listed, pick

_WHERE = {
    "center": ("in the center", "in the middle", "in the central part"),
    "edge": ("at the edge", "near the edge", "near the border"),
    "upper left": ("in the upper left", "in the top left"),
    "top": ("at the top", "near the top"),
    "upper right": ("in the upper right", "in the top right"),
    "left": ("on the left", "on the left side"),
    "right": ("on the right", "on the right side"),
    "lower left": ("in the lower left", "in the bottom left"),
    "bottom": ("at the bottom", "near the bottom"),
    "lower right": ("in the lower right", "in the bottom right"),
}
"""How a place is said; the first is the fixed wording's."""

T = TypeVar("T")

_ALL = (
    "there {is} {things} in this SAR image.",
    "in this SAR image there {is} {things}.",
    "this SAR image shows {things}.",
    "this SAR image contains {things}.",
    "this radar scene holds {things}.",
    "{things} can be seen in this SAR image.",
    "{things} {are} visible in this SAR image.",
    "{things} {are} found in this radar image.",
    "we can see {things} in this SAR image.",
    "the radar image shows {things}.",
)
"""Wordings of the first caption."""

_PLACED = (
    ("there {is} {parts} of this SAR image.", "{things} {where}"),
    ("in this SAR image there {is} {parts}.", "{things} {where}"),
    ("this SAR image shows {parts}.", "{things} {where}"),
    ("this radar scene has {parts}.", "{things} {where}"),
    ("{parts} of this SAR image.", "{things} {are} {where}"),
    ("in this SAR image, {parts}.", "{things} {lie} {where}"),
    ("in this SAR image, {parts}.", "there {is} {things} {where}"),
    ("in this SAR image, {parts}.", "{things} can be seen {where}"),
    ("{parts}.", "{where} there {is} {things}"),
    ("we can see {parts} of this SAR image.", "{things} {where}"),
)
"""Wordings of the second caption, and of its part for each place."""

_Placed = Sequence[tuple[str, Counts]]


def _parts(counts: Counts) -> str:
    return ", ".join(counted(label, count) for label, count in counts)


def _joined(parts: Sequence[str]) -> str:
    """Join such as ``a, b, and c``: the comma stays, for parts hold lists of their own."""
    return ", and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def a2c(scene: Scene, config: NarratorConfig | None = None, seed: int = 0) -> list[str]:
    """Return the captions of a scene's boxes, the first such as "There are 3 ships, 1 bridge.".

    The verb agrees with the first count. A scene without annotation, or annotated as holding nothing, has no
    caption: the authors drop such images.

    Args:
        scene: boxes and size.
        config: rule, wording and places; the authors' if None.
        seed: with the scene's id, decides all that is drawn.

    Returns:
        Two captions; one if no places are told; five by the rule ``b2c``, which has places and wordings of
        its own.

    Raises:
        UserError: a box has no class name.
    """
    config = config or NarratorConfig()
    if not scene.annotated or not scene.boxes:
        return []
    if config.rule == "b2c":
        return b2c(scene, seed)
    everything = label_counts(scene, scene.boxes)
    placed: list[tuple[str, Counts]] = []
    if config.places != "none":
        split = by_grid if config.places == "grid" else by_center
        placed = [
            (place, label_counts(scene, boxes))
            for place, boxes in split(scene.boxes, scene.width, scene.height)
        ]
    if config.wording == "varied":
        return _varied(everything, placed, generator("narrator", seed, scene.scene_id))
    first = f"There {there(everything)} {_parts(everything)}."
    if config.places == "none":
        return [first]
    return [first, _grid(placed) if config.places == "grid" else _authors(placed)]


def _authors(placed: _Placed) -> str:
    ends = {"center": "in the center", "edge": "at the edge of this image"}
    parts = [f"{_parts(counts)} {ends[place]}" for place, counts in placed]
    return f"There {there(placed[0][1])} {', and '.join(parts)}."


def _grid(placed: _Placed) -> str:
    parts = [f"{_things(counts, counted)} {_WHERE[place][0]}" for place, counts in placed]
    return f"There {there(placed[0][1])} {_joined(parts)}."


def _things(counts: Counts, amount: Amount) -> str:
    return listed([amount(label, count) for label, count in counts])


def _varied(everything: Counts, placed: _Placed, draw: np.random.Generator) -> list[str]:
    amount = pick(AMOUNTS, draw)
    fields = {"things": _things(everything, amount), **agreement(everything)}
    captions = [_drawn(_ALL, lambda wording: wording.format(**fields), draw)]
    if placed:
        said = [(pick(_WHERE[place], draw), counts) for place, counts in placed]
        captions.append(_drawn(_PLACED, lambda words: _place_sentence(*words, said, amount), draw))
    return captions


def _place_sentence(sentence: str, part: str, said: _Placed, amount: Amount) -> str:
    parts = [
        part.format(things=_things(counts, amount), where=where, **agreement(counts))
        for where, counts in said
    ]
    return sentence.format(parts=_joined(parts), **agreement(said[0][1]))


def _drawn(wordings: Sequence[T], fill: Callable[[T], str], draw: np.random.Generator) -> str:
    """Fill one of the wordings; a sentence does not begin with a digit, so that the next may stand in."""
    start = int(draw.integers(len(wordings)))
    filled = (fill(wording) for wording in (*wordings[start:], *wordings[:start]))
    return capital(next(sentence for sentence in filled if not sentence[0].isdigit()))
