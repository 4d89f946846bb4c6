"""The vocabularies of a profile, and what the learned one is learned from.

Those are the training texts that exist before SAR-TEXT does.
"""

from collections.abc import Iterator
from pathlib import Path

from sartext.core.config import Config
from sartext.core.records import Branch
from sartext.core.tables import read_captions, read_questions, read_scenes
from sartext.models.prompts import question_text
from sartext.models.tokenizer import take_tokenizer, train_tokenizer

# captions of pairs are written by a model that needs the vocabulary
_BRANCHES: tuple[Branch, ...] = ("a2c", "sa2c")


def _trained_on(scenes: Path) -> set[str]:
    return {scene.scene_id for scene in read_scenes(scenes) if scene.split == "train"}


def vocabulary_texts(config: Config) -> Iterator[str]:
    """Yield the training captions and questions of stage 1 and the training captions that SAR-Narrator wrote.

    Words that only occur elsewhere are spelled with bytes.

    Raises:
        UserError: a table is missing.
    """
    stage1 = config.results / "stage1"
    known = _trained_on(stage1 / "scenes.parquet")
    for caption in read_captions(stage1 / "captions.parquet"):
        if caption.scene_id in known:
            yield caption.caption
    for asked in read_questions(stage1 / "questions.parquet"):
        if asked.scene_id in known:
            yield f"{question_text(asked.question)} {asked.answer}"
    for source in config.sources:
        for branch in _BRANCHES:
            if branch in source.branches:
                known = _trained_on(config.results / "scenes" / source.name / "scenes.parquet")
                for caption in read_captions(config.results / "captions" / f"{source.name}.{branch}.parquet"):
                    if caption.scene_id in known:
                        yield caption.caption


LEARNED = "learned"


def tokenizer_folder(config: Config, model: str) -> Path:
    """Where a model's vocabulary lies: the learned one is shared, one taken over is the model's own."""
    shared = config.model(model).tokenizer == LEARNED
    return config.results / "tokenizer" if shared else config.results / "tokenizers" / model


def make_vocabularies(config: Config) -> list[Path]:
    """Learn or take over the vocabularies of a profile's models, and return their folders.

    Raises:
        UserError: a table is missing, there are no training texts, or a named tokenizer is not to be had.
    """
    folders = []
    for name, model in config.models.items():
        folder = tokenizer_folder(config, name)
        if folder in folders:
            continue
        if model.tokenizer == LEARNED:
            train_tokenizer(vocabulary_texts(config), config.vocabulary, folder)
        else:
            take_tokenizer(model.tokenizer, folder)
        folders.append(folder)
    return folders
