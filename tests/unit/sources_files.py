"""Tiny sources in the real layouts, written by hand for the tests of readers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sartext.core.config import SourceConfig
from sartext.core.records import Scene
from sartext.sources import Reject, read_source


def grey(path: Path, width: int, height: int, value: int = 100) -> Path:
    """Write a grey image with a gradient, so that no two sizes look alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[0:height, 0:width]
    Image.fromarray(((rows * 3 + columns * 5 + value) % 256).astype(np.uint8)).save(path)
    return path


def colours(path: Path, pixels: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)
    return path


def written(path: Path, content: Any) -> Path:
    """Write text, bytes, or JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def source(root: Path, format: str, layout: dict[str, str], **more: Any) -> SourceConfig:
    given: dict[str, Any] = {
        "name": "tiny",
        "title": "Tiny",
        "root": str(root),
        "modality": "sar",
        "format": format,
        "layout": layout,
        "licence": "none",
        "citation": "none",
        "obtain": "fetch tiny.zip and unpack it",
        **more,
    }
    return SourceConfig(**given)


def read(config: SourceConfig, seed: int = 0) -> tuple[list[Scene], list[Reject]]:
    return read_source(config, seed, 0.2, 0.2)


def boxes(scene: Scene) -> list[tuple[str, float, float, float, float]]:
    return [(box.label, box.x, box.y, box.width, box.height) for box in scene.boxes]
