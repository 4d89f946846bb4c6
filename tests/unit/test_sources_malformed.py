"""Malformed input, by table, over all readers: set aside with file, record and reason, or a stop in one line.

A row damages what belongs to the image ``bad`` of a small whole source. Both roads are driven over it: the
run's (`ingest`) and, where there is one, that of `sartext narrate` on plain folders.
"""

import csv
import resource
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from sources_files import colours, grey, written
from whole_sources import SENTENCES, SHIP_XML, WHOLE, XML, edited, whole_source

from sartext.cli import main
from sartext.core.config import Config, parse_config
from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.core.tables import read_scenes
from sartext.sources import Reject, ingest, read_source

Damage = Callable[[Path], Any]
BOXED = ("coco", "voc", "yolo", "dota")


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        name: of the test.
        format: a key of `WHOLE`.
        damage: what is done to the source.
        kind: the reject's; ``stops``: a `UserError`; ``fine``: tolerated, nothing is said.
        said: parts of the message: the file, the record, the reason.
        keeps: whether the scene of ``bad`` is still read, if the kind does not say.
        narrate: the kind on the road of `sartext narrate`, if another; ``""``: that road does not meet it.
    """

    name: str
    format: str
    damage: Damage
    kind: str
    said: tuple[str, ...] = ()
    keeps: bool | None = None
    narrate: str | None = None

    @property
    def kept(self) -> bool:
        return self.kind in ("box", "note", "fine") if self.keeps is None else self.keeps


def _edit(edit: Callable[[Any], Any], file: str = "a.json") -> Damage:
    return lambda root: edited(root / file, edit)


def _annotation(**more: Any) -> Damage:
    return _edit(lambda content: content["annotations"][1].update(more))


def _segmentation(segmentation: Any) -> Damage:
    return _annotation(bbox=None, segmentation=segmentation)


def _image(**more: Any) -> Damage:
    return _edit(lambda content: content["images"][1].update(more))


def _swap(file: str, old: str, new: str) -> Damage:
    def damage(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8")
        assert old in text
        written(root / file, text.replace(old, new))

    return damage


def _put(file: str, content: Any) -> Damage:
    return lambda root: written(root / file, content)


def _recoded(file: str, encoding: str, more: str = "") -> Damage:
    return lambda root: written(root / file, ((root / file).read_text() + more).encode(encoding))


def _bom(file: str) -> Damage:
    return lambda root: written(root / file, b"\xef\xbb\xbf" + (root / file).read_bytes())


def _cut(file: str) -> Damage:
    return lambda root: written(root / file, (root / file).read_bytes()[:60])


def _folder(file: str) -> Damage:
    def damage(root: Path) -> None:
        (root / file).unlink()
        (root / file / "x").mkdir(parents=True)

    return damage


def _saved(file: str, mode: str, format: str) -> Damage:
    def damage(root: Path) -> None:
        with Image.open(root / file) as image:
            image.convert(mode).save(root / file, format)

    return damage


def _link_out(file: str) -> Damage:
    def damage(root: Path) -> None:
        (root / file).rename(root.parent / "outside.png")
        (root / file).symlink_to(root.parent / "outside.png")

    return damage


def _raster(file: str, values: Any) -> Damage:
    """A GeoTIFF of any type in the place of an image, whatever its suffix says."""

    def damage(root: Path) -> None:
        import rasterio

        bands = np.asarray(values)[None]
        height, width = bands.shape[1:]
        profile = {"width": width, "height": height, "count": 1, "dtype": bands.dtype}
        with rasterio.open(root / "new.tif", "w", driver="GTiff", **profile) as raster:
            raster.write(bands)
        (root / "new.tif").replace(root / file)

    return damage


def _huge_png() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 65535, 65535, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(9999))) + chunk(b"IEND", b"")


def _huge_tiff() -> bytes:
    """65535x65535 pixels of one byte (TIFF 6.0, tags by rising number), and 16 bytes of data."""
    tags = [
        (256, 65535),
        (257, 65535),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 65535),
        (279, 16),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 24) + bytes(16) + struct.pack("<H", len(tags)) + entries + bytes(4)


def _zip(members: dict[str, bytes], **more: Any) -> Damage:
    """Another ``bad.zip``; ``link`` makes its last member a symbolic link, ``cut`` drops its end."""

    def damage(root: Path) -> None:
        with zipfile.ZipFile(root / "good.zip") as good:
            chip = good.read("Patch/Cargo_x1_y2.tif")
        with zipfile.ZipFile(root / "bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("Patch/Cargo_x1_y2.tif", chip)
            archive.writestr("Ship.xml", SHIP_XML)
            for name, content in members.items():
                member = zipfile.ZipInfo(name)
                member.external_attr = more.get("mode", 0o644) << 16
                archive.writestr(member, content, zipfile.ZIP_DEFLATED)
        whole = (root / "bad.zip").read_bytes()
        written(root / "bad.zip", whole[: len(whole) - more.get("cut", 0)])

    return damage


def _zipped(ships: bytes, chip: bytes | None = None) -> Damage:
    def damage(root: Path) -> None:
        with zipfile.ZipFile(root / "good.zip") as good:
            whole = good.read("Patch/Cargo_x1_y2.tif")
        with zipfile.ZipFile(root / "bad.zip", "w") as archive:
            archive.writestr("Ship.xml", ships)
            archive.writestr("Patch/Cargo_x1_y2.tif", whole if chip is None else chip)

    return damage


def _broken_checksum(root: Path) -> None:
    content = bytearray((root / "bad.zip").read_bytes())
    start = content.index(b"Patch/Cargo_x1_y2.tif") + 40
    content[start : start + 8] = bytes(8)
    written(root / "bad.zip", bytes(content))


LAUGHS = (
    "<!DOCTYPE lolz [<!ENTITY a0 'lol'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "]><annotation>&a9;</annotation>"
)
EXTERNAL = "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" + XML.format("&e;")
DEEP = "[" * 100_000
BIG = 10**400

IMAGES = [
    Row("truncated image", "coco", _cut("images/bad.png"), "image", ("bad.png", "cannot be decoded")),
    Row("empty image", "voc", _put("images/bad.png", b""), "image", ("bad.png", "not an image of a known")),
    Row("text called png", "yolo", _put("images/bad.png", "404"), "image", ("bad.png", "not an image")),
    Row("gif called png", "dota", _saved("images/bad.png", "P", "GIF"), "image", ("bad.png", "not an image")),
    Row("png that claims 4 GB", "coco", _put("images/bad.png", _huge_png()), "image", ("bad.png", "Bomb")),
    Row("tiff that claims 4 GB", "coco", _put("images/bad.png", _huge_tiff()), "image", ("bad.png", "limit")),
    Row("4 GB mask", "mask", _put("masks/bad.png", _huge_tiff()), "image", ("bad.png", "limit")),
    Row("4 GB twin", "pairs", _put("optical/bad.png", _huge_png()), "image", ("bad.png", "Bomb")),
    Row("all-NaN raster", "coco", _raster("images/bad.png", np.full((30, 40), np.nan, np.float32)), "image",
        ("bad.png", "no valid pixel")),
    Row("image of another size", "coco", lambda root: grey(root / "images/bad.png", 30, 40), "image",
        ("bad", "is 30x40 pixels, but its annotation says 40x30")),
    Row("image that is a folder", "coco", _folder("images/bad.png"), "image", ("bad.png", "no such file")),
    Row("palette png", "coco", _saved("images/bad.png", "P", "PNG"), "fine"),
    Row("CMYK jpeg called png", "coco", _saved("images/bad.png", "CMYK", "JPEG"), "fine"),
    Row("image is not there", "coco", lambda root: (root / "images/bad.png").unlink(), "absent",
        ("a.json", "image 1", "names the image 'bad.png', which is not in")),
    Row("link that leads nowhere", "voc", lambda root: [(root / "images/bad.png").unlink(),
        (root / "images/bad.png").symlink_to(root / "images/gone.png")], "image", ("bad.png",
        "no such file")),
]  # fmt: skip

COCO = [
    Row("no area", "coco", _annotation(bbox=[1, 2, 0, 5]), "box", ("a.json", "annotation 1", "has no area")),
    Row("inverted", "coco", _annotation(bbox=[9, 9, -3, 4]), "box", ("a.json", "annotation 1", "inverted")),
    Row("NaN", "coco", _annotation(bbox=[float("nan"), 1, 2, 3]), "box", ("annotation 1", "finite numbers")),
    Row("Infinity", "coco", _annotation(bbox=[1, 1, float("inf"), 3]), "box", ("annotation 1", "finite")),
    Row("outside", "coco", _annotation(bbox=[50, 50, 4, 4]), "box", ("annotation 1",
        "lies outside its image")),
    Row("partly outside", "coco", _annotation(bbox=[38, 2, 9, 4]), "note", ("reaches 7 pixels outside",
        "clipped")),
    Row("huge number", "coco", _annotation(bbox=[1, 1, BIG, 3]), "box", ("annotation 1", "too large")),
    Row("box of text", "coco", _annotation(bbox=["1", "2", "3", "4"]), "box", ("bbox", "four numbers")),
    Row("box of booleans", "coco", _annotation(bbox=[True, True, 3, 4]), "box", ("bbox", "four numbers")),
    Row("box of three", "coco", _annotation(bbox=[1, 2, 3]), "box", ("bbox", "four numbers")),
    Row("box is null", "coco", _annotation(bbox=None), "box", ("annotation 1", "neither a 'bbox'")),
    Row("polygon of 2 points", "coco", _segmentation([[1, 2, 3, 4]]), "box", ("three points",)),
    Row("polygon of NaN", "coco", _segmentation([[1, 2, 3, 4, 5, float("nan")]]), "box", ("numbers only",)),
    Row("polygon of text", "coco", _segmentation([["1", 2, 3, 4, 5, 6]]), "box", ("numbers only",)),
    Row("huge polygon", "coco", _segmentation([[BIG, 2, 3.5, 4, 5, 6]]), "box", ("too large",)),
    Row("RLE too short", "coco", _segmentation({"size": [30, 40], "counts": [5, 5]}), "box",
        ("do not add up",)),
    Row("RLE text too short", "coco", _segmentation({"size": [30, 40], "counts": "55"}), "box",
        ("do not add up",)),
    Row("RLE text cut off", "coco", _segmentation({"size": [30, 40], "counts": "5PPP"}), "box",
        ("breaks off",)),
    Row("RLE text endless", "coco", _segmentation({"size": [30, 40], "counts": "o" * 999}), "box",
        ("counts",)),
    Row("RLE of another size", "coco", _segmentation({"size": [9, 9], "counts": [81]}), "box",
        ("is not the image",)),
    Row("RLE of booleans", "coco", _segmentation({"size": [30, 40], "counts": [True]}), "box", ("counts",)),
    Row("RLE negative", "coco", _segmentation({"size": [30, 40], "counts": [-1, 1201]}), "box", ("counts",)),
    Row("RLE of no object", "coco", _segmentation({"size": [30, 40], "counts": [1200]}), "box", ("no area",)),
    Row("category as text", "coco", _annotation(category_id="1"), "box", ("category_id '1'", "'categories'")),
    Row("category true", "coco", _annotation(category_id=True), "box", ("category_id True", "'categories'")),
    Row("category null", "coco", _annotation(category_id=None), "box", ("category_id None",)),
    Row("category a list", "coco", _annotation(category_id=[1]), "box", ("category_id [1]",)),
    Row("missing category", "coco", _annotation(category_id=7), "box", ("category_id 7", "'categories'")),
    Row("unknown class", "coco", _annotation(category_id=2), "box", ("'zeppelin' is unknown",
        "expected one of ship")),
    Row("class of no letters", "coco any", _edit(lambda content: (content["categories"].append(
        {"id": 3, "name": "\ud800\u0007"}), content["annotations"][1].update(category_id=3))), "box",
        ("annotation 1", "class", "name")),
    Row("class is null", "coco any", _edit(lambda content: (content["categories"].append(
        {"id": 3, "name": None}), content["annotations"][1].update(category_id=3))), "box",
        ("annotation 1", "category_id 3")),
    Row("annotation of no image", "coco", _annotation(image_id=9), "box", ("annotation 1",
        "image_id 9"), True),
    Row("image_id true", "coco", _annotation(image_id=True), "box", ("annotation 1", "image_id True"), True),
    Row("image_id a list", "coco", _annotation(image_id=[1]), "box", ("annotation 1", "image_id [1]"), True),
    Row("annotation is a list", "coco", _edit(lambda content: content["annotations"].__setitem__(1, [1])),
        "box",
        ("annotations.1", "annotation record"), True),
    Row("same annotation twice", "coco", _edit(lambda content: content["annotations"].append(
        dict(content["annotations"][1]))), "box", ("annotation 1", "given twice"), True),
    Row("annotation id of another", "coco", _annotation(id=0), "note", ("annotation 0",
        "given to another too")),
    Row("image id of another", "coco", _image(id=0), "image", ("a.json", "image 0", "cannot be told apart")),
    Row("image listed twice", "coco", _edit(lambda content: content["images"].append(
        {**content["images"][1], "id": 2})), "image", ("a.json", "image 2", "again"), True),
    Row("image without id", "coco", _image(id=None), "image", ("images.1", "with an 'id'")),
    Row("image id true", "coco", _image(id=True), "image", ("images.1", "with an 'id'")),
    Row("image is text", "coco", _edit(lambda content: content["images"].__setitem__(1, "bad.png")), "image",
        ("images.1", "image record")),
    Row("image without name", "coco", _image(file_name=""), "image", ("image 1", "file_name")),
    Row("name is a number", "coco", _image(file_name=3), "image", ("image 1", "file_name")),
    Row("name is not UTF-8", "dota", lambda root: [path.rename(path.with_stem("bad\udcff"))
        for path in (root / "images/bad.png", root / "labels/bad.txt")], "image", ("not printable",),
        None, ""),
    Row("name leads up", "coco", _image(file_name="../images/../../secret.png"), "image", ("image 1",
        "outside")),
    Row("name is absolute", "coco", _image(file_name="/etc/passwd"), "image", ("image 1", "outside")),
    Row("name has a NUL", "coco", _image(file_name="a\0b.png"), "image", ("image 1", "outside")),
    Row("name is half a letter", "coco", _image(file_name="\ud800.png"), "image", ("image 1", "file name")),
    Row("name is endless", "coco", _image(file_name="a" * 5000), "absent", ("image 1", "names the image")),
    Row("link out of the folder", "coco", _link_out("images/bad.png"), "image", ("image 1", "outside")),
    Row("name of control characters", "coco", lambda root: [(root / "images/bad.png").rename(
        root / "images/bad\n\x1b[31m.png"), _image(file_name="bad\n\x1b[31m.png")(root)], "image",
        ("image 1", "not printable"), None, ""),
    Row("negative size", "coco", _image(width=-40, height=-30), "fine"),
    Row("size is text", "coco", _image(width="40", height=None), "fine"),
    Row("size beyond all numbers", "coco", _image(width=BIG), "fine"),
    Row("size beyond all images", "coco", _image(width=10**8), "image", ("is 40x30 pixels", "100000000x30")),
    Row("a list at the top", "coco", _put("a.json", [1]), "stops", ("a.json", "expected a COCO file",
        "a list")),
    Row("null at the top", "coco", _put("a.json", "null"), "stops", ("a.json", "expected a COCO file")),
    Row("no categories", "coco", _edit(lambda content: content.pop("categories")), "stops",
        ("a.json", "categories: expected a list")),
    Row("images is null", "coco", _edit(lambda content: content.update(images=None)), "stops", ("a.json",
        "images")),
    Row("empty json", "coco", _put("a.json", b""), "stops", ("a.json", "not valid JSON", "COCO")),
    Row("truncated json", "coco", _cut("a.json"), "stops", ("a.json", "not valid JSON at line 1", "COCO")),
    Row("json in UTF-16", "coco", _recoded("a.json", "utf-16"), "stops", ("a.json", "not UTF-8", "COCO")),
    Row("json in latin-1", "coco", _put("a.json", '{"é": 1}'.encode("latin-1")), "stops", ("a.json",
        "not UTF-8")),
    Row("json with a BOM", "coco", _bom("a.json"), "fine"),
    Row("deep json", "coco", _put("a.json", DEEP), "stops", ("a.json", "nested too deeply", "COCO")),
    Row("number of 9,999 digits", "coco", _put("a.json", "1" * 9999), "stops", ("a.json",
        "not readable JSON")),
    Row("NUL bytes for a json", "coco", _put("a.json", bytes(4096)), "stops", ("a.json", "not valid JSON")),
]  # fmt: skip

VOC = [
    Row("half an xml", "voc", _cut("xml/bad.xml"), "image", ("bad.xml", "not well-formed")),
    Row("empty xml", "voc", _put("xml/bad.xml", b""), "image", ("bad.xml", "not well-formed")),
    Row("external entity", "voc", _put("xml/bad.xml", EXTERNAL), "image", ("bad.xml", "refused")),
    Row("billion laughs", "voc", _put("xml/bad.xml", LAUGHS), "image", ("bad.xml", "refused")),
    Row("xml in latin-1", "voc", _put("xml/bad.xml", XML.replace("ship", "é").encode("latin-1")), "image",
        ("bad.xml", "not well-formed")),
    Row("xml in an unheard-of encoding", "voc", _put("xml/bad.xml",
        "<?xml version='1.0' encoding='klingon'?><a/>"),
        "image", ("bad.xml", "encoding")),
    Row("xml in UTF-16", "voc", _recoded("xml/bad.xml", "utf-16"), "fine"),
    Row("xml with a BOM", "voc", _bom("xml/bad.xml"), "fine"),
    Row("not VOC", "voc", _put("xml/bad.xml", "<html/>"), "image", ("bad.xml", "<html> at the top")),
    Row("deep xml", "voc", _put("xml/bad.xml", "<a>" * 50_000 + "</a>" * 50_000), "image", ("bad.xml",
        "at the top")),
    Row("without size", "voc", _swap("xml/bad.xml", "<width>40</width><height>30</height>", ""), "fine"),
    Row("width 0", "voc", _swap("xml/bad.xml", "<width>40", "<width>0"), "fine"),
    Row("endless width", "voc", _swap("xml/bad.xml", "<width>40", "<width>1e999"), "fine"),
    Row("xml of another size", "voc", _swap("xml/bad.xml", "<width>40", "<width>44"), "image",
        ("bad", "is 40x30 pixels, but its annotation says 44x30")),
    Row("VOC no area", "voc", _swap("xml/bad.xml", "<xmax>5", "<xmax>1"), "box", ("bad.xml", "object 0",
        "no area")),
    Row("VOC inverted", "voc", _swap("xml/bad.xml", "<xmax>5", "<xmax>0"), "box", ("object 0", "inverted")),
    Row("VOC NaN", "voc", _swap("xml/bad.xml", "<xmin>1", "<xmin>nan"), "box", ("object 0",
        "finite numbers")),
    Row("VOC outside", "voc", _swap("xml/bad.xml", "<xmin>1</xmin><ymin>2</ymin><xmax>5", "<xmin>90</xmin>"
        "<ymin>2</ymin><xmax>95"), "box", ("object 0", "lies outside")),
    Row("VOC text", "voc", _swap("xml/bad.xml", "<ymin>2", "<ymin>two"), "box", ("ymin",
        "'two' is no number")),
    Row("VOC without ymax", "voc", _swap("xml/bad.xml", "<ymax>6</ymax>", ""), "box", ("ymax",
        "is no number")),
    Row("VOC without box", "voc", _swap("xml/bad.xml", "bndbox", "bbox"), "box", ("object 0",
        "bndbox: missing")),
    Row("VOC without name", "voc", _swap("xml/bad.xml", "<name>ship</name>", ""), "box", ("object 0",
        "name")),
    Row("VOC unknown class", "voc", _swap("xml/bad.xml", "ship", "zeppelin"), "box", ("object 0",
        "is unknown")),
    Row("rotated box of NaN", "voc", _swap("xml/bad.xml", "<xmin>1</xmin>", "<x1>nan</x1>" + "".join(
        f"<{axis}{n}>{n}</{axis}{n}>" for axis in "xy" for n in range(1, 5) if axis + str(n) != "x1")), "box",
        ("object 0", "finite numbers")),
    Row("two of one image", "voc one", _swap("a.xml", "bad.png", "good.png"), "image", ("a.xml", "good",
        "again")),
    Row("entry without name", "voc one", _swap("a.xml", "bad.png", ""), "image", ("a.xml", "entry 1",
        "no image")),
    Row("half of the one xml", "voc one", _cut("a.xml"), "stops", ("a.xml", "not well-formed", "VOC")),
    Row("laughs in the one xml", "voc one", _put("a.xml", LAUGHS), "stops", ("a.xml", "refused", "VOC")),
    Row("empty one xml", "voc one", _put("a.xml", b""), "stops", ("a.xml", "not well-formed", "VOC")),
]  # fmt: skip


def _label(text: str) -> Damage:
    return _put("labels/bad.txt", text)


TEXT_BOXES = [
    Row("YOLO in pixels", "yolo", _label("0 20 15 4 4"), "box", ("bad.txt", "line 1", "shares")),
    Row("YOLO unknown index", "yolo", _label("7 .1 .1 .1 .1"), "box", ("bad.txt", "line 1",
        "'7' is unknown")),
    Row("YOLO negative index", "yolo", _label("-1 .1 .1 .1 .1"), "box", ("bad.txt", "line 1",
        "index from 0")),
    Row("YOLO class by name", "yolo", _label("ship .1 .1 .1 .1"), "box", ("bad.txt", "line 1",
        "index from 0")),
    Row("YOLO superscript", "yolo", _label("² .1 .1 .1 .1"), "box", ("bad.txt", "line 1", "class")),
    Row("YOLO NaN", "yolo", _label("0 nan .1 .1 .1"), "box", ("bad.txt", "line 1", "finite numbers")),
    Row("YOLO infinite", "yolo", _label("0 .1 .1 1e999 .1"), "box", ("bad.txt", "line 1", "shares")),
    Row("YOLO text", "yolo", _label("0 a b c d"), "box", ("bad.txt", "line 1", "expected numbers")),
    Row("YOLO three numbers", "yolo", _label("0 .1 .1 .1"), "box", ("bad.txt", "line 1", "3 numbers")),
    Row("YOLO no numbers", "yolo", _label("0"), "box", ("bad.txt", "line 1", "0 numbers")),
    Row("YOLO odd polygon", "yolo", _label("0 .1 .1 .2 .2 .3 .3 .4"), "box", ("bad.txt", "line 1",
        "polygon")),
    Row("YOLO no area", "yolo", _label("0 .1 .1 0 .1"), "box", ("bad.txt", "line 1", "no area")),
    Row("YOLO inverted", "yolo", _label("0 .1 .1 -.1 .1"), "box", ("bad.txt", "line 1", "inverted")),
    Row("YOLO outside", "yolo", _label("0 1.5 1.5 .1 .1"), "box", ("bad.txt", "line 1", "outside")),
    Row("YOLO control characters", "yolo", _label("\0\x1b 0 0 0 0"), "box", ("bad.txt", "line 1", "index")),
    Row("YOLO in UTF-16", "yolo", _recoded("labels/bad.txt", "utf-16"), "image", ("bad.txt", "UTF-8")),
    Row("YOLO in latin-1", "yolo", _recoded("labels/bad.txt", "latin-1", "é"), "image", ("bad.txt", "UTF-8")),
    Row("YOLO with a BOM", "yolo", _bom("labels/bad.txt"), "fine"),
    Row("YOLO without image", "yolo", _put("labels/ugly.txt", ""), "absent", ("ugly.txt", "not in"), True),
    Row("DOTA of 7", "dota", _label("1 2 5 2 5 6 1 ship 0"), "box", ("bad.txt", "line 1", "expected")),
    Row("DOTA of 7 and no more", "dota", _label("1 2 5 2 5 6 1 ship"), "box", ("line 1",
        "eight coordinates")),
    Row("DOTA of 10", "dota", _label("1 2 5 2 5 6 1 6 3 3 ship 0"), "box", ("bad.txt", "line 1", "unknown")),
    Row("DOTA text", "dota", _label("a 2 5 2 5 6 1 6 ship 0"), "box", ("bad.txt", "line 1", "numbers")),
    Row("DOTA NaN", "dota", _label("nan 2 5 2 5 6 1 6 ship 0"), "box", ("bad.txt", "line 1", "finite")),
    Row("DOTA no area", "dota", _label("1 2 1 2 1 2 1 2 ship 0"), "box", ("bad.txt", "line 1", "no area")),
    Row("DOTA outside", "dota", _label("91 2 95 2 95 6 91 6 ship 0"), "box", ("line 1", "outside")),
    Row("DOTA unknown class", "dota", _label("1 2 5 2 5 6 1 6 zeppelin 0"), "box", ("line 1", "unknown")),
    Row("DOTA gsd unknown", "dota", _label("gsd:null\n1 2 5 2 5 6 1 6 ship 0"), "fine"),
    Row("DOTA gsd negative", "dota", _label("gsd:-3\n1 2 5 2 5 6 1 6 ship 0"), "fine"),
    Row("DOTA in UTF-16", "dota", _recoded("labels/bad.txt", "utf-16"), "image", ("bad.txt", "UTF-8")),
]  # fmt: skip


def _mask(values: Any) -> Damage:
    return lambda root: colours(root / "masks/bad.png", values)


MASKS = [
    Row("value of no class", "mask", _mask(np.full((30, 40), 5)), "image", ("bad.png", "holds 5",
        "no class")),
    Row("mask of another size", "mask", _mask(np.ones((20, 40))), "image", ("bad", "40x30", "40x20")),
    Row("mask in colours", "mask", _mask(np.full((30, 40, 3), [1, 2, 3])), "image", ("bad.png",
        "in colours")),
    Row("mask all ignored", "mask", _mask(np.full((30, 40), 9)), "image", ("bad.png", "no valid pixel")),
    Row("mask all NaN", "mask", _raster("masks/bad.png", np.full((30, 40), np.nan)), "image",
        ("no valid pixel",)),
    Row("mask of fractions", "mask", _raster("masks/bad.png", np.full((30, 40), 0.5)), "image",
        ("fractions",)),
    Row("mask of huge numbers", "mask", _raster("masks/bad.png", np.full((30, 40), 1e30)), "image",
        ("bad.png",)),
    Row("mask of complex numbers", "mask", _raster("masks/bad.png", np.full((30, 40), 1j)), "image",
        ("bad.png", "whole numbers")),
    Row("truncated mask", "mask", _cut("masks/bad.png"), "image", ("mask bad.png", "cannot be decoded")),
    Row("text for a mask", "mask", _put("masks/bad.png", "404"), "image", ("mask bad.png", "not an image")),
    Row("mask given twice", "mask",
        lambda root: Image.open(root / "masks/bad.png").save(root / "masks/bad.bmp"),
        "image", ("bad", "again"), True),
    Row("mask without image", "mask", lambda root: (root / "images/bad.png").unlink(), "absent",
        ("bad.png", "is not in")),
    Row("no mask at all", "mask", lambda root: [path.unlink() for path in (root / "masks").iterdir()],
        "stops",
        ("masks",)),
    Row("instances all NaN", "mask instance", _raster("masks/bad.png", np.full((30, 40), np.nan)), "image",
        ("bad.png", "no valid pixel")),
    Row("instances of another size", "mask instance", _mask(np.ones((20, 40))), "image", ("bad", "40x20")),
    Row("instances cut off", "mask instance", _cut("masks/bad.png"), "image", ("bad.png",
        "cannot be decoded")),
]  # fmt: skip

PAIRS = [
    Row("no twin", "pairs", lambda root: (root / "optical/bad.png").unlink(), "absent", ("bad",
        "no optical twin")),
    Row("no SAR image", "pairs", lambda root: (root / "sar/bad.png").unlink(), "note", ("bad.png",
        "without a SAR"),
        False),
    Row("twins of different size", "pairs", lambda root: grey(root / "optical/bad.png", 30, 40), "image",
        ("bad", "is 40x30 pixels, but its optical twin 30x40")),
    Row("truncated twin", "pairs", _cut("optical/bad.png"), "image", ("bad.png", "cannot be decoded")),
    Row("truncated SAR image", "pairs", _cut("sar/bad.png"), "image", ("bad.png", "cannot be")),
    Row("nothing pairs", "pairs", lambda root: [path.rename(path.with_name(f"x{path.name}"))
        for path in sorted((root / "optical").iterdir())], "stops", ("2 of 2 images",
        "no optical twin"), None, ""),
]  # fmt: skip


def _caption_record(*keys: Any, **more: Any) -> Damage:
    def edit(content: Any) -> None:
        for key in keys:
            content = content[key]
        content.update(more)

    return _edit(edit)


KARPATHY = [
    Row("no sentence", "karpathy", _caption_record("images", 1, sentences=[]), "image", ("bad.png",
        "no sentence")),
    Row("empty sentences", "karpathy", _caption_record("images", 1, sentences=[{"raw": " "}, {"raw": ""}]),
        "image",
        ("bad.png", "no sentence")),
    Row("one empty sentence", "karpathy", _caption_record("images", 1, "sentences", 0, raw="\t\n"), "box",
        ("bad.png sentence 0", "expected a sentence")),
    Row("sentence is null", "karpathy", _caption_record("images", 1, "sentences", 0, raw=None), "box",
        ("sentence 0",)),
    Row("sentence is a number", "karpathy", _caption_record("images", 1, "sentences", 0, raw=7), "box",
        ("sentence 0",)),
    Row("sentence of control characters", "karpathy", _caption_record("images", 1, "sentences", 0,
        raw="\0\x1b\ud800\x07"), "box", ("bad.png sentence 0", "expected a sentence")),
    Row("sentences is text", "karpathy", _caption_record("images", 1, sentences="a ship"), "image",
        ("sentences",)),
    Row("caption without name", "karpathy", _caption_record("images", 1, filename=None), "image",
        ("images.1",)),
    Row("unknown split", "karpathy", _caption_record("images", 1, split="dev"), "image", ("bad.png",
        "split 'dev'")),
    Row("split is null", "karpathy", _caption_record("images", 1, split=None), "image", ("bad.png",
        "split None")),
    Row("captions lead out", "karpathy", _caption_record("images", 1, filepath="../.."), "image",
        ("outside",)),
    Row("captions of one image twice", "karpathy", _caption_record("images", 1, filename="good.png"), "image",
        ("good.png", "again")),
    Row("captions are a list", "karpathy", _put("a.json", []), "stops", ("a.json",
        "expected captions with 'images'")),
    Row("captions in UTF-16", "karpathy", _recoded("a.json", "utf-16"), "stops", ("a.json", "not UTF-8")),
    Row("captions with a BOM", "karpathy", _bom("a.json"), "fine"),
    Row("deep captions", "karpathy", _put("a.json", '{"images": ' + DEEP), "stops", ("a.json", "too deeply")),
    Row("NWPU without a sentence", "nwpu", _caption_record("harbor", 1, raw_2=None), "box", ("bad.png",
        "raw_2")),
    Row("NWPU with none", "nwpu", _caption_record("harbor", 1, **dict.fromkeys(SENTENCES, "")), "image",
        ("bad.png", "no sentence")),
    Row("NWPU record is a list", "nwpu", _edit(lambda content: content["harbor"].__setitem__(1, [])), "image",
        ("harbor.1", "filename")),
    Row("NWPU category is text", "nwpu", _put("a.json", {"harbor": "x"}), "stops", ("a.json", "by category")),
    Row("NWPU leads out", "nwpu", _caption_record("harbor", 1, filename="../../../etc/passwd"), "absent",
        ("passwd", "not in")),
]  # fmt: skip

TABLES = [
    Row("embedded newline", "csv", _swap("a.csv", "bad.png,A ship.", 'bad.png,"A\n\nship."'), "fine"),
    Row("caption with a bare comma", "csv", _swap("a.csv", "bad.png,A ship.", "bad.png,A ship, two"), "image",
        ("a.csv", "line 4", "no caption left")),
    Row("row of one field", "csv", _swap("a.csv", "bad.png,A ship.", "bad.png,A ship.\nbad.png"), "box",
        ("a.csv", "line 5", "1 fields, expected 2")),
    Row("stray quote", "csv", _swap("a.csv", "bad.png,A ship.", 'bad.png,A ship.\nbad.png,"a" b'), "box",
        ("a.csv", "line 5", "quote")),
    Row("row without image", "csv", _swap("a.csv", "bad.png,A ship.", "bad.png,A ship.\n,A ship."), "box",
        ("a.csv", "line 5", "names no image")),
    Row("caption of control characters", "csv", _swap("a.csv", "bad.png,A ship.", "bad.png,\x1b\x07"),
        "image",
        ("a.csv", "line 4", "no caption left")),
    Row("open quote", "csv", _swap("a.csv", "bad.png,A ship.", 'bad.png,"A ship.'), "stops", ("line 4",
        "quote")),
    Row("field without end", "csv", _put("a.csv", 'filepath,caption\ngood.png,"' + "a" * 300_000), "stops",
        ("a.csv",)),
    Row("no header", "csv", _put("a.csv", "good.png,A ship.\n"), "stops", ("a.csv", "line 1",
        "filepath,caption")),
    Row("empty table", "csv", _put("a.csv", b""), "stops", ("a.csv", "filepath,caption")),
    Row("table in UTF-16", "csv", _recoded("a.csv", "utf-16"), "stops", ("a.csv", "not UTF-8")),
    Row("table in latin-1", "csv", _recoded("a.csv", "latin-1", "bad.png,é\n"), "stops", ("a.csv",
        "not UTF-8")),
    Row("table with a BOM", "csv", _bom("a.csv"), "fine"),
    Row("table leads out", "csv", _swap("a.csv", "bad.png", "../../etc/passwd"), "absent", ("passwd",
        "not in")),
]  # fmt: skip


def _turns(*turns: Any) -> Damage:
    return _edit(lambda content: content[1].update(conversations=list(turns)))


ASK, SAY = {"from": "human", "value": "Is there?"}, {"from": "gpt", "value": "yes"}
QUESTIONS = [
    Row("two questions in a row", "dialogues", _turns(ASK, ASK, SAY), "box", ("id bad turn 0",
        "without an answer")),
    Row("an answer first", "dialogues", _turns(SAY, ASK, SAY), "box", ("id bad turn 0", "in turn")),
    Row("a question last", "dialogues", _turns(ASK, SAY, ASK), "box", ("id bad turn 2", "without an answer")),
    Row("a turn is null", "dialogues", _turns(None, ASK, SAY), "box", ("id bad turn 0", "expected 'human'")),
    Row("an answer of no letters", "dialogues", _turns(ASK, {"from": "gpt",
        "value": "\ud800\0"}, ASK, SAY), "box",
        ("id bad turn 1", "each with a 'value'")),
    Row("no turns", "dialogues", _turns(), "image", ("id bad", "no question with an answer")),
    Row("turns are text", "dialogues", _edit(lambda content: content[1].update(conversations="hello")),
        "image",
        ("id bad", "list of turns")),
    Row("dialogue without image", "dialogues", _edit(lambda content: content[1].pop("image")), "image",
        ("record 1", "image: expected")),
    Row("dialogue is null", "dialogues", _edit(lambda content: content.__setitem__(1, None)), "image",
        ("record 1",)),
    Row("dialogue leads out", "dialogues", _edit(lambda content: content[1].update(image="../../etc/passwd")),
        "absent", ("id bad", "passwd")),
    Row("dialogues are a mapping", "dialogues", _put("a.json", {}), "stops", ("a.json",
        "list of dialogues", "dict")),
    Row("truncated dialogues", "dialogues", _cut("a.json"), "stops", ("a.json", "not valid JSON")),
    Row("question of no image", "rsvqa", _edit(lambda content: content["questions"].append(
        {"id": 5, "img_id": 77, "question": "Is it?"}), "questions.json"), "box", ("questions.2",
        "img_id 77")),
    Row("question without answer", "rsvqa", _edit(lambda content: content["answers"].pop(),
        "answers.json"), "box", ("questions.1", "no active answer"), False),
    Row("question id is a list", "rsvqa", _edit(lambda content: content["questions"].append({"id": [1]}),
        "questions.json"), "box", ("questions.2", "with an 'id'")),
    Row("answer is null", "rsvqa", _edit(lambda content: content["answers"].append(None), "answers.json"),
        "box",
        ("answers.json", "answers.2", "expected an answer")),
    Row("image id null", "rsvqa", _edit(lambda content: content["images"].append({"id": None}),
        "images.json"),
        "image", ("images.json", "images.2", "id"), True),
    Row("image id leads out", "rsvqa", lambda root: [
        _edit(lambda content: content["images"][1].update(id="../../x"), "images.json")(root),
        _edit(lambda content: content["questions"][1].update(img_id="../../x"), "questions.json")(root)],
        "image", ("images.json", "image ../../x", "outside")),
    Row("answers are a list", "rsvqa", _put("answers.json", []), "stops", ("answers.json", "answers")),
]  # fmt: skip

ARCHIVES = [
    Row("zip with ../", "opensarship", _zip({"../../evil.txt": b"x"}), "image", ("bad.zip", "evil.txt",
        "leads out")),
    Row("zip with an absolute name", "opensarship", _zip({"/evil.txt": b"x"}), "image", ("bad.zip",
        "leads out")),
    Row("zip bomb", "opensarship", _zip({"Patch/Cargo_x3_y4.tif": bytes(64 << 20)}), "image", ("bad.zip",
        "to 1")),
    Row("zip with a link", "opensarship", _zip({"link": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777), "image",
        ("bad.zip", "link")),
    Row("chip of 300 digits", "opensarship", _zip({f"Patch/Cargo_x{'3' * 300}_y4.tif": b"x"}), "image",
        ("bad.zip", "over 255 bytes")),
    Row("truncated zip", "opensarship", _zip({}, cut=30), "image", ("bad.zip", "zip archive")),
    Row("text called zip", "opensarship", _put("bad.zip", "404"), "image", ("bad.zip", "zip archive")),
    Row("broken member", "opensarship", _broken_checksum, "image", ("bad.zip", "cannot be unpacked")),
    Row("zip without chips", "opensarship", lambda root: zipfile.ZipFile(root / "bad.zip", "w").close(),
        "image",
        ("bad.zip", "no chip")),
    Row("half a Ship.xml", "opensarship", _zipped(SHIP_XML[:50].encode()), "note", ("Ship.xml",
        "not well-formed")),
    Row("laughs in Ship.xml", "opensarship", _zipped(LAUGHS.encode()), "note", ("Ship.xml", "refused")),
    Row("4 GB chip", "opensarship", _zipped(SHIP_XML.encode(), _huge_tiff()), "image", ("bad", "limit")),
]  # fmt: skip

ROWS = [*IMAGES, *COCO, *VOC, *TEXT_BOXES, *MASKS, *PAIRS, *KARPATHY, *TABLES, *QUESTIONS, *ARCHIVES]

YAML_LAUGHS = "a0: &a0 [0]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 10}]\n" for n in range(1, 12))
LAUGHING = "- &a0 [0]\n" + "".join(f"    - &a{n} [{f'*a{n - 1},' * 10}]\n" for n in range(1, 12))
CLASS_FILES: list[tuple[str, bytes, str]] = [
    ("empty", b"", "classes: missing"),
    ("a list", b"[ship, water]", "classes: missing"),
    ("UTF-16", "classes: {ship: 1}".encode("utf-16"), "not readable YAML"),
    ("deep", b"[" * 20_000, "not readable YAML"),
    ("NUL bytes", bytes(64), "not readable YAML"),
    ("laughs", f"{YAML_LAUGHS}classes: {{ship: *a11}}".encode(), "a0: unknown key"),
    ("laughs in a value", f"classes:\n  ship:\n    {LAUGHING}".encode(), "classes.ship"),
    ("colour beyond 255", b"classes: {ship: [0, 0, 256]}", "classes.ship"),
    ("value is NaN", b"classes: {ship: .nan}", "classes.ship"),
    ("value is true", b"classes: {ship: true}", "classes.ship"),
    ("one value twice", b"classes: {ship: 1, water: 1}", "ship's value too"),
]


@pytest.mark.parametrize(
    ("content", "said"), [row[1:] for row in CLASS_FILES], ids=[row[0] for row in CLASS_FILES]
)
def test_a_broken_class_file_stops_in_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    WHOLE["mask"].build(tmp_path)
    written(tmp_path / "classes.yaml", content)
    narrate = WHOLE["mask"].narrate
    assert narrate is not None
    with pytest.raises(UserError) as error:
        narrate(tmp_path)
    assert "classes.yaml: " in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.fixture
def config(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    raw = yaml.safe_load((root / "config" / "smoke.yaml").read_text(encoding="utf-8"))
    raw["images"] = {"size": 8, "max_rejected_share": 0.9}
    monkeypatch.chdir(tmp_path)  # results/ is relative
    return parse_config(raw, "test.yaml")


def _is_good(scene: Scene) -> bool:
    return any(part in f"/{scene.image}" for part in ("/good", "/images/0."))


def _plain(scene: Scene, *roots: Path) -> Scene:
    """The scene without the folder that it lies in."""
    for path in roots:
        scene = replace(
            scene,
            image=scene.image.removeprefix(f"{path}/"),
            twin=scene.twin and scene.twin.removeprefix(f"{path}/"),
        )
    return scene


def _check(row: Row, kind: str, scenes: list[Scene], rejects: list[Reject], good: Scene) -> None:
    shown = [(entry.kind, f"{entry.file} {entry.record} {entry.reason}") for entry in rejects]
    if kind == "fine":
        assert shown == []
        assert all(scene.annotated == good.annotated for scene in scenes)
    else:
        assert any(found == kind and all(part in text for part in row.said) for found, text in shown), shown
    for _, text in shown:
        assert len(text) < 1000
        assert not any(ord(letter) < 32 for letter in text if letter != "\n"), repr(text)
    found = [scene for scene in scenes if _is_good(scene)]
    assert found == [good]
    others = [scene for scene in scenes if not _is_good(scene)]
    assert len(others) == int(row.kept), shown
    if kind == "box" and row.keeps is None and row.format.split(" ")[0] in BOXED:
        # its count would be wrong
        assert [scene.annotated for scene in others] == [False]


def _stops(row: Row, call: Callable[[], Any]) -> None:
    with pytest.raises(UserError) as error:
        call()
    said = str(error.value)
    assert all(part in said for part in row.said), said
    assert "\n" not in said
    assert len(said) < 1000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.format}-{row.name}")
def test_a_fault_is_set_aside_and_the_rest_goes_on_or_it_stops_in_one_line(
    row: Row, tmp_path: Path, config: Config
) -> None:
    whole = WHOLE[row.format]
    for folder in ("whole", "root"):
        whole.build(tmp_path / folder)
    given = whole_source(tmp_path / "whole", row.format)
    scenes, rejects = read_source(given, config.seed, 0.0, 0.0, tmp_path / "first")
    assert rejects == []
    here = (tmp_path / "whole", tmp_path / "first", tmp_path / "root", config.results / "unpacked" / "tiny")
    (good,) = (_plain(scene, *here) for scene in scenes if _is_good(scene))
    row.damage(tmp_path / "root")

    source = whole_source(tmp_path / "root", row.format)
    dataset = config.dataset.model_copy(update={"val_share": 0.0, "test_share": 0.0})
    config = config.model_copy(update={"dataset": dataset})
    out = tmp_path / "out" / "tiny"
    memory, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    if row.kind == "stops":
        _stops(row, lambda: ingest(source, config, out))
        assert not out.parent.exists() or list(out.parent.iterdir()) == []
    else:
        ingest(source, config, out)
        with (out / "rejects.csv").open(encoding="utf-8", newline="") as stream:
            noted = [Reject(*cells) for cells in list(csv.reader(stream))[1:]]  # type: ignore[arg-type]
        read = [_plain(scene, *here) for scene in read_scenes(out / "scenes.parquet")]
        _check(row, row.kind, read, noted, good)
        assert np.load(out / "images.npy").shape == (len(read), 8, 8, 1)
        assert [path.name for path in out.parent.iterdir()] == ["tiny"]
    assert time.monotonic() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 400_000  # kB: no bomb went off


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if WHOLE[row.format].narrate and row.narrate != ""],
    ids=lambda row: f"{row.format}-{row.name}",
)
def test_narrating_plain_folders_does_the_same(row: Row, tmp_path: Path) -> None:
    whole = WHOLE[row.format]
    assert whole.narrate is not None
    for folder in ("whole", "root"):
        whole.build(tmp_path / folder)
    scenes, rejects = whole.narrate(tmp_path / "whole")
    assert rejects == []
    (good,) = (_plain(scene, tmp_path / "whole") for scene in scenes if _is_good(scene))
    row.damage(tmp_path / "root")
    if row.kind == "stops":
        _stops(row, lambda: whole.narrate(tmp_path / "root"))  # type: ignore[misc]
        return
    scenes, rejects = whole.narrate(tmp_path / "root")
    _check(
        row, row.narrate or row.kind, [_plain(scene, tmp_path / "root") for scene in scenes], rejects, good
    )


STOPS = [row for row in ROWS if row.kind == "stops" and row.format in ("coco", "voc one", "karpathy", "csv")]


@pytest.mark.parametrize("row", STOPS[::4], ids=lambda row: f"{row.format}-{row.name}")
def test_the_command_says_it_in_one_line_with_status_2(
    row: Row, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    WHOLE[row.format].build(tmp_path / "root")
    row.damage(tmp_path / "root")
    raw = yaml.safe_load((root / "config" / "smoke.yaml").read_text(encoding="utf-8"))
    raw["sources"] = [whole_source(tmp_path / "root", row.format).model_dump(mode="json")]
    raw.pop("simulator")
    commands = [["ingest", "--config", str(written(tmp_path / "profile.yaml", yaml.safe_dump(raw))), "tiny"]]
    if row.format in ("coco", "voc one"):
        annotations = tmp_path / "root" / WHOLE[row.format].layout["annotations"]
        images = tmp_path / "root" / "images"
        given = ["--annotations", str(annotations), "--images", str(images), "--out", "captions.csv"]
        commands.append(["narrate", "a2c", "--format", row.format.split(" ")[0], *given])
    for command in commands:
        with pytest.raises(SystemExit) as stopped:
            main(command)
        assert stopped.value.code == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert all(part in line for part in row.said), line
    assert not list(tmp_path.glob("captions*"))


def test_the_command_captions_the_rest_and_lists_what_it_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    WHOLE["voc"].build(root)
    written(root / "xml" / "bad.xml", LAUGHS)
    written(root / "xml" / "worse.xml", EXTERNAL)
    out = tmp_path / "captions.csv"
    given = ["--annotations", str(root / "xml"), "--images", str(root / "images"), "--out", str(out)]
    main(["narrate", "a2c", "--format", "voc", *given])
    captions = out.read_text(encoding="utf-8").splitlines()
    assert len(captions) >= 2
    assert all("/good.png," in line for line in captions[1:])
    rejects = (tmp_path / "captions.rejects.csv").read_text(encoding="utf-8")
    assert [line.split(",")[0] for line in rejects.splitlines()] == ["file", "bad.xml", "worse.xml"]
    assert rejects.count("refused") == 2
    assert "2 records set aside" in capsys.readouterr().err
