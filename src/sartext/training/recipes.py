"""Recipes: which samples a model sees, and from which weights it starts.

N1 and N2 are the profile's samples of stage 1 (optical) and of stage 2 (SAR-TEXT).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sartext.core.config import Config, TrainingConfig
from sartext.core.errors import UserError

SetName = Literal["stage1", "sartext"]


@dataclass(frozen=True)
class Recipe:
    """One way of training.

    Attributes:
        name: its name.
        samples: samples to see of each set; none: not trained.
        after: the recipe whose checkpoint it starts from; none: from the base weights of the seed.
        validated_on: the set whose val split gives its validation loss.
        released: whether it is the released weights of that name.
    """

    name: str
    samples: tuple[tuple[SetName, int], ...]
    after: str | None = None
    validated_on: SetName = "sartext"
    released: bool = False

    @property
    def total(self) -> int:
        """Samples seen, those of the recipe it starts from aside."""
        return sum(count for _, count in self.samples)


def find_recipe(name: str, training: TrainingConfig) -> Recipe:
    """Return a recipe with a profile's numbers in it.

    Raises:
        KeyError: no such recipe.
    """
    first, second = training.stage1_samples, training.stage2_samples
    known: dict[str, Recipe] = {
        recipe.name: recipe
        for recipe in (
            Recipe("base", ()),
            Recipe("optical", (("stage1", first),), validated_on="stage1"),
            Recipe("sar", (("sartext", second),)),
            Recipe("sar-matched", (("sartext", first + second),)),
            Recipe("joint", (("stage1", first), ("sartext", second))),
            Recipe("two-stage", (("sartext", second),), after="optical"),
        )
    }
    return known[name]


def chosen_recipes(config: Config, model: str, names: Sequence[str]) -> list[Recipe]:
    """Return the recipes asked for, each after the one it starts from.

    Raises:
        UserError: the profile has no such model, recipe or released weights.
    """
    training, released = config.model(model).training, config.released(model)
    known = [row for row, _ in config.rows(model)]
    for name in names:
        if name not in known:
            raise UserError(f"{config.profile}: no recipe {name!r}; expected one of {', '.join(known)}")
    recipes = [
        Recipe(name, (), released=True) if name in released else find_recipe(name, training)
        for name in dict.fromkeys(names)
    ]
    return sorted(recipes, key=lambda recipe: recipe.after is not None)


def steps(recipe: Recipe, batch_size: int) -> int:
    """Optimizer steps of a recipe: its samples over the batch size, rounded up."""
    return -(-recipe.total // batch_size)
