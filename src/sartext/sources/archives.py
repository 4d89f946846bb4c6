"""Zip archives from outside, read where they lie.

An archive is refused as a whole, before anything of it is unpacked, if a name is absolute or climbs out of
the folder or cannot be a file's, if it holds a link, an encrypted member or one path twice, or if it says
that it is larger than the limits. More than a member says it holds is never unpacked. Names are read as a
file system reads them: ``./a//b`` is ``a/b``.
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

# what reading a member raises; zipfile raises NotImplementedError for a compression that it does not know
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
IMPOSSIBLE_NAME = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
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


class MemberPaths:
    """The paths of an archive's members, each checked against those before it."""

    def __init__(self) -> None:
        self._folders: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._folders)

    def add(self, name: str, folder: bool) -> str:
        """Return the path that a member's name means.

        Args:
            name: as the archive gives it.
            folder: whether the member is a folder.

        Returns:
            The path below the archive's folder, such as ``a/b`` of ``./a//b``; ``.`` is that folder itself.

        Raises:
            SetAsideError: the name leads out, cannot be a file's, or another member has the same path; a
                folder may be given more than once.
        """
        parts = PurePosixPath(name).parts
        path = "/".join(parts) or "."
        reason = _refused_name(name, parts)
        if path == "." and not folder:
            reason = reason or "its name is no file's"
        before = self._folders.get(path)
        if before is not None and not (before and folder):
            reason = reason or "its name is given twice"
        if reason:
            raise SetAsideError(f"archive refused: member {name!r:.200}: {reason}")
        self._folders[path] = folder
        return path


class Archive:
    """An open archive whose members were checked; see `open_archive`.

    Attributes:
        names: the files' paths, as `MemberPaths.add` gives them.
    """

    def __init__(self, opened: zipfile.ZipFile, files: Mapping[str, zipfile.ZipInfo]) -> None:
        self._opened, self._files = opened, files
        self.names = tuple(files)

    @property
    def size(self) -> int:
        """Bytes of all files, as the archive states them."""
        return sum(member.file_size for member in self._files.values())

    def read(self, name: str) -> bytes:
        """Return a file's content.

        Raises:
            SetAsideError: it is broken (its checksum is another).
        """
        with self._broken(name):
            return self._opened.read(self._files[name])

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
                    with self._opened.open(self._files[name]) as member, path.open("wb") as stream:
                        shutil.copyfileobj(member, stream, _CHUNK)

    @contextmanager
    def _broken(self, name: str) -> Iterator[None]:
        try:
            yield
        except (*_BROKEN, OSError) as error:
            # a place before the file's start, or bz2's broken stream; a full disk is no fault of the archive
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL, *IMPOSSIBLE_NAME):
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
        yield Archive(opened, _checked_files(opened.infolist(), limits))


def _checked_files(members: list[zipfile.ZipInfo], limits: ArchiveLimits) -> dict[str, zipfile.ZipInfo]:
    """The members that are files, by their paths."""
    if len(members) > limits.members:
        raise SetAsideError(f"archive refused: {len(members)} members, over the limit of {limits.members}")
    paths, files, size = MemberPaths(), {}, 0
    for member in members:
        path = paths.add(member.filename, member.is_dir())
        if reason := _refused(member, limits):
            raise SetAsideError(f"archive refused: member {member.filename!r:.200}: {reason}")
        size += member.file_size
        if size > limits.size:
            raise SetAsideError(f"archive refused: over {limits.size} bytes uncompressed, the limit")
        if not member.is_dir():
            files[path] = member
    return files


def _refused_name(name: str, parts: tuple[str, ...]) -> str:
    """Why a member's name is refused, or nothing."""
    if not name or name.startswith("/") or "\\" in name or ":" in "".join(parts[:1]) or ".." in parts:
        return "its name leads out of the archive's folder"
    try:
        longest = max((len(part.encode()) for part in parts), default=0)
    except UnicodeEncodeError:
        return "its name is not in UTF-8"
    if longest > _LONGEST_PART:
        return f"a part of its name is over {_LONGEST_PART} bytes, more than a file's name may have"
    return ""


def _refused(member: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    """Why a member is refused, whatever its name, or nothing."""
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a file"
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if member.file_size > _SMALL and member.file_size > limits.ratio * max(member.compress_size, 1):
        return f"unpacks to {member.file_size} bytes from {member.compress_size}, over {limits.ratio} to 1"
    return ""
