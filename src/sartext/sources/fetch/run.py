"""All files of a source that have an address: what is missing is downloaded, archives are unpacked."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from sartext.core.config import CONFIG_FOLDER, Download, SourceConfig
from sartext.core.errors import UserError
from sartext.core.files import inside
from sartext.core.runlock import hold_folder
from sartext.sources.catalogue import read_entry
from sartext.sources.fetch.digests import file_digest
from sartext.sources.fetch.download import Transfer, check_room, download
from sartext.sources.fetch.faults import plain_faults
from sartext.sources.fetch.meter import size_text
from sartext.sources.fetch.partial import held_bytes
from sartext.sources.fetch.unpack import is_unpacked, unpack

Say = Callable[[str], None]


def find_entry(name: str) -> SourceConfig:
    """Return the entry of config/sources called `name`.

    Raises:
        UserError: there is none; names those that there are.
    """
    folder = CONFIG_FOLDER / "sources"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise UserError(f"no source {name!r:.100} in {folder}; expected one of {', '.join(known)}")
    return read_entry(folder / f"{name}.yaml")


def fetch_files(source: SourceConfig, say: Say, transfer: Transfer | None = None) -> None:
    """Download a source's files that are not there yet, check their digests, and unpack archives.

    A file that is there already, by whatever way, is used if its digest is right.

    Args:
        source: the source, with `downloads`.
        say: is told what is done, line by line.
        transfer: how patient downloads are.

    Raises:
        UserError: see `download` and `unpack`; a file is there whose digest is another; too little disk;
            the folder cannot be read or written, or another process fetches into it.
    """
    with plain_faults(source.folder), _held(source):
        _fetch_files(source, say, transfer)


def _held(source: SourceConfig) -> IO[str]:
    """The source's folder, made and held against a second fetch."""
    try:
        return hold_folder(f"sartext fetch {source.name}", source.folder / ".sartext" / "fetch.lock")
    except OSError as error:
        raise UserError(
            f"source {source.name}: {source.folder} cannot be written ({error.strerror}); give another "
            "folder (--root), or look at what is there with --check"
        ) from None


def _fetch_files(source: SourceConfig, say: Say, transfer: Transfer | None) -> None:
    root = source.folder
    done = [
        one
        for one in source.downloads
        if one.unpack and is_unpacked(inside(root, one.file), root, one.digest)
    ]
    if done:
        say(f"unpacked already: {', '.join(one.file for one in done)}")
    wanted = [one for one in source.downloads if one not in done]
    _check_space(root, wanted)
    for one in wanted:
        path = inside(root, one.file)
        try:
            _fetch(one, path, say, transfer)
        except UserError as error:
            raise UserError(
                f"source {source.name}: {error}; by hand: put {path.name} into {path.parent} and run the "
                f"same again ({source.obtain})"
            ) from None
        if one.unpack:
            say(f"unpack {path}")
            count = unpack(path, root, one.digest)
            say(f"{path.name}: {count:,} files unpacked; the archive may be deleted")


def check_files(source: SourceConfig, say: Say) -> None:
    """Check the digests of those of a source's downloads that are there.

    Raises:
        UserError: one has another digest, or cannot be read.
    """
    with plain_faults(source.folder):
        for one in source.downloads:
            path = inside(source.folder, one.file)
            if path.exists():
                _check_digest(one, path, say)


def _fetch(one: Download, path: Path, say: Say, transfer: Transfer | None) -> None:
    if path.exists():
        _check_digest(one, path, say)
        return
    size = "" if one.size is None else f"{size_text(one.size)} "
    say(f"{path.name}: {size}from {one.url}")
    download(one.url, path, one.digest, one.size, transfer)
    say(f"{path.name}: downloaded, digest right")


def _check_digest(one: Download, path: Path, say: Say) -> None:
    found = file_digest(path, one.digest) if path.is_file() else "that of no file"
    if found != one.digest:
        raise UserError(
            f"{path}: is there, but its digest is {found}, expected {one.digest}; move it away to have it "
            "downloaded"
        )
    say(f"{path.name}: there, digest right")


def _check_space(root: Path, wanted: Sequence[Download]) -> None:
    """Raise `UserError` if what is known to come, and to come out of archives at least, has no room."""
    needed = 0
    for one in wanted:
        size, path = one.size or 0, inside(root, one.file)
        if not path.is_file():
            # what came so far takes its place already, or is given up for what comes
            needed += max(size - held_bytes(path), 0)
        if one.unpack:
            needed += size
    check_room(root, needed, f"{len(wanted)} files")
