"""Training runs: from a recipe and a seed to a checkpoint folder.

``results/P/checkpoints/MODEL/RECIPE/SEED/`` holds the export (see `sartext.models.build.save_model`),
``train.jsonl``, ``tensorboard/``, ``state/`` (DeepSpeed's, to resume from), and, written last, ``run.json``.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import digest_json, list_files, read_json, sha256_file, write_json
from sartext.core.provenance import code_digest
from sartext.models.tokenizer import FILES, Tokenizer
from sartext.models.vocabulary import tokenizer_folder
from sartext.training.data import Mix, Pixels, TextSet, read_set, require_samples
from sartext.training.launch import errors_told, is_rank, relaunch
from sartext.training.recipes import Recipe, chosen_recipes, steps
from sartext.training.watch import require_wandb

if TYPE_CHECKING:
    from torch import Tensor

    from sartext.training.machine import Machine

_TABLES = ("scenes.parquet", "captions.parquet", "questions.parquet")
_LOGS = ("train.jsonl", "run.json", "tensorboard", "state")


def run_folder(config: Config, model: str, recipe: str, seed: int) -> Path:
    """Where a run lies."""
    return config.results / "checkpoints" / model / recipe / str(seed)


@cache
def _file_digest(path: Path, _changed: float) -> str:
    return sha256_file(path)


def _digest(path: Path) -> str:
    """Digest of a file, or ``missing``; read once a process."""
    return _file_digest(path.resolve(), path.stat().st_mtime) if path.is_file() else "missing"


@dataclass
class Room:
    """What all runs of one call share: the profile, the texts and the images.

    Attributes:
        config: the profile.
        model: ``clip``, ``coca`` or ``gpt``.
    """

    config: Config
    model: str
    pixels: Pixels = field(init=False)
    _sets: dict[tuple[str, str], TextSet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pixels = Pixels(self.config)

    @property
    def tokenizer(self) -> Path:
        """Folder of the vocabulary."""
        return tokenizer_folder(self.config, self.model)

    def train_set(self, name: str) -> TextSet:
        """The training split of a set; `UserError` if it is empty."""
        if (name, "train") not in self._sets:
            found = read_set(self.config, name, self.model, "train", self.pixels)
            self._sets[name, "train"] = require_samples(found, self.config)
        return self._sets[name, "train"]

    def val_set(self, name: str) -> TextSet:
        """The validation split of a set, which may be empty."""
        if (name, "val") not in self._sets:
            self._sets[name, "val"] = read_set(self.config, name, self.model, "val", self.pixels)
        return self._sets[name, "val"]

    def mix(self, recipe: Recipe, seed: int) -> Mix:
        """What a recipe learns from."""
        return Mix(tuple((self.train_set(name), count) for name, count in recipe.samples), seed)

    def inputs(self, recipe: Recipe, seed: int, start: str) -> str:
        """Digest of all that decides a run's weights.

        Args:
            recipe: the recipe.
            seed: the seed.
            start: digest of the weights it starts from.
        """
        entry = self.config.model(self.model).model_dump(mode="json")
        names = {name for name, _ in recipe.samples} | ({recipe.validated_on} if recipe.samples else set())
        texts = {
            f"{name}/{table}": _digest(self.config.results / name / table)
            for name in sorted(names)
            for table in _TABLES
        }
        sources = {
            sample.scene_id.split("/")[0]
            for name, _ in recipe.samples
            for group in self.train_set(name).groups
            for sample in group[:1]
        }
        scenes = self.config.results / "scenes"
        return digest_json(
            {
                "architecture": entry["architecture"],
                "context_length": entry["context_length"],
                "adapted": [entry["frozen"], entry["lora"]],
                "training": {key: value for key, value in entry["training"].items() if key != "seeds"},
                "engine": self.config.engine.arithmetic,
                "image_size": self.config.images.size,
                "tokenizer": [_digest(self.tokenizer / name) for name in FILES],
                "recipe": [recipe.name, recipe.samples],
                "seed": seed,
                "start": start,
                "texts": texts,
                "images": {name: _digest(scenes / name / "images.npy") for name in sorted(sources)},
                "code": code_digest("sartext.training"),
            }
        )


def _check_batch(config: Config, model: str) -> None:
    """`UserError` if a batch cannot be shared out equally."""
    training, processes = config.model(model).training, config.engine.processes
    where = f"{config.profile}: models.{model}.training"
    if training.batch_size % processes:
        raise UserError(
            f"{where}.batch_size {training.batch_size} is not a multiple of engine.processes {processes}; "
            "make it one"
        )
    share = training.batch_size // processes
    if training.micro_batch_size and share % training.micro_batch_size:
        raise UserError(
            f"{where}.micro_batch_size {training.micro_batch_size} does not divide a process's share of "
            f"{share} (batch_size over engine.processes); make it do so"
        )


def check(config: Config, model: str, recipes: Sequence[Recipe], seeds: Sequence[int]) -> None:
    """Find the user's mistakes before anything heavy is loaded.

    Raises:
        UserError: see `train`.
    """
    if any(recipe.released for recipe in recipes) and list(seeds) != [0]:
        raise UserError(f"{config.profile}: released weights have no seed; give --seed 0 with them")
    _check_batch(config, model)
    require_wandb(config.engine)
    room = Room(config, model)
    Tokenizer.load(room.tokenizer)
    planned = {recipe.name for recipe in recipes}
    for recipe in recipes:
        for name, _ in recipe.samples:
            room.train_set(name)
        if recipe.after is None or recipe.after in planned:
            continue
        for seed in seeds:
            parent = run_folder(config, model, recipe.after, seed)
            if not (parent / "run.json").is_file():
                raise UserError(
                    f"{parent}: no finished run there; recipe {recipe.name} starts from {recipe.after}: "
                    f"run 'sartext train --model {model} --recipe {recipe.after} --seed {seed}' first"
                )


def _start_weights(room: Room, recipe: Recipe, seed: int, module: Any) -> str:
    """Give a module the weights its recipe starts from; it has the base weights already. Return their digest.

    Raises:
        UserError: the checkpoint it goes on from was changed, is damaged, or is of another architecture or
            vocabulary.
    """
    from sartext.training.engine import weights_digest

    if recipe.after is None:
        return weights_digest(module.state_dict())
    from sartext.models.build import go_on_from

    folder = run_folder(room.config, room.model, recipe.after, seed)
    said = read_json(folder / "run.json", "a run's summary")
    vocabulary = folder / "tokenizer.json"
    if vocabulary.is_file() and not Tokenizer.load(folder).same_as(Tokenizer.load(room.tokenizer)):
        raise UserError(
            f"{vocabulary}: another vocabulary than {room.tokenizer}; train {recipe.after} again with that"
        )
    go_on_from(module, folder)
    start = weights_digest(module.state_dict())
    if not isinstance(said, dict) or said.get("weights_at_end") != start:
        raise UserError(
            f"{folder}: its weights are not those that its run.json says it ended with: they were changed; "
            f"train {recipe.after} again"
        )
    return start


def _clear(folder: Path) -> None:
    """Forget a former run of the same name."""
    for name in _LOGS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _finished(folder: Path, inputs: str) -> bool:
    if not (folder / "run.json").is_file():
        return False
    said = read_json(folder / "run.json", "a run's summary")
    return isinstance(said, dict) and said.get("inputs") == inputs


def _learn(room: Room, recipe: Recipe, seed: int, module: Any, inputs: str, where: "Machine") -> Any:
    """Train a module; return its final weights and what the loop cost."""
    from sartext.models.build import preprocess
    from sartext.training.collate import build_collator
    from sartext.training.engine import Trainer
    from sartext.training.feed import Lesson
    from sartext.training.loop import Run, run_steps, validation_count
    from sartext.training.objective import build_objective

    config, training = room.config, room.config.model(room.model).training
    tokenizer = Tokenizer.load(room.tokenizer)
    objective = build_objective(room.model, module, config, tokenizer.pad, preprocess(config))
    queries = module.config.num_query_tokens if room.model == "gpt" else 0
    lesson = Lesson(
        room.mix(recipe, seed),
        room.pixels,
        build_collator(room.model, config, tokenizer, queries),
        training,
        where,
    )
    run = Run(
        title=f"{config.profile}: {room.model} {recipe.name}, seed {seed}",
        folder=run_folder(config, room.model, recipe.name, seed),
        inputs=inputs,
        seed=seed,
        steps=steps(recipe, training.batch_size),
        training=training,
        engine=config.engine,
    )
    val = room.val_set(recipe.validated_on).first(validation_count(training.batch_size))
    trainer = Trainer(objective, training, config.engine, where, run.steps)
    try:
        cost = run_steps(run, trainer, lesson, val)
        return trainer.weights(), cost
    finally:
        trainer.close()


def _run(room: Room, recipe: Recipe, seed: int, resume: bool, where: "Machine") -> None:
    from sartext.models.build import build_model, released_config, save_model
    from sartext.training.engine import weights_digest
    from sartext.training.states import newest_state

    if recipe.released:
        room = Room(released_config(room.config, room.model, recipe.name), room.model)
    config = room.config
    folder = run_folder(config, room.model, recipe.name, seed)
    module = build_model(room.model, config, room.tokenizer, seed)
    start = _start_weights(room, recipe, seed, module)
    inputs = room.inputs(recipe, seed, start)
    if resume and _finished(folder, inputs):
        return
    where.wait()
    if where.first:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").unlink(missing_ok=True)
        if not (resume and newest_state(folder / "state", inputs, where.world)):
            _clear(folder)
    where.wait()
    seconds, cpu_seconds = 0.0, 0.0
    weights: dict[str, Tensor] = module.state_dict()
    if recipe.samples:
        weights, (seconds, cpu_seconds) = _learn(room, recipe, seed, module, inputs, where)
    if where.first:
        training = config.model(room.model).training
        count = steps(recipe, training.batch_size)
        save_model(module, room.model, config, room.tokenizer, folder, weights)
        write_json(
            folder / "run.json",
            {
                "inputs": inputs,
                "weights_at_start": start,
                "weights_at_end": weights_digest(weights),
                "steps": count,
                "samples": count * training.batch_size,
                "parameters": sum(value.numel() for value in weights.values()),
                "device": config.engine.device,
                "seconds": round(seconds, 3),
                "cpu_seconds": round(cpu_seconds, 3),
                "samples_per_second": round(count * training.batch_size / seconds, 3) if seconds else None,
                "peak_memory_mb": where.peak_memory_mb(),
            },
        )
    where.wait()


def train(
    config: Config, model: str, recipes: Sequence[str], seeds: Sequence[int], resume: bool = False
) -> None:
    """Train a model by some recipes and seeds, in one process or as many as the profile says.

    Args:
        config: the profile.
        model: ``clip``, ``coca`` or ``gpt``.
        recipes: names; one that starts from another comes after it.
        seeds: one run of each recipe for each.
        resume: leave out runs that were finished from the same inputs, and go on with those that were
            stopped. Without it all start anew.

    Raises:
        UserError: the profile has no such model or recipe; a table, image array, vocabulary or earlier
            checkpoint is missing; an empty training split; no GPU; a loss that is not finite.
    """
    chosen = chosen_recipes(config, model, recipes)
    with errors_told():
        if not is_rank():
            check(config, model, chosen, seeds)
            if config.engine.processes > 1:
                relaunch(config, model, [recipe.name for recipe in chosen], seeds, resume)
                return
        from sartext.training.machine import machine

        room, where = Room(config, model), machine(config.engine)
        for seed in seeds:
            for recipe in chosen:
                _run(room, recipe, seed, resume, where)


def export_files(folder: Path) -> list[Path]:
    """Files of a run's export, relative to its folder: those that equal runs write with equal bytes."""
    return [path for path in list_files(folder) if path.parts[0] not in _LOGS]
