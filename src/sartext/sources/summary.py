"""What an ingest's ``summary.json`` tells."""

from collections.abc import Mapping


def whole_images(summary: Mapping[str, int]) -> int:
    """Return how many images of the source were read: one that was cut into tiles is one."""
    return summary["read"] - summary["tiles"] + summary["tiled"]
