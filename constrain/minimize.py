"""The minimal automaton of a table: trimmed, equivalent states merged, byte classes and states numbered canonically."""

from __future__ import annotations

from os import urandom
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain import native
from constrain.compressed_rows import Ints

__all__ = ["canonical", "distinct_columns", "minimal", "useful"]

_SHORT = np.iinfo(np.int16)
_FEW = 64  # rows for which narrower columns do not pay

Table = NDArray[np.int32]
Bools = NDArray[np.bool_]
Arrays = tuple[Table, NDArray[np.uint8], Bools]


def minimal(table: Table, byte_class: NDArray[np.uint8], accepting: Bools, start: int) -> Arrays:
    """The canonical table, byte classes and accepting states of the language of a partial table.

    Byte classes are numbered by their first byte, states breadth first in byte order, that is, by the first of the
    shortest strings that lead there. Of the empty language it is one rejecting state.
    """
    return _renumbered(table, byte_class, accepting, start, merges=True)


def canonical(table: Table, byte_class: NDArray[np.uint8], accepting: Bools, start: int) -> Arrays:
    """The same as `minimal` and faster, of a table whose reachable states are useful and not equivalent."""
    return _renumbered(table, byte_class, accepting, start, merges=False)


def _renumbered(table: Table, byte_class: NDArray[np.uint8], accepting: Bools, start: int, *, merges: bool) -> Arrays:
    table, byte_class = _in_byte_order(table, byte_class)
    table, accepting = np.ascontiguousarray(table), np.ascontiguousarray(accepting)
    found = None
    while found is None:  # again only where weights happen to have equal sums, so they are not to be foreseen
        found = native.minimal(table, accepting, start, _weights(table.shape[1]) if merges else None)
    table, accepting = found
    if not len(table):
        return np.full((1, 1), -1, np.int32), np.zeros(256, np.uint8), np.zeros(1, np.bool_)
    return *_with_distinct_columns(table, byte_class), accepting


def _weights(classes: int) -> NDArray[np.uint64]:
    """Random numbers of the classes, added up: of none, of the first, of the first two, and so on."""
    numbers = np.frombuffer(urandom(8 * classes), np.uint64)
    return np.concatenate([np.zeros(1, np.uint64), np.cumsum(numbers, dtype=np.uint64)])


def useful(table: Table, ending: Bools, start: int = 0) -> Bools:
    """bool `[S]`: which states can be reached from the start and can reach an ending one."""
    return native.useful(np.ascontiguousarray(table), np.ascontiguousarray(ending), start)


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
