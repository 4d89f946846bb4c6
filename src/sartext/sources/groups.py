"""What an image was cut from, where its name says it.

A source's `tile_name` is a pattern in the language of `sartext.sources.layout`, matched against the last
parts of an image's path without its suffix: one without a ``/`` is of the stem alone. ``{scene}`` is the
larger scene; ``{x0}``, ``{x1}``, ``{y0}`` and ``{y1}`` say where in it, in its pixels, the right and lower
edge outside. Any other field is whatever else the name holds.
"""

import re

from sartext.core.config import SourceConfig
from sartext.core.errors import UserError
from sartext.sources.layout import check_pattern, field_names, match_path
from sartext.sources.rejects import SetAsideError

Window = tuple[int, int, int, int]

_EDGES = ("x0", "y0", "x1", "y1")
# nine digits are within the table's 32 bits
_NUMBER = re.compile("[0-9]{1,9}")


def check_tile_name(source: SourceConfig) -> None:
    """Raise `UserError` if a source's `tile_name` or `tiles_of` is not what it should be."""
    where = f"source {source.name}: tile_name"
    if source.tile_name is None:
        if source.tiles_of is not None:
            raise UserError(f"{where}: missing, but 'tiles_of' is given; give both, or neither")
        return
    check_pattern(where, source.tile_name)
    names = set(field_names(source.tile_name))
    if "scene" not in names:
        raise UserError(f"{where}: expected {{scene}} in {source.tile_name!r}")
    missing = [edge for edge in _EDGES if edge not in names]
    if 0 < len(missing) < len(_EDGES):
        raise UserError(
            f"{where}: expected {{{missing[0]}}} in {source.tile_name!r}; "
            "give all of {x0}, {x1}, {y0}, {y1}, or none"
        )


def group_of(source: SourceConfig, below: str) -> tuple[str | None, Window | None]:
    """Return the larger scene that an image was cut from and where, as `Scene.group` and `Scene.window`.

    Args:
        source: with a checked `tile_name`, or none.
        below: the image's path below the source's root, without suffix.

    Raises:
        SetAsideError: of kind ``note``: the name is not like the pattern, or what should be numbers are none.
    """
    pattern = source.tile_name
    if pattern is None:
        return None, None
    name = "/".join(below.split("/")[-1 - pattern.count("/") :])
    fields = match_path(pattern, name)
    if fields is None:
        raise SetAsideError(f"{name!r:.200} is not like {pattern!r} (tile_name); it has no group", "note")
    return f"{source.tiles_of or source.name}/{fields['scene']}", _window(fields, name)


def _window(fields: dict[str, str], name: str) -> Window | None:
    if "x0" not in fields:
        return None
    for edge in _EDGES:
        if not _NUMBER.fullmatch(fields[edge]):
            raise SetAsideError(
                f"{name!r:.200}: {edge}: expected a whole number, found {fields[edge]!r:.40} (tile_name); "
                "it has no group",
                "note",
            )
    left, top, right, bottom = (int(fields[edge]) for edge in _EDGES)
    if right <= left or bottom <= top:
        raise SetAsideError(
            f"{name!r:.200}: expected x0 below x1 and y0 below y1, found x {left} to {right} and y {top} to "
            f"{bottom} (tile_name); it has no group",
            "note",
        )
    return left, top, right, bottom
