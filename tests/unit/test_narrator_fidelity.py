"""Fidelity: facts judged by hand, their intervals, and a run's file."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from sartext.core.config import Config, NarratorConfig, load_config
from sartext.core.errors import UserError
from sartext.core.files import write_json, write_text
from sartext.core.records import Box, Caption, Scene
from sartext.core.tables import read_scenes, write_records
from sartext.narrator import a2c, narrate_source, sa2c
from sartext.narrator.fidelity import (
    KINDS,
    FidelityScore,
    Tally,
    Truth,
    measure_fidelity,
    score_captions,
    share_holds,
    tally_scene,
    truth_of_record,
    truth_of_scene,
)

CONFIG = NarratorConfig()
TRUTH = Truth(
    # two ships in the middle, one far up on the left, a bridge at the right border
    objects=(("ship", 0.5, 0.5), ("ship", 0.3, 0.5), ("ship", 0.1, 0.1), ("bridge", 0.9, 0.5)),
    cover={"water": 0.55, "forest": 0.25, "farmland": 0.15, "road": 0.04, "bare land": 0.01},
    classes=frozenset(("ship", "bridge", "aircraft", "storage tank")),
    covers=frozenset(("water", "forest", "farmland", "road", "bare land", "built-up")),
)


def judged(*captions: str, truth: Truth = TRUTH) -> dict[str, tuple[int, int, int, int]]:
    """Right, said, told, true by kind."""
    counts = tally_scene(truth, captions, CONFIG).counts
    return {kind: tuple(row) for kind, row in zip(KINDS, counts.tolist(), strict=True)}


def wrong(caption: str) -> dict[str, int]:
    """How many facts of each kind are said and false."""
    return {kind: said - right for kind, (right, said, _, _) in judged(caption).items() if said > right}


def test_true_captions_are_true_and_tell_what_they_tell() -> None:
    assert judged("3 boats and 1 bridge.") == {
        "class": (2, 2, 2, 2),
        "count": (2, 2, 2, 2),
        # ship center, ship edge, bridge edge
        "place": (0, 0, 0, 3),
        # water, forest, farmland and road; bare land lies below minor_share
        "cover": (0, 0, 0, 4),
        "share": (0, 0, 0, 4),
    }
    second = judged("2 ships lie in the center, 1 ship and a bridge at the edge.")
    assert second["place"] == (3, 3, 3, 3)
    assert second["count"] == (3, 3, 0, 2), "a number at a place tells no total"


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("2 ships", {"count": 1}),
        ("many ships", {}),
        ("several bridges", {"count": 1}),
        ("some aircraft", {"class": 1, "count": 1}),
        ("no aircraft", {}),
        ("no ships", {"class": 1}),
        ("a zeppelin", {"class": 1}),
        ("an airport and a parking lot", {}),
        ("a ship and a ship and a ship", {}),
        ("3 ships in the center", {"count": 1}),
        ("1 bridge in the center", {"count": 1, "place": 1}),
        ("a ship in the upper left", {}),
        ("a ship on the left", {}),  # one of nine cells; two lie in the left third
        ("2 ships on the left", {}),
        ("3 ships on the left", {"count": 1}),
        ("a bridge on the right", {}),
        ("a bridge in the upper right", {"count": 1, "place": 1}),
        ("water dominates", {}),
        ("forest dominates", {"share": 1}),
        ("vegetation covers a large part", {}),
        ("vegetation covers a small part", {"share": 1}),
        ("roads cover a small part", {}),
        ("60% of the image is water", {}),
        ("70% of the image is water", {"share": 1}),
        ("a town", {"cover": 1}),
        ("no buildings", {}),
        ("no water", {"cover": 1}),
        ("the upper half is dominated by forest", {}),
    ],
)
def test_each_fact_is_judged_by_itself(caption: str, expected: dict[str, int]) -> None:
    assert wrong(caption) == expected


def test_facts_on_which_the_truth_is_silent_are_counted_apart() -> None:
    # an airport and that it is one; how many roads there are and where; how much of the image the ships take
    tally = tally_scene(TRUTH, ["An airport.", "Two roads on the left.", "Ships cover a small part."], CONFIG)
    assert tally.unchecked == 5
    assert wrong("An airport. Two roads on the left.") == {}


def test_the_same_fact_in_two_captions_counts_once() -> None:
    assert judged("3 ships", "three ships", "3 vessels") == judged("3 ships")


def test_a_truth_that_tells_apart_is_not_lumped() -> None:
    fine = Truth((), {"building": 0.3, "built-up": 0.1}, frozenset(), frozenset(("building", "built-up")))
    assert judged("built-up land covers a small part", truth=fine)["share"] == (1, 1, 1, 2)
    coarse = Truth((), {"built-up": 0.3}, frozenset(), frozenset(("built-up",)))
    assert judged("buildings cover a large part", truth=coarse)["share"] == (1, 1, 1, 1)


def test_recall_of_places_is_over_nine_cells_where_a_caption_names_them() -> None:
    # ships stand in the center, on the left and in the upper left; the bridge on the right
    assert judged("a ship in the upper left and a bridge on the right")["place"] == (2, 2, 2, 4)


@pytest.mark.parametrize(
    ("said", "share", "holds"),
    [
        ("dominant", 0.5, True),
        ("dominant", 0.499, False),
        ("large", 0.2, True),
        ("large", 0.9, True),
        ("large", 0.19, False),
        ("small", 0.19, True),
        ("small", 0.2, False),
        ("small", 0.0, False),
        (0.3, 0.4, True),
        (0.3, 0.41, False),
    ],
)
def test_words_for_shares(said: str | float, share: float, holds: bool) -> None:
    assert share_holds(said, share, CONFIG) is holds


def test_annotations_and_the_simulators_records_are_the_same_truth() -> None:
    scene = Scene(
        "a/1", "a", "val", "sar", "x", 100, 50, boxes=(Box("oil tank", 10, 10, 20, 10),), cover={"bare": 1.0}
    )
    record: dict[str, Any] = {
        "width": 100,
        "height": 50,
        "objects": [{"label": "storage tank", "x": 10, "y": 10, "width": 20, "height": 10}],
        "cover": {"bare": 1.0, "water": 0.0},
    }
    assert truth_of_scene(scene, ["oil tank"], ["bare"]).objects == (("storage tank", 0.2, 0.3),)
    assert truth_of_record(record).objects == (("storage tank", 0.2, 0.3),)
    assert truth_of_record(record).cover == {"bare land": 1.0}
    assert "built-up" in truth_of_record(record).covers


def test_intervals_are_those_of_a_bootstrap_over_scenes() -> None:
    # 40 scenes with one fact right of one said, 60 with none right of two
    score = FidelityScore()
    for index in range(100):
        counts = np.zeros((len(KINDS), 4), np.int64)
        counts[0] = (1, 1, 1, 2) if index < 40 else (0, 2, 0, 2)
        score.add(Tally(counts), 1)
    value = score.kinds(4000)["class"]["precision"]
    assert value["value"] == 0.25
    assert value["n"] == 160
    draws = np.random.default_rng(7).binomial(100, 0.4, 200_000)
    low, high = np.percentile(draws / (200 - draws), (2.5, 97.5))
    assert value["low"] == pytest.approx(low, abs=0.02)
    assert value["high"] == pytest.approx(high, abs=0.02)
    assert score.kinds(50)["place"]["recall"] == {"value": None, "low": None, "high": None, "n": 0}
    assert score.kinds(4000) == score.kinds(4000)


def test_scores_of_parts_merge_to_the_score_of_the_whole() -> None:
    told = [(TRUTH, ["3 ships"]), (TRUTH, ["2 ships", "a bridge"]), (TRUTH, [])]
    whole = score_captions(told)
    parts = score_captions(told[:1])
    parts.merge(score_captions(told[1:]))
    assert parts.kinds(200) == whole.kinds(200)
    assert (whole.scenes, whole.captions) == (3, 3)
    assert whole.kinds(200)["count"]["recall"]["value"] == pytest.approx(2 / 6, abs=1e-6)


def classes_of(path: Path) -> tuple[list[str], list[str]]:
    """The classes of boxes and of land cover that a source's config names."""
    entry = yaml.safe_load(path.read_text(encoding="utf-8"))
    classes = entry.get("classes", {})
    if entry["format"] != "mask":
        return sorted(set(classes.values())), []
    alone = entry["layout"].get("mask_class")
    return ([alone], []) if alone else ([], list(classes))


WORDINGS = (
    CONFIG,
    NarratorConfig(wording="varied", places="grid"),
    NarratorConfig(rule="b2c"),
)


def test_captions_of_every_class_of_every_source_are_true(root: Path) -> None:
    found = 0
    for path in sorted((root / "config" / "sources").glob("*.yaml")):
        labels, covers = classes_of(path)
        for config, label in product(WORDINGS, labels):
            for count in (1, 2):
                boxes = tuple(Box(label, 10.0 + 60 * i, 40, 4, 4) for i in range(count))
                scene = Scene("a/1", "a", "train", "sar", "x", 90, 90, boxes=boxes)
                captions = a2c(scene, config)
                tally = tally_scene(truth_of_scene(scene, labels, covers), captions, config)
                right, said, told, true = tally.counts[:3].T.tolist()
                assert right == said, (path.name, captions)
                assert said[0] == 1, (path.name, captions)
                assert told == true, (path.name, captions)
                assert tally.unchecked == 0, (path.name, captions)
                found += 1
        for config, first in product(WORDINGS, range(len(covers))):
            shares = dict(zip(covers[first:] + covers[:first], (0.54, 0.2, 0.1, 0.06, 0.05), strict=False))
            scene = Scene("a/1", "a", "train", "sar", "x", 90, 90, cover=shares)
            captions = sa2c(scene, config)
            right, said, told, true = tally_scene(
                truth_of_scene(scene, labels, covers), captions, config
            ).counts.T.tolist()
            assert right == said == told == true, (path.name, captions)
            assert true[3:] == [len(shares)] * 2, (path.name, captions)
            found += 1
    assert found > 200


def test_damage_to_buildings_is_told_apart_where_the_truth_does() -> None:
    shares = {"intact": 0.5, "damaged": 0.2, "destroyed": 0.05}
    scene = Scene("a/1", "a", "train", "sar", "x", 90, 90, cover=shares)
    truth = truth_of_scene(scene, (), shares)
    assert judged("Destroyed buildings dominate.", truth=truth)["share"] == (0, 1, 0, 3)
    assert judged("Houses dominate.", truth=truth)["share"] == (1, 1, 3, 3)
    assert judged("No damaged buildings.", truth=truth)["cover"] == (0, 1, 0, 3)
    assert tally_scene(TRUTH, ["A damaged building."], CONFIG).unchecked == 2, "the truth tells no damage"


SHIPS = tuple(Box("ship", 8.0 * i, 4.0 * i, 4, 4) for i in range(6))


@pytest.fixture
def run(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A narrated run of one simulated source of boxes, one of masks and one of pairs, ten scenes each."""
    whole = load_config(root / "config" / "smoke.yaml")
    monkeypatch.chdir(tmp_path)
    names = ("msar", "fusar-map", "osdataset")
    config = whole.model_copy(update={"sources": [s for s in whole.sources if s.name in names]})
    for name in names:
        scenes, truth = [], []
        for index in range(10):
            boxes = SHIPS[: index % 6 + 1] if name == "msar" else ()
            cover = {"water": 0.6, "vegetation": 0.4} if name == "fusar-map" else {}
            scene_id = f"{name}/{index}"
            scenes.append(
                Scene(scene_id, name, "train", "sar", "x.png", 64, 64, boxes=boxes, cover=cover, twin="y.png")
            )
            ships = [{"label": "ship", "x": b.x, "y": b.y, "width": 4, "height": 4} for b in boxes]
            land = {"water": 0.6, "forest": 0.3, "farmland": 0.1}
            truth.append(
                {"scene_id": scene_id, "width": 64, "height": 64, "objects": ships, "cover": land}
                | {"references": ["Water is seen."]}
            )
        write_records(config.results / "scenes" / name / "scenes.parquet", scenes, Scene)
        write_json(Path("data/simulated") / config.profile / "truth" / f"{name}.json", truth)
    for name, branch in (("msar", "a2c"), ("fusar-map", "sa2c")):
        narrate_source(config, name, branch, config.results / "captions" / f"{name}.{branch}.parquet")
    pairs = config.results / "captions" / "osdataset.pair.parquet"
    write_records(
        pairs, [Caption(f"osdataset/{i}", "pair", "dark water and 2 ships") for i in range(10)], Caption
    )
    rows = "".join(f"osdataset/{i},blue water,dark water and 2 ships\n" for i in range(10))
    write_text(pairs.with_suffix(".csv"), "scene_id,optical_caption,caption\n" + rows)
    return config


def test_a_run_is_measured_by_branch(run: Config) -> None:
    out = Path("fidelity.json")
    measure_fidelity(run, out)
    first = out.read_bytes()
    measure_fidelity(run, out)
    assert out.read_bytes() == first
    report = json.loads(first)
    branches = {entry["branch"]: entry for entry in report["branches"]}
    assert set(branches["a2c"]["kinds"]) == {*KINDS, "overall"}

    def value(branch: str, kind: str, side: str) -> float | None:
        found: float | None = branches[branch]["kinds"][kind][side]["value"]
        return found

    assert value("a2c", "count", "precision") == value("a2c", "count", "recall") == 1.0
    assert value("a2c", "cover", "recall") == 0.0
    # the mask says vegetation where the truth tells forest and farmland apart
    assert value("sa2c", "share", "precision") == value("sa2c", "cover", "recall") == 1.0
    # no ships there: two facts of three are wrong; water is one cover of three
    assert value("pair", "overall", "precision") == pytest.approx(1 / 3, abs=1e-6)
    assert value("pair", "cover", "recall") == pytest.approx(1 / 3, abs=1e-6)
    assert value("optical words", "overall", "precision") == 1.0
    assert branches["references"]["scenes"] == 30
    assert {row["reason"] for row in report["rows"]} == {""}


def test_fidelity_falls_with_damage(run: Config) -> None:
    measure_fidelity(run, Path("fidelity.json"))
    damage = json.loads(Path("fidelity.json").read_text(encoding="utf-8"))["damage"]

    def curve(branch: str, kind: str, what: str, side: str) -> list[float]:
        return [
            entry["kinds"][kind][side]["value"]
            for entry in damage
            if entry["branch"] == branch and entry["damage"] in ("none", what)
        ]

    shares = [entry["share"] for entry in damage if entry["branch"] == "a2c" and entry["damage"] == "miss"]
    assert shares == run.narrator.damage
    missed = curve("a2c", "count", "miss", "recall")
    assert missed == sorted(missed, reverse=True)
    assert missed[0] == 1.0 > missed[-1]
    assert curve("a2c", "class", "miss", "precision") == [1.0] * len(missed), "what is left is right"
    assert curve("sa2c", "cover", "miss", "recall")[-1] < 1.0
    assert curve("sa2c", "share", "mislabel", "precision")[-1] < 1.0


def test_mislabelling_shows_where_all_classes_of_a_source_are_ships(run: Config) -> None:
    path = run.results / "scenes" / "msar" / "scenes.parquet"
    scenes = read_scenes(path)
    kinds = ("cargo ship", "tanker", "rescue ship")
    boxes = (Box("bridge", 5, 5, 4, 4),)
    write_records(
        path,
        [
            replace(scene, boxes=tuple(replace(box, label=kinds[i % 3]) for i, box in enumerate(scene.boxes)))
            for scene in scenes
        ],
        Scene,
    )
    other = run.results / "scenes" / "hrsid" / "scenes.parquet"
    write_records(other, [Scene("hrsid/0", "hrsid", "train", "sar", "x", 64, 64, boxes=boxes)], Scene)
    hrsid = next(entry for entry in run.sources if entry.name == "msar").model_copy(update={"name": "hrsid"})
    real = run.model_copy(update={"simulator": None, "sources": [*run.sources, hrsid]})
    for name in ("msar", "hrsid"):
        narrate_source(real, name, "a2c", run.results / "captions" / f"{name}.a2c.parquet")
    measure_fidelity(real, Path("fidelity.json"))
    damage = json.loads(Path("fidelity.json").read_text(encoding="utf-8"))["damage"]
    curve = [
        [entry["kinds"]["count"][side]["value"] for side in ("precision", "recall")]
        for entry in damage
        if entry["branch"] == "a2c" and entry["damage"] in ("none", "mislabel")
    ]
    assert curve[0] == [1.0, 1.0]
    assert max(curve[-1]) < 0.95


def test_real_sources_are_measured_on_their_annotation_and_pairs_not_at_all(run: Config) -> None:
    real = run.model_copy(update={"simulator": None})
    measure_fidelity(real, Path("fidelity.json"))
    rows = {
        row["branch"]: row for row in json.loads(Path("fidelity.json").read_text(encoding="utf-8"))["rows"]
    }
    assert rows["a2c"]["truth"] == rows["sa2c"]["truth"] == "annotations"
    assert rows["a2c"]["kinds"]["overall"]["precision"]["value"] == 1.0
    assert rows["a2c"]["kinds"]["cover"]["recall"]["n"] == 0
    assert rows["pair"]["kinds"] is None
    assert "no annotation" in rows["pair"]["reason"]
    assert "references" not in rows


def test_a_scene_that_the_truth_lacks_is_an_error(run: Config) -> None:
    path = Path("data/simulated") / run.profile / "truth" / "msar.json"
    write_json(path, json.loads(path.read_text(encoding="utf-8"))[1:])
    with pytest.raises(UserError, match=r"msar\.json: knows no scene msar/0"):
        measure_fidelity(run, Path("fidelity.json"))
