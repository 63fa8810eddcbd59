"""A batch's edges by state, by target and by column, and its alive states by layer: the order in which a GPU sums."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from constrain.kernels.chain import Graph

__all__ = ["EdgeIndex"]


@dataclass(frozen=True, eq=False)
class EdgeIndex:
    """A graph of Q states, E edges and C columns, for sums without atomics that pass over dead states. All int32.

    State q has the edges e from `begins[0, q]` to `begins[0, q + 1]`, in the graph's order, each to `others[0, e]` and
    on `columns[0, e]`; those from `begins[1, q]` on enter it, from `others[1, e]`. They are `[2, Q + 1]` and `[2, E]`.

    Column k is on the edges e from `taking[k]` to `taking[k + 1]`, each from `near[e]` to `far[e]`; it belongs to
    `row[k]`. They are `[C + 1]`, `[E]` and `[C]`.

    `layer` `[(L + 1) B + 1]`: in layer i, row b has the alive states `states[layer[i * B + b] : layer[i * B + b + 1]]`,
    those with fewer edges first, so that neighbours take equally long.
    """

    begins: Tensor
    others: Tensor
    columns: Tensor
    taking: Tensor
    near: Tensor
    far: Tensor
    row: Tensor
    layer: Tensor
    states: Tensor

    @classmethod
    def of(cls, graph: Graph, state_row: Tensor, columns: int) -> EdgeIndex:
        """The index of `graph`, whose states belong to the rows `state_row`, int64 `[Q]`, ascending.

        It waits for the device: build it once per canvas.
        """
        rows, states = len(graph.start), len(state_row)
        entered, taken = graph.target.sort(stable=True), graph.column.sort(stable=True)
        row = torch.zeros(columns, dtype=torch.int64, device=state_row.device)
        row[graph.column] = state_row[graph.source]
        leaving = _begins(graph.source, states)
        layer, state = graph.alive.nonzero().unbind(1)
        group = layer * rows + state_row[state]
        degree = leaving.diff()[state]
        order = (group * (degree.amax() + 1) + degree).argsort(stable=True)
        tensors = {
            "begins": torch.stack([leaving, _begins(entered.values, states)]),
            "others": torch.stack([graph.target, graph.source[entered.indices]]),
            "columns": torch.stack([graph.column, graph.column[entered.indices]]),
            "taking": _begins(taken.values, columns),
            "near": graph.source[taken.indices],
            "far": graph.target[taken.indices],
            "row": row,
            "layer": _begins(group, (graph.length + 1) * rows),
            "states": state[order],
        }
        return cls(**{name: tensor.int() for name, tensor in tensors.items()})


def _begins(group: Tensor, groups: int) -> Tensor:
    """int64 `[groups + 1]`: where each group begins in the ascending `group`."""
    return torch.searchsorted(group, torch.arange(groups + 1, device=group.device))
