"""The narrator on any folders: what is written, what is set aside, and what is told where it cannot go on."""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from dataset_files import make_image
from numpy.typing import NDArray
from PIL import Image

from sartext.core.errors import UserError
from sartext.core.files import read_json, write_json
from sartext.core.records import Scene
from sartext.narrator import folders
from sartext.narrator.folders import (
    narrate_boxes,
    narrate_folders,
    narrate_masks,
    narrator_config,
    require_out,
)
from sartext.sources.decode import Pixels


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def captions(path: str = "captions.csv") -> list[tuple[str, str]]:
    return [(row["filepath"], row["caption"]) for row in rows(Path(path))]


def coco(name: str, files: list[str], label: str = "ship", side: int = 40) -> Path:
    """A COCO file with one box in the middle of each image."""
    middle = side / 2 - 2
    write_json(
        name,
        {
            "images": [
                {"id": n, "file_name": file, "width": side, "height": side} for n, file in enumerate(files)
            ],
            "annotations": [
                {"id": n, "image_id": n, "category_id": 1, "iscrowd": 0, "bbox": [middle, middle, 4, 4]}
                for n in range(len(files))
            ],
            "categories": [{"id": 1, "name": label}],
        },
    )
    return Path(name)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three SAR images of 40 pixels a side."""
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    for name in "abc":
        Image.fromarray(make_image(name, 40)).save(f"images/{name}.png")
    return Path("images")


def test_the_summary_counts_what_was_done(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(make_image("small", 30)).save("images/small.png")
    Path("images/cut.png").write_bytes(Path("images/a.png").read_bytes()[:300])
    boxes = coco("boxes.json", ["a.png", "b.png", "gone.png", "cut.png", "small.png"])
    narrate_boxes("coco", boxes, images, Path("captions.csv"))
    assert captions() == [
        ("images/a.png", "There is 1 ship."),
        ("images/a.png", "There is 1 ship in the center."),
        ("images/b.png", "There is 1 ship."),
        ("images/b.png", "There is 1 ship in the center."),
    ]
    summary = read_json("captions.summary.json")
    assert {key: summary[key] for key in ("branch", "images", "captioned", "captions", "notes", "seed")} == {
        "branch": "a2c", "images": 2, "captioned": 2, "captions": 4, "notes": 0, "seed": 0,
    }  # fmt: skip
    assert summary["set_aside"] == {"image": 2, "absent": 1, "box": 0}
    assert summary["images_a_second"] == pytest.approx(2 / summary["seconds"], rel=0.1)
    assert summary["narrator"]["rule"] == "authors"
    reasons = {row["file"]: row["reason"] for row in rows(Path("captions.rejects.csv"))}
    assert "cannot be decoded" in reasons["images/cut.png"]
    assert "is 30x30 pixels, but its annotation says 40x40" in reasons["images/small.png"]
    said = capsys.readouterr().err
    assert "2 of 2 images captioned, 4 captions, in " in said
    assert "3 records set aside (2 image, 1 absent), see captions.rejects.csv" in said


def test_order_is_the_annotation_s_however_many_threads_check(images: Path) -> None:
    names = [f"{n:04}.png" for n in range(600)]
    small = Path("images/a.png").read_bytes()
    for n, name in enumerate(names):
        (images / name).write_bytes(b"broken" if n % 7 == 3 else small)
    narrate_boxes("coco", coco("boxes.json", names[::-1]), images, Path("captions.csv"))
    kept = [f"images/{name}" for n, name in enumerate(names) if n % 7 != 3][::-1]
    assert [path for path, _ in captions()][::2] == kept
    lost = [row["file"] for row in rows(Path("captions.rejects.csv"))]
    assert lost == [f"images/{name}" for n, name in enumerate(names) if n % 7 == 3][::-1]


def test_images_of_one_stem_and_two_suffixes_are_two_images_of_coco(images: Path) -> None:
    Image.fromarray(make_image("a", 40)).save("images/a.bmp")
    narrate_boxes("coco", coco("boxes.json", ["a.png", "a.bmp"]), images, Path("captions.csv"))
    assert {path for path, _ in captions()} == {"images/a.png", "images/a.bmp"}


def test_an_annotation_of_two_images_s_stem_is_told(images: Path) -> None:
    Image.fromarray(make_image("a", 40)).save("images/a.bmp")
    Path("labels").mkdir()
    Path("labels/a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    Path("classes.yaml").write_text("classes: {ship: 0}")
    narrate_boxes("yolo", Path("labels"), images, Path("captions.csv"), Path("classes.yaml"))
    assert {path for path, _ in captions()} == {"images/a.png"}
    (note,) = rows(Path("captions.rejects.csv"))
    assert (note["file"], note["kind"]) == ("images/a.png", "note")
    assert "a.bmp has the same stem" in note["reason"]


def test_two_masks_of_one_image_are_told(images: Path) -> None:
    Path("masks").mkdir()
    for suffix in ("png", "bmp"):
        Image.fromarray(np.full((40, 40), 1, np.uint8)).save(f"masks/a.{suffix}")
    Path("classes.yaml").write_text("classes: {water: 1}")
    narrate_masks(Path("masks"), images, Path("classes.yaml"), Path("captions.csv"))
    assert len(captions()) == 2
    (lost,) = rows(Path("captions.rejects.csv"))
    assert (lost["file"], lost["kind"]) == ("a.png", "image")
    assert "describes a.png again" in lost["reason"]


def test_a_name_that_is_not_unicode_is_set_aside(images: Path) -> None:
    os.rename(b"images/b.png", b"images/b\xff.png")
    Path("masks").mkdir()
    for name in (b"masks/a.png", b"masks/b\xff.png"):
        Image.fromarray(np.full((40, 40), 1, np.uint8)).save(os.fsdecode(name))
    Path("classes.yaml").write_text("classes: {water: 1}")
    narrate_masks(Path("masks"), images, Path("classes.yaml"), Path("captions.csv"))
    assert {path for path, _ in captions()} == {"images/a.png"}
    (lost,) = rows(Path("captions.rejects.csv"))
    assert lost["reason"].startswith("its name is not UTF-8")


def test_a_class_without_a_word_is_set_aside_with_its_image(images: Path) -> None:
    with pytest.raises(UserError, match="nothing to caption in 2 images; 2 records were set aside"):
        narrate_boxes("coco", coco("boxes.json", ["a.png", "b.png"], "##"), images, Path("captions.csv"))
    assert not Path("captions.csv").exists()
    assert [row["file"] for row in rows(Path("captions.rejects.csv"))] == ["images/a.png", "images/b.png"]


def test_numbered_classes_are_to_be_mapped(images: Path) -> None:
    boxes = coco("boxes.json", ["a.png"], "7")
    with pytest.raises(UserError, match=r"class name '7'; expected a word: map it by --classes") as fault:
        narrate_boxes("coco", boxes, images, Path("captions.csv"))
    assert "\n" not in str(fault.value)
    Path("classes.yaml").write_text("classes: {vehicle: '7'}")
    narrate_boxes("coco", boxes, images, Path("captions.csv"), Path("classes.yaml"))
    assert captions()[0] == ("images/a.png", "There is 1 vehicle.")


@pytest.mark.parametrize("key", ["iscrowd", "ignore"])
def test_an_image_with_a_crowd_has_no_caption(images: Path, key: str) -> None:
    boxes = coco("boxes.json", ["a.png", "b.png"])
    content = read_json(boxes)
    content["annotations"][0][key] = 1
    write_json(boxes, content)
    narrate_boxes("coco", boxes, images, Path("captions.csv"))
    assert {path for path, _ in captions()} == {"images/b.png"}
    assert [row["kind"] for row in rows(Path("captions.rejects.csv"))] == ["box"]


def test_a_clean_run_takes_away_the_rejects_of_the_one_before(images: Path) -> None:
    narrate_boxes("coco", coco("boxes.json", ["a.png", "gone.png"]), images, Path("captions.csv"))
    assert Path("captions.rejects.csv").exists()
    narrate_boxes("coco", coco("boxes.json", ["a.png"]), images, Path("captions.csv"))
    assert not Path("captions.rejects.csv").exists()


def test_folders_of_the_csv_are_made(images: Path) -> None:
    narrate_boxes("coco", coco("boxes.json", ["a.png"]), images, Path("new/deep/captions.csv"))
    assert len(captions("new/deep/captions.csv")) == 2
    assert read_json("new/deep/captions.summary.json")["captions"] == 2


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("images", "is a folder; expected a file to write, such as images/captions.csv"),
        ("boxes.json", "would overwrite an input"),
        ("./images/../boxes.json", "would overwrite an input"),
        ("boxes.json/captions.csv", "is a file; expected a folder to write in"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_any_work(images: Path, out: str, message: str) -> None:
    boxes = coco("boxes.json", ["a.png"])
    before = boxes.read_bytes()
    with pytest.raises(UserError, match=message):
        narrate_boxes("coco", boxes, images, Path(out))
    assert boxes.read_bytes() == before


@pytest.mark.parametrize("suffix", [".summary.json", ".rejects.csv"])
@pytest.mark.parametrize("given", ["annotations", "classes", "settings"])
def test_a_file_beside_the_csv_is_no_input_either(images: Path, suffix: str, given: str) -> None:
    files = {
        "annotations": coco("boxes.json", ["a.png"]),
        "classes": Path("c.yaml"),
        "settings": Path("n.yaml"),
    }
    files["classes"].write_text("classes: {ship: ship}")
    files["settings"].write_text("places: none")
    own = files[given] = files[given].rename(f"mine{suffix}")
    before = own.read_bytes()
    with pytest.raises(UserError, match=f"mine{suffix} is written too and would overwrite an input"):
        narrate_boxes(
            "coco",
            files["annotations"],
            images,
            Path("mine.csv"),
            files["classes"],
            settings=files["settings"],
        )
    assert own.read_bytes() == before
    assert not Path("mine.csv").exists()


def test_masks_guard_their_inputs_too(images: Path) -> None:
    Path("masks").mkdir()
    Image.fromarray(np.full((40, 40), 1, np.uint8)).save("masks/a.png")
    classes = Path("mine.summary.json")
    classes.write_text("classes: {water: 1}")
    before = {path: path.read_bytes() for path in (classes, Path("masks/a.png"), Path("images/a.png"))}
    for out in ("mine.csv", "masks/a.png", "images/a.png"):
        with pytest.raises(UserError, match="would overwrite an input"):
            narrate_masks(Path("masks"), images, classes, Path(out))
    assert {path: path.read_bytes() for path in before} == before
    narrate_masks(Path("masks"), images, classes, Path("masks/a.csv"))
    assert len(captions("masks/a.csv")) == 2


def test_a_label_file_in_the_folder_is_not_written_over(images: Path) -> None:
    Path("labels").mkdir()
    Path("labels/a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    Path("classes.yaml").write_text("classes: {ship: 0}")
    with pytest.raises(UserError, match="would overwrite an input"):
        narrate_boxes("yolo", Path("labels"), images, Path("labels/a.txt"), Path("classes.yaml"))
    assert Path("labels/a.txt").read_text().startswith("0 ")


def test_images_and_masks_that_each_have_a_suffix(images: Path) -> None:
    Path("masks").mkdir()
    for name in "ab":
        Path(f"images/{name}.png").rename(f"images/{name}_S1Hand.png")
        Image.fromarray(np.full((40, 40), 1, np.uint8)).save(f"masks/{name}_LabelHand.png")
    Path("masks/b_LabelHand.png").rename("masks/x_LabelHand.png")
    classes = Path("classes.yaml")
    classes.write_text("classes: {water: 1}")
    suffixes = {"mask_suffix": "_LabelHand", "image_suffix": "_S1Hand"}
    narrate_masks(Path("masks"), images, classes, Path("captions.csv"), **suffixes)
    assert {path for path, _ in captions()} == {"images/a_S1Hand.png"}
    (lost,) = rows(Path("captions.rejects.csv"))
    assert lost["kind"] == "absent"
    assert "x_S1Hand" in lost["reason"], "what was looked for"


def test_a_folder_that_takes_no_files_is_told() -> None:
    # nobody, not even root, makes a file there
    with pytest.raises(UserError, match="/proc may not be written to"):
        require_out(Path("/proc/captions.csv"))


def test_a_folder_without_images_is_told(images: Path) -> None:
    Path("empty").mkdir()
    with pytest.raises(UserError, match=r"--images empty: holds no image \(\.png"):
        narrate_boxes("coco", coco("boxes.json", ["a.png"]), Path("empty"), Path("captions.csv"))
    narrate_boxes(
        "coco", coco("boxes.json", ["a.png"]), Path("empty"), Path("captions.csv"), check_images=False
    )
    assert captions()[0] == ("empty/a.png", "There is 1 ship.")


def test_a_run_stopped_while_it_writes_leaves_the_csv_before_it(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = coco("boxes.json", ["a.png", "b.png", "c.png"])
    narrate_boxes("coco", boxes, images, Path("captions.csv"))
    before = {path.name: path.read_bytes() for path in Path().glob("captions*")}

    def stopped(scene: Scene, *_: object) -> list[str]:
        if scene.image.endswith("b.png"):
            raise KeyboardInterrupt
        return ["half"]

    monkeypatch.setattr("sartext.narrator.folders.a2c", stopped)
    with pytest.raises(KeyboardInterrupt):
        narrate_boxes("coco", boxes, images, Path("captions.csv"))
    assert {path.name: path.read_bytes() for path in Path().glob("*captions*")} == before


class Captioner:
    """Says how bright each image is; stops for good, as if killed, after a number of batches."""

    kind = "coca"
    image_size = 16

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.batches = 1000

    def caption(self, batch: NDArray[np.uint8], *_: int) -> list[str]:
        if self.batches == 0:
            raise KeyboardInterrupt
        self.batches -= 1
        said = [int(image.mean()) for image in batch]
        self.asked += said
        return [f"{'green ' if value % 2 else ''}trees number {value}" for value in said]


@pytest.fixture
def captioner(monkeypatch: pytest.MonkeyPatch) -> Captioner:
    model = Captioner()
    monkeypatch.setattr("sartext.narrator.pair.load", lambda *_: model)
    return model


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """80 pairs, the optical image of number n of grey n; the twins of 7 and the SAR image of 9 are broken."""
    monkeypatch.chdir(tmp_path)
    for folder in ("sar", "opt"):
        Path(folder).mkdir()
        for n in range(80):
            value = np.full((20, 20), n, np.uint8)
            Image.fromarray(value).save(f"{folder}/{n:02}.png")
    Path("opt/07.png").write_bytes(b"broken")
    Path("sar/09.png").write_bytes(Path("sar/09.png").read_bytes()[:40])
    return tmp_path


def narrate_pairs() -> None:
    narrate_folders(Path("sar"), Path("opt"), "any", Path("captions.csv"))


SOUND = [n for n in range(80) if n not in (7, 9)]


def test_pairs_are_captioned_and_broken_ones_set_aside(pairs: Path, captioner: Captioner) -> None:
    narrate_pairs()
    assert captions() == [(f"sar/{n:02}.png", f"trees number {n}") for n in SOUND]
    optical = rows(Path("captions.optical.csv"))
    assert [row["filepath"] for row in optical] == [f"sar/{n:02}.png" for n in SOUND]
    assert optical[1]["optical_caption"] == "green trees number 1"
    lost = {Path(row["file"]).name for row in rows(Path("captions.rejects.csv"))}
    assert lost == {"07.png", "09.png"}
    summary = read_json("captions.summary.json")
    assert (summary["images"], summary["captioned"], summary["set_aside"]["image"]) == (78, 78, 2)
    assert summary["rewriter"]["rewritten"] == {"rules": 78}
    assert not Path("captions.partial").exists()


def test_killed_pairs_go_on_where_they_were(
    pairs: Path, captioner: Captioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioner.batches = 1
    with pytest.raises(KeyboardInterrupt):
        narrate_pairs()
    assert not Path("captions.csv").exists()
    before = list(captioner.asked)
    assert 0 < len(before) < 78
    opened: list[str] = []
    decode = folders.decode_image

    def counting(path: Path, *more: Any) -> Pixels:
        opened.append(path.name)
        return decode(path, *more)

    monkeypatch.setattr(folders, "decode_image", counting)
    captioner.batches = 1000
    narrate_pairs()
    assert captioner.asked == SOUND, "none is captioned twice"
    assert not set(opened) & {f"{n:02}.png" for n in before}, "nor opened twice"
    assert captions() == [(f"sar/{n:02}.png", f"trees number {n}") for n in SOUND]


@pytest.mark.parametrize("suffix", [".optical.csv", ".partial", ".summary.json"])
def test_what_pairs_write_beside_is_not_their_prompt(pairs: Path, captioner: Captioner, suffix: str) -> None:
    prompt = Path(f"mine{suffix}")
    prompt.write_text("kept")
    config = narrator_config(None, None, {"prompt": str(prompt)})
    with pytest.raises(UserError, match=f"mine{suffix} is written too and would overwrite an input"):
        narrate_folders(Path("sar"), Path("opt"), "any", Path("mine.csv"), config=config)
    assert prompt.read_text() == "kept"
    assert captioner.asked == []


def test_a_twin_that_changed_since_is_captioned_again(pairs: Path, captioner: Captioner) -> None:
    captioner.batches = 1
    with pytest.raises(KeyboardInterrupt):
        narrate_pairs()
    Image.fromarray(np.full((20, 20), 200, np.uint8)).save("opt/00.png")
    captioner.batches = 1000
    narrate_pairs()
    assert captions()[0] == ("sar/00.png", "trees number 200")


def test_settings_come_from_defaults_then_the_file_then_options(tmp_path: Path) -> None:
    file = tmp_path / "narrator.yaml"
    file.write_text(yaml.safe_dump({"large_share": 0.3, "minor_share": 0.1, "rewriter": {"retries": 1}}))
    config = narrator_config(file, {"minor_share": 0.05, "large_share": None}, {"concurrency": 9})
    assert (config.dominant_share, config.large_share, config.minor_share) == (0.5, 0.3, 0.05)
    assert (config.rewriter.name, config.rewriter.retries, config.rewriter.concurrency) == ("rules", 1, 9)
    file.write_text(yaml.safe_dump({"profile": "mine", "narrator": {"rule": "b2c"}}))
    assert narrator_config(file).rule == "b2c", "a whole profile: its narrator section"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wordin: varied", "narrator.wordin: unknown key"),
        ("rewriter: {name: openai}", "narrator.rewriter: model: missing; rewriter openai needs the name"),
        ("rewriter: rules", "narrator.rewriter: "),
        ("large_share: 2", r"narrator.large_share: .*\(given: 2\)"),
        ("large_share: 0.9", "expected minor_share <= large_share <= dominant_share"),
        ("- a", "expected YAML of a profile's 'narrator' section"),
        ("a: [", "not readable YAML"),
    ],
)
def test_faulty_settings_are_told_by_key(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "narrator.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=message) as fault:
        narrator_config(file)
    assert str(fault.value).startswith(f"{file}: ")


def test_a_terminals_commands_in_a_name_are_not_sent_to_it(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = coco("boxes.json", ["a.png", "\x1b[2Jgone.png"])
    narrate_boxes("coco", boxes, images, Path("captions.csv"))
    said = capsys.readouterr().err
    assert "\\x1b[2Jgone.png" in said
    assert "\x1b" not in said
