"""YOLO and DOTA: a text file an image, a line an object.

YOLO (https://docs.ultralytics.com/datasets/detect): ``class x_centre y_centre width height``, shares of the
image's sides, the class an index from 0; a line with more numbers is a polygon, boxed here. DOTA (Xia et al.,
DOTA: A Large-Scale Dataset for Object Detection in Aerial Images, CVPR 2018): ``x1 y1 ... x4 y4 class
difficult`` in pixels, after optional ``imagesource:`` and ``gsd:`` (metres a pixel) lines; the box is drawn
around the four corners.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from sartext.sources.entries import Entry, RawBox
from sartext.sources.rejects import Reject, SetAsideError

# a coordinate this far outside is no share of a side: the file is in pixels
_LARGEST_SHARE = 2.0


def _numbers(words: list[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        raise SetAsideError(f"{' '.join(words)!r:.60}: expected numbers", "box") from None


def _around(record: str, label: str, numbers: list[float]) -> RawBox:
    xs, ys = numbers[0::2], numbers[1::2]
    if not all(math.isfinite(number) for number in numbers):
        return RawBox(record, label, math.nan, math.nan, math.nan, math.nan)
    return RawBox(record, label, min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _yolo_line(entry: Entry, line: str, record: str) -> None:
    label, *words = line.split()
    numbers = _numbers(words)
    if not label.isdigit():
        raise SetAsideError(f"class {label!r:.20}: expected an index from 0", "box")
    if any(abs(number) > _LARGEST_SHARE for number in numbers):
        raise SetAsideError("coordinates are not shares of the image's sides (0 to 1)", "box")
    entry.normalised = True
    if len(numbers) == 4:
        x, y, width, height = numbers
        entry.boxes.append(RawBox(record, label, x - width / 2, y - height / 2, width, height))
    elif len(numbers) >= 6 and len(numbers) % 2 == 0:
        entry.boxes.append(_around(record, label, numbers))
    else:
        raise SetAsideError(
            f"{len(numbers)} numbers: expected x, y, width, height, or points of a polygon", "box"
        )


def _dota_line(entry: Entry, line: str, record: str) -> None:
    if ":" in line and line.split(":")[0].strip().lower() in ("imagesource", "gsd"):
        key, value = line.split(":", 1)
        try:
            metres = float(value) if key.strip().lower() == "gsd" else math.nan
        except ValueError:
            return  # "gsd:null" where it is not known
        if math.isfinite(metres) and metres > 0:
            entry.resolution_m = metres
        return
    words = line.split()
    if len(words) < 9:
        raise SetAsideError(f"{line!r:.60}: expected eight coordinates and a class", "box")
    entry.boxes.append(_around(record, words[8], _numbers(words[:8])))


def _read(
    files: list[tuple[dict[str, str], Path]],
    root: Path,
    rejects: list[Reject],
    read_line: Callable[[Entry, str, str], None],
) -> Iterator[Entry]:
    for fields, path in files:
        file = path.relative_to(root).as_posix()
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            rejects.append(Reject(file, "", f"cannot be read as UTF-8 text ({error})"))
            continue
        entry = Entry(file, fields=fields)
        for position, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                read_line(entry, line, f"line {position}")
            except SetAsideError as fault:
                entry.faulty += 1
                rejects.append(Reject(file, f"line {position}", fault.reason, fault.kind))
        yield entry


def read_yolo(files: list[tuple[dict[str, str], Path]], root: Path, rejects: list[Reject]) -> Iterator[Entry]:
    """Read YOLO label files; labels are class indices as text, boxes shares of the image's sides.

    ``classes.txt``, which labelling programs leave among them, is no label file.
    """
    return _read([file for file in files if file[1].name != "classes.txt"], root, rejects, _yolo_line)


def read_dota(files: list[tuple[dict[str, str], Path]], root: Path, rejects: list[Reject]) -> Iterator[Entry]:
    """Read DOTA label files."""
    return _read(files, root, rejects, _dota_line)
