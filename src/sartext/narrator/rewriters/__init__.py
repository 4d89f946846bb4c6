"""Rewriters: from captions of an optical twin to what holds for the registered SAR image.

Three back ends behind one interface: ``rules`` (offline, the default), ``openai`` (any server that speaks
OpenAI's chat protocol) and ``transformers`` (a local causal model). Answers of a language model are kept in a
cache and checked by a guard; where one is missing or refused, the rules stand in and it is marked.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sartext.core.config import RewriterConfig
from sartext.narrator.rewriters.rules import rewrite_rules


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A rewritten caption.

    Attributes:
        text: the caption, never empty.
        by: ``rules``, or the back end that wrote it.
        fallback: why the rules had to stand in, such as ``guard: colour word (red)``; empty if they had not.
    """

    text: str
    by: str
    fallback: str = ""


@dataclass(slots=True)
class Account:
    """What a rewriter did in this run.

    Attributes:
        captions: captions it was given.
        distinct: different captions among them that a language model had to answer.
        rewritten: captions by who wrote them.
        cached: answers that stood in the cache.
        requests: requests sent (transformers: captions generated), retries counted.
        retries: requests sent again after one failed.
        prompt_tokens: tokens in, of this run's requests, as the back end counts them.
        completion_tokens: tokens out.
        cost: price of both, by the config's prices.
        unchanged: different answers that passed and are the optical caption word for word.
        refused: different answers that the guard refused, by reason.
        fallbacks: captions for which the rules stood in, by reason.
        faulty_cache_rows: torn or altered rows of the cache, which were ignored.
    """

    captions: int = 0
    distinct: int = 0
    rewritten: Counter[str] = field(default_factory=Counter)
    cached: int = 0
    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unchanged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)
    faulty_cache_rows: int = 0

    def count(self, rewritten: Sequence[Rewritten]) -> None:
        """Count what became of captions."""
        self.captions += len(rewritten)
        self.rewritten.update(entry.by for entry in rewritten)
        self.fallbacks.update(reason_kind(entry.fallback) for entry in rewritten if entry.fallback)

    def summary(self) -> dict[str, Any]:
        """Return the account for a JSON file."""
        return {
            "captions": self.captions,
            "distinct": self.distinct,
            "rewritten": dict(self.rewritten),
            "cached": self.cached,
            "requests": self.requests,
            "retries": self.retries,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost": round(self.cost, 6),
            "unchanged": self.unchanged,
            "refused": dict(self.refused),
            "fallbacks": dict(self.fallbacks),
            "faulty_cache_rows": self.faulty_cache_rows,
        }


def reason_kind(reason: str) -> str:
    """Return a reason without its particulars: ``guard: colour word (red)`` is ``guard: colour word``."""
    return reason.split(" (", 1)[0]


class Rewriter(Protocol):
    """Turns captions of optical images into captions that hold for the registered SAR images."""

    def __call__(self, captions: Sequence[str]) -> list[Rewritten]:
        """Return one rewritten caption for each of `captions`, in their order."""

    @property
    def account(self) -> Account:
        """What was done since the rewriter was made."""


class RulesRewriter:
    """The rules alone; see `sartext.narrator.rewriters.rules`."""

    def __init__(self) -> None:
        self.account = Account()

    def __call__(self, captions: Sequence[str]) -> list[Rewritten]:
        """Return one rewritten caption for each of `captions`, in their order."""
        rewritten = [Rewritten(rewrite_rules(caption), "rules") for caption in captions]
        self.account.count(rewritten)
        return rewritten


def make_rewriter(config: RewriterConfig, cache: Path | None = None, device: str = "cpu") -> Rewriter:
    """Return the rewriter of a config.

    Args:
        config: which back end, and its settings.
        cache: folder where answers of a language model are kept; none are kept if not given.
        device: ``cpu`` or ``cuda``, where a local model runs.

    Raises:
        UserError: no such prompt or local model, or the environment does not name the server.
    """
    if config.name == "rules":
        return RulesRewriter()
    from sartext.narrator.rewriters.cache import AnswerCache
    from sartext.narrator.rewriters.language import LanguageModel, LanguageRewriter
    from sartext.narrator.rewriters.prompts import load_prompt

    prompt = load_prompt(config.prompt)
    account = Account()
    model: LanguageModel
    if config.name == "openai":
        from sartext.narrator.rewriters.openai import OpenAIModel

        model = OpenAIModel(config, prompt, account)
    else:
        from sartext.narrator.rewriters.transformers import LocalModel

        model = LocalModel(config, prompt, account, device)
    return LanguageRewriter(model, prompt, AnswerCache(cache), config, account)
