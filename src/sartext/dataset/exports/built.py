"""The exports of a profile's built SAR-TEXT."""

from dataclasses import replace

from sartext.core.config import Config
from sartext.core.files import atomic_folder, write_manifest
from sartext.core.records import Question
from sartext.core.tables import by_scene, read_captions, read_questions, read_scenes
from sartext.dataset.exports.images import draw_images
from sartext.dataset.exports.keys import shard_names
from sartext.dataset.exports.tables import write_exports


def write_built_exports(config: Config) -> None:
    """Write ``results/P/sartext/exports`` and, when it is whole, its digests into ``exports.json`` beside it.

    The folder is replaced as a whole, or left as it was. An image that is an 8-bit PNG or a JPEG is called by
    its path from the project's root; of any other one ``exports/images`` holds an 8-bit copy as the models
    see it, which all exports name.

    Args:
        config: the profile; its SAR-TEXT must be built.

    Raises:
        UserError: a table is missing or broken, or an image is missing or is another one than was ingested.
    """
    built = config.results / "sartext"
    folder, manifest = built / "exports", built / "exports.json"
    manifest.unlink(missing_ok=True)
    scenes = read_scenes(built / "scenes.parquet")
    captions = by_scene(read_captions(built / "captions.parquet"))
    questions: dict[str, list[Question]] = {}
    for question in read_questions(built / "questions.parquet"):
        questions.setdefault(question.scene_id, []).append(question)
    with atomic_folder(folder) as temporary:
        drawn = draw_images(config, scenes, temporary / "images")
        told = [
            replace(scene, image=(folder / "images" / drawn[scene.scene_id]).as_posix())
            if scene.scene_id in drawn
            else scene
            for scene in scenes
        ]
        write_exports(temporary, told, captions, questions, shard_names(config, scenes))
    write_manifest(folder, manifest)
