"""How to search."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Specials:
    """Ids a search needs."""

    pad: int
    start: int
    end: int


@dataclass(frozen=True)
class Sampling:
    """How to draw a word; after the ``TopKLogitsWarper`` and ``TopPLogitsWarper`` of transformers.

    Attributes:
        top_k: draw from so many most probable words; none: from all.
        top_p: draw from the fewest most probable words whose probabilities add up to this; 1: from all.
        temperature: logits are divided by it after words were left out; below 1 the likely words gain.
    """

    top_k: int | None = None
    top_p: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k {self.top_k}; expected at least 1")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p {self.top_p}; expected above 0, at most 1")
        if not self.temperature > 0:
            raise ValueError(f"temperature {self.temperature}; expected above 0")


@dataclass(frozen=True)
class Search:
    """How to search.

    Attributes:
        beams: 1 is greedy, or draws if there is `sampling`.
        max_tokens: most tokens, start and end included.
        min_tokens: no end before so many tokens are there.
        length_penalty: of beams: exponent of a caption's length in its score.
        sampling: of one beam: words are drawn.
    """

    beams: int
    max_tokens: int
    min_tokens: int = 5
    length_penalty: float = 1.0
    sampling: Sampling | None = None

    def __post_init__(self) -> None:
        if self.beams < 1:
            raise ValueError(f"beams {self.beams}; expected at least 1")
        if self.beams > 1 and self.sampling is not None:
            raise ValueError(f"beams {self.beams}; expected 1 where words are drawn")
        if self.max_tokens <= self.min_tokens:
            raise ValueError(f"max_tokens {self.max_tokens}; expected more than min_tokens {self.min_tokens}")
