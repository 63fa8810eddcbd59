"""Sums, maxima and walks over paths equal an enumeration of all paths."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from constrain.kernels import groups
from constrain.kernels.chain import Graph, _draw, backward, flow, walk

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
    return Graph(source, target, column, alive, torch.tensor([0]))


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


@pytest.mark.parametrize("spread", [3.0, 3000.0])
@pytest.mark.parametrize("seed", range(12))
def test_sums_maxima_and_marginals_are_those_of_all_paths(seed: int, spread: float) -> None:
    """Whether the exponentials of all sums are in reach of a float64 or not."""
    graph = random_graph(seed)
    scores = spread * torch.randn((LENGTH, COLUMNS), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    weights = paths(graph, scores)
    highest = max(weights.values())
    log_z = highest + math.log(sum(math.exp(w - highest) for w in weights.values()))
    beta = backward(graph, scores)
    assert beta[0, 0].item() == pytest.approx(log_z)
    assert backward(graph, scores, maximum=True)[0, 0].item() == pytest.approx(max(weights.values()))
    mu = torch.zeros_like(scores)
    for path, weight in weights.items():
        for i, e in enumerate(path):
            mu[i, graph.column[e]] += math.exp(weight - log_z)
    assert torch.allclose(flow(graph, scores, beta), mu, atol=1e-12)
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
    many = Graph(graph.source, graph.target, graph.column, graph.alive, torch.zeros(draws, dtype=torch.int64))
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


def long_graph(seed: int, length: int, states: int) -> Graph:
    """Two rows of states with one to `states` edges each, of which those are alive that lie on a path to the end."""
    rng = np.random.default_rng(seed)
    edges = set()
    for q in range(2 * states):
        row = q // states * states
        targets = row + rng.choice(states, min(states, int(rng.pareto(1.0)) + 1), replace=False)
        edges |= {(q, int(r), int(rng.integers(COLUMNS))) for r in targets}
    source, target, column = (np.array(part) for part in zip(*sorted(edges), strict=True))
    start = np.array([0, states])
    reach, back = np.zeros((2, length + 1, 2 * states), np.bool_)
    reach[0, start] = True
    for i in range(length):
        reach[i + 1, target[reach[i, source]]] = True
    back[-1] = rng.random(2 * states) < 0.3
    back[-1, start + reach[-1].reshape(2, states).argmax(1)] = True
    for i in reversed(range(length)):
        back[i, source[back[i + 1, target]]] = True
    return Graph(*map(torch.from_numpy, (source, target, column, reach & back, start)))


def dense(graph: Graph, scores: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums, maxima and marginals by matrices of all states with all states, one for each column."""
    states = graph.alive.shape[1]
    steps = np.zeros((scores.shape[1], states, states), np.bool_)
    steps[graph.column, graph.source, graph.target] = True
    alive = graph.alive.numpy()
    sums, maxima = (np.where(alive, 0.0, -np.inf) for _ in range(2))
    ahead = np.zeros(states)
    ahead[graph.start] = 1.0
    weights = []
    for i in reversed(range(graph.length)):
        with np.errstate(divide="ignore"):
            here = np.log(steps) + scores[i].numpy()[:, None, None] + np.log(alive[i])[:, None]
            weights.append(here + sums[i + 1])
            sums[i] = np.logaddexp.reduce(weights[-1], axis=(0, 2))
            maxima[i] = (here + maxima[i + 1]).max(axis=(0, 2))
    mu = np.zeros(scores.shape)
    for i, weight in enumerate(reversed(weights)):
        share = np.exp(weight - np.where(alive[i], sums[i], np.inf)[:, None]) * ahead[:, None]
        mu[i], ahead = share.sum((1, 2)), share.sum((0, 1))
    return sums, maxima, mu


@pytest.mark.parametrize("overhead", [0, 40, 1500])
@pytest.mark.parametrize(("spread", "length"), [(3.0, 37), (3000.0, 37), (1.0, 3)])
def test_states_with_few_and_with_many_edges_over_a_long_canvas(
    monkeypatch: pytest.MonkeyPatch, overhead: int, spread: float, length: int
) -> None:
    """In one block or in many, in more layers than there are stretches and in fewer."""
    monkeypatch.setattr(groups, "_OVERHEAD", overhead)
    for seed in range(6):
        graph = long_graph(seed, length, 17)
        scores = spread * torch.randn(
            (length, COLUMNS), dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
        )
        sums, maxima, mu = dense(graph, scores)
        beta = backward(graph, scores)
        assert ((beta > -torch.inf) == graph.alive).all()
        np.testing.assert_allclose(beta, sums, rtol=1e-12, atol=1e-11)
        np.testing.assert_allclose(backward(graph, scores, maximum=True), maxima, rtol=1e-12)
        np.testing.assert_allclose(flow(graph, scores, beta), mu, rtol=1e-9, atol=1e-12)


def test_a_draw_at_the_very_end_is_one_that_can_be_drawn() -> None:
    weight = np.array([-np.inf, 0.0, -1.0, -800.0, -np.inf])
    assert _draw(weight, np.nextafter(1.0, 0.0)) == 2
    assert _draw(weight, 1.0) == 2
    assert _draw(weight, 0.0) == 1
