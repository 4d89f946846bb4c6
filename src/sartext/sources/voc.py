"""Pascal VOC annotations: a file an image, or one file with an ``<annotations>`` of many entries.

Format: Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010. Corners are taken as edges,
so a box is xmax - xmin wide: SSDD's VOC and COCO files of the same images agree on that. Tags are read in any
case (``Difficult``). An object marked difficult is an object. Of a rotated box the upright one around its
four corners is taken, which has the same centre.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sartext.core.errors import UserError
from sartext.sources.entries import Entry, RawBox
from sartext.sources.rejects import Reject, SetAsideError

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
# roLabelImg's, SSDD's and RSDD's, SIVED's; a bndbox may hold four corners too
_ROTATED = ("robndbox", "rotated_bndbox", "rotated_bbox", "bndbox")


def find_child(element: Any, tag: str) -> Any:
    """Return the first child called `tag` (lower case) in any case, or None."""
    if element is None:
        return None
    for child in element:
        if isinstance(child.tag, str) and child.tag.lower() == tag:
            return child
    return None


def element_text(element: Any, tag: str) -> str:
    """Return the text of the first child called `tag`, or nothing."""
    child = find_child(element, tag)
    return (child.text or "").strip() if child is not None else ""


def _side(element: Any, tag: str) -> int | None:
    try:
        value = int(float(element_text(element, tag)))
    except (ValueError, OverflowError):
        return None
    return value if value >= 1 else None


def parse_xml(source: Path | bytes) -> Any:
    """Return the root element of an XML file from outside, given by its path or its content.

    Raises:
        SetAsideError: malformed, empty, wrongly encoded, or with entities (refused: they can read files and
            fill memory).
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(source if isinstance(source, bytes) else source.read_bytes())
    except ParseError as error:
        raise SetAsideError(f"not well-formed XML ({error})") from None
    except DefusedXmlException as error:
        raise SetAsideError(f"XML with entities or references is refused ({type(error).__name__})") from None
    except (OSError, ValueError, LookupError) as error:
        raise SetAsideError(f"cannot be read as XML ({error})") from None


def _numbers(box: Any, tags: tuple[str, ...]) -> list[float]:
    numbers = []
    for tag in tags:
        try:
            numbers.append(float(element_text(box, tag)))
        except ValueError:
            raise SetAsideError(
                f"{box.tag}.{tag}: {element_text(box, tag)!r:.40} is no number", "box"
            ) from None
    return numbers


def _raw_box(element: Any, record: str) -> RawBox:
    name = element_text(element, "name")
    if not name:
        raise SetAsideError("name: missing; expected the object's class", "box")
    upright = find_child(element, "bndbox")
    if upright is not None and find_child(upright, "x1") is None:
        left, top, right, bottom = _numbers(upright, _CORNERS)
        return RawBox(record, name, left, top, right - left, bottom - top)
    for tag in _ROTATED:
        rotated = find_child(element, tag)
        if rotated is not None:
            xs, ys = _rotated_corners(rotated)
            return RawBox(record, name, min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    raise SetAsideError(
        f"bndbox: missing; expected xmin, ymin, xmax, ymax, or a rotated box ({', '.join(_ROTATED)})", "box"
    )


def _rotated_corners(box: Any) -> tuple[list[float], list[float]]:
    """The x and y of a rotated box's four corners, pixels.

    As corners ``x1, y1, ... x4, y4``; or as centre, sides and rotation: ``cx, cy, w, h, angle`` in radians
    (roLabelImg), or with ``theta`` in degrees (SSDD's and RSDD's ``rotated_bbox_cx`` and so on). Which way
    it turns makes no difference to the upright box around it.
    """
    if find_child(box, "x1") is not None:
        numbers = _finite(box, ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"))
        return numbers[0::2], numbers[1::2]
    prefix = "rotated_bbox_" if find_child(box, "rotated_bbox_cx") is not None else ""
    rotation = "angle" if find_child(box, prefix + "angle") is not None else "theta"
    tags = tuple(prefix + tag for tag in ("cx", "cy", "w", "h", rotation))
    x, y, width, height, angle = _finite(box, tags)
    angle = angle if rotation == "angle" else math.radians(angle)
    cosine, sine = math.cos(angle) / 2, math.sin(angle) / 2
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return (
        [x + right * width * cosine - down * height * sine for right, down in signs],
        [y + right * width * sine + down * height * cosine for right, down in signs],
    )


def _finite(box: Any, tags: tuple[str, ...]) -> list[float]:
    numbers = _numbers(box, tags)
    if not all(math.isfinite(number) for number in numbers):
        raise SetAsideError(f"{box.tag}: expected finite numbers", "box")
    return numbers


def _entry(element: Any, file: str, record: str, rejects: list[Reject]) -> Entry:
    size = find_child(element, "size")
    entry = Entry(file, record, element_text(element, "filename") or None)
    entry.width, entry.height = _side(size, "width"), _side(size, "height")
    objects = [child for child in element if isinstance(child.tag, str) and child.tag.lower() == "object"]
    for position, child in enumerate(objects):
        where = f"{record} object {position}".strip()
        try:
            entry.boxes.append(_raw_box(child, where))
        except SetAsideError as fault:
            entry.faulty += 1
            rejects.append(Reject(file, where, fault.reason, fault.kind))
    return entry


def _entries(root: Any, file: str, rejects: list[Reject]) -> Iterator[Entry]:
    tag = root.tag.lower() if isinstance(root.tag, str) else ""
    if tag == "annotation":
        yield _entry(root, file, "", rejects)
    elif tag == "annotations":
        for position, child in enumerate(root):
            if isinstance(child.tag, str) and child.tag.lower() == "annotation":
                name = element_text(child, "filename")
                yield _entry(child, file, name or f"entry {position}", rejects)
    else:
        raise SetAsideError(f"<{root.tag}> at the top; expected <annotation>, or <annotations> of many")


def read_voc_file(path: Path, file: str, rejects: list[Reject]) -> list[Entry]:
    """Read one file that describes many images.

    Raises:
        UserError: it is missing, malformed, or not VOC: there would be nothing left to read.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected VOC annotations")
    try:
        return list(_entries(parse_xml(path), file, rejects))
    except SetAsideError as fault:
        raise UserError(f"{path}: {fault.reason}; expected VOC annotations") from None


def read_voc_files(
    files: list[tuple[dict[str, str], Path]], root: Path, rejects: list[Reject]
) -> Iterator[Entry]:
    """Read one file an image; a malformed file is set aside.

    Args:
        files: fields of the pattern and path of each file.
        root: folder that names in messages are relative to.
        rejects: what is set aside is added here.
    """
    for fields, path in files:
        file = path.relative_to(root).as_posix()
        try:
            found = list(_entries(parse_xml(path), file, rejects))
        except SetAsideError as fault:
            rejects.append(Reject(file, "", fault.reason, fault.kind))
            continue
        for entry in found:
            # several entries in a file each name their image; one is named by the file
            entry.fields = fields if len(found) == 1 else {}
            yield entry
