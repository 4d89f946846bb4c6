"""SAR-TEXT at its size, through the workflow: build, audit, statistics, exports and shards of 136,584 images.

    python tests/benchmarks/full_size.py images DATA
    python tests/benchmarks/build_full_size.py DATA --work WORK

The images are shared out among twelve sources (hard links, so WORK lies on the disk of DATA), so that what
one source's change sets off can be seen. An optical source of 2,000 simulated images stands for stage 1.
Snakemake runs the road from ingest to shards with a real profile; the times and peak memories printed are
those of its benchmark files, beside a peer of the same run: copying the images that go into shards. Then one
source loses an image, and the jobs that run again are listed with their time. The size of the graph and the
time of a dry run are those of the whole profile, with training, evaluation and report.
"""

import csv
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sartext.core.config import SimulatorConfig, SourceConfig, SplitCounts, load_config, save_config

ROOT = Path(__file__).parents[2]
PARTS = ("build_stage1", "build_sartext", "audit", "statistics", "exports", "shards")


def split_source(data: Path, work: Path, sources: int) -> list[int]:
    """Write the folders of the sources: an equal run of the images each; return their sizes."""
    content = json.loads((data / "annotations.json").read_bytes())
    boxes: dict[int, list[Any]] = {}
    for annotation in content["annotations"]:
        boxes.setdefault(annotation["image_id"], []).append(annotation)
    sizes = []
    for number in range(sources):
        start, stop = (len(content["images"]) * k // sources for k in (number, number + 1))
        images = content["images"][start:stop]
        folder = work / "data" / "parts" / f"full-{number:02d}"
        (folder / "images").mkdir(parents=True, exist_ok=True)
        for image in images:
            link = folder / "images" / image["file_name"]
            if not link.exists():
                link.hardlink_to(data / "images" / image["file_name"])
        own = {
            "images": images,
            "annotations": [box for image in images for box in boxes.get(image["id"], ())],
            "categories": content["categories"],
        }
        (folder / "annotations.json").write_text(json.dumps(own), encoding="utf-8")
        sizes.append(stop - start)
    return sizes


def write_profile(data: Path, work: Path, sizes: Sequence[int]) -> Path:
    """Write the profile of the sources and return its path."""
    one = load_config(data / "profile.yaml").sources[0]
    named = [
        {
            "name": f"full-{number:02d}",
            "root": f"data/parts/full-{number:02d}",
            "expected_images": size,
        }
        for number, size in enumerate(sizes)
    ]
    mini = load_config(ROOT / "config" / "mini.yaml")
    optical = mini.source("rsicd").model_copy(update={"root": "data/simulated/full-size/rsicd"})
    sar = [SourceConfig(**{**one.model_dump(), **entry}) for entry in named]
    counts = SplitCounts(train=1600, val=200, test=200)
    changes = {
        "profile": "full-size",
        "data_note": "cut out of a few simulated scenes, to time the build; nothing else can be read from it",
        "simulator": SimulatorConfig(image_size=64, sources={"rsicd": counts}),
        "sources": [*sar, optical],
        "evaluation": mini.evaluation.model_copy(update={"version": "draft"}),
    }
    path = work / "profile.yaml"
    save_config(mini.model_copy(update=changes), path)
    return path


def snakemake(work: Path, *arguments: str) -> str:
    """Run the workflow in `work` and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(work),
         "--configfile", str(work / "profile.yaml"), "--no-hooks", *arguments],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout + done.stderr


def targets(sources: int) -> list[str]:
    """What is built."""
    folder = "results/full-size/sartext"
    shards = [f"{folder}/shards/full-{number:02d}/manifest.json" for number in range(sources)]
    return [
        f"{folder}/statistics.json",
        f"{folder}/exports.json",
        "results/full-size/audit/stage1.json",
        *shards,
    ]


def measured(work: Path) -> dict[str, tuple[float, float, float]]:
    """Return seconds of the wall, of CPU, and peak MiB by job, as Snakemake's benchmark files have them."""
    found = {}
    folder = work / "results" / "full-size" / "benchmarks"
    for path in sorted(folder.rglob("*.tsv")):
        with path.open(encoding="utf-8") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        name = path.relative_to(folder).with_suffix("").as_posix()
        found[name] = (float(row["s"]), float(row["cpu_time"]), float(row["max_rss"]))
    return found


def report(found: dict[str, tuple[float, float, float]], images: int) -> None:
    """Print a line a part: jobs of one rule added up, the highest of their peaks."""
    for part in PARTS:
        rows = [row for name, row in found.items() if name.split("/")[0] == part]
        wall, cpu = sum(row[0] for row in rows), sum(row[1] for row in rows)
        peak = max((row[2] for row in rows), default=0.0)
        click.echo(
            f"{part:<16}{len(rows):4d} jobs {wall:8.1f} s wall {cpu:8.1f} s CPU "
            f"{images / max(wall, 1e-9):8.0f} images/s {peak:7.0f} MiB"
        )


def copy_peer(work: Path, data: Path) -> float:
    """Return the seconds that copying all images takes."""
    start = time.monotonic()
    shutil.copytree(data / "images", work / "copy")
    seconds = time.monotonic() - start
    shutil.rmtree(work / "copy")
    return seconds


def written(work: Path) -> dict[str, int]:
    """Return when each shard was written, by its name."""
    folder = work / "results" / "full-size" / "sartext" / "shards"
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*.tar")}


def lose_an_image(work: Path, number: int) -> None:
    """Leave the last image out of a source's annotations."""
    path = work / "data" / "parts" / f"full-{number:02d}" / "annotations.json"
    content = json.loads(path.read_bytes())
    gone = content["images"].pop()["id"]
    content["annotations"] = [box for box in content["annotations"] if box["image_id"] != gone]
    path.write_text(json.dumps(content), encoding="utf-8")


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--work",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to work in, on the same disk (15 GB).",
)
@click.option("--sources", default=12, show_default=True, help="How many sources share the images.")
@click.option("--cores", default=2, show_default=True, help="Snakemake's.")
def main(data: Path, work: Path, sources: int, cores: int) -> None:
    """Time the building of SAR-TEXT from DATA, which full_size.py wrote."""
    work.mkdir(parents=True, exist_ok=True)
    sizes = split_source(data.resolve(), work, sources)
    write_profile(data.resolve(), work, sizes)
    shutil.copytree(ROOT / "config", work / "config", dirs_exist_ok=True)
    start = time.monotonic()
    plan = snakemake(work, "--dry-run")
    click.echo(f"dry run of the whole profile: {time.monotonic() - start:.1f} s")
    click.echo(f"jobs: {re.findall(r'^total +([0-9]+)', plan, flags=re.MULTILINE)[:1]}")
    start = time.monotonic()
    snakemake(work, "--cores", str(cores), "--", *targets(sources))
    click.echo(f"from source files to shards: {time.monotonic() - start:.0f} s on {cores} cores")
    report(measured(work), sum(sizes))
    click.echo(f"copying the images: {copy_peer(work, data):.1f} s")
    lose_an_image(work, 3)
    before = written(work)
    start = time.monotonic()
    again = snakemake(work, "--cores", str(cores), "--", *targets(sources))
    click.echo(f"after one source lost an image: {time.monotonic() - start:.0f} s")
    rules = re.findall(r"^(?:local)?rule ([a-z_0-9]+):", again, flags=re.MULTILINE)
    click.echo("jobs: " + ", ".join(f"{rules.count(name)} {name}" for name in sorted(set(rules))))
    anew = [name for name, at in written(work).items() if before.get(name) != at]
    click.echo(f"shards written anew: {len(anew)} of {len(before)}: {', '.join(sorted(anew))}")


if __name__ == "__main__":
    main()
