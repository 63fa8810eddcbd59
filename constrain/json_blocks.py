"""Deterministic tables as building blocks: copied side by side, joined where one ends and the next begins.

Blocks that are joined have no byte in common where they meet: a JSON value ends where white space, a comma or a bracket
follows. So no subset construction is needed, except for texts of alternatives that are read in parallel (`labelled`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import Automaton, distinct_columns
from constrain.errors import LimitError

__all__ = ["Block", "Builder", "Target", "labelled"]

MAX_STATES = 400_000

Ints: TypeAlias = NDArray[np.int32]

Target: TypeAlias = int | tuple[int, int]
"""An own state of a builder, or a copy and a state of its block."""


@dataclass(frozen=True, eq=False)
class Block:
    """A part to be copied: a deterministic table, int32 `[S, C]`, started in state 0, and `exits`, int32 `[S]`: which
    of several ways on a state leads to, or -1.
    """

    table: Ints
    byte_class: NDArray[np.uint8]
    exits: Ints

    @classmethod
    def of(cls, automaton: Automaton) -> Block:
        return cls(automaton.table, automaton.byte_class, np.where(automaton.accepting, 0, -1).astype(np.int32))

    @property
    def states(self) -> int:
        return len(self.table)


class Builder:
    """States with edges of their own, and copies of blocks; `block` makes one table of all."""

    def __init__(self, space: Automaton) -> None:
        self.space = [[(byte, target) for byte, target in enumerate(row) if target >= 0] for row in space.rows]
        self.gates = np.flatnonzero(space.accepting).tolist()
        self.edges: list[dict[int, int]] = []
        self.exits: list[int] = []
        self.copies: list[tuple[Block, list[int]]] = []
        self.entries: list[tuple[int, int, int]] = []  # own state, copy, state of the block whose edges it shares
        self.into: list[tuple[int, int, int, int]] = []  # own state, byte, copy, state of the block

    def state(self) -> int:
        self.edges.append({})
        self.exits.append(-1)
        return len(self.edges) - 1

    def end(self) -> int:
        """A state of exit 0."""
        state = self.state()
        self.exits[state] = 0
        return state

    def edge(self, source: int, text: bytes, target: int) -> None:
        self.edges[source][text[0]] = target

    def spaced(self) -> tuple[int, list[int]]:
        """White space: where it begins, and the states in which it may be over."""
        base = len(self.edges)
        for row in self.space:
            state = self.state()
            self.edges[state] = {byte: base + target for byte, target in row}
        return base, [base + gate for gate in self.gates]

    def copy(self, block: Block, targets: list[int]) -> int:
        """A copy of the block, whose exit k leads on like the own state `targets[k]` (-1: to nothing)."""
        self.copies.append((block, targets))
        return len(self.copies) - 1

    def insert(self, block: Block, sources: Iterable[int], targets: list[int]) -> None:
        """A copy of the block that begins in each of the own states `sources`."""
        number = self.copy(block, targets)
        self.entries += ((source, number, 0) for source in sources)

    def block(self) -> Block:
        """The joined table, started in own state 0. Rows of shared states are put together: they share no byte."""
        bases, total = [], len(self.edges)
        for block, _ in self.copies:
            bases.append(total)
            total += block.states
        if total > MAX_STATES:
            raise LimitError(
                f"the schema needs more than {MAX_STATES:,} automaton states",
                limit=MAX_STATES,
                given=total,
                hint="shorten bounds, close objects by additionalProperties, or lower max_depth",
            )
        edges = [(source, byte, target) for source, row in enumerate(self.edges) for byte, target in row.items()]
        edges += [(source, byte, bases[number] + state) for source, byte, number, state in self.into]
        used = sorted({byte for _, byte, _ in edges})
        column = np.zeros(256, np.int64)  # of a byte in `own`; the first is that of bytes that no own state reads
        column[used] = np.arange(1, len(used) + 1)
        own = np.full((len(self.edges), len(used) + 1), -1, np.int32)
        if edges:
            source, byte, target = np.array(edges, np.int32).T
            own[source, column[byte]] = target
        classes = {id(block.byte_class): block.byte_class for block, _ in self.copies}
        layers = np.vstack([distinct_columns(own)[1][column], *classes.values()])
        first, byte_class = distinct_columns(layers)
        table = np.empty((total, len(first)), np.int32)
        table[: len(own)] = own[:, column[first]]
        exits = np.full(total, -1, np.int32)
        exits[: len(own)] = self.exits
        shared: list[tuple[NDArray[np.int64], Ints]] = []
        for (block, targets), base in zip(self.copies, bases, strict=True):
            moved = np.where(block.table >= 0, block.table + np.int32(base), np.int32(-1))
            part = table[base : base + block.states]
            np.take(moved, block.byte_class[first], axis=1, out=part, mode="clip")  # other modes make a copy first
            leaving = np.flatnonzero(block.exits >= 0)
            shared.append((leaving + base, np.array(targets, np.int32)[block.exits[leaving]]))
        for source, number, state in self.entries:
            row = table[bases[number] + state]
            table[source] = np.where(table[source] >= 0, table[source], row)
        if shared:
            leaving = np.concatenate([states for states, _ in shared])
            target = np.concatenate([targets for _, targets in shared])
            leaving, target = leaving[target >= 0], target[target >= 0]
            table[leaving] = np.where(table[leaving] >= 0, table[leaving], table[target])
            exits[leaving] = exits[target]
        return Block(table, byte_class, exits)


def labelled(blocks: Sequence[Block]) -> Block:
    """The union of the blocks' languages, exit k telling that the text is of block k (of the first one, if of several).

    Read in parallel: a state is one state (or -1) per block, crawled breadth first, two blocks at a time.
    """
    joined, count = blocks[0], 1
    for block in blocks[1:]:
        joined = _both(joined, block, count)
        count += 1
    return joined


def _both(left: Block, right: Block, number: int) -> Block:
    first, byte_class = distinct_columns(np.vstack([left.byte_class, right.byte_class]))
    width = right.states + 1
    a = np.vstack([left.table, np.full((1, left.table.shape[1]), -1, np.int32)])[:, left.byte_class[first]].astype(
        np.int64
    )
    b = np.vstack([right.table, np.full((1, right.table.shape[1]), -1, np.int32)])[:, right.byte_class[first]]
    a, b = np.where(a < 0, left.states, a), np.where(b < 0, right.states, b).astype(np.int64)
    dead = left.states * width + right.states
    pairs, rows = np.zeros(1, np.int64), []
    frontier = pairs
    while len(frontier):
        following = a[frontier // width] * width + b[frontier % width]
        rows.append(following)
        fresh = np.setdiff1d(following, np.append(pairs, dead))
        pairs = np.concatenate([pairs, fresh])
        frontier = fresh
        if len(pairs) > MAX_STATES:
            raise LimitError(
                f"alternatives that begin alike need more than {MAX_STATES:,} states to be told apart",
                limit=MAX_STATES,
                given=len(pairs),
                hint="put what tells them apart first",
            )
    order = np.argsort(pairs, kind="stable")
    table = np.concatenate(rows)
    place = np.searchsorted(pairs[order], np.minimum(table, pairs.max()))
    found = order[np.minimum(place, len(pairs) - 1)]
    table = np.where((table != dead) & (pairs[found] == table), found, -1).astype(np.int32)
    exits = np.append(left.exits, -1)[pairs // width]
    other = np.append(right.exits, -1)[pairs % width]
    return Block(table, byte_class, np.where(exits >= 0, exits, np.where(other >= 0, number, -1)).astype(np.int32))
