"""Tiles into which an object of a neighbour may reach.

An object on the border of two tiles is annotated in the one that holds its centre. What the other shows of it
is in no annotation, so there nothing can be said of how many objects there are, or that one is absent.
"""

from collections.abc import Iterator, Sequence

from sartext.core.records import Box, Scene

_SIDES = ("left", "top", "right", "bottom")
_OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
# boxes are in fractions of pixels
_NEAR = 0.5


def _touched(box: Box, scene: Scene) -> Iterator[str]:
    """The sides of its image that a box reaches."""
    if box.x <= _NEAR:
        yield "left"
    if box.y <= _NEAR:
        yield "top"
    if box.x + box.width >= scene.width - _NEAR:
        yield "right"
    if box.y + box.height >= scene.height - _NEAR:
        yield "bottom"


def reached(scenes: Sequence[Scene]) -> set[str]:
    """Return the ids of scenes that share an edge or a corner with one whose object reaches that edge.

    Known of scenes of one group whose windows adjoin, as tiles do; windows that overlap were cut and
    annotated one by one.
    """
    edges: dict[tuple[str, str, int], list[Scene]] = {}
    for scene in scenes:
        if scene.group is not None and scene.window is not None:
            for side, position in zip(_SIDES, scene.window, strict=True):
                edges.setdefault((scene.group, side, position), []).append(scene)
    found: set[str] = set()
    for scene in scenes:
        if scene.group is None or scene.window is None:
            continue
        for side in {side for box in scene.boxes for side in _touched(box, scene)}:
            position = scene.window[_SIDES.index(side)]
            beyond = edges.get((scene.group, _OPPOSITE[side], position), [])
            found |= {other.scene_id for other in beyond if _meet(side, scene.window, other.window)}
    return found


def _meet(side: str, one: tuple[int, ...], other: tuple[int, ...] | None) -> bool:
    """Whether two windows that lie at one line, each on its side of it, touch along it."""
    low, high = (1, 3) if side in ("left", "right") else (0, 2)
    return other is not None and one[low] <= other[high] and other[low] <= one[high]
