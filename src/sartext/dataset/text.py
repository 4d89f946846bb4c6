"""One form for all texts: printable, white space folded, a capital, a full stop."""

import re
import unicodedata


def fold(text: str) -> str:
    """Return `text` in Unicode's composed form, unprintable characters as spaces, white space folded."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in composed).split())


def clean_caption(text: str) -> str:
    """Return a caption as one sentence or several, or an empty string if it holds no letter.

    White space goes before no punctuation, the first letter is large, and the last sign is a full stop (or
    the question or exclamation mark that was there).
    """
    folded = re.sub(r"\s+([.,;:!?])", r"\1", fold(text))
    folded = re.sub(r"[\s,;:.-]+$", "", re.sub(r"^[\s,;:.!?-]+", "", folded))
    if not any(letter.isalpha() for letter in folded):
        return ""
    closed = folded if folded[-1] in "!?" else f"{folded}."
    return closed[0].upper() + closed[1:]


def clean_answer(text: str) -> str:
    """Return an answer in lower case, without a final full stop."""
    return re.sub(r"[\s.]+$", "", fold(text).lower())


def words(text: str) -> list[str]:
    """Return the words of a text in lower case; numbers count, punctuation does not."""
    return re.findall(r"[^\W_]+(?:['-][^\W_]+)*", text.lower())
