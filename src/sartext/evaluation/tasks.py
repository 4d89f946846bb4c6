"""Benchmark tasks: how each is defined, and where its folder lies.

A frozen version's tasks are the files ``benchmark/vN/TASK.yaml``. A draft has no such files, since its
sources are whatever the profile reads: there a task takes its sources by rule (`draft_definitions`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sartext.core.config import Config, TaskName
from sartext.core.errors import UserError
from sartext.core.files import read_json
from sartext.core.pointers import verify_frozen

Kind = Literal["retrieval", "captioning", "vqa"]

TASKS: tuple[TaskName, ...] = get_args(TaskName)
DEFINITIONS = Path("benchmark")
FROZEN = Path("data") / "benchmark"
TRUTH, NARRATOR = "simulated truth", "narrator"
RESULT_FILE: dict[Kind, str] = {
    "retrieval": "retrieval.npz",
    "captioning": "captions.json",
    "vqa": "answers.json",
}


class Definition(BaseModel):
    """One task of a benchmark version."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = Field(description="what is asked of a model")
    title: str = Field(description="name as written in tables")
    sources: list[str] = Field(min_length=1, description="sources whose images are taken")
    references: str = Field(description="who wrote the references of the main column")


@dataclass(frozen=True)
class Task:
    """One task's folder, as frozen."""

    folder: Path
    name: str
    kind: Kind
    title: str
    references: str
    version: str


def read_definitions(version: str, folder: Path = DEFINITIONS) -> dict[str, Definition]:
    """Read ``benchmark/VERSION/*.yaml``: each task by its file's name.

    Raises:
        UserError: no such version, or a file that is not a definition.
    """
    files = sorted((folder / version).glob("*.yaml"))
    if not files:
        raise UserError(f"{folder / version}: no task definitions there; expected TASK.yaml files")
    definitions = {}
    for path in files:
        try:
            definitions[path.stem] = Definition.model_validate(
                yaml.safe_load(path.read_text(encoding="utf-8"))
            )
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not valid YAML: {error}") from None
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(step) for step in fault["loc"]) or "(top)"
            raise UserError(f"{path}: {where}: {fault['msg']}") from None
    return definitions


def draft_definitions(config: Config) -> dict[str, Definition]:
    """Return the tasks of a draft: those the profile's models are evaluated on, with their sources by rule.

    osdataset_retrieval takes the sources of the pair branch; hrsid_retrieval takes ``hrsid`` if the profile
    has it, else the sources of the a2c branch; captioning and vqa take all SAR sources. References are the
    simulator's truth if every SAR source is simulated, else the narrator's.
    """
    sar = [source for source in config.sources if source.modality == "sar"]
    simulated = config.simulator.sources if config.simulator else {}
    references = TRUTH if all(source.name in simulated for source in sar) else NARRATOR
    pairs = [source.name for source in sar if "pair" in source.branches]
    boxes = [source.name for source in sar if "a2c" in source.branches]
    every = [source.name for source in sar]
    hrsid = ["hrsid"] if "hrsid" in boxes else boxes
    known: dict[TaskName, tuple[Kind, str, list[str]]] = {
        "osdataset_retrieval": ("retrieval", "Retrieval, pair sources", pairs),
        "hrsid_retrieval": ("retrieval", "Retrieval, box sources", hrsid),
        "captioning": ("captioning", "Captioning", every),
        "vqa": ("vqa", "VQA", every),
    }
    asked = {task for model in config.models.values() for task in model.tasks}
    definitions = {}
    for task, (kind, title, sources) in known.items():
        if task in asked:
            if not sources:
                raise UserError(
                    f"{config.profile}: task {task}: empty {config.evaluation.split} set; "
                    "no source of its branch is there"
                )
            definitions[str(task)] = Definition(
                kind=kind, title=title, sources=sources, references=references
            )
    return definitions


def benchmark_folder(config: Config) -> Path:
    """Return where the profile's benchmark lies: a frozen version, or the run's own draft."""
    if config.evaluation.version == "draft":
        return config.results / "benchmark"
    return FROZEN / config.evaluation.version


def load_task(folder: Path) -> Task:
    """Read ``task.json`` of a task's folder.

    Raises:
        UserError: it is missing or no such file.
    """
    path = folder / "task.json"
    content = read_json(path, "a task of a benchmark (its folder holds task.json)")
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected an object with 'task', 'kind', 'title', 'references', 'version'")
    for field in ("task", "kind", "title", "references", "version"):
        if not isinstance(content.get(field), str):
            raise UserError(f"{path}: {field}: missing or not text")
    for kind in get_args(Kind):
        if content["kind"] == kind:
            return Task(
                folder, content["task"], kind, content["title"], content["references"], content["version"]
            )
    raise UserError(f"{path}: kind: {content['kind']!r}; expected one of {', '.join(get_args(Kind))}")


def verify(folder: Path) -> str:
    """Check a benchmark folder against its manifest, and its pointer if it has one; return its digest.

    Raises:
        UserError: a file is missing, added, or was changed by hand; it is named.
    """
    return verify_frozen(folder)


def find_task(name: str, config: Config | None) -> Task:
    """Find a task by its folder's path, or by its name.

    Args:
        name: a folder that holds ``task.json``, or a task's name.
        config: whose benchmark a name is of; without one, the newest frozen version that has the task.

    Raises:
        UserError: there is no such task.
    """
    if (Path(name) / "task.json").is_file():
        return load_task(Path(name))
    if config is not None:
        folder = benchmark_folder(config)
        if name in TASKS and (folder / name).is_dir():
            return load_task(folder / name)
        raise UserError(
            f"{name}: no such task in {folder}; expected one of {', '.join(TASKS)} "
            "(dvc pull brings a frozen benchmark, 'sartext benchmark draft' makes a draft)"
        )
    versions = [entry for entry in FROZEN.glob("v*") if re.fullmatch(r"v[0-9]+", entry.name)]
    for version in sorted(versions, key=lambda entry: int(entry.name[1:]), reverse=True):
        if name in TASKS and (version / name).is_dir():
            return load_task(version / name)
    raise UserError(
        f"{name}: no such task; expected a folder with task.json, or one of {', '.join(TASKS)} "
        f"of a benchmark in {FROZEN} (dvc pull)"
    )


def check_recipes(config: Config, model: str, recipes: Sequence[str]) -> None:
    """Raise `UserError` for a recipe, or released weights, that the profile does not name for a model."""
    known = [row for row, _ in config.rows(model)]
    for recipe in recipes:
        if recipe not in known:
            raise UserError(f"{config.profile}: no recipe {recipe!r}; expected one of {', '.join(known)}")
