"""Figures 5 to 7: the captions of SAR-TEXT in words, lengths and composition."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sartext.core.config import Config
from sartext.core.records import BRANCHES, Caption
from sartext.core.seeds import derive_seed
from sartext.core.tables import read_captions, read_scenes
from sartext.report.figures.style import (
    BLUE,
    BRANCH_COLOURS,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    empty,
    new_figure,
)
from sartext.report.names import BRANCHES as BRANCH_NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
_HATCHES = {"a2c": "", "sa2c": "///", "pair": "...", "given": "xx"}
# words that every sentence has
_STOP_WORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "in",
        "is",
        "it",
        "its",
        "of",
        "on",
        "or",
        "s",
        "that",
        "the",
        "there",
        "this",
        "to",
        "with",
    )
)


def _captions(config: Config) -> list[Caption]:
    return read_captions(config.results / "sartext" / "captions.parquet")


def word_counts(captions: list[Caption]) -> Counter[str]:
    """Count the words of captions, in lower case, without numbers and words every sentence has."""
    counts: Counter[str] = Counter()
    for caption in captions:
        words = (word.strip(".,;:!?()\"'") for word in caption.caption.lower().split())
        counts.update(word for word in words if word.isalpha() and word not in _STOP_WORDS)
    return counts


def _colour(word: str, **_: object) -> str:
    # by the word, not by a draw, so that a word keeps its colour
    return _PALETTE[derive_seed("word cloud", word) % len(_PALETTE)]


def figure_05(config: Config) -> "Figure":
    """Word cloud of SAR-TEXT's captions, laid out by seed."""
    import matplotlib
    from wordcloud import WordCloud

    counts = word_counts(_captions(config))
    figure = new_figure(7.5, 4.1, config.data_note)
    if not counts:
        return empty(figure, "SAR-TEXT holds no words")
    cloud = WordCloud(
        width=1500,
        height=760,
        background_color="white",
        max_words=120,
        margin=6,
        relative_scaling=0.4,
        prefer_horizontal=0.92,
        random_state=derive_seed("figure 5", config.seed) % 2**32,
        color_func=_colour,
        font_path=str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"),
    )
    # equal counts are laid out in the order of the words
    cloud.generate_from_frequencies(dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))))
    axes = figure.add_subplot()
    axes.imshow(cloud.to_array(), interpolation="bilinear")
    axes.axis("off")
    return figure


def figure_06(config: Config) -> "Figure":
    """Caption lengths in words, a panel a branch: the share of the branch's captions at each length."""
    lengths: dict[str, list[int]] = {}
    for caption in _captions(config):
        lengths.setdefault(caption.branch, []).append(len(caption.caption.split()))
    branches = [branch for branch in BRANCHES if branch in lengths]
    figure = new_figure(6.4, 1.5 * max(1, len(branches)) + 0.6, config.data_note)
    if not branches:
        return empty(figure, "SAR-TEXT holds no captions")
    most = max(max(values) for values in lengths.values())
    grid = figure.subplots(len(branches), 1, sharex=True, squeeze=False).ravel()
    for axes, branch in zip(grid, branches, strict=True):
        values = np.array(lengths[branch])
        shares = np.bincount(values, minlength=most + 1) / len(values)
        axes.bar(np.arange(most + 1), shares * 100, width=0.85, color=BRANCH_COLOURS[branch])
        axes.axvline(float(values.mean()), color=GREY, linestyle="--", linewidth=1)
        axes.set_title(f"{BRANCH_NAMES[branch]}: {len(values):,} captions, mean {values.mean():.1f} words")
        axes.set_ylabel("share (%)")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    grid[-1].set_xlim(-0.6, most + 0.6)
    grid[-1].set_xlabel("words a caption")
    grid[-1].xaxis.get_major_locator().set_params(integer=True)
    return figure


def figure_07(config: Config) -> "Figure":
    """Composition of SAR-TEXT: captions by source, a colour and hatch a branch, with the images' number."""
    folder = config.results / "sartext"
    scenes = read_scenes(folder / "scenes.parquet")
    source_of = {scene.scene_id: scene.source for scene in scenes}
    images = Counter(source_of.values())
    counts = Counter(
        (source_of.get(caption.scene_id, ""), caption.branch)
        for caption in read_captions(folder / "captions.parquet")
    )
    named = [(source.name, source.title) for source in config.sources if images[source.name]]
    figure = new_figure(6.8, 0.42 * max(2, len(named)) + 1.1, config.data_note)
    if not named:
        return empty(figure, "SAR-TEXT holds no images")
    axes = figure.add_subplot()
    height = np.arange(len(named))
    left = np.zeros(len(named))
    for branch in BRANCHES:
        width = np.array([counts[name, branch] for name, _ in named])
        if width.any():
            style: dict[str, Any] = {"color": BRANCH_COLOURS[branch], "hatch": _HATCHES[branch]}
            axes.barh(
                height, width, left=left, height=0.62, label=BRANCH_NAMES[branch], edgecolor="white", **style
            )
            left += width
    for row, (name, _) in enumerate(named):
        axes.text(left[row], row, f"  {images[name]:,} images", va="center", fontsize=8, color=GREY)
    axes.set_yticks(height, [title for _, title in named])
    axes.invert_yaxis()
    axes.set_xlim(0, left.max() * 1.22)
    axes.set_xlabel("captions")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, title=None)
    return figure
