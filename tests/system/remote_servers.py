"""Real servers of DVC remotes on loopback: Debian's sshd, and WsgiDAV with a password."""

import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SSHD = "/usr/sbin/sshd"
USER, PASSWORD = "team", "a secret"
_STARTS_WITHIN_S = 20


@dataclass
class Remote:
    """A remote that a server gives.

    Attributes:
        url: its address, as `dvc remote add` takes it.
        store: the folder that it keeps objects in.
        settings: what `dvc remote modify --local` sets: who may come in.
        wrong: the same, for one who may not.
    """

    url: str
    store: Path
    settings: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def object(self, md5: str) -> Path:
        """Where the store keeps an object."""
        return self.store / "files" / "md5" / md5[:2] / md5[2:]


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait(port: int, server: subprocess.Popen[bytes] | None, log: Path | None) -> None:
    end = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < end and (server is None or server.poll() is None):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    said = log.read_text(errors="replace")[-800:] if log else ""
    raise RuntimeError(f"the server does not answer: {said}")


def _key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)
    return path


@contextmanager
def ssh_server(folder: Path) -> Iterator[Remote]:
    """Run sshd as this user, with keys and settings of its own, below `folder`; who runs it may log in.

    Raises:
        RuntimeError: there is no sshd, or it does not come to answer.
    """
    if not Path(SSHD).is_file():
        raise RuntimeError(f"{SSHD}: not there; install openssh-server")
    folder.mkdir(parents=True)
    if os.getuid() == 0:  # sshd of root insists on the folder that the system's own makes at its start
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    host, known, other = (_key(folder / name) for name in ("host_key", "known_key", "other_key"))
    shutil.copyfile(f"{known}.pub", folder / "authorized_keys")
    port = free_port()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
        "PubkeyAuthentication yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
    )
    log = folder / "sshd.log"
    server = subprocess.Popen([SSHD, "-D", "-f", folder / "sshd_config", "-E", log], start_new_session=True)
    try:
        _wait(port, server, log)
        user = pwd.getpwuid(os.getuid()).pw_name
        yield Remote(
            f"ssh://{user}@127.0.0.1:{port}{folder}/store",
            folder / "store",
            {"keyfile": str(known)},
            {"keyfile": str(other)},
        )
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def webdav_server(folder: Path) -> Iterator[Remote]:
    """Run WsgiDAV behind Cheroot, with basic authentication."""
    from cheroot import wsgi
    from wsgidav.wsgidav_app import WsgiDAVApp

    # DVC makes folders below a WebDAV address, not the address itself
    (folder / "files" / "store").mkdir(parents=True)
    port = free_port()
    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(folder / "files")},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "verbose": 0,
            "logging": {"enable": False},
        }
    )
    server = wsgi.Server(("127.0.0.1", port), app)
    thread = threading.Thread(target=server.serve, daemon=True)
    server.prepare()
    thread.start()
    try:
        _wait(port, None, None)
        yield Remote(
            f"webdav://127.0.0.1:{port}/store",
            folder / "files" / "store",
            {"user": USER, "password": PASSWORD},
            {"user": USER, "password": "a guess"},
        )
    finally:
        server.stop()
        thread.join(20)


@contextmanager
def silent_server() -> Iterator[int]:
    """Listen on a port of loopback, accept, and say nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        port: int = listening.getsockname()[1]
        yield port
