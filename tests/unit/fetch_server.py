"""A file server on loopback that knows ranges and ETags, and misbehaves as a test tells it."""

import hashlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Turn:
    """How one request is treated; the plain turn is honest.

    Attributes:
        status: answered instead of the file.
        headers: sent besides; a value of None leaves out what would be sent.
        drop_after: the connection is cut after so many bytes of the body.
        close_length: the body's end is the connection's; no Content-Length.
        whole: ranges are ignored.
        shift: a range begins so many bytes too late.
        chunk: bytes written at once.
        pause_s: seconds between them.
        hang_s: seconds before the answer.
    """

    status: int = 0
    headers: dict[str, str | None] = field(default_factory=dict)
    drop_after: int | None = None
    close_length: bool = False
    whole: bool = False
    shift: int = 0
    chunk: int = 1 << 16
    pause_s: float = 0.0
    hang_s: float = 0.0


@dataclass
class Asked:
    """One request as it came, and how many bytes of the body were sent."""

    path: str
    range: str | None
    if_range: str | None
    sent: int = 0


class FileServer:
    """Serves `files` by path; `turns` are used up one a request, then `always` holds."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.etags = True
        self.turns: list[Turn] = []
        self.always = Turn()
        self.asked: list[Asked] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
            self._scheme = "https"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"{self._scheme}://localhost:{self._http.server_port}{path}"

    def etag(self, path: str) -> str:
        return f'"{hashlib.sha256(self.files[path]).hexdigest()[:16]}"'

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            turn = server.turns.pop(0) if server.turns else server.always
            # noted before the answer, so that a client that has it finds it here
            asked = Asked(self.path, self.headers.get("Range"), self.headers.get("If-Range"))
            server.asked.append(asked)
            time.sleep(turn.hang_s)
            try:
                self._answer(turn, asked)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
                self.close_connection = True

        def _head(self, status: int, headers: dict[str, str | None], turn: Turn) -> None:
            self.send_response(status)
            for name, value in {**headers, **turn.headers}.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()

        def _answer(self, turn: Turn, asked: Asked) -> None:
            content = server.files.get(self.path)
            if turn.status or content is None:
                self._head(turn.status or 404, {"Content-Length": "0"}, turn)
                return
            etag = server.etag(self.path) if server.etags else None
            start = self._start(turn, etag)
            headers: dict[str, str | None] = {"ETag": etag, "Content-Type": "application/octet-stream"}
            if start > 0 and start >= len(content):
                rest = {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"}
                self._head(416, {**headers, **rest}, turn)
                return
            body = content[start + turn.shift if start else 0 :]
            headers["Content-Length"] = None if turn.close_length else str(len(body))
            if turn.close_length:
                headers["Connection"] = "close"
                self.close_connection = True
            if start:
                first = start + turn.shift
                headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self._head(206 if start else 200, headers, turn)
            self._body(body, turn, asked)

        def _start(self, turn: Turn, etag: str | None) -> int:
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            unchanged = self.headers.get("If-Range", etag) == etag
            return int(asked[1]) if asked and unchanged and not turn.whole else 0

        def _body(self, body: bytes, turn: Turn, asked: Asked) -> None:
            end = len(body) if turn.drop_after is None else min(turn.drop_after, len(body))
            while asked.sent < end:
                piece = body[asked.sent : min(asked.sent + turn.chunk, end)]
                asked.sent += len(piece)
                self.wfile.write(piece)
                if turn.pause_s:
                    time.sleep(turn.pause_s)
            if turn.drop_after is not None:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

    return Handler


@contextmanager
def file_server(certificate: Path | None = None) -> Iterator[FileServer]:
    server = FileServer(certificate)
    try:
        yield server
    finally:
        server.close()


def self_signed(folder: Path) -> Path:
    """Write a certificate of localhost and its key to one file; it is its own authority."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "localhost.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path
