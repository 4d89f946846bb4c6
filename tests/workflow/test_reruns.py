"""What a change runs again: exactly what depends on it."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sartext.core.config import parse_config
from sartext.simulator import write_source

TARGETS = ("results/rerun/captions/hrsid.a2c.parquet", "results/rerun/captions/msar.a2c.parquet")


class Workflow:
    """The checkout's workflow on a small profile in a folder of its own: HRSID simulated, MSAR real."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        profile: dict[str, Any] = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
        profile["profile"] = "rerun"
        profile["evaluation"]["version"] = "draft"
        profile["simulator"]["sources"] = {
            "hrsid": {"train": 4, "val": 0, "test": 2},
            "rsicd": {"train": 2, "val": 0, "test": 0},
            "msar": {"train": 4, "val": 0, "test": 0},
        }
        profile["sources"] = [
            {"use": "hrsid", "root": "data/simulated/rerun/hrsid", "expected_images": None},
            {"use": "msar", "root": "real/msar", "expected_images": None},
            {"use": "rsicd", "root": "data/simulated/rerun/rsicd", "expected_images": None},
        ]
        write_source("msar", parse_config(profile, "rerun"), folder / "real" / "msar", folder / "truth.json")
        del profile["simulator"]["sources"]["msar"]
        self.profile = profile

    def run(self, profile: dict[str, Any], *arguments: str) -> str:
        """Run Snakemake; return what it printed."""
        path = self.folder / "rerun.yaml"
        path.write_text(yaml.safe_dump(profile, sort_keys=False))
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--snakefile", str(self.root / "Snakefile"),
             "--cores", "2", "--directory", str(self.folder), "--workflow-profile", "none",
             "--configfile", str(path), *arguments, "--", *TARGETS],
            capture_output=True, text=True, check=False, cwd=self.root, env=dict(os.environ),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self, change: Callable[[dict[str, Any]], None] = lambda profile: None) -> set[str]:
        """Return "rule source" of the jobs that a changed profile would run."""
        profile = copy.deepcopy(self.profile)
        change(profile)
        rule, jobs = "", set()
        for line in self.run(profile, "--dry-run").splitlines():
            if line.startswith(("rule ", "localrule ")):
                rule = line.split()[1].rstrip(":")
            if line.strip().startswith("wildcards:"):
                jobs.add(f"{rule} {line.split('source=')[1].split(',')[0]}")
        return jobs


@pytest.fixture(scope="module")
def workflow(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    made = Workflow(root, tmp_path_factory.mktemp("rerun"))
    made.run(made.profile)
    return made


def _set(*path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(profile: dict[str, Any]) -> None:
        here = profile
        for step in path[:-1]:
            here = here[step]
        here[path[-1]] = value

    return change


HRSID, MSAR = {"ingest hrsid", "narrate hrsid"}, {"ingest msar", "narrate msar"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_set("evaluation", "bootstrap_samples", value=7), set()),
        (_set("models", "clip", "title", value="CLIP"), set()),
        (_set("dataset", "questions_per_image", value=2), set()),
        (_set("simulator", "sources", "rsicd", "train", value=3), set()),
        (_set("simulator", "sources", "hrsid", "train", value=5), {"simulate hrsid"} | HRSID),
        (_set("narrator", "large_share", value=0.3), {"narrate hrsid", "narrate msar"}),
        (_set("images", "size", value=32), HRSID | MSAR),
    ],
)
def test_a_changed_key_runs_what_uses_it(
    workflow: Workflow, change: Callable[[dict[str, Any]], None], expected: set[str]
) -> None:
    assert workflow.planned(change) == expected


def test_a_changed_file_of_a_real_source_is_read_again_and_nothing_else(workflow: Workflow) -> None:
    assert workflow.planned() == set(), "nothing to do after a finished run"
    annotation = sorted((workflow.folder / "real" / "msar" / "Annotations").iterdir())[0]
    text = annotation.read_text()
    annotation.write_text(text + "\n")
    assert workflow.planned() == MSAR
