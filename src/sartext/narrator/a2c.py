"""A2C: captions from annotated boxes, by the rule of the paper's authors.

He et al., "Rethinking Remote Sensing CLIP" (RSM-ITD), section 2.2 and algorithm 1. Caption 1 tells every
class with its count; caption 2 tells the same split by place. An object is in the center if its box's centre
lies in the rectangle from 1/4 to 3/4 of the image's width and height; the border of that rectangle belongs
to it (inferred).
"""

from collections import Counter
from collections.abc import Sequence

from sartext.core.errors import UserError
from sartext.core.records import Box, Scene
from sartext.narrator.words import by_count, counted, normalise_label


def in_center(box: Box, width: int, height: int) -> bool:
    """Whether the centre of `box` lies in the middle rectangle of an image of `width` by `height` pixels."""
    x, y = box.centre
    return width <= 4 * x <= 3 * width and height <= 4 * y <= 3 * height


def label_counts(scene: Scene, boxes: Sequence[Box]) -> list[tuple[str, int]]:
    """Count `boxes` of a scene by normalised class name, the most frequent first, then by name.

    Raises:
        UserError: a box has no class name.
    """
    labels = []
    for box in boxes:
        label = normalise_label(box.label)
        if not label:
            raise UserError(
                f"{scene.scene_id}: a box has the class name {box.label!r}; expected a word "
                "(map it in the source's 'classes')"
            )
        labels.append(label)
    return by_count(Counter(labels).items())


def _parts(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(counted(label, count) for label, count in counts)


def a2c(scene: Scene) -> list[str]:
    """Return the two captions of a scene's boxes, the first such as "There are 3 ships, 1 bridge.".

    The verb agrees with the first count. A scene without annotation, or annotated as holding nothing, has no
    caption: the authors drop such images.

    Raises:
        UserError: a box has no class name.
    """
    if not scene.annotated or not scene.boxes:
        return []
    everything = label_counts(scene, scene.boxes)
    inside = [box for box in scene.boxes if in_center(box, scene.width, scene.height)]
    outside = [box for box in scene.boxes if not in_center(box, scene.width, scene.height)]
    places = []
    for boxes, where in ((inside, "in the center"), (outside, "at the edge of this image")):
        counts = label_counts(scene, boxes)
        if counts:
            places.append((counts, f"{_parts(counts)} {where}"))
    return [
        f"{_there(everything)} {_parts(everything)}.",
        f"{_there(places[0][0])} {', and '.join(text for _, text in places)}.",
    ]


def _there(counts: Sequence[tuple[str, int]]) -> str:
    return "There is" if counts[0][1] == 1 else "There are"
