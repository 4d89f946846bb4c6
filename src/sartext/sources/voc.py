"""Pascal VOC annotations: a file an image, or one file with an ``<annotations>`` of many entries.

Format: Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010. Corners are taken as edges,
so a box is xmax - xmin wide: SSDD's VOC and COCO files of the same images agree on that. Tags are read in any
case (``Difficult``). An object marked difficult is an object.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sartext.core.errors import UserError
from sartext.sources.entries import Entry, RawBox
from sartext.sources.rejects import Reject, SetAsideError

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def _child(element: Any, tag: str) -> Any:
    """The first child called `tag` in any case, or None."""
    if element is None:
        return None
    for child in element:
        if isinstance(child.tag, str) and child.tag.lower() == tag:
            return child
    return None


def _text(element: Any, tag: str) -> str:
    child = _child(element, tag)
    return (child.text or "").strip() if child is not None else ""


def _side(element: Any, tag: str) -> int | None:
    try:
        value = int(float(_text(element, tag)))
    except (ValueError, OverflowError):
        return None
    return value if value >= 1 else None


def parse_xml(path: Path) -> Any:
    """Return the root element of an XML file from outside.

    Raises:
        SetAsideError: malformed, empty, wrongly encoded, or with entities (refused: they can read files and
            fill memory).
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(path.read_bytes())
    except ParseError as error:
        raise SetAsideError(f"not well-formed XML ({error})") from None
    except DefusedXmlException as error:
        raise SetAsideError(f"XML with entities or references is refused ({type(error).__name__})") from None
    except (OSError, ValueError, LookupError) as error:
        raise SetAsideError(f"cannot be read as XML ({error})") from None


def _raw_box(element: Any, record: str) -> RawBox:
    name = _text(element, "name")
    if not name:
        raise SetAsideError("name: missing; expected the object's class", "box")
    box = _child(element, "bndbox")
    if box is None:
        raise SetAsideError("bndbox: missing; expected xmin, ymin, xmax, ymax", "box")
    corners = []
    for tag in _CORNERS:
        try:
            corners.append(float(_text(box, tag)))
        except ValueError:
            raise SetAsideError(f"bndbox.{tag}: {_text(box, tag)!r:.40} is no number", "box") from None
    left, top, right, bottom = corners
    return RawBox(record, name, left, top, right - left, bottom - top)


def _entry(element: Any, file: str, record: str, rejects: list[Reject]) -> Entry:
    size = _child(element, "size")
    entry = Entry(file, record, _text(element, "filename") or None)
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
                name = _text(child, "filename")
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
