"""CLIP, CoCa and GPT: building, saving, loading, tokenising, decoding.

torch, open_clip and transformers are imported when a model is built or loaded, not with this package.
"""

from sartext.models.loading import load
from sartext.models.tokenizer import Tokenizer, train_tokenizer

__all__ = ["Tokenizer", "load", "train_tokenizer"]
