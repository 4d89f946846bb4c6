"""Tables of captions, as SAR-TEXT and SARCLIP are released."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources_files import grey, read, source, written

from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.sources import Reject

LAYOUT = {"annotations": "captions.csv", "images": "images"}


def _read(root: Path, text: str | bytes, **more: Any) -> tuple[dict[str, tuple[str, ...]], list[Reject]]:
    written(root / "captions.csv", text)
    scenes, rejects = read(source(root, "csv", LAYOUT, **more))
    return {scene.scene_id.removeprefix("tiny/images/"): scene.captions for scene in scenes}, rejects


def _images(root: Path, *names: str) -> None:
    for name in names:
        grey(root / "images" / name, 9, 7)


def test_rows_of_an_image_become_one_scene_in_their_order(tmp_path: Path) -> None:
    _images(tmp_path, "a.png", "b.png")
    text = 'filepath,caption\na.png,"There are 3 ships, 1 bridge."\nb.png,A lake .\na.png,Ships at sea.\n'
    said, rejects = _read(tmp_path, text)
    assert said == {"a": ("There are 3 ships, 1 bridge.", "Ships at sea."), "b": ("A lake .",)}
    assert rejects == []


def test_scenes_of_a_table_have_their_size_and_no_annotation(tmp_path: Path) -> None:
    _images(tmp_path, "a.png")
    written(tmp_path / "captions.csv", "filepath,caption\na.png,A lake.\n")
    (scene,), _ = read(source(tmp_path, "csv", LAYOUT))
    assert isinstance(scene, Scene)
    assert (scene.width, scene.height, scene.annotated, scene.boxes) == (9, 7, False, ())


@pytest.mark.parametrize(
    "text",
    [
        "filename\tcaption\na.png\tOne, two .\n",
        '\ufefffilepath,caption\r\na.png,"One, two ."\r\n',
        'caption,filepath\n"One,\ntwo .",a.png\n',
        'id,FilePath,Caption,score\n7,a.png,"One,   two .",0.5\n\n',
        'image,caption\na.png,"One,\r\n\r\n two ."\n',
    ],
    ids=["tabs", "BOM and CRLF", "columns turned", "other columns", "line breaks inside"],
)
def test_forms_of_one_table_read_alike(tmp_path: Path, text: str) -> None:
    _images(tmp_path, "a.png")
    assert _read(tmp_path, text) == ({"a": ("One, two .",)}, [])


def test_paths_of_another_machine_are_known_by_their_last_parts(tmp_path: Path) -> None:
    _images(tmp_path, "sub/a.png", "b.tif", "c.png")
    rows = ["/data/someone/images/sub/a.png,A.", "D:\\data\\b.tif,B.", "./data/retrieval/c.png,C."]
    said, rejects = _read(tmp_path, "filepath,caption\n" + "\n".join(rows) + "\n")
    assert said == {"sub/a": ("A.",), "b": ("B.",), "c": ("C.",)}
    assert rejects == []


def test_no_path_leads_out_of_the_folder(tmp_path: Path) -> None:
    _images(tmp_path, "a.png")
    grey(tmp_path / "secret.png", 4, 4)
    text = f"filepath,caption\n../secret.png,Out.\n{tmp_path}/secret.png,Out.\nimages/../../secret.png,Out.\n"
    said, rejects = _read(tmp_path, text + "a.png,In.\n")
    assert said == {"a": ("In.",)}
    assert [entry.kind for entry in rejects] == ["absent"] * 3


def test_a_faulty_row_is_set_aside_with_its_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    _images(tmp_path, "a.png", "b.png", "c.png", "d.png")
    lines = [
        "filepath,caption",
        "a.png,There are 3 ships, 1 bridge.",  # not quoted
        "a.png,Kept.",
        "b.png,  ",
        ",Of nothing.",
        'c.png,"a "stray" quote"',
        "c.png,Kept too.",
        "d.png",
        "d.png,Last.",
    ]
    said, rejects = _read(tmp_path, "\n".join(lines))
    assert said == {"a": ("Kept.",), "c": ("Kept too.",), "d": ("Last.",)}
    assert [(entry.record, entry.kind) for entry in rejects] == [
        ("line 2", "box"),
        ("line 4", "box"),
        ("line 5", "box"),
        ("line 6", "box"),
        ("line 8", "box"),
        ("line 4", "image"),  # b has no caption left
    ]
    assert "must be quoted" in rejects[0].reason
    assert {entry.file for entry in rejects} == {"captions.csv"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: the columns are"),
        (b"path,text\na.png,A.\n", "line 1: the columns are 'path, text'"),
        (b"filepath,caption\na.png,\xff\xfe\n", "not UTF-8 at byte 23"),
        (b'filepath,caption\na.png,"never closed\nb.png,B.\n', "line 2: a quote is not closed"),
    ],
)
def test_a_table_that_cannot_be_read_stops_with_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UserError) as error:
        _read(tmp_path, content)
    assert said in str(error.value)
    assert str(tmp_path / "captions.csv") in str(error.value)
    assert "\n" not in str(error.value)


@given(content=st.binary(max_size=60) | st.text(alphabet='ab.png,"\n\r\t \x00', max_size=60).map(str.encode))
def test_junk_in_a_table_is_a_reject_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    root = tmp_path_factory.mktemp("csv")
    _images(root, "a.png")
    stopped = ""
    said: dict[str, tuple[str, ...]] = {}
    rejects: list[Reject] = []
    try:
        said, rejects = _read(root, b"filepath,caption\n" + content)
    except UserError as error:
        stopped = str(error)
    assert not stopped or "captions.csv: " in stopped
    assert set(said) <= {"a"}
    assert all(entry.reason for entry in rejects)


def test_splits_of_a_table_are_files(tmp_path: Path) -> None:
    _images(tmp_path, "a.png", "b.png")
    written(tmp_path / "train.csv", "filepath,caption\na.png,A.\n")
    written(tmp_path / "test.csv", "filepath,caption\nb.png,B.\n")
    layout = {"annotations": "{split}.csv", "images": "images"}
    scenes, _ = read(source(tmp_path, "csv", layout, splits={"val": "train", "test": "test"}))
    assert Counter((scene.split, scene.captions) for scene in scenes) == {
        ("val", ("A.",)): 1,
        ("test", ("B.",)): 1,
    }
