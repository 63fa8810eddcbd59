"""Walks in directed graphs, whose edges are compressed rows: row q of (`offsets`, `neighbours`) holds q's neighbours.

Automata are often thousands of states deep and few wide, where whole layers at a time would be slow: so these are
plain loops over lists, some 100 ns per edge whatever the shape of the graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain.compressed_rows import Ints, group

__all__ = ["breadth_first", "closure", "longest_walk", "steps_from"]


def closure(seeds: Iterable[int], offsets: Ints, neighbours: NDArray[Any]) -> NDArray[np.bool_]:
    """bool `[nodes]`: what can be reached from `seeds`, seeds included."""
    begin, following = offsets.tolist(), neighbours.tolist()
    stack = list(seeds)
    seen = bytearray(len(begin) - 1)
    for node in stack:
        seen[node] = 1
    while stack:
        node = stack.pop()
        for other in following[begin[node] : begin[node + 1]]:
            if not seen[other]:
                seen[other] = 1
                stack.append(other)
    return np.frombuffer(seen, np.bool_)


def breadth_first(start: int, offsets: Ints, neighbours: NDArray[Any]) -> Ints:
    """What can be reached from `start`, which comes first, by distance and then by their order as neighbours."""
    begin, following = offsets.tolist(), neighbours.tolist()
    queue, seen = [start], bytearray(len(begin) - 1)
    seen[start] = 1
    for node in queue:
        for other in following[begin[node] : begin[node + 1]]:
            if not seen[other]:
                seen[other] = 1
                queue.append(other)
    return np.array(queue, np.int64)


def steps_from(seeds: Iterable[int], offsets: Ints, neighbours: NDArray[Any], *, never: int) -> Ints:
    """int64 `[nodes]`: the fewest steps to each node from a seed; `never` where there is no way."""
    begin, following = offsets.tolist(), neighbours.tolist()
    queue = list(seeds)
    steps = [never] * (len(begin) - 1)
    for node in queue:
        steps[node] = 0
    for node in queue:
        after = steps[node] + 1
        for other in following[begin[node] : begin[node + 1]]:
            if steps[other] == never:
                steps[other] = after
                queue.append(other)
    return np.array(steps, np.int64)


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
