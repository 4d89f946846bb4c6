"""Everything that could be asked of one scene: what about, and the answer.

A subject is what is asked whatever the words: a form of question and the classes, places or numbers in it.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

from sartext.dataset.questions.facts import PLACES, Known

Subject = tuple[str, ...]
"""A form of `wordings.FORMS`, and what fills it."""
Candidate = tuple[Subject, str]
"""A subject and its answer; ``first`` or ``second`` where two things are compared."""

_EVERYWHERE = [place for row in PLACES for place in row]
_SEEN_SHARE = 0.05
_CLEAR_LEAD = 0.1
_MOST_COUNTED = 99
_NEAR = 3


def candidates(known: Known) -> Iterator[Candidate]:
    """Yield all that can be asked of a scene, each subject once."""
    yield from _presence(known)
    yield from _count(known)
    yield from _location(known)
    yield from _comparison(known)
    yield from _land_cover(known)
    yield from _class(known)


def _presence(known: Known) -> Iterator[Candidate]:
    for name in known.counts:
        yield ("object", name), "yes"
    for name in known.absent:
        yield ("object", name), "no"
    # only of classes that are there: if none is, no place of it is worth a question
    for name in known.counts:
        found = known.places[name]
        for place in _EVERYWHERE:
            if frozenset((place,)) in found:
                yield ("object in part", name, place), "yes"
            elif place not in known.reach[name]:
                yield ("object in part", name, place), "no"


def _count(known: Known) -> Iterator[Candidate]:
    for name, count in known.counts.items():
        if count <= _MOST_COUNTED:
            yield ("count", name), str(count)
    for name in known.absent:
        yield ("count", name), "0"


def _location(known: Known) -> Iterator[Candidate]:
    for name, count in known.counts.items():
        sure = [next(iter(possible)) for possible in known.places[name] if len(possible) == 1]
        if count == 1:
            yield from ((("place", name), place) for place in sure)
        else:
            yield from (
                (("place of most", name), place)
                for place in sorted(set(sure))
                if 2 * sure.count(place) > count
            )


def _comparison(known: Known) -> Iterator[Candidate]:
    counts = {**known.counts, **dict.fromkeys(known.absent, 0)}
    for first, second in combinations(sorted(counts), 2):
        if counts[first] != counts[second]:
            yield ("more", first, second), "first" if counts[first] > counts[second] else "second"
    # numbers near the count: how far off one is would tell the answer
    for name, count in known.counts.items():
        for number in range(max(count - _NEAR, 1), count + _NEAR):
            yield ("more than", name, str(number)), "yes" if count > number else "no"
    shares = {**known.cover, **dict.fromkeys(known.no_cover, 0.0)}
    for first, second in combinations(sorted(shares), 2):
        lead = shares[first] - shares[second]
        if abs(lead) >= _CLEAR_LEAD + known.unknown:
            yield ("larger area", first, second), "first" if lead > 0 else "second"


def _land_cover(known: Known) -> Iterator[Candidate]:
    ranked = list(known.cover.items())
    if ranked:
        name, share = ranked[0]
        rivals = [known.rival, *(other for _, other in ranked[1:])]
        if share >= max(rivals) + _CLEAR_LEAD + known.unknown:
            yield ("main cover",), name
    for name, share in ranked:
        if share >= _SEEN_SHARE:
            yield ("cover", name), "yes"
    for name in known.no_cover:
        yield ("cover", name), "no"


def _class(known: Known) -> Iterator[Candidate]:
    if len(known.places) + len(known.absent) < 2:
        return  # a source that annotates one class does not say what else is there
    ranked = sorted(((len(found), name) for name, found in known.places.items()), reverse=True)
    if ranked and ranked[0][1] in known.counts and (len(ranked) == 1 or ranked[0][0] > ranked[1][0]):
        yield ("most common",), ranked[0][1].lower()
    for place in _EVERYWHERE:
        there = [name for name, parts in known.reach.items() if place in parts]
        if _sole(there, known) and frozenset((place,)) in known.places[there[0]]:
            yield ("object of part", place), there[0].lower()


def _sole(there: Sequence[str], known: Known) -> bool:
    return len(there) == 1 and there[0] in known.counts
