"""Which images count as the same: equal pixels, or close hashes and the same texture."""

from pathlib import Path

import numpy as np
import pytest
from dataset_files import Pixels, ingested, make_config, make_image, nudged
from likeness_files import copies, jpeg, make_scene, prints_of, speckle, stretched

from sartext.core.errors import UserError
from sartext.dataset.likeness.looks import describe, looks_of, same_texture
from sartext.dataset.likeness.prints import Prints, read_prints
from sartext.dataset.likeness.same import find_same
from sartext.sources import resize


def texture(first: Pixels, second: Pixels, size: int = 64) -> bool:
    """Whether two images have the same texture, whatever their hashes."""
    looks = looks_of(prints_of(("a/1", first), ("a/2", second), size=size), np.array([0, 1]))
    return bool(same_texture(looks, np.array([0]), np.array([1]))[0])


def gradient(right: float, down: float, curve: float = 0) -> Pixels:
    y, x = np.mgrid[0:256, 0:256] / 255
    return (20 + right * x + down * y + curve * (x - 0.5) ** 2).astype(np.uint8)


def ship(name: str, mean: float) -> Pixels:
    """A bright ship of one shape in the middle of dark sea."""
    image = speckle(name, mean).copy()
    image[118:138, 100:156] = 240
    return image


@pytest.mark.parametrize("size", [64, 224])
@pytest.mark.parametrize("mean", [12, 60])
def test_a_copy_of_speckle_is_the_same_and_other_speckle_is_not(size: int, mean: float) -> None:
    image = speckle("one", mean)
    for what, copy in copies(image).items():
        if (mean, what) != (12, "less contrast"):  # half of nearly nothing
            assert texture(image, copy, size), what
    assert not texture(image, speckle("two", mean), size)
    assert not texture(image, image[::-1], size)


@pytest.mark.parametrize(
    "image",
    [
        gradient(0, 0), gradient(60, 0), gradient(90, 110), gradient(200, 20), gradient(0, 40, 150),
        np.full((256, 256), 255, np.uint8),
    ],
)  # fmt: skip
def test_flat_and_smooth_chips_are_the_same_only_if_their_pixels_are_equal(image: Pixels) -> None:
    again = nudged(image)
    prints = prints_of(("s/1", image), ("s/2", image), ("s/3", again), ("s/4", jpeg(image, 90)))
    same = find_same(prints, 8)
    assert same.pixels[0] == same.pixels[1] != same.pixels[2]
    assert len(same.first) == 0


@pytest.mark.parametrize("mean", [2, 6, 25])
def test_ships_of_one_shape_in_other_waters_are_not_the_same(mean: float) -> None:
    prints = prints_of(*((f"s/{n}", ship(f"{n}", mean)) for n in range(4)))
    prints.phash[:] = prints.phash[0]
    assert len(find_same(prints, 8).first) == 0
    again = prints_of(("s/1", ship("1", 25)), ("s/2", jpeg(ship("1", 25), 90)))
    again.phash[:] = again.phash[0]
    assert len(find_same(again, 8).first) == 1


def test_a_tenth_of_pixels_that_saturate_do_not_hide_a_copy() -> None:
    image = make_image("town", 256)
    assert texture(image, stretched(image, 1, 90))


def test_equal_pixels_and_near_ones_are_found_and_others_not() -> None:
    harbor, sea = make_image("harbor"), make_image("sea")
    prints = prints_of(
        ("a/1", harbor), ("a/2", sea), ("b/1", harbor), ("b/2", nudged(harbor)), ("b/3", make_image("field")),
        size=32,
    )  # fmt: skip
    same = find_same(prints, 2)
    assert same.pixels[0] == same.pixels[2]
    assert len(set(same.pixels.tolist())) == 4
    pair = {int(same.first[0]), int(same.second[0])}
    assert len(same.first) == 1
    assert pair == {int(same.pixels[0]), int(same.pixels[3])}


def test_hashes_further_apart_than_the_profile_allows_are_left_alone() -> None:
    image = make_image("field")
    prints = prints_of(("a/1", image), ("a/2", nudged(image)))
    prints.phash[1] = prints.phash[0] ^ np.uint64(0b111)
    assert len(find_same(prints, 2).first) == 0
    assert find_same(prints, 3).bits.tolist() == [3]


def test_two_thousand_flat_chips_of_one_hash_are_no_pairs() -> None:
    flat = [(f"s/{n}", np.full((8, 8), 1 + n % 200, np.uint8)) for n in range(2000)]
    same = find_same(prints_of(*flat, size=32), 4)
    assert len(same.first) == 0
    assert len(set(same.pixels.tolist())) == 200


def test_the_small_copy_is_averaged_by_area() -> None:
    """224 pixels into 64 cells, 3.5 a cell: an image of whole cells repeated gives back the same bits."""
    image = speckle("cells", 80, 32)
    looks = [
        describe(np.kron(image, np.ones((factor, factor)))[None].astype(np.float32)) for factor in (2, 7)
    ]
    assert (looks[0].words == looks[1].words).mean() > 0.99
    assert (looks[0].textured == looks[1].textured).all()


def test_prints_are_read_row_by_row_with_their_twins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = make_config(pairs={"format": "pairs", "branches": ["pair"]})
    scenes = [make_scene(f"pairs/{n}", twin="o.png") for n in (1, 2)]
    images = [make_image(str(n)) for n in (1, 2)]
    twins = [make_image(f"{n}o", channels=3) for n in (1, 2)]
    ingested(config, scenes, images, twins)
    prints = Prints.joined([read_prints(config, "pairs", scenes)])
    assert prints.scene_ids.tolist() == ["pairs/1", "pairs/1", "pairs/2", "pairs/2"]
    assert prints.twin.tolist() == [False, True, False, True]
    greys = {
        int(place): grey
        for places, batch in prints.grey(np.array([3, 0]))
        for place, grey in zip(places, batch, strict=True)
    }
    assert np.allclose(greys[0], resize(twins[1], 32).mean(axis=2), atol=1e-3)
    assert np.allclose(greys[1], resize(images[0][..., None], 32)[..., 0])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sha256", "12ab"),
        ("sha256", "z" * 64),
        ("phash", "xyz"),
        ("phash", "00"),
        ("twin_sha256", ""),
        ("twin_phash", "0" * 17),
    ],
)
def test_a_damaged_table_of_hashes_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    config = make_config(pairs={"format": "pairs", "branches": ["pair"]})
    scenes = [make_scene("pairs/1", twin="o.png")]
    ingested(config, scenes, [make_image("1")], [make_image("2", channels=3)])
    path = config.results / "scenes" / "pairs" / "hashes.csv"
    header, line = path.read_text().splitlines()
    fields = line.split(",")
    fields[header.split(",").index(column)] = value
    path.write_text(f"{header}\n{','.join(fields)}\n")
    with pytest.raises(UserError, match=r"hashes\.csv: pairs/1: .*ingest the source again"):
        read_prints(config, "pairs", scenes)
