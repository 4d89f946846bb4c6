"""Learning rate and weight decay by their closed forms, losses by open_clip's and by hand."""

import math
from typing import Any

import pytest
import torch
from models_toy import toy_config

from sartext.training.objective import contrastive_loss, token_loss
from sartext.training.schedule import decays, learning_rate, parameter_groups


def test_warm_up_and_cosine() -> None:
    training = toy_config(learning_rate=0.2, warmup_share=0.1).models["clip"].training
    rates = [learning_rate(step, 50, training) for step in range(50)]
    assert rates[:5] == pytest.approx([0.04, 0.08, 0.12, 0.16, 0.2])
    assert rates[5] == pytest.approx(0.2)
    assert rates[5 + 15] == pytest.approx(0.1 * (1 + math.cos(math.pi / 3)))
    assert rates[49] == pytest.approx(0.1 * (1 + math.cos(math.pi * 44 / 45)))
    no_warm_up = toy_config(learning_rate=0.2, warmup_share=0).models["clip"].training
    assert learning_rate(0, 1, no_warm_up) == pytest.approx(0.2)


def test_only_matrices_decay() -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(2, 3)
            self.ln_1 = torch.nn.LayerNorm(3)
            self.logit_scale = torch.nn.Parameter(torch.ones(1))
            self.frozen = torch.nn.Parameter(torch.ones(2, 2), requires_grad=False)

    net = Net()
    spared, decayed = parameter_groups(net, toy_config(weight_decay=0.3).models["clip"].training)
    assert [id(value) for value in decayed["params"]] == [id(net.fc.weight)]
    assert (spared["weight_decay"], decayed["weight_decay"]) == (0, 0.3)
    assert len(spared["params"]) == 4
    assert not decays("visual.ln_post.weight", 2)
    assert decays("text.token_embedding.weight", 2)


def test_losses_are_open_clips() -> None:
    from open_clip.loss import CoCaLoss

    generator = torch.Generator().manual_seed(0)
    images, texts = (
        torch.nn.functional.normalize(torch.randn(6, 8, generator=generator), dim=1) for _ in range(2)
    )
    logits = torch.randn(6, 5, 11, generator=generator)
    labels = torch.randint(0, 11, (6, 5), generator=generator)
    labels[:, 3:] = 0
    scale = torch.tensor([7.0])
    theirs: Any = CoCaLoss(caption_loss_weight=1, clip_loss_weight=1, pad_id=0)
    clip_loss, caption_loss = theirs(images, texts, logits, labels, scale)
    assert contrastive_loss(images, texts, scale).item() == pytest.approx(clip_loss.item(), rel=1e-6)
    count = (labels != 0).sum()
    assert token_loss(logits, labels, 0, count).item() == pytest.approx(caption_loss.item(), rel=1e-6)


def test_a_batch_without_labels_costs_nothing() -> None:
    logits = torch.randn(2, 3, 4, requires_grad=True)
    loss = token_loss(logits, torch.full((2, 3), -100), -100, torch.zeros(()))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
