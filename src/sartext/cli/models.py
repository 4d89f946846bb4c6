"""`sartext caption`, `sartext search` and `sartext ask`: a checkpoint on anyone's images."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sartext.core.errors import UserError

if TYPE_CHECKING:
    from sartext.core.records import Modality
    from sartext.models.interface import Images

_PATH = click.Path(path_type=Path)
_DEVICE = click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
_MODALITY = click.option(
    "--modality",
    type=click.Choice(["sar", "optical"]),
    default="sar",
    show_default=True,
    help="sar is read as one channel, optical as three.",
)
_BATCH = 32
_MAX_ANSWER = 20


def _read(paths: Sequence[Path], size: int, modality: "Modality") -> "Images":
    """Return uint8 (N, S, S, C), C 1 for SAR and 3 for optical.

    Raises:
        UserError: an image cannot be decoded.
    """
    import numpy as np

    from sartext.core.config import ImagesConfig
    from sartext.core.progress import track
    from sartext.sources import decode_image, resize

    settings = ImagesConfig(size=size, max_rejected_share=0)
    return np.stack(
        [resize(decode_image(path, settings, modality), size) for path in track(paths, "reading images")]
    )


@click.command()
@click.argument("checkpoint")
@click.argument("images", nargs=-1, required=True, type=_PATH)
@click.option("--beams", type=click.IntRange(min=1), help="1 is greedy (default 6).")
@click.option("--length-penalty", type=float, help="Exponent of length in a beam's score (default 1).")
@click.option("--top-k", type=click.IntRange(min=1), help="Draw words, from so many likeliest.")
@click.option(
    "--top-p",
    type=click.FloatRange(min=0, max=1, min_open=True),
    help="Draw words, from the likeliest of this probability together.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    help="Draw words; below 1 the likely ones more often.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn.")
@click.option("--max-tokens", type=click.IntRange(min=6), default=40, show_default=True)
@click.option("--out", type=_PATH, help="COCO result file to write; else one line an image is printed.")
@_MODALITY
@_DEVICE
def caption(
    checkpoint: str,
    images: tuple[Path, ...],
    beams: int | None,
    length_penalty: float | None,
    top_k: int | None,
    top_p: float | None,
    temperature: float | None,
    seed: int,
    max_tokens: int,
    out: Path | None,
    modality: "Modality",
    device: str,
) -> None:
    """Caption images with a CoCa checkpoint: by beams, or drawn by --top-k, --top-p or --temperature."""
    from sartext.core.files import write_json

    sampled = (top_k, top_p, temperature) != (None, None, None)
    if sampled and (beams is not None or length_penalty is not None):
        raise UserError(
            "--top-k, --top-p and --temperature draw words, --beams and --length-penalty search; give either"
        )
    from sartext.models.decode import Sampling
    from sartext.models.loading import load_kind

    model = load_kind(checkpoint, ("coca",), device)
    told = model.caption(
        _read(images, model.image_size, modality),
        beams or (1 if sampled else 6),
        max_tokens,
        _BATCH,
        length_penalty=1.0 if length_penalty is None else length_penalty,
        sampling=Sampling(top_k, top_p or 1.0, temperature or 1.0) if sampled else None,
        seed=seed,
    )
    if out is None:
        for path, text in zip(images, told, strict=True):
            click.echo(f"{path}\t{text}")
        return
    write_json(
        out, [{"image_id": str(path), "caption": text} for path, text in zip(images, told, strict=True)]
    )


@click.command()
@click.argument("checkpoint")
@click.argument("sentence")
@click.option(
    "--images", "folder", type=_PATH, required=True, help="Folder of images, searched to its depth."
)
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True)
@_MODALITY
@_DEVICE
def search(checkpoint: str, sentence: str, folder: Path, top: int, modality: "Modality", device: str) -> None:
    """Rank the images of a folder by a sentence with a CLIP or CoCa checkpoint: rank, similarity, path."""
    from sartext.core.files import list_files
    from sartext.models.loading import load_kind
    from sartext.sources.layout import IMAGE_SUFFIXES

    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected a folder of images")
    paths = [folder / path for path in list_files(folder) if path.suffix.lower() in IMAGE_SUFFIXES]
    if not paths:
        raise UserError(f"{folder}: no images below it; expected {', '.join(IMAGE_SUFFIXES)}")
    model = load_kind(checkpoint, ("clip", "coca"), device)
    features = model.encode_images(_read(paths, model.image_size, modality), _BATCH)
    similarity = features @ model.encode_texts([sentence], _BATCH)[0]
    best = sorted(range(len(paths)), key=lambda index: (-float(similarity[index]), paths[index].as_posix()))
    for rank, index in enumerate(best[:top], start=1):
        click.echo(f"{rank}\t{similarity[index]:.4f}\t{paths[index]}")


@click.command()
@click.argument("checkpoint")
@click.argument("image", type=_PATH)
@click.argument("question")
@_MODALITY
@_DEVICE
def ask(checkpoint: str, image: Path, question: str, modality: "Modality", device: str) -> None:
    """Answer a question about an image with a GPT checkpoint."""
    from sartext.models.loading import load_kind

    model = load_kind(checkpoint, ("gpt",), device)
    (answer,) = model.answer(_read([image], model.image_size, modality), [question], _MAX_ANSWER, _BATCH)
    click.echo(answer)
