"""Atomic writes, digests and manifests. A killed job leaves no half file."""

import glob
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from sartext.core.errors import UserError

_CHUNK = 1 << 20
_BOM = b"\xef\xbb\xbf"
# digits to zeros, all else to blanks: a run of zeros as long as 2^63 tells of a number beyond 64 bits
_DIGITS = bytes(ord("0" if code in b"0123456789" else " ") for code in range(256))
_LONG_NUMBER = b"0" * len(str(1 << 63))


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _sweep(path: Path) -> None:
    """Remove what killed processes left of their writing of `path`; their number stands in its name."""
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*{glob.escape(path.suffix)}"):
        owner = left.name.removeprefix(f".{path.stem}.").partition("-")[0]
        if owner.isdecimal() and not _alive(owner):
            if left.name.removesuffix(path.suffix).endswith("-old") and not path.exists():
                left.replace(path)  # it was killed between the two renames
            elif left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` if the block ends without an error.

    The temporary path keeps the suffix, since writers choose their format by it. Parents are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    prefix = f".{path.stem}.{os.getpid()}-"
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """Give an empty temporary folder beside `path`; it takes the place of `path` if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    prefix = f".{path.stem}.{os.getpid()}-"
    temporary = Path(tempfile.mkdtemp(prefix=prefix, suffix=path.suffix, dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        old = path.with_name(f"{prefix}old{path.suffix}")
        if path.exists():
            path.replace(old)
        temporary.replace(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8 with plain newlines, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, atomically. NaN is refused: JSON has none."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path | str, expected: str = "a JSON file") -> Any:
    """Read a JSON file from outside.

    Args:
        path: the file.
        expected: what the file should be, said in the error.

    Raises:
        UserError: the file is missing, not UTF-8, or not JSON.
    """
    path = Path(path)
    try:
        return _loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {expected}") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder; expected {expected}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; expected {expected}") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}: not valid JSON at line {error.lineno} column {error.colno} ({error.msg}); "
            f"expected {expected}"
        ) from None
    except ValueError as error:  # such as a whole number of more digits than Python reads
        raise UserError(f"{path}: not readable JSON ({error}); expected {expected}") from None
    except RecursionError:
        raise UserError(f"{path}: JSON nested too deeply; expected {expected}") from None


def _loads(content: bytes) -> Any:
    """`json.loads`, in half the time where orjson gives the same.

    It makes floats of whole numbers beyond 64 bits, so a file that may hold one goes to `json`; so does one
    that orjson refuses: `json` reads NaN and half Unicode characters, and tells the line of a fault.
    """
    content = content.removeprefix(_BOM)
    if _LONG_NUMBER not in content.translate(_DIGITS):
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            pass
    return json.loads(content.decode("utf-8"))


def sha256_bytes(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path | str) -> str:
    """Return the hexadecimal SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def digest_json(value: Any) -> str:
    """Return the SHA-256 of `value` as canonical JSON."""
    return sha256_bytes(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode())


def list_files(folder: Path | str) -> list[Path]:
    """Return every file below `folder`, relative to it, sorted by its POSIX path."""
    folder = Path(folder)
    found = [entry.relative_to(folder) for entry in folder.rglob("*") if entry.is_file()]
    return sorted(found, key=lambda entry: entry.as_posix())


def write_manifest(folder: Path | str, manifest: Path | str, files: Iterable[Path] | None = None) -> str:
    """Write the digests of the files of `folder` as ``{"files": {path: sha256}, "digest": ...}``.

    Args:
        folder: what is described.
        manifest: the JSON file to write; itself left out when it lies inside `folder`.
        files: relative paths; all files of `folder` if not given.

    Returns:
        The digest over all of them, a name for the folder's content.
    """
    folder, manifest = Path(folder), Path(manifest)
    chosen = list_files(folder) if files is None else sorted(files, key=lambda entry: entry.as_posix())
    entries = {
        entry.as_posix(): sha256_file(folder / entry)
        for entry in chosen
        if (folder / entry).resolve() != manifest.resolve()
    }
    digest = digest_json(entries)
    write_json(manifest, {"files": entries, "digest": digest})
    return digest


def verify_manifest(folder: Path | str, manifest: Path | str, partial: bool = False) -> str:
    """Check the files of `folder` against a manifest and return its digest.

    Args:
        folder: what is described.
        manifest: from `write_manifest`.
        partial: files may be missing.

    Raises:
        UserError: a file is missing, added, or differs; the first one is named.
    """
    folder = Path(folder)
    content = read_json(manifest, "a manifest with 'files' and 'digest'")
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise UserError(f"{manifest}: expected a manifest with 'files' and 'digest'")
    entries: dict[str, str] = content["files"]
    present = {entry.as_posix() for entry in list_files(folder)} - {
        Path(manifest).resolve().relative_to(folder.resolve()).as_posix()
        if Path(manifest).resolve().is_relative_to(folder.resolve())
        else ""
    }
    missing = set(entries) - present
    for name in [] if partial else sorted(missing):
        raise UserError(
            f"{folder / name}: missing, but {manifest} lists it; restore it (dvc checkout, or pull again)"
        )
    for name in sorted(present - set(entries)):
        raise UserError(f"{folder / name}: not listed in {manifest}; remove it, or restore the folder")
    for name, expected in sorted(entries.items()):
        if name not in missing and sha256_file(folder / name) != expected:
            raise UserError(
                f"{folder / name}: changed since it was frozen (its digest is not the one in {manifest}); "
                "restore it (dvc checkout --force, or git checkout)"
            )
    digest = digest_json(entries)
    if digest != content.get("digest"):
        raise UserError(f"{manifest}: its 'digest' is not that of its 'files'; restore it")
    return digest


def inside(folder: Path | str, name: str) -> Path:
    """Return ``folder / name`` where `name` comes from outside, or refuse a path that leaves the folder.

    Raises:
        UserError: `name` is absolute, or climbs out of `folder`.
    """
    folder = Path(folder)
    path = folder / name
    if (
        "\x00" in name
        or name.startswith("/")
        or not (_without_links(folder, name) or path.resolve().is_relative_to(folder.resolve()))
    ):
        raise UserError(
            f"{folder}: the file name {name!r:.200} leads outside this folder; expected a path inside it"
        )
    return path


def _without_links(folder: Path, name: str) -> bool:
    """Whether no part of `name` climbs or is a link, so that it lies inside `folder` wherever that leads.

    Resolving both paths asks the same of every folder up to the root, for each of 100,000 images.
    """
    parts = name.split("/")
    if ".." in parts:
        return False
    below = str(folder)
    for part in parts:
        below = f"{below}/{part}"
        try:
            if stat.S_ISLNK(os.lstat(below).st_mode):
                return False
        except FileNotFoundError:
            break
        except OSError:
            return False
    return True
