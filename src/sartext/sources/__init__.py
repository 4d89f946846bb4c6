"""Sources: one reader a format to `Scene`, image decoding, and what a run needs of a source's images."""

from sartext.sources.decode import DecodeError, decode_image, image_size, resize
from sartext.sources.given import match_pairs, read_annotations
from sartext.sources.ingest import ingest
from sartext.sources.read import read_source
from sartext.sources.rejects import Reject, write_rejects

__all__ = [
    "DecodeError",
    "Reject",
    "decode_image",
    "image_size",
    "ingest",
    "match_pairs",
    "read_annotations",
    "read_source",
    "resize",
    "write_rejects",
]
