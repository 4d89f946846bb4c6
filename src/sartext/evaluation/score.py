"""Scoring: from prediction files to score files.

A score file holds no time, host or path, so that equal runs write equal bytes; beside it lie
``items.json``, the per-image statistics that paired comparisons need, and ``run.json``, what scoring cost.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import read_json, sha256_file, write_json, write_text
from sartext.core.provenance import provenance
from sartext.evaluation.files import (
    Features,
    read_answers,
    read_captions,
    read_features,
    read_pairs,
    read_questions,
    read_references,
    same_ids,
)
from sartext.evaluation.tasks import (
    RESULT_FILE,
    TASKS,
    Kind,
    benchmark_folder,
    check_recipes,
    load_task,
    verify,
)
from sartext.metrics import captioning, intervals, retrieval, vqa
from sartext.metrics.intervals import Difference, Formula, Interval, Statistics
from sartext.metrics.java import Meteor

SCHEMA = 1
SECONDARY = "narrator-written references"
FORMULAS: dict[Kind, Formula] = {
    "retrieval": retrieval.formula,
    "captioning": captioning.formula,
    "vqa": vqa.formula,
}
MAIN_FILE: dict[Kind, str] = {
    "retrieval": "pairs.csv",
    "captioning": "refs.json",
    "vqa": "questions.json",
}
SECONDARY_FILE: dict[Kind, str] = {"retrieval": "pairs_narrator.csv", "captioning": "refs_narrator.json"}


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are drawn."""

    samples: int
    seed: int


@dataclass(frozen=True)
class Scored:
    """Metrics of one prediction against one set of references, with their per-image statistics."""

    metrics: dict[str, Any]
    statistics: Statistics


def protocol(kind: Kind, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return what was measured and how, for the score file."""
    how: dict[Kind, dict[str, Any]] = {
        "retrieval": {
            "protocols": list(retrieval.PROTOCOLS),
            "k": list(retrieval.KS),
            "similarity": "cosine",
            "ties": f"in expectation, within {retrieval.TIE_TOLERANCE:g}",
            "tile": list(retrieval.TILE),
        },
        "captioning": {
            "implementation": "pycocoevalcap 1.2",
            "tokenizer": "Stanford CoreNLP 3.4.1 PTB",
            "meteor": "1.5, English, normalised",
        },
        "vqa": {"rule": vqa.RULE},
    }
    unit = {"retrieval": "query image with its captions", "vqa": "image with its questions"}.get(
        kind, "image"
    )
    drawn = {"method": "percentile bootstrap", "level": intervals.LEVEL, "unit": unit}
    return {**how[kind], "intervals": {**drawn, "samples": bootstrap.samples, "seed": bootstrap.seed}}


def score_retrieval(
    features: Features, path: Path, pairs: Path, others: Iterable[Path], bootstrap: Bootstrap
) -> Scored:
    """Score retrieval by both protocols.

    Args:
        features: what the model handed in.
        path: where it was read from, for errors.
        pairs: the texts to score.
        others: tables whose images and texts may be among the features and are left out here, as the
            benchmark's other caption column is.
        bootstrap: of the intervals.

    Raises:
        UserError: a bad file, or ids that are missing or unknown.
    """
    wanted = read_pairs(pairs)
    known = [pair for other in others for pair in read_pairs(other)]
    image_ids = sorted({pair.image_id for pair in wanted})
    same_ids(path, features.image_ids, image_ids, "image", pairs, {pair.image_id for pair in known})
    text_ids = [pair.text_id for pair in wanted]
    same_ids(path, features.text_ids, text_ids, "text", pairs, {pair.text_id for pair in known})
    image_row = {name: index for index, name in enumerate(features.image_ids)}
    text_row = {name: index for index, name in enumerate(features.text_ids)}
    result = retrieval.retrieve(
        image_ids,
        features.image_features[[image_row[name] for name in image_ids]],
        text_ids,
        features.text_features[[text_row[name] for name in text_ids]],
        [pair.image_id for pair in wanted],
        [pair.caption for pair in wanted],
    )
    statistics = retrieval.statistics(result)
    metrics: dict[str, Any] = dict(
        intervals.summarise(statistics, retrieval.formula, bootstrap.samples, bootstrap.seed)
    )
    # a property of the test set, not of a sample of queries: it has no interval
    share = result.repeated
    metrics["repeated_captions"] = Interval(value=share, low=share, high=share, n=len(text_ids))
    return Scored(metrics, statistics)


def score_captioning(
    captions: Mapping[str, str],
    path: Path,
    references: Path,
    subset: bool,
    bootstrap: Bootstrap,
    meteor: Meteor,
) -> Scored:
    """Score captions; a metric that cannot run is ``{"status": "unavailable", "reason": ...}``.

    Args:
        captions: what the model handed in.
        path: where it was read from, for errors.
        references: COCO caption file.
        subset: whether captions may be of more images than the references.
        bootstrap: of the intervals.
        meteor: the shared METEOR process.

    Raises:
        UserError: a bad file, or images that are missing or unknown.
    """
    wanted = read_references(references)
    same_ids(path, captions, wanted, "image", references, captions if subset else ())
    result = captioning.score_captions(wanted, {name: captions[name] for name in wanted}, meteor)
    metrics: dict[str, Any] = dict(
        intervals.summarise(result.statistics, captioning.formula, bootstrap.samples, bootstrap.seed)
    )
    for name, reason in result.unavailable.items():
        metrics[name] = {"status": "unavailable", "reason": reason}
    return Scored(metrics, result.statistics)


def score_vqa(answers: Path, questions: Path, bootstrap: Bootstrap) -> Scored:
    """Score answers by question type.

    Raises:
        UserError: a bad file, or questions that are missing or unknown.
    """
    given, asked = read_answers(answers), read_questions(questions)
    same_ids(answers, given, [question.question_id for question in asked], "question", questions)
    statistics = vqa.statistics(
        [
            vqa.Asked(question.image_id, question.type, question.answers, given[question.question_id])
            for question in asked
        ]
    )
    metrics = intervals.summarise(statistics, vqa.formula, bootstrap.samples, bootstrap.seed)
    return Scored(dict(metrics), statistics)


def score_files(
    kind: Kind, predictions: Path, main: Path, second: Path | None, bootstrap: Bootstrap, meteor: Meteor
) -> tuple[Scored, Scored | None]:
    """Score one prediction file against the main references and, if given, a second column of them."""
    if kind == "retrieval":
        features = read_features(predictions)
        first = score_retrieval(features, predictions, main, [second] if second else [], bootstrap)
        other = score_retrieval(features, predictions, second, [main], bootstrap) if second else None
        return first, other
    if kind == "captioning":
        captions = read_captions(predictions)
        first = score_captioning(captions, predictions, main, False, bootstrap, meteor)
        other = score_captioning(captions, predictions, second, True, bootstrap, meteor) if second else None
        return first, other
    return score_vqa(predictions, main, bootstrap), None


def score_body(kind: Kind, first: Scored, second: Scored | None, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the part of a score file that all forms share."""
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": kind,
        "protocol": protocol(kind, bootstrap),
        "metrics": first.metrics,
        "provenance": dict(provenance()),
        "dtype": "float32",
    }
    if second is not None:
        body["secondary"] = {"label": SECONDARY, "metrics": second.metrics}
    return body


def write_items(path: Path, kind: Kind, task: str, statistics: Statistics) -> None:
    """Write per-image statistics, from which `load_items` and `compare` work."""
    value = {
        "schema": SCHEMA,
        "kind": kind,
        "task": task,
        "image_ids": list(statistics.ids),
        "counts": statistics.counts,
        "statistics": {
            name: statistics.values[:, index].tolist() for index, name in enumerate(statistics.columns)
        },
    }
    write_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n")


def load_items(path: Path) -> tuple[Kind, Statistics]:
    """Read what `write_items` wrote.

    Raises:
        UserError: missing, or no such file.
    """
    content = read_json(path, "per-image statistics ('sartext score task' writes them)")
    try:
        columns = dict(content["statistics"])
        values = np.array(list(columns.values()), dtype=np.float64).T
        kind: Kind = content["kind"]
        statistics = Statistics(tuple(content["image_ids"]), tuple(columns), values, dict(content["counts"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: no per-image statistics ({error}); score the task again") from None
    return kind, statistics


def compare(first: Sequence[Path], second: Sequence[Path], bootstrap: Bootstrap) -> dict[str, Difference]:
    """Return ``second - first`` of each metric with a paired bootstrap interval and its p-value.

    Args:
        first: ``items.json`` of one recipe, one file a seed.
        second: ``items.json`` of another, on the same images.
        bootstrap: of the intervals.

    Raises:
        UserError: the files are not of the same task, images and metrics.
    """
    one, two = [load_items(path) for path in first], [load_items(path) for path in second]
    kind = one[0][0]
    try:
        return intervals.paired(
            [statistics for _, statistics in one],
            [statistics for _, statistics in two],
            FORMULAS[kind],
            bootstrap.samples,
            bootstrap.seed,
        )
    except (KeyError, ValueError):
        raise UserError(
            f"{second[0]}: not of the same task, images and metrics as {first[0]}; score both again"
        ) from None


def score_task(config: Config, task: str, model: str, recipe: str, seed: int, meteor: Meteor) -> Path:
    """Score ``results/P/predictions/TASK/MODEL/RECIPE/SEED`` into ``results/P/scores/...``.

    Args:
        config: the profile, which names the benchmark.
        task: such as ``hrsid_retrieval``.
        model: such as ``clip``.
        recipe: such as ``two-stage``.
        seed: of the training run.
        meteor: the shared METEOR process.

    Returns:
        The score file.

    Raises:
        UserError: the benchmark was changed, or a prediction is missing or bad.
    """
    began = time.perf_counter()
    if task not in TASKS:
        raise UserError(f"{task}: no such task; expected one of {', '.join(TASKS)}")
    benchmark = benchmark_folder(config)
    digest = verify(benchmark)
    frozen = load_task(benchmark / task)
    kind = frozen.kind
    where = Path(task) / model / recipe / str(seed)
    predictions = config.results / "predictions" / where / RESULT_FILE[kind]
    second = frozen.folder / SECONDARY_FILE[kind] if kind in SECONDARY_FILE else None
    bootstrap = Bootstrap(config.evaluation.bootstrap_samples, config.seed)
    first, other = score_files(
        kind,
        predictions,
        frozen.folder / MAIN_FILE[kind],
        second if second is not None and second.is_file() else None,
        bootstrap,
        meteor,
    )
    body = score_body(kind, first, other, bootstrap)
    body["protocol"]["references"] = frozen.references
    body |= {
        "task": task,
        "profile": config.profile,
        "data_note": config.data_note,
        "model": model,
        "model_title": config.row_title(model, recipe),
        "recipe": recipe,
        "seed": seed,
        "benchmark": {"version": frozen.version, "digest": digest},
        "predictions_sha256": sha256_file(predictions),
        "config_digest": config.digest(),
        "batch_size": config.evaluation.batch_size,
    }
    out = config.results / "scores" / where
    write_json(out / "score.json", body)
    write_items(out / "items.json", kind, task, first.statistics)
    write_json(out / "run.json", {"seconds": round(time.perf_counter() - began, 3)})
    return out / "score.json"


def score_fixed(
    kind: Kind, predictions: Path, main: Path, second: Path | None, out: Path, bootstrap: Bootstrap
) -> None:
    """Score files given one by one, outside any profile, into one score file.

    In place of a benchmark's digest it holds the digests of the files that were given.

    Raises:
        UserError: a file is missing or bad.
    """
    with Meteor() as meteor:
        first, other = score_files(kind, predictions, main, second, bootstrap, meteor)
    body = score_body(kind, first, other, bootstrap)
    given = {"predictions": predictions, "references": main}
    if second is not None:
        given["second_references"] = second
    body["inputs"] = {name: sha256_file(path) for name, path in given.items()}
    write_json(out, body)


def score_profile(
    config: Config, tasks: Sequence[str], model: str, recipes: Sequence[str], seeds: Sequence[int]
) -> None:
    """Score predictions of a profile, with one METEOR process for all.

    Raises:
        UserError: no such task, model or recipe, or a prediction is missing or bad.
    """
    config.model(model)
    check_recipes(config, model, recipes)
    with Meteor() as meteor:
        for task in tasks:
            for recipe in recipes:
                for seed in seeds:
                    score_task(config, task, model, recipe, seed, meteor)
