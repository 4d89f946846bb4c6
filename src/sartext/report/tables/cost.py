"""Table 11: what a run costs, from Snakemake's benchmark files and the training runs' own."""

import statistics
from pathlib import Path
from typing import Any

from sartext.core.config import Config
from sartext.report.inputs import (
    checkpoint_folder,
    prediction_folder,
    read_benchmark_file,
    read_optional,
    runs,
)
from sartext.report.names import TASK_SHORT, recipe_name
from sartext.report.table import Cell, Column, NotApplicable, NotThere, Number, Row, Table

_COLUMNS = (
    Column("step", "Step", text=True),
    Column("jobs", "Jobs"),
    Column("wall_s", "Wall time (s)"),
    Column("cpu_s", "CPU time (s)"),
    Column("memory_mb", "Peak memory (MB)"),
    Column("samples", "Samples"),
    Column("samples_per_s", "Samples a second"),
)


def _steps(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Rows of the benchmark files by step: the folder, or the file's first part."""
    steps: dict[str, list[dict[str, float]]] = {}
    for path in sorted(folder.rglob("*.tsv"), key=lambda path: path.as_posix()):
        parts = path.relative_to(folder).with_suffix("").parts
        name = parts[0] if len(parts) > 1 else path.stem
        if name == "train":
            # MODEL.STAGE.SEED
            name = f"train, {parts[1].split('.')[1]}" if parts[1].count(".") == 2 else name
        steps.setdefault(name, []).extend(read_benchmark_file(path))
    return steps


def _total(rows: list[dict[str, float]], name: str) -> Cell:
    values = [row[name] for row in rows if name in row]
    return Number(sum(values)) if values else NotThere()


def _peak(rows: list[dict[str, float]], name: str) -> Cell:
    values = [row[name] for row in rows if name in row]
    return Number(max(values), decimals=0) if values else NotThere()


_ORDER = (
    "simulate",
    "ingest",
    "narrate",
    "build_stage1",
    "build_sartext",
    "audit",
    "statistics",
    "exports",
    "shards",
    "tokenizer",
    "train, stage1",
    "train, stage2",
    "benchmark",
    "predict",
    "score",
)


def _step_rows(config: Config) -> list[Row]:
    steps = _steps(config.results / "benchmarks")
    names = sorted(steps, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    rows = [
        Row(
            (
                name,
                len(steps[name]),
                _total(steps[name], "s"),
                _total(steps[name], "cpu_time"),
                _peak(steps[name], "max_rss"),
                NotApplicable(),
                NotApplicable(),
            ),
            "Workflow steps",
        )
        for name in names
    ]
    everything = [row for name in names for row in steps[name]]
    if everything:
        total = (_total(everything, "s"), _total(everything, "cpu_time"), _peak(everything, "max_rss"))
        rows.append(
            Row(
                ("all steps", len(everything), *total, NotApplicable(), NotApplicable()),
                "Workflow steps",
                total=True,
            )
        )
    return rows


def _number(found: list[dict[str, Any]], key: str, decimals: int = 1, peak: bool = False) -> Cell:
    values = [
        float(run[key])
        for run in found
        if isinstance(run.get(key), int | float) and not isinstance(run[key], bool)
    ]
    if not values:
        # a run that trains nothing has no rate
        return NotApplicable() if found else NotThere()
    return Number(max(values) if peak else statistics.fmean(values), decimals)


def _run_rows(config: Config) -> list[Row]:
    """Training runs, then predictions of each task: means over seeds, peaks the largest."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for run in runs(config):
        title = config.row_title(run.model, run.recipe)
        places = [("Training runs", f"{title}, {recipe_name(run.recipe)}", checkpoint_folder(config, run))]
        for task in config.models[run.model].tasks:  # type: ignore[index]
            name = f"{title}, {TASK_SHORT[task]}"
            places.append(("Predictions", name, prediction_folder(config, task, run)))
        for section, name, folder in places:
            found = read_optional(folder / "run.json")
            group = groups.setdefault((section, name, run.model), [])
            if isinstance(found, dict):
                group.append(found)
    ordered = sorted(groups.items(), key=lambda entry: entry[0][0] != "Training runs")
    return [
        Row(
            (
                name,
                len(found),
                _number(found, "seconds"),
                _number(found, "cpu_seconds"),
                _number(found, "peak_memory_mb", decimals=0, peak=True),
                _number(found, "samples" if section == "Training runs" else "images", decimals=0),
                _number(found, "samples_per_second" if section == "Training runs" else "images_per_second"),
            ),
            f"{section} (mean over runs)",
        )
        for (section, name, _), found in ordered
    ]


def table_11(config: Config) -> Table:
    """Time, memory and samples a second: of the workflow's steps, of training and of predictions."""
    notes = (
        "Workflow steps: sums over jobs, and the largest job's memory, from Snakemake's benchmark files; "
        "a job is a process with its imports. Training runs and predictions: run.json, "
        "without imports; their memory is the process's peak so far.",
        f"Trained with DeepSpeed, ZeRO stage {config.engine.zero_stage}, "
        f"{config.engine.processes} process(es), "
        f"{config.engine.threads} thread(s) each, {config.engine.device}, {config.engine.precision}.",
    )
    rows = (*_step_rows(config), *_run_rows(config))
    return Table(11, "Cost of a run", _COLUMNS, rows, config.data_note, notes)
