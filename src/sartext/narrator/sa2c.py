"""SA2C: captions from the shares of a class mask.

The paper's thresholds and wording are not published; those here are inferred, and the thresholds are config
(`NarratorConfig`). Shares do not change when a mask is enlarged or reduced by whole factors, nor do captions.
"""

from collections.abc import Sequence

from sartext.core.config import NarratorConfig
from sartext.core.records import Scene
from sartext.narrator.words import capital, cover_noun, listed

_IMAGE = "this SAR image"


def ranked_cover(scene: Scene, least: float) -> list[tuple[str, float]]:
    """Return the land covers of at least the share `least` (0 to 1), the largest first, then by name."""
    shares = [(label, share) for label, share in scene.cover.items() if share >= least and share > 0]
    return sorted(shares, key=lambda entry: (-entry[1], entry[0]))


def _nouns(labels: Sequence[str]) -> tuple[str, bool]:
    """The labels as one subject, and whether its verb is a plural."""
    nouns = [cover_noun(label) for label in labels]
    return listed([noun for noun, _ in nouns]), len(nouns) > 1 or nouns[0][1]


def _clause(labels: Sequence[str], grade: str, place: str) -> str:
    subject, many = _nouns(labels)
    if grade == "dominant":
        return f"{subject} {'dominate' if many else 'dominates'}{' ' + _IMAGE if place else ''}"
    each = "each " if len(labels) > 1 else ""
    return f"{subject} {each}{'cover' if many else 'covers'} a {grade} part{place}"


def _graded(groups: Sequence[tuple[str, list[str]]]) -> str:
    clauses = [
        _clause(labels, grade, "" if number else f" of {_IMAGE}")
        for number, (grade, labels) in enumerate(groups)
    ]
    if len(clauses) == 3:
        return f"{clauses[0]}, {clauses[1]}, and {clauses[2]}."
    return f"{', and '.join(clauses)}."


def _ordered(labels: Sequence[str], dominant: bool) -> str:
    first, many = _nouns(labels[:1])
    rest = listed([cover_noun(label)[0] for label in labels[1:]])
    followed = f", followed by {rest}" if rest else ""
    if dominant:
        return f"{_IMAGE} shows mostly {first}{followed}."
    if not rest:
        return f"{_IMAGE} shows some {first}."
    return f"in {_IMAGE} {first} {'take' if many else 'takes'} the largest area{followed}."


def sa2c(scene: Scene, config: NarratorConfig) -> list[str]:
    """Return two captions of a scene's land cover: what each class covers, and the classes by falling share.

    A class from ``dominant_share`` on dominates the scene, from ``large_share`` on it covers a large part,
    from ``minor_share`` on a small part; below that it is not named. A scene of which no class is named has
    no caption.
    """
    shares = ranked_cover(scene, config.minor_share)
    if not scene.annotated or not shares:
        return []
    grades: dict[str, list[str]] = {"dominant": [], "large": [], "small": []}
    for label, share in shares:
        grade = (
            "dominant"
            if share >= config.dominant_share
            else "large"
            if share >= config.large_share
            else "small"
        )
        grades[grade].append(label)
    groups = [(grade, labels) for grade, labels in grades.items() if labels]
    labels = [label for label, _ in shares]
    return [capital(_graded(groups)), capital(_ordered(labels, bool(grades["dominant"])))]
