"""The rows of one source in the built tables, read without the other sources' rows ever being objects."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sartext.core.errors import UserError
from sartext.core.records import Caption, Question, Scene

_BATCH = 65536
# all that an export says of a scene
_SCENE = (
    "scene_id",
    "source",
    "split",
    "modality",
    "image",
    "width",
    "height",
    "resolution_m",
    "polarisation",
)
_CAPTION = tuple(Caption.__slots__)
_QUESTION = tuple(Question.__slots__)


@dataclass(frozen=True)
class SourceRows:
    """One source's part of a built data set.

    Attributes:
        scenes: its scenes, without boxes, cover, own captions and dialogue, group and window.
        captions: captions by scene id.
        questions: questions by scene id.
    """

    scenes: list[Scene]
    captions: dict[str, list[Caption]]
    questions: dict[str, list[Question]]


def _rows(path: Path, columns: tuple[str, ...], wanted: Callable[[Any], Any]) -> Iterator[tuple[Any, ...]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    expected = f"a Parquet table with the columns {', '.join(columns)}"
    try:
        with pq.ParquetFile(path) as file:
            if not set(columns) <= set(file.schema_arrow.names):
                raise UserError(
                    f"{path}: expected {expected}, found {', '.join(file.schema_arrow.names)}; build again"
                )
            for batch in file.iter_batches(_BATCH, columns=list(columns)):
                own = batch.filter(wanted(batch))
                # quicker than a dictionary a row
                yield from zip(*(own[name].to_pylist() for name in columns), strict=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run 'sartext build --part sartext' first") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: expected {expected} ({error}); build again") from None


def read_source_rows(folder: Path, source: str) -> SourceRows:
    """Read one source's rows of ``scenes.parquet``, ``captions.parquet`` and ``questions.parquet``.

    Args:
        folder: the built data set, such as ``results/P/sartext``.
        source: the source's name.

    Raises:
        UserError: a table is missing, damaged, or has other columns.
    """
    import pyarrow.compute as pc

    def of_source(batch: Any) -> Any:
        return pc.equal(batch["source"], source)

    def of_scenes(batch: Any) -> Any:
        return pc.starts_with(batch["scene_id"], f"{source}/")

    scenes = [
        Scene(**dict(zip(_SCENE, row, strict=True)))
        for row in _rows(folder / "scenes.parquet", _SCENE, of_source)
    ]
    captions: dict[str, list[Caption]] = {}
    for row in _rows(folder / "captions.parquet", _CAPTION, of_scenes):
        caption = Caption(*row)
        captions.setdefault(caption.scene_id, []).append(caption)
    questions: dict[str, list[Question]] = {}
    for row in _rows(folder / "questions.parquet", _QUESTION, of_scenes):
        question = Question(*row)
        questions.setdefault(question.scene_id, []).append(question)
    return SourceRows(scenes, captions, questions)
