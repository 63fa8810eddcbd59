"""What it saves to compile a spec while the prompt is read: the time from a first call to its first pass.

    python tests/bench/first_call.py [--json] [--tokens 4096] [--threads 2] [--repeats 5] [--size 262144]

A random DiffusionGemma of two thin layers reads a prompt of random tokens; the schemas are new to the
process, the tables of the vocabulary are not. Seconds of wall time, since two threads share them: medians, all four
measured by turns. `apart` is one after the other, `together` what a model does.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import torch
import typer
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.constraint import compile
from constrain.engine import model as face
from constrain.engine.model import Model, from_transformers
from constrain.engine.rows import Row
from constrain.vocabulary import Vocabulary
from tests.bench.compilers import clear_caches
from tests.bench.schemas import SCHEMAS, resized
from tests.models import tiny_model
from tests.tokenizers import fast, small_tokenizer, tekken_path

__all__ = ["main"]

COLUMNS = ("compiled", "read", "apart", "together")


def large_model(size: int) -> Model:
    """A model over the ids of a large vocabulary, whose prompts are written with a small one."""
    network = tiny_model(vocab_size=size, canvas_length=256, hidden_size=256, eos_token_id=1)
    model = from_transformers(network, fast(small_tokenizer("gpt2")))
    model.vocabulary = resized(Vocabulary.from_tekken(tekken_path()), size)
    return model


def measure(model: Model, tokens: int, repeats: int) -> dict[str, dict[str, float]]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(4, 300, (tokens,), generator=generator).tolist()
    compile({"type": "null"}, model.vocabulary)

    def begun(schema: Any) -> None:
        """All that comes before the first pass."""
        (row,) = model._rows(["prompt"], [schema], None, thinking=False)
        assert isinstance(row, Row), row
        model._denoiser([row])

    def one_after_the_other(schema: Any) -> None:
        with mock.patch.object(face, "meanwhile", lambda work, _: (work(), None)):
            begun(schema)

    sides: tuple[Callable[[Any], object], ...] = (
        lambda schema: compile(schema, model.vocabulary),
        lambda _: model._read([Row(ids, None, 1)]),
        one_after_the_other,
        begun,
    )
    found: dict[str, dict[str, float]] = {}
    with mock.patch.object(model, "_ids", return_value=ids):
        for name, schema in SCHEMAS.items():
            seconds = defaultdict(list)
            for _ in range(repeats):
                for column, side in zip(COLUMNS, sides, strict=True):
                    clear_caches()
                    begin = time.perf_counter()
                    side(schema)
                    seconds[column].append(time.perf_counter() - begin)
            found[name] = {column: statistics.median(seconds[column]) for column in COLUMNS}
            found[name]["ratio"] = found[name]["together"] / found[name]["apart"]
    return found


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    tokens: Annotated[int, typer.Option(help="Tokens of the prompt.")] = 4096,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    repeats: Annotated[int, typer.Option(help="Calls of each kind.")] = 5,
    size: Annotated[int, typer.Option(help="Ids of the vocabulary.")] = 262_144,
) -> None:
    """The time to the first pass, with a spec that was never seen."""
    torch.set_num_threads(threads)
    found = measure(large_model(size), tokens, repeats)
    if as_json:
        print(json.dumps(found))
        return
    table = Table("schema", *COLUMNS, "ratio", title=f"{tokens:,} tokens of prompt, {size:,} ids, seconds")
    for name, row in found.items():
        table.add_row(name, *(f"{row[column]:.3f}" for column in COLUMNS), f"{row['ratio']:.2f}")
    Console(width=None if sys.stdout.isatty() else 100).print(table)


if __name__ == "__main__":
    typer.run(main)
