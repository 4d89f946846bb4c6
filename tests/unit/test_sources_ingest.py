"""Ingest: what a run gets of a source, and when it stops."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from sources_files import colours, grey, source, written

from sartext.cli import main
from sartext.core.config import Config, SourceConfig, parse_config
from sartext.core.errors import DatasetNotFoundError, UserError
from sartext.core.tables import read_scenes
from sartext.sources import decode_image, ingest, resize
from sartext.sources.hashes import hash_image
from sartext.sources.ingest import ImageWriter


@pytest.fixture
def config(root: Path) -> Config:
    raw = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    raw["images"] = {"size": 16, "max_rejected_share": 0.25}
    return parse_config(raw, "test.yaml")


def _voc(root: Path, count: int = 8, **more: Any) -> SourceConfig:
    for number in range(count):
        grey(root / "images" / f"{number}.png", 40, 30, value=number * 7)
        _annotate(root, str(number))
    return source(root, "voc", {"annotations": "xml/{id}.xml", "images": "images/{id}"}, **more)


def _annotate(root: Path, name: str, width: int = 40, height: int = 30) -> None:
    written(
        root / "xml" / f"{name}.xml",
        f"<annotation><size><width>{width}</width><height>{height}</height></size><object><name>ship</name>"
        "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax></bndbox></object></annotation>",
    )


def _rejects(out: Path) -> list[dict[str, str]]:
    with (out / "rejects.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _summary(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return content


def test_rows_of_images_and_scenes_are_the_same_and_match_the_files(tmp_path: Path, config: Config) -> None:
    given = _voc(tmp_path / "s", resolution_m=2.0, expected_images=8)
    out = tmp_path / "out"
    ingest(given, config, out)
    scenes = read_scenes(out / "scenes.parquet")
    images = np.load(out / "images.npy", mmap_mode="r", allow_pickle=False)
    assert images.shape == (8, 16, 16, 1)
    assert images.dtype == np.uint8
    with (out / "hashes.csv").open(newline="") as stream:
        hashes = list(csv.DictReader(stream))
    for row, scene in enumerate(scenes):
        whole = decode_image(Path(scene.image), config.images)
        np.testing.assert_array_equal(images[row], resize(whole, 16))
        assert hashes[row]["scene_id"] == scene.scene_id
        assert hashes[row]["sha256"] == hashlib.sha256(b"30 40 1\n" + whole.tobytes()).hexdigest()
    assert sorted(entry.name for entry in out.iterdir()) == [
        "hashes.csv",
        "images.npy",
        "rejects.csv",
        "scenes.parquet",
        "summary.json",
    ]
    summary = _summary(out)
    assert (summary["read"], summary["rejected"], summary["boxes"]) == (8, 0, {"ship": 8})
    assert summary["megapixels"] == pytest.approx(8 * 40 * 30 / 1e6)
    assert sum(summary["by_split"].values()) == 8
    assert not summary["differs_from_expected"]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, config: Config) -> None:
    given = _voc(tmp_path / "s")
    for name in ("one", "two"):
        ingest(given, config, tmp_path / name)
    for entry in sorted((tmp_path / "one").iterdir()):
        assert entry.read_bytes() == (tmp_path / "two" / entry.name).read_bytes(), entry.name


def test_pairs_bring_their_twins(tmp_path: Path, config: Config) -> None:
    root = tmp_path / "s"
    for number in range(3):
        grey(root / f"sar{number}.png", 20, 20, value=number)
        colours(root / f"opt{number}.png", np.full((20, 20, 3), [10 * number, 50, 90]))
    grey(root / "sar7.png", 20, 20)
    colours(root / "opt7.png", np.zeros((10, 10, 3)))
    given = source(root, "pairs", {"sar": "sar{id}.png", "optical": "opt{id}.png"})
    ingest(given, config, tmp_path / "out")
    twins = np.load(tmp_path / "out" / "twins.npy")
    assert twins.shape == (3, 16, 16, 3)
    assert twins[2, 8, 8].tolist() == [20, 50, 90]
    header = (tmp_path / "out" / "hashes.csv").read_text().splitlines()[0]
    assert header == "scene_id,sha256,phash,file_sha256,twin_sha256,twin_phash"
    assert [(entry["file"], entry["kind"]) for entry in _rejects(tmp_path / "out")] == [("sar7.png", "image")]
    assert "its optical twin 10x10" in _rejects(tmp_path / "out")[0]["reason"]


def test_broken_and_mismatched_images_are_named_counted_and_passed_over(
    tmp_path: Path, config: Config
) -> None:
    given = _voc(tmp_path / "s")
    whole = (tmp_path / "s" / "images" / "3.png").read_bytes()
    written(tmp_path / "s" / "images" / "3.png", whole[: len(whole) // 2])
    _annotate(tmp_path / "s", "5", width=30, height=40)
    ingest(given, config, tmp_path / "out")
    names = [scene.scene_id for scene in read_scenes(tmp_path / "out" / "scenes.parquet")]
    assert names == [f"tiny/images/{number}" for number in (0, 1, 2, 4, 6, 7)]
    assert np.load(tmp_path / "out" / "images.npy").shape[0] == 6
    rejects = _rejects(tmp_path / "out")
    assert [entry["file"] for entry in rejects] == ["images/3.png", "images/5.png"]
    assert "cannot be decoded" in rejects[0]["reason"]
    assert "is 40x30 pixels, but its annotation says 30x40" in rejects[1]["reason"]
    assert (_summary(tmp_path / "out")["read"], _summary(tmp_path / "out")["rejected"]) == (6, 2)


def test_over_the_share_the_run_stops_and_leaves_what_was_there(tmp_path: Path, config: Config) -> None:
    given = _voc(tmp_path / "s")
    out = tmp_path / "out"
    ingest(given, config, out)
    before = (out / "summary.json").read_bytes()
    for number in (1, 4, 6):
        written(tmp_path / "s" / "images" / f"{number}.png", b"junk")
    with pytest.raises(UserError) as error:
        ingest(given, config, out)
    said = str(error.value)
    assert "source tiny: 3 of 8 images had to be set aside" in said
    assert "max_rejected_share = 0.25" in said
    for number in (1, 4, 6):
        assert f"images/{number}.png" in said
    assert (out / "summary.json").read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


def test_absent_images_stop_the_run_unless_the_source_is_partial(tmp_path: Path, config: Config) -> None:
    given = _voc(tmp_path / "s", expected_images=8)
    for number in range(5):
        (tmp_path / "s" / "images" / f"{number}.png").unlink()
    with pytest.raises(UserError, match=r"5 of 8 images .* 'partial: true'"):
        ingest(given, config, tmp_path / "out")
    ingest(given.model_copy(update={"partial": True}), config, tmp_path / "out")
    summary = _summary(tmp_path / "out")
    assert (summary["read"], summary["rejected"], summary["absent"]) == (3, 0, 5)
    assert not summary["differs_from_expected"]


def test_a_source_of_another_size_than_expected_is_flagged(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest(_voc(tmp_path / "s", expected_images=9), config, tmp_path / "out")
    assert _summary(tmp_path / "out")["differs_from_expected"]
    assert "8 images found, expected 9" in capsys.readouterr().err


def test_nothing_left_to_read_stops(tmp_path: Path, config: Config) -> None:
    given = _voc(tmp_path / "s", count=1, partial=True)
    (tmp_path / "s" / "images" / "0.png").unlink()
    with pytest.raises(UserError, match=r"no image of .* could be read.*fetch tiny\.zip"):
        ingest(given, config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_source_stops(tmp_path: Path, config: Config) -> None:
    given = source(tmp_path / "gone", "coco", {"annotations": "a.json", "images": "i"})
    with pytest.raises(DatasetNotFoundError, match=r"fetch tiny\.zip"):
        ingest(given, config, tmp_path / "out")


def test_an_image_file_grows_without_its_count_known(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 255, (1234, 4, 4, 3), dtype=np.uint8)
    with ImageWriter(tmp_path / "a.npy", 4, 3) as writer:
        for row in rows:
            writer.append(row)
        with pytest.raises(ValueError, match="expected uint8"):
            writer.append(rows[0].astype(np.float32))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", mmap_mode="r", allow_pickle=False), rows)


def test_hashes_tell_images_apart_as_they_should() -> None:
    import imagehash

    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 1), dtype=np.uint8)
    own = hash_image(pixels)
    brighter = hash_image(np.clip(pixels.astype(int) + 1, 0, 255).astype(np.uint8))
    assert own.sha256 != brighter.sha256
    assert own.sha256 != hash_image(pixels.reshape(32, 128, 1)).sha256
    assert imagehash.hex_to_hash(own.phash) - imagehash.hex_to_hash(brighter.phash) <= 2
    assert own.phash == str(imagehash.phash(Image.fromarray(pixels[..., 0])))


def test_the_command_reads_named_sources_and_says_what_it_did(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = _voc(tmp_path / "s")
    raw = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    raw["sources"] = [given.model_dump(mode="json"), {**given.model_dump(mode="json"), "name": "other"}]
    del raw["simulator"]
    raw["profile"] = "tiny"
    written(tmp_path / "tiny.yaml", yaml.safe_dump(raw))
    monkeypatch.chdir(tmp_path)
    main(["ingest", "--config", "tiny.yaml", "tiny"])
    assert "tiny: 8 images read, 0 set aside" in capsys.readouterr().out
    assert [entry.name for entry in (tmp_path / "results/tiny/scenes").iterdir()] == ["tiny"]
    with pytest.raises(SystemExit) as stop:
        main(["ingest", "--config", "tiny.yaml", "whale"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
