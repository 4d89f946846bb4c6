"""`sartext release`: a version of SAR-TEXT as a DVC pointer, a commit and a tag, or nothing at all."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import (
    digest_json,
    list_files,
    read_json,
    sha256_file,
    verify_manifest,
    write_json,
    write_text,
)
from sartext.core.provenance import provenance
from sartext.core.runlock import hold_folder
from sartext.dataset.about.croissant import croissant
from sartext.dataset.release.built import TABLES, benchmark_of, check_config
from sartext.dataset.release.changes import HASHES, changes
from sartext.dataset.release.code import check_code
from sartext.dataset.release.exchange import check_disposable, exchanged, recover
from sartext.dataset.release.folder import (
    CHANGES_FILE,
    CROISSANT,
    VERSION_FILE,
    Contents,
    content_digest,
    write_contents,
)
from sartext.dataset.release.notes import Changes, changelog, section
from sartext.dataset.release.tools import check_repository, commit_and_tag, dvc
from sartext.dataset.release.versions import (
    RELEASES,
    Released,
    Version,
    artifact,
    last_release,
    next_version,
    tag_of,
    tag_text,
)


@dataclass(frozen=True)
class Made:
    """A version that was made.

    Attributes:
        folder: where its files lie.
        pointer: its DVC pointer.
        commit: the commit of the pointer.
        tag: its tag.
        content: digest of its content.
        record: what its VERSION.json says.
    """

    folder: Path
    pointer: Path
    commit: str
    tag: str
    content: str
    record: dict[str, Any]


def _bring(profile: str, last: Released, name: str, folder: Path) -> Path:
    """Bring a file of the last version, from DVC's cache or its remote, into a folder."""
    of = RELEASES / profile
    try:
        dvc("get", "-q", ".", (of / name).as_posix(), "--rev", last.tag, "-o", str(folder / name))
    except UserError as error:
        raise UserError(
            f"{of / name} of {last.tag}: needed to tell what changed since, and not to be had; fetch it from "
            f"the remote that has it (dvc fetch -r NAME {of}.dvc); {error}"
        ) from None
    return folder / name


def _bring_last(profile: str, last: Released, new: Path, files: Mapping[str, str], folder: Path) -> None:
    """Bring the last version's tables and notes into a folder.

    Args:
        profile: the profile's name.
        last: the version.
        new: folder of the new version.
        files: digests of its files; what the last version has too is taken from it.
        folder: where to.

    Raises:
        UserError: a file cannot be had, or is not what the version says.
    """
    told = read_json(_bring(profile, last, VERSION_FILE, folder), "what a version says of itself")
    listed = told.get("files") if isinstance(told, dict) else None
    if not isinstance(listed, dict) or content_digest(listed) != last.content:
        raise UserError(
            f"{RELEASES / profile / VERSION_FILE} of {last.tag}: not of the content its tag names"
        )
    for name in (CHANGES_FILE, HASHES, *(f"{table}.parquet" for table in TABLES)):
        if name in files and listed.get(name) == files[name]:
            shutil.copyfile(new / name, folder / name)
        elif sha256_file(_bring(profile, last, name, folder)) != listed.get(name):
            raise UserError(
                f"{RELEASES / profile / name} of {last.tag}: not the file that its {VERSION_FILE} lists; "
                "what DVC has of it is damaged: remove that from its cache or remote, and push it again"
            )


def _write_notes(
    config: Config, folder: Path, version: Version, last: Released | None, contents: Contents, commit: str
) -> dict[str, Any]:
    """Write what names the version; returns what VERSION.json says."""
    found: Changes | None = None
    before = None
    if last is not None:
        with tempfile.TemporaryDirectory(prefix=f".{config.profile}.", dir=folder.parent) as old:
            _bring_last(config.profile, last, folder, contents.files, Path(old))
            found = changes(Path(old), folder)
            before = (Path(old) / CHANGES_FILE).read_text(encoding="utf-8")
    previous = str(last.version) if last else None
    newest = section(str(version), previous, contents.counts, found, contents.digest)
    write_text(folder / CHANGES_FILE, changelog(config.profile, newest, before))
    write_json(folder / CROISSANT, croissant(folder, config, str(version)))
    made_by = provenance()
    files = {
        **contents.files,
        **{name: sha256_file(folder / name) for name in (CHANGES_FILE, CROISSANT)},
    }
    record = {
        "name": artifact(config.profile),
        "version": str(version),
        "previous": previous,
        "profile": config.profile,
        "data_note": config.data_note,
        "commit": commit,
        "code": contents.code,
        "package_version": made_by["package_version"],
        "lock_sha256": made_by["lock_sha256"],
        "config_digest": config.digest(),
        "benchmark": benchmark_of(config),
        "counts": contents.counts,
        "changes": found,
        "images_of": contents.held,
        "withheld": contents.withheld,
        "content": contents.digest,
        "files": files,
        "digest": digest_json(files),
    }
    write_json(folder / VERSION_FILE, record)
    verify_manifest(folder, folder / VERSION_FILE)
    return record


def release(config: Config, text: str, texts_only: bool = False) -> Made:
    """Make a version of a profile's SAR-TEXT: ``data/sar-text/PROFILE``, its pointer, a commit and a tag.

    The folder is replaced, the pointer committed and the tag set together; a failure leaves all as it was,
    and a release that was killed is simply made again. Nothing is pushed.

    Args:
        config: the profile; it must be built and audited.
        text: the version, ``X.Y.Z``, above the last one.
        texts_only: whether all images are left out; those of sources that may not be passed on always are.

    Raises:
        UserError: a part of the build is missing, stale or of other code than the commit, an audit is
            missing, the version or the content is not new, the repository is not in a state to commit to, or
            git or DVC refuse.
    """
    target = RELEASES / config.profile
    pointer, ignored = Path(f"{target}.dvc"), RELEASES / ".gitignore"
    with hold_folder(f"release of {config.profile}") as lock:
        recover(target)
        commit = check_repository()
        check_code(commit)
        last = last_release(config.profile)
        version = next_version(config.profile, text, last)
        check_config(config)
        check_disposable(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            staged.chmod(0o755)
            contents = write_contents(config, staged, texts_only)
            if last and last.content == contents.digest:
                raise UserError(
                    f"--version: nothing changed since {last.version}: its content is {last.content[:12]} "
                    "too; a version is of new content"
                )
            record = _write_notes(config, staged, version, last, contents, commit)
            tag = tag_of(config.profile, version)
            message = f"Release SAR-TEXT {config.profile} {version}\n\nContent {contents.digest}"
            with exchanged(target, staged, [pointer, ignored], tag, message):
                # it holds the lock too: if this process is killed, none releases while DVC still writes
                dvc("add", "-q", target.as_posix(), holding=lock)
                said = tag_text(config.profile, version, contents.digest)
                commit = commit_and_tag([pointer, ignored], message, tag, said)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return Made(target, pointer, commit, tag, contents.digest, record)


def size_of(folder: Path) -> int:
    """Return how many bytes the files of a folder have."""
    return sum((folder / path).stat().st_size for path in list_files(folder))
