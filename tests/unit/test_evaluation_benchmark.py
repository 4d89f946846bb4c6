"""Freezing, drafting and predicting, on a small project written by hand in the real layouts."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sartext.cli import main
from sartext.core.config import Config, EvaluationConfig, ImagesConfig, load_config
from sartext.core.errors import UserError
from sartext.core.files import list_files, write_json
from sartext.core.records import Box, Caption, Question, Scene
from sartext.core.tables import write_records
from sartext.evaluation import benchmark, tasks
from sartext.evaluation.files import read_captions, read_features, read_questions, read_references
from sartext.evaluation.predict import predict

ROOT = Path(__file__).resolve().parents[2]
SIDE = 20


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


def put_source(config: Config, name: str, branch: str, test: int, val: int = 0) -> list[Scene]:
    """Images, scenes, truth and captions of one source: test scenes, one of training, then `val` of val."""
    scenes, truth, captions = [], [], []
    for number in range(test + 1 + val):
        scene_id = f"{name}/images/{number:03d}"
        path = Path("data") / "images" / name / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = pixels(number)
        Image.fromarray(np.stack([grey] * 3, axis=2) if number % 2 else grey).save(path)
        split = "test" if number < test else "train" if number == test else "val"
        ships = [
            {"label": "ship", "x": 2.0 * ship, "y": 3.0, "width": 2.0, "height": 2.0}
            for ship in range(number)
        ]
        scenes.append(Scene(scene_id, name, split, "sar", str(path), SIDE, SIDE))
        truth.append(
            {
                "scene_id": scene_id,
                "split": split,
                "width": SIDE,
                "height": SIDE,
                "resolution_m": 3.0,
                "objects": ships,
                "cover": {"water": 0.75, "forest": 0.25},
                "references": [f"reference {index} of {name} {number}" for index in range(5)],
            }
        )
        if number != 1:
            captions.append(Caption(scene_id, branch, f"There are {number} ships."))
    write_json(Path("data/simulated") / config.profile / "truth" / f"{name}.json", truth)
    write_records(config.results / "scenes" / name / "scenes.parquet", scenes, Scene)
    write_records(config.results / "captions" / f"{name}.{branch}.parquet", captions, Caption)
    return scenes


@pytest.fixture
def config(tmp_path, monkeypatch) -> Config:
    profile = load_config(ROOT / "config" / "smoke.yaml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmark").symlink_to(ROOT / "benchmark")
    for name, branch, test in (
        ("osdataset", "pair", 4),
        ("hrsid", "a2c", 3),
        ("sardet-100k", "a2c", 2),
        ("fusar-map", "sa2c", 2),
    ):
        put_source(profile, name, branch, test)
    return profile


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_frozen_benchmark_holds_truth_and_a_narrated_column(config):
    out = Path("data/benchmark/v0")
    digest = benchmark.freeze(config, "v0", out)
    assert tasks.verify(out) == digest
    assert sorted(entry.name for entry in out.iterdir() if entry.is_dir()) == sorted(tasks.TASKS)

    about = json.loads((out / "osdataset_retrieval" / "task.json").read_text())
    assert (about["images"], about["references"], about["version"]) == (4, "simulated truth", "v0")
    pairs = rows(out / "osdataset_retrieval" / "pairs.csv")
    assert len(pairs) == 20
    assert pairs[0]["image_id"] == "osdataset__images__000"
    assert pairs[0]["caption"] == "reference 0 of osdataset 0"
    narrated = rows(out / "osdataset_retrieval" / "pairs_narrator.csv")
    assert [row["caption"] for row in narrated] == [
        "There are 0 ships.",
        "There are 2 ships.",
        "There are 3 ships.",
    ]
    assert all(row["text_id"].startswith("n-") for row in narrated)
    assert not {row["text_id"] for row in narrated} & {row["text_id"] for row in pairs}

    references = read_references(out / "captioning" / "refs.json")
    assert len(references) == 7
    assert all(len(sentences) == 5 for sentences in references.values())
    assert len(read_references(out / "captioning" / "refs_narrator.json")) == 5
    questions = read_questions(out / "vqa" / "questions.json")
    assert {question.image_id.split("__")[0] for question in questions} == {
        "osdataset",
        "hrsid",
        "sardet-100k",
        "fusar-map",
    }
    assert ("no",) in {question.answers for question in questions if question.type == "presence"}
    counts = [q for q in questions if q.type == "count" and q.image_id == "hrsid__images__002"]
    assert all(q.answers == ("2",) for q in counts if "ship" in q.question)

    with Image.open(out / "hrsid_retrieval" / "images" / "hrsid__images__001.png") as image:
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), pixels(1))


def test_freezing_twice_gives_the_same_bytes_and_never_writes_over(config):
    digest = benchmark.freeze(config, "v0", Path("one"))
    assert benchmark.freeze(config, "v0", Path("two")) == digest
    with pytest.raises(UserError, match="frozen already"):
        benchmark.freeze(config, "v0", Path("one"))
    with pytest.raises(UserError, match="no task definitions"):
        benchmark.freeze(config, "v99", Path("three"))


def test_a_hand_edit_is_named(config, capsys):
    benchmark.freeze(config, "v0", Path("frozen"))
    image = Path("frozen/captioning/images/hrsid__images__000.png")
    kept = image.read_bytes()
    for change, said in (
        (lambda: image.write_bytes(kept[:-1] + b"x"), "hrsid__images__000.png: changed"),
        (image.unlink, "hrsid__images__000.png: missing"),
        (lambda: (image.write_bytes(kept), image.with_name("new.png").touch()), "new.png: not listed"),
    ):
        change()
        with pytest.raises(SystemExit) as end:
            main(["benchmark", "verify", "frozen"])
        assert end.value.code == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_an_empty_test_set_names_the_task_and_its_sources(config):
    put_source(config, "hrsid", "a2c", 0)
    with pytest.raises(UserError, match=r"task hrsid_retrieval: empty test set; none of hrsid has"):
        benchmark.freeze(config, "v0", Path("frozen"))
    assert not Path("frozen").exists()


def put_sartext(config: Config, split: str) -> None:
    sources = [
        Scene(f"{name}/{number}", name, split, "sar", f"data/images/{name}/00{number}.png", SIDE, SIDE)
        for name in ("osdataset", "hrsid", "fusar-map")
        for number in range(2)
    ]
    scenes = [
        Scene(s.scene_id, s.source, s.split, "sar", s.image, SIDE, SIDE, boxes=(Box("ship", 1, 1, 2, 2),))
        for s in sources
    ]
    captions = [Caption(scene.scene_id, "a2c", f"A view of {scene.scene_id}.") for scene in scenes]
    questions = [
        Question(f"q-{scene.scene_id}", scene.scene_id, "count", "How many ships?", "1")
        for scene in scenes[:4]
    ]
    folder = config.results / "sartext"
    write_records(folder / "scenes.parquet", scenes, Scene)
    write_records(folder / "captions.parquet", captions, Caption)
    write_records(folder / "questions.parquet", questions, Question)


def drafted(config: Config, **changes: object) -> Config:
    """The profile with a draft in place of its frozen benchmark, and other changes."""
    evaluation = config.evaluation.model_copy(update={"version": "draft", **changes})
    return config.model_copy(update={"evaluation": evaluation})


def without(config: Config, *names: str) -> Config:
    sources = [source for source in config.sources if source.name not in names]
    return config.model_copy(update={"sources": sources})


def test_a_draft_of_simulated_val_images_has_the_truth_of_exactly_these(config):
    config = without(drafted(config, split="val"), "msar")
    for number, name in enumerate(("osdataset", "hrsid", "sardet-100k", "fusar-map")):
        put_source(config, name, "pair" if name == "osdataset" else "sa2c" if number == 3 else "a2c", 4, 2)
    out = config.results / "benchmark"
    benchmark.draft(config, out)
    of_val = {f"{name}__images__00{n}" for name in ("osdataset", "hrsid", "sardet-100k", "fusar-map")
              for n in (5, 6)}  # fmt: skip
    pairs = rows(out / "hrsid_retrieval" / "pairs.csv")
    assert {row["image_id"] for row in pairs} == {"hrsid__images__005", "hrsid__images__006"}
    assert [row["caption"] for row in pairs[:5]] == [f"reference {n} of hrsid 5" for n in range(5)]
    narrated = rows(out / "hrsid_retrieval" / "pairs_narrator.csv")
    assert [row["caption"] for row in narrated] == ["There are 5 ships.", "There are 6 ships."]
    assert set(read_references(out / "captioning" / "refs.json")) == of_val
    questions = read_questions(out / "vqa" / "questions.json")
    assert {question.image_id for question in questions} == of_val
    counts = [q for q in questions if q.type == "count" and q.image_id == "hrsid__images__006"]
    assert all(q.answers == ("6",) for q in counts if "ship" in q.question)
    images = {path.stem for path in out.rglob("*.png")}
    assert images == of_val
    for task in tasks.TASKS:
        about = json.loads((out / task / "task.json").read_text())
        assert (about["references"], about["version"]) == ("simulated truth", "draft-val")


def test_a_source_without_val_images_says_what_to_raise(config):
    config = without(drafted(config, split="val"), "msar")
    with pytest.raises(
        UserError,
        match=r"task osdataset_retrieval: empty val set; .*\(raise their val counts or dataset\.val_share",
    ):
        benchmark.draft(config, Path("out"))
    assert not Path("out").exists()


def test_a_draft_of_real_sources_takes_them_by_branch_with_the_narrators_words(config):
    config = drafted(config).model_copy(update={"simulator": None})
    put_sartext(config, "test")
    out = config.results / "benchmark"
    benchmark.draft(config, out)
    assert {row["image_id"] for row in rows(out / "osdataset_retrieval" / "pairs.csv")} == {
        "osdataset__0",
        "osdataset__1",
    }
    assert len(read_references(out / "captioning" / "refs.json")) == 6
    assert len(read_questions(out / "vqa" / "questions.json")) == 4
    assert not [entry for entry in list_files(out) if "narrator" in entry.name]
    assert json.loads((out / "vqa" / "task.json").read_text())["version"] == "draft"
    assert json.loads((out / "vqa" / "task.json").read_text())["references"] == "narrator"
    with pytest.raises(UserError, match="task osdataset_retrieval: empty val set; none of osdataset has"):
        benchmark.draft(drafted(config, split="val"), out)
    put_sartext(config, "val")
    benchmark.draft(drafted(config, split="val"), out)
    assert len(read_references(out / "captioning" / "refs.json")) == 6
    assert json.loads((out / "vqa" / "task.json").read_text())["references"] == "narrator"


def test_draft_without_hrsid_takes_all_box_sources(config):
    found = tasks.draft_definitions(without(config, "hrsid"))
    assert found["hrsid_retrieval"].sources == ["sardet-100k", "msar"]
    assert tasks.draft_definitions(config)["hrsid_retrieval"].sources == ["hrsid"]


class Means:
    """A model whose answers are plain functions of pixels and texts."""

    image_size = 10

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def encode_images(self, images, batch_size):
        assert images.dtype == np.uint8
        assert images.shape[1:] == (10, 10, 1)
        return images.reshape(len(images), -1)[:, :4].astype(np.float32) + 1

    def encode_texts(self, texts, batch_size):
        return np.array([[len(text), 1, 2, 3] for text in texts], np.float32)

    def caption(self, images, beams, max_tokens, batch_size):
        return [f"mean {image.mean():.3f}, {beams} beams" for image in images]

    def answer(self, images, questions, max_tokens, batch_size):
        return [f"{question} {image.mean():.3f}" for image, question in zip(images, questions, strict=True)]


def expected_mean(number: int) -> str:
    resized = Image.fromarray(pixels(number)).resize((10, 10), Image.Resampling.BICUBIC)
    return f"{np.asarray(resized).mean():.3f}"


def test_predictions_are_in_the_forms_that_are_scored(config):
    benchmark.freeze(config, "v0", Path("frozen"))
    settings = EvaluationConfig(version="v0", beams=2)
    images = ImagesConfig(size=64, max_rejected_share=0)
    predict(Path("frozen/hrsid_retrieval"), Means("clip"), Path("out"), settings, images)
    features = read_features(Path("out/retrieval.npz"))
    assert features.image_ids == [f"hrsid__images__{number:03d}" for number in range(3)]
    assert len(features.text_ids) == 15 + 2
    assert np.load("out/retrieval.npz", allow_pickle=False)["text_ids"].dtype.kind == "U"
    run = json.loads(Path("out/run.json").read_text())
    assert run["images"] == 3
    assert run["peak_memory_mb"] > 1

    predict(Path("frozen/captioning"), Means("coca"), Path("out"), settings, images)
    captions = read_captions(Path("out/captions.json"))
    assert captions["hrsid__images__002"] == f"mean {expected_mean(2)}, 2 beams"
    assert not Path("out/retrieval.npz").exists()

    predict(Path("frozen/vqa"), Means("gpt"), Path("out"), settings, images)
    answers = {a["question_id"]: a["answer"] for a in json.loads(Path("out/answers.json").read_text())}
    for question in read_questions(Path("frozen/vqa/questions.json")):
        number = int(question.image_id[-1])
        assert answers[question.question_id] == f"{question.question} {expected_mean(number)}"

    with pytest.raises(UserError, match="expected a model of kind gpt, not clip"):
        predict(Path("frozen/vqa"), Means("clip"), Path("other"), settings, images)
    Path("frozen/vqa/images/hrsid__images__001.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"hrsid__images__001\.png"):
        predict(Path("frozen/vqa"), Means("gpt"), Path("other"), settings, images)
    assert not Path("other").exists()


def test_tasks_are_found_by_folder_profile_or_newest_version(config):
    benchmark.freeze(config, "v0", Path("data/benchmark/v0"))
    assert tasks.find_task("data/benchmark/v0/vqa", None).version == "v0"
    assert tasks.find_task("vqa", None).folder == Path("data/benchmark/v0/vqa")
    assert tasks.find_task("captioning", config).kind == "captioning"
    for name, given in (("imagenet", None), ("imagenet", config), ("../vqa", config)):
        with pytest.raises(UserError, match="no such task"):
            tasks.find_task(name, given)
    Path("data/benchmark/v0/vqa/task.json").write_text('{"task": "vqa"}')
    with pytest.raises(UserError, match="kind: missing"):
        tasks.find_task("vqa", None)
