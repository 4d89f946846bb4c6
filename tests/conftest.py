"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# the same examples in every run; a shared machine's pauses are no failure
settings.register_profile("suite", derandomize=True, deadline=None, database=None)
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = Path(os.environ.get("SARTEXT_SAMPLES", ROOT / ".." / "shared" / "samples")).resolve()
NO_SAMPLES = not (SAMPLES / "README.md").is_file() and os.environ.get("CI") != "true"
if NO_SAMPLES:
    collect_ignore = ["samples"]


def pytest_report_header() -> str | None:
    """Say it aloud when the tests on real data are left out."""
    return (
        f"NOT RUN: tests/samples, no real samples at {SAMPLES} (set SARTEXT_SAMPLES)" if NO_SAMPLES else None
    )


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real samples: ``../shared/samples`` from the project's root, or ``SARTEXT_SAMPLES``."""
    assert (SAMPLES / "README.md").is_file(), f"real samples not found at {SAMPLES}: set SARTEXT_SAMPLES"
    return SAMPLES
