"""Predicting: a model's raw output on one benchmark task, in the files that any model hands in."""

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sartext.core.config import Config, EvaluationConfig, ImagesConfig
from sartext.core.errors import UserError
from sartext.core.files import atomic_folder, inside, write_json
from sartext.core.progress import track
from sartext.evaluation.files import read_pairs, read_questions, read_references
from sartext.evaluation.tasks import (
    Kind,
    Task,
    benchmark_folder,
    check_recipes,
    find_task,
    load_task,
    verify,
)
from sartext.models.interface import Images, Model

_CHUNK = 256  # images read at once
_KINDS: dict[Kind, tuple[str, ...]] = {
    "retrieval": ("clip", "coca"),
    "captioning": ("coca",),
    "vqa": ("gpt",),
}


@dataclass(frozen=True)
class _Job:
    """One prediction under way."""

    task: Task
    model: Any
    settings: EvaluationConfig
    images: ImagesConfig

    def read(self, names: Sequence[str]) -> Images:
        """Return uint8 (N, S, S, 1) images of the task, S the model's size."""
        from sartext.sources import decode_image, resize

        folder = self.task.folder / "images"
        read = {
            name: resize(decode_image(inside(folder, f"{name}.png"), self.images), self.model.image_size)
            for name in sorted(set(names))
        }
        return np.stack([read[name] for name in names])

    def chunks(self, names: Sequence[str]) -> Iterator[tuple[list[str], Images]]:
        """Yield ids and their images, some at a time."""
        starts = range(0, len(names), _CHUNK)
        for start in track(starts, self.task.name):
            some = list(names[start : start + _CHUNK])
            yield some, self.read(some)


def _retrieval(job: _Job, out: Path) -> int:
    pairs = read_pairs(job.task.folder / "pairs.csv")
    image_ids = sorted({pair.image_id for pair in pairs})
    second = job.task.folder / "pairs_narrator.csv"
    if second.is_file():
        pairs = [*pairs, *read_pairs(second)]
    pairs = sorted(pairs, key=lambda pair: pair.text_id)
    size = job.settings.batch_size
    images = np.concatenate([job.model.encode_images(some, size) for _, some in job.chunks(image_ids)])
    texts = job.model.encode_texts([pair.caption for pair in pairs], size)
    with (out / "retrieval.npz").open("wb") as stream:
        np.savez(
            stream,
            image_ids=np.array(image_ids, dtype=np.str_),
            image_features=images.astype(np.float32),
            text_ids=np.array([pair.text_id for pair in pairs], dtype=np.str_),
            text_features=texts.astype(np.float32),
        )
    return len(image_ids)


def _captioning(job: _Job, out: Path) -> int:
    image_ids = sorted(read_references(job.task.folder / "refs.json"))
    settings = job.settings
    captions: list[dict[str, str]] = []
    for names, images in job.chunks(image_ids):
        told = job.model.caption(
            images,
            beams=settings.beams,
            max_tokens=settings.caption_length,
            batch_size=settings.batch_size,
        )
        captions += [{"image_id": name, "caption": text} for name, text in zip(names, told, strict=True)]
    write_json(out / "captions.json", captions)
    return len(image_ids)


def _vqa(job: _Job, out: Path) -> int:
    questions = sorted(
        read_questions(job.task.folder / "questions.json"), key=lambda question: question.question_id
    )
    settings = job.settings
    answers: list[dict[str, str]] = []
    for start in track(range(0, len(questions), _CHUNK), job.task.name):
        some = questions[start : start + _CHUNK]
        told = job.model.answer(
            job.read([question.image_id for question in some]),
            [question.question for question in some],
            max_tokens=settings.answer_length,
            batch_size=settings.batch_size,
        )
        answers += [
            {"question_id": question.question_id, "answer": text}
            for question, text in zip(some, told, strict=True)
        ]
    write_json(out / "answers.json", answers)
    return len({question.image_id for question in questions})


def predict(
    task_folder: Path, model: Model, out: Path, settings: EvaluationConfig, images: ImagesConfig
) -> None:
    """Write a model's predictions on one task.

    ``retrieval.npz`` holds ids as unicode arrays and float32 features of all images and of the texts of both
    caption columns; ``captions.json`` is in COCO result form; ``answers.json`` is a list of
    ``{"question_id","answer"}``. ``run.json`` beside says what it cost.

    Args:
        task_folder: the task, of a frozen benchmark or a draft.
        model: from `sartext.models.load`.
        out: folder to write, in place of an older one.
        settings: beams, lengths and batch size.
        images: how files become pixels.

    Raises:
        UserError: the model cannot do the task, or a file of the task is missing or damaged.
    """
    task = load_task(task_folder)
    if model.kind not in _KINDS[task.kind]:
        raise UserError(
            f"{task_folder}: a {task.kind} task; expected a model of kind {' or '.join(_KINDS[task.kind])}, "
            f"not {model.kind}"
        )
    steps: dict[Kind, Callable[[_Job, Path], int]] = {
        "retrieval": _retrieval,
        "captioning": _captioning,
        "vqa": _vqa,
    }
    began = time.perf_counter()
    with atomic_folder(out) as folder:
        count = steps[task.kind](_Job(task, model, settings, images), folder)
        seconds = time.perf_counter() - began
        write_json(
            folder / "run.json",
            {
                "seconds": round(seconds, 3),
                "images": count,
                "images_per_second": round(count / seconds, 3),
                "batch_size": settings.batch_size,
                "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            },
        )


def predict_task(config: Config | None, name: str, specs: Sequence[str], outs: Sequence[Path]) -> None:
    """Predict one task with one or several models.

    Args:
        config: the profile whose settings and benchmark hold; defaults without one.
        name: a task's folder, or its name.
        specs: models, as `sartext.models.load` takes them.
        outs: a folder for each.

    Raises:
        UserError: no such task or model, or the benchmark was changed.
    """
    task = find_task(name, config)
    verify(task.folder.parent)
    from sartext.models import load

    settings = config.evaluation if config else EvaluationConfig(version="draft")
    device = config.engine.device if config else "cpu"
    for spec, out in zip(specs, outs, strict=True):
        model = load(spec, device=device)
        images = config.images if config else ImagesConfig(size=model.image_size, max_rejected_share=0)
        predict(task.folder, model, out, settings, images)


def predict_profile(config: Config, name: str, recipes: Sequence[str], seeds: Sequence[int]) -> None:
    """Predict all tasks of a model with ``results/P/checkpoints/MODEL/RECIPE/SEED``.

    Raises:
        UserError: no such model, recipe, checkpoint or task, or the benchmark was changed.
    """
    tasks = config.model(name).tasks
    check_recipes(config, name, recipes)
    benchmark = benchmark_folder(config)
    verify(benchmark)
    from sartext.models import load

    for recipe in recipes:
        for seed in seeds:
            run = Path(name) / recipe / str(seed)
            model = load(config.results / "checkpoints" / run, device=config.engine.device)
            for task in tasks:
                out = config.results / "predictions" / task / run
                predict(benchmark / task, model, out, config.evaluation, config.images)
