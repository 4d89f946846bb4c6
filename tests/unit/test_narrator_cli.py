"""`sartext narrate` from the command line: its forms, its examples, and its mistakes in one line."""

import csv
import shlex
from pathlib import Path

import numpy as np
import pytest
from dataset_files import make_image
from PIL import Image

from sartext.cli import main
from sartext.core.files import read_json, write_json

BRANCHES = ["a2c", "sa2c", "pair", "run"]


def fails(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0)


def captions(path: str = "captions.csv") -> list[str]:
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return [row["caption"] for row in csv.DictReader(stream)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One image, 90 pixels a side, with three ships, and a mask of it; no config file anywhere."""
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    Path("masks").mkdir()
    Image.fromarray(make_image("a", 90)).save("images/a.png")
    boxes = [[5, 5, 4, 4], [43, 43, 4, 4], [80, 80, 4, 4]]
    write_json(
        "boxes.json",
        {
            "images": [{"id": 0, "file_name": "a.png", "width": 90, "height": 90}],
            "annotations": [
                {"id": n, "image_id": 0, "category_id": 1, "iscrowd": 0, "bbox": box}
                for n, box in enumerate(boxes)
            ],
            "categories": [{"id": 1, "name": "ship"}],
        },
    )
    mask = np.full((90, 90), 1, np.uint8)
    mask[:, :30] = 2
    mask[:1] = 3
    Image.fromarray(mask).save("masks/a.png")
    Path("classes.yaml").write_text("classes: {water: 1, building: 2, road: 3}")
    return tmp_path


A2C = ["narrate", "a2c", "--format", "coco", "--annotations", "boxes.json", "--images", "images"]
SA2C = ["narrate", "sa2c", "--masks", "masks", "--images", "images", "--classes", "classes.yaml"]
OUT = ["--out", "captions.csv"]


def test_the_authors_rule_is_the_default(folder: Path) -> None:
    main([*A2C, *OUT])
    assert captions() == [
        "There are 3 ships.",
        "There is 1 ship in the center, and 2 ships at the edge of this image.",
    ]


def test_places_are_left_out_or_told_by_nine(folder: Path) -> None:
    main([*A2C, "--places", "none", *OUT])
    assert captions() == ["There are 3 ships."]
    main([*A2C, "--places", "grid", *OUT])
    (_, second) = captions()
    for place in ("upper left", "lower right", "center"):
        assert place in second
    assert read_json("captions.summary.json")["narrator"]["places"] == "grid"


def test_remote_clip_s_rule_gives_five(folder: Path) -> None:
    main([*A2C, "--rule", "b2c", *OUT])
    assert len(captions()) == 5
    assert read_json("captions.summary.json")["narrator"]["rule"] == "b2c"


def test_varied_wording_depends_on_the_seed_alone(folder: Path) -> None:
    said = []
    for seed in [0, 0, *range(1, 12)]:
        main([*A2C, "--wording", "varied", "--seed", str(seed), *OUT])
        said.append(tuple(captions()))
    assert said[0] == said[1]
    assert len(set(said)) > 1


def test_thresholds_of_class_masks(folder: Path) -> None:
    # shares: water 0.66, building 0.33, road 0.011
    main([*SA2C, *OUT])
    assert captions()[0] == "Water dominates this SAR image, and buildings cover a large part."
    main([*SA2C, "--dominant", "0.7", "--large", "0.4", "--minor", "0.01", *OUT])
    assert captions()[0].startswith("Water covers a large part of this SAR image")
    assert "buildings and roads each cover a small part" in captions()[0]


def test_a_file_gives_what_options_do_not(folder: Path) -> None:
    Path("mine.yaml").write_text("dominant_share: 0.7\nlarge_share: 0.4\nsa2c_words: {image: the scene}")
    main([*SA2C, "--narrator", "mine.yaml", *OUT])
    assert captions()[0].startswith("Water covers a large part of the scene")
    main([*SA2C, "--narrator", "mine.yaml", "--dominant", "0.5", *OUT])
    assert captions()[0].startswith("Water dominates the scene")


MASKS = ["--annotations", "masks", "--images", "images", "--classes", "classes.yaml"]


@pytest.mark.parametrize("command", [SA2C, ["narrate", "a2c", "--format", "mask", *MASKS]])
def test_masks_whose_images_have_a_suffix(folder: Path, command: list[str]) -> None:
    Path("images/a.png").rename("images/a_S1Hand.png")
    Path("masks/a.png").rename("masks/a_LabelHand.png")
    main([*command, "--mask-suffix", "_LabelHand", "--image-suffix", "_S1Hand", *OUT])
    assert len(captions()) == 2


def test_the_settings_file_is_not_written_over(folder: Path) -> None:
    settings = Path("captions.summary.json")
    settings.write_text("dominant_share: 0.7\n")
    for command in (A2C, SA2C):
        assert fails(*command, "--narrator", str(settings), *OUT) == 2
    assert settings.read_text() == "dominant_share: 0.7\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*A2C, "--image-suffix", "_x"], "--image-suffix is for --format mask; leave it out with coco"),
        ([*A2C, "--mask-suffix", "_x"], "--mask-suffix is for --format mask; leave it out with coco"),
        ([*A2C, "--rule", "b2c", "--places", "grid"], "--places is for --rule authors"),
        ([*A2C, "--rule", "b2c", "--wording", "varied"], "--wording is for --rule authors"),
        ([*A2C, "--rule", "best"], "'best' is not one of 'authors', 'b2c'"),
        ([*SA2C, "--large", "0.6"], "expected minor_share <= large_share <= dominant_share"),
        ([*SA2C, "--large", "60"], "60.0 is not in the range 0<=x<=1"),
        ([*SA2C, "--narrator", "none.yaml"], "none.yaml: No such file or directory; expected YAML"),
        (["narrate", "sa2c", "--masks", "masks", "--images", "images"], "Missing option '--classes'"),
        (
            ["narrate", "a2c", "--format", "mask", "--annotations", "masks", "--images", "images"],
            "class masks need a class file",
        ),
        (
            ["narrate", "a2c", "--format", "voc", "--annotations", "none", "--images", "images"],
            "none: no such file or folder; expected voc annotations",
        ),
        (
            [*A2C[:-1], "none"],
            "none: no such folder; expected the folder of the images",
        ),
        (
            ["narrate", "pair", "--sar", "images", "--optical", "masks", "--captioner", "none", "--rewriter",
             "openai"],
            "narrator.rewriter: model: missing; rewriter openai needs the name",
        ),
        (
            ["narrate", "ratings", "summary", "--key", "none.csv", "sheet.csv"],
            "none.csv: No such file or directory; expected the key.csv",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_status_two(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert fails(*arguments, *OUT) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("captions.csv").exists()


@pytest.mark.parametrize("branch", [*BRANCHES, "fidelity", "ratings make", "ratings summary"])
def test_help_has_an_example_whose_options_exist(branch: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["narrate", *branch.split(), "--help"])
    said = capsys.readouterr().out
    start = said.index(f"Example: sartext narrate {branch} ")
    words = shlex.split(" ".join(said[start:].split()))
    for word in words:
        if word.startswith("--"):
            assert f"  {word} " in said.replace("\n", " \n")[:start], word


def test_help_of_ratings_tells_the_three_steps(capsys: pytest.CaptureFixture[str]) -> None:
    main(["narrate", "ratings", "--help"])
    said = capsys.readouterr().out
    for part in ("ratings make", "for-raters", "key.csv", "ratings summary"):
        assert part in said
