"""Captions from a CoCa: greedy and beam search with a key/value cache.

open_clip's own ``CoCa.generate`` runs the whole network again for every token. Here each token passes
through the text tower and the multimodal decoder once: earlier keys and values are kept, and those of the
image are made once an image. Token for token the results are those of ``generate`` with
``generation_type="top_k", top_k=1`` (greedy) and ``"beam_search"`` with one beam group (its three default
groups have no diversity term, so that each finds the same captions with a third of the beams).

Rules taken over from open_clip 3.3.0 and the ``BeamSearchScorer`` of transformers: a beam's score is the sum
of raw logits, not of log-probabilities, divided by its length (start and end counted) to the power of the
length penalty; no end before `min_tokens`; a search ends when its worst finished caption beats the best that
the open ones could still reach at their present length. One rule differs: padding is never said (open_clip's
text tower would then hide the word after it).
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Specials:
    """Ids a search needs."""

    pad: int
    start: int
    end: int


@dataclass(frozen=True)
class Search:
    """How to search.

    Attributes:
        beams: 1 is greedy.
        max_tokens: most tokens, start and end included.
        min_tokens: no end before so many tokens are there.
        length_penalty: exponent of a caption's length in its score.
    """

    beams: int
    max_tokens: int
    min_tokens: int = 5
    length_penalty: float = 1.0


class _SelfAttention:
    """A block's attention to itself, one position at a time."""

    def __init__(self, block: Any, rows: int, length: int) -> None:
        self.block = block
        attention: Any = self.block.attn
        self.heads: int = attention.num_heads
        width = attention.embed_dim // self.heads
        weight = attention.in_proj_weight
        self.keys = weight.new_empty(rows, self.heads, length, width)
        self.values = weight.new_empty(rows, self.heads, length, width)

    def __call__(self, x: Tensor, position: int) -> Tensor:
        """Return (R, 1, W) from (R, 1, W)."""
        attention = self.block.attn
        projected = F.linear(self.block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
        rows, _, width = x.shape
        split = projected.view(rows, 1, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        self.keys[:, :, position] = key[:, :, 0]
        self.values[:, :, position] = value[:, :, 0]
        seen = position + 1
        out = F.scaled_dot_product_attention(query, self.keys[:, :, :seen], self.values[:, :, :seen])
        out = attention.out_proj(out.transpose(1, 2).reshape(rows, 1, width))
        x = x + self.block.ls_1(out)
        result: Tensor = x + self.block.ls_2(self.block.mlp(self.block.ln_2(x)))
        return result

    def reorder(self, rows: Tensor) -> None:
        """Let row i go on from what was row ``rows[i]``."""
        self.keys = self.keys.index_select(0, rows)
        self.values = self.values.index_select(0, rows)


class _CrossAttention:
    """A block's attention to the image; the beams of an image are its queries."""

    def __init__(self, block: Any, image: Tensor) -> None:
        self.block = block
        attention: Any = self.block.attn
        self.heads: int = attention.num_heads
        kv = self.block.ln_1_kv(image)
        weights = attention.in_proj_weight.chunk(3)
        biases = attention.in_proj_bias.chunk(3)
        self.query_weight, self.query_bias = weights[0], biases[0]
        self.images, tokens, width = kv.shape
        shape = (self.images, tokens, self.heads, width // self.heads)
        self.keys = F.linear(kv, weights[1], biases[1]).view(shape).transpose(1, 2)
        self.values = F.linear(kv, weights[2], biases[2]).view(shape).transpose(1, 2)

    def __call__(self, x: Tensor) -> Tensor:
        """Return (R, 1, W) from (R, 1, W), R = images x beams."""
        rows, _, width = x.shape
        query = F.linear(self.block.ln_1(x), self.query_weight, self.query_bias)
        query = query.view(self.images, rows // self.images, self.heads, width // self.heads).transpose(1, 2)
        out = F.scaled_dot_product_attention(query, self.keys, self.values)
        out = self.block.attn.out_proj(out.transpose(1, 2).reshape(rows, 1, width))
        x = x + self.block.ls_1(out)
        result: Tensor = x + self.block.ls_2(self.block.mlp(self.block.ln_2(x)))
        return result


class _Decoder:
    """The text tower and the multimodal decoder of a CoCa, one token at a time."""

    def __init__(self, model: Any, image_tokens: Tensor, beams: int, length: int, never: int) -> None:
        self.never = never
        rows = image_tokens.shape[0] * beams
        self.text, self.multimodal = model.text, model.text_decoder
        self.unimodal = [_SelfAttention(block, rows, length) for block in self.text.transformer.resblocks]
        self.selves = [_SelfAttention(block, rows, length) for block in self.multimodal.resblocks]
        self.crosses = [_CrossAttention(block, image_tokens) for block in self.multimodal.cross_attn]

    def __call__(self, tokens: Tensor, position: int) -> Tensor:
        """Return logits (R, V) of the token after `tokens` (R,), which stand at `position`."""
        x = self.text.token_embedding(tokens)[:, None] + self.text.positional_embedding[position]
        for block in self.unimodal:
            x = block(x, position)
        for itself, cross in zip(self.selves, self.crosses, strict=True):
            x = cross(itself(x, position))
        logits: Tensor = (self.multimodal.ln_final(x) @ self.multimodal.text_projection)[:, 0].float()
        logits[:, self.never] = -torch.inf
        return logits

    def reorder(self, rows: Tensor) -> None:
        for block in (*self.unimodal, *self.selves):
            block.reorder(rows)


def _greedy(decoder: _Decoder, count: int, search: Search, ids: Specials, device: Any) -> list[list[int]]:
    tokens = torch.full((count,), ids.start, dtype=torch.long, device=device)
    ended = torch.zeros(count, dtype=torch.bool, device=device)
    out = [tokens]
    for position in range(search.max_tokens - 1):
        logits = decoder(tokens, position)
        if position + 1 < search.min_tokens:
            logits[:, ids.end] = -torch.inf
        tokens = logits.argmax(dim=-1)
        if position + 2 == search.max_tokens:
            tokens = torch.full_like(tokens, ids.end)
        tokens = torch.where(ended, ids.pad, tokens)
        out.append(tokens)
        ended |= (tokens == ids.end) | (tokens == ids.pad)
        if bool(ended.all()):
            break
    rows: list[list[int]] = torch.stack(out, dim=1).tolist()
    return rows


@dataclass
class _Hypotheses:
    """The best finished captions of one image."""

    search: Search
    done: bool = False
    kept: list[tuple[float, list[int]]] = field(default_factory=list)

    def add(self, tokens: list[int], total: float, length: int) -> None:
        score = total / length**self.search.length_penalty
        if len(self.kept) < self.search.beams or score > self.worst:
            self.kept.append((score, tokens))
            if len(self.kept) > self.search.beams:
                # the earliest of the worst goes
                self.kept.remove(min(self.kept, key=lambda entry: entry[0]))

    @property
    def worst(self) -> float:
        return min(score for score, _ in self.kept)

    def close(self, best_total: float, length: int) -> None:
        """End the search when no open caption can still be better than the worst finished one."""
        if len(self.kept) >= self.search.beams:
            self.done |= self.worst >= best_total / length**self.search.length_penalty

    def best(self) -> list[int]:
        """The best caption; of equal ones the last found, as a stable sort's end gives."""
        return sorted(self.kept, key=lambda entry: entry[0])[-1][1]


def _advance(
    found: list[_Hypotheses],
    beams: list[list[int]],
    candidates: tuple[list[list[float]], list[list[int]], list[list[int]]],
    ids: Specials,
) -> tuple[list[float], list[int], list[int]]:
    """Take each image's best candidates: ended ones into `found`, the others as its next beams.

    Args:
        found: by image.
        beams: tokens of all beams so far.
        candidates: totals, tokens and beam (within the image), each by image and best first.
        ids: special ids.

    Returns:
        Total, token and row to go on from, of each row.
    """
    totals, tokens, rows = [], [], []
    for image, state in enumerate(found):
        width = state.search.beams
        first = image * width
        if state.done:
            totals += [0.0] * width
            tokens += [ids.pad] * width
            rows += [first] * width
            continue
        entries = list(zip(*(part[image] for part in candidates), strict=True))
        length = len(beams[first]) + 1
        open_beams = 0
        for rank, (total, token, beam) in enumerate(entries):
            if token == ids.end:
                # an ending among the lesser half of the candidates does not count
                if rank < width:
                    state.add(beams[first + beam], total, length)
                continue
            totals.append(total)
            tokens.append(token)
            rows.append(first + beam)
            open_beams += 1
            if open_beams == width:
                break
        state.close(entries[0][0], length)
    return totals, tokens, rows


def _beam(decoder: _Decoder, count: int, search: Search, ids: Specials, device: Any) -> list[list[int]]:
    width = search.beams
    found = [_Hypotheses(search) for _ in range(count)]
    beams = [[ids.start] for _ in range(count * width)]
    # only the first beam of an image starts, or all would find the same
    totals = torch.full((count, width), -1e9, device=device)
    totals[:, 0] = 0
    tokens = torch.full((count * width,), ids.start, dtype=torch.long, device=device)
    for position in range(search.max_tokens - 1):
        logits = decoder(tokens, position)
        if position + 1 < search.min_tokens:
            logits[:, ids.end] = -torch.inf
        scores = (logits + totals.view(-1, 1)).view(count, -1)
        best, index = torch.topk(scores, 2 * width, dim=1)
        vocabulary = logits.shape[1]
        candidates = (best.tolist(), (index % vocabulary).tolist(), (index // vocabulary).tolist())
        next_totals, next_tokens, rows = _advance(found, beams, candidates, ids)
        beams = [[*beams[row], token] for row, token in zip(rows, next_tokens, strict=True)]
        totals = torch.tensor(next_totals, device=device).view(count, width)
        if all(state.done for state in found):
            break
        tokens = torch.tensor(next_tokens, dtype=torch.long, device=device)
        decoder.reorder(torch.tensor(rows, dtype=torch.long, device=device))
    for image, state in enumerate(found):
        if not state.done:
            for beam in range(width):
                row = image * width + beam
                state.add(beams[row], float(totals[image, beam]), len(beams[row]))
    results = [state.best() for state in found]
    return [[*row, ids.end] if len(row) < search.max_tokens else row for row in results]


@torch.inference_mode()
def decode(model: Any, pixels: Tensor, search: Search, ids: Specials) -> list[list[int]]:
    """Caption images.

    Args:
        model: open_clip's ``CoCa`` in evaluation mode, with its own text tower.
        pixels: float (N, 3, S, S), normalised.
        search: how.
        ids: special ids.

    Returns:
        Token ids of each image from start to end; a beam that reached `max_tokens` may lack the end.

    Raises:
        ValueError: `max_tokens` is beyond the model's context, or not above `min_tokens`; or the text tower
            has no class embedding, without which open_clip's CoCa takes no text shorter than its context.
    """
    if model.text.cls_emb is None:
        raise ValueError("the CoCa's text tower has no class embedding (text_cfg.embed_cls)")
    context = min(model.text.context_length, model.text_decoder.context_length)
    if not search.min_tokens < search.max_tokens <= context:
        raise ValueError(
            f"max_tokens {search.max_tokens}; expected more than {search.min_tokens}, at most {context}"
        )
    _, image_tokens = model._encode_image(pixels)
    decoder = _Decoder(model, image_tokens, search.beams, search.max_tokens, never=ids.pad)
    run = _greedy if search.beams == 1 else _beam
    rows = run(decoder, pixels.shape[0], search, ids, pixels.device)
    return [row[: row.index(ids.end) + 1] if ids.end in row else row for row in rows]
