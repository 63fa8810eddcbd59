"""What it takes to compile a JSON schema for a real vocabulary of 131,072 ids, beside `outlines-core`. Larger ones have
made-up tokens behind the real ones (`schemas.resized`).

    python tests/bench/compile.py [--size 262144] [--json] [--repeats 3] [--varied 213] [--sides constrain,llguidance]

**A few schemas** (`schemas.SCHEMAS`); both sides in one process, by turns, medians. Ours goes from the schema to
everything decoding starts from: the byte automaton, its lift to token classes, distances and links. The other goes from
the schema to a regular expression and an `Index` of it. What depends on the vocabulary alone is built before and shown
apart (our tries, built and then loaded by a vocabulary that is new but equal; their `Vocabulary`), and our caches are
cleared before every run. Peak memory is the growth of the resident set while compiling, each in a process of its own
(Linux only).

Speed means little if something else is computed, so both are also asked for their verdict on some documents, with
`jsonschema` as the judge. (Version 0.2.14 of `outlines-core` takes no notice of `minimum` and `maximum`, admits the
29th of February in any year, and refuses time zones, `\\u` escapes and white space other than single spaces.)

**Many schemas** (`varied.varied_schemas`): percentiles of the time and the share refused, for `outlines-core` and
`llguidance` as well. Ours four times: cold, where everything that any schema said is forgotten; the same schema again;
"from nothing", where what depends on no schema is forgotten too and has to be built when it is needed (the automata of
formats, of any JSON value, string and integer, and tables of Unicode); and in a process that has compiled the schemas
before it. Tables that depend on the vocabulary alone are kept, on all sides.
`llguidance` builds its automata lazily, while decoding: its times are for the grammar and the first token's mask, ours
for everything.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from unittest import mock

import numpy as np
import typer
from outlines_core import Index  # type: ignore[import-untyped]  # it ships no types
from outlines_core.json_schema import build_regex_from_schema  # type: ignore[import-untyped]
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.expression import compile_expression, literal
from constrain.specs import JsonSchema
from constrain.table_cache import FOLDER_VARIABLE
from constrain.token_automaton import TokenAutomaton, lift
from constrain.vocabulary import Vocabulary
from tests.bench.compilers import COMPILERS, clear_caches, outlines_vocabulary
from tests.bench.memory import peak_memory
from tests.bench.schemas import DOCUMENTS, SCHEMAS, resized
from tests.bench.varied import compare, show_comparison, varied_schemas
from tests.tokenizers import tekken_path

__all__ = ["main"]

SIDES = ("constrain", "outlines-core")


def compile_ours(schema: dict[str, Any], vocabulary: Vocabulary) -> tuple[TokenAutomaton, dict[str, float]]:
    """The token automaton, and the seconds that its parts took."""
    clock = [time.perf_counter()]
    automaton = JsonSchema(schema).automaton
    clock.append(time.perf_counter())
    tokens = lift(automaton, vocabulary)
    clock.append(time.perf_counter())
    assert tokens.distance[0] >= 0
    clock.append(time.perf_counter())
    return tokens, dict(zip(("bytes", "lift", "distances"), np.diff(clock).tolist(), strict=True))


def compile_theirs(schema: dict[str, Any], vocabulary: Any) -> Any:
    return Index(build_regex_from_schema(json.dumps(schema)), vocabulary)


def timings(schema: dict[str, Any], vocabulary: Vocabulary, other: Any, repeats: int) -> dict[str, Any]:
    """Median seconds of both sides."""
    ours: list[dict[str, float]] = []
    theirs: list[float] = []
    for _ in range(repeats):
        clear_caches()
        ours.append(compile_ours(schema, vocabulary)[1])
        begin = time.perf_counter()
        compile_theirs(schema, other)
        theirs.append(time.perf_counter() - begin)
    total = statistics.median(sum(parts.values()) for parts in ours)
    parts = {part: statistics.median(run[part] for run in ours) for part in ours[0]}
    other_total = statistics.median(theirs)
    sides = {"constrain": {"total": total, **parts}, "outlines-core": {"total": other_total}}
    return {**sides, "ratio": total / other_total}


def size_of(side: str, schema: str, size: int) -> dict[str, float]:
    """States, edges and peak memory in MiB of one compilation; asks for a process of its own."""
    vocabulary = vocabulary_of(size)
    if side == "constrain":
        lift(compile_expression(literal(b"null")), vocabulary)  # what depends on the vocabulary alone
        tokens, peak = peak_memory(lambda: compile_ours(SCHEMAS[schema], vocabulary)[0])
        width = np.diff(tokens.offsets)[tokens.label]
        return {
            "states": tokens.done,
            "classes": tokens.classes,
            "class edges": len(tokens.source),
            "token edges": int(width.sum()),
            "peak MiB": peak,
        }
    other = outlines_vocabulary(vocabulary)
    index, peak = peak_memory(lambda: compile_theirs(SCHEMAS[schema], other))
    transitions = index.get_transitions()
    return {"states": len(transitions), "token edges": sum(map(len, transitions.values())), "peak MiB": peak}


def verdicts(schema: str) -> dict[str, int]:
    """How many of the documents each side judges as `jsonschema` does."""
    import jsonschema  # type: ignore[import-untyped]  # here, because it takes a second that probes can do without

    check = jsonschema.Draft202012Validator(SCHEMAS[schema], format_checker=jsonschema.FormatChecker())
    truth = [check.is_valid(json.loads(text)) for text in DOCUMENTS[schema]]
    pattern = re.compile(build_regex_from_schema(json.dumps(SCHEMAS[schema])))
    spec = JsonSchema(SCHEMAS[schema])
    ours = [spec.accepts(text) for text in DOCUMENTS[schema]]
    theirs = [pattern.fullmatch(text) is not None for text in DOCUMENTS[schema]]
    right = {
        side: sum(a == b for a, b in zip(truth, given, strict=True))
        for side, given in zip(SIDES, (ours, theirs), strict=True)
    }
    return {**right, "of": len(truth)}


@cache
def vocabulary_of(size: int) -> Vocabulary:
    return resized(Vocabulary.from_tekken(tekken_path()), size)


def tables(vocabulary: Vocabulary, repeats: int) -> dict[str, float]:
    """Median seconds until a vocabulary knows its fingerprint, both its tries and all that hangs on them: where they
    have to be built and written to files, and where files have them.
    """
    seconds: dict[str, list[float]] = {"built": [], "loaded": []}
    for _ in range(repeats):
        with TemporaryDirectory() as folder, mock.patch.dict(os.environ, {FOLDER_VARIABLE: folder}):
            for known in seconds.values():
                fresh = Vocabulary(vocabulary.tokens, vocabulary.end_of_turn, vocabulary.size)
                begin = time.perf_counter()
                for trie in (fresh.trie, fresh.letter_trie):
                    assert len(trie.packed.ahead) == trie.nodes + 1
                known.append(time.perf_counter() - begin)
    return {key: statistics.median(values) for key, values in seconds.items()}


def measure(schemas: list[str], size: int, repeats: int) -> dict[str, Any]:
    compile_ours({"type": "null"}, Vocabulary([b"null", None], [1]))  # what is imported on first use
    vocabulary = vocabulary_of(size)
    once = tables(vocabulary, repeats)
    lift(compile_expression(literal(b"null")), vocabulary)  # builds its own tables
    begin = time.perf_counter()
    other = outlines_vocabulary(vocabulary)
    theirs = {"built": time.perf_counter() - begin}
    out: dict[str, Any] = {"vocabulary": {"size": size, "constrain": once, "outlines-core": theirs}, "schemas": {}}
    for name in schemas:
        row = timings(SCHEMAS[name], vocabulary, other, repeats)
        for side in SIDES:
            probe = [sys.executable, __file__, "--probe", side, "--schemas", name, "--size", str(size)]
            row[side] |= json.loads(subprocess.run(probe, check=True, capture_output=True, text=True).stdout)
        out["schemas"][name] = row | {"verdicts": verdicts(name)}
    return out


def show(result: dict[str, Any]) -> Table:
    fields = {
        "seconds": ("total", ".3f"),
        "  byte automaton": ("bytes", ".3f"),
        "  lift": ("lift", ".3f"),
        "  distances, links": ("distances", ".3f"),
        "peak memory, MiB": ("peak MiB", ",.0f"),
        "states": ("states", ",.0f"),
        "token classes": ("classes", ",.0f"),
        "class edges": ("class edges", ",.0f"),
        "token edges": ("token edges", ",.0f"),
    }
    table = Table("schema", "", *SIDES, title=f"{result['vocabulary']['size']:,} ids")
    for side in (2, 3):
        table.columns[side].justify = "right"
    for name, row in result["schemas"].items():
        for label, (key, form) in fields.items():
            cells = [format(row[side][key], form) if key in row[side] else "" for side in SIDES]
            table.add_row(name if key == "total" else "", label, *cells)
        right = row["verdicts"]
        table.add_row("", "verdicts right", *(f"{right[side]} of {right['of']}" for side in SIDES))
        table.add_row("", "times faster", f"{1 / row['ratio']:.1f}", "1", style="bold", end_section=True)
    once = result["vocabulary"]
    for label, key in (("vocabulary, once, seconds", "built"), ("  from files", "loaded")):
        table.add_row(
            "any", label, *(f"{once[side][key]:.3f}" if key in once[side] else "" for side in SIDES), style="dim"
        )
    return table


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    repeats: Annotated[int, typer.Option(help="Compilations timed on each side.")] = 3,
    schemas: Annotated[str, typer.Option(help="Names, separated by commas.")] = ",".join(SCHEMAS),
    size: Annotated[int, typer.Option(help="Ids of the vocabulary.")] = 131_072,
    varied: Annotated[int, typer.Option(help="How many of the varied schemas; 0 leaves them out.")] = 1_000,
    sides: Annotated[str, typer.Option(help="Who compiles those, separated by commas.")] = ",".join(COMPILERS),
    patience: Annotated[float, typer.Option(help="Seconds after which one of those is stopped.")] = 20.0,
    probe: Annotated[str | None, typer.Option(hidden=True, help="The side to report the sizes of.")] = None,
) -> None:
    """Compile time, size and memory, side by side with outlines-core and llguidance."""
    names = schemas.split(",")
    if probe is not None:
        print(json.dumps(size_of(probe, names[0], size)))
        return
    result = measure(names, size, repeats) if schemas else {}
    many = compare(varied_schemas()[:varied], vocabulary_of(size), sides.split(","), patience) if varied else {}
    if as_json:
        print(json.dumps(result | {"varied": many}))
        return
    output = Console(width=None if sys.stdout.isatty() else 130)
    if result:
        output.print(show(result))
    if many:
        output.print(show_comparison(many, patience))


if __name__ == "__main__":
    typer.run(main)
