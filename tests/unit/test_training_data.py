"""What is learned from: counts and order of samples, the images they belong to, and faults of the tables."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models_toy import SIZE, toy_config, toy_set

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.records import Caption, Question, Scene
from sartext.core.tables import read_scenes, write_records
from sartext.training.data import DESCRIBE, Mix, Pixels, Sample, TextSet, Visits, read_set, require_samples
from sartext.training.recipes import chosen_recipes, find_recipe, steps


def _texts(name: str, images: int, captions: int = 2) -> TextSet:
    return TextSet(
        name,
        tuple(
            tuple(Sample(f"{name}/{image}", f"{name} {image} {text}") for text in range(captions))
            for image in range(images)
        ),
    )


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    toy_set(tmp_path, "stage1", "opt", 20)
    toy_set(tmp_path, "sartext", "sar", 30)
    return toy_config()


@given(images=st.integers(1, 12), start=st.integers(0, 40))
def test_each_epoch_visits_every_image_once(images: int, start: int) -> None:
    texts = _texts("set", images)
    epoch = range(start * images, (start + 1) * images)
    visits = Visits(texts, 3)
    seen = [visits.sample(number).scene_id for number in epoch]
    assert sorted(seen) == sorted(f"set/{image}" for image in range(images))
    # another reader that starts in the middle sees the same
    again = Visits(texts, 3)
    assert [again.sample(number).scene_id for number in reversed(epoch)] == seen[::-1]


def test_visits_draw_every_caption_and_differ_by_seed() -> None:
    texts = _texts("set", 5, captions=3)
    first, second = (Visits(texts, seed) for seed in (0, 1))
    drawn = [first.sample(number).text for number in range(300)]
    assert len(set(drawn)) == 15
    assert min(Counter(drawn).values()) > 5
    assert drawn != [second.sample(number).text for number in range(300)]


@given(first=st.integers(1, 40), second=st.integers(1, 40))
def test_joint_sees_both_sets_in_proportion(first: int, second: int) -> None:
    mix = Mix(((_texts("a", 7), first), (_texts("b", 4), second)), 0)
    seen = Counter(sample.scene_id[0] for sample in mix.samples(0, first + second))
    assert (seen["a"], seen["b"]) == (first, second)
    twice = Counter(sample.scene_id[0] for sample in mix.samples(0, 2 * (first + second)))
    assert (twice["a"], twice["b"]) == (2 * first, 2 * second)


def test_a_mix_goes_on_anywhere_and_is_mixed() -> None:
    mix = Mix(((_texts("a", 7), 30), (_texts("b", 4), 20)), 0)
    whole = mix.samples(0, 80)
    assert mix.samples(13, 29) == whole[13:29]
    assert Mix(mix.sets, 0).samples(40, 80) == whole[40:]
    half = Counter(sample.scene_id[0] for sample in whole[:25])
    assert 8 < half["a"] < 22
    of_b = [sample for sample in whole[:50] if sample.scene_id[0] == "b"]
    assert of_b == Mix(((_texts("b", 4), 20),), 0).samples(0, 20)


def test_recipes_see_as_many_samples_as_the_design_says() -> None:
    training = toy_config(stage1_samples=100, stage2_samples=70).models["clip"].training
    seen = {
        name: dict(find_recipe(name, training).samples)
        for name in ("base", "optical", "sar", "sar-matched", "joint", "two-stage")
    }
    assert seen == {
        "base": {},
        "optical": {"stage1": 100},
        "sar": {"sartext": 70},
        "sar-matched": {"sartext": 170},
        "joint": {"stage1": 100, "sartext": 70},
        "two-stage": {"sartext": 70},
    }
    assert find_recipe("two-stage", training).after == "optical"
    assert steps(find_recipe("optical", training), 16) == 7
    assert steps(find_recipe("base", training), 16) == 0


def test_optical_comes_before_two_stage() -> None:
    chosen = chosen_recipes(toy_config(), "clip", ["two-stage", "sar", "optical", "sar"])
    assert [recipe.name for recipe in chosen] == ["sar", "optical", "two-stage"]
    with pytest.raises(UserError, match="no recipe 'sarr'; expected one of base, optical"):
        chosen_recipes(toy_config(), "clip", ["sarr"])
    with pytest.raises(UserError, match="no model 'coca'"):
        chosen_recipes(toy_config(), "coca", ["sar"])


def test_a_batch_is_the_images_of_its_scenes(config: Config) -> None:
    pixels = Pixels(config)
    texts = read_set(config, "sartext", "clip", "train", pixels)
    read_set(config, "stage1", "clip", "train", pixels)
    assert len(texts) == 24
    assert all(len(group) == 2 for group in texts.groups)
    batch = pixels.batch(["sar/7", "opt/3", "sar/0"])
    grey = np.load(config.results / "scenes" / "sar" / "images.npy")
    colour = np.load(config.results / "scenes" / "opt" / "images.npy")
    assert batch.shape == (3, SIZE, SIZE, 3)
    for channel in range(3):
        np.testing.assert_array_equal(batch[0, ..., channel], grey[7, ..., 0])
        np.testing.assert_array_equal(batch[2, ..., channel], grey[0, ..., 0])
    np.testing.assert_array_equal(batch[1], colour[3])


def test_gpt_learns_from_questions_and_else_from_captions(config: Config) -> None:
    asked = read_set(config, "stage1", "gpt", "val", Pixels(config))
    assert [group[0].question for group in asked.groups[:2]] == [
        "What is the color of the square?",
        "Where is the square?",
    ]
    write_records(config.results / "stage1" / "questions.parquet", [], Question)
    told = read_set(config, "stage1", "gpt", "val", Pixels(config))
    assert {sample.question for group in told.groups for sample in group} == {DESCRIBE}
    assert told.groups[0][0].text.startswith("There is a")


def test_an_empty_training_split(config: Config) -> None:
    write_records(config.results / "stage1" / "captions.parquet", [], Caption)
    found = read_set(config, "stage1", "clip", "train", Pixels(config))
    with pytest.raises(UserError, match=r"stage1: empty training split"):
        require_samples(found, config)


def test_images_that_do_not_fit_their_scenes(config: Config) -> None:
    path = config.results / "scenes" / "sar" / "images.npy"
    images = np.load(path)
    np.save(path, images[:-1])
    with pytest.raises(UserError, match=r"images\.npy: 29 images, but 30 scenes"):
        read_set(config, "sartext", "clip", "train", Pixels(config))
    np.save(path, images.astype(np.float32))
    with pytest.raises(UserError, match="float32"):
        read_set(config, "sartext", "clip", "train", Pixels(config))
    np.save(path, images[:, :16, :16])
    with pytest.raises(UserError, match=r"images of \(16, 16\) pixels; expected 32"):
        read_set(config, "sartext", "clip", "train", Pixels(config))
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="not a plain npy"):
        read_set(config, "sartext", "clip", "train", Pixels(config))
    path.unlink()
    with pytest.raises(UserError, match="run 'sartext ingest' for sar"):
        read_set(config, "sartext", "clip", "train", Pixels(config))


def test_a_scene_that_was_not_ingested(config: Config) -> None:
    path = config.results / "sartext" / "scenes.parquet"
    scenes = read_scenes(path)
    stranger = Scene("sar/99", "sar", "train", "sar", "sar/99.png", SIZE, SIZE)
    write_records(path, [*scenes, stranger], Scene)
    captions = [Caption("sar/99", "a2c", "There is 1 ship.")]
    write_records(config.results / "sartext" / "captions.parquet", captions, Caption)
    with pytest.raises(UserError, match="'sar/99' is not among the ingested"):
        read_set(config, "sartext", "clip", "train", Pixels(config))
