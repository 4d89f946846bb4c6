"""Questions and their answers: asked of annotations, or read from a source's own dialogues."""

from sartext.dataset.questions.write import questions_for

__all__ = ["questions_for"]
