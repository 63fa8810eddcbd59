"""One streaming pass over the logits: what every token class weighs at every position."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["FLOOR", "ClassScores", "class_reduce"]

FLOOR = -1e4
"""Log-probabilities below this, minus infinity included, count as this: a token that the model rules out still ranks
last among the valid ones, so that an allowed continuation always exists. exp(FLOOR) is 0 in every float format. Where
the logits hold a NaN or plus infinity, the position has no ranking left: all its classes count as FLOOR."""

_BLOCK = 1 << 22  # logits per temporary


@dataclass(frozen=True)
class ClassScores:
    """Per position i and class k of the softmax p of the logits, float32 `[L, K]` each.

    `mass` = log sum of p over the class, `peak` = log of the largest p in it, `information` = sum of p log p over it;
    `normalizer` `[L]` is the logsumexp of the logits, so that log p = logits - normalizer.
    """

    mass: Tensor
    peak: Tensor
    information: Tensor
    normalizer: Tensor


def class_reduce(logits: Tensor, order: Tensor, offsets: Tensor) -> ClassScores:
    """Reduce `logits` `[L, V]` over the classes `order[offsets[k] : offsets[k + 1]]` (int64 `[V]`, `[K + 1]`).

    Classes may be empty. Works block by block over positions, with no temporary larger than a block of them.
    """
    length, vocabulary = logits.shape
    classes = len(offsets) - 1
    shape = (length, classes)
    mass, peak, information = (torch.empty(shape, dtype=torch.float32, device=logits.device) for _ in range(3))
    normalizer = torch.empty(length, dtype=torch.float32, device=logits.device)
    step = max(1, min(length, _BLOCK // vocabulary))
    buffer = torch.empty((step, vocabulary), dtype=torch.float32, device=logits.device)
    for begin in range(0, length, step):
        block = logits[begin : begin + step].float()
        rows = slice(begin, begin + len(block))
        segments = offsets.expand(len(block), -1).contiguous()
        x = torch.gather(block, 1, order.expand(len(block), -1), out=buffer[: len(block)])
        top = x.amax(1, keepdim=True).clamp_(min=torch.finfo(x.dtype).min)
        x.sub_(top).clamp_(min=FLOOR)
        largest = torch.segment_reduce(x, "max", offsets=segments, axis=1, initial=FLOOR)
        weight = x.exp()
        sums = torch.segment_reduce(weight, "sum", offsets=segments, axis=1)
        products = torch.segment_reduce(weight.mul_(x), "sum", offsets=segments, axis=1)
        total = sums.sum(1, keepdim=True)
        log_total = total.log()
        mass[rows] = (sums.log().maximum(largest) - log_total).nan_to_num_(nan=FLOOR).clamp_(min=FLOOR)
        peak[rows] = (largest - log_total).nan_to_num_(nan=FLOOR).clamp_(min=FLOOR)
        information[rows] = ((products - log_total * sums) / total).nan_to_num_(nan=0.0)
        normalizer[rows] = (top + log_total).squeeze(1)
    return ClassScores(mass, peak, information, normalizer)
