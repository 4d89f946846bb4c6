"""WebDataset shards: read back by webdataset, open_clip and datasets, and the same after any stop."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_files import contents
from exports_files import MIXED, SIDE, build, make_source, profile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sartext.core.config import Config, save_config
from sartext.core.errors import UserError
from sartext.core.files import digest_json, read_json, sha256_file
from sartext.core.records import Caption, Question, Scene
from sartext.core.tables import read_captions, read_scenes, write_records
from sartext.dataset.exports import key_of, shard_names, shards_card, write_shards
from sartext.dataset.exports.keys import shard_plan
from sartext.dataset.exports.tar import TarWriter
from sartext.sources import decode_image, ingest


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    config = profile(4, boxes={})
    build(config, make_source(config, "boxes", MIXED))
    return config


def shards_of(config: Config, source: str = "boxes") -> Path:
    return config.results / "sartext" / "shards" / source


def samples(folder: Path) -> dict[str, dict[str, bytes]]:
    """What the shards of a folder hold, by key and extension, read by Python's own tar reader."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                stream = tar.extractfile(member)
                assert stream is not None
                key, extension = member.name.split(".")
                found.setdefault(key, {})[extension] = stream.read()
    return found


SCENE_IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=120)


@given(SCENE_IDS, SCENE_IDS)
@settings(max_examples=300, deadline=None)
def test_a_key_is_one_scenes_and_fits_a_tar(first: str, second: str) -> None:
    from webdataset.tariterators import base_plus_ext

    key = key_of(first)
    assert base_plus_ext(f"{key}.json") == (key, "json")
    assert len(f"{key}.json") <= 100
    assert (key == key_of(second)) == (first == second)


def test_keys_by_hand() -> None:
    assert key_of("hrsid/P0001_0_800.v2") == "hrsid+P0001_0_800=2ev2"
    assert key_of("a/b+c") == "a+b=2bc"
    assert key_of("ü") == "=c3=bc"
    long = "opensarship/" + "S1A_IW_GRDH_1SDV_20150516T095536_" * 4
    assert len(key_of(long)) == 95
    assert key_of(long).endswith("==" + hashlib.sha256(long.encode()).hexdigest()[:32])


def scene(name: str, split: str) -> Scene:
    return Scene(f"s/{name}", "s", split, "sar", f"{name}.png", 8, 8)  # type: ignore[arg-type]


@given(st.integers(0, 60), st.integers(0, 9), st.integers(1, 12), st.randoms())
@settings(max_examples=60, deadline=None)
def test_every_scene_is_in_one_shard(train: int, test: int, most: int, random: Any) -> None:
    scenes = [scene(f"{n:03d}", "train") for n in range(train)] + [
        scene(f"t{n}", "test") for n in range(test)
    ]
    plan = shard_plan(scenes, 7, most)
    placed = [one.scene_id for chosen in plan.values() for one in chosen]
    assert sorted(placed) == sorted(one.scene_id for one in scenes)
    assert list(plan) == [f"train-{n:06d}.tar" for n in range(-(-train // most))] + [
        f"test-{n:06d}.tar" for n in range(-(-test // most))
    ]
    for file, chosen in plan.items():
        assert {one.split for one in chosen} == {file.split("-")[0]}
        assert len(chosen) <= most
    sizes = [len(chosen) for file, chosen in plan.items() if file.startswith("train")]
    assert not sizes or max(sizes) - min(sizes) <= 1
    random.shuffle(scenes)
    assert shard_plan(scenes, 7, most) == plan


def test_a_shard_is_no_run_of_neighbours() -> None:
    scenes = [scene(f"{number:03d}", "train") for number in range(400)]
    plan = shard_plan(scenes, 0, 100)
    for chosen in plan.values():
        thirds = [
            sum(low <= int(one.scene_id[2:]) < low + 100 for one in chosen) for low in (0, 100, 200, 300)
        ]
        # 25 of each hundred are expected; 10 or fewer have a chance below one in a thousand
        assert min(thirds) > 10
    assert shard_plan(scenes, 1, 100) != plan


def test_a_tar_is_that_of_the_standard_library() -> None:
    files = [("a.json", b"{}"), ("b" * 96 + ".png", b"\x00" * 512), ("c.txt", b""), ("d.txt", b"x" * 12000)]
    ours, theirs = io.BytesIO(), io.BytesIO()
    writer = TarWriter(ours)
    writer.add(files[:2])
    writer.add(files[2:])
    assert writer.end() == hashlib.sha256(ours.getvalue()).hexdigest()
    with tarfile.open(fileobj=theirs, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    assert ours.getvalue() == theirs.getvalue()
    assert writer.size == len(theirs.getvalue())
    with pytest.raises(ValueError, match="100 characters"):
        writer.add([("e" * 101, b"")])


def test_eight_bit_files_are_copied_and_others_decoded(world: Config) -> None:
    write_shards(world, "boxes")
    found = samples(shards_of(world))
    images = {name: Path("data/boxes/images") / name for name in MIXED}
    assert len(found) == len(MIXED)
    for name, path in images.items():
        extension = "jpg" if MIXED[name] == "jpg" else "png"
        sample = found[key_of(f"boxes/images/{Path(name).stem}")]
        assert set(sample) == {extension, "json", "txt"}
        if MIXED[name] in ("png", "jpg"):
            assert sample[extension] == path.read_bytes()
        else:
            drawn = Image.open(io.BytesIO(sample["png"]))
            assert (drawn.format, drawn.mode) == ("PNG", "L")
            assert np.array_equal(np.asarray(drawn), decode_image(path, world.images)[..., 0])


def test_texts_and_facts_of_an_image(world: Config) -> None:
    write_shards(world, "boxes")
    sample = samples(shards_of(world))["boxes+images+c1=2ev2"]
    split = next(
        one.split for one in read_scenes(world.results / "sartext" / "scenes.parquet") if "c1" in one.scene_id
    )
    assert sample["txt"] == b"There is 1 ship in boxes/images/c1.v2."
    assert json.loads(sample["json"]) == {
        "scene_id": "boxes/images/c1.v2",
        "source": "boxes",
        "split": split,
        "width": SIDE,
        "height": SIDE,
        "resolution_m": None,
        "polarisation": None,
        "captions": [
            {"branch": "a2c", "caption": "There is 1 ship in boxes/images/c1.v2."},
            {"branch": "a2c", "caption": "A ship."},
        ],
        "questions": [
            {
                "question_id": "boxes/images/c1.v2#1",
                "type": "count",
                "question": "How many ships are there?",
                "answer": "1",
            },
            {
                "question_id": "boxes/images/c1.v2#2",
                "type": "presence",
                "question": 'Is there a "ship", or not?',
                "answer": "yes",
            },
        ],
    }


def test_the_manifest_describes_what_is_there(world: Config) -> None:
    manifest = write_shards(world, "boxes")
    folder = shards_of(world)
    assert manifest == read_json(folder / "manifest.json")
    assert {shard["file"] for shard in manifest["shards"]} == {path.name for path in folder.glob("*.tar")}
    for shard in manifest["shards"]:
        path = folder / shard["file"]
        assert (shard["bytes"], shard["sha256"]) == (path.stat().st_size, sha256_file(path))
        with tarfile.open(path) as tar:
            names = tar.getnames()
        assert len(names) == 3 * shard["images"] <= 3 * 4
    assert manifest["images"] == sum(shard["images"] for shard in manifest["shards"]) == len(MIXED)
    assert manifest["digest"] == digest_json({shard["file"]: shard["sha256"] for shard in manifest["shards"]})
    named = shard_names(world, read_scenes(world.results / "sartext" / "scenes.parquet"))
    for scene_id, shard in named.items():
        with tarfile.open(folder.parent / shard) as tar:
            assert f"{key_of(scene_id)}.json" in tar.getnames()


def test_a_changed_image_is_refused(world: Config) -> None:
    undisturbed = write_shards(world, "boxes")["digest"]
    path = Path("data/boxes/images/a03.png")
    image = path.read_bytes()
    pixels = np.asarray(Image.open(path)).copy()
    pixels[SIDE - 1, 0] ^= 1
    Image.fromarray(pixels).save(path)
    build(world, read_scenes(world.results / "sartext" / "scenes.parquet"), frozenset(MIXED))
    for shard in shards_of(world).glob("*.tar"):
        shard.unlink()
    with pytest.raises(UserError, match=r"a03\.png: boxes/images/a03: expected the image that was ingested"):
        write_shards(world, "boxes")
    assert not (shards_of(world) / "manifest.json").exists()
    path.write_bytes(image)
    assert write_shards(world, "boxes")["digest"] == undisturbed


def lose_image(config: Config) -> None:
    Path("data/boxes/images/b01.jpg").unlink()


def lose_hashes(config: Config) -> None:
    path = config.results / "scenes" / "boxes" / "hashes.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def lose_texts(config: Config) -> None:
    write_records(config.results / "sartext" / "captions.parquet", [], Caption)
    write_records(config.results / "sartext" / "questions.parquet", [], Question)


def lose_tables(config: Config) -> None:
    (config.results / "sartext" / "scenes.parquet").unlink()


def break_table(config: Config) -> None:
    (config.results / "sartext" / "questions.parquet").write_bytes(b"PAR1 no")


def swap_table(config: Config) -> None:
    write_records(config.results / "sartext" / "questions.parquet", [], Caption)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lose_image, r"images/b01\.jpg: No such file or directory; expected the image that was ingested"),
        (lose_hashes, r"hashes\.csv: boxes/images/e1: no such row; ingest boxes again"),
        (
            lose_texts,
            r"boxes/images/[a-z0-9.]+: expected a caption or a question at least, found none; build",
        ),
        (lose_tables, r"scenes\.parquet: no such file; run 'sartext build --part sartext' first"),
        (break_table, r"questions\.parquet: expected a Parquet table with the columns question_id"),
        (swap_table, r"questions\.parquet: expected a Parquet table with the columns question_id"),
    ],
)
def test_a_fault_is_said_in_one_line(world: Config, fault: Any, said: str) -> None:
    fault(world)
    with pytest.raises(UserError, match=said) as caught:
        write_shards(world, "boxes")
    assert "\n" not in str(caught.value)
    assert not list(shards_of(world).glob("manifest.json"))


def test_an_image_with_questions_alone_has_no_caption_file(world: Config) -> None:
    path = world.results / "sartext" / "captions.parquet"
    silent = "boxes/images/a00"
    write_records(path, [one for one in read_captions(path) if one.scene_id != silent], Caption)
    write_shards(world, "boxes")
    found = samples(shards_of(world))
    assert set(found["boxes+images+a00"]) == {"png", "json"}
    assert json.loads(found["boxes+images+a00"]["json"])["questions"][0]["answer"] == "1"
    assert set(found["boxes+images+a01"]) == {"png", "json", "txt"}


def test_an_unknown_source_is_refused_and_one_without_scenes_has_no_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = profile(4, boxes={}, none={})
    build(config, make_source(config, "boxes", {"a.png": "png"}))
    make_source(config, "none", {"b.png": "png"})
    with pytest.raises(UserError, match="no source 'other'"):
        write_shards(config, "other")
    manifest = write_shards(config, "none")
    assert (manifest["images"], manifest["shards"]) == (0, [])


def times(folder: Path, pattern: str = "[tv]*.tar") -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob(pattern)}


def test_whole_shards_are_kept_and_others_written_again(world: Config) -> None:
    write_shards(world, "boxes")
    folder = shards_of(world)
    first, written = contents(folder), times(folder, "*")
    time.sleep(0.01)
    write_shards(world, "boxes")
    # nor is what lies beside them touched: what depends on it need not be done again
    assert (contents(folder), times(folder, "*")) == (first, written)

    damaged = folder / "train-000001.tar"
    damaged.write_bytes(first["train-000001.tar"][:-1] + b"x")
    write_shards(world, "boxes")
    assert contents(folder) == first
    assert {name for name, at in times(folder).items() if at != written[name]} == {"train-000001.tar"}


def test_a_new_caption_changes_its_shard_alone(world: Config) -> None:
    scenes = read_scenes(world.results / "sartext" / "scenes.parquet")
    write_shards(world, "boxes")
    before = times(shards_of(world))
    chosen = scenes[3].scene_id
    captions = [Caption(one.scene_id, "a2c", f"There is 1 ship in {one.scene_id}.") for one in scenes]
    captions += [
        Caption(one.scene_id, "a2c", "A ship." if one.scene_id != chosen else "A boat.") for one in scenes
    ]
    write_records(world.results / "sartext" / "captions.parquet", captions, Caption)
    time.sleep(0.01)
    write_shards(world, "boxes")
    changed = {name for name, at in times(shards_of(world)).items() if at != before[name]}
    assert changed == {shard_names(world, scenes)[chosen].split("/")[1]}


def test_rasters_drawn_otherwise_are_written_again(world: Config) -> None:
    write_shards(world, "boxes")
    update = {"images": world.images.model_copy(update={"stretch_high": 80.0})}
    changed = world.model_copy(update=update)
    ingest(changed.source("boxes"), changed, changed.results / "scenes" / "boxes")
    write_shards(changed, "boxes")
    path = Path("data/boxes/images/d1.png")
    drawn = np.asarray(Image.open(io.BytesIO(samples(shards_of(changed))["boxes+images+d1"]["png"])))
    assert np.array_equal(drawn, decode_image(path, changed.images)[..., 0])
    assert not np.array_equal(drawn, decode_image(path, world.images)[..., 0])


def test_shards_that_are_no_longer_any_are_removed(world: Config) -> None:
    write_shards(world, "boxes")
    scenes = [one for one in read_scenes(world.results / "sartext" / "scenes.parquet") if one.split != "val"]
    build(world, scenes[:5])
    folder = shards_of(world)
    (folder / ".train-000000.k3x9.tar").write_bytes(b"half")
    manifest = write_shards(world, "boxes")
    assert {path.name for path in folder.glob("*.tar")} == {shard["file"] for shard in manifest["shards"]}
    assert not (folder / ".train-000000.k3x9.tar").exists()
    assert read_json(folder / "sizes.json") == {
        shard["file"]: shard["images"] for shard in manifest["shards"]
    }


@pytest.mark.parametrize("state", [b"", b"[1]", b'{"train-000000.tar": 3}', b'{"train-000000.tar": {}}'])
def test_a_damaged_note_of_what_was_written_costs_time_only(world: Config, state: bytes) -> None:
    write_shards(world, "boxes")
    first = contents(shards_of(world))
    (shards_of(world) / ".written.json").write_bytes(state)
    write_shards(world, "boxes")
    assert contents(shards_of(world)) == first


def test_another_source_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = profile(3, boxes={}, boxes2={})
    one = make_source(config, "boxes", {f"{n}.png": "png" for n in range(9)})
    two = make_source(config, "boxes2", {f"{n}.png": "png" for n in range(9)})
    build(config, one + two)
    write_shards(config, "boxes")
    first, written = contents(shards_of(config)), times(shards_of(config))
    build(config, [*two[4:], *one])
    write_shards(config, "boxes")
    assert (contents(shards_of(config)), times(shards_of(config))) == (first, written)


WRITE = """
import sys
from sartext.core.config import load_config
from sartext.dataset.exports import write_shards
write_shards(load_config("profile.yaml"), "boxes")
"""


def test_killed_and_started_again_it_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = profile(2, boxes={})
    build(config, make_source(config, "boxes", {f"{number:03d}.png": "png" for number in range(300)}))
    save_config(config, "profile.yaml")
    write_shards(config, "boxes")
    folder = shards_of(config)
    undisturbed = contents(folder)
    for path in folder.iterdir():
        path.unlink()
    killed = 0
    for files in (1, 50, 100):
        job = subprocess.Popen([sys.executable, "-c", WRITE], stderr=subprocess.DEVNULL)
        while job.poll() is None and sum(1 for _ in os.scandir(folder)) < files:
            time.sleep(0.001)
        job.send_signal(signal.SIGKILL)
        killed += job.wait() == -signal.SIGKILL
        assert not (folder / "manifest.json").exists()
    assert killed == 3
    before = times(folder)
    write_shards(config, "boxes")
    assert contents(folder) == undisturbed
    # what was finished was not written again; one shard may have been renamed but not noted
    assert len(before) > 50
    assert sum(times(folder)[name] == at for name, at in before.items()) >= len(before) - 1


class Tokens:
    """A tokenizer whose tokens tell the text: its first 64 bytes."""

    def __call__(self, texts: str | list[str]) -> Any:
        import torch

        texts = [texts] if isinstance(texts, str) else texts
        return torch.tensor([list(text.encode()[:64].ljust(64, b"\0")) for text in texts])


def grey(image: Image.Image) -> Any:
    import torch

    return torch.from_numpy(np.asarray(image.convert("L")).copy())


def expected_pairs(config: Config, splits: tuple[str, ...]) -> set[tuple[bytes, str]]:
    """Pixels and first caption of each image of some splits, from the files themselves."""
    found = set()
    for one in read_scenes(config.results / "sartext" / "scenes.parquet"):
        if one.split in splits:
            pixels = decode_image(Path(one.image), config.images)
            found.add((pixels.tobytes(), f"There is 1 ship in {one.scene_id}."))
    return found


def batch_pairs(loader: Any) -> list[tuple[bytes, str]]:
    pairs = []
    for images, tokens in loader:
        texts = [bytes(row.tolist()).rstrip(b"\0").decode() for row in tokens]
        pairs += [(image.numpy().tobytes(), text) for image, text in zip(images, texts, strict=True)]
    return pairs


@pytest.mark.parametrize("split", ["train", "test"])
def test_open_clips_loader_reads_the_shards(world: Config, split: str) -> None:
    from open_clip_train.data import get_wds_dataset

    shards = [one for one in write_shards(world, "boxes")["shards"] if one["split"] == split]
    files = [str(shards_of(world) / one["file"]) for one in shards]
    images = sum(one["images"] for one in shards)
    assert images > 1
    args = Namespace(
        train_data=f"{shards_of(world)}/train-{{000000..{len(shards) - 1:06d}}}.tar",
        val_data="::".join(files),
        train_num_samples=None,  # then open_clip adds up sizes.json
        val_num_samples=None,
        train_data_upsampling_factors=None,
        dataset_resampled=False,
        seed=0,
        workers=0,
        batch_size=images,
        world_size=1,
    )
    data = get_wds_dataset(args, grey, split == "train", tokenizer=Tokens())
    pairs = batch_pairs(data.dataloader)
    assert len(pairs) == images
    assert set(pairs) == expected_pairs(world, (split,))
    assert split == "test" or (data.dataloader.num_samples, data.dataloader.num_batches) == (images, 1)


@pytest.fixture
def load_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    return lambda *arguments, **named: datasets.load_dataset(
        *arguments, cache_dir=str(tmp_path / "hf" / "cache"), **named
    )


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_reads_the_folder(world: Config, load_dataset: Any, streaming: bool) -> None:
    scenes = read_scenes(world.results / "sartext" / "scenes.parquet")
    known = {scene.scene_id: scene for scene in scenes}
    # PNG and JPEG, resolutions unknown and known, with and without questions: whatever comes first
    chosen = [replace(one, resolution_m=3.0 if row % 7 == 6 else None) for row, one in enumerate(scenes)]
    silent = frozenset(one.scene_id for one in chosen if one.resolution_m is None)
    build(world, chosen, silent)
    write_shards(world, "boxes")
    found = load_dataset(str(shards_of(world)), streaming=streaming)
    assert set(found) == {"train", "val", "test"}
    seen = {}
    for split, rows in found.items():
        for row in rows:
            record = row["json"]
            seen[record["scene_id"]] = (split, record["resolution_m"], len(record["questions"]))
            image = row["png"] or row["jpg"]
            own = decode_image(Path(known[record["scene_id"]].image), world.images)
            assert np.array_equal(np.asarray(image), own[..., 0])
            assert row["__key__"] == key_of(record["scene_id"])
            assert row["txt"] == record["captions"][0]["caption"]
    assert seen == {
        one.scene_id: (one.split, one.resolution_m, 0 if one.scene_id in silent else 2) for one in chosen
    }


def test_datasets_reads_the_shards_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load_dataset: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    config = profile(3, boxes={})
    scenes = make_source(config, "boxes", {f"{n}.png": "png" for n in range(12)})
    build(config, [replace(one, resolution_m=1.5, polarisation="VV") for one in scenes])
    write_shards(config, "boxes")
    files = {split: str(shards_of(config) / f"{split}-*.tar") for split in ("train", "test")}
    found = load_dataset("webdataset", data_files=files)
    for split, rows in found.items():
        assert {row["json"]["scene_id"] for row in rows} == {
            one.scene_id for one in scenes if one.split == split
        }
        assert {(row["json"]["resolution_m"], row["json"]["polarisation"]) for row in rows} == {(1.5, "VV")}


def test_one_card_for_the_shards_of_several_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load_dataset: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    config = profile(3, first={}, second={})
    scenes = make_source(config, "first", {f"{n}.png": "png" for n in range(10)})
    scenes += make_source(config, "second", {f"{n}.jpg": "jpg" for n in range(10)})
    build(config, scenes, frozenset(one.scene_id for one in scenes if one.source == "first"))
    for source in ("first", "second"):
        write_shards(config, source)
    folder = shards_of(config).parent
    splits = {split: sum(one.split == split for one in scenes) for split in ("train", "val", "test")}
    card = shards_card(splits, ("jpg", "png"), "*/")  # type: ignore[arg-type]
    (folder / "README.md").write_text(card, encoding="utf-8")
    found = load_dataset(str(folder))
    assert {split: len(rows) for split, rows in found.items()} == splits
    rows = [row for part in found.values() for row in part]
    assert {row["json"]["scene_id"] for row in rows} == {one.scene_id for one in scenes}
    assert all((row["jpg"] is None) == (row["json"]["source"] == "first") for row in rows)
