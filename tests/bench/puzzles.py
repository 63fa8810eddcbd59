"""How many puzzles are solved, in how many passes and how much time, and what solves them: rules, search or the model.

    python tests/bench/puzzles.py [--json] [--nine 1000] [--large 100] [--variants 200] [--open 100] [--rates 200]

First table: Sudokus made from a seed (`tests.puzzles`), each with one solution, but for the *open* ones, which have 20
of 30 givens. Two models: one with random weights, the adversary, and the bundled one, which has learned grids of 4x4.
Passes are added up over canvases, at most 12 for each: a 9x9 grid is one canvas of the first model, two of the other.
`ms` is CPU time per puzzle without the model's forward; of it, `propagation` and `search`, by the clock on the wall.
The last columns say what settles the cells that are not given: what propagation and search settle is no skill of the
model. A grid counts as solved if `tests.puzzles.faults`, which shares no code with the package, finds nothing wrong.

Second table: the bundled model, or uniform logits in its place, without a constraint, under a regular expression that
has the shape and the givens, and under the rules. Where a puzzle has one solution, the rules leave the model nothing to
decide, so that they say nothing about it.

Last, what `kernels.propagate` takes for a batch of 64 puzzles of 9x9 with 30 givens, packing and unpacking included:
CPU time, the best of ten.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.engine.model import Model, from_transformers, load
from constrain.engine.narrowing import Rules, singles
from constrain.engine.result import Result
from constrain.specs import Regex
from constrain.sudoku import Sudoku
from tests.models import tiny_model
from tests.puzzles import VARIANTS, Made, faults, large, nine, opened, small, variant

__all__ = ["Rate", "Score", "main"]

MAX_PASSES = 12


@dataclass(frozen=True)
class Score:
    """Puzzles of one kind under their rules, decoded by one model. `ms` are per puzzle, shares of the open cells."""

    kind: str
    model: str
    count: int
    solved: int
    unique: int
    median_passes: float
    worst_passes: int
    ms: float
    propagation_ms: float
    search_ms: float
    by_propagation: float
    by_search: float
    by_model: float


@dataclass(frozen=True)
class Rate:
    """Puzzles of one kind under one constraint."""

    kind: str
    logits: str
    constraint: str
    count: int
    shaped: int
    solved: int
    mean_passes: float


class Stopwatch:
    """CPU seconds inside the network of `model`, as long as it is open."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._entered: list[float] = []

    def enter(self, *_: Any) -> None:
        self._entered.append(time.process_time())

    def leave(self, *_: Any) -> None:
        begun = self._entered.pop()
        if not self._entered:  # modules inside modules count once
            self.seconds += time.process_time() - begun


@contextmanager
def timed(model: Model) -> Iterator[Stopwatch]:
    watch = Stopwatch()
    modules = (model.network, model.network.model.encoder)
    hooks = [
        hook
        for each in modules
        for hook in (each.register_forward_pre_hook(watch.enter), each.register_forward_hook(watch.leave))
    ]
    try:
        yield watch
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def uniform(model: Model) -> Iterator[None]:
    """While it is open, the model finds everything equally likely."""

    def flatten(_: Any, __: Any, output: Any) -> None:
        output.logits = torch.zeros_like(output.logits)

    hook = model.network.register_forward_hook(flatten)
    try:
        yield
    finally:
        hook.remove()


def adversary(tokenizer: Any) -> Model:
    """Random weights; a 9x9 grid fits into its canvas."""
    return from_transformers(
        tiny_model(vocab_size=len(tokenizer), canvas_length=96, sharpness=30.0, eos_token_id=[1, 4], pad_token_id=0),
        tokenizer,
    )


def puzzles(sizes: dict[str, int], seed: int) -> Iterator[tuple[str, list[Made]]]:
    """Per kind, so many; of 9x9, as many with each number of givens from 17 to 30."""
    for kind, count in sizes.items():
        rng = Random(f"{seed} {kind}")
        match kind:
            case "9x9":
                yield kind, [nine(17 + n % 14, rng) for n in range(count)]
            case "16x16":
                yield kind, [large(rng) for _ in range(count)]
            case "9x9 open":
                yield kind, [opened(nine(30, rng), 20, rng) for n in range(count)]
            case _:
                yield kind, [variant(kind, rng) for _ in range(count)]


def prompt_of(puzzle: Made) -> str:
    """What the bundled model was trained to see before a grid."""
    return "Solve\n" + puzzle.text.replace(" ", "")


def is_solved(puzzle: Made, result: Result) -> bool:
    return result.error is None and faults(result.value, puzzle) == set()


def decode(model: Model, made: Sequence[Made], batch: int) -> list[Result]:
    results: list[Result] = []
    for begin in range(0, len(made), batch):
        part = made[begin : begin + batch]
        specs = [Sudoku(puzzle.givens, **puzzle.options) for puzzle in part]
        results += model.generate(list(map(prompt_of, part)), specs, max_passes=MAX_PASSES, seed=begin)
    return results


def score(kind: str, name: str, model: Model, made: Sequence[Made], batch: int) -> Score:
    with timed(model) as forward:
        begun = time.process_time()
        results = decode(model, made, batch)
        seconds = time.process_time() - begun - forward.seconds
    found = [result.relations for result in results if result.relations is not None]
    open_ = max(sum(each.variables - each.given for each in found), 1)
    return Score(
        kind=kind,
        model=name,
        count=len(made),
        solved=sum(map(is_solved, made, results)),
        unique=sum(each.unique is True for each in found),
        median_passes=statistics.median(result.passes for result in results),
        worst_passes=max(result.passes for result in results),
        ms=1000 * seconds / len(made),
        propagation_ms=1000 * sum(each.propagation_seconds for each in found) / len(made),
        search_ms=1000 * sum(each.solver_seconds for each in found) / len(made),
        by_propagation=sum(each.by_propagation for each in found) / open_,
        by_search=sum(each.by_search for each in found) / open_,
        by_model=sum(each.by_model for each in found) / open_,
    )


def shape_of(puzzle: Made) -> Regex:
    """Rows of digits with the givens in place."""
    any_ = f"[1-{len(puzzle.givens)}]"
    return Regex("\n".join("".join(str(given or any_) for given in row) for row in puzzle.givens))


def rate(kind: str, logits: str, constraint: str, model: Model, made: Sequence[Made], batch: int) -> Rate:
    results: list[Result] = []
    size = len(made[0].givens)
    for begin in range(0, len(made), batch):
        part = made[begin : begin + batch]
        match constraint:
            case "none":
                specs: list[Any] = [None] * len(part)
            case "shape":
                specs = list(map(shape_of, part))
            case _:
                specs = [Sudoku(puzzle.givens) for puzzle in part]
        prompts = list(map(prompt_of, part))
        tokens = size * (size + 1)
        results += model.generate(prompts, specs, max_passes=MAX_PASSES, max_new_tokens=tokens, seed=begin)
    grids = [grid_in(result.text, size) for result in results]
    return Rate(
        kind=kind,
        logits=logits,
        constraint=constraint,
        count=len(made),
        shaped=sum(grid is not None for grid in grids),
        solved=sum(
            grid is not None and faults(grid, puzzle) == set() for grid, puzzle in zip(grids, made, strict=True)
        ),
        mean_passes=statistics.mean(result.passes for result in results),
    )


def grid_in(text: str, size: int) -> list[list[int]] | None:
    """The grid that a text has, whatever stands between its digits."""
    digits = [int(sign) for sign in text if sign in "123456789"]
    return [digits[begin : begin + size] for begin in range(0, size**2, size)] if len(digits) == size**2 else None


def rates(model: Model, count: int, batch: int, seed: int) -> Iterator[Rate]:
    rng = Random(f"{seed} rates")
    kinds = {
        "4x4, one solution": [small(rng) for _ in range(count)],
        "4x4, several": [opened(small(rng), 2, rng) for _ in range(count)],
        "9x9, 30 givens": [nine(30, rng) for _ in range(count)],
    }
    for kind, made in kinds.items():
        for constraint in ("none", "shape", "rules"):
            yield rate(kind, "bundled model", constraint, model, made, batch)
            with uniform(model):
                yield rate(kind, "uniform", constraint, model, made, batch)


def batch_ms(rng: Random, count: int = 64, repeats: int = 10) -> float:
    """Milliseconds to propagate the singles of `count` puzzles together."""
    made = [Sudoku(nine(30, rng).givens) for _ in range(count)]
    rules, domains = [Rules(each.problem) for each in made], [each.domains_given for each in made]
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        singles(rules, domains, torch.device("cpu"))
        found.append(time.process_time() - begun)
    return 1000 * min(found)


def table_of_scores(rows: Sequence[Score]) -> Table:
    table = Table("puzzles", "model", "count", "solved", "one solution", "passes", "worst", "ms", "propagation")
    for title in ("search", "cells by propagation", "by search", "by the model"):
        table.add_column(title)
    for row in rows:
        table.add_row(
            row.kind,
            row.model,
            f"{row.count:,}",
            f"{row.solved / row.count:.1%}",
            f"{row.unique / row.count:.1%}",
            f"{row.median_passes:g}",
            str(row.worst_passes),
            f"{row.ms:.1f}",
            f"{row.propagation_ms:.1f}",
            f"{row.search_ms:.1f}",
            f"{row.by_propagation:.0%}",
            f"{row.by_search:.0%}",
            f"{row.by_model:.0%}",
        )
    return table


def table_of_rates(rows: Sequence[Rate]) -> Table:
    table = Table("puzzles", "constraint", "logits", "count", "a grid at all", "solved", "mean passes")
    for row in rows:
        table.add_row(
            row.kind,
            row.constraint,
            row.logits,
            f"{row.count:,}",
            f"{row.shaped / row.count:.1%}",
            f"{row.solved / row.count:.1%}",
            f"{row.mean_passes:.2f}",
        )
    return table


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    nine_count: Annotated[int, typer.Option("--nine", help="Puzzles of 9x9.")] = 1000,
    large_count: Annotated[int, typer.Option("--large", help="Puzzles of 16x16.")] = 100,
    variants: Annotated[int, typer.Option(help="Puzzles of each variant.")] = 200,
    open_count: Annotated[int, typer.Option("--open", help="Puzzles of 9x9 with several solutions.")] = 100,
    rate_count: Annotated[int, typer.Option("--rates", help="Puzzles of each kind in the second table.")] = 200,
    batch: Annotated[int, typer.Option(help="Puzzles decoded together.")] = 50,
    seed: Annotated[int, typer.Option(help="Determines the puzzles.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
) -> None:
    """Puzzles, solved."""
    torch.set_num_threads(threads)
    bundled = load()
    models = {"random": adversary(bundled.tokenizer), "bundled": bundled}
    sizes = {"9x9": nine_count, "16x16": large_count} | dict.fromkeys(VARIANTS, variants) | {"9x9 open": open_count}
    sizes = {kind: count for kind, count in sizes.items() if count}
    for model in models.values():  # what is loaded and compiled once is no cost of a puzzle
        decode(model, [small(Random(0))], 1)
    runs = (
        score(kind, name, model, made, batch) for kind, made in puzzles(sizes, seed) for name, model in models.items()
    )
    console = Console(stderr=True)
    scores = list(track(runs, "puzzles", len(sizes) * 2, console=console, transient=True, disable=as_json))
    found = rates(bundled, rate_count, batch, seed) if rate_count else iter(())
    shares = list(track(found, "rates", 18, console=console, transient=True, disable=as_json))
    together = batch_ms(Random(f"{seed} batch"))
    figures = {"scores": list(map(asdict, scores)), "rates": list(map(asdict, shares)), "batch_ms": together}
    if as_json:
        print(json.dumps(figures))
        return
    out = Console(width=None if sys.stdout.isatty() else 160)
    out.print(table_of_scores(scores))
    out.print(table_of_rates(shares))
    out.print(f"64 puzzles of 9x9 propagated together: {together:.1f} ms")


if __name__ == "__main__":
    typer.run(main)
