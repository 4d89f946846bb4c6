"""Tables 4 to 7: the three models on the benchmark, straight from the score files."""

from sartext.core.config import Config
from sartext.core.records import QUESTION_TYPES
from sartext.leaderboard.scores import Measured, Score
from sartext.leaderboard.standings import summarise
from sartext.report.inputs import choose, load_scores
from sartext.report.names import METRICS, RECIPE_NOTES, RECIPES, TASKS, recipe_name
from sartext.report.table import Cell, Column, NotThere, Row, Table, measure

_ENTRY = (
    Column("model", "Model", text=True),
    Column("recipe", "Recipe", text=True),
    Column("seeds", "Seeds"),
)
_INTERVALS = (
    "In brackets: 95% bootstrap interval over test images, the mean of the seeds' intervals where there are "
    "several; ± is the standard deviation across seeds."
)


def seeds_note(config: Config) -> str:
    """What the recipes of a profile are, in one sentence."""
    known = ", ".join(f"{RECIPES[name]}: {RECIPE_NOTES[name]}" for name in config.recipes)
    others = any(config.released(model) for model in config.models)
    published = f"; {RECIPES['published']}: {RECIPE_NOTES['published']}, of the model named" if others else ""
    return f"Recipes: {known}{published}."


def entries(config: Config, task: str) -> list[tuple[str, str, str, int]]:
    """(model, its title, recipe, seeds asked for) of every entry that a profile sets to a task."""
    return [
        (name, config.row_title(name, recipe), recipe, len(seeds))
        for name, model in config.models.items()
        if task in model.tasks
        for recipe, seeds in config.rows(name)
    ]


def seeds_cell(found: list[Score], asked: int) -> Cell:
    """How many seeds were scored, of how many asked for."""
    return len(found) if len(found) == asked else f"{len(found)} of {asked}"


def benchmark_note(scores: list[Score]) -> str:
    """Version and digest of the benchmark behind scores of one task."""
    if not scores:
        return "No score file is there yet."
    benchmark = scores[0].benchmark
    return f"Benchmark {benchmark.version}, digest {benchmark.digest[:12]}."


def second_label(scores: list[Score]) -> str:
    """The label of the second references, as the score files give it."""
    labels = {score.secondary.label for score in scores if score.secondary}
    return " / ".join(sorted(labels)) or "narrator-written references"


def _retrieval(config: Config, number: int, task: str) -> Table:
    scores = [score for score in load_scores(config) if score.task == task]
    label = second_label(scores)
    ways = (("image_to_text", "Image to text"), ("text_to_image", "Text to image"))
    columns = (
        *_ENTRY,
        *(Column(f"{way}_r{k}", f"R@{k}", group=title) for way, title in ways for k in (1, 5, 10)),
        Column("mean_recall", "Mean recall"),
        Column("narrator_mean_recall", "Mean recall", group=label),
    )
    rows = []
    for protocol, section in (
        ("instance", "Instance protocol: an image's own captions are its only positives"),
        ("group", "Group protocol: every image with the same caption counts"),
    ):
        mean = f"{protocol}.mean_recall"
        for model, title, recipe, asked in entries(config, task):
            found = choose(scores, task, model, recipe)
            cells: list[Cell] = [title, recipe_name(recipe), seeds_cell(found, asked)]
            cells += [
                measure(summarise(found, f"{protocol}.{way}.recall_at_{k}"), True, brief=True)
                for way, _ in ways
                for k in (1, 5, 10)
            ]
            cells += [
                measure(summarise(found, mean), True),
                measure(summarise(found, mean, secondary=True), True),
            ]
            rows.append(Row(tuple(cells), section))
    notes = [
        "Recall in percent. References: the benchmark's truth, but for the last column.",
        *_repeated(scores, label),
        _INTERVALS,
        benchmark_note(scores),
        seeds_note(config),
    ]
    title = f"{TASKS[task]}: recall by both protocols"
    return Table(number, title, columns, tuple(rows), config.data_note, tuple(notes))


def _repeated(scores: list[Score], label: str) -> list[str]:
    shares = []
    for score in scores[:1]:
        for metrics, name in (
            (score.metrics, "truth"),
            (score.secondary.metrics if score.secondary else {}, label),
        ):
            entry = metrics.get("repeated_captions")
            if isinstance(entry, Measured):
                shares.append(f"{entry.value:.1%} ({name})")
    return [f"Captions that stand with more than one image: {', '.join(shares)}."] if shares else []


def table_04(config: Config) -> Table:
    """Retrieval on OSdataset_512: recall at 1, 5 and 10 both ways and their mean, by both protocols."""
    return _retrieval(config, 4, "osdataset_retrieval")


def table_05(config: Config) -> Table:
    """Retrieval on HRSID: recall at 1, 5 and 10 both ways and their mean, by both protocols."""
    return _retrieval(config, 5, "hrsid_retrieval")


_CAPTION_METRICS = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor", "rouge_l", "cider", "spice")


def table_06(config: Config) -> Table:
    """Captioning: BLEU-1..4, METEOR, ROUGE-L, CIDEr and SPICE; BLEU-4 and CIDEr on the second references."""
    task = "captioning"
    scores = [score for score in load_scores(config) if score.task == task]
    label = second_label(scores)
    seconds = ("bleu_4", "cider")
    columns = (
        *_ENTRY,
        *(Column(metric, METRICS[metric].title) for metric in _CAPTION_METRICS),
        *(Column(f"narrator_{metric}", METRICS[metric].title, group=label) for metric in seconds),
    )
    rows = []
    for model, title, recipe, asked in entries(config, task):
        found = choose(scores, task, model, recipe)
        cells: list[Cell] = [title, recipe_name(recipe), seeds_cell(found, asked)]
        cells += [
            measure(summarise(found, metric), False, brief=metric != "cider") for metric in _CAPTION_METRICS
        ]
        cells += [measure(summarise(found, metric, secondary=True), False, brief=True) for metric in seconds]
        rows.append(Row(tuple(cells)))
    notes = (
        "pycocoevalcap's numbers, not multiplied by 100. References: the benchmark's truth, but for the last "
        "columns.",
        _INTERVALS,
        benchmark_note(scores),
        seeds_note(config),
    )
    title = "Captioning on the test images of OSdataset_512 and HRSID"
    return Table(6, title, columns, tuple(rows), config.data_note, notes)


def table_07(config: Config) -> Table:
    """VQA: accuracy over all questions and by question type, with how many questions each has."""
    task = "vqa"
    scores = [score for score in load_scores(config) if score.task == task]
    types = [(f"accuracy.{name.replace(' ', '_')}", name) for name in QUESTION_TYPES]
    columns = (
        *_ENTRY,
        *(Column(metric.replace(".", "_"), name, group="Question type") for metric, name in types),
        Column("accuracy", "All"),
    )
    rows = []
    counts: list[Cell] = []
    for metric, _ in [*types, ("accuracy", "All")]:
        summary = summarise(scores, metric)
        counts.append(NotThere() if summary is None or not hasattr(summary, "n") else summary.n)
    rows.append(Row(("questions", "", "", *counts)))
    for model, title, recipe, asked in entries(config, task):
        found = choose(scores, task, model, recipe)
        cells: list[Cell] = [title, recipe_name(recipe), seeds_cell(found, asked)]
        cells += [measure(summarise(found, metric), True, brief=True) for metric, _ in types]
        cells.append(measure(summarise(found, "accuracy"), True))
        rows.append(Row(tuple(cells)))
    notes = (
        "Accuracy in percent; the first row counts questions. "
        "An answer is right if the reference appears in it; yes, no and numbers must be exact.",
        _INTERVALS,
        benchmark_note(scores),
        seeds_note(config),
    )
    title = "Visual question answering: accuracy by question type"
    return Table(7, title, columns, tuple(rows), config.data_note, notes)
