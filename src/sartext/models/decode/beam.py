"""Beam search."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from sartext.models.decode.network import Decoder
from sartext.models.decode.search import Search, Specials


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


def search_beams(
    decoder: Decoder, count: int, search: Search, ids: Specials, device: torch.device
) -> list[list[int]]:
    """Return the tokens of the best caption of `count` images; one of `max_tokens` may lack the end."""
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
        next_totals, next_tokens, rows = _advance(found, beams, _candidates(logits, totals), ids)
        beams = [[*beams[row], token] for row, token in zip(rows, next_tokens, strict=True)]
        totals = torch.tensor(next_totals, device=device).view(count, width)
        if all(state.done for state in found) or position + 2 == search.max_tokens:
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


def _candidates(logits: Tensor, totals: Tensor) -> tuple[list[list[float]], list[list[int]], list[list[int]]]:
    """Return totals, tokens and beams of the best two continuations a beam, by image and best first."""
    count, width = totals.shape
    vocabulary = logits.shape[1]
    scores = logits.add_(totals.view(-1, 1)).reshape(count, -1)
    best, index = torch.topk(scores, 2 * width, dim=1)
    return best.tolist(), (index % vocabulary).tolist(), (index // vocabulary).tolist()
