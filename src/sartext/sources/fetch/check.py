"""What lies in a source's folder: is it all there, and can it be read?"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from sartext.core.config import ImagesConfig, SourceConfig
from sartext.core.errors import DatasetNotFoundError, UserError
from sartext.core.preflight import require_source
from sartext.core.progress import track
from sartext.core.records import SPLITS, Scene
from sartext.core.seeds import generator
from sartext.sources.decode import DecodeError, decode_image
from sartext.sources.fetch.faults import plain_faults
from sartext.sources.fetch.tree import missing_parts, nested_root
from sartext.sources.read import read_source
from sartext.sources.rejects import Reject, RejectKind

# images that are decoded: enough to find files cut short, or pointers of Git LFS in their place
_DECODED = 64
_NAMED = 3

Say = Callable[[str], None]


def check_source(source: SourceConfig, images: ImagesConfig, say: Say) -> None:
    """Check that a source's files are there and can be read.

    All annotations (and masks) are read as ingest reads them, whatever the source's `limit`; of the images
    some are decoded.

    Args:
        source: the source.
        images: how images are decoded, and what share of them may be set aside.
        say: is told what was found, line by line.

    Raises:
        DatasetNotFoundError: the folder, or a file of it, is not there.
        UserError: something in it is not as the source's entry says, so that it cannot be used, or cannot be
            read; or it has another number of images or objects than the whole source, and is not `partial`.
    """
    with plain_faults(source.folder):
        root = require_source(source)
        _check_parts(source, root)
        _check_content(source, images, root, say)


def _check_content(source: SourceConfig, images: ImagesConfig, root: Path, say: Say) -> None:
    with TemporaryDirectory(prefix="sartext-") as unpacked:
        # no drawn splits: only the publisher's are of interest
        whole = source.model_copy(update={"limit": None})
        scenes, rejects = read_source(whole, 0, 0.0, 0.0, Path(unpacked) / source.name)
        differences = _say_found(source, scenes, rejects, say)
        if not scenes:
            raise UserError(f"source {source.name}: no image of {root} could be read{_first(rejects)}")
        faults = [entry for entry in rejects if _is_fault(source, entry)]
        total = len(scenes) + len(faults)
        if len(faults) > images.max_rejected_share * total:
            partial = "; or set 'partial: true' if the folder holds only a part of the source"
            hint = partial if any(entry.kind == "absent" for entry in faults) else ""
            raise UserError(
                f"source {source.name}: {len(faults)} of {total} images are missing or faulty, over "
                f"images.max_rejected_share = {images.max_rejected_share:g}{_first(faults)}; to get them: "
                f"{source.obtain}{hint}"
            )
        _check_decoding(source, scenes, images, say)
    if differences:
        raise UserError(
            f"source {source.name}: {root} holds {' and '.join(differences)}; compare with the source's page "
            f"and get the whole: {source.obtain}; or set 'partial: true' if the folder holds only a part of "
            "the source"
        )


def _check_parts(source: SourceConfig, root: Path) -> None:
    missing = missing_parts(source, root)
    if not missing:
        return
    named = ", ".join(f"{part.pattern} ({part.what})" for part in missing[:_NAMED])
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    nested = nested_root(source, root)
    if nested is not None:
        raise DatasetNotFoundError(
            f"source {source.name}: {root} has no {named}{more}, but {nested} has: move what it holds up to "
            f"{root}, or set the source's 'root' (or --root) to {nested}"
        )
    raise DatasetNotFoundError(
        f"source {source.name}: {root} has no {named}{more}; to get it: {source.obtain}; if your copy is "
        "laid out otherwise, set the source's 'layout' in the profile"
    )


def _is_fault(source: SourceConfig, reject: Reject) -> bool:
    return reject.kind == "image" or (reject.kind == "absent" and not source.partial)


def _first(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return ""
    entry = rejects[0]
    return f"; the first: {' '.join(filter(None, (entry.file, entry.record)))}: {entry.reason}"


def _say_found(source: SourceConfig, scenes: list[Scene], rejects: list[Reject], say: Say) -> list[str]:
    """Say what was found; return where that is not the number that the whole source has."""
    differences: list[str] = []
    kinds = Counter(entry.kind for entry in rejects)
    splits = Counter(scene.split for scene in scenes)
    by_split = ", ".join(f"{split} {splits[split]:,}" for split in SPLITS if splits[split])

    def beside(what: str, expected: int | None, found: int) -> str:
        if expected is None or expected == found:
            return "" if expected is None else ", as expected"
        if not source.partial:
            differences.append(f"{found:,} {what}, expected {expected:,}")
        return f", of {expected:,}"

    say(
        f"images: {len(scenes):,}"
        + (f" ({by_split})" if source.splits else "")
        + beside("images", source.expected_images, len(scenes) + kinds["image"])
    )
    counts = {
        "objects": sum(len(scene.boxes) for scene in scenes),
        "masks": sum(bool(scene.cover) for scene in scenes),
        "optical twins": sum(scene.twin is not None for scene in scenes),
        "captions": sum(len(scene.captions) for scene in scenes),
        "questions": sum(len(scene.dialogue) for scene in scenes),
    }
    for what, count in counts.items():
        expected = source.expected_boxes if what == "objects" else None
        if count or expected is not None:
            say(f"{what}: {count:,}" + beside(what, expected, count + kinds["box"]))
    set_aside: dict[RejectKind, str] = {
        "image": "images set aside",
        "absent": "images that are not there",
        "box": "objects or sentences set aside",
    }
    for kind, what in set_aside.items():
        if kinds[kind]:
            say(f"{what}: {kinds[kind]:,}{_first([entry for entry in rejects if entry.kind == kind])}")
    if source.digests:
        say(f"digests: {len(source.digests)} of files are as the entry gives them")
    return differences


def _check_decoding(source: SourceConfig, scenes: list[Scene], images: ImagesConfig, say: Say) -> None:
    """Decode some images, drawn by a fixed seed, and their optical twins."""
    rank = generator("fetch", source.name, len(scenes)).permutation(len(scenes))[:_DECODED]
    drawn = [scenes[index] for index in sorted(rank)]
    faults: list[DecodeError] = []
    for scene in track(drawn, f"decode {source.name}"):
        try:
            decode_image(Path(scene.image), images, scene.modality)
            if scene.twin is not None:
                decode_image(Path(scene.twin), images, "optical")
        except DecodeError as error:
            faults.append(error)
    first = f"; the first that is not: {faults[0]}" if faults else ""
    say(f"decoded: {len(drawn) - len(faults)} of {len(drawn)} images that were tried{first}")
    if len(faults) > images.max_rejected_share * len(drawn):
        raise UserError(
            f"source {source.name}: {len(faults)} of {len(drawn)} images that were tried do not decode, over "
            f"images.max_rejected_share = {images.max_rejected_share:g}; the first: {faults[0]}; get "
            f"them again: {source.obtain}"
        )
