"""What is minimised: one module around each model, from a batch to the parts of its loss.

With several processes each part is the loss of the whole batch, as one process would have it: contrastive
features are gathered with their gradients, and token losses are divided by the tokens of all processes.
"""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F

from sartext.core.config import Config
from sartext.models.interface import Preprocess
from sartext.models.prompts import IGNORED, Prompter
from sartext.models.tokenizer import Tokenizer
from sartext.training.data import Pixels, Sample

MAX_LOGIT_SCALE = math.log(100)  # CLIP, Radford et al. 2021, section 2.5

Batch = dict[str, Tensor]


def _gathered(features: Tensor) -> Tensor:
    """Features of all processes, in the order of their ranks, with gradients."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return features
    from torch.distributed.nn.functional import all_gather

    return torch.cat(all_gather(features))


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor) -> Tensor:
    """Return CLIP's symmetric cross-entropy over the whole batch.

    Args:
        images: (N, D) of unit length, of this process.
        texts: the same for the texts, row by row.
        scale: (1,), the factor of the similarities.
    """
    logits = scale * _gathered(images) @ _gathered(texts).T
    labels = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def token_loss(logits: Tensor, labels: Tensor, ignored: int) -> Tensor:
    """Return the mean cross-entropy over the tokens of all processes that are not `ignored`.

    DeepSpeed averages gradients over processes, so a process's sum is divided by its share of the tokens.

    Args:
        logits: (N, L, V).
        labels: (N, L).
        ignored: label of positions without a loss.
    """
    total = F.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=ignored, reduction="sum"
    )
    count = (labels != ignored).sum().to(total.dtype)
    world = 1
    if dist.is_initialized() and dist.get_world_size() > 1:
        world = dist.get_world_size()
        dist.all_reduce(count)
    return total * world / count.clamp(min=1)


def _seen_by(model: nn.Module, pixels: Tensor) -> Tensor:
    """Pixels in the type of the model's weights."""
    return pixels.to(next(model.parameters()).dtype)


class Objective(Protocol):
    """A model with its loss."""

    model: nn.Module

    def batch(self, samples: Sequence[Sample], pixels: Pixels, device: str) -> Batch:
        """Return the tensors of some samples."""

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Return the parts of the loss, weighted; their sum is minimised."""


class _Paired(nn.Module):
    """CLIP, and CoCa with its second loss."""

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, preprocess: Preprocess, length: int) -> None:
        super().__init__()
        self.model = model
        self._tokenizer = tokenizer
        self._preprocess = preprocess
        self._length = length

    def batch(self, samples: Sequence[Sample], pixels: Pixels, device: str) -> Batch:
        """Return ``pixels`` float32 (N, 3, S, S) and ``ids`` int64 (N, L)."""
        ids = self._tokenizer.encode([sample.text for sample in samples], self._length)
        return {
            "pixels": self._preprocess(pixels.batch([sample.scene_id for sample in samples]), device),
            "ids": torch.from_numpy(ids).to(device),
        }


class ClipObjective(_Paired):
    """CLIP's contrastive loss."""

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``contrastive_loss``."""
        model: Any = self.model
        images, texts, scale = model(_seen_by(model, batch["pixels"]), batch["ids"])[:3]
        return {"contrastive_loss": contrastive_loss(images.float(), texts.float(), scale.float())}


class CocaObjective(_Paired):
    """CoCa's contrastive and caption losses (Yu et al. 2022), weighted."""

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Tokenizer,
        preprocess: Preprocess,
        length: int,
        weights: tuple[float, float],
    ) -> None:
        super().__init__(model, tokenizer, preprocess, length)
        self._contrastive_weight, self._caption_weight = weights

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``contrastive_loss`` and ``caption_loss``."""
        model: Any = self.model
        out = model(_seen_by(model, batch["pixels"]), batch["ids"])
        contrastive = contrastive_loss(
            out["image_features"].float(), out["text_features"].float(), out["logit_scale"].float()
        )
        caption = token_loss(out["logits"], out["labels"], self._tokenizer.pad)
        return {
            "contrastive_loss": self._contrastive_weight * contrastive,
            "caption_loss": self._caption_weight * caption,
        }


class GptObjective(nn.Module):
    """The language-model loss of answers."""

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, preprocess: Preprocess, length: int) -> None:
        super().__init__()
        self.model = model
        self._preprocess = preprocess
        config: Any = model.config
        self._prompter = Prompter(tokenizer, int(config.num_query_tokens), length)
        self._pad = tokenizer.pad

    def batch(self, samples: Sequence[Sample], pixels: Pixels, device: str) -> Batch:
        """Return ``pixels`` (N, 3, S, S) and ``ids``, ``mask``, ``labels`` int64 (N, L), L the longest."""
        ids, labels = self._prompter.lessons(
            [sample.question for sample in samples], [sample.text for sample in samples]
        )
        used = int((ids != self._pad).any(axis=0).sum())
        ids, labels = ids[:, :used], labels[:, :used]
        return {
            "pixels": self._preprocess(pixels.batch([sample.scene_id for sample in samples]), device),
            "ids": torch.from_numpy(ids).to(device),
            "mask": torch.from_numpy((ids != self._pad).astype("int64")).to(device),
            "labels": torch.from_numpy(labels).to(device),
        }

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``answer_loss``."""
        model: Any = self.model
        logits = model(
            pixel_values=_seen_by(model, batch["pixels"]),
            input_ids=batch["ids"],
            attention_mask=batch["mask"],
            use_cache=False,
        ).logits
        return {"answer_loss": token_loss(logits[:, :-1], batch["labels"][:, 1:], IGNORED)}


def build_objective(
    name: str, model: nn.Module, config: Config, tokenizer: Tokenizer, preprocess: Preprocess
) -> Any:
    """Return the objective of a model: a module that is also an `Objective`."""
    entry = config.model(name)
    length, training = entry.context_length, entry.training
    if name == "gpt":
        return GptObjective(model, tokenizer, preprocess, length)
    if name == "coca":
        weights = (training.contrastive_weight, training.caption_weight)
        return CocaObjective(model, tokenizer, preprocess, length, weights)
    return ClipObjective(model, tokenizer, preprocess, length)
