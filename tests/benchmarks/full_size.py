"""Data as large as the paper's, to time the road at full size. Nothing of it means anything but its shape.

    python tests/benchmarks/full_size.py sardet OUT
    python tests/benchmarks/full_size.py images OUT --count 136584

``sardet`` writes annotations shaped like SARDet-100K's: 116,598 images in three splits, 245,653 boxes of six
classes, no polygons; ``Annotations/all.json`` holds the three in one (70 MB in all, some seconds).

``images`` writes 8-bit SAR images of 256 pixels with a COCO file of their objects, and the profile that
``sartext ingest`` reads them by (6 GB and some minutes for the 136,584 of SAR-TEXT)::

    sartext ingest --config OUT/profile.yaml

They are cut, turned and mirrored out of a pool of simulated scenes, so that the decoder has real speckle to
undo. Every other one is a JPEG, the rest are PNG: half of SAR-TEXT's images come from SAR-Ship-Dataset and
MSAR, which are JPEG. The same arguments write the same annotations and, with one version of Pillow, images.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sartext.core.config import ImagesConfig, SourceConfig, load_config, save_config
from sartext.core.seeds import generator
from sartext.simulator.scene import draw_scene

CLASSES = ("ship", "aircraft", "car", "tank", "bridge", "harbor")
SPLITS = {"train": 94_493, "val": 10_492, "test": 11_613}
BOXES = 245_653
# A guess at SARDet-100K: ship sources are its larger part. Share of images by main class.
_MAIN = (0.62, 0.12, 0.06, 0.07, 0.10, 0.03)
_SIDES = (256, 512, 800, 1000)
_SIDES_SHARE = (0.40, 0.50, 0.05, 0.05)
IMAGE = 256
_TILE, _POOL, _CHUNK = 512, 64, 500
_JPEG_QUALITY = 90
# images that hold nothing, and boxes of another class than the image's main one
_EMPTY, _OTHER = 0.01, 0.06


def _box_counts(images: int, boxes: int, draws: np.random.Generator) -> NDArray[np.int64]:
    """Boxes of each image, adding up to `boxes`: a few images none, most one, some dozens."""
    filled = draws.random(images) >= _EMPTY
    weights = np.where(filled, draws.lognormal(0.0, 1.3, images), 0.0)
    counts = filled.astype(np.int64)
    counts += draws.multinomial(boxes - int(counts.sum()), weights / weights.sum())
    return counts


def _boxes(sides: NDArray[np.int64], draws: np.random.Generator) -> NDArray[np.int64]:
    """Whole boxes (x, y, width, height) inside images of these sides; sizes log-uniform from 6 pixels."""
    extent = 6 * (sides[:, None] / 24) ** draws.random((len(sides), 2))
    size = np.maximum(extent.astype(np.int64), 6)
    corner = (draws.random((len(sides), 2)) * (sides[:, None] - size + 1)).astype(np.int64)
    return np.concatenate([corner, size], axis=1)


def _categories() -> list[dict[str, Any]]:
    return [{"id": index, "name": name, "supercategory": name} for index, name in enumerate(CLASSES)]


def _write_coco(path: Path, images: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": annotations, "categories": _categories()}
    path.write_text(json.dumps(content), encoding="utf-8")


def _annotation(number: int, image: int, category: int, box: list[int], area: int) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": box,
        "area": area,
        "iscrowd": 0,
    }


def sardet_split(split: str, images: int, boxes: int, seed: int) -> tuple[list[Any], list[Any]]:
    """Return COCO image and annotation records of one split.

    Args:
        split: names the stream of random numbers.
        images: how many.
        boxes: how many in all.
        seed: of the whole data set.
    """
    draws = generator(seed, "full-size", "sardet", split)
    sides = draws.choice(np.array(_SIDES), images, p=_SIDES_SHARE)
    main = draws.choice(len(CLASSES), images, p=_MAIN)
    owner = np.repeat(np.arange(images), _box_counts(images, boxes, draws))
    other = draws.random(boxes) < _OTHER
    category = np.where(other, draws.integers(len(CLASSES), size=boxes), main[owner])
    found = _boxes(sides[owner], draws)
    names = draws.permutation(sum(SPLITS.values()))[:images]
    records = [
        {"id": index, "file_name": f"{name:07d}.png", "height": side, "width": side}
        for index, (name, side) in enumerate(zip(np.sort(names).tolist(), sides.tolist(), strict=True))
    ]
    rows = zip(owner.tolist(), category.tolist(), found.tolist(), strict=True)
    annotations = [
        _annotation(number, image, label, box, box[2] * box[3])
        for number, (image, label, box) in enumerate(rows)
    ]
    return records, annotations


def write_sardet(out: Path, seed: int) -> None:
    """Write ``Annotations/{train,val,test}.json``, and ``all.json``: the three in one, names by split."""
    every: tuple[list[Any], list[Any]] = ([], [])
    left_images, left_boxes = sum(SPLITS.values()), BOXES
    for split, images in SPLITS.items():
        boxes = round(left_boxes * images / left_images)
        left_images, left_boxes = left_images - images, left_boxes - boxes
        records, annotations = sardet_split(split, images, boxes, seed)
        _write_coco(out / "Annotations" / f"{split}.json", records, annotations)
        first, number = len(every[0]), len(every[1])
        every[0].extend(
            {**r, "id": r["id"] + first, "file_name": f"{split}/{r['file_name']}"} for r in records
        )
        every[1].extend({**a, "id": a["id"] + number, "image_id": a["image_id"] + first} for a in annotations)
        click.echo(f"{split}: {images} images, {boxes} boxes")
    _write_coco(out / "Annotations" / "all.json", *every)
    (out / "JPEGImages").mkdir(exist_ok=True)


@dataclass(frozen=True)
class Tile:
    """One simulated scene of the pool.

    Attributes:
        pixels: uint8 (512, 512).
        classes: index into `CLASSES` of each object, (N,).
        boxes: left, top, right and bottom edge of each, (N, 4).
    """

    pixels: NDArray[np.uint8]
    classes: NDArray[np.int64]
    boxes: NDArray[np.int64]


def draw_tile(index: int, seed: int) -> Tile:
    """Return one simulated scene of SARDet-100K's kind."""
    scene = draw_scene("sardet-100k", seed, "train", index, _TILE)
    assert scene.sar is not None
    objects = scene.facts.objects
    labels = [CLASSES.index({"storage tank": "tank"}.get(item.label, item.label)) for item in objects]
    edges = [(item.x, item.y, item.x + item.width, item.y + item.height) for item in objects]
    return Tile(
        scene.sar, np.array(labels, dtype=np.int64), np.array(edges, dtype=np.int64).reshape(len(edges), 4)
    )


def cut(tile: Tile, left: int, top: int, turned: bool, mirrored: bool) -> Tile:
    """Return a square of `IMAGE` pixels of a tile, with the objects whose centres it holds."""
    pixels = tile.pixels[top : top + IMAGE, left : left + IMAGE]
    boxes = tile.boxes - np.array([left, top, left, top])
    middle = (boxes[:, :2] + boxes[:, 2:]) // 2
    inside = ((middle >= 0) & (middle < IMAGE)).all(axis=1)
    boxes = np.clip(boxes[inside], 0, IMAGE)
    if turned:
        pixels, boxes = pixels.T, boxes[:, [1, 0, 3, 2]]
    if mirrored:
        pixels = pixels[:, ::-1]
        boxes = np.stack([IMAGE - boxes[:, 2], boxes[:, 1], IMAGE - boxes[:, 0], boxes[:, 3]], axis=1)
    return Tile(np.ascontiguousarray(pixels), tile.classes[inside], boxes)


def write_chunk(
    pool: Sequence[Tile], folder: Path, first: int, count: int, seed: int
) -> list[tuple[str, Tile]]:
    """Write images `first` to `first + count`; return each one's name and, without pixels, its objects."""
    draws = generator(seed, "full-size", "images", first)
    written = []
    for number in range(first, first + count):
        left, top = draws.integers(_TILE - IMAGE + 1, size=2).tolist()
        turned, mirrored = draws.integers(2, size=2).tolist()
        piece = cut(pool[int(draws.integers(len(pool)))], left, top, bool(turned), bool(mirrored))
        image = Image.fromarray(piece.pixels)
        name = f"{number + 1:06d}.{'jpg' if number % 2 else 'png'}"
        if number % 2:
            image.save(folder / name, quality=_JPEG_QUALITY)
        else:
            image.save(folder / name)
        written.append((name, Tile(np.empty((0, 0), np.uint8), piece.classes, piece.boxes)))
    return written


def _written(out: Path, count: int, seed: int, workers: int) -> Iterator[tuple[str, Tile]]:
    folder = out / "images"
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, _CHUNK)
    with ProcessPoolExecutor(workers) as processes:
        pool = list(processes.map(draw_tile, range(_POOL), [seed] * _POOL))
        jobs = [
            processes.submit(write_chunk, pool, folder, start, min(_CHUNK, count - start), seed)
            for start in starts
        ]
        for job in jobs:
            yield from job.result()


def write_images(out: Path, count: int, seed: int, workers: int) -> None:
    """Write ``images/N.{png,jpg}``, ``annotations.json`` and ``profile.yaml``."""
    records: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, found) in enumerate(_written(out, count, seed, workers)):
        records.append({"id": number, "file_name": name, "height": IMAGE, "width": IMAGE})
        for label, (left, top, right, bottom) in zip(
            found.classes.tolist(), found.boxes.tolist(), strict=True
        ):
            box = [left, top, right - left, bottom - top]
            annotations.append(_annotation(len(annotations), number, label, box, box[2] * box[3]))
    _write_coco(out / "annotations.json", records, annotations)
    write_profile(out, count)
    click.echo(f"{count} images, {len(annotations)} boxes; sartext ingest --config {out / 'profile.yaml'}")


def write_profile(out: Path, count: int) -> None:
    """Write a profile whose only source is `out`; what it would train is that of the samples' profile."""
    source = SourceConfig(
        name="full-size",
        title="Full size",
        root=str(out.resolve()),
        modality="sar",
        format="coco",
        layout={"annotations": "annotations.json", "images": "images"},
        classes={name: "storage tank" if name == "tank" else name for name in CLASSES},
        branches=["a2c"],
        expected_images=count,
        licence="simulated",
        citation="tests/benchmarks/full_size.py",
        obtain="tests/benchmarks/full_size.py writes it",
    )
    base = load_config(Path(__file__).parents[2] / "config/samples.yaml")
    changes = {
        "profile": "full-size",
        "data_note": "cut out of a few simulated scenes, to time ingest; nothing else can be read from it",
        "sources": [source],
        "images": ImagesConfig(size=224, max_rejected_share=0.01),
    }
    save_config(base.model_copy(update=changes), out / "profile.yaml")


@click.group()
def main() -> None:
    """Write full-size data to time the road with."""


_OUT = click.argument("out", type=click.Path(path_type=Path))
_SEED = click.option("--seed", default=0, show_default=True, help="Another seed, other numbers.")


@main.command()
@_OUT
@_SEED
def sardet(out: Path, seed: int) -> None:
    """Annotations shaped like SARDet-100K's."""
    write_sardet(out, seed)


@main.command()
@_OUT
@click.option("--count", default=136_584, show_default=True, help="How many images.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@_SEED
def images(out: Path, count: int, workers: int, seed: int) -> None:
    """Image files to decode, their COCO annotations and a profile."""
    write_images(out, count, seed, workers)


if __name__ == "__main__":
    main()
