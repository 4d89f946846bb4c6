"""The radar drawing against closed forms: speckle, geometry of tall things, point targets, backscatter."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import gamma, kstest

from sartext.simulator.measure import (
    contrast_db,
    equivalent_looks,
    flat_looks,
    gamma_amplitudes,
    neighbour_correlation,
    summarise,
)
from sartext.simulator.random import Draws
from sartext.simulator.sar import SIGMA0_DB, Radar, complex_looks, draw_sar, mean_intensity
from sartext.simulator.world import Cover, Surface, Thing, World, empty_world

RADAR = Radar(
    polarisation="HH",
    looks=1,
    incidence=32,  # 45 degrees: layover and shadow are both as long as the thing is high
    from_left=True,
    weight=1.0,
    oversampling=1.2,
    gain=200.0,
    noise_db=-60.0,
    wind_db=0.0,
    moisture_db=0.0,
)


def block(height_m: float, size: int = 64) -> World:
    """A square building, 16 pixels of 1 m, in the middle of bare ground."""
    world = empty_world(size, 1.0, "test")
    everywhere = np.ones((size, size), bool)
    world.paint(everywhere, Cover.BARE, Surface.SOIL)
    world.surface[24:40, 30:46] = Surface.ROOF
    world.height[24:40, 30:46] = height_m
    return world


@pytest.mark.parametrize("looks", [1, 2, 4])
def test_speckle_is_gamma_with_the_looks_as_its_shape(looks: int) -> None:
    radar = dataclasses.replace(RADAR, looks=looks)
    field = complex_looks(np.full((256, 256), 0.3, np.float32), radar, Draws("speckle", looks))
    intensity = (field**2).sum(axis=1).mean(axis=0)
    assert intensity.mean() == pytest.approx(0.3, rel=0.02)
    assert equivalent_looks(intensity) == pytest.approx(looks, rel=0.06)
    apart = intensity[::5, ::5].ravel()  # beyond the reach of the impulse response
    assert kstest(apart / 0.3, gamma(looks, scale=1 / looks).cdf).pvalue > 0.01


@pytest.mark.parametrize("looks", [1, 3])
def test_amplitudes_have_the_moments_of_theory(looks: int) -> None:
    field = complex_looks(
        np.ones((256, 256), np.float32), dataclasses.replace(RADAR, looks=looks), Draws("moments", looks)
    )
    measured, theory = summarise(np.sqrt((field**2).sum(axis=1).mean(axis=0))), gamma_amplitudes(looks)
    assert measured.mean == pytest.approx(theory.mean, rel=0.01)
    assert measured.variation == pytest.approx(theory.variation, rel=0.03)
    assert measured.skewness == pytest.approx(theory.skewness, abs=0.06)
    assert measured.kurtosis == pytest.approx(theory.kurtosis, abs=0.15)


def test_theory_of_one_look_is_rayleigh() -> None:
    theory = gamma_amplitudes(1)
    assert theory.variation == pytest.approx(math.sqrt(4 / math.pi - 1))
    assert theory.skewness == pytest.approx(2 * math.sqrt(math.pi) * (math.pi - 3) / (4 - math.pi) ** 1.5)


def test_oversampling_correlates_neighbours() -> None:
    correlation = []
    for oversampling in (1.0, 1.3, 1.7):
        radar = dataclasses.replace(RADAR, oversampling=oversampling)
        field = complex_looks(np.ones((200, 200), np.float32), radar, Draws("correlation"))
        correlation.append(neighbour_correlation((field[0] ** 2).sum(axis=0)))
    assert correlation[0] == pytest.approx(0, abs=0.03)
    assert correlation[0] < correlation[1] < correlation[2]


@pytest.mark.parametrize("height", [6.0, 12.0])
def test_shadow_and_layover_have_their_lengths(height: float) -> None:
    image, _, _ = mean_intensity(block(height), RADAR, Draws("block"))
    ground = 10 ** (SIGMA0_DB[Surface.SOIL][0] / 10)
    row = image[32]
    dark = np.flatnonzero(row < ground / 20)
    assert dark.max() - 45 == pytest.approx(height, abs=1.5)  # behind the far wall at column 45
    bright = np.flatnonzero(row > 2 * ground)
    assert 30 - bright.min() == pytest.approx(height, abs=1.5)  # before the near wall at column 30
    assert int(row.argmax()) == 29  # double bounce at the wall's foot


def test_the_radar_on_the_right_mirrors_the_geometry() -> None:
    world = block(10.0)
    left, _, _ = mean_intensity(world, RADAR, Draws("mirror"))
    image = draw_sar(world, dataclasses.replace(RADAR, from_left=False, looks=8), Draws("mirror")).image
    assert image[26:38, 18:28].mean() < image[26:38, 47:56].mean() / 2  # shadow left of it, layover right
    assert left[26:38, 48:54].mean() < left[26:38, 21:29].mean()


def test_double_bounce_fades_as_the_wall_turns() -> None:
    straight = block(10.0)
    turned = empty_world(64, 1.0, "test")
    turned.paint(np.ones((64, 64), bool), Cover.BARE, Surface.SOIL)
    rows, columns = np.mgrid[:64, :64]
    diamond = np.abs(rows - 32) + np.abs(columns - 38) < 12
    turned.surface[diamond] = Surface.ROOF
    turned.height[diamond] = 10.0
    peaks = [mean_intensity(world, RADAR, Draws("turn"))[0][32].max() for world in (straight, turned)]
    assert peaks[0] > 3 * peaks[1]


def test_what_lies_in_shadow_is_not_seen() -> None:
    world = block(12.0)
    for number, column in ((1, 48), (2, 12)):
        world.things.append(Thing("car", column, 32, 4, 4, 0, 0.5))
        world.instance[30:34, column : column + 4] = number
    _, instance, lit = mean_intensity(world, RADAR, Draws("hidden"))
    assert lit[0] == 0.0
    assert lit[1] == 1.0
    assert 1 not in instance
    assert 2 in instance


def test_a_corner_reflector_answers_with_the_impulse_response() -> None:
    world = empty_world(64, 1.0, "test")
    world.reflectors.append((32.55, 20.55, 10.0))
    radar = dataclasses.replace(RADAR, oversampling=2.0, wind_db=-40.0, gain=50.0)
    image = draw_sar(world, radar, Draws("reflector")).image.astype(float)
    assert np.unravel_index(image.argmax(), image.shape) == (20, 32)
    assert image.max() == pytest.approx(50 * math.sqrt(10), rel=0.05)
    assert image[20, 40:60].max() > 8 * image[40:60, 40:60].max()  # sidelobes lie along range ...
    assert image[24:44, 32].max() > 8 * image[40:60, 40:60].max()  # ... and azimuth
    first = image[20, 34:37].max() / image.max()
    assert 20 * math.log10(first) == pytest.approx(-13.3, abs=1.5)


def test_backscatter_keeps_the_order_of_the_literature() -> None:
    for channel in range(3):
        water, soil, crop, canopy, deck = (
            SIGMA0_DB[surface][channel]
            for surface in (Surface.WATER, Surface.SOIL, Surface.CROP, Surface.CANOPY, Surface.DECK)
        )
        assert water < soil < crop < canopy < deck
    for levels in SIGMA0_DB.values():
        assert levels[2] < min(levels[:2]) - 4  # across is weaker
    assert SIGMA0_DB[Surface.WATER][1] > SIGMA0_DB[Surface.WATER][0]  # Bragg scattering favours VV


def test_flat_looks_ignores_structure() -> None:
    field = complex_looks(
        np.full((256, 256), 0.1, np.float32), dataclasses.replace(RADAR, looks=4), Draws("flat")
    )
    amplitude = np.sqrt((field**2).sum(axis=1).mean(axis=0)) * 200
    amplitude[:, :100] *= np.linspace(0.2, 3, 100)
    assert flat_looks(np.minimum(amplitude, 255).astype(np.uint8)) == pytest.approx(4, rel=0.2)
    assert math.isnan(flat_looks(np.zeros((64, 64), np.uint8)))


def test_contrast_is_in_decibels_of_power() -> None:
    image = np.array([[10, 10, 100, 100]], np.uint8)
    target = np.array([[False, False, True, True]])
    assert contrast_db(image, target, ~target) == pytest.approx(20)
