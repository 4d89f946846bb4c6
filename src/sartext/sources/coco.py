"""COCO detection files: boxes, polygons and run-length masks.

Format: https://cocodataset.org/#format-data. ``bbox`` is [x, y, width, height] in pixels from the upper left
corner; where it is missing, the box is drawn around ``segmentation``.
"""

import math
from pathlib import Path
from typing import Any

from sartext.core.errors import UserError
from sartext.core.files import read_json
from sartext.sources.entries import Entry, RawBox
from sartext.sources.rejects import Reject, SetAsideError

_EXPECTED = "a COCO file with 'images', 'annotations' and 'categories'"
_TOO_LARGE = "a coordinate is too large to be a number of pixels"
# no image has a side of more pixels, and no run-length mask more of them (pycocotools counts in 32 bits)
_LARGEST = (1 << 31) - 1
# what numbers of JSON become; true is none, though Python holds it a whole number
_NUMBERS = frozenset((int, float))


def _is_number(value: Any) -> bool:
    return type(value) in _NUMBERS


def _is_id(value: Any) -> bool:
    """Whether `value` names a record: true is no id, though Python holds it equal to 1."""
    return type(value) is int or isinstance(value, str)


def _is_name(value: Any) -> bool:
    """Whether `value` can be a class's name; some files number their classes."""
    return isinstance(value, str) or _is_number(value)


def _side(value: Any) -> int | None:
    """A width or height, or None where the file does not know it (0 in some)."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if _is_number(value) and whole and 1 <= value <= _LARGEST else None


def _lists(path: Path) -> tuple[list[Any], list[Any], list[Any]]:
    content = read_json(path, _EXPECTED)
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected {_EXPECTED}, found a {type(content).__name__}")
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list):
            raise UserError(f"{path}: {key}: expected a list; a COCO file has it at the top")
    return content["images"], content["annotations"], content["categories"]


def _box_of_segmentation(segmentation: Any, width: int | None, height: int | None) -> list[float]:
    if isinstance(segmentation, list) and segmentation:
        polygons = segmentation if isinstance(segmentation[0], list) else [segmentation]
        numbers: list[float] = []
        for polygon in polygons:
            if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
                raise SetAsideError("segmentation: expected polygons of three points or more", "box")
            try:
                finite = all(_is_number(number) and math.isfinite(number) for number in polygon)
            except OverflowError:
                raise SetAsideError(_TOO_LARGE, "box") from None
            if not finite:
                raise SetAsideError("segmentation: expected finite numbers only", "box")
            numbers += polygon
        left, top = min(numbers[0::2]), min(numbers[1::2])
        return [left, top, max(numbers[0::2]) - left, max(numbers[1::2]) - top]
    if isinstance(segmentation, dict):
        return _box_of_rle(segmentation, width, height)
    raise SetAsideError("has neither a 'bbox' of four numbers nor a 'segmentation'", "box")


def _box_of_rle(rle: dict[str, Any], width: int | None, height: int | None) -> list[float]:
    from pycocotools import mask as coco_mask

    size, counts = rle.get("size"), rle.get("counts")
    # the library is C and believes what it is given: check before calling it
    if not (isinstance(size, list) and len(size) == 2 and all(_side(side) for side in size)):
        raise SetAsideError("segmentation.size: expected [height, width]", "box")
    if (height is not None and size[0] != height) or (width is not None and size[1] != width):
        raise SetAsideError(f"segmentation.size: {size} is not the image's [{height}, {width}]", "box")
    high, wide = int(size[0]), int(size[1])
    if high * wide > _LARGEST:
        raise SetAsideError(f"segmentation.size: {high}x{wide} pixels are too many", "box")
    if isinstance(counts, str):
        counts = _runs_of_text(counts)
    if not isinstance(counts, list) or not counts:
        raise SetAsideError("segmentation.counts: expected a list of runs or COCO's run-length text", "box")
    if not all(type(run) is int and run >= 0 for run in counts):
        raise SetAsideError("segmentation.counts: expected runs of 0 or more pixels", "box")
    if sum(counts) != high * wide:
        raise SetAsideError("segmentation.counts: the runs do not add up to the image", "box")
    encoded = coco_mask.frPyObjects({"size": [high, wide], "counts": counts}, high, wide)
    return [float(number) for number in coco_mask.toBbox(encoded)]


def _runs_of_text(text: str) -> list[int]:
    """Runs of COCO's compressed text (cocoapi, ``rleFrString``).

    A letter carries five bits, its sixth says that more follow, and from the fourth run on a number is the
    difference to the run before the last. The library reads past the end of a text that breaks off.
    """
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or shift > 30:
            raise SetAsideError("segmentation.counts: is no run-length text of COCO's", "box")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise SetAsideError("segmentation.counts: the run-length text breaks off", "box")
    return runs


def _raw_box(annotation: dict[str, Any], record: str, entry: Entry, names: dict[Any, str]) -> RawBox:
    category = annotation.get("category_id")
    if not _is_id(category) or category not in names:
        raise SetAsideError(f"category_id {category!r:.60} is not in the file's 'categories'", "box")
    if annotation.get("iscrowd") == 1:
        raise SetAsideError("iscrowd is 1: a crowd, not one object", "box")
    if annotation.get("ignore") == 1:
        raise SetAsideError("ignore is 1: the source asks not to count it", "box")
    box = annotation.get("bbox")
    if not (isinstance(box, list) and len(box) == 4 and _NUMBERS.issuperset(map(type, box))):
        if box:
            raise SetAsideError(f"bbox {box!r:.60}: expected four numbers (x, y, width, height)", "box")
        box = _box_of_segmentation(annotation.get("segmentation"), entry.width, entry.height)
    try:
        left, top, wide, high = map(float, box)
    except OverflowError:
        raise SetAsideError(_TOO_LARGE, "box") from None
    return RawBox(record, names[category], left, top, wide, high)


def _images(images: list[Any], file: str, rejects: list[Reject]) -> dict[Any, Entry]:
    entries: dict[Any, Entry] = {}
    for position, image in enumerate(images):
        record = f"images.{position}"
        if not isinstance(image, dict) or not _is_id(image.get("id")):
            rejects.append(Reject(file, record, "expected an image record with an 'id'"))
            continue
        record = f"image {image['id']}"
        name = image.get("file_name")
        if not isinstance(name, str) or not name:
            rejects.append(Reject(file, record, "file_name: expected the image's file name"))
        elif image["id"] in entries:
            first = entries[image["id"]].name
            rejects.append(
                Reject(file, record, f"{name}: its id is {first}'s too; annotations cannot be told apart")
            )
        else:
            entries[image["id"]] = Entry(
                file, record, name, width=_side(image.get("width")), height=_side(image.get("height"))
            )
    return entries


def _content(annotation: dict[str, Any]) -> str:
    return repr([annotation.get(key) for key in ("image_id", "category_id", "bbox", "segmentation")])


def read_coco(path: Path, file: str, rejects: list[Reject]) -> list[Entry]:
    """Read a COCO file.

    Args:
        path: the file.
        file: its name for messages.
        rejects: what is set aside is added here; so is a note for each annotation id given twice.

    Returns:
        One entry an image, in the file's order; an image without annotations holds nothing.

    Raises:
        UserError: the file is missing, not JSON, or not COCO.
    """
    images, annotations, categories = _lists(path)
    names: dict[Any, str] = {}
    for category in categories:
        if isinstance(category, dict) and _is_id(category.get("id")) and _is_name(category.get("name")):
            names[category["id"]] = str(category["name"])
    entries = _images(images, file, rejects)
    seen: dict[Any, int] = {}
    contents: dict[Any, set[str]] = {}
    for position, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            rejects.append(Reject(file, f"annotations.{position}", "expected an annotation record", "box"))
            continue
        identity = annotation.get("id", position)
        record = f"annotation {identity}"
        # 1, 1.0, "1" and true are four ids, though Python holds three of them equal
        key = identity if type(identity) is int else repr(identity)
        first = seen.setdefault(key, position)
        if first != position:
            known = contents.setdefault(key, {_content(annotations[first])})
            if _content(annotation) in known:
                rejects.append(Reject(file, record, "the same annotation is given twice; kept once", "box"))
                continue
            known.add(_content(annotation))
            rejects.append(
                Reject(file, record, f"its id is given to another too (annotations.{position})", "note")
            )
        image = annotation.get("image_id")
        entry = entries.get(image) if _is_id(image) else None
        if entry is None:
            rejects.append(Reject(file, record, f"image_id {image!r:.60} is no image of this file", "box"))
            continue
        try:
            entry.boxes.append(_raw_box(annotation, record, entry, names))
        except SetAsideError as fault:
            entry.faulty += 1
            rejects.append(Reject(file, f"{record} of {entry.name}", fault.reason, fault.kind))
    return list(entries.values())
