"""Ingested sources made by hand, for the tests of the narrator and of the data set."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from sartext.core.config import CONFIG_FOLDER, Config, parse_config
from sartext.core.files import sha256_file, write_json
from sartext.core.records import SPLITS, Scene
from sartext.core.seeds import generator
from sartext.core.tables import write_records
from sartext.sources import resize
from sartext.sources.hashes import hash_image

Pixels = NDArray[np.uint8]
_LAYOUTS: dict[str, dict[str, str]] = {
    "coco": {"annotations": "a.json", "images": "images"},
    "mask": {"images": "images", "masks": "masks"},
    "pairs": {"sar": "sar{id}.png", "optical": "opt{id}.png"},
    "karpathy": {"annotations": "a.json", "images": "images"},
    "dialogues": {"annotations": "a.json", "images": "images"},
    "csv": {"annotations": "a.csv", "images": "images"},
}


def make_config(version: str = "draft", **sources: dict[str, Any]) -> Config:
    """A profile called ``tests`` with these sources by name; each gives ``format`` and what differs."""
    raw = yaml.safe_load((CONFIG_FOLDER / "smoke.yaml").read_text(encoding="utf-8"))
    raw |= {"profile": "tests", "simulator": None, "images": {"size": 32, "max_rejected_share": 0.5}}
    raw["evaluation"] |= {"version": version, "caption_length": 10}
    raw["sources"] = [
        {
            "name": name,
            "title": name,
            "root": "nowhere",
            "modality": "optical" if entry["format"] in ("karpathy", "dialogues") else "sar",
            "layout": _LAYOUTS[entry["format"]],
            "licence": "free",
            "citation": "none",
            "obtain": "made by a test",
            **entry,
        }
        for name, entry in sources.items()
    ]
    return parse_config(raw, "tests")


def make_image(name: str, side: int = 96, channels: int = 0) -> Pixels:
    """A random image of smooth parts under some noise, uint8 (side, side[, channels])."""
    draw = generator("tests", name)
    coarse = draw.integers(0, 256, (6, 6, channels or 1), dtype=np.uint8)
    smooth = np.stack([resize(coarse[..., c : c + 1], side)[..., 0] for c in range(coarse.shape[2])], axis=2)
    noisy = np.clip(smooth.astype(int) + draw.integers(-10, 11, smooth.shape), 0, 255).astype(np.uint8)
    return noisy if channels else noisy[..., 0]


def nudged(image: Pixels, seed: int = 0) -> Pixels:
    """The image with every pixel changed by -1, 0 or 1: other digests, the same look."""
    change = np.random.default_rng(seed).integers(-1, 2, image.shape)
    return np.clip(image.astype(int) + change, 0, 255).astype(np.uint8)


def ingested(
    config: Config, scenes: Sequence[Scene], images: Sequence[Pixels], twins: Sequence[Pixels] | None = None
) -> None:
    """Write one source's folder as `sartext.sources.ingest` does."""
    folder = config.results / "scenes" / scenes[0].source
    folder.mkdir(parents=True, exist_ok=True)
    size = config.images.size
    write_records(folder / "scenes.parquet", scenes, Scene)
    np.save(folder / "images.npy", np.stack([resize(as_stack(image), size) for image in images]))
    if twins is not None:
        np.save(folder / "twins.npy", np.stack([resize(as_stack(image), size) for image in twins]))
    write_json(
        folder / "summary.json",
        {
            "read": len(scenes),
            "rejected": 0,
            "by_split": {split: sum(scene.split == split for scene in scenes) for split in SPLITS},
            "tiled": 0,
            "tiles": 0,
        },
    )
    with (folder / "hashes.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(
            ["scene_id", "sha256", "phash", "file_sha256"] + (["twin_sha256", "twin_phash"] if twins else [])
        )
        for row, scene in enumerate(scenes):
            own = hash_image(as_stack(images[row]))
            extra = []
            if twins is not None:
                twin = hash_image(as_stack(twins[row]))
                extra = [twin.sha256, twin.phash]
            file = sha256_file(scene.image) if Path(scene.image).is_file() else ""
            writer.writerow([scene.scene_id, own.sha256, own.phash, file, *extra])


def as_stack(image: Pixels) -> Pixels:
    """A grey image with its channel axis."""
    return image if image.ndim == 3 else image[..., None]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
