"""Images of any depth to 8 bits.

8-bit PNG, JPEG and BMP are read by Pillow; TIFF and 16-bit PNG by rasterio (GDAL). Which one it is is told by
the first bytes, not by the name (OpenSARShip has JPEG files called ``.tif``), and no other driver is enabled,
since images come from outside.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sartext.core.config import ImagesConfig
from sartext.core.errors import UserError
from sartext.core.records import Modality

Pixels = npt.NDArray[np.uint8]

# Pillow's own limit: a quarter of a gigabyte of 24-bit pixels
PIXEL_LIMIT = 1024 * 1024 * 1024 // 4 // 3
_PILLOW_FORMATS = ("PNG", "JPEG", "BMP")
# classic TIFF and BigTIFF, little and big endian
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# grey that the high percentile is drawn in; the brightest pixel of all is white
_KNEE = 0.8


class DecodeError(UserError):
    """An image that cannot be used; `reason` says why, without its name."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; expected an image that opens (PNG, JPEG, BMP, TIFF)")
        self.reason = " ".join(reason.split())


def raster_driver(path: Path) -> str | None:
    """Return the GDAL driver that reads a file, or None if Pillow does.

    A PNG of 16 bits a channel (PNG specification, IHDR) is for GDAL: Pillow cuts its colours to 8.
    """
    with path.open("rb") as stream:
        start = stream.read(25)
    if start[:4] in _TIFF_STARTS:
        return "GTiff"
    is_png_16 = start[:8] == b"\x89PNG\r\n\x1a\n" and len(start) == 25 and start[24] == 16
    return "PNG" if is_png_16 else None


def _check_limit(path: Path, width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise DecodeError(path, f"has no pixels ({width}x{height})")
    if width * height > PIXEL_LIMIT:
        raise DecodeError(path, f"{width}x{height} pixels are over the limit of {PIXEL_LIMIT}")


@contextmanager
def quiet() -> Iterator[None]:
    """Turn Pillow's warning of a decompression bomb into an error, and silence rasterio's on places."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _open(path: Path) -> Any:
    """Return a file opened by Pillow (`Image.Image`) or rasterio, its header read and no more."""
    try:
        driver = raster_driver(path)
        if driver is None:
            return Image.open(path, formats=_PILLOW_FORMATS)
        import rasterio

        return rasterio.open(path, driver=driver)
    except Exception as error:  # decoders raise what they like on a broken file
        raise DecodeError(path, f"cannot be opened ({_said(error)})") from None


def image_size(path: Path) -> tuple[int, int]:
    """Return an image's width and height in pixels, from its header alone.

    Raises:
        DecodeError: the header cannot be read, or the image has no pixels or too many.
    """
    with quiet(), _open(path) as image:
        width, height = int(image.width), int(image.height)
    _check_limit(path, width, height)
    return width, height


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "cannot identify image file" in text:
        text = "not an image of a known format"
    return f"{type(error).__name__}: {text}"[:160] if text else type(error).__name__


def decode_image(path: Path, images: ImagesConfig, modality: Modality = "sar") -> Pixels:
    """Read an image as 8 bits.

    SAR has one channel: the mean of the channels of an 8-bit colour image (publishers store grey as three
    equal channels), the first band of a raster of more bits (VV of a VV and VH product). Optical has three:
    grey is repeated; of a raster the bands marked red, green and blue, or bands 4, 3, 2 of Sentinel-2's 12
    or 13, or the first three. Alpha is left out. More than 8 bits are stretched (see `stretch`), all
    channels alike; complex data by magnitude.

    Args:
        path: the file.
        images: the percentiles of the stretch.
        modality: ``sar`` or ``optical``.

    Returns:
        uint8 (H, W, 1) for SAR, (H, W, 3) for optical.

    Raises:
        DecodeError: missing, truncated, not an image, over the pixel limit, or without a valid pixel.
    """
    if not path.is_file():
        raise DecodeError(path, "no such file")
    with quiet(), _open(path) as image:
        _check_limit(path, image.width, image.height)
        try:
            if isinstance(image, Image.Image):
                return _decode_pillow(image, modality)
            return _decode_raster(path, image, images, modality)
        except DecodeError:
            raise
        except Exception as error:  # decoders raise what they like on a broken file
            raise DecodeError(path, f"cannot be decoded ({_said(error)})") from None


def _decode_pillow(image: Image.Image, modality: Modality) -> Pixels:
    # palette, bilevel, CMYK and alpha become plain colour or grey
    mode = "L" if image.mode in ("L", "1", "LA") else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return _channels(pixels if pixels.ndim == 3 else pixels[..., None], modality)


def _channels(pixels: Pixels, modality: Modality) -> Pixels:
    """One channel for SAR, three for optical, from uint8 (H, W, 1 or 3)."""
    if modality == "optical":
        return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    if pixels.shape[2] == 1:
        return pixels
    total = pixels.astype(np.uint16).sum(axis=2, keepdims=True)
    mean: Pixels = ((2 * total + 3) // 6).astype(np.uint8)  # rounded half up
    return mean


def _bands(raster: Any, modality: Modality) -> list[int]:
    """Indices, from 1, of the bands to read."""
    names = [interpretation.name for interpretation in raster.colorinterp]
    colours = [names.index(colour) + 1 for colour in ("red", "green", "blue") if colour in names]
    if len(colours) == 3 and (modality == "optical" or raster.dtypes[0] == "uint8"):
        return colours
    if modality == "sar" or raster.count < 3:
        return [1]
    return [4, 3, 2] if raster.count in (12, 13) else [1, 2, 3]


def _decode_raster(path: Path, raster: Any, images: ImagesConfig, modality: Modality) -> Pixels:
    if raster.colorinterp[0].name == "palette":
        table = raster.colormap(1)
        lookup = np.array([table.get(value, (0, 0, 0))[:3] for value in range(256)], dtype=np.uint8)
        indices: npt.NDArray[np.uint8] = raster.read(1)
        return _channels(lookup[indices].astype(np.uint8), modality)
    bands = raster.read(_bands(raster, modality))
    nodata = raster.nodata
    if np.iscomplexobj(bands):
        bands = np.abs(bands)
    pixels = np.moveaxis(bands, 0, -1)
    if pixels.dtype == np.uint8:
        return _channels(np.ascontiguousarray(pixels), modality)
    valid = np.isfinite(pixels)
    if nodata is not None and np.isfinite(nodata):
        valid &= pixels != nodata
    if not valid.any():
        raise DecodeError(path, "has no valid pixel (all NaN or no data)")
    return _channels(stretch(pixels, valid, images.stretch_low, images.stretch_high), modality)


def stretch(values: npt.NDArray[Any], valid: npt.NDArray[np.bool_], low: float, high: float) -> Pixels:
    """Draw a raster of more than 8 bits in 8.

    Straight from black at percentile `low` to 80% grey at percentile `high`, and from there bent, so that
    the brightest pixel is white: in a scene of sea the high percentile is still clutter, and a plain clip
    would draw ships no brighter than it. The bend is straight too for decibels (known by values below 0),
    logarithmic for amplitude or intensity, whose brightest points are tens of times the percentile.

    Args:
        values: any real dtype, any shape; decibels, or linear.
        valid: bool of the same shape; at least one is true. The rest is drawn black.
        low: percentile of the valid values, 0 to 100.
        high: the same, above `low`.

    Returns:
        uint8 of the same shape.
    """
    chosen = values[valid].astype(np.float64)
    bottom, knee = (float(value) for value in np.percentile(chosen, [low, high]))
    top = float(chosen.max())
    if top <= bottom:
        return np.zeros(values.shape, np.uint8)  # one value all over: no contrast to draw
    height = _KNEE if top > knee else 1.0
    scale = knee - bottom if knee > bottom else top - bottom  # all but a few pixels may have one value
    drawn = np.clip((chosen - bottom) / scale, 0, 1) * height if knee > bottom else np.zeros_like(chosen)
    above = chosen > knee
    if above.any():
        excess, limit = (chosen[above] - knee) / scale, (top - knee) / scale
        bent = excess / limit if chosen.min() < 0 else np.log1p(excess) / np.log1p(limit)
        drawn[above] = height + (1 - height) * bent
    result = np.zeros(values.shape, np.uint8)
    result[valid] = np.rint(drawn * 255).astype(np.uint8)
    return result


def resize(image: Pixels, size: int) -> Pixels:
    """Return uint8 (size, size, C) of uint8 (H, W, C), bicubic with antialiasing.

    The whole image is kept, so one that is not square changes its proportions: captions speak of places in
    it.
    """
    squeezed = image[..., 0] if image.shape[2] == 1 else image
    resized = Image.fromarray(squeezed).resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(resized)
    return pixels[..., None] if pixels.ndim == 2 else pixels
