"""Pairing with a real, untrained CoCa: its words mean nothing, but each must end at its image, rewritten."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_files import ingested, make_config, make_image
from lm_server import KEY, Reply, lm_server
from PIL import Image

from sartext.cli import main
from sartext.core.config import Config, RewriterConfig, save_config
from sartext.core.errors import UserError
from sartext.core.files import read_json
from sartext.core.records import Scene
from sartext.core.tables import read_captions
from sartext.models import load, train_tokenizer
from sartext.models.coca import Coca
from sartext.narrator import pair
from sartext.narrator.pair import Journal, image_stamp, narrate_pairs
from sartext.narrator.rewriters.rules import rewrite_rules

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
    assert {(row["rewritten_by"], row["fallback"]) for row in rows} == {("rules", "")}
    assert (counts["rewriter"]["captions"], counts["rewriter"]["rewritten"]) == (5, {"rules": 5})


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


STUB = """
import hashlib, os, signal, sys
from pathlib import Path
import sartext.narrator.pair as pair
from sartext.core.config import load_config

class Stub:
    kind, image_size, calls = "coca", 32, 0

    def caption(self, images, beams, max_tokens, batch_size):
        if Stub.calls == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        Stub.calls += 1
        said = [f"{int(image.sum())} white ships" for image in images]
        with Path("captioned.txt").open("a") as stream:
            print(*said, sep="\\n", file=stream)
        return said

pair.load = lambda spec, device: Stub()
pair.narrate_pairs(load_config("profile.yaml"), "pairs", "stub", Path(sys.argv[2]))
"""


def stub_run(kill_at: int, out: str) -> int:
    return subprocess.run([sys.executable, "-c", STUB, str(kill_at), out], check=False).returncode


def test_a_killed_run_goes_on_where_it_was(config: Config) -> None:
    config = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"batch_size": 2})})
    save_config(config, Path("profile.yaml"))
    assert stub_run(-1, "whole.parquet") == 0
    whole = Path("captioned.txt").read_text(encoding="utf-8").splitlines()
    Path("captioned.txt").unlink()
    assert stub_run(1, "out.parquet") == -9
    assert stub_run(1, "out.parquet") == -9  # of the three batches left to do, the second is not reached
    partial = Path("out.partial")
    with partial.open("ab") as stream:  # as if killed while it wrote
        stream.write(b'["results/tests/scenes/pairs/tw')
    assert not Path("out.parquet").exists()
    assert stub_run(-1, "out.parquet") == 0
    # every image was captioned once
    assert Path("captioned.txt").read_text(encoding="utf-8").splitlines() == whole
    assert len(whole) == 5
    for suffix in (".parquet", ".csv", ".json"):
        assert Path(f"out{suffix}").read_bytes() == Path(f"whole{suffix}").read_bytes()
    assert not partial.exists()


def test_a_journal_of_other_images_or_settings_is_not_used(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Journal(Path("x.partial"), "captioner a")
    first.add(["1", "2"], ["a ship", "a \u2028 lake"])
    again = Journal(Path("x.partial"), "captioner a")
    assert "2" in again
    assert "3" not in again
    assert (again["1"], again["2"]) == ("a ship", "a \u2028 lake")
    assert not capsys.readouterr().err
    other = Journal(Path("x.partial"), "captioner b")
    assert "1" not in other
    assert "x.partial was made by another captioner or other settings" in capsys.readouterr().err
    image = Path("image.png")
    image.write_bytes(b"one")
    before = image_stamp(image)
    assert image_stamp(image) == before
    image.write_bytes(b"other")
    assert image_stamp(image) != before


def test_a_torn_journal_keeps_what_is_whole(config: Config) -> None:
    journal = Journal(Path("x.partial"), "a")
    for n in range(3):
        journal.add([str(n)], [f"caption {n}"])
    content = Path("x.partial").read_bytes()
    rows = content.splitlines(keepends=True)
    for end in range(len(rows[0]), len(content) + 1):
        Path("x.partial").write_bytes(content[:end])
        torn = Journal(Path("x.partial"), "a")
        whole = content[:end].count(b"\n") - 1
        assert [str(n) in torn for n in range(3)] == [n < whole for n in range(3)]
        torn.add(["9"], ["after"])
        assert Journal(Path("x.partial"), "a")["9"] == "after"


def test_a_real_captioner_interrupted_ends_with_the_same_bytes(
    config: Config, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"batch_size": 2})})
    spec = str(checkpoints / "coca")
    narrate_pairs(config, "pairs", spec, Path("whole.parquet"))
    captioned = []
    caption = Coca.caption

    def interrupted(self: Coca, images: np.ndarray, *how: int) -> list[str]:
        if len(captioned) == 4:
            raise KeyboardInterrupt
        captioned.extend(images)
        return caption(self, images, *how)

    monkeypatch.setattr(Coca, "caption", interrupted)
    with pytest.raises(KeyboardInterrupt):
        narrate_pairs(config, "pairs", spec, Path("out.parquet"))
    captioned.clear()
    narrate_pairs(config, "pairs", spec, Path("out.parquet"))
    assert len(captioned) == 1
    for suffix in (".parquet", ".csv", ".json"):
        assert Path(f"out{suffix}").read_bytes() == Path(f"whole{suffix}").read_bytes()


def test_a_server_rewrites_the_captions_of_a_run(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["a white ship .", "two blue ships .", "", "a white ship .", "a green field ."]

    class Stub:
        kind, image_size = "coca", 32

        def caption(self, images: np.ndarray, *how: int) -> list[str]:
            return said[: len(images)]

    monkeypatch.setattr(pair, "load", lambda spec, device: Stub())
    settings = RewriterConfig(name="openai", model="loopback", retries=0)
    config = config.model_copy(update={"narrator": config.narrator.model_copy(update={"rewriter": settings})})

    def behave(caption: str, before: int) -> Reply:
        return Reply("three ships." if caption == said[1] else None, 500 if caption == said[4] else 200)

    with lm_server(behave) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        narrate_pairs(config, "pairs", "stub", Path("out.parquet"))
        narrate_pairs(config, "pairs", "stub", Path("again.parquet"))
    with Path("out.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["scene_id", "optical_caption", "caption", "rewritten_by", "fallback"],
        ["pairs/0", said[0], "a ship .", "openai", ""],
        ["pairs/1", said[1], "two ships.", "rules", "guard: changed count (3 ship)"],
        ["pairs/2", "", "", "rules", ""],
        ["pairs/3", said[3], "a ship .", "openai", ""],
        ["pairs/4", said[4], "a field.", "rules", "server: status 500"],
    ]
    assert server.asked == {said[0]: 1, said[1]: 1, said[4]: 2}
    account = read_json("out.json")["rewriter"]
    assert (account["captions"], account["distinct"], account["requests"]) == (5, 3, 3)
    assert account["fallbacks"] == {"guard: changed count": 1, "server: status 500": 1}
    assert account["refused"] == {"changed count": 1}
    assert read_json("again.json")["rewriter"]["cached"] == 2
    assert (config.results / "rewriter-cache" / "answers-0001.jsonl").is_file()
    assert KEY not in "".join(
        path.read_text(encoding="utf-8") for path in (config.results / "rewriter-cache").iterdir()
    )
