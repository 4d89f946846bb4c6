"""A rewriter that asks a server: anything that speaks OpenAI's chat protocol, such as vLLM or DeepSeek.

The endpoint and the key come from the environment, OPENAI_BASE_URL and OPENAI_API_KEY. The client's own
retries are off: ours are counted, wait for the rate limit, and end all together.
"""

import email.utils
import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import openai

from sartext.core.config import RewriterConfig
from sartext.core.errors import UserError
from sartext.core.seeds import generator
from sartext.narrator.rewriters import Account
from sartext.narrator.rewriters.cache import Answer
from sartext.narrator.rewriters.prompts import Prompt

_RETRIED_STATUSES = frozenset({408, 409, 425, 429})
# captions that fail in a row, retries included, before the server is given up
_GIVE_UP_AFTER = 20
_LONGEST_PAUSE_S = 60.0
_LONGEST_RETRY_AFTER_S = 600.0
_MOST_BYTES = 1 << 20


class _RequestError(Exception):
    """A request failed in a way that may pass.

    Attributes:
        wait_s: how long the server asks to wait; 0 if it does not say.
    """

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _Pace:
    """Lets requests start one after another, evenly, so that no minute holds more than its share.

    Args:
        per_minute: most requests a minute; none: no limit.
        stopped: set when all is over; who waits then goes on at once.
    """

    def __init__(self, per_minute: float | None, stopped: threading.Event) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._stopped = stopped
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Wait for a turn."""
        while True:
            with self._lock:
                now = time.monotonic()
                if self._next <= now:
                    self._next = now + self._interval
                    return
                pause = self._next - now
            if self._stopped.wait(pause):
                return

    def hold(self, seconds: float) -> None:
        """Let nobody start for some time: the server asks for it."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class OpenAIModel:
    """A language model behind a server.

    Args:
        config: model, limits and retries.
        prompt: what it is asked with.
        account: where requests and retries are counted.
        pause_s: the first pause before a retry; each further one is twice as long.

    Raises:
        UserError: the environment does not name the server or the key, or the server refuses the key.
    """

    name = "openai"

    def __init__(
        self, config: RewriterConfig, prompt: Prompt, account: Account, pause_s: float = 1.0
    ) -> None:
        self._config = config
        self._prompt = prompt
        self._account = account
        self._pause_s = pause_s
        self._stopped = threading.Event()
        self._pace = _Pace(config.requests_per_minute, self._stopped)
        self._lock = threading.Lock()
        self._failed_in_a_row = 0
        self._end: UserError | None = None
        base_url, key = _endpoint()
        parts = urlsplit(base_url)
        self._host = parts.hostname or base_url
        self._path = parts.path.rstrip("/")
        self._client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=config.timeout_s)
        self._greet()

    def settings(self) -> dict[str, Any]:
        """What an answer depends on beside the prompt and the caption."""
        return {
            "backend": self.name,
            "endpoint": self._host + self._path,
            "model": self._config.model,
            "temperature": self._config.temperature,
            "max_tokens": self._config.max_tokens,
        }

    def _greet(self) -> None:
        """Ask for the list of models: a wrong key is told now, not after the captioner's hours."""
        try:
            self._client.models.list(timeout=min(self._config.timeout_s, 10.0))
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise self._refused(error.status_code, "") from None
        except openai.APIConnectionError:
            print(f"sartext: {self._host} does not answer yet; it will be asked again later", file=sys.stderr)
        except (openai.OpenAIError, ValueError):
            pass  # not every server has such a list

    def ask(self, captions: Sequence[str], keep: Callable[[str, Answer], None]) -> Iterator[str]:
        """Ask about each caption; see `sartext.narrator.rewriters.language.LanguageModel`.

        Raises:
            UserError: the server refuses the key, the model or the request, or fails too often in a row.
        """
        pool = ThreadPoolExecutor(self._config.concurrency, thread_name_prefix="rewriter")
        try:
            yield from pool.map(lambda caption: self._ask_one(caption, keep), captions)
        finally:
            # whoever sleeps wakes, what is under way ends and is kept
            self._stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            self._stopped.clear()
            self._end, self._failed_in_a_row = None, 0

    def _ask_one(self, caption: str, keep: Callable[[str, Answer], None]) -> str:
        """Ask until there is an answer; return why there is none in the end, or an empty string."""
        reason = ""
        for attempt in range(self._config.retries + 1):
            self._pace.wait()
            if self._stopped.is_set():
                if self._end:
                    raise self._end
                return "stopped"
            with self._lock:
                self._account.requests += 1
                self._account.retries += attempt > 0
            try:
                keep(caption, self._request(caption))
            except _RequestError as error:
                reason = f"server: {error}"
                self._pace.hold(error.wait_s)
                if attempt < self._config.retries:
                    self._stopped.wait(self._pause(caption, attempt))
            except UserError as error:
                raise self._stop(error) from None
            else:
                self._failed_in_a_row = 0
                return ""
        with self._lock:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= _GIVE_UP_AFTER:
                self._stop(
                    UserError(
                        f"{self._host}: {_GIVE_UP_AFTER} captions in a row got no answer, the last for "
                        f"{reason!r}; see that the server works and run again: what it answered is kept"
                    )
                )
        if self._end:
            raise self._end
        return reason

    def _stop(self, error: UserError) -> UserError:
        """Stop everything for `error`, or for the one that came first, which is returned."""
        self._end = self._end or error
        self._stopped.set()
        return self._end

    def _pause(self, caption: str, attempt: int) -> float:
        """Seconds before the next try: twice as long each time, and scattered, the same in every run."""
        scatter = generator("rewriter", "pause", caption, attempt).uniform(0.5, 1.5)
        return min(_LONGEST_PAUSE_S, self._pause_s * 2.0**attempt * float(scatter))

    def _request(self, caption: str) -> Answer:
        """Send one request.

        Raises:
            _RequestError: it may succeed another time.
            UserError: it never will.
        """
        messages: Any = self._prompt.messages(caption)
        config = self._config
        try:
            with self._client.chat.completions.with_streaming_response.create(
                model=config.model or "",
                messages=messages,
                max_tokens=config.max_tokens,
                temperature=config.temperature,
            ) as response:
                return _read_answer(_body(response, config.timeout_s))
        except openai.APITimeoutError:
            raise _RequestError("timed out") from None
        except openai.APIStatusError as error:
            if error.status_code in _RETRIED_STATUSES or error.status_code >= 500:
                wait_s = _retry_after(error.response.headers.get("retry-after", ""))
                raise _RequestError(f"status {error.status_code}", wait_s) from None
            raise self._refused(error.status_code, error.message) from None
        except openai.APIConnectionError:
            raise _RequestError("connection lost") from None
        except Exception as error:
            if not (reason := _transport_fault(error)):
                raise
            raise _RequestError(reason) from None

    def _refused(self, status: int, said: str) -> UserError:
        """The error for a status that no retry mends. It never shows the key."""
        if status in (401, 403):
            return UserError(
                f"{self._host}: status {status}: it refuses the key; set OPENAI_API_KEY to one that it takes"
            )
        said = " ".join(said.replace(self._client.api_key, "***").split())
        said = said.removeprefix(f"Error code: {status} - ")[:200]
        hint = (
            "set OPENAI_BASE_URL to its address (it mostly ends in /v1), and rewriter.model "
            f"({self._config.model}) to a model it has"
            if status == 404
            else f"see whether its model {self._config.model} takes such requests"
        )
        return UserError(f"{self._host}: status {status}: {said or 'no reason given'}; {hint}")


def _endpoint() -> tuple[str, str]:
    """Return the address and the key that the environment names."""
    base_url = os.environ.get("OPENAI_BASE_URL", "").strip()
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not base_url:
        raise UserError(
            "rewriter openai: OPENAI_BASE_URL is not set; set it to the server's address, such as "
            "http://localhost:8000/v1"
        )
    try:
        parts = urlsplit(base_url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound:
        raise UserError(
            "rewriter openai: OPENAI_BASE_URL is not an address; expected such as http://localhost:8000/v1"
        )
    if not key:
        raise UserError(
            "rewriter openai: OPENAI_API_KEY is not set; set it to the server's key (any word if it has none)"
        )
    if not (key.isascii() and key.isprintable()):
        raise UserError("rewriter openai: OPENAI_API_KEY holds signs that no key has; set it again")
    return base_url, key


def _transport_fault(error: Exception) -> str:
    """Return what went wrong while a body was read, or nothing if `error` is not of the client's transport.

    There openai lets the errors of its HTTP library through; which library that is differs by its version.
    """
    classes = [kind for kind in type(error).__mro__ if kind.__module__.startswith("httpx")]
    if not classes:
        return ""
    return "timed out" if any(kind.__name__ == "TimeoutException" for kind in classes) else "connection lost"


def _body(response: Any, timeout_s: float) -> bytes:
    """Return the body. The client limits the time between two pieces only; this limits all of it."""
    end, body = time.monotonic() + timeout_s, b""
    for piece in response.iter_bytes():
        body += piece
        if time.monotonic() > end:
            raise _RequestError("timed out")
        if len(body) > _MOST_BYTES:
            raise _RequestError("an endless answer")
    return body


def _read_answer(body: bytes) -> Answer:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise _RequestError("not JSON, or cut short") from None
    try:
        choice = content["choices"][0]
        text = choice["message"]["content"]
    except (TypeError, KeyError, IndexError):
        raise _RequestError("JSON without an answer") from None
    if not isinstance(text, str | None):
        raise _RequestError("JSON without an answer")
    usage = content.get("usage")
    return Answer(
        # half Unicode characters cannot be written to a file
        (text or "").encode("utf-8", "replace").decode("utf-8"),
        choice.get("finish_reason") == "length",
        _tokens(usage, "prompt_tokens"),
        _tokens(usage, "completion_tokens"),
    )


def _tokens(usage: Any, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and count > 0 else 0


def _retry_after(header: str) -> float:
    """Return the seconds of a Retry-After header, a number or a date; 0 if it says none."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_S) if math.isfinite(seconds) else 0.0
