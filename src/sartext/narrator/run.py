"""The narrator in a run: scenes of one source to captions of one branch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import write_json
from sartext.core.records import Branch, Caption, Scene
from sartext.core.tables import read_scenes, write_records
from sartext.narrator.a2c import a2c
from sartext.narrator.sa2c import sa2c

_NEEDS: dict[str, str] = {
    "a2c": "boxes (formats coco, voc, yolo, dota, instance masks)",
    "sa2c": "class masks (format mask)",
}


def check_branch(config: Config, source: str, branch: Branch) -> None:
    """Check that the profile narrates `source` by `branch`.

    Raises:
        UserError: there is no such source, or its ``branches`` do not name the branch.
    """
    entry = config.source(source)
    if branch not in entry.branches:
        raise UserError(
            f"source {source}: branches: {branch!r} is not among {', '.join(entry.branches) or '(none)'}; "
            "add it to the source's 'branches', or narrate another branch"
        )


def write_captions(
    out: Path,
    source: str,
    branch: Branch,
    scenes: Sequence[Scene],
    captions: Sequence[Caption],
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write captions of a source's scenes, and their counts and `more` beside them as ``.json``.

    Raises:
        UserError: no scene could be captioned from its annotation. (A captioner that says nothing is
            counted.)
    """
    told = {caption.scene_id for caption in captions}
    if not told and branch != "pair":
        raise UserError(
            f"source {source}: {branch} finds nothing to say of its {len(scenes)} images; it needs "
            f"{_NEEDS[branch]} with an object or class at least; correct the source's 'branches' or 'classes'"
        )
    write_records(out, captions, Caption)
    write_json(
        out.with_suffix(".json"),
        {
            "source": source,
            "branch": branch,
            "images": len(scenes),
            "captioned": len(told),
            "nothing_to_say": len(scenes) - len(told),
            "captions": len(captions),
            **(more or {}),
        },
    )


def _said(scene: Scene, config: Config, branch: Branch) -> list[str]:
    say = a2c if branch == "a2c" else sa2c
    return say(scene, config.narrator, config.seed)


def narrate_source(config: Config, source: str, branch: Branch, out: Path) -> None:
    """Caption a source's scenes from their annotations and write ``out`` (Parquet) and its counts beside it.

    Args:
        config: the profile; the source must be ingested.
        source: a source's name.
        branch: ``a2c`` or ``sa2c`` (for ``pair`` see `sartext.narrator.pair`).
        out: the table to write.

    Raises:
        UserError: the profile does not narrate the source by this branch, or there is nothing to say.
    """
    check_branch(config, source, branch)
    scenes = read_scenes(config.results / "scenes" / source / "scenes.parquet")
    captions = [
        Caption(scene.scene_id, branch, text) for scene in scenes for text in _said(scene, config, branch)
    ]
    write_captions(out, source, branch, scenes, captions)
