"""A source's annotations to scenes: the same road for every format."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from sartext.core.collector import collector_held
from sartext.core.config import SourceConfig
from sartext.core.errors import UserError
from sartext.core.preflight import require_source
from sartext.core.records import Box, Scene, Split
from sartext.core.seeds import derive_seed
from sartext.sources.boxes import checked_box
from sartext.sources.captions import clean_text, shorter_names
from sartext.sources.decode import DecodeError, image_size
from sartext.sources.entries import Entry, RawBox
from sartext.sources.groups import Window, check_tile_name, group_of
from sartext.sources.layout import Folders, check_digests, checked_layout, for_split, locate
from sartext.sources.masks import MaskClasses, mask_classes, read_mask
from sartext.sources.readers import READERS, Reading
from sartext.sources.rejects import Reject, SetAsideError

_2_63 = float(1 << 63)


class Labels:
    """The source's class names to ours; every name as it is where no classes are given."""

    def __init__(self, classes: dict[str, str]) -> None:
        self._exact = classes
        self._folded = {name.casefold().strip(): ours for name, ours in classes.items()}
        self._cleaned: dict[str, str] = {}

    def ours(self, name: str) -> str:
        """Return our name of a class, or raise `SetAsideError`."""
        if not self._exact:
            if name not in self._cleaned:
                self._cleaned[name] = clean_text(name)
            if not self._cleaned[name]:
                raise SetAsideError(f"class {name!r:.60}: expected a name of printable letters", "box")
            return self._cleaned[name]
        found = self._exact.get(name) or self._folded.get(name.casefold().strip())
        if found is None:
            raise SetAsideError(
                f"class {name!r:.60} is unknown; expected one of {', '.join(self._exact)} "
                "(the source's classes)",
                "box",
            )
        return found


def _labels(source: SourceConfig) -> Labels:
    if source.format not in ("coco", "voc", "yolo", "dota", "opensarship"):
        return Labels({})
    for name, ours in source.classes.items():
        if not isinstance(ours, str):
            raise UserError(
                f"source {source.name}: classes.{name}: expected our class name, found {ours!r:.40}; "
                f"only masks have values"
            )
    if source.format == "yolo" and not source.classes:
        raise UserError(f"source {source.name}: classes: missing; YOLO files hold indices only ('0': ship)")
    return Labels({name: str(ours) for name, ours in source.classes.items()})


def source_mask_classes(source: SourceConfig, layout: dict[str, str]) -> MaskClasses | None:
    """Return what a mask source's values mean, None for other formats; raises as `mask_classes`."""
    if source.format != "mask":
        return None
    where = f"source {source.name}"
    kind = layout.get("mask_kind", "semantic")
    if kind not in ("semantic", "instance"):
        raise UserError(f"{where}: layout.mask_kind: expected semantic or instance, found {kind!r}")
    boxed = frozenset(name.strip() for name in layout.get("mask_boxes", "").split(",") if name.strip())
    return mask_classes(
        where,
        source.classes,
        source.background,
        source.ignore,
        "instance" if kind == "instance" else "semantic",
        boxed,
        layout.get("mask_class", ""),
    )


def place(entry: Entry, root: Path, images: str, folders: Folders, check: bool = True) -> Path:
    """Return the path of an entry's image; raises `SetAsideError` as `layout.locate`.

    A name that may be of another machine is tried with fewer and fewer of its first parts.
    """
    root = entry.base or root
    if not entry.elsewhere or not entry.name or "{" in images:
        return locate(root, images, entry.name, entry.fields, folders, check)
    for name in shorter_names(entry.name):
        try:
            return locate(root, images, name, entry.fields, folders)
        except SetAsideError:
            continue
    raise SetAsideError(f"names the image {entry.name!r:.200}, which is not in {root / images}", "absent")


def sized_boxes(
    entry: Entry, labels: Labels, width: int, height: int, rejects: list[Reject]
) -> tuple[tuple[Box, ...], bool]:
    """Return an entry's boxes, checked, and whether the scene is still annotated.

    A scene that lost a box to a fault is not: its counts would be too low. Boxes of classes that the source's
    entry does not name are left out of the counts alone, unless nothing else is there.
    """
    boxes: list[Box] = []
    lost, foreign = entry.faulty, 0
    for raw in entry.boxes:
        try:
            if entry.normalised:
                raw = RawBox(
                    raw.record,
                    raw.label,
                    raw.x * width,
                    raw.y * height,
                    raw.width * width,
                    raw.height * height,
                )
            label = labels.ours(raw.label)
        except SetAsideError as fault:
            foreign += 1
            rejects.append(Reject(entry.file, _record(entry, raw), fault.reason, fault.kind))
            continue
        try:
            box, note = checked_box(raw, label, width, height)
        except SetAsideError as fault:
            lost += 1
            rejects.append(Reject(entry.file, _record(entry, raw), fault.reason, fault.kind))
            continue
        if note:
            rejects.append(Reject(entry.file, _record(entry, raw), note, "note"))
        boxes.append(box)
    return tuple(boxes), lost == 0 and (foreign == 0 or bool(boxes))


def _record(entry: Entry, raw: RawBox) -> str:
    return f"{raw.record} of {entry.name}" if entry.name and entry.name not in raw.record else raw.record


def held_for(format: str) -> AbstractContextManager[None]:
    """Return the context that annotations of a format are read in: the collector waits, except for masks.

    Their connected parts refer to one another in circles, with the mask in them.
    """
    return nullcontext() if format == "mask" else collector_held()


def scene_of(
    entry: Entry,
    scene_id: str,
    split: Split,
    path: Path,
    source: SourceConfig,
    labels: Labels,
    masks: MaskClasses | None,
    rejects: list[Reject],
) -> Scene:
    """Return the scene of an entry whose image is at `path`.

    The image's header is read where the annotation does not say its size.

    Raises:
        SetAsideError: the mask or the image's header cannot be read.
    """
    cover: dict[str, float] = {}
    if entry.mask is not None and masks is not None:
        entry.width, entry.height, cover, entry.boxes = read_mask(entry.mask, masks)
    if entry.width is None or entry.height is None:
        try:
            entry.width, entry.height = image_size(path)
        except DecodeError as error:
            raise SetAsideError(f"{path.name}: {error.reason}") from None
    boxes, whole = sized_boxes(entry, labels, entry.width, entry.height, rejects)
    return Scene(
        scene_id=scene_id,
        source=source.name,
        split=split,
        modality=source.modality,
        image=path.as_posix(),
        width=entry.width,
        height=entry.height,
        resolution_m=entry.resolution_m or source.resolution_m,
        polarisation=source.polarisation,
        boxes=boxes,
        cover=cover,
        twin=entry.twin.as_posix() if entry.twin else None,
        captions=tuple(entry.captions),
        dialogue=tuple(entry.dialogue),
        annotated=entry.annotated and whole,
    )


def _draw(seed: int, purpose: str, scene_id: str) -> float:
    """A number in [0, 1) that depends on the scene alone, so that adding scenes moves no other."""
    return derive_seed("sources", purpose, seed, scene_id) / _2_63


def draw_split(
    official: Split | None,
    splits: dict[str, str],
    seed: int,
    scene_id: str,
    val_share: float,
    test_share: float,
    group: str | None = None,
) -> Split:
    """Return a scene's split.

    Scenes of one group get the same number, in whichever source, so that nothing drawn cuts a group.

    Args:
        official: the source's, in our name; None where it has none.
        splits: the source's `splits`.
        seed: of the run.
        scene_id: the scene.
        val_share: share of val, of all scenes or (where only val is missing) of train.
        test_share: share of test where no split is official.
        group: what the scene was cut from, see `Scene.group`.
    """
    number = _draw(seed, "split", scene_id if group is None else group)
    if official is None:
        return "test" if number < test_share else "val" if number < test_share + val_share else "train"
    if official == "train" and "val" not in splits:
        # the val of a group is that of sources without official splits, which may hold the same group
        first = 0.0 if group is None else test_share
        if first <= number < first + val_share:
            return "val"
    return official


@dataclass
class _Found:
    entry: Entry
    scene_id: str
    split: Split
    path: Path
    group: str | None
    window: Window | None


def _splits(source: SourceConfig) -> list[tuple[Split | None, str | None]]:
    """Our and the source's name of each split to read on its own; (None, None): all at once."""
    if not source.splits or not any("{split}" in value for value in source.layout.values()):
        return [(None, None)]
    return [(_split(ours), theirs) for ours, theirs in source.splits.items()]


def _split(name: str) -> Split:
    return "train" if name == "train" else "val" if name == "val" else "test"


def _official(source: SourceConfig, ours: Split | None, entry: Entry) -> Split | None:
    """The official split of an entry, in our name.

    Raises:
        SetAsideError: the annotation names a split that the source's `splits` do not.
    """
    if ours is not None or not source.splits:
        return ours
    for name, theirs in source.splits.items():
        if theirs == entry.split:
            return _split(name)
    raise SetAsideError(f"split {entry.split!r}: expected one of {', '.join(source.splits.values())}")


def _found(
    source: SourceConfig,
    layout: dict[str, str],
    root: Path,
    seed: int,
    shares: tuple[float, float],
    unpacked: Path | None,
    rejects: list[Reject],
) -> list[_Found]:
    """Every entry whose image is there, with its scene id and split."""
    folders = Folders()
    found: dict[str, _Found] = {}
    for ours, theirs in _splits(source):
        filled = for_split(layout, theirs)
        images = filled["sar"] if source.format == "pairs" else filled["images"]
        reading = Reading(source, root, filled, folders, unpacked, rejects)
        for entry in READERS[source.format](reading):
            try:
                official = _official(source, ours, entry)
                path = place(entry, root, images, folders)
                below = path.relative_to(entry.base or root).with_suffix("").as_posix()
                if not below.isprintable():
                    raise SetAsideError(f"the file name {below!r:.200} is not printable text; rename it")
                scene_id = f"{source.name}/{below}"
                if scene_id in found:
                    first = found[scene_id].entry
                    raise SetAsideError(f"describes {below} again, after {first.file} {first.record}".strip())
            except SetAsideError as fault:
                rejects.append(Reject(entry.file, entry.record, fault.reason, fault.kind))
                continue
            group, window = None, None
            try:
                group, window = group_of(source, below)
            except SetAsideError as fault:
                rejects.append(Reject(entry.file, entry.record, fault.reason, fault.kind))
            split = draw_split(official, source.splits, seed, scene_id, *shares, group)
            found[scene_id] = _Found(entry, scene_id, split, path, group, window)
    return list(found.values())


def _limited(found: list[_Found], limit: int | None, seed: int) -> list[_Found]:
    """At most `limit` of each split, drawn by seed."""
    if limit is None:
        return found
    ranked = sorted(found, key=lambda one: (_draw(seed, "limit", one.scene_id), one.scene_id))
    taken: dict[str, int] = {}
    chosen = []
    for one in ranked:
        taken[one.split] = taken.get(one.split, 0) + 1
        if taken[one.split] <= limit:
            chosen.append(one)
    return chosen


def read_source(
    source: SourceConfig,
    seed: int,
    val_share: float,
    test_share: float,
    unpacked: Path | None = None,
    masks: dict[str, Path] | None = None,
) -> tuple[list[Scene], list[Reject]]:
    """Read a source's annotations; images are looked up, not decoded (masks are).

    Args:
        source: what its files look like and where they lie.
        seed: of the run, for splits that are not official and for `limit`.
        val_share: see `draw_split`.
        test_share: see `draw_split`.
        unpacked: folder for images that lie in zip archives, replaced as a whole; scenes name their images
            in it, so it must stay. Only OpenSARShip has archives.
        masks: the mask raster of each scene that has one is added here, by scene id.

    Returns:
        The scenes by rising scene id, and what was set aside.

    Raises:
        DatasetNotFoundError: the source's folder or annotation file is not there.
        UserError: the source's configuration is inconsistent, an annotation file holds something else, or a
            file's digest is not the one that the source's entry gives.
    """
    root = require_source(source)
    layout = checked_layout(source)
    check_tile_name(source)
    check_digests(source, root)
    labels, classes = _labels(source), source_mask_classes(source, layout)
    rejects: list[Reject] = []
    with held_for(source.format):
        found = _found(source, layout, root, seed, (val_share, test_share), unpacked, rejects)
        scenes = []
        for one in sorted(_limited(found, source.limit, seed), key=lambda one: one.scene_id):
            try:
                scene = scene_of(
                    one.entry, one.scene_id, one.split, one.path, source, labels, classes, rejects
                )
            except SetAsideError as fault:
                rejects.append(Reject(one.entry.file, one.entry.record, fault.reason, fault.kind))
                continue
            if one.group is not None:
                scene = replace(scene, group=one.group, window=one.window)
            if masks is not None and one.entry.mask is not None:
                masks[scene.scene_id] = one.entry.mask
            scenes.append(scene)
    return scenes, rejects
