"""English of remote-sensing captions: things and their synonyms, quantities, places, shares, negation.

The lists hold words of the language: what annotators of SAR and optical images write about (classes of the
public detection and land-cover data sets and their plain synonyms). No sentence of any narrator stands
here, nor a pattern of one.
"""

import re
from enum import IntEnum
from itertools import product
from typing import Any


class Code(IntEnum):
    """What a word or phrase does in a sentence."""

    UNKNOWN = 0
    THING = 1
    NUMBER = 2
    ARTICLE = 3
    MANY = 4
    DETERMINER = 5
    CONJUNCTION = 6
    VERB = 7
    PREPOSITION = 8
    OF = 9
    STOP = 10
    NO = 11
    NOT = 12
    ABSENT = 13
    DIRECTION = 14
    EDGE = 15
    PART = 16
    IMAGE = 17
    ADJECTIVE = 18
    UNIT = 19
    GENERIC = 20
    SHARE_BEFORE = 21
    SHARE_OF = 22
    SHARE_VERB = 23
    WHOLE = 24
    NEUTRAL = 25
    BOUND = 26


def _words(text: str) -> list[str]:
    return text.split()


_OBJECTS = """
ship: ship, boat, vessel, cargo ship, container ship, cargo vessel, fishing boat, fishing vessel, tanker,
  oil tanker, ferry, yacht, barge, freighter, trawler, sailboat, warship, patrol boat, speedboat, bulk
  carrier, cruiser, destroyer, frigate, marine craft, sea craft, watercraft, aircraft carrier, tugboat,
  motorboat, cruise ship, passenger ship, merchant ship, cargo boat, merchant vessel, passenger vessel,
  steamship, canoe, dredger, tug, patrol ship, pilot boat, pleasure boat, rescue ship, sailing boat,
  speed craft
aircraft: aircraft, airplane, aeroplane, plane, jet, airliner, fighter jet, fighter plane, jet plane,
  passenger plane, passenger aircraft, fighter aircraft, transport aircraft, cargo plane, cargo aircraft,
  airbus, boeing, bomber, propeller plane, biplane
vehicle: vehicle, car, automobile, motorized vehicle, motor vehicle, motor car, truck,
  bus, van, lorry, pickup, minibus, sedan
bridge: bridge, viaduct, footbridge, spanning structure, road bridge, railway bridge, river crossing
harbor: harbor, harbour, port, dock, wharf, quay, pier, jetty, marina, seaport, dockyard, shipyard, docking
  area, port facility, harbor facility, harbour facility, port area, maritime facility, berth, boatyard
storage tank: storage tank, tank, oil tank, fuel tank, gas tank, petroleum tank, oil storage tank, fuel
  storage tank, storage container, storage silo, liquid storage tank, oil depot, reservoir tank
building: building, house, roof, rooftop, skyscraper, apartment, villa, hut, residential building, apartment
  building, high rise, cottage, warehouse, tower block, dwelling, office building, man made structure,
  housing, edifice, bungalow
intact building: intact building, undamaged building, intact house, undamaged house
damaged building: damaged building, damaged house
destroyed building: destroyed building, collapsed building, ruined building, destroyed house, collapsed
  house, ruined house
road: road, street, highway, expressway, motorway, avenue, freeway, paved road, dirt road, lane, roadway,
  main street, boulevard, carriageway
path: path, footpath, trail, walkway, pathway, track, dirt track
intersection: intersection, crossroad, junction, roundabout, t junction, interchange, overpass, flyover
railway: railway, railroad, railway line, railroad track, railway track, train track, rail line
train: train
runway: runway, airstrip, landing strip
taxiway: taxiway
apron: apron
airport: airport, airfield, airbase, air base, aerodrome, air traffic infrastructure, aviation facility,
  airport infrastructure, airport facility
parking lot: parking lot, car park, parking area, parking space
playground: playground, sports field, football field, soccer field, football pitch, athletic field, running
  track
stadium: stadium
baseball field: baseball field, baseball diamond
tennis court: tennis court
basketball court: basketball court
swimming pool: swimming pool, pool
golf course: golf course
container: container, shipping container
bunker: bunker
marking line: marking line, mark line, line marking, road marking, marking
arrow: arrow
wind turbine: wind turbine, windmill
solar panel: solar panel, photovoltaic panel
power line: power line, transmission line
pylon: pylon
tower: tower
chimney: chimney
crane: crane
dam: dam
dike: dike, levee
island: island, islet
church: church
park: park
school: school
hospital: hospital
terminal: terminal
station: station, railway station, train station
power plant: power plant, power station
factory: factory, plant building, industrial plant
square: square, plaza
fence: fence
wall: wall
greenhouse: greenhouse
helicopter: helicopter
hangar: hangar
platform: offshore platform, oil rig, oil platform, drilling platform
buoy: buoy
tunnel: tunnel
animal: animal
tent: tent
cloud: cloud
person: person, pedestrian, human
"""

_LAND = """
water: water, sea, ocean, river, lake, pond, stream, canal, creek, reservoir, lagoon, waterway, water body,
  body of water, water area, channel, flood water, seawater
farmland: farmland, field, cropland, crop, farm, farm land, agriculture, paddy field, rice field, paddy,
  plantation, orchard, vineyard, crop field, rice paddy, farming area
forest: forest, tree, wood, woodland, tree cover, tree canopy, canopy, jungle, rainforest, grove, forest
  ecosystem
vegetation: vegetation, plant, greenery, foliage, green space, vegetation cover
grassland: grass, grassland, lawn, meadow, pasture, savanna, prairie, turf, grass field, rangeland
bush: bush, shrub, scrub, hedge, shrubland
bare land: bareland, soil, wasteland, open ground, exposed ground, exposed soil, bare, desert
land: land
built-up: built up, city, town, settlement, neighborhood, neighbourhood, suburb, downtown, built
  environment, residential district, residential quarter, community
village: village
other: other land
beach: beach, sand, sandbar, sand beach, sandbank
coast: coast, coastline, shore, shoreline, seashore, coastal area, seaside
wetland: wetland, marsh, swamp, bog, mangrove, mudflat, tidal flat
ice: ice, snow, glacier, sea ice, iceberg, permafrost
mountain: mountain, hill, ridge, mountain range
"""

_LAND_ADJECTIVES = {
    "built-up": "urban residential developed built-up industrial commercial settled urbanized",
    "farmland": "agricultural agriculture cultivated arable farming cropped",
    "grassland": "grassy",
    "forest": "wooded forested",
    "vegetation": "vegetated vegetative",
    "bare land": "bare barren",
    "wetland": "marshy swampy",
    "ice": "frozen icy snowy glacial",
    "water": "aquatic flooded",
    "beach": "sandy",
}
_LAND_NOUNS = (
    "area zone region land landscape field terrain district environment ecosystem ground block surface "
    "sector parcel plot expanse earth territory setting soil space"
)
_PLURAL_ONLY = {"people": "person", "woods": "forest", "waters": "water", "seas": "water", "sands": "beach"}
_MASS = frozenset(
    _words(
        """
        water waters woods sea ocean grass vegetation greenery foliage soil agriculture farmland
        cropland land ice snow sand forest woodland wetland grassland housing bareland bare seawater
        scrub shrubland rangeland turf
        """
    )
)
"""Words whose singular, or only form, says nothing of a number."""

_DAMAGE = frozenset({"intact building", "damaged building", "destroyed building"})

NARROWER: dict[str, frozenset[str]] = {
    "vegetation": frozenset({"forest", "farmland", "grassland", "bush"}),
    "built-up": frozenset({"building", "village"}) | _DAMAGE,
    "building": frozenset({"built-up"}) | _DAMAGE,
    "land": _DAMAGE
    | {"forest", "farmland", "grassland", "bush", "built-up", "building", "bare land", "road", "vegetation"},
}
"""What a word includes: the vegetation of one map is forest and farmland of another."""

_NUMBERS = _words(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen
    """
)
_TENS = {
    name: 10 * (index + 2)
    for index, name in enumerate(_words("twenty thirty forty fifty sixty seventy eighty ninety"))
}

_VERBS = """
is are was were be been being has have had there exist exists lie lies lying show shows shown showing
contain contains containing include includes including cover covers covered covering occupy occupies
occupied occupying fill fills filled take takes taking make makes made appear appears appearing located
situated placed positioned distributed scattered found seen observed detected spotted identified visible
present see sees display displays depict depicts reveal reveals feature features featuring hold holds
holding capture captures surround surrounds surrounded cross crosses crossing go goes going run runs running
pass passes passed stand stands standing park parks sit sits float floats floating sail sails sailing
highlight highlights highlighted outline outlines extend extends extending followed stretch stretches
comprise comprises consist consists consisting can could may might will must do does did lead leads border
borders flow flows flowing moored anchored docked
"""
_PREPOSITIONS = """
in on at near along by then
beside besides with within from to toward towards over under across through between
among amid around inside outside behind next above below beneath against into onto off alongside past about
that which who whose where when than for as via throughout adjacent close opposite upon during per
"""
_ADJECTIVES = """
large small big little huge tiny long short wide narrow tall low high dense sparse thick thin bright dark
white black red green blue yellow gray grey brown orange purple pink light deep straight curved round
circular square rectangular parallel single solitary distinct clear different same other more other similar
main major minor new old flat smooth rough calm wet dry open closed empty full whole entire separate
individual isolated lone adjacent nearby wide central visible present various regular
irregular neat tidy strong weak metallic radar bare crowded heavy plain lush calm rocky muddy broad vast
rich fine multiple few just only exactly about around approximately roughly nearly almost total overall
clearly also each both very too quite motorized maritime marine civil military commercial
industrial residential urban rural local public private private winding elongated linear oval golden silver
turquoise sparkling sunny shallow giant
"""
_UNITS = """
m meter metre meters metres km kilometer kilometre kilometers kilometres cm pixel pixels px degree degrees
percent look looks band bands x hour hours minute minutes year years foot feet mile miles db ghz
"""
_IMAGES = """
image images picture photo photograph view frame scene scenes sar radar patch tile visualization perspective
snapshot imagery chip scene's image's remote sensing satellite
"""
_GENERIC = """
area areas region regions zone zones piece pieces kind kinds type types group groups row rows line lines lot
number numbers variety mixture mosaic mix combination inspection look glimpse composition pattern patterns
structure structures object objects thing things item items landscape landscapes environment environments
body bodies bank banks surface surfaces place places set sets way detail details result series cluster
clusters stretch strip strips bit amount context background setting density distribution distance presence
absence total totals sum cover infrastructure facility facilities ecosystem ecosystems class classes target
targets rectangle rectangles block blocks shape shapes color colour colors colours level bird eye order
ground pair arrangement layout extent expanse size example feature part parts complexity element elements
sign signs evidence trace traces space cell cells form network direction directions caption description
moment
"""
_PARTS = "part side section region area portion quarter third zone quadrant end sector"


def plural(noun: str) -> str:
    """Return the plural of the last word of a noun, by the plain rules of spelling."""
    if noun.endswith(("craft", "housing", "people")):
        return noun
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def singular(word: str) -> str:
    """Return the singular of an unknown noun, by the plain rules of spelling."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 2:
        return word[:-1]
    return word


Item = tuple[int, Any, str]
"""What a word or phrase does, its value, and its text."""

Entry = tuple[Item, dict[str, list[tuple[tuple[str, ...], Item]]]]
"""A word by itself, and the phrases it begins, by their second word, the longest first."""

_Phrases = dict[str, tuple[Code, object]]


def _things(text: str) -> dict[str, tuple[str, bool, bool]]:
    """Phrase -> (label, is a plural, can be counted)."""
    found: dict[str, tuple[str, bool, bool]] = {}
    for line in re.sub(r"\n\s+", " ", text.strip()).splitlines():
        label, _, synonyms = line.partition(":")
        for synonym in (part.strip() for part in synonyms.split(",")):
            countable = synonym.split()[-1] not in _MASS
            found.setdefault(synonym, (label, False, countable))
            many = plural(synonym)
            if many != synonym:
                found.setdefault(many, (label, True, True))
    return found


def thing_phrases() -> dict[str, tuple[str, bool, bool]]:
    """Return every phrase that names a thing: (label, whether it is a plural, whether it can be counted)."""
    found = {**_things(_LAND), **_things(_OBJECTS)}
    for word, label in _PLURAL_ONLY.items():
        found[word] = (label, word == "people", word == "people")
    for label, words in _LAND_ADJECTIVES.items():
        for adjective, noun in product(words.split(), _LAND_NOUNS.split()):
            phrase = f"{adjective.replace('-', ' ')} {noun}"
            found[phrase] = (label, False, noun not in _MASS)
            found[plural(phrase)] = (label, True, noun not in _MASS)
    return found


# code, value and phrases; what stands later takes a phrase from what stands before
_PHRASES: tuple[tuple[Code, object, str], ...] = (
    (Code.DETERMINER, None, "the, this, that, these, those, its, their, it, them, every, any, all"),
    (Code.CONJUNCTION, None, "and, or, &, plus, as well as, along with, together with"),
    (
        Code.STOP,
        None,
        ". ; : ! ? ( ) while whereas whilst but except though although however".replace(" ", ", "),
    ),
    (Code.OF, None, "of"),
    (Code.GENERIC, False, "land cover, land use"),
    (Code.PREPOSITION, "relative", "relative to, with respect to, in relation to"),
    (
        Code.PREPOSITION,
        None,
        "right next to, right above, right below, right beside, right behind, right after, "
        "right under, left behind, left by, on top of, out of",
    ),
    (Code.DIRECTION, ("top",), "top, upper, uppermost, topmost, north, northern"),
    (Code.DIRECTION, ("bottom",), "bottom, lower, lowermost, south, southern"),
    (Code.DIRECTION, ("left",), "left, left hand, leftmost, west, western"),
    (Code.DIRECTION, ("right",), "right, right hand, rightmost, east, eastern"),
    (Code.DIRECTION, ("center",), "center, centre, middle, core, central, midst, heart"),
    (Code.DIRECTION, ("top", "left"), "northwest, northwestern"),
    (Code.DIRECTION, ("top", "right"), "northeast, northeastern"),
    (Code.DIRECTION, ("bottom", "left"), "southwest, southwestern"),
    (Code.DIRECTION, ("bottom", "right"), "southeast, southeastern"),
    (
        Code.EDGE,
        "edge",
        "edge, edges, border, borders, boundary, boundaries, margin, margins, rim, periphery, perimeter",
    ),
    (Code.EDGE, "corner", "corner, corners"),
    (
        Code.SHARE_OF,
        "dominant",
        "most of, most part of, the majority of, majority of, vast majority of, large majority, the "
        "bulk of, all of, almost all, almost all of, nearly all, nearly all of",
    ),
    (Code.SHARE_OF, "large", "main land cover, largest land cover, biggest land cover"),
    (Code.SHARE_OF, 0.5, "half, a half, one half"),
    (Code.SHARE_OF, 1 / 3, "a third, one third"),
    (Code.SHARE_OF, 2 / 3, "two thirds"),
    (Code.SHARE_OF, 0.25, "a quarter, one quarter"),
    (Code.SHARE_OF, 0.75, "three quarters"),
    (Code.SHARE_OF, 0.2, "a fifth, one fifth"),
    (Code.SHARE_OF, 0.1, "a tenth, one tenth"),
    (
        Code.SHARE_BEFORE,
        "dominant",
        "mostly, mainly, primarily, predominantly, largely, chiefly, entirely, almost entirely, nearly "
        "entirely, completely, almost completely, wholly, overwhelmingly, exclusively, nothing but, "
        "nothing except, dominated by, full of",
    ),
    (
        Code.SHARE_VERB,
        "dominant",
        "dominates, dominate, dominating, predominates, predominate, prevails, prevail, is dominant, "
        "are dominant",
    ),
    (Code.WHOLE, "dominant", "whole, entire"),
    (Code.NUMBER, 1, "single, a single, one single, solitary, a solitary, one solitary, lone, a lone"),
    (Code.NUMBER, 2, "a pair of, pair of, a couple of, couple of"),
    (Code.NUMBER, 3, "a trio of"),
    (Code.NUMBER, 4, "two pairs of"),
    (Code.NUMBER, 6, "half a dozen"),
    (Code.NUMBER, 12, "a dozen, one dozen"),
    (Code.NUMBER, 24, "two dozen"),
    (Code.NUMBER, 100, "a hundred, one hundred"),
    (Code.ARTICLE, 1, "a, an, another"),
    (
        Code.MANY,
        None,
        "several, many, some, numerous, multiple, countless, abundant, various, few, a few, quite a "
        "few, a great many, plenty of, a lot of, lots of, a number of, a large number of, a great "
        "number of, large numbers of, a small number of, a handful of, dozens, dozens of, hundreds, "
        "hundreds of, thousands of, scores of, a multitude of, a variety of, a series of, a set of, a "
        "collection of, an array of, a fleet of, pairs of, a group of, a large group of, group of, "
        "groups of, a row of, row of, rows of, lines of, a cluster of, cluster of, clusters of, more "
        "than one, two or three",
    ),
    (
        Code.NO,
        None,
        "no, without, without any, neither, nor, lack, lacks, lacking, devoid of, free of, free from, "
        "absence of, no sign of, no signs of, no trace of, no evidence of, not a, not any, not one, not "
        "a single, instead of, rather than, there is not, there are not, there isn't, there aren't, "
        "does not contain, doesn't contain, does not show, do not show",
    ),
    (Code.NOT, None, "not, cannot, isn't, aren't, can't, never"),
    (Code.ABSENT, None, "absent, missing"),
    (
        Code.NEUTRAL,
        None,
        "no longer, no doubt, not only, not just, not far, in total, one can, one could, one may, "
        "one might, one sees, one side, one another, one of, as well, on the other, with respect, "
        "here, everywhere, apart, together, away",
    ),
    # what is at least there, over the number said; None: nothing is
    (Code.BOUND, 0, "at least, no fewer than, no less than, not less than, not fewer than, a minimum of"),
    (Code.BOUND, 1, "more than"),
    (
        Code.BOUND,
        None,
        "at most, no more than, not more than, fewer than, less than, up to, as many as, a maximum of",
    ),
)
_SHARE_NOUNS = "part portion share fraction section proportion percentage chunk majority"
_SHARE_ADJECTIVES = {
    "large": "large big major considerable significant substantial sizable great good",
    "small": "small little tiny minor limited slight",
}


def _shares() -> _Phrases:
    found: _Phrases = {}
    nouns = _SHARE_NOUNS.split()
    for size, adjectives in _SHARE_ADJECTIVES.items():
        for adjective, noun in product(adjectives.split(), nouns):
            found[f"{adjective} {noun}"] = (Code.SHARE_OF, size)
    for adjective, noun in product(("largest", "biggest", "greatest", "main"), (*nouns, "area")):
        found[f"{adjective} {noun}"] = (Code.SHARE_OF, "large")
    return found


def _numbers() -> _Phrases:
    found: _Phrases = {name: (Code.NUMBER, number) for number, name in enumerate(_NUMBERS)}
    for name, number in _TENS.items():
        found[name] = (Code.NUMBER, number)
        for unit in range(1, 10):
            found[f"{name} {_NUMBERS[unit]}"] = (Code.NUMBER, number + unit)
    return found


def lexicon() -> dict[str, Entry]:
    """Return the lexicon by first word."""
    found: _Phrases = {}
    for words, code in (
        (_UNITS, Code.UNIT),
        (_GENERIC, Code.GENERIC),
        (_ADJECTIVES, Code.ADJECTIVE),
        (_VERBS, Code.VERB),
        (_PREPOSITIONS, Code.PREPOSITION),
        (_IMAGES, Code.IMAGE),
    ):
        found.update({word: (code, word.endswith("s")) for word in words.split()})
    for word in _PARTS.split():
        found[word], found[plural(word)] = (Code.PART, False), (Code.PART, True)
    found |= _shares() | _numbers()
    for code, value, listed in _PHRASES:
        found |= dict.fromkeys(listed.split(", "), (code, value))
    found[","] = (Code.CONJUNCTION, None)
    found |= {phrase: (Code.THING, value) for phrase, value in thing_phrases().items()}
    table: dict[str, Entry] = {}
    for phrase in sorted(found, key=lambda text: (-text.count(" "), text)):
        code, value = found[phrase]
        first, *rest = phrase.split(" ")
        alone = found.get(first, (Code.UNKNOWN, None))
        _, longer = table.setdefault(first, ((*alone, first), {}))
        if rest:
            longer.setdefault(rest[0], []).append((tuple(rest), (code, value, phrase)))
    return table
