"""Contents of JSON strings by their number of characters, and quotes around contents, put together as tables.

A counter has one copy of the automaton of a character for each number of characters read so far. It is minimal as it
stands: no two copies have the same lengths before them. So the general way by expressions would only cost time, and so
would looking for equivalent states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import Automaton
from constrain.errors import LimitError

__all__ = ["MAX_LENGTH", "Intervals", "before_quote", "between_quotes", "counted"]

MAX_LENGTH = 5_000  # as far as the default state budget reaches, at 20 states per character

_QUOTE = ord('"')

Intervals: TypeAlias = "Sequence[tuple[int, int | None]]"
"""Lengths from `low` to `high` (None: any more), ascending and with gaps between them."""


def counted(character: Automaton, lengths: Intervals, *, quotes: bool = False) -> Automaton:
    """`{c1 ... cn : n in lengths}` for characters of a prefix code, in quotes if asked for.

    Raises `LimitError` for lengths beyond `MAX_LENGTH`.
    """
    last = max((low if high is None else high for low, high in lengths), default=0)
    if last > MAX_LENGTH:
        raise LimitError(
            f"a string is to be counted up to {last:,} characters",
            limit=MAX_LENGTH,
            given=last,
            hint="lower the bound, or leave it out: a counter needs some 20 states per character",
        )
    inner = np.flatnonzero(~character.accepting)  # copied, state 0 first; the others are where the next copy begins
    width = len(inner)
    place = np.zeros(character.states, np.int64)
    place[inner] = np.arange(width)
    place[character.accepting] = width
    alive = character.table[inner] >= 0
    row = np.where(alive, place[character.table[inner]], 0)
    table = np.arange(last + 1)[:, None, None] * width + row
    table = np.where(alive, table, -1)  # [last + 1, width, classes]
    if not any(high is None for _, high in lengths):
        table[last] = -1
    elif last:
        table[last] = -1
        table[last, 0] = table[last - 1, 0]  # one more character always leads here, so one copy reads it
    else:
        table[0][row == width] = 0
    accepting = np.zeros((last + 1, width), np.bool_)
    for low, high in lengths:
        accepting[low : None if high is None else high + 1, 0] = True
    arrays = table.reshape(-1, table.shape[2]).astype(np.int32), character.byte_class, accepting.reshape(-1)
    if not lengths:
        return Automaton.from_table(*arrays)
    return _quoted(*arrays) if quotes else Automaton.from_minimal_table(*arrays)


def between_quotes(content: Automaton) -> Automaton:
    """`{"c" : c in content}`, for contents in which no accepted text goes on with a quote."""
    return content if content.is_empty() else _quoted(content.table, content.byte_class, content.accepting)


def before_quote(content: Automaton) -> Automaton:
    """`{c" : c in content}`, for the same contents."""
    if content.is_empty():
        return content
    table, byte_class, quote = _with_quote(content.table, content.byte_class)
    table = np.vstack([table, np.full((1, table.shape[1]), -1, np.int32)])
    table[:-1, quote][content.accepting] = content.states
    return Automaton.from_minimal_table(table, byte_class, np.arange(len(table)) == content.states)


def _quoted(table: NDArray[np.int32], byte_class: NDArray[np.uint8], accepting: NDArray[np.bool_]) -> Automaton:
    """The same, of a table that is minimal as far as it can be reached; where a text may end, its closing quote is the
    only one.
    """
    states = len(table)
    table, byte_class, quote = _with_quote(table, byte_class)
    shifted = np.full((states + 2, table.shape[1]), -1, np.int32)
    shifted[1:-1] = np.where(table >= 0, table + 1, -1)
    shifted[1:-1, quote][accepting] = states + 1
    ends = np.zeros(states + 2, np.bool_)
    ends[-1] = True
    repeats = bool((shifted[:, quote] == 1).any())  # then a state may be what the start is, in the midst of an escape
    shifted[0, quote] = 1
    return (Automaton.from_table if repeats else Automaton.from_minimal_table)(shifted, byte_class, ends)


def _with_quote(
    table: NDArray[np.int32], byte_class: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], NDArray[np.uint8], int]:
    """The table and its byte classes with one for the quote alone, and this class."""
    quote = int(byte_class[_QUOTE])
    if np.count_nonzero(byte_class == quote) > 1:
        table = np.column_stack([table, table[:, quote]])
        quote = table.shape[1] - 1
        byte_class = byte_class.copy()
        byte_class[_QUOTE] = quote
    return table, byte_class, quote
