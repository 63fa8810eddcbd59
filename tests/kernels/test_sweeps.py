"""What one launch sums, maximises and walks equals the float64 functions of `chain` and an enumeration of all paths."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from constrain.kernels.chain import Graph, backward
from constrain.kernels.edge_index import EdgeIndex
from constrain.kernels.philox import gumbel_of, philox
from constrain.kernels.sweeps import Swept, sweep, sweep_reference, sweep_triton
from tests.kernels.conftest import Kernel
from tests.kernels.test_chain import paths, random_graph

Edges = Sequence[tuple[int, int, int]]
"""Source, column, target."""


def layered(length: int, rows: Sequence[tuple[int, Edges, set[int]]], columns: int) -> tuple[Graph, Tensor]:
    """The union of automata given by their states, edges and the states they may end in, which start in state 0.

    A state is alive where it is on a path from the start to the end of the canvas. Columns are shared.
    """
    edges, alive, start, owner = [], [], [], []
    for row, (states, own, final) in enumerate(rows):
        first = len(owner)
        reach = [{0}]
        for _ in range(length):
            reach.append({r for q, _, r in own if q in reach[-1]})
        back = [final]
        for _ in range(length):
            back.insert(0, {q for q, _, r in own if r in back[0]})
        alive.append(
            torch.tensor([[q in a and q in b for q in range(states)] for a, b in zip(reach, back, strict=True)])
        )
        edges += [(first + q, k, first + r) for q, k, r in sorted(own)]
        start.append(first)
        owner += [row] * states
    source, column, target = (torch.tensor(part) for part in zip(*edges, strict=True))
    graph = Graph(source, target, column, torch.cat(alive, 1), torch.tensor(start))
    return graph, torch.tensor(owner)


def random_rows(seed: int, length: int, rows: int, columns: int) -> tuple[Graph, Tensor]:
    """Automata of different sizes, one of them with a state that most edges leave; columns belong to one row each."""
    generator = torch.Generator().manual_seed(seed)
    parts: list[tuple[int, Edges, set[int]]] = []
    for row in range(rows):
        states = 2 + 3 * row
        drawn = torch.randint(0, states * columns * states, (4 * states,), generator=generator).tolist()
        own = {(n % states, row * columns + n // states % columns, n // states // columns) for n in drawn}
        own |= {(q, row * columns, (q + 1) % states) for q in range(states)}
        own |= {(1, row * columns + k, q) for q in range(states) for k in range(0, columns, 2)}
        parts.append((states, sorted(own), set(range(states))))
    return layered(length, parts, rows * columns)


def random_scores(seed: int, length: int, columns: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = 3 * torch.randn((length, columns), dtype=torch.float64, generator=generator)
    return scores, scores - torch.rand((length, columns), dtype=torch.float64, generator=generator)


def drawn_by_hand(graph: Graph, scores: Tensor, beta: Tensor, seed: Tensor) -> list[list[int]]:
    """The draw that the kernel promises: Gumbel noise by (rank of the edge, position, row, 1)."""
    out = []
    for row, first in enumerate(graph.start.tolist()):
        state, columns = first, []
        for i in range(graph.length):
            edges = (graph.source == state).nonzero()[:, 0]
            rank = torch.arange(len(edges))
            words = philox(seed, (rank, rank * 0 + i, rank * 0 + row, rank * 0 + 1))
            weight = scores[i, graph.column[edges]] + beta[i + 1, graph.target[edges]] + gumbel_of(words[0])
            edge = edges[weight.argmax()]
            columns.append(int(graph.column[edge]))
            state = int(graph.target[edge])
        out.append(columns)
    return out


def assert_equal(found: Swept, expected: Swept) -> None:
    torch.testing.assert_close(found.log_z, expected.log_z, rtol=0.0, atol=1e-4)
    torch.testing.assert_close(found.weight, expected.weight, rtol=0.0, atol=1e-4)
    impossible = expected.log_marginals == -torch.inf
    assert torch.equal(found.log_marginals == -torch.inf, impossible)
    difference = (found.log_marginals.double() - expected.log_marginals)[~impossible]
    assert difference.abs().max() < 1e-4
    assert torch.equal(found.best, expected.best)


@pytest.mark.parametrize("seed", range(3))
def test_the_reference_weighs_all_paths(seed: int) -> None:
    graph = random_graph(seed)
    scores, peaks = random_scores(seed, graph.length, 6)
    found = sweep(graph, torch.zeros(5, dtype=torch.int64), scores, peaks, torch.tensor(seed))
    weights, highest = paths(graph, scores), paths(graph, peaks)
    log_z = math.log(sum(math.exp(w) for w in weights.values()))
    assert found.log_z.item() == pytest.approx(log_z)
    assert found.weight.item() == pytest.approx(max(highest.values()))
    assert found.best[0].tolist() == graph.column[list(max(highest, key=highest.__getitem__))].tolist()
    for i in range(graph.length):
        for k in range(6):
            share = sum(math.exp(w - log_z) for path, w in weights.items() if graph.column[path[i]] == k)
            assert found.log_marginals[i, k].exp().item() == pytest.approx(share)
    assert found.drawn[0].tolist() in [graph.column[list(path)].tolist() for path in weights]


@pytest.mark.parametrize("tile", [(512, 8), (4, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_the_kernel_equals_the_reference(kernel: Kernel, seed: int, tile: tuple[int, int]) -> None:
    graph, owner = random_rows(seed, length=6, rows=3, columns=7)
    scores, peaks = random_scores(seed, 6, 21)
    index = EdgeIndex.of(graph, owner, 21)
    noise = torch.tensor(17 + seed)
    found, _ = kernel(sweep_triton, graph, index, scores, peaks, noise, group=tile[0], width=tile[1])
    expected = sweep_reference(graph, scores, peaks, noise)
    assert_equal(found, expected)
    assert found.drawn.tolist() == drawn_by_hand(graph, scores, backward(graph, scores), noise)


def test_one_state_one_column_one_position(kernel: Kernel) -> None:
    graph, owner = layered(1, [(1, [(0, 0, 0)], {0})], 1)
    scores = torch.full((1, 1), -2.5, dtype=torch.float64)
    found, _ = kernel(sweep_triton, graph, EdgeIndex.of(graph, owner, 1), scores, scores, torch.tensor(0))
    assert found.log_z.item() == found.weight.item() == -2.5
    assert found.log_marginals.item() == 0.0
    assert found.best.tolist() == found.drawn.tolist() == [[0]]


def test_a_tail_a_row_that_is_pinned_and_columns_that_no_edge_has(kernel: Kernel) -> None:
    """Row 0 writes two tokens and is in its tail from then on; of row 1 every position is forced."""
    tail = [(0, 0, 1), (0, 1, 1), (1, 1, 2), (2, 2, 2)]
    graph, owner = layered(5, [(3, tail, {2}), (6, [(q, 3, q + 1) for q in range(5)], {5})], 6)
    scores, peaks = random_scores(0, 5, 6)
    found, _ = kernel(sweep_triton, graph, EdgeIndex.of(graph, owner, 6), scores, peaks, torch.tensor(0))
    assert_equal(found, sweep_reference(graph, scores, peaks, torch.tensor(0)))
    assert found.best[0, 1:].tolist() == found.drawn[0, 1:].tolist() == [1, 2, 2, 2]
    assert found.best[1].tolist() == found.drawn[1].tolist() == [3] * 5
    assert (found.log_marginals[:, 4:] == -torch.inf).all()


def test_scores_at_the_floor_cost_half_a_thousandth_each(kernel: Kernel) -> None:
    graph, owner = random_rows(1, length=40, rows=1, columns=3)
    scores, _ = random_scores(1, 40, 3)
    scores[::2] = -1e4
    found, _ = kernel(sweep_triton, graph, EdgeIndex.of(graph, owner, 3), scores, scores, torch.tensor(0))
    expected = sweep_reference(graph, scores, scores, torch.tensor(0))
    assert (found.log_z - expected.log_z).abs().max() <= 20 * 5e-4
    assert torch.equal(found.best, expected.best)
    assert torch.equal(found.log_marginals.isfinite(), expected.log_marginals.isfinite())


def test_what_is_nearly_impossible_stays_possible(kernel: Kernel) -> None:
    """A marginal of exp(-3000) has a logarithm, where float64 has no such number."""
    graph, owner = layered(2, [(2, [(0, 0, 0), (0, 1, 1), (1, 1, 1)], {0, 1})], 2)
    scores = torch.tensor([[0.0, -3000.0], [0.0, -3000.0]], dtype=torch.float64)
    found, _ = kernel(sweep_triton, graph, EdgeIndex.of(graph, owner, 2), scores, scores, torch.tensor(0))
    assert found.log_marginals[0].tolist() == [0.0, -6000.0]
    assert found.log_marginals[1].tolist() == [0.0, -3000.0]


@pytest.mark.slow
@pytest.mark.parametrize("spread", [1.0, 10.0, 100.0])
def test_float32_agrees_with_float64_over_a_long_canvas(kernel: Kernel, spread: float) -> None:
    """256 positions: log Z within a thousandth, and the same best path, whatever the spread of the scores."""
    graph, owner = random_rows(2, length=256, rows=2, columns=9)
    scores, peaks = (spread * part for part in random_scores(2, 256, 18))
    found, _ = kernel(sweep_triton, graph, EdgeIndex.of(graph, owner, 18), scores, peaks, torch.tensor(0))
    expected = sweep_reference(graph, scores, peaks, torch.tensor(0))
    assert (found.log_z - expected.log_z).abs().max() < 1e-3
    assert (found.weight - expected.weight).abs().max() < 1e-3
    assert torch.equal(found.best, expected.best)
