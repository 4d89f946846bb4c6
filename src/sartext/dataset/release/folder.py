"""The folder of a version: tables and exports under released names, what is told of them, and shards."""

import csv
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sartext.core.config import Config, SourceConfig
from sartext.core.errors import UserError
from sartext.core.files import digest_json, list_files, read_json, sha256_file, write_json, write_text
from sartext.core.progress import track
from sartext.core.records import SPLITS, Caption, Question, Scene
from sartext.core.tables import by_scene, read_captions, read_questions, read_scenes, write_records
from sartext.dataset.about.licences import licence_of
from sartext.dataset.exports import shard_names, shards_card, write_exports, write_shards
from sartext.dataset.release.built import COPIED, STATISTICS, check_about, read_audits
from sartext.dataset.release.changes import HASHES
from sartext.dataset.release.code import code_of_build
from sartext.dataset.release.names import (
    check_machine_paths,
    released_captions,
    released_questions,
    released_scenes,
    released_statistics,
)
from sartext.dataset.release.notes import count

VERSION_FILE, CHANGES_FILE, CROISSANT = "VERSION.json", "CHANGES.md", "croissant.json"
# these name the version, so they are no part of what tells one content from another
NAMING = (VERSION_FILE, CHANGES_FILE, CROISSANT)
_COLUMNS = ("scene_id", "sha256", "phash", "twin_sha256", "twin_phash")


def content_digest(files: Mapping[str, str]) -> str:
    """Return the name of a content from the digests of its files, whatever version they are released as."""
    return digest_json({name: digest for name, digest in files.items() if name not in NAMING})


@dataclass
class Contents:
    """What a version holds.

    Attributes:
        counts: see `notes.count`.
        held: names of the sources whose images are in it.
        withheld: the others: name, title, licence, how to obtain them, why, and how many images it concerns;
            and captions and questions of the source's own that were left out.
        code: see `code.code_of_build`.
        files: digests of its files, by path.
    """

    counts: dict[str, Any]
    held: list[str] = field(default_factory=list)
    withheld: list[dict[str, Any]] = field(default_factory=list)
    code: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A name for the content, whatever version it is released as."""
        return content_digest(self.files)


def _write_hashes(config: Config, scenes: Sequence[Scene], path: Path) -> None:
    """Digests of the images' pixels: whoever has a source can tell whether it is the same one."""
    wanted = {scene.scene_id for scene in scenes}
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for source in sorted({scene.source for scene in scenes}):
            file = config.results / "scenes" / source / HASHES
            if not file.is_file():
                raise UserError(f"{file}: no such file; ingest {source} again")
            with file.open(encoding="utf-8", newline="") as stream:
                for row in csv.DictReader(stream):
                    if row.get("scene_id") in wanted:
                        wanted.discard(row["scene_id"])
                        writer.writerow([row.get(column) or "" for column in _COLUMNS])
    if wanted:
        first = min(wanted)
        raise UserError(f"{first}: no line of {HASHES} of its source; ingest {first.partition('/')[0]} again")


def _place(path: Path, target: Path) -> None:
    """Put a file into the release without its bytes being written again, where the disk allows that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def _place_shards(config: Config, sources: Sequence[str], folder: Path) -> None:
    """Put the shards of sources into a folder; what is not of the tables as they are is made anew first."""
    images: Counter[str] = Counter()
    extensions: set[str] = set()
    for source in sources:
        manifest = write_shards(config, source)
        built = config.results / "sartext" / "shards" / source
        extensions.update(manifest["extensions"])
        for name in ("manifest.json", "sizes.json", "README.md"):
            _place(built / name, folder / source / name)
        for shard in manifest["shards"]:
            images[shard["split"]] += shard["images"]
            _place(built / shard["file"], folder / source / shard["file"])
    if sources:
        counts = {split: images[split] for split in SPLITS}
        write_text(folder / "README.md", shards_card(counts, sorted(extensions), "*/"))


def _withheld(config: Config, source: SourceConfig, images: int) -> dict[str, Any]:
    return {
        "source": source.name,
        "title": source.title,
        "licence": licence_of(config, source),
        "obtain": source.obtain,
        "images": images,
        "reason": "texts only" if source.redistribute else "licence",
    }


def _by_source(records: Iterable[Caption | Question]) -> Counter[str]:
    return Counter(record.scene_id.partition("/")[0] for record in records)


def _write_texts(
    folder: Path,
    scenes: Sequence[Scene],
    captions: Sequence[Caption],
    questions: Sequence[Question],
    shards: Mapping[str, str],
) -> None:
    write_records(folder / "scenes.parquet", scenes, Scene)
    write_records(folder / "captions.parquet", captions, Caption)
    write_records(folder / "questions.parquet", questions, Question)
    asked: dict[str, list[Question]] = {}
    for question in questions:
        asked.setdefault(question.scene_id, []).append(question)
    write_exports(folder / "exports", scenes, by_scene(captions), asked, shards=shards)


def write_contents(config: Config, folder: Path, texts_only: bool) -> Contents:
    """Fill the folder of a version with all but what names the version.

    Args:
        config: the profile, built whole.
        folder: an empty folder.
        texts_only: whether images are left out of every source.

    Returns:
        What it holds.

    Raises:
        UserError: a part of the build is missing, is of another one, or was made by other code.
    """
    built = config.results / "sartext"
    audits = read_audits(config)
    check_about(built)
    scenes = read_scenes(built / "scenes.parquet")
    said, asked = read_captions(built / "captions.parquet"), read_questions(built / "questions.parquet")
    told = released_scenes(config, scenes)
    captions, questions = released_captions(config, said), released_questions(config, asked, scenes)
    images = Counter(scene.source for scene in scenes)
    sources = [source for source in config.sources if images[source.name]]
    held = [] if texts_only else [source.name for source in sources if source.redistribute]
    contents = Contents(
        count(told, captions, questions),
        held,
        [_withheld(config, source, images[source.name]) for source in sources if source.name not in held],
    )
    contents.code = code_of_build(config, held)
    left = {"captions": _by_source(said) - _by_source(captions)}
    left["questions"] = _by_source(asked) - _by_source(questions)
    for entry in contents.withheld:
        entry |= {what: counts[entry["source"]] for what, counts in left.items()}
    _place_shards(config, held, folder / "shards")
    shards = shard_names(config, (scene for scene in scenes if scene.source in held))
    _write_texts(folder, told, captions, questions, shards)
    _write_hashes(config, scenes, folder / HASHES)
    for name in COPIED:
        shutil.copyfile(built / name, folder / name)
    write_json(folder / STATISTICS, released_statistics(config, read_json(built / STATISTICS)))
    for name, audit in audits.items():
        write_json(folder / "audit" / f"{name}.json", audit)
    files = list_files(folder)
    check_machine_paths(folder, files, config)
    contents.files = {path.as_posix(): sha256_file(folder / path) for path in track(files, "digests")}
    return contents
