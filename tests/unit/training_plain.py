"""The same training by PyTorch alone: whole batches, one process, no DeepSpeed."""

import math
from pathlib import Path
from typing import Any

import torch
from models_toy import ARCHITECTURES, toy_config

from sartext.core.config import Config
from sartext.models import Tokenizer
from sartext.models.build import build_model, preprocess
from sartext.training.collate import build_collator
from sartext.training.data import Mix, Pixels, read_set
from sartext.training.objective import build_objective
from sartext.training.recipes import find_recipe
from sartext.training.schedule import BETAS, EPS, learning_rate, parameter_groups


def fifty_steps(model: str, stage: int, processes: int, **training: Any) -> Config:
    """A profile of fifty steps of 16 samples."""
    return toy_config(
        model,
        {"zero_stage": stage, "processes": processes},
        stage2_samples=800,
        val_interval=1000,
        checkpoint_interval=1000,
        **training,
    )


def plain_losses(config: Config, model: str, recipe: str, count: int) -> list[float]:
    """The same training by PyTorch alone: whole batches, one process."""
    tokenizer = Tokenizer.load(Path("results/toy/tokenizer"))
    training = config.model(model).training
    module = build_model(model, config, Path("results/toy/tokenizer"), 0)
    objective = build_objective(model, module, config, tokenizer.pad, preprocess(config))
    collate = build_collator(model, config, tokenizer, ARCHITECTURES["gpt"]["num_query_tokens"])
    pixels = Pixels(config)
    found = find_recipe(recipe, training)
    mix = Mix(
        tuple((read_set(config, name, model, "train", pixels), seen) for name, seen in found.samples), 0
    )
    optimizer = torch.optim.AdamW(parameter_groups(objective, training), betas=BETAS, eps=EPS)
    losses = []
    size = training.batch_size
    for step in range(count):
        batch = collate(mix.samples(step * size, (step + 1) * size), pixels)
        loss = torch.stack(list(objective({**batch, "tokens": objective.tokens(batch)}).values())).sum()
        losses.append(loss.item())
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, count, training)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(objective.parameters(), training.clip_norm)
        optimizer.step()
        if model != "gpt":
            with torch.no_grad():
                module.logit_scale.clamp_(0, math.log(100))
    return losses
