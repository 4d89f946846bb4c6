"""Downloads against a real server on loopback that drops, lies, changes and delays."""

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from fetch_server import FileServer, Turn, file_server, self_signed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sartext.core.errors import UserError
from sartext.sources.fetch import Transfer, download
from sartext.sources.fetch.meter import meter, size_text

CONTENT = bytes(hashlib.shake_256(b"content").digest(600_000))
OTHER = bytes(hashlib.shake_256(b"another version").digest(600_000))
QUICK = Transfer(connect_s=2, silence_s=2, slow_s=0.3, tries=3, pause_s=0.01, longest_wait_s=3)
PATH = "/files/archive.zip"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


DIGEST = sha256(CONTENT)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        running.files[PATH] = CONTENT
        yield running


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("digest", [DIGEST, f"md5:{hashlib.md5(CONTENT).hexdigest()}"])
@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_plain(server: FileServer, tmp_path: Path, digest: str, size: int | None) -> None:
    target = tmp_path / "below" / "archive.zip"
    download(server.url(PATH), target, digest, size, QUICK)
    assert target.read_bytes() == CONTENT
    assert names(target.parent) == ["archive.zip"]
    assert [asked.range for asked in server.asked] == [None]


def test_a_drop_in_the_middle_is_resumed_where_it_broke_off(server: FileServer, tmp_path: Path) -> None:
    server.turns = [Turn(drop_after=200_000), Turn(drop_after=150_000)]
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert [asked.range for asked in server.asked] == [None, "bytes=200000-", "bytes=350000-"]
    assert {asked.if_range for asked in server.asked[1:]} == {server.etag(PATH)}
    assert sum(asked.sent for asked in server.asked) == len(CONTENT)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, 300_000), max_size=5),
    etags=st.booleans(),
    close_length=st.booleans(),
    ranges=st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_however_it_is_cut_the_file_is_whole_in_the_end(
    server: FileServer,
    tmp_path: Path,
    cuts: list[int],
    etags: bool,
    close_length: bool,
    ranges: list[bool],
) -> None:
    target = tmp_path / "a.zip"
    target.unlink(missing_ok=True)
    server.etags = etags
    server.turns = [
        Turn(drop_after=cut, whole=whole, close_length=close_length)
        for cut, whole in zip(cuts, ranges, strict=False)
    ]
    patient = Transfer(tries=10, pause_s=0.0)
    download(server.url(PATH), target, DIGEST, len(CONTENT), patient)
    assert target.read_bytes() == CONTENT
    assert names(tmp_path) == ["a.zip"]


def test_a_server_without_ranges_begins_again(server: FileServer, tmp_path: Path) -> None:
    server.turns = [Turn(drop_after=200_000)]
    server.always = Turn(whole=True)
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert [asked.sent for asked in server.asked] == [200_000, 600_000]


def test_a_file_that_changed_between_is_not_mixed(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "a.zip"
    server.files[PATH] = OTHER
    server.always = Turn(drop_after=200_000, whole=True)
    with pytest.raises(UserError, match="200000 bytes are kept: run the same again"):
        download(server.url(PATH), target, DIGEST, transfer=QUICK)
    assert names(tmp_path) == ["a.zip.part", "a.zip.part.json"]
    server.files[PATH] = CONTENT
    server.always = Turn()
    server.asked.clear()
    download(server.url(PATH), target, DIGEST, transfer=QUICK)
    # the range was asked for under the old version's ETag, and the whole file came
    assert server.asked[0].range == "bytes=200000-"
    assert server.asked[0].if_range != server.etag(PATH)
    assert server.asked[0].sent == len(CONTENT)
    assert target.read_bytes() == CONTENT


def test_a_changed_file_is_seen_by_its_etag_where_if_range_is_ignored(
    server: FileServer, tmp_path: Path
) -> None:
    server.turns = [Turn(drop_after=200_000, headers={"ETag": 'W/"old"'})]
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert [(asked.range, asked.if_range) for asked in server.asked] == [
        (None, None),
        ("bytes=200000-", None),  # a weak ETag must not be used there
        (None, None),
    ]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_a_mixed_file_of_a_server_without_etags_is_fetched_once_more(
    server: FileServer, tmp_path: Path
) -> None:
    server.etags = False
    server.files[PATH] = OTHER
    server.turns = [Turn(drop_after=200_000)]
    server.always = Turn(drop_after=0)
    with pytest.raises(UserError, match="gave up"):
        download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    server.files[PATH] = CONTENT
    server.always = Turn()
    server.asked.clear()
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert [asked.range for asked in server.asked] == ["bytes=200000-", None]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_a_range_that_begins_elsewhere_is_not_appended(server: FileServer, tmp_path: Path) -> None:
    server.turns = [Turn(drop_after=200_000), Turn(shift=1000)]
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert [asked.range for asked in server.asked] == [None, "bytes=200000-", None]


def test_a_part_of_another_address_is_not_used(server: FileServer, tmp_path: Path) -> None:
    server.files["/old.zip"] = OTHER
    server.turns = [Turn(drop_after=200_000)] + [Turn(drop_after=0)] * 2
    with pytest.raises(UserError, match="gave up"):
        download(server.url("/old.zip"), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    server.asked.clear()
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert [asked.range for asked in server.asked] == [None]


def test_a_part_that_is_whole_already_costs_no_byte(server: FileServer, tmp_path: Path) -> None:
    part = tmp_path / "a.zip.part"
    part.write_bytes(CONTENT)
    (tmp_path / "a.zip.part.json").write_text(f'{{"url": "{server.url(PATH)}"}}')
    shutil.copytree(tmp_path, tmp_path.with_name("again"))
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert [(asked.range, asked.sent) for asked in server.asked] == [("bytes=600000-", 0)]
    server.asked.clear()
    download(server.url(PATH), tmp_path.with_name("again") / "a.zip", DIGEST, len(CONTENT), QUICK)
    assert server.asked == []


def test_a_part_that_is_longer_than_the_file_is_thrown_away(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.zip.part").write_bytes(CONTENT + b"more")
    (tmp_path / "a.zip.part.json").write_text(f'{{"url": "{server.url(PATH)}"}}')
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_a_wrong_digest_is_refused_and_nothing_is_left(server: FileServer, tmp_path: Path) -> None:
    server.files[PATH] = OTHER
    with pytest.raises(UserError, match=rf"digest is {sha256(OTHER)}, expected {DIGEST}.*not kept"):
        download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert names(tmp_path) == []
    assert len(server.asked) == 1


def test_a_wrong_digest_of_a_resumed_file_is_tried_once_in_one_piece(
    server: FileServer, tmp_path: Path
) -> None:
    server.files[PATH] = OTHER
    server.turns = [Turn(drop_after=200_000)]
    with pytest.raises(UserError, match=f"expected {DIGEST}"):
        download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert [asked.range for asked in server.asked] == [None, "bytes=200000-", None]
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "headers", "said"),
    [
        (b"<!doctype html><title>Log in</title>", {"Content-Type": "text/html"}, "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", {}, "pointer of Git LFS"),
    ],
)
def test_what_came_instead_is_said(
    server: FileServer, tmp_path: Path, content: bytes, headers: dict[str, str | None], said: str
) -> None:
    server.files[PATH] = content
    server.always = Turn(headers=headers)
    with pytest.raises(UserError, match=said):
        download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)


def test_another_size_is_refused_before_a_byte_comes(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has 600000 bytes, expected 599999"):
        download(server.url(PATH), tmp_path / "a.zip", DIGEST, 599_999, QUICK)
    assert names(tmp_path) == []


def test_more_bytes_than_the_file_has_are_refused(server: FileServer, tmp_path: Path) -> None:
    server.always = Turn(close_length=True)
    with pytest.raises(UserError, match="sends more than the file's 599000 bytes"):
        download(server.url(PATH), tmp_path / "a.zip", DIGEST, 599_000, QUICK)
    assert names(tmp_path) == []


def test_404_is_said_at_once(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"/none\.zip: answered 404 Not Found; it may have moved"):
        download(server.url("/none.zip"), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert len(server.asked) == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_go_better_later_is_tried_again(server: FileServer, tmp_path: Path, status: int) -> None:
    server.turns = [Turn(status=status), Turn(status=status)]
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_it_gives_up_in_the_end(server: FileServer, tmp_path: Path) -> None:
    server.always = Turn(status=503)
    with pytest.raises(UserError, match=r"answered 503 Service Unavailable; gave up after 3 tries$"):
        download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert len(server.asked) == 3


def test_tries_are_counted_anew_after_each_byte_that_came(server: FileServer, tmp_path: Path) -> None:
    server.turns = [Turn(drop_after=50_000)] * 11
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_waited_for(server: FileServer, tmp_path: Path, as_date: bool) -> None:
    # a date has whole seconds, so that up to one of the two is lost
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    server.turns = [Turn(status=429, headers={"Retry-After": later if as_date else "1"})]
    begun = time.monotonic()
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert 0.8 < time.monotonic() - begun < 3


def test_too_long_a_retry_after_is_not_waited_for(server: FileServer, tmp_path: Path) -> None:
    server.always = Turn(status=429, headers={"Retry-After": "3600"})
    begun = time.monotonic()
    with pytest.raises(UserError, match="asks to come back in 3600 s"):
        download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert time.monotonic() - begun < 1


def test_a_silent_server_is_left(server: FileServer, tmp_path: Path) -> None:
    server.always = Turn(hang_s=1.5)
    hasty = Transfer(connect_s=1, silence_s=0.2, tries=2, pause_s=0.01)
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"ReadTimeoutError.*gave up after 2 tries"):
        download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=hasty)
    assert time.monotonic() - begun < 1.2


def test_a_dripping_connection_is_made_anew(server: FileServer, tmp_path: Path) -> None:
    server.turns = [Turn(chunk=10, pause_s=0.05)]
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    start = int(str(server.asked[-1].range).removeprefix("bytes=").rstrip("-"))
    assert 0 < start < 500


def test_a_slow_server_is_waited_for(server: FileServer, tmp_path: Path) -> None:
    server.always = Turn(chunk=20_000, pause_s=0.03)
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert len(server.asked) == 1


def test_nobody_there(tmp_path: Path) -> None:
    with file_server() as gone:
        url = gone.url(PATH)
    with pytest.raises(UserError, match=r"no connection.*refused.*gave up after 3 tries"):
        download(url, tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert names(tmp_path) == []


def test_redirects_are_followed_with_the_range(server: FileServer, tmp_path: Path) -> None:
    moved = Turn(status=302, headers={"Location": PATH})
    server.turns = [moved, Turn(drop_after=200_000), moved]
    download(server.url("/page"), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert [(asked.path, asked.range) for asked in server.asked] == [
        ("/page", None),
        (PATH, None),
        ("/page", "bytes=200000-"),
        (PATH, "bytes=200000-"),
    ]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_endless_redirects_end(server: FileServer, tmp_path: Path) -> None:
    server.always = Turn(status=302, headers={"Location": "/page"})
    with pytest.raises(UserError, match="more than 10 redirects"):
        download(server.url("/page"), tmp_path / "a.zip", DIGEST, transfer=QUICK)


def test_https_is_not_left_for_http(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with file_server(certificate) as secure:
        secure.files[PATH] = CONTENT
        download(secure.url(PATH), tmp_path / "plain.zip", DIGEST, transfer=QUICK)
        assert (tmp_path / "plain.zip").read_bytes() == CONTENT
        secure.always = Turn(status=302, headers={"Location": server.url(PATH)})
        with pytest.raises(UserError, match="which is not https; nothing was downloaded"):
            download(secure.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert server.asked == []


def test_a_certificate_nobody_trusts_is_refused_at_once(tmp_path: Path) -> None:
    with file_server(self_signed(tmp_path)) as secure:
        secure.files[PATH] = CONTENT
        with pytest.raises(UserError, match="certificate is not trusted"):
            download(secure.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
        assert secure.asked == []


def test_too_little_disk_is_said_before_a_byte_comes(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 500_000, 500_000))
    with pytest.raises(UserError, match=r"a\.zip needs 600\.0 kB of free disk, 500\.0 kB are free"):
        download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert names(tmp_path) == []


def test_a_full_disk_keeps_what_came(server: FileServer, tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from sartext.sources.fetch import download;"
        "from sartext.core.errors import UserError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, resource.RLIM_INFINITY))\n"
        "try: download(sys.argv[1], Path(sys.argv[2]), sys.argv[3])\n"
        "except UserError as error: print(error); sys.exit(2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, server.url(PATH), str(tmp_path / "a.zip"), DIGEST],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert "the disk is full after 250000 bytes" in done.stdout
    server.asked.clear()
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    assert [asked.range for asked in server.asked] == ["bytes=250000-"]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_two_at_once_do_not_mix(server: FileServer, tmp_path: Path) -> None:
    part = tmp_path / "a.zip.part"
    with part.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process downloads this file"):
            download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)
    download(server.url(PATH), tmp_path / "a.zip", DIGEST, transfer=QUICK)


@pytest.mark.parametrize("killed_at", [1, 150_000, 400_000])
def test_killed_and_again(server: FileServer, tmp_path: Path, killed_at: int) -> None:
    server.turns = [Turn(chunk=10_000, pause_s=0.01)]
    code = (
        "import sys; from pathlib import Path; from sartext.sources.fetch import download;"
        "download(sys.argv[1], Path(sys.argv[2]), sys.argv[3])"
    )
    target, part = tmp_path / "a.zip", tmp_path / "a.zip.part"
    process = subprocess.Popen([sys.executable, "-c", code, server.url(PATH), str(target), DIGEST])
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size >= killed_at):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not target.exists()
    came = part.stat().st_size
    assert killed_at <= came < len(CONTENT)
    download(server.url(PATH), target, DIGEST, len(CONTENT), QUICK)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1].range == f"bytes={came}-"
    assert server.asked[-1].sent == len(CONTENT) - came
    assert names(tmp_path) == ["a.zip"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "? B"), (999, "999 B"), (95_008_155, "95.0 MB"), (12_900_000_000, "12.9 GB")],
)
def test_sizes_as_people_read_them(count: int | None, text: str) -> None:
    assert size_text(count) == text


def test_a_log_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 1.0, 11.0, 11.0, 12.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    with meter("a.zip", 4000, 1000) as advance:
        advance(500)
        advance(500)
        advance(1000)
    assert capsys.readouterr().err == "a.zip: 2.0 kB of 4.0 kB\n"


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with meter("a.zip", 4000, 1000) as advance:
        advance(3000)
    assert re.search(r"a\.zip .*4\.0/4\.0 kB", capsys.readouterr().err)
