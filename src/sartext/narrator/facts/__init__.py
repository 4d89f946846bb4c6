"""A caption to facts: what it says is there, how many, where, and how much of the image.

The parser is about English, not about any narrator's sentences: a lexicon of things, quantities, places and
shares (`sartext.narrator.facts.lexicon`) and rules of how they attach (`sartext.narrator.facts.parse`). It is
measured on captions labelled by hand (docs/narrator.md).
"""

from sartext.narrator.facts.parse import Facts, Mention, includes, known, parse_caption, same_thing

__all__ = ["Facts", "Mention", "includes", "known", "parse_caption", "same_thing"]
