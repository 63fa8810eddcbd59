"""The benchmark of puzzles runs, on sizes at which its numbers mean nothing."""

from __future__ import annotations

import json
from random import Random

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.bench import puzzles
from tests.puzzles import VARIANTS, Made, opened, small


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(puzzles.main)
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result


def test_all_puzzles_are_solved_on_both_models() -> None:
    small_sizes = ("--nine", "4", "--large", "1", "--variants", "1", "--open", "1", "--rates", "0")
    rows = json.loads(run(*small_sizes, "--json").stdout)["scores"]
    kinds = ["9x9", "16x16", *VARIANTS, "9x9 open"]
    assert [(row["kind"], row["model"]) for row in rows] == [
        (kind, model) for kind in kinds for model in ("random", "bundled")
    ]
    for row in rows:
        assert row["solved"] == row["count"]
        assert row["by_propagation"] + row["by_search"] + row["by_model"] == pytest.approx(1)
        if row["kind"] == "9x9 open":
            assert row["unique"] == 0
            assert row["by_model"] > 0
        else:
            assert row["unique"] == row["count"]
            assert row["worst_passes"] <= 12


def test_rules_solve_what_a_shape_does_not() -> None:
    rows = json.loads(
        run("--nine", "0", "--large", "0", "--variants", "0", "--open", "0", "--rates", "3", "--json").stdout
    )
    found = {(row["kind"], row["constraint"], row["logits"]): row for row in rows["rates"]}
    assert len(found) == 18
    for (_, constraint, _), row in found.items():
        if constraint == "rules":
            assert row["solved"] == row["shaped"] == 3
        if constraint == "shape":
            assert row["shaped"] == 3
    assert found["9x9, 30 givens", "shape", "uniform"]["solved"] == 0
    assert found["4x4, one solution", "none", "bundled model"]["shaped"] == 3, "it was asked as it was trained"


def test_tables_are_printed() -> None:
    sizes = ("--nine", "1", "--large", "0", "--variants", "0", "--open", "0", "--rates", "1")
    printed = run(*sizes).stdout
    assert "100.0%" in printed
    assert "uniform" in printed


def test_shapes_have_the_givens_and_nothing_else() -> None:
    made = opened(small(Random(1)), 2, Random(1))
    shape = puzzles.shape_of(made)
    text = "\n".join("".join(map(str, row)) for row in made.solution)
    assert shape.accepts(text)
    assert shape.accepts("\n".join("".join(str(given or 4) for given in row) for row in made.givens))
    assert not shape.accepts(text[::-1].replace("1", "2").replace("3", "4"))
    assert puzzles.grid_in(f"Here it is: {text}!", 4) == [list(row) for row in made.solution]
    assert puzzles.grid_in(text[:-1], 4) is None


def test_an_error_is_no_solution() -> None:
    from constrain.engine.result import Result as Decoded
    from constrain.errors import UnsatisfiableError

    made = Made(((0,) * 4,) * 4, ())
    assert not puzzles.is_solved(made, Decoded(error=UnsatisfiableError("none")))
