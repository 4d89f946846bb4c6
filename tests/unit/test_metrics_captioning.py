"""Caption metrics against pycocoevalcap run alone, and its Java parts when they fail."""

import contextlib
import io
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sartext.metrics import captioning, java
from sartext.metrics.java import Meteor, MetricUnavailableError

REFERENCES = {
    "b": ["There are 3 ships near the harbor.", "Three ships lie in a harbour.", "Some ships, by the quay"],
    "a": ["A bridge crosses the river", "The river is spanned by one bridge.", "water under a bridge"],
    "d": ["Forest and farmland around a small village", "Fields beside a forest", "A village in the fields"],
    "c": ["Several storage tanks (round) stand in rows", "rows of tanks", "Bright tanks: a tank farm"],
    "e": ["An airport with two aircraft", "two airplanes are parked", "aircraft at the terminal's edge"],
}
PREDICTIONS = {
    "a": "a bridge over the river",
    "b": "There are 3 ships near the harbor.",
    "c": "",
    "d": "farmlands and the forests near a village, naïve “view”",
    "e": "ship ship ship ship",
}
RESAMPLED = ["a", "a", "b", "d", "d", "e"]


def _theirs():
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor as TheirMeteor
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    def numbers(wanted, given):
        bleu = Bleu(4).compute_score(wanted, given, 0)[0]
        found = {f"bleu_{n}": value for n, value in enumerate(bleu, 1)}
        found["meteor"] = meteor.compute_score(wanted, given)[0]
        found["rouge_l"] = Rouge().compute_score(wanted, given)[0]
        found["cider"], each = Cider().compute_score(wanted, given)
        return found, each

    meteor = TheirMeteor()
    with contextlib.redirect_stdout(io.StringIO()):
        wanted = PTBTokenizer().tokenize({k: [{"caption": t} for t in v] for k, v in REFERENCES.items()})
        given = PTBTokenizer().tokenize({k: [{"caption": v}] for k, v in PREDICTIONS.items()})
        given = {name: given[name] for name in wanted}
        whole, cider_each = numbers(wanted, given)
        again = {f"{number}{name}": name for number, name in enumerate(RESAMPLED)}
        drawn, _ = numbers(
            {key: wanted[name] for key, name in again.items()},
            {key: given[name] for key, name in again.items()},
        )
        perfect = meteor.compute_score({"a": wanted["a"]}, {"a": [wanted["a"][0]]})[0]
    meteor.meteor_p.stderr.close()
    meteor.meteor_p.stdout.close()
    return whole, dict(zip(wanted, cider_each, strict=True)), drawn, perfect


def _ours():
    with Meteor() as meteor:
        found = captioning.score_captions(REFERENCES, PREDICTIONS, meteor)
        perfect = captioning.score_captions({"a": REFERENCES["a"]}, {"a": REFERENCES["a"][0]}, meteor)
    return found, perfect


@pytest.fixture(scope="module")
def both():
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.submit(_theirs), pool.submit(_ours)
        return theirs.result(), ours.result()


def test_equals_pycocoevalcap_alone(both):
    (whole, _, _, perfect), (found, ours_perfect) = both
    ours = captioning.formula(found.statistics.sums())
    for name, value in whole.items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name
    assert 0 < whole["meteor"] < 1
    assert 0 < whole["bleu_4"] < 1
    assert captioning.formula(ours_perfect.statistics.sums())["meteor"] == pytest.approx(perfect, abs=1e-9)


def test_sums_of_drawn_images_equal_pycocoevalcap_on_those_images(both):
    """What the bootstrap sums is exact: BLEU and METEOR of a resample equal the jar and library."""
    (_, cider_each, drawn, _), (found, _) = both
    statistics = found.statistics
    rows = [statistics.ids.index(name) for name in RESAMPLED]
    sums = dict(zip(statistics.columns, statistics.values[rows].sum(axis=0), strict=True))
    ours = captioning.formula(sums)
    for name in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor", "rouge_l"):
        assert ours[name] == pytest.approx(drawn[name], abs=1e-9), name
    # CIDEr keeps the document frequencies of the whole set
    assert ours["cider"] == pytest.approx(np.mean([cider_each[name] for name in RESAMPLED]), abs=1e-9)


def test_spice_says_what_is_missing_or_scores(both):
    _, (found, _) = both
    there = all((java.package_folder() / "spice" / "lib" / name).is_file() for name in java.SPICE_JARS)
    if there:
        assert 0 <= captioning.formula(found.statistics.sums())["spice"] <= 1
    else:
        assert "stanford-corenlp-3.6.0.jar" in found.unavailable["spice"]
        assert "stanford-corenlp-3.6.0-models.jar" in found.unavailable["spice"]
        assert "spice" not in captioning.formula(found.statistics.sums())


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("[{'image_id': e['image_id'], 'scores': {'All': {'f': 0.25}}} for e in given]", None),
        ("[{'image_id': 'a', 'scores': {'All': {'f': 0.25}}}]", "a number for each of 2 images"),
        (
            "[{'image_id': e['image_id'], 'scores': {'All': {'f': float('nan')}}} for e in given]",
            "a number for each",
        ),
        (
            "[{'image_id': e['image_id'], 'scores': {'All': {'f': None}}} for e in given]",
            "no readable scores",
        ),
        ("1 / 0", "SPICE failed with status 1: ZeroDivisionError"),
    ],
)
def test_how_spice_is_asked_and_read(answers, said, tmp_path, monkeypatch):
    """A stand-in for the jar, which needs 400 MB of models: shows the files exchanged, not the numbers."""
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\nplace = sys.argv.index('edu.anu.spice.SpiceScorer')\n"
        f"given = json.load(open(sys.argv[place + 1]))\n"
        f"json.dump({answers}, open(sys.argv[sys.argv.index('-out') + 1], 'w'))\n"
    )
    program.chmod(0o755)
    library = tmp_path / "spice" / "lib"
    library.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(java, "package_folder", lambda: tmp_path)
    arguments = {"a": ["a ship"], "b": ["a bridge"]}, {"a": "a ship", "b": ""}
    (library / java.SPICE_JARS[0]).touch()
    with pytest.raises(MetricUnavailableError, match=r"SPICE needs stanford-corenlp-3\.6\.0-models\.jar in"):
        java.spice(*arguments)
    (library / java.SPICE_JARS[1]).touch()
    if said is None:
        assert java.spice(*arguments) == {"a": 0.25, "b": 0.25}
    else:
        with pytest.raises(MetricUnavailableError, match=said):
            java.spice(*arguments)


def test_one_image_has_no_document_frequencies(both):
    _, (_, perfect) = both
    assert "one image" in perfect.unavailable["cider"]


def test_bleu_worked_by_hand():
    """Papineni's clipping: 'ship' seven times over, of which the references allow two."""
    columns = captioning._bleu({"a": ["the ship is by the ship", "a ship"]}, {"a": "ship " * 7})
    assert columns["bleu.correct_1"][0] == 2
    assert columns["bleu.guess_1"][0] == 7
    assert columns["bleu.reference_length"][0] == 6
    found = captioning.formula({name: values.sum() for name, values in columns.items()})
    assert found["bleu_1"] == pytest.approx(2 / 7, rel=1e-6)
    short = captioning._bleu({"a": ["one two three four five"]}, {"a": "one two three"})
    found = captioning.formula({name: values.sum() for name, values in short.items()})
    assert found["bleu_2"] == pytest.approx(math.exp(1 - 5 / 3), rel=1e-6)


def test_tokens_are_those_of_the_treebank_and_lines_do_not_shift():
    given = [
        "A ship, near (the) harbour.",
        "",
        "two\u2028lines\x0bhere\r\nthree",
        "a ||| b",
        "  ",
        "naïve café",
    ]
    assert java.tokenize(given) == [
        "a ship near -lrb- the -rrb- harbour",  # kept by pycocoevalcap too, whose list is in capitals
        "",
        "two lines here three",
        "a | | | b",
        "",
        "naïve café",
    ]


def test_meteor_that_does_not_answer_is_unavailable_and_ended():
    began = time.monotonic()
    meteor = Meteor(limit_s=0.3, command=["sleep", "60"])
    with pytest.raises(MetricUnavailableError, match=r"did not answer within 0\.3 s"):
        meteor.segment("a ship", ["a ship"])
    with pytest.raises(MetricUnavailableError, match=r"did not answer within 0\.3 s"):
        meteor.segment("ship " * 100_000, ["a ship"])  # more than a pipe holds: the write waits too
    assert time.monotonic() - began < 10
    assert meteor._process is None


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ([sys.executable, "-c", "import sys\nfor line in sys.stdin: print(flush=True)"], "answered ''"),
        (
            [sys.executable, "-c", "import sys\nfor line in sys.stdin: print('1 x', flush=True)"],
            "answered '1 x'",
        ),
        (["true"], "ended before it answered"),
        (["/no/such/program"], "did not start"),
    ],
)
def test_meteor_that_answers_nonsense_is_unavailable(command, reason):
    with Meteor(limit_s=20, command=command) as meteor, pytest.raises(MetricUnavailableError, match=reason):
        meteor.segment("a ship", ["a ship"])


def test_a_broken_tokenizer_is_told():
    with pytest.raises(MetricUnavailableError, match=r"did not end within 0\.2 s"):
        java.tokenize(["a"], limit_s=0.2, command=["sleep", "60"])
    with pytest.raises(MetricUnavailableError, match="failed with status 1"):
        java.tokenize(["a"], command=["false"])
    with pytest.raises(MetricUnavailableError, match="0 lines for 2 sentences"):
        java.tokenize(["a", "b"], command=["true"])


def test_without_java_nothing_is_scored_and_nothing_is_zero(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with Meteor() as meteor:
        found = captioning.score_captions({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "y"}, meteor)
    assert set(found.unavailable) == set(captioning.METRICS)
    assert all("no java" in reason for reason in found.unavailable.values())
    assert captioning.formula(found.statistics.sums()) == {}


def test_without_meteor_the_rest_stands():
    references, predictions = {"a": ["a ship"], "b": ["a bridge"]}, {"a": "a ship", "b": ""}
    with Meteor(limit_s=0.2, command=["sleep", "60"]) as meteor:
        found = captioning.score_captions(references, predictions, meteor)
    assert "did not answer" in found.unavailable["meteor"]
    ours = captioning.formula(found.statistics.sums())
    assert set(ours) == {"bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider"}


def test_images_must_be_the_same():
    with Meteor() as meteor, pytest.raises(ValueError, match="same images"):
        captioning.score_captions({"a": ["x"]}, {"b": "x"}, meteor)
