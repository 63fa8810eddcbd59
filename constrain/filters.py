"""For each kind of rule, which of its variables' values occur in a tuple that satisfies it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.linear_filter import LinearFilter
from constrain.matching import distinct_values, members
from constrain.relations import AllDifferent, Count, Equal, InSequence, Linear, Rule, Table, Value

__all__ = ["MAX_TUPLES", "Column", "Filter", "related", "rule_filter", "walks"]

MAX_TUPLES = 100_000
"""A predicate is tried on up to so many tuples of values: some 50 ms of calls."""

Filter: TypeAlias = "Callable[[list[int]], list[int]]"
"""From the domains of a rule's variables to what is left of them; an empty one says that the rule cannot hold."""


class Column:
    """The values of a variable, and where each stands among them."""

    def __init__(self, values: Sequence[Value]) -> None:
        self.values = values
        self.places = None if isinstance(values, range) else {value: place for place, value in enumerate(values)}

    def place(self, value: Value) -> int | None:
        if self.places is not None:
            return self.places.get(value)
        return self.values.index(value) if isinstance(value, int) and value in self.values else None

    def select(self, values: Iterable[Value]) -> int:
        """The bit set of those of `values` that the variable has."""
        places = [self.place(value) for value in values]
        return sum(1 << place for place in places if place is not None)


def rule_filter(rule: Rule, columns: Sequence[Sequence[Value]]) -> Filter:
    """The filter of `rule`, whose variables have the values `columns`."""
    match rule:
        case AllDifferent():
            return _AllDifferent(columns)
        case Equal():
            return _Equal(columns)
        case Linear():
            return LinearFilter(rule, columns)
        case Count():
            return _Count(rule, columns)
        case InSequence():
            return _InSequence(rule, columns)
        case Table():
            return _Table(rule.rows, columns)
        case _:
            return _Table(related(rule, columns), columns)


def related(rule: Rule, columns: Sequence[Sequence[Value]]) -> list[tuple[Value, ...]]:
    """All tuples of values that satisfy `rule`, by trying. Raises `LimitError` beyond `MAX_TUPLES` tries."""
    tuples = prod(map(len, columns))
    if tuples > MAX_TUPLES:
        raise LimitError(
            f"there are {tuples:,} tuples of values to try: {rule.describe()}",
            limit=MAX_TUPLES,
            given=tuples,
            hint="list the tuples that are right in a Table, or split the rule into rules over fewer variables",
        )
    return [row for row in product(*columns) if rule.holds(row)]


class _AllDifferent:
    def __init__(self, columns: Sequence[Sequence[Value]]) -> None:
        self.same = all(column == columns[0] for column in columns)
        self.columns = [] if self.same else [Column(values) for values in columns]
        self.number: dict[Value, int] = {}
        self.value: list[Value] = []

    def __call__(self, domains: list[int]) -> list[int]:
        """A variable of more values than there are variables never runs out: it only loses those that others need."""
        if self.same:
            choices = distinct_values(domains)
            return [0] * len(domains) if choices is None else choices[0]
        few = [index for index, domain in enumerate(domains) if domain.bit_count() <= len(domains)]
        choices = distinct_values([self._shared(index, domains[index]) for index in few])
        if choices is None:
            return [0] * len(domains)
        kept, needed = choices
        taken = [self.value[k] for k in members(needed)]
        result = [domain & ~self.columns[index].select(taken) for index, domain in enumerate(domains)]
        for index, shared in zip(few, kept, strict=True):
            result[index] = self.columns[index].select(self.value[k] for k in members(shared))
        return result

    def _shared(self, index: int, domain: int) -> int:
        """The same values, each as the bit that means it in every domain."""
        values = self.columns[index].values
        bits = 0
        for k in members(domain):
            bit = self.number.setdefault(values[k], len(self.value))
            if bit == len(self.value):
                self.value.append(values[k])
            bits |= 1 << bit
        return bits


class _Equal:
    def __init__(self, columns: Sequence[Sequence[Value]]) -> None:
        self.same = all(column == columns[0] for column in columns)
        self.columns = [Column(values) for values in columns]

    def __call__(self, domains: list[int]) -> list[int]:
        if self.same:
            common = domains[0]
            for domain in domains:
                common &= domain
            return [common] * len(domains)
        fewest = min(range(len(domains)), key=lambda index: domains[index].bit_count())
        if domains[fewest].bit_count() > MAX_TUPLES:
            return domains
        values: list[Value] = [self.columns[fewest].values[k] for k in members(domains[fewest])]
        for column, domain in zip(self.columns, domains, strict=True):
            places = [(value, column.place(value)) for value in values]
            values = [value for value, place in places if place is not None and domain >> place & 1]
        return [column.select(values) for column in self.columns]


class _Count:
    def __init__(self, rule: Count, columns: Sequence[Sequence[Value]]) -> None:
        self.low, self.high = rule.low, rule.high
        self.among = [Column(values).select(rule.among) for values in columns]

    def __call__(self, domains: list[int]) -> list[int]:
        pairs = list(zip(domains, self.among, strict=True))
        can = sum(bool(domain & among) for domain, among in pairs)
        must = sum(not domain & ~among for domain, among in pairs)
        if can < self.low or must > self.high:
            return [0] * len(domains)
        if can == self.low:
            pairs = [(domain & among or domain, among) for domain, among in pairs]
        if must == self.high:
            pairs = [(domain & ~among or domain, among) for domain, among in pairs]
        return [domain for domain, _ in pairs]


class _Table:
    def __init__(self, rows: Iterable[tuple[Value, ...]], columns: Sequence[Sequence[Value]]) -> None:
        found = [Column(values) for values in columns]
        placed = [[column.place(value) for column, value in zip(found, row, strict=True)] for row in rows]
        known = [row for row in placed if None not in row]
        self.rows = np.array(known, np.int64).reshape(len(known), len(columns))
        self.sizes = [len(values) for values in columns]

    def __call__(self, domains: list[int]) -> list[int]:
        alive = np.ones(len(self.rows), np.bool_)
        for places, domain, size in zip(self.rows.T, domains, self.sizes, strict=True):
            data = np.frombuffer(domain.to_bytes((size + 7) // 8, "little"), np.uint8)
            alive &= (data[places >> 3] >> (places & 7) & 1).astype(np.bool_)
        return [self._union(places[alive], size) for places, size in zip(self.rows.T, self.sizes, strict=True)]

    def _union(self, places: NDArray[np.int64], size: int) -> int:
        found = np.zeros(size, np.bool_)
        found[places] = True
        return int.from_bytes(np.packbits(found, bitorder="little").tobytes(), "little")


class _InSequence:
    """Forward over the automaton's states, then backward from those that accept (G. Pesant's regular constraint)."""

    def __init__(self, rule: InSequence, columns: Sequence[Sequence[Value]]) -> None:
        self.automaton = rule.spec.automaton
        self.columns = columns

    def __call__(self, domains: list[int]) -> list[int]:
        choices = [
            [(place, values[place]) for place in members(domain)]
            for values, domain in zip(self.columns, domains, strict=True)
        ]
        return [sum(1 << place for place in {step[1] for step in layer}) for layer in walks(self.automaton, choices)]


Step: TypeAlias = "tuple[int, int, int]"
"""From a state, by the value at a place, to a state."""


def walks(automaton: Automaton, choices: Sequence[Sequence[tuple[int, Value]]]) -> list[list[Step]]:
    """The steps of all walks from the start to an accepting state that read one value's text of each of `choices`.

    A choice is a value with its place.
    """
    states = {0}
    layers: list[list[Step]] = []
    for values in choices:
        texts = [(place, str(value).encode("utf-8", "surrogatepass")) for place, value in values]
        layer = [(state, place, automaton.step(state, text)) for state in sorted(states) for place, text in texts]
        layers.append([step for step in layer if step[2] >= 0])
        states = {target for _, _, target in layers[-1]}
    states = {state for state in states if automaton.accepting[state]}
    for index in range(len(layers) - 1, -1, -1):
        layers[index] = [step for step in layers[index] if step[2] in states]
        states = {source for source, _, _ in layers[index]}
    return layers
