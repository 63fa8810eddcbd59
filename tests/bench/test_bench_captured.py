"""The benchmarks of a recorded step and of a first call run: on sizes at which their numbers mean nothing."""

from __future__ import annotations

import json

import pytest
import torch
import typer
from typer.testing import CliRunner

from constrain.constraint import compile
from constrain.engine.captured import Captured
from constrain.specs import Regex
from constrain.vocabulary import Vocabulary
from tests.bench import captured, first_call
from tests.engine.test_captured import Again, assert_equal


def run(main: object, *arguments: str) -> str:
    app = typer.Typer()
    app.command()(main)  # type: ignore[type-var]  # any function is a command
    return CliRunner().invoke(app, arguments, catch_exceptions=False).output


def test_both_sides_of_a_step_are_the_same_step_but_for_random_numbers() -> None:
    constraint = compile(Regex("(a|b)*"), Vocabulary([b"a", b"b", None, b"ab"], [2]))
    kept = Captured(graph=Again, why=lambda *_: None)
    both = captured.sides(constraint, 4, kept, "cpu")
    logits = torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(0))
    found, expected = (
        captured.step(both[name], logits.clone(), torch.Generator()) for name in ("captured", "launched")
    )
    assert torch.equal(found[2], expected[2])
    torch.testing.assert_close(found[3:5] + found[6:7], expected[3:5] + expected[6:7], rtol=0, atol=1e-4)
    assert len(kept) == 1
    again = captured.step(both["captured"], logits.clone(), torch.Generator())
    assert_equal(again[2:], found[2:])


def test_without_a_gpu_no_step_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "python tests/bench/captured.py" in run(captured.main)
    assert json.loads(run(captured.main, "--json"))["device"] is None


def test_a_first_call_is_timed_together_and_apart() -> None:
    found = json.loads(run(first_call.main, "--json", "--tokens", "8", "--repeats", "1", "--size", "1500"))
    for row in found.values():
        assert set(row) == {*first_call.COLUMNS, "ratio"}
        assert row["ratio"] == row["together"] / row["apart"] > 0
