"""Several processes: this program starts itself again under torchrun, one process a rank."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sartext.core.config import Config, save_config
from sartext.core.errors import UserError

_ERROR_FILE = "SARTEXT_ERROR_FILE"


def is_rank() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def errors_told() -> Iterator[None]:
    """Hand a rank's `UserError` to the process that started it: torchrun passes on no more than a status."""
    try:
        yield
    except UserError as error:
        target = os.environ.get(_ERROR_FILE)
        if is_rank() and target:
            Path(target).write_text(str(error), encoding="utf-8")
        raise


def relaunch(config: Config, model: str, recipes: Sequence[str], seeds: Sequence[int], resume: bool) -> None:
    """Train in ``engine.processes`` processes.

    Raises:
        UserError: what a rank raised.
        RuntimeError: a rank failed otherwise; its own words are on stderr.
    """
    with tempfile.TemporaryDirectory(prefix="sartext-") as folder:
        profile, error = Path(folder) / "config.yaml", Path(folder) / "error.txt"
        save_config(config, profile)
        command = [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", str(config.engine.processes), "--module", "sartext", "train"),
            *("--config", str(profile), "--model", model),
            *(part for recipe in recipes for part in ("--recipe", recipe)),
            *(part for seed in seeds for part in ("--seed", str(seed))),
            *(["--resume"] if resume else []),
        ]
        environment = {
            **os.environ,
            _ERROR_FILE: str(error),
            "OMP_NUM_THREADS": str(config.engine.threads),
        }
        status = subprocess.run(command, env=environment, check=False).returncode
        if error.is_file():
            raise UserError(error.read_text(encoding="utf-8"))
        if status != 0:
            raise RuntimeError(f"a training process failed (torchrun ended with status {status})")
