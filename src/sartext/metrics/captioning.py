"""Caption metrics: pycocoevalcap's numbers, with what intervals need.

BLEU-1..4 (Papineni et al., ACL 2002) and METEOR 1.5 (Denkowski and Lavie, WMT 2014) are corpus scores of
summed counts; ROUGE-L (Lin, 2004), CIDEr (Vedantam et al., CVPR 2015) and SPICE are means over images,
CIDEr's document frequencies being those of all references. Values equal those of ``pycocoevalcap`` 1.2.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sartext.metrics.intervals import Array, Statistics, Sums
from sartext.metrics.java import METEOR_FIELDS, Meteor, MetricUnavailableError, spice, tokenize

BLEU_ORDER = 4
METRICS = (*(f"bleu_{n}" for n in range(1, BLEU_ORDER + 1)), "meteor", "rouge_l", "cider", "spice")

_SMALL, _TINY = 1e-9, 1e-15  # pycocoevalcap's guards against division by zero
# METEOR 1.5's parameters for English ranking and its weights of exact, stem, synonym and paraphrase matches
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75
_WEIGHTS = (1.0, 0.6, 0.8, 0.6)
_STAGES = len(_WEIGHTS)


@dataclass(frozen=True)
class Captioning:
    """Statistics of the metrics that ran, and the reasons of those that did not."""

    statistics: Statistics
    unavailable: dict[str, str]


def _bleu(references: Mapping[str, list[str]], predictions: Mapping[str, str]) -> dict[str, Array]:
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer

    scorer = BleuScorer(n=BLEU_ORDER)
    for name, sentences in references.items():
        scorer += (predictions[name], sentences)
    cooked = scorer.ctest
    lengths = [entry["testlen"] for entry in cooked]
    columns = {
        "bleu.length": lengths,
        # the closest reference's length; of two as close, the shorter
        "bleu.reference_length": [
            min((abs(length - own), length) for length in entry["reflen"])[1]
            for own, entry in zip(lengths, cooked, strict=True)
        ],
    }
    for n in range(BLEU_ORDER):
        columns[f"bleu.guess_{n + 1}"] = [entry["guess"][n] for entry in cooked]
        columns[f"bleu.correct_{n + 1}"] = [entry["correct"][n] for entry in cooked]
    return {name: np.array(values, dtype=np.float64) for name, values in columns.items()}


def _bleu_formula(sums: Sums) -> dict[str, Array]:
    ratio = (sums["bleu.length"] + _TINY) / (sums["bleu.reference_length"] + _SMALL)
    brevity = np.where(ratio < 1, np.exp(1 - 1 / ratio), 1.0)
    metrics = {}
    product: Array = np.ones_like(ratio)
    for n in range(1, BLEU_ORDER + 1):
        product = product * (sums[f"bleu.correct_{n}"] + _TINY) / (sums[f"bleu.guess_{n}"] + _SMALL)
        metrics[f"bleu_{n}"] = product ** (1 / n) * brevity
    return metrics


def _meteor(
    references: Mapping[str, list[str]], predictions: Mapping[str, str], meteor: Meteor
) -> dict[str, Array]:
    table = np.array([meteor.segment(predictions[name], refs) for name, refs in references.items()])
    lengths, stages, chunks = table[:, 0:2], table[:, 4:20], table[:, 20]
    matched = np.stack([stages[:, 0::2].sum(axis=1), stages[:, 1::2].sum(axis=1)], axis=1)
    # METEOR leaves the one chunk of a perfect sentence out of its total
    perfect = (matched == lengths).all(axis=1) & (chunks == 1)
    table[perfect, 20] = 0
    return {f"meteor.{field}": table[:, field] for field in range(METEOR_FIELDS)}


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _meteor_formula(sums: Sums) -> dict[str, Array]:
    """METEOR's score of summed statistics, in the order its jar gives them.

    The order: lengths of test and reference; function words of both; for each stage of matching, content
    words matched in test and reference, then function words; chunks; words matched in test and reference.
    """
    field = [np.asarray(sums[f"meteor.{index}"], dtype=np.float64) for index in range(METEOR_FIELDS)]
    sides = []
    for side in (0, 1):
        length, function = field[side], field[2 + side]
        matched = sum(
            weight * (_DELTA * field[4 + 4 * stage + side] + (1 - _DELTA) * field[4 + 4 * stage + 2 + side])
            for stage, weight in enumerate(_WEIGHTS)
        )
        sides.append(_ratio(np.asarray(matched), _DELTA * (length - function) + (1 - _DELTA) * function))
    precision, recall = sides
    mean = _ratio(precision * recall, (1 - _ALPHA) * recall + _ALPHA * precision)
    fragments = _ratio(field[20], (field[21] + field[22]) / 2)
    return {"meteor": mean * (1 - _GAMMA * fragments**_BETA)}


def _rouge(references: Mapping[str, list[str]], predictions: Mapping[str, str]) -> dict[str, Array]:
    from pycocoevalcap.rouge.rouge import Rouge

    rouge = Rouge()
    return {
        "rouge_l": np.array(
            [rouge.calc_score([predictions[name]], refs) for name, refs in references.items()]
        )
    }


def _cider(references: Mapping[str, list[str]], predictions: Mapping[str, str]) -> dict[str, Array]:
    from pycocoevalcap.cider.cider import Cider

    if len(references) < 2:
        raise MetricUnavailableError("CIDEr weighs words by their rarity over images, and there is one image")
    _, scores = Cider().compute_score(references, {name: [text] for name, text in predictions.items()})
    return {"cider": np.asarray(scores, dtype=np.float64)}


def _spice(references: Mapping[str, list[str]], predictions: Mapping[str, str]) -> dict[str, Array]:
    scores = spice(references, predictions)
    return {"spice": np.array([scores[name] for name in references])}


def score_captions(
    references: Mapping[str, Sequence[str]], predictions: Mapping[str, str], meteor: Meteor
) -> Captioning:
    """Score one caption an image against its references.

    Args:
        references: sentences by image, one or more each.
        predictions: a sentence for each of the same images; it may be empty, and then matches nothing.
        meteor: the process to ask; shared, since it takes long to start.

    Raises:
        ValueError: the images of references and predictions differ.
    """
    if set(references) != set(predictions):
        raise ValueError("references and predictions must be of the same images")
    names = sorted(references)
    reasons: dict[str, str] = {}
    columns: dict[str, Array] = {"images": np.ones(len(names))}
    flat = [sentence for name in names for sentence in (*references[name], predictions[name])]
    try:
        tokens = iter(tokenize(flat))
    except MetricUnavailableError as error:
        return Captioning(
            Statistics(tuple(names), ("images",), columns["images"][:, None], {}),
            dict.fromkeys(METRICS, str(error)),
        )
    wanted: dict[str, list[str]] = {}
    given: dict[str, str] = {}
    for name in names:
        wanted[name] = [next(tokens) for _ in references[name]]
        given[name] = next(tokens)
    parts: dict[str, Callable[[], dict[str, Array]]] = {
        "bleu": lambda: _bleu(wanted, given),
        "meteor": lambda: _meteor(wanted, given, meteor),
        "rouge_l": lambda: _rouge(wanted, given),
        "cider": lambda: _cider(wanted, given),
        "spice": lambda: _spice(wanted, given),
    }
    for part, compute in parts.items():
        try:
            columns.update(compute())
        except MetricUnavailableError as error:
            reasons[part] = str(error)
    counts = {name: len(names) for name in METRICS if name not in reasons}
    values = np.stack(list(columns.values()), axis=1)
    return Captioning(Statistics(tuple(names), tuple(columns), values, counts), reasons)


def formula(sums: Sums) -> dict[str, Array]:
    """Return the metrics whose statistics are there, from sums over images."""
    metrics: dict[str, Array] = {}
    if "bleu.length" in sums:
        metrics |= _bleu_formula(sums)
    if "meteor.0" in sums:
        metrics |= _meteor_formula(sums)
    for name in ("rouge_l", "cider", "spice"):
        if name in sums:
            metrics[name] = sums[name] / sums["images"]
    return metrics
