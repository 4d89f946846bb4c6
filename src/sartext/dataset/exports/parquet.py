"""SAR-TEXT as Parquet, one row an image, that ``datasets.load_dataset`` opens."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sartext.core.files import write_text
from sartext.core.records import SPLITS, Caption, Question, Scene
from sartext.dataset.exports.cards import parquet_card
from sartext.dataset.exports.keys import key_of

# images of a row group: what is held as columns at a time
_ROWS = 8192
_QUESTION = ("question_id", "type", "question", "answer")


def _schema() -> Any:
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            ("scene_id", text),
            ("source", text),
            ("split", text),
            ("filepath", text),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("resolution_m", pa.float64()),
            ("polarisation", text),
            ("captions", pa.list_(text)),
            ("branches", pa.list_(text)),
            ("questions", pa.list_(pa.struct([(name, text) for name in _QUESTION]))),
            ("shard", text),
            ("key", text),
        ]
    )


def _lists(groups: Sequence[Sequence[Any]], values: Any) -> Any:
    """A list array of `values`, as long as each of `groups`."""
    import pyarrow as pa

    offsets = [0]
    for group in groups:
        offsets.append(offsets[-1] + len(group))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def _texts(groups: Sequence[Sequence[Any]], name: str) -> Any:
    import pyarrow as pa

    return pa.array([getattr(one, name) for group in groups for one in group], pa.string())


def _batch(
    scenes: Sequence[Scene],
    said: Sequence[Sequence[Caption]],
    asked: Sequence[Sequence[Question]],
    shards: Mapping[str, str],
) -> Any:
    import pyarrow as pa

    schema = _schema()
    plain = ("scene_id", "source", "split", "width", "height", "resolution_m", "polarisation")
    columns = {
        name: pa.array([getattr(scene, name) for scene in scenes], schema.field(name).type) for name in plain
    }
    columns["filepath"] = pa.array([scene.image for scene in scenes], pa.string())
    columns["captions"] = _lists(said, _texts(said, "caption"))
    columns["branches"] = _lists(said, _texts(said, "branch"))
    parts = [_texts(asked, name) for name in _QUESTION]
    columns["questions"] = _lists(asked, pa.StructArray.from_arrays(parts, list(_QUESTION)))
    columns["shard"] = pa.array([shards.get(scene.scene_id) for scene in scenes], pa.string())
    columns["key"] = pa.array([key_of(scene.scene_id) for scene in scenes], pa.string())
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)


def write_parquet(
    folder: Path,
    scenes: Sequence[Scene],
    captions: Mapping[str, Sequence[Caption]],
    questions: Mapping[str, Sequence[Question]],
    shards: Mapping[str, str],
) -> None:
    """Write ``train.parquet``, ``val.parquet``, ``test.parquet`` and the card that names them.

    Args:
        folder: where to write.
        scenes: all scenes.
        captions: captions by scene id.
        questions: questions by scene id.
        shards: shard by scene id; the column is null for a scene that is in none.
    """
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for split in SPLITS:
        rows = [row for row, scene in enumerate(scenes) if scene.split == split]
        counts[split] = len(rows)
        with pq.ParquetWriter(folder / f"{split}.parquet", _schema(), compression="zstd") as writer:
            for start in range(0, len(rows), _ROWS):
                part = rows[start : start + _ROWS]
                chosen = [scenes[row] for row in part]
                said = [captions.get(scene.scene_id, ()) for scene in chosen]
                asked = [questions.get(scene.scene_id, ()) for scene in chosen]
                writer.write_batch(_batch(chosen, said, asked, shards))
    write_text(folder / "README.md", parquet_card(counts))
