"""Pulling a frozen benchmark: only what is whole is taken, and what is damaged is named."""

import subprocess
import sys
from pathlib import Path

from sartext.core.errors import UserError
from sartext.core.files import read_json, verify_manifest
from sartext.core.pointers import MANIFEST, md5_file, read_pointer
from sartext.evaluation.tasks import verify


def _dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False
    )


def _store() -> Path | None:
    """The folder of DVC's default remote; none if it is not a folder of this machine."""
    entries = (line.partition("=") for line in _dvc("config", "--list").stdout.splitlines())
    settings = {key: value for key, _, value in entries}
    url = settings.get(f"remote.{settings.get('core.remote', '')}.url", "")
    return Path(url) if url and "://" not in url and Path(url).is_dir() else None


def check_objects(pointer: Path, store: Path) -> None:
    """Check that each object which a pointer needs holds what its name says, as far as the store has it.

    Args:
        pointer: the ``.dvc`` file of a folder.
        store: a DVC remote that is a folder.

    Raises:
        UserError: an object is damaged; it is named, with the file that it is.
    """
    folder = pointer.with_suffix("")
    objects = store / "files" / "md5"

    def check(md5: str, what: Path) -> Path | None:
        path = objects / md5[:2] / md5[2:]
        if not path.is_file():
            return None
        if md5_file(path) != md5.removesuffix(".dir"):
            raise UserError(
                f"{path}: damaged object in the store: it is {what}, and its content is not what its name "
                "says; nothing was pulled; restore it (git checkout, or dvc push from a checkout that has it)"
            )
        return path

    listing = check(read_pointer(pointer), folder)
    for entry in read_json(listing) if listing else []:
        check(entry["md5"], folder / entry["relpath"])


def pull(pointer: Path) -> str:
    """Bring the folder that a DVC pointer names, unless it is there as frozen.

    Args:
        pointer: such as ``data/benchmark/v0.dvc``.

    Returns:
        The benchmark's digest.

    Raises:
        UserError: the store lacks an object or holds a damaged one, or a file was changed by hand.
    """
    folder = pointer.with_suffix("")
    try:
        return verify(folder)
    except UserError:
        # not there, not whole, of an older pointer: DVC mends that; what was changed by hand is told
        if (folder / MANIFEST).is_file():
            verify_manifest(folder, folder / MANIFEST, partial=True)
    store = _store()
    if store is not None:
        check_objects(pointer, store)
    done = _dvc("pull", str(pointer))
    if done.returncode != 0:
        said = " ".join(f"{done.stdout}\n{done.stderr}".split())
        raise UserError(f"{pointer}: dvc pull failed: {said}")
    return verify(folder)
