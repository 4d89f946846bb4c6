"""A rewriter that runs a causal language model here.

The model is a folder, or one of the hub that is already in the local cache: nothing is downloaded in a run.
Weights are read as safetensors only, and no code that comes with a model runs.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sartext.core.config import RewriterConfig
from sartext.core.errors import UserError
from sartext.core.files import digest_json, sha256_file
from sartext.core.seeds import derive_seed
from sartext.narrator.rewriters import Account
from sartext.narrator.rewriters.cache import Answer
from sartext.narrator.rewriters.prompts import Prompt

_BATCH = 16
_EXPECTED = (
    "expected a folder of a causal language model with tokenizer and safetensors, or a hub id that is in "
    "the local cache already ('hf download NAME' puts it there)"
)


class LocalModel:
    """A causal language model on this machine.

    Args:
        config: model, most tokens and temperature.
        prompt: what it is asked with: as turns if the tokenizer has a chat template, else as plain text.
        account: where captions asked about are counted.
        device: ``cpu`` (float32) or ``cuda`` (the checkpoint's own type).

    Raises:
        UserError: no such model here, it is damaged or of another kind, or there is no GPU.
    """

    name = "transformers"

    def __init__(self, config: RewriterConfig, prompt: Prompt, account: Account, device: str = "cpu") -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if device != "cpu" and not torch.cuda.is_available():
            raise UserError(
                f"device {device!r}: no GPU was found; set the device to cpu, or see sartext doctor"
            )
        self._config = config
        self._prompt = prompt
        self._account = account
        self._device = device
        folder = _local_folder(str(config.model))
        here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left", **here)
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32 if device == "cpu" else "auto", **here
            )
        except Exception as error:  # any fault of a file from outside
            told = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
            raise UserError(f"{config.model}: transformers cannot load it ({told}); {_EXPECTED}") from None
        self._model.to(device).eval()
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._digest = _digest(folder)

    def settings(self) -> dict[str, Any]:
        """What an answer depends on beside the prompt and the caption."""
        return {
            "backend": self.name,
            "model": self._digest,
            "temperature": self._config.temperature,
            "max_tokens": self._config.max_tokens,
        }

    def ask(self, captions: Sequence[str], keep: Callable[[str, Answer], None]) -> Iterator[str]:
        """Ask about each caption; see `sartext.narrator.rewriters.language.LanguageModel`."""
        # captions of like length share a batch: less padding
        ordered = sorted(captions, key=len)
        answered = 0
        for start in range(0, len(ordered), _BATCH):
            batch = ordered[start : start + _BATCH]
            for caption, answer in zip(batch, self._generate(batch), strict=True):
                keep(caption, answer)
            self._account.requests += len(batch)
            answered += len(batch)
            yield from [""] * len(batch)

    def _generate(self, captions: Sequence[str]) -> list[Answer]:
        import torch

        tokenizer, config = self._tokenizer, self._config
        how: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if config.temperature > 0:
            torch.manual_seed(derive_seed("rewriter", *captions))
            how = {"do_sample": True, "temperature": config.temperature}
        if not tokenizer.chat_template:
            # a model that knows no turns would go on with captions of its own
            how |= {"stop_strings": ["\n"], "tokenizer": tokenizer}
        inputs = tokenizer(
            [self._written(caption) for caption in captions],
            return_tensors="pt",
            padding=True,
            add_special_tokens=not tokenizer.chat_template,
            return_token_type_ids=False,
        ).to(self._device)
        with torch.inference_mode():
            rows = self._model.generate(
                **inputs, max_new_tokens=config.max_tokens, pad_token_id=tokenizer.pad_token_id, **how
            )
        width = inputs["input_ids"].shape[1]
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        return [
            self._answer(row[width:].tolist(), int(length)) for row, length in zip(rows, lengths, strict=True)
        ]

    def _written(self, caption: str) -> str:
        """The whole prompt as the text the model reads."""
        if not self._tokenizer.chat_template:
            return self._prompt.text(caption)
        return str(
            self._tokenizer.apply_chat_template(
                self._prompt.messages(caption), tokenize=False, add_generation_prompt=True
            )
        )

    def _answer(self, ids: list[int], prompt_tokens: int) -> Answer:
        ends = self._model.generation_config.eos_token_id
        ends = {self._tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} - {None}
        end = next((place for place, token in enumerate(ids) if token in ends), None)
        said = ids if end is None else ids[:end]
        text = str(self._tokenizer.decode(said, skip_special_tokens=True))
        cut = end is None and len(ids) >= self._config.max_tokens and "\n" not in text
        return Answer(text, cut, prompt_tokens, len(said))


def _local_folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except Exception:  # not a hub id, or not in the cache
        raise UserError(f"{name}: no such model here; {_EXPECTED}") from None


def _digest(folder: Path) -> str:
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix != ".md")
    return digest_json({path.name: sha256_file(path) for path in files})
