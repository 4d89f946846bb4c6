"""A source's own dialogues to typed questions."""

import re
from collections.abc import Sequence

from sartext.core.records import QUESTION_TYPES, Question, QuestionType, Scene
from sartext.dataset.text import clean_answer, fold

# the first rule that fits; wordings of RSVQA (Lobry et al., TGRS 2020) and of the released RS-VQA
_LAND = (
    r"water|farmland|farm ?lands?|forests?|woodlands?|grasslands?|meadows?|bare (?:land|soil|ground)|"
    r"built-up|"
    r"vegetation|desert|snow|wetlands?|agricultural|cropland|residential areas?|commercial areas?"
)
_RULES: tuple[tuple[str, QuestionType], ...] = (
    (r"\bhow (?:many|much)\b", "count"),
    (r"\b(?:more|fewer|less|larger|smaller|bigger|equal|same number)\b.*\b(?:than|to|as|or)\b", "comparison"),
    (r"\b(?:number|amount|count) of\b", "count"),
    (r"\b(?:where|which part|what part|position)\b", "location"),
    (r"\b(?:land[ -]?covers?|land[ -]?use|covered by|covers|rural or)\b", "land cover"),
    (rf"^(?:is|are) there (?:any |some |an? )?(?:{_LAND})\b", "land cover"),
    (r"^(?:is|are|can|does|do|has|have|was|were)\b", "presence"),
)


def question_type(question: str) -> QuestionType:
    """Return the type of a question by its wording; ``class`` if no rule fits."""
    text = fold(question).lower()
    for pattern, kind in _RULES:
        if re.search(pattern, text):
            return kind
    return "class"


def dialogue_questions(scene: Scene) -> list[Question]:
    """Return the questions of a scene's dialogue, cleaned and typed; a repeated one keeps one answer."""
    asked: dict[str, tuple[QuestionType, str]] = {}
    for turn in scene.dialogue:
        question, answer = fold(turn.question), clean_answer(turn.answer)
        if question and answer:
            kind = next((name for name in QUESTION_TYPES if name == turn.type), None)
            asked.setdefault(question, (kind or question_type(question), answer))
    return [
        Question(f"{scene.scene_id}#{number}", scene.scene_id, kind, question, answer)
        for number, (question, (kind, answer)) in enumerate(asked.items(), start=1)
    ]


def conversation(questions: Sequence[Question]) -> list[dict[str, str]]:
    """Return questions as the turns of a released dialogue."""
    turns = []
    for question in questions:
        turns += [
            {"from": "human", "value": question.question},
            {"from": "gpt", "value": question.answer},
        ]
    return turns
