"""Stage 1: the optical sources' own captions and dialogues."""

from collections import Counter

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import write_json
from sartext.core.records import QUESTION_TYPES, Caption, Question, Scene
from sartext.core.tables import write_records
from sartext.dataset.likeness.duplicates import richness_of
from sartext.dataset.merge import captions_of, sources_of
from sartext.dataset.parts import Dropped, by_split, gather, keep, reasons, write_dropped, write_leaks
from sartext.dataset.questions.dialogues import dialogue_questions


def build_stage1(config: Config, with_benchmark: bool = True) -> None:
    """Build the optical training texts in ``results/P/stage1``: tables, summary, dropped scenes, leaks found.

    Captions and questions are cleaned; images without either, those that coincide with a test image or its
    optical twin, and repeated images are dropped and listed in ``dropped.csv``.

    Args:
        config: the profile; all its sources must be ingested.
        with_benchmark: whether training images are checked against the frozen benchmark too.

    Raises:
        UserError: an input is missing, or no training image is left.
    """
    sources = sources_of(config, "optical")
    if not sources:
        raise UserError(
            f"{config.profile}: sources: none is optical; stage 1 needs captions of optical images"
        )
    gathered = gather(config, with_benchmark)
    said = {source.name: captions_of(config, source, gathered.scenes[source.name]) for source in sources}
    captions = {scene_id: own for one in said.values() for scene_id, own in one.captions.items()}
    scenes = [scene for source in sources for scene in gathered.scenes[source.name]]
    questions = {scene.scene_id: dialogue_questions(scene) for scene in scenes}
    rich = richness_of(scenes, captions, questions)
    dropped: list[Dropped] = []
    kept = keep(gathered, scenes, rich, dropped, "stage 1")
    folder = config.results / "stage1"
    told = [caption for scene in kept.scenes for caption in captions.get(scene.scene_id, ())]
    asked = [question for scene in kept.scenes for question in questions[scene.scene_id]]
    write_records(folder / "scenes.parquet", kept.scenes, Scene)
    write_records(folder / "captions.parquet", told, Caption)
    write_records(folder / "questions.parquet", asked, Question)
    write_dropped(folder / "dropped.csv", dropped)
    write_leaks(folder / "leaks.json", kept.leaks)
    by_source = {}
    for source in sources:
        own = [scene for scene in kept.scenes if scene.source == source.name]
        by_source[source.name] = {
            "images": by_split(own),
            "captions": sum(len(captions.get(scene.scene_id, ())) for scene in own),
            "questions": sum(len(questions[scene.scene_id]) for scene in own),
            "captions_dropped": said[source.name].record()["dropped"],
        }
    kinds = Counter(question.type for question in asked)
    write_json(
        folder / "summary.json",
        {
            "images": by_split(kept.scenes),
            "captions": len(told),
            "questions": len(asked),
            "questions_by_type": {kind: kinds[kind] for kind in QUESTION_TYPES},
            "by_source": by_source,
            "dropped": reasons(dropped),
            "benchmark": gathered.version,
        },
    )
