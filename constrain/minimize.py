"""The minimal automaton of a table: trimmed, equivalent states merged, byte classes and states numbered canonically."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain.compressed_rows import Ints, distinct, group, mixed, order
from constrain.graphs import breadth_first, closure, steps_from

__all__ = ["canonical", "distinct_columns", "minimal", "useful"]

_NEVER = np.iinfo(np.int32).max
_SHORT = np.iinfo(np.int16)
_ROUNDS = (8, 8, 8)  # of refinement by digests, each time more: what differs within so many bytes is told apart
_FEW, _MOORE = 64, 12  # of so few states, rows are compared as they are, for so many rounds
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

Table = NDArray[np.int32]
Bools = NDArray[np.bool_]
Digests = NDArray[np.uint64]
Arrays = tuple[Table, NDArray[np.uint8], Bools]


def minimal(table: Table, byte_class: NDArray[np.uint8], accepting: Bools, start: int) -> Arrays:
    """The canonical table, byte classes and accepting states of the language of a partial table.

    Byte classes are numbered by their first byte, states breadth first in byte order, that is, by the first of the
    shortest strings that lead there. So the walk that finds the reachable states finds their final order too: a block
    of equivalent states has the place of its first member. Of the empty language it is one rejecting state.
    """
    table, byte_class = _in_byte_order(table, byte_class)
    runs = _Runs.of(table)
    sequence = breadth_first(start, *runs.successors(len(table)))
    distance = steps_from(np.flatnonzero(accepting).tolist(), *runs.predecessors(len(table)), never=_NEVER)
    if distance[start] == _NEVER:
        return np.full((1, 1), -1, np.int32), np.zeros(256, np.uint8), np.zeros(1, np.bool_)
    useful = distance[sequence] < _NEVER
    if len(sequence) < len(table) or not useful.all():
        sequence = sequence[useful]
        table, runs = _renumbered(sequence, table), runs.renumbered(sequence, len(table))
        accepting, distance = accepting[sequence], distance[sequence]
        sequence = np.arange(len(table))
    block = _partition(table, runs, distance)
    blocks = int(block.max()) + 1
    first = np.full(blocks, len(sequence))
    first[block[sequence[::-1]]] = np.arange(len(sequence))[::-1]
    first.sort()
    leaders = sequence[first[first < len(sequence)]]
    number = np.empty(blocks, np.int32)
    number[block[leaders]] = np.arange(len(leaders), dtype=np.int32)
    table = np.take(np.append(number[block], np.int32(-1)), np.take(table, leaders, axis=0))
    return *_with_distinct_columns(table, byte_class), accepting[leaders]


def canonical(table: Table, byte_class: NDArray[np.uint8], accepting: Bools, start: int) -> Arrays:
    """The same as `minimal` and faster, of a table whose reachable states are useful and not equivalent."""
    table, byte_class = _in_byte_order(table, byte_class)
    sequence = breadth_first(start, *_Runs.of(table).successors(len(table)))
    return *_with_distinct_columns(_renumbered(sequence, table), byte_class), accepting[sequence]


def useful(table: Table, ending: Bools, start: int = 0) -> Bools:
    """bool `[S]`: which states can be reached from the start and can reach an ending one."""
    runs = _Runs.of(table)
    after, before = runs.successors(len(table)), runs.predecessors(len(table))
    return closure([start], *after) & closure(np.flatnonzero(ending).tolist(), *before)


def distinct_columns(matrix: NDArray[Any]) -> tuple[Ints, NDArray[np.uint8]]:
    """Which columns (at most 256) of `matrix` are different: their first indices, and the class of every column.

    Classes are numbered by their first columns.
    """
    if matrix.dtype == np.int32 and len(matrix) > _FEW and matrix.max() <= _SHORT.max:
        matrix = matrix.astype(np.int16)
    data, size = np.ascontiguousarray(matrix.T).tobytes(), len(matrix) * matrix.itemsize
    first: dict[bytes, int] = {}
    leader = [first.setdefault(data[n * size : (n + 1) * size], n) for n in range(matrix.shape[1])]
    leaders = np.array([*first.values()], np.int64)
    return leaders, np.searchsorted(leaders, leader).astype(np.uint8)


def _with_distinct_columns(table: Table, byte_class: NDArray[np.uint8]) -> tuple[Table, NDArray[np.uint8]]:
    """The table, row by row in memory, with equal columns merged, and the byte classes to go with it."""
    columns, merged = distinct_columns(table)
    if len(columns) == table.shape[1]:
        return np.ascontiguousarray(table), byte_class
    return np.take(table, columns, axis=1), merged[byte_class]


def _in_byte_order(table: Table, byte_class: NDArray[np.uint8]) -> tuple[Table, NDArray[np.uint8]]:
    """The same with byte classes numbered by their first byte, and without those that no byte has."""
    columns = list(dict.fromkeys(byte_class.tobytes()))
    if columns == list(range(table.shape[1])):
        return table, byte_class
    number = np.zeros(256, np.uint8)
    number[columns] = np.arange(len(columns))
    return table[:, columns], number[byte_class]


def _renumbered(sequence: Ints, table: Table) -> Table:
    """The rows in the order of `sequence`, and nothing of what is not in it."""
    number = np.full(len(table) + 1, -1, np.int32)
    number[sequence] = np.arange(len(sequence), dtype=np.int32)
    return np.take(number, np.take(table, sequence, axis=0))


@dataclass(frozen=True, eq=False)
class _Runs:
    """The edges of a table by source, then byte class; neighbouring classes with the same target are put together.

    `symbol` is the first class of each edge; `weight` is a pseudo-random number of the set of its classes, such that
    those of disjoint sets add up to that of their union.
    """

    source: Ints
    target: NDArray[np.int32]
    symbol: Ints
    weight: Digests

    @classmethod
    def of(cls, table: Table) -> _Runs:
        begins = np.ones(table.shape, np.bool_)
        np.not_equal(table[:, 1:], table[:, :-1], out=begins[:, 1:])
        begin = np.flatnonzero(begins)
        end, target = np.append(begin[1:], table.size), table.ravel()[begin]
        exists = np.flatnonzero(target >= 0)
        begin, end, target = begin[exists], end[exists], target[exists]
        source = begin // table.shape[1]
        row = source * table.shape[1]
        symbol = begin - row
        return cls(source, target, symbol, _WEIGHT[end - row] - _WEIGHT[symbol])

    def renumbered(self, sequence: Ints, states: int) -> _Runs:
        """The runs of the table whose states are those of `sequence`, in its order; it had so many `states`."""
        number = np.full(states, -1, np.int32)
        number[sequence] = np.arange(len(sequence), dtype=np.int32)
        source, target = number[self.source], number[self.target]
        kept = np.flatnonzero((source >= 0) & (target >= 0))
        kept = kept[order(source[kept], len(sequence))]
        return _Runs(source[kept].astype(np.int64), target[kept], self.symbol[kept], self.weight[kept])

    def successors(self, states: int) -> tuple[Ints, NDArray[np.int32]]:
        """The graph of the edges as compressed rows, without loops, which no walk needs."""
        moves = np.flatnonzero(self.source != self.target)
        offsets = np.searchsorted(self.source[moves], np.arange(states + 1))
        return offsets, self.target[moves]

    def predecessors(self, states: int) -> tuple[Ints, Ints]:
        """The same graph with its edges reversed."""
        moves = np.flatnonzero(self.source != self.target)
        return group(self.target[moves], self.source[moves], states)


_WEIGHT = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed(np.arange(256), 0))])  # of the classes below each


def _partition(table: Table, runs: _Runs, distance: Ints) -> Ints:
    """The Myhill-Nerode partition, as a block number per state.

    A guess that is never finer is right if the states of each block have successors in the same blocks.
    """
    if len(table) <= _FEW:
        block, is_stable = _refined(table, distance)
        if is_stable:
            return block
    block = distance
    for block in _guesses(table, runs, distance):
        if _is_stable(table, block):
            return block
    return _coarsest(table, runs, block)


def _refined(table: Table, distance: Ints) -> tuple[Ints, bool]:
    """Moore's algorithm for `_MOORE` rounds, from blocks of equal `distance` on; and whether it came to an end."""
    rows = np.column_stack([np.arange(len(table)), table])
    block = np.append(distance, -1)  # the last entry is the dead state's
    blocks = 0
    for _ in range(_MOORE):
        data, width = block[rows].tobytes(), rows.shape[1] * block.itemsize
        number: dict[bytes, int] = {}
        block[:-1] = [number.setdefault(data[n : n + width], len(number)) for n in range(0, len(data), width)]
        if len(number) == blocks:
            return block[:-1], True
        blocks = len(number)
    return block[:-1], False


def _is_stable(table: Table, block: Ints) -> bool:
    """Whether equivalent states, by `block`, have equivalent successors under every byte class."""
    leader = np.empty(int(block.max()) + 1, np.int64)
    states = np.arange(len(block))
    leader[block[::-1]] = states[::-1]
    others = np.flatnonzero(leader[block] != states)
    after = np.append(block, -1)
    return bool((after[table[others]] == after[table[leader[block[others]]]]).all())


def _guesses(table: Table, runs: _Runs, distance: Ints) -> Iterator[Ints]:
    """Partitions, as block numbers per state, that are never finer than the Myhill-Nerode one and often equal to it.

    They compare what depends on the language alone: the first of the shortest accepted strings (of length `distance`);
    how often the byte class that most states accept can be repeated, which tells the states of a counter apart; and,
    by digests, what can be read within so many bytes as `_ROUNDS` says.
    """
    digest = _shortest(runs, distance) + mixed(_repeats(table), 1)
    accepting = (distance == 0).astype(np.uint64) << np.uint64(32)
    offsets = np.searchsorted(runs.source, np.arange(len(distance) + 1))
    begin, end = offsets[:-1], offsets[1:]
    total = np.zeros(len(runs.source) + 1, np.uint64)
    for rounds in _ROUNDS:
        for _ in range(rounds):
            np.cumsum(runs.weight * digest[runs.target], out=total[1:])
            digest += total[end] - total[begin]
            digest *= _FACTOR
            digest ^= digest >> np.uint64(32)
        yield distinct(digest >> np.uint64(32) | accepting, 1 << 33)[1]  # acceptance exactly, all else by digests


def _shortest(runs: _Runs, distance: Ints) -> Digests:
    """A digest of the first of the shortest strings that are accepted from each state."""
    states = len(distance)
    nearer = np.flatnonzero(distance[runs.target] == distance[runs.source] - 1)[::-1]
    jump, letter = np.full(states + 1, states), np.zeros(states + 1, np.int64)
    jump[runs.source[nearer]] = runs.target[nearer]  # of several the first, which is written last
    letter[runs.source[nearer]] = runs.symbol[nearer] + 1
    digest = mixed(letter, 2)  # of 2^n letters, n = 0, 1, ...; `jump` is where they lead
    for _ in range(int(distance.max()).bit_length()):
        digest = digest * _FACTOR + digest[jump]
        digest ^= digest >> np.uint64(32)
        jump = jump[jump]
    return digest[:-1]


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
