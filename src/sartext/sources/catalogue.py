"""The table of sources in docs/sources.md, written from config/sources so that it cannot go stale.

``python -m sartext.sources.catalogue`` writes it anew; a test fails when the file and the entries differ.
"""

from pathlib import Path

import yaml

from sartext.core.config import CONFIG_FOLDER, SourceConfig
from sartext.core.files import write_text

MARK = "<!-- written by python -m sartext.sources.catalogue: everything below this line -->"
_HEAD = ("entry", "source", "kind", "format", "branches", "images", "objects", "licence", "downloaded")


def read_entry(path: Path) -> SourceConfig:
    """Return the source that a file of config/sources describes."""
    return SourceConfig(**yaml.safe_load(path.read_text(encoding="utf-8")))


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _downloads(source: SourceConfig) -> str:
    """What `sartext fetch` downloads of a source; nothing where all is to be had by hand."""
    files = source.downloads
    named = f"`{files[0].file}`" if len(files) == 1 else f"{len(files)} files"
    sizes = [one.size for one in files if one.size is not None]
    size = f", {sum(sizes) / 1e6:,.0f} MB" if len(sizes) == len(files) else ""
    return named + size if files else ""


def _row(source: SourceConfig) -> list[str]:
    own = " (samples only)" if source.root.startswith("${SARTEXT_SAMPLES}") else ""
    return [
        f"`{source.name}`",
        source.title + own,
        source.modality,
        f"`{source.format}`",
        ", ".join(source.branches),
        _count(source.expected_images),
        _count(source.expected_boxes),
        source.licence,
        _downloads(source),
    ]


def catalogue() -> str:
    """Return the Markdown table of all entries, SAR first, by name."""
    entries = [read_entry(path) for path in (CONFIG_FOLDER / "sources").glob("*.yaml")]
    entries.sort(key=lambda source: (source.modality != "sar", source.name))
    rows = [list(_HEAD), ["---"] * len(_HEAD), *(_row(source) for source in entries)]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows) + "\n"
    )


def write_catalogue(page: Path) -> None:
    """Replace what stands below the mark in `page`."""
    text = page.read_text(encoding="utf-8")
    write_text(page, text.split(MARK)[0] + MARK + "\n\n" + catalogue())


if __name__ == "__main__":
    write_catalogue(CONFIG_FOLDER.parent / "docs" / "sources.md")
