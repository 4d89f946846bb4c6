"""Answers of language models, kept so that a rerun asks nothing twice.

A folder of JSON lines, one row an answer. Each run that asks appends to a file of its own, so that runs at
the same time, on machines that share the folder too, do not disturb each other, and a killed one leaves at
most its last row torn. Each row holds its own digest; a row that does not match is ignored and counted.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from sartext.core.errors import UserError
from sartext.core.files import digest_json


@dataclass(frozen=True, slots=True)
class Answer:
    """What a language model said, as it said it.

    Attributes:
        text: its words.
        cut: whether it was stopped by the limit on tokens.
        prompt_tokens: tokens in; 0 where the server does not say.
        completion_tokens: tokens out; likewise.
    """

    text: str
    cut: bool
    prompt_tokens: int
    completion_tokens: int


class AnswerCache:
    """Answers by the digest of what was asked.

    Args:
        folder: where they are kept; none: in memory alone.

    Attributes:
        faulty: rows that were ignored.

    Raises:
        UserError: the folder cannot be read.
    """

    def __init__(self, folder: Path | None) -> None:
        self.faulty = 0
        self._folder = folder
        self._answers: dict[str, Answer] = {}
        self._stream: TextIO | None = None
        if folder is not None:
            try:
                for path in sorted(folder.glob("answers-*.jsonl")):
                    self._read(path)
            except OSError as error:
                raise UserError(
                    f"{error.filename or folder}: {error.strerror or error}; expected answers of a language "
                    "model kept by an earlier run"
                ) from None

    def _read(self, path: Path) -> None:
        for line in path.read_bytes().splitlines():
            if line.strip():
                found = _parse(line)
                if found is None:
                    self.faulty += 1
                else:
                    self._answers.setdefault(*found)

    def get(self, key: str) -> Answer | None:
        """Return the answer to what has the digest `key`, or None."""
        return self._answers.get(key)

    def put(self, key: str, caption: str, answer: Answer) -> None:
        """Keep an answer; it outlasts this process from here on.

        Args:
            key: digest of all that was asked.
            caption: the caption that was asked about, for people who look into the file.
            answer: what was said.

        Raises:
            UserError: the folder cannot be written.
        """
        self._answers[key] = answer
        if self._folder is None:
            return
        row: dict[str, Any] = {"key": key, "caption": caption, "answer": asdict(answer)}
        try:
            if self._stream is None:
                self._stream = _new_file(self._folder)
            self._stream.write(json.dumps({**row, "digest": digest_json(row)}) + "\n")
            self._stream.flush()
        except OSError as error:
            raise UserError(
                f"{self._folder}: {error.strerror or error}; expected a folder to keep answers in"
            ) from None


def _new_file(folder: Path) -> TextIO:
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob("answers-*.jsonl")))
    while True:
        number += 1
        try:
            return (folder / f"answers-{number:04}.jsonl").open("x", encoding="utf-8", newline="\n")
        except FileExistsError:
            continue


def _parse(line: bytes) -> tuple[str, Answer] | None:
    try:
        row = json.loads(line)
        digest = row.pop("digest")
        answer = Answer(**row["answer"])
        return (row["key"], answer) if digest_json(row) == digest else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
