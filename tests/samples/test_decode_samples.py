"""The stretch to 8 bits on real rasters: ships stay bright, clutter is neither drowned nor saturated."""

import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sartext.core.config import ImagesConfig
from sartext.sources import DecodeError, decode_image, image_size

IMAGES = ImagesConfig(size=64, max_rejected_share=0.3)
DECIBELS = (
    "geotiff/S1A__IW___A_20150309T173017_VV_grd_mli_geo_norm_db.tif",
    "geotiff/sarclip_example_vv_vh.tif",
    "sen1floods11/S1/India_900498_S1Hand.tif",
    "sen1floods11/S1/Nigeria_812045_S1Hand.tif",
    "sen1floods11/S1/Spain_7370579_S1Hand.tif",
)
AMPLITUDES = ("fusar-map-raw/1_HH.tiff", "fusar-map-raw/1_HV.tiff")


def _raw(path: Path) -> npt.NDArray[Any]:
    """The first band as it is, (H, W); no data is NaN."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path) as raster:
            band = raster.read(1).astype(np.float64)
            if raster.nodata is not None:
                band[band == raster.nodata] = np.nan
    return band


@pytest.fixture(scope="module")
def chips(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """OpenSARShip's float32 amplitude chips, one ship in the middle of each."""

    def unpacked() -> Iterator[Path]:
        folder = tmp_path_factory.mktemp("chips")
        for archive in sorted((samples / "opensarship").glob("*.zip")):
            with zipfile.ZipFile(archive) as opened:
                for name in opened.namelist():
                    if "Patch/" in name and name.endswith(".tif"):
                        path = folder / Path(name).name
                        path.write_bytes(opened.read(name))
                        yield path

    found = list(unpacked())
    assert len(found) == 25
    return found


def _ship_and_clutter(chip: Path) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The brightest 20 pixels of the middle third by the raw amplitude, and all outside the middle half."""
    raw = _raw(chip)
    rows, columns = np.indices(raw.shape)
    away = np.maximum(abs(rows / raw.shape[0] - 0.5), abs(columns / raw.shape[1] - 0.5))
    middle = np.where(away < 1 / 6, raw, -np.inf)
    return middle >= np.sort(middle, axis=None)[-20], away > 0.25


def test_ships_of_opensarship_stay_far_above_the_clutter(chips: list[Path]) -> None:
    contrasts = []
    for chip in chips:
        drawn = decode_image(chip, IMAGES)[..., 0].astype(float)
        ship, clutter = _ship_and_clutter(chip)
        contrasts.append(drawn[ship].mean() - np.median(drawn[clutter]))
        assert drawn[ship].mean() > 180, chip.name
        assert contrasts[-1] > 150, chip.name
        # grey of the sea is neither black nor as bright as a ship
        assert 4 < np.median(drawn[clutter]) < 60, chip.name
    assert np.median(contrasts) > 200


def test_a_ship_does_not_become_one_white_blot(chips: list[Path]) -> None:
    """The brightest twenty pixels keep many greys: a plain clip at the 99th percentile has one."""
    for chip in chips:
        drawn = decode_image(chip, IMAGES)[..., 0]
        ship, _ = _ship_and_clutter(chip)
        assert (drawn == 255).sum() <= 4, chip.name
        assert len(np.unique(drawn[ship])) >= 8, chip.name


@pytest.mark.parametrize("name", DECIBELS)
def test_decibels_are_spread_over_the_range(samples: Path, name: str) -> None:
    raw = _raw(samples / name)
    drawn = decode_image(samples / name, IMAGES)[..., 0]
    valid = np.isfinite(raw)
    assert drawn.shape == raw.shape
    assert (drawn[valid] == 0).mean() < 0.015
    # white is what the file itself holds at its ceiling (SARCLIP cuts at 0 dB), and the one brightest pixel
    ceiling = raw >= np.nanmax(raw) - 0.01
    assert (drawn[valid & ~ceiling] == 255).mean() < 0.01
    low, middle, high = np.percentile(drawn[valid], [5, 50, 95])
    assert low < 60
    assert 80 < middle < 170
    assert high > 150
    assert drawn[valid].std() > 35
    # the same order as the decibels
    order = np.argsort(raw[valid], kind="stable")
    assert (np.diff(drawn[valid][order].astype(int)) >= 0).all()


@pytest.mark.parametrize("name", AMPLITUDES)
def test_sixteen_bit_land_keeps_its_texture_and_its_bright_points(samples: Path, name: str) -> None:
    raw = _raw(samples / name)
    drawn = decode_image(samples / name, IMAGES)[..., 0]
    land = raw > 0  # the border of the swath is 0 in the file
    assert 0.2 < (~land).mean() < 0.3
    assert (drawn[~land] == 0).all()
    assert (drawn[land] == 0).mean() < 0.005
    assert (drawn == 255).mean() < 1e-4
    assert 25 < np.median(drawn[land]) < 90
    bright = raw > np.percentile(raw[land], 99.9)
    assert drawn[bright].mean() > np.median(drawn[land]) + 140
    assert len(np.unique(drawn[bright])) > 20  # bent, not cut off


def test_bands_last_is_read_as_two_bands_of_one_image(samples: Path) -> None:
    path = samples / "geotiff" / "sarclip_example_vv_vh.tif"
    assert image_size(path) == (224, 224)
    assert decode_image(path, IMAGES, "sar").shape == (224, 224, 1)
    assert decode_image(path, IMAGES, "optical").shape == (224, 224, 3)
    # the first band, VV, alone: drawn again from the file's own values it correlates, VH less so
    import rasterio

    with rasterio.open(path) as raster:
        vv, vh = raster.read().astype(np.float64)
    drawn = decode_image(path, IMAGES, "sar")[..., 0].ravel()
    assert np.corrcoef(drawn, vv.ravel())[0, 1] > 0.99
    assert np.corrcoef(drawn, vh.ravel())[0, 1] < 0.95


def test_a_chip_of_nothing_but_nan_is_refused(samples: Path) -> None:
    with pytest.raises(DecodeError, match="no valid pixel"):
        decode_image(samples / "sen1floods11" / "S1" / "Paraguay_34417_S1Hand.tif", IMAGES)


def test_the_percentiles_are_parameters(samples: Path) -> None:
    """A lower high percentile lifts the clutter; a higher low percentile blackens more of it."""
    path = samples / AMPLITUDES[0]
    land = _raw(path) > 0

    def median(**more: float) -> float:
        images = IMAGES.model_copy(update=more)
        return float(np.median(decode_image(path, images)[..., 0][land]))

    assert median(stretch_high=90.0) > 1.5 * median()
    assert median(stretch_low=40.0) < median()
