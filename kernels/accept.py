"""The entropy bound: which positions of a draw are kept, so that those kept are nearly independent.

Positions are taken in order of entropy h, those of equal entropy from left to right, as long as the entropy of the
positions taken before is within the bound: position j is accepted iff

    sum of h[m] over the m before j  <=  bound,   m before j:  h[m] < h[j], or h[m] = h[j] and m < j.

That is the rule of Ben-Hamu et al. (arXiv 2505.24857), sum - max <= bound, since the last one taken has the largest
entropy. Infinities and NaN are never accepted, and count for none that is.

Sorting costs a GPU several launches; comparing all pairs costs one, and 256 positions have 65,536 pairs. Both sum in
float32, in different orders: where a sum is within rounding of the bound, they may differ.
"""

from __future__ import annotations

import torch
from torch import Tensor

try:
    import triton  # type: ignore[import-untyped, unused-ignore]  # untyped where it is installed
    import triton.language as tl  # type: ignore[import-untyped, unused-ignore]
except ImportError:  # it exists for Linux alone; the reference runs everywhere
    triton = None

__all__ = ["accept", "accept_reference", "accept_triton"]


def accept_reference(entropy: Tensor, bound: float) -> Tensor:
    """By sorting; see `accept`."""
    ascending, positions = torch.sort(entropy, dim=-1, stable=True)
    within = torch.cumsum(ascending, dim=-1) - ascending <= bound
    return torch.zeros_like(within).scatter(-1, positions, within)


if triton is not None:

    @triton.jit  # type: ignore[untyped-decorator]
    def _accept_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        entropy,  # float32 [B, L]
        accepted,  # bool [B, L]
        bound,
        length,
        mine: tl.constexpr,
        others: tl.constexpr,
    ):
        """`mine` positions of one row against all of them, `others` at a time."""
        row = entropy + tl.program_id(0).to(tl.int64) * length
        position = tl.program_id(1) * mine + tl.arange(0, mine)
        h = tl.load(row + position, mask=position < length, other=0.0)[:, None]
        before = tl.zeros([mine], tl.float32)
        for begin in range(0, length, others):
            other = begin + tl.arange(0, others)
            g = tl.load(row + other, mask=other < length, other=float("inf"))[None, :]
            earlier = (g < h) | ((g == h) & (other[None, :] < position[:, None]))
            before += tl.sum(tl.where(earlier, g, 0.0), axis=1)
        h = tl.reshape(h, [mine])
        within = (before <= bound) & (h < float("inf"))
        tl.store(accepted + tl.program_id(0).to(tl.int64) * length + position, within, mask=position < length)


def accept_triton(entropy: Tensor, bound: float) -> Tensor:
    """One program per row and 32 positions; see `accept`."""
    rows, length = entropy.shape
    out = torch.empty(entropy.shape, dtype=torch.bool, device=entropy.device)
    _accept_kernel[rows, triton.cdiv(length, 32)](entropy.contiguous(), out, bound, length, mine=32, others=128)
    return out


def accept(entropy: Tensor, bound: float) -> Tensor:
    """bool `[B, L]`: the positions that are accepted, given their entropies in nats, float32 `[B, L]`, 0 or more."""
    if entropy.is_cuda and triton is not None:
        return accept_triton(entropy, bound)
    return accept_reference(entropy, bound)
