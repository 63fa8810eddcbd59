"""Sums, maxima and walks over all paths of a batch of automata: the sequential half of the posterior.

The batch is one disjoint union of automata, so rows with different specifications need no padding. Everything runs
in float64: the work is O(L * E) on class edges, small beside one read of the logits, and sums of hundreds of
log-probabilities keep all their digits without rescaling. Dead edges are left out (`stretches`), and a state's edges
are added up by vectors (`groups`). On a GPU each step would be a launch: there, `sweeps` does the same in two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from constrain.kernels.groups import LOG_2, Sums
from constrain.kernels.stretches import AliveEdges, Stretch, stretches

__all__ = ["Graph", "backward", "flow", "gumbel_like", "log_sum_by", "walk"]

_TOP, _BITS, _HEADROOM = 950.0, 1900.0, 40.0  # float64 goes from 2**-1022 to 2**1024


@dataclass(frozen=True, eq=False)
class Graph:
    """A batch of canvas lattices over the union of their automata: Q states, E edges, C columns of scores.

    `source`, `target`, `column` are int64 `[E]`, sorted by source; edge e multiplies by score column `column[e]`.
    `alive` is bool `[L + 1, Q]`; `start` int64 `[B]`. Every alive state that is not in layer L has an edge to an alive
    state of the next layer.
    """

    source: Tensor
    target: Tensor
    column: Tensor
    alive: Tensor
    start: Tensor

    @property
    def length(self) -> int:
        return len(self.alive) - 1

    @cached_property
    def leaving(self) -> Tensor:
        """int64 `[Q + 1]`: where each state's edges begin."""
        states = torch.arange(self.alive.shape[1] + 1, device=self.source.device)
        return torch.searchsorted(self.source, states)

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """The edges to look at in each layer; it takes about as long as one sweep to find out."""
        return stretches(self.source, self.target, self.column, self.alive)


def backward(graph: Graph, scores: Tensor, *, maximum: bool = False) -> Tensor:
    """beta, float64 `[L + 1, Q]`: log of the total (or largest) weight of all alive paths from a state to the end.

        beta[L, q] = 0 if alive          beta[i, q] = log-sum or max over edges (q, k, r) of scores[i, k] + beta[i+1, r]

    `scores` is float64 `[L, C]` and finite; dead states get -inf, alive ones a finite number.
    """
    unit = 1.0 if maximum else LOG_2  # of a sweep's own logarithms
    columns = _Columns(scores, unit)
    beta = torch.empty(graph.alive.shape, dtype=torch.float64, device=scores.device)
    known = torch.zeros_like(beta[0]).masked_fill_(~graph.alive[-1], -torch.inf)
    beta[-1] = known
    for stretch, sums, room in _with_buffers(reversed(graph.stretches)):
        reduced = sums.maximum if maximum else sums.log_sum
        for i in reversed(range(stretch.begin, stretch.end)):
            base = None if maximum else columns.base(i, known)
            columns.read(i, known, base, stretch.edges, sums.entries, room)
            total = reduced() if base is None else sums.sum().log2_().add_(base)
            if stretch.dead is not None:
                total.masked_fill_(stretch.dead[i - stretch.begin], -torch.inf)
            known.fill_(-torch.inf).scatter_(0, stretch.edges.states, total)
            torch.mul(known, unit, out=beta[i])
    return beta


def flow(graph: Graph, scores: Tensor, beta: Tensor) -> Tensor:
    """mu, float64 `[L, C]`: the posterior probability that an edge with column k is taken at position i.

    Forwards from the starts, each state's probability is divided among its edges: given the state, edge (q, k, r) has

        exp(scores[i, k] + beta[i+1, r] - beta[i, q])

    of it, where `beta` are the sums of `backward`. Nothing here exceeds 1, so it needs no logarithms; what is less
    probable than the smallest float64 comes as 0.
    """
    columns = _Columns(scores, LOG_2)
    mu = torch.zeros_like(scores)
    reached, known = torch.zeros((2, beta.shape[1]), dtype=torch.float64, device=beta.device)
    reached[graph.start] = 1.0
    for stretch, sums, room in _with_buffers(graph.stretches):
        states = stretch.edges.states
        for i in range(stretch.begin, stretch.end):
            torch.mul(beta[i + 1], 1 / LOG_2, out=known)
            total = beta[i].index_select(0, states).mul_(1 / LOG_2).nan_to_num_(neginf=math.inf)
            base = columns.base(i, known)
            columns.read(i, known, base, stretch.edges, sums.entries, room)
            if base is None:
                sums.divided(total)
            else:
                sums.times(torch.sub(base, total).exp2_())
            taken = sums.times(reached.index_select(0, states))
            reached.zero_().scatter_add_(0, stretch.edges.into, taken)
            mu[i].scatter_add_(0, stretch.edges.onto, taken)
    return mu


class _Columns:
    """Scores in multiples of `unit`, behind a column of -inf for places without an edge; and their exponentials."""

    def __init__(self, scores: Tensor, unit: float) -> None:
        self.logs = torch.nn.functional.pad(scores / unit, (1, 0), value=-torch.inf)
        self.plain = self.logs.exp2()
        low, high = self.logs[:, 1:].aminmax(dim=1)
        self._low, self._high = low.tolist(), high.tolist()

    def base(self, i: int, known: Tensor) -> Tensor | None:
        """What to take from `known` so that its exponentials (to base 2) are in reach of float64; None if nothing is.

        So are then their products with those of the scores at position i, and sums of up to 2**30 of these; so the
        logarithm is to be taken once for each state instead of an exponential for each edge. The range is 1900 bits,
        1317 nats; over a long canvas a trained model has states further apart.
        """
        highest, lowest = known.amax(), known.nan_to_num(neginf=math.inf).amin()
        within = float(highest - lowest) - self._low[i] <= _BITS and self._high[i] <= _HEADROOM
        return highest.sub_(_TOP) if within else None

    def read(self, i: int, known: Tensor, base: Tensor | None, edges: AliveEdges, out: Tensor, room: Tensor) -> None:
        """What the edges at position i lead on to, into `out`: logarithms, or with a `base` the exponentials above it.

        `room` is overwritten.
        """
        ahead = known if base is None else torch.sub(known, base).exp2_()
        torch.index_select(ahead, 0, edges.target, out=out)
        if base is None:
            out.add_(torch.index_select(self.logs[i], 0, edges.column, out=room))
        else:
            out.mul_(torch.index_select(self.plain[i], 0, edges.column, out=room))


def _with_buffers(parts: Iterable[Stretch]) -> Iterator[tuple[Stretch, Sums, Tensor]]:
    """Every stretch with sums over its edges and room for as many numbers; where edges are shared, so are these."""
    sums, edges = None, None
    for stretch in parts:
        if sums is None or stretch.edges is not edges:
            edges = stretch.edges
            sums = Sums(edges.groups, edges.states.device)
            room = torch.empty_like(sums.entries)
        yield stretch, sums, room


def log_sum_by(group: Tensor, weight: Tensor, groups: int, *, maximum: bool = False) -> Tensor:
    """float64 `[..., groups]`: log-sum-exp (or maximum) of the entries of `weight` `[..., N]` in each group.

    `group` is int64 `[N]`. Groups without entries, or with -inf only, get -inf.
    """
    shape = (*weight.shape[:-1], groups)
    top = weight.new_full(shape, -torch.inf).scatter_reduce_(-1, group.expand_as(weight), weight, "amax")
    if maximum:
        return top
    top.clamp_(min=torch.finfo(top.dtype).min)  # finite, so that -inf minus top stays -inf instead of NaN
    total = torch.zeros_like(top).index_add_(-1, group, (weight - top.index_select(-1, group)).exp_())
    return top.add_(total.log_())


def walk(graph: Graph, scores: Tensor, values: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One path per row, as the score columns it takes: int64 `[B, L]`. It is walked on the host.

    From each row's start, take the edge with the largest `scores[i, k] + values[i + 1, target]`: with maxima as
    `values` that is the best path. With sums as `values` and a point for each step from `generator` it is an exact
    sample: an edge's chance is the exponential of that number, in proportion. Only edges into alive states are
    candidates, whatever the floats.
    """
    starts, device = graph.start.tolist(), scores.device
    shape = (len(starts), graph.length)
    path = np.empty(shape, np.int64)
    points = None if generator is None else torch.rand(shape, dtype=torch.float64, device=device, generator=generator)
    target, column, alive, score, value = (
        part.cpu().numpy() for part in (graph.target, graph.column, graph.alive, scores, values)
    )
    leaving = graph.leaving.tolist()
    for row, state in enumerate(starts):
        chances = None if points is None else points[row].tolist()
        for i in range(graph.length):
            begin, end = leaving[state], leaving[state + 1]
            following = target[begin:end]
            weight = score[i].take(column[begin:end])
            weight += value[i + 1].take(following)
            weight[~alive[i + 1].take(following)] = -np.inf
            edge = begin + int(weight.argmax() if chances is None else _draw(weight, chances[i]))
            path[row, i] = column[edge]
            state = int(target[edge])
    return torch.from_numpy(path).to(device)


def _draw(weight: NDArray[np.float64], point: float) -> np.intp:
    """An index in proportion to the exponential of its weight: the one at which their sum passes `point` of the total.

    `point` is less than 1. Even if rounding takes it to the total, the index is one that adds to it.
    """
    total = np.exp(weight - weight.max()).cumsum()
    return min(total.searchsorted(point * total[-1], "right"), total.searchsorted(total[-1]))


def gumbel_like(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Gumbel noise, float64: the largest of `log p + noise` is an exact draw from p."""
    noise = torch.rand(weight.shape, dtype=torch.float64, device=weight.device, generator=generator)
    return noise.clamp_(min=1e-300).log_().neg_().log_().neg_()
