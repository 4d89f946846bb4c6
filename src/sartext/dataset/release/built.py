"""What must be there, whole and of one piece before a version is made of it."""

from pathlib import Path
from typing import Any

from sartext.core.config import Config, load_config
from sartext.core.errors import UserError
from sartext.core.files import read_json, sha256_file

AUDITS = ("stage1", "sartext")
TABLES = ("scenes", "captions", "questions")
COPIED = ("dropped.csv", "datasheet.md")
STATISTICS = "statistics.json"


def _object(path: Path, expected: str) -> dict[str, Any]:
    content = read_json(path, expected)
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected {expected}; run the rule that writes it again")
    return content


def check_config(config: Config) -> None:
    """Check that a profile's results are of the profile as it is now.

    Raises:
        UserError: the resolved profile beside the results is missing, or is another one.
    """
    path = config.results / "config.yaml"
    if not path.is_file():
        raise UserError(
            f"{path}: missing, so it is not known what these results were built with; build them with the "
            "workflow (snakemake --cores all --configfile FILE)"
        )
    if load_config(path).digest() != config.digest():
        raise UserError(
            f"{path}: of another state of profile {config.profile} than the one given; run the workflow "
            "again, or give that file as --config"
        )


def read_audits(config: Config) -> dict[str, dict[str, Any]]:
    """Return the audits of both stages, which found nothing that leaks.

    Raises:
        UserError: an audit is missing, tells of a leak, is of another set than the one there, or looked at no
            or another benchmark.
    """
    wanted = None if config.evaluation.version == "draft" else config.evaluation.version
    audits = {}
    for name in AUDITS:
        path = config.results / "audit" / f"{name}.json"
        audit = _object(path, f"the audit of {name} (sartext audit --config FILE --set {name})")
        if audit.get("remaining") != 0:
            raise UserError(
                f"{path}: remaining: expected 0, found {audit.get('remaining')!r:.60}; a set that leaks test "
                "images is not released: build again"
            )
        if audit.get("benchmark") != wanted:
            raise UserError(
                f"{path}: benchmark: expected {wanted}, found {audit.get('benchmark')!r:.60}; audit again"
            )
        table = config.results / name / "scenes.parquet"
        if not table.is_file():
            raise UserError(f"{table}: missing; run 'sartext build'")
        if audit.get("scenes") != sha256_file(table):
            raise UserError(f"{path}: scenes: of another table than {table} is now; audit again")
        audits[name] = audit
    return audits


def benchmark_of(config: Config) -> dict[str, str] | None:
    """Return version and digest of the frozen benchmark that the set was checked against; None for a draft.

    Raises:
        UserError: the run's record of it is missing or is of another version.
    """
    version = config.evaluation.version
    if version == "draft":
        return None
    path = config.results / "benchmark.json"
    pulled = _object(path, "the run's record of the benchmark it pulled")
    digest = pulled.get("digest")
    if Path(str(pulled.get("folder"))).name != version or not isinstance(digest, str):
        raise UserError(f"{path}: expected folder and digest of benchmark {version}; run the workflow again")
    return {"version": version, "digest": digest}


def check_about(folder: Path) -> None:
    """Check that statistics, datasheet and metadata are there and tell of the tables beside them.

    Metadata names the digest of each table, and the three are written together.

    Raises:
        UserError: one is missing, or is of other tables.
    """
    for name in (*COPIED, STATISTICS, "croissant.json"):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: missing; run 'sartext build --part statistics'")
    path = folder / "croissant.json"
    told = {
        str(entry.get("contentUrl")): entry.get("sha256")
        for entry in _object(path, "Croissant metadata").get("distribution", [])
        if isinstance(entry, dict)
    }
    for table in TABLES:
        file = folder / f"{table}.parquet"
        if not file.is_file():
            raise UserError(f"{file}: missing; run 'sartext build --part sartext'")
        if told.get(file.name) != sha256_file(file):
            raise UserError(
                f"{path}: distribution: {file.name}: of another table than the one there; statistics, "
                "datasheet and metadata are older: run 'sartext build --part statistics'"
            )
