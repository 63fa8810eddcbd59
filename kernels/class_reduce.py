"""One streaming pass over the logits: what every token class weighs at every position, and which token stands for it.

On a GPU it is two launches. The first reads every logit once, in its own dtype, piece by piece (see `pieces`), and
leaves three to five numbers per piece; the second adds the pieces of each class. There are no atomics, so results do
not vary from run to run, and a draw from every class costs one random number per piece instead of one per token.

What it should cost for 256 positions x 262,144 ids in bfloat16 and 6,571 pieces, on a GPU with 4.3 TB/s, 132
multiprocessors and 1.98 GHz (estimated, not measured): one read of 134 MB, 31 us; pieces written and read, 2 x 20 MB,
9 us; 20 instructions on 1.6 lanes per logit, 65 us at 128 lanes a clock, under which the reads hide; loads of 32
logits out of some 7 cache lines, 55 us. Atomic additions by class, four per logit, would take a millisecond; one-hot
products grow with the classes; noise for every token, 100 integer operations each, 0.4 ms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from constrain.kernels.class_reduce_cpu import class_sums_cpu
from constrain.kernels.philox import gumbel_of, philox
from constrain.kernels.pieces import FLOOR, Pieces, PieceScores, piece_reduce_reference, piece_reduce_triton

try:
    import triton  # type: ignore[import-untyped, unused-ignore]  # untyped where it is installed
    import triton.language as tl  # type: ignore[import-untyped, unused-ignore]
except ImportError:  # it exists for Linux alone; the reference runs everywhere
    triton = None

__all__ = ["FLOOR", "ClassScores", "class_reduce", "class_reduce_reference", "class_reduce_triton"]

_BLOCK = 1 << 22  # logits per temporary


@dataclass(frozen=True)
class ClassScores:
    """Per position i and class k of the softmax p of the logits, float32 `[L, K]` each.

    `mass` = log sum of p over the class, `peak` = log of the largest p in it, `information` = sum of p log p over it;
    `normalizer` `[L]` is the logsumexp of the logits, so that log p = logits - normalizer.

    `best`, int32 `[L, K]`, is the token of the largest logit, the first one of equals (NaN counts as -inf); `drawn` is
    a draw from the class in proportion to p, the best token where p is 0 on all of it. Empty classes have -1.
    """

    mass: Tensor
    peak: Tensor
    information: Tensor
    normalizer: Tensor
    best: Tensor | None = None
    drawn: Tensor | None = None


def class_reduce_reference(
    logits: Tensor,
    order: Tensor,
    offsets: Tensor,
    *,
    scale: Tensor | None = None,
    pieces: Pieces | None = None,
    seed: Tensor | None = None,
) -> ClassScores:
    """Block by block over positions, with no temporary larger than a block of them; see `class_reduce`."""
    length, vocabulary = logits.shape
    step = max(1, min(length, _BLOCK // vocabulary))
    buffer = torch.empty((step, vocabulary), dtype=torch.float32, device=logits.device)
    blocks = []
    for begin in range(0, length, step):
        block = logits[begin : begin + step].float()
        block = block if scale is None else block * scale
        segments = offsets.expand(len(block), -1).contiguous()
        x = torch.gather(block, 1, order.expand(len(block), -1), out=buffer[: len(block)])
        top = x.amax(1, keepdim=True).clamp_(min=torch.finfo(x.dtype).min)
        x.sub_(top).clamp_(min=FLOOR)
        largest = torch.segment_reduce(x, "max", offsets=segments, axis=1, initial=FLOOR)
        weight = x.exp()
        sums = torch.segment_reduce(weight, "sum", offsets=segments, axis=1)
        products = torch.segment_reduce(weight.mul_(x), "sum", offsets=segments, axis=1)
        blocks.append((top, largest, sums, products))
    scores = _normalised(*(torch.cat(parts) for parts in zip(*blocks, strict=True)))
    if pieces is None:
        return scores
    parts = piece_reduce_reference(logits, pieces, scale=scale, seed=seed)
    best, drawn = torch.stack([_chosen(parts, i, pieces, seed) for i in range(length)], 1)
    return replace(scores, best=best, drawn=None if seed is None else drawn)


def _normalised(top: Tensor, largest: Tensor, sums: Tensor, products: Tensor) -> ClassScores:
    """The scores from sums over x = logits - `top`, see `class_sums_cpu`; a NaN in a row spoils all of its classes."""
    total = sums.sum(1, keepdim=True)
    log_total = total.log()
    return ClassScores(
        mass=(sums.log().maximum(largest) - log_total).nan_to_num_(nan=FLOOR, posinf=FLOOR).clamp_(min=FLOOR),
        peak=(largest - log_total).nan_to_num_(nan=FLOOR, posinf=FLOOR).clamp_(min=FLOOR),
        information=((products - log_total * sums) / total).nan_to_num_(nan=0.0),
        normalizer=(top + log_total).squeeze(1),
    )


def _chosen(parts: PieceScores, position: int, pieces: Pieces, seed: Tensor | None) -> Tensor:
    """`best` and `drawn` at one position, int32 `[2, K]`: each class's best piece, or one by Gumbel noise."""
    assert parts.best is not None
    top, total, best = parts.top[position], parts.total[position], parts.best[position]
    counter = torch.arange(pieces.count, device=top.device)
    zero = torch.zeros_like(counter)
    noise = gumbel_of(philox(zero[0] if seed is None else seed, (counter, zero + position, zero, zero))[1])
    rank = torch.where(total > 0, top + total.log() + noise, -torch.inf)
    out = torch.full((2, len(pieces.first) - 1), -1, dtype=torch.int32, device=top.device)
    bounds = pieces.first.tolist()
    for k, own in enumerate(pieces.member[begin:end] for begin, end in pairwise(bounds)):
        if len(own):
            out[:, k] = best[own[top[own].argmax()]]
            if parts.drawn is not None and not total.isnan().any() and rank[own].amax() > -torch.inf:
                out[1, k] = parts.drawn[position, own[rank[own].argmax()]]
    return out


if triton is not None:
    from constrain.kernels.philox import gumbel_of_word, random_words
    from constrain.kernels.pieces import LARGEST

    @triton.jit  # type: ignore[untyped-decorator]
    def _classes_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        top_in,  # [L, P], as in `PieceScores`
        total_in,
        product_in,
        best_in,
        drawn_in,
        member,  # int32 [P]
        first,  # int32 [K + 1]
        seed,
        mass,  # float32 [L, K]
        peak,
        information,
        normalizer,  # float32 [L]
        best_out,  # int32 [L, K]
        drawn_out,
        pieces,
        classes,
        floor,
        choose: tl.constexpr,
        draw: tl.constexpr,
        block: tl.constexpr,
        group: tl.constexpr,
        width: tl.constexpr,
    ):
        """`group` classes at one position, `width` pieces of each at a time, after the sum over all pieces."""
        row = tl.program_id(0).to(tl.int64)
        shift = row * pieces
        top = tl.full([block], -LARGEST, tl.float32)
        for start in range(0, pieces, block):
            piece = start + tl.arange(0, block)
            top = tl.maximum(top, tl.load(top_in + shift + piece, mask=piece < pieces, other=-float("inf")))
        anchor = tl.minimum(tl.max(top, axis=0), LARGEST)
        sums = tl.zeros([block], tl.float32)
        for start in range(0, pieces, block):
            piece = start + tl.arange(0, block)
            own = tl.load(top_in + shift + piece, mask=piece < pieces, other=-float("inf"))
            total = tl.load(total_in + shift + piece, mask=piece < pieces, other=0.0)
            sums += total * tl.exp(tl.maximum(own - anchor, floor))
        total = tl.sum(sums, axis=0)
        log_total = tl.log(total)
        ranked = total > 0.0  # false of a NaN
        tl.store(normalizer + row, anchor + log_total)

        k = tl.program_id(1) * group + tl.arange(0, group)
        known = k < classes
        begin = tl.load(first + k, mask=known, other=0)
        count = tl.load(first + k + 1, mask=known, other=0) - begin
        top = tl.full([group], -LARGEST, tl.float32)
        total = tl.zeros([group], tl.float32)
        product = tl.zeros([group], tl.float32)
        best = tl.full([group], -1, tl.int32)
        drawn = tl.full([group], -1, tl.int32)
        highest = tl.full([group], -float("inf"), tl.float32)
        rank = tl.full([group], -float("inf"), tl.float32)
        for start in range(0, tl.max(count, axis=0), width):
            lane = (start + tl.arange(0, width))[None, :]
            mask = lane < count[:, None]
            piece = tl.load(member + begin[:, None] + lane, mask=mask, other=0)
            own = tl.load(top_in + shift + piece, mask=mask, other=-float("inf"))
            part = tl.load(total_in + shift + piece, mask=mask, other=0.0)
            parts = tl.load(product_in + shift + piece, mask=mask, other=0.0)
            tile_top = tl.max(own, axis=1)
            after = tl.maximum(top, tile_top)
            drop = tl.maximum(own - after[:, None], floor)
            factor = tl.exp(drop)
            lost = tl.maximum(top - after, floor)
            product = tl.exp(lost) * (product + total * lost) + tl.sum(factor * (parts + part * drop), axis=1)
            total = tl.exp(lost) * total + tl.sum(factor * part, axis=1)
            top = after
            if choose:
                token = tl.load(best_in + shift + piece, mask=mask, other=0)
                token = tl.min(tl.where(mask & (own == tile_top[:, None]), token, 2147483647), axis=1)
                better = (token < 2147483647) & ((tile_top > highest) | (best < 0))
                best = tl.where(better, token, best)
                highest = tl.maximum(highest, tile_top)
            if draw:
                zero = tl.zeros([group, width], tl.int32)
                _, word, _, _ = random_words(tl.load(seed), piece, zero + row.to(tl.int32), zero, zero)
                noisy = tl.where(mask & (part > 0.0), own + tl.log(part) + gumbel_of_word(word), -float("inf"))
                tile_rank = tl.max(noisy, axis=1)
                token = tl.load(drawn_in + shift + piece, mask=mask, other=0)
                token = tl.max(tl.where(mask & (noisy == tile_rank[:, None]), token, -1), axis=1)
                drawn = tl.where(tile_rank > rank, token, drawn)
                rank = tl.maximum(rank, tile_rank)
        out = row * classes + k
        weighs = tl.where(ranked, total, 0.0) > 0.0
        shifted = top - anchor - log_total
        tl.store(mass + out, tl.where(weighs, tl.maximum(tl.log(total) + shifted, floor), floor), mask=known)
        shifted = tl.maximum(shifted, floor)
        tl.store(peak + out, tl.where(weighs, shifted, floor), mask=known)
        negative = tl.exp(shifted) * (product + total * shifted)
        tl.store(information + out, tl.where(weighs, negative, 0.0), mask=known)
        if choose:
            tl.store(best_out + out, best, mask=known)
        if draw:
            tl.store(drawn_out + out, tl.where(weighs, drawn, best), mask=known)


def class_reduce_triton(
    logits: Tensor,
    order: Tensor,
    offsets: Tensor,
    *,
    scale: Tensor | None = None,
    pieces: Pieces | None = None,
    seed: Tensor | None = None,
) -> ClassScores:
    """One program per window and 2 rows, then one per row and 16 classes; see `class_reduce`."""
    choose, draw = pieces is not None, pieces is not None and seed is not None
    pieces = Pieces.of(order, offsets) if pieces is None else pieces
    parts = piece_reduce_triton(logits, pieces, scale=scale, seed=seed if draw else None, choose=choose)
    length, classes = len(logits), len(offsets) - 1
    mass, peak, information = (
        torch.empty((length, classes), dtype=torch.float32, device=logits.device) for _ in range(3)
    )
    normalizer = torch.empty(length, dtype=torch.float32, device=logits.device)
    best, drawn = (
        torch.empty((length, classes) if wanted else 0, dtype=torch.int32, device=logits.device)
        for wanted in (choose, draw)
    )
    _classes_kernel[length, triton.cdiv(classes, 16)](
        parts.top,
        parts.total,
        parts.product,
        parts.top if parts.best is None else parts.best,
        parts.top if parts.drawn is None else parts.drawn,
        pieces.member,
        pieces.first,
        parts.top if seed is None else seed,
        mass,
        peak,
        information,
        normalizer,
        best,
        drawn,
        pieces.count,
        classes,
        FLOOR,
        choose=choose,
        draw=draw,
        block=1024,
        group=16,
        width=64,
    )
    return ClassScores(mass, peak, information, normalizer, best if choose else None, drawn if draw else None)


def class_reduce(
    logits: Tensor,
    order: Tensor,
    offsets: Tensor,
    *,
    scale: Tensor | None = None,
    pieces: Pieces | None = None,
    seed: Tensor | None = None,
) -> ClassScores:
    """Reduce `logits` `[L, V]` over the classes `order[offsets[k] : offsets[k + 1]]` (int64 `[V]`, `[K + 1]`).

    Classes may be empty; ids ascend in each. `scale`, float32 `[]`, is the inverse of the temperature. With `pieces`,
    those of the classes, `best` is found as well, and with a `seed`, int64 `[]`, both it and `drawn`: rows of a batch
    need seeds of their own. Where `pieces` are needed and not given, to build them takes longer than all the rest.
    """
    if pieces is None and seed is not None:
        pieces = Pieces.of(order, offsets)
    if logits.device.type == "cpu" and pieces is None:
        return _normalised(*class_sums_cpu(logits, order, offsets, FLOOR, scale))
    function = class_reduce_triton if logits.is_cuda and triton is not None else class_reduce_reference
    return function(logits, order, offsets, scale=scale, pieces=pieces, seed=seed)
