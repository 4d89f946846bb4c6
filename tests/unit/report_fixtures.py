"""A small made-up run in the formats of a real one, for the tests of the report and the leaderboard."""

import atexit
import contextlib
import csv
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sartext.core.config import Config, load_config, parse_config
from sartext.core.files import write_json, write_text
from sartext.core.records import Box, Caption, Question, Scene
from sartext.core.seeds import generator
from sartext.core.tables import write_records
from sartext.evaluation.score import write_items
from sartext.metrics.intervals import Statistics

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = '<script>alert("x")</script> & 50% of $water_area$'
SIDE = 32
LABEL = "narrator-written references"

RULEGRAPH = """digraph snakemake_dag {
    graph[bgcolor=white, margin=0];
    node[shape=box, style=rounded, fontname=sans,                 fontsize=10, penwidth=2];
    edge[penwidth=2, color=grey];
%s
%s
}
"""
_RULES = {
    "all": ["page", "index"],
    "simulate": [],
    "ingest": ["simulate"],
    "narrate": ["ingest"],
    "pull_benchmark": [],
    "build_stage1": ["ingest", "pull_benchmark"],
    "tokenizer": ["build_stage1", "narrate"],
    "train_clip_stage1": ["tokenizer", "build_stage1"],
    "train_coca_stage1": ["tokenizer", "build_stage1"],
    "narrate_pairs": ["ingest", "train_coca_stage1"],
    "fidelity": ["ingest", "narrate", "narrate_pairs", "simulate"],
    "build_sartext": ["build_stage1", "ingest", "narrate", "narrate_pairs", "pull_benchmark"],
    "train_clip_stage2": ["build_sartext", "build_stage1", "tokenizer", "train_clip_stage1"],
    "train_coca_stage2": ["build_sartext", "build_stage1", "tokenizer", "train_coca_stage1"],
    "predict_clip": ["train_clip_stage1", "train_clip_stage2", "pull_benchmark"],
    "predict_coca": ["train_coca_stage1", "train_coca_stage2", "pull_benchmark"],
    "score": ["predict_clip", "predict_coca", "pull_benchmark"],
    "standings": ["score"],
    "rulegraph": [],
    "table_04": ["score"],
    "table_09": ["fidelity"],
    "table_10": ["score", "build_sartext"],
    "figure_02": ["rulegraph"],
    "figure_12": ["score"],
    "page": ["standings", "table_04", "table_09", "table_10", "figure_02", "figure_12", "ingest"],
    "index": ["page"],
}


def rulegraph_text() -> str:
    """Dot text as Snakemake prints it."""
    number = {rule: index for index, rule in enumerate(_RULES)}
    nodes = "\n".join(
        f'\t{index}[label = "{rule}", color = "0.{index:02d} 0.6 0.85", style="rounded"];'
        for rule, index in number.items()
    )
    edges = "\n".join(
        f"\t{number[start]} -> {number[end]}" for end, starts in _RULES.items() for start in starts
    )
    return RULEGRAPH % (nodes, edges)


def make_config(seeds: list[int] | None = None, **changes: Any) -> Config:
    """The smoke profile, resolved, as profile ``fixture``; CLIP with the seeds given."""
    raw = load_config(ROOT / "config" / "smoke.yaml").model_dump(mode="json")
    raw |= {"profile": "fixture", **changes}
    raw["models"]["clip"]["training"]["seeds"] = seeds or [0]
    return parse_config(raw, ROOT / "config", "fixture")


def interval(value: float, width: float = 0.04, n: int = 24) -> dict[str, Any]:
    """A metric of a score file."""
    return {"value": value, "low": value - width, "high": value + width, "n": n}


def score_body(
    config: Config, task: str, model: str, recipe: str, seed: int, **metrics: Any
) -> dict[str, Any]:
    """A score file's content: what the contract says, with the metrics given."""
    kind = {"captioning": "captioning", "vqa": "vqa"}.get(task, "retrieval")
    return {
        "schema": 1,
        "task": task,
        "kind": kind,
        "profile": config.profile,
        "data_note": config.data_note,
        "model": model,
        "model_title": config.model(model).title,
        "recipe": recipe,
        "seed": seed,
        "protocol": {},
        "benchmark": {"version": "v0", "digest": "ab" * 32},
        "metrics": metrics,
        "provenance": {
            "package_version": "0.1.0",
            "git_commit": "c0ffee" + "0" * 34,
            "git_dirty": False,
            "lock_sha256": "cd" * 32,
        },
        "config_digest": config.digest(),
        "dtype": "float32",
        "batch_size": 32,
    }


def write_score(config: Config, body: dict[str, Any]) -> Path:
    """Write a score file at its place and return it."""
    path = score_path_of(config, body["task"], body["model"], body["recipe"], body["seed"])
    write_json(path, body)
    return path


def score_path_of(config: Config, task: str, model: str, recipe: str, seed: int) -> Path:
    """Where a score file lies."""
    return config.results / "scores" / task / model / recipe / str(seed) / "score.json"


def retrieval_metrics(value: float) -> dict[str, Any]:
    """All metrics of a retrieval score, spread around a mean recall."""
    metrics: dict[str, Any] = {"repeated_captions": interval(0.4, 0.0)}
    for shift, protocol in ((0.0, "instance"), (0.1, "group")):
        # the two ways differ, so that a table that mixes them up is found out
        for way, side in (("image_to_text", 0.01), ("text_to_image", -0.01)):
            for k, step in ((1, -0.05), (5, 0.0), (10, 0.05)):
                metrics[f"{protocol}.{way}.recall_at_{k}"] = interval(value + shift + step + side)
        metrics[f"{protocol}.mean_recall"] = interval(value + shift)
    return metrics


def caption_metrics(value: float) -> dict[str, Any]:
    """All metrics of a captioning score; SPICE could not run."""
    names = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor", "rouge_l", "cider")
    metrics: dict[str, Any] = {
        name: interval(value / (index + 1)) for index, name in enumerate(names) if name != "cider"
    }
    metrics["cider"] = interval(value * 2)
    metrics["spice"] = {"status": "unavailable", "reason": "no Stanford CoreNLP models"}
    return metrics


def vqa_metrics(value: float) -> dict[str, Any]:
    """All metrics of a VQA score."""
    types = ("presence", "count", "location", "comparison", "land_cover", "class")
    metrics = {f"accuracy.{name}": interval(value - 0.02 * i, n=10 + i) for i, name in enumerate(types)}
    return {"accuracy": interval(value, n=75), **metrics}


VALUES = {"base": 0.1, "optical": 0.15, "sar": 0.4, "sar-matched": 0.45, "joint": 0.5, "two-stage": 0.55}


def write_vqa_items(
    config: Config, model: str, recipe: str, seed: int, right: int, task: str = "vqa"
) -> None:
    """Per-image statistics of a VQA score: `right` of 40 images have their one question right."""
    values = np.zeros((40, 2))
    values[:, 1] = 1
    values[:right, 0] = 1
    ids = tuple(f"image{number:02d}" for number in range(40))
    columns = ("correct.count", "asked.count")
    counts = {"accuracy": 40, "accuracy.count": 40}
    path = config.results / "scores" / task / model / recipe / str(seed) / "items.json"
    write_items(path, "vqa", task, Statistics(ids, columns, values, counts))


def write_scores(config: Config) -> None:
    """Every score of the profile, at the values of `VALUES`, seeds 0.01 apart."""
    for name, model in config.models.items():
        for recipe in config.recipes:
            for seed in model.training.seeds:
                value = VALUES[recipe] + 0.01 * seed
                for task in model.tasks:
                    make = {"captioning": caption_metrics, "vqa": vqa_metrics}.get(task, retrieval_metrics)
                    body = score_body(config, task, name, recipe, seed, **make(value))
                    if task != "vqa":
                        body["secondary"] = {"label": LABEL, "metrics": make(value - 0.05)}
                    write_score(config, body)
                    if task == "vqa":
                        write_vqa_items(config, name, recipe, seed, round(40 * value))


def _pixels(name: str, channels: int) -> np.ndarray:
    noise = generator("fixture", name).integers(0, 90, (SIDE, SIDE, channels), dtype=np.uint8)
    noise[8:14, 10:20] = 230
    return noise


def _scenes(source: Any) -> list[Scene]:
    counts = {"train": 4, "val": 2, "test": 6}
    return [
        Scene(
            scene_id=f"{source.name}/{split}/{number}",
            source=source.name,
            split=split,  # type: ignore[arg-type]
            modality=source.modality,
            image=f"data/{source.name}/{split}/{number}.png",
            width=SIDE,
            height=SIDE,
            boxes=(Box("ship", 10, 8, 10, 6),),
            twin=f"data/{source.name}/{split}/o{number}.png" if source.format == "pairs" else None,
            captions=("a given sentence of a green field",) if source.modality == "optical" else (),
        )
        for split, count in counts.items()
        for number in range(count)
    ]


SENTENCES = {
    "a2c": (
        "There are 3 ships, 1 bridge.",
        "There are 2 ships in the center and 1 ship at the edge of this image.",
    ),
    "sa2c": (
        "Water dominates the scene, with buildings along the shore and a road that crosses the farmland.",
    ),
    "pair": ("a harbor with bright returns from ships beside dark calm water",),
}


def write_dataset(config: Config) -> None:
    """Scenes, images, captions and questions of every source; one caption of SAR-TEXT is hostile."""
    scenes: list[Scene] = []
    captions: list[Caption] = []
    for source in config.sources:
        folder = config.results / "scenes" / source.name
        here = _scenes(source)
        channels = 1 if source.modality == "sar" else 3
        write_records(folder / "scenes.parquet", here, Scene)
        np.save(folder / "images.npy", np.stack([_pixels(scene.scene_id, channels) for scene in here]))
        if source.format == "pairs":
            np.save(folder / "twins.npy", np.stack([_pixels("o" + scene.scene_id, 3) for scene in here]))
        write_json(
            folder / "summary.json",
            {
                "read": len(here),
                "tiled": 0,
                "tiles": 0,
                "rejected": 1 if source.name == "msar" else 0,
                "by_split": {"train": 4, "val": 2, "test": 6},
                "expected_images": None,
            },
        )
        rejected = (
            "JPEGImages/<b>1</b>.jpg,annotation 1,cannot be decoded,image\n" if source.name == "msar" else ""
        )
        write_text(folder / "rejects.csv", "file,record,reason,kind\n" + rejected)
        for branch in source.branches:
            told = [
                Caption(scene.scene_id, branch, sentence) for scene in here for sentence in SENTENCES[branch]
            ]
            write_records(config.results / "captions" / f"{source.name}.{branch}.parquet", told, Caption)
            captions += told
        if source.branches:
            scenes += here
    captions[0] = Caption(captions[0].scene_id, captions[0].branch, HOSTILE)
    write_records(config.results / "sartext" / "scenes.parquet", scenes, Scene)
    write_records(config.results / "sartext" / "captions.parquet", captions, Caption)
    write_records(config.results / "sartext" / "questions.parquet", [], Question)


def _write_pairs(path: Path, rows: list[tuple[str, str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([("image_id", "text_id", "caption"), *rows])


def write_benchmark(config: Config, folder: Path) -> None:
    """Tasks as frozen, and predictions of every recipe and seed."""
    for task, source in (("osdataset_retrieval", "osdataset"), ("hrsid_retrieval", "hrsid")):
        ids = [f"{source}__test__{number}" for number in range(8)]
        _write_images(folder / task, ids)
        said = [f"a harbor with {number // 2} ships beside the quay and dark water" for number in range(8)]
        rows = [(name, f"{name}-0", text) for name, text in zip(ids, said, strict=True)]
        _write_pairs(folder / task / "pairs.csv", rows)
        for recipe in config.recipes:
            for seed in config.models["clip"].training.seeds:
                _write_features(config, task, recipe, seed, ids)
    ids = [f"osdataset__test__{number}" for number in range(8)]
    for task in ("captioning", "vqa"):
        _write_images(folder / task, ids)
    write_json(
        folder / "captioning" / "refs.json",
        {
            "images": [{"id": name} for name in ids],
            "annotations": [
                {
                    "id": index,
                    "image_id": name,
                    "caption": HOSTILE if index == 0 else f"Three ships lie at pier {index}.",
                }
                for index, name in enumerate(ids)
            ],
        },
    )
    types = ("presence", "count", "location", "comparison", "land cover", "class")
    questions = [
        {
            "question_id": f"q{index}",
            "image_id": name,
            "question": f"How many ships of {kind} are there in this scene?",
            "type": kind,
            "answers": ["3"],
        }
        for index, (name, kind) in enumerate((name, kind) for name in ids for kind in types)
    ]
    write_json(folder / "vqa" / "questions.json", questions)
    for recipe in config.recipes:
        base = config.results / "predictions"
        said = [
            {"image_id": name, "caption": "" if recipe == "base" else f"{recipe} sees ships at a pier $x_1$"}
            for name in ids
        ]
        write_json(base / "captioning" / "coca" / recipe / "0" / "captions.json", said)
        answers = [
            {"question_id": question["question_id"], "answer": "3" if len(recipe) > 4 else "two of them"}
            for question in questions
        ]
        write_json(base / "vqa" / "gpt" / recipe / "0" / "answers.json", answers)


def _write_images(task: Path, ids: list[str]) -> None:
    for name in ids:
        (task / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(_pixels(name, 1)[:, :, 0]).save(task / "images" / f"{name}.png")


def _write_features(config: Config, task: str, recipe: str, seed: int, ids: list[str]) -> None:
    random = generator("features", task, recipe, seed)
    images = random.normal(size=(len(ids), 8)).astype(np.float32)
    texts = (images + random.normal(size=images.shape)).astype(np.float32)
    path = config.results / "predictions" / task / "clip" / recipe / str(seed) / "retrieval.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        image_ids=np.array(ids),
        image_features=images,
        text_ids=np.array([f"{name}-0" for name in ids]),
        text_features=texts,
    )


def write_runs(config: Config) -> None:
    """Training logs, what runs cost, and two of Snakemake's benchmark files."""
    for name, model in config.models.items():
        for recipe in config.recipes:
            for seed in model.training.seeds:
                folder = config.results / "checkpoints" / name / recipe / str(seed)
                steps = 0 if recipe == "base" else 40
                lines = []
                for step in range(1, steps + 1):
                    noise = float(generator("loss", name, recipe, seed, step).normal(scale=0.1))
                    val = 3.7 / (1 + step / 9) if step % 10 == 0 else None
                    loss = 3.5 / (1 + step / 9) + noise
                    lines.append({"step": step, "samples": 32 * step, "loss": loss, "val_loss": val})
                write_text(folder / "train.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
                write_json(
                    folder / "run.json",
                    {
                        "seconds": 8.0 + seed,
                        "cpu_seconds": 15.0,
                        "samples": 32 * steps,
                        "samples_per_second": 160.0 if steps else None,
                        "peak_memory_mb": 900.0 + seed,
                    },
                )
    head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    row = "{s}\t0:00:05\t{rss}\t1\t1\t1\t0.0\t0.0\t90.0\t{cpu}\n"
    base = config.results / "benchmarks"
    write_text(base / "ingest" / "hrsid.tsv", head + row.format(s="2.5", rss="210.0", cpu="2.25"))
    write_text(base / "ingest" / "msar.tsv", head + row.format(s="1.5", rss="250.0", cpu="NA"))
    write_text(base / "train" / "clip.stage1.0.tsv", head + row.format(s="20.0", rss="950.5", cpu="38.0"))
    write_text(base / "build_sartext.tsv", head + row.format(s="3.0", rss="300.0", cpu="2.5"))


def ratio(value: float | None, n: int) -> dict[str, Any]:
    """A precision or recall of a fidelity file."""
    if value is None:
        return {"value": None, "low": None, "high": None, "n": n}
    return {"value": value, "low": value - 0.02, "high": value + 0.01, "n": n}


def fidelity_kinds(value: float, stated: tuple[str, ...]) -> dict[str, Any]:
    """Scores of all kinds of fact; a branch states only some."""
    kinds = {}
    for number, kind in enumerate(("class", "count", "place", "cover", "share", "overall")):
        n = 20 + number if kind in stated or kind == "overall" else 0
        kinds[kind] = {
            "precision": ratio(value - number / 100 if n else None, n),
            "recall": ratio(value / 2 - number / 100 if n else None, 2 * n),
        }
    return kinds


def write_fidelity(config: Config) -> None:
    """Fidelity of A2C, SA2C and pairs, of annotations whole and degraded; one source has no truth."""
    stated = {"a2c": ("class", "count", "place"), "sa2c": ("cover", "share"), "pair": ("class", "cover")}
    body = {"scenes": 12, "captions": 24, "unchecked": 1}

    def scored(value: float, branch: str) -> dict[str, Any]:
        return {**body, "kinds": fidelity_kinds(value, stated[branch])}

    rows = [
        {
            "source": source.name,
            "branch": branch,
            "truth": "simulated truth",
            "reason": "",
            **scored(0.9, branch),
        }
        for source in config.sources
        for branch in source.branches
    ]
    nothing = {"scenes": 0, "captions": 0, "unchecked": 0, "kinds": None}
    rows.append(
        {"source": "msar", "branch": "pair", "truth": None, "reason": f"no truth {HOSTILE}", **nothing}
    )
    branches = [
        {"branch": branch, "truth": "simulated truth", "sources": [], **scored(value, branch)}
        for branch, value in (("a2c", 0.98), ("sa2c", 0.95), ("pair", 0.6))
    ]
    damage = [
        {"branch": branch, "damage": kind, "share": share, "truth": "simulated truth",
         **scored(0.95 - share, branch)}
        for branch in ("a2c", "sa2c")
        for kind, share in [("none", 0.0)] + [
            (name, lost) for name in ("miss", "jitter", "mislabel") for lost in (0.1, 0.5)
        ]
    ]  # fmt: skip
    write_json(
        config.results / "fidelity.json",
        {"profile": config.profile, "settings": {}, "rows": rows, "branches": branches, "damage": damage},
    )


@cache
def _template(seeds: tuple[int, ...]) -> Path:
    """A folder that holds a whole run, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="sartext-fixture-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with contextlib.chdir(folder):
        _write_run(folder, make_config(list(seeds)))
    return folder


def make_run(root: Path, seeds: list[int] | None = None) -> Config:
    """Write a whole run below `root`, which must be the working directory, and return its profile."""
    shutil.copytree(_template(tuple(seeds or [0])), root, dirs_exist_ok=True)
    return make_config(seeds)


def _write_run(root: Path, config: Config) -> None:
    write_text(config.results / "rulegraph.dot", rulegraph_text())
    write_dataset(config)
    write_scores(config)
    write_runs(config)
    write_fidelity(config)
    write_benchmark(config, Path("data") / "benchmark" / config.evaluation.version)
    (root / "config").mkdir(exist_ok=True)
    shutil.copy(ROOT / "config" / "claims.yaml", root / "config" / "claims.yaml")
