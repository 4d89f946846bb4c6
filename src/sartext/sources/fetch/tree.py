"""The files that a source's layout asks for: drawn as a tree, and counted where they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sartext.core.config import SourceConfig
from sartext.sources.layout import IMAGE_SUFFIXES, Folders, checked_layout, for_split

# the layout's keys that are paths, and what lies there
_WORDS = {
    "annotations": "annotations",
    "questions": "questions",
    "answers": "answers",
    "images": "images",
    "masks": "masks",
    "sar": "SAR images",
    "optical": "optical images",
    "archives": "zip archives, or the folders they unpack to",
}
_IMAGES = ("images", "masks", "sar", "optical")
_FOLDERS_TRIED = 200


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a layout asks for.

    Attributes:
        key: the layout's.
        pattern: below the root, with the split filled in.
        what: in words, such as ``annotations of train``.
    """

    key: str
    pattern: str
    what: str

    @property
    def folder(self) -> bool:
        """Whether it is a folder whose files the annotations name."""
        return self.key == "images" and "{" not in self.pattern

    def count(self, root: Path, folders: Folders) -> int:
        """Return how many files below `root` are like it; of a folder, how many names it holds."""
        if self.folder:
            return len(folders.names(root / self.pattern))
        return len(folders.matches(root, self.pattern, self.key in _IMAGES))


def expected_parts(source: SourceConfig) -> list[Part]:
    """Return what a source's layout asks for, by split where it has splits.

    Raises:
        UserError: the layout is inconsistent.
    """
    layout = {key: value for key, value in checked_layout(source).items() if key in _WORDS}
    parts: dict[str, Part] = {}
    splits: list[str | None] = [*source.splits.values()]
    for split in splits or [None]:
        for key, pattern in for_split(layout, split).items():
            said = f" of {split}" if split is not None and "{split}" in layout[key] else ""
            parts.setdefault(pattern, Part(key, pattern, _WORDS[key] + said))
    return list(parts.values())


def expected_tree(source: SourceConfig) -> list[str]:
    """Return the lines of a tree of what belongs below the source's root.

    Raises:
        UserError: the layout is inconsistent.
    """
    parts = expected_parts(source)
    branches: dict[str, dict] = {}  # type: ignore[type-arg]
    words: dict[str, str] = {}
    for part in parts:
        here, path = branches, PurePosixPath(part.pattern)
        for name in path.parts:
            here = here.setdefault(name, {})
        words[path.as_posix()] = part.what + _suffixes(part)
    top = f"\t{words['.']}" if "." in words else ""
    lines = [f"{source.folder.as_posix()}/{top}", *_draw(branches, PurePosixPath(), words, "")]
    width = max(len(line.partition("\t")[0]) for line in lines) + 2
    drawn = [line.replace("\t", " " * (width - line.index("\t"))) if "\t" in line else line for line in lines]
    if any("{" in part.pattern for part in parts):
        drawn.append("({id} and the like: any name, the same in all that belongs to one image)")
    return drawn


def _suffixes(part: Part) -> str:
    if part.folder:
        return ", as the annotations name them"
    bare = PurePosixPath(part.pattern).suffix.lower() not in IMAGE_SUFFIXES
    return f" ({', '.join(IMAGE_SUFFIXES)})" if part.key in _IMAGES and bare else ""


def _draw(
    branches: dict[str, dict],  # type: ignore[type-arg]
    above: PurePosixPath,
    words: dict[str, str],
    indent: str,
) -> Iterator[str]:
    for index, (name, below) in enumerate(sorted(branches.items())):
        last = index == len(branches) - 1
        path = above / name
        said = words.get(path.as_posix(), "")
        folder = "/" if below or said.startswith("images, as") else ""
        yield f"{indent}{'└── ' if last else '├── '}{name}{folder}" + (f"\t{said}" if said else "")
        yield from _draw(below, path, words, indent + ("    " if last else "│   "))


def missing_parts(source: SourceConfig, root: Path) -> list[Part]:
    """Return the parts of a source that nothing below `root` is like, and that it cannot do without."""
    folders = Folders()
    missing = [part for part in expected_parts(source) if not part.count(root, folders)]
    if source.format != "opensarship":
        return missing
    # archives or their folders will do, and a ship's type stands in its chip's name too
    keys = {part.key for part in missing}
    if "archives" in source.layout and "archives" not in keys:
        return []
    return [part for part in missing if part.key == "images"]


def nested_root(source: SourceConfig, root: Path) -> Path | None:
    """Return the folder up to two levels below `root` that has all parts, as archives often wrap them."""
    tried = 0
    for pattern in ("*/", "*/*/"):
        for folder in sorted(root.glob(pattern)):
            tried += 1
            if tried > _FOLDERS_TRIED:
                return None
            if not missing_parts(source, folder):
                return folder
    return None
