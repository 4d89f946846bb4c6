"""SAR-Narrator: captions from boxes (A2C), from class masks (SA2C) and from optical twins (pair).

`sartext.narrator.pair` and `sartext.narrator.folders` are imported by name: they need models and image files;
so are `sartext.narrator.rewriters`, `facts` and `fidelity`.
"""

from sartext.narrator.a2c import a2c
from sartext.narrator.run import narrate_source
from sartext.narrator.sa2c import sa2c

__all__ = ["a2c", "narrate_source", "sa2c"]
