"""Score files: read and checked, since a board is made from files that come from outside too."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sartext.core.errors import UserError
from sartext.core.files import inside, read_json

Kind = Literal["retrieval", "captioning", "vqa"]
Name = Annotated[str, Field(min_length=1, max_length=200)]

_LARGEST = 20_000_000  # bytes; a score file has a few kilobytes


class _Checked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Measured(_Checked):
    """A metric that ran: its value, 95% interval, and the number of things it is taken over."""

    value: float
    low: float
    high: float
    n: Annotated[int, Field(ge=0)]


class Unavailable(_Checked):
    """A metric that could not run, with the reason."""

    status: Literal["unavailable"]
    reason: Name


Metric = Measured | Unavailable


class Secondary(_Checked):
    """The same metrics against another set of references, under a label of its own."""

    label: Name
    metrics: dict[Name, Metric]


class Benchmark(_Checked):
    """Which frozen benchmark was scored."""

    version: Name
    digest: Name


class Origin(_Checked):
    """What made the score (see `sartext.core.provenance`)."""

    package_version: Name
    git_commit: Name
    git_dirty: bool
    lock_sha256: Name


class Score(_Checked):
    """One score file: one model, trained by one recipe with one seed, on one task."""

    schema_: Annotated[Literal[1], Field(alias="schema")]
    task: Name
    kind: Kind
    profile: Name
    data_note: Annotated[str, Field(max_length=1000)]
    model: Name
    model_title: Name
    recipe: Name
    seed: Annotated[int, Field(ge=0)]
    protocol: dict[str, Any]
    benchmark: Benchmark
    metrics: dict[Name, Metric]
    secondary: Secondary | None = None
    provenance: Origin
    config_digest: Name

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What may exist once on a board: (task, model, recipe, seed)."""
        return self.task, self.model, self.recipe, self.seed


def read_score(path: Path | str) -> Score:
    """Read and check one score file.

    Raises:
        UserError: the file is missing, too large, not JSON, or not a score; the field is named.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > _LARGEST:
        raise UserError(f"{path}: larger than {_LARGEST // 1_000_000} MB; expected a score file")
    content = read_json(path, "a score file (`sartext score task` writes one)")
    try:
        return Score.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        # the members of a union are named by their classes in the location; they say nothing to a user
        where = ".".join(str(step) for step in fault["loc"] if step not in ("Measured", "Unavailable"))
        raise UserError(
            f"{path}: {where or '(top)'}: {fault['msg']} (given: {fault.get('input')!r:.60}); "
            "expected a score file of schema 1"
        ) from None


def check_board(scores: Iterable[tuple[Path, Score]]) -> None:
    """Check that scores may stand on one board.

    Boards of different profiles are never mixed, a task's scores are of one benchmark, and no entry is there
    twice.

    Raises:
        UserError: the first pair of files that may not stand together.
    """
    first: tuple[Path, Score] | None = None
    tasks: dict[str, tuple[Path, Score]] = {}
    seen: dict[tuple[str, str, str, int], Path] = {}
    for path, score in scores:
        first = first or (path, score)
        if score.profile != first[1].profile:
            raise UserError(
                f"{path}: profile {score.profile!r}, but {first[0]} is of {first[1].profile!r}; "
                "profiles are never mixed on one board: render each alone"
            )
        other_path, other = tasks.setdefault(score.task, (path, score))
        if score.kind != other.kind:
            raise UserError(
                f"{path}: kind {score.kind!r} of task {score.task!r}, but {other_path} says {other.kind!r}"
            )
        if score.benchmark != other.benchmark:
            raise UserError(
                f"{path}: benchmark {score.benchmark.version} ({score.benchmark.digest[:12]}), but "
                f"{other_path} is of {other.benchmark.version} ({other.benchmark.digest[:12]}); "
                "score both on the same benchmark"
            )
        if score.key in seen:
            raise UserError(
                f"{path}: the same task, model, recipe and seed as {seen[score.key]}; keep one of them"
            )
        seen[score.key] = path


def read_scores(folder: Path | str) -> list[Score]:
    """Read every ``score.json`` below a folder, in the order of their paths.

    Raises:
        UserError: the folder is missing, holds no score file, a file is no score or lies outside through a
            link, or two files may not stand on one board (`check_board`).
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected a folder of score files (**/score.json)")
    paths = sorted(folder.rglob("score.json"), key=lambda path: path.as_posix())
    if not paths:
        raise UserError(f"{folder}: no score.json below it; expected a folder of score files")
    found = []
    for path in paths:
        inside(folder, path.relative_to(folder).as_posix())
        found.append((path, read_score(path)))
    check_board(found)
    return [score for _, score in found]
