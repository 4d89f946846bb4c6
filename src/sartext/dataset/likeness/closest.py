"""Of images that are the same, the closest one to name."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sartext.dataset.likeness.prints import Prints
from sartext.dataset.likeness.same import Same


@dataclass(frozen=True, slots=True)
class Match:
    """Two scenes with images that are the same.

    Attributes:
        scene: id of the scene asked about.
        other: id of the scene, or name of the benchmark image, that it is the same as.
        kind: ``exact`` or ``near``, with `` twin`` where an optical twin is on either side.
        distance: bits that their perceptual hashes differ by, 0 for exact.
    """

    scene: str
    other: str
    kind: str
    distance: int


class Closest:
    """Searches images for the closest like of every scene."""

    def __init__(self, prints: Prints, same: Same) -> None:
        self._prints, self._same = prints, same
        self._count = int(same.pixels.max()) + 1 if len(prints) else 0
        names = sorted(set(prints.scene_ids.tolist()))
        self._number = {name: place for place, name in enumerate(names)}
        self._scene = np.array([self._number[name] for name in prints.scene_ids.tolist()], np.int64)
        # of images with equal pixels the first is named: own images before twins, then by scene id
        self._order = np.lexsort((self._scene, prints.twin))

    def holding(self, names: Iterable[str]) -> NDArray[np.bool_]:
        """Return which images belong to the scenes of these ids, bool (N,)."""
        chosen = np.zeros(len(self._number), np.bool_)
        chosen[[self._number[name] for name in names if name in self._number]] = True
        found: NDArray[np.bool_] = chosen[self._scene]
        return found

    def search(self, asked: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> list[Match]:
        """Return the closest wanted image of every scene with an asked one that is the same as one.

        Equal pixels go before near ones, then fewer bits, then own images before twins, then names.

        Args:
            asked: bool (N,), which images are asked about.
            wanted: bool (N,), which are looked for; one that is both is its own like.

        Returns:
            One entry a scene, by rising id.
        """
        best = np.full(self._count, -1, np.int64)
        target = self._order[wanted[self._order]][::-1]
        best[self._same.pixels[target]] = target
        own = np.flatnonzero(asked)
        equal = own[best[self._same.pixels[own]] >= 0]
        near, their, bits = self._near(best, asked)
        rows = np.concatenate([equal, near])
        target = np.concatenate([best[self._same.pixels[equal]], their])
        distance = np.concatenate([np.zeros(len(equal), np.int64), bits])
        inexact = np.arange(len(rows)) >= len(equal)
        twin, scene = self._prints.twin, self._scene
        order = np.lexsort((scene[target], twin[target], twin[rows], distance, inexact, scene[rows]))
        _, first = np.unique(scene[rows][order], return_index=True)
        return [
            self._match(int(rows[place]), int(target[place]), bool(inexact[place]), int(distance[place]))
            for place in order[first].tolist()
        ]

    def _near(
        self, best: NDArray[np.int64], asked: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Asked images near a wanted one: position, the closest wanted one's, and the bits between them."""
        first, second, bits = self._same.both_ways()
        hit = best[second] >= 0
        first, target, bits = first[hit], best[second[hit]], bits[hit]
        order = np.lexsort((self._scene[target], self._prints.twin[target], bits, first))
        pixels, start = np.unique(first[order], return_index=True)
        closest = np.full(self._count, -1, np.int64)
        closest[pixels] = order[start]
        rows = np.flatnonzero(asked & (closest[self._same.pixels] >= 0))
        pair = closest[self._same.pixels[rows]]
        return rows, target[pair], bits[pair]

    def _match(self, row: int, target: int, inexact: bool, bits: int) -> Match:
        names, twin = self._prints.scene_ids, self._prints.twin
        kind = ("near" if inexact else "exact") + (" twin" if twin[row] or twin[target] else "")
        return Match(names[row], names[target], kind, bits)
