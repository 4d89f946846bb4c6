"""A proxy before a language model's server: it counts what is asked and answered, and can hold it up."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class CountingProxy:
    """Hands requests on to a server.

    Args:
        server: its address, such as ``http://127.0.0.1:8000/v1``.
        hold_after: questions that are answered before all further ones have to wait; none: nobody waits.

    Attributes:
        asked: questions that arrived, by the digest of their body.
        answered: questions whose answer was handed back, likewise.
        said: the server's words, by the caption that was asked about.
        holding: set once a question has to wait.
    """

    def __init__(self, server: str, hold_after: int | None = None) -> None:
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.said: dict[str, str] = {}
        self.holding = threading.Event()
        self._server = urlsplit(server).netloc
        self._left = hold_after
        self._freed = threading.Event()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """Its own address."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def let_go(self) -> None:
        """Drop the questions that wait, unanswered, and let later ones pass."""
        self._left = None
        self._freed.set()

    def close(self) -> None:
        self.let_go()
        self._http.shutdown()
        self._http.server_close()

    def _waits(self) -> bool:
        """Whether a question that has just arrived has to wait."""
        with self._lock:
            if self._left is None:
                return False
            self._left -= 1
            return self._left < 0

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                self._hand_on(b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                digest = hashlib.sha256(body).hexdigest()
                proxy.asked[digest] += 1
                if proxy._waits():
                    proxy.holding.set()
                    proxy._freed.wait()
                    self.close_connection = True
                    return
                status, answer = self._hand_on(body)
                if status == 200:
                    proxy.answered[digest] += 1
                    caption = json.loads(body)["messages"][-1]["content"]
                    proxy.said[caption] = json.loads(answer)["choices"][0]["message"]["content"]

            def _hand_on(self, body: bytes) -> tuple[int, bytes]:
                server = HTTPConnection(proxy._server)
                kind = {"Content-Type": "application/json"}
                server.request(self.command, self.path, body, {**kind, "Authorization": "Bearer none"})
                response = server.getresponse()
                answer = response.read()
                server.close()
                self.send_response(response.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                return response.status, answer

        return Handler


@contextmanager
def counting_proxy(server: str, hold_after: int | None = None) -> Iterator[CountingProxy]:
    """Run a proxy."""
    proxy = CountingProxy(server, hold_after)
    try:
        yield proxy
    finally:
        proxy.close()
