"""How often the bundled model writes the right object, with and without a constraint, at several budgets of passes.

    python tests/bench/accuracy.py [--json] [--model DIR] [--count 300]

Two splits of prompts with names and values that training never used: `test` in sentence patterns that it did use,
`hard` in patterns that it did not (`tests.engine.first_tasks`). An answer counts as valid when pydantic reads it as the
type asked for, without conversions, and as correct when it then equals the target, fields that are null left out. Both
sides see the same prompts in the same batches with the same seed, and each stops early by its default rule. Intervals
are Wilson's, at 95%.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.engine.model import Model, load
from constrain.engine.result import Result
from tests.engine.first_tasks import Example, Split, examples

__all__ = ["Score", "main", "wilson"]

SPLITS: tuple[Split, ...] = ("test", "hard")


@dataclass(frozen=True)
class Score:
    """What one side achieved on one split with so many passes per canvas."""

    split: str
    budget: int
    constrained: bool
    count: int
    correct: int
    valid: int
    mean_passes: float
    seconds: float

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.correct, self.count)


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of shares that `hits` of `count` are compatible with (Wilson 1927)."""
    share, weight = hits / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / count + weight / (4 * count))
    return middle - half, middle + half


def judge(example: Example, result: Result) -> tuple[bool, bool]:
    """Whether the answer is valid, and whether it is correct."""
    try:
        value = example.type.model_validate_json(result.text, strict=True)
    except ValidationError:
        return False, False
    return True, value.model_dump(exclude_none=True) == example.target


def evaluate(
    model: Model, split: Split, tasks: Sequence[Example], budget: int, batch: int, *, constrained: bool
) -> Score:
    begin = time.perf_counter()
    results: list[Result] = []
    for start in range(0, len(tasks), batch):
        part = tasks[start : start + batch]
        specs = [task.type if constrained else None for task in part]
        results += model.generate([task.prompt for task in part], specs, max_passes=budget, seed=start)
    verdicts = [judge(task, result) for task, result in zip(tasks, results, strict=True)]
    return Score(
        split=split,
        budget=budget,
        constrained=constrained,
        count=len(tasks),
        correct=sum(correct for _, correct in verdicts),
        valid=sum(valid for valid, _ in verdicts),
        mean_passes=sum(result.passes for result in results) / len(results),
        seconds=time.perf_counter() - begin,
    )


def scores(model: Model, count: int, budgets: Sequence[int], batch: int) -> Iterator[Score]:
    for split in SPLITS:
        tasks = examples(split, count, seed=1)
        for budget in budgets:
            for constrained in (True, False):
                yield evaluate(model, split, tasks, budget, batch, constrained=constrained)


def table_of(rows: Sequence[Score]) -> Table:
    table = Table("split", "passes", "constrained", "correct", "95% interval", "valid", "mean passes")
    table.title = f"{rows[0].count} prompts per split"
    for row in rows:
        low, high = row.interval
        table.add_row(
            row.split,
            str(row.budget),
            "yes" if row.constrained else "no",
            f"{row.correct / row.count:.1%}",
            f"{low:.1%} - {high:.1%}",
            f"{row.valid / row.count:.1%}",
            f"{row.mean_passes:.2f}",
            end_section=not row.constrained,
        )
    return table


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    model: Annotated[str | None, typer.Option(help="Checkpoint directory; the bundled one by default.")] = None,
    count: Annotated[int, typer.Option(help="Prompts per split.")] = 300,
    budgets: Annotated[str, typer.Option(help="Passes allowed, separated by commas.")] = "1,2,4,8",
    batch: Annotated[int, typer.Option(help="Prompts decoded together.")] = 50,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
) -> None:
    """Accuracy with and without a constraint, side by side."""
    torch.set_num_threads(threads)
    passes = [int(part) for part in budgets.split(",")]
    console = Console(stderr=True)
    runs = scores(load(model), count, passes, batch)
    total = 2 * len(SPLITS) * len(passes)
    rows = list(track(runs, "decoding", total=total, console=console, transient=True, disable=as_json))
    if as_json:
        print(json.dumps({"model": model, "scores": [asdict(row) | {"interval": row.interval} for row in rows]}))
        return
    Console().print(table_of(rows))


if __name__ == "__main__":
    typer.run(main)
