"""SAR-TEXT: scenes of the SAR sources with what the narrator, or the source itself, says of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sartext.core.config import Config, SourceConfig
from sartext.core.errors import UserError
from sartext.core.files import write_json
from sartext.core.records import Caption, Question, Scene
from sartext.core.tables import write_records
from sartext.dataset.likeness.duplicates import richness_of
from sartext.dataset.merge import captions_of, sources_of
from sartext.dataset.parts import Dropped, gather, keep, write_dropped, write_leaks
from sartext.dataset.questions import ask
from sartext.dataset.questions.dialogues import dialogue_questions
from sartext.dataset.questions.reach import reached

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


def _questions(
    config: Config,
    kept: Sequence[Scene],
    every: Sequence[Scene],
    own: Mapping[str, list[Question]],
) -> dict[str, list[Question]]:
    """A scene's questions: those of its own dialogue where it has some, else asked of its annotation."""
    classes = {source.name: annotated_classes(source) for source in config.sources}
    silent = [scene for scene in kept if not own[scene.scene_id]]
    limit = config.dataset.questions_per_image
    asked = ask(silent, limit, config.seed, lambda scene: classes[scene.source], reached(every))
    return asked | {scene.scene_id: own[scene.scene_id] for scene in kept if own[scene.scene_id]}


def build_sartext(config: Config, with_benchmark: bool = True) -> None:
    """Build SAR-TEXT from everything narrated.

    Writes into ``results/P/sartext``: ``{scenes,captions,questions}.parquet``, ``dropped.csv`` (scenes and
    why), ``leaks.json`` (which training images coincided with test images) and ``texts.json`` (captions kept
    and dropped). Where one image is in a test split and in another source's training split, the test split
    wins.

    Args:
        config: the profile; its sources must be ingested and narrated.
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
    texts: dict[str, Any] = {}
    captions: dict[str, list[Caption]] = {}
    for source in sources:
        said = captions_of(config, source, gathered.scenes[source.name])
        texts[source.name] = said.record()
        captions |= said.captions
    scenes = [scene for source in sources for scene in gathered.scenes[source.name]]
    own = {scene.scene_id: dialogue_questions(scene) for scene in scenes}
    rich = richness_of(scenes, captions, own)
    dropped: list[Dropped] = []
    kept = keep(gathered, scenes, rich, dropped, "SAR-TEXT")
    questions = _questions(config, kept.scenes, scenes, own)
    folder = config.results / "sartext"
    write_records(folder / "scenes.parquet", kept.scenes, Scene)
    write_records(
        folder / "captions.parquet",
        [caption for scene in kept.scenes for caption in captions.get(scene.scene_id, ())],
        Caption,
    )
    write_records(
        folder / "questions.parquet",
        [question for scene in kept.scenes for question in questions.get(scene.scene_id, ())],
        Question,
    )
    write_json(folder / "texts.json", texts)
    write_leaks(folder / "leaks.json", kept.leaks)
    write_dropped(folder / "dropped.csv", dropped)
