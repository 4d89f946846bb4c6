"""What is said to have changed between two versions, against hand-made cases and a plain recount."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.records import Box, Caption, Question, Scene, Turn
from sartext.core.tables import write_records
from sartext.dataset.release.changes import changes, total
from sartext.dataset.release.names import released_captions, released_questions, released_scenes
from sartext.dataset.release.notes import changelog, count, section
from sartext.dataset.release.versions import Version

SCENE = Scene(
    "a/x", "a", "train", "sar", "a/x.png", 8, 8, boxes=(Box("ship", 0, 0, 1, 1),), cover={"water": 0.5}
)


def _write(
    folder: Path,
    scenes: Sequence[Scene] = (),
    captions: Sequence[Caption] = (),
    questions: Sequence[Question] = (),
    pixels: str = "0",
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_records(folder / "scenes.parquet", scenes, Scene)
    write_records(folder / "captions.parquet", captions, Caption)
    write_records(folder / "questions.parquet", questions, Question)
    with (folder / "hashes.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["scene_id", "sha256", "phash", "twin_sha256", "twin_phash"])
        writer.writerows([scene.scene_id, pixels, "1", "", ""] for scene in scenes)
    return folder


@pytest.mark.parametrize(
    "change",
    [
        {"split": "val"},
        {"boxes": ()},
        {"boxes": (Box("ship", 0, 0, 1, 2),)},
        {"cover": {"water": 0.6}},
        {"resolution_m": 1.0},
        {"group": "a/g"},
        {"image": "a/x.tif"},
    ],
)
def test_an_image_changed_if_anything_known_of_it_did(tmp_path: Path, change: dict[str, object]) -> None:
    old = _write(tmp_path / "old", [SCENE])
    new = _write(tmp_path / "new", [replace(SCENE, **change)])  # type: ignore[arg-type]
    assert changes(old, new)["images"] == {"a": {"added": 0, "removed": 0, "changed": 1}}


def test_an_image_changed_if_its_pixels_did(tmp_path: Path) -> None:
    quoted = replace(SCENE, scene_id='a/x,"1"')
    old, same = _write(tmp_path / "old", [SCENE, quoted]), _write(tmp_path / "same", [quoted, SCENE])
    assert changes(old, same)["images"] == {}
    new = _write(tmp_path / "new", [SCENE, quoted], pixels="2")
    assert changes(old, new)["images"] == {"a": {"added": 0, "removed": 0, "changed": 2}}


def test_a_text_said_twice_counts_twice(tmp_path: Path) -> None:
    said = Caption("a/x", "a2c", "A ship.")
    old, new = _write(tmp_path / "old", captions=[said]), _write(tmp_path / "new", captions=[said, said])
    assert changes(old, new)["captions"] == {"a": {"added": 1, "removed": 0, "changed": 0}}


def test_texts_of_another_branch_are_others(tmp_path: Path) -> None:
    old = _write(tmp_path / "old", captions=[Caption("a/x", "a2c", "A ship.")])
    new = _write(tmp_path / "new", captions=[Caption("a/x", "sa2c", "A ship.")])
    assert changes(old, new)["captions"] == {"a": {"added": 1, "removed": 1, "changed": 0}}


def test_a_column_that_the_older_version_lacks_changes_no_image(tmp_path: Path) -> None:
    old, new = _write(tmp_path / "old", [SCENE]), _write(tmp_path / "new", [replace(SCENE, group="a/g")])
    table = pq.read_table(old / "scenes.parquet").drop_columns(["group", "window"])
    pq.write_table(table.append_column("gone", pa.array([1])), old / "scenes.parquet")
    assert changes(old, new)["images"] == {}


SCENES = st.sampled_from(["a/1", "a/2", "b/1"])
CAPTIONS = st.lists(
    st.builds(Caption, SCENES, st.sampled_from(["a2c", "pair"]), st.sampled_from(["x", "y", "z"])),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(before=CAPTIONS, now=CAPTIONS)
def test_counts_of_changed_texts_add_up(tmp_path: Path, before: list[Caption], now: list[Caption]) -> None:
    old, new = _write(tmp_path / "old", captions=before), _write(tmp_path / "new", captions=now)
    found = changes(old, new)["captions"]
    back = changes(new, old)["captions"]
    for source in ("a", "b"):
        ways = found.get(source, {"added": 0, "removed": 0, "changed": 0})
        own = [[one for one in said if one.scene_id.startswith(source)] for said in (before, now)]
        assert len(own[1]) - len(own[0]) == ways["added"] - ways["removed"]
        kept = sum((Counter(own[0]) & Counter(own[1])).values())
        assert kept + ways["changed"] + ways["removed"] == len(own[0])
        reverse = back.get(source, {"added": 0, "removed": 0, "changed": 0})
        assert reverse == {
            "added": ways["removed"],
            "removed": ways["added"],
            "changed": ways["changed"],
        }
    assert total(found)["changed"] == sum(ways["changed"] for ways in found.values())
    assert (not any(total(found).values())) == (Counter(before) == Counter(now))


def test_the_notes_of_a_version_are_tables_by_source() -> None:
    counts = count(
        [SCENE, replace(SCENE, scene_id="a/y", split="test")], [Caption("a/x", "a2c", "A ship.")], []
    )
    first = section("1.0.0", None, counts, None, "ab")
    assert first == "## 1.0.0\n2 images, 1 captions, 0 questions. Content `ab`.\n\nThe first version.\n"
    found = {"images": {"a": {"added": 1200, "removed": 0, "changed": 2}}, "captions": {}, "questions": {}}
    second = section("1.1.0", "1.0.0", counts, found, "cd")
    assert "| a | 1,200 | 0 | 2 | 0 | 0 | 0 | 0 | 0 | 0 |\n| all | 1,200 | 0 | 2 |" in second
    nothing = section("1.1.0", "1.0.0", counts, {kind: {} for kind in found}, "cd")
    assert "the same images, captions and questions" in nothing
    before = changelog("mini", first, None)
    assert changelog("mini", second, before) == f"# Changes of SAR-TEXT, profile mini\n\n{second}\n{first}"


@pytest.mark.parametrize(
    "text", ["1.0", "01.0.0", "1.0.0.0", "1.0.-1", "", "1.0.0 ", "x", "1.0.0\n", "1.0.٣"]
)
def test_other_forms_are_no_versions(text: str) -> None:
    assert Version.parse(text) is None


@given(st.tuples(*[st.integers(0, 999_999_999)] * 3), st.tuples(*[st.integers(0, 999_999_999)] * 3))
def test_versions_are_ordered_by_their_numbers(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    first, second = (Version.parse(".".join(map(str, numbers))) for numbers in (one, other))
    assert first is not None
    assert second is not None
    assert (first < second) == (one < other)
    assert str(first) == ".".join(map(str, one))


@pytest.fixture
def config() -> Config:
    from dataset_files import make_config

    return make_config(a={"format": "coco", "root": "data/a"}, b={"format": "coco", "redistribute": True})


def test_names_never_meet(config: Config) -> None:
    scenes = [replace(SCENE, image="data/a/x.png"), replace(SCENE, image="data/a/y.png")]
    with pytest.raises(
        UserError, match=r"^a/x: data/a/y\.png and data/a/x\.png would both be called a/x\.png"
    ):
        released_scenes(config, scenes)
    twins = [
        replace(SCENE, scene_id=f"a/{stem}", image=f"data/a/{stem}.png", twin="data/a/optical.png")
        for stem in ("x", "y")
    ]
    assert [scene.twin for scene in released_scenes(config, twins)] == ["a/optical.png"] * 2


@pytest.mark.parametrize("scene_id", ["a/../x", "a/", "a/x\\y", "a//x", "a/x\u202ey"])
def test_a_name_that_leads_elsewhere_is_none(config: Config, scene_id: str) -> None:
    with pytest.raises(UserError, match="is no name below a folder"):
        released_scenes(config, [replace(SCENE, scene_id=scene_id, image="")])


def test_only_what_a_withheld_source_itself_says_is_left_out(config: Config) -> None:
    scenes = [
        replace(SCENE, scene_id=f"{source}/x", source=source, dialogue=(Turn("Is it a port?", "yes"),))
        for source in ("a", "b")
    ]
    captions = [
        Caption(f"{source}/x", branch, "A ship.") for source in ("a", "b") for branch in ("a2c", "given")
    ]
    assert [(one.scene_id, one.branch) for one in released_captions(config, captions)] == [
        ("a/x", "a2c"),
        ("b/x", "a2c"),
        ("b/x", "given"),
    ]
    questions = [
        Question(f"{source}/x#{number}", f"{source}/x", "presence", text, "yes")
        for source in ("a", "b")
        for number, text in enumerate(["Is it a port?", "Is there a ship?"])
    ]
    assert [one.question_id for one in released_questions(config, questions, scenes)] == [
        "a/x#1",
        "b/x#0",
        "b/x#1",
    ]
