"""What a format's reader finds, before images are looked up and boxes checked."""

from dataclasses import dataclass, field
from pathlib import Path

from sartext.core.records import Turn


@dataclass(slots=True)
class RawBox:
    """One annotated object as the file says it; nothing about it is checked yet.

    Attributes:
        record: which one, for messages, such as ``annotation 17``.
        label: the source's class name.
        x, y: left and top edge, pixels (shares of the image's sides where the entry is `normalised`).
        width, height: extent, in the same units.
    """

    record: str
    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(slots=True)
class Entry:
    """One image as its annotation describes it.

    Attributes:
        file: annotation file, relative to the source's root, for messages.
        record: which record of it, for messages.
        name: the image's file name as the annotation says it, if it does.
        elsewhere: whether `name` may be a path of another machine, whose last parts are true here too.
        base: folder that the image lies below, if that is not the source's root (unpacked archives).
        fields: what the pattern's fields, such as ``id``, stand for, if found by a pattern.
        split: the source's split name, where the annotation itself says it.
        width, height: pixels as the annotation says them, if it does.
        boxes: its objects.
        faulty: objects that the reader had to set aside.
        normalised: whether boxes are shares of the image's sides.
        captions: its sentences.
        dialogue: its questions and answers.
        mask: its mask raster, read later.
        twin: its optical twin.
        resolution_m: metres a pixel, if the annotation says it.
        annotated: whether objects or classes were looked for, even if none were found.
    """

    file: str
    record: str = ""
    name: str | None = None
    elsewhere: bool = False
    base: Path | None = None
    fields: dict[str, str] = field(default_factory=dict)
    split: str | None = None
    width: int | None = None
    height: int | None = None
    boxes: list[RawBox] = field(default_factory=list)
    faulty: int = 0
    normalised: bool = False
    captions: list[str] = field(default_factory=list)
    dialogue: list[Turn] = field(default_factory=list)
    mask: Path | None = None
    twin: Path | None = None
    resolution_m: float | None = None
    annotated: bool = True
