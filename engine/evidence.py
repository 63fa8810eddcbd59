"""Tokens that stand already: what a family never takes back, or a user gave, as evidence for the rest of a canvas.

A posterior given evidence x[j] = v is that of the model's product distribution with all mass of position j on v. The
lattice knows it in integers (`Lattice.given`), so that no float can bring a token back that does not fit; the logits
know it, too, so that log Z, entropies and marginals are those of the open positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from constrain.engine.seams import Posterior
from constrain.lattice import Lattice

__all__ = ["Keeping", "as_certain", "ending_again", "only_given"]


@runtime_checkable
class Keeping(Protocol):
    """A denoiser that keeps what it has accepted, and chooses for itself what it accepts of a posterior."""

    def kept(self, canvas: Tensor) -> Tensor:
        """int64 `[B, L]`: the tokens of `canvas` that stand, -1 where none does."""
        ...

    def choose(self, posterior: Posterior, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A valid canvas, int64 `[B, L]`, and how much each of its tokens is doubted, float32 `[B, L]`."""
        ...


def as_certain(logits: Tensor, settled: Tensor | None) -> Tensor:
    """`logits` `[B, L, V]`, changed in place: certain of the tokens `settled`, int64 `[B, L]`, -1 where none is."""
    if settled is None:
        return logits
    row, position = (settled >= 0).nonzero(as_tuple=True)
    logits[row, position] = -torch.inf
    logits[row, position, settled[row, position]] = 0.0
    return logits


def only_given(scores: Tensor, lattice: Lattice) -> Tensor:
    """Scores of classes `[L, K]`, at positions where a token is given -inf for all classes but its own."""
    if not lattice.fixed:
        return scores
    position = torch.tensor(list(lattice.fixed), device=scores.device)
    given = torch.tensor(list(lattice.fixed.values()), device=scores.device)[:, None]
    others = torch.arange(scores.shape[1], device=scores.device) != given
    return scores.index_copy(0, position, scores[position].masked_fill(others, -torch.inf))


def ending_again(draw: Tensor, settled: Tensor, ends: Sequence[Sequence[int]]) -> Tensor:
    """`draw` `[B, L]` with its first end of turn (of `ends`, row by row) in all places behind that are not settled."""
    is_end = torch.stack([torch.isin(row, row.new_tensor(each)) for row, each in zip(draw, ends, strict=True)])
    first = draw.gather(1, is_end.long().argmax(1, keepdim=True))
    behind = (is_end.cumsum(1) > 0) & (settled < 0)
    return torch.where(behind, first, draw)
