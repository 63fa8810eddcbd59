"""Deterministic automata over classes of code points, and their spelling as automata over bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import DEFAULT_MAX_STATES, Automaton, distinct_columns
from constrain.codepoints import CodePoints
from constrain.compressed_rows import group
from constrain.errors import LimitError
from constrain.expression import ByteSet, Expression, compile_expression, concat, literal, union
from constrain.graphs import closure
from constrain.regex_goals import NOTHING, Goals, Place
from constrain.regex_program import Program, partition

__all__ = ["Encode", "Reading", "read", "spell"]

STATE_WORK = 24  # what a state costs, in members of goals

Encode: TypeAlias = Callable[[CodePoints], Expression]


@dataclass(frozen=True, eq=False)
class Reading:
    """Several patterns read at once: a complete deterministic automaton over `classes` of code points.

    `table` is int32 `[S, C]`; `accepting` is bool `[S, P]`, for each pattern; state 0 is the start.
    """

    classes: tuple[CodePoints, ...]
    table: NDArray[np.int32]
    accepting: NDArray[np.bool_]


def read(program: Program, starts: Sequence[int]) -> Reading:
    """All patterns of the program, from their starts, breadth first over tuples of goals and the place.

    Raises `LimitError` past 100,000 states, and when goals grow and grow.
    """
    classes, members = partition(list(program.labels))
    goals = Goals(program, members)
    number: dict[tuple[tuple[int, ...], Place], int] = {}
    queue: list[tuple[tuple[int, ...], Place]] = []

    def numbered(state: tuple[tuple[int, ...], Place]) -> int:
        known = number.setdefault(state, len(queue))
        if known == len(queue):
            queue.append(state)
            if known >= DEFAULT_MAX_STATES:
                raise _over_budget(known + 1)
        return known

    nowhere = (NOTHING,) * len(starts)
    numbered((tuple(goals.reach(start) for start in starts), goals.first))
    dead = numbered((nowhere, goals.later))
    rows = []
    for wanted, here in queue:
        goals.spend(STATE_WORK + len(classes) // 16)
        row = np.full(len(classes), dead, np.int32)
        if len(starts) == 1 and not program.trackers:
            after = goals.row(wanted[0], here)
            known = {goal: numbered(((goal,), goals.later)) for goal in set(after.values())}
            row[list(after)] = [known[goal] for goal in after.values()]
        else:
            parts = [goals.row(goal, here) for goal in wanted]
            for char in set().union(*parts):
                target = tuple(part.get(char, NOTHING) for part in parts)
                if target != nowhere:
                    row[char] = numbered((target, goals.next_place(here, char)))
        rows.append(row)
    accepting = [[goals.accepts_end(goal, here) for goal in wanted] for wanted, here in queue]
    return Reading(tuple(classes), np.array(rows), np.array(accepting, np.bool_))


def spell(reading: Reading, accepting: NDArray[np.bool_], encode: Encode) -> Automaton:
    """The byte strings that spell, character by character, the texts that end in an `accepting` state, bool `[S]`.

    A block of byte states reads one character and knows its class. Each state needs its own copy of the block, but of
    a block state only one for each way of going on from there: most see few classes, with few targets.
    """
    table = np.where(_useful(reading.table, accepting)[reading.table], reading.table, -1)
    leading = np.flatnonzero((table >= 0).any(axis=0))  # most patterns say of most characters that they do not match
    table = table[:, leading]
    block = _block(tuple(reading.classes[class_] for class_ in leading), encode)
    states = len(table)
    copies: list[NDArray[np.int64]] = []  # per block state: the copy that each state uses, or -1
    rows: list[NDArray[np.int64]] = []
    total = states
    distinct = {exits: _distinct(table[:, list(exits)]) for exits in set(block.exits)}
    for targets, exits in zip(block.targets, block.exits, strict=True):
        first, copy, alive = distinct[exits]
        root = len(copies) == len(block.targets) - 1
        if root:
            first = np.arange(states)
        filled = np.full((len(first), len(targets)), -1, np.int64)
        for symbol, target in enumerate(targets):
            if target >= 0:
                filled[:, symbol] = table[first, target]
            elif target < -1:
                filled[:, symbol] = copies[-2 - target][first]
        copies.append(np.where(alive, total + copy, -1))
        rows.append(filled)
        total += 0 if root else len(first)
        if total > DEFAULT_MAX_STATES:
            raise _over_budget(total)
    whole = np.concatenate([rows[-1], *rows[:-1]]).astype(np.int32)
    ends = np.zeros(len(whole), np.bool_)
    ends[:states] = accepting
    return Automaton.from_table(whole, block.byte_class, ends)


def _over_budget(given: int) -> LimitError:
    return LimitError(
        f"the pattern needs more than {DEFAULT_MAX_STATES:,} automaton states",
        limit=DEFAULT_MAX_STATES,
        given=given,
        hint="lower its counts, or make its alternatives begin differently",
    )


def _useful(table: NDArray[np.int32], accepting: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The states from which an accepting one is reached."""
    source = np.repeat(np.arange(len(table)), table.shape[1])
    return closure(np.flatnonzero(accepting).tolist(), *group(table.ravel(), source, len(table)))


def _distinct(rows: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """One index for each distinct row; for each row the number of its like, and whether any of it is not -1."""
    code = np.zeros(len(rows), np.int64)
    for column in rows.T:
        code = np.unique(code * (len(rows) + 1) + column, return_inverse=True)[1].astype(np.int64)
    return np.unique(code, return_index=True)[1].astype(np.int64), code, np.any(rows >= 0, axis=1)


@dataclass(frozen=True, eq=False)
class _Block:
    """The bytes of one character: states in topological order, targets before sources, the root last.

    `targets[v][b]` for a byte class b is the class of the character that ends there, or -1, or -2 - w for state w;
    `exits[v]` are the classes that can still come out.
    """

    byte_class: NDArray[np.uint8]
    targets: list[list[int]]
    exits: list[tuple[int, ...]]


@lru_cache(maxsize=64)
def _block(classes: tuple[CodePoints, ...], encode: Encode) -> _Block:
    """The minimal automaton of all characters, each followed by the number of its class.

    Encodings are prefix codes: so from the end of a character there is one way on, the number, and it tells the class.
    """
    spelled = [encode(points) for points in classes]
    bytes_ = [each for each in spelled if isinstance(each, ByteSet)]
    if len(bytes_) == len(spelled):
        byte_class = np.zeros(256, np.uint8)
        for index, each in enumerate(bytes_, 1):
            byte_class[[byte for byte in range(256) if each.mask >> byte & 1]] = index
        return _Block(byte_class, [list(range(-1, len(classes)))], [tuple(range(len(classes)))])
    width = 1 if len(classes) <= 256 else 2
    numbers = [index.to_bytes(width, "big") for index in range(len(classes))]
    automaton = compile_expression(
        union(*(concat(each, literal(number)) for each, number in zip(spelled, numbers, strict=True)))
    )
    left = automaton.distance.tolist()
    table = automaton.table.tolist()
    place: dict[int, int] = {}
    rows: list[list[int]] = []
    exits: list[tuple[int, ...]] = []

    def code(state: int) -> int:
        if state < 0:
            return -1
        return ended(state) if left[state] == width else -2 - visit(state)

    @cache
    def ended(state: int) -> int:
        number = 0
        for _ in range(width):
            symbol = next(symbol for symbol, target in enumerate(table[state]) if target >= 0)
            number = number * 256 + automaton.byte_class.tobytes().index(symbol)
            state = table[state][symbol]
        return number

    def visit(state: int) -> int:
        if state not in place:
            row = [code(target) for target in table[state]]
            place[state] = len(rows)
            rows.append(row)
            after = set(row)
            out = {each for each in after if each >= 0}
            exits.append(tuple(sorted(out.union(*(exits[-2 - each] for each in after if each < -1)))))
        return place[state]

    visit(0)
    first, merged = distinct_columns(np.array(rows))
    columns = first.tolist()
    return _Block(merged[automaton.byte_class], [[row[symbol] for symbol in columns] for row in rows], exits)
