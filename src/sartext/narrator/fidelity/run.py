"""Fidelity of a run's captions, by source and branch, and of captions from degraded annotations.

`measure_fidelity` writes one JSON file that depends on the run's files and config alone::

    {"profile": NAME,
     "settings": {"dominant_share", "large_share", "minor_share", "share_tolerance", "bootstrap_samples"},
     "rows": [{"source", "branch", "truth", "reason", "scenes", "captions", "unchecked", "kinds"}],
     "branches": [{"branch", "truth", "sources", "scenes", "captions", "unchecked", "kinds"}],
     "damage": [{"branch", "damage", "share", "truth", "scenes", "captions", "unchecked", "kinds"}]}

``kinds`` has ``class``, ``count``, ``place``, ``cover``, ``share`` and ``overall``, each ``{"precision":
RATIO, "recall": RATIO}``; RATIO is ``{"value", "low", "high", "n"}`` with a 95% bootstrap interval over
scenes, and null for all but n where n is 0: n counts the facts said that can be checked, or the true
facts. ``truth`` is ``simulated truth``, ``annotations`` or null; where it is null, ``kinds`` is null too
and ``reason`` says why.

Branches are ``a2c``, ``sa2c``, ``pair``, ``optical words`` (the captioner's own, before rewriting) and
``references`` (the simulator's true sentences: what they miss of precision 1 is the parser's error).
``branches`` pools the rows of a branch and a truth, and ``damage`` those of a branch that reads
annotations, first undamaged (``none``, share 0), then by `sartext.narrator.damage`.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sartext.core.config import Config, SourceConfig
from sartext.core.errors import UserError
from sartext.core.files import read_json, write_json
from sartext.core.progress import track
from sartext.core.records import Branch, Scene
from sartext.core.tables import by_scene, read_captions, read_scenes
from sartext.narrator.a2c import a2c
from sartext.narrator.damage import DAMAGES, Damage, damage_scene
from sartext.narrator.facts import same_thing
from sartext.narrator.fidelity.score import (
    SHARE_TOLERANCE,
    FidelityScore,
    Truth,
    score_captions,
    truth_of_record,
    truth_of_scene,
)
from sartext.narrator.sa2c import sa2c

SIMULATED, ANNOTATIONS = "simulated truth", "annotations"
OPTICAL_WORDS, REFERENCES = "optical words", "references"

_ANNOTATED: tuple[Branch, ...] = ("a2c", "sa2c")
_ORDER: tuple[Branch, ...] = ("a2c", "sa2c", "pair")
_NO_TRUTH = "real pairs have no annotation to check against"


@dataclass(frozen=True, slots=True)
class _Source:
    """One source of a run: its scenes, and the truth of those that have one."""

    name: str
    kind: str | None
    scenes: dict[str, Scene]
    truths: dict[str, Truth]
    references: dict[str, list[str]]
    labels: tuple[str, ...]
    covers: tuple[str, ...]


def _read_source(config: Config, entry: SourceConfig) -> _Source:
    scenes = {
        scene.scene_id: scene
        for scene in read_scenes(config.results / "scenes" / entry.name / "scenes.parquet")
    }
    labels = tuple(sorted({box.label for scene in scenes.values() for box in scene.boxes}))
    covers = tuple(sorted({label for scene in scenes.values() for label in scene.cover}))
    truths: dict[str, Truth] = {}
    references: dict[str, list[str]] = {}
    kind: str | None = None
    if config.simulator is not None and entry.name in config.simulator.sources:
        kind = SIMULATED
        path = Path("data") / "simulated" / config.profile / "truth" / f"{entry.name}.json"
        records = {
            record["scene_id"]: record
            for record in read_json(path, "the simulator's truth ('sartext simulate' writes it)")
        }
        for name in scenes:
            if name not in records:
                raise UserError(
                    f"{path}: knows no scene {name}; expected every image of {entry.name}: run the rules "
                    "'simulate' and 'ingest' again"
                )
            truths[name] = truth_of_record(records[name])
            references[name] = records[name].get("references", [])
    elif set(entry.branches) & set(_ANNOTATED):
        kind = ANNOTATIONS
        truths = {
            name: truth_of_scene(scene, labels, covers) for name, scene in scenes.items() if scene.annotated
        }
    return _Source(entry.name, kind, scenes, truths, references, labels, covers)


def _captions(config: Config, source: str, branch: Branch) -> dict[str, list[str]]:
    grouped = by_scene(read_captions(config.results / "captions" / f"{source}.{branch}.parquet"))
    return {scene_id: [record.caption for record in records] for scene_id, records in grouped.items()}


def _optical_words(config: Config, source: str) -> dict[str, list[str]]:
    path = config.results / "captions" / f"{source}.pair.csv"
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return {row["scene_id"]: [row["optical_caption"]] for row in csv.DictReader(stream)}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected both captions of each pair (narrate it)") from None
    except KeyError as error:
        raise UserError(f"{path}: no column {error}; expected scene_id,optical_caption,caption") from None


def _told(
    config: Config, source: _Source, branches: Sequence[Branch]
) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Yield (branch, captions by scene) of a source."""
    for branch in _ORDER:
        if branch in branches:
            yield branch, _captions(config, source.name, branch)
    if "pair" in branches:
        yield OPTICAL_WORDS, _optical_words(config, source.name)
    if any(source.references.values()):
        yield REFERENCES, source.references


def _entry(config: Config, score: FidelityScore) -> dict[str, Any]:
    return {
        "scenes": score.scenes,
        "captions": score.captions,
        "unchecked": score.unchecked,
        "kinds": score.kinds(config.evaluation.bootstrap_samples),
    }


def _row(
    config: Config, source: _Source, branch: str, captions: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], FidelityScore | None]:
    """One entry of ``rows``, and its score where there is a truth for this branch."""
    head = {"source": source.name, "branch": branch}
    if source.kind is None or (source.kind == ANNOTATIONS and branch not in _ANNOTATED):
        nothing = {"scenes": 0, "captions": 0, "unchecked": 0, "kinds": None}
        return {**head, "truth": None, "reason": _NO_TRUTH, **nothing}, None
    score = score_captions(
        ((truth, captions.get(name, ())) for name, truth in source.truths.items()), config.narrator
    )
    return {**head, "truth": source.kind, "reason": "", **_entry(config, score)}, score


def _damaged(
    config: Config, source: _Source, branch: str, labels: Sequence[str]
) -> Iterator[tuple[Damage, float, FidelityScore]]:
    """Narrate a source from each degraded annotation, and score that against its truth."""
    say = a2c if branch == "a2c" else sa2c
    for damage in DAMAGES:
        for share in config.narrator.damage:
            scenes = (
                (truth, damage_scene(source.scenes[name], damage, share, labels, config.seed))
                for name, truth in source.truths.items()
            )
            told = ((truth, say(scene, config.narrator, config.seed)) for truth, scene in scenes)
            yield damage, share, score_captions(told, config.narrator)


def measure_fidelity(config: Config, out: Path) -> None:
    """Score every caption of a run whose truth is known, and write ``out`` (JSON, see the module).

    Of simulated sources the truth is the simulator's, of all branches; of real ones it is their annotation,
    of the branches that read it.

    Args:
        config: the profile; its sources must be ingested and narrated.
        out: the file to write.

    Raises:
        UserError: a table, the truth or the csv of the pairs is missing or does not fit.
    """
    rows: list[dict[str, Any]] = []
    pooled: dict[tuple[str, str], tuple[list[str], FidelityScore]] = {}
    damaged: dict[tuple[str, str, str, float], FidelityScore] = {}
    entries = [entry for entry in config.sources if entry.modality == "sar" and entry.branches]
    sources = [_read_source(config, entry) for entry in entries]
    every = {
        "a2c": sorted({label for source in sources for label in source.labels}),
        "sa2c": sorted({label for source in sources for label in source.covers}),
    }
    for entry, source in track(list(zip(entries, sources, strict=True)), "measure fidelity"):
        for branch, captions in _told(config, source, entry.branches):
            row, score = _row(config, source, branch, captions)
            rows.append(row)
            if score is None or source.kind is None:
                continue
            names, total = pooled.setdefault((branch, source.kind), ([], FidelityScore()))
            names.append(source.name)
            total.merge(score)
            if branch in _ANNOTATED:
                own = source.labels if branch == "a2c" else source.covers
                damaged.setdefault((branch, source.kind, "none", 0.0), FidelityScore()).merge(score)
                wide = own if len(set(map(same_thing, own))) > 1 else every[branch]
                for damage, share, worse in _damaged(config, source, branch, wide):
                    damaged.setdefault((branch, source.kind, damage, share), FidelityScore()).merge(worse)
    write_json(
        out,
        {
            "profile": config.profile,
            "settings": {
                "dominant_share": config.narrator.dominant_share,
                "large_share": config.narrator.large_share,
                "minor_share": config.narrator.minor_share,
                "share_tolerance": SHARE_TOLERANCE,
                "bootstrap_samples": config.evaluation.bootstrap_samples,
            },
            "rows": rows,
            "branches": [
                {"branch": branch, "truth": kind, "sources": names, **_entry(config, score)}
                for (branch, kind), (names, score) in pooled.items()
            ],
            "damage": [
                {"branch": branch, "damage": damage, "share": share, "truth": kind, **_entry(config, score)}
                for (branch, kind, damage, share), score in damaged.items()
            ],
        },
    )
