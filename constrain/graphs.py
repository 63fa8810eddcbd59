"""Walks in directed graphs, whose edges are compressed rows: row q of (`offsets`, `neighbours`) holds q's neighbours.

Automata are often thousands of states deep and few wide, where whole layers at a time would be slow.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain import native
from constrain.compressed_rows import Ints, group

__all__ = ["closure", "longest_walk", "steps_from"]


def closure(seeds: Iterable[int], offsets: Ints, neighbours: NDArray[Any]) -> NDArray[np.bool_]:
    """bool `[nodes]`: what can be reached from `seeds`, seeds included."""
    return native.search([*seeds], offsets, neighbours.astype(np.int64)) >= 0


def steps_from(seeds: Iterable[int], offsets: Ints, neighbours: NDArray[Any], *, never: int) -> Ints:
    """int64 `[nodes]`: the fewest steps to each node from a seed; `never` where there is no way."""
    steps = native.search([*seeds], offsets, neighbours.astype(np.int64))
    steps[steps < 0] = never
    return steps


def longest_walk(source: NDArray[Any], target: NDArray[Any], nodes: int) -> int | None:
    """The number of edges on the longest walk in the graph of these edges; None if it has a cycle."""
    offsets, neighbours = group(source, target, nodes)
    begin, following = offsets.tolist(), neighbours.tolist()
    waiting = np.bincount(target, minlength=nodes).tolist()
    longest = [0] * nodes
    queue = [node for node in range(nodes) if not waiting[node]]
    for node in queue:  # Kahn's topological order
        after = longest[node] + 1
        for other in following[begin[node] : begin[node + 1]]:
            if longest[other] < after:
                longest[other] = after
            waiting[other] -= 1
            if not waiting[other]:
                queue.append(other)
    return max(longest, default=0) if len(queue) == nodes else None
