"""Walks in graphs agree with matrices: what is reachable, in how many steps, and how long a walk can be."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.compressed_rows import group
from constrain.graphs import closure, longest_walk, steps_from

NODES = 6
node = st.integers(0, NODES - 1)
graphs = st.lists(st.tuples(node, node), max_size=12)


def arrays(edges: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([e[0] for e in edges], np.int64), np.array([e[1] for e in edges], np.int64)


def steps(edges: list[tuple[int, int]], seeds: set[int]) -> dict[int, int]:
    found = dict.fromkeys(seeds, 0)
    for distance in range(1, NODES + 1):
        for a, b in edges:
            if found.get(a) == distance - 1:
                found.setdefault(b, distance)
    return found


@given(graphs, st.sets(node))
@settings(deadline=None)
def test_steps_and_closure_are_those_of_a_search_by_layers(edges: list[tuple[int, int]], seeds: set[int]) -> None:
    rows = group(*arrays(edges), NODES)
    expected = steps(edges, seeds)
    assert closure(seeds, *rows).tolist() == [n in expected for n in range(NODES)]
    assert steps_from(seeds, *rows, never=99).tolist() == [expected.get(n, 99) for n in range(NODES)]


@given(graphs)
@settings(deadline=None)
def test_the_longest_walk_is_the_last_power_of_the_matrix_that_is_not_zero(edges: list[tuple[int, int]]) -> None:
    matrix = np.zeros((NODES, NODES), np.int64)
    for a, b in edges:
        matrix[a, b] = 1
    lengths = [n for n in range(NODES + 1) if np.linalg.matrix_power(matrix, n).any()]
    assert longest_walk(*arrays(edges), NODES) == (None if NODES in lengths else max(lengths))
