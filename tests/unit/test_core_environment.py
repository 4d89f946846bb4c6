"""The installed packages against a lock."""

import functools
import importlib.metadata
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sartext.cli.doctor import doctor
from sartext.core import environment
from sartext.core.environment import check_environment, locked_packages
from sartext.core.errors import UserError

NUMPY = importlib.metadata.version("numpy")
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def _lock(folder: Path, *pins: str) -> Path:
    path = folder / "requirements.lock"
    entries = [f"{pin} \\\n    --hash=sha256:{'0' * 64}\n    # via sartext\n" for pin in pins]
    path.write_text("# made by uv\n" + "".join(entries))
    return path


def test_the_same_packages_pass(tmp_path: Path) -> None:
    click = importlib.metadata.version("click")
    assert check_environment(_lock(tmp_path, f"numpy=={NUMPY}", f"click=={click}")) == 2


def test_the_first_that_differs_is_named_with_both_versions(tmp_path: Path) -> None:
    lock = _lock(tmp_path, f"numpy=={NUMPY}", "click==0.0.1", "sartext-nowhere==1.2")
    with pytest.raises(UserError) as told:
        check_environment(lock)
    found = importlib.metadata.version("click")
    assert str(told.value).startswith(
        f"requirements.lock: click {found} is installed, expected 0.0.1 (and 1 more); 'make setup'"
    )


def test_an_absent_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"sartext-nowhere is not installed, expected 1\.2; 'make setup'"):
        check_environment(_lock(tmp_path, "sartext-nowhere==1.2"))


def test_lines_for_other_platforms_and_pythons_do_not_count(tmp_path: Path) -> None:
    lock = _lock(
        tmp_path,
        "pyreadline3==3.5.6 ; sys_platform == 'win32'",
        "numpy==0.1 ; python_full_version < '3.8'",
        f"numpy=={NUMPY} ; python_full_version >= '{PYTHON}' and sys_platform == '{sys.platform}'",
    )
    assert {name: str(pin.specifier) for name, pin in locked_packages(lock).items()} == {
        "numpy": f"=={NUMPY}"
    }
    assert check_environment(lock) == 1


@pytest.mark.parametrize("content", ["", "numpy\n", "# nothing\n"])
def test_a_lock_that_pins_nothing_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "requirements.lock").write_text(content)
    with pytest.raises(UserError, match=r"requirements\.lock: pins no package; restore the file"):
        check_environment(tmp_path / "requirements.lock")


def test_a_line_that_is_no_pin_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'numpy==<<<<<<< HEAD' is no pinned package"):
        check_environment(_lock(tmp_path, "numpy==<<<<<<< HEAD"))


def test_no_lock_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"requirements\.lock: no such file"):
        check_environment(tmp_path / "requirements.lock")


def test_the_lock_of_this_checkout_is_read_whole() -> None:
    text = environment.LOCK.read_text()
    pinned = {line.split("==")[0] for line in text.splitlines() if "==" in line and line[0].isalnum()}
    found = set(locked_packages())
    assert found <= pinned
    assert {"numpy", "torch", "snakemake"} <= found
    assert "pywin32" in pinned - found


def test_doctor_tells_a_difference_and_ends_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = functools.partial(check_environment, _lock(tmp_path, "click==0.0.1"))
    monkeypatch.setattr("sartext.cli.doctor.check_environment", other)
    done = CliRunner().invoke(doctor)
    line = next(line for line in done.output.splitlines() if line.strip().startswith("lock"))
    assert line.split()[:2] == ["lock", "missing"]
    assert "expected 0.0.1; 'make setup' installs what is locked" in line
    assert done.exit_code == 2
    assert isinstance(CliRunner().invoke(doctor, ["--lock"]).exception, UserError)
