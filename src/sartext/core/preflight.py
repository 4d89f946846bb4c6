"""What can be known to fail before a run starts."""

import hashlib
import os
import shutil
from functools import cache
from pathlib import Path

from sartext.core.config import Config, SourceConfig
from sartext.core.errors import DatasetNotFoundError, UserError
from sartext.core.files import read_json, verify_manifest
from sartext.core.pointers import MANIFEST, as_pointed

_GIB = 1 << 30


def require_source(source: SourceConfig) -> Path:
    """Return the folder of a source.

    Raises:
        DatasetNotFoundError: it is not there; says where it was looked for and how to obtain it.
    """
    if not source.folder.is_dir():
        raise DatasetNotFoundError(
            f"source {source.name}: no folder {source.folder}; to get it: {source.obtain}; "
            "then put it there, or set the source's 'root' in the profile"
        )
    return source.folder


def check_sources(config: Config) -> None:
    """Check that the folder of every source that is not simulated is there.

    Raises:
        DatasetNotFoundError: see `require_source`.
    """
    simulated = config.simulator.sources if config.simulator else {}
    for source in config.sources:
        if source.name not in simulated:
            require_source(source)


def require_weights(path: str, obtain: str) -> Path:
    """Return a file of weights made elsewhere.

    Raises:
        UserError: it is not there; says how to obtain it.
    """
    found = Path(path)
    if not found.is_file():
        told = f"to get it: {obtain}" if obtain else "get it"
        raise UserError(f"{found}: no such file of weights; {told}; then put it there, or set its 'path'")
    return found


def check_weights(config: Config) -> None:
    """Check that the weights that models start from, and released ones, are there where a path names them.

    Raises:
        UserError: see `require_weights`.
    """
    for name, model in config.models.items():
        for weights in model.base:
            if weights.path is not None:
                require_weights(weights.path, weights.obtain)
        for row in config.released(name).values():
            require_weights(str(row.path), row.obtain)


def check_disk(config: Config, folder: Path | str = ".") -> None:
    """Check that `folder` has the free disk that the profile asks for, less what its results already use.

    Raises:
        UserError: too little is free.
    """
    free = shutil.disk_usage(folder).free / _GIB
    used = sum(
        entry.stat().st_size
        for part in (config.results, config.reports, Path("data") / "simulated" / config.profile)
        for entry in part.rglob("*")
        if entry.is_file()
    )
    needed = max(config.disk_gb - used / _GIB, 0)
    if free < needed:
        raise UserError(
            f"profile {config.profile}: needs {needed:.1f} GiB of free disk (disk_gb), {free:.1f} are free "
            f"at {Path(folder).resolve()}; free some, or run in a checkout on a larger disk"
        )


def check_benchmark(config: Config) -> None:
    """Check that the frozen benchmark version of the profile exists, and that nobody changed what is there.

    A run that pulled it needs all of it; before that, files may be missing, since the run pulls them.

    Raises:
        UserError: there is no such version, or a file of it is missing, added or changed; it is named.
    """
    if config.evaluation.version == "draft":
        return
    versions = Path("data") / "benchmark"
    folder = versions / config.evaluation.version
    pointer, manifest = Path(f"{folder}.dvc"), folder / MANIFEST
    if not pointer.is_file():
        known = ", ".join(sorted(path.stem for path in versions.glob("v*.dvc"))) or "none"
        raise UserError(
            f"profile {config.profile}: evaluation.version: no frozen benchmark {config.evaluation.version}; "
            f"there are: {known}; "
            "'draft' makes one of the run's own test split"
        )
    pulled = config.results / "benchmark.json"
    # results made with another version, or a draft, say nothing of this one
    if not pulled.is_file() or read_json(pulled).get("folder") != folder.as_posix():
        if manifest.is_file():
            verify_manifest(folder, manifest, partial=True)
        return
    if not manifest.is_file():
        raise UserError(
            f"{manifest}: missing, but this profile's results were made with it; "
            f"restore it (dvc pull {pointer})"
        )
    digest = verify_manifest(folder, manifest)
    # the pointer may have moved on since: then the run pulls what it names now
    if digest != read_json(pulled).get("digest") and not as_pointed(folder):
        raise UserError(
            f"{manifest}: neither the one that {pointer} names nor the one of this profile's results; "
            f"restore it (dvc checkout --force {pointer})"
        )


@cache
def _files_digest(folder: Path) -> str:
    """Digest of what lies below a folder, looked at once a process: sources may share one."""
    digest = hashlib.sha256(os.fsencode(folder))
    waiting = [os.fspath(folder)]
    while waiting:
        here = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda one: one.name)
        except PermissionError:
            raise UserError(f"{here}: cannot be read; make it readable, or move it away") from None
        for entry in entries:
            if entry.name.startswith("."):
                continue  # notes and locks of `sartext fetch`; readers pass over them too
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif entry.is_file():
                found = entry.stat()
                line = f"\0{found.st_size} {found.st_mtime_ns}\n"
                digest.update(os.fsencode(entry.path) + line.encode())
    return digest.hexdigest()


def files_digest(source: SourceConfig) -> str:
    """Return a digest of the paths, sizes and times of a real source's files."""
    return _files_digest(source.folder)
