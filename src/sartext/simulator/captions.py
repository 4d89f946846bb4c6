"""Five captions of an optical scene in the manner of RSICD (Lu et al., TGRS 2018): colours, plain verbs.

They are what stage 1 reads, so they must not teach the turns of phrase that the benchmark is scored in. No
sentence form is one of the narrator's or of `references`. Most words of the references do occur here, but in
other company: of the references' different runs of three words some 3% stand in these captions, of four
under 1% (docs/simulator.md), and a test holds that.
"""

from collections.abc import Sequence

from sartext.simulator.facts import Facts
from sartext.simulator.random import Draws
from sartext.simulator.words import counted, listed, plural

_LAND = {
    "water": ("blue water", "a piece of water", "calm blue water", "a stretch of smooth water"),
    "farmland": ("some farmland", "pieces of farmland", "green fields of a farm", "textured brown fields"),
    "forest": ("many green trees", "dense green forest", "a rough green canopy", "thick forest"),
    "built-up": (
        "many buildings with red and gray roofs",
        "rows of buildings",
        "a built-up area with red roofs",
        "blocks of buildings",
    ),
    "road": ("a gray road", "some roads", "a paved gray road", "a road with gray paving"),
    "bare": ("bare brown land", "a bare piece of land", "bare brown ground", "smooth brown ground"),
    "paved": ("bare gray ground", "a bare piece of ground", "a paved gray area", "smooth gray ground"),
}
_SEVERAL = (
    "pieces of farmland",
    "green fields of a farm",
    "textured brown fields",
    "many green trees",
    "many buildings with red and gray roofs",
    "rows of buildings",
    "blocks of buildings",
    "some roads",
)
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
    "ship": ("floating on the blue water", "sailing around here", "seen against the blue water"),
    "aircraft": ("parked on the gray ground", "standing at the airport", "parked out on the gray pavement"),
    "car": ("parked in the lot", "on the gray pavement", "standing on the paved ground"),
    "bridge": ("across the river", "over the water", "set high over calm water"),
    "harbor": ("beside the shore", "by the shore", "next to the land", "built along the shore"),
    "storage tank": ("standing on the ground", "built close together", "set on the bare ground"),
}
_SOLE = {"aircraft": "an aircraft"}
_STANDING = ("aircraft", "car", "storage tank")
# one land cover by another; the last wants two or more others
_NEAR = (
    ("is near", "are near"),
    ("lies along", "lie along"),
    ("lies behind", "lie behind"),
    ("comes close to", "come close to"),
    ("reaches toward", "reach toward"),
    ("lies among", "lie among"),
)


def write_captions(facts: Facts, draws: Draws) -> list[str]:
    """Return five true captions of an optical scene, lower case, ending in `` .`` as RSICD's raw ones do.

    Args:
        facts: what is true of the scene.
        draws: which wordings to take.
    """
    sentences = [_about_objects(facts, draws), _about_place(facts, draws), _about_land(facts, draws)]
    sentences += [_about_both(facts, draws), _about_position(facts, draws)]
    return [f"{sentence} ." for sentence in sentences]


def _land(facts: Facts, draws: Draws, most: int | None = 3) -> str:
    """The land covers worth naming, the largest first; all of them where `most` is None."""
    names = facts.covers(0.06)[:most] or facts.covers(0.0)[:1]
    return listed([draws.pick(_names(facts, name)) for name in names])


def _names(facts: Facts, cover: str) -> tuple[str, ...]:
    """Wordings of a land cover; open ground is paved where aircraft and cars park."""
    return _LAND["paved" if cover == "bare" and facts.theme in ("airport", "car park") else cover]


def _verb(subject: str, one: str, several: str) -> str:
    """The form of a verb that a wording of `_LAND` takes."""
    return several if subject in _SEVERAL else one


def _joined(parts: Sequence[str], draws: Draws) -> str:
    """Objects side by side; never by the commas and the "and" of `listed`, in which the references count."""
    return draws.pick((" plus ", " as well as ", " together with ")).join(parts)


def _things(facts: Facts, draws: Draws, digits: bool = False) -> str:
    return _joined([counted(label, count, digits) for label, count in facts.counts().items()], draws)


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
        verb = draws.pick(("that has", "that holds", "that hosts"))
        return f"{opening} {place} {verb} just {_things(facts, draws)}"
    quiet = draws.pick(
        ("", ", empty and quiet", ", where no objects are seen", ", without cars or ships of any kind")
    )
    return f"{opening} {place} with {_land(facts, draws, 2)}{quiet}"


def _about_land(facts: Facts, draws: Draws) -> str:
    names = facts.covers(0.06)[:3] or facts.covers(0.0)[:1]
    first = draws.pick(_names(facts, names[0]))
    if len(names) == 1:
        form = draws.pick(
            (
                "almost all of it is {first}",
                "the picture is full of {first}",
                "note that it is almost all {first}",
                "{first} {fills} nearly the whole picture",
            )
        )
        return form.format(first=first, fills=_verb(first, "fills", "fill"))
    rest = listed([draws.pick(_names(facts, name)) for name in names[1:]])
    one, several = draws.pick(_NEAR if len(names) > 2 else _NEAR[:-1])
    return f"{first} {_verb(first, one, several)} {rest}"


def _about_both(facts: Facts, draws: Draws) -> str:
    land = _land(facts, draws, 2)
    opening = draws.pick(("the picture has", "we can see", "the picture carries", "our view holds"))
    return (
        f"{opening} {_things(facts, draws, digits=True)} and {land}" if facts.objects else f"{opening} {land}"
    )


def _position(places: Sequence[str], draws: Draws) -> str:
    """Such as ``in the picture's upper left part and right part``."""
    whole = draws.pick(("picture", "scene"))
    parts = [f"{'middle' if place == 'center' else place} part" for place in places]
    return f"in the {whole}'s {listed(parts)}"


def _about_position(facts: Facts, draws: Draws) -> str:
    counts = facts.counts()
    if counts:
        label = draws.pick(sorted(counts))
        places = facts.places(label)
        alone = counts[label] == 1
        verbs = [("is", "are"), ("stands", "stand") if label in _STANDING else ("lies", "lie")]
        one = draws.pick((_SOLE.get(label, f"a {label}"), f"only one {label}"))
        amount = one if alone else f"some {plural(label, counts[label])}"
        if len(places) > 3:
            where = draws.pick(("scattered here and there", "widely spread"))
        else:
            where = _position(places, draws)
            verbs.append(("shows up", "show up"))
        return f"{amount} {draws.pick(verbs)[0 if alone else 1]} {where}"
    sided = [name for name in facts.covers(0.06) if name in facts.sides]
    if sided:
        land = draws.pick(_names(facts, sided[0]))
        verb = draws.pick(("can be found", "can be seen", _verb(land, "appears", "appear")))
        return f"{land} {verb} {_position([facts.sides[sided[0]]], draws)}"
    form = draws.pick(("nothing is here but {land}", "it has {land} and not much else"))
    return form.format(land=_land(facts, draws, None))
