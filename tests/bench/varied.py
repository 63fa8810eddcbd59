"""Compile times over many schemas as applications write them, ours beside others'.

The schemas: `tests/cases/function_calls.jsonl`, and `tests/cases/varied_schemas.jsonl`, of which 120 are records of a
few dozen kinds of members, put together at random, and 50 come from the random generator of the tests.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.table import Table

from constrain.vocabulary import Vocabulary
from tests.bench.compilers import COLD, COMPILERS, WARM, RefusedError, clear_caches
from tests.bench.worker import LostError, Worker

__all__ = ["compare", "show_comparison", "varied_schemas"]

CASES = Path(__file__).parents[1] / "cases"
REFUSED, CRASHED = "refused", "crashed"


def varied_schemas() -> list[Any]:
    calls = (CASES / "function_calls.jsonl").read_text(encoding="utf-8").splitlines()
    others = (CASES / "varied_schemas.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["schema"] for line in calls] + [json.loads(line) for line in others]


def timer(side: str, vocabulary: Vocabulary) -> Callable[[Any], Any]:
    """Answers a schema with the seconds of a first and (cold) of a second compilation, or that it is refused."""
    compile = COMPILERS[side](vocabulary)

    def run(schema: Any) -> Any:
        if side != WARM:
            clear_caches(constants=side == COLD)
        clock = [time.perf_counter()]
        try:
            for _ in range(2 if side == "constrain" else 1):
                kept = compile(schema)
                clock.append(time.perf_counter())
                assert kept is not None
        except RefusedError as error:
            return REFUSED, str(error)
        return [end - begin for begin, end in pairwise(clock)]

    return run


def compare(
    schemas: Iterable[Any], vocabulary: Vocabulary, sides: Iterable[str], patience: float
) -> dict[str, dict[str, Any]]:
    """Per side, what became of each schema, in the order given; sides take turns, each in a process of its own."""
    workers = {side: Worker(partial(timer, side, vocabulary)) for side in sides}
    answers: dict[str, list[Any]] = {side: [] for side in workers}
    for schema in schemas:
        for side, worker in workers.items():
            try:
                answers[side].append(worker.ask(schema, patience))
            except LostError:
                answers[side].append([patience])
            except RuntimeError as error:  # neither compiled nor refused by name: that must not pass for either
                answers[side].append((CRASHED, str(error)))
    for worker in workers.values():
        worker.stop()
    return {side: summary(found, patience) for side, found in answers.items()}


def summary(answers: list[Any], patience: float) -> dict[str, Any]:
    """Percentiles of the seconds; a compilation that was stopped counts as taking all the time it was given."""
    failed = {kind: [answer[1] for answer in answers if answer[0] == kind] for kind in (REFUSED, CRASHED)}
    times = [answer for answer in answers if answer[0] not in failed]
    first, second = [each[0] for each in times], [each[1] for each in times if len(each) > 1]
    out: dict[str, Any] = {
        "schemas": len(answers),
        **{kind: len(messages) for kind, messages in failed.items()},
        "stopped": sum(seconds >= patience for seconds in first),
        "first": percentiles(first),
        "reasons": sorted({message.split("\n")[0] for messages in failed.values() for message in messages}),
        "seconds": [None if answer[0] in failed else answer[0] for answer in answers],
    }
    return out | ({"second": percentiles(second)} if second else {})


def percentiles(seconds: list[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "max": max(seconds)}


def show_comparison(result: dict[str, dict[str, Any]], patience: float) -> Table:
    count = next(iter(result.values()))["schemas"]
    table = Table(
        "", "refused", "crashed", f"over {patience:g} s", *("p50", "p90", "p99", "max"), title=f"{count} varied schemas"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for side, row in result.items():
        shares = [f"{row[key] / row['schemas']:.1%}" for key in (REFUSED, CRASHED, "stopped")]
        for key, label, cells in (("first", side, shares), ("second", f"{side}, the same again", ["", "", ""])):
            if row.get(key):
                table.add_row(label, *cells, *(f"{seconds * 1e3:,.1f} ms" for seconds in row[key].values()))
    return table
