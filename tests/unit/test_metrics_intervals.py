"""Intervals: coverage, determinism and pairing."""

from itertools import combinations

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


@pytest.mark.parametrize(
    ("draws", "p"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], 2 * 1 / 10),  # none on the other side: no less than 2 / (B + 1)
        ([-1, 2, 3, 4, 5, 6, 7, 8, 9], 2 * 2 / 10),
        ([-9, -8, -7, -6, -5, -4, -3, -2, 1], 2 * 2 / 10),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0], 1),  # a difference that is never there
        ([0, 2, 3, 4, float("nan")], 2 * 2 / 5),
    ],
)
def test_p_values_worked_by_hand(draws, p):
    assert intervals.p_value(np.array(draws, float)) == pytest.approx(p)


def test_p_is_uniform_where_there_is_no_difference_and_small_where_there_is_one():
    random = np.random.default_rng(5)
    found, shifted = [], []
    for trial in range(400):
        one, two, better = random.random(80) < 0.5, random.random(80) < 0.5, random.random(80) < 0.85
        found.append(intervals.paired([proportion(one)], [proportion(two)], share, 400, trial)["share"]["p"])
        shifted.append(
            intervals.paired([proportion(one)], [proportion(better)], share, 400, trial)["share"]["p"]
        )
    # 400 trials: a share of 5% has a standard error of 1.1 points, one of 50% has 2.5
    assert 0.02 <= np.mean(np.array(found) < 0.05) <= 0.085
    assert 0.42 <= np.mean(np.array(found) < 0.5) <= 0.58
    assert np.mean(np.array(shifted) < 0.05) > 0.95


def test_p_and_the_interval_of_the_same_draws_agree():
    random = np.random.default_rng(6)
    outside = 0
    for trial in range(200):
        one = random.random(60)
        two = one - random.normal(0.08, 0.3, 60)
        found = intervals.paired([proportion(one < 0.5)], [proportion(two < 0.5)], share, 999, trial)["share"]
        if abs(found["p"] - 0.05) > 2 / 1000:  # not within a draw of the end
            assert (found["p"] < 0.05) == (found["low"] > 0 or found["high"] < 0)
            outside += found["p"] < 0.05
    assert 20 < outside < 180


def by_closed_testing(values):
    """Holm's correction from its principle: a value falls if Bonferroni rejects every set that holds it."""
    indices = range(len(values))
    sets = [chosen for size in indices for chosen in combinations(indices, size + 1)]
    return [
        max(min(1, len(chosen) * min(values[i] for i in chosen)) for chosen in sets if index in chosen)
        for index in indices
    ]


def test_holm():
    # by hand: 4 x 0.005 = 0.02; 3 x 0.01 = 0.03; 2 x 0.03 = 0.06; 0.04 may not fall below 0.06
    assert intervals.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert intervals.holm([0.6, 0.7]) == [1, 1]
    assert intervals.holm([]) == []
    random = np.random.default_rng(7)
    for _ in range(20):
        values = list(random.random(7) ** 3)
        assert intervals.holm(values) == pytest.approx(by_closed_testing(values))
