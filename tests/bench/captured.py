"""A whole constrained step on a GPU, launch by launch and as a recorded graph.

    python tests/bench/captured.py [--json] [--repeats 50] [--length 256] [--size 262144]

One row of random bfloat16 logits under two schemas: the draw, the best canvas and its probability, entropies,
acceptance, the stop rule with its wait for the device, and shaped logits. What is not counted is the model and the
noise. Medians of device events with cold caches. Figures of both are compared first, and nothing that differs is timed.
Where there is no GPU, it says so and measures nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.constraint import Constraint, compile
from constrain.engine.captured import Captured, CapturedCanvas
from constrain.engine.stopping import History, StopRule
from constrain.engine.token_canvas import TokenCanvas, TokenConstraints
from constrain.kernels.accept import accept
from constrain.vocabulary import Vocabulary
from tests.bench.kernels import seconds
from tests.bench.schemas import SCHEMAS, resized
from tests.tokenizers import tekken_path

__all__ = ["main", "sides", "step"]

RULE = StopRule(certain=None, stability=1, confidence=1e-12)


def step(valid: TokenCanvas | CapturedCanvas, logits: Tensor, generator: torch.Generator) -> list[Tensor]:
    """What a pass asks for, in the order of `refine`; `logits` may be written to."""
    posterior = valid.posterior(logits)
    draw, accepted = posterior.sample(generator), accept(posterior.doubt, 0.1)
    best, probability, entropy = posterior.map(), posterior.probability(), posterior.entropy
    history = History(len(logits), logits.device)
    judged = RULE.judge(posterior, history.unchanged, history.support)
    judged.tolist()
    return [draw, accepted, best, probability, entropy, judged, posterior.log_z, posterior.shape(inplace=True)]


def sides(
    constraint: Constraint, length: int, captured: Captured, device: str
) -> dict[str, TokenCanvas | CapturedCanvas]:
    """The same canvas twice."""
    canvas = TokenConstraints([constraint], device=device).canvas(length, length)
    return {"launched": canvas, "captured": CapturedCanvas(canvas, captured)}


def measure(constraint: Constraint, length: int, repeats: int) -> dict[str, Any]:
    logits = torch.randn((1, length, constraint.vocabulary.size), device="cuda").to(torch.bfloat16)
    generators = {name: torch.Generator("cuda").manual_seed(0) for name in ("launched", "captured")}
    both = sides(constraint, length, Captured(), "cuda")
    found, expected = (step(both[name], logits.clone(), generators[name]) for name in ("captured", "launched"))
    agrees = all(torch.allclose(a.float(), b.float(), atol=1e-2) for a, b in zip(found, expected, strict=True))
    if not agrees:
        return {"agrees": False}
    times = {name: seconds(lambda n=name: step(both[n], logits, generators[n]), repeats) for name in both}  # type: ignore[misc]
    return {"agrees": True, **times, "ratio": times["captured"] / times["launched"]}


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    repeats: Annotated[int, typer.Option(help="Steps of each kind.")] = 50,
    length: Annotated[int, typer.Option(help="Positions of the canvas.")] = 256,
    size: Annotated[int, typer.Option(help="Ids of the vocabulary.")] = 262_144,
) -> None:
    """A constrained step, recorded and not."""
    if not torch.cuda.is_available():
        absent = "no GPU here; where there is one: python tests/bench/captured.py"
        print(json.dumps({"device": None, "note": absent}) if as_json else absent)
        return
    vocabulary = resized(Vocabulary.from_tekken(tekken_path()), size)
    found = {name: measure(compile(SCHEMAS[name], vocabulary), length, repeats) for name in ("ticket", "order")}
    if as_json:
        print(json.dumps({"device": torch.cuda.get_device_name(), "schemas": found}))
        return
    table = Table("schema", "launched, us", "captured, us", "ratio", title=torch.cuda.get_device_name())
    for name, row in found.items():
        figures = (f"{1e6 * row['launched']:.0f}", f"{1e6 * row['captured']:.0f}", f"{row['ratio']:.2f}")
        table.add_row(name, *(figures if row["agrees"] else ("differs", "", "")))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
