"""What a language model is asked: ``config/prompts/NAME.yaml``, and how its answer is read."""

import re
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sartext.core.config import CONFIG_FOLDER
from sartext.core.errors import UserError

_Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
_EXPECTED = "expected YAML of 'instruction' and 'examples' (a list of 'optical' and 'sar' captions)"
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_LABEL = re.compile(
    r"^(?:(?:the\s+)?(?:new\s+|rewritten\s+|final\s+)?(?:sar\s+)?(?:image\s+)?caption|sar|answer|output)\s*:\s*",
    re.IGNORECASE,
)
_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u00a0": " "}
)
_AROUND = " \t\"'`*_"


class Example(BaseModel):
    """One hand-written example: what an optical captioner said, and what holds for the SAR image."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    optical: _Text
    sar: _Text


class Prompt(BaseModel):
    """An instruction and examples."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    instruction: _Text
    examples: Annotated[list[Example], Field(min_length=1)]

    def messages(self, caption: str) -> list[dict[str, str]]:
        """Return the conversation that asks about a caption: the examples are turns of it."""
        turns = [{"role": "system", "content": self.instruction.strip()}]
        for example in self.examples:
            turns += [
                {"role": "user", "content": example.optical},
                {"role": "assistant", "content": example.sar},
            ]
        return [*turns, {"role": "user", "content": caption}]

    def text(self, caption: str) -> str:
        """Return the same as plain text, for a model that knows no turns; the answer follows it."""
        shown = [f"Optical caption: {entry.optical}\nSAR caption: {entry.sar}\n" for entry in self.examples]
        return "\n".join(
            [f"{self.instruction.strip()}\n", *shown, f"Optical caption: {caption}\nSAR caption:"]
        )


def load_prompt(name: str) -> Prompt:
    """Read a prompt.

    Args:
        name: of a file in ``config/prompts``, without ``.yaml``; or a path that ends in ``.yaml``.

    Raises:
        UserError: there is no such file, or it is not a prompt.
    """
    folder = CONFIG_FOLDER / "prompts"
    path = Path(name) if name.endswith(".yaml") else folder / f"{name}.yaml"
    try:
        return Prompt.model_validate(yaml.safe_load(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        known = ", ".join(sorted(entry.stem for entry in folder.glob("*.yaml"))) or "(none there)"
        raise UserError(
            f"{path}: no such prompt; expected one of {known} (files of {folder}), or a path to a .yaml file"
        ) from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; {_EXPECTED}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable YAML ({error}); {_EXPECTED}") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(step) for step in fault["loc"]) or "(top)"
        raise UserError(f"{path}: {where}: {fault['msg']}; {_EXPECTED}") from None


def parse_answer(raw: str) -> str:
    """Return the caption in a language model's answer.

    That is its first line, or the second where the first only announces it ("Here is the caption:"), without
    what models put around it: thoughts in ``<think>``, a label ("SAR caption:"), quotes, stars.
    """
    lines = [line.strip() for line in _THOUGHT.sub("", raw).translate(_PLAIN).splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[1] if lines[0].rstrip("*").endswith(":") and len(lines) > 1 else lines[0]
    stripped = _LABEL.sub("", line.strip(_AROUND)).strip(_AROUND)
    return " ".join(stripped.split())
