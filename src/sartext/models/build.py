"""Building a model as a profile's recipes start from it, and saving one for open_clip or transformers."""

import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sartext.core.config import Config, WeightsConfig
from sartext.core.errors import UserError
from sartext.core.files import atomic_folder, read_json, write_json
from sartext.core.seeds import derive_seed
from sartext.models.adapt import adapt, is_frozen, made_small, merged
from sartext.models.interface import Preprocess
from sartext.models.tokenizer import FILES, Tokenizer
from sartext.models.weights import fill, open_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

# of CLIP's training images (Radford et al. 2021); kept so that released weights can be a base
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
WEIGHTS = "open_clip_model.safetensors"
LORA = "lora.safetensors"


def preprocess(config: Config) -> Preprocess:
    """Return how a profile's models see pixels."""
    return Preprocess(config.images.size, MEAN, STD)


def _entries(given: dict[str, Any], name: str, tokenizer: Tokenizer) -> int:
    """Entries of a model's vocabulary: the tokenizer's, or more if its architecture says so.

    Raises:
        UserError: the architecture has fewer than the tokenizer.
    """
    said = int(given.get("vocab_size", tokenizer.size))
    if said < tokenizer.size:
        raise UserError(
            f"models.{name}: the tokenizer has {tokenizer.size} entries and does not fit architecture's "
            f"vocab_size {said}; set 'tokenizer' to the one of the architecture"
        )
    return said


def open_clip_config(name: str, config: Config, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the ``model_cfg`` of CLIP or CoCa: the profile's architecture, sizes and ids filled in."""
    model = config.model(name)
    given = deepcopy(model.architecture)
    if tokenizer.start == tokenizer.end:
        raise UserError(
            f"models.{name}.tokenizer: starts a text with its end, where open_clip's models pool; expected "
            "clip, learned, or one with a start of its own"
        )
    entries = _entries(given.get("text_cfg", {}), name, tokenizer)
    text = {
        "context_length": model.context_length,
        "vocab_size": entries,
        # open_clip takes CLIP's own where none is named
        **({} if tokenizer.is_clip else {"hf_tokenizer_name": "."}),
        "pad_id": tokenizer.pad,
        "eos_id": tokenizer.end,
        "pool_type": "eos",
    }
    filled: dict[str, Any] = {
        **given,
        "custom_text": True,
        # DeepSpeed cannot hold a parameter without dimensions
        "nonscalar_logit_scale": True,
        "vision_cfg": {**given.get("vision_cfg", {}), "image_size": config.images.size},
        "text_cfg": {**given.get("text_cfg", {}), **text},
    }
    if name == "coca":
        filled["pad_id"] = tokenizer.pad
        filled["multimodal_cfg"] = {
            **given.get("multimodal_cfg", {}),
            "context_length": model.context_length,
            "vocab_size": entries,
        }
    return filled


def _build_open_clip(name: str, config: Config, tokenizer: Tokenizer) -> "nn.Module":
    from open_clip.coca_model import CoCa
    from open_clip.model import CustomTextCLIP
    from torch import nn

    arguments = open_clip_config(name, config, tokenizer)
    del arguments["custom_text"]
    if name == "clip":
        clip: nn.Module = CustomTextCLIP(**arguments)
        return clip
    coca = CoCa(**arguments)
    # open_clip leaves the memory of this matrix as it found it
    width = coca.text_decoder.width
    nn.init.normal_(coca.text_decoder.text_projection, std=width**-0.5)
    return coca


def blip2_config(config: Config, tokenizer: Tokenizer) -> Any:
    """Return the ``Blip2Config`` of GPT: the profile's architecture with sizes and special ids filled in."""
    from transformers import Blip2Config

    model = config.model("gpt")
    if tokenizer.image is None:
        raise UserError(
            "models.gpt.tokenizer: has no token for an image; expected learned, or a Hugging Face one"
        )
    given = deepcopy(model.architecture)
    queries = given.get("num_query_tokens", 32)
    specials = {
        "bos_token_id": tokenizer.start,
        "eos_token_id": tokenizer.end,
        "pad_token_id": tokenizer.pad,
    }
    return Blip2Config(
        **{
            **given,
            "vision_config": {**given.get("vision_config", {}), "image_size": config.images.size},
            "text_config": {
                "model_type": "phi",
                "max_position_embeddings": model.context_length + queries,
                **given.get("text_config", {}),
                "vocab_size": _entries(given.get("text_config", {}), "gpt", tokenizer),
                **specials,
            },
            "num_query_tokens": queries,
            "image_token_index": tokenizer.image,
        }
    )


def _build_gpt(config: Config, tokenizer: Tokenizer) -> "nn.Module":
    from torch import nn
    from transformers import Blip2ForConditionalGeneration

    settings = blip2_config(config, tokenizer)
    model: nn.Module = Blip2ForConditionalGeneration(settings)
    # transformers leaves the queries at zero, and equal queries stay equal
    nn.init.normal_(model.query_tokens, std=settings.initializer_range)  # type: ignore[arg-type]
    return model


def build_model(name: str, config: Config, tokenizer: Path, seed: int) -> "nn.Module":
    """Build a model as its recipes start from it: the base's weights, or random ones.

    Args:
        name: ``clip``, ``coca`` or ``gpt``.
        config: the profile.
        tokenizer: folder of the vocabulary.
        seed: the same seed gives the same weights, where the profile names no base for them.

    Returns:
        The module on the CPU: open_clip's ``CustomTextCLIP`` or ``CoCa``, or transformers'
        ``Blip2ForConditionalGeneration``; float32, frozen parts bfloat16.

    Raises:
        UserError: the architecture has a wrong key or value; the tokenizer does not fit it; weights are
            missing, changed, damaged or of another architecture; nothing is left to train.
    """
    import torch

    vocabulary = Tokenizer.load(tokenizer)
    entry = config.model(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("model", name, seed))
        with made_small(entry):
            module: Any = _build(name, config, vocabulary)
        if entry.base:
            fill(module, name, entry.base, entry.fresh, f"models.{name}")
        if name == "gpt":
            adapt(module, entry)
    built: nn.Module = module
    return built


def _build(name: str, config: Config, vocabulary: Tokenizer) -> "nn.Module":
    try:
        return _build_gpt(config, vocabulary) if name == "gpt" else _build_open_clip(name, config, vocabulary)
    except (TypeError, ValueError, AssertionError, AttributeError, KeyError) as error:
        raise UserError(
            f"{config.profile}: models.{name}.architecture: {error or type(error).__name__}; "
            f"expected {'BLIP-2 configs of transformers' if name == 'gpt' else 'an open_clip model_cfg'}"
        ) from None


def _save_open_clip(
    weights: dict[str, "Tensor"], name: str, config: Config, tokenizer: Path, folder: Path
) -> None:
    from safetensors.torch import save_file

    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    vocabulary = Tokenizer.load(tokenizer)
    write_json(
        folder / "open_clip_config.json",
        {
            "model_cfg": open_clip_config(name, config, vocabulary),
            "preprocess_cfg": {
                "mean": list(MEAN),
                "std": list(STD),
                "interpolation": "bicubic",
                "resize_mode": "squash",
            },
        },
    )
    for file in FILES if not vocabulary.is_clip else ():
        shutil.copyfile(tokenizer / file, folder / file)


def _save_gpt(
    module: Any, weights: dict[str, "Tensor"], config: Config, tokenizer: Path, folder: Path
) -> None:
    module.save_pretrained(folder, state_dict=weights, safe_serialization=True)
    side = config.images.size
    write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "BlipImageProcessor",
            "processor_class": "Blip2Processor",
            "do_resize": True,
            "size": {"height": side, "width": side},
            "resample": 3,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(MEAN),
            "image_std": list(STD),
            "do_convert_rgb": True,
        },
    )
    write_json(
        folder / "processor_config.json",
        {"processor_class": "Blip2Processor", "num_query_tokens": module.config.num_query_tokens},
    )
    # a prompt is to be continued: padding on its left, and no end
    settings = read_json(tokenizer / "tokenizer_config.json")
    write_json(
        folder / "tokenizer_config.json",
        {**settings, "padding_side": "left", "processor_class": "Blip2Processor"},
    )
    vocabulary = read_json(tokenizer / "tokenizer.json")
    first = {"SpecialToken": {"id": Tokenizer.load(tokenizer).start_token, "type_id": 0}}
    vocabulary["post_processor"]["single"] = [first, {"Sequence": {"id": "A", "type_id": 0}}]
    write_json(folder / "tokenizer.json", vocabulary)
    shutil.copyfile(tokenizer / "special_tokens_map.json", folder / "special_tokens_map.json")


def save_model(
    module: "nn.Module",
    name: str,
    config: Config,
    tokenizer: Path,
    folder: Path,
    weights: "dict[str, Tensor] | None" = None,
) -> None:
    """Write a checkpoint folder: safetensors, configs and the vocabulary.

    Weights are float32, those of frozen parts bfloat16; LoRA is added to the matrices it stands beside, and
    kept in a file of its own for a recipe that goes on. Equal weights give equal bytes. CLIP and CoCa load by
    ``open_clip.create_model_and_transforms("local-dir:FOLDER")`` and ``get_tokenizer``; GPT by transformers'
    ``Blip2ForConditionalGeneration``, ``Blip2Processor`` and ``AutoTokenizer``.

    Args:
        module: from `build_model`, trained or not.
        name: ``clip``, ``coca`` or ``gpt``.
        config: the profile it was built from.
        tokenizer: folder of the vocabulary.
        folder: to write; files of a former checkpoint there are replaced, others left.
        weights: the state to save, if not the module's own (which may be a part, or rounded).
    """
    entry = config.model(name)
    state = module.state_dict() if weights is None else weights
    beside = {key: _plain(value, False) for key, value in state.items() if ".lora_" in key}
    state = {
        key: _plain(value, is_frozen(key, entry.frozen))
        for key, value in merged(state, entry.lora if beside else None).items()
    }
    temporary = folder / ".export"
    with atomic_folder(temporary) as written:
        if name == "gpt":
            _save_gpt(module, state, config, tokenizer, written)
        else:
            _save_open_clip(state, name, config, tokenizer, written)
        if beside:
            from safetensors.torch import save_file

            save_file(beside, written / LORA, metadata={"format": "pt"})
    for path in sorted(temporary.iterdir()):
        path.replace(folder / path.name)
    temporary.rmdir()


def _plain(value: "Tensor", frozen: bool) -> "Tensor":
    """A tensor as it is written: float32, but a frozen one of bfloat16 as it is."""
    import torch

    kept = not value.is_floating_point() or (frozen and value.dtype == torch.bfloat16)
    return value.detach().to("cpu", value.dtype if kept else torch.float32).contiguous()


def _files(folder: Path) -> list[Path]:
    """A checkpoint's own files of weights."""
    return [path for path in sorted(folder.glob("*.safetensors")) if path.name != LORA]


def released_config(config: Config, name: str, row: str) -> Config:
    """Return a profile whose model is a row of released weights: they are its base, and all of it.

    Raises:
        UserError: the profile has no such row, or no path for it.
    """
    known = config.released(name)
    if row not in known:
        raise UserError(
            f"{config.profile}: models.{name}.released: no row {row!r} with a path; there are: "
            f"{', '.join(known) or 'none'}"
        )
    entry, given = config.model(name), known[row]
    alone = entry.model_copy(
        update={
            "title": given.title,
            "architecture": given.architecture or entry.architecture,
            "base": [WeightsConfig(path=given.path, digest=given.digest, obtain=given.obtain)],
            "fresh": [],
            "frozen": [],
            "lora": None,
        }
    )
    return config.model_copy(update={"models": {**config.models, name: alone}})


def read_weights(folder: Path) -> "dict[str, Tensor]":
    """Read the weights of a checkpoint folder.

    Raises:
        UserError: there are none, or they are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    weights: dict[str, Tensor] = {}
    for path in _files(folder):
        try:
            weights.update(load_file(path))
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: damaged ({error}); make the checkpoint again") from None
    if not weights:
        raise UserError(f"{folder}: no *.safetensors; expected a checkpoint")
    return weights


def go_on_from(module: "nn.Module", folder: Path) -> None:
    """Give a model the weights of a checkpoint folder of its profile; LoRA goes on as it was, not from anew.

    Raises:
        UserError: there are none, or they are damaged or of another architecture.
    """
    import torch

    held = module.state_dict(keep_vars=True)
    found = {name: read for path in _files(folder) for name, read in open_weights(path).items()}
    if any(".lora_" in name for name in held):
        # what stands beside LoRA is frozen: it has the base's weights already, without what was learned
        own = open_weights(folder / LORA)
        for name in [name for name in held if ".base_layer." in name]:
            found.pop(name.replace(".base_layer.", "."), None)
            own[name] = held[name].detach
        found |= own
    differ = sorted(set(held) ^ set(found))
    if differ:
        raise UserError(
            f"{folder}: not a checkpoint of this architecture ({len(differ)} names differ, first "
            f"{differ[0]}); train it again"
        )
    for name, read in found.items():
        value = read()
        if value.shape != held[name].shape:
            raise UserError(
                f"{folder}: not a checkpoint of this architecture ({name} is {tuple(value.shape)}, the "
                f"model has {tuple(held[name].shape)}); train it again"
            )
        with torch.no_grad():
            held[name].copy_(value)
