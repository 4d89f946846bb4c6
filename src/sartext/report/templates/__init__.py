"""The page's templates and style; a module, so that a change of them makes the page's rule run again."""

from pathlib import Path

FOLDER = Path(__file__).parent
