"""The page: whole, from files alone, with no network, and hostile text shown as text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from report_fixtures import HOSTILE, make_run, score_path_of

from sartext.cli.report import leaderboard, report
from sartext.core.config import Config, save_config
from sartext.core.errors import UserError
from sartext.core.files import read_json, write_json
from sartext.report.page import page, write_index, write_page
from sartext.report.table import MISSING, write_table
from sartext.report.tables import TABLES, make_table


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    return make_run(tmp_path)


class Links(HTMLParser):
    """Every address a page loads or links, its ids, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("href", "src", "srcset", "action", "data", "poster"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")


def parsed(text: str) -> Links:
    links = Links()
    links.feed(text)
    return links


def test_page_loads_nothing_from_outside(run: Config) -> None:
    text = page(run)
    links = parsed(text)
    assert links.links
    for link in links.links:
        assert not re.match(r"[a-z]+:|//|/", link), link
    assert not {"script", "link", "iframe", "object"} & links.tags
    assert "url(" not in text
    assert "@import" not in text


def test_every_link_of_the_page_leads_somewhere(run: Config) -> None:
    for number in TABLES:
        write_table(make_table(number, run), run.reports / "tables")
    (run.reports / "figures").mkdir()
    (run.reports / "figures" / "figure_12.svg").write_text("<svg/>")
    (run.reports / "figures" / "figure_12.png").write_text("")
    (run.results / "sartext" / "datasheet.md").write_text("# Datasheet")
    path = write_page(run)
    write_index(Path("reports"), Path("results"))
    links = parsed(path.read_text(encoding="utf-8"))
    assert len(links.ids) == len(set(links.ids))
    for link in links.links:
        if link.startswith("#"):
            assert link[1:] in links.ids
        else:
            assert (path.parent / link).resolve().is_file(), link


def test_page_says_what_the_data_is_and_how_it_was_made(run: Config) -> None:
    text = page(run)
    for wanted in (run.data_note, "direction at most", "ab" * 32, "c0ffee", "cd" * 32, "0.1.0", run.digest()):
        assert wanted in text
    # one record was set aside, and its name is shown as text
    assert "images set aside" in text
    assert "JPEGImages/&lt;b&gt;1&lt;/b&gt;.jpg: annotation 1: cannot be decoded" in text


def _cells(text: str, heading: str) -> list[list[str]]:
    """Rows of the first table below a heading, as text."""
    table = text[text.index(f"<h3>{heading}</h3>") :].partition("<tbody>")[2].partition("</tbody>")[0]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in table.split("</tr>")[:-1]]


def test_a_missing_audit_is_told_beside_one_that_is_there(run: Config) -> None:
    audit = {
        "tests": 31,
        "checked": 97,
        "remaining": 0,
        "removed_by_kind": {"exact": 2, "near, via another": 1},
    }
    write_json(run.results / "audit" / "stage1.json", audit)
    found = _cells(page(run), "Leakage audit")
    assert found == [
        ["stage 1", "31", "97", "0", "2 exact, 1 near, via another"],
        ["SAR-TEXT", *[MISSING] * 3, "not audited: results/fixture/audit/sartext.json is missing"],
    ]
    write_json(run.results / "audit" / "sartext.json", audit | {"removed_by_kind": {}})
    assert _cells(page(run), "Leakage audit")[1] == ["SAR-TEXT", "31", "97", "0", "none"]
    write_json(run.results / "audit" / "sartext.json", [])
    with pytest.raises(UserError, match=r"audit/sartext\.json: removed_by_kind: expected counts by kind"):
        page(run)


@pytest.mark.parametrize(("split", "said"), [("test", "test"), ("val", "validation")])
def test_questions_answered_alone_are_said_to_be_of_the_split_tried(
    run: Config, split: str, said: str
) -> None:
    one = {
        "n": 40,
        "chance_of_subject": 0.25,
        "majority": {"value": 0.5},
        "question_only": {"value": 0.6, "low": 0.55, "high": 0.65},
    }
    alone = {"split": split, "by_type": {"count": one, "presence": {"n": 0}}, "all": one}
    write_json(run.results / "sartext" / "statistics.json", {"questions": {"question_only": alone}})
    text = page(run)
    assert f"Share of SAR-TEXT's {said} questions that is answered right" in text
    assert _cells(text, "Questions answered from their text alone") == [
        [name, "40", "25.0", "50.0", "60.0 [55.0, 65.0]"] for name in ("count", "all")
    ]


def test_verdicts_are_counted(run: Config) -> None:
    found = dict(re.findall(r'<li class="([a-z-]+)"><b>(\d+)</b>', page(run)))
    # the paper's 11, without our controls: of SAR-GPT, 15 points over sar hold, the others are not tested
    assert found == {"reproduced": "0", "direction-only": "1", "not-reproduced": "0", "not-tested": "10"}


def test_hostile_titles_are_text(run: Config) -> None:
    path = score_path_of(run, "vqa", "gpt", "sar", 0)
    write_json(path, read_json(path) | {"model_title": HOSTILE})
    text = page(run)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_page_has_the_same_bytes_twice_and_no_path_or_time(run: Config) -> None:
    first = write_page(run).read_bytes()
    assert write_page(run).read_bytes() == first
    assert str(Path.cwd()).encode() not in first


def test_page_stands_with_no_scores(run: Config) -> None:
    import shutil

    shutil.rmtree(run.results)
    text = page(run)
    assert "No score file is there yet." in text
    assert "Missing: it was not drawn." in text


def test_index_links_each_profile(run: Config) -> None:
    save_config(run, run.results / "config.yaml")
    write_page(run)
    Path("reports/gone").mkdir()
    Path("reports/gone/index.html").write_text("")
    text = write_index(Path("reports"), Path("results")).read_text(encoding="utf-8")
    assert 'href="fixture/index.html"' in text
    assert run.data_note in text
    assert "no longer there" in text


def test_commands_write_their_files(run: Config) -> None:
    save_config(run, run.results / "config.yaml")
    config = ["--config", str(run.results / "config.yaml")]
    runner = CliRunner()
    for command, arguments in (
        (report, ["table", "4", "10", *config]),
        (report, ["page", *config]),
        (report, ["index"]),
        (leaderboard, ["render", str(run.results / "scores"), "--out", "board.json"]),
        (leaderboard, ["render", str(run.results / "scores"), "--out", "board.md"]),
    ):
        assert runner.invoke(command, arguments, catch_exceptions=False).exit_code == 0
    assert (run.reports / "tables" / "table_10.tex").is_file()
    board = read_json("board.json")["boards"]
    assert [entry["task"] for entry in board] == [
        "hrsid_retrieval",
        "osdataset_retrieval",
        "captioning",
        "vqa",
    ]
    assert board[0]["standings"][0]["recipe"] == "two-stage"
    assert "| 1 | SAR-GPT | two-stage | 55.0 [51.0, 59.0] |" in Path("board.md").read_text(encoding="utf-8")


def test_a_board_of_another_form_is_refused(run: Config) -> None:
    arguments = ["render", str(run.results / "scores"), "--out", "board.xlsx"]
    with pytest.raises(UserError, match=r"ends in \.json"):
        CliRunner().invoke(leaderboard, arguments, catch_exceptions=False)
