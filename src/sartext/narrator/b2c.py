"""B2C: five captions from annotated boxes, as RemoteCLIP makes them.

Liu et al., "RemoteCLIP: A Vision Language Foundation Model for Remote Sensing" (TGRS 2024), box-to-caption:
the first caption tells the objects in the center of the image, the second the others, and three tell objects
drawn at random from the boxes; a count above ten becomes "many" or "a lot of".

Inferred, for the paper gives no more: the sentences; the center, which is that of `sartext.narrator.a2c`; a
drawn object is told with the count of its whole class in the image, so that each caption is true alone; and
where no object lies in the center, or none elsewhere, one more caption of drawn objects stands in.
"""

import numpy as np

from sartext.core.records import Scene
from sartext.core.seeds import generator
from sartext.narrator.counts import Amount, Counts, agreement, in_words, label_counts, with_article
from sartext.narrator.places import by_center
from sartext.narrator.words import capital, listed, pick, plural

_CAPTIONS = 5
_MOST_COUNTED = 10
_MANY = ("many", "a lot of")
_PLACED = {
    "center": (
        "there {is} {things} in the center of the image.",
        "in the center of the image there {is} {things}.",
        "{things} {are} in the center of the image.",
    ),
    "edge": (
        "there {is} {things} at the edge of the image.",
        "at the edge of the image there {is} {things}.",
        "{things} {are} at the edge of the image.",
    ),
}
_DRAWN = (
    "there {is} {things} in the image.",
    "the image shows {things}.",
    "{things} can be seen in the image.",
    "this is a SAR image with {things}.",
    "{things} {are} visible in the image.",
    "in the image there {is} {things}.",
)


def b2c(scene: Scene, seed: int = 0) -> list[str]:
    """Return five different captions of a scene's boxes; none where no object is annotated.

    Args:
        scene: boxes and size.
        seed: with the scene's id, decides the objects and wordings that are drawn.

    Raises:
        UserError: a box has no class name.
    """
    if not scene.annotated or not scene.boxes:
        return []
    draw = generator("narrator", "b2c", seed, scene.scene_id)
    captions = []
    for place, boxes in by_center(scene.boxes, scene.width, scene.height):
        captions.append(_sentence(pick(_PLACED[place], draw), label_counts(scene, boxes), draw))
    everything = label_counts(scene, scene.boxes)
    for index in draw.permutation(len(_DRAWN))[: _CAPTIONS - len(captions)]:
        number = int(draw.integers(1, len(scene.boxes) + 1))
        chosen = draw.choice(len(scene.boxes), number, replace=False)
        drawn = {label for label, _ in label_counts(scene, [scene.boxes[box] for box in chosen])}
        told = [(label, count) for label, count in everything if label in drawn]
        captions.append(_sentence(_DRAWN[index], told, draw))
    return captions


def _sentence(wording: str, counts: Counts, draw: np.random.Generator) -> str:
    amount: Amount = pick((in_words, with_article), draw)
    many = pick(_MANY, draw)
    things = [
        f"{many} {plural(label)}" if count > _MOST_COUNTED else amount(label, count)
        for label, count in counts
    ]
    return capital(wording.format(things=listed(things), **agreement(counts)))
