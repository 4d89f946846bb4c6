"""Simulated sources in the layouts of the real ones, one writer a source (see ``config/sources``)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sartext.core.config import SplitCounts
from sartext.core.files import write_json, write_text
from sartext.core.progress import track
from sartext.core.records import SPLITS
from sartext.simulator.captions import write_captions
from sartext.simulator.dialogues import as_conversation, write_dialogue
from sartext.simulator.facts import Facts, record
from sartext.simulator.random import Draws
from sartext.simulator.references import write_references
from sartext.simulator.scene import Drawn, draw_scene, text_draws
from sartext.simulator.world import Cover

Truth = list[dict[str, Any]]
Writer = Callable[[Path, str, SplitCounts, int, int], Truth]

MASK_COLOURS: dict[Cover, tuple[int, int, int]] = {
    Cover.BUILT_UP: (255, 0, 0),
    Cover.FARMLAND: (0, 255, 0),
    Cover.FOREST: (0, 255, 0),
    Cover.WATER: (0, 0, 255),
    Cover.ROAD: (255, 255, 0),
    Cover.BARE: (0, 0, 0),
}
"""Colours of FUSAR-Map's masks: building, vegetation, water, road; bare ground is its background."""

_SARDET_NAMES = {
    "ship": "ship",
    "aircraft": "aircraft",
    "car": "car",
    "storage tank": "tank",
    "bridge": "bridge",
    "harbor": "harbor",
}
_MSAR_NAMES = {"ship": "ship", "storage tank": "oil tank", "bridge": "bridge", "aircraft": "aircraft"}


def _scenes(
    source: str, counts: SplitCounts, size: int, seed: int
) -> Iterator[tuple[str, int, Drawn, Draws]]:
    """Yield (split, index within the split, scene, draws for its texts)."""
    wanted = [(split, index) for split in SPLITS for index in range(getattr(counts, split))]
    for split, index in track(wanted, f"simulate {source}"):
        yield (
            split,
            index,
            draw_scene(source, seed, split, index, size),
            text_draws(source, seed, split, index),
        )


def _save(image: NDArray[np.uint8] | None, path: Path) -> None:
    assert image is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, compress_level=6)


def _sar_truth(facts: Facts, scene_id: str, split: str | None, draws: Draws) -> dict[str, Any]:
    return {**record(facts, scene_id, split), "references": write_references(facts, draws)}


class _Coco:
    """COCO json of one split, gathered image by image."""

    def __init__(self, names: dict[str, str], first: int) -> None:
        self._ids = {label: first + index for index, label in enumerate(names)}
        self._names = names
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, file_name: str, facts: Facts) -> None:
        identifier = len(self._images) + 1
        self._images.append(
            {"id": identifier, "file_name": file_name, "width": facts.size, "height": facts.size}
        )
        for item in facts.objects:
            if item.label in self._ids:
                self._annotations.append(
                    {
                        "id": len(self._annotations) + 1,
                        "image_id": identifier,
                        "category_id": self._ids[item.label],
                        "bbox": [item.x, item.y, item.width, item.height],
                        "area": item.pixels,
                        "iscrowd": 0,
                        "segmentation": [[value for corner in item.outline for value in corner]],
                    }
                )

    def write(self, path: Path) -> None:
        categories = [
            {"id": identifier, "name": self._names[label], "supercategory": self._names[label]}
            for label, identifier in self._ids.items()
        ]
        write_json(
            path,
            {
                "info": {"description": "simulated", "version": "1.0"},
                "licenses": [],
                "images": self._images,
                "annotations": self._annotations,
                "categories": categories,
            },
        )


def write_hrsid(folder: Path, source: str, counts: SplitCounts, size: int, seed: int) -> Truth:
    """HRSID: JPEGImages/P0001_0_800_0_800.png, annotations/{train,test}2017.json with ships as polygons."""
    truth: Truth = []
    files = {split: _Coco({"ship": "ship"}, 1) for split in ("train", "test")}
    for number, (split, _, scene, draws) in enumerate(_scenes(source, counts, size, seed), start=1):
        name = f"P{number:04d}_0_{size}_0_{size}"
        _save(scene.sar, folder / "JPEGImages" / f"{name}.png")
        files["test" if split == "test" else "train"].add(f"{name}.png", scene.facts)
        truth.append(_sar_truth(scene.facts, f"{source}/JPEGImages/{name}", split, draws))
    for split, content in files.items():
        content.write(folder / "annotations" / f"{split}2017.json")
    return truth


def write_sardet(folder: Path, source: str, counts: SplitCounts, size: int, seed: int) -> Truth:
    """SARDet-100K: JPEGImages/{split}/N.png and Annotations/{split}.json, six classes numbered from 0."""
    truth: Truth = []
    files = {split: _Coco(_SARDET_NAMES, 0) for split in SPLITS}
    for number, (split, _, scene, draws) in enumerate(_scenes(source, counts, size, seed), start=1):
        name = f"{number:07d}"
        _save(scene.sar, folder / "JPEGImages" / split / f"{name}.png")
        files[split].add(f"{name}.png", scene.facts)  # type: ignore[index]
        truth.append(_sar_truth(scene.facts, f"{source}/JPEGImages/{split}/{name}", split, draws))
    for split, content in files.items():
        content.write(folder / "Annotations" / f"{split}.json")
    return truth


def write_msar(folder: Path, source: str, counts: SplitCounts, size: int, seed: int) -> Truth:
    """MSAR-1.0: JPEGImages/N.png and Annotations/N.xml of VOC's form; no official split."""
    truth: Truth = []
    for number, (_, _, scene, draws) in enumerate(_scenes(source, counts, size, seed), start=1):
        name = f"{number:06d}"
        _save(scene.sar, folder / "JPEGImages" / f"{name}.png")
        write_text(folder / "Annotations" / f"{name}.xml", _voc(f"{name}.png", scene.facts))
        truth.append(_sar_truth(scene.facts, f"{source}/JPEGImages/{name}", None, draws))
    return truth


def _voc(file_name: str, facts: Facts) -> str:
    root = Element("annotation")
    SubElement(root, "folder").text = "JPEGImages"
    SubElement(root, "filename").text = file_name
    size = SubElement(root, "size")
    for tag, value in (("width", facts.size), ("height", facts.size), ("depth", 1)):
        SubElement(size, tag).text = str(value)
    SubElement(root, "segmented").text = "0"
    for item in facts.objects:
        if item.label not in _MSAR_NAMES:
            continue
        entry = SubElement(root, "object")
        cut = item.x == 0 or item.y == 0 or facts.size in (item.x + item.width, item.y + item.height)
        for tag, text in (
            ("name", _MSAR_NAMES[item.label]),
            ("pose", "Unspecified"),
            ("truncated", str(int(cut))),
            ("difficult", "0"),
        ):
            SubElement(entry, tag).text = text
        box = SubElement(entry, "bndbox")
        edges = (item.x, item.y, item.x + item.width, item.y + item.height)
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True):
            SubElement(box, tag).text = str(value)
    indent(root, space="\t")
    return tostring(root, encoding="unicode") + "\n"


def write_fusar_map(folder: Path, source: str, counts: SplitCounts, size: int, seed: int) -> Truth:
    """FUSAR-Map: SAR/N.png and a colour mask LAB/N.png; no official split."""
    table = np.zeros((len(Cover), 3), np.uint8)
    for cover, colour in MASK_COLOURS.items():
        table[cover] = colour
    truth: Truth = []
    for number, (_, _, scene, draws) in enumerate(_scenes(source, counts, size, seed), start=1):
        _save(scene.sar, folder / "SAR" / f"{number}.png")
        _save(table[scene.world.cover], folder / "LAB" / f"{number}.png")
        truth.append(_sar_truth(scene.facts, f"{source}/SAR/{number}", None, draws))
    return truth


def write_osdataset(folder: Path, source: str, counts: SplitCounts, size: int, seed: int) -> Truth:
    """OSdataset: registered pairs 512/{split}/sarN.png and optN.png, N unique, no annotation."""
    truth: Truth = []
    for number, (split, _, scene, draws) in enumerate(_scenes(source, counts, size, seed), start=1):
        _save(scene.sar, folder / "512" / split / f"sar{number}.png")
        _save(scene.optical, folder / "512" / split / f"opt{number}.png")
        truth.append(_sar_truth(scene.facts, f"{source}/512/{split}/sar{number}", split, draws))
    return truth


def write_rsicd(folder: Path, source: str, counts: SplitCounts, size: int, seed: int) -> Truth:
    """RSICD: RSICD_images/N.png and dataset_rsicd.json of Karpathy's form, five sentences an image."""
    truth: Truth = []
    images = []
    for number, (split, _, scene, draws) in enumerate(_scenes(source, counts, size, seed)):
        name = f"{number + 1:05d}"
        _save(scene.optical, folder / "RSICD_images" / f"{name}.png")
        sentences = [
            {"tokens": raw.split()[:-1], "raw": raw, "imgid": number, "sentid": 5 * number + place}
            for place, raw in enumerate(write_captions(scene.facts, draws))
        ]
        images.append(
            {
                "filename": f"{name}.png",
                "imgid": number,
                "sentences": sentences,
                "split": split,
                "sentids": [sentence["sentid"] for sentence in sentences],
            }
        )
        truth.append(record(scene.facts, f"{source}/RSICD_images/{name}", split))
    write_json(folder / "dataset_rsicd.json", {"images": images, "dataset": "rsicd"})
    return truth


def write_rs_vqa(folder: Path, source: str, counts: SplitCounts, size: int, seed: int) -> Truth:
    """RS-VQA: images/N.png and rs_vqa_{split}.json; its image paths are absolute on another machine."""
    truth: Truth = []
    entries: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    for number, (split, _, scene, draws) in enumerate(_scenes(source, counts, size, seed), start=1):
        name = f"{number:06d}"
        _save(scene.optical, folder / "images" / f"{name}.png")
        pairs = write_dialogue(scene.facts, draws)
        entries[split].append(as_conversation(name, f"/data/RS-VQA/images/{name}.png", pairs))
        truth.append(record(scene.facts, f"{source}/images/{name}", split))
    for split, content in entries.items():
        write_json(folder / f"rs_vqa_{split}.json", content)
    return truth


WRITERS: dict[str, Writer] = {
    "hrsid": write_hrsid,
    "sardet-100k": write_sardet,
    "msar": write_msar,
    "fusar-map": write_fusar_map,
    "osdataset": write_osdataset,
    "rsicd": write_rsicd,
    "rs-vqa": write_rs_vqa,
}
"""The writer of each source, by name: (folder, name, images by split, side in pixels, seed) -> its truth."""
