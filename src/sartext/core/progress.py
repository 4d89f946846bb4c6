"""Progress on long work: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")
_LOG_INTERVAL_S = 10.0


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` while showing progress on stderr."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track as rich_track

        yield from rich_track(items, description, total=total, console=Console(stderr=True))
        return
    last = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last > _LOG_INTERVAL_S:
            last = time.monotonic()
            print(f"{description}: {done}/{'?' if total is None else total}", file=sys.stderr, flush=True)
        yield item
