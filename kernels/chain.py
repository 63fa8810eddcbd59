"""Sums, maxima and walks over all paths of a batch of automata: the sequential half of the posterior.

The batch is one disjoint union of automata, so rows with different specifications need no padding. Everything runs
in float64: the work is O(L * E) on class edges, small beside one read of the logits, and sums of hundreds of
log-probabilities keep all their digits without rescaling.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Graph", "backward", "class_marginals", "forward", "walk"]


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
    least = torch.finfo(torch.float64).min
    for i in reversed(range(graph.length)) if reverse else range(graph.length):
        known, open_layer = (i + 1, i) if reverse else (i, i + 1)
        weight = scores[i, graph.column] + values[known, far]
        top = torch.full_like(values[0], -torch.inf).scatter_reduce_(0, near, weight, "amax")
        if not maximum:
            top.clamp_(min=least)  # finite, so that -inf minus top stays -inf instead of NaN
            total = torch.zeros_like(top).index_add_(0, near, (weight - top[near]).exp_())
            top += total.log_()
        values[open_layer] += top
    return values


def class_marginals(graph: Graph, scores: Tensor, alpha: Tensor, beta: Tensor, log_z: Tensor) -> Tensor:
    """mu, float64 `[L, C]`: the posterior probability that an edge with column k is taken at position i.

    `log_z` is float64 `[Q]`, each state's row's log Z.
    """
    mu = torch.zeros_like(scores)
    offset = log_z[graph.source]
    for i in range(graph.length):
        weight = alpha[i, graph.source] + scores[i, graph.column] + beta[i + 1, graph.target] - offset
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
            noise = torch.rand(weight.shape, dtype=torch.float64, device=weight.device, generator=generator)
            weight -= noise.clamp_(min=1e-300).log_().neg_().log_()
        weight.masked_fill_((choices == edges) | ~graph.alive[i + 1, following], -torch.inf)
        taken = choices.gather(1, weight.argmax(1, keepdim=True)).squeeze(1)
        path[:, i] = column[taken]
        state = target[taken]
    return path
