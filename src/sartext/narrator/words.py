"""English for class names: normal form, plurals, counts, lists and articles."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_SPELLINGS = {
    "airplane": "aircraft",
    "aeroplane": "aircraft",
    "plane": "aircraft",
    "harbour": "harbor",
    "human": "person",
    "built up": "built-up",
    "bareland": "bare land",
    "oiltank": "oil tank",
    "storagetank": "storage tank",
}
# class names that say little alone, or that a source gives as a bare adjective
_FULL_NAMES = {
    "other": "other object",
    "unknown": "unknown object",
    "unlabeled": "unknown object",
    "unlabelled": "unknown object",
    "unclassified": "unknown object",
    "intact": "intact building",
    "damaged": "damaged building",
    "destroyed": "destroyed building",
    "cargo": "cargo ship",
    "fishing": "fishing boat",
    "passenger": "passenger ship",
}
# a source's word for what its classes are, before the class itself (OpenSARShip)
_PREFIX = re.compile(r"^(?:elaborated type|ship type) (?=.)")
_PLURALS = {
    **{"person": "people", "man": "men", "woman": "women", "oasis": "oases"},
    **{"leaf": "leaves", "wharf": "wharves", "shelf": "shelves", "wolf": "wolves", "calf": "calves"},
    **{"gas": "gases", "lens": "lenses", "canvas": "canvases", "atlas": "atlases", "prairie": "prairies"},
    **{"volcano": "volcanoes", "potato": "potatoes", "tomato": "tomatoes"},
}
_SINGULARS = {many: one for one, many in _PLURALS.items()}
# one word for one and for many
_UNCHANGED = {
    *("sheep", "deer", "cattle", "livestock", "series", "species", "goods", "ruins", "pampas"),
    *("headquarters", "barracks", "crossroads", "works", "waterworks", "gasworks", "ironworks", "saltworks"),
    *("land", "farmland", "rangeland", "cropland"),
}
# last words of land covers that are counted in English, so that "buildings cover", but "water covers"
_COUNTED = {
    *("building", "road", "tree", "house", "field", "meadow", "plant", "river", "lake", "pond", "street"),
    *("ship", "vessel", "boat", "car", "vehicle", "bridge", "harbor", "tank", "aircraft", "village"),
    *("track", "greenhouse", "person", "runway", "railway", "object", "container", "island", "body"),
    *("area", "lot", "surface", "dune", "mountain", "crop", "site", "unit", "roof", "shadow"),
}
_COVER_NAMES = {
    "bare": "bare land",
    "barren": "barren land",
    "built-up": "built-up land",
    "burned": "burnt land",
    "burnt": "burnt land",
    "developed": "developed land",
    "developed space": "developed land",
    "flooded": "flooded land",
    "agriculture": "agricultural land",
    "agriculture land": "agricultural land",
    "city": "urban land",
    "urban": "urban land",
    "other object": "other land",
    "unknown object": "unknown land",
}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# letters whose names begin with a vowel's sound
_VOWEL_LETTERS = "aefhilmnorsx"
_CONSONANT_SOUND = ("uni", "use", "usu", "eu", "one", "once", "ure", "uti")
_VOWEL_SOUND = ("hour", "honest", "honor", "honour", "heir")


@lru_cache(maxsize=4096)
def normalise_label(label: str) -> str:
    """Return a class name in the suite's form, or an empty string if it holds no letter.

    Lower case, words parted by one space, singular; designations of letters and digits keep their case
    (``A220``). Spelling variants of one class are joined, as the authors of the rule did (``Human`` to
    ``person``, RSM-ITD).
    """
    name = re.sub(r"[^\W\d_]+$", lambda last: singular(last.group()), _words(label))
    for variant, spelling in _SPELLINGS.items():
        name = re.sub(rf"\b{variant}\b", spelling, name)
    name = _FULL_NAMES.get(name, name)
    return name if any(c.isalpha() for c in name) else ""


def _words(label: str) -> str:
    """The words of a class name in lower case, without signs; designations keep their case."""
    text = unicodedata.normalize("NFKC", label)
    text = re.sub(r"[^\w/&+.'-]|_", " ", text)
    words = [
        word if any(c.isdigit() for c in word) and any(c.isupper() for c in word) else word.lower()
        for part in text.replace("-", " ").split()
        if (word := part.strip("/&+.'"))
    ]
    return _PREFIX.sub("", " ".join(words))


def singular(word: str) -> str:
    """Return the singular of a noun of one word, or the word itself if it is no plural."""
    if word in _SINGULARS:
        return _SINGULARS[word]
    if len(word) < 4 or word in _UNCHANGED or word in _PLURALS or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if re.search(r"(?:ss|sh|ch|x|zz|tz|[^ao]us)es$", word):
        return word[:-2]
    return word if word.endswith(("ss", "us", "is")) else word[:-1]


@lru_cache(maxsize=4096)
def plural(noun: str) -> str:
    """Return the plural of a class name; only its last word changes."""
    head, _, last = noun.rpartition(" ")
    if last in _PLURALS:
        last = _PLURALS[last]
    elif last in _UNCHANGED or last.endswith(("craft", "people")):
        pass
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in ("a", "e", "i", "o", "u", ""):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}" if head else last


def number_word(count: int) -> str:
    """Return a count in letters up to ten, in digits above."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


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
    letter = re.match(r"([a-z])(?:[-\d]|$)", lower)
    if letter:
        return "an" if letter.group(1) in _VOWEL_LETTERS else "a"
    if lower.startswith(_VOWEL_SOUND) or re.match(r"(8|11|18)(?!\d)", lower):
        return "an"
    if lower.startswith("unin") or lower.startswith("unim"):
        return "an"
    return "an" if lower[:1] in tuple("aeiou") and not lower.startswith(_CONSONANT_SOUND) else "a"


def cover_noun(label: str) -> tuple[str, bool]:
    """Return how a sentence names a land cover, and whether that is a plural.

    A cover is a plural if the source names it by one, or by a noun that English counts.
    """
    name = normalise_label(label)
    if not name or name in _COVER_NAMES:
        return _COVER_NAMES.get(name, name), False
    parts = [_words(part) for part in label.split(",")]
    if len(parts) > 1 and all(parts):
        return _cover_list(parts)
    last = _words(label).split(" ")[-1]
    counted_one = name.split(" ")[-1] in _COUNTED
    noun = plural(name) if counted_one or singular(last) != last else name
    return noun, noun != name or counted_one or " and " in name


def _cover_list(parts: Sequence[str]) -> tuple[str, bool]:
    """Return such as ``beaches, dunes and sands`` of a class name with commas, and whether it is a plural."""
    if parts[-1].startswith(("with ", "including ")):
        return ", ".join(parts), False
    told = [*parts[:-1], *parts[-1].split(" and ")]
    return listed(told), True


def capital(sentence: str) -> str:
    """Return the sentence with its first letter large."""
    return sentence[:1].upper() + sentence[1:]


def by_count(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Sort (name, count) by falling count, then by name."""
    return sorted(counts, key=lambda entry: (-entry[1], entry[0]))


def pick(options: Sequence[T], draw: np.random.Generator) -> T:
    """Draw one of the options."""
    return options[int(draw.integers(len(options)))]
