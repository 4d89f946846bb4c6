"""SAR-TEXT in the forms others read."""

from sartext.dataset.exports.tables import write_exports

__all__ = ["write_exports"]
