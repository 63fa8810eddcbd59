"""Draws from logits: one index per row in proportion to the softmax, and logits with noise that is always the same."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from constrain.kernels.class_reduce import FLOOR

__all__ = ["drawn", "noisy"]


def noisy(logits: Tensor, scale: float) -> Tensor:
    """`logits` with Gumbel noise, always the same."""
    generator = torch.Generator(logits.device).manual_seed(0)
    noise = torch.empty_like(logits, dtype=torch.float32).exponential_(generator=generator)
    return noise.log_().mul_(-scale).add_(logits)


def drawn(logits: Tensor, generator: torch.Generator) -> Tensor:
    """int64 `[N]`: one index per row of `logits` `[N, M]` from its softmax, by inverting the cumulative sum.

    The sum is cumulated in two steps, over about sqrt(M) stretches and then inside the one that was hit.
    """
    rows, members = logits.shape
    top = logits.amax(1, keepdim=True).clamp_(min=torch.finfo(logits.dtype).min)
    weight = (logits - top).clamp_(min=FLOOR).exp_().nan_to_num_(nan=1.0)
    width = math.isqrt(members - 1) + 1
    stretches = torch.nn.functional.pad(weight, (0, -members % width)).view(rows, -1, width)
    ends = stretches.sum(2, dtype=torch.float64).cumsum(1)
    point = torch.rand((rows, 1), dtype=torch.float64, device=logits.device, generator=generator) * ends[:, -1:]
    hit = torch.searchsorted(ends, point, right=True).clamp_(max=ends.shape[1] - 1)
    inner = stretches[torch.arange(rows, device=hit.device), hit.squeeze(1)].double().cumsum(1)
    inner += ends.gather(1, hit) - inner[:, -1:]
    index = hit * width + torch.searchsorted(inner, point, right=True).clamp_(max=width - 1)
    return index.squeeze(1).clamp_(max=members - 1)
