"""The benchmark of sums over paths runs on sizes at which its times mean nothing, and shows none of what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import typer
from torch import Tensor
from typer.testing import CliRunner, Result

from constrain.kernels.chain import Graph
from constrain.token_automaton import UNREACHABLE
from tests.bench import scaling
from tests.bench.automata import random_automaton

SMALL = ("--largest", "20000", "--repeats", "1")


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(scaling.main)
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize("states", [11, 64, 400])
def test_random_automata_are_deterministic_and_can_always_finish(states: int) -> None:
    tokens = random_automaton(states, size=2_000, classes=40)
    assert tokens.edges == 10 * states + tokens.accepting.sum()
    assert (tokens.distance < UNREACHABLE).all()
    leaving = list(zip(tokens.source.tolist(), tokens.label.tolist(), strict=True))
    assert len(set(leaving)) == len(leaving)
    links = list(zip(tokens.links.source.tolist(), tokens.links.target.tolist(), strict=True))
    assert len(set(links)) == len(links)
    size = np.diff(tokens.offsets)
    assert len(size) == 40
    assert size.sum() == 2_000
    assert 0 < size[1:].min() < np.median(size) < size.max() / 4


def test_times_grow_beside_checks_that_hold() -> None:
    result = run(*SMALL, "--json", "--cpu")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["right"]
    assert [(row["states"], row["edges"], row["spread"]) for row in found["tables"]["edges"]] == [
        (64, 640, 3.0),
        (64, 640, 150.0),
    ]
    for rows in found["tables"].values():
        for row in rows:
            assert row["seconds"] > 0
            assert 0 < row["log_z"] <= scaling.TOLERANCE
            assert row["clear"] <= row["same"] <= row["rows"]
    assert "exponent" in run(*SMALL).stdout


def off_by(amount: float) -> object:
    def wrong(graph: Graph, scores: Tensor, peaks: Tensor) -> scaling.Pass:
        found = scaling_pass(graph, scores, peaks)
        return replace(found, log_z=found.log_z + amount)

    return wrong


def elsewhere(graph: Graph, scores: Tensor, peaks: Tensor) -> scaling.Pass:
    found = scaling_pass(graph, scores, peaks)
    return replace(found, best=found.drawn)


def unbalanced(graph: Graph, scores: Tensor, peaks: Tensor) -> scaling.Pass:
    found = scaling_pass(graph, scores, peaks)
    return replace(found, marginals=found.marginals * 1.001)


scaling_pass = scaling.chain_pass


@pytest.mark.parametrize("wrong", [off_by(0.01), elsewhere, unbalanced], ids=["sums", "path", "marginals"])
def test_no_time_is_shown_of_what_is_wrong(monkeypatch: pytest.MonkeyPatch, wrong: object) -> None:
    monkeypatch.setattr(scaling, "chain_pass", wrong)
    result = run(*SMALL, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert not found["right"]
    assert found["tables"]["edges"][0]["seconds"] is None
    table = run(*SMALL)
    assert table.exit_code == 1
    assert "wrong" in table.stdout


def test_exponents_are_slopes_and_missing_where_a_time_is() -> None:
    rows = [{"edges": n, "seconds": 3.0 * n**1.5} for n in (10, 20, 80)]
    assert scaling.exponent(rows, "edges") == pytest.approx(1.5)
    assert scaling.exponent([*rows, {"edges": 90, "seconds": None}], "edges") is None
    assert scaling.exponent(rows[:1], "edges") is None


def test_margins_are_those_to_the_second_best_of_all_paths() -> None:
    graph, _, scores, peaks = scaling.problem(scaling.Size(11, length=3), 3.0)
    found = scaling.chain_pass(graph, scores, peaks)
    weights: list[float] = []

    def follow(state: int, i: int, weight: float) -> None:
        if i == graph.length:
            weights.append(weight)
            return
        for edge in (graph.source == state).nonzero()[:, 0].tolist():
            if graph.alive[i + 1, graph.target[edge]]:
                follow(int(graph.target[edge]), i + 1, weight + float(peaks[i, graph.column[edge]]))

    follow(int(graph.start[0]), 0, 0.0)
    first, second = sorted(weights)[-2:][::-1]
    assert found.weight.item() == pytest.approx(first)
    assert scaling.margins(graph, peaks, found.highest).item() == pytest.approx(first - second)
