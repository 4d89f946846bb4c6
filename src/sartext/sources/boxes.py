"""Checking boxes against their image."""

import math

from sartext.core.records import Box
from sartext.sources.entries import RawBox
from sartext.sources.rejects import SetAsideError

# one pixel is the difference between counting pixels and counting edges, and says nothing
_TOLERANCE = 1.0


def checked_box(raw: RawBox, label: str, width: int, height: int) -> tuple[Box, str | None]:
    """Return `raw` clipped to its image, and what to say of the clipping, if anything.

    Args:
        raw: the box, pixels.
        label: its class in our vocabulary.
        width: of the image, pixels.
        height: of the image, pixels.

    Raises:
        SetAsideError: a coordinate is no finite number, the box has no area, is inverted, or lies outside.
    """
    numbers = (raw.x, raw.y, raw.width, raw.height)
    if not all(map(math.isfinite, numbers)):
        raise SetAsideError(f"box {_shown(raw)}: expected finite numbers (x, y, width, height)", "box")
    if raw.width < 0 or raw.height < 0:
        raise SetAsideError(f"box {_shown(raw)}: inverted; expected width and height above 0", "box")
    if raw.width == 0 or raw.height == 0:
        raise SetAsideError(f"box {_shown(raw)}: has no area; expected width and height above 0", "box")
    left, top = max(raw.x, 0.0), max(raw.y, 0.0)
    right, bottom = min(raw.x + raw.width, float(width)), min(raw.y + raw.height, float(height))
    if right <= left or bottom <= top:
        raise SetAsideError(f"box {_shown(raw)}: lies outside its image of {width}x{height} pixels", "box")
    beyond = max(left - raw.x, top - raw.y, raw.x + raw.width - right, raw.y + raw.height - bottom)
    note = None
    if beyond > _TOLERANCE:
        note = f"box {_shown(raw)}: reaches {beyond:g} pixels outside its image of {width}x{height}; clipped"
    return Box(label=label, x=left, y=top, width=right - left, height=bottom - top), note


def _shown(raw: RawBox) -> str:
    return f"[{raw.x:g}, {raw.y:g}, {raw.width:g}, {raw.height:g}]"
