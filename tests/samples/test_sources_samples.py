"""The real samples, read to the counts that are known of them."""

import csv
import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sartext.cli import main
from sartext.core.config import Config, ImagesConfig, SourceConfig, load_config
from sartext.core.records import Scene
from sartext.core.tables import read_scenes
from sartext.sources import (
    DecodeError,
    Reject,
    decode_image,
    ingest,
    match_pairs,
    read_annotations,
    read_source,
)
from sartext.sources.captions import read_karpathy
from sartext.sources.tables import read_csv
from sartext.sources.voc import read_voc_file

IMAGES = ImagesConfig(size=64, max_rejected_share=0.3)


@pytest.fixture(scope="module")
def config(root: Path, samples: Path) -> Config:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SARTEXT_SAMPLES", str(samples))
        loaded = load_config(root / "config" / "samples.yaml")
    sources = [
        source.model_copy(update={"root": source.root.replace("${SARTEXT_SAMPLES}", str(samples))})
        for source in loaded.sources
    ]
    return loaded.model_copy(update={"sources": sources})


# source: scenes, boxes, absent images, lost images, lost boxes
COUNTS = {
    "ssdd": (4, 8, 0, 0, 0),
    "ssdd-voc": (4, 8, 0, 0, 0),
    "sar-ship-dataset": (12, 68, 0, 0, 0),
    "sar-aircraft": (9, 26, 4359, 0, 0),
    "opensarship": (25, 25, 0, 0, 0),
    "hrsid-masks": (4, 146, 0, 0, 0),
    "mstar-scenes": (20, 29, 0, 0, 0),
    "sen1floods11": (4, 0, 0, 0, 0),
    "sen1-2": (15, 0, 0, 0, 0),
    "s1-s2-pairs": (3, 0, 0, 0, 0),
    "sydney-captions": (9, 0, 604, 0, 0),
}


def test_the_counts_of_every_sample_source(config: Config, tmp_path: Path) -> None:
    assert {source.name for source in config.sources} == set(COUNTS)
    for source in config.sources:
        scenes, rejects = read_source(source, 0, 0.1, 0.1, tmp_path / source.name)
        kinds = Counter(entry.kind for entry in rejects)
        found = (
            len(scenes),
            sum(len(scene.boxes) for scene in scenes),
            kinds["absent"],
            kinds["image"],
            kinds["box"],
        )
        assert found == COUNTS[source.name], source.name
        for scene in scenes:
            for box in scene.boxes:
                assert 0 <= box.x < box.x + box.width <= scene.width
                assert 0 <= box.y < box.y + box.height <= scene.height


def test_the_whole_of_sar_aircraft_is_in_its_one_xml(samples: Path) -> None:
    entries = read_voc_file(samples / "sar-aircraft-1.0" / "annotations.xml", "annotations.xml", [])
    assert len(entries) == 4368
    labels = Counter(box.label for entry in entries for box in entry.boxes)
    assert sum(labels.values()) == 16463
    assert len(labels) == 7


def test_an_hrsid_image_has_122_ships(config: Config) -> None:
    scenes, _ = read_source(config.source("hrsid-masks"), 0, 0.1, 0.1)
    ships = {scene.scene_id: len(scene.boxes) for scene in scenes}
    assert ships["hrsid-masks/P0119_2400_3200_6000_6800"] == 122


def test_coco_and_voc_of_the_same_ssdd_images_agree_to_the_rounding(config: Config) -> None:
    both = [read_source(config.source(name), 0, 0.0, 0.0)[0] for name in ("ssdd", "ssdd-voc")]
    by_stem = [{Path(scene.image).stem: scene for scene in scenes} for scenes in both]
    assert set(by_stem[0]) == set(by_stem[1])
    for stem, scene in by_stem[0].items():
        other = by_stem[1][stem]
        assert (scene.split, scene.width, scene.height) == (other.split, other.width, other.height)
        pairs = zip(
            sorted(scene.boxes, key=lambda box: (round(box.x), box.y)),
            sorted(other.boxes, key=lambda box: (round(box.x), box.y)),
            strict=True,
        )
        for one, two in pairs:
            assert (one.x, one.y, one.width, one.height) == pytest.approx(
                (two.x, two.y, two.width, two.height), abs=2.0
            )


def test_the_duplicate_annotation_id_of_ssdd_is_said(config: Config) -> None:
    _, rejects = read_source(config.source("ssdd"), 0, 0.1, 0.1)
    assert {entry.kind for entry in rejects} == {"note"}
    assert all("given to another too" in entry.reason for entry in rejects)


def test_boxes_outside_the_mstar_scenes_are_clipped_and_said(config: Config) -> None:
    _, rejects = read_source(config.source("mstar-scenes"), 0, 0.1, 0.1)
    assert [(entry.file, entry.kind) for entry in rejects] == [
        ("Annotations/000001.xml", "note"),
        ("Annotations/000031.xml", "note"),
    ]


def test_water_of_sen1floods11_is_its_label_raster_s(config: Config, samples: Path) -> None:
    import rasterio

    scenes, _ = read_source(config.source("sen1floods11"), 0, 0.1, 0.1)
    for scene in scenes:
        name = Path(scene.image).name.replace("S1Hand", "LabelHand")
        with rasterio.open(samples / "sen1floods11" / "labels" / name) as raster:
            label = raster.read(1)
        water, land = (label == 1).sum(), (label == 0).sum()
        assert scene.cover.get("water", 0) == pytest.approx(water / (water + land))
        assert sum(scene.cover.values()) == pytest.approx(1)


def test_sydney_has_613_images_and_3065_sentences(config: Config, samples: Path) -> None:
    scenes, rejects = read_source(config.source("sydney-captions"), 0, 0.1, 0.1)
    assert len(scenes) + len(rejects) == 613
    assert all(len(scene.captions) == 5 for scene in scenes)
    whole = json.loads((samples / "captions/sydney/dataset_sydney_modified.json").read_text())
    raw = [sentence["raw"] for sentence in whole["images"][0]["sentences"]]
    assert list(scenes[0].captions) == raw
    assert scenes[0].captions[0] == "A residential area with houses arranged neatly ."


def test_references_of_sydney_in_coco_form_are_the_sentences_of_its_test_split(samples: Path) -> None:
    def folded(text: str) -> str:
        return " ".join(re.findall(r"[a-z0-9]+", text.lower()))

    given = json.loads((samples / "captions" / "sydney_test_coco_format.json").read_text(encoding="utf-8"))
    path = samples / "captions" / "sydney" / "dataset_sydney_modified.json"
    entries = {entry.name: entry for entry in read_karpathy(path, path.name, []) if entry.split == "test"}
    names = {image["id"]: image["file_name"] for image in given["images"]}
    references: dict[str, list[str]] = {name: [] for name in names.values()}
    for annotation in given["annotations"]:
        references[names[annotation["image_id"]]].append(folded(annotation["caption"]))
    assert set(references) == set(entries)
    assert (len(references), len(given["annotations"])) == (58, 290)
    same = [folded(text) in references[name] for name, entry in entries.items() for text in entry.captions]
    # the others had their spelling mended
    assert (sum(same), len(same)) == (276, 290)


@pytest.mark.parametrize(("name", "count"), [("ucm", 9), ("rsicd", 11)])
def test_optical_images_of_the_caption_sets_decode_in_colour(samples: Path, name: str, count: int) -> None:
    images = [
        decode_image(path, IMAGES, "optical") for path in sorted((samples / "captions" / name).iterdir())
    ]
    assert len(images) == count
    assert all(image.shape[2] == 3 and image.std() > 10 for image in images)


def test_sarcap_is_separated_by_tabs_and_names_52_images_that_are_not_here(
    config: Config, samples: Path
) -> None:
    sydney = config.source("sydney-captions").model_dump()
    layout = {"annotations": "sarcap_52.csv", "images": "."}
    given = SourceConfig(
        **{**sydney, "root": str(samples / "captions"), "format": "csv", "layout": layout, "splits": {}}
    )
    scenes, rejects = read_source(given, 0, 0.1, 0.1)
    assert scenes == []
    assert Counter(entry.kind for entry in rejects) == {"absent": 52}
    found = read_csv(samples / "captions" / "sarcap_52.csv", "sarcap_52.csv", [])
    assert len(found) == sum(len(entry.captions) for entry in found) == 52
    lines = (samples / "captions" / "sarcap_52.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [f"{entry.name}\t{entry.captions[0]}" for entry in found] == [line.strip() for line in lines]


@pytest.fixture(scope="module")
def opensarship(config: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Scene], list[Reject]]:
    folder = tmp_path_factory.mktemp("opensarship") / "unpacked"
    return read_source(config.source("opensarship"), 0, 0.1, 0.1, folder)


def test_chips_of_opensarship_have_the_types_that_ship_xml_or_their_names_say(
    opensarship: tuple[list[Scene], list[Reject]], samples: Path
) -> None:
    scenes, rejects = opensarship
    by_product = Counter(scene.scene_id.split("/")[1][:25] for scene in scenes)
    assert by_product == {"S1A_IW_GRDH_1SDV_20150823": 12, "S1A_IW_GRDH_1SDV_20150902": 13}
    types = Counter(scene.boxes[0].label for scene in scenes if "20150823" in scene.scene_id)
    assert types == {"bulk carrier": 6, "cargo ship": 4, "tanker": 2}
    # the other product's Ship.xml is malformed: names alone
    types = Counter(scene.boxes[0].label for scene in scenes if "20150902" in scene.scene_id)
    assert types == {"cargo ship": 10, "ship": 1, "passenger ship": 1, "tanker": 1}
    assert [(entry.file[:25], entry.record, entry.kind) for entry in rejects] == [
        ("S1A_IW_GRDH_1SDV_20150902", "Ship.xml", "note")
    ]
    assert "not well-formed" in rejects[0].reason
    for scene in scenes:
        assert decode_image(Path(scene.image), IMAGES).shape == (scene.height, scene.width, 1)
        assert (scene.boxes[0].width, scene.boxes[0].height) == (scene.width, scene.height)


def test_nothing_of_opensarship_says_who_a_ship_is(
    opensarship: tuple[list[Scene], list[Reject]], samples: Path
) -> None:
    scenes, rejects = opensarship
    secrets: set[str] = set()
    for path in sorted((samples / "opensarship").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            (name,) = [member for member in archive.namelist() if member.endswith("Ship.xml")]
            text = archive.read(name).decode("utf-8", errors="replace")
        secrets |= set(re.findall(r"<(?:Name|MMSI|IMO|Callsign)>\s*([^<]{4,}?)\s*</", text)) - {"NULL"}
    assert len(secrets) > 60
    said = repr(scenes) + repr(rejects)
    assert [secret for secret in secrets if secret in said] == []
    unpacked = Path(scenes[0].image).parents[2]
    assert {path.suffix for path in unpacked.rglob("*") if path.is_file()} == {".tif"}


def test_every_sample_is_ingested(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for source in config.sources:
        ingest(source, config, tmp_path / source.name)
        scenes = read_scenes(tmp_path / source.name / "scenes.parquet")
        images = np.load(tmp_path / source.name / "images.npy", allow_pickle=False)
        assert images.shape == (len(scenes), 64, 64, 1 if source.modality == "sar" else 3)
        assert all(image.std() > 3 for image in images), source.name
    assert np.load(tmp_path / "sen1-2" / "twins.npy").shape == (15, 64, 64, 3)
    with (tmp_path / "sen1floods11" / "rejects.csv").open(newline="") as stream:
        lost = [row for row in csv.DictReader(stream) if row["kind"] == "image"]
    assert [row["file"] for row in lost] == ["S1/Paraguay_34417_S1Hand.tif"]
    assert "no valid pixel" in lost[0]["reason"]


def test_three_equal_channels_become_one(samples: Path) -> None:
    path = samples / "s1-s2-pairs" / "sar" / "003.png"
    decoded = decode_image(path, IMAGES)
    np.testing.assert_array_equal(decoded[..., 0], np.asarray(Image.open(path))[..., 0])


@pytest.mark.parametrize(
    "name",
    [
        "fusar-map-raw/1_HH.tiff",
        "fusar-map-raw/1_HV.tiff",
        "geotiff/S1A__IW___A_20150309T173017_VV_grd_mli_geo_norm_db.tif",
        "geotiff/sarclip_example_vv_vh.tif",
        "sen1floods11/S1/India_900498_S1Hand.tif",
        "sen1floods11/S1/Nigeria_812045_S1Hand.tif",
    ],
)
@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_rasters_of_more_than_8_bits_keep_their_order_in_8(samples: Path, name: str) -> None:
    import rasterio

    with rasterio.open(samples / name) as raster:
        values, nodata = raster.read(1), raster.nodata
    decoded = decode_image(samples / name, IMAGES)[..., 0]
    valid = np.isfinite(values) & (values != nodata)
    order = np.argsort(values[valid], kind="stable")
    assert (np.diff(decoded[valid][order].astype(int)) >= 0).all()
    assert (decoded[~valid] == 0).all()
    # most of the grey scale is used, and only the very brightest are white (one file is cut off at 0 dB)
    assert len(np.unique(decoded)) > 150
    low, high = np.percentile(values[valid], [1, 99])
    brightest = values >= values[valid].max() - (high - low) / 100
    assert (decoded == 255).mean() <= max(0.001, brightest.mean())


def test_the_patch_that_is_all_nan_is_refused(samples: Path) -> None:
    with pytest.raises(DecodeError, match="no valid pixel"):
        decode_image(samples / "sen1floods11/S1/Paraguay_34417_S1Hand.tif", IMAGES)


def test_sentinel_2_of_13_bands_is_drawn_in_colour(samples: Path) -> None:
    decoded = decode_image(samples / "sen1floods11/S2/Spain_7370579_S2Hand.tif", IMAGES, "optical")
    assert decoded.shape == (512, 512, 3)
    assert decoded.std() > 25


def test_instance_masks_given_as_paths(samples: Path, tmp_path: Path) -> None:
    classes = tmp_path / "classes.yaml"
    classes.write_text("classes: {ship: 1}\n", encoding="utf-8")
    scenes, rejects = read_annotations(
        "mask", samples / "hrsid", samples / "hrsid", classes, "instance", "_instance_id_RGB"
    )
    assert (sum(len(scene.boxes) for scene in scenes), rejects) == (146, [])


def test_sen1floods11_is_narrated_by_the_ends_of_its_names(samples: Path, tmp_path: Path) -> None:
    classes = tmp_path / "classes.yaml"
    classes.write_text("classes: {land: 0, water: 1}\nignore: [-1]\n", encoding="utf-8")
    folder = samples / "sen1floods11"
    out = tmp_path / "out.csv"
    given = ["--masks", folder / "labels", "--images", folder / "S1", "--classes", classes, "--out", out]
    ends = ["--mask-suffix", "_LabelHand", "--image-suffix", "_S1Hand"]
    main(["narrate", "sa2c", *map(str, given), *ends])
    with out.open(encoding="utf-8", newline="") as stream:
        images = {Path(row[0]).name for row in list(csv.reader(stream))[1:]}
    # Paraguay's image is all NaN
    places = ("India_900498", "Nigeria_812045", "Spain_7370579")
    assert images == {f"{place}_S1Hand.tif" for place in places}


def test_sen1_2_pairs_are_matched_without_a_pattern(samples: Path) -> None:
    scenes, rejects = match_pairs(samples / "sen1-2" / "s1", samples / "sen1-2" / "s2")
    assert (len(scenes), rejects) == (15, [])
    for scene in scenes:
        assert Path(scene.twin or "").name == Path(scene.image).name.replace("_s1_", "_s2_")
