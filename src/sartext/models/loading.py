"""Loading a model: a checkpoint folder, a released open_clip model, or one from the Hugging Face hub.

A checkpoint may come from outside: its weights are read as safetensors only, and no code of its own runs.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sartext.core.errors import UserError
from sartext.core.files import read_json

if TYPE_CHECKING:
    from sartext.models.clip import Clip
    from sartext.models.coca import Coca
    from sartext.models.gpt import Gpt
    from sartext.models.tokenizer import Tokenizer

OPEN_CLIP_CONFIG = "open_clip_config.json"
_EXPECTED = (
    "expected a checkpoint of 'sartext train', open_clip (open_clip_config.json) or BLIP-2 (config.json), "
    "with safetensors"
)


def _device(name: str) -> str:
    if name.startswith("cuda"):
        import torch

        if not torch.cuda.is_available():
            raise UserError(
                "device 'cuda': no GPU was found; set engine.device to cpu, or see sartext doctor"
            )
    return name


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


class _OpenClipCodec:
    """A released open_clip tokenizer as a `TextCodec`."""

    def __init__(self, tokenizer: Any, pad: int) -> None:
        self.tokenizer = tokenizer
        self.pad = pad
        inner = getattr(tokenizer, "tokenizer", None)
        self.start = int(inner.bos_token_id if inner is not None else tokenizer.sot_token_id)
        self.end = int(inner.eos_token_id if inner is not None else tokenizer.eot_token_id)

    def encode(self, texts: Any, length: int) -> Any:
        return self.tokenizer(list(texts), context_length=length).numpy()

    def decode(self, ids: Any) -> str:
        kept = []
        for token in ids:
            if token == self.end:
                break
            if token not in (self.start, self.pad):
                kept.append(token)
        return str(self.tokenizer.decode(kept)).strip()


def _require_tokenizer(source: str | Path, tokenizer: "Tokenizer", entries: int, ids: dict[str, int]) -> None:
    """`UserError` unless a vocabulary is the one that a checkpoint was made with, as far as its files tell.

    Args:
        source: the checkpoint.
        tokenizer: the vocabulary beside it.
        entries: rows of its token embedding.
        ids: special tokens as the checkpoint's configuration has them, by name.
    """
    if tokenizer.size > entries:
        raise UserError(
            f"{source}: its tokenizer has {tokenizer.size} entries, its weights {entries}: it is another "
            "model's; put its own tokenizer files there"
        )
    for name, found in ids.items():
        if found != getattr(tokenizer, name):
            raise UserError(
                f"{source}: its tokenizer's {name} has id {getattr(tokenizer, name)}, its configuration says "
                f"{found}: it is another model's; put its own tokenizer files there"
            )


def _wrap_open_clip(module: Any, codec: Any, device: str) -> "Clip | Coca":
    from open_clip.coca_model import CoCa

    from sartext.models.clip import Clip
    from sartext.models.coca import Coca
    from sartext.models.interface import Preprocess

    size = module.visual.image_size
    side = int(size[0] if isinstance(size, tuple | list) else size)
    preprocess = Preprocess(side, tuple(module.visual.image_mean), tuple(module.visual.image_std))
    context = int(module.context_length)
    if isinstance(module, CoCa):
        return Coca(module, codec, preprocess, context, device)
    return Clip(module, codec, preprocess, context, device)


def _embedded(module: Any, unknown: int) -> int:
    """Rows of an open_clip model's token embedding, or `unknown` if its text tower has none of that name."""
    embedding = getattr(getattr(module, "text", module), "token_embedding", None)
    return unknown if embedding is None else int(embedding.num_embeddings)


def _load_open_clip_folder(folder: Path, device: str) -> "Clip | Coca":
    from open_clip import create_model, get_tokenizer

    from sartext.models.tokenizer import Tokenizer

    config = read_json(folder / OPEN_CLIP_CONFIG, "open_clip's configuration")
    if not isinstance(config, dict) or not isinstance(config.get("model_cfg"), dict):
        raise UserError(f"{folder / OPEN_CLIP_CONFIG}: no 'model_cfg'; {_EXPECTED}")
    if not list(folder.glob("*.safetensors")):
        raise UserError(f"{folder}: no *.safetensors; other forms of weights are not read from a folder")
    try:
        module = create_model(f"local-dir:{folder}", device="cpu", pretrained_text=False)
    except Exception as error:  # any fault of a file from outside
        raise UserError(f"{folder}: open_clip cannot load it ({_first_line(error)}); {_EXPECTED}") from None
    codec: Any
    if (folder / "tokenizer.json").is_file():
        codec = Tokenizer.load(folder)
        text = config["model_cfg"].get("text_cfg")
        ids = {"end": text.get("eos_id"), "pad": text.get("pad_id")} if isinstance(text, dict) else {}
        _require_tokenizer(
            folder,
            codec,
            _embedded(module, codec.size),
            {name: found for name, found in ids.items() if isinstance(found, int)},
        )
    else:
        codec = _OpenClipCodec(get_tokenizer(f"local-dir:{folder}"), getattr(module, "pad_id", 0))
    return _wrap_open_clip(module, codec, device)


def _load_blip2(source: str, device: str) -> "Gpt":
    from huggingface_hub import snapshot_download
    from transformers import Blip2ForConditionalGeneration

    from sartext.models.gpt import Gpt
    from sartext.models.interface import Preprocess
    from sartext.models.tokenizer import Tokenizer

    try:
        folder = Path(source) if Path(source).is_dir() else Path(snapshot_download(source))
        module: Any = Blip2ForConditionalGeneration.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # any fault of a file from outside
        raise UserError(
            f"{source}: transformers cannot load it ({_first_line(error)}); {_EXPECTED}"
        ) from None
    tokenizer = Tokenizer.load(folder)
    text = module.config.text_config
    _require_tokenizer(
        source,
        tokenizer,
        int(text.vocab_size),
        {
            "image": module.config.image_token_index,
            "start": text.bos_token_id,
            "end": text.eos_token_id,
            "pad": text.pad_token_id,
        },
    )
    pixels = read_json(folder / "preprocessor_config.json", "how images are prepared")
    try:
        preprocess = Preprocess(
            int(module.config.vision_config.image_size),
            tuple(float(value) for value in pixels["image_mean"]),  # type: ignore[arg-type]
            tuple(float(value) for value in pixels["image_std"]),  # type: ignore[arg-type]
        )
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"{folder / 'preprocessor_config.json'}: expected 'image_mean' and 'image_std'"
        ) from None
    return Gpt(module, tokenizer, preprocess, device)


def _load_released(name: str, device: str) -> "Clip | Coca":
    from open_clip import create_model_and_transforms, get_tokenizer

    architecture, _, pretrained = name.partition("/")
    if not pretrained:
        raise UserError(f"open_clip:{name}: expected open_clip:NAME/PRETRAINED")
    try:
        module = create_model_and_transforms(architecture, pretrained=pretrained, device="cpu")[0]
        tokenizer = get_tokenizer(architecture)
    except Exception as error:  # an unknown name, or no network
        raise UserError(f"open_clip:{name}: open_clip cannot load it ({_first_line(error)})") from None
    return _wrap_open_clip(module, _OpenClipCodec(tokenizer, getattr(module, "pad_id", 0)), device)


def _load_hub(name: str, device: str) -> "Clip | Coca | Gpt":
    from huggingface_hub import file_exists

    try:
        open_clip_form = file_exists(name, OPEN_CLIP_CONFIG)
    except Exception as error:  # a wrong name, or no network
        raise UserError(f"hf:{name}: cannot ask the hub ({_first_line(error)})") from None
    if not open_clip_form:
        return _load_blip2(name, device)
    from open_clip import create_model_and_transforms, get_tokenizer

    try:
        module = create_model_and_transforms(f"hf-hub:{name}", device="cpu")[0]
        tokenizer = get_tokenizer(f"hf-hub:{name}")
    except Exception as error:  # any fault of a file from outside
        raise UserError(f"hf:{name}: open_clip cannot load it ({_first_line(error)})") from None
    return _wrap_open_clip(module, _OpenClipCodec(tokenizer, getattr(module, "pad_id", 0)), device)


def _kind(folder: Path) -> str:
    """Which library's checkpoint a folder is, from its configuration alone."""
    if (folder / OPEN_CLIP_CONFIG).is_file():
        return "open_clip"
    if (folder / "config.json").is_file():
        config = read_json(folder / "config.json", "a model's configuration")
        found = config.get("model_type") if isinstance(config, dict) else None
        if found == "blip-2":
            return "blip-2"
        raise UserError(f"{folder}: a model of type {found!r}; {_EXPECTED}")
    raise UserError(f"{folder}: not a checkpoint; {_EXPECTED}")


def load(spec: str | Path, device: str = "cpu") -> "Clip | Coca | Gpt":
    """Load a model for prediction.

    Args:
        spec: a checkpoint folder, ``open_clip:NAME/PRETRAINED`` or ``hf:NAME``.
        device: ``cpu`` or ``cuda``.

    Returns:
        A `Clip`, `Coca` or `Gpt`, in float32 and evaluation mode.

    Raises:
        UserError: no such model, a folder that is no checkpoint or of another kind, damaged weights, no GPU.
    """
    device = _device(device)
    name = str(spec)
    if name.startswith("open_clip:"):
        return _load_released(name.removeprefix("open_clip:"), device)
    if name.startswith("hf:"):
        return _load_hub(name.removeprefix("hf:"), device)
    folder = Path(name)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; {_EXPECTED}, open_clip:NAME/PRETRAINED or hf:NAME")
    return (
        _load_open_clip_folder(folder, device) if _kind(folder) == "open_clip" else _load_blip2(name, device)
    )


def load_kind(spec: str | Path, kinds: tuple[str, ...], device: str = "cpu") -> Any:
    """Load a model of one of some kinds; see `load`.

    Raises:
        UserError: as `load`, or the model is of another kind.
    """
    model = load(spec, device)
    if model.kind not in kinds:
        raise UserError(f"{spec}: a {model.kind} model; expected a checkpoint of {' or '.join(kinds)}")
    return model
