"""What a scene's annotation settles, so that it can be asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil

from sartext.core.records import Box, Scene
from sartext.narrator.counts import label_counts
from sartext.narrator.sa2c import ranked_cover
from sartext.narrator.words import cover_noun, normalise_label

PLACES = (
    ("upper left", "top", "upper right"),
    ("left", "center", "right"),
    ("lower left", "bottom", "lower right"),
)
"""Names of the nine thirds of an image, by row and column."""

_MARGIN = 1 / 24
_LARGE_SIDE = 0.5


@dataclass(frozen=True, slots=True)
class Known:
    """What may be asked of one scene.

    Attributes:
        counts: objects of each class that a question may name; the most frequent first.
        absent: classes that were looked for and are not there.
        places: for every class of the scene, the parts of the image that each of its objects may lie in; none
            for an object of over half the image's width or height.
        reach: for every class of the scene, the parts that its objects may show in.
        cover: share of each land cover that a question may name, by the noun that captions use; the largest
            first.
        no_cover: land covers that were looked for and are not there.
        rival: the largest share that no question names: of pixels without a class, or of a vague class.
        unknown: share of pixels of which the mask does not say which class they are.
    """

    counts: dict[str, int] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    places: dict[str, list[frozenset[str]]] = field(default_factory=dict)
    reach: dict[str, set[str]] = field(default_factory=dict)
    cover: dict[str, float] = field(default_factory=dict)
    no_cover: tuple[str, ...] = ()
    rival: float = 0.0
    unknown: float = 0.0


def possible_places(box: Box, width: int, height: int) -> frozenset[str]:
    """Return the parts of the image that the centre of `box` may be said to lie in.

    More than one if it is closer to a border of thirds than 1/24 of the image's side.
    """

    def thirds(position: float, side: int) -> set[int]:
        share = position / side
        return {min(max(int(3 * (share + shift)), 0), 2) for shift in (-_MARGIN, _MARGIN)}

    x, y = box.centre
    return frozenset(PLACES[row][column] for row in thirds(y, height) for column in thirds(x, width))


def _shown(box: Box, width: int, height: int) -> set[str]:
    """The parts of the image that `box` covers some of."""

    def thirds(start: float, end: float, side: int) -> range:
        return range(max(int(3 * start / side), 0), min(ceil(3 * end / side), 3))

    columns = thirds(box.x, box.x + box.width, width)
    return {PLACES[row][column] for row in thirds(box.y, box.y + box.height, height) for column in columns}


def _generic(name: str, names: Iterable[str]) -> bool:
    """Whether a name may mean any of the others: a ``ship`` beside cargo ships, or an unknown object."""
    return name.startswith("unknown ") or any(other.endswith(f" {name}") for other in names)


def _nameless(name: str) -> bool:
    """Whether a name says only that it is none of the others."""
    return name.startswith("other ")


def _objects(scene: Scene, looked_for: set[str]) -> Known:
    counts = dict(label_counts(scene, scene.boxes))
    names = looked_for | set(counts)
    generic = {name for name in names if _generic(name, names)}
    if generic & set(counts):
        return Known()  # a ship of no said kind may be any kind of ship: no class's count is settled
    unfit = generic | {name for name in names if _nameless(name)}
    places: dict[str, list[frozenset[str]]] = {name: [] for name in counts}
    reach: dict[str, set[str]] = {name: set() for name in counts}
    for box in scene.boxes:
        name = normalise_label(box.label)
        possible = possible_places(box, scene.width, scene.height)
        large = box.width > _LARGE_SIDE * scene.width or box.height > _LARGE_SIDE * scene.height
        places[name].append(frozenset() if large else possible)
        reach[name] |= possible | _shown(box, scene.width, scene.height)
    return Known(
        counts={name: count for name, count in counts.items() if name not in unfit},
        absent=tuple(sorted(looked_for - set(counts) - unfit)),
        places=places,
        reach=reach,
    )


def known_of(
    scene: Scene, objects: Sequence[str] | None, covers: Sequence[str] | None, reached: bool = False
) -> Known:
    """Return what a scene's annotation settles; nothing if it is not annotated.

    Args:
        scene: its boxes and cover.
        objects: every class that was looked for as boxes: only of these can one be absent. None: nothing is
            known to be absent.
        covers: the same for land cover.
        reached: whether it may show objects that are annotated in its neighbour (see `reach`).

    Raises:
        UserError: a class has no name.
    """
    if not scene.annotated:
        return Known()
    looked_at = {normalise_label(label) for label in objects or ()} - {""}
    things = Known() if reached else _objects(scene, looked_at)
    shares = {cover.noun: cover.share for cover in ranked_cover(scene, 0.0)}
    looked_for = {cover_noun(label)[0] for label in covers or ()} - {""} if scene.cover else set()
    names = looked_for | set(shares)
    generic = {name for name in names if _generic(name, names)}
    unfit = generic | {name for name in names if _nameless(name)}
    unknown = sum(shares.get(name, 0.0) for name in generic)
    vague = [share for name, share in shares.items() if name in unfit]
    return Known(
        counts=things.counts,
        absent=things.absent,
        places=things.places,
        reach=things.reach,
        cover={name: share for name, share in shares.items() if name not in unfit},
        no_cover=() if unknown else tuple(sorted(looked_for - set(shares) - unfit)),
        rival=max([1.0 - sum(scene.cover.values()), *vague]) if shares else 0.0,
        unknown=unknown,
    )
