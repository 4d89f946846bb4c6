"""SAR-TEXT beside the ten data sets of figure 1."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sartext.core.config import CONFIG_FOLDER
from sartext.core.errors import UserError
from sartext.core.records import Box, Caption, Question, Scene
from sartext.dataset.about.comparison import comparison, known_datasets
from sartext.dataset.about.statistics import statistics
from sartext.sources.catalogue import read_entry

# the ten that figure 1 of the paper names
PAPER = {
    *("OpenSARShip", "FUSAR-Map", "SSDD", "MSAR", "SADD", "SAR-AIRcraft", "SIVED", "SARDet-100K", "BRIGHT"),
    "OpenEarthMap-SAR",
}
ENTRIES = {
    **{"OpenSARShip": "opensarship", "SSDD": "ssdd", "MSAR": "msar", "SADD": "sadd", "SIVED": "sived"},
    **{"SAR-AIRcraft": "sar-aircraft", "SARDet-100K": "sardet-100k"},
}


def test_the_ten_of_the_paper_are_there_each_with_where_its_figures_stand() -> None:
    known = known_datasets()
    assert {entry.name for entry in known} == PAPER
    assert len(known) == len(PAPER)
    assert all(len(entry.source) > 20 for entry in known)
    assert not any(entry.text for entry in known)


@pytest.mark.parametrize(("name", "entry"), ENTRIES.items())
def test_counts_agree_with_what_the_sources_entries_expect(name: str, entry: str) -> None:
    known = next(known for known in known_datasets() if known.name == name)
    source = read_entry(CONFIG_FOLDER / "sources" / f"{entry}.yaml")
    assert known.images == source.expected_images
    if source.expected_boxes is not None:
        assert known.objects == source.expected_boxes
    if source.resolution_m is not None and known.resolution_m is not None:
        assert known.resolution_m[0] <= source.resolution_m <= known.resolution_m[1]


def test_the_last_row_is_what_was_counted() -> None:
    scenes = [
        Scene("s/1", "s", "train", "sar", "1.png", 64, 96, 3.0, boxes=(Box("ship", 1, 1, 2, 2),) * 2),
        Scene("s/2", "s", "test", "sar", "2.png", 128, 32, 0.5),
    ]
    captions = [Caption("s/1", "a2c", "Two ships."), Caption("s/2", "given", "The sea.")]
    asked = [Question("s/1#0", "s/1", "count", "How many ships are there?", "2")]
    rows = comparison(statistics(scenes, captions, asked))
    assert [row["name"] for row in rows][-1] == "SAR-TEXT"
    assert [row["year"] for row in rows[:-1]] == sorted(row["year"] for row in rows[:-1])
    assert {frozenset(row) for row in rows} == {frozenset(rows[0])}
    own = rows[-1]
    assert (own["images"], own["objects"], own["captions"], own["questions"], own["text"]) == (
        2,
        2,
        2,
        1,
        True,
    )
    assert own["image_size"] == [32, 128]
    assert own["resolution_m"] == [0.5, 3.0]
    assert own["annotation"] == "captions (a2c, given), questions and answers"
    assert comparison(statistics([], [], []))[-1]["image_size"] is None


ENTRY: dict[str, Any] = {
    **{"name": "X", "year": 2020, "images": 3, "objects": None, "image_size": [8, 9], "resolution_m": None},
    **{"sensors": None, "tasks": ["seeing"], "annotation": "none", "text": False, "source": "a page"},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": [9, 8]}, r"datasets\.0: .*image_size: expected the smaller number first"),
        ({"year": "soon"}, r"datasets\.0\.year: "),
        ({"source": ""}, r"datasets\.0\.source: "),
        ({"imgaes": 3}, r"datasets\.0\.imgaes: "),
        ({"images": 0}, r"datasets\.0\.images: "),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "datasets.yaml"
    path.write_text(yaml.safe_dump({"datasets": [ENTRY]}), encoding="utf-8")
    assert known_datasets(path)[0].image_size == (8, 9)
    path.write_text(yaml.safe_dump({"datasets": [{**ENTRY, **change}]}), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        known_datasets(path)


@pytest.mark.parametrize("content", ["datasets: [", "", "- 1"])
def test_a_file_that_is_no_list_of_data_sets_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "datasets.yaml"
    with pytest.raises(UserError, match="no such file"):
        known_datasets(path)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"datasets\.yaml") as caught:
        known_datasets(path)
    assert "\n" not in str(caught.value)
