"""The datasheet as a reader of Markdown sees it."""

import re
from typing import Any

import pytest
from dataset_files import make_config
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sartext.core.config import CONFIG_FOLDER, Config, parse_config
from sartext.core.records import Box, Caption, Question, Scene
from sartext.dataset.about.composition import About
from sartext.dataset.about.datasheet import datasheet
from sartext.dataset.about.licences import licence_of
from sartext.dataset.about.markdown import counted, escape, number, percent, span, table
from sartext.dataset.about.statistics import statistics
from sartext.sources.catalogue import read_entry

HOSTILE = "A|B *bold* <b>x</b> [link](http://x) `code` _u_ \\ &amp; ![i](y) ~~gone~~ # 1"
GEBRU = [
    *("Motivation", "Composition", "Collection process", "Preprocessing, cleaning, labelling", "Uses"),
    *("Distribution", "Maintenance"),
]


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a Markdown page: rows of cells as they read, head first."""
    found: list[list[list[str]]] = []
    inside = False
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            found.append([])
            inside = True
        elif token.type == "table_close":
            inside = False
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and inside:
            found[-1][-1].append(read(token))
    return found


def read(token: Any) -> str:
    """An inline token's plain text; anything but text and emphasis in it is a fault."""
    kinds = {child.type for child in token.children or []}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close", "code_inline"}, kinds
    return "".join(child.content for child in token.children or [])


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=40))
def test_a_text_reads_as_it_is_in_a_cell(text: str) -> None:
    cells = [f"x{text}x", "2"]
    rows = tables("\n".join(table(("a", "b"), [[escape(cell) for cell in cells]])))
    assert rows == [[["a", "b"], [" ".join(cells[0].split()), "2"]]]


def test_numbers_are_written_for_people() -> None:
    assert (number(136584), number(8.25, 1), number(None)) == ("136,584", "8.2", "-")
    assert (percent(0.4567), percent(None)) == ("45.7%", "-")
    assert (counted(1, "image"), counted(2500, "image")) == ("1 image", "2,500 images")
    assert span({"min": 0.5, "max": 3.0}) == "0.5 to 3"
    assert span({"min": 256, "max": 2048}) == "256 to 2,048"
    assert (span({"min": 3.0, "max": 3.0}), span(None)) == ("3", "not known")


def simulated(config: Config, names: list[str]) -> Config:
    raw = config.model_dump(mode="json")
    raw["simulator"] = {"image_size": 32, "sources": {n: {"train": 2, "val": 1, "test": 1} for n in names}}
    return parse_config(raw, "tests")


@pytest.fixture
def config() -> Config:
    return make_config(
        boxes={
            "format": "coco",
            "branches": ["a2c"],
            "title": HOSTILE,
            "licence": f"mine | {HOSTILE}",
            "citation": "Me\net al.",
            "obtain": f"from {HOSTILE}",
            "splits": {"train": "train", "test": "test"},
            "expected_images": 12345,
        },
        masks={"format": "mask", "branches": ["sa2c"], "redistribute": True, "licence": "CC BY 4.0"},
        idle={"format": "coco", "branches": ["a2c"]},
        optical={"format": "karpathy", "title": "an optical one"},
    )


def found() -> dict[str, Any]:
    scenes = [
        Scene(
            "boxes/1", "boxes", "train", "sar", "1.png", 1000, 80, 3.0, "HH", (Box("a|b", 1, 1, 2, 2),) * 3
        ),
        Scene("boxes/2", "boxes", "test", "sar", "2.png", 100, 80, 0.5, None, (Box("ship", 1, 1, 2, 2),)),
        Scene("masks/1", "masks", "train", "sar", "3.png", 100, 80, cover={"water": 0.25, "road": 0.5}),
    ]
    captions = [
        Caption("boxes/1", "a2c", "There are 3 ships."),
        Caption("boxes/2", "a2c", "There are 3 ships."),
        Caption("masks/1", "sa2c", "Roads cover half of it."),
    ]
    questions = [
        Question("boxes/1#0", "boxes/1", "count", "How many ships are there?", "3"),
        Question("boxes/2#0", "boxes/2", "count", "How many ships are there?", "3"),
    ]
    return {
        **statistics(scenes, captions, questions),
        "dropped": {"nothing to say": 1234},
        "dropped_captions": {"boxes": {"empty": 2}, "masks": {"empty": 3, "too long": 1}},
    }


def sheet(config: Config, **more: Any) -> str:
    return datasheet(About(config, found(), **more))


def cells(text: str, head: str) -> list[list[str]]:
    """The rows of the one table whose first line has this column."""
    fitting = [rows for rows in tables(text) if head in rows[0]]
    assert len(fitting) == 1, head
    return fitting[0][1:]


def test_the_questions_of_gebru_et_al_are_answered_in_their_order(config: Config) -> None:
    lines = sheet(config).split("\n")
    assert [line[3:] for line in lines if line.startswith("## ")] == GEBRU
    assert not any("\t" in line or line != line.rstrip() for line in lines)
    for start in (place for place, line in enumerate(lines) if line.startswith("## ")):
        assert lines[start - 1] == lines[start + 1] == ""


def test_its_numbers_are_those_of_the_statistics(config: Config) -> None:
    text = sheet(config, summaries={"boxes": {"read": 4321, "rejected": 7, "tiled": 0, "tiles": 0}})
    assert cells(text, "split") == [
        ["train", "2", "2", "1"],
        ["val", "0", "0", "0"],
        ["test", "1", "1", "1"],
        ["all", "3", "3", "2"],
    ]
    read_as = " ".join(HOSTILE.split())
    assert cells(text, "words a caption") == [
        [read_as, "a2c", "1", "0", "1", "2", "2", "4.0", "0.5 to 3"],
        ["masks", "sa2c", "1", "0", "0", "1", "0", "5.0", "not known"],
        ["idle", "", "0", "0", "0", "0", "0", "-", "-"],
    ]
    assert cells(text, "why") == [
        ["images", "nothing to say", "1,234"],
        ["captions", "empty", "5"],
        ["captions", "too long", "1"],
    ]
    # There are 3 ships / There are 3 ships / Roads cover half of it
    assert cells(text, "distinct-2") == [
        ["A2C, from boxes", "2", "4.0", "4", "50.0%", "100.0%", "0.500"],
        ["SA2C, from masks", "1", "5.0", "5", "100.0%", "0.0%", "1.000"],
        ["all", "3", "4.3", "9", "66.7%", "66.7%", "0.700"],
    ]
    assert cells(text, "objects") == [["a b", "3", "1"], ["ship", "1", "1"]]
    assert cells(text, "share") == [["road", "1", "50.0%"], ["water", "1", "25.0%"]]
    assert cells(text, "texts")[0][:4] == ["count", "2", "1", "1"]
    assert cells(text, "images read")[0] == [read_as, "Me et al.", "the whole folder", "4,321", "7", "12,345"]
    assert "an optical one" not in text


def test_it_says_what_may_be_passed_on_and_under_which_terms(config: Config) -> None:
    read_as = " ".join(HOSTILE.split())
    assert cells(sheet(config), "licence or terms") == [
        [read_as, f"mine | {read_as}", "no", f"from {read_as}"],
        ["masks", "CC BY 4.0", "yes", "in a release"],
        ["idle", "free", "no", "made by a test"],
    ]
    drawn = simulated(config, ["boxes", "masks"])
    rows = cells(sheet(drawn), "licence or terms")
    assert [row[1].split(",")[0] for row in rows] == ["Apache-2.0", "Apache-2.0", "free"]
    assert licence_of(drawn, drawn.source("idle")) == "free"


def test_only_sources_with_open_terms_are_passed_on() -> None:
    entries = [read_entry(path) for path in sorted((CONFIG_FOLDER / "sources").glob("*.yaml"))]
    passed_on = {source.name: source.licence for source in entries if source.redistribute}
    # a list to be changed by hand, after reading a licence
    assert set(passed_on) == {"rsvqa-hr", "rsvqa-lr", "s1-s2-pairs", "sen1-2"}
    for name, licence in passed_on.items():
        assert re.match(r"CC BY 4\.0|Copernicus terms", licence), name


def test_it_says_what_is_simulated(config: Config) -> None:
    assert "simulator" not in sheet(config)
    text = sheet(simulated(config, ["boxes", "masks"]))
    assert "1 source of real images and 2 sources drawn by a simulator" in text
    assert "scores on them do not carry over" in text


def test_it_tells_of_the_audit_if_there_was_one(config: Config) -> None:
    assert "The leakage audit was not run" in sheet(config)
    audit = {
        **{"benchmark": "v1", "tests": 1500, "checked": 2, "remaining": 0},
        "removed": [{}] * 3,
        "removed_by_kind": {"near": 2, "overlap": 1},
    }
    text = sheet(config, audit=audit)
    assert "3 training or validation images that showed what a test image shows were dropped" in text
    assert "dropped (near 2, overlap 1). The leakage audit then checked 2 images against" in text
    assert "against 1,500 test images, those of benchmark v1 among them: 0 left" in text
    text = sheet(config, audit={**audit, "removed": [], "removed_by_kind": {}, "benchmark": None})
    assert "No training or validation image was found that shows what a test image shows." in text
    assert "against 1,500 test images: 0 left" in text


def test_tiles_are_told_of(config: Config) -> None:
    assert "do not overlap (none was)" in sheet(config)
    text = sheet(config, summaries={"boxes": {"read": 6, "rejected": 0, "tiled": 1, "tiles": 6}})
    assert "do not overlap (1 image into 6 tiles)" in text
