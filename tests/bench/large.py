"""What it takes to compile large and real-looking schemas for a vocabulary of 131,072 ids, and whether it is right.

    python tests/bench/large.py [--json] [--only webhook,...] [--kind realistic]

Each schema of `corpus` is compiled in a process of its own (Linux; forked when the vocabulary's tables are built, which
every schema shares), from the schema to the token automaton: seconds, and the most memory that the whole process held.
Its valid documents, and changed ones, are then judged by `jsonschema` and by the spec: *wrong* are false accepts and
false rejects. The goal is 97% within 10 s and 2 GB, and nothing wrong.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.constraint import compile
from constrain.errors import ConstrainError
from constrain.specs import JsonSchema
from constrain.vocabulary import Vocabulary
from tests.bench.corpus import Entry, corpus
from tests.bench.memory import peak_of_process
from tests.bench.schemas import resized
from tests.bench.worker import LostError, Worker
from tests.constrain.json_judge import verdict_of
from tests.suite.verdicts import Verdict, judge_instance
from tests.tokenizers import tekken_path

__all__ = ["main"]

SECONDS, GIBIBYTES = 10.0, 2.0


def examine(entry: Entry, vocabulary: Vocabulary) -> dict[str, Any]:
    """What compiling the entry took, what came of it, and where it and `jsonschema` disagree."""
    begin, busy = time.perf_counter(), time.process_time()
    try:
        spec = JsonSchema(entry.schema, documents=entry.documents)
        constraint = compile(spec, vocabulary)
        assert constraint.shortest >= 0
    except ConstrainError as error:
        return {"seconds": time.perf_counter() - begin, "refused": f"{type(error).__name__}: {error}"}
    found: dict[str, Any] = {
        "seconds": time.perf_counter() - begin,
        "cpu": time.process_time() - busy,
        "GiB": peak_of_process() / 2**30,
        "states": constraint.tokens.done,
        "classes": constraint.tokens.classes,
        "bounded": list(spec.bounded),
        "residual": spec.residual,
    }
    is_valid = verdict_of(entry.schema, documents=entry.documents)
    begin = time.perf_counter()
    candidates = [(document, is_valid(document)) for document in entry.candidates()]
    wrong = []
    for document, valid in candidates:
        verdict, text, message = judge_instance(spec, document, valid)
        if verdict is not Verdict.RIGHT:
            wrong.append({"verdict": verdict, "document": document, "text": text, "message": message})
    found["documents"] = {"valid": sum(valid for _, valid in candidates), "of": len(candidates), "wrong": wrong}
    found["judging"] = time.perf_counter() - begin
    return found


def in_own_process(entry: Entry, vocabulary: Vocabulary, patience: float) -> dict[str, Any]:
    """`examine` in a process that is stopped when it takes longer than `patience` seconds."""
    with Worker(lambda: lambda _: examine(entry, vocabulary)) as worker:
        try:
            result: dict[str, Any] = worker.ask(None, patience)
        except (LostError, RuntimeError) as error:
            result = {"crashed": str(error)}
    return result


def is_within(row: dict[str, Any]) -> bool:
    return "states" in row and row["seconds"] <= SECONDS and row["GiB"] <= GIBIBYTES


def show(rows: dict[str, dict[str, Any]]) -> Iterable[Table | str]:
    table = Table("schema", "kind", "seconds", "of CPU", "GiB", "states", "classes", "documents", "wrong", "notes")
    for column in table.columns[2:9]:
        column.justify = "right"
    for name, row in rows.items():
        if "states" not in row:
            table.add_row(name, row["kind"], *[""] * 7, row.get("refused") or row["crashed"], style="red")
            continue
        documents, notes = row["documents"], ["residual"] * row["residual"] + row["bounded"]
        figures = [f"{row[key]:.2f}" for key in ("seconds", "cpu", "GiB")]
        figures += [f"{row[key]:,}" for key in ("states", "classes")]
        judged = [f"{documents['valid']} of {documents['of']} valid", str(len(documents["wrong"]) or "")]
        table.add_row(name, row["kind"], *figures, *judged, "; ".join(notes), style="" if is_within(row) else "yellow")
    yield table
    for name, row in rows.items():
        for wrong in row.get("documents", {}).get("wrong", ()):
            yield f"{name}: {wrong['verdict']}: {wrong['text']}\n  {wrong['message']}"
    within = sum(map(is_within, rows.values()))
    yield f"{within} of {len(rows)} ({within / len(rows):.1%}) within {SECONDS:g} s and {GIBIBYTES:g} GiB"


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    only: Annotated[str, typer.Option(help="Names, separated by commas.")] = "",
    kind: Annotated[str, typer.Option(help="`large`, `realistic` or `function call`.")] = "",
    size: Annotated[int, typer.Option(help="Ids of the vocabulary.")] = 131_072,
    patience: Annotated[float, typer.Option(help="Seconds after which a process is stopped.")] = 120.0,
) -> None:
    """Time, memory and agreement with jsonschema, over a corpus of large schemas."""
    vocabulary = resized(Vocabulary.from_tekken(tekken_path()), size)
    warm = compile({"type": "null"}, vocabulary)  # builds the tables that depend on the vocabulary alone
    assert warm.shortest >= 0
    chosen = [
        entry
        for entry in corpus().values()
        if (not only or entry.name in only.split(",")) and (not kind or entry.kind == kind)
    ]
    console = Console(stderr=True)
    progress = track(chosen, "Compiling", console=console, disable=not console.is_terminal, transient=True)
    rows = {entry.name: {"kind": entry.kind, **in_own_process(entry, vocabulary, patience)} for entry in progress}
    if as_json:
        print(json.dumps({"schemas": rows, "within": sum(map(is_within, rows.values())), "of": len(rows)}))
        return
    output = Console(width=None if sys.stdout.isatty() else 180)
    for part in show(rows):
        output.print(part, highlight=False, markup=False) if isinstance(part, str) else output.print(part)


if __name__ == "__main__":
    typer.run(main)
