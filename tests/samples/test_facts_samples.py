"""The parser of captions against 100 captions of people, labelled by hand.

The captions are all 52 of ``sarcap_52.csv`` and, of the different Sydney sentences, the 48 whose SHA-256
come first. Of each file, in the order of the SHA-256, every other caption is for development and the rest is
held out: those were labelled before the parser read them, and it was not changed for them afterwards. The
labels file holds no text.
"""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sartext.narrator.facts import parse_caption

LABELS = json.loads(Path(__file__).with_name("caption_facts.json").read_text(encoding="utf-8"))["captions"]
FLOORS = {
    # measured: docs/narrator.md
    "development": {"class": (0.97, 0.97), "count": (0.96, 0.97), "place": (0.95, 0.95)},
    "held out": {"class": (0.93, 0.93), "count": (0.93, 0.93), "place": (0.95, 0.95)},
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def texts(samples: Path) -> dict[tuple[str, str], str]:
    """Caption by source and id."""
    found = {}
    with (samples / "captions" / "sarcap_52.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            found["sarcap", row["filename"].rsplit("/", 1)[1]] = row["caption"]
    sydney = samples / "captions" / "sydney" / "dataset_sydney_modified.json"
    for image in json.loads(sydney.read_text(encoding="utf-8"))["images"]:
        for sentence in image["sentences"]:
            found["sydney", str(sentence["sentid"])] = sentence["raw"]
    return found


def test_the_labels_are_of_these_captions_chosen_as_said(texts: dict[tuple[str, str], str]) -> None:
    for source, wanted in (("sarcap", 52), ("sydney", 48)):
        own = [entry for entry in LABELS if entry["source"] == source]
        assert [entry["sha256"] for entry in own] == [
            digest(texts[entry["source"], entry["id"]]) for entry in own
        ]
        first = sorted({digest(text) for (name, _), text in texts.items() if name == source})[:wanted]
        assert [entry["sha256"] for entry in own] == first
        assert [entry["half"] for entry in own] == ["development", "held out"] * (wanted // 2)


def test_the_labels_hold_no_text(texts: dict[tuple[str, str], str]) -> None:
    content = Path(__file__).with_name("caption_facts.json").read_text(encoding="utf-8")
    assert not [text for text in texts.values() if text in content and len(text.split()) > 3]


def parsed(text: str) -> Iterator[tuple[str, Any]]:
    """Every fact of a caption as (kind, value), in the form of the labels."""
    for mention in parse_caption(text).mentions:
        yield "class", f"no {mention.label}" if mention.negated else mention.label
        if mention.count is not None or mention.many:
            yield "count", (mention.label, "many" if mention.count is None else mention.count)
        for place in mention.places:
            yield "place", (mention.label, place)
        if mention.share is not None:
            yield "share", (mention.label, mention.share)


def figures(half: str, texts: dict[tuple[str, str], str]) -> dict[str, tuple[int, int, int]]:
    """Facts found and right, found, and labelled, by kind."""
    totals = {kind: [0, 0, 0] for kind in ("class", "count", "place", "share")}
    for entry in LABELS:
        if entry["half"] == half:
            facts = set(parsed(texts[entry["source"], entry["id"]]))
            for kind, total in totals.items():
                found = {value for name, value in facts if name == kind}
                wanted = {tuple(v) if isinstance(v, list) else v for v in entry["facts"][kind]}
                total[0] += len(found & wanted)
                total[1] += len(found)
                total[2] += len(wanted)
    return {kind: (total[0], total[1], total[2]) for kind, total in totals.items()}


@pytest.mark.parametrize("half", FLOORS)
def test_the_parser_finds_what_people_find(half: str, texts: dict[tuple[str, str], str]) -> None:
    found = figures(half, texts)
    for kind, (precision, recall) in FLOORS[half].items():
        right, said, wanted = found[kind]
        assert right / said >= precision, f"{half}, precision of {kind}: {right} of {said}"
        assert right / wanted >= recall, f"{half}, recall of {kind}: {right} of {wanted}"
    # none of these captions says how much of the image something takes: the parser may find one share at most
    right, said, wanted = found["share"]
    assert (right, wanted) == (0, 0)
    assert said <= 1


def test_there_is_enough_to_measure() -> None:
    for half in FLOORS:
        own = [entry["facts"] for entry in LABELS if entry["half"] == half]
        assert len(own) == 50
        assert sum(len(facts["class"]) for facts in own) > 90
        assert sum(len(facts["count"]) for facts in own) > 70
        assert sum(len(facts["place"]) for facts in own) >= 7
