"""Croissant 1.0 metadata of SAR-TEXT's three tables, for programs that find and read data sets.

Written in plain Python: `mlcroissant`, which checks it in the tests, takes over a second to import. The
format is that of https://docs.mlcommons.org/croissant/docs/croissant-spec.html.
"""

from pathlib import Path
from typing import Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import sha256_file
from sartext.core.records import SPLITS
from sartext.dataset.about.licences import licence_of
from sartext.dataset.merge import sources_of

PAPER = "https://arxiv.org/abs/2507.18743"
CITATION = (
    "SAR-TEXT: A Large-Scale SAR Image-Text Dataset Built with SAR-Narrator and A Progressive Learning "
    "Strategy for Downstream Tasks, 2025, arXiv:2507.18743"
)
TABLES = ("scenes", "captions", "questions")

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_TEXT, _WHOLE, _REAL, _FLAG = "sc:Text", "sc:Integer", "sc:Float", "sc:Boolean"
# record set, its table, and the table's columns with type and meaning
_IMAGES = {
    "scene_id": (_TEXT, "SOURCE/STEM, unique"),
    "source": (_TEXT, "name of the source"),
    "split": (_TEXT, "train, val or test"),
    "modality": (_TEXT, "sar"),
    "image": (_TEXT, "the image's file"),
    "width": (_WHOLE, "pixels"),
    "height": (_WHOLE, "pixels"),
    "resolution_m": (_REAL, "metres a pixel, if known"),
    "polarisation": (_TEXT, "such as HH, if known"),
    "twin": (_TEXT, "the file of the registered optical image, of pairs"),
    "annotated": (_FLAG, "whether a whole annotation of the image exists"),
    "group": (_TEXT, "the larger scene or acquisition that it was cut from, if known"),
}
_CAPTIONS = {
    "scene_id": (_TEXT, "the image"),
    "branch": (_TEXT, "who wrote it: a2c, sa2c or pair, branches of the narrator, or given by the source"),
    "caption": (_TEXT, "the text, English"),
}
_QUESTIONS = {
    "question_id": (_TEXT, "unique"),
    "scene_id": (_TEXT, "the image"),
    "type": (_TEXT, "presence, count, location, comparison, land cover or class"),
    "question": (_TEXT, "the text, English"),
    "answer": (_TEXT, "the expected answer, lower case"),
}
_BOX = {
    "label": (_TEXT, "class name"),
    "x": (_REAL, "left edge, pixels"),
    "y": (_REAL, "top edge, pixels"),
    "width": (_REAL, "pixels"),
    "height": (_REAL, "pixels"),
}
_TURN = {
    "question": (_TEXT, "the question"),
    "answer": (_TEXT, "its answer"),
    "type": (_TEXT, "its type, if the source gives one"),
}


def _column(table: str, column: str, **more: Any) -> dict[str, Any]:
    return {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": column}, **more}


def _fields(name: str, table: str, columns: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:Field",
            "@id": f"{name}/{column}",
            "name": column,
            "description": meaning,
            "dataType": kind,
            "source": _column(table, column),
        }
        for column, (kind, meaning) in columns.items()
    ]


def _several(column: str, meaning: str, parts: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """A column of the table of scenes that holds any number of things of several parts."""
    return {
        "@type": "cr:Field",
        "@id": f"images/{column}",
        "name": column,
        "description": meaning,
        "repeated": True,
        "subField": [
            {
                "@type": "cr:Field",
                "@id": f"images/{column}/{part}",
                "name": part,
                "description": of_part,
                "dataType": kind,
                "source": _column("scenes", column, transform={"jsonPath": f"$.{part}"}),
            }
            for part, (kind, of_part) in parts.items()
        ],
    }


def _nested() -> list[dict[str, Any]]:
    """Columns of the table of scenes that hold several values; not ``cover``: Croissant knows no maps."""
    lists = _fields(
        "images",
        "scenes",
        {
            "window": (
                _WHOLE,
                "where it was cut from its group: left, top, right, bottom, pixels; null: unknown",
            ),
            "captions": (_TEXT, "sentences that the source itself gives, as it gives them"),
        },
    )
    return [
        _several("boxes", "annotated objects", _BOX),
        _several("dialogue", "questions and answers that the source itself gives", _TURN),
        *({**field, "repeated": True} for field in lists),
    ]


def _refer(fields: list[dict[str, Any]], column: str, target: dict[str, Any]) -> None:
    next(field for field in fields if field["name"] == column)["references"] = target


def _record_sets() -> list[dict[str, Any]]:
    def record_set(name: str, meaning: str, key: str | None, fields: list[dict[str, Any]]) -> dict[str, Any]:
        keyed = {"key": {"@id": f"{name}/{key}"}} if key else {}
        return {
            "@type": "cr:RecordSet",
            "@id": name,
            "name": name,
            "description": meaning,
            **keyed,
            "field": fields,
        }

    splits = {
        **record_set("splits", "The splits of the images.", "name", []),
        "dataType": "cr:Split",
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": _TEXT},
        ],
        "data": [{"splits/name": split} for split in SPLITS],
    }
    images = _fields("images", "scenes", _IMAGES) + _nested()
    captions = _fields("captions", "captions", _CAPTIONS)
    questions = _fields("questions", "questions", _QUESTIONS)
    _refer(images, "split", {"field": {"@id": "splits/name"}})
    for fields in (captions, questions):
        # the column, not the field "images/scene_id": mlcroissant 1.1 cannot join two sets of records
        _refer(fields, "scene_id", _column("scenes", "scene_id"))
    return [
        splits,
        record_set("images", "One record an image.", "scene_id", images),
        record_set("captions", "One record a caption; an image has one or more.", None, captions),
        record_set(
            "questions", "One record a question; an image has some or none.", "question_id", questions
        ),
    ]


def _files(folder: Path) -> list[dict[str, Any]]:
    files = []
    for table in TABLES:
        path = folder / f"{table}.parquet"
        if not path.is_file():
            raise UserError(f"{path}: no such file; expected SAR-TEXT's table of {table}: build it first")
        files.append(
            {
                "@type": "cr:FileObject",
                "@id": path.name,
                "name": path.name,
                "description": f"SAR-TEXT's table of {table}",
                "contentUrl": path.name,
                "contentSize": f"{path.stat().st_size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": sha256_file(path),
            }
        )
    return files


def croissant(folder: Path, config: Config, version: str | None = None) -> dict[str, Any]:
    """Return Croissant metadata of the tables of SAR-TEXT in a folder, to be written into that folder.

    Args:
        folder: holds ``scenes.parquet``, ``captions.parquet`` and ``questions.parquet``.
        config: the profile they were built from.
        version: of a release, ``X.Y.Z``; left out where there is none.

    Returns:
        JSON-LD: the files with their digests, addressed relative to the folder; record sets ``splits``,
        ``images``, ``captions`` and ``questions``; licences by source and the citation. It holds no date.

    Raises:
        UserError: a table is missing.
    """
    sources = sources_of(config, "sar")
    licences = dict.fromkeys(f"{source.title}: {licence_of(config, source)}" for source in sources)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": f"sar-text-{config.profile}",
        "description": (
            f"SAR-TEXT, profile {config.profile}: SAR images with captions, questions and answers in English "
            f"({config.data_note}). See datasheet.md."
        ),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "citeAs": CITATION,
        "url": PAPER,
        **({"version": version} if version is not None else {}),
        "license": list(licences),
        "inLanguage": "en",
        "keywords": [
            "synthetic aperture radar",
            "remote sensing",
            "image captioning",
            "visual question answering",
        ],
        "isLiveDataset": False,
        "distribution": _files(folder),
        "recordSet": _record_sets(),
    }
