"""The narrator in a run and on anyone's folders, by the command line."""

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml
from dataset_files import make_config, make_image
from PIL import Image

from sartext.cli import main
from sartext.core.config import save_config
from sartext.core.errors import UserError
from sartext.core.files import read_json, write_json
from sartext.core.records import Box, Scene
from sartext.core.tables import read_captions, write_records
from sartext.narrator import narrate_source

SHIP = Box("ship", 40, 40, 10, 10)


def fails(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run's folder with one ingested source of three scenes, one of them annotated as empty."""
    monkeypatch.chdir(tmp_path)
    scenes = [
        Scene("alpha/1", "alpha", "train", "sar", "1.png", 100, 100, boxes=(SHIP, SHIP)),
        Scene("alpha/2", "alpha", "train", "sar", "2.png", 100, 100),
        Scene("alpha/3", "alpha", "test", "sar", "3.png", 100, 100, boxes=(SHIP,)),
    ]
    write_records("results/tests/scenes/alpha/scenes.parquet", scenes, Scene)
    save_config(make_config(alpha={"format": "coco", "branches": ["a2c"]}), Path("profile.yaml"))
    return tmp_path


def test_a_source_is_narrated_by_the_workflow_s_form(run: Path) -> None:
    out = Path("results/tests/captions/alpha.a2c.parquet")
    main(["narrate", "run", "--config", "profile.yaml", "alpha", "a2c", "--out", str(out)])
    said = [(caption.scene_id, caption.branch, caption.caption) for caption in read_captions(out)]
    assert said == [
        ("alpha/1", "a2c", "There are 2 ships."),
        ("alpha/1", "a2c", "There are 2 ships in the center."),
        ("alpha/3", "a2c", "There is 1 ship."),
        ("alpha/3", "a2c", "There is 1 ship in the center."),
    ]
    assert read_json(out.with_suffix(".json")) == {
        "source": "alpha", "branch": "a2c", "images": 3, "captioned": 2, "nothing_to_say": 1, "captions": 4,
    }  # fmt: skip


def test_two_runs_write_equal_bytes(run: Path) -> None:
    config = make_config(alpha={"format": "coco", "branches": ["a2c"]})
    for name in ("one", "two"):
        narrate_source(config, "alpha", "a2c", Path(f"{name}.parquet"))
    assert Path("one.parquet").read_bytes() == Path("two.parquet").read_bytes()


def test_the_profile_s_rule_wording_and_seed_are_used(run: Path) -> None:
    config = make_config(alpha={"format": "coco", "branches": ["a2c"]})

    def said(seed: int = 1, **narrator: str) -> list[str]:
        own = config.model_copy(
            update={"seed": seed, "narrator": config.narrator.model_copy(update=narrator)}
        )
        narrate_source(own, "alpha", "a2c", Path("x.parquet"))
        return [caption.caption for caption in read_captions("x.parquet")]

    assert said(places="grid")[1] == "There are 2 ships in the center."
    assert said(places="none") == ["There are 2 ships.", "There is 1 ship."]
    assert len(said(rule="b2c")) == 10
    assert said(wording="varied") == said(wording="varied")
    assert len({tuple(said(seed, wording="varied")) for seed in range(5)}) > 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("alpha", "sa2c"), "'sa2c' is not among a2c"),
        (("gamma", "a2c"), "no source 'gamma'"),
        (("alpha", "pair"), "--captioner: missing"),
        (("alpha", "a2c", "--captioner", "x"), "--captioner is for the pair branch"),
    ],
)
def test_mistakes_are_said_in_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert fails("narrate", "run", "--config", "profile.yaml", *arguments, "--out", "x.parquet") == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("x.parquet").exists()


def test_a_source_with_nothing_to_say_stops_the_run(run: Path) -> None:
    config = make_config(alpha={"format": "mask", "classes": {"water": 1}, "branches": ["sa2c"]})
    with pytest.raises(UserError, match=r"nothing to say of its 3 images.*class masks"):
        narrate_source(config, "alpha", "sa2c", Path("x.parquet"))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three SAR images, COCO boxes of two of them and of one that is not there, and a mask of one."""
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    for name in ("a", "b", "c"):
        Image.fromarray(make_image(name, 40)).save(f"images/{name}.png")
    box = {"category_id": 1, "iscrowd": 0, "area": 16}
    write_json(
        "boxes.json",
        {
            "images": [
                {"id": i, "file_name": f"{name}.png", "width": 40, "height": 40}
                for i, name in enumerate("abz")
            ],
            "annotations": [
                {"id": 1, "image_id": 0, "bbox": [18, 18, 4, 4], **box},
                {"id": 2, "image_id": 0, "bbox": [0, 0, 4, 4], **box},
                {"id": 3, "image_id": 1, "bbox": [36, 0, 4, 4], **box},
                {"id": 4, "image_id": 1, "bbox": [90, 90, 4, 4], **box},
                {"id": 5, "image_id": 2, "bbox": [0, 0, 4, 4], **box},
            ],
            "categories": [{"id": 1, "name": "Ship"}],
        },
    )
    Path("masks").mkdir()
    mask = np.zeros((40, 40, 3), np.uint8)
    mask[:30] = (0, 0, 255)
    mask[30:] = (255, 0, 0)
    Image.fromarray(mask).save("masks/c_label.png")
    Path("classes.yaml").write_text(
        yaml.safe_dump({"classes": {"water": [0, 0, 255], "building": [255, 0, 0]}})
    )
    return tmp_path


def test_boxes_of_anyone_s_folder(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(
        [
            *("narrate", "a2c", "--format", "coco", "--annotations", "boxes.json"),
            *("--images", "images", "--out", "out/captions.csv"),
        ]
    )
    found = rows(Path("out/captions.csv"))
    assert [tuple(row) for row in found[:1]] == [("filepath", "caption", "branch")]
    assert [(row["filepath"], row["caption"], row["branch"]) for row in found] == [
        ("images/a.png", "There are 2 ships.", "a2c"),
        ("images/a.png", "There is 1 ship in the center, and 1 ship at the edge of this image.", "a2c"),
    ], "b.png lost a box that lies outside it, so its count is not known"
    rejects = rows(Path("out/captions.rejects.csv"))
    assert any("z.png" in " ".join(row.values()) for row in rejects)
    assert any("annotation 4" in row["record"] for row in rejects)
    assert "2 records set aside" in capsys.readouterr().err


def test_images_need_not_be_there_if_told_so(folders: Path) -> None:
    arguments = ["narrate", "a2c", "--format", "coco", "--annotations", "boxes.json", "--images", "images"]
    main([*arguments, "--no-check-images", "--out", "captions.csv"])
    assert {row["filepath"] for row in rows(Path("captions.csv"))} == {
        "images/a.png",
        "images/z.png",
    }, "b.png lost a box"


def test_class_masks_of_anyone_s_folder(folders: Path) -> None:
    shared = ["--images", "images", "--classes", "classes.yaml", "--mask-suffix", "_label"]
    main(["narrate", "sa2c", "--masks", "masks", *shared, "--out", "captions.csv"])
    assert rows(Path("captions.csv")) == [
        {
            "filepath": "images/c.png",
            "caption": "Water dominates this SAR image, and buildings cover a large part.",
            "branch": "sa2c",
        },
        {
            "filepath": "images/c.png",
            "caption": "This SAR image shows mostly water, followed by buildings.",
            "branch": "sa2c",
        },
    ]
    main(["narrate", "a2c", "--format", "mask", "--annotations", "masks", *shared, "--out", "boxes.csv"])
    assert rows(Path("boxes.csv"))[0]["caption"] == "There is 1 building, 1 water."


def test_no_object_at_all_is_the_user_s_mistake(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(
        "none.json",
        {
            "images": [{"id": 0, "file_name": "z.png", "width": 40, "height": 40}],
            "annotations": [],
            "categories": [{"id": 1, "name": "ship"}],
        },
    )
    arguments = [
        "--format",
        "coco",
        "--annotations",
        "none.json",
        "--images",
        "images",
        "--out",
        "captions.csv",
    ]
    assert fails("narrate", "a2c", *arguments) == 2
    assert "nothing to caption in 0 images; 1 records were set aside" in capsys.readouterr().err
    assert not Path("captions.csv").exists()


@pytest.mark.parametrize("branch", ["a2c", "sa2c", "pair", "run"])
def test_help_has_an_example(branch: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["narrate", branch, "--help"])
    assert f"Example: sartext narrate {branch} " in capsys.readouterr().out
