"""Intervals: coverage, determinism and pairing."""

import numpy as np
import pytest

from sartext.metrics import intervals
from sartext.metrics.intervals import Statistics


def proportion(hits: np.ndarray) -> Statistics:
    values = np.stack([np.ones(len(hits)), hits.astype(float)], axis=1)
    return Statistics(
        tuple(f"{i:05d}" for i in range(len(hits))), ("n", "hits"), values, {"share": len(hits)}
    )


def share(sums):
    return {"share": sums["hits"] / sums["n"]}


def test_coverage_is_near_the_level():
    random = np.random.default_rng(0)
    inside = 0
    for trial in range(300):
        found = intervals.summarise(proportion(random.random(150) < 0.4), share, 400, trial)["share"]
        inside += found["low"] <= 0.4 <= found["high"]
    assert 0.91 <= inside / 300 <= 0.98


def test_width_is_that_of_the_normal_approximation():
    hits = np.arange(1000) % 4 == 0
    found = intervals.summarise(proportion(hits), share, 4000, 3)["share"]
    error = np.sqrt(0.25 * 0.75 / 1000)
    assert found["value"] == 0.25
    assert found["n"] == 1000
    assert found["low"] == pytest.approx(0.25 - 1.96 * error, abs=0.15 * error)
    assert found["high"] == pytest.approx(0.25 + 1.96 * error, abs=0.15 * error)


def test_same_seed_same_draws_whatever_the_piece(monkeypatch):
    values = proportion(np.arange(40) % 3 == 0).values
    whole = intervals.bootstrap_sums(values, 100, 7)
    monkeypatch.setattr(intervals, "_CELLS", 40 * 9)
    assert np.array_equal(intervals.bootstrap_sums(values, 100, 7), whole)
    assert not np.array_equal(intervals.bootstrap_sums(values, 100, 8), whole)
    assert (whole[:, 0] == 40).all()


def test_a_draw_without_a_rare_type_says_nothing():
    values = np.zeros((30, 2))
    values[0] = 1
    statistics = Statistics(tuple(map(str, range(30))), ("hits", "n"), values, {"share": 1})

    def rare(sums):
        with np.errstate(invalid="ignore"):
            return {"share": np.asarray(sums["hits"]) / sums["n"]}

    assert intervals.summarise(statistics, rare, 200, 0)["share"] == {"value": 1, "low": 1, "high": 1, "n": 1}


def test_pairing_finds_a_difference_that_single_intervals_hide():
    random = np.random.default_rng(1)
    easy = random.random(400)
    base = [proportion(easy < 0.5), proportion(easy < 0.52)]
    better = [proportion(easy < 0.55), proportion(easy < 0.57)]
    found = intervals.paired(base, better, share, 2000, 0)["share"]
    means = [np.mean([run.values[:, 1].mean() for run in runs]) for runs in (base, better)]
    assert found["value"] == pytest.approx(means[1] - means[0], abs=1e-12)
    assert 0 < found["low"] < found["value"] < found["high"]
    alone = [intervals.summarise(runs[0], share, 2000, 0)["share"] for runs in (base, better)]
    assert alone[0]["high"] > alone[1]["low"]
    nothing = intervals.paired(base, base, share, 500, 0)["share"]
    assert (nothing["value"], nothing["low"], nothing["high"]) == (0, 0, 0)


def test_different_images_are_not_paired():
    with pytest.raises(ValueError, match="same images"):
        intervals.paired([proportion(np.ones(3))], [proportion(np.ones(4))], share, 10, 0)
    with pytest.raises(ValueError, match="same images"):
        intervals.paired(
            [proportion(np.ones(3)), proportion(np.ones(4))], [proportion(np.ones(3))], share, 10, 0
        )


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="shape"):
        Statistics(("a",), ("x", "y"), np.zeros((2, 2)), {})
