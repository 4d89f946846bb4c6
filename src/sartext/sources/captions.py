"""Captions and dialogues that sources give themselves, in JSON.

Karpathy's form (Karpathy and Fei-Fei, CVPR 2015; RSICD, UCM-captions and Sydney-captions use it):
``{"images": [{"filename", "split", "sentences": [{"raw"}]}]}``. NWPU-captions' own (Cheng et al.,
NWPU-Captions Dataset and MLCA-Net, TGRS 2022): ``{category: [{"filename", "split", "raw", "raw_1", "raw_2",
"raw_3", "raw_4"}]}``, images in a folder of each category. Dialogues as released with SAR-TEXT: a list
of ``{"id", "image", "conversations": [{"from": "human" or "gpt", "value"}]}``, many turns an image,
sometimes many records an image. A turn may carry a ``type``, one of our question types.
"""

from pathlib import Path, PurePosixPath
from typing import Any, get_args

from sartext.core.errors import UserError
from sartext.core.files import read_json
from sartext.core.records import QuestionType, Turn
from sartext.sources.entries import Entry
from sartext.sources.rejects import Reject, SetAsideError

_QUESTION_TYPES = get_args(QuestionType)
_NWPU_SENTENCES = ("raw", "raw_1", "raw_2", "raw_3", "raw_4")


def clean_text(text: Any) -> str:
    """Return `text` with control characters out and white space folded; empty if it is no text."""
    if not isinstance(text, str):
        return ""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())


def _sentences(image: dict[str, Any], file: str, record: str, rejects: list[Reject]) -> list[str]:
    sentences = image.get("sentences")
    if not isinstance(sentences, list):
        raise SetAsideError("sentences: expected a list")
    texts = []
    for position, sentence in enumerate(sentences):
        raw = sentence.get("raw") if isinstance(sentence, dict) else None
        if raw is None and isinstance(sentence, dict) and isinstance(sentence.get("tokens"), list):
            raw = " ".join(str(token) for token in sentence["tokens"])
        text = clean_text(raw)
        if text:
            texts.append(text)
        else:
            rejects.append(Reject(file, f"{record} sentence {position}", "raw: expected a sentence", "box"))
    if not texts:
        raise SetAsideError("has no sentence")
    return texts


def read_karpathy(path: Path, file: str, rejects: list[Reject]) -> list[Entry]:
    """Read captions in Karpathy's form; ``restval`` counts as ``train``, as its author used it.

    Args:
        path: the file.
        file: its name for messages.
        rejects: what is set aside is added here.

    Raises:
        UserError: the file is missing, not JSON, or has no ``images``.
    """
    expected = "captions with 'images', each with 'filename', 'split' and 'sentences'"
    content = read_json(path, expected)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise UserError(f"{path}: images: expected {expected}")
    entries = []
    for position, image in enumerate(content["images"]):
        name = image.get("filename") if isinstance(image, dict) else None
        if not isinstance(name, str) or not name:
            rejects.append(Reject(file, f"images.{position}", "filename: expected the image's file name"))
            continue
        if isinstance(image.get("filepath"), str) and image["filepath"]:
            name = str(PurePosixPath(image["filepath"]) / name)
        entry = Entry(file, name, name)
        split = image.get("split")
        entry.split = "train" if split == "restval" else split if isinstance(split, str) else None
        try:
            entry.captions = _sentences(image, file, name, rejects)
        except SetAsideError as fault:
            rejects.append(Reject(file, name, fault.reason, fault.kind))
            continue
        entries.append(entry)
    return entries


def _nwpu_entry(category: str, image: Any, file: str, rejects: list[Reject]) -> Entry:
    name = image.get("filename") if isinstance(image, dict) else None
    if not isinstance(name, str) or not name:
        raise SetAsideError("filename: expected the image's file name")
    captions = []
    for key in _NWPU_SENTENCES:
        text = clean_text(image.get(key))
        if text:
            captions.append(text)
        else:
            rejects.append(Reject(file, name, f"{key}: expected a sentence", "box"))
    if not captions:
        raise SetAsideError(f"{name}: has no sentence")
    split = image.get("split")
    # images lie in a folder of their category, or all in one: the last parts are looked for too
    entry = Entry(file, name, f"{category}/{name}", elsewhere=True, fields={"category": category})
    entry.split = split if isinstance(split, str) else None
    entry.captions = captions
    return entry


def read_nwpu(path: Path, file: str, rejects: list[Reject]) -> list[Entry]:
    """Read captions in the form of NWPU-captions; ``{category}`` of a pattern is an image's category.

    Raises:
        UserError: the file is missing, not JSON, or no mapping of lists.
    """
    expected = "captions by category, each a list of images with 'filename', 'split' and 'raw' to 'raw_4'"
    content = read_json(path, expected)
    if not isinstance(content, dict) or not all(isinstance(images, list) for images in content.values()):
        raise UserError(f"{path}: expected {expected}")
    entries = []
    for category, images in content.items():
        for position, image in enumerate(images):
            try:
                entries.append(_nwpu_entry(category, image, file, rejects))
            except SetAsideError as fault:
                rejects.append(Reject(file, f"{category}.{position}", fault.reason, fault.kind))
    return entries


def _turns(conversations: Any, file: str, record: str, rejects: list[Reject]) -> list[Turn]:
    if not isinstance(conversations, list):
        raise SetAsideError("conversations: expected a list of turns")
    turns: list[Turn] = []
    question: tuple[str, str | None] | None = None
    for position, said in enumerate(conversations):
        speaker = said.get("from") if isinstance(said, dict) else None
        text = clean_text(said.get("value")) if isinstance(said, dict) else ""
        text = " ".join(text.replace("<image>", " ").split())
        kind = said.get("type") if isinstance(said, dict) else None
        kind = kind if kind in _QUESTION_TYPES else None
        if speaker == "human" and text:
            if question is not None:
                reason = "a question without an answer; expected 'human' and 'gpt' in turn"
                rejects.append(Reject(file, f"{record} turn {position - 1}", reason, "box"))
            question = (text, kind)
        elif speaker == "gpt" and text and question is not None:
            turns.append(Turn(question[0], text, question[1] or kind))
            question = None
        else:
            reason = f"from {speaker!r:.20}: expected 'human' and 'gpt' in turn, each with a 'value'"
            rejects.append(Reject(file, f"{record} turn {position}", reason, "box"))
    if question is not None:
        reason = "a question without an answer; expected 'human' and 'gpt' in turn"
        rejects.append(Reject(file, f"{record} turn {len(conversations) - 1}", reason, "box"))
    if not turns:
        raise SetAsideError("conversations: no question with an answer")
    return turns


def read_dialogues(path: Path, file: str, rejects: list[Reject]) -> list[Entry]:
    """Read dialogues; records of one image are put together.

    Raises:
        UserError: the file is missing, not JSON, or no list.
    """
    expected = "a list of dialogues, each with 'id', 'image' and 'conversations'"
    content = read_json(path, expected)
    if not isinstance(content, list):
        raise UserError(f"{path}: expected {expected}, found a {type(content).__name__}")
    entries: dict[str, Entry] = {}
    for position, dialogue in enumerate(content):
        image = dialogue.get("image") if isinstance(dialogue, dict) else None
        if not isinstance(image, str) or not image:
            rejects.append(Reject(file, f"record {position}", "image: expected the image's path"))
            continue
        record = f"id {dialogue.get('id', position)}"
        try:
            turns = _turns(dialogue.get("conversations"), file, record, rejects)
        except SetAsideError as fault:
            rejects.append(Reject(file, record, fault.reason, fault.kind))
            continue
        entry = entries.setdefault(image, Entry(file, record, image, elsewhere=True))
        entry.dialogue += turns
    return list(entries.values())


def shorter_names(name: str) -> list[str]:
    """Return `name` and what is left as its first parts go: ``/a/b/c`` gives ``a/b/c``, ``b/c``, ``c``.

    A released dialogue names its image by an absolute path of its author's machine; the last parts of it are
    true here too.
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return ["/".join(parts[position:]) for position in range(len(parts))]
