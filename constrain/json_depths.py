"""How deep recursion and free values may go: as deep as a budget of states allows.

How large an automaton is follows from the sizes of its parts, without building them. So the depths are chosen before
anything is spelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from constrain.errors import LimitError
from constrain.json_graph import Graph
from constrain.json_locations import Location

__all__ = ["Plan", "depths_of", "plans_of", "size_of"]

_STEPS: Final = (
    *(("recursion", 300_000), ("free", 300_000)),
    *(("recursion", 60_000), ("free", 60_000)),
    *(("recursion", 30_000), ("recursion", 10_000), ("recursion", 5_000)),
    *(("free", 8_000), ("recursion", 5_000), ("recursion", 5_000), ("recursion", 5_000)),
    *(("free", 1_600), ("free", 1_600)),
)
"""What becomes deeper by one level, step by step, and up to how many states that is worth it. Recursion is what the
schema asks for; free values double the states with each level, and are seldom deep.
"""


_CHEAP: Final = 1.1
"""What makes an automaton larger by no more than a tenth is worth it, up to `_MOST` states."""

_MOST: Final = 300_000

HOPELESS: Final = 10_000_000
"""Estimates are not that wrong."""

_LEVELLED: Final = 120_000
"""About how many states an automaton may have that is bounded by its levels."""

MAX_LEVELS: Final = 16


@dataclass(frozen=True)
class Plan:
    """How deep an automaton is to go: recursion `depth`, free values `free`. `is_levelled` if each level of nesting
    counts as recursion.
    """

    graph: Graph
    depth: int
    free: int
    is_levelled: bool = False

    def check(self) -> None:
        """Raise `LimitError` if there is no hope that so large an automaton can be built."""
        size = size_of(self.graph, self.depth, self.free)
        if size > HOPELESS:
            raise LimitError(
                f"the schema needs some {size:,} automaton states",
                limit=HOPELESS,
                given=size,
                hint="definitions that use one another several times multiply: nest fewer of them, or lower max_depth",
            )


def plans_of(graph: Graph) -> Iterator[Plan]:
    """What to try in turn: as deep as it is worth, and then to bound all levels."""
    depths = depths_of(graph)
    yield Plan(graph, *depths[-1])
    levelled = Graph(graph.root, graph.shapes, dict.fromkeys(graph.shapes, 0), frozenset(graph.shapes))
    levels = range(1, MAX_LEVELS + 1)
    most = max((level for level in levels if size_of(levelled, level, 1) <= _LEVELLED), default=1)
    yield from (Plan(levelled, level, 1, is_levelled=True) for level in dict.fromkeys((most, (most + 1) // 2)))


def depths_of(graph: Graph) -> list[tuple[int, int]]:
    """The depths of recursion and of free values to try, the preferred ones last: those before are cheaper."""
    depth = free = 0
    found = [(depth, free)]
    known = size_of(graph, depth, free)
    for what, budget in _STEPS:
        if not (graph.recursive if what == "recursion" else graph.free):
            continue
        deeper = (depth + 1, free) if what == "recursion" else (depth, free + 1)
        size = size_of(graph, *deeper)
        if size <= budget or size <= min(_CHEAP * known, _MOST):
            known = size
            depth, free = deeper
            found.append(deeper)
    return found


def size_of(graph: Graph, depth: int, free: int) -> int:
    """About how many states the automaton has, with recursion `depth` and free values `free` deep."""
    around, values = _around_free(graph, depth)
    size: int = around + values * (102 * 2**free - 63)
    return size


@lru_cache(maxsize=4)
def _around_free(graph: Graph, depth: int) -> tuple[int, int]:
    """The states outside of free values, and how many of these there are."""
    around = _Size(graph, depth, 0).of(graph.root, depth)
    return around, _Size(graph, depth, 1).of(graph.root, depth) - around if graph.free else 0


class _Size:
    """Sizes where a free value has `free` states."""

    def __init__(self, graph: Graph, depth: int, free: int) -> None:
        self.graph = graph
        self.depth = depth
        self.free = free
        self.known: dict[tuple[Location, int], int] = {}

    def of(self, root: Location, depth: int) -> int:
        start = (root, depth if self.graph.component[root] >= 0 else 0)
        stack = [start]
        while stack:
            location, deep = stack[-1]
            parts = self._inside(self.graph.shapes[location].inner, location, deep)
            waiting = [part for part in parts if part not in self.known]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            self.known[location, deep] = self._one(location, deep)
        return self.known[start]

    def _inside(self, inner: Iterable[Location], outer: Location, deep: int) -> list[tuple[Location, int]]:
        parts = ((location, self.graph.depth_inside(outer, location, deep, self.depth)) for location in inner)
        return [part for part in parts if part[1] >= 0]

    def _one(self, location: Location, deep: int) -> int:
        shape = self.graph.shapes[location]
        if shape.is_free:
            return self.free
        size = sum(text.states for text in shape.scalars)
        if shape.array is not None:
            rows = {tuple(row) for row in shape.array.following}
            size += 4 * len(shape.array.following) + sum(self._options(row, location, deep) for row in rows)
        if shape.object is not None:
            size += sum(map(len, shape.object.names))
            seen: set[tuple[tuple[Location, int], ...]] = set()
            for state in shape.object.states:
                size += 4 + sum(20 if cell.names is None else cell.names.states for cell, _ in state.others)
                for _, options in (*state.named, *state.others):
                    if tuple(options) not in seen:
                        seen.add(tuple(options))
                        size += 2 + self._options(options, location, deep)
        return size

    def _options(self, options: Sequence[tuple[Location, int]], location: Location, deep: int) -> int:
        inside = self._inside((inner for inner, _ in options), location, deep)
        return sum(self.known[part] for part in inside)
