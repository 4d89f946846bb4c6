"""Five captions of an optical scene in the manner of RSICD (Lu et al., TGRS 2018): colours, plain verbs.

The grammar is its own: it shares no sentence form with the narrator's branches nor with `references`.
"""

from sartext.simulator.facts import Facts
from sartext.simulator.random import Draws
from sartext.simulator.words import counted, listed, plural

_LAND = {
    "water": ("blue water", "a piece of water", "calm blue water", "a stretch of smooth water"),
    "farmland": ("some farmland", "pieces of farmland", "green farm fields", "textured brown fields"),
    "forest": ("many green trees", "dense green forest", "a rough green canopy", "thick forest"),
    "built-up": (
        "many buildings with red and gray roofs",
        "rows of buildings",
        "a built-up area with red roofs",
        "built-up blocks",
    ),
    "road": ("a gray road", "some roads", "a paved road", "a paved gray road"),
    "bare": ("brown bare land", "a piece of bare land", "bare ground", "smooth brown ground"),
    "paved": ("gray bare ground", "a piece of bare ground", "a paved gray area", "smooth gray ground"),
}
_PLACE = {
    "open sea": "the open sea",
    "coast": "a coast",
    "harbor": "a port",
    "river": "a river valley",
    "countryside": "the countryside",
    "town": "a residential area",
    "airport": "an airport",
    "tank farm": "an industrial area",
    "car park": "a parking lot",
}
_DOING = {
    "ship": ("floating on the blue water", "sailing here", "set against the blue water", "out on the water"),
    "aircraft": ("parked on the gray ground", "standing at the airport", "set among the gray pavement"),
    "car": ("parked in the lot", "on the gray pavement", "standing on the paved ground"),
    "bridge": ("across the river", "over the water", "set over calm water"),
    "harbor": ("beside the shore", "next to the land", "along the shore"),
    "storage tank": ("standing on the ground", "built close together", "set on bare ground"),
}
_SOLE = {"aircraft": "an aircraft"}
_WHERE = {
    "upper left": ("in the upper left part", "toward the upper left corner"),
    "top": ("in the top part", "along the top side"),
    "upper right": ("in the upper right part", "toward the upper right corner"),
    "left": ("in the left part", "on the left side"),
    "center": ("in the middle part", "around the middle"),
    "right": ("in the right part", "on the right side"),
    "lower left": ("in the lower left part", "toward the lower left corner"),
    "bottom": ("in the bottom part", "along the bottom side"),
    "lower right": ("in the lower right part", "toward the lower right corner"),
}


def write_captions(facts: Facts, draws: Draws) -> list[str]:
    """Return five true captions of an optical scene, lower case, ending in `` .`` as RSICD's raw ones do.

    Args:
        facts: what is true of the scene.
        draws: which wordings to take.
    """
    sentences = [_about_objects(facts, draws), _about_place(facts, draws), _about_land(facts, draws)]
    sentences += [_about_both(facts, draws), _about_position(facts, draws)]
    return [f"{sentence} ." for sentence in sentences]


def _land(facts: Facts, draws: Draws, most: int = 3) -> str:
    names = facts.covers(0.06)[:most] or facts.covers(0.0)[:1]
    return listed([draws.pick(_names(facts, name)) for name in names])


def _names(facts: Facts, cover: str) -> tuple[str, ...]:
    """Wordings of a land cover; open ground is paved where aircraft and cars park."""
    return _LAND["paved" if cover == "bare" and facts.theme in ("airport", "car park") else cover]


def _several(noun: str) -> bool:
    """Whether a wording of `_LAND` takes a plural verb."""
    return noun.endswith(("fields", "roads", "blocks", "trees")) or noun.startswith(
        ("many", "rows", "pieces")
    )


def _things(facts: Facts, digits: bool = False) -> str:
    return listed([counted(label, count, digits) for label, count in facts.counts().items()])


def _about_objects(facts: Facts, draws: Draws) -> str:
    counts = facts.counts()
    if not counts:
        return f"{_land(facts, draws)} can be seen from above"
    parts = []
    for label, count in counts.items():
        amount = _SOLE.get(label, f"a {label}") if count == 1 else counted(label, count)
        parts.append(f"{amount} {'is' if count == 1 else 'are'} {draws.pick(_DOING[label])}")
    return " while ".join([parts[0], " and ".join(parts[1:])]) if len(parts) > 1 else parts[0]


def _about_place(facts: Facts, draws: Draws) -> str:
    place = _PLACE[facts.theme]
    opening = draws.pick(("it is", "this is", "this scene shows", "from above one sees"))
    if facts.objects:
        verb = draws.pick(("with", "that holds", "that hosts"))
        return f"{opening} {place} {verb} {_things(facts)}"
    quiet = draws.pick(("", ", empty and quiet", " and no objects at all", ", without any objects of note"))
    return f"{opening} {place} with {_land(facts, draws, 2)}{quiet}"


def _about_land(facts: Facts, draws: Draws) -> str:
    names = facts.covers(0.06)[:3] or facts.covers(0.0)[:1]
    first = draws.pick(_names(facts, names[0]))
    if len(names) == 1:
        return draws.pick(
            (
                f"almost all of it is {first}",
                f"the picture is full of {first}",
                f"nothing else but {first} appears",
            )
        )
    rest = listed([draws.pick(_names(facts, name)) for name in names[1:]])
    one, several = draws.pick(
        (
            ("is near", "are near"),
            ("lies along", "lie along"),
            ("stands among", "stand among"),
            ("comes with", "come with"),
        )
    )
    behind = draws.pick(("", " around it", " behind")) if one == "comes with" else ""
    return f"{first} {several if _several(first) else one} {rest}{behind}"


def _about_both(facts: Facts, draws: Draws) -> str:
    land = _land(facts, draws, 2)
    opening = draws.pick(("the picture has", "we can see", "the picture carries", "our view holds only"))
    return f"{opening} {_things(facts, digits=True)} and {land}" if facts.objects else f"{opening} {land}"


def _about_position(facts: Facts, draws: Draws) -> str:
    counts = facts.counts()
    if counts:
        label = draws.pick(sorted(counts))
        places = facts.places(label)
        alone = counts[label] == 1
        verb = draws.pick((("is", "are"), ("stands out", "stand out"), ("lies", "lie")))[0 if alone else 1]
        amount = _SOLE.get(label, f"a {label}") if alone else f"some {plural(label, counts[label])}"
        if len(places) > 3:
            where = draws.pick(("scattered here and there", "spread over the whole picture"))
            return f"{amount} {verb} {where}"
        form = draws.pick((0, 1))
        return f"{amount} {verb} {listed([_WHERE[place][form] for place in places])} of the picture"
    sided = [name for name in facts.covers(0.06) if name in facts.sides]
    if sided:
        where = draws.pick(_WHERE[facts.sides[sided[0]]])
        verb = draws.pick(("can be found", "can be seen"))
        return f"{draws.pick(_names(facts, sided[0]))} {verb} {where} of the picture"
    return f"{draws.pick(('nothing is here but', 'no ship or aircraft, but'))} {_land(facts, draws, 2)}"
