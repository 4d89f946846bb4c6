# What the rules share: the checked profile, its folders, and the digests that make a rule run again.
import sys
from pathlib import Path

from sartext.core.config import parse_config, save_config
from sartext.core.errors import UserError
from sartext.core.files import digest_json
from sartext.core.preflight import check_disk, check_sources
from sartext.core.provenance import code_digest

# the environment that runs Snakemake also runs its jobs, activated or not
shell.prefix(f'set -euo pipefail; export PATH="{Path(sys.executable).parent}:$PATH"; ')

try:
    CFG = parse_config(config, str(workflow.configfiles[-1]))
    check_sources(CFG)
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
SIMULATED_SOURCES = list(CFG.simulator.sources) if CFG.simulator else []
SAR_SOURCES = [source.name for source in CFG.sources if source.modality == "sar"]
OPTICAL_SOURCES = [source.name for source in CFG.sources if source.modality == "optical"]
STAGE2_RECIPES = [recipe for recipe in CFG.recipes if recipe != "optical"]
FROZEN = CFG.evaluation.version != "draft"
BENCHMARK = f"data/benchmark/{CFG.evaluation.version}" if FROZEN else f"{RESULTS}/benchmark"
CAPTIONS = [
    f"{RESULTS}/captions/{source.name}.{branch}.parquet"
    for source in CFG.sources
    for branch in source.branches
]


def sections(*names):
    """Digest of top-level sections of the profile, as a parameter of the rules that use them."""
    return digest_json({name: SETTINGS[name] for name in names})[:16]


def source_digest(wildcards):
    """Digest of one source's entry."""
    return digest_json(CFG.source(wildcards.source).model_dump(mode="json"))[:16]


def model_digest(wildcards):
    """Digest of one model's entry, its seeds aside: more seeds do not rerun the others."""
    entry = CFG.model(wildcards.model).model_dump(mode="json")
    entry["training"].pop("seeds")
    return digest_json([entry, SETTINGS["engine"], SETTINGS["images"]])[:16]


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
