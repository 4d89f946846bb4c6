"""Zip archives from outside: only what is safe is unpacked, or nothing is."""

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sartext.sources.archives import ArchiveLimits, open_archive
from sartext.sources.rejects import SetAsideError


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _with_member(path: Path, info: zipfile.ZipInfo, content: bytes = b"x") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, content)


def _link(path: Path) -> None:
    info = zipfile.ZipInfo("folder/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    _with_member(path, info, b"/etc/passwd")


def _named(name: str) -> Callable[[Path], None]:
    return lambda path: _with_member(path, zipfile.ZipInfo(name))


def _twice(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", b"2")


def _pair(one: str, other: str) -> Callable[[Path], object]:
    return lambda path: zipped(path, {one: b"1", other: b"2"})


def _encrypted(path: Path) -> None:
    zipped(path, {"secret": b"x"})
    content = bytearray(path.read_bytes())
    # the general purpose flag of the local header and of the directory's entry (PKWARE APPNOTE 4.3)
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def _bomb(path: Path) -> None:
    zipped(path, {"zeros": bytes(4 << 20)})


def _many(path: Path) -> None:
    zipped(path, {f"{number}": b"" for number in range(12)})


def _large(path: Path) -> None:
    zipped(path, {f"{number}": bytes(range(256)) * 40 for number in range(10)})


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (_named("../outside"), "'../outside': its name leads out"),
        (_named("a/../../outside"), "its name leads out"),
        (_named("/etc/cron.d/x"), "its name leads out"),
        (_named("..\\outside"), "its name leads out"),
        (_named("C:/outside"), "its name leads out"),
        (_link, "'folder/link': is a link"),
        (_named(f"Patch/Cargo_x{'3' * 300}_y4.tif"), "a part of its name is over 255 bytes"),
        (_named("\N{SNOWMAN}" * 86), "a part of its name is over 255 bytes"),
        (_twice, "'a': its name is given twice"),
        (_pair("a/b", "a//b"), "'a//b': its name is given twice"),
        (_pair("./a/b", "a/b"), "'a/b': its name is given twice"),
        (_pair("a/./b", "a/b/"), "'a/b/': its name is given twice"),
        (_named("./../outside"), "its name leads out"),
        (_named("//etc/cron.d/x"), "its name leads out"),
        (_named("./C:/outside"), "its name leads out"),
        (_named("."), "'.': its name is no file's"),
        (_encrypted, "'secret': is encrypted"),
        (_bomb, "unpacks to 4194304 bytes"),
        (_many, "12 members, over the limit of 11"),
        (_large, "over 100000 bytes uncompressed"),
        (lambda path: path.write_bytes(b"no zip at all"), "cannot be opened as a zip"),
        (lambda path: path.write_bytes(b""), "cannot be opened as a zip"),
    ],
)
def test_a_harmful_or_broken_archive_is_refused_before_anything_is_unpacked(
    tmp_path: Path, write: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "a.zip"
    write(path)
    limit = 8 << 20 if write is _bomb else 100_000
    with pytest.raises(SetAsideError) as error, open_archive(path, ArchiveLimits(members=11, size=limit)):
        pytest.fail("the archive was opened")
    assert said in error.value.reason
    assert list(tmp_path.iterdir()) == [path]


def test_wanted_members_alone_are_unpacked_where_the_caller_says(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"top/one.tif": b"1", "top/deep/two.tif": b"22", "top/other.xml": b"3"})
    with open_archive(path) as archive:
        assert archive.names == ("top/one.tif", "top/deep/two.tif", "top/other.xml")
        archive.unpack({"top/one.tif": "one.tif", "top/deep/two.tif": "deep/two.tif"}, tmp_path / "out")
        assert archive.read("top/other.xml") == b"3"
    found = {file.relative_to(tmp_path / "out").as_posix(): file.read_bytes() for file in _files(tmp_path)}
    assert found == {"one.tif": b"1", "deep/two.tif": b"22"}


def test_names_are_read_as_a_file_system_reads_them(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "a.zip", {"./": b"", "./top//one.tif": b"1", "top/": b"", ".//top/./": b"", "b": b"2"}
    )
    with open_archive(path) as archive:
        assert archive.names == ("top/one.tif", "b")
        assert archive.size == 2
        assert archive.read("top/one.tif") == b"1"
        archive.unpack({name: name for name in archive.names}, tmp_path / "out")
    assert (tmp_path / "out/top/one.tif").read_bytes() == b"1"


def _files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_member_with_another_checksum_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("good", b"kept apart")
        archive.writestr("bad", b"some content")
    path.write_bytes(path.read_bytes().replace(b"some content", b"same content"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "earlier").write_text("earlier", encoding="utf-8")
    with open_archive(path) as archive:
        with pytest.raises(SetAsideError, match=r"'bad' cannot be unpacked .*CRC"):
            archive.unpack({"good": "good", "bad": "bad"}, tmp_path / "out")
        with pytest.raises(SetAsideError, match="CRC"):
            archive.read("bad")
    assert [file.name for file in _files(tmp_path)] == ["earlier"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.zip", "out"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a", "a/b"), r"'a/b' cannot be unpacked \((Not a directory|File exists)\)"),
        (("a/b", "a"), r"'a' cannot be unpacked \(Is a directory\)"),
        (("/".join(["d" * 200] * 30),), r"cannot be unpacked \(File name too long\)"),
    ],
)
def test_names_that_cannot_be_files_are_the_archives_fault(
    tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    path = zipped(tmp_path / "a.zip", dict.fromkeys(names, b"x"))
    with open_archive(path) as archive, pytest.raises(SetAsideError, match=said):
        archive.unpack({name: name for name in names}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


def test_a_member_never_unpacks_to_more_than_it_says(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"zeros": bytes(900_000)})
    content = bytearray(path.read_bytes())
    size = (900_000).to_bytes(4, "little")
    small = (1_000).to_bytes(4, "little")
    assert content.count(size) == 2
    path.write_bytes(bytes(content).replace(size, small))
    with open_archive(path) as archive, pytest.raises(SetAsideError, match="'zeros' cannot be unpacked"):
        archive.unpack({"zeros": "zeros"}, tmp_path / "out")
    assert not (tmp_path / "out").exists()
