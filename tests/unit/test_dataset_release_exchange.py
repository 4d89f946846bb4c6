"""A release that is killed at any step, in the exchange of folders or in putting it back, loses nothing."""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from release_files import git, isolate, snapshot

from sartext.core.errors import UserError
from sartext.core.files import write_manifest
from sartext.dataset.release.exchange import exchanged, recover
from sartext.dataset.release.tools import commit_and_tag

TARGET = Path("data/sar-text/tests")
POINTER, IGNORED = Path(f"{TARGET}.dvc"), TARGET.with_name(".gitignore")
OLD, NEW = "sar-text-tests@v1.0.0", "sar-text-tests@v1.1.0"
# what a kill may come before
STEPS = {"os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "subprocess.Popen"}


def _folder(folder: Path, content: str) -> None:
    folder.mkdir(parents=True)
    (folder / "captions.parquet").write_text(content)
    write_manifest(folder, folder / "VERSION.json")


@pytest.fixture(params=["first version", "second version"])
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a version released, or none."""
    isolate(tmp_path / "home", monkeypatch)
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    git("init", "-q", "-b", "main")
    TARGET.parent.mkdir(parents=True)
    IGNORED.write_text("/tests\n/.tests.*\n")
    if request.param == "second version":
        _folder(TARGET, "old")
        POINTER.write_bytes(b"old\r\n\xff")
    git("add", "-A")
    git("commit", "-q", "-m", "Before")
    if request.param == "second version":
        git("tag", "-m", "old", OLD)
    return folder


def _release() -> None:
    with exchanged(TARGET, TARGET.with_name(".tests.staged"), [POINTER, IGNORED], NEW, "Release"):
        POINTER.write_text("new")
        IGNORED.write_text("/tests")
        commit_and_tag([POINTER, IGNORED], "Release", NEW, "text")


def _kill(what: Callable[[], None], at: int | str) -> bool:
    """Run something in a process of its own that is killed before a step; return whether it came that far.

    Args:
        what: what is run.
        at: the number of the step, or a word of the program's arguments whose start it is.
    """
    child = os.fork()
    if child == 0:
        steps = count()

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            if event in STEPS and (next(steps) == at or (event == "subprocess.Popen" and at in arguments[1])):
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        try:
            what()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def _stage() -> None:
    staged = TARGET.with_name(".tests.staged")
    if not staged.exists():
        _folder(staged, "new")


def test_killed_at_each_step_it_is_all_or_nothing(project: Path) -> None:
    before, step = snapshot(), 0
    _stage()
    while _kill(_release, step):
        released = NEW in git("tag")
        recover(TARGET)
        if released:
            break
        assert snapshot() == before, step
        _stage()
        step += 1
    assert step > 12, "it was killed before each step until the tag was there"
    assert (TARGET / "captions.parquet").read_text() == "new"
    assert git("rev-parse", f"{NEW}^{{commit}}") == git("rev-parse", "HEAD")
    assert git("status", "--porcelain") == ""
    assert sorted(path.name for path in TARGET.parent.iterdir()) == [".gitignore", "tests", "tests.dvc"]


def test_a_recovery_that_is_killed_at_each_step_is_gone_on_with(project: Path) -> None:
    before, step = snapshot(), 0
    _stage()
    assert _kill(_release, "update-ref")
    assert snapshot() != before
    while _kill(lambda: recover(TARGET), step):
        step += 1
    assert step > 5
    assert snapshot() == before


def test_a_commit_whose_tag_was_not_made_is_taken_back(project: Path) -> None:
    before = snapshot()
    _stage()
    assert _kill(_release, "update-ref")
    commit = git("commit-tree", git("write-tree"), "-p", "HEAD", "-m", "Release")
    git("update-ref", "refs/heads/main", commit)
    recover(TARGET)
    assert snapshot() == before


def test_a_persons_commit_is_not_taken_back(project: Path) -> None:
    _stage()
    assert _kill(_release, "update-ref")
    git("commit", "-q", "-m", "Mine")
    recover(TARGET)
    assert git("log", "-1", "--format=%s") == "Mine"


def test_a_persons_file_in_a_half_released_folder_is_not_lost(project: Path) -> None:
    before = snapshot()
    _stage()
    assert _kill(_release, "update-ref")
    (TARGET / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match=rf"^{TARGET}/mine\.txt: not listed in"):
        recover(TARGET)
    assert (TARGET / "mine.txt").read_text() == "mine"
    (TARGET / "mine.txt").unlink()
    recover(TARGET)
    assert snapshot() == before
