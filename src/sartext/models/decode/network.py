"""A CoCa's network, asked for one token after the other."""

from typing import Any, Protocol

import torch
from open_clip.transformer import CustomResidualAttentionBlock, TextTransformer
from torch import Tensor
from torch.nn import functional as F


class Decoder(Protocol):
    """What a search asks; its rows are the beams of the first image, those of the second, and so on."""

    def __call__(self, tokens: Tensor, position: int) -> Tensor:
        """Return logits float32 (R, V) of the token after `tokens`, int64 (R,), which stand at `position`."""

    def reorder(self, rows: Tensor) -> None:
        """Let row i go on from what was row ``rows[i]``, int64 (R,)."""


class _Past:
    """Which of the tokens kept for an image each of its beams goes on from.

    What a beam has said is kept in the beam's own place at the time, and stays there when another beam goes
    on from it: a mask says which places are a beam's past, and nothing large is moved.
    """

    def __init__(self, images: int, beams: int, length: int, like: Tensor) -> None:
        self.mask = like.new_full((images, beams, length, beams), -torch.inf)
        self.own = torch.zeros_like(self.mask[0, :, 0]).fill_(-torch.inf).fill_diagonal_(0)

    def see(self, position: int, hidden: Tensor | None = None) -> Tensor:
        """Return the mask (N, 1, beams, positions x beams), of 0 and minus infinity.

        Args:
            position: of the token that is said now.
            hidden: bool (R,): it is hidden from its own beam, now and later.
        """
        now = self.mask[:, :, position]
        now.copy_(self.own)
        if hidden is not None:
            now.masked_fill_(hidden.view(*now.shape[:2], 1), -torch.inf)
        return self.mask[:, :, : position + 1].flatten(2)[:, None]

    def reorder(self, rows: Tensor) -> None:
        self.mask = self.mask.flatten(0, 1)[rows].view_as(self.mask)


class _SelfAttention:
    """A block's attention to itself, one position at a time; keys and values are kept by image."""

    def __init__(self, block: Any, images: int, beams: int, length: int) -> None:
        self.block = block
        self.custom = isinstance(block, CustomResidualAttentionBlock)
        attention: Any = block.attn
        weight = attention.in_proj_weight
        self.heads = (attention.num_heads, weight.shape[1] // attention.num_heads)
        self.cache = weight.new_empty(images, length, beams, 2, *self.heads)

    def __call__(self, x: Tensor, position: int, past: Tensor) -> Tensor:
        """Return (R, W) from (R, W); `past` is `_Past`'s mask."""
        block, attention = self.block, self.block.attn
        projected = F.linear(block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
        images, _, beams = self.cache.shape[:3]
        query, kept = projected.view(images, beams, 3, *self.heads).split((1, 2), dim=2)
        self.cache[:, position] = kept
        if self.custom:
            query = attention.ln_q(query)
            key = self.cache[:, position, :, 0]
            key.copy_(attention.ln_k(key))
        seen = self.cache[:, : position + 1].flatten(1, 2)
        out = F.scaled_dot_product_attention(
            query[:, :, 0].transpose(1, 2),
            seen[:, :, 0].transpose(1, 2),
            seen[:, :, 1].transpose(1, 2),
            attn_mask=past,
        )
        if self.custom and attention.head_scale is not None:
            out = out * attention.head_scale
        out = out.transpose(1, 2).reshape(x.shape)
        if self.custom:
            out = block.ln_attn(attention.out_proj(attention.ln_inner(out)))
        else:
            out = attention.out_proj(out)
        x = x + block.ls_1(out)
        result: Tensor = x + block.ls_2(block.mlp(block.ln_2(x)))
        return result


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
        """Return (R, W) from (R, W), R = images x beams."""
        rows, width = x.shape
        query = F.linear(self.block.ln_1(x), self.query_weight, self.query_bias)
        query = query.view(self.images, rows // self.images, self.heads, width // self.heads).transpose(1, 2)
        out = F.scaled_dot_product_attention(query, self.keys, self.values)
        out = self.block.attn.out_proj(out.transpose(1, 2).reshape(rows, width))
        x = x + self.block.ls_1(out)
        result: Tensor = x + self.block.ls_2(self.block.mlp(self.block.ln_2(x)))
        return result


class _Cached:
    """Every token passes once; for text towers in which a token sees only those before it."""

    def __init__(self, model: Any, image_tokens: Tensor, beams: int, length: int) -> None:
        self.text, self.multimodal = model.text, model.text_decoder
        shape = (len(image_tokens), beams, length)
        self.unimodal = [_SelfAttention(block, *shape) for block in self.text.transformer.resblocks]
        self.selves = [_SelfAttention(block, *shape) for block in self.multimodal.resblocks]
        self.crosses = [_CrossAttention(block, image_tokens) for block in self.multimodal.cross_attn]
        self.text_past, self.past = _Past(*shape, image_tokens), _Past(*shape, image_tokens)
        # with a class embedding, open_clip's mask of padding hides the token after it
        self.hidden: Tensor | None = None

    def __call__(self, tokens: Tensor, position: int) -> Tensor:
        x = self.text.token_embedding(tokens) + self.text.positional_embedding[position]
        past = self.text_past.see(position, self.hidden)
        for block in self.unimodal:
            x = block(x, position, past)
        if self.text.cls_emb is None:
            # what the decoder gets is normalised then
            x = self.text.ln_final(x)
        else:
            self.hidden = tokens == self.text.pad_id
        past = self.past.see(position)
        for itself, cross in zip(self.selves, self.crosses, strict=True):
            x = cross(itself(x, position, past))
        logits: Tensor = (self.multimodal.ln_final(x) @ self.multimodal.text_projection).float()
        return logits

    def reorder(self, rows: Tensor) -> None:
        self.text_past.reorder(rows)
        self.past.reorder(rows)
        if self.hidden is not None:
            self.hidden = self.hidden[rows]


class _Whole:
    """All tokens pass again for each new one; for text towers in which a later token changes earlier ones."""

    def __init__(self, model: Any, image_tokens: Tensor, beams: int) -> None:
        self.model = model
        self.image_tokens = image_tokens.repeat_interleave(beams, dim=0)
        self.tokens = torch.empty(len(self.image_tokens), 0, dtype=torch.long, device=image_tokens.device)

    def __call__(self, tokens: Tensor, position: int) -> Tensor:
        self.tokens = torch.cat([self.tokens[:, :position], tokens[:, None]], dim=1)
        _, embedded = self.model.text(self.tokens)
        logits: Tensor = self.model.text_decoder(self.image_tokens, embedded)[:, -1].float()
        return logits

    def reorder(self, rows: Tensor) -> None:
        self.tokens = self.tokens[rows]


def open_decoder(model: Any, image_tokens: Tensor, beams: int, length: int) -> Decoder:
    """Return a decoder of images.

    Args:
        model: open_clip's ``CoCa`` in evaluation mode.
        image_tokens: (N, T, W) of its image tower.
        beams: rows of each image.
        length: most tokens that will be asked after.
    """
    text = model.text
    causal = isinstance(text, TextTransformer) and text.attn_mask is not None
    # a cosine attention is not taught to the cache: in open_clip 3.3.0 it cannot run
    if causal and not any(
        getattr(block.attn, "scaled_cosine", False) for block in text.transformer.resblocks
    ):
        return _Cached(model, image_tokens, beams, length)
    return _Whole(model, image_tokens, beams)
