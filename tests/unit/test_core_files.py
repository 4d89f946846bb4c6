"""Atomic writes, manifests, tables, seeds and code digests."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sartext.core import files, provenance
from sartext.core.errors import UserError
from sartext.core.records import Box, Caption, Question, Scene, Turn
from sartext.core.seeds import derive_seed, generator
from sartext.core.tables import read_captions, read_questions, read_scenes, write_records


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match=r"[Oo]ut of range"):
        files.write_json(path, {"a": float("nan")})

    def killed_half_way() -> None:
        with files.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        killed_half_way()
    assert files.read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.json"]


@pytest.mark.parametrize("kind", ["atomic_path", "atomic_folder"])
def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "table.one.json"
    script = (
        f"import os, signal; from sartext.core.files import {kind} as write\n"
        f"with write({str(target)!r}) as temporary:\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -9
    assert len(list(tmp_path.iterdir())) == 1, "it left a half file"
    write = getattr(files, kind)
    with write(target) as outer:
        with write(target) as inner:  # one at work is left alone
            assert outer.exists()
            assert inner.exists()
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_put_aside_by_a_killed_process_comes_back(tmp_path: Path) -> None:
    target = tmp_path / "table"
    script = (
        "import os, signal, pathlib; from sartext.core.files import atomic_folder\n"
        f"path = pathlib.Path({str(target)!r})\n"
        "with atomic_folder(path) as folder: (folder / 'a').write_text('old')\n"
        "path.replace(path.with_name(f'.table.{os.getpid()}-old'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert not target.exists()
    with pytest.raises(ValueError, match="no"), files.atomic_folder(target):
        raise ValueError("no")
    assert (target / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with files.atomic_folder(target) as temporary:
        (temporary / "a").write_text("1")

    def killed_half_way() -> None:
        with files.atomic_folder(target) as temporary:
            (temporary / "b").write_text("2")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        killed_half_way()
    assert files.list_files(target) == [Path("a")]
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "line 1 column 2"),
        (b"\xff{}", "not UTF-8 at byte 0"),
        (b"[" * 100_000, "nested too deeply"),
        (b"", "line 1"),
    ],
)
def test_broken_json_is_told_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        files.read_json(path)


def test_json_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert files.read_json(tmp_path / "x.json") == [1]


_numbers = st.integers(-(10**25), 10**25) | st.floats(allow_nan=True, allow_infinity=True)
_documents = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(_documents, st.booleans(), st.sampled_from([None, 1]))
def test_json_is_read_as_the_json_module_reads_it(
    tmp_path_factory: pytest.TempPathFactory, value: object, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    path = tmp_path_factory.mktemp("json") / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    if "surrogates not allowed" in _fault(text):
        with pytest.raises(UserError, match="not UTF-8"):
            files.read_json(path)
    else:
        assert repr(files.read_json(path)) == repr(json.loads(text))


def _fault(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.reason
    return ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18446744073709551616", 1 << 64),
        ("[-9223372036854775809, 1]", [-(1 << 63) - 1, 1]),
        ("20180910153012345678901", 20180910153012345678901),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('"\\ud800"', "\ud800"),
        ("[Infinity, -Infinity, 1e400]", [float("inf"), float("-inf"), float("inf")]),
        ("0.1234567890123456789", 0.1234567890123456789),
    ],
)
def test_json_beyond_64_bits_and_beyond_the_standard(tmp_path: Path, text: str, value: object) -> None:
    (tmp_path / "x.json").write_text(text)
    found = files.read_json(tmp_path / "x.json")
    assert found == value
    assert type(found) is type(value)


def test_a_manifest_names_the_file_that_was_changed_removed_or_added(tmp_path: Path) -> None:
    folder = tmp_path / "v0"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.png").write_bytes(b"a")
    (folder / "refs.json").write_text("{}")
    manifest = folder / "manifest.json"
    digest = files.write_manifest(folder, manifest)
    assert files.verify_manifest(folder, manifest) == digest
    (folder / "refs.json").write_text("{ }")
    with pytest.raises(UserError, match=r"refs\.json: changed since it was frozen"):
        files.verify_manifest(folder, manifest)
    (folder / "refs.json").write_text("{}")
    (folder / "more.txt").write_text("")
    with pytest.raises(UserError, match=r"more\.txt: not listed"):
        files.verify_manifest(folder, manifest)
    (folder / "more.txt").unlink()
    (folder / "images" / "a.png").unlink()
    with pytest.raises(UserError, match=r"a\.png: missing"):
        files.verify_manifest(folder, manifest)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "a\x00b"])
def test_a_path_from_outside_may_not_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="leads outside"):
        files.inside(tmp_path, name)
    assert files.inside(tmp_path, "a/b.png") == tmp_path / "a" / "b.png"


def test_a_link_may_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="leads outside"):
        files.inside(tmp_path / "in", "link/secret")


def test_a_link_that_stays_inside_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "b").symlink_to("a")
    (tmp_path / "out").symlink_to(tmp_path / "in")
    for folder in ("in", "out"):
        for name in ("b/x.png", "a/x.png", "b/../a", "none/x.png", "./a//x.png", "a"):
            assert files.inside(tmp_path / folder, name) == tmp_path / folder / name
    for name in ("none/../../x", "b/../../x", "a/../.."):
        with pytest.raises(UserError, match="leads outside"):
            files.inside(tmp_path / "in", name)


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_real = st.floats(0, 1e6, allow_nan=False)


_boxes = st.builds(Box, _text, _real, _real, _real, _real)
_turns = st.builds(Turn, _text, _text, st.none() | _text)
_scenes = st.builds(
    Scene,
    scene_id=_text,
    source=_text,
    split=st.sampled_from(["train", "val", "test"]),
    modality=st.sampled_from(["sar", "optical"]),
    image=_text,
    width=st.integers(1, 9999),
    height=st.integers(1, 9999),
    resolution_m=st.none() | _real,
    polarisation=st.none() | _text,
    boxes=st.lists(_boxes, max_size=3).map(tuple),
    cover=st.dictionaries(_text, _real, max_size=3),
    twin=st.none() | _text,
    captions=st.lists(_text, max_size=3).map(tuple),
    dialogue=st.lists(_turns, max_size=2).map(tuple),
    annotated=st.booleans(),
)


@given(st.lists(_scenes, max_size=4))
def test_scenes_come_back_from_parquet_as_they_went(
    tmp_path_factory: pytest.TempPathFactory, scenes: list[Scene]
) -> None:
    path = tmp_path_factory.mktemp("t") / "scenes.parquet"
    write_records(path, scenes, Scene)
    assert read_scenes(path) == scenes


def test_captions_and_questions_come_back_and_a_wrong_table_is_refused(tmp_path: Path) -> None:
    captions = [Caption("a/1", "a2c", "There is 1 ship.")]
    questions = [Question("q1", "a/1", "count", "How many ships?", "1")]
    write_records(tmp_path / "c.parquet", captions, Caption)
    write_records(tmp_path / "q.parquet", questions, Question)
    assert read_captions(tmp_path / "c.parquet") == captions
    assert read_questions(tmp_path / "q.parquet") == questions
    with pytest.raises(UserError, match=r"c\.parquet: expected the columns"):
        read_questions(tmp_path / "c.parquet")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(UserError, match=r"x\.parquet: not a readable Parquet file"):
        read_scenes(tmp_path / "x.parquet")
    with pytest.raises(UserError, match="no such file"):
        read_scenes(tmp_path / "none.parquet")


def test_seeds_depend_on_every_name_and_on_where_names_end() -> None:
    assert derive_seed(0, "a", "bc") != derive_seed(0, "ab", "c")
    assert derive_seed("x", 1) == derive_seed("x", "1")
    # SHA-256 of "0\x1fworld", first 8 bytes little-endian, halved: the same on every platform
    assert (
        derive_seed(0, "world")
        == int.from_bytes(bytes.fromhex(files.sha256_bytes(b"0\x1fworld"))[:8], "little") // 2
    )
    assert np.array_equal(generator(0, "w").integers(0, 100, 5), generator(0, "w").integers(0, 100, 5))


def test_a_code_digest_follows_imports_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "sartext"
    for name, text in {
        "__init__.py": "", "low/__init__.py": "from sartext.low.a import x\n", "low/a.py": "x = 1\n",
        "high/__init__.py": "", "high/b.py": "def f():\n    from sartext.low import x\n    return x\n",
        "high/c.py": "y = 2\n", "high/page.html": "<p>",
    }.items():  # fmt: skip
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    monkeypatch.setattr(provenance, "PACKAGE_ROOT", package)

    def digests() -> tuple[str, str]:
        provenance._imports.cache_clear()
        return provenance.code_digest("sartext.high.b"), provenance.code_digest("sartext.high.c")

    b, c = digests()
    (package / "low" / "a.py").write_text("x = 3\n")
    assert digests()[0] != b, "b imports low.a inside a function"
    assert digests()[1] == c, "c imports nothing"
    (package / "high" / "page.html").write_text("<b>")
    assert digests()[1] != c, "a template counts with its package"
    with pytest.raises(ValueError, match="no such module"):
        provenance.code_digest("sartext.none")
