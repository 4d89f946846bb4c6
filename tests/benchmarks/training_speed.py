"""Samples a second of training, beside open_clip's own trainer on the same data, weights and batch.

    python tests/benchmarks/training_speed.py coca --out /tmp/speed

Both start from the weights of the recipe `base` and see the same pictures and captions: ours as an array and
a table, open_clip's as the PNG files and the csv that it is made for. They run in turn, `--rounds` times, in
the same precision. Then our steps are profiled, and their arithmetic is held against a plain matrix product.
With --processes the peer is ours in one process.
"""

import csv
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import yaml
from PIL import Image

from sartext.core.config import Config, load_config
from sartext.core.records import Caption, Scene
from sartext.core.seeds import generator
from sartext.core.tables import write_records
from sartext.models import Tokenizer, train_tokenizer
from sartext.models.build import build_model, preprocess
from sartext.training.collate import build_collator
from sartext.training.data import Pixels, read_set
from sartext.training.engine import Trainer
from sartext.training.machine import machine
from sartext.training.objective import build_objective

_FIRST = 5  # steps that warm up, left out
_COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200), "grey": (128, 128, 128)}
_SPEED = re.compile(r"Batch \(t\): [0-9.]+, ([0-9.e+]+)/s")
_LOSS = re.compile(r"(?:Contrastive_loss|Caption_loss): ([0-9.]+)")


def _pictures(count: int, side: int) -> tuple[np.ndarray, list[str]]:
    """Noise with one coloured rectangle, and a sentence about each: uint8 (N, S, S, 3)."""
    images, texts = np.empty((count, side, side, 3), np.uint8), []
    for number in range(count):
        draws = generator("training speed", number)
        colour = list(_COLOURS)[draws.integers(len(_COLOURS))]
        y, x = draws.integers(0, side // 2, 2)
        images[number] = draws.integers(0, 60, (side, side, 3))
        images[number, y : y + side // 3, x : x + side // 3] = _COLOURS[colour]
        place = f"{'upper' if y < side // 4 else 'lower'} {'left' if x < side // 4 else 'right'}"
        texts.append(f"A {colour} field lies in the {place} part of the image, {number % 7} roads beside it.")
    return images, texts


def _write_data(out: Path, count: int, side: int) -> None:
    """Write the pictures for both: tables and an array, PNG files and a csv."""
    images, texts = _pictures(count, side)
    results = out / "results" / "speed"
    scenes = [
        Scene(f"opt/{n:06}", "opt", "train", "optical", f"{n:06}.png", side, side) for n in range(count)
    ]
    captions = [Caption(scene.scene_id, "given", text) for scene, text in zip(scenes, texts, strict=True)]
    write_records(results / "scenes" / "opt" / "scenes.parquet", scenes, Scene)
    np.save(results / "scenes" / "opt" / "images.npy", images)
    write_records(results / "stage1" / "scenes.parquet", scenes, Scene)
    write_records(results / "stage1" / "captions.parquet", captions, Caption)
    train_tokenizer(texts, 1024, results / "tokenizer")
    (out / "png").mkdir(parents=True, exist_ok=True)
    with (out / "train.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["filepath", "caption"])
        for number, text in enumerate(texts):
            path = out / "png" / f"{number:06}.png"
            Image.fromarray(images[number]).save(path)
            writer.writerow([path, text])


def _architecture(model: str, size: str) -> dict[str, Any]:
    """Mini's small one, or open_clip's of a name such as ViT-B-32."""
    if size == "mini":
        content: dict[str, Any] = yaml.safe_load(Path(f"config/models/{model}-tiny.yaml").read_text())
        return content
    import open_clip

    given = open_clip.get_model_config(f"coca_{size}" if model == "coca" else size)
    assert given is not None, f"open_clip has no model of size {size}"
    drop = {"custom_text"}
    return {key: value for key, value in given.items() if key not in drop}


def _profile(out: Path, model: str, size: str, batch: int, steps: int, engine: dict[str, Any]) -> Config:
    """Write our profile, `steps` steps of the recipe optical, and return it."""
    side = 64 if size == "mini" else 224
    length = 36 if size == "mini" else 76
    content = {
        "profile": "speed",
        "data_note": "drawn pictures",
        "seed": 0,
        "disk_gb": 1,
        "sources": [
            {
                **{"name": "opt", "title": "Opt", "modality": "optical", "root": "none", "format": "coco"},
                **{"layout": {"annotations": "a"}, "licence": "none", "citation": "none", "obtain": "none"},
            }
        ],
        "images": {"size": side, "max_rejected_share": 0},
        "vocabulary": 1024,
        "models": {
            model: {
                "title": model,
                "architecture": _architecture(model, size),
                "context_length": length,
                "tasks": [],
                "training": {
                    **{"seeds": [0], "stage1_samples": steps * batch, "stage2_samples": 1},
                    **{"batch_size": batch, "learning_rate": 5e-4, "weight_decay": 0.2, "warmup_share": 0.1},
                    **{"clip_norm": 1.0, "val_interval": 100_000, "checkpoint_interval": 100_000},
                },
            }
        },
        "recipes": ["base", "optical"],
        "engine": engine,
        "evaluation": {"version": "draft"},
    }
    (out / "speed.yaml").write_text(yaml.safe_dump(content))
    return load_config(out / "speed.yaml")


def _ours(out: Path, model: str, recipe: str) -> tuple[list[float], list[float]]:
    """Samples a second and losses of each step."""
    command = [sys.executable, "-m", "sartext", "train", "--config", "speed.yaml", "--model", model]
    subprocess.run([*command, "--recipe", recipe, "--seed", "0"], check=True, cwd=out)
    log = out / "results" / "speed" / "checkpoints" / model / recipe / "0" / "train.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    return [record["samples_per_s"] for record in records], [record["loss"] for record in records]


def _theirs(out: Path, model: str, config: Config, steps: int) -> tuple[list[float], list[float]]:
    """The same by ``python -m open_clip_train.main``."""
    training, engine = config.model(model).training, config.engine
    start = out / "results" / "speed" / "checkpoints" / model / "base" / "0"
    arguments = [
        *(
            "-m",
            "open_clip_train.main",
            "--model",
            f"local-dir:{start}",
            "--train-data",
            str(out / "train.csv"),
        ),
        *("--csv-separator", ",", "--csv-img-key", "filepath", "--csv-caption-key", "caption"),
        *(
            "--batch-size",
            str(training.batch_size),
            "--epochs",
            "1",
            "--workers",
            str(max(engine.workers, 1)),
        ),
        *("--lr", "5e-4", "--wd", "0.2", "--beta1", "0.9", "--beta2", "0.98", "--eps", "1e-6"),
        *("--warmup", str(round(0.1 * steps)), "--grad-clip-norm", "1.0", "--seed", "0"),
        *("--precision", "fp32" if engine.precision == "float32" else "amp_bf16"),
        *("--coca-caption-loss-weight", "1", "--coca-contrastive-loss-weight", "1"),
        *(
            "--log-every-n-steps",
            "1",
            "--logs",
            str(out / "theirs"),
            "--save-frequency",
            "0",
            "--gather-with-grad",
        ),
        *("--device", engine.device, "--name", f"run-{time.time_ns()}"),
    ]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(engine.threads),
        "CUDA_VISIBLE_DEVICES": "0" if engine.device == "cuda" else "",
    }
    done = subprocess.run(
        [sys.executable, *arguments], cwd=out, env=environment, capture_output=True, text=True, check=False
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "Train Epoch" in line]
    if done.returncode or not lines:
        sys.exit(f"open_clip_train failed:\n{done.stderr[-3000:]}")
    speeds = [float(found[1]) for line in lines if (found := _SPEED.search(line))]
    losses = [sum(float(part) for part in _LOSS.findall(line)) for line in lines]
    return speeds, losses


def _peak(device: str, precision: str) -> float:
    """Multiplications and additions a second of a large matrix product."""
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    side = 8192 if device == "cuda" else 1536
    left, right = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))

    def once(count: int) -> float:
        if device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(count):
            left @ right
        if device == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - began) / count

    once(3)
    return 2 * side**3 / min(once(5) for _ in range(5))


def _look_inside(out: Path, model: str, config: Config, pace: float) -> None:
    """Print where our time goes, and our share of the matrix-product peak."""
    from torch.profiler import ProfilerActivity, profile
    from torch.utils.flop_counter import FlopCounterMode

    os.chdir(out)
    where = machine(config.engine)
    training = config.model(model).training
    tokenizer = Tokenizer.load(config.results / "tokenizer")
    module = build_model(model, config, config.results / "tokenizer", 0)
    objective = build_objective(model, module, config, tokenizer.pad, preprocess(config))
    pixels = Pixels(config)
    samples = read_set(config, "stage1", model, "train", pixels).first(training.batch_size)
    batch = build_collator(model, config, tokenizer)(samples, pixels)
    trainer = Trainer(objective, training, config.engine, where, 100)
    with FlopCounterMode(display=False) as counter:
        trainer.backward([batch], [0])
    trainer.step(0)
    for step in range(1, 4):
        trainer.backward([batch], [step])
        trainer.step(step)
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if where.device != "cpu" else [])]
    with profile(activities=kinds) as seen:
        for step in range(4, 9):
            trainer.backward([batch], [step])
            trainer.step(step)
    key = "self_cpu_time_total" if where.device == "cpu" else "self_device_time_total"
    print(seen.key_averages().table(sort_by=key, row_limit=15, max_name_column_width=50))
    peak = _peak(config.engine.device, config.engine.precision)
    used = counter.get_total_flops() / training.batch_size * pace
    print(
        f"arithmetic: {used / 1e9:.1f} of {peak / 1e9:.1f} GFLOP/s of a matrix product: "
        f"{used / peak:.0%}; most memory {where.peak_memory_mb():.0f} MiB"
    )


def _beside(ours: list[float], theirs: list[float], peer: str) -> None:
    """Print both loss curves at ten places."""
    print(f"step   ours  {peer}")
    for place in np.linspace(0, min(len(ours), len(theirs)) - 1, 10).astype(int):
        print(f"{place + 1:4}  {ours[place]:.3f}  {theirs[place]:.3f}")


@click.command()
@click.argument("model", type=click.Choice(["clip", "coca"]))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder for data and logs")
@click.option("--size", default="mini", show_default=True, help="mini, or open_clip's such as ViT-B-32")
@click.option("--batch", type=int, default=64, show_default=True, help="samples a step, over all processes")
@click.option("--steps", type=int, default=60, show_default=True)
@click.option("--rounds", type=int, default=3, show_default=True, help="runs of each, in turn")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
@click.option("--threads", type=int, default=1, show_default=True, help="CPU threads a process")
@click.option("--zero-stage", type=int, default=0, show_default=True, help="ours; theirs has no ZeRO")
@click.option("--processes", type=int, default=1, show_default=True)
@click.option(
    "--workers", type=int, default=1, show_default=True, help="of the data, a process; both have them"
)
def main(
    model: str,
    out: Path,
    size: str,
    batch: int,
    steps: int,
    rounds: int,
    device: str,
    precision: str,
    threads: int,
    processes: int,
    zero_stage: int,
    workers: int,
) -> None:
    """Train MODEL by both in turn and print the ratio."""
    engine = {
        **{"zero_stage": zero_stage, "processes": processes, "threads": threads, "workers": workers},
        **{"device": device, "precision": precision},
    }
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    _write_data(out, batch * steps, 64 if size == "mini" else 224)
    config = _profile(out, model, size, batch, steps, engine)
    _ours(out, model, "base")
    fast, slow = [], []
    for turn in range(rounds):
        mine, my_losses = _ours(out, model, "optical")
        if processes > 1:
            _profile(out, model, size, batch, steps, {**engine, "processes": 1})
            yours, your_losses = _ours(out, model, "optical")
            _profile(out, model, size, batch, steps, engine)
        else:
            yours, your_losses = _theirs(out, model, config, steps)
        fast.append(statistics.median(mine[_FIRST:]))
        slow.append(statistics.median(yours[_FIRST:]))
        print(f"round {turn + 1}: {fast[-1]:.1f} and {slow[-1]:.1f} samples/s")
    ratios = [mine / yours for mine, yours in zip(fast, slow, strict=True)]
    peer = "one process" if processes > 1 else "open_clip_train"
    print(
        f"{model} {size}, batch {batch}, {precision}, ZeRO {zero_stage}, {processes} process(es) of "
        f"{threads} thread(s): {statistics.median(fast):.1f} samples/s, {peer} "
        f"{statistics.median(slow):.1f}: {statistics.median(ratios):.2f} times"
    )
    _beside(my_losses, your_losses, peer)
    if processes == 1:
        _look_inside(out, model, config, statistics.median(fast))


if __name__ == "__main__":
    main()
