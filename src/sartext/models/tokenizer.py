"""Byte-pair vocabularies: one learned for all three models, CLIP's own, or one of the Hugging Face hub.

A text becomes ``<start> pieces <end>``. The folder of a learned vocabulary loads as it is by
``transformers.AutoTokenizer`` and by open_clip's ``HFTokenizer``; its texts are lower-cased, as CLIP's own
tokenizer does, and white space is folded. One taken over from a hub's model keeps its own rules, and gets the
tokens it lacks; CLIP's is open_clip's ``SimpleTokenizer`` itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sartext.core.errors import UserError
from sartext.core.files import atomic_folder, read_json, write_json, write_text

PAD, START, IMAGE, END = "<pad>", "<start>", "<image>", "<end>"
FILES = ("special_tokens_map.json", "tokenizer.json", "tokenizer_config.json")
_BYTES = 256
_SMALLEST = _BYTES + 4
# what stands in tokenizer.json where the vocabulary is that of OpenAI's CLIP, which open_clip carries
_CLIP = '{"open_clip": "SimpleTokenizer"}\n'


def train_tokenizer(texts: Iterable[str], vocabulary: int, out: Path) -> None:
    """Learn a vocabulary and write its folder.

    Any text can be encoded: all 256 bytes are entries. The ids of ``<pad>``, ``<start>`` and ``<image>`` are
    0, 1 and 2; ``<end>`` is the highest, since open_clip's CLIP may pool at the highest id.

    Args:
        texts: what to learn from, in any order: the same texts give the same bytes.
        vocabulary: most entries; fewer if the texts hold no more pairs worth one.
        out: folder to write, in place of an older one.

    Raises:
        UserError: there are no texts, or `vocabulary` has no room for the bytes.
    """
    from tokenizers import (
        Regex,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )
    from tokenizers import Tokenizer as Backend

    lines = sorted(texts)
    if not lines:
        raise UserError("tokenizer: no texts to learn from; narrate a source or build stage 1 first")
    if vocabulary < _SMALLEST:
        raise UserError(
            f"vocabulary: {vocabulary}; expected at least {_SMALLEST} (256 bytes and 4 special tokens)"
        )
    backend = Backend(models.BPE())
    backend.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(
        lines,
        trainers.BpeTrainer(
            vocab_size=vocabulary - 1,
            min_frequency=2,
            show_progress=False,
            special_tokens=[PAD, START, IMAGE],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        ),
    )
    backend.add_special_tokens([END])
    _write(backend, _Specials(PAD, START, IMAGE, END), {"add_prefix_space": True}, out)


@dataclass(frozen=True)
class _Specials:
    """The special tokens of a vocabulary, as they are written."""

    pad: str
    start: str
    image: str
    end: str


def _write(backend: Any, specials: _Specials, settings: dict[str, Any], out: Path) -> None:
    """Write the folder of a vocabulary; a text becomes start, pieces, end."""
    from tokenizers import processors

    ends = [(token, backend.token_to_id(token)) for token in dict.fromkeys((specials.start, specials.end))]
    backend.post_processor = processors.TemplateProcessing(
        single=f"{specials.start} $A {specials.end}", special_tokens=ends
    )
    special = {"bos_token": specials.start, "eos_token": specials.end, "pad_token": specials.pad}
    with atomic_folder(out) as folder:
        backend.save(str(folder / "tokenizer.json"))
        write_json(
            folder / "tokenizer_config.json",
            {
                **special,
                **settings,
                "additional_special_tokens": [specials.image],
                "clean_up_tokenization_spaces": False,
                "model_max_length": int(1e30),
                "padding_side": "right",
                "tokenizer_class": "PreTrainedTokenizerFast",
            },
        )
        write_json(
            folder / "special_tokens_map.json", {**special, "additional_special_tokens": [specials.image]}
        )


def _hub_folder(source: str) -> Path:
    """The folder with the files of a tokenizer: given, or fetched from the hub."""
    from huggingface_hub import snapshot_download

    if Path(source).is_dir():
        return Path(source)
    wanted = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]
    try:
        return Path(snapshot_download(source, allow_patterns=wanted))
    except Exception as error:  # a wrong name, or no network
        told = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise UserError(
            f"tokenizer: {source}: no such folder, and the hub gives none ({told}); "
            f"put {', '.join(wanted)} into a folder and name that"
        ) from None


def _token(value: Any) -> str | None:
    """A special token as a tokenizer's configuration writes it: text, or an object around it."""
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) and found else None


def take_tokenizer(source: str, out: Path) -> None:
    """Write the folder of a vocabulary that was made elsewhere.

    Args:
        source: ``clip`` (that of OpenAI's CLIP), or a folder or hub id of a Hugging Face tokenizer with
            ``tokenizer.json``. Tokens for padding and the image are added if it has none of their own.
        out: folder to write, in place of an older one.

    Raises:
        UserError: there is no such tokenizer, or it has no end token.
    """
    if source == "clip":
        with atomic_folder(out) as folder:
            write_text(folder / "tokenizer.json", _CLIP)
        return
    from tokenizers import Tokenizer as Backend

    folder = _hub_folder(source)
    try:
        backend = Backend.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises a plain Exception on a bad file
        told = str(error).splitlines()[0][:200]
        raise UserError(f"{folder / 'tokenizer.json'}: not a tokenizer ({told})") from None
    settings = read_json(folder / "tokenizer_config.json", "a tokenizer's configuration")
    said = settings if isinstance(settings, dict) else {}
    end = _token(said.get("eos_token"))
    if end is None or backend.token_to_id(end) is None:
        raise UserError(f"{folder / 'tokenizer_config.json'}: eos_token: {end!r}; expected a token it knows")
    start = _token(said.get("bos_token")) or end
    pad = _token(said.get("pad_token"))
    # padding that is also an end would hide the end a model is to learn
    specials = _Specials(PAD if pad in (None, start, end) else str(pad), start, IMAGE, end)
    backend.add_special_tokens([specials.pad, specials.image])
    _write(backend, specials, {"add_prefix_space": bool(said.get("add_prefix_space", False))}, out)


class _ClipBackend:
    """open_clip's ``SimpleTokenizer``."""

    # of the vocabulary's first entry; open_clip pads with it, and no text of words has it at a word's end
    pad = 0

    def __init__(self) -> None:
        from open_clip.tokenizer import SimpleTokenizer

        self._inner: Any = SimpleTokenizer()
        self.start = int(self._inner.sot_token_id)
        self.end = int(self._inner.eot_token_id)

    def get_vocab(self) -> dict[str, int]:
        found: dict[str, int] = self._inner.encoder
        return found

    def ids(self, text: str) -> list[int]:
        found: list[int] = self._inner.encode(text)
        return found

    def text(self, ids: list[int]) -> str:
        kept = [token for token in ids if token not in (self.pad, self.start, self.end)]
        return str(self._inner.decode(kept))


def _written_specials(path: Path) -> _Specials:
    """The special tokens that stand beside a vocabulary; those of a learned one where nothing does."""
    said = read_json(path, "special tokens") if path.is_file() else {}
    if not isinstance(said, dict):
        raise UserError(f"{path}: expected a JSON object of special tokens")
    more = said.get("additional_special_tokens")
    images = [_token(value) for value in more] if isinstance(more, list) else []
    return _Specials(
        _token(said.get("pad_token")) or PAD,
        _token(said.get("bos_token")) or START,
        IMAGE if IMAGE in images or not images else str(images[0]),
        _token(said.get("eos_token")) or END,
    )


class Tokenizer:
    """The vocabulary in use.

    Attributes:
        pad: id of padding.
        start: id of the start of a text.
        image: id of the token that stands for an image; none in CLIP's vocabulary.
        end: id of the end of a text.
        size: entries.
        start_token: how the start is written; none in CLIP's vocabulary, whose texts are not prompts.
    """

    def __init__(self, backend: Any, specials: _Specials | None) -> None:
        self._backend = backend
        self.size: int = len(backend.get_vocab())
        self.start_token = specials.start if specials else None
        self.image: Any = None
        if specials is None:
            self.pad, self.start, self.end = backend.pad, backend.start, backend.end
        else:
            self.pad, self.start, self.image, self.end = (
                backend.token_to_id(token)
                for token in (specials.pad, specials.start, specials.image, specials.end)
            )

    @property
    def is_clip(self) -> bool:
        """Whether it is the vocabulary of OpenAI's CLIP, which open_clip takes where a model names none."""
        return isinstance(self._backend, _ClipBackend)

    @classmethod
    def load(cls, folder: Path | str) -> "Tokenizer":
        """Read the vocabulary of a folder: a tokenizer's own, or a checkpoint's.

        Raises:
            UserError: there is none, or it is not one of ours.
        """
        from tokenizers import Tokenizer as Backend

        path = Path(folder) / "tokenizer.json"
        if not path.is_file():
            raise UserError(f"{path}: no such file; expected a vocabulary ('sartext tokenizer' learns one)")
        if path.stat().st_size == len(_CLIP) and path.read_text(encoding="utf-8") == _CLIP:
            return cls(_ClipBackend(), None)
        specials = _written_specials(path.with_name("special_tokens_map.json"))
        try:
            found = cls(Backend.from_file(str(path)), specials)
        except Exception as error:  # the library raises a plain Exception on a bad file
            raise UserError(f"{path}: not a vocabulary ({error}); learn it again") from None
        if None in (found.pad, found.start, found.image, found.end):
            raise UserError(
                f"{path}: expected {specials.pad}, {specials.start}, {specials.image} and {specials.end}; "
                "learn it again"
            )
        return found

    def same_as(self, other: "Tokenizer") -> bool:
        """Whether another vocabulary gives the same ids to the same pieces."""
        return bool(self._backend.get_vocab() == other._backend.get_vocab())

    def _all_pieces(self, texts: Sequence[str]) -> list[list[int]]:
        if self.is_clip:
            return [self._backend.ids(text) for text in texts]
        return [found.ids for found in self._backend.encode_batch(list(texts), add_special_tokens=False)]

    def pieces(self, text: str) -> list[int]:
        """Return the ids of a text without start and end."""
        return self._all_pieces([text])[0]

    def encode(self, texts: Sequence[str], length: int) -> NDArray[np.int64]:
        """Return int64 (N, `length`): ``<start> pieces <end>`` and padding.

        A longer text is cut, its end kept. Special tokens spelled out in a text count as what they name, as
        in transformers.
        """
        rows = np.full((len(texts), length), self.pad, dtype=np.int64)
        for row, pieces in zip(rows, self._all_pieces(texts), strict=True):
            ids = [self.start, *pieces[: length - 2], self.end]
            row[: len(ids)] = ids
        return rows

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids up to the first ``<end>``: one line, special tokens left out, stripped.

        An untrained model may say any byte; what cannot be printed is left out.
        """
        kept: list[int] = []
        for token in ids:
            if token == self.end:
                break
            kept.append(int(token))
        text: str = (
            self._backend.text(kept) if self.is_clip else self._backend.decode(kept, skip_special_tokens=True)
        )
        return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
