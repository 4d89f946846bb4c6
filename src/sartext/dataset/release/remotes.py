"""Whether a DVC remote holds a version whole.

DVC checks what it pulls, and uses nothing that is damaged. But it does not name the damaged object, says of
a WebDAV server that refuses a password that files are missing, and takes all files of a folder as pushed as
soon as the folder's listing is there. So what is in the remote is read here, object by object.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sartext.core.errors import UserError
from sartext.core.pointers import read_pointer
from sartext.core.progress import track
from sartext.dataset.release.tools import git
from sartext.dataset.release.versions import RELEASES, artifact, last_release

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Fault:
    """One object that a remote does not hold as it should.

    Attributes:
        file: the file that it is, from the project's root.
        kind: what is wrong with it.
        place: its path in the remote.
    """

    file: str
    kind: Literal["missing", "damaged"]
    place: str


@dataclass(frozen=True)
class Checked:
    """What a remote holds of a version.

    Attributes:
        tag: the version's tag.
        remote: the remote's name.
        files: how many files the version has.
        size: bytes that were read.
        listing: path in the remote of the listing of the version's folder.
        push: from where, and how, it is pushed again.
        faults: what is missing or damaged, by file.
    """

    tag: str
    remote: str
    files: int
    size: int
    listing: str
    push: str
    faults: list[Fault]


class _Remote:
    """A remote of this repository; what it refuses is said in one line."""

    def __init__(self, name: str | None) -> None:
        from dvc.repo import Repo  # type: ignore[import-untyped]

        try:
            self._repo: Any = Repo()
            remote = self._repo.cloud.get_remote(name)
            self._odb = remote.odb
        except Exception as error:  # each kind of remote has errors of its own
            raise UserError(f"remote {name or '(default)'}: {_told(error)}") from None
        self.name = str(remote.name)

    def place(self, oid: str) -> str:
        """Return the path of an object in the remote."""
        return str(self._odb.oid_to_path(oid))

    def read(self, oid: str, keep: bool = False) -> tuple[str, int, bytes] | None:
        """Read an object and return its MD5, size and, if wanted, its content; None if it is not there.

        Raises:
            UserError: the remote cannot be reached, or lets nobody in.
        """
        digest, size, content = hashlib.md5(usedforsecurity=False), 0, []
        try:
            with self._odb.fs.open(self.place(oid), "rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    if keep:
                        content.append(chunk)
        except FileNotFoundError:
            return None
        except Exception as error:  # each kind of remote has errors of its own
            raise UserError(
                f"remote {self.name}: {_told(error)}; see that the server runs, and that its address, user "
                f"and secret are right (dvc remote list; dvc remote modify --local {self.name} ...)"
            ) from None
        return digest.hexdigest(), size, b"".join(content)


def _told(error: Exception) -> str:
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)


def push_remote() -> str | None:
    """Return the name of DVC's default remote; None if there is none, or it is a folder of the repository.

    What lies in such a folder would be committed to git, so a version goes there only if someone says so.
    """
    from dvc.repo import Repo

    repo = Repo()
    name = repo.config["core"].get("remote")
    url = str(repo.config["remote"].get(name, {}).get("url", repo.root_dir)).removeprefix("file://")
    inside = "://" not in url and Path(url).resolve().is_relative_to(Path(repo.root_dir).resolve())
    return None if inside else str(name)


def _pointed(tag: str, pointer: Path) -> str:
    """Return the content that a pointer names in a tag, whatever the working tree has."""
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / pointer.name
        there.write_text(git("show", f"{tag}:{pointer.as_posix()}"), encoding="utf-8")
        try:
            return read_pointer(there)
        except UserError:
            raise UserError(
                f"{tag}:{pointer}: expected a DVC pointer with a folder's md5 and '.dir'; "
                "if sartext release did not make this tag, delete it (git tag -d)"
            ) from None


def check_remote(profile: str, name: str | None = None) -> Checked:
    """Read all files of a profile's last version from a remote, and tell what is missing or damaged there.

    Args:
        profile: the profile's name.
        name: the remote; DVC's default one if not given.

    Raises:
        UserError: there is no version or remote, the remote cannot be reached or lets nobody in, or it does
            not hold the folder's listing, without which nothing can be looked for.
    """
    last = last_release(profile)
    if last is None:
        raise UserError(
            f"{artifact(profile)}: no version is released, or its tag is not here (git fetch --tags)"
        )
    folder = RELEASES / profile
    pointer = Path(f"{folder}.dvc")
    oid = _pointed(last.tag, pointer)
    remote = _Remote(name)
    listing = remote.read(oid, keep=True)
    where = f"remote {remote.name}: {remote.place(oid)}"
    push = f"from a checkout of {last.tag} (dvc push -r {remote.name} {pointer})"
    if listing is None:
        raise UserError(f"{where}: missing: it lists the files of {folder}; push it {push}")
    if listing[0] != oid.removesuffix(".dir"):
        raise UserError(
            f"{where}: damaged: it lists the files of {folder}; delete it there, then push it {push}"
        )
    entries = json.loads(listing[2])
    size, faults = 0, []
    found: dict[str, Literal["missing", "damaged"] | None] = {}
    for entry in track(entries, f"objects of {folder}"):
        md5 = entry["md5"]
        if md5 not in found:
            got = remote.read(md5)
            size += got[1] if got else 0
            found[md5] = "missing" if got is None else "damaged" if got[0] != md5 else None
        kind = found[md5]
        if kind:
            faults.append(Fault((folder / entry["relpath"]).as_posix(), kind, remote.place(md5)))
    return Checked(last.tag, remote.name, len(entries), size, remote.place(oid), push, faults)
