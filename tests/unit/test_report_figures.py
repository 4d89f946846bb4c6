"""Figures: drawn from the files, the same bytes twice, nothing from outside taken as markup."""

import json
import re
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from PIL import Image
from report_fixtures import ROOT, make_run, rulegraph_text

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.records import Caption
from sartext.report.figures import FIGURES, write_figure
from sartext.report.figures.samples import write_sheet
from sartext.report.figures.style import drawing, save_figure, wrapped
from sartext.report.figures.texts import word_counts
from sartext.report.figures.training import load_curve, smooth
from sartext.report.names import FIGURES as CAPTIONS
from sartext.report.rulegraph import STAGES, folded, overview_graph, parse_rulegraph, stage_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config]:
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder, make_run(folder)


@pytest.mark.parametrize("number", list(FIGURES))
def test_every_figure_is_drawn_with_the_same_bytes_twice(
    run: tuple[Path, Config], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = run
    monkeypatch.chdir(folder)
    first = {path: path.read_bytes() for path in write_figure(number, config)}
    svg, png = first
    with drawing():
        save_figure(FIGURES[number](config), folder / "again.svg")
    assert (folder / "again.svg").read_bytes() == first[svg]
    text = svg.read_text(encoding="utf-8")
    assert "<dc:date>" not in text
    assert "<script" not in text
    with Image.open(png) as image:
        pixels = np.asarray(image.convert("L"))
    # something is drawn, and nothing touches the paper's edge
    assert (pixels < 200).mean() > 0.005
    assert pixels[0].min() > 200
    assert pixels[-1].min() > 200
    assert number in CAPTIONS


def test_figures_before_anything_was_run_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = make_run(tmp_path)
    import shutil

    for name in ("scores", "predictions", "checkpoints"):
        shutil.rmtree(config.results / name)
    for number in (8, 9, 10, 11, 12):
        assert all(path.is_file() for path in write_figure(number, config))
    shutil.rmtree(config.results)
    with pytest.raises(UserError, match=r"scenes\.parquet|captions\.parquet"):
        write_figure(4, config)
    with pytest.raises(UserError, match="snakemake --rulegraph"):
        write_figure(2, config)


def test_a_sheet_of_scenes_is_written(run: tuple[Path, Config], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, config = run
    monkeypatch.chdir(folder)
    write_sheet(config, Path("sheet.png"), 7)
    with Image.open("sheet.png") as image:
        assert image.width > 1000
    with pytest.raises(UserError, match=r"\.png or \.svg"):
        write_sheet(config, Path("sheet.gif"))


def test_rule_graph_is_read_and_folded() -> None:
    graph = parse_rulegraph(rulegraph_text(), "x.dot")
    assert graph.has_edge("simulate", "ingest")
    assert graph.has_edge("train_coca_stage1", "narrate_pairs")
    small = overview_graph(graph)
    assert not {"all", "predict_clip", "table_04", "figure_02"} & set(small)
    assert {"predict", "tables", "figures"} <= set(small)
    # implied by simulate -> ingest -> narrate -> tokenizer
    assert not small.has_edge("ingest", "build_sartext")
    # what depended on what still does
    whole = nx.transitive_closure(graph)
    assert {(a, b) for a, b in nx.transitive_closure(small).edges} == {
        (folded(a), folded(b)) for a, b in whole.edges if b != "all" and folded(a) != folded(b)
    }
    assert {small.nodes[rule]["stage"] for rule in small} == {stage for stage, _ in STAGES}


def test_every_rule_of_the_workflow_has_a_stage() -> None:
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))
    in_loops = re.findall(r'name:\s+f"(\w+_\{[\w:]+\}\w*)"', text)
    in_loops = [name.replace("audit_{name}", "audit_sartext") for name in in_loops]
    looped = {name.replace("{name}", "clip").replace("{number:02d}", "04") for name in in_loops}
    rules = set(re.findall(r"^\s*rule (\w+):", text, re.M)) | looped
    assert {"simulate", "narrate_pairs", "table_04", "predict_clip", "train_clip_stage2"} <= rules
    known = {rule for rule in rules if stage_of(folded(rule))}
    assert rules - known == set()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no rule"),
        ('0[label = "a"];\n0 -> 1', "unknown rule"),
        ('0[label = "a"];\n1[label = "b"];\n0 -> 1\n1 -> 0', "circle"),
    ],
)
def test_a_bad_rule_graph_is_told(text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_rulegraph(text, "x.dot")


def test_text_is_wrapped_and_never_mathematics() -> None:
    assert wrapped("one two three", 7, 5) == "one two\nthree"
    assert wrapped("one two three four", 7, 2) == "one two\nthree…"
    assert wrapped("$x_1$ \n y", 20, 1) == r"\$x_1\$ y"


def test_words_are_counted_without_the_common_ones() -> None:
    captions = [Caption("a", "a2c", "There are 3 ships, and ships."), Caption("b", "pair", "A bridge")]
    assert dict(word_counts(captions)) == {"ships": 2, "bridge": 1}


def test_running_mean() -> None:
    assert smooth([1.0, 3.0, 5.0, 7.0], 2) == [1.0, 2.0, 4.0, 6.0]


def test_a_broken_training_log_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = make_run(tmp_path)
    path = config.results / "checkpoints" / "clip" / "sar" / "0" / "train.jsonl"
    curve = load_curve(config, "clip", "sar", 0)
    assert curve is not None
    assert [x for x, _ in curve.val] == [320, 640, 960, 1280]
    path.write_text(json.dumps({"samples": 1, "loss": 2.0}) + "\n{half")
    with pytest.raises(UserError, match=r"train\.jsonl: line 2"):
        load_curve(config, "clip", "sar", 0)
