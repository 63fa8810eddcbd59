"""Minimal tables equal those of Moore's algorithm, state for state, and large ones have the sizes that they must."""

from __future__ import annotations

import os
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from constrain import minimize, native
from constrain.automaton import Automaton
from constrain.minimize import canonical, distinct_columns, minimal, useful

CLASSES = 3
BYTE_CLASS = np.arange(256).astype(np.uint8) % CLASSES
Case = tuple[NDArray[np.int32], NDArray[np.bool_], int]


@st.composite
def tables(draw: st.DrawFn) -> Case:
    states = draw(st.integers(1, 8))
    target = st.integers(-1, states - 1) if draw(st.booleans()) else st.just(-1) | st.integers(-1, states - 1)
    table = draw(st.lists(st.lists(target, min_size=CLASSES, max_size=CLASSES), min_size=states, max_size=states))
    accepting = draw(st.lists(st.booleans(), min_size=states, max_size=states))
    return np.array(table, np.int32), np.array(accepting), draw(st.integers(0, states - 1))


def moore(table: NDArray[np.int32], accepting: NDArray[np.bool_], start: int) -> tuple[list[list[int]], list[bool]]:
    """The minimal trimmed table, numbered breadth first, by refining until nothing changes; -1 is dead."""
    rows = [*table.tolist(), [-1] * CLASSES]
    kind = [*map(int, accepting), 0]  # the last state is the dead one
    while True:
        signature = [(kind[q], *(kind[t] for t in row)) for q, row in enumerate(rows)]
        refined = [signature.index(each) for each in signature]
        if len(set(refined)) == len(set(kind)):
            break
        kind = refined
    if kind[start] == kind[-1]:
        return [[-1] * CLASSES], [False]
    queue, out = [kind[start]], []
    for block in queue:
        following = [kind[t] for t in rows[kind.index(block)]]
        queue += [t for n, t in enumerate(following) if t != kind[-1] and t not in queue and t not in following[:n]]
        out.append(following)
    number = {block: n for n, block in enumerate(queue)}
    final = [bool([*accepting, False][kind.index(block)]) for block in queue]
    return [[number.get(t, -1) for t in row] for row in out], final


@given(tables())
@settings(max_examples=600, deadline=None)
def test_a_minimal_table_is_that_of_moore(case: Case) -> None:
    table, byte_class, accepting = minimal(case[0], BYTE_CLASS, *case[1:])
    assert table.flags.c_contiguous
    expected, final = moore(*case)
    assert table[:, byte_class[:CLASSES]].tolist() == expected
    assert accepting.tolist() == final
    assert len({column.tobytes() for column in table.T}) == table.shape[1], "no two byte classes are alike"
    assert np.unique(byte_class, return_index=True)[1].tolist() == sorted(np.unique(byte_class, return_index=True)[1])


@given(tables(), st.data())
@settings(max_examples=300, deadline=None)
def test_a_table_without_equivalent_states_only_needs_numbering(case: Case, data: st.DataObject) -> None:
    expected = minimal(case[0], BYTE_CLASS, *case[1:])
    table, byte_class, accepting = expected
    place = np.array(data.draw(st.permutations(range(len(table)))))  # state q becomes place[q]
    renamed = np.append(place, -1)[table].astype(np.int32)
    found = canonical(renamed[np.argsort(place)], byte_class, accepting[np.argsort(place)], int(place[0]))
    assert all((one == other).all() for one, other in zip(found, expected, strict=True))


@given(st.lists(st.lists(st.integers(-1, 1), min_size=6, max_size=6), max_size=4))
@settings(max_examples=300, deadline=None)
def test_a_class_of_columns_is_those_that_are_equal(rows: list[list[int]]) -> None:
    matrix = np.array(rows, np.int32).reshape(-1, 6)
    first, label = distinct_columns(matrix)
    columns = [column.tolist() for column in matrix.T]
    assert first.tolist() == [n for n, column in enumerate(columns) if columns.index(column) == n]
    assert [columns[first[n]] for n in label.tolist()] == columns


@given(tables())
@settings(max_examples=300, deadline=None)
def test_useful_states_are_those_on_the_way_from_the_start_to_an_ending(case: Case) -> None:
    table, ending, start = case
    reach = np.eye(len(table), dtype=np.int64)
    for source, row in enumerate(table.tolist()):
        reach[source, [target for target in row if target >= 0]] = 1
    reaches = np.linalg.matrix_power(reach, len(table)) > 0  # in at most so many steps
    assert useful(table, ending, start).tolist() == (reaches[start] & reaches[:, ending].any(axis=1)).tolist()


@given(tables())
@settings(max_examples=300, deadline=None)
def test_classes_whose_numbers_do_not_tell_them_apart_get_others(case: Case) -> None:
    expected = minimal(case[0], BYTE_CLASS, *case[1:])
    tries: list[int] = []

    def poor(size: int) -> bytes:
        tries.append(size)
        return bytes([0, 0, 0, 0, 0, 0, 0, 1]) * (size // 8) if len(tries) < 3 else os.urandom(size)

    with patch.object(minimize, "urandom", poor):
        found = minimal(case[0], BYTE_CLASS, *case[1:])
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other)


def test_numbers_that_do_not_tell_classes_apart_are_noticed() -> None:
    """Both letters lead to the other of two states, one of which accepts a, and the other b."""
    table = np.array([[1, 2, -1], [3, -1, -1], [-1, 3, -1], [-1, -1, -1]], np.int32)
    accepting = np.array([False, False, False, True])
    same = np.arange(4).astype(np.uint64)
    assert native.minimal(table, accepting, 0, same) is None
    assert native.minimal(table, accepting, 0, np.array([0, 1, 3, 7], np.uint64)) is not None


def shuffled(table: NDArray[np.int32], accepting: NDArray[np.bool_]) -> Case:
    new = np.random.default_rng(0).permutation(len(table))
    old = np.argsort(new)
    return np.append(new, -1)[table[old]].astype(np.int32), accepting[old], int(new[0])


def counter(length: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """At most `length` letters of class 0, then one of class 1, then any number of class 2."""
    table = np.full((length + 2, CLASSES), -1, np.int32)
    table[:length, 0] = np.arange(1, length + 1)
    table[: length + 1, 1] = length + 1
    table[length + 1, 2] = length + 1
    return table, np.arange(length + 2) == length + 1


def test_no_two_states_of_a_counter_are_equivalent_however_long() -> None:
    length = 20_000
    table, accepting, start = shuffled(*counter(length))
    automaton = Automaton.from_table(table, BYTE_CLASS, accepting, start)
    assert automaton.states == length + 2
    assert automaton == Automaton.from_table(automaton.table, automaton.byte_class, automaton.accepting)


def test_copies_of_an_automaton_are_one() -> None:
    table, accepting = counter(500)
    copies = 40
    shift = (np.arange(copies) * len(table)).repeat(len(table))[:, None]
    many = np.tile(table, (copies, 1))
    many = np.where(many < 0, -1, many + shift).astype(np.int32)
    ends = np.flatnonzero(many[:, 2] >= 0)
    many[ends, 2] = np.roll(ends, 1)  # the loops of all copies are one long cycle
    one = minimal(table, BYTE_CLASS, accepting, 0)
    for got, expected in zip(minimal(many, BYTE_CLASS, np.tile(accepting, copies), 0), one, strict=True):
        assert np.array_equal(got, expected)
    assert len(one[0]) == 502


def test_a_table_from_which_nothing_is_accepted_is_the_empty_language() -> None:
    table = np.array([[1, -1, -1], [0, -1, -1], [-1, -1, -1]], np.int32)
    automaton = Automaton.from_table(table, BYTE_CLASS, np.array([False, False, True]))
    assert automaton.is_empty()
    assert automaton.table.tolist() == [[-1]]
