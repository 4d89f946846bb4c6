"""Images and their prints made by hand, for the tests of likeness."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from dataset_files import Pixels, as_stack
from PIL import Image

from sartext.core.records import Scene
from sartext.core.seeds import generator
from sartext.dataset.likeness.prints import Print, Prints
from sartext.sources import resize
from sartext.sources.hashes import hash_image


def prints_of(*images: tuple[str, Pixels] | tuple[str, Pixels, str], size: int = 64) -> Prints:
    """Prints of (scene id, image) or (scene id, image, "twin"), hashed and made small as ingest does."""
    prints, stacks = [], []
    for number, (name, image, *part) in enumerate(images):
        own = hash_image(as_stack(image))
        prints.append(Print(name, bool(part), own.sha256, int(own.phash, 16), number, 0))
        stacks.append(resize(as_stack(image), size)[None])
    return Prints.of(prints, stacks)


def make_scene(name: str, split: str = "train", **fields: Any) -> Scene:
    """A SAR scene called SOURCE/STEM."""
    values: dict[str, Any] = {"modality": "sar", "image": f"{name}.png", "width": 96, "height": 96, **fields}
    return Scene(name, name.split("/")[0], split, **values)  # type: ignore[arg-type]


def speckle(name: str, mean: float = 60, side: int = 256) -> Pixels:
    """Single-look amplitude of a place without structure: Rayleigh, uint8 (side, side)."""
    power = generator("tests", "speckle", name).exponential(1, (side, side))
    return np.clip(mean * np.sqrt(power), 0, 255).astype(np.uint8)


def jpeg(image: Pixels, quality: int) -> Pixels:
    """The image after JPEG."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def scaled(image: Pixels, factor: float) -> Pixels:
    """The image at another size."""
    sides = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.asarray(Image.fromarray(image).resize(sides, Image.Resampling.BILINEAR))


def stretched(image: Pixels, low: float = 2, high: float = 98) -> Pixels:
    """The image with its contrast drawn out between two percentiles."""
    bottom, top = np.percentile(image, [low, high])
    return np.clip((image - bottom) / (top - bottom) * 255, 0, 255).astype(np.uint8)


def copies(image: Pixels) -> dict[str, Pixels]:
    """Copies of an image as publishers make them, by what was done."""
    return {
        "jpeg 90": jpeg(image, 90),
        "jpeg 75": jpeg(image, 75),
        "half size": scaled(image, 0.5),
        "larger": scaled(image, 1.3),
        "stretched": stretched(image),
        "gamma": (255 * (image / 255) ** 0.7).astype(np.uint8),
        "less contrast": (image // 2 + 40).astype(np.uint8),
    }


def ids(scenes: Sequence[Scene]) -> list[str]:
    """The scenes' ids."""
    return [scene.scene_id for scene in scenes]
