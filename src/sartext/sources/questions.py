"""RSVQA: questions, answers and images in three files of a split, joined by their ids.

Format: Lobry et al., RSVQA: Visual Question Answering for Remote Sensing Data, TGRS 2020
(rsvqa.sylvainlobry.com). Each file is ``{"questions": [...]}``, ``{"answers": [...]}`` or ``{"images":
[...]}``. The files of a split hold the records of the others too, with ``"active": false``: they are skipped.
"""

from pathlib import Path
from typing import Any

from sartext.core.errors import UserError
from sartext.core.files import read_json
from sartext.core.records import QuestionType, Turn
from sartext.sources.captions import clean_text
from sartext.sources.entries import Entry
from sartext.sources.rejects import Reject, SetAsideError

# areas ("How large is the building area?") have no counterpart among ours
_TYPES: dict[str, QuestionType] = {
    "presence": "presence",
    "count": "count",
    "comp": "comparison",
    "rural_urban": "land cover",
}


def _active(path: Path, key: str) -> list[tuple[int, dict[str, Any]]]:
    """The active records of a file, with their positions."""
    expected = f"RSVQA's {key}: {{{key!r}: [...]}}"
    content = read_json(path, expected)
    records = content.get(key) if isinstance(content, dict) else None
    if not isinstance(records, list):
        raise UserError(f"{path}: {key}: expected {expected}")
    return [
        (position, record)
        for position, record in enumerate(records)
        if not isinstance(record, dict) or record.get("active", True)
    ]


def _turn(question: Any, images: dict[Any, Entry], answers: dict[Any, list[str]]) -> tuple[Entry, Turn]:
    if not isinstance(question, dict) or not isinstance(question.get("id"), int | str):
        raise SetAsideError("expected a question with an 'id'", "box")
    image = question.get("img_id")
    entry = images.get(image) if isinstance(image, int | str) else None
    if entry is None:
        raise SetAsideError(f"img_id {image!r:.40}: is no active image of this split", "box")
    text = clean_text(question.get("question"))
    if not text:
        raise SetAsideError("question: expected a sentence", "box")
    given = answers.get(question["id"])
    if not given:
        raise SetAsideError("has no active answer", "box")
    return entry, Turn(text, given[0], _TYPES.get(str(question.get("type"))))


def read_rsvqa(
    questions: Path, answers: Path, images: Path, root: Path, rejects: list[Reject]
) -> list[Entry]:
    """Read one split of RSVQA.

    Args:
        questions: its file of questions.
        answers: its file of answers.
        images: its file of images; an image's file is named by its id.
        root: folder that names in messages are relative to.
        rejects: what is set aside is added here.

    Returns:
        An entry for each image with a question, questions in the file's order.

    Raises:
        UserError: a file is missing, not JSON, or holds something else.
    """
    images_file = images.relative_to(root).as_posix()
    entries: dict[Any, Entry] = {}
    for position, record in _active(images, "images"):
        identity = record.get("id") if isinstance(record, dict) else None
        if not isinstance(identity, int | str):
            rejects.append(Reject(images_file, f"images.{position}", "id: expected the image's number"))
            continue
        entries[identity] = Entry(
            images_file, f"image {identity}", fields={"id": str(identity)}, annotated=False
        )
    said: dict[Any, list[str]] = {}
    for position, record in _active(answers, "answers"):
        question = record.get("question_id") if isinstance(record, dict) else None
        text = clean_text(str(record.get("answer", ""))) if isinstance(record, dict) else ""
        if isinstance(question, int | str) and text:
            said.setdefault(question, []).append(text)
        else:
            reason = "expected an answer with 'question_id' and 'answer'"
            file = answers.relative_to(root).as_posix()
            rejects.append(Reject(file, f"answers.{position}", reason, "box"))
    file = questions.relative_to(root).as_posix()
    for position, question in _active(questions, "questions"):
        try:
            entry, turn = _turn(question, entries, said)
        except SetAsideError as fault:
            rejects.append(Reject(file, f"questions.{position}", fault.reason, fault.kind))
            continue
        entry.dialogue.append(turn)
    silent = [entry for entry in entries.values() if not entry.dialogue]
    rejects += [Reject(images_file, entry.record, "has no question with an answer") for entry in silent]
    return [entry for entry in entries.values() if entry.dialogue]
