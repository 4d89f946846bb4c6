"""How figures look, and how they are written: the same bytes each time."""

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sartext.core.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which colour-blind readers can tell apart (jfly.uni-koeln.de/color, 2008)
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
)
INK, GREY, LIGHT = "#222222", "#6b6b6b", "#d9d9d9"

# a recipe keeps its colour, line and marker in every figure, so that colour is never the only sign
RECIPE_STYLES: dict[str, tuple[str, str, str]] = {
    "base": (GREY, ":", "x"),
    "optical": (ORANGE, "--", "s"),
    "sar": (SKY, "-.", "^"),
    "sar-matched": (BLUE, (0, (5, 1, 1, 1, 1, 1)), "v"),  # type: ignore[dict-item]
    "joint": (PURPLE, (0, (6, 2)), "D"),  # type: ignore[dict-item]
    "two-stage": (GREEN, "-", "o"),
    "published": (INK, "-", "*"),
}
BRANCH_COLOURS = {"a2c": BLUE, "sa2c": ORANGE, "pair": GREEN, "given": GREY}

_PARAMETERS = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": LIGHT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "sartext",
    "image.interpolation": "nearest",
    "path.simplify": False,
}
_DPI = 150


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the suite's style, whatever the user's matplotlib settings are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_PARAMETERS)  # type: ignore[arg-type]
        yield


def new_figure(width: float, height: float, note: str) -> "Figure":
    """Return an empty figure that says what its data is.

    Args:
        width: inches.
        height: inches.
        note: the profile's note on its data, written at the foot.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.supxlabel(
        "\n".join(textwrap.wrap(f"Data: {note}", int(width * 15))),
        x=0.01,
        ha="left",
        fontsize=7.0,
        color=GREY,
    )
    return figure


def wrapped(text: str, columns: int, lines: int) -> str:
    """Return text on at most `lines` lines of `columns` letters, an ellipsis where it was cut.

    Text from outside is made plain: matplotlib would read ``$...$`` as mathematics, and an untrained model
    writes bytes that are no letters, shown as one dot a run.
    """
    plain = "".join(
        letter if letter.isprintable() and letter != "\ufffd" else "\x00" for letter in " ".join(text.split())
    )
    folded = textwrap.wrap(re.sub("\x00+", "·", plain), columns) or [""]
    if len(folded) > lines:
        folded = folded[:lines]
        folded[-1] = folded[-1][: columns - 1].rstrip(" .,;") + "…"
    return "\n".join(folded).replace("$", r"\$")


def show_image(axes: "Axes", pixels: object, colour: str = LIGHT, width: float = 0.8) -> None:
    """Show uint8 (H, W), (H, W, 1) or (H, W, 3) pixels in a frame."""
    import numpy as np

    array = np.asarray(pixels)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    axes.imshow(array, cmap="gray", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=width)


def empty(figure: "Figure", reason: str) -> "Figure":
    """Say on the figure why there is nothing to show."""
    axes = figure.add_subplot()
    axes.axis("off")
    axes.text(0.5, 0.5, reason, ha="center", va="center", color=GREY, fontsize=10)
    return figure


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure as SVG or PNG, by the path's suffix, with no date or version in it."""
    metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=_DPI, metadata=metadata)
