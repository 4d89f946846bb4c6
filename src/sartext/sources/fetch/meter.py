"""Bytes on their way: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOG_INTERVAL_S = 10.0
_UNITS = ("B", "kB", "MB", "GB")


def size_text(count: int | None) -> str:
    """Return a number of bytes as people read it, such as ``95.0 MB``; ``? B`` where it is not known."""
    if count is None:
        return "? B"
    value = float(count)
    for unit in _UNITS[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_UNITS[-1]}"


@contextmanager
def meter(description: str, total: int | None, done: int) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many bytes came; progress is shown on stderr.

    Args:
        description: what comes.
        total: bytes in all, if known.
        done: bytes that are there already.
    """
    if sys.stderr.isatty():
        from rich import progress
        from rich.console import Console

        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(description, total=total, completed=done)
            yield lambda count: bar.advance(task, count)
        return
    last = time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        if time.monotonic() - last > _LOG_INTERVAL_S:
            last = time.monotonic()
            print(f"{description}: {size_text(done)} of {size_text(total)}", file=sys.stderr, flush=True)

    yield advance
