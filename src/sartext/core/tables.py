"""Records to Parquet and back, with fixed schemas.

pandas and pyarrow are imported when used: `sartext --help` must be quick.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sartext.core.errors import UserError
from sartext.core.files import atomic_path
from sartext.core.records import Box, Caption, Question, Scene, Turn


def _schemas() -> dict[type, Any]:
    import pyarrow as pa

    text, real = pa.string(), pa.float64()
    box = pa.struct([("label", text), ("x", real), ("y", real), ("width", real), ("height", real)])
    turn = pa.struct([("question", text), ("answer", text), ("type", text)])
    return {
        Scene: pa.schema(
            [
                ("scene_id", text),
                ("source", text),
                ("split", text),
                ("modality", text),
                ("image", text),
                ("width", pa.int32()),
                ("height", pa.int32()),
                ("resolution_m", real),
                ("polarisation", text),
                ("boxes", pa.list_(box)),
                ("cover", pa.map_(text, real)),
                ("twin", text),
                ("captions", pa.list_(text)),
                ("dialogue", pa.list_(turn)),
                ("annotated", pa.bool_()),
                ("group", text),
                ("window", pa.list_(pa.int32(), 4)),
            ]
        ),
        Caption: pa.schema([("scene_id", text), ("branch", text), ("caption", text)]),
        Question: pa.schema(
            [
                ("question_id", text),
                ("scene_id", text),
                ("type", text),
                ("question", text),
                ("answer", text),
            ]
        ),
    }


def record_row(record: Any) -> dict[str, Any]:
    """Return a record, or a box or turn of it, as a dictionary of plain values.

    `dataclasses.asdict` copies every value, slowly.
    """
    row = {name: getattr(record, name) for name in record.__slots__}
    if isinstance(record, Scene):
        row["boxes"] = [record_row(box) for box in record.boxes]
        row["dialogue"] = [record_row(turn) for turn in record.dialogue]
        row["cover"] = sorted(record.cover.items())
    return row


def write_records(
    path: Path | str,
    records: Sequence[Scene] | Sequence[Caption] | Sequence[Question],
    kind: type[Scene] | type[Caption] | type[Question],
) -> None:
    """Write records of one kind as Parquet (zstd, fixed schema), atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([record_row(record) for record in records], schema=_schemas()[kind])
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _read(path: Path | str, kind: type) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; expected a {kind.__name__.lower()} table (run the rule that writes it)"
        )
    try:
        # pq.read_table would import pandas through pyarrow.dataset, two seconds a process
        table = pq.ParquetFile(path).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: not a readable Parquet file ({error}); delete it and run its rule again"
        ) from None
    wanted = _schemas()[kind]
    if table.schema.names != wanted.names:
        raise UserError(
            f"{path}: expected the columns {wanted.names} of {kind.__name__}, found {table.schema.names}"
        )
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def read_scenes(path: Path | str) -> list[Scene]:
    """Read scenes written by `write_records`.

    Raises:
        UserError: the file is missing or is no table of scenes.
    """
    scenes = []
    for row in _read(path, Scene):
        row["boxes"] = tuple(Box(**box) for box in row["boxes"] or ())
        row["cover"] = dict(row["cover"] or ())
        row["captions"] = tuple(row["captions"] or ())
        row["dialogue"] = tuple(Turn(**turn) for turn in row["dialogue"] or ())
        row["window"] = None if row["window"] is None else tuple(row["window"])
        scenes.append(Scene(**row))
    return scenes


def read_captions(path: Path | str) -> list[Caption]:
    """Read captions written by `write_records`; raises `UserError` as `read_scenes` does."""
    return [Caption(**row) for row in _read(path, Caption)]


def read_questions(path: Path | str) -> list[Question]:
    """Read questions written by `write_records`; raises `UserError` as `read_scenes` does."""
    return [Question(**row) for row in _read(path, Question)]


def by_scene(records: Iterable[Caption]) -> dict[str, list[Caption]]:
    """Group captions by scene, in the order they came."""
    grouped: dict[str, list[Caption]] = {}
    for record in records:
        grouped.setdefault(record.scene_id, []).append(record)
    return grouped
