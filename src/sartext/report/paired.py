"""Differences between two recipes of a model: the one comparison that tables 8 and 10 both show."""

from dataclasses import dataclass

from sartext.core.config import Config
from sartext.evaluation.score import Bootstrap, compare

DRAWS = 10_000
"""Bootstrap draws of a difference: p goes down to 0.0002, so that a correction for dozens leaves room."""


@dataclass(frozen=True)
class Gain:
    """A difference between two recipes, in the metric's unit.

    Attributes:
        value: better - worse.
        low: lower end of its paired 95% interval.
        high: upper end.
        p: two-sided, by the same draws (`sartext.metrics.intervals.p_value`).
    """

    value: float
    low: float
    high: float
    p: float


def gains(config: Config, task: str, model: str, better: str, worse: str) -> dict[str, Gain]:
    """Return ``better - worse`` of each metric of a task, by a paired bootstrap on the same test images.

    It is `sartext.evaluation.score.compare`, from the per-image statistics beside the score files: seeds are
    averaged within an image. Empty if the files of a recipe are missing.

    Raises:
        UserError: the files are not of the same task, images and metrics.
    """
    folders = []
    for recipe in (worse, better):
        base = config.results / "scores" / task / model / recipe
        seeds = config.model(model).training.seeds
        folders.append([path for seed in seeds if (path := base / str(seed) / "items.json").is_file()])
    if not all(folders):
        return {}
    return {
        metric: Gain(found["value"], found["low"], found["high"], found["p"])
        for metric, found in compare(folders[0], folders[1], Bootstrap(DRAWS, config.seed)).items()
    }
