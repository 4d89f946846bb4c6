"""A file that is not whole yet: ``FILE.part``, and beside it what the server said it is a part of."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sartext.core.errors import UserError
from sartext.core.files import write_json


class PartialFile:
    """The bytes so far of one download; held by one process at a time."""

    def __init__(self, target: Path, url: str, stream: IO[bytes]) -> None:
        self.target = target
        self.path, self._notes_path = _part(target), _notes(target)
        self._url, self._stream = url, stream
        self._notes = self._read_notes()
        # whether the bytes come from more than one response, as those of an earlier process may
        self.spliced = self.size > 0
        if self.size and self._notes is None:
            self.clear()  # nothing says what it is a part of

    @property
    def size(self) -> int:
        """Bytes so far."""
        return os.fstat(self._stream.fileno()).st_size

    @property
    def etag(self) -> str | None:
        """The version that the bytes are of, as the server names it."""
        return (self._notes or {}).get("etag")

    @property
    def validator(self) -> str | None:
        """What a server compares before it continues: a strong ETag, or else a date (RFC 9110, 13.1.5)."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return None if self.etag else (self._notes or {}).get("modified")

    def begin(self, headers: Mapping[str, str]) -> None:
        """Start from nothing, as a part of what a response's `headers` describe."""
        self.clear()
        said = {"url": self._url, "etag": headers.get("ETag"), "modified": headers.get("Last-Modified")}
        self._notes = {key: value for key, value in said.items() if value}
        write_json(self._notes_path, self._notes)

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end."""
        left = memoryview(chunk)
        while left:
            left = left[self._stream.write(left) :]

    def clear(self) -> None:
        """Forget the bytes so far."""
        self._stream.truncate(0)
        self.spliced = False

    def head(self, count: int) -> bytes:
        """Return the first bytes."""
        with self.path.open("rb") as stream:
            return stream.read(count)

    def remove(self) -> None:
        """Take the part and its notes away."""
        self.path.unlink(missing_ok=True)
        self._notes_path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Put the bytes in the target's place."""
        os.fsync(self._stream.fileno())
        self.path.replace(self.target)
        self._notes_path.unlink(missing_ok=True)

    def _read_notes(self) -> dict[str, str] | None:
        try:
            notes = json.loads(self._notes_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        mine = isinstance(notes, dict) and all(isinstance(value, str) for value in notes.values())
        return notes if mine and notes.get("url") == self._url else None


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _notes(target: Path) -> Path:
    return target.with_name(f"{target.name}.part.json")


def held_bytes(target: Path) -> int:
    """Return how many bytes of the disk what there is so far of `target` takes."""
    part = _part(target)
    return part.stat().st_size if part.is_file() else 0


@contextmanager
def partial_file(target: Path, url: str) -> Iterator[PartialFile]:
    """Open what there is so far of `target`, an empty file if nothing is.

    Bytes that came from another address, or that nothing is noted of, are forgotten.

    Raises:
        UserError: another process is at work on it.
    """
    part = _part(target)
    with part.open("ab", buffering=0) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{part}: another process downloads this file; wait for it, or stop it") from None
        if not part.exists() or not os.path.samestat(os.fstat(stream.fileno()), part.stat()):
            raise UserError(f"{part}: another process has just ended with this file; run the same again")
        found = PartialFile(target, url, stream)
        try:
            yield found
        finally:
            if part.exists() and found.size == 0:
                found.remove()
