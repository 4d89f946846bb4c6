"""Stage 1 and SAR-TEXT from small ingested sources with a leak of each kind planted in them."""

import csv
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from dataset_files import Pixels, contents, ingested, make_config, make_image, nudged
from PIL import Image

from sartext.cli import main
from sartext.core.config import Config, save_config
from sartext.core.errors import UserError
from sartext.core.files import read_json, write_json
from sartext.core.records import Box, Caption, Scene, Turn
from sartext.core.tables import read_captions, read_questions, read_scenes, write_records
from sartext.dataset.about.write import write_about
from sartext.dataset.build import build_sartext
from sartext.dataset.likeness.audit import audit_set
from sartext.dataset.stage1 import build_stage1
from sartext.narrator import narrate_source

SOURCES: dict[str, dict[str, Any]] = {
    "boxes": {"format": "coco", "branches": ["a2c"], "classes": {"ship": "ship", "bridge": "bridge"}},
    "pairs": {"format": "pairs", "branches": ["pair"]},
    "words": {"format": "karpathy"},
    "talk": {"format": "dialogues"},
}


class World:
    """Four sources of distinct images: 6 with boxes, 4 pairs, 5 captioned and 4 spoken of, test last."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.scenes: dict[str, list[Scene]] = {name: [] for name in SOURCES}
        self.images: dict[str, list[Pixels]] = {name: [] for name in SOURCES}
        self.twins: list[Pixels] = []
        for name, count in (("boxes", 6), ("pairs", 4), ("words", 5), ("talk", 4)):
            for number in range(1, count + 1):
                split = "test" if number == count else "val" if number == count - 1 else "train"
                self.add(name, number, split)

    def add(self, source: str, number: int, split: str) -> None:
        modality = "sar" if source in ("boxes", "pairs") else "optical"
        scene_id = f"{source}/{number}"
        ships = (Box("ship", 10, 10, 8, 8), Box("ship", 40, 40, 8, 8))[: number % 2 + 1]
        scene = Scene(
            scene_id, source, split, modality, f"data/{scene_id}.png", 96, 96,  # type: ignore[arg-type]
            boxes=ships if source == "boxes" else (),
            twin=f"data/{scene_id}o.png" if source == "pairs" else None,
            captions=(f"a ship no {number} .", "a  harbor .", "A harbor.") if source == "words" else (),
            dialogue=(Turn("Is there a ship?", "Yes"),) if source == "talk" else (),
            annotated=source != "pairs",
        )  # fmt: skip
        self.scenes[source].append(scene)
        self.images[source].append(make_image(scene_id, channels=0 if modality == "sar" else 3))
        if source == "pairs":
            self.twins.append(make_image(f"{scene_id}o", channels=3))

    def write(self) -> None:
        for name, scenes in self.scenes.items():
            ingested(self.config, scenes, self.images[name], self.twins if name == "pairs" else None)
        folder = self.config.results / "captions"
        narrate_source(self.config, "boxes", "a2c", folder / "boxes.a2c.parquet")
        said = [Caption(scene.scene_id, "pair", "  a dark\tlake .") for scene in self.scenes["pairs"]]
        write_records(folder / "pairs.pair.parquet", said, Caption)

    def build(self, with_benchmark: bool = True) -> dict[str, dict[str, Any]]:
        self.write()
        build_stage1(self.config, with_benchmark)
        build_sartext(self.config, with_benchmark)
        return {name: audit_set(self.config, name, with_benchmark) for name in ("stage1", "sartext")}

    def removed(self, with_benchmark: bool = True) -> list[tuple[str, str, str]]:
        """Build and audit; return what the audits say was removed: training scene, test scene, kind."""
        return [
            (pair["train"], pair["test"], pair["kind"])
            for report in self.build(with_benchmark).values()
            for pair in report["removed"]
        ]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    return World(make_config(**SOURCES))


def save(path: str, image: Pixels) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def kept(config: Config, stage: str) -> set[str]:
    return {scene.scene_id for scene in read_scenes(config.results / stage / "scenes.parquet")}


def dropped(config: Config, stage: str) -> dict[str, tuple[str, str]]:
    with (config.results / stage / "dropped.csv").open(encoding="utf-8", newline="") as stream:
        return {row["scene_id"]: (row["reason"], row["other"]) for row in csv.DictReader(stream)}


def test_nothing_leaks_nothing_is_dropped(world: World) -> None:
    reports = world.build()
    assert all(report["removed"] == [] and report["remaining"] == 0 for report in reports.values())
    # training and val images of 6 + 4 and 5 + 4 scenes less one test image each
    assert (reports["sartext"]["checked"], reports["stage1"]["checked"]) == (8, 7)
    # one test image a source, and the twin of the pair
    assert reports["stage1"]["tests"] == reports["sartext"]["tests"] == 5
    assert kept(world.config, "sartext") == {s.scene_id for n in ("boxes", "pairs") for s in world.scenes[n]}
    assert kept(world.config, "stage1") == {s.scene_id for n in ("words", "talk") for s in world.scenes[n]}


def plant(world: World, kind: str) -> tuple[str, str, str]:
    """Plant one leak; return the training scene, the test scene and the kind that must be reported."""
    sar, optical = world.images["boxes"][5], world.images["words"][4]
    if kind == "exact, one source":
        world.images["boxes"][0] = sar
        return "boxes/1", "boxes/6", "exact"
    if kind == "near, one source":
        world.images["boxes"][1] = nudged(sar)
        return "boxes/2", "boxes/6", "near"
    if kind == "exact, other source":
        world.images["pairs"][0] = sar
        return "pairs/1", "boxes/6", "exact"
    if kind == "near, other source, val":
        world.images["pairs"][2] = nudged(sar)
        return "pairs/3", "boxes/6", "near"
    if kind == "twin of a test image in stage 1":
        world.images["words"][0] = world.twins[3]
        return "words/1", "pairs/4", "exact twin"
    if kind == "near twin of a test image in stage 1":
        world.images["talk"][0] = nudged(world.twins[3])
        return "talk/1", "pairs/4", "near twin"
    if kind == "twin of a training image is a test image's":
        world.twins[0] = world.twins[3]
        return "pairs/1", "pairs/4", "exact twin"
    if kind == "optical test image in stage 1":
        world.images["talk"][1] = optical
        return "talk/2", "words/5", "exact"
    assert kind == "optical test image as a twin"
    world.twins[1] = nudged(optical)
    return "pairs/2", "words/5", "near twin"


@pytest.mark.parametrize(
    "kind",
    [
        "exact, one source", "near, one source", "exact, other source", "near, other source, val",
        "twin of a test image in stage 1", "near twin of a test image in stage 1",
        "twin of a training image is a test image's", "optical test image in stage 1",
        "optical test image as a twin",
    ],
)  # fmt: skip
def test_a_planted_leak_of_each_kind_is_found_and_dropped(world: World, kind: str) -> None:
    train, test, said = plant(world, kind)
    assert world.removed() == [(train, test, said)]
    stage = "stage1" if train.split("/")[0] in ("words", "talk") else "sartext"
    report = read_json(world.config.results / "audit" / f"{stage}.json")
    assert report["removed_by_kind"] == {said: 1}
    assert train not in kept(world.config, stage)
    assert test in kept(world.config, "stage1") | kept(world.config, "sartext")
    assert dropped(world.config, stage) == {train: (f"coincides with a test image ({said})", test)}
    refused_if_put_back(world, stage, train, rf"\({said}\) with {test}")


def refused_if_put_back(world: World, stage: str, train: str, said: str) -> None:
    """Undo a removal in the built table: the audit must name it, and pass once it is removed again."""
    path = world.config.results / stage / "scenes.parquet"
    built = read_scenes(path)
    back = next(scene for scene in world.scenes[train.split("/")[0]] if scene.scene_id == train)
    write_records(path, [*built, back], Scene)
    with pytest.raises(UserError, match=rf": 1 images must not be in {stage}, the first: {train} {said}"):
        audit_set(world.config, stage)
    assert not (world.config.results / "audit" / f"{stage}.json").exists()
    write_records(path, built, Scene)
    assert audit_set(world.config, stage)["remaining"] == 0


@dataclass(frozen=True)
class Planted:
    """A planted leak: what the build and the audit must say of it, and which scenes fall on its way."""

    train: str
    kind: str
    test: str
    reason: str
    other: str
    via: str | None = None
    stage: str = "sartext"
    besides: tuple[str, ...] = ()


def cut(world: World, scene_id: str, group: str, window: tuple[int, int, int, int] | None) -> None:
    """Say that a scene was cut from a larger one."""
    source, number = scene_id.split("/")
    own = world.scenes[source]
    own[int(number) - 1] = replace(own[int(number) - 1], group=group, window=window)


def plant_overlap(world: World) -> Planted:
    cut(world, "boxes/6", "boxes/P1", (0, 0, 800, 800))
    cut(world, "boxes/2", "boxes/P1", (600, 0, 1400, 800))
    return Planted("boxes/2", "overlap", "boxes/6", "overlaps a test image", "boxes/6")


def plant_unknown_place(world: World) -> Planted:
    cut(world, "boxes/6", "boxes/P1", (0, 0, 800, 800))
    cut(world, "boxes/5", "boxes/P1", None)
    return Planted("boxes/5", "same scene", "boxes/6", "is of a test image's scene", "boxes/6")


def plant_drawn_scene(world: World) -> Planted:
    """Another source holds a far piece of what boxes' drawn split tests."""
    cut(world, "boxes/6", "boxes/P1", (0, 0, 800, 800))
    cut(world, "pairs/2", "boxes/P1", (9000, 0, 9800, 800))
    return Planted("pairs/2", "same scene", "boxes/6", "is of a test image's scene", "boxes/6")


def plant_via_a_copy(world: World) -> Planted:
    plant_overlap(world)
    world.images["pairs"][0] = nudged(world.images["boxes"][1])
    reason = "repeats an image that leaks (near)"
    return Planted("pairs/1", "near", "boxes/6", reason, "boxes/2", via="boxes/2", besides=("boxes/2",))


def plant_overlap_with_a_copy(world: World) -> Planted:
    cut(world, "boxes/1", "boxes/P1", (0, 0, 800, 800))
    cut(world, "boxes/2", "boxes/P1", (600, 0, 1400, 800))
    world.images["boxes"][0] = world.images["pairs"][3]
    reason = "overlaps a test image"
    return Planted("boxes/2", "overlap", "pairs/4", reason, "boxes/1", via="boxes/1", besides=("boxes/1",))


def plant_via_a_twin(world: World) -> Planted:
    """Stage 1 shows, in colours, the place of a SAR tile that overlaps a test tile."""
    cut(world, "pairs/4", "pairs/P1", (0, 0, 800, 800))
    cut(world, "pairs/1", "pairs/P1", (600, 0, 1400, 800))
    world.images["words"][0] = world.twins[0]
    reason = "repeats an image that leaks (exact twin)"
    return Planted("words/1", "exact twin", "pairs/4", reason, "pairs/1", via="pairs/1", stage="stage1")


def plant_benchmark_tile(world: World) -> Planted:
    cut(world, "boxes/2", "boxes/P701", (600, 0, 1400, 800))
    freeze(Path("data/benchmark/v0"), boxes__P701_0_800_0_800=make_image("tile"))
    name = "captioning/images/boxes__P701_0_800_0_800.png"
    return Planted("boxes/2", "overlap", name, "overlaps a test image", name)


def plant_benchmark_twin(world: World) -> Planted:
    """The benchmark froze a training pair of this run, stretched otherwise; stage 1 has its twin."""
    world.images["words"][1] = nudged(world.twins[0])
    freeze(Path("data/benchmark/v0"), pairs__1=make_image("as it was frozen"))
    name, kind = "captioning/images/pairs__1.png", "near twin"
    return Planted("words/2", kind, name, f"coincides with a test image ({kind})", name, stage="stage1")


PLANTS: list[Callable[[World], Planted]] = [
    plant_overlap, plant_unknown_place, plant_drawn_scene, plant_via_a_copy, plant_overlap_with_a_copy,
    plant_via_a_twin, plant_benchmark_tile, plant_benchmark_twin,
]  # fmt: skip


@pytest.mark.parametrize("plant", PLANTS)
def test_a_leak_by_place_by_another_image_or_by_the_benchmark_is_removed_and_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[World], Planted]
) -> None:
    monkeypatch.chdir(tmp_path)
    freeze(Path("data/benchmark/v0"), other__9=make_image("elsewhere"))
    boxes = {**SOURCES["boxes"], "tile_name": "{scene}_{y0}_{y1}_{x0}_{x1}"}
    world = World(make_config("v0", **{**SOURCES, "boxes": boxes}))
    leak = plant(world)
    report = world.build()[leak.stage]
    found = {pair["train"]: pair for pair in report["removed"]}
    assert set(found) == {leak.train, *leak.besides}
    said = found[leak.train]
    assert (said["kind"], said["test"], said.get("via")) == (leak.kind, leak.test, leak.via)
    assert report["removed_by_kind"][f"{leak.kind}, via another" if leak.via else leak.kind] == 1
    assert dropped(world.config, leak.stage)[leak.train] == (leak.reason, leak.other)
    assert leak.train not in kept(world.config, leak.stage)
    refused_if_put_back(world, leak.stage, leak.train, rf"\({leak.kind}\) with {leak.test}")


def test_a_pair_that_shares_its_twin_and_a_drawn_test_copy_are_removed_and_audited(world: World) -> None:
    world.twins[2] = world.twins[0]
    world.images["pairs"][3] = nudged(world.images["boxes"][5])
    assert world.removed() == []
    assert dropped(world.config, "sartext") == {
        "pairs/3": ("repeats another image (exact twin)", "pairs/1"),
        # a caption is said of it, two of the other
        "pairs/4": ("repeats a test image (near)", "boxes/6"),
    }
    refused_if_put_back(world, "sartext", "pairs/3", r"\(cut duplicate \(exact twin\)\) with pairs/1")
    refused_if_put_back(world, "sartext", "pairs/4", r"\(repeated test \(near\)\) with boxes/6")


def freeze(folder: Path, **images: Pixels) -> None:
    for name, image in images.items():
        path = folder / "captioning" / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    write_json(folder / "manifest.json", {"files": {}, "digest": ""})


@pytest.mark.parametrize(("change", "said"), [(False, "exact"), (True, "near")])
def test_images_of_the_frozen_benchmark_are_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bool, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(make_config("v0", **SOURCES))
    image = world.images["boxes"][1]
    freeze(
        Path("data/benchmark/v0"), other__9=make_image("elsewhere"), old__7=nudged(image) if change else image
    )
    assert world.removed() == [("boxes/2", "captioning/images/old__7.png", said)]
    report = read_json(world.config.results / "audit" / "sartext.json")
    assert (report["benchmark"], report["benchmark_images"]) == ("v0", 2)


def test_a_missing_benchmark_stops_the_build_unless_one_is_to_be_frozen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(make_config("v0", **SOURCES))
    world.write()
    with pytest.raises(UserError, match=r"data/benchmark/v0: no benchmark there.*dvc pull"):
        build_stage1(world.config)
    assert world.build(with_benchmark=False)["sartext"]["benchmark"] is None


def test_images_without_a_caption_and_copies_are_dropped_with_their_reason(world: World) -> None:
    boxes = world.scenes["boxes"]
    boxes[0] = replace(boxes[0], boxes=())
    boxes[5] = replace(boxes[5], boxes=())
    world.images["boxes"][2] = world.images["boxes"][1]
    world.images["words"][1] = nudged(world.images["words"][0])
    assert world.removed() == []
    assert dropped(world.config, "sartext") == {
        "boxes/1": ("nothing to say", ""),
        "boxes/6": ("nothing to say", ""),
        # of the copies the one with the richer text stays: two ships are told of in more words than one
        "boxes/2": ("repeats another image (exact)", "boxes/3"),
    }
    assert dropped(world.config, "stage1") == {"words/2": ("repeats another image (near)", "words/1")}
    write_about(world.config)
    statistics = read_json(world.config.results / "sartext" / "statistics.json")
    assert statistics["dropped"] == {"nothing to say": 2, "repeats another image (exact)": 1}


def test_captions_and_questions_of_both_stages(world: World) -> None:
    world.build()
    stage1 = read_captions(world.config.results / "stage1" / "captions.parquet")
    # two of three sentences say the same once cleaned
    assert [(c.branch, c.caption) for c in stage1 if c.scene_id == "words/1"] == [
        ("given", "A ship no 1."), ("given", "A harbor."),
    ]  # fmt: skip
    asked = read_questions(world.config.results / "stage1" / "questions.parquet")
    assert {(q.type, q.question, q.answer) for q in asked} == {("presence", "Is there a ship?", "yes")}
    said = read_captions(world.config.results / "sartext" / "captions.parquet")
    assert Counter(c.branch for c in said) == {"a2c": 12, "pair": 4}
    assert {c.caption for c in said if c.branch == "pair"} == {"A dark lake."}
    questions = read_questions(world.config.results / "sartext" / "questions.parquet")
    assert {q.scene_id.split("/")[0] for q in questions} == {"boxes"}
    # bridges are annotated by this source and none is there: the question alone would tell the answer
    assert not any("bridge" in q.question for q in questions)
    summary = read_json(world.config.results / "stage1" / "summary.json")
    assert summary["images"] == {"train": 5, "val": 2, "test": 2}
    assert summary["by_source"]["words"]["captions"] == 10


def test_statistics_are_those_of_a_count_by_hand(world: World) -> None:
    world.build()
    write_about(world.config)
    found = read_json(world.config.results / "sartext" / "statistics.json")
    assert found["all"]["images"] == {"train": 6, "val": 2, "test": 2}
    # boxes: 3 scenes of 1 ship in the corner, 3 of 2 with one in the middle; pairs: 4 times one caption
    boxes = found["by_source"]["boxes"]
    assert boxes["captions"] == 12
    assert boxes["captions_by_split"] == {"train": 8, "val": 2, "test": 2}
    assert boxes["distinct"] == 4
    assert boxes["repeated_share"] == 1.0
    # "There is 1 ship." 4 words; "... at the edge of this image." 10; "There are 2 ships." 4;
    # "There is 1 ship in the center, and 1 ship at the edge of this image." 16
    assert boxes["lengths"] == {"4": 6, "10": 3, "16": 3}
    assert boxes["mean_words"] == pytest.approx((6 * 4 + 3 * 10 + 3 * 16) / 12)
    assert boxes["vocabulary"] == len(
        set("there is 1 ship at the edge of this image are 2 ships in center and".split())  # noqa: SIM905
    )
    assert boxes["objects"] == {"ship": 9}
    assert boxes["images_with"] == {"ship": 6}
    assert boxes["objects_per_image"] == {"1": 3, "2": 3}
    both = found["by_source_and_branch"]
    assert {name: list(branches) for name, branches in both.items()} == {"boxes": ["a2c"], "pairs": ["pair"]}
    assert (both["boxes"]["a2c"]["images"], both["boxes"]["a2c"]["captions"]) == (6, 12)
    assert (both["pairs"]["pair"]["images"], both["pairs"]["pair"]["captions"]) == (4, 4)
    assert found["by_branch"]["pair"]["lengths"] == {"3": 4}
    assert dict(map(tuple, found["words"]))["ship"] == 12
    assert sum(found["questions"]["by_type"].values()) == found["questions"]["questions"] > 0


def test_two_builds_write_equal_bytes(world: World) -> None:
    world.build()
    first = {stage: contents(world.config.results / stage) for stage in ("stage1", "sartext")}
    world.build()
    assert first == {stage: contents(world.config.results / stage) for stage in ("stage1", "sartext")}
    assert {"scenes.parquet", "leaks.json", "dropped.csv", "texts.json"} <= set(first["sartext"])


def test_the_command_builds_a_part_or_all(world: World) -> None:
    for scene, image in zip(world.scenes["boxes"], world.images["boxes"], strict=True):
        save(scene.image, image)
    for scene, image in zip(world.scenes["pairs"], world.images["pairs"], strict=True):
        save(scene.image, image)
    world.write()
    save_config(world.config, Path("profile.yaml"))
    main(["build", "--config", "profile.yaml", "--part", "stage1"])
    assert not (world.config.results / "sartext").exists()
    main(["build", "--config", "profile.yaml"])
    assert {path.name for path in (world.config.results / "audit").iterdir()} == {
        "stage1.json", "sartext.json"
    }  # fmt: skip
    folder = world.config.results / "sartext"
    assert (folder / "statistics.json").is_file()
    written = read_json(folder / "exports.json")["files"]
    assert {"sartext.csv", "captions_test.json", "parquet/train.parquet"} <= set(written)
    # the export knows the shard of each image before it is written
    table = pq.read_table(folder / "exports" / "parquet" / "train.parquet").to_pylist()
    for row in table:
        with tarfile.open(folder / "shards" / row["shard"]) as shard:
            assert f"{row['key']}.json" in shard.getnames()
    assert len(table) == 6


BROUGHT = ("\ufffd ship.", " . ", "word " * 78, "A quay.", "a quay")


def test_captions_that_a_sar_source_brings_are_of_its_own_branch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(make_config(**{**SOURCES, "words": {"format": "csv", "modality": "sar"}}))
    world.images["words"] = [make_image(scene.scene_id) for scene in world.scenes["words"]]
    first = replace(
        world.scenes["words"][0], captions=("\ufffd ship.", " . ", "word " * 78, "A quay.", "a quay")
    )
    second = replace(
        world.scenes["words"][1],
        captions=(" ? ",),
        dialogue=(Turn("Is there a ship?", "No."), Turn("What is it?", "...")),
    )
    third = replace(world.scenes["words"][2], captions=("...",), dialogue=(Turn("What?", " . "),))
    world.scenes["words"][:3] = [first, second, third]
    world.build()
    folder = world.config.results / "sartext"
    said = [c for c in read_captions(folder / "captions.parquet") if c.scene_id.startswith("words/")]
    assert [(c.branch, c.caption) for c in said if c.scene_id == "words/1"] == [("given", "A quay.")]
    # three of the first, one of each of the others; cleaned, two of the rest say the same, as elsewhere
    assert read_json(folder / "texts.json")["words"]["dropped"] == {
        "empty": 3, "not printable": 1, "repeated": 3, "too long": 1,
    }  # fmt: skip
    # the second has a dialogue to say, the third nothing
    assert dropped(world.config, "sartext") == {"words/3": ("nothing to say", "")}
    asked = [q for q in read_questions(folder / "questions.parquet") if q.scene_id == "words/2"]
    assert [(q.question, q.answer) for q in asked] == [("Is there a ship?", "no")]


def remove(path: str) -> Any:
    return lambda world: (world.config.results / path).unlink()


def shuffled(world: World) -> None:
    path = world.config.results / "scenes" / "boxes" / "images.npy"
    np.save(path, np.load(path)[:3])


def stranger(world: World) -> None:
    write_records(
        world.config.results / "captions" / "boxes.a2c.parquet",
        [Caption("boxes/99", "a2c", "A ship.")],
        Caption,
    )


def bad_hash(world: World) -> None:
    path = world.config.results / "scenes" / "boxes" / "hashes.csv"
    lines = path.read_text().splitlines()
    scene_id, sha256, _, *rest = lines[1].split(",")
    path.write_text("\n".join([lines[0], ",".join([scene_id, sha256, "xyz", *rest]), *lines[2:]]) + "\n")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (remove("captions/boxes.a2c.parquet"), "boxes.a2c.parquet: no such file"),
        (remove("scenes/words/hashes.csv"), "hashes.csv: no table of scene_id,sha256,phash"),
        (remove("scenes/pairs/twins.npy"), "twins.npy: no such file; run 'sartext ingest' for pairs"),
        (remove("scenes/talk/scenes.parquet"), "scenes.parquet: no such file"),
        (shuffled, "images.npy: 3 images, but 6 scenes"),
        (stranger, "boxes/99: no such scene"),
        (bad_hash, "perceptual hash 'xyz'"),
    ],
)
def test_missing_or_foreign_inputs_are_named(
    world: World, harm: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write()
    harm(world)
    save_config(world.config, Path("profile.yaml"))
    with pytest.raises(SystemExit) as stop:
        main(["build", "--config", "profile.yaml"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_no_training_image_left_is_told(world: World) -> None:
    for name in ("boxes", "pairs"):
        world.scenes[name] = [replace(scene, split="test") for scene in world.scenes[name]]
    world.write()
    build_stage1(world.config)
    with pytest.raises(UserError, match="SAR-TEXT: no training image is left of 10 scenes"):
        build_sartext(world.config)


def test_a_stage_1_that_leaks_after_all_is_refused(world: World) -> None:
    """Stage 1 built before a test image came in: the audit finds it."""
    world.build()
    world.twins[3] = world.images["words"][0]
    world.write()
    with pytest.raises(UserError, match=r"stage1.*words/1 \(exact twin\) with pairs/4"):
        audit_set(world.config, "stage1")


def test_every_source_needs_its_modality(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="none is optical"):
        build_stage1(make_config(boxes=SOURCES["boxes"]))
    with pytest.raises(UserError, match="none is SAR"):
        build_sartext(make_config(words=SOURCES["words"]))
