"""Whether a schema has values at all, as its graph of locations says, however deep they nest.

A location has values if a scalar may stand there, or an array or object made of members that have values: the least
set of locations of which that is true.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from constrain.json_graph import Graph, Shape
from constrain.json_locations import Location

__all__ = ["is_inhabited"]


def is_inhabited(graph: Graph) -> bool:
    """Whether the root has values."""
    containers: dict[Location, list[Location]] = {}
    for location, shape in graph.shapes.items():
        for inner in shape.inner:
            containers.setdefault(inner, []).append(location)
    known: set[Location] = set()
    queue = list(graph.shapes)
    while queue and graph.root not in known:
        location = queue.pop()
        if location not in known and _has_values(graph.shapes[location], known):
            known.add(location)
            queue += containers.get(location, ())
    return graph.root in known


def _has_values(shape: Shape, known: Container[Location]) -> bool:
    """Whether a value is possible, given that the `known` locations have some."""
    if shape.is_free or shape.scalars:
        return True
    return _is_finished(shape, known, "array") or _is_finished(shape, known, "object")


def _is_finished(shape: Shape, known: Container[Location], kind: str) -> bool:
    """Whether an accepting state of the array's or object's automaton can be reached."""
    if (shape.array if kind == "array" else shape.object) is None:
        return False
    stack, seen = [0], {0}
    while stack:
        state = stack.pop()
        is_accepting, following = (_array if kind == "array" else _object)(shape, known, state)
        if is_accepting:
            return True
        for target in following:
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return False


def _array(shape: Shape, known: Container[Location], state: int) -> tuple[bool, Iterator[int]]:
    assert shape.array is not None
    row = shape.array.following[state]
    return shape.array.accepting[state], (target for inner, target in row if inner in known)


def _object(shape: Shape, known: Container[Location], state: int) -> tuple[bool, Iterator[int]]:
    assert shape.object is not None
    waiting = shape.object.states[state]

    def following() -> Iterator[int]:
        if waiting.otherwise >= 0:
            yield waiting.otherwise
        for _, options in (*waiting.named, *waiting.others):
            yield from (target for inner, target in options if inner in known)

    return waiting.accepting, following()
