"""Captions in a table: ``filepath,caption`` as SAR-TEXT is released, ``filename,caption`` as SARCLIP's.

A row is a caption; several rows of an image are one scene's captions. Columns are separated by commas, or by
tabs where the header is (SARCLIP's ``.csv`` is), fields are quoted by ``"`` where they hold the separator or
a line break, and other columns are left alone. Paths may be of another machine.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from sartext.core.errors import UserError
from sartext.sources.captions import clean_text
from sartext.sources.entries import Entry
from sartext.sources.rejects import Reject, SetAsideError

_NAMES = ("filepath", "filename", "file_name", "image", "image_path")
_EXPECTED = "a table of captions whose header is 'filepath,caption'"


def _content(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {_EXPECTED}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected {_EXPECTED}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; expected {_EXPECTED}") from None


def _columns(path: Path, header: list[str]) -> tuple[int, int]:
    """Positions of the image's name and of the caption."""
    names = [name.strip().casefold() for name in header]
    name = next((names.index(known) for known in _NAMES if known in names), None)
    if name is None or "caption" not in names:
        raise UserError(f"{path}: line 1: the columns are {', '.join(names)!r:.100}; expected {_EXPECTED}")
    return name, names.index("caption")


def _rows(
    path: Path, file: str, content: str, delimiter: str, rejects: list[Reject]
) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line where each ends, from 1; a row with a stray quote is set aside."""
    stream = io.StringIO(content, newline="")
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            if "end of data" in str(error) or "limit" in str(error):
                raise UserError(
                    f"{path}: line {begins}: a quote is not closed ({error}); expected {_EXPECTED}"
                ) from None
            reason = f"to line {reader.line_num}: a quote inside a field must be doubled ({error})"
            rejects.append(Reject(file, f"line {begins}", reason, "box"))
            continue
        if row is None:
            return
        yield reader.line_num, row


def _sentence(row: list[str], columns: int, name: int, caption: int) -> str:
    if len(row) != columns:
        raise SetAsideError(
            f"{len(row)} fields, expected {columns}; a caption that holds the separator must be quoted", "box"
        )
    if not row[name].strip():
        raise SetAsideError("names no image", "box")
    text = clean_text(row[caption])
    if not text:
        raise SetAsideError("caption: expected a sentence", "box")
    return text


def read_csv(path: Path, file: str, rejects: list[Reject]) -> list[Entry]:
    """Read a table of captions; images in the order of their first rows.

    Args:
        path: the file.
        file: its name for messages.
        rejects: what is set aside is added here.

    Raises:
        UserError: the file is missing, not UTF-8, or has not the columns.
    """
    content = _content(path)
    delimiter = "\t" if "\t" in content.partition("\n")[0] else ","
    rows = _rows(path, file, content, delimiter, rejects)
    _, header = next(rows, (0, [""]))
    name, caption = _columns(path, header)
    entries: dict[str, Entry] = {}
    lost: dict[str, Reject] = {}
    for line, row in rows:
        if not row:
            continue
        try:
            text = _sentence(row, len(header), name, caption)
        except SetAsideError as fault:
            rejects.append(Reject(file, f"line {line}", fault.reason, fault.kind))
            if name < len(row) and row[name].strip():
                lost[row[name].strip()] = Reject(file, f"line {line}", "has no caption left")
            continue
        image = row[name].strip()
        entry = entries.setdefault(image, Entry(file, f"line {line}", image, elsewhere=True, annotated=False))
        entry.captions.append(text)
    rejects += [reject for image, reject in lost.items() if image not in entries]
    return list(entries.values())
