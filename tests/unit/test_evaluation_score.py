"""Score files: the fixed forms of the command line, and a profile's."""

import json
from pathlib import Path

import numpy as np
import pytest

from sartext.cli import main
from sartext.core.config import Config, load_config
from sartext.core.errors import UserError
from sartext.core.files import write_json, write_manifest, write_text
from sartext.evaluation import score, tasks
from sartext.evaluation.score import Bootstrap

PAIRS = "image_id,text_id,caption\n" + "".join(f"i{n},t{n},caption {n}\n" for n in range(20))
NARRATED = "image_id,text_id,caption\n" + "".join(f"i{n},n-{n},there are {n % 4} ships\n" for n in range(15))
ROOT = Path(__file__).resolve().parents[2]


def features(seed: int, noise: float) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    images = np.random.default_rng(9).normal(size=(20, 8)).astype(np.float32)
    texts = images + noise * random.normal(size=images.shape).astype(np.float32)
    return {
        "image_ids": np.array([f"i{n}" for n in range(20)]),
        "image_features": images,
        "text_ids": np.array([f"t{n}" for n in range(20)] + [f"n-{n}" for n in range(15)]),
        "text_features": np.concatenate([texts, texts[:15]]),
    }


@pytest.fixture
def config(tmp_path, monkeypatch) -> Config:
    """The smoke profile in an empty folder, with a two-task benchmark written by hand."""
    profile = load_config(ROOT / "config" / "smoke.yaml")
    monkeypatch.chdir(tmp_path)
    folder = tasks.benchmark_folder(profile)
    about = {"title": "T", "source": ["x"], "images": 20, "references": "simulated truth", "version": "v0"}
    retrieval = folder / "hrsid_retrieval"
    write_json(retrieval / "task.json", {"task": "hrsid_retrieval", "kind": "retrieval", **about})
    write_text(retrieval / "pairs.csv", PAIRS)
    write_text(retrieval / "pairs_narrator.csv", NARRATED)
    write_json(folder / "vqa" / "task.json", {"task": "vqa", "kind": "vqa", **about})
    questions = [
        {"question_id": f"q{n}", "image_id": f"i{n % 5}", "question": "?", "type": kind, "answers": ["yes"]}
        for n, kind in enumerate(["presence", "comparison"] * 5)
    ]
    write_json(folder / "vqa" / "questions.json", questions)
    write_manifest(folder, folder / "manifest.json")
    return profile


def put_features(config: Config, recipe: str, seed: int, noise: float) -> None:
    folder = config.results / "predictions" / "hrsid_retrieval" / "clip" / recipe / str(seed)
    folder.mkdir(parents=True)
    np.savez(folder / "retrieval.npz", **features(seed, noise))


def read(config: Config, task: str, model: str, recipe: str, seed: int) -> dict:
    return json.loads(
        (config.results / "scores" / task / model / recipe / str(seed) / "score.json").read_text()
    )


def test_a_profile_is_scored_with_provenance_and_the_same_bytes_twice(config):
    put_features(config, "sar", 0, 1.5)
    score.score_profile(config, ["hrsid_retrieval"], "clip", ["sar"], [0])
    folder = config.results / "scores" / "hrsid_retrieval" / "clip" / "sar" / "0"
    first = {name: (folder / name).read_bytes() for name in ("score.json", "items.json")}
    score.score_profile(config, ["hrsid_retrieval"], "clip", ["sar"], [0])
    assert {name: (folder / name).read_bytes() for name in first} == first
    assert (folder / "run.json").is_file()

    found = json.loads(first["score.json"])
    assert found["benchmark"]["version"] == "v0"
    manifest = json.loads((tasks.benchmark_folder(config) / "manifest.json").read_text())
    assert found["benchmark"]["digest"] == manifest["digest"]
    assert (found["task"], found["model"], found["recipe"], found["seed"]) == (
        "hrsid_retrieval",
        "clip",
        "sar",
        0,
    )
    assert (found["profile"], found["model_title"]) == ("smoke", "SAR-RS-CLIP")
    assert found["config_digest"] == config.digest()
    assert (found["dtype"], found["batch_size"], found["schema"]) == ("float32", 32, 1)
    assert set(found["provenance"]) == {"package_version", "git_commit", "git_dirty", "lock_sha256"}
    metrics = found["metrics"]
    assert len(metrics) == 15
    for entry in metrics.values():
        assert 0 <= entry["low"] <= entry["value"] <= entry["high"] <= 1
    assert metrics["instance.mean_recall"] == {**metrics["group.mean_recall"]}
    assert metrics["repeated_captions"]["value"] == 0
    second = found["secondary"]
    assert second["label"] == "narrator-written references"
    assert second["metrics"]["repeated_captions"]["value"] == 1
    assert (
        second["metrics"]["group.mean_recall"]["value"] > second["metrics"]["instance.mean_recall"]["value"]
    )
    assert second["metrics"]["instance.mean_recall"]["n"] == 15
    for word in (b"/work", b"/tmp", b'"seconds"', str(Path.cwd()).encode()):
        assert word not in first["score.json"]


def test_recipes_are_compared_on_the_same_images_over_seeds(config):
    for seed in (0, 1):
        put_features(config, "sar", seed, 1.5)
        put_features(config, "two-stage", seed, 0.1)
    score.score_profile(config, ["hrsid_retrieval"], "clip", ["sar", "two-stage"], [0, 1])
    folder = config.results / "scores" / "hrsid_retrieval" / "clip"
    paths = {
        name: [folder / name / str(seed) / "items.json" for seed in (0, 1)] for name in ("sar", "two-stage")
    }
    found = score.compare(paths["sar"], paths["two-stage"], Bootstrap(500, 0))["instance.mean_recall"]
    means = {
        name: np.mean(
            [
                read(config, "hrsid_retrieval", "clip", name, seed)["metrics"]["instance.mean_recall"][
                    "value"
                ]
                for seed in (0, 1)
            ]
        )
        for name in paths
    }
    assert found["value"] == pytest.approx(means["two-stage"] - means["sar"], abs=1e-9)
    assert found["low"] > 0
    write_text(Path("other.json"), (folder / "sar" / "0" / "items.json").read_text().replace("i19", "z"))
    with pytest.raises(UserError, match="score both again"):
        score.compare([Path("other.json")], paths["sar"], Bootstrap(10, 0))


def test_a_benchmark_changed_by_hand_is_named(config, capsys):
    put_features(config, "sar", 0, 0.3)
    path = tasks.benchmark_folder(config) / "hrsid_retrieval" / "pairs.csv"
    path.write_text(PAIRS.replace("caption 3", "caption 4"))
    with pytest.raises(UserError, match=r"hrsid_retrieval/pairs\.csv: changed since it was frozen"):
        score.score_profile(config, ["hrsid_retrieval"], "clip", ["sar"], [0])
    with pytest.raises(SystemExit) as end:
        main(["benchmark", "verify", str(tasks.benchmark_folder(config))])
    assert end.value.code == 2
    assert "pairs.csv: changed" in capsys.readouterr().err
    assert not (config.results / "scores").exists()


@pytest.mark.parametrize(
    ("task", "model", "recipe", "said"),
    [
        ("hrsid_retrieval", "clip", "sar", r"retrieval\.npz: no such file"),
        ("hrsid_retrieval", "clip", "best", "no recipe 'best'"),
        ("hrsid_retrieval", "blip", "sar", "no model 'blip'"),
        ("imagenet", "clip", "sar", "no such task"),
    ],
)
def test_what_is_not_there_is_told(config, task, model, recipe, said):
    with pytest.raises(UserError, match=said):
        score.score_profile(config, [task], model, [recipe], [0])


def test_fixed_forms_write_score_files(tmp_path, capsys):
    write_text(tmp_path / "pairs.csv", PAIRS)
    write_text(tmp_path / "narrated.csv", NARRATED)
    np.savez(tmp_path / "retrieval.npz", **features(0, 0.2))
    out = tmp_path / "score.json"
    command = [
        "score",
        "retrieval",
        "--pairs",
        tmp_path / "pairs.csv",
        "--secondary",
        tmp_path / "narrated.csv",
    ]
    command += ["--features", tmp_path / "retrieval.npz", "--out", out, "--bootstrap-samples", "50"]
    main([str(part) for part in command])
    found = json.loads(out.read_text())
    assert found["metrics"]["instance.image_to_text.recall_at_1"]["n"] == 20
    assert set(found["inputs"]) == {"predictions", "references", "second_references"}
    assert "benchmark" not in found
    assert found["secondary"]["metrics"]["group.mean_recall"]["n"] == 15

    questions = [
        {"question_id": 1, "image_id": 1, "question": "?", "type": "land cover", "answers": ["water"]},
        {"question_id": 2, "image_id": 1, "question": "?", "type": "count", "answers": ["2"]},
    ]
    write_json(tmp_path / "q.json", questions)
    write_json(
        tmp_path / "a.json", [{"question_id": 2, "answer": "12"}, {"question_id": 1, "answer": "Water."}]
    )
    command = [
        "score",
        "vqa",
        "--questions",
        tmp_path / "q.json",
        "--answers",
        tmp_path / "a.json",
        "--out",
        out,
    ]
    main([str(part) for part in command])
    metrics = json.loads(out.read_text())["metrics"]
    assert {name: entry["value"] for name, entry in metrics.items()} == {
        "accuracy": 0.5,
        "accuracy.count": 0,
        "accuracy.land_cover": 1,
    }


def test_captions_without_java_are_unavailable_not_zero(tmp_path, monkeypatch):
    references = {"images": [{"id": 1}], "annotations": [{"image_id": 1, "caption": "a ship"}]}
    write_json(tmp_path / "refs.json", references)
    write_json(tmp_path / "captions.json", [{"image_id": 1, "caption": "a ship"}])
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "score.json"
    command = ["score", "captioning", "--references", tmp_path / "refs.json"]
    main([str(part) for part in [*command, "--predictions", tmp_path / "captions.json", "--out", out]])
    metrics = json.loads(out.read_text())["metrics"]
    assert set(metrics) == {f"bleu_{n}" for n in (1, 2, 3, 4)} | {"meteor", "rouge_l", "cider", "spice"}
    for entry in metrics.values():
        assert set(entry) == {"status", "reason"}
        assert entry["status"] == "unavailable"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model-name", "clip", "--recipe", "sar"], "--model-name goes with"),
        (["--recipe", "sar"], "go with --model-name"),
        (["--benchmark", "vqa", "--model", "a"], "an --out for each --model"),
        (["--benchmark", "vqa", "--model", "a", "--out", "b"], "no such task"),
    ],
)
def test_predict_says_what_goes_together(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["predict", *arguments])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_result_files_cover_every_kind():
    assert set(tasks.RESULT_FILE) == set(score.MAIN_FILE) == set(score.FORMULAS)
