"""The figures, by their number: each a pure function of a run's files and the profile.

Modules here import matplotlib when they are imported or drawn; only the verbs of the report import them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.report.figures.cases import figure_09, figure_10, figure_11
from sartext.report.figures.damage import figure_13
from sartext.report.figures.overview import figure_02
from sartext.report.figures.recipes import figure_12
from sartext.report.figures.samples import figure_04
from sartext.report.figures.style import drawing, save_figure
from sartext.report.figures.texts import figure_05, figure_06, figure_07
from sartext.report.figures.training import figure_08

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[int, Callable[[Config], "Figure"]] = {
    2: figure_02,
    4: figure_04,
    5: figure_05,
    6: figure_06,
    7: figure_07,
    8: figure_08,
    9: figure_09,
    10: figure_10,
    11: figure_11,
    12: figure_12,
    13: figure_13,
}


def write_figure(number: int, config: Config, rulegraph: Path | None = None) -> list[Path]:
    """Make a figure and write it as SVG and PNG.

    Args:
        number: one of `FIGURES`.
        config: the profile.
        rulegraph: figure 2's dot text; ``results/P/rulegraph.dot`` if not given.

    Returns:
        The files.

    Raises:
        UserError: there is no such figure, or a file it reads is not what it should be.
    """
    if number not in FIGURES:
        raise UserError(f"no figure {number}; expected one of {', '.join(map(str, FIGURES))}")
    paths = [config.reports / "figures" / f"figure_{number:02d}{suffix}" for suffix in (".svg", ".png")]
    with drawing():
        figure = figure_02(config, rulegraph) if number == 2 else FIGURES[number](config)
        for path in paths:
            save_figure(figure, path)
    return paths
