"""Progress on long work: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
_LOG_INTERVAL_S = 10.0


def _left(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """How far a piece of work is, on stderr.

    Args:
        description: what is done.
        total: steps; none: not known.
        done: steps that were done before.
    """

    def __init__(self, description: str, total: int | None, done: int = 0) -> None:
        self._description = description
        self._total = total
        self._done = self._before = done
        self._began = self._said = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(
                self._description, total=self._total, completed=self._done, note=""
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, note: str = "") -> None:
        """One step more is done; `note` says how it stands."""
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, note=note)
            return
        now = time.monotonic()
        if now - self._said < _LOG_INTERVAL_S:
            return
        self._said = now
        parts = [f"{self._description}: {self._done}/{'?' if self._total is None else self._total}"]
        if note:
            parts.append(note)
        if self._total is not None:
            pace = (now - self._began) / (self._done - self._before)
            parts.append(f"{_left(pace * (self._total - self._done))} left")
        print(", ".join(parts), file=sys.stderr, flush=True)


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` while showing progress on stderr."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Progress(description, total) as progress:
        for item in items:
            yield item
            progress.advance()
