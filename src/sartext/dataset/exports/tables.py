"""SAR-TEXT in the forms others read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import orjson

from sartext.core.records import SPLITS, Caption, Question, Scene, Split
from sartext.dataset.exports.parquet import write_parquet
from sartext.dataset.questions.dialogues import conversation

_QUOTED = frozenset(',"\r\n')

# the training split has the name of the released file
CSV_FILES: dict[Split, str] = {"train": "sartext.csv", "val": "sartext_val.csv", "test": "sartext_test.csv"}


def _field(text: str) -> str:
    """A field of a csv file (RFC 4180); the csv module of Python 3.11 leaves a lone carriage return bare."""
    return '"' + text.replace('"', '""') + '"' if _QUOTED.intersection(text) else text


def _write_csv(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("filepath,caption\n")
        stream.writelines(f"{_field(filepath)},{_field(caption)}\n" for filepath, caption in rows)


def _write_list(stream: TextIO, records: Iterable[dict[str, Any]]) -> None:
    """Write a JSON list, a record a line: the records are never all in memory."""
    separator = "[\n"
    for record in records:
        stream.write(separator + orjson.dumps(record).decode())
        separator = ",\n"
    stream.write("[]" if separator == "[\n" else "\n]")


def _write_coco(
    path: Path,
    split: Split,
    chosen: Sequence[tuple[int, Scene]],
    captions: Mapping[str, Sequence[Caption]],
) -> None:
    def images() -> Iterator[dict[str, Any]]:
        for number, scene in chosen:
            yield {
                "id": number,
                "file_name": scene.image,
                "width": scene.width,
                "height": scene.height,
                "scene_id": scene.scene_id,
            }

    def annotations() -> Iterator[dict[str, Any]]:
        place = 0
        for number, scene in chosen:
            for said in captions.get(scene.scene_id, ()):
                place += 1
                yield {"id": place, "image_id": number, "caption": said.caption, "branch": said.branch}

    info = orjson.dumps({"description": f"captions of SAR-TEXT, {split}"}).decode()
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f'{{"info": {info},\n"licenses": [],\n"images": ')
        _write_list(stream, images())
        stream.write(',\n"annotations": ')
        _write_list(stream, annotations())
        stream.write("}\n")


def _write_dialogues(
    path: Path, chosen: Sequence[tuple[int, Scene]], questions: Mapping[str, Sequence[Question]]
) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        _write_list(
            stream,
            (
                {
                    "id": scene.scene_id,
                    "image": scene.image,
                    "conversations": conversation(questions[scene.scene_id]),
                }
                for _, scene in chosen
                if questions.get(scene.scene_id)
            ),
        )
        stream.write("\n")


def write_exports(
    folder: Path,
    scenes: Sequence[Scene],
    captions: Mapping[str, Sequence[Caption]],
    questions: Mapping[str, Sequence[Question]],
    shards: Mapping[str, str],
) -> None:
    """Write the exports of a data set.

    ``sartext.csv`` is the released form (``filepath,caption``) of the training split, ``sartext_val.csv`` and
    ``sartext_test.csv`` those of the others; ``captions_SPLIT.json`` COCO's form of captions;
    ``dialogues_SPLIT.json`` the released form of dialogues; ``parquet/`` one row an image, with a card, so
    that ``datasets.load_dataset`` opens the folder.

    Args:
        folder: where to write; made if it is not there.
        scenes: all scenes; every export calls an image what its scene does.
        captions: captions by scene id.
        questions: questions by scene id.
        shards: the shard of each image that is in one, by scene id (see `shard_names`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        chosen = [(number, scene) for number, scene in enumerate(scenes, start=1) if scene.split == split]
        rows = (
            (scene.image, said.caption) for _, scene in chosen for said in captions.get(scene.scene_id, ())
        )
        _write_csv(folder / CSV_FILES[split], rows)
        _write_coco(folder / f"captions_{split}.json", split, chosen, captions)
        _write_dialogues(folder / f"dialogues_{split}.json", chosen, questions)
    write_parquet(folder / "parquet", scenes, captions, questions, shards)
