"""What tests of models and of training share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from models_toy import toy_world


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that training reads, written once."""
    folder = tmp_path_factory.mktemp("toy")
    toy_world(folder)
    return folder


@pytest.fixture
def world(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh working directory with it; torch's settings are put back."""
    shutil.copytree(toy / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield tmp_path
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
