"""The real samples, read to the counts that are known of them."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sartext.core.config import Config, ImagesConfig, load_config
from sartext.core.tables import read_scenes
from sartext.sources import DecodeError, decode_image, ingest, match_pairs, read_annotations, read_source
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
    "ssdd-coco": (4, 8, 0, 0, 0),
    "ssdd-voc": (4, 8, 0, 0, 0),
    "sar-ship-dataset": (12, 68, 0, 0, 0),
    "sar-aircraft": (9, 26, 4359, 0, 0),
    "hrsid-masks": (4, 146, 0, 0, 0),
    "mstar-scenes": (20, 29, 0, 0, 0),
    "sen1floods11": (4, 0, 0, 0, 0),
    "sen1-2": (15, 0, 0, 0, 0),
    "s1-s2-pairs": (3, 0, 0, 0, 0),
    "sydney-captions": (9, 0, 604, 0, 0),
}


def test_the_counts_of_every_sample_source(config: Config) -> None:
    assert {source.name for source in config.sources} == set(COUNTS)
    for source in config.sources:
        scenes, rejects = read_source(source, 0, 0.1, 0.1)
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
    both = [read_source(config.source(name), 0, 0.0, 0.0)[0] for name in ("ssdd-coco", "ssdd-voc")]
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
    _, rejects = read_source(config.source("ssdd-coco"), 0, 0.1, 0.1)
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


def test_every_sample_is_ingested(config: Config, tmp_path: Path) -> None:
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


def test_sen1_2_pairs_are_matched_without_a_pattern(samples: Path) -> None:
    scenes, rejects = match_pairs(samples / "sen1-2" / "s1", samples / "sen1-2" / "s2")
    assert (len(scenes), rejects) == (15, [])
    for scene in scenes:
        assert Path(scene.twin or "").name == Path(scene.image).name.replace("_s1_", "_s2_")
