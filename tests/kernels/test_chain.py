"""Sums, maxima and walks over paths equal an enumeration of all paths."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from constrain.kernels.chain import Graph, backward, forward, marginals, walk

LENGTH, STATES, COLUMNS = 4, 5, 6


def random_graph(seed: int) -> Graph:
    """A random graph of one row whose dead states are exactly those on no path from state 0 to the last layer."""
    rng = np.random.default_rng(seed)
    edges = sorted(
        {(int(q), int(rng.integers(COLUMNS)), int(r)) for q, r in rng.integers(0, STATES, (12, 2))} | {(0, 5, 0)}
    )
    source, column, target = (torch.tensor(list(part)) for part in zip(*edges, strict=True))
    alive = torch.zeros((LENGTH + 1, STATES), dtype=torch.bool)
    for path in itertools.product(range(len(edges)), repeat=LENGTH):
        states = [0]
        for e in path:
            if edges[e][0] != states[-1]:
                break
            states.append(edges[e][2])
        if len(states) == LENGTH + 1:
            alive[range(LENGTH + 1), states] = True
    outgoing = torch.full((STATES, len(edges)), len(edges))
    for q in range(STATES):
        mine = [e for e, edge in enumerate(edges) if edge[0] == q]
        outgoing[q, : len(mine)] = torch.tensor(mine, dtype=torch.int64)
    return Graph(source, target, column, alive, torch.tensor([0]), outgoing)


def paths(graph: Graph, scores: torch.Tensor) -> dict[tuple[int, ...], float]:
    """Log-weight of every path of edges from the start."""
    out = {}
    for path in itertools.product(range(len(graph.source)), repeat=LENGTH):
        state, weight = 0, 0.0
        for i, e in enumerate(path):
            if graph.source[e] != state:
                break
            state, weight = int(graph.target[e]), weight + float(scores[i, graph.column[e]])
        else:
            out[path] = weight
    return out


@pytest.mark.parametrize("seed", range(12))
def test_sums_maxima_and_marginals_are_those_of_all_paths(seed: int) -> None:
    graph = random_graph(seed)
    scores = 3 * torch.randn((LENGTH, COLUMNS), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    weights = paths(graph, scores)
    log_z = math.log(sum(math.exp(w) for w in weights.values()))
    alpha, beta = forward(graph, scores), backward(graph, scores)
    assert beta[0, 0].item() == pytest.approx(log_z)
    assert alpha[-1].logsumexp(0).item() == pytest.approx(log_z)
    assert backward(graph, scores, maximum=True)[0, 0].item() == pytest.approx(max(weights.values()))
    mu = torch.zeros_like(scores)
    for path, weight in weights.items():
        for i, e in enumerate(path):
            mu[i, graph.column[e]] += math.exp(weight - log_z)
    found = marginals(graph, scores, alpha, beta, torch.full((STATES,), log_z, dtype=torch.float64))
    assert torch.allclose(found, mu, atol=1e-12)
    assert ((beta > -torch.inf) == graph.alive).all()


@pytest.mark.parametrize("seed", range(12))
def test_the_best_walk_is_the_best_path(seed: int) -> None:
    graph = random_graph(seed)
    scores = torch.randn((LENGTH, COLUMNS), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    weights = paths(graph, scores)
    found = walk(graph, scores, backward(graph, scores, maximum=True))[0]
    assert scores[range(LENGTH), found].sum().item() == pytest.approx(max(weights.values()))


def test_walks_with_noise_follow_the_weights() -> None:
    graph = random_graph(3)
    scores = torch.randn((LENGTH, COLUMNS), dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    weights = paths(graph, scores)
    total = sum(math.exp(w) for w in weights.values())
    expected: dict[tuple[int, ...], float] = {}
    for path, weight in weights.items():
        key = tuple(graph.column[list(path)].tolist())
        expected[key] = expected.get(key, 0.0) + math.exp(weight) / total
    draws = 4000
    many = Graph(
        graph.source, graph.target, graph.column, graph.alive, torch.zeros(draws, dtype=torch.int64), graph.outgoing
    )
    found = walk(many, scores, backward(graph, scores), torch.Generator().manual_seed(0))
    counts: dict[tuple[int, ...], int] = {}
    for row in found.tolist():
        counts[tuple(row)] = counts.get(tuple(row), 0) + 1
    assert set(counts) <= set(expected)
    for key, share in expected.items():  # 5 standard deviations of a binomial count
        assert abs(counts.get(key, 0) - share * draws) <= 5 * math.sqrt(share * draws) + 1


def test_scores_at_the_floor_still_leave_every_alive_state_finite() -> None:
    graph = random_graph(5)
    scores = torch.full((LENGTH, COLUMNS), -1e4, dtype=torch.float64)
    beta = backward(graph, scores)
    assert ((beta > -torch.inf) == graph.alive).all()
