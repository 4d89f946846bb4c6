"""Learning rate and weight decay."""

import math
from typing import TYPE_CHECKING, Any

from sartext.core.config import TrainingConfig

if TYPE_CHECKING:
    from torch import nn

# AdamW's for vision transformers, of open_clip's training (OpenAI's CLIP, Radford et al. 2021, table 18)
BETAS = (0.9, 0.98)
EPS = 1e-6


def learning_rate(step: int, steps: int, training: TrainingConfig) -> float:
    """Return the learning rate of a step.

    Linear warm-up over `warmup_share` of the steps, then a cosine to 0; open_clip's ``cosine_lr``.

    Args:
        step: 0 for the first.
        steps: of the whole recipe.
        training: peak and warm-up.
    """
    warmup = round(training.warmup_share * steps)
    if step < warmup:
        return training.learning_rate * (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) * training.learning_rate


def decays(name: str, dimensions: int) -> bool:
    """Whether weight decay holds for a parameter: open_clip's rule, which spares gains, biases and scales."""
    return not (dimensions < 2 or "bn" in name or "ln" in name or "bias" in name or "logit_scale" in name)


def parameter_groups(module: "nn.Module", training: TrainingConfig) -> list[dict[str, Any]]:
    """Return AdamW's two groups: without and with decay, in the order of the module's parameters."""
    spared: list[Any] = []
    decayed: list[Any] = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            (decayed if decays(name, parameter.ndim) else spared).append(parameter)
    return [
        {"params": spared, "weight_decay": 0.0},
        {"params": decayed, "weight_decay": training.weight_decay},
    ]
