"""Each format's reader, by its name in the configuration: from a source's files to entries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sartext.core.config import SourceConfig
from sartext.core.errors import UserError
from sartext.sources.captions import read_dialogues, read_karpathy, read_nwpu
from sartext.sources.coco import read_coco
from sartext.sources.entries import Entry
from sartext.sources.layout import Folders, fill, require_file
from sartext.sources.opensarship import read_opensarship
from sartext.sources.questions import read_rsvqa
from sartext.sources.rejects import Reject
from sartext.sources.tables import read_csv
from sartext.sources.textboxes import read_dota, read_yolo
from sartext.sources.voc import read_voc_file, read_voc_files


@dataclass
class Reading:
    """One source, one of its splits; `unpacked` is the folder for what its archives hold."""

    source: SourceConfig
    root: Path
    layout: dict[str, str]
    folders: Folders
    unpacked: Path | None
    rejects: list[Reject]


def _one_file(reading: Reading, reader: Callable[[Path, str, list[Reject]], list[Entry]]) -> list[Entry]:
    pattern = reading.layout["annotations"]
    path = require_file(reading.source, reading.root / pattern)
    return reader(path, pattern, reading.rejects)


def _files(reading: Reading, key: str, any_image: bool = False) -> list[tuple[dict[str, str], Path]]:
    pattern = reading.layout[key]
    files = reading.folders.matches(reading.root, pattern, any_image)
    if not files:
        raise UserError(
            f"source {reading.source.name}: no file below {reading.root} is like {pattern!r} (layout.{key}); "
            f"to get it: {reading.source.obtain}; or set the source's 'layout' in the profile"
        )
    return files


def _voc(reading: Reading) -> Iterator[Entry]:
    if "{id}" in reading.layout["annotations"]:
        yield from read_voc_files(_files(reading, "annotations"), reading.root, reading.rejects)
    else:
        yield from _one_file(reading, read_voc_file)


def _masks(reading: Reading) -> Iterator[Entry]:
    masks = [
        Entry(path.relative_to(reading.root).as_posix(), fields=fields, mask=path)
        for fields, path in _files(reading, "masks", any_image=True)
    ]
    return iter(_with_twins(reading, masks) if "optical" in reading.layout else masks)


def _pairs(reading: Reading) -> Iterator[Entry]:
    entries = []
    for fields, path in _files(reading, "sar", any_image=True):
        file = path.relative_to(reading.root).as_posix()
        entries.append(Entry(file, name=file, fields=fields, annotated=False))
    return iter(_with_twins(reading, entries))


def _with_twins(reading: Reading, entries: list[Entry]) -> list[Entry]:
    """The entries that have an optical twin: an optical image whose pattern's fields are the same."""
    optical = {
        tuple(sorted(fields.items())): path for fields, path in _files(reading, "optical", any_image=True)
    }
    paired = []
    for entry in entries:
        entry.twin = optical.pop(tuple(sorted(entry.fields.items())), None)
        if entry.twin is None:
            reason = f"has no optical twin {fill(reading.layout['optical'], entry.fields)!r}"
            reading.rejects.append(Reject(entry.file, "", reason, "absent"))
        else:
            paired.append(entry)
    for path in optical.values():
        file = path.relative_to(reading.root).as_posix()
        reading.rejects.append(Reject(file, "", "an optical image without a SAR image; left out", "note"))
    return paired


def _rsvqa(reading: Reading) -> Iterator[Entry]:
    questions, answers, images = (
        require_file(reading.source, reading.root / reading.layout[key])
        for key in ("questions", "answers", "annotations")
    )
    return iter(read_rsvqa(questions, answers, images, reading.root, reading.rejects))


def _opensarship(reading: Reading) -> Iterator[Entry]:
    found = read_opensarship(
        reading.root,
        reading.layout,
        reading.source.classes,
        reading.folders,
        reading.unpacked,
        reading.rejects,
    )
    entries = list(found)
    if not entries and not reading.rejects:
        _files(reading, "images", any_image=True)  # says that nothing is like the pattern
    return iter(entries)


READERS: dict[str, Callable[[Reading], Iterator[Entry]]] = {
    "coco": lambda reading: iter(_one_file(reading, read_coco)),
    "voc": _voc,
    "yolo": lambda reading: read_yolo(_files(reading, "annotations"), reading.root, reading.rejects),
    "dota": lambda reading: read_dota(_files(reading, "annotations"), reading.root, reading.rejects),
    "mask": _masks,
    "pairs": _pairs,
    "karpathy": lambda reading: iter(_one_file(reading, read_karpathy)),
    "nwpu": lambda reading: iter(_one_file(reading, read_nwpu)),
    "csv": lambda reading: iter(_one_file(reading, read_csv)),
    "dialogues": lambda reading: iter(_one_file(reading, read_dialogues)),
    "rsvqa": _rsvqa,
    "opensarship": _opensarship,
}
