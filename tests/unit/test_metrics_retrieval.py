"""Retrieval against a naive reference, enumeration and closed cases."""

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sartext.metrics import intervals, retrieval

TOLERANCE = 1e-6


def naive(scores: np.ndarray, positive: np.ndarray, k: int) -> np.ndarray:
    """The design's sentence, query by query, in plain Python."""
    hits = []
    for row, wanted in zip(scores, positive, strict=True):
        best = max(score for score, good in zip(row, wanted, strict=True) if good)
        above = tied = same = 0
        for score, good in zip(row, wanted, strict=True):
            if abs(score - best) <= TOLERANCE:
                same, tied = same + bool(good), tied + (not good)
            elif score > best:
                above += 1
        places = k - above
        if places <= 0:
            hits.append(0.0)
        elif places > tied:
            hits.append(1.0)
        else:
            hits.append(1 - comb(tied, places) / comb(tied + same, places))
    return np.array(hits)


def world(images: int, texts: int, width: int, distinct: int, seed: int):
    """Random unit features with some exact duplicates, and captions that repeat."""
    random = np.random.default_rng(seed)
    image_ids = [f"image-{number:05d}" for number in random.permutation(images)]
    owners = np.concatenate([np.arange(images), random.integers(0, images, texts - images)])
    features = random.normal(size=(images, width)).astype(np.float32)
    text_features = (features[owners] + random.normal(size=(texts, width))).astype(np.float32)
    kinds = random.integers(0, distinct, texts)
    text_features[kinds == 0] = text_features[0]
    captions = [f"Caption  {kind}" if number % 2 else f"caption {kind}" for number, kind in enumerate(kinds)]
    text_ids = [f"text-{number:06d}" for number in random.permutation(texts)]
    return image_ids, features, text_ids, text_features, [image_ids[owner] for owner in owners], captions


def reference(image_ids, image_features, text_ids, text_features, owners, captions):
    """All recalls by the naive rule on the full matrix of raw cosine similarities."""
    images = image_features / np.linalg.norm(image_features.astype(np.float64), axis=1, keepdims=True)
    texts = text_features / np.linalg.norm(text_features.astype(np.float64), axis=1, keepdims=True)
    scores = images @ texts.T
    folded = [" ".join(caption.lower().split()) for caption in captions]
    held = {name: {folded[i] for i, owner in enumerate(owners) if owner == name} for name in image_ids}
    masks = {
        "instance": np.array([[owner == name for owner in owners] for name in image_ids]),
        "group": np.array([[caption in held[name] for caption in folded] for name in image_ids]),
    }
    metrics = {}
    for protocol, mask in masks.items():
        for k in (1, 5, 10):
            metrics[f"{protocol}.image_to_text.recall_at_{k}"] = naive(scores, mask, k).mean()
            metrics[f"{protocol}.text_to_image.recall_at_{k}"] = naive(scores.T, mask.T, k).mean()
        metrics[f"{protocol}.mean_recall"] = np.mean(
            [value for name, value in metrics.items() if name.startswith(f"{protocol}.")]
        )
    return metrics


def metrics_of(arguments) -> dict[str, float]:
    result = retrieval.retrieve(*arguments)
    return {k: float(v) for k, v in retrieval.formula(retrieval.statistics(result).sums()).items()}


@pytest.mark.parametrize(
    ("images", "texts", "distinct", "seed"), [(7, 7, 100, 0), (40, 130, 25, 1), (150, 300, 60, 2)]
)
def test_equals_the_naive_full_matrix(images, texts, distinct, seed):
    arguments = world(images, texts, 12, distinct, seed)
    expected = reference(*arguments)
    found = metrics_of(arguments)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


def test_tiles_join_without_a_seam():
    rows, columns = retrieval.TILE
    image_ids, images, text_ids, texts, owners, captions = world(rows + 3, columns + 9, 6, 3000, 3)
    result = retrieval.retrieve(image_ids, images, text_ids, texts, owners, captions)
    order = np.argsort(image_ids)
    by_text = np.argsort(text_ids)
    scores = retrieval.unit(images).astype(float) @ retrieval.unit(texts).astype(float).T
    mask = np.array(owners)[None, :] == np.array(image_ids)[:, None]
    expected = naive(scores[order], mask[order], 5)
    assert np.allclose(result.hits["instance", "image_to_text"][:, 1], expected, atol=1e-12)
    expected = naive(scores.T[by_text][:300], mask.T[by_text][:300], 10)
    assert np.allclose(result.hits["instance", "text_to_image"][:300, 2], expected, atol=1e-12)


def test_closed_form_equals_enumeration_of_all_orders():
    for above, others, positives in itertools.product(range(3), range(4), range(1, 4)):
        tied = [True] * positives + [False] * others
        orders = set(itertools.permutations(range(len(tied))))
        for k in (1, 2, 3, 5, 10):
            places = max(0, k - above)
            hits = sum(any(tied[entry] for entry in order[:places]) for order in orders)
            found = retrieval.hit_probability(np.array([above]), np.array([others]), np.array([positives]), k)
            assert found[0] == pytest.approx(hits / len(orders), abs=1e-12), (above, others, positives, k)


def test_closed_form_equals_monte_carlo_of_random_tie_breaks():
    random = np.random.default_rng(5)
    above, others, positives, k = 2, 17, 3, 10
    trials = 40_000
    keys = random.random((trials, others + positives))
    first = np.argsort(keys, axis=1)[:, : k - above]
    share = (first < positives).any(axis=1).mean()
    found = retrieval.hit_probability(np.array([above]), np.array([others]), np.array([positives]), k)[0]
    assert found == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / trials))


def test_a_perfect_model_on_repeated_captions():
    """The design's example: 1,000 images with 50 distinct captions give 5% R@1 by instance, all by group."""
    kinds = np.arange(1000) % 50
    features = np.eye(50, dtype=np.float32)[kinds]
    ids = [f"{number:04d}" for number in range(1000)]
    result = retrieval.retrieve(ids, features, ids, features, ids, [f"caption {kind}" for kind in kinds])
    found = retrieval.formula(retrieval.statistics(result).sums())
    for k in (1, 5, 10):
        for direction in ("image_to_text", "text_to_image"):
            assert found[f"instance.{direction}.recall_at_{k}"] == pytest.approx(k / 20, abs=1e-12)
            assert found[f"group.{direction}.recall_at_{k}"] == 1
    assert found["instance.mean_recall"] == pytest.approx(np.mean([0.05, 0.25, 0.5]), abs=1e-12)
    assert result.repeated == 1


def test_a_model_that_sees_nothing_scores_chance():
    images, captions_each = 60, 5
    ids = [f"i{number}" for number in range(images)]
    owners = [name for name in ids for _ in range(captions_each)]
    texts = [f"t{number}" for number in range(len(owners))]
    result = retrieval.retrieve(
        ids,
        np.ones((images, 4), np.float32),
        texts,
        np.ones((len(texts), 4), np.float32),
        owners,
        texts,
    )
    found = retrieval.formula(retrieval.statistics(result).sums())
    total = len(texts)
    for k in (1, 5, 10):
        assert found[f"instance.text_to_image.recall_at_{k}"] == pytest.approx(k / images, abs=1e-12)
        miss = comb(total - captions_each, k) / comb(total, k)
        assert found[f"instance.image_to_text.recall_at_{k}"] == pytest.approx(1 - miss, abs=1e-12)
    assert result.repeated == 0


def test_ties_end_at_the_tolerance():
    """A rival 2e-6 above wins, one 5e-7 above ties."""
    for gap, expected in ((2e-6, 0.0), (5e-7, 0.5)):
        angle = np.arccos(0.5)
        rival = np.arccos(0.5 + gap)
        texts = np.array([[np.cos(angle), np.sin(angle)], [np.cos(rival), np.sin(rival)]], np.float32)
        images = np.array([[1, 0], [0, 1]], np.float32)
        result = retrieval.retrieve(["a", "b"], images, ["a", "b"], texts, ["a", "b"], ["x", "y"])
        assert result.hits["instance", "image_to_text"][0, 0] == expected


def test_repeats_within_an_image_are_not_repeated_captions():
    result = retrieval.retrieve(
        ["a", "b"],
        np.eye(2, dtype=np.float32),
        ["1", "2", "3", "4"],
        np.eye(2, dtype=np.float32)[[0, 0, 1, 1]],
        ["a", "a", "b", "b"],
        ["Two ships", "two  ships", "a bridge", "TWO SHIPS "],
    )
    assert result.repeated == 0.75


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), images=st.integers(1, 12), extra=st.integers(0, 20))
def test_order_and_length_of_features_change_nothing(seed, images, extra):
    arguments = world(images, images + extra, 5, 6, seed)
    image_ids, image_features, text_ids, text_features, owners, captions = arguments
    random = np.random.default_rng(seed + 1)
    rows, columns = random.permutation(images), random.permutation(images + extra)
    shuffled = (
        [image_ids[row] for row in rows],
        image_features[rows] * np.float32(4),
        [text_ids[column] for column in columns],
        text_features[columns],
        [owners[column] for column in columns],
        [captions[column] for column in columns],
    )
    one = retrieval.statistics(retrieval.retrieve(*arguments))
    two = retrieval.statistics(retrieval.retrieve(*shuffled))
    assert one.ids == two.ids
    assert one.values.tobytes() == two.values.tobytes()
    first, second = (intervals.summarise(entry, retrieval.formula, 50, 0) for entry in (one, two))
    assert first == second
    for entry in first.values():
        assert 0 <= entry["low"] <= entry["high"] <= 1


def test_bad_features_are_refused():
    good = np.ones((1, 2), np.float32)
    for bad in (np.zeros((1, 2), np.float32), np.array([[np.nan, 1]], np.float32)):
        with pytest.raises(ValueError, match="finite and not zero"):
            retrieval.retrieve(["a"], bad, ["t"], good, ["a"], ["x"])
    with pytest.raises(ValueError, match="no text"):
        retrieval.retrieve(["a", "b"], np.ones((2, 2), np.float32), ["t"], good, ["a"], ["x"])
