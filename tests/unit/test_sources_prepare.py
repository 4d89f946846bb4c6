"""Images prepared in fours and in several processes: the same bytes, and no process left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import imagehash
import numpy as np
import pytest
import yaml
from PIL import Image
from PIL.Image import Resampling
from sources_files import grey, source, written

from sartext.core.config import Config, ImagesConfig, parse_config
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.sources import decode_image, ingest, resize
from sartext.sources.decode import Pixels
from sartext.sources.hashes import hash_image
from sartext.sources.prepare import Prepared, Unusable, prepare_images, resize_four


@pytest.fixture
def config(root: Path) -> Config:
    raw = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    raw["images"] = {"size": 16, "max_rejected_share": 0.25}
    return parse_config(raw, "test.yaml")


def _random_image(draws: np.random.Generator, channels: int) -> Pixels:
    """Noise, two values, a ramp or one value, of any shape from 1 pixel to some hundreds."""
    height, width = np.exp(draws.uniform(0, np.log(400), 2)).astype(int)
    shape = (int(height), int(width), channels)
    kind = draws.integers(4)
    if kind == 0:
        return draws.integers(0, 256, shape, dtype=np.uint8)
    if kind == 1:
        return (draws.integers(0, 2, shape) * 255).astype(np.uint8)
    ramp = np.linspace(0, 255, width)[None, :, None] if kind == 2 else draws.integers(256)
    return np.ascontiguousarray(np.broadcast_to(ramp, shape).astype(np.uint8))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_perceptual_hash_is_that_of_imagehash(channels: int) -> None:
    draws = np.random.default_rng(channels)
    for _ in range(300):
        image = _random_image(draws, channels)
        reference = imagehash.phash(Image.fromarray(image[..., 0] if channels == 1 else image))
        assert hash_image(image).phash == str(reference), image.shape


def test_four_images_at_once_are_resized_as_each_alone() -> None:
    draws = np.random.default_rng(4)
    for _ in range(100):
        first = _random_image(draws, 1)
        images = [first, 255 - first, first[::-1].copy(), draws.integers(0, 256, first.shape, dtype=np.uint8)]
        size = int(draws.integers(1, 300))
        resized, thumbs = resize_four(images, ((size, Resampling.BICUBIC), (32, Resampling.LANCZOS)))
        for image, small in zip(images, resized, strict=True):
            np.testing.assert_array_equal(small, resize(image, size))
        for image, thumb in zip(images, thumbs, strict=True):
            alone = Image.fromarray(image[..., 0]).resize((32, 32), Resampling.LANCZOS)
            np.testing.assert_array_equal(thumb[..., 0], np.asarray(alone))


def _scene(path: Path, width: int, height: int) -> Scene:
    return Scene(path.stem, "tiny", "train", "sar", path.as_posix(), width, height)


def test_scenes_come_in_order_whatever_their_sizes_and_faults(tmp_path: Path) -> None:
    images = ImagesConfig(size=16, max_rejected_share=1.0)
    scenes = []
    for number in range(70):
        width = (40, 40, 40, 31)[number % 4] if number % 10 else 1200
        path = grey(tmp_path / f"{number}.png", width, 1000 if width == 1200 else 30, value=number)
        scenes.append(_scene(path, width, 1000 if width == 1200 else 30))
    broken = (3, 31, 32, 69)
    for number in broken:
        written(Path(scenes[number].image), b"junk")
    outcomes = list(prepare_images(scenes, images))
    assert len(outcomes) == 70
    for number, (scene, outcome) in enumerate(zip(scenes, outcomes, strict=True)):
        if number in broken:
            assert isinstance(outcome, Unusable)
            assert "not an image of a known format" in outcome.reason
        else:
            assert isinstance(outcome, Prepared)
            whole = decode_image(Path(scene.image), images)
            np.testing.assert_array_equal(outcome.image, resize(whole, 16))
            assert outcome.hashes == hash_image(whole)


def _coco(root: Path, count: int) -> None:
    records = []
    for number in range(count):
        grey(root / "images" / f"{number:03d}.png", 40, 30, value=number)
        records.append({"id": number, "file_name": f"{number:03d}.png", "width": 40, "height": 30})
    boxes = [
        {"id": number, "image_id": number, "category_id": 1, "bbox": [1, 2, 5, 6]} for number in range(count)
    ]
    categories = [{"id": 1, "name": "ship"}]
    written(root / "a.json", {"images": records, "annotations": boxes, "categories": categories})


def test_several_processes_write_the_same_bytes_as_one(tmp_path: Path, config: Config) -> None:
    _coco(tmp_path / "s", 150)
    written(tmp_path / "s" / "images" / "077.png", b"junk")
    given = source(tmp_path / "s", "coco", {"annotations": "a.json", "images": "images"})
    ingest(given, config, tmp_path / "one")
    ingest(given, config, tmp_path / "three", processes=3)
    names = sorted(entry.name for entry in (tmp_path / "one").iterdir())
    assert names == sorted(entry.name for entry in (tmp_path / "three").iterdir())
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes(), name
    assert np.load(tmp_path / "three" / "images.npy").shape[0] == 149
    assert multiprocessing.active_children() == []


def test_a_killed_process_is_said_in_one_line_and_nothing_is_written(tmp_path: Path, config: Config) -> None:
    _coco(tmp_path / "s", 150)
    given = source(tmp_path / "s", "coco", {"annotations": "a.json", "images": "images"})

    def kill_the_first() -> None:
        while len(children := multiprocessing.active_children()) < 2:
            time.sleep(0.005)
        time.sleep(0.1)
        os.kill(children[0].pid or 0, signal.SIGKILL)

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    with pytest.raises(UserError, match="one of the 2 processes that decode images was killed"):
        ingest(given, config, tmp_path / "out", processes=2)
    killer.join()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["s"]
    assert multiprocessing.active_children() == []


_KILLED = """
import os, signal, sys, threading
from pathlib import Path
from sartext.core.config import ImagesConfig
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.sources.prepare import prepare_images

def kill_the_first():
    while True:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                ours = parent == os.getpid() and b"spawn_main" in (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if ours:
                return os.kill(int(entry.name), signal.SIGKILL)

if __name__ == "__main__":
    path = Path(sys.argv[1])
    scene = Scene("a/1", "a", "train", "sar", path.as_posix(), 40, 30)
    for _ in range(8):
        killer = threading.Thread(target=kill_the_first)
        killer.start()
        try:
            for outcome in prepare_images([scene] * 2000, ImagesConfig(size=16, max_rejected_share=1.0), 3):
                pass
        except UserError as error:
            print(error, flush=True)
        killer.join()
"""


def test_a_process_killed_while_the_others_start_never_halts_the_run(tmp_path: Path) -> None:
    image = grey(tmp_path / "1.png", 40, 30)
    script = written(tmp_path / "killed.py", _KILLED)
    with subprocess.Popen(
        [sys.executable, str(script), str(image)], stdout=subprocess.PIPE, start_new_session=True, text=True
    ) as parent:
        try:
            said, _ = parent.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(parent.pid, signal.SIGKILL)
            pytest.fail("a run whose process was killed waits for ever")
    assert said.count("one of the 3 processes that decode images was killed") == 8
    assert _left(parent.pid) == []


def test_a_fault_in_a_process_is_raised_here(tmp_path: Path) -> None:
    image = grey(tmp_path / "1.png", 40, 30)
    # a size that no image can have: not a fault of the image, which would set it aside
    images = ImagesConfig.model_construct(size=-1, stretch_low=1.0, stretch_high=99.0)
    for processes in (1, 2):
        with pytest.raises(ValueError, match="height and width must be > 0"):
            list(prepare_images([_scene(image, 40, 30)] * 100, images, processes))
    assert multiprocessing.active_children() == []


_HALTED = """
import sys, time
from pathlib import Path
from sartext.core.config import ImagesConfig
from sartext.core.records import Scene
from sartext.sources.prepare import prepare_images

if __name__ == "__main__":
    path = Path(sys.argv[1])
    scene = Scene("a/1", "a", "train", "sar", path.as_posix(), 40, 30)
    outcomes = prepare_images([scene] * 2000, ImagesConfig(size=16, max_rejected_share=1.0), 2)
    next(outcomes)
    print("under way", flush=True)
    time.sleep(60)
"""


def test_the_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    image = grey(tmp_path / "1.png", 40, 30)
    script = written(tmp_path / "halted.py", _HALTED)
    with subprocess.Popen(
        [sys.executable, str(script), str(image)], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"under way\n"
        session = parent.pid
        assert len(_members(session)) >= 3
        parent.kill()
    assert _left(session) == []


def _left(session: int) -> list[int]:
    """What still runs of a session after ten seconds; Python's resource tracker ends after its parent."""
    for _ in range(200):
        if not _members(session):
            break
        time.sleep(0.05)
    return _members(session)


def _members(session: int) -> list[int]:
    """Living processes of a session (field 6 of /proc/PID/stat)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found
