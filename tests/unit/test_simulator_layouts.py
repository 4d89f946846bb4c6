"""Simulated sources on disk: the layouts of the real ones, equal truth, equal bytes, clear errors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from defusedxml.ElementTree import parse
from PIL import Image

from sartext.cli import main
from sartext.core.config import Config, SimulatorConfig, SplitCounts, load_config
from sartext.core.errors import UserError
from sartext.core.files import list_files, read_json, sha256_file
from sartext.simulator import SOURCES, write_source
from sartext.simulator.layouts import MASK_COLOURS
from sartext.simulator.world import COVER_NAMES

COUNTS = SplitCounts(train=4, val=2, test=3)


@pytest.fixture(scope="module")
def config(root: Path) -> Config:
    simulator = SimulatorConfig(image_size=64, sources=dict.fromkeys(SOURCES, COUNTS))
    return load_config(root / "config" / "smoke.yaml").model_copy(update={"simulator": simulator, "seed": 7})


@pytest.fixture(scope="module")
def written(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    for name in SOURCES:
        write_source(name, config, folder / name, folder / "truth" / f"{name}.json")
    return folder


def boxes(entry: dict[str, Any], labels: set[str]) -> list[tuple[str, int, int, int, int]]:
    return sorted(
        (o["label"], o["x"], o["y"], o["width"], o["height"])
        for o in entry["objects"]
        if o["label"] in labels
    )


def coco_boxes(path: Path, rename: dict[str, str]) -> dict[str, list[tuple[str, int, int, int, int]]]:
    content = read_json(path)
    names = {category["id"]: category["name"] for category in content["categories"]}
    files = {image["id"]: image["file_name"] for image in content["images"]}
    found: dict[str, list[tuple[str, int, int, int, int]]] = {name: [] for name in files.values()}
    for annotation in content["annotations"]:
        name = names[annotation["category_id"]]
        found[files[annotation["image_id"]]].append((rename.get(name, name), *annotation["bbox"]))
        polygon = np.asarray(annotation["segmentation"][0]).reshape(-1, 2)
        x, y, width, height = annotation["bbox"]
        assert polygon.min(axis=0).tolist() == [x, y]
        assert polygon.max(axis=0).tolist() == [x + width, y + height]
        assert annotation["area"] > 0
    return {name: sorted(entries) for name, entries in found.items()}


def test_every_source_writes_all_its_images(written: Path, config: Config) -> None:
    for name in SOURCES:
        truth = read_json(written / "truth" / f"{name}.json")
        assert len(truth) == 9
        assert len({entry["scene_id"] for entry in truth}) == 9
        for entry in truth:
            assert entry["scene_id"].startswith(f"{name}/")
            image = written / f"{entry['scene_id']}.png"
            with Image.open(image) as opened:
                assert opened.size == (64, 64)
                assert opened.mode == ("RGB" if config.source(name).modality == "optical" else "L")
            assert sum(entry["cover"].values()) == pytest.approx(1)
            assert len(entry.get("references", [])) == (0 if name in ("rsicd", "rs-vqa") else 5)


def test_hrsid_is_coco_of_ships(written: Path) -> None:
    truth = read_json(written / "truth" / "hrsid.json")
    assert {entry["split"] for entry in truth} == {"train", "val", "test"}
    read = {}
    for split, images in (("train", 6), ("test", 3)):
        part = coco_boxes(written / "hrsid" / "annotations" / f"{split}2017.json", {})
        assert len(part) == images
        read |= part
    for entry in truth:
        file_name = entry["scene_id"].rsplit("/", 1)[1] + ".png"
        assert file_name.startswith("P0")
        assert read[file_name] == boxes(entry, {"ship"})


def test_sardet_is_coco_of_six_classes(written: Path) -> None:
    truth = {entry["scene_id"]: entry for entry in read_json(written / "truth" / "sardet-100k.json")}
    for split, images in (("train", 4), ("val", 2), ("test", 3)):
        path = written / "sardet-100k" / "Annotations" / f"{split}.json"
        names = {category["name"] for category in read_json(path)["categories"]}
        assert names == {"ship", "aircraft", "car", "tank", "bridge", "harbor"}
        part = coco_boxes(path, {"tank": "storage tank"})
        assert len(part) == images
        for file_name, found in part.items():
            entry = truth[f"sardet-100k/JPEGImages/{split}/{Path(file_name).stem}"]
            assert entry["split"] == split
            assert found == boxes(entry, {"ship", "aircraft", "car", "storage tank", "bridge", "harbor"})


def test_msar_is_voc(written: Path) -> None:
    rename = {"oil tank": "storage tank"}
    for entry in read_json(written / "truth" / "msar.json"):
        stem = entry["scene_id"].rsplit("/", 1)[1]
        root = parse(written / "msar" / "Annotations" / f"{stem}.xml").getroot()
        assert root.findtext("filename") == f"{stem}.png"
        assert root.findtext("size/width") == "64"
        found = []
        for item in root.iter("object"):
            name = item.findtext("name") or ""
            left, top, right, bottom = (
                int(item.findtext(f"bndbox/{tag}") or -1) for tag in ("xmin", "ymin", "xmax", "ymax")
            )
            found.append((rename.get(name, name), left, top, right - left, bottom - top))
            assert item.findtext("truncated") == str(int(left == 0 or top == 0 or 64 in (right, bottom)))
        assert sorted(found) == boxes(entry, {"ship", "storage tank", "aircraft", "bridge"})


def test_fusar_map_masks_have_the_colours_of_the_config(written: Path, config: Config) -> None:
    source = config.source("fusar-map")
    known = {tuple(colour) for colour in source.classes.values() if isinstance(colour, list)}
    known |= {tuple(colour) for colour in source.background if isinstance(colour, list)}
    assert set(MASK_COLOURS.values()) <= known
    vegetation = tuple(source.classes["vegetation"])  # type: ignore[arg-type]
    for entry in read_json(written / "truth" / "fusar-map.json"):
        number = entry["scene_id"].rsplit("/", 1)[1]
        mask = np.asarray(Image.open(written / "fusar-map" / "LAB" / f"{number}.png"))
        share = float((mask == vegetation).all(axis=2).mean())
        assert share == pytest.approx(entry["cover"].get("farmland", 0) + entry["cover"].get("forest", 0))
        assert entry["resolution_m"] == source.resolution_m


def test_osdataset_pairs_are_registered_and_numbered_once(written: Path) -> None:
    root = written / "osdataset" / "512"
    numbers = [
        path.stem[3:] for split in ("train", "val", "test") for path in (root / split).glob("sar*.png")
    ]
    assert len(numbers) == len(set(numbers)) == 9
    agreements = []
    for path in root.glob("*/sar*.png"):
        sar = np.asarray(Image.open(path)).astype(float)
        optical = np.asarray(Image.open(path.with_name(path.name.replace("sar", "opt")))).astype(float)
        edges = [
            np.abs(np.diff(image, axis=1))[:-1] + np.abs(np.diff(image, axis=0))[:, :-1]
            for image in (box_blur(sar), box_blur(optical.mean(axis=2)))
        ]
        agreements.append(np.corrcoef(edges[0].ravel(), edges[1].ravel())[0, 1])
    assert np.mean(agreements) > 0.15  # the two drawings have their edges at the same places


def box_blur(image: np.ndarray) -> np.ndarray:
    return sum(np.roll(np.roll(image, i, 0), j, 1) for i in range(-2, 3) for j in range(-2, 3)) / 25


def test_rsicd_has_karpathys_form(written: Path) -> None:
    content = read_json(written / "rsicd" / "dataset_rsicd.json")
    assert content["dataset"] == "rsicd"
    identifiers = []
    for number, image in enumerate(content["images"]):
        assert image["imgid"] == number
        assert (written / "rsicd" / "RSICD_images" / image["filename"]).is_file()
        assert len(image["sentences"]) == 5
        assert image["sentids"] == [sentence["sentid"] for sentence in image["sentences"]]
        identifiers += image["sentids"]
        for sentence in image["sentences"]:
            assert " ".join([*sentence["tokens"], "."]) == sentence["raw"]
            assert sentence["imgid"] == number
    assert identifiers == list(range(45))
    assert [image["split"] for image in content["images"]] == ["train"] * 4 + ["val"] * 2 + ["test"] * 3


def test_rs_vqa_has_the_released_form(written: Path) -> None:
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        entries = read_json(written / "rs-vqa" / f"rs_vqa_{split}.json")
        assert len(entries) == count
        for entry in entries:
            assert set(entry) == {"id", "image", "conversations"}
            assert entry["image"].startswith("/")  # another machine's path, as released
            assert (written / "rs-vqa" / "images" / Path(entry["image"]).name).is_file()
            speakers = [turn["from"] for turn in entry["conversations"]]
            assert speakers == ["human", "gpt"] * (len(speakers) // 2)
            assert not any("<image>" in turn["value"] for turn in entry["conversations"])


def test_the_same_seed_gives_the_same_bytes(written: Path, config: Config, tmp_path: Path) -> None:
    for name in ("msar", "osdataset", "rs-vqa"):
        write_source(name, config, tmp_path / name, tmp_path / "truth" / f"{name}.json")
        for base in (name, "truth"):
            for path in list_files(tmp_path / base):
                assert sha256_file(tmp_path / base / path) == sha256_file(written / base / path), path
        assert len(list_files(tmp_path / name)) == len(list_files(written / name))
    other = config.model_copy(update={"seed": 8})
    write_source("msar", other, tmp_path / "other", tmp_path / "other.json")
    first = Path("JPEGImages/000001.png")
    assert sha256_file(tmp_path / "other" / first) != sha256_file(tmp_path / "msar" / first)


def test_more_scenes_leave_the_first_ones_as_they_were(written: Path, config: Config, tmp_path: Path) -> None:
    more = SimulatorConfig(image_size=64, sources={"msar": SplitCounts(train=6, val=0, test=0)})
    larger = config.model_copy(update={"simulator": more})
    write_source("msar", larger, tmp_path / "msar", tmp_path / "truth.json")
    assert read_json(tmp_path / "truth.json")[:4] == read_json(written / "truth" / "msar.json")[:4]


def test_mistakes_are_told_in_one_line(config: Config, tmp_path: Path) -> None:
    assert config.simulator is not None
    bare = config.model_copy(update={"simulator": None})
    small = config.model_copy(update={"simulator": config.simulator.model_copy(update={"image_size": 8})})
    for name, profile, told in (
        ("ssdd", config, "cannot be simulated"),
        ("hrsid", bare, "simulator.sources.hrsid: missing"),
        ("hrsid", small, "too small"),
    ):
        with pytest.raises(UserError, match=told) as caught:
            write_source(name, profile, tmp_path / "x", tmp_path / "x.json")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "x").exists()


def test_the_command_writes_source_truth_and_manifest(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["simulate", "--config", str(root / "config" / "smoke.yaml"), "msar"])
    base = tmp_path / "data" / "simulated" / "smoke"
    truth = json.loads((base / "truth" / "msar.json").read_text(encoding="utf-8"))
    manifest = read_json(base / "msar.manifest.json")
    assert len(truth) == 40
    assert len(manifest["files"]) == 80
    assert {name for entry in truth for name in entry["cover"]} <= set(COVER_NAMES)
