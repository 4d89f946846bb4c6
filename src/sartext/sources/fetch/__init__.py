"""A source's files: downloaded where they have a public, stable address, else told of; and checked."""

from sartext.sources.fetch.check import check_source
from sartext.sources.fetch.download import Transfer, download
from sartext.sources.fetch.run import check_files, fetch_files, find_entry
from sartext.sources.fetch.tree import expected_tree
from sartext.sources.fetch.unpack import unpack

__all__ = [
    "Transfer",
    "check_files",
    "check_source",
    "download",
    "expected_tree",
    "fetch_files",
    "find_entry",
    "unpack",
]
