"""What belongs in a source's folder, and what is said of what lies there."""

import csv
import json
from pathlib import Path

import pytest
from sources_files import grey, source, written

from sartext.core.config import CONFIG_FOLDER, ImagesConfig, SourceConfig
from sartext.core.errors import DatasetNotFoundError, UserError
from sartext.core.files import sha256_file
from sartext.sources.catalogue import read_entry
from sartext.sources.fetch import check_source, expected_tree

IMAGES = ImagesConfig(size=32, max_rejected_share=0.2)
ENTRIES = sorted(path.stem for path in (CONFIG_FOLDER / "sources").glob("*.yaml"))


def checked(config: SourceConfig, images: ImagesConfig = IMAGES) -> list[str]:
    lines: list[str] = []
    check_source(config, images, lines.append)
    return lines


def coco(root: Path, count: int = 10, **more: object) -> SourceConfig:
    """A COCO source of `count` images with two boxes each, a third of them test."""
    for split, numbers in {
        "train": range(count - count // 3),
        "test": range(count - count // 3, count),
    }.items():
        images = [
            {"id": number, "file_name": f"{number}.png", "width": 40, "height": 30} for number in numbers
        ]
        boxes = [
            {"id": 2 * number + k, "image_id": number, "category_id": 1, "bbox": [1 + k, 2, 5, 5]}
            for number in numbers
            for k in range(2)
        ]
        written(
            root / f"annotations/{split}.json",
            {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "ship"}]},
        )
        for number in numbers:
            grey(root / f"images/{number}.png", 40, 30, number)
    return source(
        root,
        "coco",
        {"annotations": "annotations/{split}.json", "images": "images"},
        splits={"train": "train", "test": "test"},
        **more,
    )


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_has_a_tree_of_its_layout(name: str) -> None:
    entry = read_entry(CONFIG_FOLDER / "sources" / f"{name}.yaml")
    lines = expected_tree(entry)
    assert lines[0] == f"{entry.folder.as_posix()}/"
    drawn = "\n".join(lines)
    for split in [*entry.splits.values()] or [""]:
        for key in set(entry.layout) - {"mask_kind", "mask_class", "mask_boxes"}:
            for part in entry.layout[key].replace("{split}", split).split("/"):
                assert part in drawn or part == "."


def test_a_tree_as_people_read_it() -> None:
    lines = expected_tree(
        source(
            Path("data/tiny"),
            "pairs",
            {"sar": "{split}/sar/{id}", "optical": "{split}/opt/{id}.png"},
            splits={"train": "trainval", "test": "test"},
        )
    )
    assert lines == [
        "data/tiny/",
        "├── test/",
        "│   ├── opt/",
        "│   │   └── {id}.png  optical images of test",
        "│   └── sar/",
        "│       └── {id}      SAR images of test (.png, .jpg, .jpeg, .tif, .tiff, .bmp)",
        "└── trainval/",
        "    ├── opt/",
        "    │   └── {id}.png  optical images of trainval",
        "    └── sar/",
        "        └── {id}      SAR images of trainval (.png, .jpg, .jpeg, .tif, .tiff, .bmp)",
        "({id} and the like: any name, the same in all that belongs to one image)",
    ]


def test_what_is_there_is_counted(tmp_path: Path) -> None:
    config = coco(tmp_path, expected_images=10, expected_boxes=20)
    assert checked(config) == [
        "images: 10 (train 7, test 3), as expected",
        "objects: 20, as expected",
        "decoded: 10 of 10 images that were tried",
    ]


@pytest.mark.parametrize(
    ("images", "boxes", "said"),
    [
        (10, 21, "holds 20 objects, expected 21; compare"),
        (9, 20, "holds 10 images, expected 9; compare"),
        (1200, 12013, "holds 10 images, expected 1,200 and 20 objects, expected 12,013; compare"),
    ],
)
def test_another_number_than_the_whole_source_has(tmp_path: Path, images: int, boxes: int, said: str) -> None:
    config = coco(tmp_path, expected_images=images, expected_boxes=boxes)
    lines: list[str] = []
    with pytest.raises(
        UserError, match=rf"{said} .*get the whole: fetch tiny\.zip and unpack it; or set 'partial: true'"
    ):
        check_source(config, IMAGES, lines.append)
    # all is said before it is refused
    assert lines[-1] == "decoded: 10 of 10 images that were tried"
    part = checked(config.model_copy(update={"partial": True}))
    assert (f"objects: 20, of {boxes:,}" in part) == (boxes != 20)
    assert part[0].endswith("as expected" if images == 10 else f", of {images:,}")


def test_no_object_at_all_is_another_number_too(tmp_path: Path) -> None:
    config = coco(tmp_path, expected_boxes=20)
    for split in ("train", "test"):
        path = tmp_path / f"annotations/{split}.json"
        written(path, {**json.loads(path.read_text(encoding="utf-8")), "annotations": []})
    with pytest.raises(UserError, match="holds 0 objects, expected 20"):
        checked(config)


def test_a_folder_that_may_not_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    config = coco(tmp_path)
    link = tmp_path / "images"
    link.rename(tmp_path / "elsewhere")
    link.symlink_to(link)
    with pytest.raises(UserError) as error:
        checked(config)
    assert str(tmp_path) in str(error.value)


def test_a_limit_of_the_profile_does_not_limit_the_check(tmp_path: Path) -> None:
    assert checked(coco(tmp_path, limit=2))[0] == "images: 10 (train 7, test 3)"


def test_no_folder_says_how_to_get_it(tmp_path: Path) -> None:
    config = source(tmp_path / "none", "coco", {"annotations": "a.json", "images": "images"})
    with pytest.raises(DatasetNotFoundError, match=r"no folder .*none; to get it: fetch tiny\.zip"):
        checked(config)


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    config = coco(tmp_path)
    (tmp_path / "annotations/test.json").unlink()
    (tmp_path / "images").rename(tmp_path / "JPEGImages")
    with pytest.raises(
        DatasetNotFoundError,
        match=r"has no images \(images\), annotations/test\.json \(annotations of test\); to get it: fetch",
    ):
        checked(config)


@pytest.mark.parametrize("wrap", ["HRSID_JPG", "a/b"])
def test_a_folder_too_many_is_found(tmp_path: Path, wrap: str) -> None:
    coco(tmp_path / wrap)
    config = coco(tmp_path / "elsewhere" / "c" / "d").model_copy(update={"root": str(tmp_path)})
    with pytest.raises(
        DatasetNotFoundError, match=rf"but \S*/{wrap} has: move what it holds up .*--root\) to"
    ):
        checked(config)


def test_files_that_do_not_match_their_pattern(tmp_path: Path) -> None:
    grey(tmp_path / "images/1.png", 30, 30)
    written(tmp_path / "labels/1.text", "0 0.5 0.5 0.1 0.1")
    config = source(
        tmp_path, "yolo", {"annotations": "labels/{id}.txt", "images": "images/{id}"}, classes={"0": "ship"}
    )
    with pytest.raises(DatasetNotFoundError, match=r"has no labels/\{id\}\.txt \(annotations\)"):
        checked(config)


def test_images_that_are_not_there(tmp_path: Path) -> None:
    config = coco(tmp_path)
    (tmp_path / "images/3.png").unlink()
    lines = checked(config)
    assert lines[0] == "images: 9 (train 6, test 3)"
    assert lines[2].startswith("images that are not there: 1; the first: annotations/train.json image 3")
    for number in (4, 5):
        (tmp_path / f"images/{number}.png").unlink()
    with pytest.raises(UserError, match=r"3 of 10 images are missing or faulty.*'partial: true'"):
        checked(config)
    assert checked(config.model_copy(update={"partial": True}))[0] == "images: 7 (train 4, test 3)"


def test_pointers_in_the_place_of_images(tmp_path: Path) -> None:
    config = coco(tmp_path)
    for number in range(1, 10):
        written(tmp_path / f"images/{number}.png", "version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match=r"9 of 10 images that were tried do not decode.*images/1\.png"):
        checked(config)


def test_a_digest_of_the_entry(tmp_path: Path) -> None:
    config = coco(tmp_path)
    right = sha256_file(tmp_path / "annotations/train.json")
    said = checked(config.model_copy(update={"digests": {"annotations/train.json": right}}))
    assert "digests: 1 of files are as the entry gives them" in said
    with pytest.raises(UserError, match=r"digests\.annotations/train\.json: .* expected 0000"):
        checked(config.model_copy(update={"digests": {"annotations/train.json": "0" * 64}}))


def test_an_annotation_that_is_something_else(tmp_path: Path) -> None:
    config = coco(tmp_path)
    written(tmp_path / "annotations/test.json", "<html>")
    with pytest.raises(UserError, match=r"annotations/test\.json: not valid JSON"):
        checked(config)


def test_captions_and_pairs_are_counted(tmp_path: Path) -> None:
    for number in range(3):
        grey(tmp_path / f"pairs/sar{number}.png", 20, 20, number)
        grey(tmp_path / f"pairs/opt{number}.png", 20, 20, number)
    pairs = source(tmp_path / "pairs", "pairs", {"sar": "sar{id}", "optical": "opt{id}"})
    assert checked(pairs)[:2] == ["images: 3", "optical twins: 3"]
    with (tmp_path / "pairs/captions.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("filepath", "caption"), ("sar0.png", "a ship"), ("sar0.png", "one ship"), ("sar1.png", "sea")]
        )
    captions = source(tmp_path / "pairs", "csv", {"annotations": "captions.csv", "images": "."})
    assert checked(captions)[:2] == ["images: 2", "captions: 3"]


@pytest.mark.parametrize("zipped", [True, False])
def test_opensarship_as_zips_or_folders(tmp_path: Path, zipped: bool) -> None:
    import zipfile

    layout = {
        "archives": "{product}.zip",
        "annotations": "{product}/Ship.xml",
        "images": "{product}/Patch/{type}_x{x}_y{y}.tif",
    }
    config = source(tmp_path / "root", "opensarship", layout, classes={"Cargo": "cargo ship"})
    (tmp_path / "root").mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"has no \{product\}/Patch/"):
        checked(config)
    chip = grey(tmp_path / ("product" if zipped else "root/product") / "Patch/Cargo_x1_y2.tif", 30, 30)
    if zipped:
        with zipfile.ZipFile(tmp_path / "root/product.zip", "w") as archive:
            archive.write(chip, "Patch/Cargo_x1_y2.tif")
    assert checked(config)[:2] == ["images: 1", "objects: 1"]
