"""SAR-TEXT beside ten other SAR data sets, for table 1 and figure 1."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sartext.core.config import CONFIG_FOLDER
from sartext.core.errors import UserError

Metres = Annotated[float, Field(gt=0)]
Pixels = Annotated[int, Field(ge=1)]


class KnownDataset(BaseModel):
    """One data set as its authors describe it; null is what they do not state."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="name as written in tables")
    year: int = Field(ge=1990, le=2100, description="of its first publication")
    images: int | None = Field(ge=1, description="SAR images or chips")
    objects: int | None = Field(ge=1, description="annotated objects or segments")
    image_size: tuple[Pixels, Pixels] | None = Field(description="least and most pixels a side")
    resolution_m: tuple[Metres, Metres] | None = Field(description="finest and coarsest, metres")
    sensors: list[str] | None = Field(description="satellites, or airborne")
    tasks: list[str] = Field(min_length=1, description="what it is for")
    annotation: str = Field(description="what its images are annotated with")
    text: bool = Field(description="whether it has captions or questions")
    source: str = Field(min_length=1, description="where these figures stand")

    @model_validator(mode="after")
    def _ordered(self) -> "KnownDataset":
        for name in ("image_size", "resolution_m"):
            pair = getattr(self, name)
            if pair is not None and pair[0] > pair[1]:
                raise ValueError(f"{name}: expected the smaller number first")
        return self


class _Datasets(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    datasets: list[KnownDataset]


def known_datasets(path: Path = CONFIG_FOLDER / "datasets.yaml") -> list[KnownDataset]:
    """Read the data sets that SAR-TEXT is compared with.

    Raises:
        UserError: the file is missing, or an entry lacks a key, has an unknown one or a wrong value.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _Datasets.model_validate(raw).datasets
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected the data sets of table 1") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(step) for step in fault["loc"]) or "(top)"
        raise UserError(f"{path}: {where}: {fault['msg']}; mend the entry") from None


def _own(found: Mapping[str, Any]) -> dict[str, Any]:
    """SAR-TEXT's own row, counted from what was built."""
    whole = found["all"]
    width, height, resolution = whole["width"], whole["height"], whole["resolution_m"]
    branches = ", ".join(found["by_branch"])
    return {
        "name": "SAR-TEXT",
        "year": None,
        "images": sum(whole["images"].values()),
        "objects": sum(whole["objects"].values()),
        "image_size": [min(width["min"], height["min"]), max(width["max"], height["max"])] if width else None,
        "resolution_m": [resolution["min"], resolution["max"]] if resolution else None,
        "sensors": None,
        "tasks": ["captioning", "image-text retrieval", "visual question answering"],
        "annotation": f"captions ({branches}), questions and answers",
        "text": True,
        "captions": whole["captions"],
        "questions": found["questions"]["questions"],
        "source": "counted here",
    }


def comparison(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of table 1: the ten data sets of `known_datasets` by year, then SAR-TEXT as built.

    Args:
        found: what `statistics` returned.

    Returns:
        A dictionary a data set with `KnownDataset`'s keys, and ``captions`` and ``questions`` (counts, 0 for
        those without text).
    """
    known = sorted(known_datasets(), key=lambda entry: (entry.year, entry.name.lower()))
    rows = [{**entry.model_dump(mode="json"), "captions": 0, "questions": 0} for entry in known]
    return [*rows, _own(found)]
