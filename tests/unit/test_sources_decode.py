"""Decoding: channels, depths, the stretch, and files that are broken or mean harm."""

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from sources_files import colours, grey, written

from sartext.core.config import ImagesConfig
from sartext.sources import DecodeError, decode_image, image_size, resize
from sartext.sources.decode import PIXEL_LIMIT, stretch

IMAGES = ImagesConfig(size=32, max_rejected_share=0.1)


def _tiff(path: Path, bands: Any, **more: Any) -> Path:
    import rasterio

    bands = np.asarray(bands)
    count, height, width = bands.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            path, "w", driver="GTiff", width=width, height=height, count=count, dtype=bands.dtype, **more
        ) as raster:
            raster.write(bands)
    return path


def _png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    """A PNG assembled by its specification."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_sar_has_one_channel_and_optical_three(tmp_path: Path) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    flat = colours(tmp_path / "flat.png", pixels)
    stacked = colours(tmp_path / "stacked.png", np.repeat(pixels[..., None], 3, axis=2))
    for path in (flat, stacked):
        np.testing.assert_array_equal(decode_image(path, IMAGES, "sar"), pixels[..., None])
        optical = decode_image(path, IMAGES, "optical")
        np.testing.assert_array_equal(optical, np.repeat(pixels[..., None], 3, axis=2))


def test_unequal_channels_of_sar_are_averaged_and_alpha_is_left_out(tmp_path: Path) -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[..., :3] = [10, 20, 31]  # mean 20.33
    rgba[0, 0, :3] = [0, 0, 2]  # mean 0.67
    decoded = decode_image(colours(tmp_path / "a.png", rgba), IMAGES, "sar")
    assert decoded[..., 0].tolist() == [[1, 20], [20, 20]]
    optical = decode_image(tmp_path / "a.png", IMAGES, "optical")
    assert optical[1, 1].tolist() == [10, 20, 31]


def test_palette_and_bilevel_images(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([0, 0, 0, 30, 60, 90])
    image.save(tmp_path / "p.png")
    assert decode_image(tmp_path / "p.png", IMAGES, "optical")[0, 1].tolist() == [30, 60, 90]
    Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1").save(tmp_path / "b.png")
    assert decode_image(tmp_path / "b.png", IMAGES)[0, :, 0].tolist() == [0, 255]


def test_eight_bit_tiff_is_not_stretched(tmp_path: Path) -> None:
    bands = np.random.default_rng(0).integers(50, 60, (3, 5, 7), dtype=np.uint8)
    path = _tiff(tmp_path / "a.tif", bands, photometric="RGB")
    np.testing.assert_array_equal(decode_image(path, IMAGES, "optical"), np.moveaxis(bands, 0, -1))


def test_a_file_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    grey(tmp_path / "a.png", 6, 4)
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    assert image_size(tmp_path / "a.tif") == (6, 4)
    assert decode_image(tmp_path / "a.tif", IMAGES).shape == (4, 6, 1)


def test_decibels_keep_their_order_and_do_not_saturate(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    decibels = generator.normal(-15, 4, (2, 100, 100)).astype(np.float32)
    decibels[0, 0, 0] = 12  # one corner reflector
    path = _tiff(tmp_path / "a.tif", decibels)
    decoded = decode_image(path, IMAGES)[..., 0]
    assert decoded.shape == (100, 100)
    order = np.argsort(decibels[0].ravel(), kind="stable")
    assert (np.diff(decoded.ravel()[order].astype(int)) >= 0).all()
    assert decoded[0, 0] == 255
    assert (decoded == 255).mean() < 0.002  # the reflector alone is white
    assert decoded.std() > 30


def test_ships_in_sixteen_bit_amplitude_stand_out_from_the_sea(tmp_path: Path) -> None:
    """Rayleigh clutter and ships of 0.3% of the pixels, below the share that the high percentile cuts off."""
    amplitude = np.random.default_rng(2).rayleigh(40, (200, 200))
    amplitude[50:56, 50:60] = 3000
    amplitude[120:126, 20:30] = 600
    path = _tiff(tmp_path / "a.tif", amplitude[None].astype(np.uint16))
    decoded = decode_image(path, IMAGES)[..., 0].astype(float)
    ships = np.zeros((200, 200), bool)
    ships[50:56, 50:60] = ships[120:126, 20:30] = True
    assert decoded[50:56, 50:60].min() > decoded[120:126, 20:30].max()
    assert decoded[ships].min() > decoded[~ships].max()  # a plain clip draws both 255
    assert 30 < decoded[~ships].mean() < 120  # and the sea is not drowned in black


def test_no_data_and_nan_are_black_and_do_not_move_the_stretch(tmp_path: Path) -> None:
    values = np.linspace(-20, -5, 100, dtype=np.float32).reshape(1, 10, 10)
    holed = values.copy()
    holed[0, 0, 0], holed[0, 9, 9] = np.nan, -99
    with_holes = decode_image(_tiff(tmp_path / "a.tif", holed, nodata=-99), IMAGES)[..., 0]
    assert with_holes[0, 0] == with_holes[9, 9] == 0
    whole = decode_image(_tiff(tmp_path / "b.tif", values), IMAGES)[..., 0]
    assert np.abs(whole.astype(int) - with_holes)[1:9].max() <= 4


@pytest.mark.parametrize("value", [np.nan, np.inf, -99])
def test_a_raster_without_a_valid_pixel_is_refused(tmp_path: Path, value: float) -> None:
    path = _tiff(tmp_path / "a.tif", np.full((2, 4, 4), value, np.float32), nodata=-99)
    with pytest.raises(DecodeError, match="no valid pixel"):
        decode_image(path, IMAGES)


def test_sentinel_2_is_drawn_in_its_natural_colours(tmp_path: Path) -> None:
    bands = np.zeros((13, 4, 4), np.int16)
    bands[3], bands[2], bands[1] = 900, 600, 300  # B4 red, B3 green, B2 blue
    bands[:, 0, 0] = 0
    decoded = decode_image(_tiff(tmp_path / "a.tif", bands), IMAGES, "optical")
    red, green, blue = (int(value) for value in decoded[2, 2])
    assert red > green > blue > 0


def test_complex_data_is_drawn_by_magnitude(tmp_path: Path) -> None:
    values = (np.arange(16).reshape(1, 4, 4) * 1j).astype(np.complex64)
    decoded = decode_image(_tiff(tmp_path / "a.tif", values), IMAGES)[..., 0]
    assert (np.diff(decoded.ravel().astype(int)) >= 0).all()
    assert decoded.max() == 255


def test_sixteen_bit_png_keeps_its_low_bits(tmp_path: Path) -> None:
    rows = b"".join(
        b"\0" + b"".join(struct.pack(">HHH", 10 * x, 20 * x, 30 * x) for x in range(4)) for _ in range(3)
    )
    path = written(tmp_path / "a.png", _png(4, 3, 16, 2, zlib.compress(rows)))
    decoded = decode_image(path, IMAGES, "optical")
    assert len(np.unique(decoded[0, :, 2])) == 4  # all are 0 in the high byte


@settings(max_examples=80, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.integers(1, 60),
        elements=st.floats(-100, 1e6, width=32, allow_nan=False, allow_infinity=False),
    )
)
def test_the_stretch_never_turns_the_order_round(values: Any) -> None:
    drawn = stretch(values, np.ones(values.shape, bool), 1.0, 99.0).astype(int)
    assert (np.diff(drawn[np.argsort(values, kind="stable")]) >= 0).all()
    if values.max() > values.min():
        assert drawn[np.argmax(values)] == 255


def test_resizing_does_not_alias(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 200
    small = resize(stripes, 16)
    assert small.shape == (16, 16, 1)
    assert np.abs(small.astype(int) - 100).max() < 12  # the mean, not every fourth column
    assert resize(np.zeros((5, 9, 3), np.uint8), 4).shape == (4, 4, 3)


def test_an_enlarged_ramp_stays_a_ramp() -> None:
    ramp = np.repeat(np.arange(0, 160, 10, dtype=np.uint8)[None, :, None], 16, axis=0)
    large = resize(ramp, 64)[32, :, 0].astype(int)
    assert (np.diff(large) >= 0).all()


def _faults() -> list[tuple[str, Any, str]]:
    whole = _png(64, 64, 8, 0, zlib.compress(b"\0" + bytes(64) * 1 + (b"\0" + bytes(64)) * 63))
    bomb = _png(60000, 60000, 8, 0, zlib.compress(bytes(1000)))
    wide = _png(11000, 9000, 8, 0, zlib.compress(bytes(1000)))
    return [
        ("truncated.png", whole[:60], "cannot be decoded"),
        ("checksum.png", whole[:-20] + bytes(4) + whole[-16:], "cannot be decoded"),
        ("empty.png", b"", "not an image of a known format"),
        ("text.jpg", b"<html>404 Not Found</html>", "not an image of a known format"),
        ("empty.tif", b"", "not an image of a known format"),
        ("header.tif", b"II*\0" + bytes(40), "cannot be opened"),
        ("bomb.png", bomb, "DecompressionBomb"),
        ("wide.png", wide, "DecompressionBomb"),
        ("script.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    ]


@pytest.mark.parametrize(("name", "content", "said"), _faults(), ids=lambda value: str(value)[:12])
def test_a_broken_file_is_one_line_and_no_warning(
    tmp_path: Path, name: str, content: bytes, said: str, recwarn: pytest.WarningsRecorder
) -> None:
    with pytest.raises(DecodeError) as error:
        decode_image(written(tmp_path / name, content), IMAGES)
    assert said in str(error.value)
    assert name in str(error.value)
    assert "\n" not in str(error.value)
    assert not recwarn.list


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_truncated_jpeg_or_tiff_is_refused(tmp_path: Path, kept: float) -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (64, 64), dtype=np.uint8)
    colours(tmp_path / "a.jpg", pixels)
    _tiff(tmp_path / "a.tif", np.random.default_rng(3).normal(size=(1, 64, 64)).astype(np.float32))
    for name in ("a.jpg", "a.tif"):
        whole = (tmp_path / name).read_bytes()
        written(tmp_path / f"cut-{name}", whole[: int(len(whole) * kept)])
        with pytest.raises(DecodeError, match="cut-"):
            decode_image(tmp_path / f"cut-{name}", IMAGES)


def test_a_raster_over_the_limit_is_refused_by_its_header(tmp_path: Path) -> None:
    import rasterio

    side = int(PIXEL_LIMIT**0.5) + 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            tmp_path / "a.tif", "w", driver="GTiff", width=side, height=side, count=1, dtype="uint8",
            sparse_ok=True, tiled=True,
        ):  # fmt: skip
            pass
    with pytest.raises(DecodeError, match="over the limit"):
        decode_image(tmp_path / "a.tif", IMAGES)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r"gone\.png: no such file"):
        decode_image(tmp_path / "gone.png", IMAGES)
