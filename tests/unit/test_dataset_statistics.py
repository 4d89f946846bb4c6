"""Statistics of SAR-TEXT against counts by hand, and against counting by sets and sums."""

import csv
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_files import contents, make_config
from hypothesis import given, settings
from hypothesis import strategies as st

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import digest_json, read_json, write_json
from sartext.core.records import BRANCHES, SPLITS, Box, Branch, Caption, Question, QuestionType, Scene, Split
from sartext.core.tables import by_scene, write_records
from sartext.dataset.about.corpus import Corpus
from sartext.dataset.about.examples import worked_examples
from sartext.dataset.about.images import cover_statistics, image_statistics, object_statistics
from sartext.dataset.about.statistics import question_statistics, statistics
from sartext.dataset.about.write import write_about
from sartext.dataset.text import words


def scene(scene_id: str, split: Split = "train", **more: object) -> Scene:
    source = scene_id.split("/")[0]
    made = Scene(scene_id, source, split, "sar", f"nowhere/{scene_id.split('/', 1)[1]}.png", 100, 80)
    return replace(made, **more)  # type: ignore[arg-type]


def ship(label: str = "ship") -> Box:
    return Box(label, 10.0, 12.0, 4.0, 6.0)


def caption(scene_id: str, text: str, branch: Branch = "a2c") -> Caption:
    return Caption(scene_id, branch, text)


def question(scene_id: str, number: int, kind: QuestionType, text: str, answer: str) -> Question:
    return Question(f"{scene_id}#{number}", scene_id, kind, text, answer)


def test_captions_are_counted_as_by_hand() -> None:
    corpus = Corpus(["There is a ship.", "there  is a SHIP.", "There is a bridge and a ship.", "Water."])
    found = corpus.described(np.arange(4))
    assert found == {
        "captions": 4,
        "mean_words": 4.0,  # 4 + 4 + 7 + 1
        "vocabulary": 7,  # there is a ship bridge and water
        "distinct": 3,
        "distinct_share": 0.75,
        "repeated_share": 0.5,
        "lengths": {"1": 1, "4": 2, "7": 1},
        "distinct_1": round(7 / 16, 6),
        # there-is is-a a-ship a-bridge bridge-and and-a, of 3 + 3 + 6
        "distinct_2": round(6 / 12, 6),
        # there-is-a is-a-ship is-a-bridge a-bridge-and bridge-and-a and-a-ship, of 2 + 2 + 5
        "distinct_3": round(6 / 9, 6),
    }
    part = corpus.described(np.array([1, 3]))
    assert (part["vocabulary"], part["distinct"], part["repeated_share"]) == (5, 2, 0.0)
    assert corpus.frequent(3) == [["a", 4], ["is", 3], ["ship", 3]]


def test_nothing_is_described_as_nothing() -> None:
    found = Corpus([]).described(np.arange(0))
    assert (found["captions"], found["mean_words"], found["distinct_2"], found["lengths"]) == (
        0,
        None,
        None,
        {},
    )
    assert Corpus(["!?"]).described(np.arange(1))["distinct_1"] is None


TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "ships", "Ships", "7", "x-y"]), max_size=6).map(" ".join),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.randoms(use_true_random=False))
def test_parts_are_counted_as_sets_and_sums_count_them(texts: list[str], draw: random.Random) -> None:
    rows = [row for row in range(len(texts)) if draw.random() < 0.6]
    found = Corpus(texts).described(np.array(rows, dtype=np.int64))
    told = [words(texts[row]) for row in rows]
    folded = [" ".join(texts[row].lower().split()) for row in rows]
    assert found["distinct"] == len(set(folded))
    assert found["vocabulary"] == len({word for text in told for word in text})
    repeated = sum(folded.count(text) > 1 for text in folded)
    assert found["repeated_share"] == (round(repeated / len(rows), 6) if rows else None)
    for length in (1, 2, 3):
        grams = [tuple(t[i : i + length]) for t in told for i in range(len(t) - length + 1)]
        expected = round(len(set(grams)) / len(grams), 6) if grams else None
        assert found[f"distinct_{length}"] == expected


def test_images_are_counted_as_by_hand() -> None:
    scenes = [
        scene("s/1", resolution_m=3.0, polarisation="HH", group="s/g", twin="t.png"),
        scene("s/2", resolution_m=0.5, polarisation="VV", group="s/g", annotated=False),
        scene("s/3", width=300, height=200, resolution_m=10.0, group="s/alone"),
        scene("s/4"),
    ]
    found = image_statistics(scenes)
    assert found["width"] == {"min": 100, "median": 100.0, "max": 300}
    assert found["height"] == {"min": 80, "median": 80.0, "max": 200}
    assert found["sizes"] == {"100x80": 3, "300x200": 1}
    assert found["megapixels"] == 0.084
    assert found["resolution_m"] == {"min": 0.5, "median": 3.0, "max": 10.0}
    assert found["resolution_known"] == 3
    assert found["polarisations"] == {"HH": 1, "VV": 1, "unknown": 2}
    assert (found["annotated"], found["with_twin"], found["groups"]) == (3, 1, 1)
    assert image_statistics([])["width"] is None


def test_objects_and_cover_are_counted_as_by_hand() -> None:
    scenes = [
        scene("s/1", boxes=(ship(), ship(), ship("oiltank"))),
        scene("s/2", boxes=(ship("Ships"), ship("oil tank"))),
        scene("s/3", cover={"water": 0.1, "built up": 0.9}),
        scene("s/4", cover={"water": 0.35, "built up": 0.0}),
    ]
    assert object_statistics(scenes) == {
        "objects": {"oil tank": 2, "ship": 3},
        "images_with": {"oil tank": 2, "ship": 2},
        "counts": {"oil tank": {"1": 2}, "ship": {"1": 1, "2": 1}},
        "objects_per_image": {"2": 1, "3": 1},
    }
    # 0.1 is the first tenth's upper end; a share of nothing is no image with it
    assert cover_statistics(scenes) == {
        "built-up": {"images": 1, "mean_share": 0.45, "shares": [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]},
        "water": {"images": 2, "mean_share": 0.225, "shares": [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]},
    }


def test_questions_are_counted_as_by_hand() -> None:
    asked = [
        question("s/1", 0, "presence", "Is there a ship?", "yes"),
        question("s/1", 1, "presence", "Is there a car?", "no"),
        question("s/2", 0, "presence", "Is there a ship?", "no"),
        question("s/2", 1, "count", "How many ships?", "2"),
    ]
    found = question_statistics(asked, {"s/1": "train", "s/2": "val"})
    assert found["by_type"] == dict.fromkeys(found["by_type"], 0) | {"presence": 3, "count": 1}
    assert found["by_split"] == {"train": 2, "val": 2, "test": 0}
    assert (found["questions"], found["images"], found["yes"], found["no"]) == (4, 2, 1, 2)
    assert found["wordings"] == {"presence": 2, "count": 1}
    assert found["answers"] == {"presence": {"no": 2, "yes": 1}, "count": {"2": 1}}
    assert found["different_answers"] == {"presence": 2, "count": 1}


def data_set() -> tuple[list[Scene], list[Caption], list[Question]]:
    scenes, captions, questions = [], [], []
    for number in range(60):
        source = ("boxes", "masks", "pairs")[number % 3]
        name = f"{source}/{number:02d}"
        split = SPLITS[(number // 3) % 3] if number % 4 else "train"
        shown: dict[str, object] = {
            "boxes": {"boxes": (ship(),) * (number % 5)},
            "masks": {"cover": {"water": 0.25, "road": 0.75}},
            "pairs": {"twin": f"nowhere/opt{number}.png"},
        }[source]
        scenes.append(scene(name, split, **shown))  # type: ignore[arg-type]
        branch: Branch = {"boxes": "a2c", "masks": "sa2c", "pairs": "pair"}[source]  # type: ignore[assignment]
        captions += [caption(name, f"There are {number % 7} ships here.", branch)] * (number % 4)
        answer = "yes" if number % 2 else "no"
        questions.append(question(name, 0, "presence", f"Is there a {answer} thing?", answer))
    return scenes, captions, questions


def test_parts_add_up_to_the_whole() -> None:
    scenes, captions, questions = data_set()
    found = statistics(scenes, captions, questions)
    whole = found["all"]
    assert sum(whole["images"].values()) == 60
    assert whole["captions_per_image"] == {"0": 15, "1": 15, "2": 15, "3": 15}
    for part in ("by_source", "by_branch", "by_split"):
        assert sum(of["captions"] for of in found[part].values()) == len(captions) == whole["captions"], part
    for part in ("by_source", "by_split"):
        assert sum(sum(of["images"].values()) for of in found[part].values()) == 60, part
    # a branch's images are those that it has said something of
    assert sum(sum(of["images"].values()) for of in found["by_branch"].values()) == 45
    for name, branches in found["by_source_and_branch"].items():
        assert sum(of["captions"] for of in branches.values()) == found["by_source"][name]["captions"]
        for of in branches.values():
            assert sum(of["images_by_split"].values()) == of["images"]
            assert sum(of["captions_by_split"].values()) == of["captions"]
    assert sum(of["questions"]["questions"] for of in found["by_source"].values()) == 60
    assert list(found["by_branch"]) == [branch for branch in BRANCHES if branch in found["by_branch"]]
    assert whole["objects"] == {"ship": found["by_source"]["boxes"]["objects"]["ship"]}
    json.dumps(found, allow_nan=False)


def test_the_order_of_scenes_and_captions_does_not_matter() -> None:
    scenes, captions, questions = data_set()
    found = statistics(scenes, captions, questions)
    draw = random.Random(3)
    shuffled = [draw.sample(records, len(records)) for records in (scenes, captions)]
    again = statistics(*shuffled, questions)  # type: ignore[arg-type]
    assert digest_json(again) == digest_json(found)


def test_answers_that_a_question_gives_away_are_found() -> None:
    scenes, captions, questions = data_set()
    found = statistics(scenes, captions, questions)["questions"]["question_only"]
    assert found["split"] == "test"
    assert found["by_type"]["presence"]["question_only"]["value"] == 1.0
    without = [entry for entry in scenes if entry.split == "train"]
    kept = {entry.scene_id for entry in without}
    asked = [entry for entry in questions if entry.scene_id in kept]
    assert statistics(without, [], asked)["questions"]["question_only"] is None


@pytest.fixture
def config() -> Config:
    return make_config(
        boxes={
            "format": "coco",
            "branches": ["a2c"],
            "splits": {"train": "train", "val": "val", "test": "test"},
        },
        masks={"format": "mask", "branches": ["sa2c"]},
        pairs={"format": "pairs", "branches": ["pair"]},
    )


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Config) -> Path:
    """A built SAR-TEXT's folder, the working folder being where its results lie."""
    monkeypatch.chdir(tmp_path)
    scenes, captions, questions = data_set()
    folder = config.results / "sartext"
    write_records(folder / "scenes.parquet", scenes, Scene)
    write_records(folder / "captions.parquet", captions, Caption)
    write_records(folder / "questions.parquet", questions, Question)
    (folder / "dropped.csv").write_text(
        "scene_id,reason,other\nboxes/a,nothing to say,\nboxes/b,repeats another image (near),masks/1\n"
        "masks/c,nothing to say,\n",
        encoding="utf-8",
    )
    write_json(
        folder / "texts.json",
        {"boxes": {"kept": 9, "dropped": {"too long": 2}}, "masks": {"kept": 3, "dropped": {}}},
    )
    for name in ("boxes", "masks", "pairs"):
        write_json(
            config.results / "scenes" / name / "summary.json",
            {"read": 21, "rejected": 1, "tiled": 0, "tiles": 0},
        )
    return folder


def test_what_is_written_holds_all_there_is_to_tell(built: Path, config: Config, tmp_path: Path) -> None:
    write_about(config)
    found = read_json(built / "statistics.json")
    assert found["dropped"] == {"nothing to say": 2, "repeats another image (near)": 1}
    assert found["dropped_by_source"]["boxes"] == {"nothing to say": 1, "repeats another image (near)": 1}
    assert found["dropped_captions"] == {"boxes": {"too long": 2}, "masks": {}}
    assert set(found["examples"]) == {"a2c", "sa2c", "pair"}
    assert found["comparison"][-1]["images"] == 60
    first = contents(built)
    assert {"statistics.json", "datasheet.md", "croissant.json"} <= set(first)
    assert not any(str(tmp_path).encode() in content for content in first.values())
    write_about(config)
    assert contents(built) == first


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("dropped.csv", "a,b\n1,2\n", r"dropped.csv: expected the columns"),
        ("dropped.csv", None, r"dropped.csv: no such file"),
        ("texts.json", '{"boxes": 3}', r"texts.json: expected a source to its 'kept' and 'dropped'"),
        ("texts.json", "[]", r"texts.json: expected a source to its 'kept' and 'dropped'"),
        ("captions.parquet", None, r"captions.parquet: no such file"),
    ],
)
def test_a_broken_build_is_named(
    built: Path, config: Config, file: str, content: str | None, message: str
) -> None:
    if content is None:
        (built / file).unlink()
    else:
        (built / file).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        write_about(config)
    assert "\n" not in str(caught.value)
    assert not (built / "statistics.json").exists()


def test_a_text_of_no_image_is_named(built: Path, config: Config) -> None:
    write_records(built / "questions.parquet", [question("boxes/99", 0, "count", "How many?", "2")], Question)
    with pytest.raises(UserError, match=r"questions\.parquet: boxes/99: no such image in scenes\.parquet"):
        write_about(config)


def test_examples_show_what_each_branch_saw(built: Path, config: Config) -> None:
    scenes, captions, _ = data_set()
    path = config.results / "captions" / "pairs.pair.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["scene_id", "optical_caption", "caption"])
        writer.writerows([entry.scene_id, f"a green field, {entry.scene_id}", "x"] for entry in scenes)
    found = worked_examples(config, scenes, by_scene(captions))
    known = {entry.scene_id: entry for entry in scenes}
    boxes = found["a2c"]["boxes"]
    assert len(boxes) == len(known[found["a2c"]["scene_id"]].boxes) >= 2
    assert boxes[0] == {"label": "ship", "x": 10.0, "y": 12.0, "width": 4.0, "height": 6.0}
    assert found["sa2c"]["cover"] == {"road": 0.75, "water": 0.25}
    assert found["pair"]["twin"].startswith("opt")
    assert found["pair"]["optical_caption"] == f"a green field, {found['pair']['scene_id']}"
    for branch, example in found.items():
        told = [entry.caption for entry in captions if entry.scene_id == example["scene_id"]]
        assert example["captions"] == told != [], branch
        assert example["image"] == f"{example['scene_id'].split('/')[1]}.png"
    assert worked_examples(config, scenes[::-1], by_scene(captions)) == found


def test_no_example_names_a_place_outside_its_source(built: Path, config: Config) -> None:
    far = [
        scene("boxes/1", image="/somewhere/else/1.png", boxes=(ship(), ship())),
        scene("pairs/1", image=str(config.results / "tiles" / "pairs" / "1.png"), twin="/elsewhere/2.png"),
    ]
    said = {"boxes/1": [caption("boxes/1", "Two ships.")], "pairs/1": [caption("pairs/1", "Sea.", "pair")]}
    found = worked_examples(config, far, said)
    assert found["a2c"]["image"] == "1.png"
    assert found["pair"]["image"] == "tiles/pairs/1.png"
    assert (found["pair"]["twin"], found["pair"]["optical_caption"]) == ("2.png", None)
