"""A version of SAR-TEXT: its folder, what changed since the last one, a DVC pointer, a commit and a tag."""

from sartext.dataset.release.run import release

__all__ = ["release"]
