"""Captions from any CoCa of open_clip: greedy and beam search and sampling, with a key/value cache.

open_clip's own ``CoCa.generate`` runs the whole network again for every token. Here each token passes
through the text tower and the multimodal decoder once: earlier keys and values are kept, and those of the
image are made once an image. Token for token the results are those of open_clip 3.3.0's ``generate`` with
``generation_type="top_k", top_k=1`` (greedy) and ``"beam_search"`` with one beam group. Its three default
groups have no diversity term, so that each finds the same captions with a third of the beams: the default
``generate`` of six beams is two beams here.

Rules taken over from there and from the ``BeamSearchScorer`` of transformers 4.52: a beam's score is the sum
of raw logits, not of log-probabilities, divided by its length (start and end counted) to the power of the
length penalty; no end before `min_tokens`; a search ends when its worst finished caption beats the best that
the open ones could still reach at their present length; said by itself padding ends a caption, said in a
beam it is a word that hides the one after it from the text tower.
"""

from sartext.models.decode.run import decode
from sartext.models.decode.search import Sampling, Search, Specials

__all__ = ["Sampling", "Search", "Specials", "decode"]
