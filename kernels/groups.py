"""Sums and maxima over groups of entries as operations on whole vectors, one group per lane.

Groups of about the same size form a block, a matrix of as many rows as its largest group has entries; a reduction over
its rows is what vector units are best at, where a scatter takes one entry at a time. Logarithms are to base 2 here:
`exp2` takes the same time for all arguments, while `exp` on a CPU is half as fast at best and ten times slower where
its result underflows (measured, MKL's), which between the paths of a trained model it mostly does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["LOG_2", "Block", "Groups", "Sums"]

LOG_2 = 0.6931471805599453
"""Nats per bit."""

_OVERHEAD = 1500  # entries that are reduced in the time that one more block takes
_SIZES = 64  # sizes of groups that are told apart


@dataclass(frozen=True)
class Block:
    """Groups `begin` to `end`, with room for `width` entries each.

    Their entries are a matrix `[width, end - begin]` that begins at the place `first`.
    """

    begin: int
    end: int
    width: int
    first: int

    @property
    def stop(self) -> int:
        """The place behind the last entry."""
        return self.first + self.width * (self.end - self.begin)


@dataclass(frozen=True, eq=False)
class Groups:
    """Where each of N entries has its place among P, so that its group is a column of a block.

    `members` int64 `[G]` are the groups in the order of the columns, `entry` int64 `[P]` is the entry at each place, N
    where there is none.
    """

    members: NDArray[np.int64]
    entry: NDArray[np.int64]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, group: NDArray[np.int64], members: NDArray[np.int64]) -> Groups:
        """The places of entries whose groups are `group`, int64 `[N]`, ascending; `members` are ascending as well.

        Entries of groups that are no members have none.
        """
        count = int(max(group.max(initial=-1), members.max(initial=-1))) + 1
        size = np.bincount(group, minlength=count)
        begin = np.cumsum(size) - size
        ranked = members[np.argsort(size[members], kind="stable")]
        cuts = _cuts(size[ranked])
        if len(cuts) == 1:
            ranked = members
        blocks, entries = [], [np.zeros(0, np.int64)]
        first = 0
        for low, high, width in cuts:
            blocks.append(Block(low, high, width, first))
            first = blocks[-1].stop
            own, row = ranked[low:high], np.arange(width)[:, None]
            # neighbours often have alike entries: each begins elsewhere, so that their rows differ (see `flow`)
            turned = (row + np.arange(len(own))) % np.maximum(size[own], 1)
            entries.append(np.where(row < size[own], begin[own] + turned, len(group)).ravel())
        return cls(ranked, np.concatenate(entries), tuple(blocks))

    @property
    def places(self) -> int:
        return len(self.entry)


class Sums:
    """Reductions of one vector of `entries`, float64 `[P]`, which is written before and may be overwritten by each.

    Results are `[G]`, in the order of `Groups.members`, and are overwritten by the next.
    """

    def __init__(self, groups: Groups, device: torch.device) -> None:
        self.entries = torch.zeros(groups.places, dtype=torch.float64, device=device)
        self.top, self.total = (torch.zeros(len(groups.members), dtype=torch.float64, device=device) for _ in range(2))
        self._matrices = [
            (self.entries[b.first : b.stop].view(b.width, b.end - b.begin), slice(b.begin, b.end))
            for b in groups.blocks
        ]
        self._tops, self._totals = (
            [(matrix, vector[columns]) for matrix, columns in self._matrices] for vector in (self.top, self.total)
        )

    def maximum(self) -> Tensor:
        """The largest entry of each group, -inf without any."""
        for matrix, top in self._tops:
            torch.amax(matrix, 0, out=top)
        return self.top

    def sum(self) -> Tensor:
        """The sum of each group's entries."""
        for matrix, total in self._totals:
            torch.sum(matrix, 0, out=total)
        return self.total

    def log_sum(self) -> Tensor:
        """The logarithm of the sum of the groups' entries, of which logarithms are given; all to base 2.

        Groups of nothing but -inf get -inf.
        """
        self.maximum().clamp_(min=torch.finfo(torch.float64).min)  # finite: -inf less top stays -inf, and no NaN
        for matrix, top in self._tops:
            matrix.sub_(top)
        self.entries.exp2_()
        return self.top.add_(self.sum().log2_())

    def divided(self, total: Tensor) -> Tensor:
        """The entries' exponentials over that of their group's `total`; to base 2."""
        self.top.copy_(total)
        for matrix, top in self._tops:
            matrix.sub_(top)
        return self.entries.exp2_()

    def times(self, factor: Tensor) -> Tensor:
        """The entries, each multiplied by its group's `factor`."""
        self.total.copy_(factor)
        for matrix, own in self._totals:
            matrix.mul_(own)
        return self.entries


def _cuts(size: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """How to cut ascending sizes of groups into blocks (begin, end, largest size) at the least cost.

    A block costs its places and `_OVERHEAD`. Exact, but for sizes that are rounded up where there are more than
    `_SIZES` different ones.
    """
    if not len(size):
        return []
    widths = np.unique(np.maximum(size, 1))
    if len(widths) > _SIZES:
        widths = np.unique(np.geomspace(widths[0], widths[-1], _SIZES).round().astype(np.int64))
    ends = np.append(0, np.searchsorted(size, widths, side="right"))
    cost, came = np.zeros(len(ends)), np.zeros(len(ends), np.int64)
    for n in range(1, len(ends)):
        costs = cost[:n] + (ends[n] - ends[:n]) * widths[n - 1] + _OVERHEAD
        came[n] = costs.argmin()
        cost[n] = costs[came[n]]
    cuts, n = [], len(ends) - 1
    while n:
        cuts.append((int(ends[came[n]]), int(ends[n]), int(widths[n - 1])))
        n = int(came[n])
    return [(low, high, width) for low, high, width in reversed(cuts) if high > low]
