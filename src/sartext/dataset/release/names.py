"""What a release calls images, and what it says of those that it may not pass on.

A scene of a source whose terms let nobody pass its images on keeps what is ours: its name, size, split, what
the narrator wrote and our questions. The source's own boxes, shares, captions and dialogues are left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.records import Caption, Question, Scene
from sartext.dataset.questions.dialogues import dialogue_questions


def _name(scene: Scene, below: str, what: str) -> str:
    name = f"{scene.source}/{below}"
    if any(part in ("", ".", "..") for part in name.split("/")) or "\\" in name or not name.isprintable():
        raise UserError(
            f"{scene.scene_id}: {what}: {name!r:.200} is no name below a folder; "
            "rename the file and ingest again"
        )
    return name


def _twin_name(config: Config, scene: Scene, twin: str) -> str:
    """A twin's name by where it lies below its source, which no other image of the source can have."""
    tiles = config.results / "tiles" / scene.source
    for root in (config.source(scene.source).folder, tiles, config.results / "unpacked" / scene.source):
        if PurePosixPath(twin).is_relative_to(root.as_posix()):
            below = PurePosixPath(twin).relative_to(root.as_posix())
            if root == tiles:
                # the folder between is named by the bytes of all tiles
                below = PurePosixPath(*below.parts[1:])
            return _name(scene, below.as_posix(), "twin")
    raise UserError(f"{scene.scene_id}: twin: {twin} is not below the folder of its source; ingest it again")


def released_scenes(config: Config, scenes: Sequence[Scene]) -> list[Scene]:
    """Return scenes as a release has them: images are called ``SOURCE/STEM.ext``, wherever they lie here.

    STEM is the file's path below the source's folder, as in the scene's id, so that whoever has the source
    finds the file. Twins are called alike.

    Args:
        config: the profile.
        scenes: the built scenes.

    Raises:
        UserError: two images would have one name, or a name is none.
    """
    withheld = _withheld(config)
    released, names = [], dict[str, str]()
    for scene in scenes:
        below = scene.scene_id.removeprefix(f"{scene.source}/") + PurePosixPath(scene.image).suffix
        image = _name(scene, below, "image")
        twin = None if scene.twin is None else _twin_name(config, scene, scene.twin)
        for name, path in ((image, scene.image), (twin, scene.twin)):
            if name is not None and names.setdefault(name, str(path)) != path:
                raise UserError(
                    f"{scene.scene_id}: {path} and {names[name]} would both be called {name}; "
                    "rename one of them"
                )
        told = replace(scene, image=image, twin=twin)
        if scene.source in withheld:
            told = replace(told, boxes=(), cover={}, captions=(), dialogue=())
        released.append(told)
    return released


def _withheld(config: Config) -> set[str]:
    return {source.name for source in config.sources if not source.redistribute}


def released_captions(config: Config, captions: Iterable[Caption]) -> list[Caption]:
    """Return the captions that a release may hold: all but those that a withheld source itself gives."""
    withheld = _withheld(config)
    return [
        caption
        for caption in captions
        if caption.branch != "given" or caption.scene_id.partition("/")[0] not in withheld
    ]


def released_questions(
    config: Config, questions: Iterable[Question], scenes: Iterable[Scene]
) -> list[Question]:
    """Return the questions that a release may hold: all but those of a withheld source's own dialogues.

    Args:
        config: the profile.
        questions: the built questions.
        scenes: the built scenes, with the dialogues of their sources.
    """
    withheld = _withheld(config)
    theirs = {
        (asked.scene_id, asked.question)
        for scene in scenes
        if scene.source in withheld and scene.dialogue
        for asked in dialogue_questions(scene)
    }
    return [question for question in questions if (question.scene_id, question.question) not in theirs]


def released_statistics(config: Config, found: dict[str, Any]) -> dict[str, Any]:
    """Return the statistics without the worked examples of sources whose annotations are not passed on."""
    withheld = _withheld(config)
    examples = {
        branch: example
        for branch, example in found.get("examples", {}).items()
        if example["source"] not in withheld
    }
    return {**found, "examples": examples}


def check_machine_paths(folder: Path, files: Iterable[Path], config: Config) -> None:
    """Check that no text of a release names a folder of the machine that it is made on.

    Args:
        folder: the release.
        files: its files, relative to it; tables and shards are made of scenes and hold names only.
        config: the profile, whose sources may lie anywhere.

    Raises:
        UserError: a file does; it is named.
    """
    roots = [source.folder for source in config.sources if source.folder.is_absolute()]
    marks = {f"{path.as_posix().rstrip('/')}/".encode() for path in (Path.cwd(), Path.home(), *roots)} - {
        b"/"
    }
    for path in files:
        if path.suffix in (".tar", ".parquet"):
            continue
        content = (folder / path).read_bytes()
        found = next((mark for mark in sorted(marks) if mark in content), None)
        if found is not None:
            raise UserError(
                f"{path.as_posix()}: names {found.decode()}, a folder of this machine, which a release must "
                "not; give the source a 'root' below the project (a link will do), and build again"
            )
