"""The closed vocabulary of a language model's answer: the caption's own words, and a few of what radars see.

The parser of captions joins what differs for people (a lake and the sea, a tanker and a boat) and does not
know every word; so each word of an answer is compared with the caption's own. Every list that may be added
from stands here.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from sartext.narrator.facts.lexicon import lexicon, singular


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTION_WORDS = _set(
    "a an the this that these those it its they them their there and or but while whereas which who where "
    "with of as for than also is are was were be been being has have had having can could may might do does "
    "appear appears appearing look looks looking seem seems show shows shown showing see seen give gives "
    "giving given visible stand stands standing lie lies lying located situated contain contains containing "
    "include includes including very relatively"
)
_IMAGE_WORDS = _set("sar radar image images scene picture")
# what is measured of a thing; an adjective of quantity may be added to it, though not to a thing
_SIGNAL_WORDS = _set(
    "return returns echo echoes scatter scatters scattering scatterer scatterers backscatter backscattering "
    "reflect reflects reflecting reflection reflections reflector reflectors response responses signal "
    "signals intensity tone tones tonal texture textures textured brightness roughness contrast"
)
_SIGNAL_ADJECTIVES = _set("low high different similar medium")
SAR_WORDS = (
    _IMAGE_WORDS
    | _SIGNAL_WORDS
    | _set(
        "strong strongly weak weakly bright brightly brighter dark darker smooth smoother rough rougher "
        "grainy uniform speckle speckled surface surfaces area areas region regions point points spot spots "
        "line lines linear strip strips edge edges patch patches"
    )
)
"""Words of what a radar sees, which may be added."""

# one word for people, two for a list; the first stands for all
_SAME = {
    other: group.split()[0]
    for group in (
        "plane planes airplane airplanes aeroplane aeroplanes aircraft",
        "ship ships vessel vessels",
        "harbor harbors harbour harbours",
        "center centre middle",
        "many numerous lots plenty",
        "some several",
        # "a lawn by greenery": the rules say vegetation too
        "vegetation green greenery greening",
        "beside next adjacent alongside",
        "near nearby close",
        "in at within",
        "toward towards",
    )
    for other in group.split()
}
_PLACE_WORDS = _set(
    "in at within on onto into upon over under underneath above below beneath across through throughout "
    "along alongside around round about beside besides by next near nearby close adjacent between among amid "
    "behind before beyond against inside outside opposite off past toward towards to from up down away"
)
_LINKED = re.compile(r"\b(next|close|adjacent|near) to\b")
_NUMBERS = _set(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_SIZES = _set("big large small little tiny huge giant long short wide narrow tall old new dense sparse")
_CLAUSE = re.compile(r"[.;:!?()]")
_LIST = _set("and or but ,")
_BREAKS = _FUNCTION_WORDS - _LIST - _set("a an the this that these those its their it them very relatively")
_TOKEN = re.compile(r"[a-z]+(?:-[a-z]+)*|\d+|[.,;:!?()]")


def new_word(original: str, answer: str) -> str:
    """Return the first word of an answer that it may not have, or an empty string.

    It may have the caption's words and their inflections, numbers (others judge them), words of grammar and
    those of `SAR_WORDS`.
    """
    words = _tokens(answer)
    own = _own(original)
    for place, token in enumerate(words):
        for part in token.split("-"):
            if not part.isalpha() or part in _FUNCTION_WORDS | SAR_WORDS | _NUMBERS:
                continue
            # a word of place is judged with what it governs
            if part in _PLACE_WORDS or _stem(part) in own or _respelt(part, original):
                continue
            if part in _SIGNAL_ADJECTIVES and _SIGNAL_WORDS & set(words[place + 1 : place + 3]):
                continue
            return part
    return ""


def new_relation(original: str, answer: str) -> str:
    """Return the first word of place or size that an answer puts before another thing, or an empty string."""
    before = list(_governed(original, _PLACE_WORDS, frozenset()))
    for word, names, radar in _governed(answer, _PLACE_WORDS, _LIST):
        if not names and radar:
            continue  # "in this SAR image", "in dark tones"
        if not any(other == word and set(names) <= set(theirs) for other, theirs, _ in before):
            return " ".join([word, *names])
    sizes = list(_governed(original, _SIZES, frozenset()))
    for word, names, _ in _governed(answer, _SIZES, _LIST):
        same = [theirs for other, theirs, _ in sizes if other == word]
        if same and not any(set(names[:1]) <= set(theirs) for theirs in same):
            return " ".join([word, *names])
    return ""


def _governed(
    text: str, heads: frozenset[str], ends: frozenset[str]
) -> Iterator[tuple[str, list[str], bool]]:
    """Yield each of some words, the stems of what it stands before, and whether that is the radar's signal.

    Args:
        text: a caption.
        heads: the words.
        ends: what ends a phrase, beside other words of place, verbs of grammar and the end of a clause.
    """
    tokens = _tokens(text)
    for place, head in enumerate(tokens):
        if head not in heads:
            continue
        names, radar = [], False
        for token in tokens[place + 1 :]:
            if token in ends or token in _BREAKS or token in _PLACE_WORDS or _CLAUSE.match(token):
                break
            for part in token.split("-"):
                radar |= part in _IMAGE_WORDS | _SIGNAL_WORDS
                if part.isalpha() and part not in _FUNCTION_WORDS | SAR_WORDS | _NUMBERS:
                    names.append(_stem(part))
        yield _SAME.get(head, head), names, radar


@lru_cache(maxsize=4096)
def _tokens(text: str) -> list[str]:
    plain = re.sub(r"'s?\b", " ", text.lower())
    return _TOKEN.findall(_LINKED.sub(r"\1", plain))


@lru_cache(maxsize=4096)
def _own(text: str) -> frozenset[str]:
    """Stems of the words of a caption, compounds in parts."""
    return frozenset(_stem(part) for token in _tokens(text) for part in token.split("-"))


@lru_cache(maxsize=16384)
def _stem(word: str) -> str:
    """Return what the forms of a word share: plural, -ed, -ing, -ly."""
    word = _SAME.get(word, word)
    word = singular(word)
    word = _SAME.get(word, word)
    for ending in ("ing", "ed", "ly"):
        start = word.removesuffix(ending)
        if start != word and len(start) > 2 and re.search("[aeiouy]", start):
            word = start[:-1] if start[-1] == start[-2] and start[-1] not in "aeiouls" else start
            break
    return re.sub(r"y$", "i", word.removesuffix("e"))


def _respelt(word: str, original: str) -> bool:
    """Whether a word mends one that the caption spells wrongly by a letter or an order: "bulidings"."""
    return len(word) > 5 and any(
        len(own) > 5 and own[0] == word[0] and not {own, singular(own)} & _known() and _one_slip(own, word)
        for own in _tokens(original)
    )


@cache
def _known() -> frozenset[str]:
    return frozenset(lexicon())


def _one_slip(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    if len(long) > len(short):
        return any(long[:place] + long[place + 1 :] == short for place in range(len(long)))
    differing = [place for place in range(len(long)) if short[place] != long[place]]
    return len(differing) == 1 or (
        len(differing) == 2
        and differing[1] == differing[0] + 1
        and short[differing[0]] == long[differing[1]]
        and short[differing[1]] == long[differing[0]]
    )
