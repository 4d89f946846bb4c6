"""What a version says of itself: VERSION.json for programs, CHANGES.md for people."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sartext.core.records import BRANCHES, QUESTION_TYPES, SPLITS, Caption, Question, Scene
from sartext.dataset.release.changes import KINDS, WAYS, Change, total

Changes = Mapping[str, Mapping[str, Change]]
_HEAD = "# Changes of SAR-TEXT, profile {profile}\n"


def count(
    scenes: Sequence[Scene], captions: Sequence[Caption], questions: Sequence[Question]
) -> dict[str, Any]:
    """Return how many images, captions and questions a version has.

    Returns:
        ``images`` by split, ``captions`` by branch, ``questions`` by type, and ``by_source``: ``images`` by
        split, ``captions`` and ``questions``; each with ``all``.
    """
    split = Counter(scene.split for scene in scenes)
    by_source = Counter((scene.source, scene.split) for scene in scenes)
    branch = Counter(caption.branch for caption in captions)
    said = Counter(caption.scene_id.partition("/")[0] for caption in captions)
    kind = Counter(question.type for question in questions)
    asked = Counter(question.scene_id.partition("/")[0] for question in questions)

    def with_all(counts: Mapping[Any, int], names: Iterable[str]) -> dict[str, int]:
        return {"all": sum(counts.values()), **{name: counts.get(name, 0) for name in names}}

    return {
        "images": with_all(split, SPLITS),
        "captions": with_all(branch, BRANCHES),
        "questions": with_all(kind, QUESTION_TYPES),
        "by_source": {
            source: {
                "images": with_all({name: by_source[source, name] for name in SPLITS}, SPLITS),
                "captions": said[source],
                "questions": asked[source],
            }
            for source in sorted({scene.source for scene in scenes})
        },
    }


def _line(cells: Iterable[object]) -> str:
    shown = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
    return "| " + " | ".join(shown) + " |"


def _table(changes: Changes) -> list[str]:
    sources = sorted({source for found in changes.values() for source in found})
    columns = [(kind, way) for kind in KINDS for way in WAYS]
    lines = [
        _line(["source", *(f"{kind} {way}" for kind, way in columns)]),
        "|---" + "|---:" * len(columns) + "|",
    ]
    lines += [
        _line([source, *(changes[kind].get(source, {}).get(way, 0) for kind, way in columns)])
        for source in sources
    ]
    return [*lines, _line(["all", *(total(changes[kind])[way] for kind, way in columns)])]


def section(
    version: str, previous: str | None, counts: Mapping[str, Any], changes: Changes | None, content: str
) -> str:
    """Return a version's section of CHANGES.md.

    Args:
        version: ``X.Y.Z``.
        previous: the version before it; none if it is the first.
        counts: from `count`.
        changes: against `previous`, from `changes.changes`; none for the first.
        content: digest of its content.
    """
    sizes = ", ".join(f"{counts[kind]['all']:,} {kind}" for kind in KINDS)
    lines = [f"## {version}", f"{sizes}. Content `{content}`.", ""]
    if previous is None or changes is None:
        lines.append("The first version.")
    elif any(changes.values()):
        lines += [f"Against {previous}:", "", *_table(changes)]
    else:
        lines.append(
            f"Against {previous}: the same images, captions and questions; other files of it changed."
        )
    return "\n".join(lines) + "\n"


def changelog(profile: str, newest: str, before: str | None) -> str:
    """Return CHANGES.md: the newest section, then those of the last version's CHANGES.md."""
    head = _HEAD.format(profile=profile)
    older = "" if before is None else before.removeprefix(head)
    return f"{head}\n{newest}{older}"
