"""Statistics, datasheet and Croissant metadata beside the tables of a built SAR-TEXT."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import read_json, sha256_file, write_json, write_text
from sartext.core.records import Caption, Question
from sartext.core.tables import by_scene, read_captions, read_questions, read_scenes
from sartext.dataset.about.comparison import comparison
from sartext.dataset.about.composition import About
from sartext.dataset.about.croissant import croissant
from sartext.dataset.about.datasheet import datasheet
from sartext.dataset.about.examples import worked_examples
from sartext.dataset.about.statistics import statistics
from sartext.dataset.merge import sources_of

_COLUMNS = ["scene_id", "reason", "other"]


def _dropped(path: Path) -> Iterator[tuple[str, str]]:
    """Yield source and reason of each image that was left out."""
    try:
        stream = path.open(encoding="utf-8", newline="")
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; expected the images left out ('sartext build --part sartext' writes it)"
        ) from None
    with stream:
        reader = csv.DictReader(stream)
        if reader.fieldnames != _COLUMNS:
            raise UserError(
                f"{path}: expected the columns {_COLUMNS}, found {reader.fieldnames}; build again"
            )
        for row in reader:
            yield row["scene_id"].split("/", 1)[0], row["reason"]


def _left_out(folder: Path) -> dict[str, Any]:
    """Count images left out by reason, also by source, and captions left out by source and reason."""
    reasons: Counter[str] = Counter()
    by_source: dict[str, Counter[str]] = {}
    for source, reason in _dropped(folder / "dropped.csv"):
        reasons[reason] += 1
        by_source.setdefault(source, Counter())[reason] += 1
    path = folder / "texts.json"
    texts = read_json(path, "counts of captions left out ('sartext build --part sartext' writes it)")
    try:
        captions = {name: dict(sorted(entry["dropped"].items())) for name, entry in sorted(texts.items())}
    except (AttributeError, KeyError, TypeError):
        raise UserError(
            f"{path}: expected a source to its 'kept' and 'dropped' captions; build again"
        ) from None
    return {
        "dropped": dict(sorted(reasons.items())),
        "dropped_by_source": {name: dict(sorted(of.items())) for name, of in sorted(by_source.items())},
        "dropped_captions": captions,
    }


def _about(config: Config, found: dict[str, Any]) -> About:
    summaries = {}
    for source in sources_of(config, "sar"):
        path = config.results / "scenes" / source.name / "summary.json"
        summaries[source.name] = read_json(
            path, f"the ingest's summary ('sartext ingest {source.name}' writes it)"
        )
    path = config.results / "audit" / "sartext.json"
    audit = read_json(path) if path.is_file() else None
    if audit is not None and audit.get("scenes") != sha256_file(
        config.results / "sartext" / "scenes.parquet"
    ):
        raise UserError(f"{path}: scenes: of another table than the one built now; run 'sartext audit' again")
    return About(config, found, summaries, audit)


def _check_known(path: Path, known: set[str], records: Sequence[Caption] | Sequence[Question]) -> None:
    unknown = next((record.scene_id for record in records if record.scene_id not in known), None)
    if unknown is not None:
        raise UserError(f"{path}: {unknown}: no such image in scenes.parquet beside it; build again")


def write_about(config: Config) -> None:
    """Write what is told of a built SAR-TEXT into ``results/P/sartext``.

    ``statistics.json`` holds what `statistics` returns, ``dropped`` (images by reason),
    ``dropped_by_source``, ``dropped_captions`` (by source and reason), ``examples`` (see `worked_examples`)
    and ``comparison`` (see `comparison`). ``datasheet.md`` and ``croissant.json`` are written beside it. The
    datasheet tells of the leakage audit if ``results/P/audit/sartext.json`` is there.

    Args:
        config: the profile; its SAR-TEXT must be built.

    Raises:
        UserError: a table, summary or count is missing or broken.
    """
    folder = config.results / "sartext"
    scenes = read_scenes(folder / "scenes.parquet")
    captions = read_captions(folder / "captions.parquet")
    questions = read_questions(folder / "questions.parquet")
    known = {scene.scene_id for scene in scenes}
    _check_known(folder / "captions.parquet", known, captions)
    _check_known(folder / "questions.parquet", known, questions)
    found = {**statistics(scenes, captions, questions), **_left_out(folder)}
    found["examples"] = worked_examples(config, scenes, by_scene(captions))
    found["comparison"] = comparison(found)
    sheet = datasheet(_about(config, found))
    metadata = croissant(folder, config)
    write_json(folder / "statistics.json", found)
    write_text(folder / "datasheet.md", sheet)
    write_json(folder / "croissant.json", metadata)
