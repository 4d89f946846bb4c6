"""The narrator on anyone's folders: annotations, masks or pairs to a csv of ``filepath,caption,branch``."""

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sartext.core.config import ImagesConfig, NarratorConfig
from sartext.core.errors import UserError
from sartext.core.files import atomic_path
from sartext.core.progress import track
from sartext.core.records import Branch, Scene
from sartext.narrator.a2c import a2c
from sartext.narrator.sa2c import sa2c
from sartext.sources import Reject, decode_image, match_pairs, read_annotations, resize
from sartext.sources.given import AnnotationFormat
from sartext.sources.masks import MaskKind
from sartext.sources.rejects import write_rejects

_BATCH = 32


def write_csv(out: Path, branch: Branch, rows: Sequence[tuple[str, str]]) -> None:
    """Write (path, caption) rows as ``filepath,caption,branch``, atomically."""
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["filepath", "caption", "branch"])
        writer.writerows([path, caption, branch] for path, caption in rows)


def report(out: Path, scenes: Sequence[Scene], captioned: int, rejects: Sequence[Reject]) -> None:
    """Say on stderr what was captioned; list what was set aside beside `out` as ``.rejects.csv``.

    Raises:
        UserError: nothing was captioned; the first reason is told.
    """
    lost = [entry for entry in rejects if entry.kind != "note"]
    beside = out.with_suffix(".rejects.csv")
    if rejects:
        write_rejects(beside, rejects)
    else:
        beside.unlink(missing_ok=True)
    first = f"{' '.join(filter(None, (lost[0].file, lost[0].record)))}: {lost[0].reason}" if lost else ""
    if not captioned:
        raise UserError(
            f"nothing to caption in {len(scenes)} images"
            + (f"; {len(lost)} records were set aside, the first: {first} ({beside} lists them)" if lost else
               "; expected at least one annotated object or class")
        )  # fmt: skip
    text = f"{captioned} of {len(scenes)} images captioned"
    if captioned < len(scenes):
        text += ", the rest hold nothing to name or lost a faulty box"
    if lost:
        text += f"; {len(lost)} records set aside, see {beside}; the first: {first}"
    print(f"sartext: {text}", file=sys.stderr)


def _narrate(
    scenes: Sequence[Scene],
    rejects: Sequence[Reject],
    branch: Branch,
    say: Callable[[Scene], list[str]],
    out: Path,
) -> None:
    said = [(scene, say(scene)) for scene in scenes]
    report(out, scenes, sum(bool(captions) for _, captions in said), rejects)
    write_csv(out, branch, [(scene.image, caption) for scene, captions in said for caption in captions])


def narrate_boxes(
    format: AnnotationFormat,
    annotations: Path,
    images: Path,
    out: Path,
    classes: Path | None = None,
    mask_kind: MaskKind = "semantic",
    mask_suffix: str = "",
    check_images: bool = True,
) -> None:
    """Caption images from their boxes by A2C; see `sartext.sources.read_annotations` for the arguments.

    Raises:
        UserError: a path or file is not what it should be, or nothing could be captioned.
    """
    scenes, rejects = read_annotations(
        format, annotations, images, classes, mask_kind, mask_suffix, check_images=check_images
    )
    _narrate(scenes, rejects, "a2c", a2c, out)


def narrate_masks(
    masks: Path,
    images: Path,
    classes: Path,
    out: Path,
    mask_suffix: str = "",
    check_images: bool = True,
    config: NarratorConfig | None = None,
) -> None:
    """Caption images from their class masks by SA2C.

    Raises:
        UserError: a path or file is not what it should be, or nothing could be captioned.
    """
    thresholds = config or NarratorConfig()
    scenes, rejects = read_annotations(
        "mask", masks, images, classes, "semantic", mask_suffix, check_images=check_images
    )
    _narrate(scenes, rejects, "sa2c", lambda scene: sa2c(scene, thresholds), out)


def narrate_folders(
    sar: Path,
    optical: Path,
    captioner: str,
    out: Path,
    match: str | None = None,
    rewriter: str = "rules",
    beams: int = 4,
    max_tokens: int = 40,
    device: str = "cpu",
) -> None:
    """Caption SAR images from their optical twins; both captions of each are kept beside `out`.

    Args:
        sar: folder of SAR images.
        optical: folder of registered optical images.
        captioner: a spec of `sartext.models.load` that captions.
        out: csv to write; ``.optical.csv`` beside it holds the captions before rewriting.
        match: see `sartext.sources.match_pairs`.
        rewriter: see `sartext.narrator.rewriter`.
        beams: of the captioner.
        max_tokens: most tokens of a caption.
        device: where the captioner runs.

    Raises:
        UserError: nothing pairs, an image does not open, or the captioner does not caption.
    """
    from sartext.narrator.pair import Decoding, PairNarrator, write_provenance

    scenes, rejects = match_pairs(sar, optical, match)
    narrator = PairNarrator(captioner, Decoding(beams, max_tokens, _BATCH), rewriter, device)
    images = ImagesConfig(size=narrator.image_size, max_rejected_share=1.0)
    twins = [scene.twin for scene in scenes if scene.twin]
    batches = (
        np.stack(
            [
                resize(decode_image(Path(path), images, "optical"), images.size)
                for path in twins[start:][:_BATCH]
            ]
        )
        for start in track(range(0, len(twins), _BATCH), "caption optical twins")
    )
    narrated = narrator.narrate([scene.image for scene in scenes], batches)
    told = [entry for entry in narrated if entry.caption]
    report(out, scenes, len(told), rejects)
    write_csv(out, "pair", [(entry.key, entry.caption) for entry in told])
    write_provenance(out.with_suffix(".optical.csv"), narrated, "filepath")
