"""Which code made a build, and that it is the code of the commit that a version names.

The workflow gives each rule the digest of its code, and Snakemake records it with every file that a rule
makes. A version is made of files whose record has the digest of the code that runs now, and that code is
compared with the commit file by file: so the commit is the one that the data can be built from.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import read_json, sha256_file
from sartext.core.provenance import PROJECT_ROOT, code_digest
from sartext.dataset.release.built import AUDITS
from sartext.dataset.release.tools import git

_RECORDS = Path(".snakemake") / "metadata"
_CODE = ("src/sartext", "envs/requirements.lock")
_RELEASE = "sartext.dataset.release.run"
_AGAIN = "run the workflow (snakemake --cores all --configfile FILE)"


def _running() -> dict[str, str]:
    """Git's names of the files of the code that runs."""
    names = [
        path.relative_to(PROJECT_ROOT).as_posix()
        for part in _CODE
        for path in ((PROJECT_ROOT / part), *(PROJECT_ROOT / part).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    given = "".join(f"{PROJECT_ROOT / name}\n" for name in names)
    return dict(
        zip(names, git("hash-object", "--no-filters", "--stdin-paths", given=given).split(), strict=True)
    )


def check_code(commit: str) -> None:
    """Check that the code that runs is the code of a commit of this repository, to the file.

    Raises:
        UserError: a file differs, is missing or is not in the commit.
    """
    committed = {}
    for line in git("ls-tree", "-r", "-z", commit, "--", *_CODE).split("\0"):
        if line:
            entry, _, name = line.partition("\t")
            committed[name] = entry.split()[2]
    running = _running()
    for name in sorted(committed.keys() | running.keys()):
        if running.get(name) != committed.get(name):
            raise UserError(
                f"{PROJECT_ROOT / name}: not as in commit {commit[:12]}, which the version would name as its "
                f"code; commit it or move it away, then {_AGAIN} and release again"
            )


def made_of(config: Config) -> Iterator[tuple[Path, str]]:
    """Give the files that a version comes from, in the workflow's order, and the module that makes each."""
    for name in config.simulator.sources if config.simulator else ():
        yield Path("data") / "simulated" / config.profile / f"{name}.manifest.json", "sartext.simulator"
    for source in config.sources:
        yield config.results / "scenes" / source.name / "scenes.parquet", "sartext.sources"
    yield config.results / "stage1" / "scenes.parquet", "sartext.dataset.stage1"
    for source in config.sources:
        for branch in source.branches:
            if branch == "pair":
                seed = config.model("coca").training.seeds[0]
                run = config.results / "checkpoints" / "coca" / "optical" / str(seed) / "run.json"
                yield run, "sartext.training"
            narrator = "sartext.narrator.pair" if branch == "pair" else "sartext.narrator.run"
            yield config.results / "captions" / f"{source.name}.{branch}.parquet", narrator
    yield config.results / "sartext" / "scenes.parquet", "sartext.dataset.build"
    for name in AUDITS:
        yield config.results / "audit" / f"{name}.json", "sartext.dataset.likeness.audit"
    yield config.results / "sartext" / "croissant.json", "sartext.dataset.about.write"


def _record_of(path: Path) -> dict[str, Any] | None:
    """Snakemake's record of a file; None if there is none."""
    record = _RECORDS / urlsafe_b64encode(path.as_posix().encode()).decode()
    content = read_json(record, "a record of Snakemake") if record.is_file() else None
    return content if isinstance(content, dict) else None


def _check_made_by(path: Path, module: str, digest: str, record: dict[str, Any]) -> None:
    if repr(digest) not in (record.get("params") or []):
        raise UserError(f"{path}: made by other code ({module}) than the one that runs now; {_AGAIN} again")


def _check_not_older(path: Path, record: dict[str, Any]) -> None:
    """A stopped workflow may have made an input anew and not what comes of it; so Snakemake tells."""
    checksums = record.get("input_checksums") or {}
    for name in record.get("input") or []:
        given = Path(name)
        newer = given.is_file() and given.stat().st_mtime > record["endtime"]
        if newer and checksums.get(name) != f"sha256:{sha256_file(given)}":
            raise UserError(f"{path}: older than {name}, which it is made from; {_AGAIN} again")


def code_of_build(config: Config, held: Sequence[str]) -> dict[str, str]:
    """Return the digests of the code that a version is made by, of the build and of the release itself.

    Args:
        config: the profile.
        held: sources whose shards are in the version.

    Returns:
        Digests by module.

    Raises:
        UserError: a file was made by other code than the one that runs now, or it is not known by which, or
            one is older than what it is made from.
    """
    made = list(made_of(config))
    digests = {module: code_digest(module) for module in {_RELEASE, *(module for _, module in made)}}
    for path, module in made:
        record = _record_of(path)
        if record is None or not path.is_file() or path.stat().st_mtime > float(record.get("endtime") or 0):
            raise UserError(
                f"{path}: not as the workflow made it, so its code is not known; delete it and {_AGAIN}"
            )
        _check_made_by(path, module, digests[module], record)
        _check_not_older(path, record)
    shards = "sartext.dataset.exports.shards"
    for name in held:
        path = config.results / "sartext" / "shards" / name / "manifest.json"
        # a release writes what is missing itself
        if (record := _record_of(path)) is not None:
            _check_made_by(path, shards, code_digest(shards), record)
    return dict(sorted(digests.items()))
