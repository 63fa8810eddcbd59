"""The minimal automaton of a table: trimmed, equivalent states merged, byte classes and states numbered canonically."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain.compressed_rows import Ints, distinct, group, mixed, order
from constrain.graphs import breadth_first, closure, steps_from

__all__ = ["distinct_columns", "minimal"]

_NEVER = np.iinfo(np.int32).max
_ROUNDS = 6  # of refinement by digests: what differs within so few bytes is then told apart

Table = NDArray[np.int32]
Bools = NDArray[np.bool_]
Arrays = tuple[Table, NDArray[np.uint8], Bools]


def minimal(table: Table, byte_class: NDArray[np.uint8], accepting: Bools, start: int) -> Arrays:
    """The canonical table, byte classes and accepting states of the language of a partial table.

    Of the empty language it is one rejecting state without edges.
    """
    runs = _Runs.of(table)
    reached = closure([start], *runs.successors(len(table)))
    ends = np.flatnonzero(accepting & reached).tolist()
    distance = steps_from(ends, *runs.predecessors(len(table)), never=_NEVER)
    keep = reached & (distance < _NEVER)
    if not keep[start]:
        return np.full((1, 1), -1, np.int32), np.zeros(256, np.uint8), np.zeros(1, np.bool_)
    if not keep.all():
        new = np.full(len(table) + 1, -1, np.int32)
        new[:-1][keep] = np.arange(int(keep.sum()), dtype=np.int32)
        table, accepting, distance, start = new[table[keep]], accepting[keep], distance[keep], int(new[start])
        runs = _Runs.of(table)
    block = _coarsest(table, runs, _guess(table, runs, distance))
    first = np.unique(block, return_index=True)[1]
    if len(first) < len(table):
        number = np.full(int(block.max()) + 2, -1, np.int32)
        number[block[first]] = np.arange(len(first))
        block = number[np.append(block, -1)]
        table, accepting, start = block[table[first]], accepting[first], int(block[start])
    return _canonical(table, byte_class, accepting, start)


def distinct_columns(matrix: NDArray[Any]) -> tuple[Ints, NDArray[np.uint8]]:
    """Which columns (at most 256) of `matrix` are different: their first indices, and the class of every column."""
    number: dict[bytes, int] = {}
    labels = [number.setdefault(column.tobytes(), len(number)) for column in np.ascontiguousarray(matrix.T)]
    byte_class = np.array(labels, np.uint8)
    return np.unique(byte_class, return_index=True)[1], byte_class


@dataclass(frozen=True, eq=False)
class _Runs:
    """The edges of a table by source, then byte class; neighbouring classes with the same target are put together.

    `symbol` is the first class of each edge; `weight` is a pseudo-random number of the set of its classes, such that
    those of disjoint sets add up to that of their union.
    """

    source: Ints
    target: NDArray[np.int32]
    symbol: Ints
    weight: NDArray[np.uint64]

    @classmethod
    def of(cls, table: Table) -> _Runs:
        source, symbol = np.nonzero(table >= 0)
        target = table[source, symbol]
        differs = np.ones(len(source), np.bool_)
        differs[1:] = (target[1:] != target[:-1]) | (source[1:] != source[:-1])
        head = np.flatnonzero(differs)
        weight = np.take(mixed(np.arange(table.shape[1]), 0), symbol)
        if len(head):
            weight = np.add.reduceat(weight, head)
        return cls(source[head], target[head], symbol[head], weight)

    def successors(self, states: int) -> tuple[Ints, NDArray[np.int32]]:
        """The graph of the edges as compressed rows, without loops, which no walk needs."""
        moves = np.flatnonzero(self.source != self.target)
        offsets = np.searchsorted(self.source[moves], np.arange(states + 1))
        return offsets, self.target[moves]

    def predecessors(self, states: int) -> tuple[Ints, Ints]:
        """The same graph with its edges reversed."""
        moves = np.flatnonzero(self.source != self.target)
        return group(self.target[moves], self.source[moves], states)


def _guess(table: Table, runs: _Runs, distance: Ints) -> Ints:
    """A partition, as a block number per state, that is never finer than the Myhill-Nerode one and often equal to it.

    It compares what depends on the language alone: the first of the shortest accepted strings (of length `distance`);
    how often the byte class that most states accept can be repeated, which tells the states of a counter apart; and,
    by digests, what can be read within `_ROUNDS` bytes.
    """
    states = len(distance)
    nearer = np.flatnonzero(distance[runs.target] == distance[runs.source] - 1)[::-1]
    following, letter = np.full(states, -1), np.zeros(states, np.int64)
    following[runs.source[nearer]] = runs.target[nearer]  # of several the first, which is written last
    letter[runs.source[nearer]] = runs.symbol[nearer]
    sequence = order(distance, int(distance.max()) + 1)
    shortest = [0] * (states + 1)
    steps = zip(*(each[sequence].tolist() for each in (np.arange(states), letter, following)), strict=True)
    for state, symbol, after in steps:
        shortest[state] = hash((symbol, shortest[after]))
    digest = mixed(np.array(shortest[:-1], np.int64), 1) + mixed(_repeats(table), 2)
    offsets = np.searchsorted(runs.source, np.arange(states + 1))
    factor = np.uint64(0x9E3779B97F4A7C15)
    for _ in range(_ROUNDS):
        total = np.zeros(len(runs.source) + 1, np.uint64)
        np.cumsum(runs.weight * digest[runs.target], out=total[1:])
        digest += total[offsets[1:]] - total[offsets[:-1]]
        digest *= factor
        digest ^= digest >> np.uint64(32)
    digest >>= np.uint64(32)
    digest |= (distance == 0).astype(np.uint64) << np.uint64(32)  # acceptance exactly, the others are digests
    return distinct(digest, 1 << 33)[1]


def _repeats(table: Table) -> Ints:
    """How often, from each state, the class that most states accept can be read in a row; -1 without end."""
    states = len(table)
    jump = np.append(table[:, np.count_nonzero(table >= 0, axis=0).argmax()], -1)
    jump[jump < 0] = states  # where the reading ends; from here on `jump` is 2^n steps of it, n = 0, 1, ...
    steps = (jump < states).astype(np.int64)
    ended = -1
    while ended < (now := int(np.count_nonzero(jump == states))):
        ended = now
        steps += steps[jump]
        jump = jump[jump]
    return np.where(jump == states, steps, -1)[:-1]


def _coarsest(table: Table, runs: _Runs, block: Ints) -> Ints:
    """The coarsest partition below `block` in which the states of a block have successors in the same blocks.

    Hopcroft's "process the smaller half", in rounds. Invariant: states of one block had equal rows of successor blocks
    before the last renumbering. A round therefore looks only at states with a renumbered successor; they split off from
    their block by row, the largest part keeps the block's number, and a state is renumbered only when its block at
    least halves: O(E log S) work in all, and a counter of n steps costs n cheap rounds.
    """
    states = len(table)
    offsets, members = group(block, np.arange(states), int(block.max()) + 1)
    size = np.diff(offsets).tolist()
    superset: dict[int, Ints] = {}
    affected = np.flatnonzero(np.diff(offsets)[block] > 1)
    block = np.append(block, -1).astype(np.int32)  # the last entry is the dead state's
    begin, predecessor = (a.tolist() for a in group(runs.target, runs.source, states)) if len(affected) else ([], [])
    is_affected = np.zeros(states, np.bool_)
    while len(affected):
        rows = np.column_stack([block[affected], block[table[affected]]])
        data, width = rows.tobytes(), rows.strides[0]
        alike: dict[bytes, list[int]] = {}
        for index, state in enumerate(affected.tolist()):
            alike.setdefault(data[index * width : (index + 1) * width], []).append(state)
        parts: dict[int, list[list[int]]] = {}
        for part in alike.values():
            parts.setdefault(int(block[part[0]]), []).append(part)
        is_affected[affected] = True
        renumbered: list[int] = []
        for number, split in parts.items():
            rest = size[number] - sum(map(len, split))
            if not rest and len(split) == 1:
                continue
            largest = max(split, key=len)
            if len(largest) > rest:
                split.remove(largest)
                inside = superset.get(number)
                if inside is None:
                    inside = members[offsets[number] : offsets[number + 1]]
                inside = inside[block[inside] == number]
                superset[number] = inside
                if rest:
                    split.append(inside[~is_affected[inside]].tolist())
            for part in split:
                block[part] = len(size)
                superset[len(size)] = np.array(part)
                size.append(len(part))
                size[number] -= len(part)
                renumbered += part
        is_affected[affected] = False
        touched = {other for state in renumbered for other in predecessor[begin[state] : begin[state + 1]]}
        affected = np.array([state for state in touched if size[block[state]] > 1], np.int64)
    return block[:-1]


def _canonical(table: Table, byte_class: NDArray[np.uint8], accepting: Bools, start: int) -> Arrays:
    """Byte classes merged and numbered by their first byte, states numbered breadth first in byte order."""
    merged = distinct_columns(table)[1][byte_class]
    first = np.sort(np.unique(merged, return_index=True)[1])
    table = table[:, byte_class[first]]
    byte_class = np.argsort(merged[first])[merged].astype(np.uint8)
    runs = _Runs.of(table)
    sequence = breadth_first(start, *runs.successors(len(table)))
    number = np.full(len(table) + 1, -1, np.int32)
    number[sequence] = np.arange(len(sequence), dtype=np.int32)
    return number[table[sequence]], byte_class, accepting[sequence]
