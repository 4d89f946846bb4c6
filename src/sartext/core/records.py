"""The records that travel the road: scenes, boxes, captions and questions."""

from dataclasses import dataclass, field
from typing import Literal

Split = Literal["train", "val", "test"]
Modality = Literal["sar", "optical"]
Branch = Literal["a2c", "sa2c", "pair", "given"]
QuestionType = Literal["presence", "count", "location", "comparison", "land cover", "class"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")
BRANCHES: tuple[Branch, ...] = ("a2c", "sa2c", "pair", "given")
QUESTION_TYPES: tuple[QuestionType, ...] = (
    "presence",
    "count",
    "location",
    "comparison",
    "land cover",
    "class",
)


@dataclass(frozen=True, slots=True)
class Box:
    """One annotated object.

    Attributes:
        label: class name in the suite's vocabulary, such as ``ship`` or ``storage tank``.
        x: left edge, pixels from the image's left.
        y: top edge, pixels from the image's top.
        width: extent to the right, pixels, above 0.
        height: extent downwards, pixels, above 0.
    """

    label: str
    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        """The box's centre as (x, y), pixels."""
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer in a source's own dialogue."""

    question: str
    answer: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One image with all its source says of it.

    Attributes:
        scene_id: ``SOURCE/STEM``, unique in a run.
        source: the source's name.
        split: the source's official split, or ours where it has none.
        modality: ``sar`` or ``optical``.
        image: path of the image, as opened from the project's root.
        width: pixels.
        height: pixels.
        resolution_m: metres a pixel, if known.
        polarisation: such as ``HH`` or ``VV``, if known.
        boxes: annotated objects; boxes drawn around masks too.
        cover: share of valid pixels of each land-cover class, 0 to 1, for sources with class masks.
        twin: path of the registered optical image, for pairs.
        captions: sentences the source itself gives.
        dialogue: questions and answers the source itself gives.
        annotated: whether a whole annotation exists: an image may be annotated as holding nothing, and one
            that lost a faulty box is not annotated, since its counts would be wrong.
        group: name of the larger scene or acquisition it was cut from, ``SOURCE/NAME``; images of one group
            show one place and lie in one split. None: it stands alone.
        window: where it was cut from that scene: left, top, right, bottom, pixels of it; None if not known.
    """

    scene_id: str
    source: str
    split: Split
    modality: Modality
    image: str
    width: int
    height: int
    resolution_m: float | None = None
    polarisation: str | None = None
    boxes: tuple[Box, ...] = ()
    cover: dict[str, float] = field(default_factory=dict)
    twin: str | None = None
    captions: tuple[str, ...] = ()
    dialogue: tuple[Turn, ...] = ()
    annotated: bool = True
    group: str | None = None
    window: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    """One sentence about one scene.

    Attributes:
        scene_id: the scene.
        branch: who wrote it: a narrator branch, or ``given`` by the source.
        caption: the text.
    """

    scene_id: str
    branch: Branch
    caption: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one scene, with its answer.

    Attributes:
        question_id: unique in a run.
        scene_id: the scene.
        type: question type.
        question: the text.
        answer: the expected answer, lower case.
    """

    question_id: str
    scene_id: str
    type: QuestionType
    question: str
    answer: str
