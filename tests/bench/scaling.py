"""What the sequential half of a pass costs, by states, positions and rows.

    python tests/bench/scaling.py [--json] [--threads 1] [--repeats 3] [--cpu]

One pass is the backward sums and maxima, the marginals, the best path and a draw, in float64 (`kernels/chain.py`) over
random automata with 10 class edges per state (`automata.py`): 200,000 edges for 20,000 states. Scores are normal, the
tail's like all others, with a standard deviation of 3 nats, and of 150, where the sums of a layer no longer have
exponentials within the range of float64. Times are the best of some repeats; `exponent` is the slope of log time over
log size, over all sizes and over the three largest, where what each position costs by itself counts less.

Every time stands behind a check, and none is shown where that fails: float32 with offsets, which is what the GPU kernel
does (`kernels/sweeps.py`), step by step and by scatters, has to find log Z within 1e-3, and the same best path wherever
that is better than all others by more than 1e-3; the marginals of each position have to add up to 1. The exit status
is then 1.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.engine.tables import join
from constrain.kernels.chain import Graph, backward, flow, log_sum_by, walk
from constrain.lattice import Lattice
from tests.bench.automata import random_automaton

__all__ = ["Pass", "Size", "agreement", "chain_pass", "main", "problem", "single_precision"]

SPREADS = (3.0, 150.0)  # nats
TOLERANCE = 1e-3  # nats
STATES, LENGTHS, ROWS = (64, 256, 512, 2_048, 8_192, 20_000), (64, 128, 256, 512, 1_024), (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Size:
    """`rows` canvases of `length` positions of one automaton."""

    states: int
    length: int = 256
    rows: int = 1


@dataclass(frozen=True, eq=False)
class Pass:
    """What one pass finds: `log_z` and the best path's `weight`, `[B]`, columns of paths `[B, L]`, `marginals`."""

    log_z: Tensor
    weight: Tensor
    best: Tensor
    drawn: Tensor
    marginals: Tensor
    highest: Tensor


def problem(size: Size, spread: float) -> tuple[Graph, Tensor, Tensor, Tensor]:
    """A batch's graph, the row of each state, and scores and peaks of the columns, float64 `[L, C]`."""
    automaton = random_automaton(size.states)
    graph, state_row = join([Lattice(automaton, 0, size.length, size.length)] * size.rows, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    shape = (size.length, size.rows * automaton.classes)
    scores = spread * (torch.randn(shape, dtype=torch.float64, generator=generator) - 4.0)
    return graph, state_row, scores, scores - torch.rand(scores.shape, dtype=torch.float64, generator=generator)


def chain_pass(graph: Graph, scores: Tensor, peaks: Tensor) -> Pass:
    beta, highest = backward(graph, scores), backward(graph, peaks, maximum=True)
    drawn = walk(graph, scores, beta, torch.Generator().manual_seed(0))
    log_z, weight = beta[0, graph.start], highest[0, graph.start]
    return Pass(log_z, weight, walk(graph, peaks, highest), drawn, flow(graph, scores, beta), highest)


def single_precision(graph: Graph, state_row: Tensor, scores: Tensor, *, maximum: bool) -> tuple[Tensor, Tensor]:
    """Sums or maxima at the starts, float64 `[B]`, and all of them but for offsets by row, float32 `[L + 1, Q]`.

    Values of a layer are relative to the largest of their row in the layer before; only these offsets are added up
    in float64.
    """
    scores, rows = scores.float(), len(graph.start)
    values = torch.zeros(graph.alive.shape).masked_fill_(~graph.alive, -torch.inf)
    offset, shift = torch.zeros(rows, dtype=torch.float64), torch.zeros(rows)
    for i in reversed(range(graph.length)):
        weight = scores[i, graph.column] - shift[state_row[graph.source]] + values[i + 1, graph.target]
        values[i] += log_sum_by(graph.source, weight, values.shape[1], maximum=maximum)
        offset += shift
        shift = torch.full_like(shift, -torch.inf).scatter_reduce_(0, state_row, values[i], "amax")
    return values[0, graph.start] + offset, values


def margins(graph: Graph, peaks: Tensor, highest: Tensor) -> Tensor:
    """How much better the best paths are than all others, float64 `[B]`: by the closest of the choices on their way.

    `highest` are the maxima of `backward`.
    """
    out = torch.full(graph.start.shape, torch.inf, dtype=torch.float64)
    for row, state in enumerate(graph.start.tolist()):
        for i in range(graph.length):
            begin, end = graph.leaving[state : state + 2].tolist()
            choices = peaks[i, graph.column[begin:end]] + highest[i + 1, graph.target[begin:end]]
            if end - begin > 1:
                first, second = choices.topk(2).values
                out[row] = torch.minimum(out[row], first - second)
            state = int(graph.target[begin + int(choices.argmax())])
    return out


def agreement(graph: Graph, state_row: Tensor, scores: Tensor, peaks: Tensor, found: Pass) -> dict[str, Any]:
    """How far float32 is from `found`, and whether all is as it should be."""
    log_z, _ = single_precision(graph, state_row, scores, maximum=False)
    weight, values = single_precision(graph, state_row, peaks, maximum=True)
    best = walk(graph, peaks, values.double())
    clear = margins(graph, peaks, found.highest) > TOLERANCE
    same = (best == found.best).all(1)
    mass = torch.zeros((graph.length, len(graph.start)), dtype=torch.float64)
    column_row = torch.arange(scores.shape[1]) // (scores.shape[1] // len(graph.start))
    mass.index_add_(1, column_row, found.marginals)
    difference = max((log_z - found.log_z).abs().max().item(), (weight - found.weight).abs().max().item())
    total = (mass - 1.0).abs().max().item()
    right = difference <= TOLERANCE and bool(same[clear].all()) and total <= 1e-9
    return {"log_z": difference, "clear": int(clear.sum()), "same": int(same.sum()), "mass": total, "right": right}


def measure(size: Size, spread: float, repeats: int, clock: Callable[[], float]) -> dict[str, Any]:
    """Seconds of the best pass, None where the check fails, after one that is not timed."""
    graph, state_row, scores, peaks = problem(size, spread)
    checked = agreement(graph, state_row, scores, peaks, chain_pass(graph, scores, peaks))
    times = []
    for _ in range(repeats if checked["right"] else 0):
        begin = clock()
        chain_pass(graph, scores, peaks)
        times.append(clock() - begin)
    edges = len(graph.source) - size.rows * (1 + (size.states + 49) // 50)  # but the ends of turn and the tails
    return {**vars(size), "edges": edges, "spread": spread, "seconds": min(times, default=None), **checked}


def exponent(rows: list[dict[str, Any]], key: str) -> float | None:
    """The slope of log seconds over log size; None where a time is missing."""
    seconds = [row["seconds"] for row in rows]
    if len(rows) < 2 or None in seconds:
        return None
    return float(np.polyfit(np.log([row[key] for row in rows]), np.log(seconds), 1)[0])


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    repeats: Annotated[int, typer.Option(help="Passes timed of each size.")] = 3,
    cpu: Annotated[bool, typer.Option("--cpu", help="Count processor time, for a machine that is busy.")] = False,
    largest: Annotated[int, typer.Option(help="Leave out what has more states, rows and positions.")] = 1 << 30,
) -> None:
    """The time of sums over paths by the size of what they go over."""
    torch.set_num_threads(threads)
    clock = time.process_time if cpu else time.perf_counter
    sizes = {
        "edges": [Size(states) for states in STATES],
        "length": [Size(512, length=length) for length in LENGTHS],
        "rows": [Size(512, rows=rows) for rows in ROWS],
    }
    tables: dict[str, list[dict[str, Any]]] = {}
    for key, wanted in sizes.items():
        kept = [size for size in wanted if size.states * size.length * size.rows <= largest]
        tables[key] = [measure(size, spread, repeats, clock) for spread in SPREADS for size in kept]
    slopes = {
        key: {
            f"{spread:g}": {"all": exponent(own, key), "largest": exponent(own[-3:], key)}
            for spread in SPREADS
            if (own := [row for row in rows if row["spread"] == spread])
        }
        for key, rows in tables.items()
    }
    right = all(row["right"] for rows in tables.values() for row in rows)
    if as_json:
        print(json.dumps({"threads": threads, "right": right, "exponents": slopes, "tables": tables}))
    else:
        show(tables, slopes)
    raise typer.Exit(0 if right else 1)


def show(tables: dict[str, list[dict[str, Any]]], slopes: dict[str, dict[str, dict[str, float | None]]]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 130)
    for key, rows in tables.items():
        table = Table("spread", "states", "edges", "positions", "rows", "seconds", "float32 off by", "same best path")
        for row in rows:
            seconds = "wrong" if row["seconds"] is None else f"{row['seconds']:.4f}"
            counts = (f"{row[name]:,}" for name in ("states", "edges", "length", "rows"))
            same = f"{row['same']} of {row['rows']}, {row['clear']} clear"
            table.add_row(f"{row['spread']:g}", *counts, seconds, f"{row['log_z']:.1e}", same)
        console.print(table)
        for spread, own in slopes[key].items():
            shown = ("?" if slope is None else f"{slope:.2f}" for slope in own.values())
            console.print("time over {}, spread {}: exponent {}, the three largest {}".format(key, spread, *shown))


if __name__ == "__main__":
    typer.run(main)
