"""One form for all texts: printable, white space folded, a capital, a full stop."""

import re
import unicodedata

# control, private, unassigned and half characters; the sign for lost ones, and those that turn text around
_BROKEN = ("Cc", "Co", "Cn", "Cs")
_LOST = "\ufffd\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# they are there for the line's end or for joining, and are no letters
_UNSEEN = str.maketrans("", "", "\u00ad\u200b\u200c\u200d\u2060\ufeff")


def fold(text: str) -> str:
    """Return `text` in Unicode's composed form, unprintable characters as spaces, white space folded."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    composed = unicodedata.normalize("NFC", text.translate(_UNSEEN))
    return " ".join("".join(letter if letter.isprintable() else " " for letter in composed).split())


def _broken(text: str) -> bool:
    if text.isascii() and text.isprintable():
        return False
    return any(
        letter in _LOST or (unicodedata.category(letter) in _BROKEN and letter not in "\t\n\r")
        for letter in text
    )


def clean_caption(text: str) -> str:
    """Return a caption as one sentence or several, or an empty string if it holds no letter.

    White space goes before no punctuation, the first letter is large, and the last sign is a full stop (or
    the question or exclamation mark that was there).
    """
    folded = re.sub(r"\s+([.,;:!?])(?!\d)", r"\1", fold(text))
    folded = re.sub(r"[\s,;:.-]+$", "", re.sub(r"^[\s,;:.!?-]+", "", folded))
    if not any(letter.isalpha() for letter in folded):
        return ""
    closed = folded if folded[-1] in "!?" else f"{folded}."
    return closed[0].upper() + closed[1:]


def checked_caption(text: str, most_words: int) -> tuple[str, str | None]:
    """Return a caption cleaned, and None; or as it was, and why it is dropped.

    Reasons: ``not printable`` (control, private or lost characters: the text is damaged), ``empty`` (no
    letter), ``too long``.

    Args:
        text: as it was written.
        most_words: a longer one is dropped: what a model cuts off it would learn wrongly.
    """
    if _broken(text):
        return text, "not printable"
    cleaned = clean_caption(text)
    if not cleaned:
        return text, "empty"
    if len(words(cleaned)) > most_words:
        return text, "too long"
    return cleaned, None


def clean_answer(text: str) -> str:
    """Return an answer in lower case, without a final full stop."""
    return re.sub(r"[\s.]+$", "", fold(text).lower())


def words(text: str) -> list[str]:
    """Return the words of a text in lower case; numbers count, punctuation does not."""
    return re.findall(r"[^\W_]+(?:['-][^\W_]+)*", text.lower())
