"""A frozen benchmark's images as tests: where their names say they were cut, and their optical twins."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dataset_files import Pixels, make_config, make_image, nudged
from hypothesis import given
from hypothesis import strategies as st
from likeness_files import make_scene, prints_of
from PIL import Image

from sartext.core.config import SourceConfig
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.dataset.likeness.benchmark import BenchmarkImage, places_of, read_benchmark, stem_of
from sartext.dataset.parts import Gathered
from sartext.sources.groups import group_of

Place = tuple[str | None, tuple[int, int, int, int] | None]
COCO: dict[str, Any] = {"format": "coco", "branches": ["a2c"], "classes": {"ship": "ship"}}
CONFIG = make_config(
    hrsid={**COCO, "tile_name": "{scene}_{y0}_{y1}_{x0}_{x1}", "splits": {"train": "a", "test": "b"}},
    masks={**COCO, "tile_name": "{scene}_{y0}_{y1}_{x0}_{x1}", "tiles_of": "hrsid"},
    ships={**COCO, "tile_name": "{scene}/{folder}/{id}"},
    plain=COCO,
)


def places(stem: str, sources: list[SourceConfig] | None = None) -> set[Place]:
    found = places_of("vqa/images/x.png", stem, 800, 600, CONFIG.sources if sources is None else sources)
    assert all((one.scene_id, one.split) == ("vqa/images/x.png", "test") for one in found)
    return {(one.group, one.window) for one in found}


def test_a_name_tells_the_larger_scene_and_where_in_it() -> None:
    assert places("hrsid__JPEGImages__P0701_0_64_100_164") == {
        ("hrsid/P0701", (100, 0, 164, 64)),
        # had the file's name held the separator
        ("hrsid/JPEGImages__P0701", (100, 0, 164, 64)),
    }
    # another source of the same larger scenes, by its own name or by theirs
    assert places("masks__P0701_0_64_100_164") == {("hrsid/P0701", (100, 0, 164, 64))}
    assert places("hrsid__P0701_0_64_100_164", [CONFIG.source("masks")]) == {
        ("hrsid/P0701", (100, 0, 164, 64))
    }
    # three parts of the path, no window
    assert ("ships/S1A_product", None) in places("ships__S1A_product__Patch__Cargo_x12")
    # nothing is told: of another source, no tile's name, a window that is none
    for stem in ("elsewhere__P0701_0_64_0_64", "plain__7", "hrsid__P0701", "hrsid__P0701_64_0_0_64", "x"):
        assert places(stem) == set()


def test_a_tile_that_was_cut_from_a_large_image_is_placed_in_it() -> None:
    assert ("plain/images/big", (0, 2000, 800, 2600)) in places("plain__images__big__0_2000")
    # of a piece that was cut again all of the piece counts: a name does not tell its scale
    assert places("hrsid__P0701_0_9000_0_8000__4000_0") == {("hrsid/P0701", (0, 0, 8000, 9000))}


@given(st.lists(st.sampled_from(["a", "b__c", "P1", "__"]), min_size=1, max_size=3), st.integers(0, 9999))
def test_names_give_what_the_source_itself_reads_in_them(parts: list[str], left: int) -> None:
    """Whatever separators a file's own name holds: among the readings is the source's."""
    for below in ("/".join([*parts, f"P7__x_0_64_{left}_{left + 64}"]), f"P7_0_64_{left}_{left + 64}"):
        source = CONFIG.source("hrsid")
        assert group_of(source, below) in places(stem_of(f"hrsid/{below}"))


def save(path: Path, image: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def test_images_are_called_by_their_path_and_an_image_of_two_tasks_is_there_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no benchmark there"):
        read_benchmark(tmp_path, CONFIG.images, CONFIG.sources)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match="no image in"):
        read_benchmark(tmp_path, CONFIG.images, CONFIG.sources)
    one, other = make_image("one"), make_image("other")
    save(tmp_path / "captioning" / "images" / "hrsid__P1_0_96_0_96.png", one)
    save(tmp_path / "retrieval" / "images" / "hrsid__P1_0_96_0_96.png", one)
    save(tmp_path / "vqa" / "images" / "hrsid__P1_0_96_0_96.png", other)
    prints, found = read_benchmark(tmp_path, CONFIG.images, CONFIG.sources)
    names = [f"{task}/images/hrsid__P1_0_96_0_96.png" for task in ("captioning", "vqa")]
    assert prints.scene_ids.tolist() == [image.name for image in found] == names
    expected = prints_of((names[0], one), (names[1], other))
    assert prints.sha256.tolist() == expected.sha256.tolist()
    assert [image.places[0].group for image in found] == ["hrsid/P1", "hrsid/P1"]


class Run:
    """Scenes of a run, each of pixels of its own, and a benchmark's images."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []
        self.images: list[Any] = []
        self.frozen: list[tuple[str, Pixels]] = []

    def add(self, name: str, split: str, twin: Pixels | None = None, **fields: Any) -> None:
        group, window = group_of(CONFIG.source(name.split("/")[0]), name.split("/", 1)[1])
        optical = None if twin is None else "o.png"
        scene = make_scene(name, split, twin=optical, **fields)
        self.scenes.append(replace(scene, group=group, window=window))
        self.images.append((name, make_image(name)))
        if twin is not None:
            self.images.append((name, twin, "twin"))

    def freeze(self, stem: str, image: Pixels | None = None) -> str:
        name = f"captioning/images/{stem}.png"
        self.frozen.append((stem, make_image(name) if image is None else image))
        return name

    def leaks(self) -> list[tuple[str, str, str]]:
        frozen, pixels = [], []
        for stem, image in self.frozen:
            name = f"captioning/images/{stem}.png"
            frozen.append(BenchmarkImage(name, stem, places_of(name, stem, 96, 96, CONFIG.sources)))
            pixels.append((name, image))
        by_source = {"all": self.scenes}
        prints = prints_of(*self.images, *pixels)
        gathered = Gathered(by_source, prints, frozen, "v1", 2, frozenset({"masks", "ships", "plain"}))
        return [(leak.train, leak.kind, leak.test) for leak in gathered.leaks.values()]


def test_a_tile_that_overlaps_one_of_the_benchmark_leaks() -> None:
    """Their pixels are nothing alike; the names tell that they share columns 600 to 800."""
    run = Run()
    frozen = run.freeze("hrsid__JPEGImages__P0701_0_800_0_800")
    run.add("hrsid/JPEGImages/P0701_0_800_600_1400", "train")
    run.add("masks/P0701_600_1400_600_1400", "val")
    run.add("hrsid/JPEGImages/P0701_0_800_800_1600", "train")
    run.add("hrsid/JPEGImages/P0702_0_800_0_800", "train")
    assert run.leaks() == [
        ("hrsid/JPEGImages/P0701_0_800_600_1400", "overlap", frozen),
        ("masks/P0701_600_1400_600_1400", "overlap", frozen),
    ]


def test_of_a_drawn_benchmark_image_the_whole_scene_leaks() -> None:
    run = Run()
    frozen = run.freeze("masks__P0701_0_800_0_800")
    run.add("hrsid/JPEGImages/P0701_0_800_4000_4800", "train")
    assert run.leaks() == [("hrsid/JPEGImages/P0701_0_800_4000_4800", "same scene", frozen)]


def test_a_benchmark_image_that_the_run_tests_too_is_named_as_the_run_names_it() -> None:
    run = Run()
    run.freeze("hrsid__JPEGImages__P0701_0_800_0_800")
    run.add("hrsid/JPEGImages/P0701_0_800_0_800", "test")
    run.add("hrsid/JPEGImages/P0701_0_800_600_1400", "train")
    assert run.leaks() == [
        ("hrsid/JPEGImages/P0701_0_800_600_1400", "overlap", "hrsid/JPEGImages/P0701_0_800_0_800")
    ]


def test_two_images_of_one_stem_are_both_tests() -> None:
    run = Run()
    run.add("plain/1", "train")
    run.add("plain/2", "train")
    names = ["captioning/images/plain__9.png", "vqa/images/plain__9.png"]
    frozen = [BenchmarkImage(name, "plain__9", ()) for name in names]
    prints = prints_of(*run.images, (names[0], make_image("plain/1")), (names[1], make_image("plain/2")))
    gathered = Gathered({"plain": run.scenes}, prints, frozen, "v1", 2, frozenset())
    found = {(leak.train, leak.test) for leak in gathered.leaks.values()}
    assert found == {("plain/1", names[0]), ("plain/2", names[1])}


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_optical_twin_of_a_benchmark_image_is_a_test_whatever_its_split_here(split: str) -> None:
    """The SAR image was stretched otherwise when it was frozen; its name still leads to its twin."""
    run = Run()
    optical = make_image("o", channels=3)
    frozen = run.freeze("plain__7")
    run.add("plain/7", split, twin=optical)
    run.add("plain/8", "train", twin=nudged(optical))
    run.add("plain/9", "train", modality="optical")
    run.images[-1] = ("plain/9", optical)
    test = "plain/7" if split == "test" else frozen
    expected = [("plain/8", "near twin", test), ("plain/9", "exact twin", test)]
    assert run.leaks() == ([] if split == "test" else [("plain/7", "exact twin", frozen)]) + expected
