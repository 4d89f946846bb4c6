"""One small, faultless source of each format, for tests that damage it.

Each has two images of 40x30, ``good`` and ``bad``, that say the same of themselves; a test breaks what
belongs to ``bad``. Formats that `sartext narrate` reads from plain folders say how.
"""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sources_files import colours, grey, source, written

from sartext.core.config import SourceConfig
from sartext.core.records import Scene
from sartext.sources import Reject, match_pairs, read_annotations

NAMES = ("good", "bad")
XML = (
    "<annotation><filename>{0}.png</filename><size><width>40</width><height>30</height></size>"
    "<object><name>ship</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax></bndbox></object>"
    "</annotation>"
)
SHIP_XML = (
    "<ShipList><ship><SARShipInformation><Center_x>1</Center_x><Center_y>2</Center_y></SARShipInformation>"
    "<MarineTrafficInformation><Elaborated_type>Tanker</Elaborated_type></MarineTrafficInformation></ship></ShipList>"
)
SENTENCES = {"raw": "a", "raw_1": "b", "raw_2": "c", "raw_3": "d", "raw_4": "e"}


@dataclass(frozen=True)
class Whole:
    """How a format's small source is written and read.

    Attributes:
        build: writes it into a folder.
        layout: of the source's entry.
        more: other keys of it.
        narrate: how `sartext narrate` reads it, if it does.
    """

    build: Callable[[Path], None]
    layout: dict[str, str]
    more: dict[str, Any] = field(default_factory=dict)
    narrate: Callable[[Path], tuple[list[Scene], list[Reject]]] | None = None


def whole_source(root: Path, format: str) -> SourceConfig:
    """Return the source's entry; `format` is a key of `WHOLE`."""
    whole = WHOLE[format]
    return source(root, format.split(" ")[0], whole.layout, **whole.more)


def _images(root: Path, folder: str = "images") -> None:
    for name in NAMES:
        grey(root / folder / f"{name}.png", 40, 30)


def _coco(root: Path) -> None:
    _images(root)
    content = {
        "images": [
            {"id": number, "file_name": f"{name}.png", "width": 40, "height": 30}
            for number, name in enumerate(NAMES)
        ],
        "annotations": [
            {"id": number, "image_id": number, "category_id": 1, "bbox": [1, 2, 4, 4]} for number in range(2)
        ],
        "categories": [{"id": 1, "name": "ship"}, {"id": 2, "name": "zeppelin"}],
    }
    written(root / "a.json", content)


def _by_file(folder: str, suffix: str, text: str) -> Callable[[Path], None]:
    def build(root: Path) -> None:
        _images(root)
        for name in NAMES:
            written(root / folder / f"{name}{suffix}", text.format(name))

    return build


def _voc_one(root: Path) -> None:
    _images(root)
    written(root / "a.xml", "<annotations>" + "".join(map(XML.format, NAMES)) + "</annotations>")


def _masks(root: Path) -> None:
    _images(root)
    pixels = np.zeros((30, 40), np.uint8)
    pixels[:15] = 1
    pixels[20:24, 10:16] = 2
    for name in NAMES:
        colours(root / "masks" / f"{name}.png", pixels)
    written(root / "classes.yaml", "classes: {water: 1, ship: 2}\nbackground: 0\nignore: 9")


def _pairs(root: Path) -> None:
    _images(root, "sar")
    for name in NAMES:
        colours(root / "optical" / f"{name}.png", np.full((30, 40, 3), [10, 90, 50]))


def _karpathy(root: Path) -> None:
    _images(root)
    images = [
        {"filename": f"{name}.png", "split": "train", "sentences": [{"raw": "a ship ."}, {"raw": "one ship"}]}
        for name in NAMES
    ]
    written(root / "a.json", {"images": images})


def _nwpu(root: Path) -> None:
    _images(root, "images/harbor")
    rows = [{"filename": f"{name}.png", "split": "train", **SENTENCES} for name in NAMES]
    written(root / "a.json", {"harbor": rows})


def _csv(root: Path) -> None:
    _images(root)
    written(root / "a.csv", "filepath,caption\ngood.png,A ship.\ngood.png,One ship.\nbad.png,A ship.\n")


def _dialogues(root: Path) -> None:
    _images(root)
    turns = [{"from": "human", "value": "<image>\nIs there a ship?"}, {"from": "gpt", "value": "yes"}]
    written(
        root / "a.json",
        [{"id": name, "image": f"images/{name}.png", "conversations": turns} for name in NAMES],
    )


def _rsvqa(root: Path) -> None:
    for number in range(2):
        grey(root / "images" / f"{number}.tif", 40, 30)
    records: dict[str, list[Any]] = {
        "images": [{"id": number, "active": True} for number in range(2)],
        "questions": [
            {"id": number, "img_id": number, "type": "presence", "question": "Is there a road?"}
            for number in range(2)
        ],
        "answers": [{"id": number, "question_id": number, "answer": "yes"} for number in range(2)],
    }
    for key, rows in records.items():
        written(root / f"{key}.json", {key: rows})


def _opensarship(root: Path) -> None:
    chip = grey(root / "chip.tif", 40, 30).read_bytes()
    (root / "chip.tif").unlink()
    for name in NAMES:
        with zipfile.ZipFile(root / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("Ship.xml", SHIP_XML)
            archive.writestr("Patch/Cargo_x1_y2.tif", chip)


def _annotated(format: Any, below: str, **more: Any) -> Callable[[Path], tuple[list[Scene], list[Reject]]]:
    def read(root: Path) -> tuple[list[Scene], list[Reject]]:
        given = {key: root / value if key == "classes" else value for key, value in more.items()}
        return read_annotations(format, root / below, root / "images", **given)

    return read


def _with_classes(build: Callable[[Path], None], text: str) -> Callable[[Path], None]:
    def both(root: Path) -> None:
        build(root)
        written(root / "classes.yaml", text)

    return both


_SHIP = {"classes": {"ship": "ship"}}
_SHIP_FILE = "classes: {ship: ship}"
_BOTH = {"annotations": "a.json", "images": "images"}
_MASKS = {"images": "images/{id}", "masks": "masks/{id}"}

WHOLE = {
    "coco": Whole(
        _with_classes(_coco, _SHIP_FILE),
        _BOTH,
        _SHIP,
        _annotated("coco", "a.json", classes="classes.yaml"),
    ),
    "coco any": Whole(_coco, _BOTH, {}, _annotated("coco", "a.json")),
    "voc": Whole(
        _with_classes(_by_file("xml", ".xml", XML), _SHIP_FILE),
        {"annotations": "xml/{id}.xml", "images": "images/{id}"},
        _SHIP,
        _annotated("voc", "xml", classes="classes.yaml"),
    ),
    "voc one": Whole(_voc_one, {"annotations": "a.xml", "images": "images"}, {}, _annotated("voc", "a.xml")),
    "yolo": Whole(
        _with_classes(_by_file("labels", ".txt", "0 0.1 0.2 0.1 0.2\n"), "classes: {ship: 0}"),
        {"annotations": "labels/{id}.txt", "images": "images/{id}"},
        {"classes": {"0": "ship"}},
        _annotated("yolo", "labels", classes="classes.yaml"),
    ),
    "dota": Whole(
        _with_classes(_by_file("labels", ".txt", "gsd:3\n1 2 5 2 5 6 1 6 ship 0\n"), _SHIP_FILE),
        {"annotations": "labels/{id}.txt", "images": "images/{id}"},
        _SHIP,
        _annotated("dota", "labels", classes="classes.yaml"),
    ),
    "mask": Whole(
        _masks,
        {**_MASKS, "mask_boxes": "ship"},
        {"classes": {"water": 1, "ship": 2}, "background": [0], "ignore": [9]},
        _annotated("mask", "masks", classes="classes.yaml"),
    ),
    "mask instance": Whole(
        _masks,
        {**_MASKS, "mask_kind": "instance", "mask_class": "ship"},
        {},
        _annotated("mask", "masks", mask_kind="instance"),
    ),
    "pairs": Whole(
        _pairs,
        {"sar": "sar/{id}", "optical": "optical/{id}"},
        {},
        lambda root: match_pairs(root / "sar", root / "optical"),
    ),
    "karpathy": Whole(_karpathy, _BOTH, {"splits": {"train": "train", "test": "test"}}),
    "nwpu": Whole(_nwpu, _BOTH),
    "csv": Whole(_csv, {"annotations": "a.csv", "images": "images"}),
    "dialogues": Whole(_dialogues, {"annotations": "a.json", "images": "."}),
    "rsvqa": Whole(
        _rsvqa,
        {
            "images": "images/{id}",
            "annotations": "images.json",
            "questions": "questions.json",
            "answers": "answers.json",
        },
    ),
    "opensarship": Whole(
        _opensarship,
        {
            "archives": "{product}.zip",
            "annotations": "{product}/Ship.xml",
            "images": "{product}/Patch/{type}_x{x}_y{y}",
        },
        {"classes": {"Cargo": "cargo ship", "Tanker": "tanker"}},
    ),
}


def edited(path: Path, edit: Callable[[Any], Any]) -> None:
    """Change a JSON file: `edit` alters its content, which may then hold NaN."""
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")
