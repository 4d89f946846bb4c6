"""A run as the reference of its profile, and what a later run is told to have drifted from it."""

import csv
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from report_fixtures import make_run, score_path_of

from sartext.cli import main
from sartext.core.config import Config, save_config
from sartext.core.files import read_json, write_json, write_text
from sartext.leaderboard.drift import Row, compare_run, write_drift
from sartext.leaderboard.reference import FIGURE, reference_folder, thin, update
from sartext.report.page import page

TASK = "osdataset_retrieval"
METRIC = "instance.mean_recall"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A finished run of two seeds of CLIP in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    config = make_run(tmp_path, [0, 1])
    write_text(config.reports / "figures" / FIGURE, "<svg/>")
    save_config(config, "profile.yaml")
    return config


def change(path: Path, *keys: str, value: Any) -> None:
    body = read_json(path)
    here = body
    for key in keys[:-1]:
        here = here[key]
    here[keys[-1]] = value
    write_json(path, body)


def clip(config: Config, recipe: str = "sar", seed: int = 0) -> Path:
    return score_path_of(config, TASK, "clip", recipe, seed)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_a_reference_holds_the_score_files_byte_for_byte_and_nothing_else_of_them(run: Config) -> None:
    folder = update(run)
    assert folder == Path("results/reference/fixture")
    kept = {path.relative_to(folder / "scores") for path in (folder / "scores").rglob("*") if path.is_file()}
    asked = {
        path.relative_to(run.results / "scores") for path in (run.results / "scores").rglob("score.json")
    }
    assert kept == asked
    for place in kept:
        assert (folder / "scores" / place).read_bytes() == (run.results / "scores" / place).read_bytes()
    assert (folder / FIGURE).read_text() == "<svg/>"


def test_metrics_are_means_over_seeds_of_what_people_watch(run: Config) -> None:
    metrics = read_json(update(run) / "metrics.json")
    # the fixture's sar has 0.4 with seed 0, and 0.01 more with seed 1
    assert metrics[TASK]["clip"]["sar"] == {METRIC: 0.405, "group.mean_recall": 0.505}
    assert set(metrics["captioning"]["coca"]["sar"]) == {"bleu_4", "meteor", "rouge_l", "cider"}
    assert metrics["captioning"]["coca"]["sar"]["cider"] == 0.8
    assert set(metrics["vqa"]["gpt"]["sar"]) == {
        "accuracy", *(f"accuracy.{name}" for name in
                      ("presence", "count", "location", "comparison", "land_cover", "class")),
    }  # fmt: skip


def test_curves_are_of_the_first_seed_at_the_steps_with_a_loss_on_val(run: Config) -> None:
    folder = update(run)
    assert not (folder / "curves" / "clip" / "base.csv").exists(), "base is not trained"
    with (folder / "curves" / "clip" / "sar.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["10", "20", "30", "40"]
    lines = (run.results / "checkpoints/clip/sar/0/train.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert math.isclose(float(rows[1]["loss"]), sum(losses[10:20]) / 10, rel_tol=1e-5)
    assert math.isclose(float(rows[1]["val_loss"]), 3.7 / (1 + 20 / 9), rel_tol=1e-5)


@pytest.mark.parametrize(("steps", "kept"), [(1, 1), (60, 60), (61, 60), (1000, 60)])
def test_a_long_curve_is_thinned_and_keeps_both_ends(steps: int, kept: int) -> None:
    records = [{"step": n, "samples": n, "loss": 1.0, "val_loss": 2.0} for n in range(steps)]
    rows = thin(records)
    assert len({row["step"] for row in rows}) == len(rows) == kept
    assert (rows[0]["step"], rows[-1]["step"]) == (0, steps - 1)


@pytest.mark.parametrize("part", ["score", "figure", "profile"])
def test_an_unfinished_run_is_no_reference_and_the_old_one_stays(
    run: Config, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = update(run) / "metrics.json"
    before = kept.read_bytes()
    path = {"figure": run.reports / "figures" / FIGURE}.get(part, clip(run))
    if part == "profile":
        change(path, "config_digest", value="ee" * 32)
    else:
        path.unlink()
    with pytest.raises(SystemExit) as stopped:
        main(["reference", "update", "--config", "profile.yaml"])
    assert stopped.value.code == 2
    assert said(capsys).startswith(f"sartext: {path}: ")
    assert kept.read_bytes() == before
    assert [entry.name for entry in kept.parent.parent.iterdir()] == ["fixture"], "no half folder is left"


def test_an_equal_run_has_no_drift(run: Config) -> None:
    update(run)
    drift = compare_run(run)
    assert drift.status == "same"
    rows = sum(
        len(body["metrics"]) + len(body.get("secondary", {"metrics": {}})["metrics"])
        for body in map(read_json, (run.results / "scores").rglob("score.json"))
    )
    assert drift.rows == rows
    assert drift.summary == f"drift: 0 of {rows:,} rows differ from results/reference/fixture"


@pytest.mark.parametrize(
    ("keys", "value", "column", "difference"),
    [
        (("metrics", METRIC, "value"), 0.41, "main", 0.01),
        (("metrics", METRIC, "low"), 0.3, "main", 0.0),
        (("metrics", METRIC, "n"), 23, "main", 0.0),
        (("secondary", "metrics", METRIC, "value"), 0.35 + 2e-12, "secondary", 2e-12),
        (("metrics", METRIC), {"status": "unavailable", "reason": "no memory"}, "main", None),
    ],
)
def test_a_drifted_row_is_named(
    run: Config, keys: tuple[str, ...], value: Any, column: Any, difference: float | None
) -> None:
    update(run)
    change(clip(run), *keys, value=value)
    drift = compare_run(run)
    assert [entry.row for entry in drift.drifted] == [Row(TASK, "clip", "sar", 0, column, METRIC)]
    found = drift.drifted[0].difference
    assert found is None if difference is None else math.isclose(found or 0, difference, abs_tol=1e-13)


def test_a_difference_in_the_last_digit_is_no_drift(run: Config) -> None:
    update(run)
    change(clip(run), "metrics", METRIC, "value", value=0.4 + 5e-13)
    assert compare_run(run).status == "same"


def test_drift_is_told_and_fails_only_if_asked_to(run: Config, capsys: pytest.CaptureFixture[str]) -> None:
    update(run)
    change(clip(run), "metrics", METRIC, "value", value=0.5)
    change(clip(run), "provenance", "git_commit", value="f" * 40)
    main(["reference", "compare", "--config", "profile.yaml"])
    text = capsys.readouterr().out
    assert f"{TASK} clip sar seed 0 {METRIC}: 0.4 [0.36, 0.44] of 24, now 0.5" in text
    assert "drift: 1 of " in text
    page = (run.reports / "drift.md").read_text()
    cells = (
        TASK,
        "clip",
        "sar",
        0,
        "main",
        METRIC,
        "0.4 [0.36, 0.44] of 24",
        "0.5 [0.36, 0.44] of 24",
        "+0.1",
    )
    assert f"| {' | '.join(map(str, cells))} |" in page
    assert "| commit |" in page, "what may explain it"
    told = read_json(run.reports / "drift.json")
    assert (told["status"], len(told["drifted"])) == ("drift", 1)
    with pytest.raises(SystemExit) as stopped:
        main(["reference", "compare", "--config", "profile.yaml", "--strict"])
    assert stopped.value.code == 1


def test_rows_that_stand_in_one_of_the_two_are_told_apart(run: Config) -> None:
    update(run)
    shutil.rmtree(clip(run, "joint", 1).parent)
    body = read_json(clip(run))
    body["metrics"]["instance.median_rank"] = {"value": 3.0, "low": 2.0, "high": 4.0, "n": 24}
    write_json(clip(run), body)
    drift = compare_run(run)
    assert {(row.recipe, row.seed) for row in drift.only_reference} == {("joint", 1)}
    assert [row.metric for row in drift.only_now] == ["instance.median_rank"]
    assert (drift.status, drift.drifted) == ("drift", ())


def test_scores_of_another_benchmark_are_not_compared(run: Config) -> None:
    update(run)
    for path in (run.results / "scores" / TASK).rglob("score.json"):
        change(path, "benchmark", value={"version": "v0", "digest": "cd" * 32})
    drift = compare_run(run)
    assert (drift.status, drift.rows, drift.drifted) == ("not comparable", 0, ())
    assert (
        f"not comparable with results/reference/fixture: {TASK} was scored on benchmark v0 (abababababab)"
        in drift.summary
    )


def test_the_page_links_how_the_run_stands(run: Config) -> None:
    assert "drift.md" not in page(run)
    update(run)
    drift = compare_run(run)
    write_drift(drift, run.reports)
    assert f'<a href="drift.md">{drift.summary}</a>' in page(run)


def test_without_a_reference_it_says_so(run: Config, capsys: pytest.CaptureFixture[str]) -> None:
    main(["reference", "compare", "--config", "profile.yaml"])
    told = "not compared with results/reference/fixture: there is no such folder"
    assert told in capsys.readouterr().out
    assert told in (run.reports / "drift.md").read_text()
    with pytest.raises(SystemExit) as stopped:
        main(["reference", "compare", "--config", "profile.yaml", "--strict"])
    assert stopped.value.code == 1


@pytest.mark.parametrize("damage", ["changed", "removed", "added"])
def test_a_reference_changed_by_hand_is_not_compared_with(
    run: Config, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = reference_folder(run) / "scores" / TASK / "clip" / "sar" / "0" / "score.json"
    update(run)
    if damage == "changed":
        change(place, "metrics", METRIC, "value", value=0.9)
    elif damage == "removed":
        place.unlink()
    else:
        place = place.with_name("items.json")
        place.write_text("{}")
    # a run of an hour does not fail for it, and the next update writes it anew
    main(["reference", "compare", "--config", "profile.yaml"])
    assert "not compared with" in (told := capsys.readouterr().out)
    assert str(place) in told
    update(run)
    assert compare_run(run).status == "same"


def test_readme_shows_what_the_score_files_say(run: Config, capsys: pytest.CaptureFixture[str]) -> None:
    update(run)
    readme = Path("README.md")
    readme.write_text("# Title\n<!-- table: begin -->\nold\n<!-- table: end -->\nrest\n")
    main(["reference", "readme", "--config", "profile.yaml"])
    text = readme.read_text()
    assert text.startswith("# Title\n<!-- table: begin -->\n|")
    assert text.endswith("<!-- table: end -->\nrest\n")
    assert "old" not in text
    row = next(line for line in text.splitlines() if line.startswith("| two-stage |"))
    # clip: 0.55 and 0.56 over its seeds; coca: CIDEr is twice the fixture's value; gpt: one seed
    assert row.split(" | ")[2:] == [
        "55.5 ± 0.7 [51.5, 59.5]",
        "55.5 ± 0.7 [51.5, 59.5]",
        "1.100 [1.060, 1.140]",
        "55.0 [51.0, 59.0] |",
    ]
    assert "(results/reference/fixture/figure_12.svg)" in text
    main(["reference", "readme", "--config", "profile.yaml"])
    assert readme.read_text() == text, "filled again, it is the same"


def test_a_readme_without_markers_is_refused(run: Config, capsys: pytest.CaptureFixture[str]) -> None:
    update(run)
    Path("README.md").write_text("# Title\n")
    with pytest.raises(SystemExit) as stopped:
        main(["reference", "readme", "--config", "profile.yaml"])
    assert stopped.value.code == 2
    assert "README.md: no lines <!-- table: begin -->" in said(capsys)
