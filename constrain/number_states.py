"""Automata over the symbols of numbers, unfolded state by state, and the states that read an exponent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol, TypeAlias

import numpy as np

from constrain.automaton import DEFAULT_MAX_STATES, Automaton
from constrain.errors import LimitError

__all__ = ["ANY_EXPONENT", "Exponent", "Ranges", "Row", "State", "crawl", "row"]

ANY_EXPONENT: Final = (-999, 999)
"""An exponent has at most three digits, leading zeros among them."""

_SYMBOLS: Final = b"0123456789.-+eE"
_BYTE_CLASS: Final = np.full(256, 14, np.uint8)
_BYTE_CLASS[list(_SYMBOLS)] = [*range(14), 13]
_DIGITS: Final = 3
_UNITS: Final = tuple(10**n for n in range(_DIGITS + 1))


class State(Protocol):
    """A state of an automaton that unfolds as it is crawled; equal states are one state."""

    def follow(self) -> tuple[bool, Row]:
        """Whether the text may end here, and what each symbol leads to."""

    def __hash__(self) -> int: ...


Row: TypeAlias = list[State | None]
"""The successors under the ten digits, ".", "-", "+" and "e" (or "E")."""

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Closed ranges of integers in rising order, with gaps between them."""


def row(
    digits: Iterable[State | None] = (None,) * 10,
    *,
    point: State | None = None,
    minus: State | None = None,
    plus: State | None = None,
    e: State | None = None,
) -> Row:
    return [*digits, point, minus, plus, e]


def crawl(start: State) -> Automaton:
    """The automaton of the states reachable from `start`."""
    if len(_NODES) > _REMEMBERED:
        _NODES.clear()
    first = _node(start)
    number: dict[_Node | None, int] = {None: -1, first: 0}
    queue: list[_Node] = [first]
    rows: list[list[int]] = []
    for node in queue:
        for target in node.following:
            if target not in number:
                number[target] = len(queue)
                queue.append(target)  # type: ignore[arg-type]  # None has a number from the start
        rows.append([number[target] for target in node.following])
        if len(queue) > DEFAULT_MAX_STATES:
            raise LimitError(
                f"a set of numbers needs more than {DEFAULT_MAX_STATES:,} automaton states",
                limit=DEFAULT_MAX_STATES,
                given=len(queue),
                hint="round its numbers or list fewer of them",
            )
    table = np.full((len(rows), 15), -1, np.int32)
    table[:, :14] = rows
    return Automaton.from_table(table, _BYTE_CLASS, np.array([node.accepts for node in queue]))


class _Node:
    """The node of a state in the graph of all states met so far, compared by identity."""

    def __init__(self, state: State) -> None:
        self.state = state

    @cached_property
    def _followed(self) -> tuple[bool, Row]:
        return self.state.follow()

    @property
    def accepts(self) -> bool:
        return self._followed[0]

    @cached_property
    def following(self) -> list[_Node | None]:
        met: dict[int, _Node | None] = {id(None): None}  # looked up by identity first: states take long to compare
        return [
            met[id(state)] if id(state) in met else met.setdefault(id(state), _node(state))  # type: ignore[arg-type]
            for state in self._followed[1]
        ]


_NODES: Final[dict[State, _Node]] = {}  # two sets share most states: free digits, exponents, the largest double
_REMEMBERED: Final = 1 << 14


def _node(state: State) -> _Node:
    node = _NODES.get(state)
    if node is None:
        node = _NODES[state] = _Node(state)
    return node


@dataclass(frozen=True, slots=True)
class Exponent:
    """Behind the "e"."""

    allowed: Ranges

    @staticmethod
    def among(ranges: Iterable[tuple[int, int]]) -> Exponent | None:
        """An exponent in one of the ranges; None if there is none."""
        merged: list[tuple[int, int]] = []
        for low, high in sorted(ranges):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = merged[-1][0], max(high, merged[-1][1])
            elif low <= high:
                merged.append((low, high))
        return Exponent(tuple(merged)) if merged else None

    def follow(self) -> tuple[bool, Row]:
        mirrored = tuple((-high, -low) for low, high in self.allowed[::-1])
        plus, minus = (_Count.of([(), *[allowed] * _DIGITS], 0) for allowed in (self.allowed, mirrored))
        return False, row(plus.follow()[1][:10] if plus else [None] * 10, minus=minus, plus=plus)


@dataclass(frozen=True, slots=True)
class _Count:
    """Within the digits of an exponent: `left[n]` are the numbers that n more digits may denote."""

    left: tuple[Ranges, ...]

    @staticmethod
    def of(longer: Sequence[Ranges], digit: int) -> _Count | None:
        """Behind a digit, where it and n more may denote the numbers in `longer[n]`."""
        left = []
        for ranges, unit in zip(longer, _UNITS, strict=False):
            low, high = digit * unit, (digit + 1) * unit - 1
            left.append(tuple([(max(a, low) - low, min(b, high) - low) for a, b in ranges if a <= high and b >= low]))
        return _Count(tuple(left)) if any(left) else None

    def follow(self) -> tuple[bool, Row]:
        longer = self.left[1:]
        digits = [_Count.of(longer, digit) for digit in range(10)] if any(longer) else [None] * 10
        return bool(self.left[0]), row(digits)
