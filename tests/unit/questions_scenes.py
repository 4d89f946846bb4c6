"""Random annotated scenes, and the answers of questions about them by a reading of their own."""

import re
from collections import Counter

import numpy as np

from sartext.core.records import Box, Scene

WIDTH, HEIGHT = 240, 120
OBJECTS = {
    "ship": "ships",
    "aircraft": "aircraft",
    "A220": "A220s",
    "storage tank": "storage tanks",
    "ferry": "ferries",
}
COVERS = {
    "water": "water",
    "road": "roads",
    "building": "buildings",
    "bareland": "bare land",
    "beaches, dunes, sands": "beaches, dunes and sands",
}
CLASSES = (list(OBJECTS), list(COVERS))
PLACES = {
    "upper left part": (0, 0),
    "top part": (0, 1),
    "upper right part": (0, 2),
    "left part": (1, 0),
    "center": (1, 1),
    "right part": (1, 2),
    "lower left part": (2, 0),
    "bottom part": (2, 1),
    "lower right part": (2, 2),
}
_PART = "|".join(PLACES)
_THINGS = "|".join([*OBJECTS, *OBJECTS.values()])
_NOUNS = "|".join(COVERS.values())


def scene(
    boxes: list[Box] | tuple[Box, ...] = (),
    cover: dict[str, float] | None = None,
    name: str = "q/1",
    **more: object,
) -> Scene:
    fields = {"split": "train", "modality": "sar", "width": WIDTH, "height": HEIGHT, **more}
    return Scene(name, name.split("/")[0], image="1.png", boxes=tuple(boxes), cover=cover or {}, **fields)


def at(label: str, x: float, y: float, width: float = 4, height: float = 4) -> Box:
    return Box(label, x - width / 2, y - height / 2, width, height)


def random_scenes(seed: int, count: int, source: str = "q", split: str = "train") -> list[Scene]:
    """Scenes of up to six objects and a mask, most of them of one class and one cover, as real ones are."""
    draw = np.random.default_rng(seed)
    scenes = []
    for number in range(count):
        labels = draw.choice(list(OBJECTS), size=draw.integers(0, 7), p=(0.5, 0.2, 0.1, 0.1, 0.1))
        boxes = [
            at(str(label), x * WIDTH, y * HEIGHT, *draw.integers(2, 60, 2).tolist())
            for label, x, y in zip(labels, draw.random(len(labels)), draw.random(len(labels)), strict=True)
        ]
        shares = draw.dirichlet((4.0, 1.0, 0.5, 0.3, 0.3, 0.5))
        shares[shares < 0.03] = 0
        cover = {name: float(share) for name, share in zip(COVERS, shares[:5], strict=True) if share}
        scenes.append(scene(boxes, cover, f"{source}/{number:04d}", split=split))
    return scenes


def _label(noun: str, table: dict[str, str]) -> str:
    (found,) = (label for label, many in table.items() if noun in (label, many, label.lower()))
    return found


def _centred(box: Box) -> tuple[int, int]:
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return min(max(int(y // (HEIGHT / 3)), 0), 2), min(max(int(x // (WIDTH / 3)), 0), 2)


def _overlaps(box: Box, cell: tuple[int, int]) -> bool:
    top, left = cell[0] * HEIGHT / 3, cell[1] * WIDTH / 3
    return (
        box.x < left + WIDTH / 3
        and box.x + box.width > left
        and box.y < top + HEIGHT / 3
        and box.y + box.height > top
    )


def _in_part(one: Scene, label: str, place: str) -> str:
    own = [box for box in one.boxes if box.label == label]
    if any(_centred(box) == PLACES[place] for box in own):
        return "yes"
    # a "no" must hold of every pixel of the part
    return "unclear" if any(_overlaps(box, PLACES[place]) for box in own) else "no"


def _place(one: Scene, label: str) -> str:
    cells = Counter(_centred(box) for box in one.boxes if box.label == label)
    cell, count = cells.most_common(1)[0]
    assert 2 * count > cells.total()
    (place,) = (name for name, own in PLACES.items() if own == cell)
    return place.removesuffix(" part")


def _more(first: float, second: float) -> str:
    return "yes" if first > second else "no" if first < second else "unclear"


def true_answer(question: str, one: Scene) -> str:
    """The answer of a question, read by other means than it was written; ``unclear`` if there is none."""
    counts = Counter(box.label for box in one.boxes)
    cover = {COVERS[label]: share for label, share in one.cover.items()}
    if match := re.search(rf"(\b(?:{_NOUNS})) than by ({_NOUNS})\?", question):
        first, second = (cover.get(noun, 0.0) for noun in match.groups())
        if re.match(r"Is (?:a smaller area|less of the image) covered by", question):
            first, second = second, first
        return _more(first, second)
    if match := re.search(
        rf"(?:the number of|more|fewer) ({_THINGS}) (?:larger )?than (?:the number of )?({_THINGS})\?$",
        question,
    ):
        first, second = (counts[_label(noun, OBJECTS)] for noun in match.groups())
        return _more(second, first) if "fewer" in question else _more(first, second)
    if match := re.search(
        rf"(?:more than (\d+) ({_THINGS})\b|number of ({_THINGS}) larger than (\d+))", question
    ):
        number, noun = int(match[1] or match[4]), match[2] or match[3]
        return "yes" if counts[_label(noun, OBJECTS)] > number else "no"
    if match := re.match(rf"(?:How many|What is the number of) ({_THINGS})\b", question):
        return str(counts[_label(match[1], OBJECTS)])
    if re.match(r"(?:Where|In which part)", question):
        (noun,) = re.findall(rf"\bthe ({_THINGS})\b", question)
        assert (counts[_label(noun, OBJECTS)] > 1) == ("most of" in question)
        return _place(one, _label(noun, OBJECTS))
    if match := re.match(rf"(?:What|Which) kind of object .*the ({_PART})(?: of the image)?", question):
        (there,) = {box.label for box in one.boxes if _overlaps(box, PLACES[match[1]])}
        return there.lower()
    if re.match(r"(?:What|Which)", question):
        chosen = cover if "cover" in question else counts
        ranked = sorted(((value, name) for name, value in chosen.items()), reverse=True)
        assert len(ranked) == 1 or ranked[0][0] > ranked[1][0]
        return ranked[0][1].lower()
    if match := re.search(rf"(?:covered by|image include) ({_NOUNS})\b", question):
        return "yes" if cover.get(match[1], 0) >= 0.05 else "no" if match[1] not in cover else "unclear"
    match = re.search(rf"\b(?:an?|any) ({_THINGS})\b", question)
    assert match, question
    label = _label(match[1], OBJECTS)
    part = re.search(rf"(?:[Tt]he) ({_PART}) of the image", question)
    return _in_part(one, label, part[1]) if part else "yes" if counts[label] else "no"
