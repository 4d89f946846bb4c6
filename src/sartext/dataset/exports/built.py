"""The exports of a profile's built SAR-TEXT."""

from sartext.core.config import Config
from sartext.core.files import write_manifest
from sartext.core.records import Question
from sartext.core.tables import by_scene, read_captions, read_questions, read_scenes
from sartext.dataset.exports.keys import shard_names
from sartext.dataset.exports.tables import write_exports


def write_built_exports(config: Config) -> None:
    """Write ``results/P/sartext/exports`` and, when it is whole, its digests into ``exports.json`` beside it.

    Args:
        config: the profile; its SAR-TEXT must be built.

    Raises:
        UserError: a table is missing or broken.
    """
    folder = config.results / "sartext"
    manifest = folder / "exports.json"
    manifest.unlink(missing_ok=True)
    scenes = read_scenes(folder / "scenes.parquet")
    captions = by_scene(read_captions(folder / "captions.parquet"))
    questions: dict[str, list[Question]] = {}
    for question in read_questions(folder / "questions.parquet"):
        questions.setdefault(question.scene_id, []).append(question)
    shards = shard_names(config, scenes)
    write_exports(folder / "exports", scenes, captions, questions, shards=shards)
    write_manifest(folder / "exports", manifest)
