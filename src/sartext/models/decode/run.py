"""From images to the tokens of their captions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from open_clip.hf_model import ClsPooler, HFTextEncoder
from torch import Tensor

from sartext.core.errors import UserError
from sartext.models.decode.beam import search_beams
from sartext.models.decode.network import open_decoder
from sartext.models.decode.search import Search, Specials
from sartext.models.decode.single import Chooser, drawn, likeliest, search_single


def _image_tokens(model: Any, pixels: Tensor) -> Tensor:
    """Return what the decoder sees of the images, (N, T, W)."""
    found = model.visual(pixels)
    if not isinstance(found, tuple):
        raise UserError("the CoCa's image tower gives no tokens; expected vision_cfg.output_tokens: true")
    tokens: Tensor = found[1]
    return tokens


def _check(model: Any, search: Search) -> None:
    if not model.text.output_tokens:
        raise UserError("the CoCa's text tower gives no tokens; expected text_cfg.output_tokens: true")
    if isinstance(model.text, HFTextEncoder) and type(model.text.pooler) is ClsPooler:
        # open_clip takes the pooled token away, and nothing is left of a caption's first
        raise UserError(
            "the CoCa's text tower pools its first token; expected another text_cfg.hf_pooler_type"
        )
    context = min(model.text.context_length, model.text_decoder.context_length)
    if search.max_tokens > context:
        raise ValueError(f"max_tokens {search.max_tokens}; expected at most the model's context, {context}")


@torch.inference_mode()
def decode(
    model: Any, pixels: Tensor, search: Search, ids: Specials, streams: Sequence[np.random.Generator] = ()
) -> list[list[int]]:
    """Caption images.

    Args:
        model: open_clip's ``CoCa`` in evaluation mode.
        pixels: float (N, 3, S, S), normalised.
        search: how.
        ids: special ids.
        streams: for `search.sampling`: what each image's words are drawn with.

    Returns:
        Token ids of each image from start to end; without an end where padding was said instead, or where a
        beam reached `max_tokens`.

    Raises:
        ValueError: `max_tokens` is beyond the model's context, or not as many streams as images to draw for.
        UserError: open_clip itself cannot caption with such a model: a tower gives no tokens, or takes the
            first one away.
    """
    _check(model, search)
    image_tokens = _image_tokens(model, pixels)
    count, device = len(pixels), pixels.device
    decoder = open_decoder(model, image_tokens, search.beams, search.max_tokens)
    if search.beams > 1:
        return search_beams(decoder, count, search, ids, device)
    choose: Chooser = likeliest
    if search.sampling is not None:
        if len(streams) != count:
            raise ValueError(f"{len(streams)} streams; expected one for each of {count} images")
        uniforms = np.array([stream.random(search.max_tokens) for stream in streams])
        choose = drawn(search.sampling, torch.from_numpy(uniforms).to(device))
    return search_single(decoder, count, search, ids, device, choose)
