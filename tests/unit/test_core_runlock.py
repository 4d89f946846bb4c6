"""One run a folder: the lock, who holds it, and that it never outlives them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sartext.core.errors import UserError
from sartext.core.runlock import LOCK_FILE, hold_folder, job_prefix

RUN = "import sys; from sartext.core.runlock import hold_folder; run = hold_folder('profile a'); "


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _start(folder: Path, script: str) -> subprocess.Popen[str]:
    """Start a run that does `script`, prints a line, and stays until its input ends."""
    run = subprocess.Popen(
        [sys.executable, "-c", f"{RUN}{script}; print('ready', flush=True); sys.stdin.read()"],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    return run


def test_a_second_run_is_told_who_is_there(folder: Path) -> None:
    first = _start(folder, "0")
    with pytest.raises(UserError) as told:
        hold_folder("profile b")
    assert str(told.value).startswith(f"{folder}: another run (profile a, pid {first.pid}, since 20")
    assert str(told.value).endswith(f"wait for it, or stop it (kill {first.pid})")
    first.communicate()
    hold_folder("profile b").close()


def test_a_killed_run_leaves_nothing_to_clear_away(folder: Path) -> None:
    first = _start(folder, "0")
    first.kill()
    first.wait()
    with hold_folder("profile b"):
        assert f'"pid": {os.getpid()}' in (folder / LOCK_FILE).read_text()


def test_a_job_that_outlives_its_run_is_told(folder: Path) -> None:
    first = _start(
        folder,
        f"import subprocess; subprocess.Popen(['bash', '-c', {job_prefix() + 'echo job; sleep 60'!r}],"
        " stdin=subprocess.DEVNULL)",
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "job\n"
    first.kill()
    first.wait()
    with pytest.raises(UserError, match=rf"jobs of a killed run \(profile a, pid {first.pid}") as told:
        hold_folder("profile b")
    left = str(told.value).partition("(kill ")[2].rstrip(")").split()
    subprocess.run(["kill", *left], check=True)
    first.stdout.read()  # ends once the job is gone
    hold_folder("profile b").close()


def test_what_a_job_starts_counts_as_its_run(folder: Path) -> None:
    held = hold_folder("profile a")
    code = f"{RUN}print('ran')"
    inside = subprocess.run(
        ["bash", "-c", f'{job_prefix()}"{sys.executable}" -c "{code}"'],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert inside.stdout == "ran\n", inside.stderr
    held.close()


def test_a_job_where_the_folder_is_not_seen_runs_all_the_same(folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail; {job_prefix()}echo ran"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("ran\n", "")
