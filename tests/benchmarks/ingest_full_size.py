"""How fast `sartext ingest` is beside a plain decoder, in one run on the same cores.

    python tests/benchmarks/full_size.py images DATA --count 136584
    python tests/benchmarks/ingest_full_size.py DATA --processes 2

Three things are timed over the same files with the same number of processes: Pillow opening and decoding
them, and nothing else; the libraries' part of ingest in a plain loop (Pillow's decoding, its resize to the
profile's size, imagehash's pHash, hashlib's SHA-256), nothing written; and ingest itself, which also looks
up, checks and indexes annotations and writes images, tables and hashes. The decoder is timed before and
after, since a shared machine changes its speed. Ingest's output is removed.
"""

import hashlib
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
import imagehash
import numpy as np
from PIL import Image

from sartext.core.config import load_config

_COMMAND = [sys.executable, "-c", "from sartext.cli import main; main()"]


@dataclass(frozen=True)
class Timing:
    """Seconds on the wall, seconds of all processors, and peak memory of the largest process in MiB."""

    wall: float
    cpu: float
    peak: float

    def line(self, what: str, images: int) -> str:
        """One line of the report."""
        return (
            f"{what:<28}{self.wall:8.1f} s wall {self.cpu:8.1f} s CPU {images / self.wall:8.0f} images/s "
            f"{images / self.cpu:8.0f} images/CPU s {self.peak:6.0f} MiB"
        )


def decode(paths: Sequence[str], size: int) -> None:
    """Open and decode, no more."""
    for path in paths:
        with Image.open(path) as image:
            image.load()


def libraries(paths: Sequence[str], size: int) -> None:
    """What ingest asks of its libraries."""
    for path in paths:
        with Image.open(path) as image:
            image.load()
            image.resize((size, size), Image.Resampling.BICUBIC)
            imagehash.phash(image)
            hashlib.sha256(np.asarray(image).tobytes()).hexdigest()


def _timed(
    work: Callable[[Sequence[str], int], None], paths: Sequence[str], size: int
) -> tuple[float, float, float, float]:
    start, cpu = time.time(), time.process_time()
    work(paths, size)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return start, time.time(), time.process_time() - cpu, peak


def loop(
    work: Callable[[Sequence[str], int], None], paths: Sequence[str], size: int, processes: int
) -> Timing:
    """Time a plain loop over `paths`, shared evenly among processes; their start does not count."""
    shares = [paths[first::processes] for first in range(processes)]
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(_timed, [work] * processes, shares, [size] * processes))
    starts, ends, cpu, peaks = zip(*parts, strict=True)
    return Timing(max(ends) - min(starts), sum(cpu), max(peaks))


def ingest(profile: Path, processes: int, scratch: Path) -> Timing:
    """Time the command as it is called, from its start to its end, in a folder that is then removed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        start = time.time()
        options = ["--config", str(profile), "--processes", str(processes)]
        subprocess.run([*_COMMAND, "ingest", *options], cwd=folder, check=True)
        wall = time.time() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timing(wall, cpu, after.ru_maxrss / 1024)


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--processes", default=1, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--scratch",
    default=Path(tempfile.gettempdir()),
    show_default=True,
    type=click.Path(path_type=Path, exists=True),
    help="Where ingest writes; 50 kB an image at size 224.",
)
@click.option(
    "--without-libraries", is_flag=True, help="Leave out the loop of the libraries: it takes the longest."
)
def main(data: Path, processes: int, scratch: Path, without_libraries: bool) -> None:
    """Print the speed of ingest and of its peers over DATA, which full_size.py wrote."""
    profile = (data / "profile.yaml").resolve()
    size = load_config(profile).images.size
    paths = [entry.path for entry in sorted(os.scandir(data / "images"), key=lambda entry: entry.name)]
    click.echo(f"{len(paths)} images to {size} pixels, {processes} processes, {os.cpu_count()} cores")
    first = loop(decode, paths, size, processes)
    click.echo(first.line("decoder", len(paths)))
    own = ingest(profile, processes, scratch)
    click.echo(own.line("sartext ingest", len(paths)))
    second = loop(decode, paths, size, processes)
    click.echo(second.line("decoder again", len(paths)))
    wall, cpu = (first.wall + second.wall) / 2, (first.cpu + second.cpu) / 2
    click.echo(f"ingest / decoder: {wall / own.wall:.2f} by wall, {cpu / own.cpu:.2f} by CPU time")
    if without_libraries:
        return
    plain = loop(libraries, paths, size, processes)
    click.echo(plain.line("libraries in a loop", len(paths)))
    click.echo(f"ingest / libraries: {plain.wall / own.wall:.2f} by wall, {plain.cpu / own.cpu:.2f} by CPU")


if __name__ == "__main__":
    main()
