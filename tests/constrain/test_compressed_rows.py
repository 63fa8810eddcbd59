"""Rows in two arrays: grouping, picking, sorting and telling them apart agree with lists of lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain import compressed_rows
from constrain.compressed_rows import distinct, distinct_rows, group, mixed, order, slices

BOUNDS = st.sampled_from([1, 2, 7, 1 << 16, (1 << 16) + 1, 1 << 33, 1 << 62])
keys = BOUNDS.flatmap(lambda bound: st.tuples(st.lists(st.integers(0, bound - 1), max_size=30), st.just(bound)))
rows = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), max_size=30)


def compressed(lists: list[list[int]]) -> tuple[compressed_rows.Ints, compressed_rows.Ints]:
    offsets = np.cumsum([0, *map(len, lists)])
    return offsets, np.array([value for row in lists for value in row], np.int64)


@given(keys)
@settings(deadline=None)
def test_order_is_a_stable_argsort(case: tuple[list[int], int]) -> None:
    key = np.array(case[0], np.int64)
    assert order(key, case[1]).tolist() == np.argsort(key, kind="stable").tolist()


@given(keys)
@settings(deadline=None)
def test_distinct_finds_first_indices_and_ranks(case: tuple[list[int], int]) -> None:
    first, rank = distinct(np.array(case[0], np.int64), case[1])
    values = sorted(set(case[0]))
    assert first.tolist() == [case[0].index(value) for value in values]
    assert rank.tolist() == [values.index(value) for value in case[0]]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), max_size=20), st.lists(st.integers(0, 4), max_size=6))
@settings(deadline=None)
def test_rows_hold_the_values_of_their_key_in_order(pairs: list[tuple[int, int]], picked: list[int]) -> None:
    key, value = (np.array([pair[n] for pair in pairs], np.int64) for n in (0, 1))
    offsets, values = group(key, value, 5)
    expected = [[v for k, v in pairs if k == row] for row in range(5)]
    assert [values[offsets[k] : offsets[k + 1]].tolist() for k in range(5)] == expected
    assert values[slices(offsets, np.array(picked, np.int64))].tolist() == [v for row in picked for v in expected[row]]


@given(rows)
@settings(deadline=None)
def test_equal_rows_are_one_kind(lists: list[list[int]]) -> None:
    first, kind = distinct_rows(*compressed(lists))
    assert first.tolist() == [n for n, row in enumerate(lists) if row not in lists[:n]]
    assert [lists[first[k]] for k in kind.tolist()] == lists


def test_rows_whose_digests_collide_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed_rows, "mixed", lambda values, seed: np.zeros(len(values), np.uint64))
    lists = [[1, 2], [3], [1, 2], [2, 1], [3], [1]]
    first, kind = distinct_rows(*compressed(lists))
    assert first.tolist() == [0, 1, 3, 5]
    assert kind.tolist() == [0, 1, 0, 2, 1, 3]


def test_mixed_numbers_depend_on_value_and_seed() -> None:
    values = np.arange(1000)
    assert len(np.unique([mixed(values, 0), mixed(values, 5)])) == 2000
    assert values[1] == 1, "the argument is left alone"
