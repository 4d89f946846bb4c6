"""Standings: the entries of each task, ordered by its main metric."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sartext.leaderboard.scores import Kind, Measured, Score, Unavailable

# What papers report first for each kind of task. Mean recall is the mean of R@1, R@5 and R@10 both ways.
MAIN_METRICS: dict[Kind, str] = {
    "retrieval": "instance.mean_recall",
    "captioning": "cider",
    "vqa": "accuracy",
}

_SAME = 1e-12  # values closer than this share a rank


@dataclass(frozen=True)
class Summary:
    """One metric of one recipe over its seeds.

    Attributes:
        value: mean over seeds.
        low: mean of the lower ends of the seeds' 95% intervals: what the choice of test images does to a run.
        high: mean of their upper ends.
        deviation: sample standard deviation across seeds; none with a single seed. It stands apart from the
            interval, since the two answer different questions.
        seeds: the seeds, in order.
        n: queries, images or questions the metric is taken over.
    """

    value: float
    low: float
    high: float
    deviation: float | None
    seeds: tuple[int, ...]
    n: int


def summarise(scores: Sequence[Score], metric: str, secondary: bool = False) -> Summary | Unavailable | None:
    """Summarise a metric over the seeds of one recipe.

    Args:
        scores: score files of one task, model and recipe, one a seed.
        metric: name of the metric.
        secondary: whether to take the metric against the second references.

    Returns:
        The summary; the reason, if the metric is unavailable for any seed (a mean over some of the seeds
        would look like a mean over all); none if no file has it.
    """
    found: list[tuple[int, Measured]] = []
    for score in sorted(scores, key=lambda score: score.seed):
        metrics = (score.secondary.metrics if score.secondary else {}) if secondary else score.metrics
        entry = metrics.get(metric)
        if isinstance(entry, Unavailable):
            return entry
        if entry is not None:
            found.append((score.seed, entry))
    if not found:
        return None
    entries = [entry for _, entry in found]
    mean = math.fsum(entry.value for entry in entries) / len(entries)
    deviation = None
    if len(entries) > 1:
        deviation = math.sqrt(math.fsum((entry.value - mean) ** 2 for entry in entries) / (len(entries) - 1))
    return Summary(
        value=mean,
        low=math.fsum(entry.low for entry in entries) / len(entries),
        high=math.fsum(entry.high for entry in entries) / len(entries),
        deviation=deviation,
        seeds=tuple(seed for seed, _ in found),
        n=entries[0].n,
    )


@dataclass(frozen=True)
class Standing:
    """One line of a board.

    Attributes:
        rank: 1 for the best; equal values share a rank and the next one is skipped; none if unavailable.
        summary: the main metric over the seeds; none if unavailable.
        reason: why the main metric is unavailable, else none.
    """

    rank: int | None
    model: str
    model_title: str
    recipe: str
    summary: Summary | None
    reason: str | None


@dataclass(frozen=True)
class Board:
    """The standings of one task."""

    task: str
    kind: Kind
    metric: str
    benchmark_version: str
    benchmark_digest: str
    standings: tuple[Standing, ...]


def _board(task: str, scores: Sequence[Score]) -> Board:
    metric = MAIN_METRICS[scores[0].kind]
    entries: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        entries.setdefault((score.model, score.recipe), []).append(score)
    ranked: list[tuple[Summary, Score]] = []
    unranked: list[Standing] = []
    for (model, recipe), group in sorted(entries.items()):
        summary = summarise(group, metric)
        if isinstance(summary, Summary):
            ranked.append((summary, group[0]))
            continue
        reason = summary.reason if summary else f"{metric} is not in its score files"
        unranked.append(Standing(None, model, group[0].model_title, recipe, None, reason))
    ranked.sort(key=lambda entry: (-entry[0].value, entry[1].model, entry[1].recipe))
    standings: list[Standing] = []
    for position, (summary, score) in enumerate(ranked, start=1):
        above = standings[-1] if standings else None
        rank: int | None = position
        if above and above.summary and abs(above.summary.value - summary.value) <= _SAME:
            rank = above.rank
        standings.append(Standing(rank, score.model, score.model_title, score.recipe, summary, None))
    return Board(
        task=task,
        kind=scores[0].kind,
        metric=metric,
        benchmark_version=scores[0].benchmark.version,
        benchmark_digest=scores[0].benchmark.digest,
        standings=tuple(standings + unranked),
    )


def boards(scores: Iterable[Score]) -> list[Board]:
    """Order the entries of each task by its main metric (`MAIN_METRICS`), higher first.

    A pure function of the score files: retrieval first, then captioning, then VQA. Entries whose main metric
    is unavailable stand below, without a rank.

    Args:
        scores: score files that may stand together (`sartext.leaderboard.scores.check_board`).
    """
    tasks: dict[str, list[Score]] = {}
    for score in scores:
        tasks.setdefault(score.task, []).append(score)
    kinds = list(MAIN_METRICS)
    ordered = sorted(tasks.items(), key=lambda entry: (kinds.index(entry[1][0].kind), entry[0]))
    return [_board(task, group) for task, group in ordered]


def as_json(scores: Sequence[Score]) -> dict[str, Any]:
    """Return the boards as a JSON document with the profile and the note on its data."""
    return {
        "schema": 1,
        "profile": scores[0].profile,
        "data_note": scores[0].data_note,
        "boards": [asdict(board) for board in boards(scores)],
    }
