"""config/README.md's list of keys, written from the profile's model so that it cannot go stale.

``python -m sartext.core.config_reference`` writes it anew; a test fails when the file and the model differ.
"""

import types
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sartext.core.config import CONFIG_FOLDER, Config
from sartext.core.files import write_text

MARK = "<!-- written by python -m sartext.core.config_reference: everything below this line -->"


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models(part)]


def _type_text(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    parts = typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_text(parts[0])
    if origin is typing.Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_text(part) for part in parts)
    if origin is list:
        return f"list of {_type_text(parts[0])}"
    if origin is dict:
        return f"{_type_text(parts[0])} to {_type_text(parts[1])}"
    if annotation is Any:
        return "anything"
    if annotation is type(None):
        return "null"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return names.get(
        annotation, "section" if _models(annotation) else str(getattr(annotation, "__name__", annotation))
    )


def _default_text(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, BaseModel):
        return "its own defaults"
    return f"`{field.default if field.default is not None else 'null'}`"


def _section(model: type[BaseModel], path: str) -> list[str]:
    title = f"## `{path}`" if path else "## The top"
    lines = [
        title,
        "",
        (model.__doc__ or "").strip().split("\n")[0],
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
    ]
    nested: list[tuple[type[BaseModel], str]] = []
    for name, field in model.model_fields.items():
        description = field.description
        for child in _models(field.annotation):
            holder = typing.get_origin(field.annotation)
            suffix = {list: "[]", dict: ".NAME"}.get(holder, "") if holder else ""
            nested.append((child, f"{path}.{name}{suffix}".lstrip(".")))
            description = description or (child.__doc__ or "").strip().split("\n")[0]
        cells = [f"`{name}`", _type_text(field.annotation), _default_text(field), description or ""]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines.append("")
    for child, child_path in nested:
        lines += _section(child, child_path)
    return lines


def reference() -> str:
    """Return the Markdown list of all keys, section by section."""
    return "\n".join(_section(Config, "")).rstrip() + "\n"


def write_reference(readme: Path) -> None:
    """Replace what stands below the mark in `readme`."""
    text = readme.read_text(encoding="utf-8")
    write_text(readme, text.split(MARK)[0] + MARK + "\n\n" + reference())


if __name__ == "__main__":
    write_reference(CONFIG_FOLDER / "README.md")
