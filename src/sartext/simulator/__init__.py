"""A world with known truth, drawn in light and by radar, written in the layouts of the real sources."""

from pathlib import Path

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import atomic_folder, write_json
from sartext.simulator.layouts import WRITERS

SOURCES: tuple[str, ...] = tuple(WRITERS)
"""Sources that can be simulated."""

__all__ = ["SOURCES", "write_source"]


def write_source(name: str, config: Config, folder: Path, truth: Path) -> None:
    """Write a simulated source, all its splits, and its truth; the same profile gives the same bytes.

    Args:
        name: one of `SOURCES`.
        config: the profile; ``simulator`` says how many images and how large.
        folder: root of the source; replaced as a whole once every file is written.
        truth: JSON file to write: a list of scenes with their objects, land cover and reference sentences.

    Raises:
        UserError: the source cannot be simulated, or the profile does not say how.
    """
    if name not in WRITERS:
        raise UserError(
            f"{config.profile}: source {name!r} cannot be simulated; expected one of {', '.join(SOURCES)}"
        )
    if config.simulator is None or name not in config.simulator.sources:
        raise UserError(
            f"{config.profile}: simulator.sources.{name}: missing; give its images by split "
            "(train, val, test), or take a profile that simulates it"
        )
    if config.simulator.image_size < 32:
        raise UserError(
            f"{config.profile}: simulator.image_size: {config.simulator.image_size} is too small "
            "to show an object; expected 32 or more"
        )
    counts = config.simulator.sources[name]
    with atomic_folder(folder) as temporary:
        content = WRITERS[name](temporary, name, counts, config.simulator.image_size, config.seed)
    write_json(truth, content)
