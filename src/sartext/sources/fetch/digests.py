"""Digests as a source's entry gives them: ``sha256:HEX`` or ``md5:HEX``."""

import hashlib
from pathlib import Path


def file_digest(path: Path, like: str) -> str:
    """Return the digest of a file as ``KIND:HEX``, of the kind that `like`, such as ``md5:9e1f...``, is."""
    kind = like.partition(":")[0]
    with path.open("rb") as stream:
        # md5 is what Zenodo states; it finds damage, and the address is https
        digest = hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False))
    return f"{kind}:{digest.hexdigest()}"
