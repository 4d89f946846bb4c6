"""One byte-level byte-pair vocabulary for all three models.

The folder it writes loads as it is by ``transformers.AutoTokenizer`` and by open_clip's ``HFTokenizer``; a
text becomes ``<start> pieces <end>``. Texts are lower-cased, as CLIP's own tokenizer does, and white space
is folded.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sartext.core.errors import UserError
from sartext.core.files import atomic_folder, write_json

PAD, START, IMAGE, END = "<pad>", "<start>", "<image>", "<end>"
FILES = ("special_tokens_map.json", "tokenizer.json", "tokenizer_config.json")
_BYTES = 256
_SMALLEST = _BYTES + 4


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
        processors,
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
    ids = {token: backend.token_to_id(token) for token in (PAD, START, IMAGE, END)}
    backend.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(token, ids[token]) for token in (START, END)]
    )
    special = {"bos_token": START, "eos_token": END, "pad_token": PAD}
    settings = {
        **special,
        "add_prefix_space": True,
        "additional_special_tokens": [IMAGE],
        "clean_up_tokenization_spaces": False,
        "model_max_length": int(1e30),
        "padding_side": "right",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    with atomic_folder(out) as folder:
        backend.save(str(folder / "tokenizer.json"))
        write_json(folder / "tokenizer_config.json", settings)
        write_json(folder / "special_tokens_map.json", {**special, "additional_special_tokens": [IMAGE]})


class Tokenizer:
    """The vocabulary in use.

    Attributes:
        pad: id of ``<pad>``.
        start: id of ``<start>``.
        image: id of ``<image>``.
        end: id of ``<end>``, the highest.
        size: entries.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.size: int = backend.get_vocab_size(with_added_tokens=True)
        self.pad, self.start, self.image, self.end = (
            backend.token_to_id(token) for token in (PAD, START, IMAGE, END)
        )

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
        try:
            found = cls(Backend.from_file(str(path)))
        except Exception as error:  # the library raises a plain Exception on a bad file
            raise UserError(f"{path}: not a vocabulary ({error}); learn it again") from None
        if None in (found.pad, found.start, found.image, found.end) or found.end != found.size - 1:
            raise UserError(
                f"{path}: expected {PAD}, {START}, {IMAGE}, and {END} as the highest id; learn it again"
            )
        return found

    def pieces(self, text: str) -> list[int]:
        """Return the ids of a text without start and end."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def encode(self, texts: Sequence[str], length: int) -> NDArray[np.int64]:
        """Return int64 (N, `length`): ``<start> pieces <end>`` and padding.

        A longer text is cut, its end kept. Special tokens spelled out in a text count as what they name, as
        in transformers.
        """
        rows = np.full((len(texts), length), self.pad, dtype=np.int64)
        for row, encoded in zip(
            rows, self._backend.encode_batch(list(texts), add_special_tokens=False), strict=True
        ):
            ids = [self.start, *encoded.ids[: length - 2], self.end]
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
        text: str = self._backend.decode(kept, skip_special_tokens=True)
        return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
