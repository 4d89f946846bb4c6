"""The files that references and models' predictions come in, read as what they are: outside data.

Every reader checks form, types and ids, and names the file, the record and the field in one line.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sartext.core.errors import UserError
from sartext.core.files import read_json
from sartext.metrics.vqa import normalise, slug

PAIR_COLUMNS = ("image_id", "text_id", "caption")
FEATURE_ARRAYS = ("image_ids", "image_features", "text_ids", "text_features")


@dataclass(frozen=True)
class Pair:
    """One text of the retrieval benchmark and the image it belongs to."""

    image_id: str
    text_id: str
    caption: str


@dataclass(frozen=True)
class Features:
    """What a retrieval model hands in: ids, and float32 (N, D) and (M, D) features."""

    image_ids: list[str]
    image_features: NDArray[np.float32]
    text_ids: list[str]
    text_features: NDArray[np.float32]


@dataclass(frozen=True)
class BenchmarkQuestion:
    """One question of the VQA benchmark."""

    question_id: str
    image_id: str
    question: str
    type: str
    answers: tuple[str, ...]


def _name(path: Path, where: str, value: Any) -> str:
    """An id: a string that is not empty, or an integer, as a string."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = _text(path, where, value)
    if not text:
        raise UserError(f"{path}: {where}: empty; expected an id")
    return text


def _text(path: Path, where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UserError(f"{path}: {where}: {value!r:.60} is not text; expected a string in quotes")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UserError(f"{path}: {where}: holds half a character (a lone surrogate); mend it") from None
    return value


def _records(path: Path, value: Any, expected: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise UserError(f"{path}: expected a list, {expected}")
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise UserError(f"{path}: record {index}: {entry!r:.60} is not an object; expected {expected}")
    return value


def _field(path: Path, index: int, entry: dict[str, Any], field: str) -> Any:
    if field not in entry:
        raise UserError(f"{path}: record {index}: the field {field!r} is missing")
    return entry[field]


def _unique(path: Path, names: Sequence[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"{path}: {what} {name!r} is there twice; expected each once")
        seen.add(name)


def same_ids(
    path: Path,
    given: Iterable[str],
    wanted: Iterable[str],
    what: str,
    source: Path,
    others: Iterable[str] = (),
) -> None:
    """Check that `given` ids of `path` are the `wanted` ids of `source`.

    Args:
        path: the predictions.
        given: ids there.
        wanted: ids of the benchmark.
        what: such as ``image``, for the error.
        source: the benchmark's file.
        others: ids that may be there as well.

    Raises:
        UserError: an id is missing, or one is there that the benchmark does not know.
    """
    present, expected = set(given), set(wanted)
    missing = sorted(expected - present)
    if missing:
        raise UserError(
            f"{path}: {what} {missing[0]!r} of {source} is missing ({len(missing)} of {len(expected)} are); "
            "predict every one"
        )
    extra = sorted(present - expected - set(others))
    if extra:
        raise UserError(f"{path}: {what} {extra[0]!r} is not in {source} ({len(extra)} such); leave it out")


def read_pairs(path: Path) -> list[Pair]:
    """Read ``pairs.csv``: ``image_id,text_id,caption``, one text a row.

    Raises:
        UserError: missing, not UTF-8, not such a table, empty, an empty field, or a text id given twice.
    """
    expected = f"a CSV file with the columns {','.join(PAIR_COLUMNS)}"
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path}: no such file; expected {expected}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; expected {expected}") from None
    pairs = []
    try:
        rows = csv.reader(io.StringIO(content, newline=""), strict=True)
        header = next(rows, [])
        if sorted(header) != sorted(PAIR_COLUMNS):
            raise UserError(f"{path}: the columns are {','.join(header)[:80]!r}; expected {expected}")
        for row in rows:
            if not row:
                continue
            where = f"line {rows.line_num}"
            if len(row) != len(header):
                raise UserError(f"{path}: {where}: {len(row)} fields; expected {len(header)}")
            entry = dict(zip(header, row, strict=True))
            if not entry["caption"].strip():
                raise UserError(f"{path}: {where}: caption: empty; expected a text to search by")
            image, text = (_name(path, f"{where}: {key}", entry[key]) for key in ("image_id", "text_id"))
            pairs.append(Pair(image, text, entry["caption"]))
    except csv.Error as error:
        raise UserError(f"{path}: not valid CSV ({error}); expected {expected}") from None
    if not pairs:
        raise UserError(f"{path}: empty test set; expected one text at least")
    _unique(path, [pair.text_id for pair in pairs], "text_id")
    return pairs


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array of an npz, without pickle and without trusting the size its header tells."""
    member = f"{name}.npy"
    if member not in archive.namelist():
        raise UserError(f"{path}: no array {name!r}; expected {', '.join(FEATURE_ARRAYS)}")
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        reader = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = reader(stream)
        if dtype.hasobject:
            raise UserError(
                f"{path}: {name}: holds pickled objects; expected plain arrays "
                "(text ids as a unicode array: numpy.array(ids, dtype=str))"
            )
        size = int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize
        if stream.tell() + size != archive.getinfo(member).file_size:
            raise UserError(f"{path}: {name}: its size is not that of its header; write the file again")
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _ids(path: Path, name: str, array: NDArray[Any]) -> list[str]:
    if array.ndim != 1 or array.dtype.kind not in "Uiu":
        raise UserError(
            f"{path}: {name}: {array.dtype} of {array.ndim} dimensions; expected one of unicode strings"
        )
    names = [_name(path, f"{name}[{index}]", value) for index, value in enumerate(array.tolist())]
    _unique(path, names, name)
    return names


def _matrix(path: Path, name: str, array: NDArray[Any], ids: Sequence[str]) -> NDArray[np.float32]:
    if array.ndim != 2 or array.dtype.kind != "f":
        raise UserError(
            f"{path}: {name}: {array.dtype} of {array.ndim} dimensions; expected float32 of two (rows, width)"
        )
    if len(array) != len(ids):
        raise UserError(f"{path}: {name}: {len(array)} rows for {len(ids)} ids; expected a row an id")
    with np.errstate(over="ignore"):
        features = array.astype(np.float32)
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        raise UserError(
            f"{path}: {name}: the row of {ids[int(np.argmax(bad))]!r} holds NaN or infinity "
            f"({int(bad.sum())} such); expected finite numbers"
        )
    zero = ~features.any(axis=1)
    if zero.any():
        raise UserError(
            f"{path}: {name}: the row of {ids[int(np.argmax(zero))]!r} is all zeros "
            f"({int(zero.sum())} such); expected features with a direction"
        )
    return features


def read_features(path: Path) -> Features:
    """Read ``retrieval.npz``.

    Raises:
        UserError: missing, not an npz, pickled, an array is missing or of a wrong type or shape, an id is
            given twice, a feature is NaN, infinite or zero, or the widths differ.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _array(path, archive, name) for name in FEATURE_ARRAYS}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected retrieval.npz") from None
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, RuntimeError) as error:
        raise UserError(
            f"{path}: not a readable npz file ({error}); write it by numpy.savez without pickle"
        ) from None
    except MemoryError:
        raise UserError(f"{path}: does not fit in memory; expected features of a model") from None
    image_ids = _ids(path, "image_ids", arrays["image_ids"])
    text_ids = _ids(path, "text_ids", arrays["text_ids"])
    images = _matrix(path, "image_features", arrays["image_features"], image_ids)
    texts = _matrix(path, "text_features", arrays["text_features"], text_ids)
    if images.shape[1] != texts.shape[1]:
        raise UserError(
            f"{path}: image_features are {images.shape[1]} wide and text_features {texts.shape[1]}; "
            "expected one width"
        )
    return Features(image_ids, images, text_ids, texts)


def read_references(path: Path) -> dict[str, list[str]]:
    """Read references in COCO caption form: ``{"images": [{"id"}], "annotations":
    [{"image_id","caption"}]}``.

    Raises:
        UserError: missing, not such a file, an image without references, an annotation of an unknown image,
            an empty reference, or no images at all.
    """
    content = read_json(path, "references in COCO caption form")
    if not isinstance(content, dict) or "images" not in content or "annotations" not in content:
        raise UserError(f"{path}: expected COCO caption form, an object with 'images' and 'annotations'")
    images = _records(path, content["images"], 'images of {"id"}')
    names = [
        _name(path, f"images[{index}].id", _field(path, index, entry, "id"))
        for index, entry in enumerate(images)
    ]
    _unique(path, names, "image id")
    if not names:
        raise UserError(f"{path}: empty test set; expected one image at least")
    references: dict[str, list[str]] = {name: [] for name in names}
    annotations = _records(path, content["annotations"], 'annotations of {"image_id","caption"}')
    for index, entry in enumerate(annotations):
        where = f"annotations[{index}]"
        name = _name(path, f"{where}.image_id", _field(path, index, entry, "image_id"))
        caption = _text(path, f"{where}.caption", _field(path, index, entry, "caption"))
        if name not in references:
            raise UserError(f"{path}: {where}: image_id {name!r} is not among 'images'")
        if not caption.strip():
            raise UserError(f"{path}: {where}: caption: empty; expected a reference")
        references[name].append(caption)
    for name, sentences in references.items():
        if not sentences:
            raise UserError(f"{path}: image {name!r} has no reference; expected one at least")
    return references


def read_captions(path: Path) -> dict[str, str]:
    """Read predicted captions in COCO result form, ``[{"image_id","caption"}]``; a caption may be empty.

    Raises:
        UserError: missing, not such a file, or an image given twice.
    """
    entries = _records(
        path, read_json(path, "captions in COCO result form"), 'COCO result form, {"image_id","caption"}'
    )
    names, captions = [], []
    for index, entry in enumerate(entries):
        names.append(_name(path, f"record {index}: image_id", _field(path, index, entry, "image_id")))
        captions.append(_text(path, f"record {index}: caption", _field(path, index, entry, "caption")))
    _unique(path, names, "image_id")
    return dict(zip(names, captions, strict=True))


def read_questions(path: Path) -> list[BenchmarkQuestion]:
    """Read ``questions.json``: ``[{"question_id","image_id","question","type","answers":[...]}]``.

    Raises:
        UserError: missing, not such a file, a question given twice, no answers, or no questions.
    """
    questions = []
    entries = _records(path, read_json(path, "a list of questions"), "questions with a type and answers")
    for index, entry in enumerate(entries):
        where = f"record {index}"
        names = [
            _name(path, f"{where}: {field}", _field(path, index, entry, field))
            for field in ("question_id", "image_id")
        ]
        question, kind = (
            _text(path, f"{where}: {field}", _field(path, index, entry, field))
            for field in ("question", "type")
        )
        if not slug(kind):
            raise UserError(f"{path}: {where}: type: {kind!r} names no type; expected one such as 'count'")
        answers = _field(path, index, entry, "answers")
        if not isinstance(answers, list) or not answers:
            raise UserError(f"{path}: {where}: answers: expected a list of one accepted answer or more")
        accepted = tuple(_text(path, f"{where}: answers", answer) for answer in answers)
        for answer in accepted:
            if not normalise(answer):
                raise UserError(f"{path}: {where}: answers: {answer!r} is empty; expected an answer")
        questions.append(BenchmarkQuestion(names[0], names[1], question, kind, accepted))
    if not questions:
        raise UserError(f"{path}: empty test set; expected one question at least")
    _unique(path, [question.question_id for question in questions], "question_id")
    return questions


def read_answers(path: Path) -> dict[str, str]:
    """Read ``answers.json``: ``[{"question_id","answer"}]``; an answer may be empty, and is then wrong.

    Raises:
        UserError: missing, not such a file, an answer that is not text, or a question answered twice.
    """
    entries = _records(path, read_json(path, "a list of answers"), '{"question_id","answer"}')
    names, answers = [], []
    for index, entry in enumerate(entries):
        names.append(_name(path, f"record {index}: question_id", _field(path, index, entry, "question_id")))
        answers.append(_text(path, f"record {index}: answer", _field(path, index, entry, "answer")))
    _unique(path, names, "question_id")
    return dict(zip(names, answers, strict=True))
