"""Boards: order, ties, seeds, and what may not stand on one board."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from report_fixtures import interval, make_config, score_body, write_score

from sartext.core.errors import UserError
from sartext.core.files import read_json, write_json
from sartext.leaderboard.scores import Score, Unavailable, read_score, read_scores
from sartext.leaderboard.standings import Summary, as_json, boards, summarise

CONFIG = make_config()


def body(recipe: str, seed: int, value: float, task: str = "hrsid_retrieval") -> dict[str, Any]:
    return score_body(CONFIG, task, "clip", recipe, seed, **{"instance.mean_recall": interval(value)})


def scores(*bodies: dict[str, Any]) -> list[Score]:
    return [Score.model_validate(entry) for entry in bodies]


def test_order_is_by_the_mean_over_seeds() -> None:
    board = boards(
        scores(body("sar", 0, 0.3), body("joint", 0, 0.2), body("joint", 1, 0.6), body("base", 0, 0.1))
    )[0]
    assert [(entry.rank, entry.recipe) for entry in board.standings] == [
        (1, "joint"),
        (2, "sar"),
        (3, "base"),
    ]
    assert board.metric == "instance.mean_recall"


def test_equal_values_share_a_rank_and_the_next_is_skipped() -> None:
    board = boards(
        scores(body("sar", 0, 0.5), body("joint", 0, 0.5), body("base", 0, 0.1), body("two-stage", 0, 0.9))
    )[0]
    assert [(entry.rank, entry.recipe) for entry in board.standings] == [
        (1, "two-stage"),
        (2, "joint"),
        (2, "sar"),
        (4, "base"),
    ]


def test_seeds_give_mean_sample_deviation_and_mean_interval() -> None:
    low, high = body("sar", 3, 0.2), body("sar", 5, 0.5)
    high["metrics"]["instance.mean_recall"] |= {"low": 0.3, "high": 0.9}
    summary = summarise(scores(high, low), "instance.mean_recall")
    assert isinstance(summary, Summary)
    assert summary.seeds == (3, 5)
    assert math.isclose(summary.value, 0.35)
    # two values d apart have the sample deviation d / sqrt(2)
    assert math.isclose(summary.deviation or 0, 0.3 / math.sqrt(2))
    assert math.isclose(summary.low, (0.16 + 0.3) / 2)
    assert math.isclose(summary.high, (0.24 + 0.9) / 2)


def test_an_unavailable_seed_is_never_a_partial_mean() -> None:
    broken = body("sar", 1, 0.0)
    broken["metrics"]["instance.mean_recall"] = {"status": "unavailable", "reason": "no memory"}
    entries = scores(body("sar", 0, 0.9), broken, body("base", 0, 0.1))
    assert summarise(entries[:2], "instance.mean_recall") == Unavailable(
        status="unavailable", reason="no memory"
    )
    last = boards(entries)[0].standings[-1]
    assert (last.rank, last.recipe, last.reason) == (None, "sar", "no memory")


def test_order_of_files_does_not_matter() -> None:
    entries = scores(body("sar", 0, 0.3), body("joint", 0, 0.3), body("base", 0, 0.3), body("sar", 1, 0.3))
    assert boards(entries) == boards(entries[::-1])


def test_board_of_a_folder_is_written_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_score(CONFIG, body("sar", 0, 0.3))
    write_score(CONFIG, body("base", 0, 0.1, "osdataset_retrieval"))
    document = as_json(read_scores(CONFIG.results / "scores"))
    assert [board["task"] for board in document["boards"]] == ["hrsid_retrieval", "osdataset_retrieval"]
    assert document["boards"][0]["standings"][0]["summary"]["value"] == 0.3
    assert json.loads(json.dumps(document))["data_note"] == CONFIG.data_note


def change(entry: dict[str, Any], *path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(entry)
    here = changed
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("profile",), "other", "profiles are never mixed"),
        (("benchmark", "digest"), "ff" * 32, "same benchmark"),
        (("seed",), 0, "keep one of them"),
        (("kind",), "vqa", "kind"),
    ],
)
def test_files_that_may_not_stand_together(
    tmp_path: Path, path: tuple[str, ...], value: Any, told: str
) -> None:
    write_json(tmp_path / "a" / "score.json", body("sar", 0, 0.3))
    write_json(tmp_path / "b" / "score.json", change(body("sar", 1, 0.3), *path, value=value))
    with pytest.raises(UserError, match=told) as caught:
        read_scores(tmp_path)
    assert "b/score.json" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("schema",), 2, "schema"),
        (("seed",), "zero", "seed"),
        (("metrics", "instance.mean_recall", "value"), "high", "metrics.instance.mean_recall.value"),
        (("metrics",), [1], "metrics"),
        (("model_title",), "", "model_title"),
        (("benchmark",), {}, "benchmark.version"),
    ],
)
def test_a_bad_score_file_is_told_in_one_line(
    tmp_path: Path, path: tuple[str, ...], value: Any, field: str
) -> None:
    write_json(tmp_path / "score.json", change(body("sar", 0, 0.3), *path, value=value))
    with pytest.raises(UserError) as caught:
        read_score(tmp_path / "score.json")
    message = str(caught.value)
    assert str(tmp_path / "score.json") in message
    assert f" {field}: " in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": 1}', "[" * 100_000, '{"schema": NaN}'])
def test_what_is_no_score_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "score.json").write_text(text)
    with pytest.raises(UserError):
        read_score(tmp_path / "score.json")


def test_infinity_is_refused(tmp_path: Path) -> None:
    text = json.dumps(body("sar", 0, 0.3)).replace("0.3,", "Infinity,")
    (tmp_path / "score.json").write_text(text)
    assert "Infinity" in text
    with pytest.raises(UserError, match="finite"):
        read_score(tmp_path / "score.json")


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "secret.json", body("sar", 0, 0.3))
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "score.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(UserError, match="outside"):
        read_scores(tmp_path / "board")


def test_a_folder_without_scores_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no score\.json"):
        read_scores(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        read_scores(tmp_path / "none")


def test_written_scores_are_read_back_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_score(CONFIG, body("sar", 0, 0.123456789012))
    entry = read_score(path).metrics["instance.mean_recall"]
    assert not isinstance(entry, Unavailable)
    assert entry.value == read_json(path)["metrics"]["instance.mean_recall"]["value"]
