"""Under which terms SAR-TEXT's sources stand, and which of their images a release may hold."""

from sartext.core.config import Config, SourceConfig

SIMULATED = "Apache-2.0, as this suite: simulated in the source's layout"


def is_simulated(config: Config, source: SourceConfig) -> bool:
    """Whether a source's images were drawn by the simulator, in the layout of the real source."""
    return config.simulator is not None and source.name in config.simulator.sources


def licence_of(config: Config, source: SourceConfig) -> str:
    """Return the terms of a source's images as they are here: simulated ones are free of the real ones'."""
    return SIMULATED if is_simulated(config, source) else source.licence
