"""First leakage check: no training or validation image may be an image, or the optical twin, of a test set.

Compared by the digest of decoded pixels and by perceptual hash (confirmed by correlation), across sources and
stages. Not seen: tiles that overlap a test tile, and other acquisitions of the same place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sartext.core.errors import UserError
from sartext.dataset.likeness.prints import Likely, Print, alike


@dataclass(frozen=True, slots=True)
class Leak:
    """One training image that coincides with a test image.

    Attributes:
        test: scene id of the test image.
        train: scene id of the training or validation image.
        kind: ``exact`` or ``near``; with `` twin`` if an optical twin is on either side.
        distance: bits their perceptual hashes differ by, 0 for exact.
    """

    test: str
    train: str
    kind: str
    distance: int

    def record(self) -> dict[str, Any]:
        """Return it as an entry of ``leakage.json``."""
        return {"test": self.test, "train": self.train, "kind": self.kind, "distance": self.distance}


def find_leaks(tests: Sequence[Print], train: Sequence[Print], distance: int) -> list[Leak]:
    """Return the closest test image of every training scene that coincides with one, by rising scene id.

    Args:
        tests: prints of all test images, twins and benchmark images included.
        train: prints of training and validation images, twins included.
        distance: most bits that perceptual hashes may differ by.
    """
    closest: dict[str, tuple[tuple[Any, ...], Likely]] = {}
    for found in alike(train, tests, distance):
        own, test = train[found.first], tests[found.second]
        rank = (found.kind != "exact", found.distance, own.part, test.part, test.scene_id)
        if own.scene_id not in closest or rank < closest[own.scene_id][0]:
            closest[own.scene_id] = (rank, found)
    leaks = []
    for scene_id, (_, found) in sorted(closest.items()):
        own, test = train[found.first], tests[found.second]
        twin = " twin" if "twin" in (own.part, test.part) else ""
        leaks.append(Leak(test.scene_id, scene_id, f"{found.kind}{twin}", found.distance))
    return leaks


def verify_clean(tests: Sequence[Print], train: Sequence[Print], distance: int, what: str) -> None:
    """Check once more that nothing of `train` coincides with a test image.

    Raises:
        UserError: something does; the first pair is named.
    """
    left = find_leaks(tests, train, distance)
    if left:
        raise UserError(
            f"{what}: {len(left)} images still coincide with test images, the first: {left[0].train} with "
            f"{left[0].test} ({left[0].kind}); nothing was written; build again from freshly ingested sources"
        )
