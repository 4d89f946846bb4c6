"""A small world that the models can learn in seconds: one coloured square in one of four places."""

from pathlib import Path
from typing import Any

import numpy as np

from sartext.core.config import Config, parse_config
from sartext.core.records import Caption, Question, Scene
from sartext.core.seeds import generator
from sartext.core.tables import write_records
from sartext.models.tokenizer import train_tokenizer

SIZE = 32
COLOURS = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220), "white": (240, 240, 240)}
PLACES = {"top left": (0, 0), "top right": (0, 1), "bottom left": (1, 0), "bottom right": (1, 1)}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "clip": {
        "embed_dim": 32,
        "vision_cfg": {"layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"layers": 1, "width": 32, "heads": 2},
    },
    "coca": {
        "embed_dim": 32,
        "vision_cfg": {
            "layers": 1,
            "width": 32,
            "head_width": 16,
            "patch_size": 8,
            "attentional_pool": True,
            "attn_pooler_heads": 2,
            "attn_pooler_queries": 9,
            "output_tokens": True,
        },
        "text_cfg": {"layers": 1, "width": 32, "heads": 2, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {"layers": 2, "width": 32, "heads": 2},
    },
    "gpt": {
        "num_query_tokens": 4,
        "vision_config": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "patch_size": 8,
        },
        "qformer_config": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "cross_attention_frequency": 1,
            "encoder_hidden_size": 32,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        "text_config": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
        },
    },
}
SOURCE = {
    "root": "data/none",
    "format": "coco",
    "layout": {"annotations": "a.json"},
    "licence": "none",
    "citation": "none",
    "obtain": "made by a test",
}


def toy_config(
    model: str = "clip",
    engine: dict[str, Any] | None = None,
    architecture: dict[str, Any] | None = None,
    **training: Any,
) -> Config:
    """A profile with one model."""
    hyper = {
        "seeds": [0],
        "stage1_samples": 32,
        "stage2_samples": 48,
        "batch_size": 16,
        "learning_rate": 3e-3,
        "weight_decay": 0.1,
        "warmup_share": 0.1,
        "clip_norm": 1.0,
        "val_interval": 2,
        "checkpoint_interval": 2,
        **training,
    }
    return parse_config(
        {
            "profile": "toy",
            "data_note": "a toy",
            "seed": 0,
            "disk_gb": 0.1,
            "sources": [
                {**SOURCE, "name": "opt", "title": "Opt", "modality": "optical"},
                {**SOURCE, "name": "sar", "title": "Sar", "modality": "sar", "branches": ["a2c"]},
            ],
            "images": {"size": SIZE, "max_rejected_share": 0},
            "vocabulary": 360,
            "models": {
                model: {
                    "title": model,
                    "architecture": architecture or ARCHITECTURES[model],
                    "context_length": 32,
                    "tasks": [],
                    "training": hyper,
                }
            },
            "recipes": ["base", "optical", "sar", "sar-matched", "joint", "two-stage"],
            "engine": {"zero_stage": 1, "processes": 1, "threads": 1, **(engine or {})},
            "evaluation": {"version": "draft"},
        },
        "toy",
    )


def square(source: str, number: int) -> tuple[np.ndarray, str, str]:
    """One image, uint8 (S, S, 3), with the colour and the place of its square."""
    random = generator("toy", source, number)
    colour, place = list(COLOURS)[random.integers(4)], list(PLACES)[random.integers(4)]
    image = random.integers(0, 40, (SIZE, SIZE, 3)).astype(np.uint8)
    y, x = PLACES[place]
    half = SIZE // 2
    image[y * half + 2 : y * half + half - 2, x * half + 2 : x * half + half - 2] = COLOURS[colour]
    return image, colour, place


def toy_set(folder: Path, name: str, source: str, count: int) -> None:
    """Write ``results/toy/NAME`` and the images of its one source; a tenth each is val and test."""
    modality = "optical" if source == "opt" else "sar"
    images, scenes, captions, questions = [], [], [], []
    for number in range(count):
        image, colour, place = square(source, number)
        grey = image.mean(axis=2, keepdims=True).astype(np.uint8)
        images.append(image if modality == "optical" else grey)
        split = "test" if number % 10 == 9 else "val" if number % 10 == 8 else "train"
        scene_id = f"{source}/{number}"
        scenes.append(Scene(scene_id, source, split, modality, f"{scene_id}.png", SIZE, SIZE))
        captions += [
            Caption(scene_id, "given", f"There is a {colour} square in the {place}."),
            Caption(scene_id, "given", f"A square that is {colour} lies at the {place}."),
        ]
        questions += [
            Question(f"{scene_id}-0", scene_id, "class", "What is the color of the square?", colour),
            Question(f"{scene_id}-1", scene_id, "location", "Where is the square?", place),
        ]
    results = folder / "results" / "toy"
    write_records(results / "scenes" / source / "scenes.parquet", scenes, Scene)
    np.save(results / "scenes" / source / "images.npy", np.stack(images))
    write_records(results / name / "scenes.parquet", scenes, Scene)
    write_records(results / name / "captions.parquet", captions, Caption)
    write_records(results / name / "questions.parquet", questions, Question)


def toy_texts() -> list[str]:
    """Every sentence of the world."""
    return [
        text
        for colour in COLOURS
        for place in PLACES
        for text in (
            f"There is a {colour} square in the {place}.",
            f"A square that is {colour} lies at the {place}.",
            f"question: What is the color of the square? answer: {colour}",
            f"question: Where is the square? answer: {place}",
        )
    ]


def toy_world(folder: Path) -> None:
    """Write all that training reads below `folder`."""
    toy_set(folder, "stage1", "opt", 60)
    toy_set(folder, "sartext", "sar", 60)
    train_tokenizer(toy_texts(), 360, folder / "results" / "toy" / "tokenizer")
