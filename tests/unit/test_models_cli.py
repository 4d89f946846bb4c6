"""The verbs of models and training: what they print, and one line for a mistake."""

import json
from pathlib import Path

import pytest
from models_toy import square, toy_config, toy_set
from PIL import Image

from sartext.cli import main
from sartext.core.config import save_config
from sartext.core.records import Caption
from sartext.core.tables import write_records


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a vocabulary, the base checkpoints of all models, and some images."""
    folder = tmp_path_factory.mktemp("cli")
    toy_set(folder, "stage1", "opt", 20)
    toy_set(folder, "sartext", "sar", 20)
    told = [Caption(f"sar/{number}", "a2c", f"There are {number} ships.") for number in range(20)]
    write_records(folder / "results" / "toy" / "captions" / "sar.a2c.parquet", told, Caption)
    (folder / "images" / "deep").mkdir(parents=True)
    for number in range(4):
        image = Image.fromarray(square("opt", number)[0])
        image.resize((50, 40)).save(folder / "images" / ("deep" if number % 2 else "") / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for model in ("clip", "coca", "gpt"):
            save_config(toy_config(model), f"{model}.yaml")
        _run("tokenizer", "--config", "clip.yaml")
        for model in ("clip", "coca", "gpt"):
            _run("train", "--config", f"{model}.yaml", "--model", model, "--recipe", "base", "--seed", "0")
    return folder


def _run(*arguments: str) -> None:
    main(list(arguments))


def _fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("sartext: ")]
    assert len(said) == 1
    return said[0]


@pytest.fixture
def inside(work: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(work)
    return "results/toy/checkpoints"


def test_caption(inside: str, capsys: pytest.CaptureFixture[str]) -> None:
    coca = f"{inside}/coca/base/0"
    paths = ["images/0.png", "images/2.png"]
    _run("caption", coca, *paths, "--beams", "2", "--max-tokens", "8")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == paths
    _run("caption", coca, *paths, "--beams", "2", "--max-tokens", "8", "--out", "captions.json")
    found = json.loads(Path("captions.json").read_text())
    assert [f"{entry['image_id']}\t{entry['caption']}" for entry in found] == lines


def test_search(inside: str, capsys: pytest.CaptureFixture[str]) -> None:
    _run("search", f"{inside}/clip/base/0", "a red square", "--images", "images", "--top", "3")
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    similarities = [float(row[1]) for row in rows]
    assert similarities == sorted(similarities, reverse=True)
    assert {row[2] for row in rows} < {
        "images/0.png",
        "images/2.png",
        "images/deep/1.png",
        "images/deep/3.png",
    }


def test_ask(inside: str, capsys: pytest.CaptureFixture[str]) -> None:
    _run("ask", f"{inside}/gpt/base/0", "images/0.png", "Where is the square?", "--modality", "optical")
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_mistakes_are_one_line(inside: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir(exist_ok=True)
    Path("broken.png").write_bytes(b"no image")
    train = ("train", "--config", "clip.yaml", "--seed", "0")
    for arguments, told in (
        ((*train, "--model", "clip", "--recipe", "best"), "no recipe 'best'; expected one of base, optical"),
        ((*train, "--model", "blip", "--recipe", "base"), "no model 'blip'; expected one of clip"),
        (
            (*train, "--model", "clip", "--recipe", "two-stage"),
            "run 'sartext train --model clip --recipe optical",
        ),
        (("caption", f"{inside}/clip/base/0", "images/0.png"), "a clip model; expected a checkpoint of coca"),
        (("ask", "images", "images/0.png", "?"), "images: not a checkpoint"),
        (("ask", f"{inside}/gpt/base/0", "broken.png", "?"), "broken.png"),
        (("search", f"{inside}/clip/base/0", "x", "--images", "empty"), "no images below it"),
        (("search", f"{inside}/clip/base/0", "x", "--images", "none"), "no such folder"),
    ):
        assert told in _fails(capsys, *arguments)
