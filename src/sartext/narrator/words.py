"""English for class names: normal form, plurals, counts, lists and articles."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_SPELLINGS = {
    "airplane": "aircraft",
    "aeroplane": "aircraft",
    "plane": "aircraft",
    "harbour": "harbor",
    "human": "person",
    "built up": "built-up",
}
_PLURALS = {"person": "people", "man": "men", "woman": "women"}
# land covers that are counted in English, so that "buildings cover", but "water covers"
_COUNTED = {
    *("building", "road", "tree", "house", "field", "meadow", "plant", "river", "lake", "pond", "street"),
    *("ship", "vessel", "boat", "car", "vehicle", "bridge", "harbor", "tank", "storage tank", "aircraft"),
    *("track", "paved road", "dirt road", "greenhouse", "person", "bare field", "runway"),
}
_COVER_NAMES = {
    "bare": "bare land",
    "bareland": "bare land",
    "built-up": "built-up land",
    "developed": "developed land",
    "agriculture": "agricultural land",
}
_VOWEL_LETTERS = "aefhilmnorsx"
_CONSONANT_SOUND = ("uni", "use", "usu", "eu", "one", "once", "ure", "uti")
_VOWEL_SOUND = ("hour", "honest", "honor", "honour", "heir")


def normalise_label(label: str) -> str:
    """Return a class name in the suite's form, or an empty string if it holds no letter or digit.

    Lower case, words parted by one space; designations of letters and digits keep their case (``A220``).
    Spelling variants of one class are joined, as the authors of the rule did (``Human`` to ``person``,
    RSM-ITD).
    """
    text = unicodedata.normalize("NFKC", label)
    text = re.sub(r"[^\w/&+.'-]|_", " ", text)
    words = [
        word if any(c.isdigit() for c in word) and any(c.isupper() for c in word) else word.lower()
        for part in text.replace("-", " ").split()
        if (word := part.strip("/&+.'"))
    ]
    joined = " ".join(words)
    for variant, name in _SPELLINGS.items():
        joined = re.sub(rf"\b{variant}\b", name, joined)
    return joined if any(c.isalnum() for c in joined) else ""


def plural(noun: str) -> str:
    """Return the plural of a class name; only its last word changes."""
    head, _, last = noun.rpartition(" ")
    if last in _PLURALS:
        last = _PLURALS[last]
    elif last.endswith(("craft", "people", "land")):
        pass
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in ("a", "e", "i", "o", "u", ""):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}" if head else last


def counted(noun: str, count: int) -> str:
    """Return such as ``3 ships`` or ``1 ship``."""
    return f"{count} {noun if count == 1 else plural(noun)}"


def listed(parts: Sequence[str]) -> str:
    """Join such as ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def article(word: str) -> str:
    """Return ``a`` or ``an``, by the sound that `word` begins with."""
    lower = word.lower()
    letter = re.match(r"([a-z])(?:-|$)", lower)
    if letter:
        return "an" if letter.group(1) in _VOWEL_LETTERS else "a"
    if lower.startswith(_VOWEL_SOUND) or re.match(r"(8|11|18)(?!\d)", lower):
        return "an"
    if lower.startswith("unin") or lower.startswith("unim"):
        return "an"
    return "an" if lower[:1] in tuple("aeiou") and not lower.startswith(_CONSONANT_SOUND) else "a"


def cover_noun(label: str) -> tuple[str, bool]:
    """Return how a sentence names a land cover, and whether that is a plural."""
    name = normalise_label(label)
    if name in _COUNTED:
        return plural(name), True
    return _COVER_NAMES.get(name, name), False


def capital(sentence: str) -> str:
    """Return the sentence with its first letter large."""
    return sentence[:1].upper() + sentence[1:]


def by_count(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Sort (name, count) by falling count, then by name."""
    return sorted(counts, key=lambda entry: (-entry[1], entry[0]))
