"""One model in training under DeepSpeed: steps of micro-batches, ZeRO 0 to 3, and its weights at the end."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sartext.core.config import EngineConfig, TrainingConfig
from sartext.core.errors import UserError
from sartext.core.files import digest_json, sha256_bytes
from sartext.training.collate import Batch
from sartext.training.machine import Machine
from sartext.training.objective import MAX_LOGIT_SCALE, Share, shares
from sartext.training.schedule import BETAS, EPS, learning_rate, parameter_groups
from sartext.training.states import load_state, read_safely, save_state

# with deterministic algorithms on, buckets are refilled every step: DeepSpeed's default of 5e8 takes seconds
_BUCKET = 2_000_000


def _deepspeed() -> Any:
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    import deepspeed
    from deepspeed.ops import __compatible_ops__

    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    # its shared-memory collectives are compiled at first use, which takes a minute and a compiler
    __compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed


def micro_batches(training: TrainingConfig, world: int) -> int:
    """Return how many micro-batches of a process make a step."""
    share = training.batch_size // world
    return share // (training.micro_batch_size or share)


def deepspeed_config(engine: EngineConfig, training: TrainingConfig, world: int) -> dict[str, Any]:
    """Return DeepSpeed's configuration for a profile's."""
    count = micro_batches(training, world)
    return {
        "train_batch_size": training.batch_size,
        "train_micro_batch_size_per_gpu": training.batch_size // world // count,
        "gradient_accumulation_steps": count,
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
    """Return a SHA-256 over named weights; floating-point ones as float32."""
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


def _keep_little(model: Any) -> None:
    """Let a model forget activations and compute them again on the way back."""
    if hasattr(model, "set_grad_checkpointing"):
        model.set_grad_checkpointing(True)
    else:
        model.gradient_checkpointing_enable({"use_reentrant": False})


def _require_whole_batches(module: nn.Module, count: int) -> None:
    """`UserError` if micro-batches would change what a model learns from a batch."""
    if count > 1 and any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules()):
        raise UserError(
            "training.micro_batch_size: the model has batch normalisation, whose statistics are those of a "
            "micro-batch: it would train another model; leave micro_batch_size out"
        )


@contextmanager
def _memory_told(training: TrainingConfig, engine: EngineConfig, count: int) -> Iterator[None]:
    """Say in one line that memory ran out, and which knobs there are."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # on a CPU torch has no type of its own for it
        words = str(error)
        known = isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in words
        if not known:
            raise
        size = training.micro_batch_size or training.batch_size // engine.processes // count
        knobs = [f"lower training.micro_batch_size (now {size})"] if size > 1 else []
        if not training.activation_checkpointing:
            knobs.append("set training.activation_checkpointing")
        if engine.zero_stage < 3 and engine.processes > 1:
            knobs.append(f"raise engine.zero_stage (now {engine.zero_stage})")
        raise UserError(
            f"out of memory ({words.splitlines()[0][:120] or 'MemoryError'}); "
            f"{', '.join(knobs) or 'use a smaller architecture, or a machine with more memory'}"
        ) from None


class Trainer:
    """One model in training under DeepSpeed.

    Args:
        objective: the model with its loss (see `sartext.training.objective`).
        training: hyper-parameters.
        engine: ZeRO stage and precision.
        where: this process.
        steps: of the whole recipe, for the schedule.

    Raises:
        UserError: the model cannot be trained by micro-batches; no memory for its optimizer.
    """

    def __init__(
        self, objective: Any, training: TrainingConfig, engine: EngineConfig, where: Machine, steps: int
    ) -> None:
        self._library = _deepspeed()
        self._training = training
        self._settings = engine
        self._where = where
        self._steps = steps
        self._objective = objective
        self.micro_batches = micro_batches(training, where.world)
        _require_whole_batches(objective, self.micro_batches)
        if training.activation_checkpointing:
            _keep_little(objective.model)
        with self._memory_told():
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
        if where.world == 1 and engine.zero_stage == 0:
            # gradients would be copied to a buffer and back for a sum over one process
            self._engine.enable_backward_allreduce = False
        read_safely(self._engine)

    def _memory_told(self) -> Any:
        return _memory_told(self._training, self._settings, self.micro_batches)

    def _counted(self, batches: Sequence[Batch]) -> list[Batch]:
        """Micro-batches on the device, each with the count of tokens of the whole batch."""
        placed = [
            {name: value.to(self._where.device, non_blocking=True) for name, value in batch.items()}
            for batch in batches
        ]
        tokens = torch.stack([self._objective.tokens(batch) for batch in placed]).sum().float()
        total = self._where.sum(tokens)
        return [{**batch, "tokens": total} for batch in placed]

    def loss(self, batch: Batch) -> dict[str, float]:
        """Return the parts of the loss of a batch, without learning from it."""
        self._engine.eval()
        with torch.no_grad(), self._memory_told():
            parts = self._engine(*self._counted([batch]))
        return {name: self._where.mean(value) for name, value in parts.items()}

    def _scale(self) -> Tensor:
        """The factor of similarities, on every process."""
        from deepspeed.runtime.zero.partition_parameters import GatheredParameters

        held = self._objective.model.logit_scale
        with GatheredParameters([held]), torch.no_grad():
            return torch.exp(held.detach()).clone()

    def _shares(self, batches: list[Batch], seeds: Sequence[int]) -> Sequence[Share | None]:
        """Each micro-batch's part of a contrastive loss of the whole batch."""
        if len(batches) == 1 or not self._objective.contrastive:
            return [None] * len(batches)
        compared = []
        with torch.no_grad():
            for batch, seed in zip(batches, seeds, strict=True):
                torch.manual_seed(seed)
                compared.append(self._engine(batch, compared=True))
        return shares(compared, self._scale())

    def backward(self, batches: Sequence[Batch], seeds: Sequence[int]) -> dict[str, float]:
        """Add up the gradients of one step's batch.

        Args:
            batches: this process's micro-batches, `micro_batches` of them.
            seeds: of chance (dropout), one a micro-batch.

        Returns:
            The parts of the loss of the whole batch, over all processes.
        """
        self._engine.train()
        sums: dict[str, Tensor] = {}
        with self._memory_told():
            placed = self._counted(batches)
            for batch, share, seed in zip(placed, self._shares(placed, seeds), seeds, strict=True):
                torch.manual_seed(seed)
                parts: dict[str, Tensor] = self._engine(batch, share)
                # the parts are shares of the whole batch already
                self._engine.backward(torch.stack(list(parts.values())).sum(), scale_wrt_gas=False)
                for name, value in parts.items():
                    sums[name] = sums[name] + value.detach() if name in sums else value.detach()
                if batch is not placed[-1]:
                    self._engine.step()  # not the last: it only counts
        return {name: self._where.mean(value) for name, value in sums.items()}

    def step(self, step: int) -> float:
        """Learn from the gradients of `backward`; return the learning rate."""
        rate = learning_rate(step, self._steps, self._training)
        for group in self._engine.optimizer.param_groups:
            group["lr"] = rate
        with self._memory_told():
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
        """Return the model's state on the CPU; every process must ask for it.

        Trained parts are float32, the optimizer's own; parts that were not trained are as they were held.
        """
        from deepspeed.runtime.zero.partition_parameters import GatheredParameters
        from deepspeed.utils import safe_get_full_fp32_param

        model: nn.Module = self._objective.model
        rounded = self._settings.precision == "bfloat16"
        held: dict[int, Tensor] = {}
        for parameter in model.parameters():
            if not parameter.requires_grad and getattr(parameter, "ds_id", None) is None:
                # nothing writes to it: no copy of what may be most of the model
                held[id(parameter)] = parameter.detach().cpu()
                continue
            exact = safe_get_full_fp32_param(parameter) if rounded and parameter.requires_grad else None
            if exact is None:
                with GatheredParameters([parameter]):
                    exact = parameter.detach().float() if parameter.requires_grad else parameter.detach()
                    held[id(parameter)] = exact.to("cpu", copy=True)
            else:
                held[id(parameter)] = exact.detach().to("cpu", copy=True)
        return {
            name: held[id(value)] if id(value) in held else value.detach().cpu()
            for name, value in model.state_dict(keep_vars=True).items()
        }

    def save(self, folder: Path, step: int, inputs: str, cost: tuple[float, float]) -> None:
        """Write the state after `step` steps; see `sartext.training.states.save_state`."""
        save_state(self._engine, folder, step, inputs, cost, self._where)

    def load(self, folder: Path, step: int) -> None:
        """Go on from the state after `step` steps; see `sartext.training.states.load_state`."""
        load_state(self._engine, folder, step)

    def close(self) -> None:
        """Free what DeepSpeed holds."""
        self._engine.destroy()
