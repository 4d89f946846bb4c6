"""SAR-TEXT: scenes of the SAR sources with what the narrator said of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sartext.core.config import Config, SourceConfig
from sartext.core.errors import UserError
from sartext.core.files import read_json, write_json
from sartext.core.records import BRANCHES, Caption, Question, Scene
from sartext.core.tables import by_scene, read_captions, read_scenes, write_records
from sartext.dataset.about.statistics import statistics
from sartext.dataset.exports import write_exports
from sartext.dataset.likeness.leakage import verify_clean
from sartext.dataset.parts import (
    Dropped,
    Gathered,
    gather,
    keep,
    leak_report,
    reasons,
    sources_of,
    write_dropped,
)
from sartext.dataset.questions import questions_for
from sartext.dataset.text import clean_caption

_BOXES = ("coco", "voc", "yolo", "dota")


def annotated_classes(source: SourceConfig) -> tuple[list[str] | None, list[str] | None]:
    """Return the classes that a source annotates as objects and as land cover; None where it does not say."""
    if source.format in _BOXES:
        return (sorted({str(name) for name in source.classes.values()}) or None), None
    if source.format != "mask":
        return None, None
    if source.layout.get("mask_kind") == "instance":
        label = source.layout.get("mask_class", "")
        return ([label] if label else None), None
    boxed = [name.strip() for name in source.layout.get("mask_boxes", "").split(",") if name.strip()]
    return (boxed or None), sorted(source.classes)


def merged_captions(config: Config, sources: Sequence[SourceConfig]) -> dict[str, list[Caption]]:
    """Return the cleaned captions of all branches by scene id, each text once a scene.

    Raises:
        UserError: a branch was not narrated, or captions are of scenes that are not there.
    """
    merged: dict[str, list[Caption]] = {}
    for source in sources:
        scenes = read_scenes(config.results / "scenes" / source.name / "scenes.parquet")
        known = {scene.scene_id for scene in scenes}
        for branch in sorted(source.branches, key=BRANCHES.index):
            path = config.results / "captions" / f"{source.name}.{branch}.parquet"
            for scene_id, records in by_scene(read_captions(path)).items():
                if scene_id not in known:
                    raise UserError(f"{path}: {scene_id}: no such scene; narrate {source.name} again")
                said = merged.setdefault(scene_id, [])
                for record in records:
                    text = clean_caption(record.caption)
                    if text and all(text != other.caption for other in said):
                        said.append(Caption(scene_id, record.branch, text))
    return merged


def _questions(config: Config, scenes: Sequence[Scene]) -> dict[str, list[Question]]:
    asked = {}
    for scene in scenes:
        objects, covers = annotated_classes(config.source(scene.source))
        asked[scene.scene_id] = questions_for(
            scene, config.dataset.questions_per_image, config.seed, objects, covers
        )
    return asked


def _check_stage1(config: Config, gathered: Gathered) -> dict[str, Any]:
    """Check the built stage 1 against all test images once more and return its report."""
    folder = config.results / "stage1"
    scenes = [scene for scene in read_scenes(folder / "scenes.parquet") if scene.split != "test"]
    unknown = next((scene.scene_id for scene in scenes if scene.scene_id not in gathered.prints), None)
    if unknown is not None:
        raise UserError(f"{folder / 'scenes.parquet'}: {unknown}: no such scene; build stage 1 again")
    verify_clean(gathered.tests(), gathered.of(scenes), config.dataset.phash_distance, "stage 1")
    summary = read_json(
        folder / "summary.json", "stage 1's summary ('sartext build --part stage1' writes it)"
    )
    report: dict[str, Any] = summary["leakage"]
    return report


def _leakage(stages: Mapping[str, dict[str, Any]], gathered: Gathered) -> dict[str, Any]:
    return {
        "benchmark": gathered.version,
        "benchmark_images": len(gathered.benchmark),
        "tests": len(gathered.tests()),
        "checked": sum(report["checked"] for report in stages.values()),
        "pairs": [
            {"stage": name, **pair} for name, report in sorted(stages.items()) for pair in report["pairs"]
        ],
        "dropped": sum(report["dropped"] for report in stages.values()),
        "remaining": sum(report["remaining"] for report in stages.values()),
        "stages": dict(stages),
    }


def build_sartext(config: Config, with_benchmark: bool = True) -> None:
    """Build SAR-TEXT from everything narrated: tables, statistics, leakage report and exports.

    Writes ``results/P/sartext/{scenes,captions,questions}.parquet``, ``statistics.json``, ``leakage.json``,
    ``dropped.csv`` and ``exports/``. Where one image is in a test split and in another source's training
    split, the test split wins.

    Args:
        config: the profile; its sources must be ingested and narrated, and stage 1 built.
        with_benchmark: whether training images are checked against the frozen benchmark too.

    Raises:
        UserError: an input is missing, no training image is left, or an image that leaks could not be
            dropped.
    """
    sources = sources_of(config, "sar")
    if not sources:
        raise UserError(
            f"{config.profile}: sources: none is SAR with 'branches'; SAR-TEXT needs one to narrate"
        )
    gathered = gather(config, with_benchmark)
    captions = merged_captions(config, sources)
    scenes = [scene for source in sources for scene in gathered.scenes[source.name]]
    dropped: list[Dropped] = []
    counts = {scene_id: len(said) for scene_id, said in captions.items()}
    kept = keep(config, gathered, scenes, counts, dropped, "SAR-TEXT")
    stages = {
        "sartext": leak_report(kept.leaks, kept.checked, len(gathered.tests())),
        "stage1": _check_stage1(config, gathered),
    }
    questions = _questions(config, kept.scenes)
    said = [caption for scene in kept.scenes for caption in captions[scene.scene_id]]
    asked = [question for scene in kept.scenes for question in questions[scene.scene_id]]
    folder = config.results / "sartext"
    write_records(folder / "scenes.parquet", kept.scenes, Scene)
    write_records(folder / "captions.parquet", said, Caption)
    write_records(folder / "questions.parquet", asked, Question)
    write_json(
        folder / "statistics.json",
        {**statistics(kept.scenes, said, asked), "dropped": reasons(dropped)},
    )
    write_json(folder / "leakage.json", _leakage(stages, gathered))
    write_dropped(folder / "dropped.csv", dropped)
    write_exports(folder / "exports", kept.scenes, captions, questions)
