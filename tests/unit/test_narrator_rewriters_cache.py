import json
from pathlib import Path

import pytest

from sartext.core.errors import UserError
from sartext.narrator.rewriters.cache import Answer, AnswerCache

SHIP = Answer("a ship", False, 10, 3)
LAKE = Answer("a dark lake \u2028 \x85 caf\u00e9\nsecond line", True, 11, 4)


def filled(folder: Path) -> None:
    cache = AnswerCache(folder)
    cache.put("k1", "a white ship", SHIP)
    cache.put("k2", "a blue lake", LAKE)


def test_answers_outlast_the_cache_as_they_were(tmp_path: Path) -> None:
    filled(tmp_path / "new" / "cache")
    cache = AnswerCache(tmp_path / "new" / "cache")
    assert (cache.get("k1"), cache.get("k2"), cache.get("k3")) == (SHIP, LAKE, None)
    assert cache.faulty == 0


def test_without_a_folder_answers_last_as_long_as_the_process() -> None:
    cache = AnswerCache(None)
    cache.put("k1", "a white ship", SHIP)
    assert cache.get("k1") == SHIP
    assert AnswerCache(None).get("k1") is None


def test_a_row_is_on_disk_before_the_next_is_asked(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    for count, key in enumerate(("k1", "k2", "k3"), 1):
        cache.put(key, "a white ship", SHIP)
        assert (tmp_path / "answers-0001.jsonl").read_bytes().count(b"\n") == count


def test_runs_at_the_same_time_write_files_of_their_own(tmp_path: Path) -> None:
    first, second = AnswerCache(tmp_path), AnswerCache(tmp_path)
    first.put("k1", "a white ship", SHIP)
    second.put("k2", "a blue lake", LAKE)
    first.put("k3", "a white ship", SHIP)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["answers-0001.jsonl", "answers-0002.jsonl"]
    both = AnswerCache(tmp_path)
    assert [both.get(key) for key in ("k1", "k2", "k3")] == [SHIP, LAKE, SHIP]


@pytest.mark.parametrize(
    "harm",
    [
        lambda row: row[: len(row) // 2],
        lambda row: row.replace("a ship", "a boat"),
        lambda row: row.replace('"k1"', '"k9"'),
        lambda row: json.dumps({**json.loads(row), "answer": {"text": "a ship"}}),
        lambda row: "\x00\x00\x00",
        lambda row: "[1]",
        lambda row: "null",
        lambda row: "{}",
        lambda row: "[" * 100_000,
    ],
)
def test_a_torn_or_altered_row_is_ignored_and_counted(tmp_path: Path, harm) -> None:  # type: ignore[no-untyped-def]
    filled(tmp_path)
    path = tmp_path / "answers-0001.jsonl"
    first, second = path.read_text(encoding="utf-8").split("\n")[:2]
    path.write_text(harm(first) + "\n" + second + "\n", encoding="utf-8")
    cache = AnswerCache(tmp_path)
    assert cache.faulty == 1
    assert (cache.get("k1"), cache.get("k9"), cache.get("k2")) == (None, None, LAKE)
    # a torn end of one file does not touch what the next run appends
    cache.put("k1", "a white ship", SHIP)
    assert AnswerCache(tmp_path).get("k1") == SHIP


def test_a_folder_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="expected a folder to keep answers in"):
        AnswerCache(tmp_path / "file").put("k1", "a white ship", SHIP)
    (tmp_path / "answers-0001.jsonl").mkdir()
    with pytest.raises(UserError, match=r"answers-0001\.jsonl: Is a directory"):
        AnswerCache(tmp_path)
