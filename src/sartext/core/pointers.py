"""DVC pointers: which content a ``.dvc`` file names, checked without starting DVC."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import yaml

from sartext.core.errors import UserError
from sartext.core.files import list_files, verify_manifest

MANIFEST = "manifest.json"


def md5_file(path: Path | str) -> str:
    """Return the hexadecimal MD5 of a file: DVC's name for its content."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_md5(folder: Path | str) -> str:
    """Return DVC's name for the content of a folder: the MD5 of its listing, and ``.dir``."""
    folder = Path(folder)
    listing = [
        {"md5": md5_file(folder / path), "relpath": path.as_posix()}
        # DVC sorts by the path's text
        for path in sorted(list_files(folder), key=lambda path: path.as_posix())
    ]
    return hashlib.md5(json.dumps(listing).encode(), usedforsecurity=False).hexdigest() + ".dir"


def read_pointer(pointer: Path | str) -> str:
    """Return the content that the ``.dvc`` file of a folder names, such as ``a758...21e6.dir``.

    Raises:
        UserError: the file is missing, or is not the pointer of one folder.
    """
    pointer = Path(pointer)
    try:
        content: Any = yaml.safe_load(pointer.read_text(encoding="utf-8"))
        md5 = content["outs"][0]["md5"]
    except FileNotFoundError:
        raise UserError(f"{pointer}: no such file; expected a DVC pointer of a folder") from None
    except (yaml.YAMLError, UnicodeDecodeError, LookupError, TypeError):
        md5 = None
    if not isinstance(md5, str) or not re.fullmatch(r"[0-9a-f]{32}\.dir", md5):
        raise UserError(f"{pointer}: outs.0.md5: expected a folder's md5 and '.dir'; restore it from git")
    return md5


def as_pointed(folder: Path | str) -> bool:
    """Return whether a folder is what the pointer beside it names; true if it has none."""
    pointer = Path(f"{folder}.dvc")
    return not pointer.is_file() or folder_md5(folder) == read_pointer(pointer)


def verify_frozen(folder: Path | str) -> str:
    """Check a frozen folder against its manifest, and against its DVC pointer if it has one.

    The manifest names the file that differs. The pointer is committed, so it also finds a manifest that was
    changed along with the file.

    Args:
        folder: holds ``manifest.json``; its pointer is the file of the same name and ``.dvc`` beside it.

    Returns:
        The digest of the manifest.

    Raises:
        UserError: a file is missing, added or differs; it is named.
    """
    folder = Path(folder)
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise UserError(f"{folder}: no {MANIFEST} there; expected a benchmark (dvc pull brings it)")
    digest = verify_manifest(folder, manifest)
    if not as_pointed(folder):
        raise UserError(
            f"{manifest}: not the one that {folder}.dvc names; restore it (dvc checkout --force {folder}.dvc)"
        )
    return digest
