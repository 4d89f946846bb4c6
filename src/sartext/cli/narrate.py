"""`sartext narrate`: captions from boxes, masks or optical twins, and their rating by people."""

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
_IMAGE_SUFFIX = click.option(
    "--image-suffix",
    default="",
    metavar="TEXT",
    help="What an image's name has more than its mask's without --mask-suffix: '_S1Hand' for x_S1Hand.tif "
    "and x_LabelHand.tif with --mask-suffix _LabelHand.",
)
_CHECK = click.option(
    "--check-images/--no-check-images",
    default=True,
    help="Check that every image is there and opens (default), or trust the annotations.",
)
_SETTINGS = click.option(
    "--narrator",
    "settings",
    type=_FOLDER,
    metavar="FILE.yaml",
    help="Further settings: the narrator section of a profile, or a whole profile (see config/README.md). "
    "The options here come before it.",
)
_WORDING = click.option(
    "--wording",
    type=click.Choice(["fixed", "varied"]),
    help="One wording (default), or several, drawn for each image by --seed.",
)
_SEED = click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of what is drawn."
)


def _example(command: str) -> str:
    return f"Example: {command}"


@click.group()
def narrate() -> None:
    """Write captions from boxes, masks or optical twins.

    FILE.summary.json beside the captions says what was done. What cannot be read is set aside, counted, and
    listed in FILE.rejects.csv.
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
@_IMAGE_SUFFIX
@click.option(
    "--rule",
    type=click.Choice(["authors", "b2c"]),
    help="authors (default): all classes with counts, and the same by place; b2c: RemoteCLIP's five.",
)
@click.option(
    "--places",
    type=click.Choice(["center", "grid", "none"]),
    help="The authors' second caption: center and edge (default), nine places, or left out.",
)
@_WORDING
@_SEED
@_SETTINGS
@_CHECK
@_OUT
def a2c(
    format_: Any,
    annotations: Path,
    images: Path,
    classes: Path | None,
    mask_kind: Any,
    mask_suffix: str,
    image_suffix: str,
    rule: str | None,
    places: str | None,
    wording: str | None,
    seed: int,
    settings: Path | None,
    check_images: bool,
    out: Path,
) -> None:
    """Captions of an image from its boxes: all classes with counts, and the same by place."""
    from sartext.core.errors import UserError
    from sartext.narrator.folders import narrate_boxes, narrator_config

    for option, suffix in (("--mask-suffix", mask_suffix), ("--image-suffix", image_suffix)):
        if suffix and format_ != "mask":
            raise UserError(f"narrate a2c: {option} is for --format mask; leave it out with {format_}")
    config = narrator_config(settings, {"rule": rule, "places": places, "wording": wording})
    if config.rule == "b2c" and (places or wording):
        option = "--places" if places else "--wording"
        raise UserError(f"narrate a2c: {option} is for --rule authors; leave it out with b2c")
    narrate_boxes(
        format_,
        annotations,
        images,
        out,
        classes,
        mask_kind,
        mask_suffix,
        check_images,
        config,
        seed,
        image_suffix,
        settings,
    )


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
@_IMAGE_SUFFIX
@click.option(
    "--dominant", type=click.FloatRange(0, 1), metavar="SHARE",
    help="From this share of the image on a class dominates it (default 0.5).",
)  # fmt: skip
@click.option(
    "--large", type=click.FloatRange(0, 1), metavar="SHARE",
    help="From this share on it covers a large part (default 0.2).",
)  # fmt: skip
@click.option(
    "--minor", type=click.FloatRange(0, 1), metavar="SHARE",
    help="Below this share a class is not named (default 0.02).",
)  # fmt: skip
@_WORDING
@_SEED
@_SETTINGS
@_CHECK
@_OUT
def sa2c(
    masks: Path,
    images: Path,
    classes: Path,
    mask_suffix: str,
    image_suffix: str,
    dominant: float | None,
    large: float | None,
    minor: float | None,
    wording: str | None,
    seed: int,
    settings: Path | None,
    check_images: bool,
    out: Path,
) -> None:
    """Two captions an image from the shares of its class mask."""
    from sartext.narrator.folders import narrate_masks, narrator_config

    shares = {"dominant_share": dominant, "large_share": large, "minor_share": minor}
    config = narrator_config(settings, {**shares, "wording": wording})
    narrate_masks(
        masks, images, classes, out, mask_suffix, check_images, config, seed, image_suffix, settings
    )


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
    "--rewriter",
    type=click.Choice(["rules", "openai", "transformers"]),
    help="How captions become SAR wording: rules (default), a server that speaks OpenAI's protocol "
    "(OPENAI_BASE_URL, OPENAI_API_KEY), or a local language model.",
)
@click.option(
    "--rewriter-model",
    metavar="NAME",
    help="openai: the server's name of the model; transformers: its folder or hub id.",
)
@click.option("--prompt", metavar="NAME", help="File of config/prompts, or a path: instruction and examples.")
@click.option(
    "--concurrency", type=click.IntRange(min=1), help="openai: requests under way at once (default 4)."
)
@click.option("--beams", type=click.IntRange(min=1), help="Of the captioner (default 4).")
@click.option(
    "--max-tokens",
    default=40,
    show_default=True,
    type=click.IntRange(min=1),
    help="Longest caption, in tokens.",
)
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@_SETTINGS
@_OUT
def pair(
    sar: Path,
    optical: Path,
    match: str | None,
    captioner: str,
    rewriter: str | None,
    rewriter_model: str | None,
    prompt: str | None,
    concurrency: int | None,
    beams: int | None,
    max_tokens: int,
    device: str,
    settings: Path | None,
    out: Path,
) -> None:
    """One caption an image from its optical twin; FILE.optical.csv keeps what the captioner said.

    A killed run goes on where it was when started again. Rate limits, retries, time-outs and prices of a
    rewriter are settings of --narrator.
    """
    from sartext.narrator.folders import narrate_folders, narrator_config

    options = {"name": rewriter, "model": rewriter_model, "prompt": prompt, "concurrency": concurrency}
    config = narrator_config(settings, {"pair_beams": beams}, options)
    narrate_folders(sar, optical, captioner, out, match, config, max_tokens, device, settings)


@narrate.group()
def ratings() -> None:
    """Have people rate captions: make blind sheets, and sum up the filled ones.

    First: sartext narrate ratings make --captions captions.csv --images DIR --out sheet

    Then send sheet/for-raters to the raters and keep sheet/key.csv.

    Last: sartext narrate ratings summary --key sheet/key.csv ann.csv bob.csv --out ratings.json

    The report's table 9 shows results/PROFILE/ratings.json if it is there.
    """


@ratings.command(
    "make",
    epilog=_example(
        "sartext narrate ratings make --captions hrsid.csv --captions pair.csv --images data --out sheet"
    ),
)
@click.option(
    "--captions", required=True, multiple=True, type=_FOLDER,
    help="csv of filepath,caption,branch; may be given several times.",
)  # fmt: skip
@click.option(
    "--images", multiple=True, type=_FOLDER,
    help="Folder of the images, where the paths of the captions do not open from here; likewise.",
)  # fmt: skip
@click.option("--out", required=True, type=_FOLDER, help="Folder to make.")
@click.option(
    "--count", default=100, show_default=True, type=click.IntRange(min=1), help="Captions, over all branches."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of draw and order.")
@click.option("--raters", default=3, show_default=True, type=click.IntRange(min=1), help="Sheets.")
def make(
    captions: tuple[Path, ...], images: tuple[Path, ...], out: Path, count: int, seed: int, raters: int
) -> None:
    """Draw captions and write a shuffled sheet for each rater, which hides where a caption comes from."""
    from sartext.narrator.ratings import make_sheets

    click.echo(make_sheets(captions, out, images, count, seed, raters))


@ratings.command(
    "summary",
    epilog=_example(
        "sartext narrate ratings summary --key sheet/key.csv ann.csv bob.csv --out results/mini/ratings.json"
    ),
)
@click.option("--key", required=True, type=_FOLDER, help="key.csv of the round.")
@click.argument("sheets", nargs=-1, required=True, type=_FOLDER)
@click.option("--out", required=True, type=_FOLDER, help="JSON to write.")
def summary(key: Path, sheets: tuple[Path, ...], out: Path) -> None:
    """Check the filled SHEETS, one a rater; write mean ratings and the agreement between raters."""
    from sartext.narrator.ratings import summarise

    click.echo(summarise(key, sheets, out))


@narrate.command(
    "fidelity",
    epilog=_example("sartext narrate fidelity --config config/smoke.yaml --out results/smoke/fidelity.json"),
)
@click.option("--config", "config_file", required=True, type=_FOLDER, help="Profile (YAML).")
@click.option("--out", required=True, type=_FOLDER, help="Precision and recall of facts (JSON).")
def fidelity(config_file: Path, out: Path) -> None:
    """Hold the captions of a narrated profile against the truth, and chart damage to the annotations."""
    from sartext.core.config import load_config
    from sartext.narrator.fidelity import measure_fidelity

    measure_fidelity(load_config(config_file), out)
