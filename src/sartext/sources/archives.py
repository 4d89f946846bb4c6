"""Zip archives from outside, read where they lie.

An archive is refused as a whole, before anything of it is unpacked, if a name is absolute or climbs out of
the folder or is too long for a file, if it holds a link, an encrypted member or one name twice, or if it
says that it is larger than the limits. More than a member says it holds is never unpacked.
"""

import errno
import lzma
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sartext.core.files import atomic_folder, inside
from sartext.sources.rejects import SetAsideError

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
# what a name does that another member's, or a file system, does not allow
_IMPOSSIBLE = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
_LONGEST_PART = 255
_ENCRYPTED = 0x1
_CHUNK = 1 << 20
# a small member harms nobody, however well it is compressed
_SMALL = 1 << 20


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may hold at most.

    Attributes:
        members: files and folders.
        size: bytes of all of them, uncompressed.
        ratio: uncompressed to compressed bytes of any member above 1 MiB (deflate reaches 1,000 on zeros).
    """

    members: int = 200_000
    size: int = 32 << 30
    ratio: int = 200


DEFAULT_LIMITS = ArchiveLimits()


class Archive:
    """An open archive whose members were checked; see `open_archive`."""

    def __init__(self, path: Path, opened: zipfile.ZipFile) -> None:
        self._path, self._opened = path, opened
        self.names = tuple(member.filename for member in opened.infolist() if not member.is_dir())

    def read(self, name: str) -> bytes:
        """Return a member's content.

        Raises:
            SetAsideError: it is broken (its checksum is another).
        """
        with self._broken(name):
            return self._opened.read(name)

    def unpack(self, targets: Mapping[str, str], into: Path) -> None:
        """Write members as files of the folder `into`, which is replaced as a whole or left as it was.

        Args:
            targets: a member's name to its path below `into`.
            into: the folder.

        Raises:
            SetAsideError: a member is broken.
        """
        with atomic_folder(into) as folder:
            for name, target in targets.items():
                path = inside(folder, target)
                with self._broken(name):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with self._opened.open(name) as member, path.open("wb") as stream:
                        shutil.copyfileobj(member, stream, _CHUNK)

    @contextmanager
    def _broken(self, name: str) -> Iterator[None]:
        try:
            yield
        except (*_BROKEN, OSError) as error:
            # a place before the file's start, or bz2's broken stream; a full disk is no fault of the archive
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL, *_IMPOSSIBLE):
                raise
            said = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise SetAsideError(f"its member {name!r:.200} cannot be unpacked ({said})") from None


@contextmanager
def open_archive(path: Path, limits: ArchiveLimits = DEFAULT_LIMITS) -> Iterator[Archive]:
    """Open a zip after checking the list of its members.

    Raises:
        SetAsideError: it is no zip, is refused, or a member turns out broken when it is read.
    """
    try:
        opened = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise SetAsideError(f"cannot be opened as a zip archive ({error})") from None
    with opened:
        _check_members(opened.infolist(), limits)
        yield Archive(path, opened)


def _check_members(members: list[zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    if len(members) > limits.members:
        raise SetAsideError(f"archive refused: {len(members)} members, over the limit of {limits.members}")
    seen: set[str] = set()
    size = 0
    for member in members:
        name = member.filename
        reason = _refused(member, limits)
        if name in seen:
            reason = "its name is given twice"
        if reason:
            raise SetAsideError(f"archive refused: member {name!r:.200}: {reason}")
        seen.add(name)
        size += member.file_size
        if size > limits.size:
            raise SetAsideError(f"archive refused: over {limits.size} bytes uncompressed, the limit")


def _refused(member: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    """Why a member is refused, or nothing."""
    name = member.filename
    parts = PurePosixPath(name).parts
    mode = member.external_attr >> 16
    if not name or name.startswith("/") or "\\" in name or ":" in "".join(parts[:1]) or ".." in parts:
        return "its name leads out of the archive's folder"
    if any(len(part.encode()) > _LONGEST_PART for part in parts):
        return f"a part of its name is over {_LONGEST_PART} bytes, more than a file's name may have"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a file"
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if member.file_size > _SMALL and member.file_size > limits.ratio * max(member.compress_size, 1):
        return f"unpacks to {member.file_size} bytes from {member.compress_size}, over {limits.ratio} to 1"
    return ""
