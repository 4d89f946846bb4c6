"""`sartext benchmark`, `sartext predict` and `sartext score`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sartext.core.errors import UserError

if TYPE_CHECKING:
    from sartext.evaluation.tasks import Kind

_FILE = click.Path(path_type=Path)


@click.group()
def benchmark() -> None:
    """Freeze, pull, check or draft a benchmark."""


@benchmark.command()
@click.option("--config", type=_FILE, required=True, help="The profile whose simulated sources are frozen.")
@click.option("--version", required=True, help="Such as v0; its tasks are benchmark/VERSION/*.yaml.")
@click.option("--out", type=_FILE, help="Folder to write; data/benchmark/VERSION if left out.")
def freeze(config: Path, version: str, out: Path | None) -> None:
    """Freeze a benchmark version from the simulator's truth."""
    from sartext.core.config import load_config
    from sartext.evaluation import benchmark as room
    from sartext.evaluation.tasks import FROZEN

    folder = out or FROZEN / version
    digest = room.freeze(load_config(config), version, folder)
    click.echo(f"{folder}: frozen, digest {digest}")


@benchmark.command()
@click.option("--config", type=_FILE, required=True, help="The profile; its SAR-TEXT must be built.")
def draft(config: Path) -> None:
    """Make a benchmark from the run's own images, of the split that the profile names."""
    from sartext.core.config import load_config
    from sartext.evaluation import benchmark as room

    profile = load_config(config)
    folder = profile.results / "benchmark"
    digest = room.draft(profile, folder)
    click.echo(f"{folder}: drafted, digest {digest}")


@benchmark.command()
@click.argument("pointer", type=_FILE)
@click.option("--out", type=_FILE, help="JSON file to write the digest to.")
def pull(pointer: Path, out: Path | None) -> None:
    """Bring the benchmark that POINTER (data/benchmark/vN.dvc) names, if it is not there, and check it."""
    from sartext.core.files import write_json
    from sartext.evaluation.pull import pull as pull_benchmark

    digest, folder = pull_benchmark(pointer), pointer.with_suffix("")
    if out is not None:
        write_json(out, {"folder": folder.as_posix(), "digest": digest})
    click.echo(f"{folder}: as frozen, digest {digest}")


@benchmark.command()
@click.argument("folder", type=_FILE)
@click.option("--out", type=_FILE, help="JSON file to write the digest to.")
def verify(folder: Path, out: Path | None) -> None:
    """Check a benchmark folder against its manifest; a file changed by hand is named."""
    from sartext.core.files import write_json
    from sartext.evaluation import tasks

    digest = tasks.verify(folder)
    if out is not None:
        write_json(out, {"folder": folder.as_posix(), "digest": digest})
    click.echo(f"{folder}: as frozen, digest {digest}")


@click.command()
@click.option("--config", type=_FILE, help="The profile: its benchmark, beams, lengths and batch size.")
@click.option("--benchmark", "task", help="A task's name, or the folder of one.")
@click.option("--model", "specs", multiple=True, help="A checkpoint, open_clip:NAME/PRETRAINED or hf:NAME.")
@click.option("--out", "outs", multiple=True, type=_FILE, help="Folder to write, one for each --model.")
@click.option(
    "--model-name", help="Workflow form: all of this model's tasks, into results/PROFILE/predictions."
)
@click.option("--recipe", "recipes", multiple=True, help="Workflow form: recipes, one or several.")
@click.option("--seed", "seeds", multiple=True, type=int, help="Workflow form: seeds, one or several.")
def predict(
    config: Path | None,
    task: str | None,
    specs: tuple[str, ...],
    outs: tuple[Path, ...],
    model_name: str | None,
    recipes: tuple[str, ...],
    seeds: tuple[int, ...],
) -> None:
    """Write a model's predictions on a benchmark task."""
    from sartext.core.config import load_config
    from sartext.evaluation.predict import predict_profile, predict_task

    if model_name is not None:
        if config is None or not recipes or not seeds or task or specs or outs:
            raise UserError(
                "predict: --model-name goes with --config, --recipe and --seed, and with nothing else"
            )
        predict_profile(load_config(config), model_name, recipes, seeds)
        return
    if recipes or seeds:
        raise UserError("predict: --recipe and --seed go with --model-name and --config")
    if task is None or not specs or len(specs) != len(outs):
        raise UserError("predict: expected --benchmark, and an --out for each --model")
    predict_task(load_config(config) if config else None, task, specs, outs)


@click.group()
def score() -> None:
    """Score predictions: retrieval, captioning, vqa, or a benchmark task."""


_OUT = click.option("--out", type=_FILE, required=True, help="The score file to write.")
_SAMPLES = click.option(
    "--bootstrap-samples", "samples", type=click.IntRange(min=1), default=1000, show_default=True
)
_SEED = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
_SECOND = click.option("--secondary", type=_FILE, help="A second, labelled column of references.")


def _score(
    kind: "Kind", predictions: Path, main: Path, second: Path | None, out: Path, samples: int, seed: int
) -> None:
    from sartext.evaluation.score import Bootstrap, score_fixed

    score_fixed(kind, predictions, main, second, out, Bootstrap(samples, seed))


@score.command("retrieval")
@click.option("--pairs", type=_FILE, required=True, help="image_id,text_id,caption")
@click.option("--features", type=_FILE, required=True, help="retrieval.npz")
@_SECOND
@_OUT
@_SAMPLES
@_SEED
def score_retrieval(
    pairs: Path, features: Path, secondary: Path | None, out: Path, samples: int, seed: int
) -> None:
    """Recall by both protocols."""
    _score("retrieval", features, pairs, secondary, out, samples, seed)


@score.command("captioning")
@click.option("--references", type=_FILE, required=True, help="COCO caption form")
@click.option("--predictions", type=_FILE, required=True, help="COCO result form")
@_SECOND
@_OUT
@_SAMPLES
@_SEED
def score_captioning(
    references: Path, predictions: Path, secondary: Path | None, out: Path, samples: int, seed: int
) -> None:
    """BLEU, METEOR, ROUGE-L, CIDEr and SPICE."""
    _score("captioning", predictions, references, secondary, out, samples, seed)


@score.command("vqa")
@click.option("--questions", type=_FILE, required=True, help="questions with types and answers")
@click.option("--answers", type=_FILE, required=True, help="question_id and answer")
@_OUT
@_SAMPLES
@_SEED
def score_vqa(questions: Path, answers: Path, out: Path, samples: int, seed: int) -> None:
    """Accuracy by question type."""
    _score("vqa", answers, questions, None, out, samples, seed)


@score.command("task")
@click.option("--config", type=_FILE, required=True, help="The profile.")
@click.option("--task", "tasks", multiple=True, required=True, help="Benchmark tasks, one or several.")
@click.option("--model", required=True, help="clip, coca or gpt")
@click.option("--recipe", "recipes", multiple=True, required=True, help="Recipes, one or several.")
@click.option("--seed", "seeds", multiple=True, type=int, required=True, help="Seeds, one or several.")
def score_task(
    config: Path, tasks: tuple[str, ...], model: str, recipes: tuple[str, ...], seeds: tuple[int, ...]
) -> None:
    """Score a profile's predictions into results/PROFILE/scores."""
    from sartext.core.config import load_config
    from sartext.evaluation.score import score_profile

    score_profile(load_config(config), tasks, model, recipes, seeds)
