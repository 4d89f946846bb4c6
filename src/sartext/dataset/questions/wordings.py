"""The words of questions: every form in several wordings, of which none tells the answer.

Wordings name the form's type as `dialogues.question_type` reads it back, and agree with what they name in
number, never with the answer.
"""

from dataclasses import dataclass
from functools import lru_cache

from sartext.core.records import QuestionType
from sartext.dataset.questions.candidates import Subject
from sartext.narrator.words import article, plural


@dataclass(frozen=True, slots=True)
class Form:
    """One form of question.

    Attributes:
        type: its type.
        wordings: templates; ``{a}`` with its article, ``{one}`` and ``{many}`` are the object, ``{part}`` a
            part of the image, ``{n}`` a number, ``{nouns}`` the object in that number, ``{is_n}`` its verb,
            ``{first}`` and ``{second}`` what is compared or the land cover.
        reversed: wordings that ask whether the first is less than the second.
    """

    type: QuestionType
    wordings: tuple[str, ...]
    reversed: tuple[str, ...] = ()

    @property
    def compares(self) -> bool:
        """Whether two things are compared; either may stand first."""
        return bool(self.reversed)

    @property
    def variants(self) -> int:
        """How many ways there are to ask it."""
        return (2 if self.compares else 1) * (len(self.wordings) + len(self.reversed))


FORMS: dict[str, Form] = {
    "object": Form(
        "presence",
        (
            "Is there {a} in the image?",
            "Can {a} be seen in the image?",
            "Does the image show {a}?",
            "Are there any {many} in the image?",
            "Does the image show any {many}?",
        ),
    ),
    "object in part": Form(
        "presence",
        (
            "Is there {a} in the {part} of the image?",
            "Does {a} lie in the {part} of the image?",
            "Can {a} be seen in the {part} of the image?",
            "Are there any {many} in the {part} of the image?",
            "Does the {part} of the image show any {many}?",
        ),
    ),
    "count": Form(
        "count",
        (
            "How many {many} are there in the image?",
            "What is the number of {many}?",
            "How many {many} can be seen?",
            "How many {many} does the image show?",
            "What is the number of {many} in the image?",
        ),
    ),
    "place": Form(
        "location",
        (
            "Where is the {one} in the image?",
            "In which part of the image is the {one}?",
            "In which part of the image does the {one} lie?",
            "Where in the image can the {one} be seen?",
        ),
    ),
    "place of most": Form(
        "location",
        (
            "Where are most of the {many}?",
            "In which part of the image are most of the {many}?",
            "In which part of the image do most of the {many} lie?",
            "Where in the image can most of the {many} be seen?",
        ),
    ),
    "more": Form(
        "comparison",
        (
            "Are there more {first} than {second}?",
            "Does the image show more {first} than {second}?",
            "Is the number of {first} larger than the number of {second}?",
        ),
        (
            "Are there fewer {first} than {second}?",
            "Does the image show fewer {first} than {second}?",
        ),
    ),
    "more than": Form(
        "comparison",
        (
            "{is_n} there more than {n} {nouns} in the image?",
            "Does the image show more than {n} {nouns}?",
            "Can more than {n} {nouns} be seen in the image?",
            "Is the number of {many} larger than {n}?",
        ),
    ),
    "larger area": Form(
        "comparison",
        (
            "Is a larger area covered by {first} than by {second}?",
            "Is more of the image covered by {first} than by {second}?",
        ),
        (
            "Is a smaller area covered by {first} than by {second}?",
            "Is less of the image covered by {first} than by {second}?",
        ),
    ),
    "main cover": Form(
        "land cover",
        (
            "What is the main land cover of the image?",
            "Which land cover takes up the largest part of the image?",
            "Which land cover has the largest area in the image?",
            "What covers the largest part of the image?",
        ),
    ),
    "cover": Form(
        "land cover",
        (
            "Is any part of the image covered by {first}?",
            "Is there an area covered by {first} in the image?",
            "Can an area covered by {first} be seen in the image?",
            "Does the land cover of the image include {first}?",
        ),
    ),
    "most common": Form(
        "class",
        (
            "What is the most common object in the image?",
            "Which kind of object is most frequent?",
            "Which kind of object appears most often in the image?",
            "What kind of object does the image show most of?",
        ),
    ),
    "object of part": Form(
        "class",
        (
            "What kind of object is in the {part} of the image?",
            "What kind of object lies in the {part} of the image?",
            "Which kind of object can be seen in the {part} of the image?",
            "What kind of object does the {part} of the image show?",
        ),
    ),
}
"""Every form by name; its subject's other parts are named in `_fields`."""


@lru_cache(maxsize=8192)
def _fields(subject: Subject) -> dict[str, str]:
    form, *parts = subject
    if form in ("main cover", "most common"):
        return {}
    if form == "object of part":
        return {"part": _part(parts[0])}
    if form in ("cover", "larger area"):
        return dict(zip(("first", "second"), parts, strict=False))
    if form == "more":
        return {"first": plural(parts[0]), "second": plural(parts[1])}
    name = parts[0]
    fields = {"a": f"{article(name)} {name}", "one": name, "many": plural(name)}
    if form == "object in part":
        fields["part"] = _part(parts[1])
    if form == "more than":
        single = parts[1] == "1"
        fields |= {
            "n": parts[1],
            "nouns": name if single else plural(name),
            "is_n": "Is" if single else "Are",
        }
    return fields


def _part(place: str) -> str:
    return "center" if place == "center" else f"{place} part"


def worded(subject: Subject, answer: str, variant: int) -> tuple[str, str]:
    """Return a question and its answer.

    Args:
        subject: what is asked.
        answer: its answer; ``first`` or ``second`` of two things that are compared.
        variant: which of the form's `Form.variants` ways.
    """
    form, fields = FORMS[subject[0]], _fields(subject)
    if not form.compares:
        return form.wordings[variant].format(**fields), answer
    wordings = form.wordings + form.reversed
    swapped, number = divmod(variant, len(wordings))
    if swapped:
        fields = {"first": fields["second"], "second": fields["first"]}
    larger = answer == ("second" if swapped else "first")
    asks_larger = number < len(form.wordings)
    return wordings[number].format(**fields), "yes" if larger == asks_larger else "no"
