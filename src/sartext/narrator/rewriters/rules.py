"""From captions of an optical twin to what holds for the SAR image, by rules.

The paper has a large language model do this, with a prompt and hand-written examples; the rules here are
ours. What only an optical image shows is taken out (colours, shadows, sunlight, clouds), water and buildings
get the look they have in a SAR image: smooth water reflects away from the radar and is dark, walls and
ground reflect back to it twice and are bright (Richards, Remote Sensing with Imaging Radar, 2009, chapter
5). Nothing else is added.
"""

import re
from collections.abc import Sequence

from sartext.narrator.words import article, capital


def _words(text: str) -> list[str]:
    return text.split()


COLOURS = frozenset(
    _words(
        "red green blue yellow orange purple pink brown black white gray grey beige tan cyan magenta violet"
    )
    + _words("turquoise teal maroon golden gold silver silvery crimson ivory khaki emerald azure olive lime")
    + _words("scarlet indigo cream lilac lavender navy amber bronze mauve ochre charcoal")
    + _words("reddish greenish bluish yellowish orangish purplish pinkish brownish blackish whitish")
    + _words("grayish greyish")
    + _words("reds greens blues yellows browns blacks whites grays greys")
    + _words("color colour colors colours colored coloured colorful colourful colorless colourless")
    + _words("multicolored multicoloured multicolor multicolour")
)
"""Words of colour; a rewritten caption has them in names only."""

_OPTICAL_ADJECTIVES = [
    *_words("lush verdant clear transparent limpid turbid muddy murky sunny sunlit shady shaded shadowy"),
    *_words("cloudy cloudless hazy glittering sparkling shining glistening gleaming"),
]
_LIGHT = r"(?:shadows?|shades?|sunlight|sunshine|sunrise|sunset|sun|daylight|clouds?|haze|mist|sky|skies)"
_FALLBACK = "a SAR image"

_TONE = r"(?:dark|light|bright|deep|pale|vivid|pure|dull|faint|navy|sky)(?:er)?"
_BASE = "(?:" + "|".join(sorted(COLOURS | set(_OPTICAL_ADJECTIVES), key=len, reverse=True)) + ")"
_ONE = rf"(?:{_TONE}(?:[\s-]+and)?[\s-]+)*\b{_BASE}\b(?![-']\w)"
_JOIN = r"(?:\s*,\s*(?:(?:and|or)\s+)?|\s+(?:and|or|with)\s+|\s*[-/]\s*|\s+)"
_SERIES = rf"(?:\b{_ONE}(?:{_JOIN}{_ONE})*)"
_DETERMINER = (
    r"(?:an?|the|some|many|several|two|three|four|five|six|seven|eight|nine|ten|few|lots?|all|its|their|this|these|"
    r"that|those|there|it|they|one|both|each|most|plenty|\d+)"
)
_PREPOSITION = (
    r"(?:in|on|at|by|near|beside|next|with|of|from|to|around|between|along|over|under|behind|across|while|"
    r"which|that|because|but|as|where|surrounded|is|are|can|has|have|stands?|lies?)"
)
# what follows a colour that stands for itself and does not describe the next word
_ALONE = rf"(?=\s*(?:[.,;:!?)]|$)|\s+(?:{_PREPOSITION}|and\s+{_DETERMINER}|and\s+{_PREPOSITION})\b)"
_VERB = r"(?:is|are|was|were|looks?|looked|appears?|appeared|seems?|turns?|turned|becomes?)"
_DEGREE = r"(?:(?:all|very|mostly|mainly|partly|quite|so|almost|entirely|completely|also|rather|painted)\s+)*"
_FILLED = r"(?:(?:surrounded|covered|filled|full|dotted|decorated|painted|dyed|marked)\s+)"

_IMAGE = (
    r"\b(?:(?:optical|aerial|satellite|remote[\s-]sensing|true[\s-]colou?r|colou?r|google\s+earth|sar)[\s-]+)*"
    r"(image|picture|photo|photograph)(s?)\b"
)
_GREEN_PLACE = r"(?:an?\s+)?\bgreen(?:ed)?\s+(?:spaces?|lands?|areas?|belts?|covers?|places?|regions?)\b"
_GREEN_NOUN = (
    r"\b(of|by|with|some|much|between|among|through|into|and)\s+(?:the\s+)?(?:(?:dark|light)\s+)?green"
    + _ALONE
)

_SOME = rf"(?:(?:the|an?|its|their|some|many|several|few|long|{_TONE}|{_BASE}|and)\s+)*"
# names ("Red Sea"), and what is no colour before its noun: kept as they are
_NAME = re.compile(rf"\b(?:{'|'.join(word.capitalize() for word in sorted(COLOURS))})\s+(?:[A-Z][a-z]+)\b")
_NO_COLOUR = re.compile(
    r"\b(?:olive\s+(?:trees?|farms?|groves?|orchards?|plantations?)|(?:gold|silver)\s+min(?:es?|ing)|"
    r"lime\s+(?:trees?|kilns?)|"
    r"navy\s+(?:ships?|vessels?|boats?|bases?|yards?|ports?|docks?|piers?|aircraft|planes?))\b",
    re.IGNORECASE,
)
# stands for a kept phrase while the rules are at work; a letter that no English caption holds
_MARK = "\u01c2"

# one after another; each drops or restates what only an optical image shows
_RULES: tuple[tuple[str, str], ...] = (
    (r"\s+([.,;:!?])", r"\1"),
    (r"\bblack[\s-]and[\s-]white\s+(?=(?:image|picture|photo))", ""),
    (r"\btrue[\s-]colou?r\b", ""),
    (rf"{_GREEN_PLACE}|\b(?:greenery|greening)\b", "vegetation"),
    (_GREEN_NOUN, r"\1 vegetation"),
    # "there are some white clouds over the sea", "the sun shines on the beach": what lies there stays
    (rf"\bthere\s+(?:is|are)\s+{_SOME}{_LIGHT}\s+(?:over|above|across|on|in|near|behind|around)\s+", ""),
    (rf"\b(there\s+(?:is|are)\s+){_SOME}{_LIGHT}\s+and\s+", r"\1"),
    (rf"(?:^|(?<=[.;]\s)){_SOME}{_LIGHT}\s+(?:over|above)\s+", ""),
    (r"\b(?:the\s+)?sun(?:light|shine)?\s+(?:shines|is\s+shining|falls)\s+(?:brightly\s+)?(?:up)?on\s+", ""),
    # a clause about light itself: "and the shadows are long"
    (
        rf"(?:^|(?<=[.;])\s*|,?\s*\b(?:and|while|but|as|where)\s+|,\s*)(?:(?:the|an?|its|their|some|long|dark|deep|"
        rf"{_BASE})\s+)*{_LIGHT}\b(?:\s+of\s+(?:the\s+|an?\s+|some\s+)?\w+)?\s+"
        r"(?:is|are|was|were|can|falls?|fell|lies?|shines?|makes?|covers?|hides?|blocks?|sets?|rises?)\b[^.,;]*",
        "",
    ),
    (
        rf"\b(?:reflects?|reflected|gleams?|glitters?|sparkles?|shines?|glistens?)(?:\s+(?:in|under|with|by))?"
        rf"(?:\s+the)?(?:\s+(?:bright\s+)?{_LIGHT}\b)?",
        "can be seen",
    ),
    (
        rf"\b(?:casts?|throws?)\s+(?:(?:an?|its|their|some|many|long|short|obvious|{_TONE}|{_BASE})\s+)*shadows?\b"
        r"(?:\s+(?:on|over|in|across)\s+(?:the\s+|an?\s+|some\s+)?\w+)?",
        "can be seen",
    ),
    # "with long shadows on the ground", "in the shadow of the trees", "under a blue sky"
    (
        rf",?\s*\b(?:and\s+)?(?:(?:with|in|under|by|of|from|through|beneath|against|on|to|at|and|casting|cast|casts|"
        rf"throwing|reflecting)\s+)+(?:(?:the|an?|its|their|some|many|long|short|deep|obvious|bright|{_TONE}|{_BASE})"
        rf"\s+)*{_LIGHT}\b(?:\s+(?:of|on|over|in)\s+(?:the\s+|an?\s+|some\s+)?\w+)?",
        "",
    ),
    (rf"\b(?:(?:the|an?|its|their|some|many|several)\s+)?{_LIGHT}\b", ""),
    # "different colors and sizes", "shapes and colors"
    (r"\bcolou?rs?\s+and\s+(?=\w)", ""),
    (r"\s+and\s+colou?rs?\b", ""),
    (r"\b(?:in|of|with)\s+(?:(?:the|an?|all|different|various|many|several|bright|same|other)\s+)*colou?rs?\b"
     r"(?:\s+of\s+" + _SERIES + ")?", ""),
    # "is painted in white", "is green in color", "is blue and calm", "is blue"
    (rf"\b{_VERB}\s+{_DEGREE}(?:in\s+)?(?:the\s+)?{_SERIES}\s+and\s+"
     rf"(?!{_DETERMINER}\b|{_PREPOSITION}\b|{_ONE})(?=\w)", "~BE~ "),
    (rf"\b{_VERB}\s+{_DEGREE}(?:in\s+)?(?:the\s+)?{_SERIES}(?:\s+in\s+colou?r)?{_ALONE}", "can be seen"),
    (rf"\b(?:painted|dyed|colou?red)\s+(?:in\s+)?(?:the\s+)?{_SERIES}(?:\s+colou?rs?)?", ""),
    # "houses with red roofs": a roof of no colour says nothing
    (rf"\s+(?:with|of)\s+(?:(?:the|many|some|their)\s+)*{_SERIES}\s+roofs?\b", ""),
    # "covered with white and red", "in dark green"
    (rf",?\s*\b{_FILLED}?(?:in|by|with|of|to|into|between|from)\s+(?:(?:the|an?|some)\s+)?"
     rf"{_SERIES}{_ALONE}", ""),
    # "red-roofed houses", "blue-green"
    (rf"\b{_BASE}-(?:roofed|topped|tiled|painted|colou?red|walled)\b", ""),
    (rf"\b{_BASE}-(?=\w)", ""),
    (rf"\b{_DEGREE}{_SERIES}", ""),
    (r"\b(?:aerial|satellite|optical)\s+(?=view)", ""),
    (_IMAGE, r"SAR image\2"),
)  # fmt: skip

# (words of a scatterer, what follows if the word means something else, look, nouns that stand before the
# word)
_LOOKS = (
    (
        r"(?:water|waters|sea|ocean|lakes?|rivers?|ponds?|reservoirs?)",
        r"(?:tanks?|towers?|treatment|plants?|parks?|slides?|valleys?|banks?|beds?|sides?|shores?|front|deltas?|"
        r"mouth|ports?|walls?|birds?|levels?|crossings?|basins?)",
        "dark",
        r"(?:(?:sea|river|lake|ocean|open)\s+)",
    ),
    (
        r"(?:built-up|buildings?)",
        r"(?:sites?|materials?)",
        "bright",
        r"(?:(?:residential|industrial|commercial|office|school|factory|apartment|teaching|church|city|farm)\s+)",
    ),
)

_EMPTY = (
    r"(?:and|or|with|of|in|by|the|an?|on|at|some|very|which|that|is|are|to|from|into|between|has|have|"
    r"covered|surrounded|full|painted|filled|can\s+be)"
)
_TIDY: tuple[tuple[str, str], ...] = (
    (r"\s+", " "),
    (r"\s+([.,;:!?])", r"\1"),
    (r"\b(an?|the|some|and|or|of|in|with|by|on|at|is|are|to)(?:\s+\1\b)+", r"\1"),
    (r"\b(?:and|or)\s+(and|or|while|but|with)\b", r"\1"),
    (r"\b(?:with|of|by)\s+(?:and|or|of|in|with|is|are|on|at|near|by)\b", ""),
    (r"\b(?:an?|the)\s+(?=(?:and|or|of|with|in|on|at|is|are|by|near|can)\b|[.,;:!?]|$)", ""),
    (rf"\s*\b{_EMPTY}\s*(?=[.,;:!?]|$)", ""),
    (r"([.,;:!?])(?:\s*[.,;:!?])+", r"\1"),
    (r"(^|[.;:!?]\s*)(?:,\s*|(?:and|or|but|while)\s+)", r"\1"),
    (r"^[\s.,;:!?-]+", ""),
)
_FUNCTION_WORDS = frozenset(
    _words(
        "a an the of in on at by with and or to from is are be can seen there it this that some many very sar"
    )
    + _words("image images picture dark bright light deep pale has have which while but as near next around")
)


def _apply(rules: Sequence[tuple[str, str]], text: str) -> str:
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text, flags=re.IGNORECASE)
    return text


def _settled(text: str) -> str:
    """Tidy until nothing changes: each rule may leave work for another."""
    while (tidied := _apply(_TIDY, text).strip()) != text:
        text = tidied
    return text


def _be(text: str) -> str:
    """Put back the verb of a predicate whose colour is gone: "is blue and calm" is "is calm"."""
    return re.sub(
        r"(\w+)?(\s*)~BE~", lambda m: f"{m.group(1) or ''}{m.group(2)}{_verb(m.group(1) or '')}", text
    )


def _verb(subject: str) -> str:
    return "are" if subject.lower().endswith("s") and not subject.lower().endswith("ss") else "is"


def _look(text: str) -> str:
    """Name the SAR look of the first water and the first building of a caption."""
    for words, other, look, before in _LOOKS:
        pattern = rf"(?<![\w-])({before}*)({words})(?![\w-])(?!\s+{other}\b)"
        found = re.search(pattern, text, flags=re.IGNORECASE)
        if found and not re.search(rf"\b{look}\s+$", text[: found.start()], flags=re.IGNORECASE):
            phrase = found.group(0)
            if found.start() == 0:
                phrase = phrase[0].lower() + phrase[1:]
                look = look.capitalize() if text[0].isupper() else look
            text = f"{text[: found.start()]}{look} {phrase}{text[found.end() :]}"
    return text


def _articles(text: str) -> str:
    def mend(match: re.Match[str]) -> str:
        right = article(match.group(3))
        return (
            (right.capitalize() if match.group(1)[0].isupper() else right) + match.group(2) + match.group(3)
        )

    return re.sub(r"\b(an?)(\s+)([\w'-]+)", mend, text, flags=re.IGNORECASE)


def _guarded(text: str) -> str:
    """Take out what the rules missed; a caption of which nothing is left says only that it is a SAR image."""
    text = re.sub(
        rf"(?<![^\W_])(?:{'|'.join(sorted(COLOURS, key=len, reverse=True))})(?![^\W_])",
        "",
        text,
        flags=re.IGNORECASE,
    )
    text = _articles(_settled(re.sub(r"(?<!\w)-+|-+(?!\w)", " ", text)))
    words = set(re.findall(r"[^\W_]+", text.lower()))
    return text if words - _FUNCTION_WORDS else _FALLBACK


def _masked(caption: str) -> tuple[str, list[str]]:
    """Put a mark for each phrase that is to be kept; return the phrases too."""
    kept: list[str] = []

    def mask(match: re.Match[str]) -> str:
        kept.append(match.group())
        return f"{_MARK}{len(kept) - 1}{_MARK}"

    words = re.findall(r"[A-Za-z]+", caption)
    if _MARK in caption:
        return caption, kept
    # where each word has a capital, a capital makes no name
    if 2 * sum(word[0].isupper() for word in words) <= len(words):
        caption = _NAME.sub(mask, caption)
    return _NO_COLOUR.sub(mask, caption), kept


def rewrite_rules(caption: str) -> str:
    """Return an optical caption as one that holds for the SAR image.

    Args:
        caption: such as ``many green trees are near a blue lake .``

    Returns:
        Such as ``many trees are near a dark lake.``: no word of colour but in a name (``the Red Sea``) or a
        thing of another sense (``an olive farm``), and no word that the caption does not hold but for ``SAR
        image``, ``dark``, ``bright``, ``vegetation`` (for "green belt" and the like) and ``can be seen`` (for
        "is green"). Never empty: ``a SAR image`` if nothing else is left.
    """
    masked, kept = _masked(" ".join(caption.split()))
    rewritten = _guarded(_look(_be(_settled(_apply(_RULES, masked)))))
    if kept:
        for number, phrase in enumerate(kept):
            rewritten = rewritten.replace(f"{_MARK}{number}{_MARK}", phrase)
        rewritten = _articles(rewritten)
    return capital(rewritten) if caption.strip()[:1].isupper() else rewritten
