"""Mask rasters: class masks to shares of cover and boxes, instance masks to boxes.

Mask to box follows RemoteCLIP's M2B (Liu et al., RemoteCLIP, TGRS 2024), which boxes each connected part of a
class by its border (Suzuki's borders are 8-connected, so are the components here).
"""

import reprlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sartext.core.errors import UserError
from sartext.sources.decode import DecodeError, image_size, quiet, raster_driver
from sartext.sources.entries import RawBox
from sartext.sources.rejects import SetAsideError

MaskKind = Literal["semantic", "instance"]
Codes = npt.NDArray[np.int64]
Wanted = Literal["numbers", "colours", "either"]

_RED, _GREEN = 1 << 16, 1 << 8
_LARGEST = (1 << 31) - 1


@dataclass(frozen=True)
class MaskClasses:
    """What the values of a mask mean; colours are packed as red * 65536 + green * 256 + blue.

    Attributes:
        kind: ``semantic`` (a value is a class) or ``instance`` (a value is one object).
        colours: whether values are colours.
        values: class to value, for semantic masks.
        background: values that are no class, counted in the shares.
        ignore: values of no data, left out of the shares, as is the no data of a GeoTIFF's own tag unless it
            is one of these values.
        boxed: classes whose connected parts are boxed.
        instance_label: class of every object of an instance mask.
    """

    kind: MaskKind
    colours: bool
    values: dict[str, int]
    background: frozenset[int]
    ignore: frozenset[int]
    boxed: frozenset[str] = frozenset()
    instance_label: str = ""


def _packed(value: Any, where: str) -> tuple[int, bool]:
    if isinstance(value, int) and not isinstance(value, bool):
        return value, False
    if (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(isinstance(part, int) and 0 <= part <= 255 for part in value)
    ):
        return value[0] * _RED + value[1] * _GREEN + value[2], True
    raise UserError(
        f"{where}: {reprlib.repr(value):.40}: expected a whole number or a colour [red, green, blue] "
        "of 0 to 255"
    )


def mask_classes(
    where: str,
    classes: Mapping[str, Any],
    background: Sequence[Any],
    ignore: Sequence[Any],
    kind: MaskKind,
    boxed: frozenset[str] | None = frozenset(),
    instance_label: str = "",
) -> MaskClasses:
    """Check and pack the meaning of mask values.

    Args:
        where: what to name in errors.
        classes: class to value or colour, for semantic masks.
        background: values that are no class; black or 0 for instance masks if empty.
        ignore: values of no data.
        kind: see `MaskClasses`.
        boxed: classes to box; None for all of them.
        instance_label: class of an instance mask's objects.

    Raises:
        UserError: values and colours are mixed, a value is given twice, or classes are missing.
    """
    if kind == "instance":
        if not instance_label:
            raise UserError(f"{where}: an instance mask needs the class of its objects (mask_class)")
        packed_background = {_packed(value, f"{where}: background")[0] for value in background} or {0}
        packed_ignore = {_packed(value, f"{where}: ignore")[0] for value in ignore}
        return MaskClasses(
            kind,
            True,
            {},
            frozenset(packed_background),
            frozenset(packed_ignore),
            frozenset(),
            instance_label,
        )
    if not classes:
        raise UserError(f"{where}: classes: missing; expected each class's value or colour in the mask")
    named = [(f"classes.{name}", name, value) for name, value in classes.items()]
    named += [("background", "", value) for value in background] + [("ignore", "", value) for value in ignore]
    seen: dict[int, str] = {}
    colours: bool | None = None
    for key, _, value in named:
        packed, is_colour = _packed(value, f"{where}: {key}")
        if colours is not None and colours != is_colour:
            raise UserError(f"{where}: {key}: whole numbers and colours are mixed; expected one kind")
        colours = is_colour
        if packed in seen:
            raise UserError(f"{where}: {key}: {value} is {seen[packed]}'s value too")
        seen[packed] = key
    unknown = sorted((boxed or frozenset()) - set(classes))
    if unknown:
        raise UserError(f"{where}: mask_boxes: {unknown[0]!r} is none of {', '.join(classes)}")
    return MaskClasses(
        kind,
        bool(colours),
        {name: _packed(value, where)[0] for name, value in classes.items()},
        frozenset(_packed(value, where)[0] for value in background),
        frozenset(_packed(value, where)[0] for value in ignore),
        frozenset(classes) if boxed is None else boxed,
    )


def _raster(path: Path, driver: str) -> tuple[npt.NDArray[Any], float | None]:
    """A raster's pixels and the value that its own tag says is no data."""
    import rasterio

    with rasterio.open(path, driver=driver) as raster:
        bands = raster.read([1, 2, 3] if raster.count >= 3 else [1])
        nodata = raster.nodata
    pixels = np.moveaxis(bands, 0, -1)
    return pixels if pixels.shape[2] == 3 else pixels[..., 0], nodata


def _pillow(path: Path, wanted: Wanted) -> npt.NDArray[Any]:
    from PIL import Image

    with Image.open(path, formats=("PNG", "BMP", "JPEG")) as image:
        if image.mode == "P" and wanted == "numbers":
            return np.array(image)  # a palette's indices are the classes
        if image.mode in ("P", "RGBA", "CMYK", "LA", "PA"):
            return np.array(image.convert("RGB"))
        return np.array(image)


def _is_data(
    pixels: npt.NDArray[Any], nodata: float | None, wanted: Wanted, meant: Collection[int]
) -> npt.NDArray[np.bool_]:
    """Where a raster is not what its own tag says is no data, bool (H, W); a value that is meant is data."""
    packed = wanted == "colours" or pixels.ndim == 3
    if nodata is None or nodata * (_RED + _GREEN + 1 if packed else 1) in meant:
        return np.ones(pixels.shape[:2], bool)
    differs: npt.NDArray[np.bool_] = pixels != nodata
    return np.asarray(differs.any(axis=2)) if differs.ndim == 3 else differs


def read_codes(
    path: Path, wanted: Wanted, meant: Collection[int] = ()
) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Read a mask.

    Args:
        path: PNG, BMP or TIFF, of whole numbers or of colours.
        wanted: whole ``numbers``, ``colours`` packed (grey is a colour too), or ``either`` as it comes.
        meant: codes that mean something, even where the file itself calls one of them no data.

    Returns:
        int64 (H, W) codes, and bool (H, W), false where a raster holds no number, or what its own tag says
        is no data.

    Raises:
        SetAsideError: it cannot be read, or holds what is not wanted.
    """
    try:
        image_size(path)
        driver = raster_driver(path)
        with quiet():
            pixels, nodata = _raster(path, driver) if driver else (_pillow(path, wanted), None)
    except DecodeError as error:
        raise SetAsideError(f"mask {path.name} {error.reason}") from None
    except Exception as error:  # decoders raise what they like on a broken file
        raise SetAsideError(f"mask {path.name} cannot be decoded ({type(error).__name__})") from None
    if pixels.ndim == 3 and wanted == "numbers":
        if not (pixels == pixels[..., :1]).all():
            raise SetAsideError(f"mask {path.name} is in colours; expected whole numbers")
        pixels = pixels[..., 0]
    known = _is_data(pixels, nodata, wanted, meant)
    if np.issubdtype(pixels.dtype, np.floating):
        finite = np.isfinite(pixels)
        known &= finite if finite.ndim == 2 else finite.all(axis=2)
        whole = np.where(known if pixels.ndim == 2 else known[..., None], pixels, 0)
        if (whole != np.rint(whole)).any():
            raise SetAsideError(f"mask {path.name} holds fractions; expected whole numbers")
        if (np.abs(whole) > _LARGEST).any():
            raise SetAsideError(f"mask {path.name} holds {np.abs(whole).max():g}; expected values of classes")
        pixels = whole.astype(np.int64)
    if not np.can_cast(pixels.dtype, np.int64, "same_kind"):
        raise SetAsideError(f"mask {path.name} holds {pixels.dtype} values; expected whole numbers")
    codes = pixels.astype(np.int64)
    if codes.ndim == 3:
        return codes[..., 0] * _RED + codes[..., 1] * _GREEN + codes[..., 2], known
    return (codes * (_RED + _GREEN + 1) if wanted == "colours" else codes), known


def component_boxes(region: npt.NDArray[np.bool_], label: str, record: str) -> list[RawBox]:
    """Return a box around each 8-connected part of `region`, bool (H, W), in reading order of their tops."""
    from scipy import ndimage

    numbered, _ = ndimage.label(region, structure=np.ones((3, 3), int))
    return [
        _box(place, label, f"{record} {label} {position}")
        for position, place in enumerate(ndimage.find_objects(numbered))
    ]


def _box(place: tuple[slice, ...], label: str, record: str) -> RawBox:
    rows, columns = place
    return RawBox(
        record,
        label,
        float(columns.start),
        float(rows.start),
        float(columns.stop - columns.start),
        float(rows.stop - rows.start),
    )


def valid_pixels(codes: Codes, known: npt.NDArray[np.bool_], classes: MaskClasses) -> npt.NDArray[np.bool_]:
    """Return where a mask says anything, bool (H, W): known, and none of the values to ignore."""
    valid = known.copy()
    for value in classes.ignore:
        valid &= codes != value
    return valid


def semantic_content(
    codes: Codes, known: npt.NDArray[np.bool_], classes: MaskClasses, record: str
) -> tuple[dict[str, float], list[RawBox]]:
    """Return the share of valid pixels of each class that occurs, and boxes of the classes to box.

    Raises:
        SetAsideError: a value is neither class, background nor ignored; or no pixel is valid.
    """
    valid = valid_pixels(codes, known, classes)
    pixels = int(np.count_nonzero(valid))
    if pixels == 0:
        raise SetAsideError(f"mask {record} has no valid pixel")
    named = ~valid
    cover: dict[str, float] = {}
    boxes: list[RawBox] = []
    for name, value in classes.values.items():
        region = valid & (codes == value)
        count = int(np.count_nonzero(region))
        if count:
            cover[name] = count / pixels
            named |= region
            if name in classes.boxed:
                boxes += component_boxes(region, name, record)
    for value in classes.background:
        named |= codes == value
    if not named.all():
        value = int(codes[~named][0])
        shown = [value >> 16 & 255, value >> 8 & 255, value & 255] if classes.colours else value
        share = float(np.count_nonzero(~named)) / named.size
        raise SetAsideError(
            f"mask {record} holds {shown}, {share:.2%} of its pixels, which is no class, background or ignore"
        )
    return cover, boxes


def instance_boxes(codes: Codes, classes: MaskClasses, record: str) -> list[RawBox]:
    """Return a box around each instance's pixels, whether they hang together or not, by rising id."""
    from scipy import ndimage

    ids, numbered = np.unique(codes, return_inverse=True)
    places = ndimage.find_objects(numbered.reshape(codes.shape) + 1)
    return [
        _box(place, classes.instance_label, f"{record} instance {identity}")
        for identity, place in zip(ids.tolist(), places, strict=True)
        if identity not in classes.background and identity not in classes.ignore
    ]


def _mask_codes(path: Path, classes: MaskClasses) -> tuple[Codes, npt.NDArray[np.bool_]]:
    meant = {*classes.values.values(), *classes.background, *classes.ignore}
    if classes.kind == "instance":
        return read_codes(path, "either", meant)
    return read_codes(path, "colours" if classes.colours else "numbers", meant)


def read_mask(path: Path, classes: MaskClasses) -> tuple[int, int, dict[str, float], list[RawBox]]:
    """Read one mask as its meaning.

    Returns:
        Width, height, share of valid pixels by class (empty for instance masks), boxes.

    Raises:
        SetAsideError: it cannot be read, or holds values that mean nothing.
    """
    codes, known = _mask_codes(path, classes)
    height, width = codes.shape
    if classes.kind == "instance":
        if not known.any():
            raise SetAsideError(f"mask {path.name} has no valid pixel")
        codes = np.where(known, codes, min(classes.background))
        return width, height, {}, instance_boxes(codes, classes, path.name)
    cover, boxes = semantic_content(codes, known, classes, path.name)
    return width, height, cover, boxes


def window_covers(
    path: Path, classes: MaskClasses, windows: Sequence[tuple[int, int, int, int]]
) -> list[dict[str, float] | None]:
    """Return what parts of a mask cover, each by itself.

    Args:
        path: a mask that `read_mask` reads.
        classes: what its values mean.
        windows: left, top, right, bottom of each part, pixels.

    Returns:
        For each part the share of its valid pixels by class that occurs (empty for instance masks), None
        where it has no valid pixel.

    Raises:
        SetAsideError: the mask cannot be read.
    """
    codes, known = _mask_codes(path, classes)
    covers: list[dict[str, float] | None] = []
    for left, top, right, bottom in windows:
        part = codes[top:bottom, left:right]
        valid = valid_pixels(part, known[top:bottom, left:right], classes)
        pixels = int(np.count_nonzero(valid))
        counts = {
            name: int(np.count_nonzero(valid & (part == value))) for name, value in classes.values.items()
        }
        covers.append({name: count / pixels for name, count in counts.items() if count} if pixels else None)
    return covers
