"""One caption an image, word by word: the likeliest word, or a drawn one."""

from collections.abc import Callable

import torch
from torch import Tensor

from sartext.models.decode.network import Decoder
from sartext.models.decode.search import Sampling, Search, Specials

Chooser = Callable[[Tensor, int], Tensor]


def likeliest(logits: Tensor, _position: int) -> Tensor:
    """Return the token of the greatest logit, int64 (N,), at any position."""
    return logits.argmax(dim=-1)


def drawn(sampling: Sampling, uniforms: Tensor) -> Chooser:
    """Return what draws tokens.

    Args:
        sampling: how.
        uniforms: float64 (N, L) in [0, 1): one number for each image and position.
    """

    def choose(logits: Tensor, position: int) -> Tensor:
        count = logits.shape[1] if sampling.top_k is None else min(sampling.top_k, logits.shape[1])
        values, tokens = logits.topk(count, dim=1)
        before = values.double().softmax(dim=1).cumsum(dim=1).roll(1, dims=1)
        before[:, 0] = 0
        values = values.double().masked_fill(before >= sampling.top_p, -torch.inf)
        reached = (values / sampling.temperature).softmax(dim=1).cumsum(dim=1)
        goal = uniforms[:, position, None] * reached[:, -1:]
        # the first word at which the sum of probabilities passes the number drawn
        place = (reached <= goal).sum(dim=1, keepdim=True)
        return tokens.gather(1, place)[:, 0]

    return choose


def search_single(
    decoder: Decoder, count: int, search: Search, ids: Specials, device: torch.device, choose: Chooser
) -> list[list[int]]:
    """Return the tokens of `count` images from start to end.

    A caption ends with the end token, in the place of the last of `max_tokens` if it did not come before, or
    just before padding.
    """
    tokens = torch.full((count,), ids.start, dtype=torch.long, device=device)
    ended = torch.zeros(count, dtype=torch.bool, device=device)
    out = [tokens]
    for position in range(search.max_tokens - 2):
        logits = decoder(tokens, position)
        if position + 1 < search.min_tokens:
            logits[:, ids.end] = -torch.inf
        tokens = torch.where(ended, ids.pad, choose(logits, position))
        out.append(tokens)
        ended |= (tokens == ids.end) | (tokens == ids.pad)
        if bool(ended.all()):
            break
    else:
        out.append(torch.where(ended, ids.pad, ids.end))
    rows: list[list[int]] = torch.stack(out, dim=1).tolist()
    return [_trimmed(row, ids) for row in rows]


def _trimmed(row: list[int], ids: Specials) -> list[int]:
    for place, token in enumerate(row):
        if token == ids.end:
            return row[: place + 1]
        if token == ids.pad:
            return row[:place]
    return row
