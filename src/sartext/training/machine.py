"""Where a training process runs: its rank, its device, and what makes equal runs end with equal bytes."""

import atexit
import os
import resource
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import distributed as dist

from sartext.core.config import EngineConfig
from sartext.core.errors import UserError


@dataclass(frozen=True)
class Machine:
    """Where this process stands.

    Attributes:
        rank: of this process, 0 for the one that writes.
        world: processes.
        device: ``cpu``, or the process's GPU.
    """

    rank: int
    world: int
    device: str

    @property
    def first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def slice(self, count: int) -> slice:
        """This process's part of `count` samples."""
        share = count // self.world
        return slice(self.rank * share, (self.rank + 1) * share)

    def sum(self, value: Tensor) -> Tensor:
        """The sum of a value over processes."""
        value = value.detach().clone()
        if self.world > 1:
            dist.all_reduce(value)
        return value

    def mean(self, value: Tensor) -> float:
        """The mean of a value over processes."""
        return float(self.sum(value)) / self.world

    def wait(self) -> None:
        """Wait for the other processes."""
        if self.world > 1:
            dist.barrier()

    def peak_memory_mb(self) -> float:
        """Most memory so far, MiB: of the process, or of its GPU."""
        if self.device != "cpu":
            return round(torch.cuda.max_memory_allocated() / 2**20, 1)
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def require_device(device: str) -> None:
    """Check that the device is there.

    Raises:
        UserError: ``cuda`` without a GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("engine.device: 'cuda', but no GPU was found; set it to cpu, or see sartext doctor")


def set_deterministic(engine: EngineConfig) -> None:
    """Make equal runs end with equal bytes: a fixed number of threads, and algorithms of a fixed order.

    One CPU thread has a fixed order in any algorithm, and the plain ones are faster.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(engine.threads)
    torch.use_deterministic_algorithms(engine.device == "cuda" or engine.threads > 1)
    # no operation reads memory it has not written: filling all of it first costs a tenth of the time
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False


def machine(engine: EngineConfig) -> Machine:
    """Join the processes of a run (see torchrun's environment), or stand alone.

    Raises:
        UserError: no GPU for ``cuda``.
    """
    require_device(engine.device)
    set_deterministic(engine)
    # DeepSpeed wants it set where no launcher did
    local = int(os.environ.setdefault("LOCAL_RANK", "0"))
    device = "cpu"
    if engine.device == "cuda":
        torch.cuda.set_device(local)
        device = f"cuda:{local}"
    else:
        os.environ["DS_ACCELERATOR"] = "cpu"
    if not dist.is_initialized():
        backend = "nccl" if engine.device == "cuda" else "gloo"
        if engine.processes > 1:
            dist.init_process_group(backend)
        else:
            # a store in memory: no port, on which two runs at a time could meet
            store = dist.HashStore()  # type: ignore[attr-defined]
            dist.init_process_group(backend, store=store, rank=0, world_size=1)
        # not sooner: DeepSpeed keeps the group for as long as the process lives
        atexit.register(dist.destroy_process_group)
    return Machine(dist.get_rank(), dist.get_world_size(), device)
