"""The collector waits while records are read, and runs again after."""

import gc
from pathlib import Path

import pytest
from sources_files import grey, read, source, written

from sartext.core import collector
from sartext.sources import coco


def test_it_is_as_it_was_afterwards_also_after_a_fault() -> None:
    assert gc.isenabled()

    def faulty() -> None:
        with collector.collector_held():
            assert not gc.isenabled()
            raise RuntimeError("fault")

    with pytest.raises(RuntimeError, match="fault"):
        faulty()
    assert gc.isenabled()
    with collector.collector_held():
        with collector.collector_held():
            pass
        assert not gc.isenabled(), "the outer one still holds it"
    assert gc.isenabled()


def test_it_waits_while_annotations_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey(tmp_path / "i" / "1.png", 40, 30)
    written(tmp_path / "a.json", {"images": [{"id": 1, "file_name": "1.png"}], "annotations": [],
                                  "categories": []})  # fmt: skip
    states = []
    images = coco._images

    def watched(*arguments: object) -> object:
        states.append(gc.isenabled())
        return images(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(coco, "_images", watched)
    scenes, _ = read(source(tmp_path, "coco", {"annotations": "a.json", "images": "i"}))
    assert (len(scenes), states, gc.isenabled()) == (1, [False], True)
