"""Exports of SAR-TEXT, each read back by the tool it is for."""

import csv
import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_files import contents, make_config, make_image
from exports_files import MIXED, build, make_source, profile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import read_json
from sartext.core.records import Caption, Question, Scene
from sartext.core.tables import read_scenes
from sartext.dataset.exports import key_of, write_exports, write_shards
from sartext.dataset.exports.built import write_built_exports
from sartext.dataset.exports.tables import CSV_FILES
from sartext.sources import decode_image, read_source

Texts = dict[str, list[Caption]]
Asked = dict[str, list[Question]]


def make_scene(number: int, split: str, name: str | None = None, **more: Any) -> Scene:
    path = f"data/s/images/{name or number}.png"
    return Scene(f"s/{number}", "s", split, "sar", path, 40 + number, 30, **more)  # type: ignore[arg-type]


@pytest.fixture
def made() -> tuple[list[Scene], Texts, Asked]:
    """Nine scenes, three a split; the first of a split has no questions; texts with commas and quotes."""
    scenes, captions, questions = [], {}, {}
    for number in range(9):
        split = ("train", "val", "test")[number % 3]
        known = {"resolution_m": 1.5, "polarisation": "VV"} if number > 2 else {}
        scene = make_scene(number, split, 'a, "b"' if number == 3 else None, **known)
        scenes.append(scene)
        captions[scene.scene_id] = [
            Caption(scene.scene_id, "a2c", f'There are {number} ships, "large" ones, at the edge.'),
            Caption(scene.scene_id, "given", f"Zürich; no {number}\\n."),
        ]
        if number > 2:
            questions[scene.scene_id] = [
                Question(f"s/{number}#1", scene.scene_id, "count", "How many ships, if any?", str(number)),
                Question(f"s/{number}#2", scene.scene_id, "presence", 'Is there a "ship"?', "yes"),
            ]
    return scenes, captions, questions


def read_csv(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["filepath", "caption"]
    return [(filepath, caption) for filepath, caption in rows]


def test_a_csv_a_split(tmp_path: Path, made: tuple[list[Scene], Texts, Asked]) -> None:
    write_exports(tmp_path / "exports", *made, {})
    scenes, captions, _ = made
    for split, file in (("train", "sartext.csv"), ("val", "sartext_val.csv"), ("test", "sartext_test.csv")):
        assert read_csv(tmp_path / "exports" / file) == [
            (scene.image, said.caption)
            for scene in scenes
            if scene.split == split
            for said in captions[scene.scene_id]
        ]


LINES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(st.lists(st.tuples(LINES, LINES), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_whatever_a_csv_holds_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    import pandas as pd

    folder = tmp_path_factory.mktemp("csv") / "exports"
    scenes = [make_scene(number, "train") for number in range(len(rows))]
    captions = {
        scene.scene_id: [Caption(scene.scene_id, "given", said)]
        for scene, (_, said) in zip(scenes, rows, strict=True)
    }
    named = [replace(scene, image=file) for scene, (file, _) in zip(scenes, rows, strict=True)]
    write_exports(folder, named, captions, {}, {})
    assert read_csv(folder / "sartext.csv") == rows
    # as open_clip reads it, but for words such as NA
    frame = pd.read_csv(folder / "sartext.csv", sep=",", keep_default_na=False, dtype=str)
    assert list(frame.itertuples(index=False, name=None)) == rows


def test_open_clips_loader_reads_the_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: tuple[list[Scene], Texts, Asked]
) -> None:
    import torch
    from open_clip.tokenizer import SimpleTokenizer
    from open_clip_train.data import get_csv_dataset

    monkeypatch.chdir(tmp_path)
    scenes, captions, _ = made
    for scene in scenes:
        Path(scene.image).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(make_image(scene.image, 24)).save(scene.image)
    write_exports(Path("exports"), *made, {})
    args = Namespace(
        train_data="exports/sartext.csv",
        val_data="exports/sartext_val.csv",
        csv_img_key="filepath",
        csv_caption_key="caption",
        csv_separator=",",
        distributed=False,
        workers=0,
        batch_size=3,
    )
    tokenizer = SimpleTokenizer()
    for is_train, split in ((True, "train"), (False, "val")):
        data = get_csv_dataset(
            args, lambda image: torch.from_numpy(np.array(image)), is_train, tokenizer=tokenizer
        )
        found = {
            (image.numpy().tobytes(), tuple(tokens.tolist()))
            for images, texts in data.dataloader
            for image, tokens in zip(images, texts, strict=True)
        }
        assert found == {
            (make_image(scene.image, 24).tobytes(), tuple(tokenizer([said.caption])[0].tolist()))
            for scene in scenes
            if scene.split == split
            for said in captions[scene.scene_id]
        }
        assert data.dataloader.num_samples == 6


def test_the_coco_tools_read_the_captions(
    tmp_path: Path, made: tuple[list[Scene], Texts, Asked], capsys: pytest.CaptureFixture[str]
) -> None:
    from pycocoevalcap.eval import COCOEvalCap
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
    from pycocotools.coco import COCO

    write_exports(tmp_path / "exports", *made, {})
    scenes, captions, _ = made
    names = {scene.image: scene for scene in scenes}
    seen = []
    for split in ("train", "val", "test"):
        coco = COCO(str(tmp_path / "exports" / f"captions_{split}.json"))
        coco.info()
        for image in coco.loadImgs(coco.getImgIds()):
            scene = names[image["file_name"]]
            assert (scene.split, scene.scene_id) == (split, image["scene_id"])
            assert (image["width"], image["height"]) == (scene.width, scene.height)
            said = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
            assert [(one["caption"], one["branch"]) for one in said] == [
                (one.caption, one.branch) for one in captions[scene.scene_id]
            ]
            seen.append(image["id"])
    assert sorted(seen) == list(range(1, 10))

    coco = COCO(str(tmp_path / "exports" / "captions_test.json"))
    results = [{"image_id": number, "caption": coco.imgToAnns[number][0]["caption"]} for number in coco.imgs]
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    scored = COCOEvalCap(coco, coco.loadRes(str(tmp_path / "results.json")))
    # its own reading of both, before any score: words in lower case, without punctuation
    truth = PTBTokenizer().tokenize(
        {number: scored.coco.imgToAnns[number] for number in scored.params["image_id"]}
    )
    given = PTBTokenizer().tokenize({number: scored.cocoRes.imgToAnns[number] for number in truth})
    assert all(given[number] == truth[number][:1] for number in truth)
    assert truth[3][0].startswith("there are 2 ships")


def test_the_dialogues_reader_reads_the_dialogues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: tuple[list[Scene], Texts, Asked]
) -> None:
    monkeypatch.chdir(tmp_path)
    scenes, _, questions = made
    for scene in scenes:
        Path(scene.image).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(make_image(scene.image, 24)).save(scene.image)
    write_exports(Path("data/s/exports"), *made, {})
    for split in ("train", "val", "test"):
        layout = {"annotations": f"exports/dialogues_{split}.json", "images": "images"}
        config = make_config(talk={"format": "dialogues", "root": "data/s", "layout": layout})
        read, rejects = read_source(config.source("talk"), 0, 0.0, 0.0)
        assert [reject for reject in rejects if reject.kind != "absent"] == []
        assert {scene.image: [(turn.question, turn.answer) for turn in scene.dialogue] for scene in read} == {
            scene.image: [(one.question, one.answer) for one in questions[scene.scene_id]]
            for scene in scenes
            if scene.split == split and scene.scene_id in questions
        }
        records = json.loads(Path("data/s", layout["annotations"]).read_text(encoding="utf-8"))
        assert all(list(record) == ["id", "image", "conversations"] for record in records)


@pytest.fixture
def load_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    return lambda folder: datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "hf" / "cache"))


def expected_row(
    scene: Scene, captions: Sequence[Caption], questions: Sequence[Question], shard: str | None
) -> dict[str, Any]:
    return {
        "scene_id": scene.scene_id,
        "source": "s",
        "split": scene.split,
        "filepath": scene.image,
        "width": scene.width,
        "height": 30,
        "resolution_m": scene.resolution_m,
        "polarisation": scene.polarisation,
        "captions": [said.caption for said in captions],
        "branches": ["a2c", "given"],
        "questions": [
            {"question_id": one.question_id, "type": one.type, "question": one.question, "answer": one.answer}
            for one in questions
        ],
        "shard": shard,
        "key": key_of(scene.scene_id),
    }


def test_datasets_opens_the_parquet(
    tmp_path: Path, made: tuple[list[Scene], Texts, Asked], load_dataset: Any
) -> None:
    scenes, captions, questions = made
    shards = {"s/4": "s/val-000000.tar"}
    write_exports(tmp_path / "exports", *made, shards)
    found = load_dataset(tmp_path / "exports" / "parquet")
    assert list(found) == ["train", "val", "test"]
    for split, rows in found.items():
        assert list(rows) == [
            expected_row(
                scene,
                captions[scene.scene_id],
                questions.get(scene.scene_id, []),
                shards.get(scene.scene_id),
            )
            for scene in scenes
            if scene.split == split
        ]


def test_a_split_without_images_is_no_split_of_the_parquet(
    tmp_path: Path, made: tuple[list[Scene], Texts, Asked], load_dataset: Any
) -> None:
    scenes, captions, questions = made
    write_exports(
        tmp_path / "exports", [one for one in scenes if one.split != "val"], captions, questions, {}
    )
    found = load_dataset(tmp_path / "exports" / "parquet")
    assert {split: len(rows) for split, rows in found.items()} == {"train": 3, "test": 3}
    assert json.loads((tmp_path / "exports" / "dialogues_val.json").read_text()) == []


def test_many_rows_come_in_their_order(tmp_path: Path, load_dataset: Any) -> None:
    # over two row groups, and lists of every length from 0
    scenes = [make_scene(number, "train") for number in range(17000)]
    captions = {
        one.scene_id: [Caption(one.scene_id, "a2c", f"{row}.{place}") for place in range(row % 3)]
        for row, one in enumerate(scenes)
    }
    write_exports(tmp_path / "exports", scenes, captions, {}, {})
    rows = load_dataset(tmp_path / "exports" / "parquet")["train"]
    assert rows["scene_id"][:] == [one.scene_id for one in scenes]
    assert rows["captions"][:] == [[f"{row}.{place}" for place in range(row % 3)] for row in range(17000)]


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A source of 8-bit PNG and JPEG files, a PNG of 16 bits and a TIFF of floats, built."""
    monkeypatch.chdir(tmp_path)
    config = profile(4, boxes={})
    build(config, make_source(config, "boxes", MIXED))
    return config


def exports_of(config: Config) -> Path:
    return config.results / "sartext" / "exports"


def seen_by_the_models(config: Config) -> dict[str, dict[str, bytes]]:
    """By split and scene id: the pixels that training decodes of each scene's own file."""
    seen: dict[str, dict[str, bytes]] = {"train": {}, "val": {}, "test": {}}
    for scene in read_scenes(config.results / "sartext" / "scenes.parquet"):
        seen[scene.split][scene.scene_id] = decode_image(Path(scene.image), config.images).tobytes()
    return seen


def test_open_clips_loader_sees_rasters_as_the_models_do(built: Config) -> None:
    import torch
    from open_clip_train.data import get_csv_dataset

    write_built_exports(built)
    for file, seen in zip(CSV_FILES.values(), seen_by_the_models(built).values(), strict=True):
        args = Namespace(
            train_data=str(exports_of(built) / file),
            csv_img_key="filepath",
            csv_caption_key="caption",
            csv_separator=",",
            distributed=False,
            workers=0,
            batch_size=1,
        )
        data = get_csv_dataset(
            args,
            lambda image: torch.from_numpy(np.array(image)),
            True,
            tokenizer=lambda said: torch.tensor([list(said[0].ljust(60).encode())]),
        )
        found = {
            texts[0].numpy().astype(np.uint8).tobytes().decode().strip(): (
                image.dtype,
                image.numpy().tobytes(),
            )
            for images, texts in data.dataloader
            for image in images
        }
        found.pop("A ship.")
        assert found == {
            f"There is 1 ship in {name}.": (torch.uint8, pixels) for name, pixels in seen.items()
        }


def test_images_of_coco_and_dialogues_open_as_the_models_see_them(built: Config) -> None:
    from pycocotools.coco import COCO

    write_built_exports(built)
    for split, seen in seen_by_the_models(built).items():
        coco = COCO(str(exports_of(built) / f"captions_{split}.json"))
        dialogues = json.loads((exports_of(built) / f"dialogues_{split}.json").read_text(encoding="utf-8"))
        named = {
            "coco": {image["scene_id"]: image["file_name"] for image in coco.dataset["images"]},
            "dialogues": {record["id"]: record["image"] for record in dialogues},
        }
        for files in named.values():
            assert {
                name: (Image.open(file).mode, Image.open(file).tobytes()) for name, file in files.items()
            } == {name: ("L", pixels) for name, pixels in seen.items()}
        assert all(
            Image.open(image["file_name"]).size == (image["width"], image["height"])
            for image in coco.dataset["images"]
        )


def test_datasets_opens_the_images_of_the_parquet(built: Config, load_dataset: Any) -> None:
    import datasets

    write_built_exports(built)
    found = load_dataset(exports_of(built) / "parquet").cast_column("filepath", datasets.Image())
    seen = seen_by_the_models(built)
    assert {
        split: {row["scene_id"]: (row["filepath"].mode, row["filepath"].tobytes()) for row in rows}
        for split, rows in found.items()
    } == {split: {name: ("L", pixels) for name, pixels in seen[split].items()} for split in seen}


def test_a_raster_is_drawn_once_and_other_files_are_not_copied(built: Config) -> None:
    write_built_exports(built)
    drawn = contents(exports_of(built) / "images")
    assert sorted(drawn) == ["boxes/boxes+images+d1.png", "boxes/boxes+images+e1.png"]
    write_shards(built, "boxes")
    shards = built.results / "sartext" / "shards" / "boxes"
    in_shards = b"".join(path.read_bytes() for path in shards.glob("*.tar"))
    assert all(image in in_shards for image in drawn.values())
    listed = read_json(built.results / "sartext" / "exports.json")["files"]
    assert {name for name in listed if name.startswith("images/")} == {f"images/{name}" for name in drawn}
    sources = {path for path in Path("data/boxes/images").iterdir() if path.stem not in ("d1", "e1")}
    table = [row for file in CSV_FILES.values() for row in read_csv(exports_of(built) / file)]
    assert {file for file, _ in table} == {path.as_posix() for path in sources} | {
        (exports_of(built) / "images" / name).as_posix() for name in drawn
    }


def test_the_same_input_gives_the_same_bytes_and_a_failure_leaves_the_old(built: Config) -> None:
    folder = exports_of(built)
    write_built_exports(built)
    first = contents(folder)
    (folder / "stale.json").write_text("{}")
    write_built_exports(built)
    assert contents(folder) == first
    raster = Path("data/boxes/images/e1.tif")
    Image.fromarray(np.zeros((40, 40), np.float32)).save(raster)
    with pytest.raises(UserError, match=r"e1\.tif: boxes/images/e1: expected the image that was ingested"):
        write_built_exports(built)
    assert contents(folder) == first
    assert not (built.results / "sartext" / "exports.json").exists()
    assert not [path.name for path in folder.parent.iterdir() if path.name.startswith(".")]


def test_a_missing_image_or_digest_is_said_in_one_line(built: Config) -> None:
    hashes = built.results / "scenes" / "boxes" / "hashes.csv"
    whole = hashes.read_text()
    hashes.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    with pytest.raises(UserError, match=r"hashes\.csv: boxes/images/e1: no such row; ingest boxes again$"):
        write_built_exports(built)
    hashes.write_text(whole)
    Path("data/boxes/images/a00.png").unlink()
    with pytest.raises(UserError, match=r"a00\.png: No such file or directory; expected the image"):
        write_built_exports(built)
