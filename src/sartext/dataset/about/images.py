"""What the images of a data set are like: sizes, resolutions, annotated objects and land cover."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from sartext.core.records import Scene
from sartext.narrator.words import normalise_label

_BINS = 10
_DECIMALS = 6
_SIZES = 50


@lru_cache(maxsize=4096)
def _class(label: str) -> str:
    """A class as captions name it."""
    return normalise_label(label) or label


def _spread(values: Sequence[float]) -> dict[str, Any] | None:
    """Return least, median and most; null of nothing."""
    if not values:
        return None
    return {
        "min": min(values),
        "median": round(float(np.median(values)), _DECIMALS),
        "max": max(values),
    }


def image_statistics(scenes: Sequence[Scene]) -> dict[str, Any]:
    """Return what images are like.

    Returns:
        ``width``, ``height`` (pixels) and ``resolution_m`` (metres a pixel): ``min``, ``median``, ``max``,
        null where none is known; ``sizes``: images by ``WIDTHxHEIGHT``, the most frequent 50; ``megapixels``
        of all; ``resolution_known``: images whose resolution is; ``polarisations``: images by polarisation,
        ``unknown`` among them; ``annotated``; ``with_twin``; ``groups`` (scenes that more than one image was
        cut from).
    """
    known = [scene.resolution_m for scene in scenes if scene.resolution_m is not None]
    sizes = Counter(f"{scene.width}x{scene.height}" for scene in scenes)
    groups = Counter(scene.group for scene in scenes if scene.group is not None)
    polarisations = Counter(scene.polarisation or "unknown" for scene in scenes)
    return {
        "width": _spread([scene.width for scene in scenes]),
        "height": _spread([scene.height for scene in scenes]),
        "sizes": dict(sorted(sizes.items(), key=lambda entry: (-entry[1], entry[0]))[:_SIZES]),
        "megapixels": round(sum(scene.width * scene.height for scene in scenes) / 1e6, _DECIMALS),
        "resolution_m": _spread(known),
        "resolution_known": len(known),
        "polarisations": dict(sorted(polarisations.items())),
        "annotated": sum(scene.annotated for scene in scenes),
        "with_twin": sum(scene.twin is not None for scene in scenes),
        "groups": sum(count > 1 for count in groups.values()),
    }


def object_statistics(scenes: Sequence[Scene]) -> dict[str, Any]:
    """Return how many annotated objects images hold.

    Returns:
        ``objects`` by class; ``images_with`` at least one, by class; ``counts``: by class, a count to the
        images with that many; ``objects_per_image``: a count to the images with that many of any class.
    """
    objects: Counter[str] = Counter()
    counts: dict[str, Counter[int]] = {}
    for scene in scenes:
        for label, count in Counter(_class(box.label) for box in scene.boxes).items():
            objects[label] += count
            counts.setdefault(label, Counter())[count] += 1
    boxed = Counter(len(scene.boxes) for scene in scenes if scene.boxes)
    return {
        "objects": dict(sorted(objects.items())),
        "images_with": {label: of.total() for label, of in sorted(counts.items())},
        "counts": {
            label: {str(count): images for count, images in sorted(of.items())}
            for label, of in sorted(counts.items())
        },
        "objects_per_image": {str(number): count for number, count in sorted(boxed.items())},
    }


def cover_statistics(scenes: Sequence[Scene]) -> dict[str, Any]:
    """Return how much of the images each land-cover class takes.

    Returns:
        By class: ``images`` with any of it; ``mean_share`` over all images with a mask; ``shares``: images by
        tenths of the image, ten counts from (0, 0.1] to (0.9, 1].
    """
    shares: dict[str, list[float]] = {}
    masked = 0
    for scene in scenes:
        masked += bool(scene.cover)
        for label, share in scene.cover.items():
            if share > 0:
                shares.setdefault(_class(label), []).append(share)
    found = {}
    for label, values in sorted(shares.items()):
        tenths = np.clip(np.ceil(np.array(values) * _BINS - 1e-9).astype(int), 1, _BINS) - 1
        found[label] = {
            "images": len(values),
            "mean_share": round(sum(values) / masked, _DECIMALS),
            "shares": np.bincount(tenths, minlength=_BINS).tolist(),
        }
    return found
