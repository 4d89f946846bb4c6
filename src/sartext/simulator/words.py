"""English for counts, lists and places, shared by the texts of the simulator."""

from collections.abc import Sequence

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLURALS = {
    "ship": "ships",
    "aircraft": "aircraft",
    "car": "cars",
    "bridge": "bridges",
    "harbor": "harbors",
    "storage tank": "storage tanks",
}


def number_word(count: int) -> str:
    """Return a count in letters up to ten, in digits above."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def plural(label: str, count: int) -> str:
    """Return the noun for `count` objects of a class."""
    return label if count == 1 else _PLURALS[label]


def counted(label: str, count: int, digits: bool = False) -> str:
    """Return such as ``three ships`` or, with digits, ``3 ships``."""
    return f"{count if digits else number_word(count)} {plural(label, count)}"


def listed(parts: Sequence[str]) -> str:
    """Join such as ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def capital(sentence: str) -> str:
    """Return the sentence with its first letter large."""
    return sentence[:1].upper() + sentence[1:]
