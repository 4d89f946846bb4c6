"""Image-text retrieval by two protocols, with ties broken at random in expectation.

Both follow RemoteCLIP's evaluation (open_clip and clip_benchmark: features of unit length, dot product,
R@1, R@5 and R@10 both ways, a query hits if any of its positives is among the first k, mean recall is the
mean of the six). They differ in what is a positive:

- ``instance``: an image's own captions, and a caption's own image. What papers report.
- ``group``: captions that read the same (lower case, white space folded) are one. Every image that has the
  caption counts for it, and every text that reads as one of the image's captions counts for the image.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sartext.metrics.intervals import Array, Statistics, Sums

Protocol = Literal["instance", "group"]
Direction = Literal["image_to_text", "text_to_image"]

PROTOCOLS: tuple[Protocol, ...] = ("instance", "group")
DIRECTIONS: tuple[Direction, ...] = ("image_to_text", "text_to_image")
KS = (1, 5, 10)
TIE_TOLERANCE = 1e-6
TILE = (128, 4096)  # queries, gallery entries


@dataclass(frozen=True)
class Retrieval:
    """Hits of every query.

    Attributes:
        image_ids: sorted; the order of image queries.
        text_ids: sorted; the order of text queries.
        owners: int64 (texts,), index of each text's image.
        hits: (protocol, direction) to float64 (queries, 3): probability of a hit at 1, 5 and 10.
        repeated: share of texts whose caption is also a caption of another image.
    """

    image_ids: tuple[str, ...]
    text_ids: tuple[str, ...]
    owners: NDArray[np.int64]
    hits: dict[tuple[Protocol, Direction], Array]
    repeated: float


def fold(caption: str) -> str:
    """Return the caption in lower case with white space folded, by which captions are compared."""
    return " ".join(caption.lower().split())


def hit_probability(
    above: NDArray[np.int64], others: NDArray[np.int64], positives: NDArray[np.int64], k: int
) -> Array:
    """Probability that a positive is among the first `k` when ties are broken at random.

    With g others above the best positive, t others and p positives tied with it and m = k - g places left,
    none of the positives gets one of them with probability C(t, m) / C(t + p, m), so a hit has probability
    1 - prod_{i<m} (t - i) / (t + p - i); 0 for m <= 0, and 1 for m > t.

    Args:
        above: int64 (queries,), g.
        others: int64 (queries,), t.
        positives: int64 (queries,), p, at least 1.
        k: places, at least 1.

    Returns:
        float64 (queries,).
    """
    places = k - above
    miss = np.ones(len(above))
    for step in range(k):
        left = np.maximum(others - step, 0)
        factor = left / np.maximum(others + positives - step, 1)
        miss = np.where(step < places, miss * factor, miss)
    return np.where(places > 0, 1.0 - miss, 0.0)


def unit(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (N, D) features scaled to length 1.

    Raises:
        ValueError: a value is not finite, or a row is zero.
    """
    wide = features.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise ValueError("features must be finite and not zero")
    scaled: NDArray[np.float32] = (wide / lengths).astype(np.float32)
    return scaled


def _similarity(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> Iterator[tuple[int, Array]]:
    """Yield (first query, float32 scores of a block of queries with the whole gallery, as float64).

    A product is summed in float64 and rounded to float32 once: the score then does not depend on the order in
    which a processor's library sums, and a pair scores the same from both sides.
    """
    rows, columns = TILE
    wide = gallery.astype(np.float64)
    for start in range(0, len(queries), rows):
        block = queries[start : start + rows].astype(np.float64)
        tiles = [
            (block @ wide[left : left + columns].T).astype(np.float32)
            for left in range(0, len(wide), columns)
        ]
        yield start, np.concatenate(tiles, axis=1).astype(np.float64)


def _hits(scores: Array, positive: NDArray[np.bool_]) -> Array:
    best = np.where(positive, scores, -np.inf).max(axis=1, keepdims=True)
    ahead = scores - best
    above = ((ahead > TIE_TOLERANCE) & ~positive).sum(axis=1)
    tied = np.abs(ahead) <= TIE_TOLERANCE
    others, positives = (tied & ~positive).sum(axis=1), (tied & positive).sum(axis=1)
    return np.stack([hit_probability(above, others, positives, k) for k in KS], axis=1)


def _sorted_positions(ids: Sequence[str]) -> NDArray[np.int64]:
    return np.array(sorted(range(len(ids)), key=lambda index: ids[index]), dtype=np.int64)


def retrieve(
    image_ids: Sequence[str],
    image_features: NDArray[np.float32],
    text_ids: Sequence[str],
    text_features: NDArray[np.float32],
    text_images: Sequence[str],
    captions: Sequence[str],
) -> Retrieval:
    """Rank texts for every image and images for every text.

    Everything is put in the order of its ids first, and scored in tiles of fixed size, so neither the order
    nor the batches in which features were made change a digit.

    Args:
        image_ids: unique, in any order.
        image_features: float32 (N, D), of any length above 0.
        text_ids: unique, in any order.
        text_features: float32 (M, D).
        text_images: the image id each text belongs to; each image has one text at least.
        captions: the texts.

    Raises:
        ValueError: features that are not finite or zero, or an image without texts.
    """
    by_image, by_text = _sorted_positions(image_ids), _sorted_positions(text_ids)
    images = unit(image_features[by_image])
    texts = unit(text_features[by_text])
    names = tuple(image_ids[index] for index in by_image)
    place = {name: index for index, name in enumerate(names)}
    owners = np.array([place[text_images[index]] for index in by_text], dtype=np.int64)
    if len(np.unique(owners)) != len(names):
        raise ValueError("an image has no text")
    folded = [fold(captions[index]) for index in by_text]
    number = {caption: index for index, caption in enumerate(sorted(set(folded)))}
    groups = np.array([number[caption] for caption in folded], dtype=np.int64)
    held = np.unique(np.stack([groups, owners], axis=1), axis=0)
    holders = np.split(held[:, 1], np.flatnonzero(np.diff(held[:, 0])) + 1)

    hits: dict[tuple[Protocol, Direction], list[Array]] = {
        (protocol, direction): [] for protocol in PROTOCOLS for direction in DIRECTIONS
    }
    for start, scores in _similarity(images, texts):
        rows = np.arange(start, start + len(scores))
        own = owners[None, :] == rows[:, None]
        has = np.zeros((len(rows), len(number)), dtype=bool)
        row, text = np.nonzero(own)
        has[row, groups[text]] = True
        hits["instance", "image_to_text"].append(_hits(scores, own))
        hits["group", "image_to_text"].append(_hits(scores, has[:, groups]))
    for start, scores in _similarity(texts, images):
        rows = np.arange(start, start + len(scores))
        own = owners[rows][:, None] == np.arange(len(names))[None, :]
        shared = np.zeros_like(own)
        for line, group in enumerate(groups[rows]):
            shared[line, holders[group]] = True
        hits["instance", "text_to_image"].append(_hits(scores, own))
        hits["group", "text_to_image"].append(_hits(scores, shared))
    repeated = np.array([len(holder) > 1 for holder in holders])[groups].mean()
    return Retrieval(
        image_ids=names,
        text_ids=tuple(text_ids[index] for index in by_text),
        owners=owners,
        hits={key: np.concatenate(blocks) for key, blocks in hits.items()},
        repeated=float(repeated),
    )


def statistics(result: Retrieval) -> Statistics:
    """Return per-image statistics: an image's own hits, and the summed hits of its texts."""
    count = len(result.image_ids)
    columns = ["images", "texts"]
    values: list[Array] = [np.ones(count), np.bincount(result.owners, minlength=count).astype(np.float64)]
    counts: dict[str, int] = {}
    for protocol in PROTOCOLS:
        for direction in DIRECTIONS:
            table = result.hits[protocol, direction]
            for place, k in enumerate(KS):
                name = f"{protocol}.{direction}.recall_at_{k}"
                columns.append(name)
                hits = table[:, place]
                if direction == "text_to_image":
                    values.append(
                        np.bincount(result.owners, weights=hits, minlength=count).astype(np.float64)
                    )
                else:
                    values.append(hits)
                counts[name] = count if direction == "image_to_text" else len(result.text_ids)
        counts[f"{protocol}.mean_recall"] = count
    return Statistics(result.image_ids, tuple(columns), np.stack(values, axis=1), counts)


def formula(sums: Sums) -> dict[str, Array]:
    """Return recalls and mean recalls, fractions, from summed statistics."""
    metrics: dict[str, Array] = {}
    for protocol in PROTOCOLS:
        six = []
        for direction in DIRECTIONS:
            total = sums["images" if direction == "image_to_text" else "texts"]
            for k in KS:
                name = f"{protocol}.{direction}.recall_at_{k}"
                metrics[name] = sums[name] / total
                six.append(metrics[name])
        metrics[f"{protocol}.mean_recall"] = np.mean(six, axis=0)
    return metrics
