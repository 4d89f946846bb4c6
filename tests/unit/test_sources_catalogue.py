"""Every source of config/sources: its entry, and a tiny tree in its own layout read by its own classes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sources_files import colours, grey, written

from sartext.core.config import CONFIG_FOLDER, SourceConfig
from sartext.core.records import Scene
from sartext.sources import read_source
from sartext.sources.catalogue import MARK, catalogue, read_entry
from sartext.sources.layout import checked_layout

ENTRIES = sorted(path.stem for path in (CONFIG_FOLDER / "sources").glob("*.yaml"))
FIELDS = {
    "id": "7",
    "roi": "ROIs1158_spring",
    "scene": "44",
    "category": "lake",
    "product": "S1A_IW_1",
    "type": "Cargo",
    "x": "12",
    "y": "34",
}
WIDTH, HEIGHT = 60, 40

# what the paper's table of sources and this project's notes on it say of the full sources: images, objects
PAPER: dict[str, tuple[int | None, int | None]] = {
    "hrsid": (5604, 16951),
    "ssdd": (1160, 2587),
    "sardet-100k": (116598, 245653),
    "msar": (28449, None),
    "sadd": (2966, 7835),
    "sived": (1044, 12013),
    "sar-aircraft": (4368, 16463),
    "sar-ship-dataset": (39729, None),
    "opensarship": (11346, None),
    "fusar-map": (None, None),
    "bright": (None, None),
    "openearthmap-sar": (None, None),
    "whu-opt-sar": (100, None),
    "osdataset": (2673, None),
    "osdataset-256": (10692, None),
    "qxs-saropt": (20000, None),
    "sen1-2": (282384, None),
    "rsicd": (10921, None),
    "rsitmd": (4743, None),
    "ucm-captions": (2100, None),
    "sydney-captions": (613, None),
    "nwpu-captions": (31500, None),
    "rsvqa-lr": (772, None),
    "rsvqa-hr": (None, None),
    "sar-text": (136584, None),
    "sar-vqa": (None, None),
    "rs-vqa": (None, None),
}


def entry(name: str) -> SourceConfig:
    return read_entry(CONFIG_FOLDER / "sources" / f"{name}.yaml")


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_whole(name: str) -> None:
    source = entry(name)
    assert source.name == name
    checked_layout(source)
    assert source.root.startswith(("data/sources/", "${SARTEXT_SAMPLES}/"))
    assert len(source.licence) >= 3
    assert re.search(r"\b(19|20)\d\d\b|github\.com/|arXiv|US Air Force", source.citation)
    assert len(source.obtain) > 30
    # SAR sources are narrated or bring texts of their own; optical ones are never narrated
    own = source.format in ("karpathy", "nwpu", "csv", "dialogues", "rsvqa")
    assert bool(source.branches) == (source.modality == "sar" and not own)
    assert ("pair" in source.branches) == ("optical" in source.layout)
    assert ("sa2c" in source.branches) == (source.format == "mask" and "mask_kind" not in source.layout)
    assert not source.partial


def test_every_source_that_the_paper_names_has_an_entry_with_its_counts() -> None:
    assert set(PAPER) - set(ENTRIES) == set()
    found = {name: (entry(name).expected_images, entry(name).expected_boxes) for name in PAPER}
    assert found == PAPER


def _filled(pattern: str, split: str | None, image: bool = False) -> str:
    path = pattern.replace("{split}", split or "")
    path = re.sub(r"\{(\w+)\}", lambda match: FIELDS[match.group(1)], path)
    return f"{path}.png" if image and not Path(path).suffix else path


class Tree:
    """The tiny tree of one split of a source."""

    def __init__(self, root: Path, source: SourceConfig, split: str | None) -> None:
        self.root, self.source, self.split = root, source, split

    def path(self, key: str) -> Path:
        return self.root / _filled(self.source.layout[key], self.split)

    def image(self, name: str, colour: bool = False, key: str = "images") -> str:
        """Write the image and return its name as the annotation says it."""
        pattern = self.source.layout[key]
        if "{" in pattern.replace("{split}", ""):
            path = self.root / _filled(pattern, self.split, image=True)
        else:
            path = self.root / _filled(pattern, self.split) / name
        if colour:
            colours(path, np.full((HEIGHT, WIDTH, 3), (10, 90, 30)))
        else:
            grey(path, WIDTH, HEIGHT)
        return path.name

    @property
    def labels(self) -> list[str]:
        return list(self.source.classes)


def _coco(tree: Tree) -> None:
    name = tree.image(f"{tree.split}.jpg")
    written(
        tree.path("annotations"),
        {
            "images": [{"id": 1, "file_name": name, "width": WIDTH, "height": HEIGHT}],
            "annotations": [
                {"id": number, "image_id": 1, "category_id": number, "bbox": [number, 2, 10, 5]}
                for number, _ in enumerate(tree.labels)
            ],
            "categories": [{"id": number, "name": name} for number, name in enumerate(tree.labels)],
        },
    )


def _voc(tree: Tree) -> None:
    tree.image("7.png")
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{number}</xmin><ymin>2</ymin><xmax>{number + 10}</xmax>"
        "<ymax>7</ymax></bndbox></object>"
        for number, label in enumerate(tree.labels)
    )
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>1</depth></size>"
    written(tree.path("annotations"), f"<annotation><filename>7.png</filename>{size}{objects}</annotation>")


def _yolo(tree: Tree) -> None:
    tree.image("7.png")
    written(tree.path("annotations"), "".join(f"{label} 0.5 0.5 0.25 0.2\n" for label in tree.labels))


def _dota(tree: Tree) -> None:
    tree.image("7.png")
    lines = [f"10 5 20 10 15 20 5 15 {label} 0\n" for label in tree.labels]
    written(tree.path("annotations"), "imagesource:SAR\ngsd:null\n" + "".join(lines))


def _mask(tree: Tree) -> None:
    tree.image("7.png")
    if "optical" in tree.source.layout:
        tree.image("7.png", colour=True, key="optical")
    values = [*tree.source.classes.values(), *tree.source.background, *tree.source.ignore]
    if tree.source.layout.get("mask_kind") == "instance":
        values = [[0, 0, 0], [0, 0, 9], [7, 0, 0]]
    pixels = np.zeros((HEIGHT, WIDTH) + ((3,) if isinstance(values[0], list) else ()), np.int16)
    for number, value in enumerate(values):
        pixels[:, number * WIDTH // len(values) : (number + 1) * WIDTH // len(values)] = value
    path = tree.root / _filled(tree.source.layout["masks"], tree.split, image=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        import rasterio

        with rasterio.open(
            path, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=1, dtype="int16"
        ) as raster:
            raster.write(pixels, 1)
    else:
        Image.fromarray(pixels.astype(np.uint8)).save(path)


def _pairs(tree: Tree) -> None:
    tree.image("7.png", key="sar")
    tree.image("7.png", colour=True, key="optical")


def _karpathy(tree: Tree) -> None:
    images = []
    for position, split in enumerate(tree.source.splits.values()):
        name = tree.image(f"{position}.tif", colour=True)
        sentences = [{"raw": f"Sentence {number} .", "tokens": []} for number in range(5)]
        images.append({"filename": name, "split": split, "imgid": position, "sentences": sentences})
    written(tree.path("annotations"), {"images": images, "dataset": "x"})


def _nwpu(tree: Tree) -> None:
    images = []
    for position, split in enumerate(tree.source.splits.values()):
        name = f"lake_{position}.jpg"
        colours(tree.path("images") / "lake" / name, np.full((HEIGHT, WIDTH, 3), 40))
        raws = {key: f"{key} ." for key in ("raw", "raw_1", "raw_2", "raw_3", "raw_4")}
        images.append({"filename": name, "split": split, **raws})
    written(tree.path("annotations"), {"lake": images})


def _csv(tree: Tree) -> None:
    name = tree.image(f"{tree.split}.png")
    rows = [f'/data/author/SAR/{name},"Sentence {number}, of five ."' for number in range(5)]
    written(tree.path("annotations"), "\n".join(["filepath,caption", *rows]))


def _dialogues(tree: Tree) -> None:
    name = tree.image(f"{tree.split}.png")
    turns = [{"from": "human", "value": "How many ships?"}, {"from": "gpt", "value": "2"}]
    written(
        tree.path("annotations"),
        [{"id": "0", "image": f"/data/author/SAR/{name}", "conversations": turns}],
    )


def _rsvqa(tree: Tree) -> None:
    identity = list(tree.source.splits.values()).index(str(tree.split))
    path = tree.source.layout["images"].replace("{id}", str(identity))
    colours(tree.root / path, np.full((HEIGHT, WIDTH, 3), 40))
    written(
        tree.path("annotations"), {"images": [{"id": identity, "active": True}, {"id": 99, "active": False}]}
    )
    question = {"id": 5, "active": True, "img_id": identity, "type": "count", "question": "How many ships?"}
    written(tree.path("questions"), {"questions": [question, {"id": 6, "active": False}]})
    written(tree.path("answers"), {"answers": [{"id": 1, "active": True, "question_id": 5, "answer": 2}]})


def _opensarship(tree: Tree) -> None:
    for number, label in enumerate(tree.labels):
        pattern = tree.source.layout["images"].replace("{type}", label).replace("{x}", str(number))
        grey(tree.root / _filled(pattern, None, image=True), WIDTH, HEIGHT)
    written(tree.path("annotations"), "<ShipList></ShipList>")


BUILDERS: dict[str, Callable[[Tree], None]] = {
    "coco": _coco,
    "voc": _voc,
    "yolo": _yolo,
    "dota": _dota,
    "mask": _mask,
    "pairs": _pairs,
    "karpathy": _karpathy,
    "nwpu": _nwpu,
    "csv": _csv,
    "dialogues": _dialogues,
    "rsvqa": _rsvqa,
    "opensarship": _opensarship,
}


def _check_content(source: SourceConfig, scene: Scene) -> None:
    said: Any = source.classes
    if source.format in ("coco", "voc", "yolo", "dota"):
        assert [box.label for box in scene.boxes] == list(said.values())
        assert scene.annotated
    if source.format == "dota":
        box = scene.boxes[0]
        assert (box.x, box.y, box.width, box.height) == (5, 5, 15, 15)
    if source.format == "mask" and "mask_kind" not in source.layout:
        assert set(scene.cover) == set(said)
        # all values have the same share; background counts, no data does not
        share = 1 / (len(said) + len(source.background))
        assert list(scene.cover.values()) == pytest.approx([share] * len(said), abs=0.04)
    if source.layout.get("mask_kind") == "instance":
        assert [box.label for box in scene.boxes] == [source.layout["mask_class"]] * 2
    if "optical" in source.layout:
        assert Image.open(scene.twin or "").mode == "RGB"
    if source.format in ("karpathy", "nwpu", "csv"):
        assert len(scene.captions) == 5
    if source.format in ("dialogues", "rsvqa"):
        assert [(turn.question, turn.answer) for turn in scene.dialogue] == [("How many ships?", "2")]


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize("name", ENTRIES)
def test_a_tiny_tree_in_the_layout_of_the_source_is_read(name: str, tmp_path: Path) -> None:
    source = entry(name).model_copy(update={"root": str(tmp_path)})
    by_split = any("{split}" in value for value in source.layout.values())
    for split in source.splits.values() if by_split else [None]:
        BUILDERS[source.format](Tree(tmp_path, source, split))
    scenes, rejects = read_source(source, 0, 0.0, 0.0, tmp_path / "unpacked")
    # names are made up here; real ones are in test_sources_groups
    assert [entry for entry in rejects if "(tile_name)" not in entry.reason] == []
    if source.format == "opensarship":
        assert sorted(box.label for scene in scenes for box in scene.boxes) == sorted(
            str(label) for label in source.classes.values()
        )
    else:
        assert sorted(scene.split for scene in scenes) == sorted(source.splits or ["train"])
    for scene in scenes:
        assert Path(scene.image).is_file()
        assert (scene.width, scene.height) == (WIDTH, HEIGHT)
        assert (scene.source, scene.modality, scene.polarisation) == (
            name,
            source.modality,
            source.polarisation,
        )
        _check_content(source, scene)


def test_every_format_has_a_source() -> None:
    assert {entry(name).format for name in ENTRIES} == set(BUILDERS)


def test_the_table_in_the_docs_is_that_of_the_entries(root: Path) -> None:
    text = (root / "docs" / "sources.md").read_text(encoding="utf-8")
    assert text.split(MARK)[1].strip() == catalogue().strip(), "run python -m sartext.sources.catalogue"
    for name in ENTRIES:
        assert f"| `{name}` |" in text
    assert "| `sardet-100k` | SARDet-100K | sar | `coco` | a2c | 116,598 | 245,653 | CC BY-NC 4.0 |" in text
