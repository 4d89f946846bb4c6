"""Named seeds: every random choice has a name, so that no two share a stream by accident."""

import hashlib

import numpy as np


def derive_seed(*names: str | int) -> int:
    """Return a 63-bit seed that depends on all `names`, the same on every platform.

    Example: ``derive_seed(config.seed, "simulator", "hrsid", "train", 17)``.
    """
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(*names: str | int) -> np.random.Generator:
    """Return a PCG64 generator seeded by `names` (see `derive_seed`)."""
    return np.random.Generator(np.random.PCG64(derive_seed(*names)))
