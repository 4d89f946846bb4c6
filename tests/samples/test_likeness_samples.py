"""Which real images count as the same: two publications of one image, copies of it, and no others."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sartext.core.config import ImagesConfig
from sartext.dataset.likeness.near import MAX_DISTANCE
from sartext.dataset.likeness.prints import Print, Prints
from sartext.dataset.likeness.same import find_same
from sartext.sources import decode_image, resize
from sartext.sources.hashes import hash_image

Pixels = NDArray[np.uint8]
FOLDERS = (
    "hrsid", "sar-aircraft-1.0/JPEGImages", "mstar-scenes/JPEGImages", "s1-s2-pairs/sar", "sen1-2/s1",
    "sar-ship-dataset", "ssdd/coco/images", "ssdd/voc/JPEGImages01", "ssdd/voc/JPEGImages02",
)  # fmt: skip


def jpeg(image: Pixels, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(image[..., 0]).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))[..., None]


def scaled(image: Pixels, factor: float) -> Pixels:
    side = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.asarray(Image.fromarray(image[..., 0]).resize(side, Image.Resampling.BILINEAR))[..., None]


@pytest.fixture(scope="module")
def images(samples: Path) -> dict[str, Pixels]:
    """SAR images of all folders by path; masks are left out."""
    paths = [path for folder in FOLDERS for path in sorted((samples / folder).iterdir())]
    chosen = [path for path in paths if path.suffix in (".png", ".jpg") and "_color_" not in path.name]
    config = ImagesConfig(size=64, max_rejected_share=0)
    return {
        path.relative_to(samples).as_posix(): decode_image(path, config)
        for path in chosen
        if "_instance_" not in path.name
    }


def same_of(images: dict[str, Pixels], size: int) -> tuple[set[frozenset[str]], set[frozenset[str]]]:
    """Names of images that are equal, and of those that are near."""
    prints = []
    for number, (name, image) in enumerate(images.items()):
        own = hash_image(image)
        prints.append(Print(name, False, own.sha256, int(own.phash, 16), number, 0))
    stacks = [resize(image, size)[None] for image in images.values()]
    same = find_same(Prints.of(prints, stacks), MAX_DISTANCE)
    names = list(images)
    equal = {
        frozenset(np.array(names)[same.pixels == number].tolist()) for number in set(same.pixels.tolist())
    }
    one = {number: name for name, number in zip(names, same.pixels.tolist(), strict=True)}
    near = {
        frozenset((one[a], one[b])) for a, b in zip(same.first.tolist(), same.second.tolist(), strict=True)
    }
    return {group for group in equal if len(group) > 1}, near


@pytest.mark.parametrize("size", [64, 224])
def test_only_the_two_publications_of_ssdd_are_the_same(images: dict[str, Pixels], size: int) -> None:
    """Four SSDD images come as COCO and as VOC; SEN1-2's saturated chips and all others are their own."""
    assert len(images) > 60
    equal, near = same_of(images, size)
    assert sorted(sorted(group) for group in equal) == [
        [f"ssdd/coco/images/{name}.jpg", f"ssdd/voc/JPEGImages0{split}/{name}.jpg"]
        for name, split in (("000001", 1), ("000002", 2), ("000006", 1), ("000015", 2))
    ]
    assert near == set()


@pytest.mark.parametrize("size", [64, 224])
@pytest.mark.parametrize(
    "copied",
    [
        lambda image: jpeg(image, 90),
        lambda image: jpeg(image, 60),
        lambda image: scaled(image, 0.5),
        lambda image: scaled(image, 0.8),
        lambda image: (image // 2 + 40).astype(np.uint8),
    ],
    ids=["jpeg 90", "jpeg 60", "half size", "smaller", "less contrast"],
)
def test_a_copy_of_each_is_the_same_and_no_other(
    images: dict[str, Pixels], size: int, copied: Callable[[Pixels], Pixels]
) -> None:
    own = {name: image for name, image in images.items() if not name.startswith("ssdd/voc")}
    equal, near = same_of(own | {f"copy of {name}": copied(image) for name, image in own.items()}, size)
    assert equal | near == {frozenset((name, f"copy of {name}")) for name in own}
