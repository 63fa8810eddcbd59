"""Every table about speed, each behind the tests that say that what it times is right.

    python tests/bench/speed.py [--json] [--only step,chain,compile,first_call,head,drop_in,kernels,captured]

A table whose tests fail is not measured, and the exit status is 1. With --json, one JSON object per table and line.
Nothing is measured while tests run, and every benchmark runs in a process of its own. Where there is a GPU, `kernels`
times its kernels with device events and `captured` a whole step; where there is none, they say so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["TABLES", "Timing", "main"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Timing:
    """A benchmark, `tests/bench/<script>` with `options`, and the tests that have to pass before it."""

    title: str
    script: str
    options: tuple[str, ...]
    tests: tuple[str, ...]


TABLES = {
    "step": Timing(
        "One pass beside transformers' own",
        "step.py",
        (),
        (
            "tests/engine/test_posterior.py",
            "tests/engine/test_launched.py",
            "tests/engine/test_parity.py",
            "tests/kernels/test_class_reduce.py",
            "tests/kernels/test_shape_logits.py",
        ),
    ),
    "chain": Timing(
        "Sums over paths, by states, positions and rows",
        "scaling.py",
        (),
        ("tests/kernels/test_chain.py", "tests/kernels/test_groups.py", "tests/kernels/test_sweeps.py"),
    ),
    "compile": Timing(
        "From a schema to a token automaton",
        "compile.py",
        ("--size", "262144", "--schemas", "ticket", "--patience", "1"),
        (
            "tests/constrain/test_token_automaton.py",
            "tests/constrain/test_trie.py",
            "tests/constrain/test_table_cache.py",
            "tests/constrain/test_json_schema.py",
        ),
    ),
    "first_call": Timing("Compiling while the prompt is read", "first_call.py", (), ("tests/engine/test_ahead.py",)),
    "head": Timing("A masked LM head", "head.py", (), ("tests/engine/test_masked_head.py",)),
    "drop_in": Timing(
        "Inside transformers' generate",
        "drop_in.py",
        ("--passes", "8"),
        ("tests/engine/test_drop_in.py", "tests/engine/test_drop_in_use.py"),
    ),
    "kernels": Timing("Kernels on a GPU, beside a copy", "kernels.py", (), ("tests/kernels",)),
    "captured": Timing("A recorded step on a GPU", "captured.py", (), ("tests/engine/test_captured.py",)),
}


def passed_by(tests: Sequence[str]) -> tuple[bool, str]:
    """Whether these tests pass, and pytest's last line."""
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *tests]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.returncode == 0, run.stdout.strip().rpartition("\n")[2]


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per table and line.")] = False,
    only: Annotated[str, typer.Option(help="Names, separated by commas.")] = ",".join(TABLES),
) -> None:
    """All tables about speed, none of them for what fails its tests."""
    console, failed = Console(stderr=as_json), False
    for name in only.split(","):
        table = TABLES[name]
        console.rule(f"{table.title}: {' '.join(['python', f'tests/bench/{table.script}', *table.options])}")
        right, line = passed_by(table.tests)
        command = [sys.executable, str(ROOT / "tests/bench" / table.script), *table.options, *["--json"] * as_json]
        run = subprocess.run(command, capture_output=as_json, text=True, check=False) if right else None
        if run is None or run.returncode != 0:
            failed = True
            why = f"its tests fail: {line}" if run is None else f"it ended with exit status {run.returncode}"
            console.print(f"not measured, {why}", style="bold red")
            if as_json:
                print(json.dumps({"table": name, "tests": line, "failed": why}))
        elif as_json:
            print(json.dumps({"table": name, "tests": line} | json.loads(run.stdout)))
    raise typer.Exit(failed)


if __name__ == "__main__":
    typer.run(main)
