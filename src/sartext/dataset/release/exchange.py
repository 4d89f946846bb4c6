"""The exchange of a released version for the next one: all of it or nothing, wherever it is killed.

What was there is noted in a file before anything is touched, and the old folder stays until the tag is set,
which is the last step and decides: with the tag all is done, without it all is put back. A release that fails
does that itself; one that was killed leaves the note, and the next one does it first.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sartext.core.errors import UserError
from sartext.core.files import read_json, verify_manifest
from sartext.dataset.release.folder import VERSION_FILE
from sartext.dataset.release.tools import branch_of, git


def _note(target: Path) -> Path:
    return target.with_name(f".{target.name}.undo.json")


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def check_disposable(target: Path) -> None:
    """Check that nothing of a person is in the folder that a release replaces.

    Raises:
        UserError: a file there is not as a release wrote it; it is named.
    """
    if target.exists():
        if not (target / VERSION_FILE).is_file():
            raise UserError(
                f"{target}: holds no version ({VERSION_FILE}); a release replaces it: move it away"
            )
        verify_manifest(target, target / VERSION_FILE, partial=True)


def _read_note(target: Path) -> dict[str, Any] | None:
    return read_json(_note(target), "what a release notes") if _note(target).is_file() else None


def _write(target: Path, path: Path, content: bytes) -> None:
    """Write a file whole or not at all; what a kill leaves has a name that `_forget` knows."""
    temporary = target.with_name(f".{target.name}.written")
    temporary.write_bytes(content)
    temporary.replace(path)


def _done(note: dict[str, Any]) -> bool:
    return bool(git("tag", "--list", note["tag"]))


def _take_back_commit(note: dict[str, Any]) -> None:
    """Undo a commit without tag: git moves both at once, but can be killed between the two."""
    tip = git("for-each-ref", "--format=%(objectname)", note["branch"])
    if not tip or tip == note["head"]:
        return
    if git("log", "-1", "--format=%P%n%B", tip) == f"{note['head']}\n{note['message']}":
        git("update-ref", "-m", "release: taken back", note["branch"], note["head"], tip)


def _put_back(target: Path, note: dict[str, Any]) -> None:
    """Put folder, files, branch and index back as noted; whoever is killed here begins again."""
    old, scrap = _old(target), target.with_name(f".{target.name}.scrap")
    _take_back_commit(note)
    if old.exists() or not note["folder"]:
        if target.exists():
            shutil.rmtree(scrap, ignore_errors=True)
            target.replace(scrap)
        if old.exists():
            old.replace(target)
    for name, content in note["files"].items():
        if content is None:
            Path(name).unlink(missing_ok=True)
        else:
            _write(target, Path(name), content.encode("latin-1"))
    if git("diff", "--cached", "--name-only", "--", *note["files"]):
        git("reset", "-q", "--", *note["files"])


def _forget(target: Path) -> None:
    """Remove the note, and then all that only the note gave a meaning."""
    _note(target).unlink(missing_ok=True)
    for entry in target.parent.glob(f".{target.name}.*"):
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def recover(target: Path) -> None:
    """Put back what a killed release left half done, and remove what it left; to be called under the lock.

    Args:
        target: folder of the version, relative to the repository's root.

    Raises:
        UserError: a person has changed the half released folder since, or git refuses.
    """
    note = _read_note(target)
    if note and not _done(note):
        check_disposable(target)
        _put_back(target, note)
    _forget(target)


@contextmanager
def exchanged(target: Path, staged: Path, files: Sequence[Path], tag: str, message: str) -> Iterator[None]:
    """Put `staged` in the place of `target` for a block that commits and, at its end, sets the tag.

    If the tag is not there when the block ends, folder, files, branch and index are as they were.

    Args:
        target: folder of the version, relative to the repository's root.
        staged: the new folder, beside it.
        files: what the block commits.
        tag: the tag that it sets.
        message: of its commit.
    """
    note = {
        "tag": tag,
        "branch": branch_of(),
        "head": git("rev-parse", "HEAD"),
        "message": message,
        "folder": target.exists(),
        # one character a byte, so that any file comes back as it was
        "files": {
            path.as_posix(): path.read_bytes().decode("latin-1") if path.is_file() else None for path in files
        },
    }
    _write(target, _note(target), json.dumps(note).encode())
    try:
        if target.exists():
            target.replace(_old(target))
        staged.replace(target)
        yield
    except BaseException:
        # where that fails too (a locked index, a full disk) the note stays, and the next release does it
        with suppress(UserError, OSError):
            if not _done(note):
                _put_back(target, note)
            _forget(target)
        raise
    _forget(target)
