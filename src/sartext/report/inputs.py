"""What tables and figures read: the files of a run, those that are missing known as missing."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import read_json
from sartext.leaderboard.scores import Score, check_board, read_score


@dataclass(frozen=True)
class Run:
    """One training run: a model, a recipe and a seed; or released weights, by the name of their row."""

    model: str
    recipe: str
    seed: int


def runs(config: Config) -> list[Run]:
    """Every training run a profile asks for, and its released weights, in its order."""
    return [
        Run(model, recipe, seed)
        for model in config.models
        for recipe, seeds in config.rows(model)
        for seed in seeds
    ]


def tasks(config: Config) -> list[str]:
    """Every benchmark task a profile asks for, in the order of its models."""
    return list(dict.fromkeys(task for model in config.models.values() for task in model.tasks))


def score_path(config: Config, task: str, run: Run) -> Path:
    """Where the score of a run on a task lies."""
    return config.results / "scores" / task / run.model / run.recipe / str(run.seed) / "score.json"


def prediction_folder(config: Config, task: str, run: Run) -> Path:
    """Where the predictions of a run on a task lie."""
    return config.results / "predictions" / task / run.model / run.recipe / str(run.seed)


def checkpoint_folder(config: Config, run: Run) -> Path:
    """Where a training run lies."""
    return config.results / "checkpoints" / run.model / run.recipe / str(run.seed)


def load_scores(config: Config) -> list[Score]:
    """Read the score files that a profile asks for and that are there.

    Raises:
        UserError: a file is no score, is of another profile or place, or the files do not belong together.
    """
    found = []
    for run in runs(config):
        for task in config.models[run.model].tasks:  # type: ignore[index]
            path = score_path(config, task, run)
            if not path.is_file():
                continue
            score = read_score(path)
            said = (score.profile, *score.key)
            expected = (config.profile, task, run.model, run.recipe, run.seed)
            if said != expected:
                raise UserError(
                    f"{path}: says it is {said}, but its place is that of {expected}; score it again"
                )
            found.append((path, score))
    check_board(found)
    return [score for _, score in found]


def choose(scores: list[Score], task: str, model: str, recipe: str) -> list[Score]:
    """The scores of one recipe of a model on a task, one a seed."""
    return [score for score in scores if score.key[:3] == (task, model, recipe)]


def read_optional(path: Path) -> Any:
    """Read a JSON file, or return none if it is not there."""
    return read_json(path) if path.is_file() else None


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a JSON-lines file.

    Raises:
        UserError: a line is not a JSON object.
    """
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(
                    f"{path}: line {number}: not JSON ({error.msg}); train the run again"
                ) from None
            if not isinstance(record, dict):
                raise UserError(f"{path}: line {number}: expected a JSON object; train the run again")
            yield record


def read_benchmark_file(path: Path) -> list[dict[str, float]]:
    """Read one of Snakemake's benchmark files: a job a row, columns that are no number left out.

    Args:
        path: tab-separated, with columns such as ``s`` and ``cpu_time`` (seconds) and ``max_rss`` (MB).
    """
    rows = []
    with path.open(encoding="utf-8", newline="") as stream:
        for entry in csv.DictReader(stream, delimiter="\t"):
            row = {}
            for name, value in entry.items():
                try:
                    row[name] = float(value)
                except (TypeError, ValueError):
                    continue
            rows.append(row)
    return rows
