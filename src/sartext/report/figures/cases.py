"""Figures 9 to 11: cases of retrieval, captioning and VQA, drawn at random by seed, as they come."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import inside
from sartext.core.records import QUESTION_TYPES
from sartext.core.seeds import generator
from sartext.evaluation.files import (
    BenchmarkQuestion,
    read_answers,
    read_captions,
    read_features,
    read_pairs,
    read_questions,
    read_references,
)
from sartext.evaluation.tasks import benchmark_folder
from sartext.metrics.retrieval import fold
from sartext.metrics.vqa import correct
from sartext.report.figures.style import (
    GREEN,
    GREY,
    INK,
    LIGHT,
    VERMILION,
    empty,
    new_figure,
    show_image,
    wrapped,
)
from sartext.report.inputs import Run, prediction_folder
from sartext.report.names import RECIPES, TASK_SHORT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN_FIRST = "two-stage"  # the paper's recipe: retrieval cases are of it
_TOP = 5
_QUERIES = 3  # a task
_IMAGES = 6


def _pixels(task: Path, image_id: str) -> NDArray[np.uint8]:
    from PIL import Image

    path = inside(task / "images", f"{image_id}.png")
    try:
        with Image.open(path) as image:
            pixels: NDArray[np.uint8] = np.asarray(image.convert("L"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: not a readable image ({error}); restore the benchmark") from None
    return pixels


def _model_of(config: Config, task: str) -> tuple[str, int] | None:
    """The first model that a task is set to, with its first seed."""
    for name, model in config.models.items():
        if task in model.tasks:
            return name, model.training.seeds[0]
    return None


def _recipe(config: Config) -> str:
    return _SHOWN_FIRST if _SHOWN_FIRST in config.recipes else config.recipes[-1]


def _draw(names: list[str], count: int, *seed: str | int) -> list[str]:
    """Draw names without replacement, the same for the same seed."""
    order = generator(*seed).permutation(len(names))[:count]
    return [sorted(names)[index] for index in order]


def _retrieval_row(
    axes: "NDArray[np.object_]", task: Path, query: str, ranked: list[tuple[str, str]], number: int
) -> None:
    """One query: its caption, then the images ranked first, each with whether it is a hit."""
    axes[0].axis("off")
    axes[0].text(0.0, 0.5, wrapped(f"“{query}”", 26, 6), va="center", fontsize=8, transform=axes[0].transAxes)
    for rank, (place, (image, sign)) in enumerate(zip(axes[1:], ranked, strict=False), start=1):
        colour = {"own": GREEN, "same": GREEN, "no": LIGHT}[sign]
        show_image(place, _pixels(task, image), colour, 0.8 if sign == "no" else 3.0)
        label = {"own": "✓ its image", "same": "≈ same caption", "no": ""}[sign]
        place.set_xlabel(label, fontsize=7.5, color=INK)
        if number == 0:
            place.set_title(f"rank {rank}", fontsize=8, fontweight="normal", color=GREY)
    for place in axes[1 + len(ranked) :]:
        place.axis("off")


def _ranked(config: Config, task: str, run: Run) -> list[tuple[str, list[tuple[str, str]]]] | None:
    """Queries drawn by seed, each with the images ranked first; none if the prediction is missing."""
    path = prediction_folder(config, task, run) / "retrieval.npz"
    pairs_path = benchmark_folder(config) / task / "pairs.csv"
    if not path.is_file() or not pairs_path.is_file():
        return None
    pairs = {pair.text_id: pair for pair in read_pairs(pairs_path)}
    with_caption: dict[str, set[str]] = {}
    for pair in pairs.values():
        with_caption.setdefault(fold(pair.caption), set()).add(pair.image_id)
    features = read_features(path)
    known = [name for name in features.text_ids if name in pairs]
    row_of = {name: row for row, name in enumerate(features.text_ids)}
    wanted = {pair.image_id for pair in pairs.values()}
    gallery = [row for row, name in enumerate(features.image_ids) if name in wanted]
    shown = []
    for text in _draw(known, _QUERIES, "figure 9", task, config.seed):
        pair = pairs[text]
        similar = features.image_features[gallery] @ features.text_features[row_of[text]]
        order = np.argsort(-similar, kind="stable")[:_TOP]
        images = [features.image_ids[gallery[index]] for index in order]
        same = with_caption[fold(pair.caption)]
        signs = ["own" if name == pair.image_id else "same" if name in same else "no" for name in images]
        shown.append((pair.caption, list(zip(images, signs, strict=True))))
    return shown


def figure_09(config: Config) -> "Figure":
    """Retrieval cases: captions of the test sets drawn by seed, and the images that the model ranks first.

    A tick marks the caption's own image, ≈ another image with the same caption (a hit by the group protocol).
    """
    recipe = _recipe(config)
    found = []
    subtitle = ""
    for task in ("osdataset_retrieval", "hrsid_retrieval"):
        entry = _model_of(config, task)
        if entry:
            title = config.model(entry[0]).title
            subtitle = f"{title}, recipe {RECIPES[recipe]}, seed {entry[1]}"
        ranked = _ranked(config, task, Run(entry[0], recipe, entry[1])) if entry else None
        found += [(task, query, images) for query, images in ranked or ()]
    if not found:
        return empty(new_figure(7, 3, config.data_note), "no retrieval predictions yet")
    figure = new_figure(8.6, 1.42 * len(found) + 0.7, config.data_note)
    grid = figure.subplots(
        len(found), _TOP + 1, squeeze=False, gridspec_kw={"width_ratios": [1.75] + [1] * _TOP}
    )
    before = ""
    for number, (task, query, images) in enumerate(found):
        _retrieval_row(grid[number], benchmark_folder(config) / task, query, images, number)
        if task != before:
            grid[number][0].set_title(TASK_SHORT[task], fontsize=9)
            before = task
    figure.suptitle(subtitle, x=0.01, ha="left", fontsize=9, color=GREY)
    return figure


@dataclass(frozen=True)
class _Line:
    """A line beside an image: a name, what was said, and a sign of right or wrong."""

    name: str
    text: str
    sign: str = ""


@dataclass(frozen=True)
class _Case:
    """An image and the lines beside it."""

    image_id: str
    lines: tuple[_Line, ...]

    @property
    def height(self) -> int:
        """Lines of text."""
        return sum(1 + line.text.count("\n") for line in self.lines)


_LINE = 11.5  # points
_SIDE = 108.0  # points of the smallest image


def _draw_cases(folder: Path, cases: list[_Case], note: str) -> "Figure":
    """Cases in two columns, an image and its lines each."""
    rows = -(-len(cases) // 2)
    height = max(_SIDE, max(case.height for case in cases) * _LINE) + 14
    figure = new_figure(11.0, height * rows / 72 + 0.4, note)
    grid = figure.subplots(rows, 4, squeeze=False, gridspec_kw={"width_ratios": [1, 2.7, 1, 2.7]})
    for axes in grid.ravel():
        axes.axis("off")
    for index, case in enumerate(cases):
        picture, beside = grid[index // 2][2 * (index % 2) : 2 * (index % 2) + 2]
        picture.axis("on")
        picture.set_anchor("N")
        show_image(picture, _pixels(folder, case.image_id))
        down = 0.0
        for line in case.lines:
            colour = GREEN if line.sign == "✓" else VERMILION
            _write(beside, 0, down, line.name, GREY)
            _write(beside, 55, down, line.sign, colour)
            _write(beside, 66, down, line.text, INK)
            down += _LINE * (1 + line.text.count("\n"))
    return figure


def _write(axes: "Axes", right: float, down: float, text: str, colour: str) -> None:
    """Write text at a distance in points from the upper left corner of the axes."""
    axes.annotate(
        text,
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(right, -down),
        textcoords="offset points",
        va="top",
        fontsize=7.6,
        color=colour,
        linespacing=1.25,
        annotation_clip=False,
    ).set_in_layout(False)


def _told(
    config: Config, task: str, name: str, read: Callable[[Path], dict[str, str]]
) -> dict[str, dict[str, str]]:
    """Each recipe's predictions on a task, of the first seed; none of a recipe that has not run."""
    entry = _model_of(config, task)
    if entry is None:
        return {}
    paths = {
        recipe: prediction_folder(config, task, Run(entry[0], recipe, entry[1])) / name
        for recipe in config.recipes
    }
    return {recipe: read(path) for recipe, path in paths.items() if path.is_file()}


def figure_10(config: Config) -> "Figure":
    """Captioning cases: test images drawn by seed, their first reference, and the caption by each recipe."""
    task = "captioning"
    folder = benchmark_folder(config) / task
    told = _told(config, task, "captions.json", read_captions)
    if not told or not (folder / "refs.json").is_file():
        return empty(new_figure(7, 3, config.data_note), "no captions predicted yet")
    references = read_references(folder / "refs.json")
    chosen = _draw(list(references), _IMAGES, "figure 10", config.seed)
    cases = []
    for image in chosen:
        lines = [_Line("reference", wrapped(references[image][0], 46, 2))]
        for recipe, captions in told.items():
            said = captions.get(image, "")
            lines.append(_Line(RECIPES[recipe], wrapped(said, 46, 2) if said.strip() else "(empty)"))
        cases.append(_Case(image, tuple(lines)))
    return _draw_cases(folder, cases, config.data_note)


def _questions(config: Config, folder: Path) -> list[BenchmarkQuestion]:
    """A question of each type, then more at random, drawn by seed; each of another image where possible."""
    everything = read_questions(folder / "questions.json")
    order = generator("figure 11", config.seed).permutation(len(everything))
    shuffled = [everything[index] for index in order]
    chosen: list[BenchmarkQuestion] = []
    for kind in QUESTION_TYPES:
        seen = {question.image_id for question in chosen}
        of_kind = [question for question in shuffled if question.type == kind]
        fresh = [question for question in of_kind if question.image_id not in seen]
        chosen += (fresh or of_kind)[:1]
    chosen += [question for question in shuffled if question not in chosen][: _IMAGES - len(chosen)]
    return chosen[:_IMAGES]


def figure_11(config: Config) -> "Figure":
    """VQA cases: a question of each type drawn by seed, its reference, and each recipe's answer, marked."""
    task = "vqa"
    folder = benchmark_folder(config) / task
    told = _told(config, task, "answers.json", read_answers)
    if not told or not (folder / "questions.json").is_file():
        return empty(new_figure(7, 3, config.data_note), "no answers predicted yet")
    chosen = _questions(config, folder)
    cases = []
    for question in chosen:
        lines = [
            _Line(question.type, wrapped(question.question, 46, 2)),
            _Line("reference", wrapped(" / ".join(question.answers), 46, 1)),
        ]
        for recipe, answers in told.items():
            said = answers.get(question.question_id, "")
            sign = "✓" if correct(said, question.answers) else "✗"
            shown = wrapped(said, 46, 1) if said.strip() else "(empty)"
            lines.append(_Line(RECIPES[recipe], shown, sign))
        cases.append(_Case(question.image_id, tuple(lines)))
    return _draw_cases(folder, cases, config.data_note)
