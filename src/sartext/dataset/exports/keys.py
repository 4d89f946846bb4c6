"""Where an image lies in the shards: its key, and which shard of its source and split it is in."""

import hashlib
from collections.abc import Iterable, Sequence

from sartext.core.config import Config
from sartext.core.records import SPLITS, Scene
from sartext.core.seeds import generator

# a name in a tar's header has 100 bytes (ustar, POSIX.1-1988); the longest ending is ".json"
_LONGEST = 100 - len(".json")
_KEPT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_DIGEST = 32


def key_of(scene_id: str) -> str:
    """Return a scene's key in the shards: no dot, since WebDataset ends a key there, and no slash.

    ASCII letters, digits, ``_`` and ``-`` stay, ``/`` becomes ``+``, every other character the hexadecimal
    bytes of its UTF-8, each after ``=``: ``hrsid/P0001_0_800.v2`` gives ``hrsid+P0001_0_800=2ev2``. What is
    too long for a tar is cut and ends with ``==`` and a digest. Two scenes never have one key.
    """
    key = "".join(
        letter
        if letter in _KEPT
        else "+"
        if letter == "/"
        else "".join(f"={byte:02x}" for byte in letter.encode())
        for letter in scene_id
    )
    if len(key) <= _LONGEST:
        return key
    digest = hashlib.sha256(scene_id.encode()).hexdigest()[:_DIGEST]
    return f"{key[: _LONGEST - _DIGEST - 2]}=={digest}"


def shard_plan(scenes: Sequence[Scene], seed: int, most: int) -> dict[str, list[Scene]]:
    """Return which scenes of one source go into which shard, in their order there.

    Neighbours in a source are often cut from one scene, so they are shuffled: a shard is a sample of the
    whole. Shards of a split are as large as one another, give or take one image.

    Args:
        scenes: scenes of one source, in any order.
        seed: the profile's.
        most: images of a shard at most.

    Returns:
        Scenes by file name, ``train-000000.tar`` and so on; a split without scenes has no shard.
    """
    plan = {}
    for split in SPLITS:
        chosen = sorted((scene for scene in scenes if scene.split == split), key=lambda one: one.scene_id)
        if not chosen:
            continue
        order = generator(seed, "shards", chosen[0].source, split).permutation(len(chosen))
        count = -(-len(chosen) // most)
        for number in range(count):
            start, stop = (len(chosen) * place // count for place in (number, number + 1))
            plan[f"{split}-{number:06d}.tar"] = [chosen[row] for row in order[start:stop]]
    return plan


def shard_names(config: Config, scenes: Iterable[Scene]) -> dict[str, str]:
    """Return the shard of each scene, ``SOURCE/train-000000.tar``, by scene id.

    Args:
        config: the profile.
        scenes: all built scenes of the sources they come from: a shard's place depends on all of them.
    """
    by_source: dict[str, list[Scene]] = {}
    for scene in scenes:
        by_source.setdefault(scene.source, []).append(scene)
    return {
        scene.scene_id: f"{source}/{file}"
        for source, own in by_source.items()
        for file, chosen in shard_plan(own, config.seed, config.dataset.shard_images).items()
        for scene in chosen
    }
