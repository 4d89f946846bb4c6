"""Verdicts by hand-made scores: each of the four, and what holds one back."""

from pathlib import Path
from typing import Any

import pytest
from report_fixtures import ROOT, interval, make_config, score_body, write_score, write_vqa_items

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.report.claims import Claim, Judged, judge, load_claims
from sartext.report.inputs import load_scores

BASE = {"id": "x", "claim": "c", "version": "v", "stated": "read", "rule": "r"}
PAIR = {"task": "vqa", "model": "gpt", "metric": "accuracy", "better": "two-stage", "worse": "sar"}


def real(**changes: Any) -> Config:
    """A profile whose sources count as real."""
    return make_config(simulator=None, **changes)


def claim(kind: str, **fields: Any) -> Claim:
    return Claim.model_validate({**BASE, "kind": kind, **(PAIR if kind != "count" else {}), **fields})


def verdict(config: Config, asked: Claim, better: int, worse: int) -> Judged:
    """Judge with `better` and `worse` of 40 questions right, those of the one among those of the other."""
    for recipe, right in (("two-stage", better), ("sar", worse)):
        write_score(config, score_body(config, "vqa", "gpt", recipe, 0, accuracy=interval(right / 40, n=40)))
        write_vqa_items(config, "gpt", recipe, 0, right)
    return judge(asked, load_scores(config), None, config)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_order_is_reproduced_on_real_sources() -> None:
    judged = verdict(real(), claim("order"), 30, 10)
    assert judged.verdict == "reproduced"
    assert judged.gain is not None
    assert judged.gain.value == pytest.approx(0.5)
    # 20 of 40 images differ: a binomial of 40 draws, share 1/2, has its 95% within 0.5 +- 0.16
    assert 0.3 < judged.gain.low < 0.4
    assert 0.6 < judged.gain.high < 0.7


def test_simulated_sources_support_a_direction_at_most() -> None:
    judged = verdict(make_config(), claim("order"), 30, 10)
    assert judged.verdict == "direction only"
    assert "simulated" in judged.reason


def test_a_drafted_benchmark_supports_a_direction_at_most() -> None:
    raw = make_config().evaluation.model_dump(mode="json") | {"version": "draft"}
    judged = verdict(real(evaluation=raw), claim("order"), 30, 10)
    assert judged.verdict == "direction only"
    assert "drafted" in judged.reason


def test_no_gain_is_not_reproduced() -> None:
    judged = verdict(real(), claim("order"), 20, 20)
    assert (judged.verdict, judged.reason) == ("not reproduced", "the interval holds 0")
    judged = verdict(real(), claim("order"), 10, 30)
    assert (judged.verdict, judged.reason) == ("not reproduced", "the interval lies below 0")
    # one image of 40: the interval of the difference touches 0
    assert verdict(real(), claim("order"), 21, 20).verdict == "not reproduced"


def test_a_smaller_gain_is_a_direction() -> None:
    assert verdict(real(), claim("gain", value=0.4), 30, 10).verdict == "reproduced"
    assert verdict(real(), claim("gain", value=0.9), 30, 10).verdict == "direction only"
    assert verdict(real(), claim("gain", value=0.4), 10, 10).verdict == "not reproduced"


def test_a_smaller_ratio_is_a_direction() -> None:
    assert verdict(real(), claim("ratio", value=3), 30, 10).verdict == "reproduced"
    assert verdict(real(), claim("ratio", value=4), 30, 10).verdict == "direction only"
    assert verdict(real(), claim("ratio", value=4), 30, 0).verdict == "reproduced"
    assert verdict(real(), claim("ratio", value=2), 10, 10).verdict == "not reproduced"


def test_a_random_base_is_not_tested() -> None:
    judged = verdict(real(), claim("order", needs=["pretrained base"]), 30, 10)
    assert judged.verdict == "not tested"
    assert "random" in judged.reason


def test_a_pretrained_base_is_tested() -> None:
    models = real().model_dump(mode="json")["models"]
    models["gpt"]["base"] = [{"path": "weights/phi-2.safetensors"}]
    judged = verdict(real(models=models), claim("order", needs=["pretrained base"]), 30, 10)
    assert judged.verdict == "reproduced"


def test_missing_and_unavailable_scores_are_not_tested() -> None:
    config = real()
    judged = judge(claim("order"), [], None, config)
    assert (judged.verdict, judged.reason) == ("not tested", "no score of gpt two-stage")
    verdict(config, claim("order"), 30, 10)
    broken = {"status": "unavailable", "reason": "no answers"}
    write_score(config, score_body(config, "vqa", "gpt", "sar", 0, accuracy=broken))
    judged = judge(claim("order"), load_scores(config), None, config)
    assert (judged.verdict, judged.reason) == ("not tested", "accuracy is unavailable: no answers")


def test_scores_without_per_image_statistics_are_not_tested() -> None:
    config = real()
    verdict(config, claim("order"), 30, 10)
    (config.results / "scores" / "vqa" / "gpt" / "sar" / "0" / "items.json").unlink()
    judged = judge(claim("order"), load_scores(config), None, config)
    assert judged.verdict == "not tested"
    assert "items.json" in judged.reason


def test_counts() -> None:
    size = claim("count", count="images", value=100, needs=["real sources"])
    assert judge(size, [], 100, real()).verdict == "reproduced"
    assert judge(size, [], 99, real()).verdict == "not reproduced"
    assert judge(size, [], None, real()).verdict == "not tested"
    assert judge(size, [], 100, make_config()).verdict == "not tested"


def test_committed_claims_are_whole_and_hold_the_papers_values() -> None:
    claims = {entry.id: entry for entry in load_claims(ROOT / "config" / "claims.yaml")}
    values = {
        "size": 136584, "clip-osdataset": 0.1297, "clip-hrsid": 0.1, "coca-bleu": 8, "coca-spice": 4,
        "coca-cider": 10,
    }  # fmt: skip
    assert {name: claims[name].value for name in values} == values
    config = make_config()
    for entry in claims.values():
        assert entry.rule
        if entry.kind != "count":
            assert entry.task in config.model(str(entry.model)).tasks
            assert {entry.better, entry.worse} <= set(config.recipes)
    orders = {(entry.model, entry.task, entry.worse) for entry in claims.values() if entry.kind == "order"}
    for name, model in config.models.items():
        for task in model.tasks:
            for recipe in ("sar", "sar-matched", "joint"):
                assert (name, task, recipe) in orders, "the three models are held to the same controls"


def test_a_broken_claims_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text("claims:\n  - {id: x, claim: c, version: v, stated: read, kind: gain, rule: r}\n")
    with pytest.raises(UserError, match=r"claims\.yaml: claims\.0: .*needs 'better'"):
        load_claims(path)
    with pytest.raises(UserError, match="restore"):
        load_claims(tmp_path / "none.yaml")
