"""WebDataset shards of one source's part of SAR-TEXT."""

import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import atomic_path, digest_json, read_json, sha256_file, write_text
from sartext.core.progress import track
from sartext.core.records import SPLITS, Scene
from sartext.dataset.exports.cards import shards_card
from sartext.dataset.exports.images import Digests, Kind, SourceDigests, own_kind, read_images
from sartext.dataset.exports.keys import key_of, shard_plan
from sartext.dataset.exports.rows import SourceRows, read_source_rows
from sartext.dataset.exports.tar import TarWriter
from sartext.dataset.merge import sources_of

FORMAT = "sartext webdataset 1"
# what was written so far; it is no output of the rule, so a stopped job does not lose it
_STATE = ".written.json"


@dataclass(frozen=True)
class _Sample:
    """One image of a shard: its scene, key, first caption if any, record as JSON, what its file must be."""

    scene: Scene
    key: str
    caption: str | None
    record: bytes
    kind: Kind | None
    digests: Digests

    @property
    def extension(self) -> Kind:
        return self.kind or "png"


def _record(scene: Scene, rows: SourceRows) -> bytes:
    return orjson.dumps(
        {
            "scene_id": scene.scene_id,
            "source": scene.source,
            "split": scene.split,
            "width": scene.width,
            "height": scene.height,
            "resolution_m": scene.resolution_m,
            "polarisation": scene.polarisation,
            "captions": [
                {"branch": said.branch, "caption": said.caption}
                for said in rows.captions.get(scene.scene_id, ())
            ],
            "questions": [
                {
                    "question_id": asked.question_id,
                    "type": asked.type,
                    "question": asked.question,
                    "answer": asked.answer,
                }
                for asked in rows.questions.get(scene.scene_id, ())
            ],
        },
        option=orjson.OPT_SORT_KEYS,
    )


class _Source:
    """A source's rows, and which of them go into which shard."""

    def __init__(self, config: Config, source: str) -> None:
        self.name = source
        self.rows = read_source_rows(config.results / "sartext", source)
        self.plan = shard_plan(self.rows.scenes, config.seed, config.dataset.shard_images)
        self._digests = SourceDigests(config, source)
        self.kinds = {scene.scene_id: own_kind(Path(scene.image)) for scene in self.rows.scenes}

    def samples(self, file: str) -> list[_Sample]:
        """Return the samples of a shard, in order."""
        found = []
        for scene in self.plan[file]:
            said = self.rows.captions.get(scene.scene_id)
            if not said and not self.rows.questions.get(scene.scene_id):
                raise UserError(
                    f"{scene.scene_id}: expected a caption or a question at least, found none; build again"
                )
            record, kind = _record(scene, self.rows), self.kinds[scene.scene_id]
            caption = said[0].caption if said else None
            key, digests = key_of(scene.scene_id), self._digests.of(scene)
            found.append(_Sample(scene, key, caption, record, kind, digests))
        return found


def _plan_digest(samples: Sequence[_Sample]) -> str:
    """Digest of all that the bytes of a shard follow from."""
    digest = hashlib.sha256(FORMAT.encode())
    for sample in samples:
        # pixels too: how a raster is drawn in 8 bits is the profile's choice
        parts = [sample.key, sample.kind, sample.digests.pixels, sample.digests.file, sample.caption]
        digest.update(orjson.dumps(parts) + b"\n" + sample.record + b"\n")
    return digest.hexdigest()


def _read_state(path: Path) -> dict[str, dict[str, Any]]:
    """What was written before, by file; nothing if that is not known."""
    try:
        state = read_json(path)
    except UserError:
        return {}
    if not isinstance(state, dict):
        return {}
    return {file: entry for file, entry in state.items() if isinstance(entry, dict)}


def _is_whole(path: Path, entry: dict[str, Any] | None, plan: str) -> bool:
    return (
        entry is not None
        and entry.get("plan") == plan
        and path.is_file()
        and path.stat().st_size == entry.get("bytes")
        and sha256_file(path) == entry.get("sha256")
    )


def _write_shard(path: Path, samples: Sequence[_Sample], images: Iterator[bytes]) -> dict[str, Any]:
    with atomic_path(path) as temporary, temporary.open("wb", buffering=1 << 20) as stream:
        tar = TarWriter(stream)
        for sample, image in zip(samples, images, strict=True):
            files = [(f"{sample.key}.{sample.extension}", image), (f"{sample.key}.json", sample.record)]
            if sample.caption is not None:  # readers of captions pass over an image without
                files.append((f"{sample.key}.txt", sample.caption.encode()))
            tar.add(files)
        digest = tar.end()
    return {"bytes": tar.size, "sha256": digest}


def _others(folder: Path, wanted: Container[str]) -> list[Path]:
    """Shards that are no longer any, and what a job that was killed left half-written."""
    return [
        path
        for path in folder.iterdir()
        if path.is_file()
        and (path.suffix == ".tar" or path.name.startswith("."))
        and path.name != _STATE
        and path.name not in wanted
    ]


def _write_changed(path: Path, text: str) -> None:
    """Write a text unless the file says the same: what depends on it is then not done again."""
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def _describe(folder: Path, source: _Source, state: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Write what lies beside the shards, the manifest last, and return it."""
    sizes = {file: len(scenes) for file, scenes in source.plan.items()}
    images = Counter(scene.split for scene in source.rows.scenes)
    extensions = sorted({kind or "png" for kind in source.kinds.values()})
    shards = [
        {
            "file": file,
            "split": scenes[0].split,
            "images": len(scenes),
            "bytes": state[file]["bytes"],
            "sha256": state[file]["sha256"],
        }
        for file, scenes in source.plan.items()
    ]
    manifest = {
        "format": FORMAT,
        "source": source.name,
        "images": len(source.rows.scenes),
        "extensions": extensions,
        "shards": shards,
        "digest": digest_json({shard["file"]: shard["sha256"] for shard in shards}),
    }
    _write_changed(folder / _STATE, _json(state))
    _write_changed(folder / "sizes.json", _json(sizes))
    _write_changed(folder / "README.md", shards_card({split: images[split] for split in SPLITS}, extensions))
    _write_changed(folder / "manifest.json", _json(manifest))
    return manifest


def write_shards(config: Config, source: str) -> dict[str, Any]:
    """Write one source's part of the built SAR-TEXT as WebDataset shards.

    ``results/P/sartext/shards/SOURCE`` then holds ``SPLIT-000000.tar`` and so on (see `shard_plan`): of each
    image ``KEY.png`` or ``KEY.jpg`` (the source's own file if it is an 8-bit PNG or a JPEG, else decoded),
    ``KEY.json`` (all that is known of it) and ``KEY.txt`` (its first caption, if any); ``sizes.json`` as
    open_clip reads it, a card for ``datasets``, and ``manifest.json``. KEY is that of `key_of`. A shard that
    is there and whole is kept; the bytes are the same however often the work was stopped.

    Args:
        config: the profile; SAR-TEXT must be built.
        source: a source's name.

    Returns:
        The manifest: format, source, images, extensions, shards (file, split, images, bytes, SHA-256) and
        the digest over all of them.

    Raises:
        UserError: SAR-TEXT is not built, the profile has no such source, or an image is missing or is
            another one than was ingested.
    """
    config.source(source)
    known = [one.name for one in sources_of(config, "sar")]
    if source not in known:
        raise UserError(f"source {source}: is none of SAR-TEXT's; expected one of {', '.join(known)}")
    own = _Source(config, source)
    folder = config.results / "sartext" / "shards" / source
    folder.mkdir(parents=True, exist_ok=True)
    before = _read_state(folder / _STATE)
    plans = {file: _plan_digest(own.samples(file)) for file in own.plan}
    state = {
        file: before[file] for file, plan in plans.items() if _is_whole(folder / file, before.get(file), plan)
    }
    missing, others = [file for file in plans if file not in state], _others(folder, plans)
    if missing or others:
        # no manifest may speak of shards that are being replaced
        (folder / "manifest.json").unlink(missing_ok=True)
    for path in others:
        path.unlink()
    for file in missing:
        samples = own.samples(file)
        images = read_images(
            [sample.scene for sample in samples],
            [sample.kind for sample in samples],
            [sample.digests for sample in samples],
            config.images,
        )
        tracked = track(images, f"shards of {source}: {file}", total=len(samples))
        state[file] = {"plan": plans[file], **_write_shard(folder / file, samples, tracked)}
        write_text(folder / _STATE, _json(state))
    return _describe(folder, own, state)
