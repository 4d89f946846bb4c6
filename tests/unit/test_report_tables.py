"""Tables: their numbers are those of the files, in every form, and no text is taken as markup."""

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_fixtures import HOSTILE, VALUES, make_run, score_path_of

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import read_json, write_json
from sartext.evaluation.files import read_features
from sartext.evaluation.score import Bootstrap, score_retrieval, write_items
from sartext.metrics.intervals import holm
from sartext.report.table import (
    SUFFIXES,
    Column,
    NotApplicable,
    NotThere,
    Number,
    Row,
    Table,
    escape_latex,
    escape_markdown,
    render,
    write_table,
)
from sartext.report.tables import TABLES, make_table
from sartext.report.tables.claims import judged_claims


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    return make_run(tmp_path, seeds=[0, 1])


def rows(table: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(table, ".csv"))))


class Cells(HTMLParser):
    """The text of a table's body, by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def test_table_2_counts_what_the_fixture_holds(run: Config) -> None:
    found = {row["source"]: row for row in rows(make_table(2, run))}
    # 12 images a source; A2C writes two captions an image, the others one
    assert [found["HRSID"][key] for key in ("train", "val", "test", "images", "captions")] == [
        "4", "2", "6", "12", "24",
    ]  # fmt: skip
    assert found["OSdataset"]["branch"] == "pair"
    assert float(found["FUSAR-Map"]["mean_length"]) == 16
    assert found["HRSID"]["licence"] == "GPL-3.0"
    assert [found["SAR-TEXT"][key] for key in ("images", "captions")] == ["60", "96"]


@pytest.mark.parametrize(("number", "task"), [(4, "osdataset_retrieval"), (5, "hrsid_retrieval")])
def test_retrieval_numbers_are_the_score_files(run: Config, number: int, task: str) -> None:
    found = rows(make_table(number, run))
    assert len(found) == 2 * len(run.recipes)
    for row in found:
        protocol = row["section"].split()[0].lower()
        files = [read_json(score_path_of(run, task, "clip", row["recipe"], seed)) for seed in (0, 1)]
        columns = {
            f"{way}_r{k}": f"{way}.recall_at_{k}"
            for way in ("image_to_text", "text_to_image")
            for k in (1, 5, 10)
        }
        for column, metric in {**columns, "mean_recall": "mean_recall"}.items():
            values = [file["metrics"][f"{protocol}.{metric}"] for file in files]
            assert float(row[column]) == pytest.approx(sum(v["value"] for v in values) / 2)
            assert float(row[f"{column}_low"]) == pytest.approx(sum(v["low"] for v in values) / 2)
        second = [file["secondary"]["metrics"][f"{protocol}.mean_recall"]["value"] for file in files]
        assert float(row["narrator_mean_recall"]) == pytest.approx(sum(second) / 2)
        assert row["seeds"] == "2"


def test_captioning_numbers_and_the_unavailable_metric(run: Config) -> None:
    table = make_table(6, run)
    for row in rows(table):
        file = read_json(score_path_of(run, "captioning", "coca", row["recipe"], 0))
        for metric in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor", "rouge_l", "cider"):
            assert float(row[metric]) == file["metrics"][metric]["value"]
        for metric in ("bleu_4", "cider"):
            assert float(row[f"narrator_{metric}"]) == file["secondary"]["metrics"][metric]["value"]
            assert row[f"narrator_{metric}"] != row[metric]
        assert row["spice"] == "unavailable"
    for suffix in (".md", ".tex", ".html"):
        assert "unavailable: no Stanford CoreNLP models" in render(table, suffix)
    assert "n/a<sup>a</sup>" in render(table, ".html")


def test_vqa_numbers_by_type(run: Config) -> None:
    found = rows(make_table(7, run))
    assert found[0]["accuracy_land_cover"] == "14"
    for row in found[1:]:
        metrics = read_json(score_path_of(run, "vqa", "gpt", row["recipe"], 0))["metrics"]
        assert len(metrics) == 7
        for metric, entry in metrics.items():
            assert float(row[metric.replace(".", "_")]) == entry["value"]


CLIP = "SAR-RS-CLIP, HRSID: mean recall (%), instance protocol"
CLIP_GROUP = "SAR-RS-CLIP, HRSID: mean recall (%), group protocol"
COCA, GPT = "SAR-RS-CoCa, captions: CIDEr", "SAR-GPT, VQA: accuracy (%)"


def by_entry(table: Table) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["section"], row["recipe"]): row for row in rows(table)}


def test_table_8_has_each_models_main_metric_and_recall_by_both_protocols(run: Config) -> None:
    found = by_entry(make_table(8, run))
    assert len(found) == 6 * len(run.recipes)
    for recipe, value in VALUES.items():
        assert float(found[CLIP, recipe]["value"]) == pytest.approx(value + 0.005)
        assert float(found[CLIP, recipe]["narrator"]) == pytest.approx(value - 0.045)
        assert float(found[CLIP_GROUP, recipe]["value"]) == pytest.approx(value + 0.105)
        assert float(found[COCA, recipe]["value"]) == pytest.approx(2 * value)
        assert float(found[GPT, recipe]["value"]) == pytest.approx(value)
        assert found[CLIP, recipe]["seeds"] == "2"
        assert found[GPT, recipe]["narrator"] == ""


def write_retrieval_items(run: Config) -> dict[tuple[str, str, int], float]:
    """Score the fixture's features on HRSID; return mean recall by recipe, protocol and seed."""
    pairs = Path("data/benchmark/v0/hrsid_retrieval/pairs.csv")
    recall = {}
    for recipe in run.recipes:
        for seed in (0, 1):
            path = run.results / "predictions/hrsid_retrieval/clip" / recipe / str(seed) / "retrieval.npz"
            scored = score_retrieval(read_features(path), path, pairs, [], Bootstrap(10, 0))
            for protocol in ("instance", "group"):
                recall[recipe, protocol, seed] = scored.metrics[f"{protocol}.mean_recall"]["value"]
            out = score_path_of(run, "hrsid_retrieval", "clip", recipe, seed).with_name("items.json")
            write_items(out, "retrieval", "hrsid_retrieval", scored.statistics)
    return recall


def test_table_8_compares_two_stage_with_each_recipe_that_trains(run: Config) -> None:
    recall = write_retrieval_items(run)
    found = by_entry(make_table(8, run))
    for (section, recipe), row in found.items():
        if recipe in ("base", "two-stage"):
            assert (row["difference"], row["p"], row["p_holm"]) == ("", "", "")
        elif section in (CLIP, CLIP_GROUP):
            protocol = "instance" if section == CLIP else "group"
            gains = [recall["two-stage", protocol, s] - recall[recipe, protocol, s] for s in (0, 1)]
            assert float(row["difference"]) == pytest.approx(sum(gains) / 2)
            assert float(row["difference_low"]) <= float(row["difference"]) <= float(row["difference_high"])
        elif section == GPT:
            # the fixture's recipes answer 40 questions, each right where a worse one is
            right = {name: round(40 * VALUES[name]) for name in (recipe, "two-stage")}
            assert float(row["difference"]) == pytest.approx((right["two-stage"] - right[recipe]) / 40)
        else:
            assert row["difference"] == row["p"] == row["p_holm"] == "missing"
    # 16 of 40 images differ from `optical`: no draw of 10,000 leaves them all out
    assert float(found[GPT, "optical"]["p"]) == pytest.approx(2 / 10_001)
    # 2 of 40 from `joint`: a draw leaves both out with probability (38/40)^40 = 0.129
    assert float(found[GPT, "joint"]["p"]) == pytest.approx(2 * 0.95**40, abs=0.02)


def test_table_8_corrects_for_all_of_its_comparisons(run: Config) -> None:
    write_retrieval_items(run)
    table = make_table(8, run)
    compared = [row for row in rows(table) if row["p"] not in ("", "missing")]
    assert len(compared) == 12, "HRSID by two protocols and VQA, four recipes each"
    assert [float(row["p_holm"]) for row in compared] == holm([float(row["p"]) for row in compared])
    assert min(float(row["p_holm"]) for row in compared) == pytest.approx(12 * 2 / 10_001)
    assert "corrected for the 12 comparisons of this table" in " ".join(table.footnotes)


def test_table_9_has_each_branchs_facts_and_each_source(run: Config) -> None:
    table = make_table(9, run)
    keys = [column.key for column in table.columns]
    rows = {(row.section, str(row.cells[0])): dict(zip(keys, row.cells, strict=True)) for row in table.rows}
    a2c = rows["A2C, against simulated truth", "counts"]
    # class, count, place: the fixture's second kind is 0.01 below its first
    assert a2c["precision"] == Number(0.97, percent=True, low=0.95, high=0.98)
    assert (a2c["stated"], a2c["true"], a2c["captions"]) == (21, 42, 24)
    assert ("A2C, against simulated truth", "land covers") not in rows
    assert rows["SA2C, against simulated truth", "land covers"]["recall"] == Number(
        0.95 / 2 - 0.03, percent=True, low=0.95 / 2 - 0.03 - 0.02, high=0.95 / 2 - 0.03 + 0.01
    )
    by_source = [what for section, what in rows if section == "By source"]
    assert "HRSID, A2C" in by_source
    assert any(what.startswith("MSAR-1.0, pair: no truth") for what in by_source)
    assert "rating" not in keys
    assert any("No rating sheet" in note for note in table.notes)


def test_table_9_shows_peoples_ratings_where_there_are_any(run: Config) -> None:
    rated = {"value": 4.41, "low": 4.1, "high": 4.7, "n": 34, "ratings": 101}
    nobody = {"status": "unavailable", "reason": "no caption was rated by two raters"}
    body = {
        "round": "r1", "scale": [1, 5], "criteria": ["correctness", "fluency"], "items": 60,
        "raters": [{"sheet": "a.csv"}, {"sheet": "b.csv"}],
        # nothing else is known of given captions
        "branches": {
            branch: {"items": 34, "correctness": rated, "fluency": nobody} for branch in ("a2c", "given")
        },
        "captions": {},
        "agreement": {"correctness": {"value": 0.71, "raters": 2, "n": 30, "ratings": 60}, "fluency": nobody},
    }  # fmt: skip
    path = run.results / "ratings.json"
    write_json(path, body)
    try:
        table = make_table(9, run)
    finally:
        path.unlink()
    people = {str(row.cells[0]): row for row in table.rows if row.section == "By people"}
    assert set(people) == {"A2C, correctness", "A2C, fluency", "given, correctness", "given, fluency"}
    row = people["given, correctness"]
    assert row.cells[1] == 34
    assert row.cells[-1] == Number(4.41, decimals=2, low=4.1, high=4.7)
    assert isinstance(people["A2C, fluency"].cells[-1], NotApplicable)
    assert any("2 raters" in note and "correctness 0.71" in note for note in table.notes)


def test_table_9_names_a_ratings_file_that_is_none(run: Config) -> None:
    path = run.results / "ratings.json"
    write_json(path, {"branches": {"a2c": {"items": 3}}, "raters": []})
    with pytest.raises(
        UserError, match=r"ratings\.json: not a summary of ratings .* 'sartext narrate ratings"
    ):
        make_table(9, run)


def test_table_10_judges_by_the_differences_of_table_8(run: Config) -> None:
    write_retrieval_items(run)
    eight = by_entry(make_table(8, run))
    entries = {
        ("hrsid_retrieval", "instance.mean_recall"): CLIP,
        ("vqa", "accuracy"): GPT,
    }
    seen = set()
    for judged in judged_claims(run):
        claim = judged.claim
        row = eight.get((entries.get((str(claim.task), str(claim.metric)), ""), str(claim.worse)))
        if row is None or not row["difference"]:
            continue
        assert judged.gain is not None
        for part, value in (("", judged.gain.value), ("_low", judged.gain.low), ("_high", judged.gain.high)):
            assert float(row[f"difference{part}"]) == value
        assert judged.verdict == ("direction only" if float(row["difference_low"]) > 0 else "not reproduced")
        seen.add((claim.model, claim.worse))
    assert seen == {
        (model, recipe) for model in ("clip", "gpt") for recipe in ("sar", "sar-matched", "joint")
    }


def test_cost_sums_jobs_and_takes_the_peak(run: Config) -> None:
    found = {row["step"]: row for row in rows(make_table(11, run))}
    assert [found["ingest"][key] for key in ("jobs", "wall_s", "cpu_s", "memory_mb")] == [
        "2", "4.0", "2.25", "250.0",
    ]  # fmt: skip
    assert found["all steps"]["wall_s"] == "27.0"
    # two seeds of 8 and 9 seconds, 900 and 901 MB
    assert [found["SAR-RS-CLIP, sar"][key] for key in ("jobs", "wall_s", "memory_mb")] == [
        "2",
        "8.5",
        "901.0",
    ]
    assert found["SAR-RS-CLIP, sar"]["samples_per_s"] == "160.0"
    assert found["SAR-RS-CLIP, base"]["samples_per_s"] == ""
    assert found["SAR-GPT, VQA"]["samples_per_s"] == "missing"


def test_display_is_rounded_and_in_percent(run: Config) -> None:
    text = render(make_table(4, run), ".md")
    line = next(line for line in text.splitlines() if "| two-stage |" in line)
    # seeds at 0.55 and 0.56: mean 55.5, sample deviation 0.71, interval ends 4 points away
    assert "55.5 ± 0.7 [51.5, 59.5]" in line


def test_a_missing_score_is_shown_as_missing(run: Config) -> None:
    for seed in (0, 1):
        score_path_of(run, "hrsid_retrieval", "clip", "joint", seed).unlink()
    score_path_of(run, "hrsid_retrieval", "clip", "sar", 1).unlink()
    table = make_table(5, run)
    found = {(row["section"][:5], row["recipe"]): row for row in rows(table)}
    assert found["Group", "joint"]["mean_recall"] == "missing"
    assert found["Group", "joint"]["seeds"] == "0 of 2"
    assert found["Group", "sar"]["seeds"] == "1 of 2"
    assert float(found["Insta", "sar"]["mean_recall"]) == pytest.approx(VALUES["sar"])
    assert "the file it comes from is missing" in render(table, ".md")


def test_every_table_stands_before_anything_was_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = make_run(tmp_path)
    import shutil

    shutil.rmtree(config.results)
    for number in TABLES:
        assert config.data_note in render(make_table(number, config), ".html")
    assert rows(make_table(2, config))[0]["images"] == "missing"


@pytest.mark.parametrize("number", list(TABLES))
def test_every_form_names_the_data_and_has_the_same_bytes_twice(run: Config, number: int) -> None:
    first = write_table(make_table(number, run), Path("one"))
    second = write_table(make_table(number, run), Path("two"))
    assert [path.suffix for path in first] == list(SUFFIXES)
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert run.data_note in one.read_text(encoding="utf-8")


def test_html_cells_are_the_displayed_numbers(run: Config) -> None:
    parser = Cells()
    parser.feed(render(make_table(7, run), ".html"))
    body = {row[1]: row for row in parser.rows if len(row) == 10}
    assert body["two-stage"][3] == "55.0"
    assert body["two-stage"][-1] == "55.0[51.0, 59.0]"


def hostile() -> Table:
    columns = (Column("text", HOSTILE, text=True), Column("value", "value"))
    return Table(4, HOSTILE, columns, (Row((HOSTILE, NotThere()), section=HOSTILE),), HOSTILE, (HOSTILE,))


def test_html_of_hostile_text_holds_no_element_of_it() -> None:
    parser = Cells()
    text = render(hostile(), ".html")
    parser.feed(text)
    assert "script" not in parser.tags
    assert "<script" not in text
    assert parser.rows[-1][0] == HOSTILE


def test_markdown_of_hostile_text_is_escaped() -> None:
    assert "<script" not in render(hostile(), ".md")
    assert escape_markdown("a|b*c_d\ne") == r"a\|b\*c\_d e"


def test_latex_specials_are_escaped() -> None:
    assert escape_latex(r"50% & #1_{x}^~\a$<") == (
        r"50\% \& \#1\_\{x\}\textasciicircum{}\textasciitilde{}\textbackslash{}a\$\textless{}"
    )
    body = render(hostile(), ".tex")
    # nothing special is left bare: every % & _ $ # of the text has its backslash
    assert not re.search(r"(?<!\\)[$#_]water|(?<!\\)% of", body)


def test_latex_has_a_cell_for_each_column(run: Config) -> None:
    for number in TABLES:
        table = make_table(number, run)
        lines = render(table, ".tex").split(r"\midrule", 1)[1].split(r"\bottomrule")[0].splitlines()
        cells = [line for line in lines if line.endswith(r"\\") and "multicolumn" not in line]
        assert len(cells) == len(table.rows)
        for line in cells:
            assert len(re.findall(r"(?<!\\)&", line)) == len(table.columns) - 1


def test_csv_text_is_no_formula() -> None:
    table = Table(4, "t", (Column("text", "text", text=True),), (Row(("=cmd()",)), Row(("+12.97",))), "note")
    assert [row["text"] for row in rows(table)] == ["'=cmd()", "+12.97"]


def test_a_number_never_shows_minus_zero() -> None:
    assert Number(-0.0001, percent=True).main == "0.0"
    assert Number(-0.021, percent=True).main == "-2.1"
    assert Number(12345.678, decimals=1).main == "12,345.7"


def test_a_score_in_the_wrong_place_is_told(run: Config) -> None:
    path = score_path_of(run, "vqa", "gpt", "sar", 0)
    write_json(path, read_json(path) | {"recipe": "joint"})
    with pytest.raises(UserError, match=str(path)):
        make_table(7, run)


def test_an_unknown_number_is_told(run: Config) -> None:
    with pytest.raises(UserError, match="no table 1; expected one of 2, 4"):
        make_table(1, run)
