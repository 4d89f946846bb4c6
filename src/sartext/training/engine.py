"""The machine under the loop: processes, determinism, DeepSpeed, and the state to resume from."""

import atexit
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from sartext.core.config import EngineConfig, TrainingConfig
from sartext.core.errors import UserError
from sartext.core.files import digest_json, read_json, sha256_bytes, write_json
from sartext.training.objective import MAX_LOGIT_SCALE, Batch
from sartext.training.schedule import BETAS, EPS, learning_rate, parameter_groups

# with deterministic algorithms on, buckets are refilled every step: DeepSpeed's default of 5e8 takes seconds
_BUCKET = 2_000_000
_NEWEST = "newest.json"


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

    def mean(self, value: Tensor) -> float:
        """The mean of a value over processes."""
        value = value.detach().clone()
        if self.world > 1:
            dist.all_reduce(value)
        return float(value) / self.world

    def wait(self) -> None:
        """Wait for the other processes."""
        if self.world > 1:
            dist.barrier()


def require_device(device: str) -> None:
    """Check that the device is there.

    Raises:
        UserError: ``cuda`` without a GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("engine.device: 'cuda', but no GPU was found; set it to cpu, or see sartext doctor")


def set_deterministic(threads: int) -> None:
    """Make equal runs end with equal bytes: deterministic algorithms and a fixed number of threads."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def machine(engine: EngineConfig) -> Machine:
    """Join the processes of a run (see torchrun's environment), or stand alone.

    Raises:
        UserError: no GPU for ``cuda``.
    """
    require_device(engine.device)
    set_deterministic(engine.threads)
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


def _deepspeed() -> Any:
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    import deepspeed
    from deepspeed.ops import __compatible_ops__

    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    # its shared-memory collectives are compiled at first use, which takes a minute and a compiler
    __compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed


def deepspeed_config(engine: EngineConfig, training: TrainingConfig, world: int) -> dict[str, Any]:
    """Return DeepSpeed's configuration for a profile's."""
    return {
        "train_batch_size": training.batch_size,
        "train_micro_batch_size_per_gpu": training.batch_size // world,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": training.clip_norm,
        "zero_optimization": {
            "stage": engine.zero_stage,
            "reduce_bucket_size": _BUCKET,
            "allgather_bucket_size": _BUCKET,
            "stage3_param_persistence_threshold": 0,
            "overlap_comm": False,
        },
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "bf16": {"enabled": engine.precision == "bfloat16"},
        "steps_per_print": 1 << 30,
    }


def weights_digest(weights: dict[str, Tensor]) -> str:
    """Return a SHA-256 over named float32 weights."""
    return digest_json(
        {
            name: sha256_bytes(
                value.detach()
                .to("cpu", torch.float32)
                .contiguous()
                .view(-1)
                .view(torch.uint8)
                .numpy()
                .tobytes()
            )
            for name, value in weights.items()
        }
    )


class Trainer:
    """One model in training under DeepSpeed.

    Args:
        objective: the model with its loss (see `sartext.training.objective`).
        training: hyper-parameters.
        engine: ZeRO stage and precision.
        where: this process.
        steps: of the whole recipe, for the schedule.
    """

    def __init__(
        self, objective: Any, training: TrainingConfig, engine: EngineConfig, where: Machine, steps: int
    ) -> None:
        self._library = _deepspeed()
        self._training = training
        self._where = where
        self._steps = steps
        self._objective = objective
        self._precision = engine.precision
        objective.to(where.device)
        optimizer = torch.optim.AdamW(
            parameter_groups(objective, training), lr=training.learning_rate, betas=BETAS, eps=EPS
        )
        self._engine, *_ = self._library.initialize(
            model=objective,
            optimizer=optimizer,
            config=deepspeed_config(engine, training, where.world),
            dist_init_required=False,
        )

    def loss(self, batch: Batch) -> dict[str, float]:
        """Return the parts of the loss of a batch, without learning from it."""
        self._engine.eval()
        with torch.no_grad():
            parts = self._engine(batch)
        return {name: self._where.mean(value) for name, value in parts.items()}

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the loss to go back from, and its parts as means over processes."""
        self._engine.train()
        parts: dict[str, Tensor] = self._engine(batch)
        total = torch.stack(list(parts.values())).sum()
        return total, {name: self._where.mean(value) for name, value in parts.items()}

    def backward(self, loss: Tensor, step: int) -> float:
        """Learn from a loss of `forward`; return the learning rate."""
        rate = learning_rate(step, self._steps, self._training)
        for group in self._engine.optimizer.param_groups:
            group["lr"] = rate
        self._engine.backward(loss)
        self._engine.step()
        self._clamp()
        return rate

    def _clamp(self) -> None:
        """Keep the logit scale in [1, 100], in the module and in the optimizer's own copy."""
        scale = getattr(self._objective.model, "logit_scale", None)
        if scale is None:
            return
        from deepspeed.utils import safe_get_full_fp32_param, safe_set_full_fp32_param

        held = safe_get_full_fp32_param(scale)
        if held is None:
            with torch.no_grad():
                scale.clamp_(0, MAX_LOGIT_SCALE)
            return
        clamped = held.clamp(0, MAX_LOGIT_SCALE)
        if not torch.equal(held, clamped):
            safe_set_full_fp32_param(scale, clamped)
            if getattr(scale, "ds_id", None) is None:
                scale.data.copy_(clamped)

    def weights(self) -> dict[str, Tensor]:
        """Return the model's float32 state on the CPU; every process must ask for it."""
        from deepspeed.runtime.zero.partition_parameters import GatheredParameters
        from deepspeed.utils import safe_get_full_fp32_param

        model: nn.Module = self._objective.model
        held: dict[int, Tensor] = {}
        for parameter in model.parameters():
            exact = safe_get_full_fp32_param(parameter) if self._precision == "bfloat16" else None
            if exact is None:
                with GatheredParameters([parameter]):
                    exact = parameter.detach().float()
            held[id(parameter)] = exact.detach().to("cpu", copy=True)
        return {
            name: held[id(value)] if id(value) in held else value.detach().cpu()
            for name, value in model.state_dict(keep_vars=True).items()
        }

    def save(self, folder: Path, step: int, inputs: str, cost: tuple[float, float]) -> None:
        """Write the state after `step` steps, and let go of older ones.

        Args:
            folder: of the states of one run.
            step: steps done.
            inputs: digest of what the run was made from.
            cost: wall and CPU seconds spent so far, those before a resume included.
        """
        tag = f"step-{step}"
        self._engine.save_checkpoint(str(folder), tag=tag, client_state={"step": step}, save_latest=False)
        self._where.wait()
        if self._where.first:
            # only what this file names counts: a state half written when a job was killed does not
            write_json(
                folder / _NEWEST,
                {"tag": tag, "step": step, "inputs": inputs, "world": self._where.world, "cost": list(cost)},
            )
            for old in folder.glob("step-*"):
                if old.name != tag:
                    shutil.rmtree(old, ignore_errors=True)
        self._where.wait()

    def load(self, folder: Path, step: int) -> None:
        """Go on from the state after `step` steps.

        Raises:
            UserError: the state is damaged.
        """
        try:
            path, _ = self._engine.load_checkpoint(str(folder), tag=f"step-{step}")
        except Exception as error:  # torch, zip and pickle errors alike
            raise UserError(
                f"{folder}: damaged ({str(error).splitlines()[0]}); train without --resume"
            ) from None
        if path is None:
            raise UserError(f"{folder}: no state after step {step}; train without --resume")

    def close(self) -> None:
        """Free what DeepSpeed holds."""
        self._engine.destroy()


def newest_state(folder: Path, inputs: str, world: int) -> int:
    """Return the steps done by the newest whole state of a run made from the same inputs, or 0.

    A state of another number of processes does not load, and counts as none.
    """
    path = folder / _NEWEST
    if not path.is_file():
        return 0
    said = read_json(path, "the newest state of a run")
    same = isinstance(said, dict) and said.get("inputs") == inputs and said.get("world") == world
    return int(said["step"]) if same else 0


def spent(folder: Path) -> tuple[float, float]:
    """Return the wall and CPU seconds that the newest state of a run had cost when it was saved."""
    wall, cpu = read_json(folder / _NEWEST, "the newest state of a run")["cost"]
    return float(wall), float(cpu)
