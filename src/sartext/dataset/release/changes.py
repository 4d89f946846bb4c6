"""What changed between two versions: images, captions and questions that were added, removed or changed.

Tables are compared by the columns that both have, so that a version of an older schema can be compared too.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sartext.core.files import sha256_file

Change = dict[str, int]
KINDS = ("images", "captions", "questions")
WAYS = ("added", "removed", "changed")
HASHES = "hashes.csv"
_BATCH = 4096
# what an entry stands under, and what it says; two of one place that differ are one changed
_TEXTS = {"captions": (("branch",), ("caption",)), "questions": (("type",), ("question", "answer"))}


def _columns(old: Path, new: Path) -> list[str]:
    import pyarrow.parquet as pq

    there = set(pq.ParquetFile(old).schema_arrow.names)
    return [name for name in pq.ParquetFile(new).schema_arrow.names if name in there]


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(_BATCH, columns=list(columns)):
        yield from batch.to_pylist()


def _pixels(folder: Path) -> dict[str, list[str]]:
    """The digests of each image's pixels."""
    with (folder / HASHES).open(encoding="utf-8", newline="") as stream:
        return {row[0]: row[1:] for row in csv.reader(stream)}


def _images(folder: Path, columns: Sequence[str]) -> dict[str, bytes]:
    """What each image is and what is known of it, in few bytes."""
    pixels = _pixels(folder)
    return {
        row["scene_id"]: blake2b(f"{row!r}\n{pixels.get(row['scene_id'])}".encode(), digest_size=16).digest()
        for row in _rows(folder / "scenes.parquet", columns)
    }


def _source(scene_id: str) -> str:
    return scene_id.partition("/")[0]


def image_changes(old: Path, new: Path) -> dict[str, Change]:
    """Return how many images were added, removed or changed, by source.

    An image changed if its pixels did, or anything that the table of scenes says of it.

    Args:
        old: folder of the older version.
        new: folder of the newer one.
    """
    columns = _columns(old / "scenes.parquet", new / "scenes.parquet")
    before, now = _images(old, columns), _images(new, columns)
    found: dict[str, Counter[str]] = {}
    for scene_id in before.keys() | now.keys():
        if before.get(scene_id) != now.get(scene_id):
            way = "added" if scene_id not in before else "removed" if scene_id not in now else "changed"
            found.setdefault(_source(scene_id), Counter())[way] += 1
    return {source: {way: ways[way] for way in WAYS} for source, ways in sorted(found.items())}


def text_changes(old: Path, new: Path, kind: str) -> dict[str, Change]:
    """Return how many captions or questions were added, removed or changed, by source.

    Of one image and one branch (or type of question), a text that went and one that came are one changed.

    Args:
        old: folder of the older version.
        new: folder of the newer one.
        kind: ``captions`` or ``questions``.
    """
    place, says = _TEXTS[kind]
    columns = ["scene_id", *place, *says]

    def texts(folder: Path) -> Counter[tuple[str, ...]]:
        return Counter(
            tuple(str(row[column]) for column in columns)
            for row in _rows(folder / f"{kind}.parquet", columns)
        )

    before, now = texts(old), texts(new)
    came, went = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for difference, into in ((now - before, came), (before - now, went)):
        for text, count in difference.items():
            into[text[: 1 + len(place)]] += count
    found: dict[str, Counter[str]] = {}
    for at in came.keys() | went.keys():
        both = min(came[at], went[at])
        found.setdefault(_source(at[0]), Counter()).update(
            added=came[at] - both, removed=went[at] - both, changed=both
        )
    return {source: {way: ways[way] for way in WAYS} for source, ways in sorted(found.items())}


def changes(old: Path, new: Path) -> dict[str, dict[str, Change]]:
    """Return the changes of ``images``, ``captions`` and ``questions`` between two versions, by source.

    A source of which nothing changed is not named.
    """
    found = {"images": image_changes(old, new)}
    for kind in ("captions", "questions"):
        same = sha256_file(old / f"{kind}.parquet") == sha256_file(new / f"{kind}.parquet")
        found[kind] = {} if same else text_changes(old, new, kind)
    return found


def total(found: Mapping[str, Change]) -> Change:
    """Return the sum over sources."""
    return {way: sum(change[way] for change in found.values()) for way in WAYS}
