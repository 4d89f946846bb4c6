"""The paper's three models at their sizes on a CPU: built, trained two steps, resumed, exported, and used.

    python tests/benchmarks/paper_sizes.py OUT [--model clip|coca|gpt] [--zero-stage N]

Each model is built from ``config/paper.yaml`` with random weights (nothing is fetched; GPT gets a vocabulary
of its own), takes two steps under DeepSpeed in float32 on noise with real texts, and saves its state after
the first. A second process builds it anew, goes on from that state, and must end with the very weights of the
first; it writes the export. A third loads the export by open_clip or transformers alone and runs it. One
process at a time; peak memory is each one's own. Needs 20 GB of memory and 25 of disk; OUT is emptied between
models.
"""

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from sartext.core.config import CONFIG_FOLDER, Config, load_config, parse_config
from sartext.core.seeds import generator

MODELS = ("clip", "coca", "gpt")
PHASES = ("train", "resume", "use")
TEXTS = ("There are 3 ships.", "A harbor with two bridges lies at the edge of this image.")
# a contrastive loss of one pair is nothing
BATCH = {"clip": 2, "coca": 2, "gpt": 1}
_STEPS = 2


def cpu_config(name: str, stage: int) -> Config:
    """``config/paper.yaml`` with one model, no weights to fetch, and two steps on this CPU."""
    raw = load_config(CONFIG_FOLDER / "paper.yaml").model_dump(mode="json")
    model = raw["models"][name]
    model |= {"base": [], "fresh": [], "released": {}}
    if name == "gpt":
        model["tokenizer"] = "learned"
    model["training"] |= {"batch_size": BATCH[name], "micro_batch_size": 1 if name == "gpt" else None}
    raw |= {
        "models": {name: model},
        "sources": [source for source in raw["sources"] if "pair" not in source["branches"]],
        "engine": {
            "zero_stage": stage,
            "processes": 1,
            "threads": 2,
            "device": "cpu",
            "precision": "float32",
        },
    }
    return parse_config(raw, "paper.yaml")


class Noise:
    """Images of noise, drawn by the scene's name."""

    def __init__(self, size: int) -> None:
        self._size = size

    def batch(self, scene_ids: Sequence[str]) -> NDArray[np.uint8]:
        """Return uint8 (N, S, S, 3)."""
        shape = (self._size, self._size, 3)
        return np.stack([generator("noise", name).integers(0, 256, shape, np.uint8) for name in scene_ids])


def _vocabulary(config: Config, name: str, folder: Path) -> None:
    from sartext.models.tokenizer import take_tokenizer, train_tokenizer

    if config.model(name).tokenizer == "learned":
        train_tokenizer([f"question: {text} answer: {text}" for text in TEXTS], config.vocabulary, folder)
    else:
        take_tokenizer(config.model(name).tokenizer, folder)


def _trainer(config: Config, name: str, folder: Path) -> tuple[Any, Any, Any, int]:
    """The model, its trainer and one batch; and how many of its parameters are trained."""
    from sartext.models.build import build_model, preprocess
    from sartext.models.tokenizer import Tokenizer
    from sartext.training.collate import build_collator
    from sartext.training.data import Sample
    from sartext.training.engine import Trainer
    from sartext.training.machine import machine
    from sartext.training.objective import build_objective

    where = machine(config.engine)
    tokenizer = Tokenizer.load(folder / "tokenizer")
    module: Any = build_model(name, config, folder / "tokenizer", 0)
    trained = sum(value.numel() for value in module.parameters() if value.requires_grad)
    queries = module.config.num_query_tokens if name == "gpt" else 0
    samples = [Sample(str(row), TEXTS[row], "What is there?") for row in range(BATCH[name])]
    pixels: Any = Noise(config.images.size)
    batch = build_collator(name, config, tokenizer, queries)(samples, pixels)
    objective = build_objective(name, module, config, tokenizer.pad, preprocess(config))
    return (
        module,
        Trainer(objective, config.model(name).training, config.engine, where, _STEPS),
        batch,
        trained,
    )


def _digest(module: Any) -> str:
    """Digest of what is trained: frozen parts are the seed's in every process."""
    from sartext.training.engine import weights_digest

    return weights_digest({name: value for name, value in module.named_parameters() if value.requires_grad})


def _phase_train(config: Config, name: str, folder: Path) -> dict[str, Any]:
    began = time.perf_counter()
    _vocabulary(config, name, folder / "tokenizer")
    module, trainer, batch, trained = _trainer(config, name, folder)
    built = time.perf_counter()
    losses = []
    for step in range(_STEPS):
        losses.append(sum(trainer.backward([batch], [step]).values()))
        trainer.step(step)
        if step == 0:
            stepped = time.perf_counter()
            trainer.save(folder / "state", 1, "paper", (0.0, 0.0))
            saved = time.perf_counter()
    ended = time.perf_counter()
    return {
        "parameters": sum(value.numel() for value in module.parameters()),
        "trained": trained,
        "losses": losses,
        "build_s": built - began,
        "step_s": (ended - saved + stepped - built) / _STEPS,
        "save_s": saved - stepped,
        "state_gb": sum(path.stat().st_size for path in (folder / "state").rglob("*") if path.is_file())
        / 1e9,
        "digest": _digest(module),
    }


def _phase_resume(config: Config, name: str, folder: Path) -> dict[str, Any]:
    from sartext.models.build import save_model

    module, trainer, batch, _ = _trainer(config, name, folder)
    began = time.perf_counter()
    trainer.load(folder / "state", 1)
    loaded = time.perf_counter()
    loss = sum(trainer.backward([batch], [1]).values())
    trainer.step(1)
    digest = _digest(module)
    weights = trainer.weights()
    trainer.close()
    shutil.rmtree(folder / "state")
    (folder / "export").mkdir()
    exporting = time.perf_counter()
    save_model(module, name, config, folder / "tokenizer", folder / "export", weights)
    return {
        "load_s": loaded - began,
        "losses": [loss],
        "digest": digest,
        "export_s": time.perf_counter() - exporting,
        "export_gb": sum(path.stat().st_size for path in (folder / "export").iterdir()) / 1e9,
    }


def _use_open_clip(folder: Path, size: int) -> str:
    import open_clip
    import torch
    from PIL import Image

    path = f"local-dir:{folder}"
    module, _, transform = open_clip.create_model_and_transforms(path)
    image = Image.fromarray(Noise(size).batch(["0"])[0])
    with torch.no_grad():
        images = module.encode_image(transform(image)[None], normalize=True)
        texts = module.encode_text(open_clip.get_tokenizer(path)(list(TEXTS)), normalize=True)
    return f"similarities {[round(value, 4) for value in (images @ texts.T)[0].tolist()]}"


def _use_transformers(folder: Path, size: int) -> str:
    import torch
    from PIL import Image
    from transformers import Blip2ForConditionalGeneration, Blip2Processor

    # in float32 it is 15.5 GB
    module = Blip2ForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16).eval()
    processor = Blip2Processor.from_pretrained(folder)
    image = Image.fromarray(Noise(size).batch(["0"])[0])
    inputs = processor(images=image, text="question: What is there? answer:", return_tensors="pt")
    inputs["pixel_values"] = inputs["pixel_values"].bfloat16()
    out = module.generate(**inputs, max_new_tokens=5, do_sample=False)
    return f"{out.shape[1] - inputs['input_ids'].shape[1]} tokens said"


def _phase_use(config: Config, name: str, folder: Path) -> dict[str, Any]:
    began = time.perf_counter()
    use = _use_transformers if name == "gpt" else _use_open_clip
    told = use(folder / "export", config.images.size)
    return {"use_s": time.perf_counter() - began, "told": told}


def _measured(name: str, phase: str, folder: Path, stage: int) -> dict[str, Any]:
    """Run a phase in a process of its own, and return what it measured."""
    command = [
        sys.executable,
        __file__,
        str(folder),
        "--model",
        name,
        "--phase",
        phase,
        "--zero-stage",
        str(stage),
    ]
    subprocess.run(command, check=True)
    found: dict[str, Any] = json.loads((folder / f"{phase}.json").read_text())
    return found


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", "models", multiple=True, type=click.Choice(MODELS), default=MODELS)
@click.option("--zero-stage", "stage", type=click.IntRange(0, 2), default=1, show_default=True)
@click.option("--phase", type=click.Choice(PHASES), help="One phase in this process, as the whole calls it.")
def main(folder: Path, models: tuple[str, ...], stage: int, phase: str | None) -> None:
    """Measure in FOLDER, which is emptied."""
    if phase is not None:
        (name,) = models
        phases = {"train": _phase_train, "resume": _phase_resume, "use": _phase_use}
        found = phases[phase](cpu_config(name, stage), name, folder)
        found["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        (folder / f"{phase}.json").write_text(json.dumps(found))
        return
    for name in models:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        results = {phase: _measured(name, phase, folder, stage) for phase in PHASES}
        same = results["train"]["digest"] == results["resume"]["digest"]
        for phase, found in results.items():
            shown = {
                key: round(value, 2) if isinstance(value, float) else value
                for key, value in found.items()
                if key != "digest"
            }
            click.echo(f"{name} {phase}: {json.dumps(shown)}")
        click.echo(f"{name}: resumed weights are {'the same' if same else 'NOT the same'}")
        if not same:
            sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
