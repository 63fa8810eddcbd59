"""Deterministic finite automata over bytes: the one object that every specification becomes.

An `Automaton` is the minimal, trimmed, canonically numbered DFA of its language, so two automata are equal as values
exactly when they accept the same byte strings. Boolean operations are products of two tables; concatenation and
repetition go through `constrain.expression`, which determinises whole trees at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain.errors import LimitError, UnsatisfiableError

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
        table, accepting = _trim(table, accepting, start)
        if not len(table):
            return Automaton(np.full((1, 1), -1, np.int32), np.zeros(256, np.uint8), np.zeros(1, np.bool_))
        block = _coarsest_partition(table, accepting)
        representative = np.unique(block, return_index=True)[1]
        table = np.append(block, -1).astype(np.int32)[table[representative]]
        return _canonical(table, byte_class, accepting[representative], int(block[0]))

    @property
    def states(self) -> int:
        return len(self.table)

    @cached_property
    def rows(self) -> list[list[int]]:
        """The table byte by byte, as lists: `rows[state][byte]`."""
        rows: list[list[int]] = self.table[:, self.byte_class].tolist()
        return rows

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
        target = self.table[source, symbol].astype(np.int64)
        distance = np.full(self.states, np.iinfo(np.int32).max, np.int64)
        distance[self.accepting] = 0
        offsets, predecessors = _group(target, source, self.states)
        frontier, steps = np.flatnonzero(self.accepting), 0
        while len(frontier):
            steps += 1
            reached = np.unique(predecessors[_slices(offsets, frontier)])
            frontier = reached[distance[reached] > steps]
            distance[frontier] = steps
        return distance

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the language: equal for equal automata."""
        digest = sha256(repr(self.table.shape).encode())
        for array in (self.table, self.byte_class, self.accepting):
            digest.update(array.tobytes())
        return digest.hexdigest()

    def step(self, state: int, data: bytes) -> int:
        """The state after reading `data` from `state`, or -1."""
        for byte in data:
            if state < 0:
                break
            state = self.rows[state][byte]
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
        pairs = np.unique(source.astype(np.int64) * self.states + self.table[source, symbol])
        source, target = pairs // self.states, pairs % self.states
        offsets, successors = _group(source, target, self.states)
        waiting = np.bincount(target, minlength=self.states)
        frontier, length, seen = np.flatnonzero(waiting == 0), -1, 0
        while len(frontier):  # Kahn's topological order by levels; the last level's number is the longest path
            seen, length = seen + len(frontier), length + 1
            touched = successors[_slices(offsets, frontier)]
            np.subtract.at(waiting, touched, 1)
            touched = np.unique(touched)
            frontier = touched[waiting[touched] == 0]
        return length if seen == self.states else None

    def shortest(self) -> bytes:
        """A shortest accepted string, the bytewise smallest of them."""
        if self.is_empty():
            raise UnsatisfiableError("the empty language has no shortest string")
        state, out = 0, bytearray()
        while not self.accepting[state]:
            row = np.array(self.rows[state])
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


def combine(
    a: Automaton, b: Automaton, operation: Callable[[Bools, Bools], Bools], *, max_states: int = DEFAULT_MAX_STATES
) -> Automaton:
    """The automaton of pairs (p, q), accepting where `operation` says so, crawled breadth first from (0, 0).

    -1 (dead) is a member of a pair like any other; pairs from which nothing can be accepted are trimmed afterwards,
    and those that cannot accept because a member is dead are never entered.
    """
    joint = a.byte_class.astype(np.int64) * 256 + b.byte_class
    first, byte_class = np.unique(joint, return_index=True, return_inverse=True)[1:]
    left = np.vstack([a.table[:, a.byte_class[first]], np.full((1, len(first)), -1, np.int32)])
    right = np.vstack([b.table[:, b.byte_class[first]], np.full((1, len(first)), -1, np.int32)])
    keep_left_only, keep_right_only = (
        bool(operation(np.array([x]), np.array([y]))[0]) for x, y in ((True, False), (False, True))
    )
    width = b.states + 1  # a dead member is stored as the last index
    number: dict[int, int] = {0: 0}
    frontier, rows, keys = np.zeros(1, np.int64), [], [np.zeros(1, np.int64)]
    while len(frontier):
        p, q = left[frontier // width].astype(np.int64), right[frontier % width].astype(np.int64)
        dead = (p < 0) & (q < 0)
        if not keep_left_only:
            dead |= q < 0
        if not keep_right_only:
            dead |= p < 0
        key = np.where(p < 0, a.states, p) * width + np.where(q < 0, b.states, q)
        distinct, inverse = np.unique(key, return_inverse=True)
        alive = np.zeros(len(distinct), np.bool_)
        alive[inverse.reshape(key.shape)[~dead]] = True
        ids, fresh = np.full(len(distinct), -1, np.int32), []
        for index in np.flatnonzero(alive).tolist():
            value = int(distinct[index])
            known = number.get(value)
            if known is None:
                known = number[value] = len(number)
                fresh.append(value)
            ids[index] = known
        if len(number) > max_states:
            raise LimitError(
                f"combining two automata of {a.states} and {b.states} states needs more than {max_states:,} states",
                limit=max_states,
                given=len(number),
                hint="simplify the specification: shorter bounds, fewer alternatives",
            )
        rows.append(ids[inverse.reshape(key.shape)])
        frontier = np.array(fresh, np.int64)
        keys.append(frontier)
    pairs = np.concatenate(keys)
    p, q = pairs // width, pairs % width
    accepting = operation(np.append(a.accepting, False)[p], np.append(b.accepting, False)[q])
    return Automaton.from_table(np.vstack(rows), byte_class.astype(np.uint8), accepting)


def distinct_columns(matrix: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Which columns (at most 256) of `matrix` are different: their first indices, and the class of every column."""
    number: dict[bytes, int] = {}
    labels = [number.setdefault(column.tobytes(), len(number)) for column in np.ascontiguousarray(matrix.T)]
    byte_class = np.array(labels, np.uint8)
    return np.unique(byte_class, return_index=True)[1], byte_class


def _group(key: NDArray[np.int64], value: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compressed rows: `value[offsets[k] : offsets[k + 1]]` of the result are the values whose key is k."""
    order = np.argsort(key, kind="stable")
    offsets = np.zeros(size + 1, np.int64)
    np.cumsum(np.bincount(key, minlength=size), out=offsets[1:])
    return offsets, value[order]


def _slices(offsets: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices of all entries of the given compressed rows, row after row."""
    begin, count = offsets[rows], offsets[rows + 1] - offsets[rows]
    indices: NDArray[np.int64] = np.repeat(begin - np.cumsum(count) + count, count) + np.arange(int(count.sum()))
    return indices


def _trim(table: Ints, accepting: Bools, start: int) -> tuple[Ints, Bools]:
    """Only states that are reachable from `start` and can reach acceptance, `start` first; empty if it cannot."""
    source, symbol = np.nonzero(table >= 0)
    target = table[source, symbol].astype(np.int64)
    states = len(table)
    keep = _closure(np.array([start]), *_group(source, target, states), states)
    keep &= _closure(np.flatnonzero(accepting), *_group(target, source, states), states)
    if not keep[start]:
        return table[:0], accepting[:0]
    old = np.flatnonzero(keep)
    old = np.concatenate([[start], old[old != start]])
    new = np.full(states + 1, -1, np.int32)
    new[old] = np.arange(len(old), dtype=np.int32)
    return new[table[old]], accepting[old]


def _closure(seeds: NDArray[np.int64], offsets: NDArray[np.int64], neighbours: NDArray[np.int64], states: int) -> Bools:
    """The states reachable from `seeds`, seeds included."""
    seen = np.zeros(states, np.bool_)
    seen[seeds] = True
    frontier = seeds
    while len(frontier):
        reached = np.unique(neighbours[_slices(offsets, frontier)])
        frontier = reached[~seen[reached]]
        seen[frontier] = True
    return seen


def _coarsest_partition(table: Ints, accepting: Bools) -> NDArray[np.int64]:
    """The Myhill-Nerode partition of a trimmed DFA, as a block number per state.

    Hopcroft's "process the smaller half" in vectorised rounds. Invariant: states of one block had equal rows of
    successor blocks before the last renumbering. A round therefore looks only at states with a renumbered successor;
    they split off from their block by row, the largest part keeps the block's number, and a state is renumbered only
    when its block at least halves: O(E log S) work in all, and a counter of n steps costs n cheap rounds.
    """
    states, classes = table.shape
    source, symbol = np.nonzero(table >= 0)
    offsets, predecessors = _group(table[source, symbol].astype(np.int64), source, states)
    weights = np.random.default_rng(0).integers(1, 2**63, classes + 1, dtype=np.int64).astype(np.uint64) | np.uint64(1)
    block = np.append(accepting.astype(np.int64), -1)  # the last entry is the dead state's
    size = list(np.bincount(block[:-1], minlength=2))
    affected = np.arange(states)
    while len(affected):
        own = block[affected]
        row = block[table[affected]]
        with np.errstate(over="ignore"):
            digest = row.astype(np.uint64) @ weights[:-1]
        order = np.lexsort((digest, own))
        own, digest, row, affected = own[order], digest[order], row[order], affected[order]
        head = np.ones(len(own), np.bool_)
        head[1:] = (own[1:] != own[:-1]) | (digest[1:] != digest[:-1])
        head[1:] |= (row[1:] != row[:-1]).any(axis=1)  # a colliding digest may only split too finely or interleave
        group_start = np.flatnonzero(head)
        group_size = np.diff(np.append(group_start, len(own)))
        group_block = own[group_start]
        run_start = np.flatnonzero(np.append(True, group_block[1:] != group_block[:-1]))
        largest = np.maximum.reduceat(group_size, run_start)
        total = np.add.reduceat(group_size, run_start)
        renumbered = []
        runs = zip(run_start.tolist(), largest.tolist(), total.tolist(), strict=True)
        ends = np.append(run_start[1:], len(group_start)).tolist()
        for (begin, biggest, count), end in zip(runs, ends, strict=True):
            number = int(group_block[begin])
            rest = int(size[number]) - count
            if end - begin == 1 and rest == 0:
                continue
            keeper = -1 if rest >= biggest else begin + int(np.argmax(group_size[begin:end]))
            if rest and keeper >= 0:
                inside = block[:-1] == number
                inside[affected] = False
                members = np.flatnonzero(inside)
                block[members] = len(size)
                size.append(rest)
                size[number] -= rest
                renumbered.append(members)
            for group in range(begin, end):
                if group != keeper:
                    first = group_start[group]
                    members = affected[first : first + group_size[group]]
                    block[members] = len(size)
                    size.append(len(members))
                    size[number] -= len(members)
                    renumbered.append(members)
        if not renumbered:
            break
        affected = np.unique(predecessors[_slices(offsets, np.concatenate(renumbered))])
    partition: NDArray[np.int64] = np.unique(block[:-1], return_inverse=True)[1]
    return partition


def _canonical(table: Ints, byte_class: NDArray[np.uint8], accepting: Bools, start: int) -> Automaton:
    """Byte classes merged and numbered by their first byte, states numbered breadth first in byte order."""
    merged = distinct_columns(table)[1][byte_class]
    first = np.sort(np.unique(merged, return_index=True)[1])
    table = table[:, byte_class[first]]
    byte_class = np.argsort(merged[first])[merged].astype(np.uint8)
    number = np.full(len(table) + 1, -1, np.int32)
    number[start] = 0
    layers, known = [np.array([start])], 1
    while len(layers[-1]):
        targets = table[layers[-1]].ravel()
        targets = targets[(targets >= 0) & (number[targets] < 0)]
        fresh, position = np.unique(targets, return_index=True)
        fresh = fresh[np.argsort(position)]
        number[fresh] = np.arange(known, known + len(fresh), dtype=np.int32)
        known += len(fresh)
        layers.append(fresh)
    order = np.concatenate(layers)
    return Automaton(number[table[order]], byte_class, accepting[order])
