"""Real images narrated and built into SAR-TEXT; what is said is counted again from the publishers' files."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from sartext.cli import main
from sartext.core.config import Config, load_config
from sartext.core.records import Caption, Scene
from sartext.core.tables import by_scene, read_captions, read_questions, read_scenes
from sartext.dataset.build import build_sartext
from sartext.dataset.likeness.audit import audit_set
from sartext.dataset.stage1 import build_stage1
from sartext.narrator import narrate_source
from sartext.narrator.rewriters.rules import rewrite_rules
from sartext.narrator.words import article
from sartext.sources import ingest

COLOURS = re.compile(
    r"\b(red|green|blue|yellow|orange|purple|pink|brown|black|white|gr[ae]y|golden|colou?r\w*)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def built(samples: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """The samples profile without pairs (they need a trained captioner), ingested, narrated and built."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("SARTEXT_SAMPLES", str(samples))
    monkeypatch.chdir(tmp_path_factory.mktemp("run"))
    whole = load_config(root / "config" / "samples.yaml")
    sources = [source for source in whole.sources if "pair" not in source.branches]
    config = whole.model_copy(update={"sources": sources})
    for source in sources:
        ingest(source, config, config.results / "scenes" / source.name)
        for branch in source.branches:
            narrate_source(
                config, source.name, branch, config.results / "captions" / f"{source.name}.{branch}.parquet"
            )
    build_stage1(config)
    build_sartext(config)
    yield config
    monkeypatch.undo()


def said(config: Config, source: str, branch: str) -> dict[str, list[str]]:
    captions: list[Caption] = read_captions(config.results / "captions" / f"{source}.{branch}.parquet")
    return {name: [caption.caption for caption in own] for name, own in by_scene(captions).items()}


def scenes(config: Config, source: str) -> list[Scene]:
    return read_scenes(config.results / "scenes" / source / "scenes.parquet")


def total(caption: str) -> int:
    return sum(int(number) for number in re.findall(r"\b\d+\b", caption))


def test_ships_of_hrsid_are_counted_as_its_instance_masks_do(built: Config) -> None:
    told = said(built, "hrsid-masks", "a2c")
    assert len(told) == 4
    for scene in scenes(built, "hrsid-masks"):
        mask = np.asarray(Image.open(scene.image.replace(".png", "_instance_id_RGB.png")).convert("RGB"))
        colours = {tuple(colour) for colour in np.unique(mask.reshape(-1, 3), axis=0).tolist()} - {(0, 0, 0)}
        first, second = told[scene.scene_id]
        assert first == f"There are {len(colours)} ships."
        assert total(second) == len(colours)
    assert "There are 122 ships." in [captions[0] for captions in told.values()]


def test_ships_of_sar_ship_dataset_are_counted_and_placed_as_its_xml_says(
    built: Config, samples: Path
) -> None:
    told = said(built, "sar-ship-dataset", "a2c")
    assert len(told) == 12
    for scene_id, (first, second) in told.items():
        text = (samples / "sar-ship-dataset" / f"{scene_id.split('/')[1]}.xml").read_text(encoding="utf-8")
        edges = [
            tuple(
                float(re.search(f"<{tag}>([^<]+)", part).group(1)) for tag in ("xmin", "ymin", "xmax", "ymax")
            )
            for part in re.findall(r"<bndbox>.*?</bndbox>", text, re.DOTALL)
        ]
        assert total(first) == len(edges)
        middle = sum(64 <= (x1 + x2) / 2 <= 192 and 64 <= (y1 + y2) / 2 <= 192 for x1, y1, x2, y2 in edges)
        found = re.search(r"(\d+) ships? in the center", second)
        assert (int(found.group(1)) if found else 0) == middle


def test_floods_are_told_by_their_share(built: Config, samples: Path) -> None:
    told = said(built, "sen1floods11", "sa2c")
    assert len(told) == 3
    for scene_id, (first, second) in told.items():
        stem = scene_id.rsplit("/", 1)[1].replace("_S1Hand", "")
        with rasterio.open(samples / "sen1floods11" / "labels" / f"{stem}_LabelHand.tif") as raster:
            label = raster.read(1)
        water = np.count_nonzero(label == 1) / np.count_nonzero(label >= 0)
        largest = "water" if water > 0.5 else "land"
        assert first.lower().startswith(f"{largest} dominates this sar image")
        assert second.startswith(f"This SAR image shows mostly {largest}")
        small = min(water, 1 - water)
        grade = "large" if small >= 0.2 else "small"
        assert f"covers a {grade} part" in first or small < 0.02


def test_empty_scenes_say_nothing_and_are_left_out(built: Config) -> None:
    told = said(built, "mstar-scenes", "a2c")
    silent = {scene.scene_id for scene in scenes(built, "mstar-scenes") if not scene.boxes}
    assert silent
    assert not silent & set(told)
    assert not silent & {
        scene.scene_id for scene in read_scenes(built.results / "sartext" / "scenes.parquet")
    }


def test_ssdd_as_coco_and_as_voc_is_found_to_be_the_same(built: Config) -> None:
    with (built.results / "sartext" / "dropped.csv").open(encoding="utf-8", newline="") as stream:
        dropped = {row["scene_id"]: row for row in csv.DictReader(stream)}
    kept = {scene.scene_id: scene for scene in read_scenes(built.results / "sartext" / "scenes.parquet")}
    for stem in ("000001", "000002", "000006", "000015"):
        twins = [name for name in (*dropped, *kept) if name.startswith("ssdd") and name.endswith(stem)]
        training = [name for name in twins if name in kept and kept[name].split != "test"]
        tests = [name for name in twins if name in kept and kept[name].split == "test"]
        assert len(twins) == 2
        assert len(training) + bool(tests) == 1, (training, tests)
    audit = audit_set(built, "sartext")
    assert audit["remaining"] == 0
    assert audit["checked"] > 40


def test_questions_of_real_scenes_hold(built: Config) -> None:
    boxes = {
        scene.scene_id: scene.boxes for scene in read_scenes(built.results / "sartext" / "scenes.parquet")
    }
    asked = read_questions(built.results / "sartext" / "questions.parquet")
    assert len(asked) > 100
    counted = [q for q in asked if q.type == "count"]
    assert counted
    for question in counted:
        assert int(question.answer) == len(boxes[question.scene_id])
    assert not [q for q in asked if q.answer == "122"]


def test_optical_captions_of_sydney_are_stage_1(built: Config, samples: Path) -> None:
    content = json.loads(
        (samples / "captions/sydney/dataset_sydney_modified.json").read_text(encoding="utf-8")
    )
    words = {
        image["filename"]: {tuple(re.findall(r"\w+", s["raw"].lower())) for s in image["sentences"]}
        for image in content["images"]
    }
    captions = read_captions(built.results / "stage1" / "captions.parquet")
    assert len({caption.scene_id for caption in captions}) == 9
    for caption in captions:
        name = caption.scene_id.rsplit("/", 1)[1] + ".tif"
        assert tuple(re.findall(r"\w+", caption.caption.lower())) in words[name]
        assert caption.caption.endswith(".")


def test_all_sentences_of_sydney_are_rewritten_without_colour(samples: Path) -> None:
    content = json.loads(
        (samples / "captions/sydney/dataset_sydney_modified.json").read_text(encoding="utf-8")
    )
    sentences = sorted({s["raw"] for image in content["images"] for s in image["sentences"]})
    assert len(sentences) > 1000
    allowed = {"sar", "image", "images", "dark", "bright", "vegetation", "can", "be", "seen", "a", "an"}
    for sentence in sentences:
        rewritten = rewrite_rules(sentence)
        assert not COLOURS.search(rewritten), (sentence, rewritten)
        assert rewritten != "a SAR image", sentence
        before, after = (set(re.findall(r"[a-z]+", text.lower())) for text in (sentence, rewritten))
        assert after <= before | allowed, (sentence, rewritten)
        for word, following in re.findall(r"\b(an?) ([\w-]+)", rewritten):
            assert word == article(following), rewritten


def test_real_folders_by_the_command_line(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = samples / "ssdd" / "coco", tmp_path / "captions.csv"
    main(
        [
            *(
                "narrate",
                "a2c",
                "--format",
                "coco",
                "--annotations",
                str(folder / "annotations" / "train.json"),
            ),
            *("--images", str(folder / "images"), "--out", str(out)),
        ]
    )
    with out.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows
    assert all(Path(row["filepath"]).is_file() for row in rows)
    assert all(re.match(r"There (is|are) \d+ ships?\b", row["caption"]) for row in rows)
    assert "images captioned" in capsys.readouterr().err
