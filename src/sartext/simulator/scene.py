"""One simulated scene: a world, its drawings, and the facts that hold for each drawing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sartext.simulator.facts import Facts, gather
from sartext.simulator.optical import draw_optical
from sartext.simulator.plans import PLANS
from sartext.simulator.random import Draws
from sartext.simulator.sar import Radar, draw_radar, draw_sar
from sartext.simulator.themes import THEMES, make_world
from sartext.simulator.world import World


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scene as a source delivers it.

    Attributes:
        world: the ground truth.
        facts: what is true and visible: in the radar image where there is one, else in the optical.
        sar: amplitude, uint8 (size, size), for SAR sources and pairs.
        optical: colour, uint8 (size, size, 3), for optical sources and pairs.
        radar: the acquisition of `sar`.
    """

    world: World
    facts: Facts
    sar: NDArray[np.uint8] | None
    optical: NDArray[np.uint8] | None
    radar: Radar | None


def draw_scene(source: str, seed: int, split: str, index: int, size: int) -> Drawn:
    """Draw scene `index` of a split of a source; the same arguments give the same pixels.

    Args:
        source: a key of `PLANS`.
        seed: the profile's seed.
        split: train, val or test.
        index: from 0.
        size: side, pixels.
    """
    plan = PLANS[source]
    draws = Draws(seed, "simulator", source, split, index, "world")
    theme = draws.pick(tuple(plan.themes), tuple(plan.themes.values()))
    spacing = round(THEMES[theme][1] * draws.pick((0.75, 1.0, 1.0, 1.25)), 3)
    world = make_world(theme, size, plan.resolution_m or spacing, draws)
    optical = sar = facts = radar = None
    if not plan.looks or source == "osdataset":
        optical = draw_optical(world, Draws(seed, "simulator", source, split, index, "optical"))
    if plan.looks:
        draws = Draws(seed, "simulator", source, split, index, "sar")
        radar = draw_radar(draws, plan.looks, plan.polarisations, plan.gain)
        imaged = draw_sar(world, radar, draws)
        sar = imaged.image
        facts = gather(world, imaged.instance, imaged.lit)
    return Drawn(world, facts or gather(world, world.instance), sar, optical, radar)


def text_draws(source: str, seed: int, split: str, index: int) -> Draws:
    """Return the draws that choose a scene's wordings, apart from those of its pixels."""
    return Draws(seed, "simulator", source, split, index, "text")
