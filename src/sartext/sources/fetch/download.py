"""One file over http: resumed where it broke off, and in place only if its digest is the expected one."""

import errno
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from sartext import __version__
from sartext.core.errors import UserError
from sartext.sources.fetch.digests import file_digest
from sartext.sources.fetch.faults import plain_faults
from sartext.sources.fetch.meter import meter, size_text
from sartext.sources.fetch.partial import PartialFile, partial_file

if TYPE_CHECKING:
    import requests

_CHUNK = 1 << 18
_REDIRECTS = 10
# what a server says when it may do better later
_LATER = (408, 425, 429, 500, 502, 503, 504)
# identity: the digest is of the file, not of the file compressed on its way
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": f"sartext/{__version__}"}


@dataclass(frozen=True, slots=True)
class Transfer:
    """How patient a download is.

    Attributes:
        connect_s: longest wait for a connection.
        silence_s: longest wait for the next byte.
        slow_s: seconds over which `slow_rate` is measured.
        slow_rate: bytes a second; a slower connection is dropped and made anew.
        tries: failures in a row, none of which brought a byte more, before it gives up.
        pause_s: first pause after a failure, doubled from one to the next.
        longest_pause_s: no pause of ours is longer.
        longest_wait_s: a server that asks for a longer wait (Retry-After) is not waited for.
    """

    connect_s: float = 30.0
    silence_s: float = 60.0
    slow_s: float = 60.0
    slow_rate: float = 1024.0
    tries: int = 6
    pause_s: float = 1.0
    longest_pause_s: float = 60.0
    longest_wait_s: float = 600.0


class _AgainError(Exception):
    """It failed, and may work if tried again, after `pause` seconds if the server says so."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.pause = reason, pause


def download(
    url: str, target: Path, digest: str, size: int | None = None, transfer: Transfer | None = None
) -> None:
    """Download a file.

    What came so far stays in ``TARGET.part``, and the next call goes on from there, unless the server has
    another version by now. Bytes put together from several responses whose digest is wrong are fetched once
    more in one piece.

    Args:
        url: https, or http for tests; redirects from https to http are refused.
        target: the file, which is not there yet.
        digest: ``sha256:HEX`` or ``md5:HEX``.
        size: bytes, if known.
        transfer: how patient it is.

    Raises:
        UserError: the server refuses, has another file, or cannot be reached; the disk is full, or refuses
            to be written; another process downloads the same file. With a wrong digest nothing is left
            behind.
    """
    with plain_faults(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial_file(target, url) as part:
            _download(url, part, digest, size, transfer or Transfer())


def _download(url: str, part: PartialFile, digest: str, size: int | None, transfer: Transfer) -> None:
    for anew in (False, True):
        kind = _complete(url, part, size, transfer)
        found = file_digest(part.path, digest)
        if found == digest.lower():
            part.finish()
            return
        if part.spliced and not anew:
            part.clear()
            continue
        said = f"{url}: the file's digest is {found}, expected {digest}{_looks_like(part, kind)}"
        part.remove()
        raise UserError(f"{said}; it is not kept: its publisher may have changed it, look at its page")


def _looks_like(part: PartialFile, kind: str) -> str:
    """What a file that is not the expected one seems to be."""
    if part.head(64).startswith(b"version https://git-lfs"):
        return " (it is a pointer of Git LFS, not the file)"
    return " (it is a web page, not the file)" if "html" in kind else ""


def _complete(url: str, part: PartialFile, size: int | None, transfer: Transfer) -> str:
    """Bring the part to its end, and return what the server says the file is."""
    import requests

    if size is not None and part.size == size:
        return ""
    most, failures = part.size, 0
    with requests.Session() as session:
        while True:
            try:
                return _one_response(session, url, part, size, transfer)
            except _AgainError as again:
                failures = 1 if part.size > most else failures + 1
                most = max(most, part.size)
                if failures >= transfer.tries:
                    kept = f"; {part.size} bytes are kept: run the same again to go on" if part.size else ""
                    raise UserError(f"{url}: {again.reason}; gave up after {failures} tries{kept}") from None
                pause = min(transfer.pause_s * 2 ** (failures - 1), transfer.longest_pause_s)
                time.sleep(pause if again.pause is None else again.pause)


def _one_response(
    session: "requests.Session", url: str, part: PartialFile, size: int | None, transfer: Transfer
) -> str:
    start = part.size
    headers = dict(_HEADERS)
    if start:
        headers["Range"] = f"bytes={start}-"
        if part.validator:
            headers["If-Range"] = part.validator
    with _answer(session, url, headers, transfer) as response:
        total = _accept(url, response, part, transfer)
        if size is not None and total is not None and total != size:
            part.clear()
            raise UserError(f"{url}: the server's file has {total} bytes, expected {size}; look at its page")
        total = size if total is None else total
        if response.status_code != 416:
            _check_room(part, total)
            with meter(part.target.name, total, part.size) as advance:
                _receive(url, response, part, total, transfer, advance)
        if total is not None and part.size != total:
            raise _AgainError(f"the connection ended after {part.size} of {total} bytes")
        return str(response.headers.get("Content-Type", ""))


def _answer(
    session: "requests.Session", url: str, headers: dict[str, str], transfer: Transfer
) -> "requests.Response":
    """The server's answer, redirects followed."""
    import requests

    here = url
    for _ in range(_REDIRECTS):
        try:
            response = session.get(
                here,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(transfer.connect_s, transfer.silence_s),
            )
        except requests.exceptions.SSLError as error:
            raise UserError(f"{here}: the server's certificate is not trusted ({_reason(error)})") from None
        except (requests.ConnectionError, requests.Timeout) as error:
            raise _AgainError(f"no connection ({_reason(error)})") from None
        except requests.RequestException as error:
            raise UserError(f"{here}: cannot be asked for ({error})") from None
        if not response.is_redirect:
            return response
        response.close()
        there = urljoin(here, response.headers["Location"])
        if here.startswith("https:") and not there.startswith("https:"):
            raise UserError(f"{url}: leads to {there:.200}, which is not https; nothing was downloaded")
        here = there
    raise UserError(f"{url}: more than {_REDIRECTS} redirects; look at its page")


def _accept(url: str, response: "requests.Response", part: PartialFile, transfer: Transfer) -> int | None:
    """Make the part ready for a response's bytes; return how many the file has in all, if that is known."""
    status = response.status_code
    if status == 200:
        part.begin(response.headers)
        length = response.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else None
    if status in (206, 416) and part.size:
        return _continue(response, part)
    said = f"answered {status} {response.reason}".rstrip()
    if status not in _LATER:
        raise UserError(f"{url}: {said}; it may have moved: look at its page")
    wait = _retry_after(response.headers.get("Retry-After", ""))
    if wait is not None and wait > transfer.longest_wait_s:
        raise UserError(f"{url}: {said}, and asks to come back in {wait:.0f} s; run the same again then")
    raise _AgainError(said, wait)


def _continue(response: "requests.Response", part: PartialFile) -> int | None:
    """Check that a response goes on where the part ends, in the same version of the file."""
    said = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", ""))
    other = part.etag and response.headers.get("ETag", part.etag) != part.etag
    total = int(said[2]) if said and said[2] != "*" else None
    if response.status_code == 416:
        right = total == part.size  # nothing is left to send
    else:
        right = said is not None and said[1] is not None and int(said[1]) == part.size
    part.spliced = True
    if other or not right:
        part.clear()
        raise _AgainError("the server does not go on where the file broke off", 0.0)
    return total


def _receive(
    url: str,
    response: "requests.Response",
    part: PartialFile,
    total: int | None,
    transfer: Transfer,
    advance: Callable[[int], None],
) -> None:
    for chunk in _chunks(response, transfer):
        if total is not None and part.size + len(chunk) > total:
            part.clear()
            raise UserError(f"{url}: sends more than the file's {total} bytes; look at its page")
        try:
            part.append(chunk)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise UserError(
                f"{part.path}: the disk is full after {part.size} bytes; free some and run the same again"
            ) from None
        advance(len(chunk))


def _chunks(response: "requests.Response", transfer: Transfer) -> Iterator[bytes]:
    """The body as it comes, its end checked against its length by urllib3."""
    from urllib3.exceptions import HTTPError

    since, count = time.monotonic(), 0
    try:
        # read1 gives what is there: a server that drips would never fill a buffer
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            yield chunk
            count += len(chunk)
            elapsed = time.monotonic() - since
            if elapsed > transfer.slow_s:
                if count < transfer.slow_rate * elapsed:
                    raise _AgainError(
                        f"the connection is slower than {transfer.slow_rate:.0f} bytes a second"
                    )
                since, count = time.monotonic(), 0
    except (HTTPError, OSError) as error:
        raise _AgainError(f"the connection broke off ({_reason(error)})") from None


def _check_room(part: PartialFile, total: int | None) -> None:
    if total is not None:
        check_room(part.target.parent, total - part.size, part.target.name)


def check_room(folder: Path, needed: int, what: str) -> None:
    """Raise `UserError` if a folder's disk has not `needed` free bytes, naming `what` they are for."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: {what} needs {size_text(needed)} of free disk, {size_text(free)} are free; free "
            "some, or set the source's 'root' (or --root) to a folder on a larger disk"
        )


def _retry_after(said: str) -> float | None:
    """Seconds to wait as a header gives them: a number, or a date."""
    if said.strip().isdecimal():
        return float(said)
    try:
        date = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max((date - datetime.now(UTC)).total_seconds(), 0.0) if date.tzinfo else None


def _reason(error: Exception) -> str:
    """The innermost thing that an error of requests or urllib3 says, without its wrapping."""
    inner = error.args[0] if error.args else None
    cause = getattr(inner, "reason", None)
    for found in (cause, inner):
        if isinstance(found, Exception):
            return _reason(found)
    text = str(error.args[-1]) if error.args else ""
    return f"{type(error).__name__}: {text:.200}" if text else type(error).__name__
