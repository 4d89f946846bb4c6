# What the rules share: the checked profile, its folders, and the digests that make a rule run again.
import sys
from pathlib import Path

from sartext.core.config import parse_config, save_config
from sartext.core.errors import UserError
from sartext.core.files import digest_json
from sartext.core.preflight import check_benchmark, check_disk, check_sources, files_digest
from sartext.core.provenance import code_digest, provenance

# the environment that runs Snakemake also runs its jobs, activated or not
shell.prefix(f'set -euo pipefail; export PATH="{Path(sys.executable).parent}:$PATH"; ')

try:
    CFG = parse_config(config, str(workflow.configfiles[-1]))
    check_sources(CFG)
    check_benchmark(CFG)
    check_disk(CFG)
except UserError as error:
    print(f"sartext: {error}", file=sys.stderr)
    sys.exit(2)

RESULTS = CFG.results.as_posix()
REPORTS = CFG.reports.as_posix()
SIMULATED = f"data/simulated/{CFG.profile}"
# the resolved profile; jobs read it, and a change reaches them as the digest of the sections they use
CONFIG = f"{RESULTS}/config.yaml"
save_config(CFG, CONFIG)

SETTINGS = CFG.model_dump(mode="json")
# score files name the whole profile and the lock, so both make them anew
LOCK = provenance()["lock_sha256"]
SIMULATED_SOURCES = list(CFG.simulator.sources) if CFG.simulator else []
SAR_SOURCES = [source.name for source in CFG.sources if source.modality == "sar"]
OPTICAL_SOURCES = [source.name for source in CFG.sources if source.modality == "optical"]
STAGE2_RECIPES = [recipe for recipe in CFG.recipes if recipe != "optical"]
FROZEN = CFG.evaluation.version != "draft"
BENCHMARK = f"data/benchmark/{CFG.evaluation.version}" if FROZEN else f"{RESULTS}/benchmark"
PAIRS = any("pair" in source.branches for source in CFG.sources)
CAPTIONS = [
    f"{RESULTS}/captions/{source.name}.{branch}.parquet"
    for source in CFG.sources
    for branch in source.branches
]


def settings(*keys):
    """Digest of keys of the profile such as "seed" or "evaluation.beams": a parameter of the rules that use them."""
    found = {}
    for key in keys:
        value = SETTINGS
        for step in key.split("."):
            value = value[step]
        found[key] = value
    return digest_json(found)[:16]


def simulated_source(wildcards):
    """Digest of what a simulated source is drawn from."""
    return digest_json(
        [SETTINGS["simulator"]["sources"][wildcards.source], settings("simulator.image_size", "seed")]
    )


def source_digest(wildcards):
    """Digest of one source's entry, and of its files where nothing else stands for them."""
    source = CFG.source(wildcards.source)
    return digest_json(
        [source.model_dump(mode="json"), "" if source_files(wildcards) else files_digest(source)]
    )[:16]


def model_digest(wildcards):
    """Digest of what a model's weights depend on: not its name in tables, its tasks, or how many seeds there are."""
    entry = CFG.model(wildcards.model).model_dump(mode="json", exclude={"title": True, "tasks": True})
    entry["training"].pop("seeds")
    return digest_json([entry, SETTINGS["engine"], SETTINGS["images"]["size"]])[:16]


def source_files(wildcards):
    """What stands for a source's files: a manifest if simulated, its DVC pointer if there is one."""
    if wildcards.source in SIMULATED_SOURCES:
        return f"{SIMULATED}/{wildcards.source}.manifest.json"
    pointer = Path(f"{CFG.source(wildcards.source).folder}.dvc")
    return str(pointer) if pointer.is_file() else []


PREDICTION_FILES = {
    "osdataset_retrieval": "retrieval.npz",
    "hrsid_retrieval": "retrieval.npz",
    "captioning": "captions.json",
    "vqa": "answers.json",
}


def predictions(task, model, seed):
    """A model's prediction files on a task, of every recipe."""
    return [
        f"{RESULTS}/predictions/{task}/{model}/{recipe}/{seed}/{PREDICTION_FILES[task]}"
        for recipe in CFG.recipes
    ]


def trained(name):
    """The `run.json` of every checkpoint of a model."""
    return [
        f"{RESULTS}/checkpoints/{name}/{recipe}/{seed}/run.json"
        for recipe in CFG.recipes
        for seed in CFG.model(name).training.seeds
    ]


def scores(task):
    """The score files of a task: every model set to it, every recipe and seed."""
    return [
        f"{RESULTS}/scores/{task}/{name}/{recipe}/{seed}/score.json"
        for name, model in CFG.models.items()
        if task in model.tasks
        for recipe in CFG.recipes
        for seed in model.training.seeds
    ]


TASKS = sorted({task for model in CFG.models.values() for task in model.tasks})
ALL_SCORES = [score for task in TASKS for score in scores(task)]
ALL_TRAINED = [run for name in CFG.models for run in trained(name)]


wildcard_constraints:
    source="[a-z0-9][a-z0-9_.-]*",
    branch="a2c|sa2c",
    model="clip|coca|gpt",
    recipe="|".join(CFG.recipes),
    seed="[0-9]+",
    task="|".join(TASKS),
