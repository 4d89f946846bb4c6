"""SAR-TEXT in the forms others read."""

from sartext.dataset.exports.cards import shards_card
from sartext.dataset.exports.keys import key_of, shard_names
from sartext.dataset.exports.shards import write_shards
from sartext.dataset.exports.tables import write_exports

__all__ = ["key_of", "shard_names", "shards_card", "write_exports", "write_shards"]
