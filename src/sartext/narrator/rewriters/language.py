"""What all language models share: the cache before them, the guard and the rules behind them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from sartext.core.config import RewriterConfig
from sartext.core.files import digest_json
from sartext.core.progress import track
from sartext.narrator.rewriters import Account, Rewritten, reason_kind
from sartext.narrator.rewriters.cache import Answer, AnswerCache
from sartext.narrator.rewriters.guard import check
from sartext.narrator.rewriters.prompts import Prompt, parse_answer
from sartext.narrator.rewriters.rules import rewrite_rules

_MILLION = 1_000_000


class LanguageModel(Protocol):
    """A language model that answers a prompt."""

    name: str

    def settings(self) -> dict[str, Any]:
        """What an answer depends on beside the prompt and the caption."""

    def ask(self, captions: Sequence[str], keep: Callable[[str, Answer], None]) -> Iterator[str]:
        """Ask about each caption.

        Args:
            captions: different captions.
            keep: takes a caption and its answer as soon as that is there; may be called by several threads.

        Yields:
            For each caption, in order: why there is no answer, or an empty string.
        """


class LanguageRewriter:
    """A language model behind a cache, a guard and, where those do not let an answer pass, the rules.

    Args:
        model: answers.
        prompt: what it is asked with.
        cache: answers it gave before.
        config: prices.
        account: where is counted what is done; shared with the model.
    """

    def __init__(
        self,
        model: LanguageModel,
        prompt: Prompt,
        cache: AnswerCache,
        config: RewriterConfig,
        account: Account,
    ) -> None:
        self.account = account
        account.faulty_cache_rows = cache.faulty
        self._model = model
        self._prompt = prompt
        self._cache = cache
        self._config = config
        self._settings = model.settings()
        self._judged: dict[str, Rewritten] = {}
        self._lock = threading.Lock()

    def __call__(self, captions: Sequence[str]) -> list[Rewritten]:
        """Return one rewritten caption for each of `captions`, in their order.

        Raises:
            UserError: the server cannot be used at all; answers so far are in the cache.
        """
        # a caption without a letter says nothing: the rules know what to make of it
        new = [
            caption
            for caption in dict.fromkeys(captions)
            if caption not in self._judged and any(letter.isalpha() for letter in caption)
        ]
        self.account.distinct += len(new)
        misses = [caption for caption in new if self._cache.get(self._key(caption)) is None]
        self.account.cached += len(new) - len(misses)
        asked = track(self._model.ask(misses, self._keep), "rewrite captions", len(misses))
        failures = dict(zip(misses, asked, strict=True))
        for caption in new:
            self._judged[caption] = self._judge(caption, failures.get(caption, ""))
        rewritten = [
            self._judged.get(caption) or Rewritten(rewrite_rules(caption), "rules") for caption in captions
        ]
        for caption, failure in failures.items():
            if failure:  # a later call may ask again
                del self._judged[caption]
        self.account.count(rewritten)
        return rewritten

    def _key(self, caption: str) -> str:
        return digest_json([self._settings, self._prompt.messages(caption)])

    def _keep(self, caption: str, answer: Answer) -> None:
        config = self._config
        with self._lock:
            self._cache.put(self._key(caption), caption, answer)
            self.account.prompt_tokens += answer.prompt_tokens
            self.account.completion_tokens += answer.completion_tokens
            self.account.cost += (
                answer.prompt_tokens * config.prompt_price
                + answer.completion_tokens * config.completion_price
            ) / _MILLION

    def _judge(self, caption: str, failure: str) -> Rewritten:
        if not failure:
            answer = self._cache.get(self._key(caption))
            assert answer is not None  # the model kept it, or it would have said why not
            text = parse_answer(answer.text)
            # what follows the first line may be cut off, the caption may not
            cut = answer.cut and len(answer.text.strip().splitlines()) < 2
            refusal = "cut off at max_tokens" if cut else check(caption, text)
            if not refusal:
                self.account.unchanged += _letters(text) == _letters(caption)
                return Rewritten(text, self._model.name)
            failure = f"guard: {refusal}"
            self.account.refused[reason_kind(refusal)] += 1
        return Rewritten(rewrite_rules(caption), "rules", failure)


def _letters(text: str) -> str:
    return "".join(sign for sign in text.lower() if sign.isalnum())
