"""A server on loopback that speaks OpenAI's chat protocol, and misbehaves as a test tells it."""

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-loopback-secret"


def good_answer(caption: str) -> str:
    """An honest rewriting of "a harbor with N white ships ." and the like."""
    return re.sub(r"\b(?:white|blue|green) ", "", caption)


@dataclass(frozen=True)
class Reply:
    """How to treat one request: a status, an answer, and what goes wrong on the way."""

    text: str | None = None  # the honest answer if not given
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    fault: str = ""  # drop, truncated, drip
    body: bytes | None = None  # instead of an answer
    finish: str = "stop"


class Server:
    """The server; `behave` maps a caption and how often it was asked before to a reply."""

    def __init__(self, behave: Callable[[str, int], Reply]) -> None:
        self.behave = behave
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.started: list[float] = []
        self.keys: set[str] = set()
        self.bodies: list[dict[str, Any]] = []
        self.most_at_once = 0
        self.models_status = 200
        self._at_once = 0
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _enter(self, caption: str) -> Reply:
        with self._lock:
            before = self.asked[caption]
            self.asked[caption] += 1
            self.started.append(time.monotonic())
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        return self.behave(caption, before)

    def _leave(self) -> None:
        with self._lock:
            self._at_once -= 1

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                server.keys.add(self.headers["authorization"])
                self._send(server.models_status, b'{"object": "list", "data": []}', {})

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                caption = request["messages"][-1]["content"]
                server.keys.add(self.headers["authorization"])
                server.bodies.append(request)
                reply = server._enter(caption)
                try:
                    self._answer(caption, reply)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    server._leave()

            def _answer(self, caption: str, reply: Reply) -> None:
                time.sleep(reply.delay_s)
                if reply.fault == "drop":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                text = good_answer(caption) if reply.text is None else reply.text
                body = reply.body
                if body is None and reply.status == 200:
                    body = json.dumps(
                        {
                            "choices": [
                                {
                                    "message": {"role": "assistant", "content": text},
                                    "finish_reason": reply.finish,
                                }
                            ],
                            "usage": {"prompt_tokens": 100, "completion_tokens": 10},
                        }
                    ).encode()
                self._send(
                    reply.status, body or b'{"error": {"message": "told to"}}', reply.headers, reply.fault
                )
                if reply.status == 200 and not reply.fault:
                    server.answered[caption] += 1

            def _send(self, status: int, body: bytes, headers: dict[str, str], fault: str = "") -> None:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if fault == "truncated":
                    self.wfile.write(body[: len(body) // 2])
                    self.close_connection = True
                elif fault == "drip":
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        time.sleep(0.02)
                else:
                    self.wfile.write(body)

        return Handler


@contextmanager
def lm_server(behave: Callable[[str, int], Reply] | None = None) -> Iterator[Server]:
    """Run a server; it answers honestly if not told otherwise."""
    server = Server(behave or (lambda caption, before: Reply()))
    try:
        yield server
    finally:
        server.close()
