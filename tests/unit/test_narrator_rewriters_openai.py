"""The openai back end against a real HTTP server on loopback that misbehaves."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from lm_server import KEY, Reply, Server, lm_server

from sartext.core.config import RewriterConfig
from sartext.core.errors import UserError
from sartext.narrator.rewriters import Account, make_rewriter
from sartext.narrator.rewriters import language as language_module
from sartext.narrator.rewriters.cache import AnswerCache
from sartext.narrator.rewriters.language import LanguageRewriter
from sartext.narrator.rewriters.openai import OpenAIModel
from sartext.narrator.rewriters.prompts import load_prompt
from sartext.narrator.rewriters.rules import rewrite_rules


def caption(number: int) -> str:
    return f"a harbor with {number} white ships ."


def answer(number: int) -> str:
    return f"a harbor with {number} ships ."


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """Start servers that the environment names."""
    contexts = []

    def start(behave: Callable[[str, int], Reply] | None = None) -> Server:
        context = lm_server(behave)
        server = context.__enter__()
        contexts.append(context)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        return server

    yield start
    for context in contexts:
        context.__exit__(None, None, None)


def rewriter(cache: Path | None = None, pause_s: float = 0.01, **settings: Any) -> LanguageRewriter:
    """As `make_rewriter`, with short pauses."""
    config = RewriterConfig(
        **{"name": "openai", "model": "loopback", "timeout_s": 5.0, "retries": 2, **settings}
    )
    prompt, account = load_prompt(config.prompt), Account()
    return LanguageRewriter(
        OpenAIModel(config, prompt, account, pause_s), prompt, AnswerCache(cache), config, account
    )


def test_each_caption_is_asked_once_and_tokens_are_counted(serve: Callable[..., Server]) -> None:
    server = serve()
    rewrite = rewriter(prompt_price=2.0, completion_price=10.0)
    captions = [caption(n) for n in (2, 3, 2, 4, 2)]
    rewritten = rewrite(captions)
    assert [entry.text for entry in rewritten] == [answer(n) for n in (2, 3, 2, 4, 2)]
    assert {(entry.by, entry.fallback) for entry in rewritten} == {("openai", "")}
    assert rewrite(captions[:2]) == rewritten[:2]
    assert server.asked == {caption(n): 1 for n in (2, 3, 4)}
    assert server.keys == {f"Bearer {KEY}"}
    account = rewrite.account.summary()
    assert (account["captions"], account["distinct"], account["requests"]) == (7, 3, 3)
    assert (account["prompt_tokens"], account["completion_tokens"]) == (300, 30)
    assert account["cost"] == pytest.approx((300 * 2 + 30 * 10) / 1e6)
    # the examples are turns before the caption
    sent = server.bodies[0]
    assert [turn["role"] for turn in sent["messages"][:3]] == ["system", "user", "assistant"]
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("loopback", 0.0, 96)


FAULTS = {
    "slow": (Reply(delay_s=0.6), "server: timed out"),
    "drip": (Reply(fault="drip"), "server: timed out"),
    "429": (Reply(status=429, headers={"Retry-After": "0.05"}), "server: status 429"),
    "408": (Reply(status=408), "server: status 408"),
    "409": (Reply(status=409), "server: status 409"),
    "500": (Reply(status=500), "server: status 500"),
    "503": (Reply(status=503, body=b"<html>busy</html>"), "server: status 503"),
    "truncated": (Reply(fault="truncated"), "server: connection lost"),
    "truncated-500": (Reply(status=500, fault="truncated"), "server: connection lost"),
    "cut-json": (Reply(body=b'{"choices": [{"mess'), "server: not JSON, or cut short"),
    "html": (Reply(body=b"<html>welcome</html>"), "server: not JSON, or cut short"),
    "no-choices": (Reply(body=b'{"choices": []}'), "server: JSON without an answer"),
    "a-list": (Reply(body=b"[1, 2]"), "server: JSON without an answer"),
    "dropped": (Reply(fault="drop"), "server: connection lost"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_retried(serve: Callable[..., Server], fault: str) -> None:
    reply, _ = FAULTS[fault]
    server = serve(lambda said, before: reply if said == caption(3) and before == 0 else Reply())
    rewrite = rewriter(timeout_s=0.4)
    assert [entry.text for entry in rewrite([caption(2), caption(3)])] == [answer(2), answer(3)]
    assert server.asked == {caption(2): 1, caption(3): 2}
    assert (rewrite.account.requests, rewrite.account.retries) == (3, 1)
    assert not rewrite.account.fallbacks


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_falls_back_to_the_rules(serve: Callable[..., Server], fault: str) -> None:
    reply, reason = FAULTS[fault]
    server = serve(lambda said, before: reply if said == caption(3) else Reply())
    rewrite = rewriter(timeout_s=0.4, retries=1)
    good, bad, again = rewrite([caption(2), caption(3), caption(3)])
    assert (good.text, good.by, good.fallback) == (answer(2), "openai", "")
    assert (bad.text, bad.by, bad.fallback) == (rewrite_rules(caption(3)), "rules", reason)
    assert again == bad
    assert server.asked[caption(3)] == 2
    assert rewrite.account.fallbacks == {reason: 2}
    assert rewrite.account.rewritten == {"openai": 1, "rules": 2}


def test_wrong_facts_fall_back_and_are_counted(serve: Callable[..., Server]) -> None:
    lies = {
        caption(2): "a harbor with 3 ships .",
        caption(3): "a harbor with 3 white ships .",
        caption(4): "a harbor with 4 ships and 2 bridges .",
        caption(5): "I cannot help with that.",
        caption(6): "",
        caption(7): "a harbor with 7 ships .",
        caption(8): "a harbor with 8",
    }
    serve(lambda said, before: Reply(lies[said], finish="length" if said == caption(8) else "stop"))
    rewrite = rewriter()
    rewritten = rewrite(list(lies))
    assert [entry.fallback for entry in rewritten] == [
        "guard: changed count (3 ship)",
        "guard: colour word (white)",
        "guard: invented object (bridge)",
        "guard: the model declines",
        "guard: empty answer",
        "",
        "guard: cut off at max_tokens",
    ]
    assert [entry.text for entry in rewritten] == [
        answer(7) if said == caption(7) else rewrite_rules(said) for said in lies
    ]
    assert rewrite.account.refused == {
        "changed count": 1,
        "colour word": 1,
        "invented object": 1,
        "the model declines": 1,
        "empty answer": 1,
        "cut off at max_tokens": 1,
    }
    assert sum(rewrite.account.fallbacks.values()) == 6
    assert rewrite.account.requests == 7  # an answer is not asked for again


@pytest.mark.parametrize("date", [False, True])
def test_retry_after_holds_everyone(serve: Callable[..., Server], date: bool) -> None:
    def behave(said: str, before: int) -> Reply:
        if said != caption(2) or before:
            return Reply(delay_s=0.3)
        # a date has whole seconds: 1.8 s from now is at least 0.8 s away
        asked = formatdate(time.time() + 1.8, usegmt=True) if date else "0.8"
        return Reply(status=429, headers={"Retry-After": asked})

    server = serve(behave)
    rewrite = rewriter(concurrency=2)
    rewrite([caption(n) for n in range(2, 6)])
    gaps = [later - server.started[0] for later in server.started[2:]]
    assert len(server.started) == 5
    assert min(gaps) >= 0.75


def test_the_rate_limit_holds_over_threads(serve: Callable[..., Server]) -> None:
    server = serve()
    rewrite = rewriter(concurrency=4, requests_per_minute=1200)
    begun = time.monotonic()
    rewrite([caption(n) for n in range(2, 14)])
    # one each 50 ms: a busy machine makes each later, none sooner
    for place, started in enumerate(sorted(server.started)):
        assert started - begun >= place * 0.05


def test_requests_are_under_way_at_once(serve: Callable[..., Server]) -> None:
    server = serve(lambda said, before: Reply(delay_s=0.15))
    rewriter(concurrency=3)([caption(n) for n in range(2, 11)])
    assert server.most_at_once == 3


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, "status 400: told to"),
        (401, "it refuses the key; set OPENAI_API_KEY"),
        (403, "it refuses the key; set OPENAI_API_KEY"),
        (404, "rewriter.model (loopback) to a model it has"),
        (422, "status 422: told to"),
    ],
)
def test_what_no_retry_mends_stops_in_one_line(
    serve: Callable[..., Server], tmp_path: Path, status: int, told: str
) -> None:
    body = json.dumps({"error": {"message": f"told to\nby {KEY}"}}).encode()
    server = serve(lambda said, before: Reply(status=status, body=body) if said == caption(4) else Reply())
    rewrite = rewriter(tmp_path, concurrency=1)
    with pytest.raises(UserError) as stop:
        rewrite([caption(n) for n in range(2, 40)])
    assert told in str(stop.value)
    assert "127.0.0.1" in str(stop.value)
    assert KEY not in str(stop.value)
    assert "\n" not in str(stop.value)
    assert server.asked[caption(4)] == 1
    assert sum(server.asked.values()) < 10
    # what was answered is kept
    server.behave = lambda said, before: Reply()
    rewriter(tmp_path)([caption(n) for n in range(2, 40)])
    assert [server.asked[caption(n)] for n in (2, 3, 4, 5)] == [1, 1, 2, 1]


def test_a_wrong_key_is_told_before_any_caption(serve: Callable[..., Server]) -> None:
    server = serve()
    server.models_status = 401
    with pytest.raises(UserError, match=r"127\.0\.0\.1: status 401: it refuses the key"):
        rewriter()
    server.models_status = 404  # has no list of models
    assert rewriter()([caption(2)])[0].by == "openai"


def test_a_dead_server_is_given_up(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(lambda said, before: Reply() if said in (caption(2), caption(3)) else Reply(status=500))
    rewrite = rewriter(tmp_path, retries=0, concurrency=1)
    captions = [caption(n) for n in range(2, 60)]
    with pytest.raises(UserError, match=r"127\.0\.0\.1: 20 captions in a row got no answer.*status 500"):
        rewrite(captions)
    assert sum(server.asked.values()) == 22
    server.behave = lambda said, before: Reply()
    rewritten = rewriter(tmp_path)(captions)
    assert {entry.by for entry in rewritten} == {"openai"}
    assert (server.asked[caption(2)], server.asked[caption(3)]) == (1, 1)


def test_a_server_that_is_not_there_falls_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    rewrite = rewriter(retries=1)
    assert "127.0.0.1 does not answer yet" in capsys.readouterr().err
    assert [entry.fallback for entry in rewrite([caption(2)])] == ["server: connection lost"]


@pytest.mark.parametrize(
    ("url", "key", "told"),
    [
        ("", KEY, "OPENAI_BASE_URL is not set; set it to the server's address"),
        ("localhost:8000/v1", KEY, "OPENAI_BASE_URL is not an address"),
        ("ftp://here/v1", KEY, "OPENAI_BASE_URL is not an address"),
        ("http://here:port/v1", KEY, "OPENAI_BASE_URL is not an address"),
        ("http://localhost:8000/v1", " ", "OPENAI_API_KEY is not set; set it to the server's key"),
        ("http://localhost:8000/v1", "s\u00e9cret", "OPENAI_API_KEY holds signs that no key has"),
    ],
)
def test_the_environment_must_name_server_and_key(
    monkeypatch: pytest.MonkeyPatch, url: str, key: str, told: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(UserError, match=told):
        make_rewriter(RewriterConfig(name="openai", model="x"))


def test_a_rerun_asks_nothing_and_a_new_guard_judges_anew(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    captions = [caption(2), caption(3)]
    first = rewriter(tmp_path)(captions)
    again = rewriter(tmp_path)
    assert again(captions) == first
    assert (again.account.cached, again.account.requests, again.account.prompt_tokens) == (2, 0, 0)
    monkeypatch.setattr(
        language_module, "check", lambda said, text: "too many ships (3)" if "3" in text else ""
    )
    stricter = rewriter(tmp_path)
    assert [entry.fallback for entry in stricter(captions)] == ["", "guard: too many ships (3)"]
    assert sum(server.asked.values()) == 2
    # another question is another answer
    for settings in ({"model": "other"}, {"temperature": 0.5}, {"max_tokens": 20}):
        rewriter(tmp_path, **settings)([caption(2)])
    assert server.asked[caption(2)] == 4


def test_another_endpoint_is_another_question(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    rewriter(tmp_path)([caption(2)])
    # the port and a slash at the end make no other server; neither the key nor a user is kept
    port = server.url.split(":")[-1].split("/")[0]
    for url, asked in (
        (f"http://127.0.0.1:{port}/v1/", 1),
        (f"http://localhost:{port}/v1", 2),
        (f"http://someone:hidden@localhost:{port}/v1", 2),
        (f"http://localhost:{port}/other/v1", 3),
    ):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        rewriter(tmp_path)([caption(2)])
        assert server.asked[caption(2)] == asked
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert KEY not in kept
    assert "hidden" not in kept


def test_only_declared_packages_are_imported(root: Path) -> None:
    needed = (root / "envs" / "requirements.in").read_text(encoding="utf-8")
    declared = set(re.findall(r"^[\w-]+", needed, re.MULTILINE))
    source = (root / "src" / "sartext" / "narrator" / "rewriters" / "openai.py").read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE))
    assert "openai" in imported
    assert imported - set(sys.stdlib_module_names) - {"sartext"} <= declared


def test_what_only_repeats_the_caption_is_counted(serve: Callable[..., Server]) -> None:
    serve(lambda said, before: Reply(said.capitalize() if "dark" in said else None))
    rewrite = rewriter()
    said = ["a dark lake and a pier .", "a white ship ."]
    assert [entry.text for entry in rewrite(said)] == ["A dark lake and a pier .", "a ship ."]
    assert rewrite.account.unchanged == 1


def test_a_failed_caption_is_asked_again_in_the_next_run(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(lambda said, before: Reply(status=500) if before < 2 else Reply())
    assert rewriter(tmp_path, retries=1)([caption(2)])[0].by == "rules"
    assert rewriter(tmp_path, retries=1)([caption(2)])[0].by == "openai"
    assert server.asked == {caption(2): 3}


def test_killed_half_way_nothing_is_lost_and_nothing_asked_twice(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    count, done, at_once = 40, 15, 4
    slow_after = {"answered": done}

    def behave(said: str, before: int) -> Reply:
        held = sum(server.asked.values()) > slow_after["answered"]
        return Reply(delay_s=20.0 if held else 0.0)

    server = serve(behave)
    program = (
        "import sys; from pathlib import Path; from sartext.core.config import RewriterConfig\n"
        "from sartext.narrator.rewriters import make_rewriter\n"
        f"config = RewriterConfig(name='openai', model='loopback', concurrency={at_once})\n"
        "rewrite = make_rewriter(config, Path(sys.argv[1]))\n"
        f"said = rewrite([f'a harbor with {{n}} white ships .' for n in range(2, {count + 2})])\n"
        "print(*(f'{entry.by}: {entry.text}' for entry in said), sep='\\n')\n"
        "print(rewrite.account.summary())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "cache")]
    process = subprocess.Popen(command, env=os.environ)
    kept = tmp_path / "cache" / "answers-0001.jsonl"
    end = time.monotonic() + 60
    while not (kept.is_file() and kept.read_bytes().count(b"\n") == done):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    answered = {said for said in server.asked if server.answered[said]}
    assert len(answered) == done
    slow_after["answered"] = 10**6
    second = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True)
    assert second.stdout.splitlines()[:count] == [f"openai: {answer(n)}" for n in range(2, count + 2)]
    assert f"'cached': {done}, 'requests': {count - done}" in second.stdout
    # only what was under way when the run was killed is asked again
    assert all(server.asked[said] == 1 for said in answered)
    assert sum(server.asked.values()) <= count + at_once
