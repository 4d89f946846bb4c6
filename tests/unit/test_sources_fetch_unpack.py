"""Archives that are downloaded: whole and safe, or not at all."""

import errno
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sartext.core.errors import UserError
from sartext.core.files import list_files
from sartext.sources.archives import ArchiveLimits
from sartext.sources.fetch import unpack
from sartext.sources.fetch.unpack import NOTES, is_unpacked

DIGEST = "md5:" + "0" * 32
MEMBERS = {"images/a.png": b"a" * 3000, "images/b.png": b"", "labels/deep/er/a.txt": b"0 0.5 0.5 1 1\n"}


def as_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def as_tar(mode: str) -> Callable[[Path, dict[str, bytes]], Path]:
    def write(path: Path, members: dict[str, bytes]) -> Path:
        with tarfile.open(path, f"w:{mode}") as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path

    return write


WRITERS = {
    "zip": as_zip,
    "tar": as_tar(""),
    "tar.gz": as_tar("gz"),
    "tar.xz": as_tar("xz"),
    "tar.bz2": as_tar("bz2"),
}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        file.as_posix(): (folder / file).read_bytes()
        for file in list_files(folder)
        if file.as_posix() != NOTES
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_is_unpacked_and_noted(tmp_path: Path, root: Path, kind: str) -> None:
    # what an archive is, its content tells, not its name
    archive = WRITERS[kind](tmp_path / "download", MEMBERS)
    assert not is_unpacked(archive, root, DIGEST)
    assert unpack(archive, root, DIGEST) == 3
    assert tree(root) == MEMBERS
    archive.unlink()
    assert is_unpacked(archive, root, DIGEST)
    assert not is_unpacked(archive, root, DIGEST.replace("0", "1"))
    # one byte of the same size: content counts, not size
    (root / "images/a.png").write_bytes(b"a" * 2999 + b"b")
    assert not is_unpacked(archive, root, DIGEST)
    (root / "images/a.png").write_bytes(MEMBERS["images/a.png"])
    assert is_unpacked(archive, root, DIGEST)
    (root / "images/a.png").unlink()
    (root / "images/a.png").mkdir()
    assert not is_unpacked(archive, root, DIGEST)


_NAME = st.text(st.sampled_from("abcxyz.é "), min_size=1, max_size=6).filter(
    lambda name: name.strip(". ") == name
)
_PATH = st.lists(_NAME, min_size=1, max_size=4).map("/".join)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    members=st.dictionaries(_PATH, st.binary(max_size=200), min_size=1, max_size=8),
    kind=st.sampled_from(list(WRITERS)),
)
def test_what_is_packed_comes_out(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, bytes], kind: str
) -> None:
    # a name that is another's folder cannot be
    paths = {name for name in members if not any(other.startswith(f"{name}/") for other in members)}
    members = {name: members[name] for name in paths}
    folder = tmp_path_factory.mktemp("any")
    archive = WRITERS[kind](folder / "archive", members)
    assert unpack(archive, folder / "root", DIGEST) == len(members)
    assert tree(folder / "root") == members


def test_two_archives_share_a_folder(tmp_path: Path, root: Path) -> None:
    unpack(as_zip(tmp_path / "one.zip", {"data/images/1.png": b"1"}), root, DIGEST)
    two = as_tar("gz")(tmp_path / "two.tar.gz", {"data/images/2.png": b"2", "data/labels/1.txt": b"3"})
    unpack(two, root, DIGEST)
    assert tree(root) == {"data/images/1.png": b"1", "data/images/2.png": b"2", "data/labels/1.txt": b"3"}
    assert is_unpacked(tmp_path / "one.zip", root, DIGEST)
    assert is_unpacked(two, root, DIGEST)


def test_the_same_files_there_already_stay(tmp_path: Path, root: Path) -> None:
    archive = as_zip(tmp_path / "a.zip", MEMBERS)
    (root / "images").mkdir()
    (root / "images/a.png").write_bytes(MEMBERS["images/a.png"])
    (root / "images/own.png").write_bytes(b"own")
    mine = (root / "images/a.png").stat()
    unpack(archive, root, DIGEST)
    assert tree(root) == {**MEMBERS, "images/own.png": b"own"}
    assert os.path.samestat((root / "images/a.png").stat(), mine)


def everything(folder: Path) -> dict[str, bytes | None]:
    """All below a folder, hidden things too; a folder's content is None."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize("fault", [OSError(errno.EIO, os.strerror(errno.EIO)), KeyboardInterrupt()])
def test_a_merge_that_fails_in_the_middle_is_taken_back(
    tmp_path: Path, root: Path, kind: str, fault: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"a/one": b"1", "a/two": b"2", "b/three": b"3", "c/deep/four": b"4", "five": b"5"}
    archive = WRITERS[kind](tmp_path / "archive", members)
    unpack(as_zip(tmp_path / "first.zip", {"a/own": b"own", "c/own": b"own", "a/two": b"2"}), root, DIGEST)
    before = everything(root)
    rename = Path.rename
    for failing in ("one", "b", "deep", "five"):
        # the disk fails when this one is to be moved into place
        def faulty(path: Path, target: Path, failing: str = failing) -> Path:
            if path.name == failing and ".unpacking-archive" in path.parts:
                raise fault
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", faulty)
        with pytest.raises((UserError, KeyboardInterrupt)):
            unpack(archive, root, DIGEST)
        assert everything(root) == before
    monkeypatch.undo()
    unpack(archive, root, DIGEST)
    assert tree(root) == {**members, "a/own": b"own", "c/own": b"own"}


def test_what_cannot_be_noted_is_not_merged(tmp_path: Path, root: Path) -> None:
    (root / "images").mkdir()
    (root / NOTES).write_text("{")
    with pytest.raises(UserError, match=r"\.fetched\.json: not valid JSON .*delete it"):
        unpack(as_zip(tmp_path / "a.zip", MEMBERS), root, DIGEST)
    assert everything(root) == {"images": None, NOTES: b"{"}


def test_notes_that_a_full_disk_refuses_take_the_merge_back(tmp_path: Path, root: Path) -> None:
    # small files fit, the notes of 400 long names do not: a limit of 8 kB a file
    members = {f"images/{number:0100d}.png": b"x" for number in range(400)}
    archive = as_tar("gz")(tmp_path / "a.tar.gz", members)
    (root / "images").mkdir()
    (root / "images/own.png").write_bytes(b"own")
    before = everything(root)
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from sartext.core.errors import UserError;"
        "from sartext.sources.fetch import unpack\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, resource.RLIM_INFINITY))\n"
        f"try: unpack(Path(sys.argv[1]), Path(sys.argv[2]), {DIGEST!r})\n"
        "except UserError as error: print(error); sys.exit(2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(archive), str(root)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert "the disk is full" in done.stdout
    assert everything(root) == before


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_are_normalised_before_they_are_checked(tmp_path: Path, root: Path, kind: str) -> None:
    members = {"./images//a.png": b"a", "images/./b.png": b"b"}
    unpack(WRITERS[kind](tmp_path / "a", members), root, DIGEST)
    assert tree(root) == {"images/a.png": b"a", "images/b.png": b"b"}
    assert is_unpacked(tmp_path / "a", root, DIGEST)
    for other in ({"x//y": b"1", "x/y": b"2"}, {"./x/y": b"1", "x/./y": b"2"}):
        with pytest.raises(UserError, match="its name is given twice"):
            unpack(WRITERS[kind](tmp_path / "twice", other), root, DIGEST)
    for name in ("./../x", "a//../../x", "//x", "./a/.."):
        with pytest.raises(UserError, match="its name leads out"):
            unpack(WRITERS[kind](tmp_path / "out", {name: b"x"}), root, DIGEST)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "out", "source", "twice"]


def test_a_tar_of_a_folder_itself(tmp_path: Path, root: Path) -> None:
    # `tar -C FOLDER -c .` names every member ./ and gives the folder too
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as opened:
        for name in (".", "./images", "images/"):
            _member(name=name, type=tarfile.DIRTYPE)(opened)
        _member(name="./images/a.png", size=1)(opened)
    assert unpack(archive, root, DIGEST) == 1
    assert tree(root) == {"images/a.png": b"x"}


def _other_content(root: Path) -> None:
    (root / "images").mkdir()
    (root / "images/a.png").write_bytes(b"b" * 3000)


def _file_for_folder(root: Path) -> None:
    (root / "labels").write_bytes(b"")


def _folder_for_file(root: Path) -> None:
    (root / "images/a.png").mkdir(parents=True)


def _link_for_folder(root: Path) -> None:
    (root.parent / "elsewhere").mkdir()
    (root / "images").symlink_to(root.parent / "elsewhere")


def _dangling_link(root: Path) -> None:
    (root / "images").mkdir()
    (root / "images/b.png").symlink_to(root.parent / "nowhere")


@pytest.mark.parametrize(
    "prepare", [_other_content, _file_for_folder, _folder_for_file, _link_for_folder, _dangling_link]
)
def test_what_is_in_the_way_is_not_overwritten(
    tmp_path: Path, root: Path, prepare: Callable[[Path], None]
) -> None:
    prepare(root)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    contents = tree(root)
    archive = as_zip(tmp_path / "a.zip", MEMBERS)
    with pytest.raises(UserError, match=r"is there already and is not what a\.zip holds; move it away"):
        unpack(archive, root, DIGEST)
    archive.unlink()
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
    assert tree(root) == contents


def _member(**fields: object) -> Callable[[tarfile.TarFile], None]:
    def add(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("folder/x")
        for key, value in fields.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(b"x" * info.size) if info.isreg() else None)

    return add


BAD_TARS: dict[str, tuple[Callable[[tarfile.TarFile], None], str]] = {
    "climbs": (_member(name="../evil", size=1), "leads out"),
    "climbs inside": (_member(name="a/../../evil", size=1), "leads out"),
    "absolute": (_member(name="/tmp/sartext-evil", size=1), "leads out"),
    "backslash": (_member(name="..\\evil", size=1), "leads out"),
    "symbolic link": (_member(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "is a link or a device"),
    "link inside": (_member(type=tarfile.SYMTYPE, linkname="a"), "is a link or a device"),
    "hard link": (_member(type=tarfile.LNKTYPE, linkname="good"), "is a link or a device"),
    "device": (_member(type=tarfile.CHRTYPE), "is a link or a device"),
    "fifo": (_member(type=tarfile.FIFOTYPE), "is a link or a device"),
    "twice": (_member(name="./good", size=1), "its name is given twice"),
    "file and folder": (_member(name="good/x", size=1), "cannot be unpacked"),
    "too long": (_member(name="n" * 300, size=1), "a part of its name is over 255 bytes"),
    "not UTF-8": (_member(name="a\udcff", size=1), "is not in UTF-8"),
}


@pytest.mark.parametrize("case", BAD_TARS)
@pytest.mark.parametrize("mode", ["", "gz"])
def test_a_tar_that_is_not_safe_is_refused_as_a_whole(
    tmp_path: Path, root: Path, case: str, mode: str
) -> None:
    add, said = BAD_TARS[case]
    archive = tmp_path / "bad.tar"
    with tarfile.open(archive, f"w:{mode}") as opened:
        _member(name="good", size=4)(opened)
        add(opened)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=said):
        unpack(archive, root, DIGEST)
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/tmp/sartext-evil").exists()


def _zip_link(path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")


BAD_ZIPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "climbs": (lambda path: as_zip(path, {"good": b"x", "../evil": b"x"}), "leads out"),
    "absolute": (lambda path: as_zip(path, {"good": b"x", "/tmp/sartext-evil": b"x"}), "leads out"),
    "link": (_zip_link, "is a link or a device"),
    "empty": (lambda path: as_zip(path, {}), "holds no file"),
    "no archive": (lambda path: path.write_bytes(b"<html>"), "cannot be unpacked as a zip or tar"),
    "nothing": (lambda path: path.write_bytes(b""), "cannot be unpacked as a zip or tar|holds no file"),
}


@pytest.mark.parametrize("case", BAD_ZIPS)
def test_a_zip_that_is_not_safe_is_refused_as_a_whole(tmp_path: Path, root: Path, case: str) -> None:
    write, said = BAD_ZIPS[case]
    write(tmp_path / "bad.zip")
    with pytest.raises(UserError, match=said):
        unpack(tmp_path / "bad.zip", root, DIGEST)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_bombs_are_bounded(tmp_path: Path, root: Path, kind: str) -> None:
    archive = WRITERS[kind](tmp_path / "bomb", {"good": b"x", "zeros": bytes(8 << 20)})
    for limits in (ArchiveLimits(ratio=100), ArchiveLimits(size=4 << 20), ArchiveLimits(members=1)):
        with pytest.raises(UserError, match=r"refused.*(limit|over \d+ to 1)"):
            unpack(archive, root, DIGEST, limits)
        assert list(root.iterdir()) == []
    # an empty mask shrinks as well as zeros do: with the digest known, that is no harm
    assert unpack(archive, root, DIGEST, ArchiveLimits(ratio=20_000)) == 2


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_broken_archive_leaves_nothing(tmp_path: Path, root: Path, kind: str, share: float) -> None:
    content = os.urandom(50_000)
    archive = WRITERS[kind](tmp_path / "broken", {"a": content, "b": content, "c": content})
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match=r"cannot be (unpacked|opened)"):
        unpack(archive, root, DIGEST)
    assert list(root.iterdir()) == []


def test_a_zip_in_a_tar_does_not_make_it_a_zip(tmp_path: Path, root: Path) -> None:
    inner = as_zip(tmp_path / "inner.zip", {"x": b"x"}).read_bytes()
    unpack(as_tar("")(tmp_path / "a.tar", {"inner.zip": inner}), root, DIGEST)
    assert tree(root) == {"inner.zip": inner}


def _count(root: Path) -> int:
    try:
        return sum(1 for path in root.rglob("*.bin"))
    except FileNotFoundError:  # a folder was moved into place meanwhile
        return 0


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize("written", [1, 200, 700])
def test_killed_and_again(tmp_path: Path, root: Path, kind: str, written: int) -> None:
    members = {f"folder{number % 7}/{number}.bin": os.urandom(6000) for number in range(800)}
    archive = WRITERS[kind](root / "a.archive", members)
    code = (
        "import sys; from pathlib import Path; from sartext.sources.fetch import unpack;"
        f"unpack(Path(sys.argv[1]), Path(sys.argv[2]), {DIGEST!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(archive), str(root)])
    deadline = time.monotonic() + 60
    while process.poll() is None and _count(root) < written:
        assert time.monotonic() < deadline
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    unpack(archive, root, DIGEST)
    archive.unlink()
    assert tree(root) == members
    assert sorted(path.name for path in root.iterdir()) == [
        NOTES,
        *(f"folder{number}" for number in range(7)),
    ]
