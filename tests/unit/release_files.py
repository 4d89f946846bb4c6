"""A small built SAR-TEXT in a repository of git and DVC of its own, for the tests of releases."""

import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from dataset_files import Pixels, as_stack, ingested, make_config, make_image
from PIL import Image

from sartext.core.config import Config, save_config
from sartext.core.files import list_files, sha256_file, write_json, write_text
from sartext.core.provenance import PACKAGE_ROOT, PROJECT_ROOT, code_digest
from sartext.core.records import Box, Caption, Question, Scene, Turn
from sartext.core.tables import write_records
from sartext.dataset.about.croissant import croissant

PROFILE = "tests"
FOLDER = Path("data/sar-text") / PROFILE
POINTER = Path(f"{FOLDER}.dvc")
RESULTS = Path("results") / PROFILE
SIDE = 32
SPLITS = ("train", "train", "train", "val", "test")


def isolate(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Keep git and DVC of a test away from the user's files and settings."""
    home.mkdir(exist_ok=True)
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        patch.delenv(name, raising=False)
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Author",
        "GIT_AUTHOR_EMAIL": "author@example.org",
        "GIT_COMMITTER_NAME": "Author",
        "GIT_COMMITTER_EMAIL": "author@example.org",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
    }.items():
        patch.setenv(name, value)


def dvc(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run DVC."""
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )


def git(*arguments: str, cwd: Path | None = None) -> str:
    """Run git, which must succeed, and return what it says."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_repository(folder: Path, store: str) -> None:
    """Make a repository on branch ``main`` whose default remote is `store`, a folder relative to it."""
    folder.mkdir(parents=True)
    git("init", "-q", "-b", "main", cwd=folder)
    assert dvc("init", "-q", cwd=folder).returncode == 0
    assert dvc("remote", "add", "-q", "-d", "store", store, cwd=folder).returncode == 0
    assert dvc("remote", "modify", "-q", "store", "verify", "true", cwd=folder).returncode == 0
    (folder / ".gitignore").write_text("/results\n/data/sources\n/.snakemake\n")
    (folder / "dvc.yaml").write_text(
        f"artifacts:\n  sar-text-{PROFILE}:\n    path: {FOLDER}\n    type: dataset\n"
    )
    # a version names the commit of the code that made it
    shutil.copytree(PACKAGE_ROOT, folder / "src/sartext", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "envs").mkdir()
    shutil.copy(PROJECT_ROOT / "envs" / "requirements.lock", folder / "envs")
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "Start", cwd=folder)
    git("gc", "-q", cwd=folder)


@cache
def _digest(module: str) -> str:
    return code_digest(module)


def record(path: Path, module: str, given: Path | None = None, checksum: str | None = None) -> None:
    """Record a file as Snakemake does for a rule of the workflow, with one of its inputs."""
    name = urlsafe_b64encode(path.as_posix().encode()).decode()
    content = {
        "params": [repr(_digest(module)), repr("config.yaml")],
        "endtime": path.stat().st_mtime,
        "input": [str(given)] if given else [],
        "input_checksums": {str(given): f"sha256:{checksum}"} if checksum else {},
    }
    write_json(Path(".snakemake/metadata") / name, content)


def profile() -> Config:
    """Two sources: one whose images may be passed on, and one whose may not."""
    return make_config(
        open={"format": "coco", "root": "data/sources/open", "branches": ["a2c"], "redistribute": True},
        closed={
            "format": "coco",
            "root": "data/sources/closed",
            "branches": ["a2c"],
            "licence": "research use",
            "obtain": "from its authors",
        },
    )


def _scenes(source: str) -> list[Scene]:
    return [
        Scene(
            f"{source}/images/a{number}",
            source,
            split,
            "sar",
            f"data/sources/{source}/images/a{number}.png",
            SIDE,
            SIDE,
            3.0,
            boxes=(Box("ship", 1.0, 2.0, 3.0, 4.0),),
            captions=(f"the words of {source}",),
            dialogue=(Turn("Is it theirs?", "yes", "presence"),),
        )
        for number, split in enumerate(SPLITS)
    ]


def _texts(scenes: Iterable[Scene]) -> tuple[list[Caption], list[Question]]:
    captions, questions = [], []
    for scene in scenes:
        captions += [
            Caption(scene.scene_id, "a2c", "There is a ship."),
            Caption(scene.scene_id, "a2c", "A ship lies in the center."),
            Caption(scene.scene_id, "given", scene.captions[0]),
        ]
        questions += [
            Question(f"{scene.scene_id}#1", scene.scene_id, "presence", "Is it theirs?", "yes"),
            Question(f"{scene.scene_id}#2", scene.scene_id, "count", "How many ships are there?", "1"),
        ]
    return captions, questions


class Build:
    """A built SAR-TEXT below the working directory, which tests change and write again.

    Attributes:
        config: the profile.
        scenes, captions, questions: its tables.
        images: pixels by scene id.
    """

    def __init__(self) -> None:
        self.config = profile()
        self.scenes = [scene for source in ("open", "closed") for scene in _scenes(source)]
        self.captions, self.questions = _texts(self.scenes)
        self.images: dict[str, Pixels] = {
            scene.scene_id: make_image(scene.scene_id, SIDE) for scene in self.scenes
        }

    def write(self) -> "Build":
        """Write all files that a finished build has."""
        for source in ("open", "closed"):
            self._ingest([scene for scene in self.scenes if scene.source == source])
        folder = RESULTS / "sartext"
        write_records(folder / "scenes.parquet", self.scenes, Scene)
        write_records(folder / "captions.parquet", self.captions, Caption)
        write_records(folder / "questions.parquet", self.questions, Question)
        write_text(folder / "dropped.csv", "scene_id,reason,other\n")
        self.write_about()
        write_records(RESULTS / "stage1" / "scenes.parquet", self.scenes[:1], Scene)
        record(folder / "scenes.parquet", "sartext.dataset.build")
        record(RESULTS / "stage1" / "scenes.parquet", "sartext.dataset.stage1")
        for source in ("open", "closed"):
            captions = RESULTS / "captions" / f"{source}.a2c.parquet"
            write_records(captions, self.captions[:0], Caption)
            record(captions, "sartext.narrator.run")
        self.write_audits()
        save_config(self.config, RESULTS / "config.yaml")
        return self

    def write_audits(self, benchmark: str | None = None, remaining: int = 0) -> None:
        """Write what the audits of both stages say."""
        for name in ("stage1", "sartext"):
            digest = sha256_file(RESULTS / name / "scenes.parquet")
            audit = {"set": name, "scenes": digest, "benchmark": benchmark, "remaining": remaining}
            path = RESULTS / "audit" / f"{name}.json"
            write_json(path, audit)
            record(path, "sartext.dataset.likeness.audit")

    def write_about(self) -> None:
        """Write what is told of the tables."""
        folder = RESULTS / "sartext"
        examples = {
            "a2c": {"source": "closed", "captions": ["the words of closed"]},
            "given": {"source": "open", "captions": ["A ship."]},
        }
        statistics = {"all": {"captions": len(self.captions)}, "examples": examples}
        write_json(folder / "statistics.json", statistics)
        write_text(folder / "datasheet.md", "# SAR-TEXT\n")
        write_json(folder / "croissant.json", croissant(folder, self.config))
        record(folder / "croissant.json", "sartext.dataset.about.write")

    def _ingest(self, scenes: Sequence[Scene]) -> None:
        for scene in scenes:
            Path(scene.image).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(as_stack(self.images[scene.scene_id])[..., 0]).save(scene.image)
        ingested(self.config, scenes, [self.images[scene.scene_id] for scene in scenes])
        source = scenes[0].source
        record(RESULTS / "scenes" / source / "scenes.parquet", "sartext.sources")

    def change(self, scene_id: str, **fields: object) -> None:
        """Replace fields of one scene."""
        self.scenes = [
            replace(scene, **fields) if scene.scene_id == scene_id else scene  # type: ignore[arg-type]
            for scene in self.scenes
        ]


def snapshot(folder: Path = Path()) -> dict[str, str]:
    """What a repository is: HEAD, tags, index, and every file that is not a result or git's own."""
    kept = {
        path.as_posix(): sha256_file(folder / path)
        for path in list_files(folder)
        if path.parts[0] not in (".git", "results", ".snakemake")
        and path.parts[:2] != (".dvc", "tmp")
        # what DVC holds in store may grow; it takes nothing from anyone
        and path.parts[:2] != (".dvc", "cache")
    }
    kept["HEAD"] = git("rev-parse", "HEAD", cwd=folder)
    kept["tags"] = git("tag", cwd=folder)
    kept["status"] = git("status", "--porcelain", cwd=folder)
    return kept


def copy_repository(made: Path, to: Path) -> None:
    """Copy a repository with its links and times."""
    shutil.copytree(made, to, dirs_exist_ok=True, symlinks=True)
