"""Sums, maxima and walks over all paths of a batch of automata: the sequential half of the posterior.

The batch is one disjoint union of automata, so rows with different specifications need no padding. Everything runs
in float64: the work is O(L * E) on class edges, small beside one read of the logits, and sums of hundreds of
log-probabilities keep all their digits without rescaling. On a GPU each step would be a launch: there, `sweeps` does
the same in two.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Graph", "backward", "forward", "gumbel_like", "log_sum_by", "marginals", "walk"]


@dataclass(frozen=True, eq=False)
class Graph:
    """A batch of canvas lattices over the union of their automata: Q states, E edges, C columns of scores.

    `source`, `target`, `column` are int64 `[E]`, sorted by source; edge e multiplies by score column `column[e]`.
    `alive` is bool `[L + 1, Q]`; `start` int64 `[B]`; `outgoing` int64 `[Q, D]` lists each state's edges, padded
    with E. Every alive state that is not in layer L has an edge to an alive state of the next layer.
    """

    source: Tensor
    target: Tensor
    column: Tensor
    alive: Tensor
    start: Tensor
    outgoing: Tensor

    @property
    def length(self) -> int:
        return len(self.alive) - 1

    @property
    def floor(self) -> Tensor:
        """float64 `[L + 1, Q]`: 0 where alive, -inf elsewhere."""
        zero = torch.zeros(self.alive.shape, dtype=torch.float64, device=self.alive.device)
        return zero.masked_fill_(~self.alive, -torch.inf)


def backward(graph: Graph, scores: Tensor, *, maximum: bool = False) -> Tensor:
    """beta, float64 `[L + 1, Q]`: log of the total (or largest) weight of all alive paths from a state to the end.

        beta[L, q] = 0 if alive          beta[i, q] = log-sum or max over edges (q, k, r) of scores[i, k] + beta[i+1, r]

    `scores` is float64 `[L, C]` and finite; dead states get -inf, alive ones a finite number.
    """
    return _propagate(graph, scores, graph.floor, reverse=True, maximum=maximum)


def forward(graph: Graph, scores: Tensor) -> Tensor:
    """alpha, float64 `[L + 1, Q]`: log of the total weight of all alive paths from a start to a state."""
    alpha = graph.floor
    started = torch.full_like(alpha[0], -torch.inf)
    started[graph.start] = 0.0
    alpha[0] = started
    return _propagate(graph, scores, alpha, reverse=False, maximum=False)


def _propagate(graph: Graph, scores: Tensor, values: Tensor, *, reverse: bool, maximum: bool) -> Tensor:
    """Fill `values` layer by layer, keeping the entries that come as -inf (dead) at -inf."""
    near, far = (graph.source, graph.target) if reverse else (graph.target, graph.source)
    for i in reversed(range(graph.length)) if reverse else range(graph.length):
        known, open_layer = (i + 1, i) if reverse else (i, i + 1)
        weight = scores[i].index_select(0, graph.column).add_(values[known].index_select(0, far))
        values[open_layer] += log_sum_by(near, weight, values.shape[1], maximum=maximum)
    return values


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


def marginals(graph: Graph, scores: Tensor, alpha: Tensor, beta: Tensor, log_z: Tensor) -> Tensor:
    """mu, float64 `[L, C]`: the posterior probability that an edge with column k is taken at position i.

    `log_z` is float64 `[Q]`, each state's row's log Z.
    """
    mu = torch.zeros_like(scores)
    offset = log_z[graph.source]
    for i in range(graph.length):
        weight = scores[i].index_select(0, graph.column).sub_(offset)
        weight += alpha[i].index_select(0, graph.source)
        weight += beta[i + 1].index_select(0, graph.target)
        mu[i].index_add_(0, graph.column, weight.exp_())
    return mu


def walk(graph: Graph, scores: Tensor, values: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One path per row, as the score columns it takes: int64 `[B, L]`.

    From each row's start, take the edge with the largest `scores[i, k] + values[i + 1, target]`: with maxima as
    `values` that is the best path. With sums as `values` and Gumbel noise from `generator` it is an exact sample
    (Gumbel-max over the edges of the current state). Only edges into alive states are candidates, whatever the floats.
    """
    edges = len(graph.source)
    target = torch.cat([graph.target, graph.target.new_zeros(1)])
    column = torch.cat([graph.column, graph.column.new_zeros(1)])
    state = graph.start
    path = torch.empty((len(state), graph.length), dtype=torch.int64, device=state.device)
    for i in range(graph.length):
        choices = graph.outgoing[state]  # [B, D]
        following = target[choices]
        weight = scores[i, column[choices]] + values[i + 1, following]
        if generator is not None:
            weight += gumbel_like(weight, generator)
        weight.masked_fill_((choices == edges) | ~graph.alive[i + 1, following], -torch.inf)
        taken = choices.gather(1, weight.argmax(1, keepdim=True)).squeeze(1)
        path[:, i] = column[taken]
        state = target[taken]
    return path


def gumbel_like(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Gumbel noise, float64: the largest of `log p + noise` is an exact draw from p."""
    noise = torch.rand(weight.shape, dtype=torch.float64, device=weight.device, generator=generator)
    return noise.clamp_(min=1e-300).log_().neg_().log_().neg_()
