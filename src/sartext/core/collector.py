"""Python's collector of cyclic garbage, held while records are made by the hundred thousand."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_held() -> Iterator[None]:
    """Hold the collector: looking through a million living records again and again takes half the time.

    For work whose objects all stay, or are let go by their count of references; cycles made in it wait until
    its end.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
