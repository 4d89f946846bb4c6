"""The pattern language of a source's `layout`, and looking files up by it.

A layout value is a path below the source's root. ``{split}`` stands for the source's name of a split;
``{id}`` for what is left of a file's name, and any other field, such as ``{season}``, for a part that its
files have in common. A field does not reach across a ``/``. An image or mask pattern without a suffix
stands for any of `IMAGE_SUFFIXES`. An ``images`` value without ``{id}`` is the folder that file names are
relative to.
"""

import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath

from sartext.core.config import SourceConfig
from sartext.core.errors import DatasetNotFoundError, UserError
from sartext.core.files import inside, sha256_file
from sartext.sources.rejects import SetAsideError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")

# format -> (keys that must be there, keys that may be)
LAYOUT_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "coco": (("annotations", "images"), ()),
    "voc": (("annotations", "images"), ()),
    "yolo": (("annotations", "images"), ()),
    "dota": (("annotations", "images"), ()),
    "mask": (("images", "masks"), ("optical", "mask_kind", "mask_class", "mask_boxes")),
    "pairs": (("sar", "optical"), ()),
    "karpathy": (("annotations", "images"), ()),
    "nwpu": (("annotations", "images"), ()),
    "csv": (("annotations", "images"), ()),
    "dialogues": (("annotations", "images"), ()),
    "rsvqa": (("annotations", "questions", "answers", "images"), ()),
    "opensarship": (("annotations", "images"), ("archives",)),
}
_PATHS = ("annotations", "images", "masks", "sar", "optical", "questions", "answers", "archives")
# formats whose annotation says each image's split
_SPLIT_INSIDE = ("karpathy", "nwpu")
_FIELD = re.compile(r"\{([^{}]*)\}")


@lru_cache
def field_names(pattern: str) -> tuple[str, ...]:
    """Return the names of a pattern's fields, in order."""
    return tuple(_FIELD.findall(pattern))


def check_pattern(where: str, pattern: str) -> None:
    """Raise `UserError`, naming `where`, if `pattern` is no relative path with well-formed fields."""
    for name in field_names(pattern):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise UserError(f"{where}: {{{name}}} is no field name; expected {{split}}, {{id}} or the like")
    if "{" in _FIELD.sub("", pattern) or "}" in _FIELD.sub("", pattern):
        raise UserError(f"{where}: unpaired brace in {pattern!r}; expected fields such as {{id}}")
    parts = PurePosixPath(pattern).parts
    if PurePosixPath(pattern).is_absolute() or ".." in parts or not pattern.strip():
        raise UserError(f"{where}: expected a path below the source's root, found {pattern!r}")


def checked_layout(source: SourceConfig) -> dict[str, str]:
    """Return a source's layout after checking its keys and patterns.

    Raises:
        UserError: a key is missing or not one of the format's, a pattern is malformed, or ``{split}`` and the
            source's `splits` do not go together.
    """
    required, optional = LAYOUT_KEYS[source.format]
    where = f"source {source.name}: layout"
    for key in source.layout:
        if key not in required + optional:
            raise UserError(
                f"{where}.{key}: unknown key of format {source.format}; "
                f"expected {', '.join(required + optional)}"
            )
    for key in required:
        if key not in source.layout:
            raise UserError(f"{where}.{key}: missing; format {source.format} needs {', '.join(required)}")
    patterns = {key: value for key, value in source.layout.items() if key in _PATHS}
    for key, value in patterns.items():
        check_pattern(f"{where}.{key}", value)
    for key in ("masks", "sar", "optical"):
        if key in patterns and "{id}" not in patterns[key]:
            raise UserError(f"{where}.{key}: expected {{id}} in {patterns[key]!r}")
    if source.format == "mask" and "{id}" not in patterns["images"]:
        raise UserError(f"{where}.images: expected {{id}}, the same as in 'masks'")
    if source.format == "opensarship":
        _check_opensarship(where, patterns)
    if "pair" in source.branches and "optical" not in patterns:
        raise UserError(f"{where}.optical: missing; the pair branch needs the optical twins")
    by_split = [key for key, value in patterns.items() if "{split}" in value]
    if by_split and not source.splits:
        raise UserError(
            f"{where}.{by_split[0]}: has {{split}}, but 'splits' is empty; "
            "name the splits (ours to the source's), or take {split} out"
        )
    if source.splits and not by_split and source.format not in _SPLIT_INSIDE:
        raise UserError(
            f"source {source.name}: splits: given, but no layout value has {{split}}; "
            "put {split} where the split's name stands, or leave splits empty to draw ours by seed"
        )
    unknown = sorted(set(source.splits) - {"train", "val", "test"})
    if unknown:
        raise UserError(f"source {source.name}: splits.{unknown[0]}: expected train, val or test")
    return dict(source.layout)


def _check_opensarship(where: str, patterns: dict[str, str]) -> None:
    wanted = {"annotations": ("product",), "images": ("product", "type", "x", "y"), "archives": ("product",)}
    for key, fields in wanted.items():
        for name in fields:
            if key in patterns and f"{{{name}}}" not in patterns[key]:
                raise UserError(f"{where}.{key}: expected {{{name}}} in {patterns[key]!r}")


def check_digests(source: SourceConfig, root: Path) -> None:
    """Check the files of a source whose SHA-256 its entry gives.

    Raises:
        DatasetNotFoundError: such a file is not there.
        UserError: its digest is another, or its name leads out of the source's folder.
    """
    for name, expected in source.digests.items():
        path = require_file(source, inside(root, name))
        found = sha256_file(path)
        if found != expected.strip().lower():
            raise UserError(
                f"source {source.name}: digests.{name}: {path} has SHA-256 {found}, expected {expected}; "
                f"fetch it again ({source.obtain}), or set the source's 'digests' if another version is meant"
            )


def for_split(layout: dict[str, str], split: str | None) -> dict[str, str]:
    """Return `layout` with ``{split}`` filled in (as it is for None)."""
    if split is None:
        return layout
    return {key: value.replace("{split}", split) for key, value in layout.items()}


class Folders:
    """Names of files by folder, each folder listed once: a source may hold 100,000 images."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}
        self._joined: dict[tuple[Path, str], Path] = {}

    def below(self, root: Path, folder: str) -> Path:
        """Return ``root / folder``, joined once: a path costs as much as a box's checks."""
        key = (root, folder)
        if key not in self._joined:
            self._joined[key] = root / folder
        return self._joined[key]

    def names(self, folder: Path | str) -> frozenset[str]:
        """Return the names in `folder`, empty where there is no such folder."""
        key = str(folder)
        if key not in self._names:
            try:
                self._names[key] = frozenset(os.listdir(key))
            except OSError:
                self._names[key] = frozenset()
        return self._names[key]

    def find(self, path: Path) -> Path | None:
        """Return `path`, or `path` with an image suffix where it has none, if that is there."""
        above, name = os.path.split(path)
        names = self.names(above or ".")
        if name in names:
            return path
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            for suffix in IMAGE_SUFFIXES:
                for candidate in (path.name + suffix, path.name + suffix.upper()):
                    if candidate in names:
                        return path.with_name(candidate)
        return None

    def matches(self, root: Path, pattern: str, any_image: bool = False) -> list[tuple[dict[str, str], Path]]:
        """Return what matches `pattern` below `root`: its fields and path, sorted by path.

        Args:
            root: the source's root.
            pattern: with ``{split}`` filled in.
            any_image: whether a pattern without suffix stands for any image suffix.
        """
        found = list(self._walk(root, PurePosixPath(pattern).parts, {}, any_image))
        return sorted(found, key=lambda match: match[1].as_posix())

    def _walk(
        self, folder: Path, segments: tuple[str, ...], fields: dict[str, str], any_image: bool
    ) -> Iterator[tuple[dict[str, str], Path]]:
        segment, rest = segments[0], segments[1:]
        tail = ""
        if not rest and any_image and PurePosixPath(segment).suffix.lower() not in IMAGE_SUFFIXES:
            tail = "(?i:" + "|".join(re.escape(suffix) for suffix in IMAGE_SUFFIXES) + ")"
        regex = _regex(segment, fields, tail)
        plain = "{" not in segment and not tail
        names = [segment] if plain else self.names(folder)
        for name in names:
            # hidden files are other programs' (resource forks, folder settings), never images
            match = None if name.startswith(".") else regex.fullmatch(name)
            if match is None:
                continue
            captured = {**fields, **match.groupdict()}
            path = folder / name
            if rest:
                if path.is_dir():
                    yield from self._walk(path, rest, captured, any_image)
            elif path.is_file():
                yield captured, path


def match_path(pattern: str, path: str) -> dict[str, str] | None:
    """Return the fields of `pattern` if `path` (of an archive's member, say) is like it, or None."""
    segments, parts = PurePosixPath(pattern).parts, PurePosixPath(path).parts
    if len(segments) != len(parts):
        return None
    fields: dict[str, str] = {}
    for segment, part in zip(segments, parts, strict=True):
        match = _regex(segment, fields).fullmatch(part)
        if match is None:
            return None
        fields |= match.groupdict()
    return fields


def _regex(segment: str, fields: Mapping[str, str], tail: str = "") -> re.Pattern[str]:
    """The regular expression of a pattern's segment where some fields are known already."""
    return _compiled(
        segment, tuple((name, fields[name]) for name in field_names(segment) if name in fields), tail
    )


@lru_cache(maxsize=1024)
def _compiled(segment: str, known: tuple[tuple[str, str], ...], tail: str) -> re.Pattern[str]:
    fields = dict(known)
    parts, seen = [], set[str]()
    position = 0
    for match in _FIELD.finditer(segment):
        parts.append(re.escape(segment[position : match.start()]))
        name = match.group(1)
        if name in fields:
            parts.append(re.escape(fields[name]))
        else:
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)")
            seen.add(name)
        position = match.end()
    parts.append(re.escape(segment[position:]))
    return re.compile("".join(parts) + tail)


def fill(pattern: str, fields: dict[str, str]) -> str:
    """Return `pattern` with its fields filled in.

    Raises:
        SetAsideError: a field of the pattern has no value.
    """
    missing = [name for name in field_names(pattern) if name not in fields]
    if missing:
        raise SetAsideError(f"nothing says what {{{missing[0]}}} of {pattern!r} is")
    return _FIELD.sub(lambda match: fields[match.group(1)], pattern)


def locate(
    root: Path, images: str, name: str | None, fields: dict[str, str], folders: Folders, check: bool = True
) -> Path:
    """Return the path of an image.

    Args:
        root: the source's root.
        images: the layout's pattern or folder, with ``{split}`` filled in.
        name: the file name that the annotation gives, relative to the folder; None if it gives none.
        fields: fields of the pattern.
        folders: listings so far.
        check: whether the file must be there.

    Raises:
        SetAsideError: it is not there, its name leads out of the folder, or nothing says its name.
    """
    if "{" in images:
        if "id" not in fields and name:
            fields = {**fields, "id": PurePosixPath(name).stem}
        folder, below = root, fill(images, fields)
    elif name:
        folder, below = folders.below(root, images), name
    elif "id" in fields:
        folder, below = folders.below(root, images), fields["id"]
    else:
        raise SetAsideError("names no image file")
    try:
        path = inside(folder, below)
    except UserError as error:
        raise SetAsideError(str(error)) from None
    except (ValueError, OSError):  # such as half a Unicode character
        raise SetAsideError(f"{below!r:.200} is no file name") from None
    found = folders.find(path)
    if found is None and check:
        raise SetAsideError(f"names the image {below!r:.200}, which is not in {folder}", "absent")
    return found or path


def require_file(source: SourceConfig, path: Path) -> Path:
    """Return `path`, a file a source must hold.

    Raises:
        DatasetNotFoundError: it is not there; says how to obtain it.
    """
    if not path.is_file():
        raise DatasetNotFoundError(
            f"source {source.name}: no file {path}; to get it: {source.obtain}; "
            "then put it there, or set the source's 'layout' in the profile"
        )
    return path
