"""The reference models and predictions in the store are those that the committed scores are of."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

TASKS = {
    "captioning/coca": "captions.json",
    "hrsid_retrieval/clip": "retrieval.npz",
    "osdataset_retrieval/clip": "retrieval.npz",
    "vqa/gpt": "answers.json",
}


def _object(root: Path, md5: str) -> Path:
    return root / "data" / "store" / "files" / "md5" / md5[:2] / md5[2:]


def _stored(root: Path, pointer: str) -> dict[str, Path]:
    """Files of a folder in DVC by path, as objects of the store."""
    out = yaml.safe_load((root / "data" / f"{pointer}.dvc").read_text())["outs"][0]
    listing = json.loads(_object(root, out["md5"]).read_text())
    return {entry["relpath"]: _object(root, entry["md5"]) for entry in listing}


@pytest.fixture(scope="module")
def stored(root: Path) -> dict[str, Path]:
    return _stored(root, "reference/mini")


@pytest.fixture(scope="module")
def benchmark(root: Path) -> dict[str, Path]:
    return _stored(root, "benchmark/v1")


@pytest.mark.parametrize("task", TASKS)
def test_predictions_are_those_that_were_scored(root: Path, stored: dict[str, Path], task: str) -> None:
    kept = stored[f"predictions/{task}/{TASKS[task]}"].read_bytes()
    score = root / "results" / "reference" / "mini" / "scores" / task / "two-stage" / "0" / "score.json"
    assert hashlib.sha256(kept).hexdigest() == json.loads(score.read_text())["predictions_sha256"]


@pytest.mark.parametrize("model", ["clip", "coca", "gpt"])
def test_a_reference_model_says_what_was_scored(
    stored: dict[str, Path], benchmark: dict[str, Path], model: str, tmp_path: Path
) -> None:
    from sartext.models.loading import load

    for path, kept in stored.items():
        if path.startswith(f"{model}/"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(kept.read_bytes())
    loaded: Any = load(str(tmp_path / model))

    def image(task: str, name: str) -> NDArray[np.uint8]:
        with Image.open(benchmark[f"{task}/images/{name}.png"]) as opened:
            return np.asarray(opened)[None, :, :, None]

    if model == "clip":
        with np.load(
            io.BytesIO(stored["predictions/hrsid_retrieval/clip/retrieval.npz"].read_bytes())
        ) as said:
            name, features = str(said["image_ids"][0]), said["image_features"][:1]
        assert np.allclose(loaded.encode_images(image("hrsid_retrieval", name), 1), features, atol=1e-4)
    elif model == "coca":
        first = json.loads(stored["predictions/captioning/coca/captions.json"].read_text())[0]
        told = loaded.caption(image("captioning", first["image_id"]), beams=3, max_tokens=32, batch_size=1)
        assert told == [first["caption"]]
    else:
        first = json.loads(stored["predictions/vqa/gpt/answers.json"].read_text())[0]
        questions = json.loads(benchmark["vqa/questions.json"].read_text())
        asked = next(q for q in questions if q["question_id"] == first["question_id"])
        told = loaded.answer(
            image("vqa", asked["image_id"]), [asked["question"]], max_tokens=10, batch_size=1
        )
        assert told == [first["answer"]]
