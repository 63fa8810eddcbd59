"""What it takes to compile the shipped grammars for a vocabulary of 131,072 tokens, at the depth that they choose.

    python tests/bench/grammars.py [--json] [--only sql,json] [--repeats 3]

Each run has a process of its own (Linux; forked when the vocabulary's tables and the reader of Lark's language are
built, which any grammar shares) and goes from the text of the grammar to the token automaton. *Depth* is how often
rules may lie within each other, nothing where no bound is needed. Seconds are of the processor and the best of the runs
(since others' load can only add to them), *bytes* those until the byte automaton; memory is the growth of the resident
set, the most of the runs. The goal is 5 s and 1 GiB.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.constraint import compile
from constrain.grammar import Grammar
from constrain.lark_reader import shipped
from constrain.vocabulary import Vocabulary
from tests.bench.memory import peak_memory
from tests.bench.schemas import resized
from tests.bench.worker import LostError, Worker
from tests.tokenizers import tekken_path

__all__ = ["main"]

SECONDS, MEBIBYTES = 5.0, 1024.0
TERMINALS = "common"  # a shipped grammar of terminals alone, without a start


def examine(name: str, vocabulary: Vocabulary) -> dict[str, Any]:
    """What compiling the grammar took, and how large it became."""
    clock = [time.process_time()]

    def work() -> Any:
        grammar = Grammar.named(name)
        assert grammar.automaton.states > 0
        clock.append(time.process_time())
        constraint = compile(grammar, vocabulary)
        assert constraint.shortest >= 0
        clock.append(time.process_time())
        return grammar, constraint.tokens

    begin = time.perf_counter()
    (grammar, tokens), peak = peak_memory(work)
    return {
        "depth": grammar.max_depth,
        "states": tokens.done,
        "classes": tokens.classes,
        "class edges": tokens.edges,
        "bytes": clock[1] - clock[0],
        "seconds": clock[2] - clock[0],
        "wall": time.perf_counter() - begin,
        "peak MiB": peak,
    }


def in_own_processes(name: str, vocabulary: Vocabulary, repeats: int, patience: float) -> dict[str, Any]:
    """The best of several runs of `examine`, each in a process that is stopped after `patience` seconds."""
    runs: list[dict[str, Any]] = []
    for _ in range(repeats):
        with Worker(lambda: lambda _: examine(name, vocabulary)) as worker:
            try:
                runs.append(worker.ask(None, patience))
            except (LostError, RuntimeError) as error:
                return {"failed": str(error)}
    best = min(runs, key=lambda run: float(run["seconds"]))
    return best | {"peak MiB": max(run["peak MiB"] for run in runs)}


def is_within(row: dict[str, Any]) -> bool:
    return "failed" not in row and row["seconds"] <= SECONDS and row["peak MiB"] <= MEBIBYTES


def show(rows: dict[str, dict[str, Any]], size: int) -> Table:
    forms = {"depth": "", "states": ",", "classes": ",", "class edges": ",", "bytes": ".2f", "seconds": ".2f"}
    forms |= {"wall": ".2f", "peak MiB": ",.0f"}
    table = Table("grammar", *forms, title=f"{size:,} ids")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        if "failed" in row:
            table.add_row(name, row["failed"], style="red")
            continue
        cells = ["" if row[key] is None else format(row[key], form) for key, form in forms.items()]
        table.add_row(name, *cells, style="" if is_within(row) else "yellow")
    within = sum(map(is_within, rows.values()))
    table.caption = f"{within} of {len(rows)} within {SECONDS:g} s and {MEBIBYTES:,.0f} MiB"
    return table


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    only: Annotated[str, typer.Option(help="Names, separated by commas.")] = "",
    repeats: Annotated[int, typer.Option(help="Compilations of each.")] = 3,
    size: Annotated[int, typer.Option(help="Ids of the vocabulary.")] = 131_072,
    patience: Annotated[float, typer.Option(help="Seconds after which a process is stopped.")] = 120.0,
) -> None:
    """Depth, size, time and memory of the grammars that ship with the package."""
    vocabulary = resized(Vocabulary.from_tekken(tekken_path()), size)
    warm = compile(Grammar('start: "a"'), vocabulary)  # builds all that depends on no grammar
    assert warm.shortest >= 0
    names = only.split(",") if only else [name for name in shipped() if name != TERMINALS]
    console = Console(stderr=True)
    progress = track(names, "Compiling", console=console, disable=not console.is_terminal, transient=True)
    rows = {name: in_own_processes(name, vocabulary, repeats, patience) for name in progress}
    if as_json:
        print(json.dumps({"grammars": rows, "within": sum(map(is_within, rows.values())), "of": len(rows)}))
        return
    Console(width=None if sys.stdout.isatty() else 100).print(show(rows, size))


if __name__ == "__main__":
    typer.run(main)
