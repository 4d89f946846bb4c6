"""`sartext doctor`: what this machine can run, and what is missing for the rest."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click

from sartext.core.config import DEFAULT_SAMPLES
from sartext.core.environment import check_environment
from sartext.core.errors import UserError
from sartext.core.provenance import PROJECT_ROOT

_OK, _MISSING = "ok", "missing"


def _java() -> tuple[str, str]:
    java = shutil.which("java")
    if not java:
        return (
            _MISSING,
            "no java on PATH: METEOR and the caption tokenizer cannot run (Debian: default-jre-headless)",
        )
    banner = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    return _OK, banner.splitlines()[0] if banner else java


def _spice() -> tuple[str, str]:
    spec = importlib.util.find_spec("pycocoevalcap")
    if spec is None or not spec.submodule_search_locations:
        return _MISSING, "pycocoevalcap is not installed"
    lib = Path(spec.submodule_search_locations[0]) / "spice" / "lib"
    jars = list(lib.glob("stanford-corenlp-3.6.0*.jar")) if lib.is_dir() else []
    if len(jars) < 2:
        return _MISSING, "Stanford CoreNLP 3.6.0 is not there: SPICE is reported as unavailable"
    return _OK, "Stanford CoreNLP 3.6.0"


def _lock() -> tuple[str, str]:
    try:
        return _OK, f"{check_environment()} packages are as locked"
    except UserError as error:
        return _MISSING, str(error)


def _gpu() -> tuple[str, str]:
    smi = shutil.which("nvidia-smi")
    if not smi:
        return _MISSING, "no nvidia-smi: profiles with device 'cuda' cannot run; the others need no GPU"
    found = subprocess.run(
        [smi, "--query-gpu=name,memory.total", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return (_OK, found.replace("\n", "; ")) if found else (_MISSING, "nvidia-smi finds no GPU")


def _samples() -> tuple[str, str]:
    folder = Path(os.environ.get("SARTEXT_SAMPLES", PROJECT_ROOT / DEFAULT_SAMPLES))
    if not folder.is_dir():
        return _MISSING, "no real samples: the samples profile and its tests cannot run (set SARTEXT_SAMPLES)"
    return _OK, f"{sum(1 for _ in folder.iterdir())} folders"


def _machine() -> tuple[str, str]:
    import psutil

    free = shutil.disk_usage(".").free / 2**30
    memory = psutil.virtual_memory().total / 2**30
    return _OK, f"{os.cpu_count()} cores, {memory:.0f} GiB memory, {free:.0f} GiB disk free"


@click.command()
@click.option("--lock", is_flag=True, help="Only compare the installed packages with the lock.")
def doctor(lock: bool) -> None:
    """Tell what this machine can run, and what is missing for the rest.

    Exit status 2 if something that the default profile needs is missing.
    """
    if lock:
        click.echo(f"{check_environment()} packages are as locked")
        return
    needed = {
        "python": (_OK, sys.version.split()[0]),
        "machine": _machine(),
        "lock": _lock(),
        "git": (_OK, "git")
        if shutil.which("git")
        else (_MISSING, "no git: results cannot name their commit"),
        "g++": (_OK, "g++")
        if shutil.which("g++")
        else (_MISSING, "no g++: packages without a wheel cannot be built"),
        "java": _java(),
    }
    optional = {"spice": _spice(), "gpu": _gpu(), "samples": _samples()}
    for title, checks in (("needed", needed), ("for the rest", optional)):
        click.echo(f"{title}:")
        for name, (state, detail) in checks.items():
            click.echo(f"  {name:<8} {state:<8} {detail}")
    if any(state == _MISSING for state, _ in needed.values()):
        sys.exit(2)
