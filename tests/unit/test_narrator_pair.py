"""Pairing with a real, untrained CoCa: its words mean nothing, but each must end at its image, rewritten."""

import csv
from pathlib import Path

import numpy as np
import pytest
from dataset_files import ingested, make_config, make_image
from PIL import Image

from sartext.cli import main
from sartext.core.config import Config, save_config
from sartext.core.errors import UserError
from sartext.core.files import read_json
from sartext.core.records import Scene
from sartext.core.tables import read_captions
from sartext.models import load, train_tokenizer
from sartext.narrator import rewrite_rules
from sartext.narrator.pair import narrate_pairs

PAIRS = {"pairs": {"format": "pairs", "branches": ["pair"]}, "words": {"format": "karpathy"}}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CoCa and a CLIP of the profile's tiny architecture, random weights."""
    from sartext.models.build import build_model, save_model

    folder = tmp_path_factory.mktemp("models")
    config = make_config(**PAIRS)
    texts = ["a green field near blue water", "white ships in a harbor", "red roofs and gray roads"] * 5
    train_tokenizer(texts, 300, folder / "tokenizer")
    for name in ("coca", "clip"):
        module = build_model(name, config, folder / "tokenizer", 0)
        save_model(module, name, config, folder / "tokenizer", folder / name)
    return folder


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A run with five ingested pairs."""
    monkeypatch.chdir(tmp_path)
    config = make_config(**PAIRS)
    scenes = [
        Scene(
            f"pairs/{n}", "pairs", "train", "sar", f"sar{n}.png", 48, 48, twin=f"opt{n}.png", annotated=False
        )
        for n in range(5)
    ]
    twins = [make_image(f"o{n}", 48, 3) for n in range(5)]
    ingested(config, scenes, [make_image(f"s{n}", 48) for n in range(5)], twins)
    save_config(config, Path("profile.yaml"))
    return config


def test_both_captions_of_each_twin_are_kept(config: Config, checkpoints: Path) -> None:
    out = config.results / "captions" / "pairs.pair.parquet"
    spec = str(checkpoints / "coca")
    main(
        [
            "narrate",
            "run",
            "--config",
            "profile.yaml",
            "pairs",
            "pair",
            "--captioner",
            spec,
            "--out",
            str(out),
        ]
    )
    twins = np.load(config.results / "scenes" / "pairs" / "twins.npy")
    expected = load(spec).caption(twins, config.narrator.pair_beams, config.evaluation.caption_length, 2)
    with out.with_suffix(".csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["scene_id"] for row in rows] == [f"pairs/{n}" for n in range(5)]
    assert [row["optical_caption"] for row in rows] == expected
    told = [(row["scene_id"], row["caption"]) for row in rows if row["caption"]]
    for row in rows:
        assert row["caption"] in ("", rewrite_rules(row["optical_caption"]))
    assert [(c.scene_id, c.caption) for c in read_captions(out)] == told
    assert {c.branch for c in read_captions(out)} <= {"pair"}
    counts = read_json(out.with_suffix(".json"))
    assert (counts["images"], counts["captioned"]) == (5, len(told))


def test_anyone_s_folders_are_paired(config: Config, checkpoints: Path) -> None:
    for n in range(3):
        Path("sar").mkdir(exist_ok=True)
        Path("optical").mkdir(exist_ok=True)
        Image.fromarray(make_image(f"s{n}", 50)).save(f"sar/sar{n}.png")
        Image.fromarray(make_image(f"o{n}", 50, 3)).save(f"optical/opt{n}.png")
    Image.fromarray(make_image("alone", 50)).save("sar/sar9.png")
    main(
        [
            *(
                "narrate",
                "pair",
                "--sar",
                "sar",
                "--optical",
                "optical",
                "--match",
                "sar{id}.png:opt{id}.png",
            ),
            *("--captioner", str(checkpoints / "coca"), "--rewriter", "rules", "--out", "captions.csv"),
        ]
    )
    with Path("captions.optical.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["filepath"] for row in csv.DictReader(stream)] == [f"sar/sar{n}.png" for n in range(3)]
    with Path("captions.csv").open(encoding="utf-8", newline="") as stream:
        assert {row["branch"] for row in csv.DictReader(stream)} == {"pair"}
    assert "sar9.png" in Path("captions.rejects.csv").read_text(encoding="utf-8")


def test_a_captioner_that_cannot_is_refused(config: Config, checkpoints: Path) -> None:
    with pytest.raises(UserError, match="a clip model, which does not caption"):
        narrate_pairs(config, "pairs", str(checkpoints / "clip"), Path("x.parquet"))
    bigger = config.model_copy(update={"images": config.images.model_copy(update={"size": 64})})
    folder = config.results / "scenes" / "pairs"
    np.save(folder / "twins.npy", np.zeros((5, 64, 64, 3), np.uint8))
    with pytest.raises(UserError, match="takes images of 32 pixels a side, these have 64"):
        narrate_pairs(bigger, "pairs", str(checkpoints / "coca"), Path("x.parquet"))
    np.save(folder / "twins.npy", np.zeros((4, 32, 32, 3), np.uint8))
    with pytest.raises(UserError, match="4 images, but 5 scenes"):
        narrate_pairs(config, "pairs", str(checkpoints / "coca"), Path("x.parquet"))
    (folder / "twins.npy").unlink()
    with pytest.raises(UserError, match=r"twins\.npy: no such file; run 'sartext ingest' for pairs"):
        narrate_pairs(config, "pairs", str(checkpoints / "coca"), Path("x.parquet"))
