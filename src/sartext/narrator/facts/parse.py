"""The parser of captions: words to items by the lexicon, items to mentions by where they stand in a clause.

Rules, in short. A number, article or word such as "several" belongs to the next noun of its phrase. A number
that is a bound or one end of a range ("at least three", "between 5 and 10") is none: it says several at most.
Things
joined by "and" or commas are one group. A place belongs to the group before it in its clause, to its
parallel members only ("houses and a street in the middle": the street), or, where a clause begins with it,
to what follows. "To the left of the bridge" is no place in the image. A share belongs to the group before a
verb of covering, or to what it is said of ("mostly water"). Negation reaches to the next verb, preposition
or "but".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sartext.narrator.facts.lexicon import NARROWER, Code, Item, lexicon, singular, thing_phrases
from sartext.narrator.words import normalise_label

_TOKENS = re.compile(
    r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])"  # 1,024
    r"|[0-9]+(?:\.[0-9]+)?(?![0-9/])"
    r"|[a-z]+-?[0-9][0-9/]*(?=s?\b)"  # a320/321
    r"|[^\W\d_]+(?:'[a-z]+)?"
    r"|[%.,;:!?()&\n]"
)
_AIRCRAFT_TYPE = re.compile(
    r"(?:a[23]\d\d(?:/\d+)*|boeing-?7\d7|b-?7\d7|arj-?\d+|airbus-?a?\d+|mig-?\d+|f-?\d\d|su-?\d\d)$"
)
_ADJECTIVE_ENDINGS = (
    "ly",
    "ous",
    "al",
    "ive",
    "ful",
    "less",
    "ic",
    "able",
    "ible",
    "ary",
    "ern",
    "like",
    "ish",
)


@dataclass(frozen=True, slots=True)
class Mention:
    """One thing that a caption names.

    Attributes:
        label: the lexicon's name, singular, such as ``ship`` or ``water``; an unknown noun is its own.
        count: the number said; "a" and "one" are 1; None where none is said.
        many: said as several, some, many or a bare plural.
        places: where in the image, in the order said: ``center``, ``edge``, ``corner``, ``top``, ``bottom``,
            ``left``, ``right``, ``upper left`` and so on.
        share: how much of the image: ``dominant``, ``large``, ``small`` or a number from 0 to 1.
        negated: said not to be there.
    """

    label: str
    count: int | None = None
    many: bool = False
    places: tuple[str, ...] = ()
    share: str | float | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a caption says, in the order it says it."""

    mentions: tuple[Mention, ...]

    def labels(self) -> frozenset[str]:
        """Return the things said to be there."""
        return frozenset(mention.label for mention in self.mentions if not mention.negated)

    def counts(self) -> dict[str, int]:
        """Return the largest number said of each thing."""
        found: dict[str, int] = {}
        for mention in self.mentions:
            if mention.count is not None and not mention.negated:
                found[mention.label] = max(mention.count, found.get(mention.label, 0))
        return found


class _Draft:
    """A mention under way; `style` is how its quantity was said: "n" counted, "m" many, "" not said."""

    __slots__ = ("count", "label", "many", "negated", "places", "share", "style")

    def __init__(self, label: str, count: int | None, many: bool, negated: bool, style: str) -> None:
        self.label = label
        self.count = count
        self.many = many
        self.negated = negated
        self.style = style
        self.places: list[str] = []
        self.share: str | float | None = None


_LEXICON = lexicon()
_THINGS = thing_phrases()
_LABELS = frozenset(label for label, _, _ in _THINGS.values())
_OTHER = ("other", "others", "another")
_OPENERS = frozenset((Code.DETERMINER, Code.PREPOSITION, Code.ARTICLE, Code.IMAGE, Code.ADJECTIVE, Code.STOP))
_FILLERS = frozenset((Code.DETERMINER, Code.ARTICLE, Code.ADJECTIVE, Code.UNKNOWN, Code.MANY))
_LEADING_IN = _FILLERS | {
    Code.VERB,
    Code.PREPOSITION,
    Code.OF,
    Code.GENERIC,
    Code.IMAGE,
    Code.NEUTRAL,
    Code.BOUND,
}
_FRAME = frozenset((Code.IMAGE, Code.GENERIC, Code.PART, Code.EDGE))


def _items(text: str) -> list[Item]:
    tokens = _TOKENS.findall(text.lower())
    found: list[Item] = []
    index, end = 0, len(tokens)
    while index < end:
        token = tokens[index]
        index += 1
        entry = _LEXICON.get(token)
        if entry is None:
            found.append(_outside(token))
            continue
        item, phrases = entry
        if phrases and index < end and tokens[index] in phrases:
            for rest, longer in phrases[tokens[index]]:
                size = len(rest)
                if size == 1 or tuple(tokens[index : index + size]) == rest:
                    item = longer
                    index += size
                    break
        found.append(item)
    return found


def _outside(token: str) -> Item:
    if token[0] in "0123456789":
        return Code.NUMBER, float(token.replace(",", "")), token
    if _AIRCRAFT_TYPE.match(token):
        return Code.THING, (token, False, True), token
    return Code.UNKNOWN, None, token


def _like_adjective(word: str) -> bool:
    if word.endswith(("ed", "ing")):
        return len(word) > 5
    return word.endswith(_ADJECTIVE_ENDINGS) and len(word) > 4


def _like_plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 2


def _head(words: list[str], several: bool) -> str:
    """The noun that unknown words of one phrase come to, or an empty string."""
    nouns: list[str] = []
    for word in words:
        if _like_adjective(word):
            if nouns:
                break
            continue
        if _like_plural(word):
            if nouns and not several:
                break
            nouns.append(singular(word))
            break
        nouns.append(word)
    else:
        if several and len(nouns) > 1:
            nouns = nouns[:1]
    return " ".join(nouns)


class _Reader:
    """Reads the items of one caption from left to right."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.drafts: list[_Draft] = []
        # the phrase under way
        self.count: int | None = None
        self.style = ""
        self.words: list[str] = []
        # the group under way, and how it goes on
        self.run: list[_Draft] = []
        self.joined = self.broken = self.verb = False
        # places: whom the last was said of, and what a clause began with
        self.placed: list[_Draft] = []
        self.fresh = self.clause = False
        self.lead: tuple[str, ...] = ()
        self.unused = False
        self.negating = self.negated = False
        self.share: str | float | None = None
        self.sharing = False

    def read(self) -> list[_Draft]:
        index, end = 0, len(self.items)
        handlers = _HANDLERS
        while index < end:
            index = handlers[self.items[index][0]](self, index)
        self._stop(end)
        return self.drafts

    def _code(self, index: int) -> int:
        return self.items[index][0] if 0 <= index < len(self.items) else Code.STOP

    # quantities and nouns

    def _quantity(self, count: int | None, style: str) -> None:
        self._flush()
        self.count, self.style = count, style

    def _clear(self) -> None:
        self.count, self.style = None, ""
        if self.words:
            self.words = []

    def _flush(self) -> None:
        """End a phrase: unknown words after a quantity are a noun that the lexicon lacks."""
        if self.words:
            if self.style:
                several = self.style == "m" or (self.count or 0) > 1
                label = _head(self.words, several)
                if label and (self.style != "m" or any(map(_like_plural, self.words))):
                    self._mention(label, True, several)
                    return
            self.words = []

    def _number(self, index: int) -> int:
        value = self.items[index][1]
        following = self.items[index + 1][2] if index + 1 < len(self.items) else ""
        if following in ("%", "percent"):
            return self._share_of(index + 1, float(value) / 100)
        if self._code(index + 1) == Code.UNIT:
            self._clear()
            return index + 2
        if value != int(value):
            self._clear()
            return index + 1
        number = int(value)
        if not (self.style == "n" and self.items[index][2] in ("single", "solitary", "lone")):
            least = self._least(index, number)
            if least is None:
                self._quantity(number, "n")
            else:
                self._quantity(None, "m" if least > 1 else "n")
        if self.negating and self.negated:
            self.negating = False
        return index + 1

    def _least(self, index: int, number: int) -> int | None:
        """How many a bound or range that ends in this number says there are at least; None: it is no such."""
        before, value, word = self.items[index - 1] if index else (Code.STOP, None, "")
        if before == Code.BOUND:
            return 0 if value is None else number + value
        first = index - 1 if before == Code.NUMBER and self.items[index][2][0].isdigit() else index - 2
        if self._code(first) != Code.NUMBER or not (
            first == index - 1
            or word in ("to", "or")
            or (word == "and" and first and self.items[first - 1][2] == "between")
        ):
            return None
        return int(self.items[first][1])

    def _article(self, index: int) -> int:
        if self.style != "m" or self.words:
            self._quantity(None if self._code(index - 1) == Code.BOUND else 1, "a")
        if self.negating and self.negated:
            self.negating = False
        return index + 1

    def _many(self, index: int) -> int:
        self._quantity(None, "m")
        return index + 1

    def _thing(self, index: int) -> int:
        label, plural, countable = self.items[index][1]
        if (
            index
            and self.items[index - 1][0] == Code.THING
            and self.drafts
            and not self.items[index - 1][1][1]
        ):
            # a noun before a noun describes it: "airport buildings"
            before = self.drafts.pop()
            if self.run and self.run[-1] is before:
                self.run.pop()
                self.joined = bool(self.run)
            self.count, self.style = (before.count, before.style)
        self._mention(label, countable, plural)
        return index + 1

    def _mention(self, label: str, countable: bool, plural: bool) -> None:
        count, many = self.count, False
        if self.style == "a" and (plural or not countable):
            count = None
        elif self.style == "m":
            many = countable
        elif not self.style:
            many = plural and countable
        negated = self.negating or count == 0
        if negated:
            count, many = None, False
            self.negated = True
        draft = _Draft(label, count, many, negated, "n" if self.style == "a" else self.style)
        draft.places += self.lead
        self.unused = False
        if self.share is not None:
            if not self.sharing or (self.joined and self.run and self.run[-1].style == draft.style):
                draft.share = self.share
                self.sharing = True
            else:
                self.share = None
        if self.joined and not self.broken and self.run:
            self.run.append(draft)
        else:
            self.run = [draft]
        self.drafts.append(draft)
        self.joined = self.broken = self.verb = False
        self.fresh = self.clause = True
        self._clear()

    def _generic(self, index: int) -> int:
        """A noun that names no thing: it widens the thing before it ("water areas"), or ends a phrase."""
        following = self._code(index + 1)
        if (
            index
            and self.items[index - 1][2] in _OTHER
            and self.items[index][2].startswith(("object", "target"))
        ):
            self._without_noun(index)
        elif index and self.items[index - 1][0] == Code.THING:
            if self.items[index][1] and self.run and self.run[-1].count is None and not self.run[-1].negated:
                self.run[-1].many = True
        elif following == Code.OF:
            if self.style != "m":
                self._clear()
        elif following != Code.THING:
            self._clear()
        return index + 1

    def _of(self, index: int) -> int:
        if self._code(index - 1) not in (Code.GENERIC, Code.PART):
            self._flush()
            self._clear()
        self.broken = True
        return index + 1

    def _determiner(self, index: int) -> int:
        self._flush()
        self._clear()
        return index + 1

    def _frame(self, index: int) -> int:
        """A word for the image, or a unit: whatever describes it ("a blurry picture") is no thing."""
        self._clear()
        return index + 1

    def _conjunction(self, index: int) -> int:
        if not all(map(_like_adjective, self.words)):
            self._flush()
        self.joined = True
        return index + 1

    def _break(self, index: int) -> int:
        word = self.items[index][2]
        after = self._code(index + 1)
        if (
            self.style
            and not self.words
            and word.endswith(("ed", "ing", "seen", "visible"))
            and after in (0, Code.THING, Code.ADJECTIVE)
        ):
            return index + 1
        self._without_noun(index)
        self._flush()
        self._clear()
        self.broken = True
        self.verb = self.verb or self.items[index][0] == Code.VERB
        if self.negating and self.negated:
            self.negating = False
        if self.sharing:
            self.share, self.sharing = None, False
        return index + 1

    def _without_noun(self, index: int) -> None:
        """End a phrase that has a quantity only: "1 other", or "10 in the center" of what was named last."""
        if not self.style or self.words:
            return
        if self.items[index - 1][2] in _OTHER:
            self._mention("other", True, False)
        elif (
            self._code(index) == Code.PREPOSITION
            and self._code(index - 1) == Code.NUMBER
            and self.items[index][2] in ("in", "at", "on", "near", "along")
            and self.drafts
        ):
            self._mention(self.drafts[-1].label, True, False)

    def _stop(self, index: int) -> int:
        self._without_noun(index)
        self._flush()
        self._clear()
        if self.unused and self.clause and self.run:
            self.run[-1].places = list(self.lead)
        self.run, self.placed, self.lead = [], [], ()
        self.joined = self.broken = self.verb = self.fresh = self.clause = self.unused = False
        self.negating = self.negated = self.sharing = False
        self.share = None
        return index + 1

    def _word(self, index: int) -> int:
        if self.style:
            self.words.append(self.items[index][2])
        return index + 1

    def _neutral(self, index: int) -> int:
        return index + 1

    # negation

    def _no(self, index: int) -> int:
        self._flush()
        self._clear()
        self.negating, self.negated = True, False
        return index + 1

    def _not(self, index: int) -> int:
        if self.run and self.clause:
            return self._absent(index)
        return self._no(index)

    def _absent(self, index: int) -> int:
        for draft in self.run:
            draft.negated, draft.count, draft.many = True, None, False
        return index + 1

    # places

    def _direction(self, index: int) -> int:
        place, after = self._place(index)
        if place:
            self._flush()
            self._clear()
            self._put(place)
            self.broken = True
        return after

    def _place(self, index: int) -> tuple[str, int]:
        """The place that begins here, or an empty string, and where reading goes on."""
        items = self.items
        vertical = side = other = ""
        named = False
        end = index
        while end < len(items):
            code, value, word = items[end]
            if code == Code.DIRECTION:
                for part in value:
                    if part in ("top", "bottom"):
                        vertical = vertical or part
                    elif part == "center":
                        other = other or part
                    else:
                        side = side or part
            elif code == Code.EDGE:
                other, named = other or str(value), True
            elif code == Code.PART or word in ("half", "most"):
                named = True
            else:
                break
            end += 1
        before = self._code(index - 1)
        joined = before == Code.CONJUNCTION and self._code(index - 2) in (
            Code.DIRECTION,
            Code.PART,
            Code.EDGE,
        )
        if before not in _OPENERS and not joined:
            return "", end
        after, inside = self._whole(end)
        following = self._code(after)
        if not inside or (
            not named and (following in (Code.THING, Code.GENERIC) or (following == 0 and other != "center"))
        ):
            return "", end
        if vertical and side:
            return f"{'upper' if vertical == 'top' else 'lower'} {side}", after
        return vertical or side or other, after

    def _whole(self, index: int) -> tuple[int, bool]:
        """Skip "of the image"; False where the place is one of another thing, or relative to it."""
        if self._code(index) == Code.PREPOSITION and self.items[index][1] == "relative":
            return index, False
        if self._code(index) != Code.OF:
            return index, True
        index += 1
        while self._code(index) in _FILLERS:
            index += 1
        if self._code(index) not in _FRAME:
            return index, False
        while self._code(index) == Code.IMAGE:
            index += 1
        return index if self._code(index - 1) == Code.IMAGE else index + 1, True

    def _put(self, place: str) -> None:
        if not self.clause:
            self.lead = (*self.lead, place) if self.unused else (place,)
            self.unused = True
            return
        if self.lead:
            self.lead, self.unused = (place,), True
            return
        if self.fresh:
            style = self.run[-1].style
            first = len(self.run) - 1
            while first and (self.verb or self.run[first - 1].style == style):
                first -= 1
            self.placed = self.run[first:]
            self.fresh = False
        for draft in self.placed:
            if place not in draft.places:
                draft.places.append(place)

    # shares

    def _share_noun(self, index: int) -> int:
        return self._share_of(index, self.items[index][1])

    def _share_of(self, index: int, share: str | float) -> int:
        """A share such as "a large part": of the image, or of what it is said of."""
        ends_in_of = self.items[index][2].endswith(" of")
        self._clear()
        back = index - 1
        while self._code(back) in (Code.ARTICLE, Code.NUMBER, Code.ADJECTIVE):
            back -= 1
        after = index + 1
        whole = False
        if ends_in_of or self._code(after) in (Code.OF, Code.DETERMINER):
            place = after if ends_in_of or self._code(after) == Code.DETERMINER else after + 1
            while self._code(place) in _FILLERS:
                place += 1
            if self._code(place) in _FRAME:
                whole = True
                while self._code(place) in _FRAME:
                    place += 1
                after = place
        subject = self._code(back) not in (Code.VERB, Code.ADJECTIVE, Code.DETERMINER)
        if (
            (subject and self._ahead(after, Code.VERB))
            or (not whole and self._ahead(after, Code.THING))
            or not self._shared(share)
        ):
            self.share, self.sharing = share, False
        return after

    def _ahead(self, index: int, code: int) -> bool:
        """Whether a thing follows, led in by an item of `code` or being it."""
        if code == Code.THING:
            if self._code(index) == Code.OF:
                index += 1
            while self._code(index) in _FILLERS:
                index += 1
            return self._code(index) == Code.THING
        if self._code(index) != code:
            return False
        while self._code(index) in _LEADING_IN:
            index += 1
        return self._code(index) in (Code.THING, Code.SHARE_BEFORE)

    def _shared(self, share: str | float) -> bool:
        if not self.run:
            return False
        for draft in self.run:
            if draft.share is None:
                draft.share = share
        return True

    def _share_before(self, index: int) -> int:
        """An adverb such as "mostly": of the thing that follows, else of the one before."""
        share: str | float = self.items[index][1]
        after = index + 1
        while self._code(after) in _LEADING_IN:
            after += 1
        self._flush()
        self._clear()
        self.negating = self.negated = False
        if self._code(after) == Code.THING or not self._shared(share):
            self.share, self.sharing = share, False
        return index + 1

    def _share_verb(self, index: int) -> int:
        share: str | float = self.items[index][1]
        self._flush()
        self._clear()
        if not self._shared(share):
            self.share, self.sharing = share, False
        self.broken = self.verb = True
        return index + 1

    def _whole_image(self, index: int) -> int:
        """Read "the whole image": a share, unless something is merely strewn over it."""
        back = index - 1
        while self._code(back) in (Code.DETERMINER, Code.ADJECTIVE):
            back -= 1
        if self._code(index + 1) not in _FRAME or self._code(back) == Code.PREPOSITION:
            return index + 1
        after = index + 1
        while self._code(after) in _FRAME:
            after += 1
        if self._ahead(after, Code.VERB) or not self._shared("dominant"):
            self.share, self.sharing = "dominant", False
        return after


_HANDLERS: dict[int, Callable[[_Reader, int], int]] = {
    Code.UNKNOWN: _Reader._word,
    Code.THING: _Reader._thing,
    Code.NUMBER: _Reader._number,
    Code.ARTICLE: _Reader._article,
    Code.MANY: _Reader._many,
    Code.DETERMINER: _Reader._determiner,
    Code.CONJUNCTION: _Reader._conjunction,
    Code.VERB: _Reader._break,
    Code.PREPOSITION: _Reader._break,
    Code.OF: _Reader._of,
    Code.STOP: _Reader._stop,
    Code.NO: _Reader._no,
    Code.NOT: _Reader._not,
    Code.ABSENT: _Reader._absent,
    Code.DIRECTION: _Reader._direction,
    Code.EDGE: _Reader._direction,
    Code.PART: _Reader._generic,
    Code.IMAGE: _Reader._frame,
    Code.ADJECTIVE: _Reader._neutral,
    Code.UNIT: _Reader._frame,
    Code.GENERIC: _Reader._generic,
    Code.SHARE_BEFORE: _Reader._share_before,
    Code.SHARE_OF: _Reader._share_noun,
    Code.SHARE_VERB: _Reader._share_verb,
    Code.WHOLE: _Reader._whole_image,
    Code.NEUTRAL: _Reader._neutral,
    Code.BOUND: _Reader._neutral,
}


def parse_caption(text: str) -> Facts:
    """Return what a caption says is there, how many, where and how much of it."""
    return Facts(
        tuple(
            Mention(draft.label, draft.count, draft.many, tuple(draft.places), draft.share, draft.negated)
            for draft in _Reader(_items(text)).read()
        )
    )


@lru_cache(maxsize=4096)
def same_thing(label: str) -> str:
    """Return the lexicon's name of a class of any source: ``oil tank`` is a ``storage tank``.

    It is what the parser makes of one such thing, so that a truth and a caption name it alike. A class that
    the parser lacks is its own name, lower case and singular.
    """
    name = " ".join(re.sub(r"[-_]+", " ", normalise_label(label).lower()).split())
    for phrase in (name, f"{name} area"):
        if phrase in _THINGS:
            return _THINGS[phrase][0]
    mentions = parse_caption(f"one {name}").mentions
    if len(mentions) == 1 and not mentions[0].negated:
        return mentions[0].label
    head, _, last = name.rpartition(" ")
    return f"{head} {singular(last)}".strip()


def known(label: str) -> bool:
    """Whether the lexicon has a thing of this name."""
    return label in _LABELS or bool(_AIRCRAFT_TYPE.match(label))


def includes(broad: str, narrow: str) -> bool:
    """Whether a thing of the name `narrow` may rightly be called `broad`; both are the lexicon's names."""
    return (
        broad == narrow
        or narrow in NARROWER.get(broad, ())
        or (broad == "aircraft" and bool(_AIRCRAFT_TYPE.match(narrow)))
    )
