"""Context-free rules, as every reader of a grammar language delivers them: bodies over terminals, by name.

A terminal is a regular language, held as an `Automaton`. Bodies have the operators of regular expressions, so that only
what refers back to a rule is recursion; `constrain.unrolling` makes one automaton of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from typing import TypeAlias, TypeVar

from constrain.automaton import Automaton
from constrain.errors import SpecError

__all__ = ["Body", "Choice", "Reference", "Repetition", "Rules", "Sequenced", "Terminal", "components", "references"]

Vertex = TypeVar("Vertex", bound=Hashable)


@dataclass(frozen=True)
class Terminal:
    """A text of the automaton. `label` is how the grammar writes it."""

    label: str
    automaton: Automaton


@dataclass(frozen=True)
class Reference:
    """A text of another rule; `position` is where the grammar says so."""

    rule: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Sequenced:
    """All parts, one after the other."""

    parts: tuple[Body, ...]


@dataclass(frozen=True)
class Choice:
    """Any one of the parts."""

    parts: tuple[Body, ...]


@dataclass(frozen=True)
class Repetition:
    """Between `low` and `high` texts of `part`, one after the other; `high` None means no upper bound."""

    part: Body
    low: int
    high: int | None


Body: TypeAlias = Terminal | Reference | Sequenced | Choice | Repetition


@dataclass(frozen=True, eq=False)
class Rules:
    """A context-free grammar: the texts of the rule `start`, each with one of `trailing` behind it.

    `source` is the grammar as written, `positions` where each rule is defined in it. Raises `SpecError`, with a caret,
    for a reference to nothing, a rule that derives nothing but itself, and a rule without any finite text; the last
    only if `start` leads there.
    """

    start: str
    bodies: Mapping[str, Body]
    trailing: Automaton | None = None
    source: str = ""
    positions: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.start not in self.bodies:
            raise SpecError(
                f"there is no rule `{self.start}` to start from",
                keyword=self.start,
                hint=f"the rules are {', '.join(sorted(self.bodies)) or 'none'}; say which with start= (root= in GBNF)",
            )
        for body in self.bodies.values():
            for reference in references(body):
                if reference.rule not in self.bodies:
                    raise SpecError(
                        f"rule `{reference.rule}` is not defined",
                        source=self.source,
                        position=reference.position,
                        keyword=reference.rule,
                    )
        for loop in components({name: units(body) for name, body in self.bodies.items()}):
            name = loop[0]
            if len(loop) > 1 or name in units(self.bodies[name]):
                by = f" by way of {', '.join(loop[1:])}" if len(loop) > 1 else ""
                raise self._error(
                    name,
                    f"rule `{name}` is an alternative of itself{by}, which is infinitely ambiguous",
                    "remove that alternative: it adds no text",
                )
        for name in self.reachable:
            if name not in self.productive:
                raise self._error(name, f"rule `{name}` derives no finite text", "give it an alternative that ends")

    def _error(self, name: str, message: str, hint: str) -> SpecError:
        position = self.positions.get(name)
        source = None if position is None else self.source
        return SpecError(message, source=source, position=position, keyword=name, hint=hint)

    @cached_property
    def reachable(self) -> tuple[str, ...]:
        """The rules that `start` leads to, itself first."""
        found = {self.start: None}
        queue = [self.start]
        for name in queue:
            for reference in references(self.bodies[name]):
                if reference.rule not in found:
                    found[reference.rule] = None
                    queue.append(reference.rule)
        return tuple(queue)

    @cached_property
    def nullable(self) -> frozenset[str]:
        """The rules that derive the empty text."""
        return self._least(_accepts_empty)

    @cached_property
    def productive(self) -> frozenset[str]:
        """The rules that derive any text at all."""
        return self._least(lambda terminal: not terminal.automaton.is_empty())

    def is_nullable(self, body: Body) -> bool:
        """Whether the body derives the empty text."""
        return holds(body, self.nullable, _accepts_empty)

    def _least(self, of_terminal: Callable[[Terminal], bool]) -> frozenset[str]:
        """The least set of rules whose bodies hold, given what holds of terminals and of the rules of the set."""
        found: frozenset[str] = frozenset()
        while True:
            more = {name for name, body in self.bodies.items() if holds(body, found, of_terminal)}
            if more == found:
                return found
            found = frozenset(more)


def holds(body: Body, rules: frozenset[str], of_terminal: Callable[[Terminal], bool]) -> bool:
    """A property that a sequence has if all parts have it, a choice if any has; nothing at all has it."""
    match body:
        case Terminal():
            return of_terminal(body)
        case Reference(rule):
            return rule in rules
        case Sequenced(parts):
            return all(holds(part, rules, of_terminal) for part in parts)
        case Choice(parts):
            return any(holds(part, rules, of_terminal) for part in parts)
        case Repetition(part, low, _):
            return low == 0 or holds(part, rules, of_terminal)


def _accepts_empty(terminal: Terminal) -> bool:
    return bool(terminal.automaton.accepting[0])


def references(body: Body) -> Iterator[Reference]:
    """All references in a body, in the order in which they are written."""
    match body:
        case Reference():
            yield body
        case Sequenced(parts) | Choice(parts):
            for part in parts:
                yield from references(part)
        case Repetition(part, _, _):
            yield from references(part)


def units(body: Body) -> set[str]:
    """The rules that are an alternative of the body by themselves."""
    match body:
        case Reference(rule):
            return {rule}
        case Choice(parts):
            return set().union(*(units(part) for part in parts))
        case Sequenced((part,)) | Repetition(part, 0 | 1, 1):
            return units(part)
    return set()


def components(edges: Mapping[Vertex, Iterable[Vertex]]) -> list[list[Vertex]]:
    """The strongly connected components of a graph, each after all that it leads to; members in the order of `edges`.

    Walks from every vertex: for the hundreds that grammars have.
    """
    reach = {vertex: _reached(vertex, edges) for vertex in edges}
    leader: dict[Vertex, Vertex] = {}
    members: dict[Vertex, list[Vertex]] = {}
    for vertex in edges:
        first = next((other for other in members if other in reach[vertex] and vertex in reach[other]), vertex)
        leader[vertex] = first
        members.setdefault(first, []).append(vertex)
    condensed = {
        first: {leader[other] for vertex in group for other in edges[vertex]} - {first}
        for first, group in members.items()
    }
    return [members[first] for first in TopologicalSorter(condensed).static_order()]


def _reached(start: Vertex, edges: Mapping[Vertex, Iterable[Vertex]]) -> set[Vertex]:
    seen: set[Vertex] = set()
    stack = list(edges[start])
    while stack:
        vertex = stack.pop()
        if vertex not in seen:
            seen.add(vertex)
            stack += edges[vertex]
    return seen
