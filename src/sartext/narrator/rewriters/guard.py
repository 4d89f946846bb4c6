"""The guard: a language model's answer must hold for the SAR image, and say no more than the optical caption.

Facts are those of `sartext.narrator.facts`. A refused answer is not mended: the rules rewrite that caption.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from sartext.narrator.facts import Facts, includes, parse_caption
from sartext.narrator.facts.lexicon import singular
from sartext.narrator.rewriters.rules import COLOURS
from sartext.narrator.rewriters.vocabulary import SAR_WORDS, new_relation, new_word

_MIN_WORDS, _MAX_WORDS = 2, 60
_SLACK_WORDS = 8
_MAX_SENTENCES = 2


def _words(text: str) -> list[str]:
    return text.split()


def _any_of(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(_words(words))})(?![^\W_])", re.IGNORECASE)


_COLOUR = _any_of(" ".join(sorted(COLOURS, key=len, reverse=True)) + " col[ou]+rs?")
_LIGHT = _any_of(
    "shadow shadows shadowy shadowed shade shades shaded shady sunlight sunlit sunshine "
    "sunrise sunset sunny sun daylight cloud clouds cloudy cloudless haze hazy mist misty fog "
    "foggy sky skies lush verdant limpid turbid muddy murky glittering glistening sparkling"
)
_RELATION = re.compile(
    r"\b(surround|encircl|enclos|inside|under|above|behind|opposite|between|separat|divid)", re.IGNORECASE
)
# weather and paint on the ground: a radar does not see them, so an answer leaves them out
_UNSEEN = frozenset({"cloud", "marking line", "arrow"})
_OPTICAL = _any_of("optical rgb camera photo photos photograph photographs aerial google")
_ECHO = re.compile(
    r"\b(?:captions?|rewrit\w*|rephras\w*|instructions?|examples?|translat\w*|prompt|sentences?|assistant|user)\b|"
    r"\bhere(?:'s| is| are)\b|^(?:sure|certainly|of course|okay)\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:I|we)\b.{0,20}\b(?:cannot|can't|could not|couldn't|apologi[sz]e|not able|don't|do not)\b|"
    r"\b(?:sorry|as an ai|language model|unable to)\b|\bI'm\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"[<>{}\[\]|\\`*#_~^=@$\x00-\x1f\x7f]|https?:|www\.|&\w+;")
_PLAIN_ENGLISH = re.compile(r"[A-Za-z0-9 .,;:!?'\"()/%&+-]*")

_NUMBERS = {
    word: value
    for value, word in enumerate(
        _words(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
            "fifteen sixteen seventeen eighteen nineteen twenty"
        )
    )
}


def check(original: str, answer: str) -> str:
    """Return why an answer may not stand for a caption, or an empty string if it may.

    Args:
        original: the optical caption.
        answer: the language model's caption, read by `sartext.narrator.rewriters.prompts.parse_answer`.

    Returns:
        Such as ``colour word (red)``: a kind, and particulars in brackets.
    """
    for test in _TESTS:
        reason = test(original, answer)
        if reason:
            return reason
    return ""


def _form(original: str, answer: str) -> str:
    if not any(letter.isalpha() for letter in answer):
        return "empty answer"
    if _REFUSAL.search(answer):
        return "the model declines"
    if found := _MARKUP.search(answer):
        return f"markup ({found.group()!a})"
    if _ECHO.search(answer):
        return "talks about the task"
    if not _PLAIN_ENGLISH.fullmatch(answer):
        return "letters that are not English"
    words, most = _length(answer), min(_MAX_WORDS, 2 * _length(original) + _SLACK_WORDS)
    if not _MIN_WORDS <= words <= most:
        return f"length ({words} words; expected {_MIN_WORDS} to {most})"
    sentences = len(re.findall(r"[.!?]+(?=\s|$)|(?<![.!?])$", answer))
    return f"more than {_MAX_SENTENCES} sentences ({sentences})" if sentences > _MAX_SENTENCES else ""


def _length(text: str) -> int:
    return sum(any(sign.isalnum() for sign in word) for word in text.split())


def _optical_words(_original: str, answer: str) -> str:
    for kind, pattern in (("colour word", _COLOUR), ("word of light or weather", _LIGHT)):
        if found := pattern.search(answer):
            return f"{kind} ({found.group().lower()})"
    return "speaks of an optical image" if _OPTICAL.search(answer) else ""


def _objects(original: str, answer: str) -> str:
    before, after = _facts(original), _facts(answer)
    for mention in after.mentions:
        if mention.negated and not any(m.negated and m.label == mention.label for m in before.mentions):
            return f"denies an object ({mention.label})"
        if not mention.negated and not _was_there(mention.label, original):
            return f"invented object ({mention.label})"
    named, said = before.labels(), after.labels()
    # a wider or narrower name stands for a thing, unless it is another thing of the caption
    new = said - named
    dropped = [
        label for label in sorted(named - said - _UNSEEN) if not any(_akin(label, other) for other in new)
    ]
    return f"drops an object ({dropped[0]})" if dropped else ""


def _akin(one: str, other: str) -> bool:
    return includes(one, other) or includes(other, one)


def _was_there(label: str, original: str) -> bool:
    """Whether the caption names a thing or a kind of it, or `label` is a word of what radars see."""
    if any(includes(label, named) for named in _facts(original).labels()):
        return True
    # a noun that the lexicon does not hold is its own label
    words = {singular(word) for word in re.findall(r"[a-z]+", original.lower())}
    return all(word in words or word in SAR_WORDS for word in label.split())


def _counts(original: str, answer: str) -> str:
    before = _facts(original)
    for mention in _facts(answer).mentions:
        same = [entry for entry in before.mentions if entry.label == mention.label and not entry.negated]
        if mention.negated or not same:
            continue
        said = [entry.count for entry in same if entry.count is not None]
        many = any(entry.many for entry in same)
        # "two white planes and a red plane" are three planes; "a" says nothing where nothing was said
        allowed = {*said, sum(said)} if said else set() if many else {1}
        if mention.count is not None and mention.count not in allowed:
            return f"{'changed' if said else 'invented'} count ({mention.count} {mention.label})"
        if mention.many and not many and said == [1]:
            return f"changed count (several {mention.label}, not 1)"
    sums = {sum(m.count or 0 for m in before.mentions if m.label == label) for label in before.labels()}
    invented = _numbers(answer) - _numbers(original) - sums - {1}
    return f"invented number ({min(invented)})" if invented else ""


def _places(original: str, answer: str) -> str:
    before, after = _facts(original), _facts(answer)
    for mention in after.mentions:
        said = {
            place for entry in before.mentions if _akin(entry.label, mention.label) for place in entry.places
        }
        for place in mention.places:
            if place not in said:
                return f"invented place ({mention.label}: {place})"
    places, kept = ({place for m in facts.mentions for place in m.places} for facts in (before, after))
    return f"drops a place ({min(places - kept)})" if places - kept else ""


def _relations(original: str, answer: str) -> str:
    """The parser knows no relations: "boats on the river, houses beside" may not become their reverse."""
    first, second = (
        [m.label for m in _facts(text).mentions if not m.negated and m.label not in _UNSEEN]
        for text in (original, answer)
    )
    if first and second and not _akin(first[0], second[0]):
        return f"names another thing first ({second[0]}, not {first[0]})"
    new = _relation_words(answer) - _relation_words(original)
    return f"invented relation ({min(new)})" if new else ""


def _vocabulary(original: str, answer: str) -> str:
    """The parser joins what people tell apart, and skips adjectives, verbs and words it does not know."""
    if word := new_word(original, answer):
        return f"new word ({word})"
    if relation := new_relation(original, answer):
        return f"invented relation ({relation})"
    return ""


def _relation_words(text: str) -> set[str]:
    return {found.lower() for found in _RELATION.findall(text)}


_TESTS: tuple[Callable[[str, str], str], ...] = (
    _form,
    _optical_words,
    _objects,
    _counts,
    _places,
    _relations,
    _vocabulary,
)


@lru_cache(maxsize=16384)
def _facts(text: str) -> Facts:
    return parse_caption(text)


def _numbers(text: str) -> set[int]:
    words = re.findall(r"[a-z]+|\d+", text.lower())
    return {
        int(word) if word.isdigit() else _NUMBERS[word]
        for word in words
        if word.isdigit() or word in _NUMBERS
    }
