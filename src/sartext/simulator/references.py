"""Five reference sentences of a SAR scene, from its truth, in a grammar of their own.

They are what the benchmark scores against, so they must not be the narrator's sentences in disguise: no
"There are ...", no "in the center ... at the edge of this image", no sentence on shares of pixels, and no
colours, which the optical captions use. Nouns are the suite's class names, so that a text model that never
saw these sentences knows their words.
"""

from sartext.simulator.facts import Facts
from sartext.simulator.random import Draws
from sartext.simulator.words import capital, counted, listed, number_word, plural

_LAND = {
    "water": ("water", "calm water"),
    "farmland": ("farmland", "farm fields"),
    "forest": ("forest", "forest canopy"),
    "built-up": ("built-up land", "built-up blocks"),
    "road": ("road", "paved road"),
    "bare": ("bare ground", "bare land"),
}
_LOOK = {
    "water": "dark water",
    "farmland": "textured farmland",
    "forest": "rough forest",
    "built-up": "bright built-up blocks",
    "road": "dark road",
    "bare": "smooth bare ground",
}
_AT = {
    "upper left": "toward the upper left",
    "top": "along the top",
    "upper right": "toward the upper right",
    "left": "on the left",
    "center": "around the middle",
    "right": "on the right",
    "lower left": "toward the lower left",
    "bottom": "along the bottom",
    "lower right": "toward the lower right",
}


def write_references(facts: Facts, draws: Draws) -> list[str]:
    """Return five true sentences about a SAR scene: counts, places and land cover.

    Args:
        facts: what is true of the scene.
        draws: which wordings to take.
    """
    if facts.objects:
        return [
            _what_and_where(facts, draws),
            _digits_and_ground(facts, draws),
            _returns(facts, draws),
            _ground_first(facts, draws),
            _placed(facts, draws),
        ]
    return [_empty_ground(facts, draws, form) for form in range(5)]


def _ground(facts: Facts, least: float = 0.08) -> list[str]:
    return facts.covers(least)[:3] or facts.covers(0.0)[:1]


def _where(facts: Facts, label: str) -> str:
    places = facts.places(label)
    if len(places) > 3:
        return "spread over the frame"
    return listed([_AT[place] for place in places])


def _stage(facts: Facts, label: str) -> str:
    """The land cover that a class stands before: water for what floats or spans it, else bare ground."""
    wanted = "water" if label in ("ship", "bridge", "harbor") else "bare"
    return wanted if wanted in facts.cover else _ground(facts)[0]


def _what_and_where(facts: Facts, draws: Draws) -> str:
    parts = [f"{counted(label, count)} {_where(facts, label)}" for label, count in facts.counts().items()]
    opening = draws.pick(("this radar frame shows", "the scene holds", "radar picks out"))
    return capital(f"{opening} {listed(parts)}.")


def _digits_and_ground(facts: Facts, draws: Draws) -> str:
    things = listed([counted(label, count, digits=True) for label, count in facts.counts().items()])
    land = listed([_LAND[name][0] for name in _ground(facts)])
    form = draws.pick(("{things} with {land} behind", "{things} over {land}", "{things}, set among {land}"))
    return capital(f"{form.format(things=things, land=land)}.")


def _returns(facts: Facts, draws: Draws) -> str:
    counts = facts.counts()
    label = max(counts, key=lambda name: counts[name])
    many, one = draws.pick(
        (
            ("stand out against", "stands out against"),
            ("contrast with", "contrasts with"),
            ("shine beside", "shines beside"),
        )
    )
    ground = _LOOK[_stage(facts, label)]
    rest = [counted(name, count) for name, count in counts.items() if name != label]
    verb = "appears" if sum(counts.values()) - counts[label] == 1 else "appear"
    more = f", and {listed(rest)} {verb} too" if rest else ""
    if counts[label] == 1:
        return capital(f"the strong echo of one {label} {one} {ground}{more}.")
    return capital(f"strong echoes of {counted(label, counts[label])} {many} {ground}{more}.")


def _ground_first(facts: Facts, draws: Draws) -> str:
    land = [
        _LAND[name][1] + (f" {_AT[facts.sides[name]]}" if name in facts.sides else "")
        for name in _ground(facts)
    ]
    things = listed([counted(label, count) for label, count in facts.counts().items()])
    verb = draws.pick(("carries", "comes with", "hosts"))
    return capital(f"a view of {listed(land)} that {verb} {things}.")


def _placed(facts: Facts, draws: Draws) -> str:
    counts = facts.counts()
    label = draws.pick(sorted(counts))
    places = facts.places(label)
    land = listed([_LAND[name][0] for name in _ground(facts)])
    kinds = listed([plural(name, count) for name, count in counts.items()])
    if len(places) == 1 or counts[label] == 1:
        subject = (
            f"the only {label}"
            if counts[label] == 1
            else f"all {number_word(counts[label])} {plural(label, counts[label])}"
        )
        verb = "lies" if counts[label] == 1 else "lie"
        return capital(f"{subject} {verb} {_AT[places[0]]} of a scene with {land}.")
    return capital(f"seen by radar: {kinds} in a scene of {land}, {counted(label, counts[label])} in all.")


def _empty_ground(facts: Facts, draws: Draws, form: int) -> str:
    names = _ground(facts, 0.04)
    plain = listed([_LAND[name][0] for name in names])
    sided = listed([_LAND[n][1] + (f" {_AT[facts.sides[n]]}" if n in facts.sides else "") for n in names])
    looks = listed([_LOOK[name] for name in names])
    if form == 0:
        return capital(
            f"{draws.pick(('radar shows', 'the frame shows', 'here radar sees'))} {looks}, "
            "without any ship, aircraft or bridge."
        )
    if form == 1:
        return capital(f"only {plain} {'fills' if len(names) == 1 else 'fill'} this radar frame.")
    if form == 2:
        return capital(f"a view of {sided} and nothing else of note.")
    if form == 3:
        return capital(f"{draws.pick(('an empty scene of', 'a quiet scene of'))} {plain}.")
    most = _LAND[names[0]][0]
    rest = f", with {listed([_LAND[n][0] for n in names[1:]])} beside it" if len(names) > 1 else ""
    return capital(f"mostly {most}{rest}, and no objects to count.")
