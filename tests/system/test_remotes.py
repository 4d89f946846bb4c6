"""Versions of data through real servers: pushed and pulled whole; what is damaged is said, and not used."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from remote_servers import Remote, free_port, silent_server, ssh_server, webdav_server

from sartext.core.files import list_files, verify_manifest
from sartext.dataset.release.versions import Version, tag_text

FOLDER = Path("data/sar-text/mini")
TAG = "sar-text-mini@v1.0.0"
FILES = {
    "VERSION.json": b'{"version": "1.0.0"}\n',
    "captions.parquet": b"captions" * 50_000,
    "exports/sartext.csv": b"filepath,caption\n",
    "shards/hrsid/train-000000.tar": bytes(range(256)) * 8_000,
}
DAMAGED = "captions.parquet"
NOWHERE = "do not exist neither locally nor on remote"  # DVC of files on a WebDAV server that it cannot read
_ANSWERS_WITHIN_S = 90  # a command that takes longer hangs
_SERVERS = {"ssh": ssh_server, "webdav": webdav_server}


@dataclass(frozen=True)
class Pushed:
    """A repository whose version is in a remote.

    Attributes:
        kind: ssh or webdav.
        remote: the remote.
        project: the repository.
    """

    kind: str
    remote: Remote
    project: Path

    def clone(self, to: Path, settings: dict[str, str] | None = None) -> Path:
        """Clone the repository, with what lets one into the remote, or with other settings."""
        subprocess.run(["git", "clone", "-q", self.project, to], check=True)
        _configure(to, self.remote.settings if settings is None else settings)
        return to

    def place(self, name: str) -> Path:
        """Where the server keeps a file."""
        return self.remote.object(_md5(FILES[name]))

    def listing(self) -> Path:
        """Where the server keeps the listing of the folder."""
        (found,) = self.remote.store.rglob("*.dir")
        return found


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _write_config(project: Path, url: str) -> None:
    """The committed settings: one remote, the default one."""
    (project / ".dvc" / "config").write_text(
        f"[core]\n    remote = team\n['remote \"team\"']\n    url = {url}\n    verify = true\n"
    )


def _configure(project: Path, settings: dict[str, str]) -> None:
    """What `dvc remote modify --local team` would write."""
    lines = [f"    {key} = {value}" for key, value in settings.items()]
    (project / ".dvc" / "config.local").write_text("\n".join(["['remote \"team\"']", *lines, ""]))


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder, capture_output=True, text=True, check=False, timeout=_ANSWERS_WITHIN_S,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(folder, "dvc", *arguments)


def _check(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return _sartext(folder, root / "config/mini.yaml", "--check")


def _sartext(folder: Path, config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(folder, "sartext", "release", "--config", str(config), *arguments)


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a user's mistake."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("sartext: remote team: "), done.stderr
    return done.stderr


def _files(project: Path) -> dict[str, bytes]:
    folder = project / FOLDER
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module", autouse=True)
def _alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No file or setting of the user is read or written."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SSH_AUTH_SOCK", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
        patch.setenv("DVC_SITE_CACHE_DIR", str(home / "dvc"))
        patch.setenv("DVC_NO_ANALYTICS", "1")
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_NAME", who.title())
            patch.setenv(f"GIT_{who}_EMAIL", "nobody@example.org")
        yield


@pytest.fixture(scope="module", params=sorted(_SERVERS))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _alone: None
) -> Iterator[Pushed]:
    folder = tmp_path_factory.mktemp(request.param)
    with _SERVERS[request.param](folder / "server") as remote:
        project = folder / "project"
        project.mkdir()
        subprocess.run(["git", "init", "-q", "-b", "main"], cwd=project, check=True)
        assert _dvc(project, "init", "-q").returncode == 0
        _write_config(project, remote.url)
        for name, content in FILES.items():
            (project / FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
            (project / FOLDER / name).write_bytes(content)
        assert _dvc(project, "add", "-q", str(FOLDER)).returncode == 0
        subprocess.run(["git", "add", "-A"], cwd=project, check=True)
        subprocess.run(["git", "commit", "-q", "-m", "A version"], cwd=project, check=True)
        said = tag_text("mini", Version(1, 0, 0), "0" * 64)
        subprocess.run(["git", "tag", "-m", said, TAG], cwd=project, check=True)
        _configure(project, remote.settings)
        done = _dvc(project, "push")
        assert done.returncode == 0, done.stderr
        yield Pushed(request.param, remote, project)


@pytest.fixture
def pushed(server: Pushed, tmp_path: Path) -> Iterator[Pushed]:
    """The same; what a test does to the server's store is undone after it."""
    shutil.copytree(server.remote.store, tmp_path / "kept")
    yield server
    shutil.rmtree(server.remote.store)
    shutil.copytree(tmp_path / "kept", server.remote.store)


def _damage(path: Path) -> None:
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_what_is_pushed_from_one_clone_is_pulled_in_another(
    pushed: Pushed, root: Path, tmp_path: Path
) -> None:
    stored = {path.name for path in pushed.remote.store.rglob("*") if path.is_file()}
    assert {_md5(content)[2:] for content in FILES.values()} < stored
    clone = pushed.clone(tmp_path / "clone")
    done = _dvc(clone, "pull")
    assert done.returncode == 0, done.stderr
    assert _files(clone) == FILES
    checked = _check(root, clone)
    assert checked.returncode == 0, checked.stderr
    size = sum(map(len, FILES.values()))
    assert checked.stdout == f"{TAG}: remote team: {len(FILES)} files, {size:,} bytes, all whole\n"


@dataclass(frozen=True)
class Made:
    """A repository in which `sartext release` made a version of a small built SAR-TEXT.

    Attributes:
        project: the repository; its default remote, ``team``, has no address yet.
        config: the profile.
        folder: where the version lies, from the repository's root.
        push: the arguments of the push command that was printed.
    """

    project: Path
    config: Path
    folder: Path
    push: list[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, root: Path, _alone: None) -> Made:
    project = tmp_path_factory.mktemp("made") / "project"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root / "tests" / "unit")
        import release_files

        release_files.make_repository(project, "../unused")
        patch.chdir(project)
        _write_config(project, "ssh://host/path")
        release_files.git("commit", "-q", "-a", "-m", "Remote of the team")
        release_files.Build().write()
    config = project / release_files.RESULTS / "config.yaml"
    done = _sartext(project, config, "--version", "1.0.0")
    assert done.returncode == 0, done.stderr
    (command,) = (line for line in done.stdout.splitlines() if line.startswith("  dvc push "))
    return Made(project, config, release_files.FOLDER, command.partition("#")[0].split()[1:])


def test_a_real_release_is_pushed_as_it_says_and_pulled_in_a_fresh_clone(
    pushed: Pushed, made: Made, tmp_path: Path
) -> None:
    settings = {**pushed.remote.settings, "url": pushed.remote.url}
    project, clone = tmp_path / "project", tmp_path / "clone"
    shutil.copytree(made.project, project, symlinks=True)
    _configure(project, settings)
    done = _dvc(project, *made.push)
    assert done.returncode == 0, done.stderr
    subprocess.run(["git", "clone", "-q", project, clone], check=True)
    _configure(clone, settings)
    done = _dvc(clone, "pull")
    assert done.returncode == 0, done.stderr
    got = clone / made.folder
    verify_manifest(got, got / "VERSION.json")
    files = list_files(made.project / made.folder)
    assert list_files(got) == files
    checked = _sartext(clone, made.config, "--check")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith(f"sar-text-tests@v1.0.0: remote team: {len(files)} files, ")
    _damage(pushed.remote.object(_md5((got / DAMAGED).read_bytes())))
    checked = _sartext(clone, made.config, "--check")
    assert f"1 of {len(files)} files of sar-text-tests@v1.0.0 are missing or damaged" in _said(checked)
    assert checked.stdout.startswith(f"{made.folder}/{DAMAGED}: damaged: ")


def _repair(pushed: Pushed, clone: Path) -> None:
    """What the check says: the listing goes too, and the checkout that has the version pushes again."""
    pushed.listing().unlink()
    assert _dvc(pushed.project, "push").returncode == 0
    done = _dvc(clone, "pull")
    assert done.returncode == 0, done.stderr
    assert _files(clone) == FILES


def _whole_in_cache(clone: Path) -> set[str]:
    """The files of the version that a clone's cache has; what it has must be whole."""
    found = set()
    for path in (clone / ".dvc" / "cache" / "files").rglob("*"):
        if path.is_file():
            digest = _md5(path.read_bytes())
            assert path.parent.name + path.name.removesuffix(".dir") == digest
            found |= {name for name, content in FILES.items() if _md5(content) == digest}
    return found


def test_a_damaged_object_is_reported_and_not_used(pushed: Pushed, root: Path, tmp_path: Path) -> None:
    place = pushed.place(DAMAGED)
    _damage(place)
    clone = pushed.clone(tmp_path / "clone")
    done = _dvc(clone, "pull")
    assert done.returncode == 1
    assert str(FOLDER) in done.stderr
    assert "Checkout failed" in done.stderr
    assert "Is your cache up to date?" in done.stderr
    assert _files(clone) == {}, "a version is used whole or not at all"
    assert _whole_in_cache(clone) <= FILES.keys() - {DAMAGED}
    named = _dvc(clone, "data", "status", "--granular", "--json")
    assert f'"not_in_cache": ["{FOLDER}/{DAMAGED}"]' in named.stdout
    checked = _check(root, clone)
    assert f"1 of 4 files of {TAG} are missing or damaged" in _said(checked)
    file, kind, there = checked.stdout.strip().split(": ")
    assert (file, kind) == (f"{FOLDER}/{DAMAGED}", "damaged")
    assert str(place).endswith(there)
    place.unlink()
    _repair(pushed, clone)


def test_a_missing_object_is_named_and_nothing_is_half_there(
    pushed: Pushed, root: Path, tmp_path: Path
) -> None:
    place = pushed.place(DAMAGED)
    place.unlink()
    clone = pushed.clone(tmp_path / "clone")
    done = _dvc(clone, "pull")
    assert done.returncode != 0
    assert f"failed to transfer '{_md5(FILES[DAMAGED])}'" in done.stderr
    assert _files(clone) == {}
    # what was under way when the fault came may be missing too, but nothing is half there
    assert _whole_in_cache(clone) <= FILES.keys() - {DAMAGED}
    again = _dvc(pushed.project, "push")
    assert again.returncode == 0
    assert "Everything is up to date" in again.stdout
    assert not place.exists(), "DVC takes it as pushed: that is why the check reads, and the listing must go"
    checked = _check(root, clone)
    assert "1 of 4 files" in _said(checked)
    assert checked.stdout.startswith(f"{FOLDER}/{DAMAGED}: missing: ")
    _repair(pushed, clone)


def test_a_damaged_listing_is_reported(pushed: Pushed, root: Path, tmp_path: Path) -> None:
    listing = pushed.listing()
    _damage(listing)
    clone = pushed.clone(tmp_path / "clone")
    assert _dvc(clone, "pull").returncode != 0
    assert _files(clone) == {}
    assert "damaged: it lists the files of data/sar-text/mini" in _said(_check(root, clone))
    listing.unlink()
    assert "missing: it lists the files of data/sar-text/mini" in _said(_check(root, clone))


def test_who_may_not_come_in_is_told_so(pushed: Pushed, root: Path, tmp_path: Path) -> None:
    clone = pushed.clone(tmp_path / "clone", pushed.remote.wrong)
    done = _dvc(clone, "pull")
    assert done.returncode != 0
    assert {"ssh": "Permission denied", "webdav": NOWHERE}[pushed.kind] in done.stderr
    assert _files(clone) == {}
    refused = {"ssh": "Permission denied", "webdav": "401"}[pushed.kind]
    assert refused in _said(_check(root, clone))
    # one who has something to push
    (clone / FOLDER).mkdir(parents=True)
    (clone / FOLDER / "new.txt").write_text("new\n")
    assert _dvc(clone, "add", "-q", str(FOLDER)).returncode == 0
    done = _dvc(clone, "push")
    assert done.returncode != 0
    assert refused in done.stderr
    assert not pushed.remote.object(_md5(b"new\n")).exists()


def _at(pushed: Pushed, port: int) -> dict[str, str]:
    """Settings of the same remote at another port, which is to answer within 2 seconds."""
    own = pushed.remote.url.split("127.0.0.1:")[1].split("/")[0]
    url = pushed.remote.url.replace(f":{own}", f":{port}")
    return {**pushed.remote.settings, "url": url, "timeout": "2"}


def test_a_server_that_is_not_there_is_told(pushed: Pushed, root: Path, tmp_path: Path) -> None:
    clone = pushed.clone(tmp_path / "clone", _at(pushed, free_port()))
    done = _dvc(clone, "pull")
    assert done.returncode != 0
    assert {"ssh": "Connect call failed", "webdav": NOWHERE}[pushed.kind] in done.stderr
    assert "[Errno 111]" in _said(_check(root, clone))


def test_a_server_that_says_nothing_is_not_waited_for(pushed: Pushed, root: Path, tmp_path: Path) -> None:
    with silent_server() as port:
        clone = pushed.clone(tmp_path / "clone", _at(pushed, port))
        assert _dvc(clone, "pull").returncode != 0
        said = _said(_check(root, clone))
    assert "no answer in time" in said or "timed out" in said
    assert _files(clone) == {}
