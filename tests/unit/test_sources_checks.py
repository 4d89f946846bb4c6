"""Digests, expected counts, and masks with an optical twin."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from sources_files import colours, grey, read, source, written

from sartext.cli import main
from sartext.core.config import Config, SourceConfig, parse_config
from sartext.core.errors import DatasetNotFoundError, UserError
from sartext.core.tables import read_scenes
from sartext.sources import ingest


@pytest.fixture
def config(root: Path) -> Config:
    raw = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    raw["images"] = {"size": 16, "max_rejected_share": 0.6}
    return parse_config(raw, "test.yaml")


def _coco(root: Path, **more: Any) -> SourceConfig:
    grey(root / "images" / "a.png", 40, 30)
    boxes = [[1, 2, 5, 6], [10, 10, 4, 4], [0, 0, 0, 5]]  # the last has no area
    written(
        root / "a.json",
        {
            "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
            "annotations": [
                {"id": number, "image_id": 1, "category_id": 1, "bbox": box}
                for number, box in enumerate(boxes)
            ],
            "categories": [{"id": 1, "name": "ship"}],
        },
    )
    return source(root, "coco", {"annotations": "a.json", "images": "images"}, **more)


def test_a_file_with_the_digest_of_its_entry_is_read(tmp_path: Path) -> None:
    given = _coco(tmp_path)
    digest = hashlib.sha256((tmp_path / "a.json").read_bytes()).hexdigest()
    scenes, _ = read(given.model_copy(update={"digests": {"a.json": digest.upper()}}))
    assert len(scenes) == 1


def test_another_digest_stops_with_one_line_and_status_2(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = _coco(tmp_path / "s")
    wrong = hashlib.sha256(b"another release").hexdigest()
    found = hashlib.sha256((tmp_path / "s" / "a.json").read_bytes()).hexdigest()
    raw = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    raw["sources"] = [{**given.model_dump(mode="json"), "digests": {"a.json": wrong}}]
    raw.pop("simulator")
    profile = written(tmp_path / "profile.yaml", yaml.safe_dump(raw))
    with pytest.raises(SystemExit) as stopped:
        main(["ingest", "--config", str(profile), "tiny"])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    for part in (
        "source tiny: digests.a.json",
        str(tmp_path / "s" / "a.json"),
        found,
        wrong,
        "fetch tiny.zip",
    ):
        assert part in said


def test_a_digested_file_must_be_there_and_inside_the_source(tmp_path: Path) -> None:
    given = _coco(tmp_path)
    with pytest.raises(DatasetNotFoundError, match=r"no file .*b\.json"):
        read(given.model_copy(update={"digests": {"b.json": "0" * 64}}))
    with pytest.raises(UserError, match="leads outside"):
        read(given.model_copy(update={"digests": {"../b.json": "0" * 64}}))


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({"expected_boxes": 3}, False),  # kept and set aside
        ({"expected_boxes": 2}, True),
        ({"expected_boxes": 2, "partial": True}, False),
        ({"expected_boxes": 2, "limit": 5}, False),
        ({}, False),
    ],
)
def test_a_source_of_other_objects_than_expected_warns(
    tmp_path: Path, config: Config, capsys: pytest.CaptureFixture[str], more: dict[str, Any], warned: bool
) -> None:
    ingest(_coco(tmp_path / "s", **more), config, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["boxes_differ_from_expected"] is warned
    assert summary["expected_boxes"] == more.get("expected_boxes")
    said = capsys.readouterr().err
    assert ("2 objects kept and 1 set aside, expected 2 in all" in said) is warned


def _land_cover(root: Path, **more: Any) -> SourceConfig:
    for number in range(3):
        grey(root / "sar" / f"{number}.tif", 20, 20, value=number)
        colours(root / "optical" / f"{number}.tif", np.full((20, 20, 3), [10 * number, 50, 90]))
        mask = np.full((20, 20), 10, np.uint8)
        mask[:5] = 40
        path = root / "lbl" / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
    layout = {"images": "sar/{id}", "masks": "lbl/{id}", "optical": "optical/{id}"}
    given = {"classes": {"farmland": 10, "water": 40}, "branches": ["sa2c", "pair"], **more}
    return source(root, "mask", layout, **given)


def test_masks_with_an_optical_twin_serve_both_branches(tmp_path: Path, config: Config) -> None:
    given = _land_cover(tmp_path / "s")
    (tmp_path / "s" / "optical" / "1.tif").unlink()
    colours(tmp_path / "s" / "optical" / "9.tif", np.zeros((20, 20, 3)))
    ingest(given, config, tmp_path / "out")
    scenes = read_scenes(tmp_path / "out" / "scenes.parquet")
    assert [scene.scene_id for scene in scenes] == ["tiny/sar/0", "tiny/sar/2"]
    assert all(scene.cover == {"farmland": 0.75, "water": 0.25} for scene in scenes)
    assert all(scene.annotated for scene in scenes)
    twins = np.load(tmp_path / "out" / "twins.npy")
    assert twins[:, 8, 8].tolist() == [[0, 50, 90], [20, 50, 90]]
    rejects = (tmp_path / "out" / "rejects.csv").read_text(encoding="utf-8")
    assert len(rejects.splitlines()) == 3  # the header, and:
    assert "lbl/1.tif,,has no optical twin 'optical/1',absent" in rejects
    assert "optical/9.tif,,an optical image without a SAR image; left out,note" in rejects


def test_masks_without_a_twin_in_the_layout_have_none(tmp_path: Path, config: Config) -> None:
    given = _land_cover(tmp_path / "s")
    alone = {key: value for key, value in given.layout.items() if key != "optical"}
    ingest(given.model_copy(update={"layout": alone, "branches": ["sa2c"]}), config, tmp_path / "out")
    assert not (tmp_path / "out" / "twins.npy").exists()
    assert len(read_scenes(tmp_path / "out" / "scenes.parquet")) == 3


def test_the_pair_branch_without_twins_in_the_layout_stops(tmp_path: Path) -> None:
    given = _coco(tmp_path, branches=["a2c", "pair"])
    with pytest.raises(UserError, match=r"layout\.optical: missing; the pair branch needs"):
        read(given)
