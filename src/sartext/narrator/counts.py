"""How many objects of each class boxes show, and how a sentence says it."""

from collections import Counter
from collections.abc import Callable, Sequence

from sartext.core.errors import UserError
from sartext.core.records import Box, Scene
from sartext.narrator.words import article, by_count, counted, normalise_label, number_word, plural

Counts = Sequence[tuple[str, int]]
"""Class names with their counts, in the order in which they are told."""
Amount = Callable[[str, int], str]
"""How a class name and its count are said, such as ``3 ships``."""


def label_counts(scene: Scene, boxes: Sequence[Box]) -> list[tuple[str, int]]:
    """Count `boxes` of a scene by normalised class name, the most frequent first, then by name.

    Raises:
        UserError: a class name holds no letter.
    """
    labels = []
    for box in boxes:
        label = normalise_label(box.label)
        if not label:
            raise UserError(
                f"{scene.scene_id}: a box has the class name {box.label!r}; expected a word: map it by "
                "--classes, or by the source's 'classes', such as "
                f"{{vehicle: {box.label!r}}}"
            )
        labels.append(label)
    return by_count(Counter(labels).items())


def in_words(label: str, count: int) -> str:
    """Return such as ``three ships``; counts above ten stay in digits."""
    return f"{number_word(count)} {label if count == 1 else plural(label)}"


def with_article(label: str, count: int) -> str:
    """Return such as ``a ship``, or ``another object``; several as `in_words` does."""
    if count > 1:
        return in_words(label, count)
    return f"an{label}" if label.startswith("other ") else f"{article(label)} {label}"


AMOUNTS: tuple[Amount, ...] = (counted, in_words, with_article)
"""The ways to say a count exactly."""


def there(counts: Counts) -> str:
    """Return the verb of a sentence with "there": it agrees with what is told first."""
    return "is" if counts[0][1] == 1 else "are"


def agreement(counts: Counts) -> dict[str, str]:
    """Return the verbs that a template of these objects may use, by field.

    ``is`` agrees with what is told first, ``are`` and ``lie`` with all of them as a subject.
    """
    single = len(counts) == 1 and counts[0][1] == 1
    return {"is": there(counts), "are": "is" if single else "are", "lie": "lies" if single else "lie"}
