"""Adding one number per class to the logits: how a posterior goes back into the model."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["shape_logits"]


def shape_logits(logits: Tensor, bias: Tensor, class_of: Tensor, out: Tensor | None = None) -> Tensor:
    """`out[i, v] = logits[i, v] + bias[i, class_of[v]]` in the logits' dtype.

    `logits` `[L, V]`, `bias` `[L, K]` (0 and -inf make a hard mask), `class_of` int64 `[V]`; `out` may not be `logits`.
    """
    return torch.index_select(bias.to(logits.dtype), 1, class_of, out=out).add_(logits)
