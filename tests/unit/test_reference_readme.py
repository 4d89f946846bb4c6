"""README's table and figure, and DVC's metrics and plots, are what the committed score files of mini say."""

import json
import re
import statistics
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

REFERENCE = Path("results") / "reference" / "mini"
TASKS = {
    "osdataset_retrieval": ("OSdataset_512", "instance.mean_recall"),
    "hrsid_retrieval": ("HRSID", "instance.mean_recall"),
    "captioning": ("captions", "cider"),
    "vqa": ("VQA", "accuracy"),
}

Entries = dict[tuple[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    assert (root / REFERENCE).is_dir(), f"{REFERENCE}: not there; run mini, then `sartext reference update`"
    return root / REFERENCE


@pytest.fixture(scope="module")
def entries(folder: Path) -> Entries:
    """The main metrics in the score files, a list of seeds by recipe and column of README."""
    found: Entries = {}
    for path in sorted(folder.glob("scores/*/*/*/*/score.json")):
        score = json.loads(path.read_text())
        title, metric = TASKS[score["task"]]
        key = (score["recipe"], f"{score['model_title']}, {title}")
        found.setdefault(key, []).append(score["metrics"][metric])
    return found


@pytest.fixture(scope="module")
def section(root: Path) -> str:
    text = (root / "README.md").read_text()
    return text.split("<!-- table: begin -->")[1].split("<!-- table: end -->")[0]


def _shown(seeds: list[dict[str, Any]], percent: bool) -> str:
    def mean(field: str) -> float:
        return statistics.fmean(entry[field] for entry in seeds)

    scale, digits = (100, 1) if percent else (1, 3)
    spread = ""
    if len(seeds) > 1:
        deviation = statistics.stdev(entry["value"] for entry in seeds)
        spread = f" ± {deviation * scale:.{digits}f}"
    value, low, high = (f"{mean(field) * scale:.{digits}f}" for field in ("value", "low", "high"))
    return f"{value}{spread} [{low}, {high}]"


def test_every_number_of_the_table_is_that_of_the_score_files(section: str, entries: Entries) -> None:
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    titles, rows = lines[0], lines[3:]
    shown = {(row[0], title): cell for row in rows for title, cell in zip(titles[2:], row[2:], strict=True)}
    said = {key: _shown(seeds, not key[1].endswith("captions")) for key, seeds in entries.items()}
    assert shown == said


def test_the_figure_is_the_one_that_the_reference_recorded(root: Path, folder: Path, section: str) -> None:
    (path,) = re.findall(r"!\[[^]]*\]\(([^)]+)\)", section)
    assert path == (REFERENCE / "figure_12.svg").as_posix()
    recorded = json.loads((folder / "manifest.json").read_text())["files"]
    assert recorded["figure_12.svg"] == sha256((root / path).read_bytes()).hexdigest()


def test_the_metrics_of_dvc_are_those_of_the_score_files(folder: Path, entries: Entries) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    for task, (title, metric) in TASKS.items():
        for model in metrics[task].values():
            for recipe, values in model.items():
                (seeds,) = (
                    found
                    for key, found in entries.items()
                    if key[0] == recipe and key[1].endswith(f", {title}")
                )
                mean = statistics.fmean(entry["value"] for entry in seeds)
                assert values[metric] == pytest.approx(mean, abs=1e-11)


def test_dvc_plots_every_curve_of_the_reference(root: Path, folder: Path) -> None:
    plots = yaml.safe_load((root / "dvc.yaml").read_text())["plots"]
    named = {root / path for plot in plots for entry in plot.values() for path in entry["y"]}
    assert named == set((folder / "curves").rglob("*.csv"))
