"""Deterministic finite automata over bytes: the one object that every specification becomes.

An `Automaton` is the minimal, trimmed, canonically numbered DFA of its language, so two automata are equal as values
exactly when they accept the same byte strings. Boolean operations are products of two tables; concatenation and
repetition go through `constrain.expression`, which determinises whole trees at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import overload

import numpy as np
from numpy.typing import NDArray

from constrain.compressed_rows import group
from constrain.errors import LimitError, UnsatisfiableError
from constrain.graphs import longest_walk, steps_from
from constrain.minimize import canonical, distinct_columns, minimal

__all__ = ["DEFAULT_MAX_STATES", "Automaton", "combine", "distinct_columns"]

DEFAULT_MAX_STATES = 100_000

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Automaton:
    """The minimal DFA of a language over bytes; state 0 is the start.

    `table` is int32 `[S, C]`: the successor of a state under a byte class, or -1 where no accepted string continues.
    `byte_class` is uint8 `[256]`: the class of each byte; `accepting` is bool `[S]`. From every state an accepting one
    can be reached, except that the empty language is one rejecting state without edges. Build with `from_table` or
    `constrain.expression.compile_expression`, never directly.
    """

    table: Ints
    byte_class: NDArray[np.uint8]
    accepting: Bools

    @staticmethod
    def from_table(table: Ints, byte_class: NDArray[np.uint8], accepting: Bools, start: int = 0) -> Automaton:
        """The minimal automaton of any DFA given as a (partial) table; unreachable and dead states may be present."""
        return Automaton(*minimal(table, byte_class, accepting, start))

    @staticmethod
    def from_minimal_table(table: Ints, byte_class: NDArray[np.uint8], accepting: Bools, start: int = 0) -> Automaton:
        """The same for a table whose reachable states are known to be all different, and none of them dead."""
        return Automaton(*canonical(table, byte_class, accepting, start))

    @property
    def states(self) -> int:
        return len(self.table)

    @cached_property
    def rows(self) -> Sequence[list[int]]:
        """The table byte by byte, as lists: `rows[state][byte]`. A row is made when it is first asked for."""
        return _Rows(self.table, self.byte_class)

    @cached_property
    def edges(self) -> list[list[tuple[int, int]]]:
        """Per state, `(mask, target)` pairs; bit b of the 256-bit `mask` says that byte b leads to `target`."""
        classes = self.table.shape[1]
        members = np.arange(classes)[:, None] == self.byte_class[None, :]
        masks = [int.from_bytes(np.packbits(row, bitorder="little").tobytes(), "little") for row in members]
        merged: list[dict[int, int]] = [{} for _ in range(self.states)]
        source, symbol = np.nonzero(self.table >= 0)
        target = self.table[source, symbol]
        for q, k, t in zip(source.tolist(), symbol.tolist(), target.tolist(), strict=True):
            merged[q][t] = merged[q].get(t, 0) | masks[k]
        return [[(mask, t) for t, mask in row.items()] for row in merged]

    @cached_property
    def distance(self) -> NDArray[np.int64]:
        """int64 `[S]`: the fewest bytes from each state to an accepting one (a huge number where there is none)."""
        source, symbol = np.nonzero(self.table >= 0)
        predecessors = group(self.table[source, symbol], source, self.states)
        return steps_from(np.flatnonzero(self.accepting).tolist(), *predecessors, never=np.iinfo(np.int32).max)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the language: equal for equal automata."""
        digest = sha256(repr(self.table.shape).encode())
        for part in (self.table, self.byte_class, self.accepting):
            digest.update(part.tobytes())
        return digest.hexdigest()

    def step(self, state: int, data: bytes) -> int:
        """The state after reading `data` from `state`, or -1."""
        table, byte_class = self.table.data, self.byte_class.tobytes()  # in which looking up is faster than in arrays
        for byte in data:
            if state < 0:
                break
            state = table[state, byte_class[byte]]
        return state

    def accepts(self, data: bytes) -> bool:
        state = self.step(0, data)
        return state >= 0 and bool(self.accepting[state])

    def is_empty(self) -> bool:
        return not bool(self.accepting.any())

    def is_finite(self) -> bool:
        """Whether the language is finite: a trimmed automaton's is unless it has a cycle."""
        return self.longest() is not None

    def longest(self) -> int | None:
        """The length in bytes of the longest accepted string; None when there is none or no bound."""
        if self.is_empty():
            return None
        source, symbol = np.nonzero(self.table >= 0)
        return longest_walk(source, self.table[source, symbol], self.states)

    def shortest(self) -> bytes:
        """A shortest accepted string, the bytewise smallest of them."""
        if self.is_empty():
            raise UnsatisfiableError("the empty language has no shortest string")
        state, out = 0, bytearray()
        while not self.accepting[state]:
            row = self.table[state, self.byte_class]
            nearer = (row >= 0) & (self.distance[row] == self.distance[state] - 1)
            out.append(int(np.argmax(nearer)))
            state = int(row[out[-1]])
        return bytes(out)

    def words(self, length: int) -> Iterator[bytes]:
        """All accepted strings of at most `length` bytes, shortest first: an enumeration for small languages."""
        layer: list[tuple[bytes, int]] = [(b"", 0)]
        for remaining in range(length, -1, -1):
            yield from (word for word, state in layer if self.accepting[state])
            layer = [
                (word + bytes([byte]), target)
                for word, state in layer
                for byte, target in enumerate(self.rows[state])
                if target >= 0 and self.distance[target] < remaining
            ]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Automaton):
            return NotImplemented
        return (
            self.table.shape == other.table.shape
            and bool((self.table == other.table).all())
            and bool((self.byte_class == other.byte_class).all())
            and bool((self.accepting == other.accepting).all())
        )

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __or__(self, other: Automaton) -> Automaton:
        return combine(self, other, np.logical_or)

    def __and__(self, other: Automaton) -> Automaton:
        return combine(self, other, np.logical_and)

    def __sub__(self, other: Automaton) -> Automaton:
        return combine(self, other, np.greater)

    def __invert__(self) -> Automaton:
        """The byte strings that are not in this language (not only the well-formed UTF-8 ones)."""
        everything = Automaton(np.zeros((1, 1), np.int32), np.zeros(256, np.uint8), np.ones(1, np.bool_))
        return everything - self

    def __add__(self, other: Automaton) -> Automaton:
        from constrain.expression import compile_expression, concat

        return compile_expression(concat(self, other))

    def repeat(self, low: int = 0, high: int | None = None) -> Automaton:
        """Between `low` and `high` concatenated members of this language; `None` means no upper bound."""
        from constrain.expression import compile_expression, repeat

        return compile_expression(repeat(self, low, high))

    def optional(self) -> Automaton:
        return self.repeat(0, 1)


class _Rows(Sequence[list[int]]):
    def __init__(self, table: Ints, byte_class: NDArray[np.uint8]) -> None:
        self.table = table
        self.byte_class = byte_class
        self.known: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, state: int) -> list[int]: ...
    @overload
    def __getitem__(self, state: slice) -> list[list[int]]: ...
    def __getitem__(self, state: int | slice) -> list[int] | list[list[int]]:
        if isinstance(state, slice):
            return [self[number] for number in range(*state.indices(len(self)))]
        row = self.known.get(state)
        if row is None:
            row = self.known[state] = self.table[state, self.byte_class].tolist()
        return row


def combine(
    a: Automaton, b: Automaton, operation: Callable[[Bools, Bools], Bools], *, max_states: int = DEFAULT_MAX_STATES
) -> Automaton:
    """The automaton of pairs (p, q), accepting where `operation` says so, crawled breadth first from (0, 0).

    -1 (dead) is a member of a pair like any other; pairs from which nothing can be accepted are trimmed afterwards,
    and those that cannot accept because a member is dead are never entered.
    """
    joint = a.byte_class.astype(np.int64) * 256 + b.byte_class
    first, byte_class = np.unique(joint, return_index=True, return_inverse=True)[1:]
    width = b.states + 1  # the pair (p, q) is the number p * width + q, where a dead member is the last index
    left, right = a.table[:, a.byte_class[first]].astype(np.int64), b.table[:, b.byte_class[first]]
    left = np.vstack([np.where(left < 0, a.states, left), np.full((1, len(first)), a.states)]) * width
    right = np.vstack([np.where(right < 0, b.states, right), np.full((1, len(first)), b.states)])
    pairs = _Pairs(a.states, b.states, operation, max_states)
    table = array("i")
    for pair in pairs.found:
        successors = left[pair // width] + right[pair % width]
        table.extend(map(pairs.__getitem__, successors.tolist()))
    found = np.array(pairs.found)
    accepting = operation(np.append(a.accepting, False)[found // width], np.append(b.accepting, False)[found % width])
    rows = np.frombuffer(table, np.int32).reshape(-1, len(first))
    return Automaton.from_table(rows, byte_class.astype(np.uint8), accepting)


class _Pairs(dict[int, int]):
    """The states of a product: the number of every pair (p, q) that is asked for, -1 if it can accept nothing."""

    def __init__(self, left: int, right: int, operation: Callable[[Bools, Bools], Bools], max_states: int) -> None:
        super().__init__({0: 0})
        self.found = [0]
        self.left = left
        self.right = right
        self.keeps_left = bool(operation(np.array([True]), np.array([False]))[0])
        self.keeps_right = bool(operation(np.array([False]), np.array([True]))[0])
        self.max_states = max_states

    def __missing__(self, pair: int) -> int:
        p, q = divmod(pair, self.right + 1)
        dead_left, dead_right = p == self.left, q == self.right
        if (dead_left and (dead_right or not self.keeps_right)) or (dead_right and not self.keeps_left):
            number = -1
        else:
            number = len(self.found)
            self.found.append(pair)
        if number >= self.max_states:
            raise LimitError(
                f"combining two automata of {self.left} and {self.right} states needs more than {self.max_states:,}"
                " states",
                limit=self.max_states,
                given=number + 1,
                hint="simplify the specification: shorter bounds, fewer alternatives",
            )
        self[pair] = number
        return number
