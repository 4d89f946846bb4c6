"""Questions and their answers: asked of annotations, or read from a source's own dialogues."""

from sartext.dataset.questions.ask import ask

__all__ = ["ask"]
