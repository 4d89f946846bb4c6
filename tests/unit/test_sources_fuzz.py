"""Sources with bytes changed at random: only rejects and `UserError` may come out, and only sound scenes."""

import math
import random
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from whole_sources import WHOLE, whole_source

from sartext.core.config import ImagesConfig
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.sources import Reject, decode_image, read_source

MUTATIONS = 120
TOKENS = (
    *(b"NaN", b"Infinity", b"-1", b"0", b"1e999", b"9" * 400, b"null", b"true", b"[]", b"{}", b'""', b'"'),
    *(b"\\", b"\0", b"\xff", b"\xed\xa0\x80", b"\r", b"\n", b"<", b"&x;", b"]]>", b"../", b"[" * 2000, b","),
)  # fmt: skip
IMAGES = ImagesConfig(size=8, max_rejected_share=1.0)


def _mutated(content: bytes, draw: random.Random) -> bytes:
    """One to three changes: a value for another, bytes changed, cut out, doubled or put in, the end lost."""
    for _ in range(draw.randint(1, 3)):
        start = draw.randrange(len(content) + 1)
        end = min(len(content), start + draw.choice((1, 4, 60)))
        values = list(re.finditer(rb'"[^"]*"|-?[0-9.]+', content)) if draw.random() < 0.5 else []
        change = "value" if values else draw.choice(("bytes", "cut", "twice", "token", "end"))
        match change:
            case "value":
                value = draw.choice(values)
                content = content[: value.start()] + draw.choice(TOKENS) + content[value.end() :]
            case "bytes":
                content = content[:start] + draw.randbytes(end - start) + content[end:]
            case "cut":
                content = content[:start] + content[end:]
            case "twice":
                content = content[:end] + content[start:]
            case "token":
                content = content[:start] + draw.choice(TOKENS) + content[start:]
            case "end":
                content = content[:start]
    return content


def _check(scenes: list[Scene], rejects: list[Reject]) -> None:
    for reject in rejects:
        assert reject.file
        assert reject.reason
    for scene in scenes:
        assert scene.width >= 1 <= scene.height
        for box in scene.boxes:
            assert box.label.isprintable()
            assert box.label.strip()
            assert all(map(math.isfinite, (box.x, box.y, box.width, box.height)))
            assert 0 <= box.x < box.x + box.width <= scene.width
            assert 0 <= box.y < box.y + box.height <= scene.height
        assert all(0 < share <= 1 for share in scene.cover.values())
        for text in (
            *scene.captions,
            *(part for turn in scene.dialogue for part in (turn.question, turn.answer)),
        ):
            assert text.isprintable()
            assert text.strip()
        assert scene.image.isprintable()


@pytest.mark.parametrize("format", list(WHOLE))
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_bytes_changed_at_random_are_set_aside_or_stop_in_one_line(format: str, tmp_path: Path) -> None:
    whole = WHOLE[format]
    root = tmp_path / "root"
    whole.build(root)
    source = whole_source(root, format)
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "classes.yaml")
    # annotations are where most can go wrong
    files += 3 * [path for path in files if path.suffix in (".json", ".xml", ".txt", ".csv", ".zip")]
    draw = random.Random(f"fuzz {format}")
    hurt = 0
    for _ in range(MUTATIONS):
        path = draw.choice(files)
        content = path.read_bytes()
        path.write_bytes(_mutated(content, draw))
        hurt += _hurt(partial(read_source, source, 0, 0.0, 0.0, tmp_path / "unpacked"))
        if whole.narrate is not None:
            _hurt(partial(whole.narrate, root))
        path.write_bytes(content)
    assert hurt > MUTATIONS / 4  # the changes do harm


def _hurt(read: Callable[[], tuple[list[Scene], list[Reject]]]) -> bool:
    """Whether anything was set aside, or the reading stopped in one line."""
    stopped: list[str] = []
    rejects: list[Reject] = []
    try:
        scenes, rejects = read()
        _check(scenes, rejects)
        for scene in scenes:
            for image in filter(None, (scene.image, scene.twin)):
                decode_image(Path(image), IMAGES)
    except UserError as error:
        stopped.append(str(error))
    assert all("\n" not in said and len(said) < 1000 for said in stopped)
    return bool(stopped or rejects)
