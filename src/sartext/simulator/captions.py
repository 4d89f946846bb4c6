"""Five captions of an optical scene in the manner of RSICD (Lu et al., TGRS 2018): colours, plain verbs.

The grammar is its own: it shares no sentence form with the narrator's branches nor with `references`.
"""

from sartext.simulator.facts import Facts
from sartext.simulator.random import Draws
from sartext.simulator.words import counted, listed, plural

_LAND = {
    "water": ("blue water", "a piece of water"),
    "farmland": ("some farmland", "pieces of farmland"),
    "forest": ("many green trees", "dense green forest"),
    "built-up": ("many buildings with red and gray roofs", "rows of buildings"),
    "road": ("a gray road", "some roads"),
    "bare": ("brown bare land", "a piece of bare land"),
    "paved": ("gray bare ground", "a piece of bare ground"),
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
    "ship": ("floating on the blue water", "sailing here"),
    "aircraft": ("parked on the gray ground", "standing at the airport"),
    "car": ("parked in the lot", "on the gray pavement"),
    "bridge": ("across the river", "over the water"),
    "harbor": ("beside the shore", "next to the land"),
    "storage tank": ("standing on the ground", "built close together"),
}
_SOLE = {"aircraft": "an aircraft"}
_WHERE = {
    "upper left": "in the upper left part",
    "top": "in the top part",
    "upper right": "in the upper right part",
    "left": "in the left part",
    "center": "in the middle part",
    "right": "in the right part",
    "lower left": "in the lower left part",
    "bottom": "in the bottom part",
    "lower right": "in the lower right part",
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


def _names(facts: Facts, cover: str) -> tuple[str, str]:
    """Wordings of a land cover; open ground is paved where aircraft and cars park."""
    return _LAND["paved" if cover == "bare" and facts.theme in ("airport", "car park") else cover]


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
    verb = draws.pick(("it is", "this is"))
    if facts.objects:
        return f"{verb} {place} with {_things(facts)}"
    return f"{verb} {place} with {_land(facts, draws, 2)}"


def _about_land(facts: Facts, draws: Draws) -> str:
    names = facts.covers(0.06)[:3] or facts.covers(0.0)[:1]
    first = draws.pick(_names(facts, names[0]))
    if len(names) == 1:
        return draws.pick((f"almost all of it is {first}", f"the picture is full of {first}"))
    rest = listed([draws.pick(_names(facts, name)) for name in names[1:]])
    return (
        f"{first} {'are' if first.startswith(('many', 'rows', 'pieces', 'some roads')) else 'is'} near {rest}"
    )


def _about_both(facts: Facts, draws: Draws) -> str:
    land = _land(facts, draws, 2)
    if not facts.objects:
        return f"{draws.pick(('the picture has', 'we can see'))} {land}"
    return f"{draws.pick(('we can see', 'the picture has'))} {_things(facts, digits=True)} and {land}"


def _about_position(facts: Facts, draws: Draws) -> str:
    counts = facts.counts()
    if counts:
        label = draws.pick(sorted(counts))
        places = facts.places(label)
        if len(places) <= 3:
            where = listed([_WHERE[place] for place in places])
        else:
            where = "scattered here and there"
        verb = "is" if counts[label] == 1 else "are"
        amount = (
            _SOLE.get(label, f"a {label}") if counts[label] == 1 else f"some {plural(label, counts[label])}"
        )
        return f"{amount} {verb} {where} of the picture" if len(places) <= 3 else f"{amount} {verb} {where}"
    sided = [name for name in facts.covers(0.06) if name in facts.sides]
    if sided:
        where = _WHERE[facts.sides[sided[0]]]
        return f"{draws.pick(_names(facts, sided[0]))} can be found {where} of the picture"
    return f"nothing is here but {_land(facts, draws, 2)}"
