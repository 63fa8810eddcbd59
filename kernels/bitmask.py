"""Token masks as packed bits: token t of a row is bit t % 32 of int32 word t // 32, ids past the vocabulary are 0."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["apply_bitmask", "unpack_bitmask"]


def unpack_bitmask(words: Tensor, vocabulary: int) -> Tensor:
    """bool `[..., V]` from int32 `[..., ceil(V / 32)]`."""
    bits = torch.arange(32, dtype=torch.int32, device=words.device)
    return ((words.unsqueeze(-1) >> bits) & 1).bool().flatten(-2)[..., :vocabulary]


def apply_bitmask(logits: Tensor, words: Tensor) -> Tensor:
    """`logits` `[..., V]` with -inf wherever the mask has a 0."""
    return logits.masked_fill(~unpack_bitmask(words, logits.shape[-1]), -torch.inf)
