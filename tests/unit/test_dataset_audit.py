"""The audit of a built set: a leak of each kind planted into its tables is found."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_files import Pixels, as_stack, ingested, make_config, make_image, nudged
from likeness_files import make_scene
from PIL import Image

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import read_json, sha256_file, write_json
from sartext.core.records import Scene
from sartext.core.tables import read_scenes, write_records
from sartext.dataset.likeness.audit import audit_set
from sartext.dataset.parts import Dropped, gather, keep

SOURCES: dict[str, dict[str, Any]] = {
    "tiles": {"format": "coco", "branches": ["a2c"], "classes": {"ship": "ship"}},
    "copies": {"format": "coco", "branches": ["a2c"], "classes": {"ship": "ship"}},
    "pairs": {"format": "pairs", "branches": ["pair"]},
    "words": {"format": "karpathy"},
}
STAGES = {"sartext": ("tiles", "copies", "pairs"), "stage1": ("words",)}


class World:
    """Four ingested sources; every image is its own until one is planted."""

    def __init__(self, version: str = "draft", **changed: dict[str, Any]) -> None:
        self.config: Config = make_config(version, **{**SOURCES, **changed})
        self.scenes: dict[str, Scene] = {}
        self.images: dict[str, Pixels] = {}
        self.twins: dict[str, Pixels] = {}
        for source in SOURCES:
            for number in range(1, 7):
                self._add(source, number, ("train", "train", "train", "train", "val", "test")[number - 1])

    def _add(self, source: str, number: int, split: str) -> None:
        name = f"{source}/{number}"
        fields: dict[str, Any] = {}
        if source == "tiles":
            # a row of tiles that touch, each group of its own split
            left = 96 * number
            fields = {"group": f"tiles/{split}", "window": (left, 0, left + 96, 96)}
        if source == "words":
            fields = {"modality": "optical", "captions": ("A ship.",)}
        if source == "pairs":
            fields = {"twin": f"{name}o.png"}
            self.twins[name] = make_image(f"{name}o", channels=3)
        self.scenes[name] = make_scene(name, split, **fields)
        self.images[name] = make_image(name, channels=3 if source == "words" else 0)

    def write(self) -> None:
        for source in SOURCES:
            own = [scene for scene in self.scenes.values() if scene.source == source]
            names = [scene.scene_id for scene in own]
            twins = [self.twins[name] for name in names] if source == "pairs" else None
            ingested(self.config, own, [self.images[name] for name in names], twins)

    def build(self) -> None:
        """Build both sets of everything that `keep` leaves."""
        self.write()
        gathered = gather(self.config, with_benchmark=True)
        for name, sources in STAGES.items():
            scenes = [scene for scene in self.scenes.values() if scene.source in sources]
            dropped: list[Dropped] = []
            kept = keep(gathered, scenes, {s.scene_id: (1, 2, 7) for s in scenes}, dropped, name)
            self.put(name, kept.scenes)
            write_json(
                self.config.results / name / "leaks.json", {"pairs": [leak.record() for leak in kept.leaks]}
            )

    def put(self, name: str, scenes: list[Scene]) -> None:
        write_records(self.config.results / name / "scenes.parquet", scenes, Scene)

    def built(self, name: str) -> list[Scene]:
        return read_scenes(self.config.results / name / "scenes.parquet")

    def remaining(self, name: str) -> list[tuple[str, str, str, str]]:
        path = self.config.results / "audit" / f"{name}.remaining.csv"
        with path.open(encoding="utf-8", newline="") as stream:
            return [
                (row["scene_id"], row["kind"], row["other"], row["via"]) for row in csv.DictReader(stream)
            ]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    return World()


def plant_exact(world: World) -> tuple[str, str, str, str]:
    world.images["copies/1"] = world.images["tiles/6"]
    return "copies/1", "exact", "tiles/6", ""


def plant_near(world: World) -> tuple[str, str, str, str]:
    world.images["copies/5"] = nudged(world.images["copies/6"])
    return "copies/5", "near", "copies/6", ""


def plant_twin_in_stage1(world: World) -> tuple[str, str, str, str]:
    world.images["words/2"] = world.twins["pairs/6"]
    return "words/2", "exact twin", "pairs/6", ""


def plant_near_twin(world: World) -> tuple[str, str, str, str]:
    world.twins["pairs/3"] = nudged(world.images["words/6"])
    return "pairs/3", "near twin", "words/6", ""


def plant_overlap(world: World) -> tuple[str, str, str, str]:
    tile = world.scenes["tiles/2"]
    world.scenes["tiles/2"] = replace(tile, group="tiles/test", window=(96 * 7 - 1, 0, 96 * 8, 96))
    return "tiles/2", "overlap", "tiles/6", ""


def plant_same_scene(world: World) -> tuple[str, str, str, str]:
    world.scenes["tiles/2"] = replace(world.scenes["tiles/2"], group="tiles/test", window=None)
    return "tiles/2", "same scene", "tiles/6", ""


def plant_copy_of_overlap(world: World) -> tuple[str, str, str, str]:
    plant_overlap(world)
    world.images["copies/3"] = nudged(world.images["tiles/2"])
    return "copies/3", "near", "tiles/6", "tiles/2"


PLANTS: list[Callable[[World], tuple[str, str, str, str]]] = [
    plant_exact, plant_near, plant_twin_in_stage1, plant_near_twin, plant_overlap, plant_same_scene,
    plant_copy_of_overlap,
]  # fmt: skip


def test_a_clean_set_passes_with_nothing_removed(world: World) -> None:
    world.build()
    found = audit_set(world.config, "sartext")
    assert found == {
        "set": "sartext", "benchmark": None, "benchmark_images": 0, "tests": 5, "repeated_tests": 0,
        "checked": 15, "removed": [], "removed_by_kind": {}, "remaining": 0,
        "scenes": sha256_file(world.config.results / "sartext" / "scenes.parquet"),
    }  # fmt: skip
    assert read_json(world.config.results / "audit" / "sartext.json") == found
    assert audit_set(world.config, "stage1")["checked"] == 5


@pytest.mark.parametrize("plant", PLANTS)
def test_a_leak_that_the_build_removed_is_named_and_one_that_is_left_stops(
    world: World, plant: Callable[[World], tuple[str, str, str, str]]
) -> None:
    train, kind, test, via = plant(world)
    name = "stage1" if train.startswith("words") else "sartext"
    world.build()
    assert train not in {scene.scene_id for scene in world.built(name)}
    report = audit_set(world.config, name)
    removed = [pair for pair in report["removed"] if pair["train"] == train]
    assert [(pair["kind"], pair["test"], pair.get("via", "")) for pair in removed] == [(kind, test, via)]
    assert report["removed_by_kind"][f"{kind}, via another" if via else kind] == 1
    assert not (world.config.results / "audit" / f"{name}.remaining.csv").exists()

    world.put(name, [*world.built(name), world.scenes[train]])
    with pytest.raises(UserError, match=rf"1 images must not be in.*{train} \({kind}\) with {test}"):
        audit_set(world.config, name)
    assert world.remaining(name) == [(train, kind, test, via)]
    assert not (world.config.results / "audit" / f"{name}.json").exists()


def test_a_test_scene_that_became_training_is_found(world: World) -> None:
    world.build()
    world.put("stage1", [replace(scene, split="train") for scene in world.built("stage1")])
    with pytest.raises(UserError, match=r"words/6 \(exact\) with words/6"):
        audit_set(world.config, "stage1")


def test_a_place_changed_in_the_built_table_is_found(world: World) -> None:
    world.build()
    moved = [
        replace(scene, group="tiles/test", window=(500, 0, 700, 96)) if scene.scene_id == "tiles/1" else scene
        for scene in world.built("sartext")
    ]
    world.put("sartext", moved)
    with pytest.raises(UserError, match=r"tiles/1 \(overlap\) with tiles/6"):
        audit_set(world.config, "sartext")


def test_splits_that_cut_a_scene_or_a_duplicate_are_found(world: World) -> None:
    world.scenes["tiles/5"] = replace(world.scenes["tiles/5"], group="tiles/train")
    world.images["copies/5"] = nudged(world.images["copies/1"])
    world.images["pairs/5"] = world.images["copies/2"]
    world.build()
    audit_set(world.config, "sartext")
    lost = [world.scenes[name] for name in ("tiles/5", "copies/5", "pairs/5")]
    assert not {scene.scene_id for scene in world.built("sartext")} & {scene.scene_id for scene in lost}
    world.put("sartext", [*world.built("sartext"), *lost])
    with pytest.raises(UserError, match="3 images must not be in"):
        audit_set(world.config, "sartext")
    assert world.remaining("sartext") == [
        ("copies/5", "cut duplicate (near)", "copies/1", ""),
        ("pairs/5", "cut duplicate (exact)", "copies/2", ""),
        ("tiles/5", "cut scene", "tiles/1", ""),
    ]


def test_a_validation_image_with_a_training_image_s_twin_is_found(world: World) -> None:
    world.twins["pairs/5"] = nudged(world.twins["pairs/2"])
    world.build()
    audit_set(world.config, "sartext")
    assert "pairs/5" not in {scene.scene_id for scene in world.built("sartext")}
    world.put("sartext", [*world.built("sartext"), world.scenes["pairs/5"]])
    with pytest.raises(UserError, match=r"1 images must not be in.*pairs/5 \(cut duplicate \(near twin\)\)"):
        audit_set(world.config, "sartext")
    assert world.remaining("sartext") == [("pairs/5", "cut duplicate (near twin)", "pairs/2", "")]


def test_repeated_test_images_go_if_we_drew_them_and_are_counted_if_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    official = {**SOURCES["copies"], "splits": {"train": "a", "val": "b", "test": "c"}}
    world = World(copies=official, words={**SOURCES["words"], "splits": official["splits"]})
    world.images["tiles/6"] = world.images["copies/6"]
    world.images["copies/2"] = nudged(world.images["copies/1"])
    world.scenes["copies/1"] = replace(world.scenes["copies/1"], split="test")
    world.scenes["copies/2"] = replace(world.scenes["copies/2"], split="test")
    world.build()
    tests = {scene.scene_id for scene in world.built("sartext") if scene.split == "test"}
    assert tests == {"copies/1", "copies/2", "copies/6", "pairs/6"}
    assert audit_set(world.config, "sartext")["repeated_tests"] == 1
    assert audit_set(world.config, "stage1")["repeated_tests"] == 0
    world.put("sartext", [*world.built("sartext"), world.scenes["tiles/6"]])
    with pytest.raises(UserError, match=r"tiles/6 \(repeated test \(exact\)\) with copies/6"):
        audit_set(world.config, "sartext")


def test_benchmark_images_are_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world = World("v0")
    folder = Path("data/benchmark/v0")
    (folder / "vqa" / "images").mkdir(parents=True)
    write_json(folder / "manifest.json", {})
    Image.fromarray(as_stack(nudged(world.images["copies/1"]))[..., 0]).save(
        folder / "vqa" / "images" / "old__1.png"
    )
    world.build()
    report = audit_set(world.config, "sartext")
    assert (report["benchmark"], report["benchmark_images"], report["tests"]) == ("v0", 1, 6)
    assert [(pair["test"], pair["train"], pair["kind"]) for pair in report["removed"]] == [
        ("vqa/images/old__1.png", "copies/1", "near")
    ]
    world.put("sartext", [*world.built("sartext"), world.scenes["copies/1"]])
    with pytest.raises(UserError, match=r"copies/1 \(near\) with vqa/images/old__1"):
        audit_set(world.config, "sartext")
    assert audit_set(world.config, "sartext", with_benchmark=False)["benchmark"] is None


def test_a_failed_audit_leaves_no_earlier_report(world: World) -> None:
    world.build()
    audit_set(world.config, "sartext")
    stranger = make_scene("nobody/1")
    world.put("sartext", [*world.built("sartext"), stranger])
    with pytest.raises(UserError, match="nobody/1: not among the ingested scenes; build sartext again"):
        audit_set(world.config, "sartext")
    assert list((world.config.results / "audit").iterdir()) == []


@pytest.mark.parametrize("content", [[], {}, {"pairs": 3}, {"pairs": [1]}, {"pairs": [{"test": "a"}]}])
def test_a_faulty_table_of_what_was_removed_is_named(world: World, content: Any) -> None:
    world.build()
    path = world.config.results / "sartext" / "leaks.json"
    write_json(path, content)
    with pytest.raises(UserError, match=r"leaks\.json: pairs: expected a list of leaks"):
        audit_set(world.config, "sartext")
    path.unlink()
    with pytest.raises(UserError, match=r"leaks\.json: no such file"):
        audit_set(world.config, "sartext")


def test_two_audits_write_equal_bytes(world: World) -> None:
    plant_exact(world)
    world.build()
    path = world.config.results / "audit" / "sartext.json"
    audit_set(world.config, "sartext")
    first = path.read_bytes()
    audit_set(world.config, "sartext")
    assert path.read_bytes() == first
    assert np.count_nonzero(np.frombuffer(first, np.uint8) == ord("\n")) > 10
