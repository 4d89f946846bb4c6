"""Freezing a benchmark: images and references in one folder with a manifest, which no run can change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import (
    atomic_folder,
    atomic_path,
    read_json,
    write_json,
    write_manifest,
)
from sartext.core.pointers import MANIFEST
from sartext.core.progress import track
from sartext.core.records import Box, Question, Scene
from sartext.core.tables import by_scene, read_captions, read_questions, read_scenes
from sartext.evaluation.files import PAIR_COLUMNS, Pair
from sartext.evaluation.tasks import TRUTH, Definition, draft_definitions, read_definitions

NARRATOR_PREFIX = "n-"
Split = Literal["val", "test"]


@dataclass(frozen=True)
class Item:
    """One image with what is known of it.

    Attributes:
        scene: the scene; its boxes and cover are the truth's where there is one.
        references: sentences of the main column.
        narrated: sentences of the second column; empty where the main column is the narrator's.
        questions: (question id, question, type, answer) of the image.
    """

    scene: Scene
    references: tuple[str, ...]
    narrated: tuple[str, ...] = ()
    questions: tuple[tuple[str, str, str, str], ...] = ()

    @property
    def image_id(self) -> str:
        """The id that names the image's file: the scene's, with ``/`` as ``__``."""
        return self.scene.scene_id.replace("/", "__")


@dataclass(frozen=True)
class _Classes:
    """Every class of the simulator's truth, which is complete: what it does not name is not there."""

    objects: tuple[str, ...]
    covers: tuple[str, ...]


def _classes(truths: dict[str, dict[str, dict[str, Any]]]) -> _Classes:
    entries = [entry for truth in truths.values() for entry in truth.values()]
    return _Classes(
        objects=tuple(sorted({thing["label"] for entry in entries for thing in entry["objects"]})),
        covers=tuple(sorted({name for entry in entries for name in entry["cover"]})),
    )


def _truth(config: Config, source: str) -> dict[str, dict[str, Any]]:
    path = Path("data") / "simulated" / config.profile / "truth" / f"{source}.json"
    entries = read_json(path, "the simulator's truth ('sartext simulate' writes it)")
    return {entry["scene_id"]: entry for entry in entries}


def _narrated(config: Config, source: str) -> dict[str, tuple[str, ...]]:
    sentences: dict[str, tuple[str, ...]] = {}
    for branch in config.source(source).branches:
        captions = read_captions(config.results / "captions" / f"{source}.{branch}.parquet")
        for scene_id, records in by_scene(captions).items():
            sentences[scene_id] = (*sentences.get(scene_id, ()), *(record.caption for record in records))
    return sentences


def _source_items(
    config: Config, source: str, split: Split, truth: dict[str, dict[str, Any]], classes: _Classes | None
) -> list[Item]:
    from sartext.dataset.questions import ask

    narrated = _narrated(config, source)
    told: list[tuple[Scene, tuple[str, ...]]] = []
    for scene in read_scenes(config.results / "scenes" / source / "scenes.parquet"):
        if scene.split != split:
            continue
        entry = truth.get(scene.scene_id)
        if entry is None:
            raise UserError(f"{scene.scene_id}: the simulator's truth of {source} does not know this scene")
        known = Scene(
            scene_id=scene.scene_id,
            source=source,
            split=split,
            modality=scene.modality,
            image=scene.image,
            width=entry["width"],
            height=entry["height"],
            resolution_m=entry["resolution_m"],
            boxes=tuple(Box(**thing) for thing in entry["objects"]),
            cover=entry["cover"],
        )
        told.append((known, tuple(entry.get("references", ()))))
    asked: dict[str, list[Question]] = {}
    if classes is not None:
        looked_for = (classes.objects, classes.covers)
        limit = config.dataset.questions_per_image
        asked = ask([known for known, _ in told], limit, config.seed, lambda _: looked_for)
    return [
        Item(
            scene=known,
            references=references,
            narrated=narrated.get(known.scene_id, ()),
            questions=tuple(
                (q.question_id, q.question, q.type, q.answer) for q in asked.get(known.scene_id, ())
            ),
        )
        for known, references in told
    ]


def _true_items(config: Config, definitions: dict[str, Definition], split: Split) -> dict[str, list[Item]]:
    """Every image of a split of the tasks' sources, by source, with what the simulator knows of it."""
    asked = {name for entry in definitions.values() if entry.kind == "vqa" for name in entry.sources}
    sources = sorted({name for definition in definitions.values() for name in definition.sources})
    truths = {source: _truth(config, source) for source in sources}
    classes = _classes(truths)
    return {
        source: _source_items(config, source, split, truths[source], classes if source in asked else None)
        for source in sources
    }


def _narrated_items(config: Config, split: Split) -> dict[str, list[Item]]:
    """Every image of a split of SAR-TEXT, by source, with what the narrator said of it."""
    folder = config.results / "sartext"
    captions = by_scene(read_captions(folder / "captions.parquet"))
    questions: dict[str, list[tuple[str, str, str, str]]] = {}
    for q in read_questions(folder / "questions.parquet"):
        questions.setdefault(q.scene_id, []).append((q.question_id, q.question, q.type, q.answer))
    items: dict[str, list[Item]] = {}
    for scene in read_scenes(folder / "scenes.parquet"):
        if scene.split == split:
            sentences = tuple(record.caption for record in captions.get(scene.scene_id, []))
            asked = tuple(questions.get(scene.scene_id, ()))
            items.setdefault(scene.source, []).append(Item(scene, sentences, questions=asked))
    return items


def _write_images(config: Config, items: Sequence[Item], folder: Path) -> None:
    from PIL import Image

    from sartext.sources import decode_image

    for item in track(items, f"freezing {folder.parent.name}"):
        pixels = decode_image(Path(item.scene.image), config.images)[:, :, 0]  # SAR has one channel
        with atomic_path(folder / f"{item.image_id}.png") as temporary:
            Image.fromarray(pixels).save(temporary, format="PNG", optimize=False)


def _write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    import csv

    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(PAIR_COLUMNS)
        writer.writerows((pair.image_id, pair.text_id, pair.caption) for pair in pairs)


def _pairs(items: Sequence[Item], sentences: Callable[[Item], tuple[str, ...]], prefix: str) -> list[Pair]:
    return [
        Pair(item.image_id, f"{prefix}{item.image_id}-{number}", caption)
        for item in items
        for number, caption in enumerate(sentences(item))
    ]


def _coco(items: Sequence[Item], sentences: Callable[[Item], tuple[str, ...]]) -> dict[str, Any]:
    told = [item for item in items if sentences(item)]
    pairs = _pairs(told, sentences, "")
    return {
        "images": [{"id": item.image_id, "file_name": f"{item.image_id}.png"} for item in told],
        "annotations": [
            {"id": number, "image_id": pair.image_id, "caption": pair.caption}
            for number, pair in enumerate(pairs)
        ],
    }


def _main(item: Item) -> tuple[str, ...]:
    return item.references


def _second(item: Item) -> tuple[str, ...]:
    return item.narrated


def _write_task(
    config: Config,
    name: str,
    definition: Definition,
    version: str,
    split: Split,
    given: Sequence[Item],
    folder: Path,
) -> None:
    wanted = "questions" if definition.kind == "vqa" else "references"
    items = sorted((item for item in given if getattr(item, wanted)), key=lambda item: item.image_id)
    if not items:
        raise UserError(
            f"{config.profile}: task {name}: empty {split} set; none of {', '.join(definition.sources)} has "
            f"a {split} image with {wanted} (raise their {split} counts or dataset.{split}_share, or drop "
            "the task from the models' tasks)"
        )
    second = any(item.narrated for item in items) and definition.kind != "vqa"
    _write_images(config, items, folder / "images")
    if definition.kind == "retrieval":
        _write_pairs(folder / "pairs.csv", _pairs(items, _main, ""))
        if second:
            _write_pairs(folder / "pairs_narrator.csv", _pairs(items, _second, NARRATOR_PREFIX))
    elif definition.kind == "captioning":
        write_json(folder / "refs.json", _coco(items, _main))
        if second:
            write_json(folder / "refs_narrator.json", _coco(items, _second))
    else:
        questions = [
            {
                "question_id": question_id,
                "image_id": item.image_id,
                "question": question,
                "type": kind,
                "answers": [answer],
            }
            for item in items
            for question_id, question, kind, answer in item.questions
        ]
        write_json(folder / "questions.json", questions)
    write_json(
        folder / "task.json",
        {
            "task": name,
            "kind": definition.kind,
            "title": definition.title,
            "source": definition.sources,
            "images": len(items),
            "references": definition.references,
            "version": version,
        },
    )


def freeze(config: Config, version: str, out: Path) -> str:
    """Freeze a benchmark version from the simulator's truth, as ``benchmark/VERSION/*.yaml`` defines it.

    Images are decoded from the sources' files and kept at their own size. References are the truth's; the
    narrator's captions are a second column, for those images that it wrote about.

    Args:
        config: the profile whose simulated sources are frozen; its scenes and captions must be made.
        version: such as ``v0``.
        out: the folder to write; a frozen version is never written over.

    Returns:
        The benchmark's digest.

    Raises:
        UserError: the version is frozen already, a task has no test images, or an input is missing.
    """
    definitions = read_definitions(version)
    if out.exists():
        raise UserError(f"{out}: frozen already, and a version never changes; choose a new one")
    for definition in definitions.values():
        if definition.references != TRUTH:
            raise UserError(
                f"benchmark/{version}: references {definition.references!r}; expected {TRUTH!r}, "
                "the only kind that is frozen from a run"
            )
    return _write(config, version, "test", definitions, _true_items(config, definitions, "test"), out)


def draft(config: Config, out: Path) -> str:
    """Make a benchmark from the run's own images, of the split that ``evaluation.split`` names.

    Of simulated sources it is made as `freeze` makes one, from the truth: on val it serves to choose settings
    by the metrics of the benchmark without a look at its images. Of other sources, which may not be
    committed, it is SAR-TEXT's split with the narrator's captions as references, and labelled so: such scores
    show that the road works, not how good a model is.

    Args:
        config: the profile; its SAR-TEXT must be built.
        out: the folder to write, in place of an older draft.

    Returns:
        The benchmark's digest.

    Raises:
        UserError: a task has no images of the split, or an input is missing.
    """
    definitions, split = draft_definitions(config), config.evaluation.split
    truth = all(definition.references == TRUTH for definition in definitions.values())
    items = _true_items(config, definitions, split) if truth else _narrated_items(config, split)
    return _write(config, "draft" if split == "test" else "draft-val", split, definitions, items, out)


def _write(
    config: Config,
    version: str,
    split: Split,
    definitions: dict[str, Definition],
    items: dict[str, list[Item]],
    out: Path,
) -> str:
    with atomic_folder(out) as folder:
        for name, definition in definitions.items():
            chosen = [item for source in definition.sources for item in items.get(source, [])]
            _write_task(config, name, definition, version, split, chosen, folder / name)
        return write_manifest(folder, folder / MANIFEST)
