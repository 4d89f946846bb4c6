"""Drift: where a run's scores differ from the reference of its profile, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import write_json, write_text
from sartext.leaderboard.reference import reference_folder, reference_scores, run_scores
from sartext.leaderboard.scores import Measured, Metric, Score

SAME = 1e-12  # values closer than this are the same

Column = Literal["main", "secondary"]
Status = Literal["not compared", "not comparable", "same", "drift"]


@dataclass(frozen=True, order=True)
class Row:
    """One metric of one score file, against the main or the secondary references."""

    task: str
    model: str
    recipe: str
    seed: int
    column: Column
    metric: str

    def __str__(self) -> str:
        second = " (secondary references)" if self.column == "secondary" else ""
        return f"{self.task} {self.model} {self.recipe} seed {self.seed} {self.metric}{second}"


@dataclass(frozen=True)
class Drifted:
    """A row that differs: its value, an end of its interval, its count, or whether it is there."""

    row: Row
    reference: Metric
    now: Metric

    @property
    def difference(self) -> float | None:
        """Now less the reference; none if either is unavailable."""
        if isinstance(self.reference, Measured) and isinstance(self.now, Measured):
            return self.now.value - self.reference.value
        return None


@dataclass(frozen=True)
class Drift:
    """What a comparison found.

    Attributes:
        rows: how many rows stand in both.
        drifted: those that differ.
        only_reference: rows that this run does not have.
        only_now: rows that the reference does not have.
        origins: (what, of the reference, of this run) that differ and may explain it.
        benchmarks: (task, reference's version and digest, this run's) of tasks that cannot be compared.
        reason: why nothing was compared.
    """

    profile: str
    data_note: str
    status: Status
    rows: int = 0
    drifted: tuple[Drifted, ...] = ()
    only_reference: tuple[Row, ...] = ()
    only_now: tuple[Row, ...] = ()
    origins: tuple[tuple[str, str, str], ...] = ()
    benchmarks: tuple[tuple[str, str, str], ...] = ()
    reason: str = ""

    @property
    def summary(self) -> str:
        """The result in one line."""
        where = f"results/reference/{self.profile}"
        if self.status == "not compared":
            return f"drift: not compared with {where}: {self.reason}"
        if self.status == "not comparable":
            task, reference, now = self.benchmarks[0]
            return (
                f"drift: not comparable with {where}: {task} was scored on benchmark {reference} there and "
                f"on {now} now"
            )
        parts = [f"drift: {len(self.drifted)} of {self.rows:,} rows differ from {where}"]
        if self.only_reference:
            parts.append(f"{len(self.only_reference):,} are only there")
        if self.only_now:
            parts.append(f"{len(self.only_now):,} are only in this run")
        return ", ".join(parts)


def _metrics(scores: Sequence[Score]) -> dict[Row, Metric]:
    rows: dict[Row, Metric] = {}
    for score in scores:
        for name, metric in score.metrics.items():
            rows[Row(*score.key, "main", name)] = metric
        for name, metric in score.secondary.metrics.items() if score.secondary else ():
            rows[Row(*score.key, "secondary", name)] = metric
    return rows


def _same(reference: Metric, now: Metric) -> bool:
    if isinstance(reference, Measured) and isinstance(now, Measured):
        pairs = ((reference.value, now.value), (reference.low, now.low), (reference.high, now.high))
        return reference.n == now.n and all(abs(one - other) <= SAME for one, other in pairs)
    return reference == now


def _benchmarks(scores: Sequence[Score]) -> dict[str, str]:
    return {score.task: f"{score.benchmark.version} ({score.benchmark.digest[:12]})" for score in scores}


def _origins(scores: Sequence[Score]) -> dict[str, str]:
    def said(values: set[str]) -> str:
        return ", ".join(sorted(values))

    return {
        "package version": said({score.provenance.package_version for score in scores}),
        "commit": said(
            {
                score.provenance.git_commit + (" with changes" if score.provenance.git_dirty else "")
                for score in scores
            }
        ),
        "lock": said({score.provenance.lock_sha256 for score in scores}),
        "config": said({score.config_digest for score in scores}),
    }


def compare(reference: Sequence[Score], now: Sequence[Score]) -> Drift:
    """Compare the scores of a run with those of a reference of the same profile.

    Rows are compared by value, interval and count; a task must be of the same benchmark in both.

    Args:
        reference: at least one score.
        now: at least one score.
    """
    profile, note = now[0].profile, now[0].data_note
    before, after = _benchmarks(reference), _benchmarks(now)
    others = tuple(
        (task, before[task], after[task])
        for task in sorted(before.keys() & after.keys())
        if before[task] != after[task]
    )
    said, saying = _origins(reference), _origins(now)
    origins = tuple((what, said[what], saying[what]) for what in said if said[what] != saying[what])
    if others:
        return Drift(profile, note, "not comparable", origins=origins, benchmarks=others)
    there, here = _metrics(reference), _metrics(now)
    both = sorted(there.keys() & here.keys())
    drifted = tuple(Drifted(row, there[row], here[row]) for row in both if not _same(there[row], here[row]))
    only_reference, only_now = tuple(sorted(there.keys() - here)), tuple(sorted(here.keys() - there))
    status: Status = "drift" if drifted or only_reference or only_now else "same"
    return Drift(profile, note, status, len(both), drifted, only_reference, only_now, origins)


def compare_run(config: Config) -> Drift:
    """Compare a profile's run with ``results/reference/P``.

    A reference that is not there, or that was changed by hand, is told and not compared with: a run does not
    fail for it.

    Raises:
        UserError: a score file of the run is not what it should be.
    """
    folder = reference_folder(config)
    now = run_scores(config)

    def not_compared(reason: str) -> Drift:
        return Drift(config.profile, config.data_note, "not compared", reason=reason)

    if not now:
        return not_compared("the run has no score files")
    if not folder.is_dir():
        return not_compared("there is no such folder")
    try:
        return compare(reference_scores(folder), now)
    except UserError as error:
        return not_compared(str(error))


def _json(drift: Drift) -> dict[str, Any]:
    return {
        "schema": 1,
        "profile": drift.profile,
        "status": drift.status,
        "summary": drift.summary,
        "rows": drift.rows,
        "drifted": [
            {
                **vars(entry.row),
                "reference": entry.reference.model_dump(mode="json"),
                "now": entry.now.model_dump(mode="json"),
                "difference": entry.difference,
            }
            for entry in drift.drifted
        ],
        "only_reference": [vars(row) for row in drift.only_reference],
        "only_now": [vars(row) for row in drift.only_now],
        "origins": [{"what": what, "reference": before, "now": now} for what, before, now in drift.origins],
        "benchmarks": [
            {"task": task, "reference": before, "now": now} for task, before, now in drift.benchmarks
        ],
    }


def shown(metric: Metric) -> str:
    """Return a metric with its interval, or why it is unavailable."""
    if isinstance(metric, Measured):
        return f"{metric.value:.12g} [{metric.low:.12g}, {metric.high:.12g}] of {metric.n}"
    return f"unavailable: {metric.reason}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", r"\|") for cell in cells) + " |"

    return ["", line(titles), "|" + " --- |" * len(titles), *map(line, rows), ""]


def _markdown(drift: Drift) -> str:
    lines = [f"# Profile {drift.profile} against its reference", "", f"{drift.summary}.", ""]
    lines += [f"Data: {drift.data_note}.", ""]
    if drift.origins:
        lines += ["What made them differs in:"]
        lines += _table(("what", "reference", "this run"), drift.origins)
    if drift.benchmarks:
        lines += ["Scores of different benchmarks cannot be compared:"]
        lines += _table(("task", "reference", "this run"), drift.benchmarks)
    names = ("task", "model", "recipe", "seed", "references", "metric")
    if drift.drifted:
        lines += ["Rows that differ in value, 95% interval or count:"]
        lines += _table(
            (*names, "reference", "this run", "difference"),
            [
                (
                    *vars(entry.row).values(),
                    shown(entry.reference),
                    shown(entry.now),
                    "" if entry.difference is None else f"{entry.difference:+.12g}",
                )
                for entry in drift.drifted
            ],
        )
    for title, rows in (("the reference", drift.only_reference), ("this run", drift.only_now)):
        if rows:
            lines += [f"Rows only in {title}:", *_table(names, [tuple(vars(row).values()) for row in rows])]
    return "\n".join(lines).rstrip() + "\n"


def write_drift(drift: Drift, folder: Path) -> list[Path]:
    """Write ``drift.json`` and ``drift.md`` to a folder and return their paths."""
    paths = [folder / "drift.json", folder / "drift.md"]
    write_json(paths[0], _json(drift))
    write_text(paths[1], _markdown(drift))
    return paths
