"""The simulator's radar images beside real ones, by measure.

Simulated figures must lie where theory and the real samples put them: speckle of flat areas, correlation of
neighbours, contrast of ships with the sea, of land with water.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from defusedxml.ElementTree import parse
from PIL import Image
from scipy.ndimage import binary_dilation

from sartext.simulator.measure import (
    contrast_db,
    equivalent_looks,
    flat_looks,
    flat_windows,
    gamma_amplitudes,
    neighbour_correlation,
    summarise,
)
from sartext.simulator.scene import Drawn, draw_scene
from sartext.simulator.world import Cover

HRSID_SINGLE_LOOK = (
    "P0094_0_800_3000_3800",
    "P0119_2400_3200_6000_6800",
    "P0123_4800_5600_4800_5600",
)


@lru_cache
def simulated(source: str, count: int = 32) -> tuple[Drawn, ...]:
    return tuple(draw_scene(source, 0, "train", index, 256) for index in range(count))


def grey(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


def of_looks(looks: int) -> list[np.ndarray]:
    scenes = [scene for source in ("hrsid", "osdataset") for scene in simulated(source)]
    images = [scene.sar for scene in scenes if scene.radar and scene.radar.looks == looks]
    return [image for image in images if image is not None]


def ring(target: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The surroundings of a target, 4 to 12 pixels off, without other targets."""
    near, far = (binary_dilation(target, iterations=steps) for steps in (3, 12))
    return far & ~near & ~others


def box_contrasts(image: np.ndarray, boxes: list[tuple[int, int, int, int]]) -> Iterator[float]:
    masks = []
    for left, top, right, bottom in boxes:
        mask = np.zeros(image.shape, bool)
        mask[max(top, 0) : bottom, max(left, 0) : right] = True
        masks.append(mask)
    every = np.any(masks, axis=0) if masks else np.zeros(image.shape, bool)
    for mask in masks:
        around = ring(mask, every)
        if around.any() and mask.any() and image[around].mean() > 1:
            yield contrast_db(image, mask, around)


def voc_boxes(path: Path) -> list[tuple[int, int, int, int]]:
    tags = ("xmin", "ymin", "xmax", "ymax")
    return [
        tuple(int(float(box.findtext(tag) or 0)) for tag in tags)  # type: ignore[misc]
        for box in parse(path).getroot().iter("bndbox")
    ]


def test_single_look_speckle_agrees_with_hrsid_and_with_rayleigh(samples: Path) -> None:
    theory = gamma_amplitudes(1)
    real = [grey(samples / "hrsid" / f"{name}.png") for name in HRSID_SINGLE_LOOK]
    found = [image for image in of_looks(1) if flat_windows(image)]
    for images in (real, found):
        assert len(images) >= 3
        parts = [summarise(part) for image in images for part in flat_windows(image)]
        assert len(parts) > 30
        assert np.median([flat_looks(image) for image in images]) == pytest.approx(1.0, abs=0.2)
        assert np.median([part.variation for part in parts]) == pytest.approx(theory.variation, rel=0.12)
        assert np.median([part.skewness for part in parts]) == pytest.approx(theory.skewness, abs=0.2)
        assert np.median([part.kurtosis for part in parts]) == pytest.approx(theory.kurtosis, abs=0.5)


def test_four_look_speckle_agrees_with_sentinel_1_and_with_gamma(samples: Path) -> None:
    theory = gamma_amplitudes(4)
    real = [grey(path) for path in sorted((samples / "s1-s2-pairs" / "sar").glob("*.png"))]
    found = [image for image in of_looks(4) if flat_windows(image)]
    assert len(real) == 3
    assert len(found) >= 8
    for images in (real, found):
        parts = [summarise(part) for image in images for part in flat_windows(image)]
        assert np.median([flat_looks(image) for image in images]) == pytest.approx(4.0, abs=0.6)
        assert np.median([part.variation for part in parts]) == pytest.approx(theory.variation, rel=0.12)
        assert np.median([part.skewness for part in parts]) == pytest.approx(theory.skewness, abs=0.35)
        assert np.median([part.kurtosis for part in parts]) == pytest.approx(theory.kurtosis, abs=0.5)


def test_neighbours_are_correlated_within_the_real_range(samples: Path) -> None:
    def correlation(image: np.ndarray) -> float:
        return float(np.median([neighbour_correlation(part * part) for part in flat_windows(image)]))

    paths = sorted((samples / "hrsid").glob("P*00.png")) + sorted(
        (samples / "s1-s2-pairs" / "sar").glob("*.png")
    )
    real = [correlation(grey(path)) for path in paths if "instance" not in path.name]
    found = [correlation(image) for looks in (1, 2, 4) for image in of_looks(looks) if flat_windows(image)]
    assert len(real) >= 6
    assert min(real) - 0.15 < np.quantile(found, 0.1)
    assert np.quantile(found, 0.9) < max(real)
    assert np.quantile(found, 0.9) > min(real)


def test_ships_stand_out_of_the_sea_as_real_ones_do(samples: Path) -> None:
    real = []
    for path in sorted((samples / "sar-ship-dataset").glob("*.xml")):
        real += box_contrasts(grey(path.with_suffix(".jpg")), voc_boxes(path))
    for part in ("01", "02"):
        for path in sorted((samples / "ssdd" / "voc" / f"Annotations{part}").glob("*.xml")):
            image = samples / "ssdd" / "voc" / f"JPEGImages{part}" / f"{path.stem}.jpg"
            real += box_contrasts(grey(image), voc_boxes(path))
    found = []
    for scene in simulated("hrsid"):
        ships = [item for item in scene.facts.objects if item.label == "ship"]
        assert scene.sar is not None
        boxes = [(item.x, item.y, item.x + item.width, item.y + item.height) for item in ships]
        found += box_contrasts(scene.sar, boxes)
    assert len(real) > 50
    assert len(found) > 40
    assert np.quantile(real, 0.25) < np.median(found) < np.quantile(real, 0.95)
    assert np.quantile(found, 0.05) > np.quantile(real, 0.02)


def test_land_is_brighter_than_water_as_sentinel_1_measures(samples: Path) -> None:
    import rasterio

    real = []
    for path in sorted((samples / "sen1floods11" / "S1").glob("*.tif")):
        label = path.parent.parent / "labels" / path.name.replace("S1Hand", "LabelHand")
        with rasterio.open(path) as raster, rasterio.open(label) as mask:
            vertical, classes = 10 ** (raster.read(1) / 10), mask.read(1)
        good = np.isfinite(vertical)
        if good.any():
            land, water = vertical[good & (classes == 0)], vertical[good & (classes == 1)]
            real.append(10 * np.log10(land.mean() / water.mean()))
    found = []
    for scene in simulated("osdataset") + simulated("fusar-map"):
        water = scene.world.is_cover(Cover.WATER) & (scene.world.instance == 0)
        land = scene.world.is_cover(Cover.FARMLAND, Cover.FOREST)
        if scene.sar is not None and water.mean() > 0.05 and land.mean() > 0.05:
            found.append(contrast_db(scene.sar, land, water))
    assert len(real) == 3
    assert len(found) > 10
    assert 3 < min(real) < max(real) < 9  # what the real chips show: 6 to 7 dB
    assert min(real) - 2 < np.median(found) < max(real) + 5  # HH, calmer water: more


def test_raw_gaofen_3_is_single_look_as_fusar_map_is_simulated(samples: Path) -> None:
    import rasterio

    def flattest(amplitude: np.ndarray) -> float:
        parts = [
            amplitude[top : top + 16, left : left + 16].astype(float)
            for top in range(0, amplitude.shape[0] - 15, 16)
            for left in range(0, amplitude.shape[1] - 15, 16)
        ]
        looks = [
            equivalent_looks(part * part) for part in parts if part.mean() > 8 and (part == 0).mean() < 0.02
        ]
        return float(np.quantile(looks, 0.9))

    for polarisation in ("HH", "HV"):
        with rasterio.open(samples / "fusar-map-raw" / f"1_{polarisation}.tiff") as raster:
            assert flattest(raster.read(1)) == pytest.approx(1.25, abs=0.25)
    scenes = [scene for scene in simulated("fusar-map") if scene.radar and scene.radar.looks == 1]
    found = [flattest(scene.sar) for scene in scenes if scene.sar is not None]
    assert len(found) > 8
    assert np.median(found) == pytest.approx(1.25, abs=0.35)
