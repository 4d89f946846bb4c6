"""What is told of SAR-TEXT: statistics, datasheet, Croissant metadata."""

from sartext.dataset.about.croissant import croissant
from sartext.dataset.about.write import write_about

__all__ = ["croissant", "write_about"]
