"""The frozen benchmark: pulled whole or not at all, and a file changed by hand stops a run with its name."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sartext.core.config import Config, load_config
from sartext.core.errors import UserError
from sartext.core.files import write_json, write_manifest
from sartext.core.pointers import folder_md5, md5_file, read_pointer
from sartext.core.preflight import check_benchmark
from sartext.evaluation.pull import pull
from sartext.evaluation.tasks import verify

FOLDER = Path("data") / "benchmark" / "v0"
POINTER = Path("data") / "benchmark" / "v0.dvc"
FILES = {"captioning/refs.json": "{}\n", "vqa/questions.json": "[]\n", "vqa/images/a.png": "not quite\n"}
STORE = Path("data") / "store" / "files" / "md5"


def _dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def made(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the checkout's DVC settings, whose benchmark is in its store and nowhere else."""
    project = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (project / FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (project / FOLDER / name).write_text(text)
    write_manifest(project / FOLDER, project / FOLDER / "manifest.json")
    (project / "data" / "store").mkdir()
    with pytest.MonkeyPatch.context() as here:
        here.chdir(project)
        for arguments in (["init", "-q", "--no-scm"], ["add", "-q", str(FOLDER)]):
            assert _dvc(*arguments).returncode == 0
        settings = (root / ".dvc" / "config").read_text().replace("[core]", "[core]\n    no_scm = true")
        Path(".dvc/config").write_text(settings)
        assert _dvc("push", "-q").returncode == 0
        shutil.rmtree(FOLDER)
        shutil.rmtree(".dvc/cache")
        shutil.rmtree(".dvc/tmp")
    return project


@pytest.fixture(scope="module")
def pulled_once(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("pulled") / "project"
    shutil.copytree(made, project)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(project)
        pull(POINTER)
    return project


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, the working directory; nothing is pulled yet."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pulled(pulled_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, with the benchmark pulled."""
    shutil.copytree(pulled_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def config(root: Path) -> Config:
    return load_config(root / "config" / "smoke.yaml")


def _object(name: str = "vqa/questions.json") -> Path:
    """The object in the store that a file of the benchmark is."""
    if name == "listing":
        md5 = read_pointer(POINTER)
    else:
        (path,) = (
            path
            for path in STORE.rglob("*")
            if path.is_file() and path.suffix != ".dir" and path.read_text() == FILES[name]
        )
        md5 = md5_file(path)
    return STORE / md5[:2] / md5[2:]


def _overwrite(path: Path, text: str) -> None:
    path.chmod(0o644)
    path.write_text(text)


def test_it_is_pulled_from_the_store_and_checked(project: Path) -> None:
    digest = pull(POINTER)
    assert digest == verify(FOLDER)
    assert folder_md5(FOLDER) == read_pointer(POINTER), "our name for a folder is DVC's"
    (project / ".dvc" / "config").unlink()
    assert pull(POINTER) == digest, "what is there needs no DVC"


@pytest.mark.parametrize("damage", ["flipped", "cut short", "listing"])
def test_a_damaged_object_is_named_and_nothing_is_pulled(project: Path, damage: str) -> None:
    path = _object("listing" if damage == "listing" else "vqa/questions.json")
    _overwrite(path, path.read_text()[:-1] if damage == "cut short" else path.read_text().replace("]", ")"))
    with pytest.raises(UserError) as stopped:
        pull(POINTER)
    told = str(stopped.value)
    assert "\n" not in told
    assert f"{path}: damaged object in the store" in told
    assert ("data/benchmark/v0" if damage == "listing" else "data/benchmark/v0/vqa/questions.json") in told
    assert not FOLDER.exists()


@pytest.mark.parametrize("name", ["vqa/questions.json", "listing"])
def test_an_object_that_is_gone_is_named(project: Path, name: str) -> None:
    path = _object(name)
    path.unlink()
    with pytest.raises(UserError) as stopped:
        pull(POINTER)
    told = str(stopped.value)
    assert "\n" not in told
    assert told.startswith(f"{POINTER}: dvc pull failed: ")
    assert path.parent.name + path.name in told
    assert not (FOLDER / "manifest.json").exists()


def test_dvc_itself_does_not_take_a_damaged_object(project: Path) -> None:
    _overwrite(_object(), "[0]\n")
    assert _dvc("pull").returncode != 0
    assert not (FOLDER / "vqa" / "questions.json").exists()


@pytest.mark.parametrize("damage", ["flipped", "gone"])
def test_a_damaged_object_of_the_cache_is_fetched_again(pulled: Path, damage: str) -> None:
    shutil.rmtree(FOLDER)
    cached = Path(".dvc/cache/files/md5") / _object().relative_to(STORE)
    if damage == "gone":
        cached.unlink()
    else:
        _overwrite(cached, "[0]\n")
    pull(POINTER)
    assert (FOLDER / "vqa" / "questions.json").read_text() == FILES["vqa/questions.json"]


def _change(how: str) -> Path:
    """Do to the benchmark what a hand might; return what must be named."""
    path = FOLDER / "vqa" / "questions.json"
    if how == "changed" or how == "changed with its manifest":
        path.write_text("[1]\n")
    if how == "changed with its manifest":
        write_manifest(FOLDER, FOLDER / "manifest.json")
        return FOLDER / "manifest.json"
    if how == "added":
        path = FOLDER / "vqa" / "more.json"
        path.write_text("[]\n")
    if how == "removed":
        path.unlink()
    if how == "manifest removed":
        path = FOLDER / "manifest.json"
        path.unlink()
    return path


CHANGES = ["changed", "changed with its manifest", "added", "removed", "manifest removed"]


@pytest.mark.parametrize("how", CHANGES)
def test_a_change_by_hand_stops_a_run_that_had_pulled_it(pulled: Path, config: Config, how: str) -> None:
    write_json(config.results / "benchmark.json", {"digest": pull(POINTER), "folder": FOLDER.as_posix()})
    check_benchmark(config)
    named = _change(how)
    with pytest.raises(UserError) as stopped:
        check_benchmark(config)
    assert str(stopped.value).startswith(f"{named}: ")
    with pytest.raises(UserError):
        verify(FOLDER)


@pytest.mark.parametrize("how", ["changed", "added"])
def test_a_change_by_hand_stops_a_new_run_at_its_start(pulled: Path, config: Config, how: str) -> None:
    named = _change(how)
    for check in (lambda: check_benchmark(config), lambda: pull(POINTER)):
        with pytest.raises(UserError) as stopped:
            check()
        assert str(stopped.value).startswith(f"{named}: ")


def test_a_change_with_its_manifest_stops_a_new_run_when_it_pulls(pulled: Path) -> None:
    _change("changed with its manifest")
    with pytest.raises(UserError, match=r"questions\.json"):
        pull(POINTER)
    assert (FOLDER / "vqa" / "questions.json").read_text() == "[1]\n", "a person's file is not overwritten"


@pytest.mark.parametrize("how", ["removed", "manifest removed"])
def test_a_pull_that_was_cut_short_goes_on(pulled: Path, config: Config, how: str) -> None:
    digest = pull(POINTER)
    _change(how)
    check_benchmark(config)
    assert pull(POINTER) == digest


def test_a_pointer_that_moved_on_is_pulled(pulled: Path, config: Config) -> None:
    old = pull(POINTER)
    write_json(config.results / "benchmark.json", {"digest": old, "folder": FOLDER.as_posix()})
    pointer = POINTER.read_text()
    (FOLDER / "vqa" / "more.json").write_text("[]\n")
    write_manifest(FOLDER, FOLDER / "manifest.json")
    assert _dvc("add", "-q", str(FOLDER)).returncode == 0
    assert _dvc("push", "-q").returncode == 0
    check_benchmark(config)
    new = POINTER.read_text()
    POINTER.write_text(pointer)
    assert _dvc("checkout", "-q").returncode == 0
    POINTER.write_text(new)
    check_benchmark(config)
    assert pull(POINTER) not in (old, "")
    assert (FOLDER / "vqa" / "more.json").is_file()


def _snakemake(root: Path, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--directory",
         str(project), "--cores", "1", "--workflow-profile", str(root / "workflow" / "profiles" / "default"),
         "--configfile", str(root / "config" / "smoke.yaml"), *arguments,
         "--", "results/smoke/benchmark.json"],
        capture_output=True, text=True, check=False, cwd=root, env=dict(os.environ),
    )  # fmt: skip


def test_the_workflow_pulls_it_and_shows_the_line_of_what_is_damaged(root: Path, project: Path) -> None:
    path, whole = _object(), _object().read_text()
    _overwrite(path, "[0]\n")
    failed = _snakemake(root, project)
    assert failed.returncode == 1
    lines = [line.strip() for line in (failed.stdout + failed.stderr).splitlines() if "sartext: " in line]
    assert any(str(path) in line and "damaged object" in line for line in lines), failed.stderr
    assert not Path("results/smoke/benchmark.json").exists()
    path.write_text(whole)
    done = _snakemake(root, project)
    assert done.returncode == 0, done.stderr
    again = _snakemake(root, project, "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr
    named = _change("changed")
    stopped = _snakemake(root, project, "--dry-run")
    assert stopped.returncode == 2
    assert f"sartext: {named}: changed since it was frozen" in stopped.stderr
