"""What is minimised: one module around each model, from a batch to the parts of its loss.

With several processes or micro-batches each part is a share of the loss of the whole batch, as one process
and one pass would have it. Token losses are divided by the tokens of the whole batch, which are known before
the first pass. A contrastive loss compares all images with all texts, so the sum of the micro-batches' own
losses is another loss. Here features of the whole batch are made first, without a graph, and each micro-batch
then goes back with its part of their gradients (Gao et al. 2021, "Scaling Deep Contrastive Learning Batch
Size under Memory Limited Setup"): the gradients are those of the whole batch, for one forward pass more.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F

from sartext.core.config import Config
from sartext.models.interface import Preprocess
from sartext.models.prompts import IGNORED
from sartext.training.collate import Batch

MAX_LOGIT_SCALE = math.log(100)  # CLIP, Radford et al. 2021, section 2.5


def _world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def _gathered(features: Tensor) -> Tensor:
    """Features of all processes, in the order of their ranks, with gradients."""
    if _world() == 1:
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


def token_loss(logits: Tensor, labels: Tensor, ignored: int, count: Tensor) -> Tensor:
    """Return the cross-entropy of the tokens that are not `ignored`, over the tokens of the whole batch.

    DeepSpeed averages gradients over processes, so a process's sum is multiplied by their number.

    Args:
        logits: (N, L, V).
        labels: (N, L).
        ignored: label of positions without a loss.
        count: such tokens of all processes and micro-batches.
    """
    total = F.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=ignored, reduction="sum"
    )
    return total * _world() / count.clamp(min=1)


@dataclass(frozen=True)
class Share:
    """A micro-batch's part of the contrastive loss of a whole batch.

    Attributes:
        loss: the contrastive loss of the whole batch.
        images: (N, D), its gradient by the image features of this micro-batch.
        texts: the same for the texts.
        scale: (1,), its gradient by the logit scale.
        count: micro-batches.
    """

    loss: Tensor
    images: Tensor
    texts: Tensor
    scale: Tensor
    count: int

    def __call__(self, images: Tensor, texts: Tensor, scale: Tensor) -> Tensor:
        """Return a loss of the right value, whose gradient is this micro-batch's part of the whole."""
        linear = (images * self.images).sum() + (texts * self.texts).sum()
        linear = linear + (scale * self.scale).sum() / self.count
        return linear + (self.loss / self.count - linear).detach()


def shares(compared: list[dict[str, Tensor]], scale: Tensor) -> list[Share]:
    """Return each micro-batch's part of the contrastive loss of the whole batch.

    Args:
        compared: features ``images`` and ``texts`` (N, D) of each micro-batch of this process.
        scale: (1,), the factor of the similarities.
    """
    images, texts = (
        torch.cat([part[name] for part in compared]).float().requires_grad_() for name in ("images", "texts")
    )
    scale = scale.detach().float().requires_grad_()
    loss = contrastive_loss(images, texts, scale)
    gradients = torch.autograd.grad(loss, [images, texts, scale])
    sizes = [len(part["images"]) for part in compared]
    return [
        Share(loss.detach(), by_image, by_text, gradients[2], len(compared))
        for by_image, by_text in zip(gradients[0].split(sizes), gradients[1].split(sizes), strict=True)
    ]


class Objective(Protocol):
    """A model with its loss."""

    model: nn.Module
    contrastive: bool

    def tokens(self, batch: Batch) -> Tensor:
        """Return how many tokens of a batch have a loss."""

    def __call__(self, batch: Batch, share: Share | None = None, compared: bool = False) -> dict[str, Tensor]:
        """Return the parts of the loss, weighted; their sum is minimised.

        Args:
            batch: the tensors of its collator, and ``tokens``, the count of the whole batch.
            share: the batch is a micro-batch, with this part of the contrastive loss.
            compared: return the ``images`` and ``texts`` that a contrastive loss compares instead.
        """


class _Seen(nn.Module):
    """A model and how it sees pixels."""

    def __init__(self, model: nn.Module, preprocess: Preprocess) -> None:
        super().__init__()
        self.model = model
        self._preprocess = preprocess

    def _pixels(self, batch: Batch) -> Tensor:
        """Pixels (N, 3, S, S), normalised, in the type of the model's weights."""
        seen: Tensor = self._preprocess.normalised(batch["pixels"])
        return seen.to(next(self.model.parameters()).dtype)


class ClipObjective(_Seen):
    """CLIP's contrastive loss."""

    contrastive = True

    def tokens(self, batch: Batch) -> Tensor:
        """None of its tokens has a loss of its own."""
        return batch["ids"].new_zeros(())

    def _compared(self, batch: Batch) -> dict[str, Tensor]:
        """Features of unit length, (N, D) each."""
        model: Any = self.model
        return {
            "images": model.encode_image(self._pixels(batch), normalize=True),
            "texts": model.encode_text(batch["ids"], normalize=True),
        }

    def forward(self, batch: Batch, share: Share | None = None, compared: bool = False) -> dict[str, Tensor]:
        """Return ``contrastive_loss``."""
        if compared:
            return self._compared(batch)
        model: Any = self.model
        images, texts, scale = model(self._pixels(batch), batch["ids"])[:3]
        compare = share or contrastive_loss
        return {"contrastive_loss": compare(images.float(), texts.float(), scale.float())}


class CocaObjective(ClipObjective):
    """CoCa's contrastive and caption losses (Yu et al. 2022), weighted."""

    def __init__(
        self, model: nn.Module, preprocess: Preprocess, pad: int, weights: tuple[float, float]
    ) -> None:
        super().__init__(model, preprocess)
        self._pad = pad
        self._contrastive_weight, self._caption_weight = weights

    def tokens(self, batch: Batch) -> Tensor:
        """Each word after the first is to be told."""
        return (batch["ids"][:, 1:] != self._pad).sum()

    def forward(self, batch: Batch, share: Share | None = None, compared: bool = False) -> dict[str, Tensor]:
        """Return ``contrastive_loss`` and ``caption_loss``."""
        if compared:
            return self._compared(batch)
        model: Any = self.model
        out = model(self._pixels(batch), batch["ids"])
        compare = share or contrastive_loss
        contrastive = compare(
            out["image_features"].float(), out["text_features"].float(), out["logit_scale"].float()
        )
        caption = token_loss(out["logits"], out["labels"], self._pad, batch["tokens"])
        return {
            "contrastive_loss": self._contrastive_weight * contrastive,
            "caption_loss": self._caption_weight * caption,
        }


class GptObjective(_Seen):
    """The language-model loss of answers."""

    contrastive = False

    def tokens(self, batch: Batch) -> Tensor:
        """The answers' tokens, and the end after each."""
        return (batch["labels"][:, 1:] != IGNORED).sum()

    def forward(self, batch: Batch, share: None = None, compared: bool = False) -> dict[str, Tensor]:
        """Return ``answer_loss``; it compares nothing."""
        assert share is None
        assert not compared
        model: Any = self.model
        logits = model(
            pixel_values=self._pixels(batch),
            input_ids=batch["ids"],
            attention_mask=batch["mask"],
            use_cache=False,
        ).logits
        return {"answer_loss": token_loss(logits[:, :-1], batch["labels"][:, 1:], IGNORED, batch["tokens"])}


def build_objective(name: str, model: nn.Module, config: Config, pad: int, preprocess: Preprocess) -> Any:
    """Return the objective of a model: a module that is also an `Objective`.

    Args:
        name: ``clip``, ``coca`` or ``gpt``.
        model: from `sartext.models.build.build_model`.
        config: the profile.
        pad: id of padding.
        preprocess: how the model sees pixels.
    """
    training = config.model(name).training
    if name == "gpt":
        return GptObjective(model, preprocess)
    if name == "coca":
        return CocaObjective(model, preprocess, pad, (training.contrastive_weight, training.caption_weight))
    return ClipObjective(model, preprocess)
