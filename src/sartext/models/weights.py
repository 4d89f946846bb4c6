"""Weights made elsewhere: read as tensors alone, and put into a model that must be of their architecture.

A file is safetensors, or one of ``torch.save`` that holds tensors by name, alone or as
``{"state_dict": ...}`` (open_clip's training, SAR-RS-CLIP), with or without the ``module.`` of distributed
training before each name. Its digest is checked before it is opened, no code of it runs, and tensors stay in
the file until they are taken.
"""

import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sartext.core.config import WeightsConfig
from sartext.core.errors import UserError
from sartext.core.files import sha256_file
from sartext.core.preflight import require_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

_EXPECTED = 'expected safetensors, or tensors by name from torch.save, alone or as {"state_dict": ...}'
_OPENAI = (
    "a TorchScript archive, which holds code; OpenAI's weights are on the Hugging Face hub as safetensors: "
    "open_clip_model.safetensors of timm/vit_large_patch14_clip_224.openai for ViT-L-14"
)
_NAMED = 3

Read = Callable[[], "Tensor"]


@dataclass(frozen=True)
class _Held:
    """A tensor in a file."""

    path: Path
    read: Read


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]


def check_digest(path: Path, digest: str | None) -> None:
    """Compare a file with the digest it should have, if one is known.

    Raises:
        UserError: it is another file.
    """
    if digest is not None and (found := sha256_file(path)) != digest:
        raise UserError(
            f"{path}: its SHA-256 is {found}, but the profile says {digest}; the file was changed or cut "
            "short, or is another one: get it again, or correct the digest"
        )


def _open_safetensors(path: Path) -> dict[str, Read]:
    from safetensors import SafetensorError, safe_open

    try:
        stream: Any = safe_open(path, framework="pt")
        return {name: partial(stream.get_tensor, name) for name in list(stream.keys())}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: damaged or not safetensors ({_first_line(error)}); get it again") from None


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())


def _itself(value: "Tensor") -> "Tensor":
    return value


def _open_torch(path: Path) -> dict[str, Read]:
    import torch

    if _is_torchscript(path):
        raise UserError(f"{path}: {_OPENAI}")
    # a file of torch before 1.6 is no archive and cannot be mapped
    mapped = zipfile.is_zipfile(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a pickle that would call something, a cut archive, a file of another kind
        raise UserError(
            f"{path}: cannot be read as tensors alone ({_first_line(error)}); {_EXPECTED}; anything else "
            "could run code and is not opened"
        ) from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content:
        raise UserError(f"{path}: no tensors by name; {_EXPECTED}")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise UserError(f"{path}: {str(name)[:60]!r} is no tensor; {_EXPECTED}")
    return {name: partial(_itself, value) for name, value in content.items()}


def open_weights(path: Path, digest: str | None = None) -> dict[str, Read]:
    """Open a file of weights: each name with a function that reads its tensor.

    Args:
        path: the file.
        digest: its SHA-256, if known.

    Raises:
        UserError: no such file, another digest, damaged, or of a kind that could run code.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; {_EXPECTED}")
    check_digest(path, digest)
    found = _open_safetensors(path) if path.suffix == ".safetensors" else _open_torch(path)
    if found and all(name.startswith("module.") for name in found):
        return {name.removeprefix("module."): read for name, read in found.items()}
    return found


def weights_file(weights: WeightsConfig) -> Path:
    """Return the file of weights, fetched from the hub if it lies there.

    Raises:
        UserError: it is missing, or the hub does not give it.
    """
    if weights.path is not None:
        return require_weights(weights.path, weights.obtain)
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(str(weights.hub), str(weights.file), revision=weights.revision))
    except Exception as error:  # a wrong name, or no network
        raise UserError(
            f"{weights.hub}: {weights.file}: the hub does not give it ({_first_line(error)}); get it "
            "elsewhere and set 'path' in place of 'hub' and 'file'"
        ) from None


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more


def _taken(weights: WeightsConfig) -> dict[str, _Held]:
    """The part of a file that a profile takes, by the names it has in the model."""
    path = weights_file(weights)
    found = open_weights(path, weights.digest)
    part = {
        weights.into + name: _Held(path, read)
        for name, read in found.items()
        if not weights.take or name.startswith(tuple(weights.take))
    }
    if not part:
        raise UserError(
            f"{path}: no name begins with {' or '.join(weights.take)}; it holds {_some(found)}; "
            "correct 'take'"
        )
    return part


def _as_open_clip(module: Any, state: dict[str, _Held]) -> dict[str, _Held]:
    """Names and position embeddings as open_clip's own loader would fit them to a model of another size."""
    from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed, resize_text_pos_embed

    named: dict[str, _Held] = convert_to_custom_text_state_dict(state)
    moved = [name for name in ("visual.positional_embedding", "text.positional_embedding") if name in named]
    read = {name: named[name].read().float() for name in moved}
    try:
        resize_pos_embed(read, module)
        resize_text_pos_embed(read, module)
    except (AssertionError, RuntimeError) as error:
        raise UserError(
            f"{named[moved[0]].path}: of another architecture ({_first_line(error)}); set 'architecture' to "
            "its own"
        ) from None
    return {**named, **{name: _Held(named[name].path, partial(_itself, read[name])) for name in moved}}


def _check_names(module: "nn.Module", state: dict[str, _Held], fresh: Sequence[str], where: str) -> None:
    held = module.state_dict(keep_vars=True)
    missing = [
        name
        for name in held
        if name not in state and not any(fnmatchcase(name, pattern) for pattern in fresh)
    ]
    unknown = [name for name in state if name not in held]
    if not missing and not unknown:
        return
    faults = [f"{len(missing)} names missing ({_some(missing)})"] if missing else []
    faults += [f"{len(unknown)} unknown ({_some(unknown)})"] if unknown else []
    path = next(iter(state.values())).path
    raise UserError(
        f"{path}: not of the architecture of {where}: {', '.join(faults)}; set 'architecture' to the one it "
        "was made with, or 'take', 'into' and 'fresh' to what it holds"
    )


def _shape_told(path: Path, name: str, given: Sequence[int], wanted: Sequence[int]) -> UserError:
    words = ("embed_tokens", "token_embedding", "lm_head")
    what = (
        "made with another tokenizer: set 'tokenizer' to its own"
        if any(word in name for word in words)
        else "of another architecture: set 'architecture' to its own"
    )
    return UserError(f"{path}: {name} is {tuple(given)}, the model has {tuple(wanted)}; {what}")


def fill(
    module: "nn.Module", name: str, files: Sequence[WeightsConfig], fresh: Sequence[str], where: str
) -> None:
    """Put weights made elsewhere into a model.

    Args:
        module: the model.
        name: ``clip``, ``coca`` or ``gpt``.
        files: where they are; together they hold the whole model.
        fresh: patterns of parameters that they lack, left as they are.
        where: the key of the profile that names them, for errors.

    Raises:
        UserError: a file is missing, changed, damaged or of another architecture; the first names that are
            missing or unknown, or the shapes that differ, are told.
    """
    import torch

    state: dict[str, _Held] = {}
    for weights in files:
        state |= _taken(weights)
    if name != "gpt":
        state = _as_open_clip(module, state)
    _check_names(module, state, fresh, where)
    held = module.state_dict(keep_vars=True)
    for key, source in state.items():
        value, target = source.read(), held[key]
        # open_clip's logit scale has no dimension, DeepSpeed's must have one
        if value.numel() == target.numel() == 1:
            value = value.reshape(target.shape)
        if value.shape != target.shape:
            raise _shape_told(source.path, key, value.shape, target.shape)
        with torch.no_grad():
            target.copy_(value)
