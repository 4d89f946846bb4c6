"""Equal images within a training set: one stays."""

from collections.abc import Mapping, Sequence

from sartext.core.records import Scene
from sartext.dataset.likeness.prints import Likeness, Print, alike_within


def duplicates(
    scenes: Sequence[Scene], prints: Sequence[Print], texts: Mapping[str, int], distance: int
) -> dict[str, tuple[str, Likeness]]:
    """Return the scenes to drop, each with the scene that stays and how they are alike.

    Of scenes that are alike the one with most captions stays; of those, the one of train before val, then
    the first by scene id.

    Args:
        scenes: training and validation scenes.
        prints: prints of their own images (twins are left aside: two SAR images may share one optical twin).
        texts: captions by scene id.
        distance: most bits that perceptual hashes may differ by.
    """
    own = [one for one in prints if one.part == "image"]
    split = {scene.scene_id: scene.split for scene in scenes}
    order = sorted(
        (one for one in own if one.scene_id in split),
        key=lambda one: (-texts.get(one.scene_id, 0), split[one.scene_id], one.scene_id),
    )
    dropped: dict[str, tuple[str, Likeness]] = {}
    for found in alike_within(order, distance):
        one, other = order[found.first].scene_id, order[found.second].scene_id
        if one in dropped:
            continue
        if found.kind == "exact":
            # what its equal was dropped for holds for it too
            dropped[one] = (dropped[other][0] if other in dropped else other, "exact")
        elif other not in dropped:
            dropped[one] = (other, "near")
    return dropped
