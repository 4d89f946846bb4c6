"""The page of a profile, and the index of all profiles."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

from markupsafe import Markup

from sartext.core.config import Config, load_config
from sartext.core.errors import UserError
from sartext.core.files import write_text
from sartext.core.records import QUESTION_TYPES
from sartext.leaderboard.scores import Score
from sartext.report.boards import board_table
from sartext.report.claims import VERDICTS
from sartext.report.inputs import load_scores, read_optional
from sartext.report.names import FIGURES, TASKS
from sartext.report.table import MISSING, html_fragment
from sartext.report.tables import TABLES
from sartext.report.tables.claims import judged_claims
from sartext.report.templates import FOLDER
from sartext.sources.summary import whole_images


def _render(name: str, **values: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    style = Markup((FOLDER / "style.css").read_text(encoding="utf-8"))
    return environment.get_template(name).render(style=style, **values)


def _sources(config: Config) -> list[dict[str, Any]]:
    """What each source's summary says was read and set aside."""
    rows = []
    for source in config.sources:
        summary = read_optional(config.results / "scenes" / source.name / "summary.json")
        counts: list[Any] = [MISSING] * 5
        if isinstance(summary, dict):
            splits = summary.get("by_split")
            splits = splits if isinstance(splits, dict) else {}
            counts = [
                whole_images(summary) if "tiled" in summary else MISSING,
                summary.get("rejected", MISSING),
            ]
            counts += [splits.get(split, 0) for split in ("train", "val", "test")]
        rows.append({"title": source.title, "modality": source.modality, "counts": counts})
    return rows


_KINDS = {
    "image": "images set aside",
    "absent": "annotated, but no image there",
    "box": "objects or sentences set aside, image kept",
    "note": "tolerated, nothing lost",
}


def _rejects(config: Config) -> list[dict[str, Any]]:
    """What was set aside, counted by source and kind, with the first of each."""
    entries = []
    for source in config.sources:
        path = config.results / "scenes" / source.name / "rejects.csv"
        if not path.is_file():
            continue
        counts: Counter[str] = Counter()
        first: dict[str, str] = {}
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                kind = row.get("kind") or "image"
                counts[kind] += 1
                parts = (row.get("file"), row.get("record"), row.get("reason"))
                first.setdefault(kind, ": ".join(part for part in parts if part))
        entries += [
            {"title": source.title, "kind": _KINDS.get(kind, kind), "count": count, "first": first[kind]}
            for kind, count in counts.most_common()
        ]
    return entries


_SETS = {"stage1": "stage 1", "sartext": "SAR-TEXT"}


def _audits(config: Config) -> list[dict[str, Any]]:
    """What the leakage audit of each training set says: images checked, and what was removed, by kind."""
    rows: list[dict[str, Any]] = []
    for name, title in _SETS.items():
        path = config.results / "audit" / f"{name}.json"
        audit = read_optional(path)
        if audit is None:
            removed = f"not audited: {path.as_posix()} is missing"
            rows.append({"title": title, "counts": [MISSING] * 3, "removed": removed})
            continue
        kinds = audit.get("removed_by_kind") if isinstance(audit, dict) else None
        if not isinstance(kinds, dict):
            raise UserError(f"{path}: removed_by_kind: expected counts by kind; run 'sartext audit' again")
        removed = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none"
        counts = [audit.get(key, MISSING) for key in ("tests", "checked", "remaining")]
        rows.append({"title": title, "counts": counts, "removed": removed})
    return rows


_SPLITS = {"val": "validation", "test": "test"}


def _guessed(config: Config) -> dict[str, Any] | None:
    """The split that was tried, and per question type what is answered right there without the image."""
    statistics = read_optional(config.results / "sartext" / "statistics.json")
    asked = statistics.get("questions") if isinstance(statistics, dict) else None
    tried = asked.get("question_only") if isinstance(asked, dict) else None
    if not tried:
        return None

    def percent(value: float) -> str:
        return f"{100 * value:.1f}"

    def row(name: str, entry: dict[str, Any]) -> tuple[str, ...]:
        alone = entry["question_only"]
        interval = f"[{percent(alone['low'])}, {percent(alone['high'])}]"
        return (
            name,
            str(entry["n"]),
            percent(entry["chance_of_subject"]),
            percent(entry["majority"]["value"]),
            f"{percent(alone['value'])} {interval}",
        )

    kinds = [(kind, tried["by_type"].get(kind)) for kind in QUESTION_TYPES]
    rows = [row(kind, entry) for kind, entry in kinds if entry and entry["n"]]
    return {"split": _SPLITS[tried["split"]], "rows": [*rows, row("all", tried["all"])]}


def _made(config: Config, scores: list[Score]) -> list[tuple[str, str]]:
    """How the numbers were made, as the score files say; several values where they differ."""

    def said(values: set[str]) -> str:
        return ", ".join(sorted(values)) or MISSING

    commits = {
        score.provenance.git_commit + (" with changes" if score.provenance.git_dirty else "")
        for score in scores
    }
    return [
        ("Benchmark", said({f"{TASKS.get(s.task, s.task)}: {s.benchmark.version}" for s in scores})),
        ("Benchmark digest", said({score.benchmark.digest for score in scores})),
        ("Package version", said({score.provenance.package_version for score in scores})),
        ("Commit", said(commits)),
        ("Lock digest", said({score.provenance.lock_sha256 for score in scores})),
        ("Config digest, scores", said({score.config_digest for score in scores})),
        ("Config digest, this page", config.digest()),
        ("Score files", str(len(scores))),
    ]


def _drift(config: Config) -> str:
    """How the run stands against the reference of its profile, in one line; empty if it was not compared."""
    told = read_optional(config.reports / "drift.json")
    summary = told.get("summary") if isinstance(told, dict) else None
    return summary if isinstance(summary, str) else ""


def page(config: Config) -> str:
    """Return a profile's page: verdicts, leaderboard, tables, figures, sources, and how it was made.

    It works from a file with no network: the style is inside, figures are beside it.

    Raises:
        UserError: a file it reads is not what it should be.
    """
    scores = load_scores(config)
    counts = Counter(judged.verdict for judged in judged_claims(config) if judged.claim.stated != "control")
    folder = config.reports / "figures"
    return _render(
        "page.html",
        config=config,
        verdicts=[(verdict, counts[verdict]) for verdict in VERDICTS],
        boards=[Markup(html_fragment(board_table(scores)))] if scores else [],
        tables=[(number, Markup(html_fragment(make(config)))) for number, make in TABLES.items()],
        figures=[
            (number, caption, (folder / f"figure_{number:02d}.svg").is_file())
            for number, caption in FIGURES.items()
        ],
        sources=_sources(config),
        rejects=_rejects(config),
        audits=_audits(config),
        guessed=_guessed(config),
        made=_made(config, scores),
        drift=_drift(config),
        results=config.results.as_posix(),
    )


def write_page(config: Config) -> Path:
    """Write ``reports/P/index.html`` and return its path; raises as `page` does."""
    path = config.reports / "index.html"
    write_text(path, page(config))
    return path


def write_index(reports: Path, results: Path) -> Path:
    """Write the index of all profiles that have a page, and return its path.

    Args:
        reports: the folder of reports.
        results: the folder of results, whose resolved profiles say what their data is.
    """
    profiles = []
    for entry in sorted(reports.glob("*/index.html"), key=lambda path: path.as_posix()):
        name = entry.parent.name
        try:
            note = load_config(results / name / "config.yaml").data_note
        except UserError:
            note = "its resolved profile is no longer there"
        profiles.append((name, note))
    path = reports / "index.html"
    write_text(path, _render("index.html", profiles=profiles))
    return path
