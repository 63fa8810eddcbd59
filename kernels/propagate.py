"""Naked and hidden singles to the fixed point: what groups of all-different variables rule out, for a batch of puzzles.

A set of values is a bitset of W int32 words, value v being bit v % 32 of word v // 32. Let D(x) be the domain of the
variable x. For each group g of variables, all different, in which the values R(g) have to occur:

- *naked single*: where D(y) = {v}, v leaves the domains of the others in g;
- *hidden single*: where v of R(g) is in D(x) and in no other of g, D(x) becomes {v}, and empty if there are two such v;
- *contradiction*: where some D(x) is empty, or some v of R(g) is in none of g, all of g become empty.

What a step leaves shrinks as the domains do, so there is one greatest fixed point, whatever the order of the steps: the
reference and the kernel agree bit by bit. A contradiction empties all variables that groups connect with it.
"""

from __future__ import annotations

import torch
from torch import Tensor

try:
    import triton  # type: ignore[import-untyped, unused-ignore]  # untyped where it is installed
    import triton.language as tl  # type: ignore[import-untyped, unused-ignore]
except ImportError:  # it exists for Linux alone; the reference runs everywhere
    triton = None

__all__ = ["propagate", "propagate_reference", "propagate_triton"]


def propagate_reference(domains: Tensor, groups: Tensor, required: Tensor) -> Tensor:
    """The definition, all groups in one step, on 0-1 matrices `[B, V, N]` and `[B, V, G]`; see `propagate`."""
    variables, words = domains.shape[1:]
    index = groups.masked_fill(groups < 0, variables)  # padding belongs to a variable behind the last
    within = domains.new_zeros((*groups.shape[:2], variables + 1), dtype=torch.float32)
    within = within.scatter_(2, index, 1.0)[:, :, :variables]  # [B or 1, G, N]
    needed, x = _unpack(required), _unpack(domains)
    values = (needed.any(2).any(0) | x.any(2).any(0)).nonzero()[:, 0]
    needed, out = needed[:, values], x[:, values].float()
    within, needed = (each[0] if len(each) == 1 else each for each in (within, needed))  # one product for all puzzles
    x, active = out, torch.arange(len(out), device=out.device)
    while len(active):
        count = x.sum(1, keepdim=True)
        single = x * (count == 1)
        members = within.mT
        places, named = (x @ members), (single @ members)  # in a group, who may have a value, and who must
        own = needed & (places == 1)
        lost = (needed & (places == 0)).any(1, keepdim=True) | ((count == 0).float() @ members > 0)
        own, named, several = (part.float() @ within > 0 for part in (own, named > 0, named > 1))
        alone = x * own
        hidden = alone.sum(1, keepdim=True)
        empty = (lost.float() @ within > 0) | (hidden > 1)
        following = torch.where(hidden > 0, alone, x) * ~(several | (named & (single == 0)) | empty)
        moved = (following != x).flatten(1).any(1)
        x, active = following[moved], active[moved]
        within, needed = (each[moved] if each.dim() == 3 else each for each in (within, needed))
        out[active] = x
    return _pack(out, values, words)


def _unpack(bits: Tensor) -> Tensor:
    """bool `[B, 32 W, N]` of bitsets int32 `[B, N, W]`."""
    return ((bits[..., None] >> torch.arange(32, device=bits.device)) & 1).flatten(-2).mT.bool()


def _pack(x: Tensor, values: Tensor, words: int) -> Tensor:
    """The bitsets int32 `[B, N, W]` of those of `values` `[V]` whose entry in `x` `[B, V, N]` is 1."""
    weight = torch.zeros((len(values), words), dtype=torch.float64, device=x.device)
    weight[torch.arange(len(values)), values // 32] = 2.0 ** (values % 32).double()
    return (x.mT.double() @ weight).long().to(torch.int32)


if triton is not None:

    @triton.jit
    def _or_twice(once, twice, other_once, other_twice):  # type: ignore[no-untyped-def]  # traced by triton
        return once | other_once, twice | other_twice | (once & other_once)

    @triton.jit
    def _is_single(x):  # type: ignore[no-untyped-def]  # traced by triton
        """Whether bitsets `[K, W]` have one bit, `[K, 1]`."""
        filled = tl.sum((x != 0).to(tl.int32), axis=1, keep_dims=True)
        several = tl.sum((x & (x - 1) != 0).to(tl.int32), axis=1, keep_dims=True)
        return (filled == 1) & (several == 0)

    @triton.jit  # type: ignore[untyped-decorator]
    def _propagate_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        domains,  # int32 [B, N, W], narrowed in place
        groups,  # int64 [B or 1, G, K]
        required,  # int32 [B or 1, G, W]
        group_stride,  # from one puzzle's groups to the next one's; 0 where all share them
        required_stride,
        variables,
        count,  # G
        members,  # K
        words,  # W
        slots: tl.constexpr,  # K and W, rounded up to powers of two
        lanes: tl.constexpr,
    ):
        """One program per puzzle, one group after the other, until a round over all groups changes nothing."""
        puzzle = tl.program_id(0).to(tl.int64)
        slot, word = tl.arange(0, slots)[:, None], tl.arange(0, lanes)[None, :]
        changed = 1
        while changed != 0:
            changed = 0
            for group in range(count):
                index = tl.load(groups + puzzle * group_stride + group * members + slot, mask=slot < members, other=-1)
                mask = (index >= 0) & (word < words)
                address = domains + (puzzle * variables + index) * words + word
                before = tl.load(address, mask=mask, other=0)
                needed = tl.load(required + puzzle * required_stride + group * words + word, mask=word < words, other=0)
                nothing = tl.zeros([slots, lanes], tl.int32)
                single = _is_single(before)
                once, twice = tl.reduce((before, nothing), 0, _or_twice, keep_dims=True)
                named, named_twice = tl.reduce(
                    (tl.where(single, before, nothing), nothing), 0, _or_twice, keep_dims=True
                )
                alone = before & (needed & once & ~twice)
                hidden = tl.max((alone != 0).to(tl.int32), axis=1, keep_dims=True) > 0
                void = (tl.max((before != 0).to(tl.int32), axis=1, keep_dims=True) == 0) & (index >= 0)
                missing = tl.max((needed & ~once != 0).to(tl.int32), axis=1, keep_dims=True)
                lost = tl.max(void.to(tl.int32), axis=0, keep_dims=True) + missing > 0
                after = tl.where(hidden, alone, before) & ~tl.where(single, named_twice, named)
                after = tl.where(lost | (hidden & ~_is_single(alone)), nothing, after)
                tl.store(address, after, mask=mask)
                tl.debug_barrier()  # the next group reads what other threads have written
                changed |= tl.max((after != before).to(tl.int32))


def propagate_triton(domains: Tensor, groups: Tensor, required: Tensor) -> Tensor:
    """The kernel's answer: one program per puzzle; see `propagate`."""
    groups, required, out = groups.contiguous(), required.contiguous(), domains.clone().contiguous()
    _propagate_kernel[(len(domains),)](
        out,
        groups,
        required,
        groups.stride(0) if len(groups) > 1 else 0,
        required.stride(0) if len(required) > 1 else 0,
        domains.shape[1],
        groups.shape[1],
        groups.shape[2],
        domains.shape[2],
        slots=triton.next_power_of_2(max(groups.shape[2], 1)),
        lanes=triton.next_power_of_2(domains.shape[2]),
        num_warps=1,
    )
    return out


def propagate(domains: Tensor, groups: Tensor, required: Tensor) -> Tensor:
    """The greatest fixed point below `domains`, int32 `[B, N, W]`; all zeros in what a contradiction reaches.

    `groups` int64 `[B or 1, G, K]` are indices of variables, each at most once in a group, padded with -1; `required`
    int32 `[B or 1, G, W]` are the values that have to occur in each group: all of them where there are as many as
    variables, none where there are more. Arguments are left as they are. On a GPU everything happens in one launch.
    """
    if domains.is_cuda and triton is not None:
        return propagate_triton(domains, groups, required)
    return propagate_reference(domains, groups, required)
