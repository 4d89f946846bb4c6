"""How fast `sartext narrate a2c` is at the size of SARDet-100K, on one core, beside reading the JSON alone.

    python tests/benchmarks/full_size.py sardet DATA
    python tests/benchmarks/narrate_full_size.py DATA

The command is timed from its start to its end, three times; so is a process that parses the same file with
the `json` module and does nothing else, before each, since a shared machine changes its speed.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

_RUNS = 3


@dataclass(frozen=True)
class Timing:
    """Seconds on the wall, seconds of the processor, and peak memory in MiB."""

    wall: float
    cpu: float
    peak: float

    def line(self, what: str) -> str:
        """One line of the report."""
        return f"{what:<22}{self.wall:7.2f} s wall {self.cpu:7.2f} s CPU {self.peak:7.0f} MiB"


def timed(arguments: list[str]) -> Timing:
    """Run Python with `arguments` on one core."""
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments]) as process:
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{' '.join(arguments)}: exit status {process.returncode}")
    return Timing(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--core", default=0, show_default=True, help="The one that everything runs on.")
def main(data: Path, core: int) -> None:
    """Print the speed of narrating DATA, which full_size.py wrote, and the peak memory."""
    os.sched_setaffinity(0, {core})
    annotations = data / "Annotations" / "all.json"
    parse = f"import json; json.load(open({str(annotations)!r}, encoding='utf-8'))"
    own, plain = [], []
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            *("-c", "from sartext.cli import main; main()"),
            *("narrate", "a2c", "--format", "coco", "--annotations", str(annotations)),
            *("--images", str(data / "JPEGImages"), "--no-check-images"),
            *("--out", str(Path(scratch) / "captions.csv")),
        ]
        for _ in range(_RUNS):
            plain.append(timed(["-c", parse]))
            click.echo(plain[-1].line("json alone"))
            own.append(timed(command))
            click.echo(own[-1].line("sartext narrate a2c"))
    best, reference = min(own, key=lambda run: run.cpu), min(plain, key=lambda run: run.cpu)
    click.echo(
        f"best of {_RUNS}: {best.wall:.1f} s wall, {best.cpu:.1f} s CPU, {best.peak:.0f} MiB; "
        f"{best.cpu / reference.cpu:.1f} times the CPU time of parsing the file"
    )


if __name__ == "__main__":
    main()
