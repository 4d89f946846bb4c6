"""Archives of a source, unpacked into its folder: whole, or nothing of them.

Everything is unpacked into a hidden folder beside, and moved into place when it is whole; if that fails on
its way, what was moved is taken back. (A call that is killed just then leaves some files in place, which the
next finds to be the archive's.) Files that are there already stay if they are the same, and stop it if they
are not. What an archive put in place is noted in ``.fetched.json`` of the source's folder with the SHA-256 of
each file, so that a later call need not have the archive to tell whether all is still there.
"""

import errno
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sartext.core.errors import UserError
from sartext.core.files import inside, list_files, read_json, sha256_file, write_json
from sartext.core.progress import track
from sartext.sources.archives import IMPOSSIBLE_NAME, ArchiveLimits, MemberPaths, open_archive
from sartext.sources.fetch.download import check_room
from sartext.sources.fetch.faults import plain_faults
from sartext.sources.rejects import SetAsideError

NOTES = ".fetched.json"
# wider than for archives of unknown origin, since their digest is known: a mask of 1 MiB with nothing in it
# shrinks by more than 200 to 1
LIMITS = ArchiveLimits(members=1_000_000, size=256 << 30, ratio=1_100)
_BROKEN = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
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
            devices, names that lead out, one name twice, more than the limits. Or the disk is full or
            refuses, or a file of `root` has the name of a member and another content. `root` is then as it
            was.
    """
    beside = root / f".unpacking-{archive.name}"
    with plain_faults(root):
        root.mkdir(parents=True, exist_ok=True)
        notes = _notes(root)
        shutil.rmtree(beside, ignore_errors=True)  # a killed call's
        try:
            if zipfile.is_zipfile(archive) and not _is_tar(archive):
                _unpack_zip(archive, beside, limits)
            else:
                _unpack_tar(archive, beside, limits)
            files = {file.as_posix(): sha256_file(beside / file) for file in list_files(beside)}
            if not files:
                raise UserError(f"{archive}: holds no file; expected the source's files")
            _check_places(archive, beside, root)
            notes[_key(archive, root)] = {"digest": digest, "files": files}
            with _moved(beside, root):
                write_json(root / NOTES, notes)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return len(files)


def is_unpacked(archive: Path, root: Path, digest: str) -> bool:
    """Return whether all that an archive of that name and digest put into `root` is there, byte for byte.

    Raises:
        UserError: what was noted, or a file, cannot be read.
    """
    with plain_faults(root):
        noted = _notes(root).get(_key(archive, root))
        if not isinstance(noted, dict) or noted.get("digest") != digest:
            return False
        files = noted.get("files")
        if not isinstance(files, dict):
            return False
        there = track(files.items(), f"check what {archive.name} held", len(files))
        return all(_has(root, name, content) for name, content in there)


def _key(archive: Path, root: Path) -> str:
    return archive.relative_to(root).as_posix() if archive.is_relative_to(root) else archive.name


def _has(root: Path, name: str, content: object) -> bool:
    try:
        path = inside(root, name)
    except UserError:
        return False
    return path.is_file() and sha256_file(path) == content


def _notes(root: Path) -> dict[str, object]:
    path = root / NOTES
    expected = "what sartext fetch noted there; delete it to have the archives unpacked again"
    notes = read_json(path, expected) if path.exists() else {}
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
            check_room(into.parent, archive.size, f"unpacking {path.name}")
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
    except SetAsideError as fault:
        raise UserError(f"{path}: {fault.reason}") from None
    except _BROKEN as error:
        # a full or failing disk is no fault of the archive
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL, *IMPOSSIBLE_NAME):
            raise
        raise UserError(f"{path}: cannot be unpacked as a zip or tar archive ({error})") from None


def _checked(archive: tarfile.TarFile, path: Path, limits: ArchiveLimits) -> Iterator[tarfile.TarInfo]:
    """The members one by one, each before it is unpacked, named by its path."""
    paths = MemberPaths()
    size, most = 0, min(limits.size, max(limits.ratio * path.stat().st_size, _SMALL))
    for member in archive:
        size += member.size
        reason = ""
        if not (member.isreg() or member.isdir()):
            reason = "is a link or a device, not a file"
        elif size > most:
            reason = f"with it the archive unpacks to {size} bytes, over the limit of {most}"
        elif len(paths) >= limits.members:
            reason = f"over the limit of {limits.members} members"
        if reason:
            raise SetAsideError(f"archive refused: member {member.name!r:.200}: {reason}")
        name = paths.add(member.name, member.isdir())
        if name != ".":
            yield member.replace(name=name, deep=False)


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


@contextmanager
def _moved(folder: Path, root: Path) -> Iterator[None]:
    """Move what `_check_places` allowed to `root`; take it back if that, or the block, fails."""
    moves: list[tuple[Path, Path]] = []
    try:
        for entry, place in _moves(folder, root):
            moves.append((entry, place))
            entry.rename(place)
        yield
    except BaseException as fault:
        stuck = [place for entry, place in reversed(moves) if not _taken_back(entry, place)]
        if stuck:
            raise UserError(
                f"{root}: unpacking failed ({fault}), and {len(stuck)} of what was moved there cannot be "
                f"taken back, such as {stuck[0]}; delete it and run the same again"
            ) from fault
        raise


def _taken_back(entry: Path, place: Path) -> bool:
    if not entry.exists():
        try:
            place.rename(entry)
        except OSError:
            return False
    return True


def _moves(folder: Path, root: Path) -> Iterator[tuple[Path, Path]]:
    """What is not in `root` yet, and its place: whole folders where there is none."""
    for entry in sorted(folder.iterdir()):
        place = root / entry.name
        if not place.exists():
            yield entry, place
        elif _is_folder(entry):
            yield from _moves(entry, place)


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
