"""Our CoCa decoder beside `open_clip.CoCa.generate`: the same tokens, and how much sooner.

    make benchmark-captions

It runs in an environment of its own (.venv-benchmarks): the beam search of `generate` is written for
transformers 4.52. Both sides get the same weights, simulated images, batches and threads, in one process,
each mode one after the other. Two models: the trained CoCa of `data/reference/mini`, if it was pulled, and
one of a released size with random weights. The exit status is 1 if any token differs.
"""

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import open_clip
import torch
import transformers
from open_clip import coca_model
from torch import Tensor
from transformers import BeamSearchScorer

from sartext.models.decode import Search, Specials, decode
from sartext.models.interface import Preprocess
from sartext.models.tokenizer import Tokenizer
from sartext.simulator.scene import draw_scene

_BATCH = 32


@dataclass(frozen=True)
class Mode:
    """One way to caption: as `generate` is asked for it, and as we are."""

    title: str
    theirs: dict[str, Any]
    beams: int
    length_penalty: float = 1.0

    def search(self, longest: int) -> Search:
        return Search(self.beams, longest, length_penalty=self.length_penalty)


def _beams(groups: int) -> dict[str, Any]:
    return {"generation_type": "beam_search", "num_beams": 6, "num_beam_groups": groups}


MODES = (
    Mode("greedy (top-k of 1)", {"generation_type": "top_k", "top_k": 1}, 1),
    Mode("greedy (top-p of 0)", {"generation_type": "top_p", "top_p": 0.0, "temperature": 0.7}, 1),
    Mode("6 beams", _beams(1), 6),
    Mode("6 beams in 3 groups, the default", _beams(3), 2),
    Mode("6 beams, length penalty 0.5", _beams(1), 6, 0.5),
    Mode("6 beams, length penalty 2", _beams(1), 6, 2.0),
)


@dataclass(frozen=True)
class Subject:
    """A model, and what it is asked with."""

    title: str
    module: Any
    ids: Specials
    pixels: Tensor
    longest: int


def _pixels(module: Any, count: int) -> Tensor:
    """Return simulated SAR images as the model takes them, float32 (N, 3, S, S)."""
    size = module.visual.image_size
    side = int(size[0] if isinstance(size, tuple | list) else size)
    drawn = [np.asarray(draw_scene("hrsid", 0, "test", number, side).sar) for number in range(count)]
    preprocess = Preprocess(side, tuple(module.visual.image_mean), tuple(module.visual.image_std))
    pixels: Tensor = preprocess(np.stack(drawn)[..., None], "cpu")
    return pixels


def trained(folder: Path, count: int) -> Subject:
    """The CoCa of a checkpoint folder."""
    module = open_clip.create_model(f"local-dir:{folder}").float().eval()
    tokenizer = Tokenizer.load(folder)
    ids = Specials(tokenizer.pad, tokenizer.start, tokenizer.end)
    return Subject(f"{folder}, trained", module, ids, _pixels(module, count), 32)


def random(name: str, count: int, longest: int) -> Subject:
    """A CoCa of a released size with seeded weights that says decided things and ends now and then."""
    torch.manual_seed(0)
    module = open_clip.create_model(name).eval()
    ids = Specials(0, 49406, 49407)
    decoder = module.text_decoder
    with torch.no_grad():
        # open_clip leaves this one as the memory was
        decoder.text_projection.normal_(std=decoder.width**-0.5)
        for key, value in module.named_parameters():
            if key.startswith("text") and value.ndim > 1 and "embedding" not in key:
                value.mul_(1.5)
        for block in decoder.cross_attn:
            block.attn.out_proj.weight.mul_(4)
        module.text.positional_embedding.mul_(120)
        module.text.token_embedding.weight.mul_(20)
        # one channel of the decoder's output is 1 at all times: a constant logit, so that captions end
        decoder.ln_final.weight[0], decoder.ln_final.bias[0] = 0, 1
        decoder.text_projection[0] = 0
        decoder.text_projection[0, ids.end] = 8
    return Subject(f"{name}, random", module, ids, _pixels(module, count), longest)


@contextmanager
def _penalty(exponent: float) -> Iterator[None]:
    """`generate` has no argument for the length penalty of its scorer."""
    coca_model.BeamSearchScorer = functools.partial(BeamSearchScorer, length_penalty=exponent)
    try:
        yield
    finally:
        coca_model.BeamSearchScorer = BeamSearchScorer


def _theirs(subject: Subject, mode: Mode, pixels: Tensor) -> list[list[int]]:
    ids = subject.ids
    with _penalty(mode.length_penalty):
        rows: Tensor = subject.module.generate(
            pixels,
            seq_len=subject.longest,
            pad_token_id=ids.pad,
            sot_token_id=ids.start,
            eos_token_id=ids.end,
            **mode.theirs,
        )
    told: list[list[int]] = rows.tolist()
    return told


def _ours(subject: Subject, mode: Mode, pixels: Tensor) -> list[list[int]]:
    rows = decode(subject.module, pixels, mode.search(subject.longest), subject.ids)
    return [row + [subject.ids.pad] * (max(map(len, rows)) - len(row)) for row in rows]


def compare(subject: Subject, mode: Mode, repeats: int) -> bool:
    """Print a line; return whether all tokens were equal. Of its repeats each side's quickest counts."""
    told, wall, cpu = [], [], []
    for side in (_theirs, _ours):
        spent = []
        for _ in range(repeats):
            began, work = time.perf_counter(), time.process_time()
            rows = [
                row for batch in torch.split(subject.pixels, _BATCH) for row in side(subject, mode, batch)
            ]
            spent.append((time.perf_counter() - began, time.process_time() - work))
        told.append(rows)
        wall.append(min(seconds for seconds, _ in spent))
        cpu.append(min(seconds for _, seconds in spent))
    same: int = sum(mine == yours for mine, yours in zip(*told, strict=True))
    lengths = sorted(sum(token != subject.ids.pad for token in row) for row in told[1])
    click.echo(
        f"{mode.title:34}{same:5} of {len(told[0])} equal |{wall[0]:8.2f} {cpu[0]:8.2f} |"
        f"{wall[1]:7.2f} {cpu[1]:7.2f} |{wall[0] / wall[1]:6.1f} {cpu[0] / cpu[1]:6.1f} |"
        f" {len({tuple(row) for row in told[1]})} captions of {lengths[0]} to {lengths[-1]} tokens"
    )
    return same == len(told[0])


@click.command()
@click.option("--images", default=200, show_default=True)
@click.option("--checkpoint", type=click.Path(path_type=Path), default=Path("data/reference/mini/coca"))
@click.option("--size", default="coca_ViT-B-32", show_default=True, help="An architecture of open_clip.")
@click.option("--size-images", default=32, show_default=True, help="Images of the random model.")
@click.option("--size-tokens", default=20, show_default=True, help="Most tokens of its captions.")
@click.option("--repeats", default=3, show_default=True, help="Of the trained model.")
@click.option("--threads", default=1, show_default=True)
def main(
    images: int, checkpoint: Path, size: str, size_images: int, size_tokens: int, repeats: int, threads: int
) -> None:
    """Compare all modes on both models."""
    torch.set_num_threads(threads)
    click.echo(
        f"open_clip {open_clip.__version__}, transformers {transformers.__version__}, "
        f"torch {torch.__version__}, threads: {threads}, batches of {_BATCH}"
    )
    subjects: list[tuple[Callable[[], Subject], int]] = []
    if checkpoint.is_dir():
        subjects.append((lambda: trained(checkpoint, images), repeats))
    else:
        click.echo(f"{checkpoint}: not there; 'dvc pull data/reference/mini.dvc' fetches it")
    subjects.append((lambda: random(size, size_images, size_tokens), 1))
    equal = True
    for make, times in subjects:
        subject = make()
        click.echo(
            f"\n{subject.title}: {len(subject.pixels)} images, at most {subject.longest} tokens\n"
            f"{'seconds on the wall and of CPU:':52}| open_clip        | ours           | ratio"
        )
        for mode in MODES:
            equal &= compare(subject, mode, times)
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
