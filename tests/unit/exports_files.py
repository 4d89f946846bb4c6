"""A source of images of several forms, ingested and built, for the tests of exports and shards."""

from pathlib import Path
from typing import Any

import numpy as np
from dataset_files import make_config, make_image
from PIL import Image

from sartext.core.config import Config
from sartext.core.files import write_json
from sartext.core.records import Caption, Question, Scene
from sartext.core.tables import read_scenes, write_records
from sartext.sources import ingest

SIDE = 40


def save_image(path: Path, name: str, form: str) -> None:
    """Write a random image: an 8-bit PNG, a JPEG, a PNG of 16 bits, or a TIFF of floats."""
    pixels = make_image(name, SIDE)
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "png16":
        Image.fromarray(pixels.astype(np.uint16) * 200).save(path, "PNG")
    elif form == "tiff":
        Image.fromarray(pixels.astype(np.float32) - 300).save(path, "TIFF")
    else:
        Image.fromarray(pixels).save(path, {"png": "PNG", "jpg": "JPEG"}[form])


def make_source(config: Config, source: str, files: dict[str, str]) -> list[Scene]:
    """Write images (form by file name) with a COCO file, ingest them, and return their scenes."""
    root = config.source(source).folder
    for name, form in files.items():
        save_image(root / "images" / name, f"{source}/{name}", form)
    images = [
        {"id": number, "file_name": name, "width": SIDE, "height": SIDE}
        for number, name in enumerate(files, start=1)
    ]
    boxes = [
        {"id": image["id"], "image_id": image["id"], "category_id": 1, "bbox": [4, 4, 8, 8]}
        for image in images
    ]
    coco = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "ship"}]}
    write_json(root / "a.json", coco)
    folder = config.results / "scenes" / source
    ingest(config.source(source), config, folder)
    return read_scenes(folder / "scenes.parquet")


def build(config: Config, scenes: list[Scene], silent: frozenset[str] = frozenset()) -> None:
    """Write the tables of SAR-TEXT: two captions and two questions a scene, none of them of `silent`."""
    captions, questions = [], []
    for scene in scenes:
        name = scene.scene_id
        captions += [Caption(name, "a2c", f"There is 1 ship in {name}."), Caption(name, "a2c", "A ship.")]
        if name not in silent:
            questions += [
                Question(f"{name}#1", name, "count", "How many ships are there?", "1"),
                Question(f"{name}#2", name, "presence", 'Is there a "ship", or not?', "yes"),
            ]
    folder = config.results / "sartext"
    write_records(folder / "scenes.parquet", scenes, Scene)
    write_records(folder / "captions.parquet", captions, Caption)
    write_records(folder / "questions.parquet", questions, Question)


def profile(most: int, **sources: dict[str, Any]) -> Config:
    """A profile of COCO sources below ``data``, at most so many images a shard, a fifth of them test."""
    entries = {
        name: {
            "format": "coco",
            "branches": ["a2c"],
            "classes": {"ship": "ship"},
            "root": f"data/{name}",
            **entry,
        }
        for name, entry in sources.items()
    }
    config = make_config(**entries)
    shares = {"shard_images": most, "val_share": 0.2, "test_share": 0.2}
    return config.model_copy(update={"dataset": config.dataset.model_copy(update=shares)})


MIXED = {
    **{f"a{number:02d}.png": "png" for number in range(8)},
    **{f"b{number:02d}.jpg": "jpg" for number in range(8)},
    "c1.v2.tif": "jpg",  # as OpenSARShip names its JPEG files
    "d1.png": "png16",
    "e1.tif": "tiff",
}
