"""Annotations given as plain paths, for narrating anyone's data without a source of a profile."""

import os
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from sartext.core.config import ImagesConfig, SourceConfig
from sartext.core.errors import DatasetNotFoundError, UserError
from sartext.core.progress import track
from sartext.core.records import Scene
from sartext.sources.coco import read_coco
from sartext.sources.decode import DecodeError, decode_image
from sartext.sources.entries import Entry
from sartext.sources.layout import IMAGE_SUFFIXES, Folders, check_pattern, locate
from sartext.sources.masks import MaskClasses, MaskKind, mask_classes
from sartext.sources.read import Labels, held_for, scene_of
from sartext.sources.rejects import Reject, SetAsideError
from sartext.sources.textboxes import read_dota, read_yolo
from sartext.sources.voc import read_voc_file, read_voc_files

AnnotationFormat = Literal["coco", "voc", "yolo", "dota", "mask"]
_SUFFIXES = {"voc": ".xml", "yolo": ".txt", "dota": ".txt"}
# percentiles matter to how an image looks, not to whether it opens
_ANY_IMAGES = ImagesConfig(size=1, max_rejected_share=1.0)


@dataclass(frozen=True)
class ClassFile:
    """A class file.

    Attributes:
        path: the file.
        classes: our class to its value or colour in a mask, its index in YOLO, or its name in the annotation;
            a list of indices or names makes several classes one of ours.
        background: mask values that are no class.
        ignore: mask values of no data.
    """

    path: Path
    classes: dict[str, Any] = field(default_factory=dict)
    background: list[Any] = field(default_factory=list)
    ignore: list[Any] = field(default_factory=list)


def read_class_file(path: Path) -> ClassFile:
    """Read a class file.

    Raises:
        UserError: missing, not YAML, or with other keys.
    """
    expected = "a class file such as 'classes: {ship: [0, 255, 0]}' with optional 'background' and 'ignore'"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected {expected}") from None
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not readable YAML ({error!s:.200}); expected {expected}") from None
    if (
        not isinstance(content, dict)
        or not isinstance(content.get("classes"), dict)
        or not content["classes"]
    ):
        raise UserError(f"{path}: classes: missing or no mapping; expected {expected}")
    for key in content:
        if key not in ("classes", "background", "ignore"):
            raise UserError(f"{path}: {key}: unknown key; expected {expected}")
    lists: dict[str, list[Any]] = {}
    for key in ("background", "ignore"):
        value = content.get(key)
        lists[key] = [] if value is None else _as_values(value)
    classes = {str(name): value for name, value in content["classes"].items()}
    return ClassFile(path, classes, lists["background"], lists["ignore"])


def _as_values(value: Any) -> list[Any]:
    """One value, one colour, or a list of either, as a list."""
    if not isinstance(value, list):
        return [value]
    if len(value) == 3 and all(isinstance(part, int) for part in value):
        return [value]
    return value


def _box_labels(format: AnnotationFormat, classes: ClassFile | None) -> Labels:
    """Names in the annotation to ours: a class file maps ours to a name, or to YOLO's index."""
    if format == "mask":
        return Labels({})
    if format == "yolo" and classes is None:
        raise UserError(
            "yolo annotations hold class indices only; give a class file, such as 'classes: {ship: 0}'"
        )
    theirs: dict[str, str] = {}
    if classes is None:
        return Labels(theirs)
    for name, value in classes.classes.items():
        where = f"{classes.path}: classes.{name}"
        for known in _box_names(where, format, name, value):
            if theirs.setdefault(known, name) != name:
                raise UserError(
                    f"{where}: {known!r:.60} is classes.{theirs[known]} already; "
                    "expected each class of the annotation once"
                )
    return Labels(theirs)


def _box_names(where: str, format: AnnotationFormat, name: str, value: Any) -> list[str]:
    """Names (YOLO: indices) in an annotation that a class file's value says are our class `name`."""
    if format != "yolo" and isinstance(value, int) and not isinstance(value, bool):
        # an index or a mask's value: the annotation has our own name, or says that number
        return [name, str(value)]
    given = value if isinstance(value, list) and value else [value]
    if format == "yolo" and all(_is_index(part) for part in given):
        return [str(part) for part in given]
    if format != "yolo" and all(isinstance(part, str) for part in given):
        return given
    wanted = "index from 0, or a list of them" if format == "yolo" else "name, or a list of names in quotes"
    raise UserError(f"{where}: expected {format}'s {wanted}, found {reprlib.repr(value)}")


def _is_index(value: Any) -> bool:
    if isinstance(value, str):
        return value.isdecimal()
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _masks(classes: ClassFile | None, kind: MaskKind, label: str | None) -> MaskClasses:
    if classes is None and kind == "semantic":
        raise UserError("class masks need a class file, such as 'classes: {ship: [0, 255, 0]}'")
    where = str(classes.path) if classes else "instance masks"
    if kind == "instance":
        names = list(classes.classes) if classes else ["ship"]
        if label is None and len(names) != 1:
            raise UserError(f"{where}: classes: expected one class, that of every object of an instance mask")
        label = label or names[0]
    background, ignore = (classes.background, classes.ignore) if classes else ([], [])
    values = classes.classes if classes else {}
    return mask_classes(where, values, background, ignore, kind, None, label or "")


def _files(
    annotations: Path, suffixes: tuple[str, ...], stem_suffix: str = ""
) -> list[tuple[dict[str, str], Path]]:
    """Files of a folder, by name, each with the stem of its image."""
    found = []
    for path in sorted(annotations.rglob("*")):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if not path.stem.endswith(stem_suffix):
            continue
        stem = path.stem[: len(path.stem) - len(stem_suffix)]
        below = path.relative_to(annotations).with_name(stem) if stem else None
        if below is not None:
            found.append(({"id": below.as_posix()}, path))
    if not found:
        raise UserError(
            f"{annotations}: holds no *{stem_suffix}{'/'.join(suffixes)}; "
            "expected one annotation file an image"
        )
    return found


def _entries(
    format: AnnotationFormat,
    annotations: Path,
    mask_suffix: str,
    image_suffix: str,
    rejects: list[Reject],
) -> Iterator[Entry]:
    if not annotations.exists():
        raise DatasetNotFoundError(f"{annotations}: no such file or folder; expected {format} annotations")
    if format == "coco" and annotations.is_dir():
        raise UserError(f"{annotations}: is a folder; expected a COCO json file")
    if format == "coco":
        yield from read_coco(annotations, annotations.name, rejects)
        return
    if format == "voc" and annotations.is_file():
        yield from read_voc_file(annotations, annotations.name, rejects)
        return
    if not annotations.is_dir():
        raise UserError(f"{annotations}: is a file; expected the folder of {format} annotations")
    if format == "mask":
        for fields, path in _files(annotations, IMAGE_SUFFIXES, mask_suffix):
            image = {"id": fields["id"] + image_suffix}
            yield Entry(path.relative_to(annotations).as_posix(), fields=image, mask=path)
        return
    files = _files(annotations, (_SUFFIXES[format],))
    if format == "voc":
        yield from read_voc_files(files, annotations, rejects)
    else:
        yield from (read_yolo if format == "yolo" else read_dota)(files, annotations, rejects)


def _given_source(images: Path) -> SourceConfig:
    return SourceConfig(
        name="given",
        title="given",
        root=str(images),
        modality="sar",
        format="coco",
        layout={},
        licence="",
        citation="",
        obtain="",
    )


def read_annotations(
    format: AnnotationFormat,
    annotations: Path,
    images: Path,
    classes: Path | None = None,
    mask_kind: MaskKind = "semantic",
    mask_suffix: str = "",
    mask_class: str | None = None,
    check_images: bool = True,
    decode: bool = True,
    *,
    image_suffix: str = "",
) -> tuple[list[Scene], list[Reject]]:
    """Read annotations of any of the box and mask forms.

    Every class of a semantic mask gives its share of cover and a box around each of its connected parts. The
    scenes' split is ``train`` and means nothing.

    Args:
        format: ``coco`` (a json file), ``voc`` (a folder of xml, or one xml of many entries), ``yolo`` or
            ``dota`` (a folder of txt), ``mask`` (a folder of rasters).
        annotations: the file or folder.
        images: folder that image names are relative to. An image of VOC, YOLO, DOTA or a mask has the stem
            of its annotation file.
        classes: class file; needed for YOLO and class masks. For boxes, classes it does not name are set
            aside.
        mask_kind: ``semantic`` or ``instance``.
        mask_suffix: what a mask's stem has more than its image's.
        mask_class: class of an instance mask's objects; the class file's only one, or ``ship``, if not given.
        check_images: whether each image must be there and decode. If not, sizes are the annotation's alone.
        decode: whether `check_images` decodes here; if not, the caller does (`check_image`).
        image_suffix: what a mask's image has more in its stem than the mask's without `mask_suffix`.

    Returns:
        Scenes in the annotations' order, and what was set aside. `Reject.file` is relative to `annotations`.

    Raises:
        DatasetNotFoundError: a path is not there.
        UserError: an annotation or class file as a whole is not what it should be.
    """
    if not images.is_dir():
        raise DatasetNotFoundError(f"{images}: no such folder; expected the folder of the images")
    known = read_class_file(classes) if classes else None
    labels = _box_labels(format, known)
    masks = _masks(known, mask_kind, mask_class) if format == "mask" else None
    source = _given_source(images)
    rejects: list[Reject] = []
    scenes: dict[str, Scene] = {}
    folders = Folders()
    start = len((images / "x").as_posix()) - 1
    found = _entries(format, annotations, mask_suffix, image_suffix, rejects)
    with held_for(format):
        for entry in track(found, "read annotations"):
            try:
                path = _place(entry, images, folders, check_images)
                image = path.as_posix()
                if image in scenes:
                    raise SetAsideError(f"describes {path.name} again; kept the first")
                scene_id = f"given/{os.path.splitext(image[start:])[0]}"
                scene = scene_of(entry, scene_id, "train", path, source, labels, masks, rejects)
                if check_images and decode:
                    check_image(scene)
            except SetAsideError as fault:
                rejects.append(Reject(entry.file, entry.record or entry.name or "", fault.reason, fault.kind))
                continue
            scenes[image] = scene
    return list(scenes.values()), rejects


def _place(entry: Entry, images: Path, folders: Folders, check: bool) -> Path:
    """An entry found by its file's stem goes by that first: the name inside such files is often another's."""
    try:
        return locate(images, ".", None if "id" in entry.fields else entry.name, entry.fields, folders, check)
    except SetAsideError as fault:
        if fault.kind == "absent" and entry.mask is not None:
            raise SetAsideError(
                f"has no image: {entry.fields['id']!r:.200} ({', '.join(IMAGE_SUFFIXES)}) is not in {images};"
                " where names of masks and images end differently, give --mask-suffix and --image-suffix",
                "absent",
            ) from None
        if fault.kind != "absent" or "id" not in entry.fields or not entry.name:
            raise
    return locate(images, ".", entry.name, {}, folders, check)


def check_image(scene: Scene) -> None:
    """Raise `SetAsideError` if a scene's image does not decode, or has another size than its annotation."""
    path = Path(scene.image)
    try:
        height, width = decode_image(path, _ANY_IMAGES, "sar").shape[:2]
    except DecodeError as error:
        raise SetAsideError(f"{path.name}: {error.reason}") from None
    if (width, height) != (scene.width, scene.height):
        raise SetAsideError(
            f"{path.name} is {width}x{height} pixels, but its annotation says {scene.width}x{scene.height}"
        )


_KNOWN_MATCHES = ("{id}:{id}", "sar{id}:opt{id}", "{roi}_s1_{id}:{roi}_s2_{id}", "SAR_{id}:OPT_{id}")


def match_pairs(
    sar: Path, optical: Path, match: str | None = None, check_images: bool = True
) -> tuple[list[Scene], list[Reject]]:
    """Pair the SAR images of one folder with the optical images of another.

    Args:
        sar: folder of the SAR images.
        optical: folder of their optical twins.
        match: two patterns such as ``sar{id}.png:opt{id}.png``. If not given, the same stem is tried, then
            ``sar{id}``/``opt{id}`` and SEN1-2's ``_s1_``/``_s2_``; the first that pairs any is taken.
        check_images: whether both images must decode.

    Returns:
        Scenes by rising path, with `twin`, and what has no twin or does not open.

    Raises:
        DatasetNotFoundError: a folder is not there.
        UserError: `match` is malformed, or nothing pairs.
    """
    for folder in (sar, optical):
        if not folder.is_dir():
            raise DatasetNotFoundError(f"{folder}: no such folder; expected images to pair")
    if match is not None and match.count(":") != 1:
        raise UserError(f"--match {match!r}: expected two patterns, such as 'sar{{id}}.png:opt{{id}}.png'")
    rejects: list[Reject] = []
    for candidate in (match,) if match is not None else _KNOWN_MATCHES:
        patterns = candidate.split(":")
        for pattern in patterns:
            check_pattern(f"--match {candidate!r}", pattern)
            if "{id}" not in pattern:
                raise UserError(f"--match {candidate!r}: expected {{id}} in both patterns")
        paired, rejects = _pair(sar, optical, patterns[0], patterns[1])
        if paired:
            return _pair_scenes(paired, sar, rejects, check_images), rejects
    raise UserError(
        f"{sar}, {optical}: no image pairs with another; "
        "say how their names correspond, such as --match 'sar{id}.png:opt{id}.png'"
    )


def _pair(
    sar: Path, optical: Path, sar_pattern: str, optical_pattern: str
) -> tuple[list[tuple[Path, Path]], list[Reject]]:
    folders = Folders()
    twins = {
        tuple(sorted(fields.items())): path
        for fields, path in folders.matches(optical, optical_pattern, any_image=True)
    }
    paired, rejects = [], []
    for fields, path in folders.matches(sar, sar_pattern, any_image=True):
        if sar_pattern == optical_pattern and sar.samefile(optical):
            continue  # one folder of both: an image is not its own twin
        twin = twins.pop(tuple(sorted(fields.items())), None)
        if twin is None:
            rejects.append(Reject(path.name, "", f"has no optical twin in {optical}", "absent"))
        else:
            paired.append((path, twin))
    rejects += [
        Reject(path.name, "", "an optical image without a SAR image", "note") for path in twins.values()
    ]
    return paired, rejects


def _pair_scenes(
    paired: list[tuple[Path, Path]], sar: Path, rejects: list[Reject], check_images: bool
) -> list[Scene]:
    source = _given_source(sar)
    scenes = []
    for path, twin in paired:
        entry = Entry(path.name, twin=twin, annotated=False)
        scene_id = f"given/{path.relative_to(sar).with_suffix('').as_posix()}"
        fault = pair_fault(path, twin) if check_images else None
        if fault is not None:
            rejects.append(Reject(fault[0].name, "", fault[1]))
            continue
        try:
            scenes.append(scene_of(entry, scene_id, "train", path, source, Labels({}), None, rejects))
        except SetAsideError as lost:
            rejects.append(Reject(path.name, "", lost.reason, lost.kind))
    return scenes


def pair_fault(image: Path, twin: Path) -> tuple[Path, str] | None:
    """Return which of two images is at fault and why: both must decode, and be registered to one size."""
    sides = []
    for path in (image, twin):
        try:
            height, width = decode_image(path, _ANY_IMAGES, "sar" if path is image else "optical").shape[:2]
        except DecodeError as error:
            return path, error.reason
        sides.append(f"{width}x{height}")
    if sides[0] != sides[1]:
        return image, f"is {sides[0]} pixels, but its optical twin {sides[1]}; expected images of one size"
    return None
