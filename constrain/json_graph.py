"""All locations of a schema, and how they contain one another.

Locations that contain themselves are unrolled to a depth, which counts how often one of their *heads* is entered again:
locations such that every cycle passes through one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.json_atoms import KINDS, Subschema, of_kind
from constrain.json_formula import FALSE, TRUE, Formula
from constrain.json_items import Items, items_of
from constrain.json_locations import Location
from constrain.json_members import Members, Order, members_of

__all__ = ["Graph", "Shape", "explore"]

MAX_LOCATIONS = 50_000


@dataclass(frozen=True, eq=False)
class Shape:
    """The values at a location, kind by kind: texts of scalars, arrays and objects. `is_free`: any value at all."""

    scalars: tuple[Automaton, ...] = ()
    array: Items | None = None
    object: Members | None = None
    is_free: bool = False

    @cached_property
    def inner(self) -> tuple[Location, ...]:
        """The locations of items and members, each once."""
        found: dict[Location, None] = {}
        if self.array is not None:
            found |= {location: None for row in self.array.following for location, _ in row}
        if self.object is not None:
            for state in self.object.states:
                for _, options in (*state.named, *state.others):
                    found |= {location: None for location, _ in options}
        return tuple(found)


@dataclass(frozen=True, eq=False)
class Graph:
    """The shapes of all locations that the root contains, the recursive component of each (-1: not recursive), and the
    heads of the components.
    """

    root: Location
    shapes: dict[Location, Shape]
    component: dict[Location, int]
    heads: frozenset[Location]

    def depth_inside(self, outer: Location, inner: Location, depth: int, full: int) -> int:
        """How deep `inner` may still go inside `outer`: less by one at a head, afresh in another component."""
        component = self.component[inner]
        if component < 0:
            return 0
        return depth - (inner in self.heads) if component == self.component[outer] else full

    @property
    def recursive(self) -> list[Location]:
        return [location for location, component in self.component.items() if component >= 0]

    @property
    def repeats_names(self) -> bool:
        """Whether an object may have members that are not listed, whose names nothing keeps apart."""
        return any(
            shape.is_free or (shape.object is not None and any(state.others for state in shape.object.states))
            for shape in self.shapes.values()
        )

    @property
    def free(self) -> list[Location]:
        return [location for location, shape in self.shapes.items() if shape.is_free]


def explore(
    root: Subschema,
    scalars: Callable[[str, Formula], Automaton | None],
    *,
    order: Order = "schema",
) -> Graph:
    """Every location inside the root. `scalars(kind, formula)` are the texts of scalar values of which it holds."""
    start = Location(root.formula, (root,))
    shapes: dict[Location, Shape] = {}
    queue = [start]
    known = {start}
    for location in queue:
        shape = shapes[location] = _shape(location, scalars, order)
        for inner in shape.inner:
            if inner not in known:
                known.add(inner)
                queue.append(inner)
        if len(queue) > MAX_LOCATIONS:
            raise LimitError(
                f"the schema describes more than {MAX_LOCATIONS:,} different places",
                limit=MAX_LOCATIONS,
                given=len(queue),
                hint="definitions that use one another several times multiply: nest fewer of them",
            )
    return Graph(start, shapes, *_components(start, shapes))


def _shape(location: Location, scalars: Callable[[str, Formula], Automaton | None], order: Order) -> Shape:
    if location.formula is TRUE:
        return Shape(is_free=True)
    texts: list[Automaton] = []
    containers: dict[str, Items | Members] = {}
    for kind in KINDS:
        formula = of_kind(kind, location.formula)
        if formula is FALSE:
            continue
        if kind == "array":
            containers[kind] = items_of(formula, location.place)
        elif kind == "object":
            containers[kind] = members_of(formula, location.place, order=order)
        elif (text := scalars(kind, formula)) is not None and not text.is_empty():
            texts.append(text)
    return Shape(tuple(texts), containers.get("array"), containers.get("object"))  # type: ignore[arg-type]


def _components(start: Location, shapes: dict[Location, Shape]) -> tuple[dict[Location, int], frozenset[Location]]:
    """Tarjan's strongly connected components, without recursion, -1 for a location that does not contain itself; and
    the locations to which an edge leads back from inside them.
    """
    order: dict[Location, int] = {}
    low: dict[Location, int] = {}
    component: dict[Location, int] = {}
    open_: list[Location] = []
    on_stack: set[Location] = set()
    on_path: set[Location] = set()
    heads: set[Location] = set()
    work: list[tuple[Location, Iterator[Location]]] = []
    count = 0

    def enter(location: Location) -> None:
        order[location] = low[location] = len(order)
        open_.append(location)
        on_stack.add(location)
        on_path.add(location)
        work.append((location, iter(shapes[location].inner)))

    enter(start)
    while work:
        location, inner = work[-1]
        for following in inner:
            if following not in order:
                enter(following)
                break
            if following in on_path:
                heads.add(following)
            if following in on_stack:
                low[location] = min(low[location], order[following])
        else:
            work.pop()
            on_path.remove(location)
            if work:
                outer = work[-1][0]
                low[outer] = min(low[outer], low[location])
            if low[location] == order[location]:
                members: list[Location] = []
                while not members or members[-1] != location:
                    members.append(open_.pop())
                    on_stack.discard(members[-1])
                is_recursive = len(members) > 1 or location in shapes[location].inner
                component |= dict.fromkeys(members, count if is_recursive else -1)
                count += 1
    return component, frozenset(heads)
