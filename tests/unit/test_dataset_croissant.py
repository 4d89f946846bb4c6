"""Croissant metadata, checked and read back by `mlcroissant`."""

import json
import socket
from pathlib import Path
from typing import Any

import mlcroissant
import pyarrow.parquet as pq
import pytest
from dataset_files import make_config

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import sha256_file, write_json
from sartext.core.records import SPLITS, Box, Caption, Question, Scene, Turn
from sartext.core.tables import write_records
from sartext.dataset.about.croissant import croissant

SCENES = [
    Scene(
        *("a/1", "a", "train", "sar", "a/1.png", 64, 48, 1.5, "HH"),
        boxes=(Box("ship", 1.0, 2.5, 3.0, 4.0), Box("oil tank", 5.0, 6.0, 7.0, 8.0)),
        group="a/scene",
        window=(0, 800, 3000, 3800),
    ),
    Scene(
        "b/1", "b", "val", "sar", "b/1.png", 32, 32, cover={"water": 0.5}, twin="b/opt1.png", annotated=False
    ),
    Scene(
        *("c/1", "c", "test", "sar", "c/1.png", 16, 16),
        captions=("A sea, calm.", 'Said "so".'),
        dialogue=(Turn("Is it?", "yes", "presence"), Turn("Why?", "so")),
    ),
]
CAPTIONS = [
    Caption("a/1", "a2c", 'There is "1 ship", and\tmore; ünïcode.'),
    Caption("a/1", "a2c", "Another."),
    Caption("b/1", "pair", "Water."),
]
QUESTIONS = [Question("a/1#0", "a/1", "count", "How many ships are there?", "1")]


@pytest.fixture
def config() -> Config:
    return make_config(
        a={"format": "coco", "branches": ["a2c"], "title": "The A", "licence": "CC BY 4.0"},
        b={"format": "pairs", "branches": ["pair"], "title": "The B", "licence": "research use"},
        o={"format": "karpathy", "title": "Optical"},
    )


@pytest.fixture
def folder(tmp_path: Path, config: Config) -> Path:
    write_records(tmp_path / "scenes.parquet", SCENES, Scene)
    write_records(tmp_path / "captions.parquet", CAPTIONS, Caption)
    write_records(tmp_path / "questions.parquet", QUESTIONS, Question)
    write_json(tmp_path / "croissant.json", croissant(tmp_path, config, "1.2.0"))
    return tmp_path


@pytest.fixture
def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> mlcroissant.Dataset:
    """The data set as `mlcroissant` sees it, with no network."""

    def refuse(*_: object) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return mlcroissant.Dataset(str(folder / "croissant.json"))


def plain(value: Any) -> Any:
    """A record with its texts decoded and its fields named by the column alone."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict):
        return {key.split("/")[-1]: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list) else value


def records(opened: mlcroissant.Dataset, name: str) -> list[dict[str, Any]]:
    return [plain(record) for record in opened.records(name)]


def test_it_is_valid(opened: mlcroissant.Dataset) -> None:
    issues = opened.metadata.ctx.issues
    assert not issues.errors
    # what is left is the date: a build that gives the same bytes twice has none
    assert [warning for warning in issues.warnings if "datePublished" not in warning] == []


def test_images_are_read_back(opened: mlcroissant.Dataset) -> None:
    first, second, third = records(opened, "images")
    assert first == {
        **{"scene_id": "a/1", "source": "a", "split": "train", "modality": "sar", "image": "a/1.png"},
        **{"width": 64, "height": 48, "resolution_m": 1.5, "polarisation": "HH", "twin": None},
        **{"annotated": True, "group": "a/scene", "window": [0, 800, 3000, 3800]},
        "boxes": [
            {"label": "ship", "x": 1.0, "y": 2.5, "width": 3.0, "height": 4.0},
            {"label": "oil tank", "x": 5.0, "y": 6.0, "width": 7.0, "height": 8.0},
        ],
        **{"captions": [], "dialogue": []},
    }
    assert (second["resolution_m"], second["window"], second["boxes"]) == (None, None, [])
    assert (second["twin"], second["annotated"]) == ("b/opt1.png", False)
    assert third["captions"] == ["A sea, calm.", 'Said "so".']
    assert third["dialogue"] == [
        {"question": "Is it?", "answer": "yes", "type": "presence"},
        {"question": "Why?", "answer": "so", "type": None},
    ]


def test_texts_are_read_back(opened: mlcroissant.Dataset) -> None:
    assert records(opened, "captions") == [
        {"scene_id": entry.scene_id, "branch": entry.branch, "caption": entry.caption} for entry in CAPTIONS
    ]
    assert records(opened, "questions") == [
        {
            **{"question_id": "a/1#0", "scene_id": "a/1", "type": "count"},
            **{"question": "How many ships are there?", "answer": "1"},
        }
    ]
    assert records(opened, "splits") == [{"name": split} for split in SPLITS]


def test_every_column_is_described_but_the_map_that_croissant_cannot_tell(folder: Path) -> None:
    sets = {
        entry["name"]: entry for entry in json.loads((folder / "croissant.json").read_text())["recordSet"]
    }
    for name, table in (("images", "scenes"), ("captions", "captions"), ("questions", "questions")):
        described = {field["name"] for field in sets[name]["field"]}
        columns = set(pq.read_schema(folder / f"{table}.parquet").names)
        assert described == columns - ({"cover"} if name == "images" else set())


def test_records_refer_to_images_and_splits(opened: mlcroissant.Dataset, folder: Path) -> None:
    sets = {entry.uuid: entry for entry in opened.metadata.record_sets}
    assert (sets["images"].key, sets["questions"].key) == (["images/scene_id"], ["questions/question_id"])
    for name in ("captions", "questions"):
        field = next(field for field in sets[name].fields if field.id == f"{name}/scene_id")
        assert (field.references.uuid, field.references.extract.column) == ("scenes.parquet", "scene_id")
    split = next(field for field in sets["images"].fields if field.id == "images/split")
    assert split.references.field == "splits/name"


def test_files_are_named_by_their_digests(folder: Path) -> None:
    for entry in json.loads((folder / "croissant.json").read_text())["distribution"]:
        assert entry["sha256"] == sha256_file(folder / entry["contentUrl"])
        assert entry["contentSize"] == f"{(folder / entry['contentUrl']).stat().st_size} B"


def test_terms_citation_and_version_are_told(
    opened: mlcroissant.Dataset, folder: Path, config: Config
) -> None:
    metadata = opened.metadata
    assert metadata.license == ["The A: CC BY 4.0", "The B: research use"]
    assert "2507.18743" in (metadata.cite_as or "")
    assert (metadata.version, metadata.name) == ("1.2.0", "sar-text-tests")
    assert "version" not in croissant(folder, config)


def test_the_same_tables_give_the_same_metadata_wherever_they_lie(
    folder: Path, config: Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("elsewhere")
    for path in folder.glob("*.parquet"):
        (other / path.name).write_bytes(path.read_bytes())
    assert croissant(other, config, "1.2.0") == json.loads((folder / "croissant.json").read_text())


def test_a_missing_table_is_named(folder: Path, config: Config) -> None:
    (folder / "captions.parquet").unlink()
    with pytest.raises(
        UserError, match=r"captions\.parquet: no such file; expected SAR-TEXT's table of captions"
    ):
        croissant(folder, config)
