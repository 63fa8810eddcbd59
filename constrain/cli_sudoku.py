"""What `constrain sudoku` reads and shows."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from constrain.cli_board import board
from constrain.errors import SpecError
from constrain.matching import members
from constrain.propagation import Contradiction, Domains, propagate
from constrain.relations import Value
from constrain.sudoku import Sudoku

if TYPE_CHECKING:
    from constrain.engine.result import Result
    from constrain.engine.solved import Solved

__all__ = ["read_box", "read_givens", "solve"]


def read_givens(source: str) -> str:
    """The grid itself, or what stands in the file of that name, or for `-` on standard input."""
    try:
        if source == "-":
            text = sys.stdin.read()
        else:
            text = Path(source).read_text("utf-8") if Path(source).is_file() else source
    except OSError:  # a grid of 256 characters is too long for a name
        return source
    except UnicodeDecodeError as error:
        raise SpecError(f"{source} is no text in UTF-8", hint="give a grid as text") from error
    return text.removeprefix("\ufeff")


def read_box(text: str) -> tuple[int, int]:
    """Rows and columns of a box, as in `2x3`."""
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None:
        raise SpecError(f"{text!r} is no box", keyword="box", hint="give its rows and columns, as --box 2x3")
    return int(found[1]), int(found[2])


def solve(puzzle: Sudoku, load: Callable[[], Any], *, max_passes: int | None, seed: int, console: Console) -> None:
    """Print the solution: drawn if standard output is a terminal, otherwise its text. On `console`, how it comes about:
    on a terminal, the board after every step; in the end, one line.
    """
    live = Live(console=console, transient=True, auto_refresh=False)
    height = console.height - 1

    def show(candidates: Mapping[str, tuple[Value, ...]], written: Mapping[str, Value], step: str) -> None:
        if console.is_terminal:
            drawn = board(puzzle, candidates, written, height=height)
            live.update(Group(drawn, Text(step, "dim")), refresh=True)

    if console.is_terminal:
        live.start()
    try:
        show(_candidates(puzzle, puzzle.domains_given), {}, "the givens; loading the model")
        try:
            left = propagate(puzzle.problem, puzzle.domains_given)
        except Contradiction:  # the model says it again, and which rules it takes
            left = puzzle.domains_given
        show(_candidates(puzzle, left), {}, "after propagation; loading the model")
        result: Result
        decided: Mapping[str, tuple[Value, ...]] | None = None
        for result in load().stream(_prompt(puzzle), puzzle, max_passes=max_passes, seed=seed):
            assert result.relations is not None
            decided = decided or result.relations.candidates  # of the first draft: before the model chose anything
            show(result.relations.candidates, _written(puzzle, result), f"pass {result.passes}")
    finally:
        live.stop()
    assert result.relations is not None
    assert decided is not None
    out = Console(highlight=False)
    if out.is_terminal:
        out.print(board(puzzle, decided, _written(puzzle, result)))
    else:
        typer.echo(result.text)
    console.print(_summary(result, result.relations), style="dim", markup=False, soft_wrap=True)


def _prompt(puzzle: Sudoku) -> str:
    rows = [" ".join(str(puzzle.given.get(name, ".")) for name in row) for row in puzzle.names]
    return "\n".join(["Solve this Sudoku:", *rows])


def _candidates(puzzle: Sudoku, domains: Domains) -> dict[str, tuple[Value, ...]]:
    named = zip(puzzle.problem.domains.items(), domains, strict=True)
    return {name: tuple(values[k] for k in members(left)) for (name, values), left in named}


def _written(puzzle: Sudoku, draft: Result) -> dict[str, Value]:
    """The values that a draft has so far."""
    domains = puzzle.problem.domains
    return {placed.name: domains[placed.name][placed.n] for placed in puzzle.layout.known(draft.text)}


def _summary(result: Result, solved: Solved) -> str:
    passes = {0: "no pass", 1: "1 pass"}.get(result.passes, f"{result.passes} passes")
    shares = [
        f"{solved.given} given",
        f"{solved.by_propagation} by propagation",
        f"{solved.by_search} by search",
        f"{solved.by_model} by the model in {passes}",
    ]
    kinds = {
        True: "this is the only solution",
        False: "there are several solutions",
        None: "time was up before it was known whether there are others",
    }
    late = "" if solved.optimal else "; time was up before this one was proven to be the model's favourite"
    return f"{', '.join(shares)}; {kinds[solved.unique]}{late}"
