"""The simulator's own mathematics against the library functions it replaces."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from sartext.simulator.exact import (
    direction,
    from_decibels,
    impulse_response,
    normal_quantiles,
    sine_of_turn,
)
from sartext.simulator.random import Draws, scramble


def test_sine_agrees_with_the_library() -> None:
    turns = np.linspace(-3, 3, 2001)
    assert np.abs(sine_of_turn(turns) - np.sin(2 * np.pi * turns)).max() < 4e-15


def test_directions_are_unit_vectors_clockwise_from_the_right() -> None:
    assert direction(0) == pytest.approx((1, 0), abs=1e-15)
    assert direction(64) == pytest.approx((0, 1), abs=1e-15)
    for angle in range(-300, 300, 7):
        cosine, sine = direction(angle)
        assert math.hypot(cosine, sine) == pytest.approx(1, abs=1e-14)
        assert math.atan2(sine, cosine) % math.tau == pytest.approx(angle / 256 * math.tau % math.tau)


@pytest.mark.parametrize("decibels", [-31.7, -20, -3, -0.01, 0, 0.5, 3.0103, 9, 24])
def test_decibels(decibels: float) -> None:
    assert from_decibels(decibels) == pytest.approx(10 ** (decibels / 10), rel=1e-11)


def test_normal_quantiles_agree_with_the_library() -> None:
    table = normal_quantiles()
    wanted = norm.ppf((np.arange(65536) + 0.5) / 65536)
    assert table.dtype == np.float32
    assert np.abs(table - wanted).max() < 1e-6


def test_sinc_sidelobe_is_at_minus_13_db_and_hamming_at_minus_43() -> None:
    for weight, expected in ((1.0, -13.26), (0.54, -42.7)):
        response = np.abs(np.asarray(impulse_response(1 / 32, weight, 320, 1)[0]))
        assert response[320] == pytest.approx(1)
        after = response[320:]
        null = int(np.flatnonzero((after[1:-1] < after[:-2]) & (after[1:-1] < after[2:]))[0]) + 1
        assert 20 * math.log10(after[null:].max()) == pytest.approx(expected, abs=0.3)


def test_impulse_response_moves_with_the_sub_pixel_position() -> None:
    rows = np.asarray(impulse_response(0.7, 0.8, 6, 8))
    places = np.arange(-6, 7)
    centres = [(row**2 * places).sum() / (row**2).sum() for row in rows]
    wanted = (np.arange(8) + 0.5) / 8 - 0.5
    assert np.abs(np.asarray(centres) - wanted).max() < 0.05


def test_sixteen_bit_draws_are_even_and_named() -> None:
    values = Draws(1, "a").sixteen(200, 300)
    counts = np.bincount(values.ravel() >> 12, minlength=16)
    assert np.abs(counts - 3750).max() < 5 * math.sqrt(3750)
    assert np.array_equal(values, Draws(1, "a").sixteen(200, 300))
    assert not np.array_equal(values, Draws(1, "b").sixteen(200, 300))


def test_weighted_pick_follows_its_weights() -> None:
    draws = Draws("pick")
    found = [draws.pick("abc", (1, 0, 3)) for _ in range(2000)]
    assert found.count("b") == 0
    assert found.count("c") / 2000 == pytest.approx(0.75, abs=0.05)


def test_noise_is_smooth_and_within_bounds() -> None:
    field = Draws("noise").noise(128, 16, 3)
    assert field.dtype == np.float32
    assert 0 <= field.min() < 0.35 < 0.65 < field.max() <= 1
    assert np.abs(np.diff(field, axis=0)).max() < 0.5 * (field.max() - field.min())


def test_scramble_is_even_and_ignores_no_argument() -> None:
    column, row = np.meshgrid(np.arange(-100, 100), np.arange(-100, 100))
    values = scramble(column, row, 5)
    assert len(np.unique(values)) > 0.999 * values.size
    assert abs((values & 1).mean() - 0.5) < 0.02
    assert not np.array_equal(values, scramble(row, column, 5))
    assert not np.array_equal(values, scramble(column, row, 6))
