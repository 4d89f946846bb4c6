"""Reference results: the score files of a finished run, committed, so that a later run is held against them.

``results/reference/P`` holds ``scores/TASK/MODEL/RECIPE/SEED/score.json``, ``metrics.json`` and
``curves/MODEL/RECIPE.csv`` (what DVC's metrics and plots show), ``figure_12.svg``, and ``manifest.json`` with
the digests of them all.
"""

import csv
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import atomic_folder, atomic_path, verify_manifest, write_json, write_manifest
from sartext.core.pointers import MANIFEST
from sartext.leaderboard.scores import Kind, Score, check_board, read_score
from sartext.leaderboard.standings import MAIN_METRICS, Summary, summarise

REFERENCES = Path("results") / "reference"
FIGURE = "figure_12.svg"
# what people watch from commit to commit, beside the main metric; a name that ends in a dot is a family
WATCHED: dict[Kind, tuple[str, ...]] = {
    "retrieval": ("instance.mean_recall", "group.mean_recall"),
    "captioning": ("bleu_4", "meteor", "rouge_l", "cider"),
    "vqa": ("accuracy", "accuracy."),
}
POINTS = 60  # most rows of a curve


def reference_folder(config: Config) -> Path:
    """Where the reference of a profile lies."""
    return REFERENCES / config.profile


def score_places(config: Config) -> list[tuple[Path, tuple[str, str, str, int]]]:
    """Return the place of each score file a profile asks for, with its task, model, recipe and seed."""
    return [
        (Path(task) / name / recipe / str(seed) / "score.json", (task, name, recipe, seed))
        for name, model in config.models.items()
        for task in model.tasks
        for recipe, seeds in config.rows(name)
        for seed in seeds
    ]


def run_scores(config: Config, whole: bool = False) -> list[Score]:
    """Read the score files of a profile's run.

    Args:
        config: the profile.
        whole: whether each must be there and be of the profile as it is now.

    Raises:
        UserError: a file is no score, is of another place, or, if `whole`, missing or of an older profile.
    """
    found = []
    for place, key in score_places(config):
        path = config.results / "scores" / place
        if not path.is_file():
            if whole:
                raise UserError(
                    f"{path}: missing, so the run is not finished; run it (snakemake --configfile ...), "
                    "then update the reference"
                )
            continue
        score = read_score(path)
        if (score.profile, *score.key) != (config.profile, *key):
            raise UserError(
                f"{path}: says it is {(score.profile, *score.key)}, but its place is that of "
                f"{(config.profile, *key)}; score it again"
            )
        if whole and score.config_digest != config.digest():
            raise UserError(
                f"{path}: config_digest: of another state of profile {config.profile}; run it again, then "
                "update the reference"
            )
        found.append((path, score))
    check_board(found)
    return [score for _, score in found]


def reference_scores(folder: Path) -> list[Score]:
    """Read the score files of a reference, which must be as `update` wrote it.

    Raises:
        UserError: a file of it is missing, added or changed; it is named.
    """
    verify_manifest(folder, folder / MANIFEST)
    paths = sorted((folder / "scores").rglob("score.json"), key=lambda path: path.as_posix())
    found = [(path, read_score(path)) for path in paths]
    check_board(found)
    return [score for _, score in found]


def watched_metrics(scores: list[Score]) -> dict[str, Any]:
    """Return the metrics people watch by task, model and recipe: means over seeds, of those that ran."""
    groups: dict[tuple[str, str, str], list[Score]] = {}
    for score in scores:
        groups.setdefault(score.key[:3], []).append(score)
    metrics: dict[str, Any] = {}
    for (task, model, recipe), group in sorted(groups.items()):
        kind = group[0].kind
        wanted = (MAIN_METRICS[kind], *WATCHED[kind])
        for name in sorted(group[0].metrics):
            summary = summarise(group, name)
            known = name in wanted or any(name.startswith(entry) for entry in wanted if entry.endswith("."))
            if known and isinstance(summary, Summary):
                here = metrics.setdefault(task, {}).setdefault(model, {}).setdefault(recipe, {})
                here[name] = round(summary.value, 12)
    return metrics


def _records(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{path}: line {number}: not JSON ({error.msg}); train the run again") from None
        if not isinstance(record, dict) or not {"step", "samples", "loss"} <= record.keys():
            raise UserError(f"{path}: line {number}: expected 'step', 'samples' and 'loss'; train it again")
        yield record


def thin(records: list[dict[str, Any]], points: int = POINTS) -> list[dict[str, Any]]:
    """Thin a training log to the steps with a loss on val, evenly to a number of rows, both ends kept.

    Args:
        records: lines of ``train.jsonl``, in order, with ``step``, ``samples``, ``loss`` and ``val_loss``.
        points: most rows to keep, at least 2.

    Returns:
        Rows whose ``loss`` is the mean over the steps since the row before; of all steps if none has a loss
        on val.
    """
    steps = [index for index, record in enumerate(records) if record.get("val_loss") is not None]
    steps = steps or list(range(len(records)))
    if len(steps) > points:
        steps = [steps[round(place * (len(steps) - 1) / (points - 1))] for place in range(points)]
    rows, start = [], 0
    for index in steps:
        losses = [float(record["loss"]) for record in records[start : index + 1]]
        rows.append({**records[index], "loss": math.fsum(losses) / len(losses)})
        start = index + 1
    return rows


def _write_curve(log: Path, out: Path) -> None:
    columns = ("step", "samples", "loss", "val_loss")
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in thin(list(_records(log))):
            cells = (row.get(column) for column in columns)
            writer.writerow([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in cells])


def update(config: Config) -> Path:
    """Make a finished run the reference of its profile; the folder is replaced as a whole.

    Curves are of each model's first seed.

    Returns:
        The folder of the reference.

    Raises:
        UserError: the run is not finished: a score file or the figure is missing, or is of an older profile.
    """
    scores = run_scores(config, whole=True)
    figure = config.reports / "figures" / FIGURE
    if not figure.is_file():
        raise UserError(f"{figure}: missing, so the run is not finished; run it, then update the reference")
    target = reference_folder(config)
    with atomic_folder(target) as folder:
        for place, _ in score_places(config):
            (folder / "scores" / place).parent.mkdir(parents=True)
            shutil.copyfile(config.results / "scores" / place, folder / "scores" / place)
        write_json(folder / "metrics.json", watched_metrics(scores))
        for name, model in config.models.items():
            for recipe in config.recipes:
                run = config.results / "checkpoints" / name / recipe / str(model.training.seeds[0])
                # base is not trained and has no log
                if (run / "train.jsonl").is_file() and (run / "train.jsonl").stat().st_size:
                    _write_curve(run / "train.jsonl", folder / "curves" / name / f"{recipe}.csv")
        shutil.copyfile(figure, folder / FIGURE)
        write_manifest(folder, folder / MANIFEST)
    return target
