"""The first half of the class reduction on a GPU: the vocabulary in pieces, and what each of them weighs.

Classes interleave: read one after the other they touch almost every 32-byte sector of a row again and again, 9 times
over for an order schema (262,144 ids, 725 classes by the lengths of their texts), and every other lane order needs
sorting in registers. So the vocabulary is cut into windows of consecutive ids, whose logits stay in the L1 cache while
one program reads them class by class, and the tokens of a class in a window into pieces of at most `width`: one row of
a tile each, reduced on its own. Width 64 leaves 4 of 10 lanes idle for that schema and needs 6,571 pieces, width 128
would save 2,000 of those and idle 6 of 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from constrain.kernels.philox import philox, uniform_of

try:
    import triton  # type: ignore[import-untyped, unused-ignore]  # untyped where it is installed
    import triton.language as tl  # type: ignore[import-untyped, unused-ignore]
except ImportError:  # it exists for Linux alone; the reference runs everywhere
    triton = None

__all__ = ["FLOOR", "PieceScores", "Pieces", "piece_reduce_reference", "piece_reduce_triton"]

FLOOR = -1e4
"""Log-probabilities below this, minus infinity included, count as this: a token that the model rules out still ranks
last among the valid ones, so that an allowed continuation always exists. exp(FLOOR) is 0 in every float format. Where
the logits hold a NaN or plus infinity, or nothing but minus infinity, the position has no ranking left: all its
classes count as FLOOR."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """The pieces of a vocabulary of V ids in K classes: P of them, sorted by window, then class, then id.

    Piece p holds the tokens `local[begin[p] : begin[p + 1]]`, counted from the beginning of their window. Window w has
    the pieces `window[w]` to `window[w + 1]`; class k the pieces `member[first[k] : first[k + 1]]`, in order of id.
    """

    local: Tensor
    """int16 `[V]`."""
    begin: Tensor
    """int32 `[P + 1]`."""
    window: Tensor
    """int32 `[windows + 1]`."""
    member: Tensor
    """int32 `[P]`."""
    first: Tensor
    """int32 `[K + 1]`."""
    span: int
    width: int

    @classmethod
    def of(cls, order: Tensor, offsets: Tensor, *, span: int = 16384, width: int = 64) -> Pieces:
        """The pieces of classes `order[offsets[k] : offsets[k + 1]]`, ids ascending in each, int64 `[V]`, `[K + 1]`.

        Windows have `span` ids, at most 2^15; `width` is a power of two. It waits for the device: build it once.
        """
        classes = len(offsets) - 1
        label = torch.repeat_interleave(torch.arange(classes, device=order.device), offsets.diff())
        key, position = (order // span * classes + label).sort(stable=True)
        group, size = key.unique_consecutive(return_counts=True)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        count = (size + width - 1) // width
        start = size.cumsum(0) - size
        rank = torch.arange(int(count.sum()), device=order.device)
        rank -= torch.repeat_interleave(count.cumsum(0) - count, count)
        begin = torch.repeat_interleave(start, count) + rank * width
        owner = torch.repeat_interleave(group, count)
        windows = -(-len(order) // span)
        member = (owner % classes).sort(stable=True)
        return cls(
            local=(order[position] % span).to(torch.int16),
            begin=torch.cat([begin, begin.new_tensor([len(order)])]).int(),
            window=torch.searchsorted(owner // classes, torch.arange(windows + 1, device=order.device)).int(),
            member=member.indices.int(),
            first=torch.searchsorted(member.values, torch.arange(classes + 1, device=order.device)).int(),
            span=span,
            width=width,
        )

    @property
    def count(self) -> int:
        return len(self.member)

    @property
    def tokens(self) -> Tensor:
        """int64 `[P, width]`: the tokens of each piece, padded with V behind the last."""
        vocabulary = len(self.local)
        index = self.begin[:-1, None] + torch.arange(self.width, device=self.begin.device)
        base = torch.arange(len(self.window) - 1, device=self.begin.device) * self.span
        base = torch.repeat_interleave(base, self.window.diff())[:, None]
        token = self.local[index.clamp(max=vocabulary - 1)] + base
        return token.masked_fill(index >= self.begin[1:, None], vocabulary)


@dataclass(frozen=True)
class PieceScores:
    """Per position and piece, float32 `[L, P]`, of the logits x in it (those below `top` + FLOOR count as that).

    `top` = the largest x, where NaN counts as -inf; `total` = sum of exp(x - top), NaN if an x is NaN or infinite;
    `product` = sum of exp(x - top) (x - top). `best`, int32 `[L, P]`, is the first token with the largest logit,
    `drawn` a draw in proportion to exp(x), or the best token where that is 0 everywhere.
    """

    top: Tensor
    total: Tensor
    product: Tensor
    best: Tensor | None
    drawn: Tensor | None


def piece_reduce_reference(
    logits: Tensor, pieces: Pieces, *, scale: Tensor | None = None, seed: Tensor | None = None
) -> PieceScores:
    """Position by position. A draw inverts the cumulative sum of its piece at one random number."""
    tokens = pieces.tokens
    counter = torch.arange(pieces.count, device=logits.device)
    zero = torch.zeros_like(counter)
    rows = []
    for position, row in enumerate(logits):
        x = row.float() if scale is None else row.float() * scale
        tile = torch.cat([x, x.new_tensor([-torch.inf])])[tokens]  # [P, width]
        bad = (tile.isnan() | tile.isposinf()).any(1)
        tile = tile.masked_fill(tile.isnan(), -torch.inf)
        top, lane = tile.max(1).values, tile.argmax(1)
        largest = torch.finfo(x.dtype).max
        difference = (tile - top.clamp(-largest, largest)[:, None]).clamp_(min=FLOOR)
        weight = difference.exp()
        total, product = weight.sum(1), (weight * difference).sum(1)
        best = tokens.gather(1, lane[:, None])
        drawn = best
        if seed is not None:
            point = uniform_of(philox(seed, (counter, zero + position, zero, zero))[0]) * total
            hit = (weight.cumsum(1) > point[:, None]) & (weight > 0)
            drawn = tokens.gather(1, torch.where(hit.any(1), hit.int().argmax(1), lane)[:, None])
        rows.append((top, total.masked_fill(bad, torch.nan), product, best[:, 0].int(), drawn[:, 0].int()))
    top, total, product, best, drawn = (torch.stack(part) for part in zip(*rows, strict=True))
    return PieceScores(top, total, product, best, None if seed is None else drawn)


if triton is not None:
    from constrain.kernels.philox import random_words, uniform_of_word

    LARGEST = tl.constexpr(torch.finfo(torch.float32).max)

    @triton.jit  # type: ignore[untyped-decorator]
    def _pieces_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        logits,  # [L, V]
        scale,  # float32 [], where `scaled`
        local,  # int16 [V]
        begin,  # int32 [P + 1]
        window,  # int32 [windows + 1]
        seed,  # int64 [], where `draw`
        top_out,  # [L, P], as in `PieceScores`
        total_out,
        product_out,
        best_out,
        drawn_out,
        length,
        vocabulary,
        pieces,
        floor,
        span: tl.constexpr,
        scaled: tl.constexpr,
        choose: tl.constexpr,
        draw: tl.constexpr,
        rows: tl.constexpr,
        group: tl.constexpr,
        width: tl.constexpr,
    ):
        """All pieces of one window, `group` at a time, in `rows` rows that share what is read about the pieces."""
        base = tl.program_id(0) * span
        first_row = tl.program_id(1).to(tl.int64) * rows
        last = tl.load(window + tl.program_id(0) + 1)
        lane = tl.arange(0, width)[None, :]
        for first in range(tl.load(window + tl.program_id(0)), last, group):
            piece = first + tl.arange(0, group)
            known = piece < last
            index = tl.load(begin + piece, mask=known, other=0)[:, None] + lane
            mask = index < tl.load(begin + piece + 1, mask=known, other=0)[:, None]
            token = base + tl.load(local + index, mask=mask, other=0).to(tl.int32)
            for row in range(first_row, tl.minimum(first_row + rows, length)):
                x = tl.load(logits + row * vocabulary + token, mask=mask, other=-float("inf")).to(tl.float32)
                if scaled:
                    x *= tl.load(scale)
                bad = tl.max(((x != x) | (x == float("inf"))).to(tl.int32), axis=1) > 0
                x = tl.where(x != x, -float("inf"), x)
                top = tl.max(x, axis=1)
                anchor = tl.minimum(tl.maximum(top, -LARGEST), LARGEST)
                difference = tl.maximum(x - anchor[:, None], floor)
                e = tl.exp(difference)
                total = tl.sum(e, axis=1)
                out = row * pieces + piece
                tl.store(top_out + out, top, mask=known)
                tl.store(total_out + out, tl.where(bad, float("nan"), total), mask=known)
                tl.store(product_out + out, tl.sum(e * difference, axis=1), mask=known)
                if choose or draw:
                    best = tl.min(tl.where(mask & (x == top[:, None]), lane, width), axis=1)
                if choose:
                    of_best = tl.sum(tl.where(lane == best[:, None], token, 0), axis=1)
                    tl.store(best_out + out, of_best, mask=known)
                if draw:
                    zero = tl.zeros([group], tl.int32)
                    word, _, _, _ = random_words(tl.load(seed), piece, (zero + row).to(tl.int32), zero, zero)
                    point = (uniform_of_word(word) * total)[:, None]
                    hit = tl.min(tl.where((tl.cumsum(e, axis=1) > point) & (e > 0.0), lane, width), axis=1)
                    hit = tl.where(hit < width, hit, best)
                    tl.store(drawn_out + out, tl.sum(tl.where(lane == hit[:, None], token, 0), axis=1), mask=known)


def piece_reduce_triton(
    logits: Tensor,
    pieces: Pieces,
    *,
    scale: Tensor | None = None,
    seed: Tensor | None = None,
    choose: bool = True,
) -> PieceScores:
    """One program per window and 2 rows; without `choose` there is no `best`, without `seed` no `drawn`."""
    assert logits.is_contiguous(), "rows of logits lie one behind the other"
    length, vocabulary = logits.shape
    top, total, product = (
        torch.empty((length, pieces.count), dtype=torch.float32, device=logits.device) for _ in range(3)
    )
    best, drawn = (
        torch.empty((length, pieces.count) if wanted else 0, dtype=torch.int32, device=logits.device)
        for wanted in (choose, seed is not None)
    )
    _pieces_kernel[len(pieces.window) - 1, triton.cdiv(length, 2)](
        logits,
        top if scale is None else scale,
        pieces.local,
        pieces.begin,
        pieces.window,
        top if seed is None else seed,
        top,
        total,
        product,
        best,
        drawn,
        length,
        vocabulary,
        pieces.count,
        FLOOR,
        span=pieces.span,
        scaled=scale is not None,
        choose=choose,
        draw=seed is not None,
        rows=2,
        group=2048 // pieces.width,
        width=pieces.width,
        num_warps=8,
    )
    return PieceScores(top, total, product, best if choose else None, None if seed is None else drawn)
