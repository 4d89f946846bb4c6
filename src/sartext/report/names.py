"""How recipes, tasks, metrics, branches and figures are called in tables, figures and the page."""

from dataclasses import dataclass

from sartext.leaderboard.scores import Kind

RECIPES: dict[str, str] = {
    "base": "base",
    "optical": "optical",
    "sar": "sar",
    "sar-matched": "sar-matched",
    "joint": "joint",
    "two-stage": "two-stage",
    "published": "published",
}

RECIPE_NOTES: dict[str, str] = {
    "base": "no training",
    "optical": "N1 optical",
    "sar": "N2 SAR-TEXT",
    "sar-matched": "N1+N2 SAR-TEXT",
    "joint": "N1+N2 of both, mixed",
    "two-stage": "N1 optical, then N2 SAR-TEXT",
    "published": "released weights",
}


def recipe_name(recipe: str) -> str:
    """Return a recipe's name for readers; what is no recipe is released weights."""
    return RECIPES.get(recipe, RECIPES["published"])


TASKS: dict[str, str] = {
    "osdataset_retrieval": "Retrieval on OSdataset_512",
    "hrsid_retrieval": "Retrieval on HRSID",
    "captioning": "Captioning",
    "vqa": "Visual question answering",
}

TASK_SHORT: dict[str, str] = {
    "osdataset_retrieval": "OSdataset_512",
    "hrsid_retrieval": "HRSID",
    "captioning": "captions",
    "vqa": "VQA",
}

TASK_KINDS: dict[str, Kind] = {
    "osdataset_retrieval": "retrieval",
    "hrsid_retrieval": "retrieval",
    "captioning": "captioning",
    "vqa": "vqa",
}

BRANCHES: dict[str, str] = {"a2c": "A2C", "sa2c": "SA2C", "pair": "pair", "given": "given"}


FIGURES: dict[int, str] = {
    2: "Overview: the paper's stages and the workflow's rules that carry them out, from its rule graph",
    4: "Samples of SAR-TEXT: images with their source and captions by narrator branch",
    5: "Words of SAR-TEXT's captions, sized by how often they occur",
    6: "Lengths of SAR-TEXT's captions by narrator branch",
    7: "Composition of SAR-TEXT: captions by source and narrator branch",
    8: "Training curves: loss on training samples and on val, by model and recipe",
    9: "Retrieval cases: the images ranked first for captions drawn at random from the test set",
    10: "Captioning cases: test images drawn at random, a reference, and each recipe's caption",
    11: "VQA cases: questions drawn at random from the test set, a type each, and each recipe's answer",
    12: "Recipes compared by each model's main metric (mean recall: instance protocol), with 95% intervals",
    13: "Fidelity against damage: facts of captions narrated from degraded annotations, with 95% intervals",
}


@dataclass(frozen=True)
class MetricName:
    """A metric as written in a table: its title, and whether it is a fraction shown in percent."""

    title: str
    percent: bool = False


METRICS: dict[str, MetricName] = {
    "instance.mean_recall": MetricName("mean recall", percent=True),
    "group.mean_recall": MetricName("mean recall (group)", percent=True),
    "repeated_captions": MetricName("repeated captions", percent=True),
    "bleu_1": MetricName("BLEU-1"),
    "bleu_2": MetricName("BLEU-2"),
    "bleu_3": MetricName("BLEU-3"),
    "bleu_4": MetricName("BLEU-4"),
    "meteor": MetricName("METEOR"),
    "rouge_l": MetricName("ROUGE-L"),
    "cider": MetricName("CIDEr"),
    "spice": MetricName("SPICE"),
    "accuracy": MetricName("accuracy", percent=True),
}


def metric_name(metric: str) -> MetricName:
    """Return a metric's name for readers; one that is not known is called by its own name."""
    return METRICS.get(metric, MetricName(metric))
