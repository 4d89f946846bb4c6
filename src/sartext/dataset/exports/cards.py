"""Dataset cards: the README.md from which ``datasets.load_dataset`` learns what the files of a folder are.

The card's form: YAML between two lines of dashes, then Markdown (huggingface.co/docs/hub/datasets-cards).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from sartext.core.records import Split

_QUESTION = [{"name": name, "dtype": "string"} for name in ("answer", "question", "question_id", "type")]
_CAPTION = [{"name": name, "dtype": "string"} for name in ("branch", "caption")]
# what a shard's KEY.json holds. Left to itself, `datasets` takes the types from the first samples: an
# unknown resolution or an image without questions there would make it refuse all the rest
_SAMPLE = [
    {"name": "captions", "list": _CAPTION},
    {"name": "height", "dtype": "int64"},
    {"name": "polarisation", "dtype": "string"},
    {"name": "questions", "list": _QUESTION},
    {"name": "resolution_m", "dtype": "float64"},
    {"name": "scene_id", "dtype": "string"},
    {"name": "source", "dtype": "string"},
    {"name": "split", "dtype": "string"},
    {"name": "width", "dtype": "int64"},
]


def _card(files: Mapping[str, str], features: Sequence[dict[str, Any]], text: str) -> str:
    head: dict[str, Any] = {
        "language": ["en"],
        "task_categories": ["image-to-text", "visual-question-answering"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": path} for split, path in files.items()],
            }
        ],
    }
    if features:
        head["dataset_info"] = {"features": list(features)}
    return f"---\n{yaml.safe_dump(head, sort_keys=False, width=100)}---\n\n{text}"


def _counts(images: Mapping[Split, int]) -> str:
    lines = ["| split | images |", "|---|---:|", *(f"| {split} | {n} |" for split, n in images.items())]
    return "\n".join(lines) + "\n"


def parquet_card(images: Mapping[Split, int]) -> str:
    """Return the card of ``parquet/``: `images` counts those of each split; one without any is left out."""
    text = f"""# SAR-TEXT, one row an image

{_counts(images)}
`filepath` names the image, `captions` its sentences and `branches` who wrote each (a2c, sa2c, pair: the
narrator's; given: the source's own). `questions` have a type and one answer each. `resolution_m` is metres a
pixel; null where it is not known, as with `polarisation`. In the WebDataset shards the image is `key` of
`shard`. Licences and limits stand in the datasheet of the data set.
"""
    return _card({split: f"{split}.parquet" for split, count in images.items() if count}, (), text)


def shards_card(images: Mapping[Split, int], extensions: Sequence[str], below: str = "") -> str:
    """Return the card of WebDataset shards.

    Args:
        images: images by split; a split without any is left out.
        extensions: those of the images, ``png`` and ``jpg``.
        below: pattern of the folders between the card and the shards, such as ``*/``; none if it lies beside
            them.
    """
    features: list[dict[str, Any]] = [
        *({"name": extension, "dtype": "image"} for extension in extensions),
        {"name": "txt", "dtype": "string"},
        {"name": "json", "struct": _SAMPLE},
        {"name": "__key__", "dtype": "string"},
        {"name": "__url__", "dtype": "string"},
    ]
    text = f"""# SAR-TEXT, WebDataset shards

{_counts(images)}
Of each image `KEY.png` or `KEY.jpg`, its first caption `KEY.txt`, and `KEY.json` with all captions, questions
and what is known of it. `datasets.load_dataset` on this folder reads the types of the columns from the head
of this file; open_clip reads the number of images from `sizes.json`.
"""
    return _card({split: f"{below}{split}-*.tar" for split, n in images.items() if n}, features, text)
