"""What a change runs again: exactly what depends on it."""

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sartext.core.config import parse_config
from sartext.core.files import write_json, write_manifest
from sartext.core.pointers import folder_md5
from sartext.simulator import write_source

Change = Callable[["Road"], object]


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, to change modules in."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("src", "workflow", "config", "envs"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "Snakefile", folder)
    return folder


class Workflow:
    """A checkout's workflow and package at work in a folder of their own."""

    def __init__(self, checkout: Path, folder: Path, *targets: str) -> None:
        self.root, self.folder, self.targets = checkout, folder, targets
        self.profile: dict[str, Any] = yaml.safe_load((checkout / "config" / "smoke.yaml").read_text())

    def run(self, *arguments: str) -> str:
        """Run Snakemake; return what it printed."""
        path = self.folder / "mine.yaml"
        path.write_text(yaml.safe_dump(self.profile, sort_keys=False))
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--snakefile", str(self.root / "Snakefile"),
             "--cores", "2", "--directory", str(self.folder), "--workflow-profile", "none",
             "--configfile", str(path), *arguments, "--", *self.targets],
            capture_output=True, text=True, check=False, cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root / "src")},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self) -> set[str]:
        """Return the jobs that would run now: rule and values of wildcards, such as ``ingest hrsid``."""
        return {job for job, _ in self._plan()}

    def _plan(self) -> list[tuple[str, list[str]]]:
        """Each job that would run, and its output files."""
        plan = []
        for block in re.split(r"^(?:local)?rule ", self.run("--dry-run"), flags=re.MULTILINE)[1:]:
            lines = dict(re.findall(r"^    (wildcards|output): (.*)$", block, flags=re.MULTILINE))
            values = re.findall(r"=([^,]*)", lines.get("wildcards", ""))
            plan.append((" ".join([block.split(":")[0], *values]), lines.get("output", "").split(", ")))
        return plan


def _beginning(checkout: Path, folder: Path, *targets: str) -> Workflow:
    """The beginning of the road, before any job: HRSID and RSICD to simulate, MSAR from files."""
    made = Workflow(checkout, folder, *targets)
    made.profile["profile"] = "rerun"
    made.profile["evaluation"]["version"] = "draft"
    made.profile["simulator"]["sources"] = {
        "hrsid": {"train": 4, "val": 0, "test": 2},
        "rsicd": {"train": 2, "val": 0, "test": 0},
        "msar": {"train": 4, "val": 0, "test": 0},
    }
    made.profile["sources"] = [
        {"use": "hrsid", "root": "data/simulated/rerun/hrsid", "expected_images": None},
        {"use": "msar", "root": "real/msar", "expected_images": None},
        {"use": "rsicd", "root": "data/simulated/rerun/rsicd", "expected_images": None},
    ]
    write_source("msar", parse_config(made.profile, "rerun"), folder / "real" / "msar", folder / "truth.json")
    del made.profile["simulator"]["sources"]["msar"]
    return made


@pytest.fixture(scope="module")
def finished(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """After a real run of the beginning of the road."""
    targets = [f"results/rerun/captions/{source}.a2c.parquet" for source in ("hrsid", "msar")]
    made = _beginning(checkout, tmp_path_factory.mktemp("finished"), *targets)
    made.run()
    return made


AUDITED = [f"results/rerun/audit/{name}.json" for name in ("stage1", "sartext")]


def test_one_source_alone_and_then_all_give_what_all_at_once_give(
    checkout: Path, finished: Workflow, tmp_path: Path
) -> None:
    at_once = Workflow(checkout, finished.folder, *finished.targets, *AUDITED)
    at_once.profile = finished.profile
    at_once.run()
    alone = _beginning(checkout, tmp_path, "results/rerun/scenes/msar/scenes.parquet")
    alone.run()
    assert [path.name for path in (tmp_path / "results" / "rerun" / "scenes").iterdir()] == ["msar"]
    alone.targets = at_once.targets
    alone.run()
    for part in ("scenes", "captions", "stage1", "sartext", "audit"):
        first, second = (
            {path.relative_to(made.folder): path.read_bytes() for path in _files(made.folder, part)}
            for made in (at_once, alone)
        )
        assert first == second != {}


def _files(folder: Path, part: str) -> list[Path]:
    return [path for path in (folder / "results" / "rerun" / part).rglob("*") if path.is_file()]


def test_a_changed_file_of_a_real_source_is_read_again_and_nothing_else(finished: Workflow) -> None:
    assert finished.planned() == set(), "nothing to do after a finished run"
    annotation = sorted((finished.folder / "real" / "msar" / "Annotations").iterdir())[0]
    text = annotation.read_text()
    annotation.write_text(text + "\n")
    assert finished.planned() == {"ingest msar", "narrate msar a2c"}


class Road(Workflow):
    """A folder in which all is done, as far as Snakemake knows.

    What it plans rests on what it recorded of each output (inputs, parameters, checksums), never on what is
    in there, so the outputs are empty files that ``--touch`` recorded. MSAR is read from files, FUSAR-Map
    from a folder that DVC versions, the rest is simulated.
    """

    def __init__(self, checkout: Path, folder: Path) -> None:
        scores = [f"results/road/scores/{task}/{model}/sar/0/score.json" for task, model in TASKS]
        super().__init__(checkout, folder, *SHOWN, *scores)
        self.profile["profile"] = "road"
        self.profile["recipes"] = ["optical", "sar"]
        self.profile["evaluation"]["version"] = "v0"
        for source in self.profile["sources"]:
            name = source["use"]
            source["root"] = f"data/{'raw' if name in REAL else 'simulated/road'}/{name}"
            if name in REAL:
                del self.profile["simulator"]["sources"][name]
                (folder / source["root"]).mkdir(parents=True)
        (folder / "data" / "raw" / "msar" / "a.xml").write_text("<annotation/>")
        self.point("data/raw/fusar-map")
        benchmark = folder / "data" / "benchmark" / "v0"
        benchmark.mkdir(parents=True)
        (benchmark / "task.json").write_text("{}")
        digest = write_manifest(benchmark, benchmark / "manifest.json")
        self.point("data/benchmark/v0")
        for _, outputs in self._plan():
            for output in outputs:
                (folder / output).parent.mkdir(parents=True, exist_ok=True)
                (folder / output).touch()
        pulled = {"digest": digest, "folder": "data/benchmark/v0"}
        write_json(folder / "results" / "road" / "benchmark.json", pulled)
        self.run("--touch", "--forceall", "--no-hooks")
        self.finished = copy.deepcopy(self.profile)

    def point(self, folder: str, md5: str | None = None) -> None:
        """Write the DVC pointer of a folder: to what is there, or to something else."""
        (self.folder / f"{folder}.dvc").write_text(
            yaml.safe_dump({"outs": [{"md5": md5 or folder_md5(self.folder / folder), "path": folder}]})
        )


REAL = ("msar", "fusar-map")
TASKS = [("osdataset_retrieval", "clip"), ("hrsid_retrieval", "clip"), ("captioning", "coca"), ("vqa", "gpt")]
CAPTIONS = [
    "narrate hrsid a2c", "narrate sardet-100k a2c", "narrate msar a2c", "narrate fusar-map sa2c",
    "narrate_pairs osdataset",
]  # fmt: skip
MODELS = ("clip", "coca", "gpt")
AUDITS = ["audit_stage1", "audit_sartext"]
INGEST = [f"ingest {name}" for name in
          ("hrsid", "sardet-100k", "msar", "fusar-map", "osdataset", "rsicd", "rs-vqa")]  # fmt: skip
TRAIN_STAGE1 = [f"train_{name}_stage1 0" for name in MODELS]
TRAIN_STAGE2 = [f"train_{name}_stage2 0" for name in MODELS]
PREDICT = [f"predict_{name} 0" for name in MODELS]
SCORES = [f"score {task} {model} 0" for task, model in TASKS]
SHOWN = ["table_02", "table_05", "table_09", "figure_08"]
# what reads a job's files, written down here apart from the rules
READERS = {
    **{f"simulate {name}": [f"ingest {name}"] for name in ("hrsid", "osdataset", "rsicd", "rs-vqa")},
    **{job: ["build_stage1", "build_sartext", *AUDITS] for job in INGEST[5:]},
    **{job: ["build_stage1", "build_sartext", *AUDITS, "statistics", "fidelity"] for job in INGEST[:5]},
    **{job: ["build_sartext", "statistics", "tokenizer", "fidelity"] for job in CAPTIONS},
    "fidelity": ["table_09"],
    "build_stage1": ["audit_stage1", "tokenizer", "table_02", *TRAIN_STAGE1, *TRAIN_STAGE2],
    "build_sartext": ["audit_sartext", "statistics", "table_02", *TRAIN_STAGE2],
    # training waits for the audit of what it reads
    "audit_stage1": ["statistics", *TRAIN_STAGE1, *TRAIN_STAGE2],
    "audit_sartext": ["statistics", *TRAIN_STAGE2],
    "statistics": ["table_02"],
    "tokenizer": [*TRAIN_STAGE1, *TRAIN_STAGE2],
    **{
        f"train_{name}_stage1 0": [f"train_{name}_stage2 0", f"predict_{name} 0", "figure_08"]
        for name in MODELS
    },
    **{f"train_{name}_stage2 0": [f"predict_{name} 0", "figure_08"] for name in MODELS},
    "pull_benchmark": ["build_stage1", "build_sartext", *AUDITS, *PREDICT, *SCORES],
    **{
        f"predict_{name} 0": [f"score {task} {model} 0" for task, model in TASKS if model == name]
        for name in MODELS
    },
    "score hrsid_retrieval clip 0": ["table_05"],
}  # fmt: skip
for caption in CAPTIONS:
    READERS[f"ingest {caption.split()[1]}"].append(caption)
READERS["train_coca_stage1 0"].append("narrate_pairs osdataset")
READERS["narrate_pairs osdataset"].remove("tokenizer")  # its captioner needs the tokenizer first


def on(*jobs: str) -> set[str]:
    """The jobs and all that read what they write, and so on."""
    waiting, found = list(jobs), set[str]()
    while waiting:
        job = waiting.pop()
        if job not in found:
            found.add(job)
            waiting += READERS.get(job, [])
    return found


@pytest.fixture(scope="module")
def made(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Road:
    return Road(checkout, tmp_path_factory.mktemp("road"))


@pytest.fixture
def road(made: Road) -> Road:
    made.profile = copy.deepcopy(made.finished)
    return made


def _set(*path: str, value: object) -> Change:
    def change(road: Road) -> None:
        here = road.profile
        for step in path[:-1]:
            here = here[step]
        here[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_set("evaluation", "bootstrap_samples", value=7), on("fidelity", *SCORES, *SHOWN)),
        (_set("models", "clip", "title", value="CLIP"), on(*SCORES, *SHOWN)),
        (_set("evaluation", "beams", value=2), on(*PREDICT, *SHOWN)),
        (_set("models", "gpt", "training", "stage2_samples", value=64),
         on("train_gpt_stage1 0", "train_gpt_stage2 0", *SCORES, *SHOWN)),
        (_set("narrator", "large_share", value=0.3), on(*CAPTIONS[:4], "fidelity", *SHOWN)),
        # the datasheet tells of the narrator's settings
        (_set("narrator", "damage", value=[0.3]), on("fidelity", "statistics", *SCORES, *SHOWN)),
        (_set("simulator", "sources", "hrsid", "train", value=5), on("simulate hrsid", *SHOWN)),
    ],
    ids=lambda value: "" if isinstance(value, set) else None,
)  # fmt: skip
def test_a_changed_key_runs_what_uses_it(road: Road, change: Change, expected: set[str]) -> None:
    change(road)
    assert road.planned() == expected


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("report/figures/training.py", on("figure_08")),
        ("training/schedule.py", on(*TRAIN_STAGE1, *TRAIN_STAGE2)),
        ("sources/voc.py", on(*INGEST)),
    ],
)  # fmt: skip
def test_a_changed_module_runs_what_imports_it(road: Road, module: str, expected: set[str]) -> None:
    path = road.root / "src" / "sartext" / module
    before = path.read_text()
    path.write_text(before + "\nCHANGED = True\n")
    try:
        assert road.planned() == expected
    finally:
        path.write_text(before)


def test_a_changed_source_file_is_read_again(road: Road) -> None:
    path = road.folder / "data" / "raw" / "msar" / "a.xml"
    before, times = path.read_text(), path.stat()
    path.write_text("<annotation>\n</annotation>")
    try:
        assert road.planned() == on("ingest msar")
    finally:
        path.write_text(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("data/raw/fusar-map", on("ingest fusar-map")), ("data/benchmark/v0", on("pull_benchmark"))],
)
def test_another_dvc_version_of_a_folder_runs_what_reads_it(
    road: Road, folder: str, expected: set[str]
) -> None:
    road.point(folder, md5=32 * "0" + ".dir")
    try:
        assert road.planned() == expected
    finally:
        road.point(folder)


def test_another_benchmark_version_is_pulled_and_all_that_uses_it_runs(road: Road) -> None:
    # v1 is not here yet: the run pulls it
    road.point("data/benchmark/v1", md5=32 * "1" + ".dir")
    road.profile["evaluation"]["version"] = "v1"
    assert road.planned() == on("pull_benchmark", *SHOWN)


def test_nothing_is_left_to_do_once_all_is_as_it_was(road: Road) -> None:
    # the pointers were written anew, so their times differ and their content does not
    assert road.planned() == set()
