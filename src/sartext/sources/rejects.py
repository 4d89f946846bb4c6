"""What a reader sets aside, and why."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sartext.core.files import atomic_path

RejectKind = Literal["image", "absent", "box", "note"]


@dataclass(frozen=True, slots=True)
class Reject:
    """One thing set aside, or tolerated and worth saying.

    Attributes:
        file: the file at fault, relative to the source's root.
        record: what in it, such as ``annotation 17``; empty for the whole file.
        reason: what was found and what was expected.
        kind: ``image`` (a scene is lost), ``absent`` (a scene is lost because its image is not there),
            ``box`` (one object or sentence is lost, the scene is kept), ``note`` (nothing is lost).
    """

    file: str
    record: str
    reason: str
    kind: RejectKind = "image"


class SetAsideError(Exception):
    """Raised inside a reader where one record cannot be used; it becomes a `Reject`."""

    def __init__(self, reason: str, kind: RejectKind = "image") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


def write_rejects(path: Path | str, rejects: Sequence[Reject]) -> None:
    """Write rejects as csv (``file,record,reason,kind``), atomically."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["file", "record", "reason", "kind"])
        writer.writerows(
            [entry.file, entry.record, " ".join(entry.reason.split()), entry.kind] for entry in rejects
        )
