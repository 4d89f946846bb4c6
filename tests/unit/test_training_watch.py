"""What a run tells: records of its steps, and progress in a log."""

import json
from pathlib import Path

import pytest

from sartext.core import progress
from sartext.core.progress import Progress, track
from sartext.training.watch import Step, Watch


def _step(number: int) -> Step:
    parts = {"contrastive_loss": 2.5, "caption_loss": 1.25}
    return Step(number, 64 * number, parts, 1.5e-3, None, 213.7, 1240.0)


def _steps(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (path / "train.jsonl").read_text().splitlines()]


def test_a_record_a_step_and_the_sum_of_its_loss(tmp_path: Path) -> None:
    with Watch("run", tmp_path, 0, 2) as watch:
        watch.write(_step(1))
    record = json.loads((tmp_path / "train.jsonl").read_text())
    assert record == {
        **{"step": 1, "samples": 64, "loss": 3.75, "contrastive_loss": 2.5, "caption_loss": 1.25},
        **{"lr": 1.5e-3, "val_loss": None, "samples_per_s": 213.7, "memory_mb": 1240.0},
    }
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_records_after_the_state_are_written_again(tmp_path: Path) -> None:
    """A killed run may have told of steps that its state does not hold, the last one half."""
    with Watch("run", tmp_path, 0, 9) as watch:
        for number in (1, 2, 3):
            watch.write(_step(number))
    with (tmp_path / "train.jsonl").open("a") as stream:
        stream.write('{"step": 4, "sam')
    with Watch("run", tmp_path, 2, 9) as watch:
        assert _steps(tmp_path) == [1, 2]
        watch.write(_step(3))
    assert _steps(tmp_path) == [1, 2, 3]


def test_a_log_has_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 4.0, 12.0, 15.0, 24.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress("clip sar", 106, done=2) as shown:
        for number in (1, 2, 3, 4):
            shown.advance(_step(number).note())
    note = "214 images/s, contrastive loss 2.500, caption loss 1.250, lr 0.0015, 1240 MiB"
    assert capsys.readouterr().err.splitlines() == [
        f"clip sar: 4/106, {note}, 10:12 left",
        f"clip sar: 6/106, {note}, 10:00 left",
    ]


def test_what_is_tracked_comes_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(5), "five")) == [0, 1, 2, 3, 4]
    assert list(track(iter("ab"), "letters")) == ["a", "b"]
    assert capsys.readouterr().err == ""
