"""What a pass costs inside transformers' `generate`, beside a pass of the project's own loop.

    python tests/bench/drop_in.py [--json] [--repeats 5] [--passes 16] [--size 32768] [--length 64]
        [--schema order]

Four sides take the same prompts under the same constraint, by turns, in one process: the project's own loop (`decode`),
`generate` under `constrained`, `generate` with `logits_processor`, and `generate` with no constraint at all. Times are
processor time per pass, the whole of it: the network, building the canvas once, everything after the logits. Of several
rounds the fastest counts; `ratio` is that of `constrained` to the own loop, the larger one of two models:

- `bundled`: the checkpoint that comes with the package, and a flat object of three fields;
- `random`: some ten thousand weights in the layers, a vocabulary of `size` ids and a canvas of `length` positions, one
  of the schemas that the benchmarks share. Here next to nothing but the logits' own size counts.

No side stops before `passes` passes. With only a processor, `generate` draws from the whole vocabulary and computes two
entropies over it, whatever the processor has done; that shows where the vocabulary is large and the network small.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.constraint import Constraint, compile
from constrain.engine.diffusion_gemma import DiffusionGemma, Settings
from constrain.engine.drop_in import constrained
from constrain.engine.drop_in_processor import logits_processor
from constrain.engine.model import load
from constrain.engine.prompts import prompt_ids
from constrain.engine.refine import decode
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenConstraints
from constrain.specs import JsonSchema
from constrain.vocabulary import Vocabulary
from tests.bench.schemas import SCHEMAS, resized
from tests.models import tiny_model
from tests.tokenizers import tekken_path

__all__ = ["main", "measure"]

NEVER = 1e-12  # nats: a confidence that no pass reaches
NO_STOP = StopRule(certain=1.0, confidence=NEVER)
PROMPT = "Ada Lovelace, 36, lives in London."
FIELDS = {"name": {"type": "string"}, "age": {"type": "integer"}, "city": {"type": "string"}}
PERSON = {"type": "object", "properties": FIELDS, "required": list(FIELDS), "additionalProperties": False}


def sides(network: Any, constraint: Constraint, ids: Tensor, passes: int) -> dict[str, Callable[[], object]]:
    """One canvas each, `passes` passes."""
    length = network.config.canvas_length
    settings = Settings.of(network)
    options = {"max_new_tokens": length, "max_denoising_steps": passes, "stability_threshold": passes}

    def own() -> object:
        *_, draft = decode(
            DiffusionGemma(network, ids, torch.ones_like(ids), settings),
            TokenConstraints([constraint] * len(ids)),
            max_new_tokens=length,
            max_passes=passes,
            stop=NO_STOP,
            generator=torch.Generator().manual_seed(0),
            every_pass=False,
        )
        assert draft.passes == (passes,) * len(ids)
        return draft

    def inside() -> object:
        with constrained(network, constraint, stop=NO_STOP):
            return network.generate(ids, **options)

    def processed() -> object:
        return network.generate(ids, logits_processor=logits_processor(constraint), **options)

    return {
        "own loop": own,
        "constrained": inside,
        "logits_processor": processed,
        "no constraint": lambda: network.generate(ids, **options),
    }


def measure(network: Any, constraint: Constraint, ids: Tensor, passes: int, repeats: int) -> dict[str, float]:
    """Seconds of processor time per pass, by side."""
    fastest: dict[str, float] = {}
    for turn in range(repeats + 1):  # the first one builds what is kept
        for name, run in sides(network, constraint, ids, passes).items():
            torch.manual_seed(0)
            begin = time.process_time()
            run()
            seconds = (time.process_time() - begin) / passes
            if turn:
                fastest[name] = min(fastest.get(name, seconds), seconds)
    return fastest


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    repeats: Annotated[int, typer.Option(help="Rounds.")] = 5,
    passes: Annotated[int, typer.Option(help="Passes of each call.")] = 16,
    size: Annotated[int, typer.Option(help="Ids of the random model's vocabulary.")] = 32_768,
    length: Annotated[int, typer.Option(help="Positions of its canvas.")] = 64,
    schema: Annotated[str, typer.Option(help=f"Its schema, one of {', '.join(SCHEMAS)}.")] = "order",
) -> None:
    """A pass inside `generate` against one of the own loop."""
    torch.set_num_threads(threads)
    bundled = load()
    ids = torch.tensor([prompt_ids(bundled.tokenizer, PROMPT, size=bundled.vocabulary.size)])
    vocabulary = resized(Vocabulary.from_tekken(tekken_path()), size)
    random = tiny_model(vocab_size=size, canvas_length=length, eos_token_id=list(vocabulary.end_of_turn))
    constraint = compile(JsonSchema(SCHEMAS[schema]), vocabulary)
    rows = {
        "bundled": measure(bundled.network, compile(PERSON, bundled.vocabulary), ids, passes, repeats),
        "random": measure(random, constraint, torch.ones((1, 4), dtype=torch.int64), passes, repeats),
    }
    ratio = max(row["constrained"] / row["own loop"] for row in rows.values())
    if as_json:
        print(json.dumps({"ratio": ratio, "threads": threads, "size": size, "length": length, **rows}))
        return
    table = Table("processor time per pass", *(f"{name}, ms (ratio)" for name in rows))
    for side in rows["bundled"]:
        cells = (f"{row[side] * 1e3:.1f} ({row[side] / row['own loop']:.2f})" for row in rows.values())
        table.add_row(side, *cells)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
