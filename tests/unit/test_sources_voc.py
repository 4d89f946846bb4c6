"""VOC xml: a file an image or many entries in one, and xml from people who mean harm."""

from pathlib import Path
from typing import Any

import pytest
from sources_files import boxes, grey, read, source, written

from sartext.core.errors import UserError

LAYOUT = {"annotations": "Annotations/{id}.xml", "images": "JPEGImages/{id}"}


def _object(name: str = "ship", box: str = "2 3 12 8", tag: str = "difficult") -> str:
    corners = "".join(
        f"<{corner}>{value}</{corner}>"
        for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), box.split(), strict=True)
    )
    return f"<object><name>{name}</name><{tag}>0</{tag}><bndbox>{corners}</bndbox></object>"


def _annotation(*objects: str, name: str = "a.png", size: tuple[int, int] | None = (40, 30)) -> str:
    said = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>1</depth></size>" if size else ""
    return f"<annotation><filename>{name}</filename>{said}{''.join(objects)}</annotation>"


def _source(root: Path, xml: Any, **more: Any) -> Any:
    written(root / "Annotations" / "a.xml", xml)
    grey(root / "JPEGImages" / "a.png", 40, 30)
    return source(root, "voc", LAYOUT, **more)


def test_a_file_an_image_found_by_the_files_stem(tmp_path: Path) -> None:
    # the name inside is another's and has no suffix, as in SAR-Ship-Dataset
    xml = _annotation(_object(tag="Difficult"), _object("bridge", "0 0 40 30"), name="ship0001")
    scenes, rejects = read(_source(tmp_path, xml, classes={"ship": "ship", "bridge": "bridge"}))
    assert rejects == []
    assert scenes[0].scene_id == "tiny/JPEGImages/a"
    assert scenes[0].image.endswith("JPEGImages/a.png")
    assert boxes(scenes[0]) == [("ship", 2, 3, 10, 5), ("bridge", 0, 0, 40, 30)]


def test_classes_are_found_in_any_case_and_as_they_are_without_a_list(tmp_path: Path) -> None:
    xml = _annotation(_object("Ship"), _object("  oil tank "))
    scenes, _ = read(_source(tmp_path, xml, classes={"ship": "ship", "Oil Tank": "storage tank"}))
    assert [box.label for box in scenes[0].boxes] == ["ship", "storage tank"]
    scenes, _ = read(_source(tmp_path, xml))
    assert [box.label for box in scenes[0].boxes] == ["Ship", "oil tank"]


def test_many_entries_in_one_file(tmp_path: Path) -> None:
    xml = "<annotations>" + _annotation(_object()) + _annotation(name="gone.jpg") + "</annotations>"
    written(tmp_path / "all.xml", "<?xml version='1.0' encoding='utf-8'?>\n" + xml)
    grey(tmp_path / "JPEGImages" / "a.png", 40, 30)
    scenes, rejects = read(source(tmp_path, "voc", {"annotations": "all.xml", "images": "JPEGImages"}))
    assert [(scene.scene_id, len(scene.boxes)) for scene in scenes] == [("tiny/JPEGImages/a", 1)]
    assert [(entry.kind, entry.record) for entry in rejects] == [("absent", "gone.jpg")]


def test_a_missing_size_comes_from_the_image(tmp_path: Path) -> None:
    scenes, _ = read(_source(tmp_path, _annotation(_object(), size=None)))
    assert (scenes[0].width, scenes[0].height) == (40, 30)


@pytest.mark.parametrize(
    ("faulty", "said"),
    [
        (_object(box="12 3 2 8"), "inverted"),
        (_object(box="2 3 2 8"), "has no area"),
        (_object(box="nan 3 12 8"), "finite"),
        (_object(box="two 3 12 8"), "bndbox.xmin: 'two' is no number"),
        (_object(box="50 3 60 8"), "outside its image"),
        (_object(name=""), "name: missing"),
        ("<object><name>ship</name></object>", "bndbox: missing"),
        (_object(name="whale"), "class 'whale' is unknown; expected one of ship"),
    ],
)
def test_a_faulty_object_is_set_aside(tmp_path: Path, faulty: str, said: str) -> None:
    config = _source(tmp_path, _annotation(faulty, _object()), classes={"ship": "ship"})
    scenes, rejects = read(config)
    assert boxes(scenes[0]) == [("ship", 2, 3, 10, 5)]
    assert [(entry.file, entry.kind) for entry in rejects] == [("Annotations/a.xml", "box")]
    assert said in rejects[0].reason
    assert "object 0" in rejects[0].record


BOMB = (
    '<!DOCTYPE a [<!ENTITY x0 "lol">'
    + "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 10))
    + "]><annotation><filename>&x9;</filename></annotation>"
)
EXTERNAL = (
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    "<annotation><filename>&x;</filename></annotation>"
)


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (BOMB, "entities or references is refused"),
        (EXTERNAL, "entities or references is refused"),
        ("", "not well-formed"),
        ("<annotation><object>", "not well-formed"),
        ("<html></html>", "<html> at the top; expected <annotation>"),
        (
            b"<?xml version='1.0' encoding='utf-8'?><annotation><filename>\xe9</filename></annotation>",
            "not well-formed",
        ),
        (b"<?xml version='1.0' encoding='klingon'?><annotation/>", "XML"),
    ],
)
def test_a_file_that_cannot_be_read_is_set_aside_and_the_next_is_read(
    tmp_path: Path, xml: Any, said: str
) -> None:
    config = _source(tmp_path, _annotation(_object()))
    written(tmp_path / "Annotations" / "b.xml", xml)
    scenes, rejects = read(config)
    assert len(scenes) == 1
    assert [(entry.file, entry.kind) for entry in rejects] == [("Annotations/b.xml", "image")]
    assert said in rejects[0].reason
    assert "\n" not in rejects[0].reason


def test_latin_1_that_says_so_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    config = _source(tmp_path, b"\xef\xbb\xbf" + _annotation(_object()).encode())
    latin = "<?xml version='1.0' encoding='iso-8859-1'?>" + _annotation(name="caf\u00e9.png")
    written(tmp_path / "Annotations" / "b.xml", latin.encode("latin-1"))
    grey(tmp_path / "JPEGImages" / "b.png", 40, 30)
    scenes, rejects = read(config)
    assert (len(scenes), rejects) == (2, [])


def test_one_file_for_all_that_cannot_be_read_stops(tmp_path: Path) -> None:
    config = source(tmp_path, "voc", {"annotations": "all.xml", "images": "JPEGImages"})
    written(tmp_path / "all.xml", "<annotations><annotation>")
    with pytest.raises(UserError, match=r"all\.xml: not well-formed XML"):
        read(config)


def test_no_annotation_file_at_all_stops(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file below .* is like 'Annotations/\{id\}\.xml'"):
        read(source(tmp_path, "voc", LAYOUT))
