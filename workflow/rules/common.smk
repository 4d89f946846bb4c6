# What the rules share: the checked profile, its folders, and the digests that make a rule run again.
import sys
from pathlib import Path

from sartext.core.config import parse_config, save_config
from sartext.core.environment import check_environment
from sartext.core.errors import UserError
from sartext.core.files import digest_json, list_files, read_json, sha256_file
from sartext.core.preflight import check_benchmark, check_disk, check_sources, check_weights, files_digest
from sartext.core.provenance import PROJECT_ROOT, code_digest, provenance
from sartext.core.runlock import hold_folder, inside_run, job_prefix
from sartext.dataset.merge import sources_of
from sartext.models.vocabulary import LEARNED, tokenizer_folder

# the environment that runs Snakemake also runs its jobs, activated or not; jobs in the image have the image's, and
# this checkout's code
shell.prefix(
    f'if [ -n "$SARTEXT_IMAGE" ]; then export PYTHONPATH="{PROJECT_ROOT}/src"; '
    f'else export PATH="{Path(sys.executable).parent}:$PATH"; fi; set -euo pipefail; {job_prefix()}'
)


def stop(error):
    """End with a user's mistake in one line."""
    print(f"sartext: {error}", file=sys.stderr)
    sys.exit(2)


# Snakemake insists on cores or jobs for a run; what only looks (-n, --lint, --summary) may do so during another one
RUNS = (
    workflow.is_main_process
    and not workflow.output_settings.dryrun
    and (workflow.resource_settings.cores or workflow.resource_settings.nodes)
)
try:
    CFG = parse_config(config, str(workflow.configfiles[-1]))
    # the lock first: what another run is about to pull or write is not yet as it should be
    if RUNS:
        RUN_LOCK = hold_folder(f"profile {CFG.profile}")
    # a job that reads these rules is part of a run that has checked
    if workflow.is_main_process and not inside_run():
        check_environment()
        check_sources(CFG)
        check_weights(CFG)
        check_benchmark(CFG)
        check_disk(CFG)
except UserError as error:
    stop(error)

RESULTS = CFG.results.as_posix()
REPORTS = CFG.reports.as_posix()
SIMULATED = f"data/simulated/{CFG.profile}"
# the resolved profile; jobs read it, and a change reaches them as the digest of the sections they use
CONFIG = f"{RESULTS}/config.yaml"
if RUNS or not Path(CONFIG).is_file():
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
SARTEXT_SOURCES = [source.name for source in sources_of(CFG, "sar")]
NARRATED = [source.name for source in CFG.sources if source.branches]
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


def model_digest(name):
    """Digest of what a model's weights depend on: not its name in tables, its tasks, how many seeds there are, or what
    it is evaluated beside."""
    left_out = {"title": True, "tasks": True, "released": True, "base": {"__all__": {"obtain"}}}
    entry = CFG.model(name).model_dump(mode="json", exclude=left_out)
    entry["training"].pop("seeds")
    return digest_json([entry, CFG.engine.arithmetic, SETTINGS["images"]["size"]])[:16]


def released_digest(name, row):
    """Digest of what a row of released weights is read from and as."""
    model = CFG.model(name)
    given = model.released[row].model_dump(mode="json", exclude={"title", "obtain"})
    return digest_json(
        [given, model.architecture, model.context_length, model.tokenizer, SETTINGS["images"]["size"]]
    )[:16]


def vocabulary_file(name):
    """A model's vocabulary: the learned one, or its own."""
    return (tokenizer_folder(CFG, name) / "tokenizer.json").as_posix()


def reference_digest():
    """Digest of the profile's committed reference: content, since a checkout changes times."""
    folder = Path(f"results/reference/{CFG.profile}")
    return digest_json({path.as_posix(): sha256_file(folder / path) for path in list_files(folder)})[:16]


def prompt_digest():
    """Digest of the prompt file of a rewriter that asks a language model; the rules have none."""
    rewriter = CFG.narrator.rewriter
    return (
        ""
        if rewriter.name == "rules"
        else sha256_file(Path("config/prompts") / f"{rewriter.prompt}.yaml")[:16]
    )


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


def predictions(task, model, seed, rows=CFG.recipes):
    """A model's prediction files on a task, of every recipe or of other rows."""
    return [f"{RESULTS}/predictions/{task}/{model}/{row}/{seed}/{PREDICTION_FILES[task]}" for row in rows]


def trained(name):
    """The `run.json` of every checkpoint of a model, released weights among them."""
    return [
        f"{RESULTS}/checkpoints/{name}/{row}/{seed}/run.json"
        for row, seeds in CFG.rows(name)
        for seed in seeds
    ]


def scores(task):
    """The score files of a task: every model set to it, every recipe and seed, and released weights."""
    return [
        f"{RESULTS}/scores/{task}/{name}/{row}/{seed}/score.json"
        for name, model in CFG.models.items()
        if task in model.tasks
        for row, seeds in CFG.rows(name)
        for seed in seeds
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
