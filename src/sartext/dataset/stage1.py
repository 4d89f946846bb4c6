"""Stage 1: the optical sources' own captions and dialogues."""

from collections import Counter

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import write_json
from sartext.core.records import QUESTION_TYPES, Caption, Question, Scene
from sartext.core.tables import write_records
from sartext.dataset.parts import (
    Dropped,
    by_split,
    gather,
    keep,
    leak_report,
    reasons,
    sources_of,
    write_dropped,
)
from sartext.dataset.questions.dialogues import dialogue_questions
from sartext.dataset.text import clean_caption


def given_captions(scene: Scene) -> list[Caption]:
    """Return the captions that a source gives of a scene, cleaned, each text once."""
    texts = dict.fromkeys(clean_caption(text) for text in scene.captions)
    return [Caption(scene.scene_id, "given", text) for text in texts if text]


def build_stage1(config: Config, with_benchmark: bool = True) -> None:
    """Build the optical training texts: tables, summary and dropped scenes in ``results/P/stage1``.

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
    scenes = [scene for source in sources for scene in gathered.scenes[source.name]]
    captions = {scene.scene_id: given_captions(scene) for scene in scenes}
    questions = {scene.scene_id: dialogue_questions(scene) for scene in scenes}
    texts = {scene_id: len(captions[scene_id]) + len(questions[scene_id]) for scene_id in captions}
    dropped: list[Dropped] = []
    kept = keep(config, gathered, scenes, texts, dropped, "stage 1")
    folder = config.results / "stage1"
    said = [caption for scene in kept.scenes for caption in captions[scene.scene_id]]
    asked = [question for scene in kept.scenes for question in questions[scene.scene_id]]
    write_records(folder / "scenes.parquet", kept.scenes, Scene)
    write_records(folder / "captions.parquet", said, Caption)
    write_records(folder / "questions.parquet", asked, Question)
    write_dropped(folder / "dropped.csv", dropped)
    kinds = Counter(question.type for question in asked)
    write_json(
        folder / "summary.json",
        {
            "images": by_split(kept.scenes),
            "captions": len(said),
            "questions": len(asked),
            "questions_by_type": {kind: kinds[kind] for kind in QUESTION_TYPES},
            "by_source": {
                source.name: {
                    "images": by_split(scene for scene in kept.scenes if scene.source == source.name),
                    "captions": sum(
                        len(captions[scene.scene_id]) for scene in kept.scenes if scene.source == source.name
                    ),
                    "questions": sum(
                        len(questions[scene.scene_id]) for scene in kept.scenes if scene.source == source.name
                    ),
                }
                for source in sources
            },
            "dropped": reasons(dropped),
            "benchmark": gathered.version,
            "leakage": leak_report(kept.leaks, kept.checked, len(gathered.tests())),
        },
    )
