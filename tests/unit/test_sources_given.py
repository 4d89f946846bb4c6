"""Annotations and pairs given as plain paths."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sources_files import boxes, colours, grey, written

from sartext.core.config import SourceConfig
from sartext.core.errors import DatasetNotFoundError, UserError
from sartext.sources import match_pairs, read_annotations


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("a.png", "b.jpg"):
        grey(tmp_path / "images" / name, 40, 30)
    return tmp_path / "images"


def _voc(size: tuple[int, int] = (40, 30), label: str = "ship") -> str:
    return (
        f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size><object><name>{label}</name>"
        "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax></bndbox></object></annotation>"
    )


def test_every_box_format_says_the_same_of_the_same_image(tmp_path: Path, images: Path) -> None:
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 4, 4]}],
        "categories": [{"id": 3, "name": "ship"}],
    }
    given = {
        "coco": written(tmp_path / "coco.json", coco),
        "voc": written(tmp_path / "voc" / "a.xml", _voc()).parent,
        "yolo": written(tmp_path / "yolo" / "a.txt", f"0 {3 / 40} {4 / 30} {4 / 40} {4 / 30}").parent,
        "dota": written(tmp_path / "dota" / "a.txt", "1 2 5 2 5 6 1 6 ship 0").parent,
    }
    classes = written(tmp_path / "classes.yaml", "classes: {ship: 0}")
    for name, path in given.items():
        scenes, rejects = read_annotations(name, path, images, classes)  # type: ignore[arg-type]
        assert rejects == []
        assert len(scenes) == 1
        label, *numbers = boxes(scenes[0])[0]
        assert label == "ship"
        assert numbers == pytest.approx([1, 2, 4, 4]), name
        assert Path(scenes[0].image) == images / "a.png"


def test_masks_give_shares_and_a_box_for_each_component_of_each_class(tmp_path: Path, images: Path) -> None:
    mask = np.zeros((30, 40, 3), np.uint8)
    mask[:, :20] = [0, 0, 255]
    mask[10:12, 30:35] = [0, 255, 0]
    colours(tmp_path / "masks" / "a_mask.png", mask)
    colours(tmp_path / "masks" / "a_preview.png", mask)
    classes = written(
        tmp_path / "c.yaml", "classes: {ship: [0, 255, 0], water: [0, 0, 255]}\nbackground: [0, 0, 0]"
    )
    scenes, rejects = read_annotations("mask", tmp_path / "masks", images, classes, "semantic", "_mask")
    assert rejects == []
    assert boxes(scenes[0]) == [("ship", 30, 10, 5, 2), ("water", 0, 0, 20, 30)]
    assert scenes[0].cover == pytest.approx({"ship": 10 / 1200, "water": 0.5})


def test_instance_masks_beside_their_images(tmp_path: Path, images: Path) -> None:
    mask = np.zeros((30, 40, 3), np.uint8)
    mask[3:6, 4:9] = [0, 0, 128]
    colours(images / "a_id.png", mask)
    scenes, rejects = read_annotations("mask", images, images, None, "instance", "_id")
    assert rejects == []
    assert boxes(scenes[0]) == [("ship", 4, 3, 5, 3)]
    classes = written(tmp_path / "c.yaml", "classes: {aircraft: 1}")
    scenes, _ = read_annotations("mask", images, images, classes, "instance", "_id")
    assert scenes[0].boxes[0].label == "aircraft"


def test_images_are_opened_unless_told_not_to(tmp_path: Path, images: Path) -> None:
    for name in "abc":
        written(tmp_path / "voc" / f"{name}.xml", _voc())
    written(tmp_path / "voc" / "d.xml", _voc(size=(30, 40)))
    grey(images / "d.png", 40, 30)
    whole = (images / "b.jpg").read_bytes()
    written(images / "b.jpg", whole[: len(whole) // 2])
    scenes, rejects = read_annotations("voc", tmp_path / "voc", images)
    assert [Path(scene.image).name for scene in scenes] == ["a.png"]
    assert [(entry.file, entry.kind) for entry in rejects] == [
        ("b.xml", "image"),
        ("c.xml", "absent"),
        ("d.xml", "image"),
    ]
    scenes, rejects = read_annotations("voc", tmp_path / "voc", images, check_images=False)
    assert (len(scenes), rejects) == (4, [])


def test_an_image_named_only_inside_its_xml_is_found(tmp_path: Path, images: Path) -> None:
    xml = _voc().replace("<size>", "<filename>a.png</filename><size>", 1)
    written(tmp_path / "voc" / "annotation_17.xml", xml)
    scenes, _ = read_annotations("voc", tmp_path / "voc", images)
    assert Path(scenes[0].image).name == "a.png"


def test_class_names_can_be_ours(tmp_path: Path, images: Path) -> None:
    written(tmp_path / "voc" / "a.xml", _voc(label="oil tank"))
    classes = written(tmp_path / "c.yaml", "classes: {storage tank: oil tank}")
    scenes, _ = read_annotations("voc", tmp_path / "voc", images, classes)
    assert scenes[0].boxes[0].label == "storage tank"


def test_several_classes_of_the_annotation_can_be_one_of_ours(tmp_path: Path, images: Path) -> None:
    two = _voc(label="A220").replace(
        "</object>", "</object>" + _voc(label="A330").split("</size>")[1][:-13], 1
    )
    written(tmp_path / "voc" / "a.xml", two)
    named = written(tmp_path / "named.yaml", "classes: {aircraft: [A220, A330], ship: ship}")
    scenes, rejects = read_annotations("voc", tmp_path / "voc", images, named)
    assert ([box.label for box in scenes[0].boxes], rejects) == (["aircraft", "aircraft"], [])
    lines = "\n".join(f"{index} 0.5 0.5 0.1 0.1" for index in (0, 2, 1))
    written(tmp_path / "yolo" / "a.txt", lines)
    indexed = written(tmp_path / "indexed.yaml", "classes: {vehicle: [0, 1], ship: 2}")
    scenes, rejects = read_annotations("yolo", tmp_path / "yolo", images, indexed)
    assert ([box.label for box in scenes[0].boxes], rejects) == (["vehicle", "ship", "vehicle"], [])


def test_names_that_are_numbers_can_be_mapped_without_quotes(tmp_path: Path, images: Path) -> None:
    written(tmp_path / "voc" / "a.xml", _voc(label="7"))
    classes = written(tmp_path / "c.yaml", "classes: {truck: 7}")
    scenes, rejects = read_annotations("voc", tmp_path / "voc", images, classes)
    assert ([box.label for box in scenes[0].boxes], rejects) == (["truck"], [])


def test_images_whose_names_have_an_end_of_their_own(tmp_path: Path) -> None:
    for name in ("a", "below/b"):
        grey(tmp_path / "S1" / f"{name}_S1.png", 40, 30)
    for name in ("a", "below/b", "c"):
        colours(tmp_path / "masks" / f"{name}_Label.png", np.zeros((30, 40), np.uint8))
    classes = written(tmp_path / "c.yaml", "classes: {land: 0}")
    given = (tmp_path / "masks", tmp_path / "S1", classes, "semantic", "_Label")
    scenes, rejects = read_annotations("mask", *given, image_suffix="_S1")  # type: ignore[arg-type]
    assert [scene.scene_id for scene in scenes] == ["given/a_S1", "given/below/b_S1"]
    (lost,) = rejects
    assert (lost.file, lost.kind) == ("c_Label.png", "absent")
    assert (
        f"has no image: 'c_S1' (.png, .jpg, .jpeg, .tif, .tiff, .bmp) is not in {tmp_path / 'S1'}"
        in lost.reason
    )
    _, rejects = read_annotations("mask", *given)  # type: ignore[arg-type]
    assert ["--image-suffix" in entry.reason for entry in rejects] == [True] * 3


def test_the_entry_of_the_documents_is_a_source_in_ten_lines(root: Path) -> None:
    text = (root / "docs" / "sources.md").read_text(encoding="utf-8")
    block = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    assert len(block.strip().splitlines()) == 10
    assert SourceConfig.model_validate(yaml.safe_load(block)).name == "my-ships"


@pytest.mark.parametrize(
    ("format", "annotations", "classes", "said"),
    [
        (
            "voc",
            "voc",
            "classes: {ship: [0, 255, 0]}",
            "classes.ship: expected voc's name, or a list of names",
        ),
        ("voc", "voc", "classes: {ship: [ship, 1]}", "classes.ship: expected voc's name, or a list of names"),
        ("voc", "voc", "classes: {ship: []}", "classes.ship: expected voc's name"),
        ("voc", "voc", "classes: {ship: [a, b], boat: b}", "classes.boat: 'b' is classes.ship already"),
        (
            "yolo",
            "voc",
            "classes: {ship: [0, boat]}",
            "classes.ship: expected yolo's index from 0, or a list",
        ),
        ("yolo", "voc", "classes: {ship: [0, 1], boat: 1}", "classes.boat: '1' is classes.ship already"),
        ("coco", "gone.json", None, "no such file or folder; expected coco annotations"),
        ("coco", "voc", None, "is a folder; expected a COCO json file"),
        ("yolo", "voc", None, "give a class file"),
        ("yolo", "voc", "classes: {ship: 0}", "holds no *.txt"),
        ("yolo", "voc/a.xml", "classes: {ship: 0}", "is a file; expected the folder"),
        ("mask", "voc", None, "class masks need a class file"),
        ("mask", "voc", "classes: {ship: 1, water: [0, 0, 1]}", "mixed"),
        ("voc", "voc", "ship", "classes: missing or no mapping"),
        ("voc", "voc", "classes: {ship: 1}\nclass: 3", "class: unknown key"),
        ("voc", "voc", "classes: [", "not readable YAML"),
        ("voc", "voc", "classes: !!python/object/apply:os.getcwd []", "not readable YAML"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, images: Path, format: Any, annotations: str, classes: str | None, said: str
) -> None:
    written(tmp_path / "voc" / "a.xml", _voc())
    file = written(tmp_path / "c.yaml", classes) if classes else None
    with pytest.raises(UserError) as error:
        read_annotations(format, tmp_path / annotations, images, file)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="images"):
        read_annotations("voc", tmp_path, tmp_path / "images")
    with pytest.raises(DatasetNotFoundError, match="optical"):
        match_pairs(tmp_path, tmp_path / "optical")


@pytest.mark.parametrize(
    ("sar", "optical", "match"),
    [
        ("sar{}.png", "opt{}.png", "sar{id}.png:opt{id}.png"),
        ("sar{}.png", "opt{}.png", None),
        ("{}.png", "{}.jpg", None),
        ("R1_s1_{}.png", "R1_s2_{}.png", None),
        ("x-{}-vv.png", "y-{}-rgb.png", "x-{id}-vv:y-{id}-rgb"),
    ],
)
def test_pairs_are_matched_by_their_names(tmp_path: Path, sar: str, optical: str, match: str | None) -> None:
    for number in (1, 2, 12):
        grey(tmp_path / "s" / sar.format(number), 6, 4)
        if number != 2:
            grey(tmp_path / "o" / optical.format(number), 6, 4)
    scenes, rejects = match_pairs(tmp_path / "s", tmp_path / "o", match)
    assert [(Path(scene.image).name, Path(scene.twin or "").name) for scene in scenes] == [
        (sar.format(number), optical.format(number)) for number in (1, 12)
    ]
    assert [(entry.file, entry.kind) for entry in rejects] == [(sar.format(2), "absent")]


def test_one_folder_of_both_and_a_broken_twin(tmp_path: Path) -> None:
    for number in (1, 2):
        grey(tmp_path / f"sar{number}.png", 6, 4)
        grey(tmp_path / f"opt{number}.png", 6, 4)
    written(tmp_path / "opt2.png", b"junk")
    scenes, rejects = match_pairs(tmp_path, tmp_path)
    assert [Path(scene.twin or "").name for scene in scenes] == ["opt1.png"]
    assert [entry.file for entry in rejects] == ["opt2.png"]


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ("sar{id}.png", "expected two patterns"),
        ("sar.png:opt.png", "expected {id} in both"),
        ("../{id}:{id}", "expected a path below"),
        ("x{id}:y{id}", "no image pairs with another"),
    ],
)
def test_a_mistaken_match_is_said(tmp_path: Path, match: str, said: str) -> None:
    grey(tmp_path / "sar1.png", 6, 4)
    with pytest.raises(UserError) as error:
        match_pairs(tmp_path, tmp_path, match)
    assert said in str(error.value)
