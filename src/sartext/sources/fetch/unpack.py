"""Archives of a source, unpacked into its folder: whole, or nothing of them.

Everything is unpacked into a hidden folder beside, and moved into place when it is whole. Files that are
there already stay if they are the same, and stop it if they are not. What an archive put in place is noted
in ``.fetched.json`` of the source's folder, so that a later call need not have the archive.
"""

import errno
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sartext.core.errors import UserError
from sartext.core.files import inside, list_files, read_json, write_json
from sartext.core.progress import track
from sartext.sources.archives import ArchiveLimits, open_archive
from sartext.sources.fetch.download import check_room
from sartext.sources.rejects import SetAsideError

NOTES = ".fetched.json"
# wider than for archives of unknown origin, since their digest is known: a mask of 1 MiB with nothing in it
# shrinks by more than 200 to 1
LIMITS = ArchiveLimits(members=1_000_000, size=256 << 30, ratio=1_100)
_BROKEN = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
_FULL = (errno.ENOSPC, errno.EDQUOT)
# what is small harms nobody, however well it is compressed
_SMALL = 1 << 20


def unpack(archive: Path, root: Path, digest: str, limits: ArchiveLimits = LIMITS) -> int:
    """Unpack a zip, a tar or a compressed tar into `root`.

    Args:
        archive: the file; what it is is seen by its content.
        root: where its members go.
        digest: the archive's, noted with what was unpacked.
        limits: what it may hold at most.

    Returns:
        How many files it holds.

    Raises:
        UserError: it is no such archive, is broken, or holds something that may not be unpacked: links,
            devices, names that lead out, one name twice, more than the limits. Or the disk is full, or a
            file of `root` has the name of a member and another content. `root` is then as it was.
    """
    root.mkdir(parents=True, exist_ok=True)
    beside = root / f".unpacking-{archive.name}"
    shutil.rmtree(beside, ignore_errors=True)  # a killed call's
    try:
        if zipfile.is_zipfile(archive) and not _is_tar(archive):
            _unpack_zip(archive, beside, limits)
        else:
            _unpack_tar(archive, beside, limits)
        files = list_files(beside)
        if not files:
            raise UserError(f"{archive}: holds no file; expected the source's files")
        listing = {file.as_posix(): (beside / file).stat().st_size for file in files}
        _check_places(archive, beside, root)
        _move(beside, root)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise UserError(f"{root}: the disk is full; free some and run the same again") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    notes = _notes(root)
    notes[_key(archive, root)] = {"digest": digest, "files": listing}
    write_json(root / NOTES, notes)
    return len(listing)


def is_unpacked(archive: Path, root: Path, digest: str) -> bool:
    """Return whether all that an archive of that name and digest put into `root` is still there."""
    noted = _notes(root).get(_key(archive, root))
    if not isinstance(noted, dict) or noted.get("digest") != digest:
        return False
    files = noted.get("files")
    return isinstance(files, dict) and all(_has(root, name, size) for name, size in files.items())


def _key(archive: Path, root: Path) -> str:
    return archive.relative_to(root).as_posix() if archive.is_relative_to(root) else archive.name


def _has(root: Path, name: str, size: object) -> bool:
    try:
        return inside(root, name).stat().st_size == size
    except (OSError, UserError):
        return False


def _notes(root: Path) -> dict[str, object]:
    path = root / NOTES
    notes = read_json(path) if path.is_file() else {}
    return notes if isinstance(notes, dict) else {}


def _is_tar(path: Path) -> bool:
    """A tar may end in a zip that it holds, which makes it look like one."""
    try:
        return tarfile.is_tarfile(path)
    except _BROKEN:
        return False


def _unpack_zip(path: Path, into: Path, limits: ArchiveLimits) -> None:
    try:
        with open_archive(path, limits) as archive:
            with zipfile.ZipFile(path) as listed:
                size = sum(member.file_size for member in listed.infolist())
            check_room(into.parent, size, f"unpacking {path.name}")
            archive.unpack({name: name for name in archive.names}, into)
    except SetAsideError as fault:
        raise UserError(f"{path}: {fault.reason}") from None


def _unpack_tar(path: Path, into: Path, limits: ArchiveLimits) -> None:
    check_room(into.parent, path.stat().st_size, f"unpacking {path.name}")
    into.mkdir()
    try:
        # read once, from the front: a compressed one would be unpacked twice only to be listed
        with tarfile.open(path, "r|*") as archive:
            for member in track(_checked(archive, path, limits), f"unpack {path.name}"):
                archive.extract(member, into, set_attrs=False, filter="data")
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise
        raise UserError(f"{path}: cannot be unpacked as a zip or tar archive ({error})") from None


def _checked(archive: tarfile.TarFile, path: Path, limits: ArchiveLimits) -> Iterator[tarfile.TarInfo]:
    """The members one by one, each before it is unpacked."""
    seen: set[str] = set()
    size, most = 0, min(limits.size, max(limits.ratio * path.stat().st_size, _SMALL))
    for member in archive:
        name = PurePosixPath(member.name)
        size += member.size
        reason = ""
        if not (member.isreg() or member.isdir()):
            reason = "is a link or a device, not a file"
        elif name.is_absolute() or ".." in name.parts or "\\" in member.name:
            reason = "its name leads out of the archive's folder"
        elif member.isreg() and name.as_posix() in seen:
            reason = "its name is given twice"
        elif size > most:
            reason = f"with it the archive unpacks to {size} bytes, over the limit of {most}"
        elif len(seen) >= limits.members:
            reason = f"over the limit of {limits.members} members"
        if reason:
            raise UserError(f"{path}: archive refused: member {member.name!r:.200}: {reason}")
        if member.isreg():
            seen.add(name.as_posix())
        yield member


def _check_places(archive: Path, folder: Path, root: Path) -> None:
    """Raise `UserError` if something of `root` stands where a member of another content is to go."""
    for entry in sorted(folder.iterdir()):
        place = root / entry.name
        if entry.name in (NOTES, ".sartext"):
            raise UserError(
                f"{archive}: {entry.name}: a name of our own notes; expected a source's files alone"
            )
        if not place.exists() and not place.is_symlink():
            continue
        if _is_folder(entry) and _is_folder(place):
            _check_places(archive, entry, place)
        elif _is_folder(entry) or not _same(entry, place):
            raise UserError(
                f"{place}: is there already and is not what {archive.name} holds; move it away, and run the "
                "same again"
            )


def _move(folder: Path, root: Path) -> None:
    """Move what `_check_places` allowed: whole folders where there is none yet."""
    for entry in sorted(folder.iterdir()):
        place = root / entry.name
        if _is_folder(entry) and place.exists():
            _move(entry, place)
        else:
            entry.replace(place)


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _same(one: Path, other: Path) -> bool:
    if not stat.S_ISREG(other.lstat().st_mode) or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        while chunk := left.read(1 << 20):
            if chunk != right.read(len(chunk)):
                return False
    return True
