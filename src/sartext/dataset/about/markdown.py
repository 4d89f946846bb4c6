"""Markdown of texts that come from outside, and tables."""

import re
from collections.abc import Iterable, Sequence

_UNKNOWN = "-"
# what Markdown (CommonMark with tables) may read as a sign anywhere in a line
_SIGNS = re.compile(r"([\\`*_\[\]<>|~&#$])")


def escape(text: str) -> str:
    """Return a text as it is to be read, on one line, whatever signs it holds."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def number(value: float | int | None, decimals: int = 1) -> str:
    """Return a count with commas, a fraction with so many decimals, or a dash for what is not known."""
    if value is None:
        return _UNKNOWN
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{decimals}f}"


def percent(share: float | None) -> str:
    """Return a share as a percentage, or a dash."""
    return _UNKNOWN if share is None else f"{100 * share:.1f}%"


def counted(count: int, what: str, many: str = "") -> str:
    """Return such as ``1 image`` or ``1,200 images``."""
    return f"{count:,} {what if count == 1 else many or what + 's'}"


def span(spread: dict[str, float] | None, decimals: int = 2) -> str:
    """Return such as ``0.50 to 3.00``, one number where both are the same, or ``not known``."""
    if spread is None:
        return "not known"
    low, high = (
        number(value) if isinstance(value, int) else f"{value:.{decimals}f}".rstrip("0").rstrip(".")
        for value in (spread["min"], spread["max"])
    )
    return low if low == high else f"{low} to {high}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> list[str]:
    """Return the lines of a table, its cells Markdown already; columns after the first few are numbers."""
    rule = ["---" if place < text_columns else "---:" for place in range(len(head))]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
