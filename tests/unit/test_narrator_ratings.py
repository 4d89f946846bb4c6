"""Sheets for people and their summary; alpha against published values, means against hand-worked ones."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from dataset_files import make_image
from PIL import Image

from sartext.cli import main
from sartext.core.errors import UserError
from sartext.narrator.ratings import CRITERIA, alpha_ordinal, make_sheets, read_sheet, safe_cell, summarise

X = np.nan
# four observers, twelve units: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), C
OBSERVED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
        [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
    ]
)


def test_alpha_is_the_published_one_for_ordinal_data() -> None:
    # section D of that paper, and R's irr::kripp.alpha(nmm, "ordinal"): 0.815
    assert alpha_ordinal(OBSERVED) == pytest.approx(0.815, abs=5e-4)


def test_alpha_worked_by_hand() -> None:
    # two raters, (1, 1) and (1, 2): coincidences o11 = 2, o12 = o21 = 1; n1 = 3, n2 = 1;
    # difference of 1 and 2: ((3 + 1) / 2)^2 = 4; alpha = 1 - 3 * (1 * 4) / (3 * 1 * 4) = 0
    assert alpha_ordinal(np.array([[1.0, 1.0], [1.0, 2.0]])) == pytest.approx(0.0)
    assert alpha_ordinal(np.array([[1.0, 5.0, 3.0], [1.0, 5.0, 3.0]])) == 1.0
    # one that disagrees as far as it can, on two units, is below chance: 1 - 3 * 2 / (2 * 2)
    assert alpha_ordinal(np.array([[1.0, 5.0], [5.0, 1.0]])) == pytest.approx(-0.5)


def test_alpha_depends_on_order_alone() -> None:
    assert alpha_ordinal(OBSERVED) == pytest.approx(alpha_ordinal(np.where(OBSERVED == 5, 50, OBSERVED)))
    assert alpha_ordinal(OBSERVED) == pytest.approx(alpha_ordinal(OBSERVED[::-1, ::-1]))


@pytest.mark.parametrize("ratings", [[[3, 3], [3, 3]], [[1, X], [X, 2]], [[X, X], [X, X]]])
def test_alpha_is_not_defined_without_pairs_or_without_two_values(ratings: list[list[float]]) -> None:
    assert alpha_ordinal(np.array(ratings, dtype=np.float64)) is None


@pytest.fixture
def captions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six images with two captions each of two branches in two files; a seventh image does not open."""
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    for number in range(6):
        Image.fromarray(make_image(f"{number}", 24)).save(f"images/ship_{number}.png")
    Path("images/broken.png").write_bytes(b"no image")
    for branch in ("a2c", "pair"):
        lines = ["filepath,caption,branch"]
        for number in range(6):
            lines += [f'images/ship_{number}.png,"{branch} says {n}, of {number}",{branch}' for n in (1, 2)]
        lines.append(f"images/broken.png,never seen,{branch}")
        Path(f"{branch}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def made(count: int = 8, raters: int = 2) -> Path:
    main(
        [
            *(
                "narrate",
                "ratings",
                "make",
                "--captions",
                "a2c.csv",
                "--captions",
                "pair.csv",
                "--out",
                "sheet",
            ),
            *("--images", "images", "--count", str(count), "--raters", str(raters)),
        ]
    )
    return Path("sheet")


def test_sheets_are_blind_and_the_key_tells_what_is_what(captions: Path) -> None:
    sheet = made()
    key = {row["id"]: row for row in rows(sheet / "key.csv")}
    first, second = (rows(sheet / "for-raters" / f"rater-{n}.csv") for n in (1, 2))
    assert list(first[0]) == ["id", "image", "caption", *CRITERIA, "comment"]
    assert {row["id"] for row in first} == {row["id"] for row in second} == set(key)
    assert [row["id"] for row in first] != [row["id"] for row in second]
    for row in first:
        entry = key[row["id"]]
        assert row["caption"] == entry["caption"]
        assert row["caption"].startswith(entry["branch"])
        shown = np.asarray(Image.open(sheet / "for-raters" / row["image"]))
        assert np.array_equal(shown, np.asarray(Image.open(entry["filepath"])))
    # nothing that goes to a rater names a source file, a branch's file or an image's own name
    for path in (sheet / "for-raters").rglob("*"):
        if path.is_file():
            assert not re.search(rb"ship_\d|a2c\.csv|pair\.csv|broken", path.read_bytes()), path


def test_branches_have_equal_shares_and_images_are_not_repeated_before_they_must(captions: Path) -> None:
    key = rows(made(count=8) / "key.csv")
    for branch in ("a2c", "pair"):
        chosen = [row["filepath"] for row in key if row["branch"] == branch]
        assert len(chosen) == 4
        assert len(set(chosen)) == 4


def test_too_many_asked_for_gives_all_there_are(captions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(rows(made(count=1000) / "key.csv")) == 24
    said = capsys.readouterr().out
    assert "24 captions of a2c, pair for 2 raters" in said
    assert "1 images do not open, the first: images/broken.png" in said


def test_the_same_seed_gives_the_same_sheets_another_seed_others(captions: Path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        make_sheets([Path("a2c.csv")], Path(name), count=4, seed=seed)
    assert Path("one/key.csv").read_bytes() == Path("two/key.csv").read_bytes()
    assert Path("one/key.csv").read_bytes() != Path("three/key.csv").read_bytes()


def test_captions_are_no_formulas_and_no_html(captions: Path) -> None:
    said = ["=1+1", "+1", "-1 dB", "@SUM(A1)", "a ship; =cmd|' /C calc'!A0", "<script>alert(1)</script>"]
    with Path("evil.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["filepath", "caption"])
        writer.writerows([f"images/ship_{n}.png", caption] for n, caption in enumerate(said))
    make_sheets([Path("evil.csv")], Path("sheet"))
    text = Path("sheet/for-raters/rater-1.csv").read_text("utf-8-sig")
    for cell in re.split("[,;\n]", text.replace('"', "")):
        assert not cell.strip().startswith(("=", "+", "-", "@")), cell
    assert "<script>" not in Path("sheet/for-raters/rater-1.html").read_text("utf-8")
    assert safe_cell("two ships, 3-4 m apart") == "two ships, 3-4 m apart"


def fill(sheet: Path, path: Path, values: dict[str, list[str]]) -> Path:
    """Fill rater 1's sheet: values by caption, in the order of the criteria."""
    table = rows(sheet / "for-raters" / "rater-1.csv")
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]))
        writer.writeheader()
        for row in table:
            writer.writerow(row | dict(zip(CRITERIA, values.get(row["caption"], ["", "", ""]), strict=True)))
    return path


@pytest.fixture
def round_(captions: Path) -> Path:
    """A round of three captions, two of a2c and one of pair."""
    Path("three.csv").write_text(
        "filepath,caption,branch\nimages/ship_0.png,one,a2c\nimages/ship_1.png,two,a2c\n"
        "images/ship_2.png,three,pair\n"
    )
    make_sheets([Path("three.csv")], Path("sheet"))
    return Path("sheet")


def test_summary_worked_by_hand(round_: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(round_, Path("ann.csv"), {"one": ["5", "4", "3"], "two": ["3", "4", ""], "three": ["1", "2", "3"]})
    fill(round_, Path("bob.csv"), {"one": ["4", "4", "3"], "two": ["3", "4", "3"]})
    main(
        [
            *("narrate", "ratings", "summary", "--key", "sheet/key.csv", "ann.csv", "bob.csv"),
            *("--out", "new/ratings.json"),
        ]
    )
    found = json.loads(Path("new/ratings.json").read_text())
    assert found["items"] == 3
    assert found["raters"] == [
        {"sheet": "ann.csv", "rated": 2, "partly": 1, "unfilled": 0},
        {"sheet": "bob.csv", "rated": 2, "partly": 0, "unfilled": 1},
    ]
    # captions' means 4.5 and 3: mean 3.75, deviation 1.0607, half interval t(0.975, 1) = 12.706 x 0.75, cut
    score = found["branches"]["a2c"]["correctness"]
    assert score == {"value": 3.75, "low": 1.0, "high": 5.0, "n": 2, "ratings": 4}
    assert found["branches"]["pair"]["items"] == 1
    assert found["branches"]["pair"]["correctness"] == {
        "value": 1.0, "low": None, "high": None, "n": 1, "ratings": 1,
    }  # fmt: skip
    # pairs (5, 4) and (3, 3): n3 = 2, n4 = n5 = 1; differences 45: 1, 34: 1.5^2, 35: 2.5^2;
    # alpha = 1 - 3 * 1 / (2 * 2.25 + 2 * 6.25 + 1)
    assert found["agreement"]["correctness"] == {
        "value": pytest.approx(1 - 3 / 18), "raters": 2, "n": 2, "ratings": 4,
    }  # fmt: skip
    assert found["agreement"]["completeness"] == {
        "status": "unavailable", "reason": "all ratings are the same: agreement is not defined",
    }  # fmt: skip
    assert "3 captions, 2 raters, 1 rows left empty" in capsys.readouterr().out


def test_the_interval_is_student_s(captions: Path) -> None:
    lines = [f"images/ship_{n}.png,caption {n},a2c" for n in range(5)]
    Path("five.csv").write_text("filepath,caption,branch\n" + "\n".join(lines))
    make_sheets([Path("five.csv")], Path("sheet"))
    fill(
        Path("sheet"), Path("ann.csv"), {f"caption {n}": [str(v)] * 3 for n, v in enumerate([2, 3, 3, 4, 3])}
    )
    summarise(Path("sheet/key.csv"), [Path("ann.csv")], Path("out.json"))
    score = json.loads(Path("out.json").read_text())["branches"]["a2c"]["fluency"]
    # mean 3, deviation sqrt(0.5), t(0.975, 4) = 2.7764: 3 -+ 2.7764 * sqrt(0.5 / 5)
    assert (score["low"], score["high"]) == pytest.approx((2.12201, 3.87799), abs=1e-4)


def ids(sheet: Path) -> list[str]:
    return [row["id"] for row in rows(sheet / "key.csv")]


@pytest.mark.parametrize(
    ("name", "convert"),
    [
        ("semicolons", lambda text: text.replace(",", ";").encode("utf-8-sig")),
        ("tabs, UTF-16", lambda text: text.replace(",", "\t").encode("utf-16")),
        ("Western code", lambda text: text.replace("fine", "schön, naïve".replace(",", "")).encode("cp1252")),
        ("decimals", lambda text: text.replace("4", "4.0").encode()),
        ("old line ends", lambda text: text.replace("\n", "\r\n").encode()),
        ("empty rows and columns", lambda text: (text.replace("\n", ",,\n") + ",,,\n\n").encode()),
    ],
)
def test_spreadsheets_own_forms_are_read(round_: Path, name: str, convert: object) -> None:
    known = ["r1-001", "r1-002"]
    text = "ID,Correctness,completeness,fluency,comment\nr1-001, 4 ,5,3,fine\nr1-002,,2,,\n"
    Path("sheet.csv").write_bytes(convert(text))  # type: ignore[operator]
    assert read_sheet(Path("sheet.csv"), known) == {
        "r1-001": {"correctness": 4, "completeness": 5, "fluency": 3},
        "r1-002": {"completeness": 2},
    }, name


HEAD = "id,correctness,completeness,fluency"
GOOD = "r1-001,1,2,3\nr1-002,1,2,3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEAD}\nr1-001,1,2,3", "1 ids of the key are missing, the first: 'r1-002'"),
        (f"{HEAD}\n{GOOD}\nr1-001,1,2,3", "line 4: id: 'r1-001' is given twice"),
        (f"{HEAD}\n{GOOD}\nr2-001,1,2,3", "line 4: id: 'r2-001' is not in the key"),
        (f"{HEAD}\nr1-001,1,6,3\nr1-002,1,2,3", "line 2: completeness: '6' is no rating"),
        (f"{HEAD}\nr1-001,1,2,0\nr1-002,1,2,3", "line 2: fluency: '0' is no rating"),
        (f"{HEAD}\nr1-001,1,2,3\nr1-002,good,2,3", "line 3: correctness: 'good' is no rating"),
        (f"{HEAD}\nr1-001,1,2,3.5\nr1-002,1,2,3", "line 2: fluency: '3.5' is no rating"),
        (f"{HEAD}\nr1-001,1,2,٣\nr1-002,1,2,3", "line 2: fluency: '٣' is no rating"),
        (f"{HEAD},mood\n{GOOD}", "line 1: unknown column 'mood'"),
        (f"{HEAD},fluency\n{GOOD}", "line 1: column 'fluency' is given twice"),
        ("id,correctness,completeness\nr1-001,1,2", "line 1: no column 'fluency'"),
        (f"{HEAD}\nr1-001,1,2,3,4\nr1-002,1,2,3", "line 2: more cells than"),
        (f"{HEAD}\nr1-001,,,\nr1-002,,,", "no row is filled in"),
        ("", "line 1: no column 'id'"),
    ],
)
def test_a_faulty_sheet_is_told_by_file_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ann.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as fault:
        read_sheet(path, ["r1-001", "r1-002"])
    assert str(fault.value).startswith(f"{path}: ")
    assert message in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_sheet_is_not_counted_twice(round_: Path) -> None:
    one = fill(round_, Path("ann.csv"), {"one": ["5", "4", "3"]})
    Path("bob.csv").write_bytes(one.read_bytes())
    with pytest.raises(UserError, match=r"bob\.csv: the same file as ann\.csv"):
        summarise(round_ / "key.csv", [one, Path("bob.csv")], Path("out.json"))
    assert not Path("out.json").exists()


def test_the_summary_overwrites_no_sheet(round_: Path) -> None:
    one = fill(round_, Path("ann.csv"), {"one": ["5", "4", "3"]})
    for out, message in ((one, "would overwrite an input"), (round_, "is a folder")):
        with pytest.raises(UserError, match=message):
            summarise(round_ / "key.csv", [one], out)


def test_a_changed_key_and_another_round_s_sheet_are_refused(round_: Path) -> None:
    one = fill(round_, Path("ann.csv"), {"one": ["5", "4", "3"]})
    make_sheets([Path("a2c.csv")], Path("other"), count=3)
    with pytest.raises(UserError, match="is not in the key"):
        summarise(Path("other/key.csv"), [one], Path("out.json"))
    key = round_ / "key.csv"
    key.write_text(key.read_text("utf-8-sig").replace('"pair"', '"a2c"'), encoding="utf-8")
    with pytest.raises(UserError, match="changed since it was made"):
        summarise(key, [one], Path("out.json"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"image,caption\na.png,one\n", "line 1: no column 'filepath'"),
        (b"filepath,caption\nimages/ship_0.png\n", "line 2: too few columns"),
        (b"filepath,caption\nimages/ship_0.png,sch\xf6n\n", "not UTF-8 at byte"),
        (b"", "line 1: no column 'filepath'"),
        (b"filepath,caption\nimages/ship_0.png,\n", "no caption to rate"),
        (b"filepath,caption\nimages/broken.png,one\n", "no image opens, the first: images/broken.png"),
        (b"filepath,caption\n\x00,one\n", "no image opens"),
        (b"filepath,caption\n" + b"x" * 200_000 + b",one\n", "after line 1: field larger"),
    ],
)
def test_a_faulty_captions_file_is_one_line(
    captions: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    Path("bad.csv").write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        main(["narrate", "ratings", "make", "--captions", "bad.csv", "--out", "sheet"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("sheet").exists()


def test_filled_sheets_are_not_overwritten(round_: Path) -> None:
    with pytest.raises(UserError, match="already there"):
        make_sheets([Path("a2c.csv")], round_)
