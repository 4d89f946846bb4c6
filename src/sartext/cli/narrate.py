"""`sartext narrate`: captions from boxes, masks or optical twins."""

from pathlib import Path
from typing import Any

import click

_FOLDER = click.Path(path_type=Path)
_OUT = click.option("--out", required=True, type=_FOLDER, help="csv to write: filepath,caption,branch.")
_SUFFIX = click.option(
    "--mask-suffix",
    default="",
    metavar="TEXT",
    help="What a mask's name has more than its image's: '_label' for 1.png and 1_label.png.",
)
_CHECK = click.option(
    "--check-images/--no-check-images",
    default=True,
    help="Check that every image is there and opens (default), or trust the annotations.",
)


def _example(command: str) -> str:
    return f"Example: {command}"


@click.group()
def narrate() -> None:
    """Write captions from boxes, masks or optical twins.

    What cannot be read is set aside, counted, and listed beside the captions in FILE.rejects.csv.
    """


@narrate.command(
    "run",
    epilog=_example(
        "sartext narrate run --config config/smoke.yaml hrsid a2c "
        "--out results/smoke/captions/hrsid.a2c.parquet"
    ),
)
@click.option("--config", "config_file", required=True, type=_FOLDER, help="Profile (YAML).")
@click.argument("source")
@click.argument("branch", type=click.Choice(["a2c", "sa2c", "pair"]))
@click.option("--out", required=True, type=_FOLDER, help="Table to write (Parquet); its counts beside it.")
@click.option("--captioner", metavar="SPEC", help="pair: a CoCa checkpoint.")
def run(config_file: Path, source: str, branch: Any, out: Path, captioner: str | None) -> None:
    """Caption one ingested source of a profile by one branch."""
    from sartext.core.config import load_config
    from sartext.core.errors import UserError

    config = load_config(config_file)
    if branch != "pair":
        if captioner:
            raise UserError(f"narrate run {branch}: --captioner is for the pair branch; leave it out")
        from sartext.narrator import narrate_source

        narrate_source(config, source, branch, out)
        return
    if not captioner:
        raise UserError("narrate run pair: --captioner: missing; expected a CoCa checkpoint (recipe optical)")
    from sartext.narrator.pair import narrate_pairs

    narrate_pairs(config, source, captioner, out)


@narrate.command(
    "a2c",
    epilog=_example(
        "sartext narrate a2c --format coco --annotations annotations/test2017.json --images JPEGImages "
        "--out captions.csv"
    ),
)
@click.option(
    "--format", "format_", required=True, type=click.Choice(["coco", "voc", "yolo", "dota", "mask"]),
    help="coco: a json file; voc: a folder of xml, or one xml; yolo, dota: a folder of txt; "
    "mask: a folder of rasters.",
)  # fmt: skip
@click.option("--annotations", required=True, type=_FOLDER, help="The annotation file or folder.")
@click.option("--images", required=True, type=_FOLDER, help="Folder of the images.")
@click.option("--classes", type=_FOLDER, help="Class file: 'classes: {ship: 0}'; needed for yolo and masks.")
@click.option(
    "--mask-kind", default="semantic", show_default=True, type=click.Choice(["semantic", "instance"]),
    help="Whether a mask's value is a class or one object.",
)  # fmt: skip
@_SUFFIX
@_CHECK
@_OUT
def a2c(
    format_: Any,
    annotations: Path,
    images: Path,
    classes: Path | None,
    mask_kind: Any,
    mask_suffix: str,
    check_images: bool,
    out: Path,
) -> None:
    """Two captions an image from its boxes: all classes with counts, and the same by place."""
    from sartext.narrator.folders import narrate_boxes

    narrate_boxes(format_, annotations, images, out, classes, mask_kind, mask_suffix, check_images)


@narrate.command(
    "sa2c",
    epilog=_example(
        "sartext narrate sa2c --masks LAB --images SAR --classes fusar-map.yaml --out captions.csv"
    ),
)
@click.option("--masks", required=True, type=_FOLDER, help="Folder of class masks.")
@click.option("--images", required=True, type=_FOLDER, help="Folder of the images.")
@click.option("--classes", required=True, type=_FOLDER, help="Class file: 'classes: {water: [0, 0, 255]}'.")
@_SUFFIX
@_CHECK
@_OUT
def sa2c(masks: Path, images: Path, classes: Path, mask_suffix: str, check_images: bool, out: Path) -> None:
    """Two captions an image from the shares of its class mask."""
    from sartext.narrator.folders import narrate_masks

    narrate_masks(masks, images, classes, out, mask_suffix, check_images)


@narrate.command(
    "pair",
    epilog=_example(
        "sartext narrate pair --sar OSdataset/512/test --optical OSdataset/512/test "
        "--match 'sar{id}.png:opt{id}.png' --captioner results/smoke/checkpoints/coca/optical/0 "
        "--rewriter rules --out captions.csv"
    ),
)
@click.option("--sar", required=True, type=_FOLDER, help="Folder of the SAR images.")
@click.option("--optical", required=True, type=_FOLDER, help="Folder of their optical twins.")
@click.option(
    "--match",
    metavar="PATTERNS",
    help="How names correspond: 'sar{id}.png:opt{id}.png'; found out if left out.",
)
@click.option(
    "--captioner", required=True, metavar="SPEC", help="A CoCa checkpoint trained on optical captions."
)
@click.option(
    "--rewriter", required=True, type=click.Choice(["rules"]), help="How captions become SAR wording."
)
@click.option("--beams", default=4, show_default=True, type=click.IntRange(min=1), help="Of the captioner.")
@click.option(
    "--max-tokens",
    default=40,
    show_default=True,
    type=click.IntRange(min=1),
    help="Longest caption, in tokens.",
)
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@_OUT
def pair(
    sar: Path,
    optical: Path,
    match: str | None,
    captioner: str,
    rewriter: str,
    beams: int,
    max_tokens: int,
    device: str,
    out: Path,
) -> None:
    """One caption an image from its optical twin; FILE.optical.csv keeps what the captioner said."""
    from sartext.narrator.folders import narrate_folders

    narrate_folders(sar, optical, captioner, out, match, rewriter, beams, max_tokens, device)
