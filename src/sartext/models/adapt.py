"""What of a GPT is trained: frozen parts in bfloat16, LoRA beside frozen matrices, and plain names again.

Frozen parts are held in bfloat16, since they are read only; trained parts stay float32, whatever surrounds
them. A layer takes what reaches it in its own type and hands on the type that came, so that float32 layers
sit in a stream of bfloat16, as TinyGPT-V's layer norms do.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sartext.core.config import LoraConfig, ModelConfig
from sartext.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

_A, _B, _BASE = ".lora_A.default.weight", ".lora_B.default.weight", ".base_layer."


def is_frozen(name: str, patterns: Sequence[str]) -> bool:
    """Whether a parameter is frozen: the last pattern that fits decides, and one with ``!`` means trained."""
    frozen = False
    for pattern in patterns:
        if fnmatchcase(name, pattern.removeprefix("!")):
            frozen = not pattern.startswith("!")
    return frozen


@contextmanager
def made_small(entry: ModelConfig) -> Iterator[None]:
    """Make a model with frozen parts in bfloat16 from the start: in float32 Phi-2 alone takes 11 GB."""
    import torch

    before = torch.get_default_dtype()
    if entry.frozen:
        torch.set_default_dtype(torch.bfloat16)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def freeze(module: "nn.Module", patterns: Sequence[str]) -> None:
    """Freeze what patterns name, in bfloat16; all else is trained, in float32.

    Raises:
        UserError: a pattern names nothing, or nothing is left to train.
    """
    import torch

    names = [name for name, _ in module.named_parameters()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern.removeprefix("!")) for name in names):
            raise UserError(
                f"models.gpt.frozen: {pattern!r} names no parameter; expected such as {names[0]!r} or "
                f"'{names[0].split('.')[0]}.*'"
            )
    for name, parameter in module.named_parameters():
        frozen = is_frozen(name, patterns)
        parameter.requires_grad_(not frozen)
        parameter.data = parameter.data.to(torch.bfloat16 if frozen else torch.float32)


def add_lora(text_model: "nn.Module", lora: LoraConfig) -> None:
    """Put LoRA beside layers of a text model; their own weights are frozen, other parts stay as they are.

    Raises:
        UserError: it has no layer of such a name.
    """
    import torch
    from peft import LoraConfig as Settings
    from peft import inject_adapter_in_model

    trained = {name for name, parameter in text_model.named_parameters() if parameter.requires_grad}
    settings = Settings(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        bias="none",
    )
    try:
        inject_adapter_in_model(settings, text_model)
    except ValueError as error:
        raise UserError(f"models.gpt.lora.targets: {str(error).splitlines()[0][:160]}") from None
    for name, parameter in text_model.named_parameters():
        added = ".lora_" in name
        # peft freezes all but its own
        parameter.requires_grad_(added or name in trained)
        if added:
            parameter.data = parameter.data.to(torch.float32)
        elif _BASE in name:
            parameter.data = parameter.data.to(torch.bfloat16)


def keep_stream(module: "nn.Module") -> None:
    """Let each layer compute in the type of its weights and hand on the type of its input."""
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.LayerNorm | nn.Conv2d):
            layer.forward = _in_own_type(layer)  # type: ignore[method-assign]


def _in_own_type(layer: Any) -> Any:
    plain = layer.forward

    def forward(given: "Tensor") -> "Tensor":
        # asked anew each time: an engine may hold the weights in another type
        made: Tensor = plain(given.to(layer.weight.dtype))
        return made.to(given.dtype)

    return forward


def adapt(module: Any, entry: ModelConfig) -> None:
    """Make a GPT what a profile trains: freeze, add LoRA, keep types apart.

    Raises:
        UserError: a pattern or a target names nothing, or nothing is left to train.
    """
    if entry.frozen:
        freeze(module, entry.frozen)
    if entry.lora is not None:
        add_lora(module.language_model, entry.lora)
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise UserError("models.gpt.frozen: nothing is left to train; name less, or add 'lora'")
    if entry.frozen or entry.lora is not None:
        keep_stream(module)


def merged(weights: "dict[str, Tensor]", lora: LoraConfig | None) -> "dict[str, Tensor]":
    """Return weights with LoRA's matrices added to those they stand beside, by the model's plain names.

    The sums are float32: in bfloat16 they would lose most of what was learned.
    """
    if lora is None:
        return weights
    plain: dict[str, Tensor] = {}
    for name, value in weights.items():
        if ".lora_" in name:
            continue
        layer = name.removesuffix(f"{_BASE}weight")
        if layer != name:
            change = weights[layer + _B].float() @ weights[layer + _A].float()
            value = value.float() + change * (lora.alpha / lora.rank)
        plain[name.replace(_BASE, ".")] = value
    return plain
