"""What a constraint costs in one pass, beside what transformers does in one pass without any.

    python tests/bench/step.py [--json] [--threads 2] [--repeats 5] [--cpu]

One pass is everything after the model's forward, at the size of DiffusionGemma: one row, a canvas of 256 positions,
262,144 ids, the order schema. Ours is the very loop that decodes (`refine`): temperature, posterior, joint sample, MAP
and its probability, entropy-bound acceptance, renoising, stop rule, shaped logits for self-conditioning. The other is
transformers' own `_denoising_step` with its stock sampler, schedule and stopping criteria. Both get the same logits,
from a forward that costs nothing, in one process, by turns; `ratio` is the median of ours over the median of theirs,
the larger one of two kinds of logits:

- `peaked`, as a trained model writes: one order and its end of turn, nearly certain but for every eighth position,
  where the mass lies on some hundred tokens;
- `random`, independent normals: the model knows nothing, and every path through the automaton counts.

Half of the vocabulary is real, half made up (`schemas.resized`). Building a canvas happens once for up to 48 passes and
is shown, but not counted.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor
from transformers.generation.logits_process import LogitsProcessorList
from transformers.models.diffusion_gemma.generation_diffusion_gemma import (
    EntropyBoundSampler,
    EntropyBoundSamplerConfig,
    LinearTemperatureScheduleLogitsProcessor,
    StableAndConfidentStoppingCriteria,
)

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.constraint import Constraint, compile
from constrain.engine.diffusion_gemma import DiffusionGemma, Settings
from constrain.engine.posterior import TokenConstraints
from constrain.engine.refine import refine
from constrain.engine.stopping import StopRule
from constrain.specs import JsonSchema
from constrain.vocabulary import Vocabulary
from tests.bench.schemas import ANSWERS, SCHEMAS, resized
from tests.models import tiny_model
from tests.tokenizers import tekken_path

__all__ = ["main", "measure"]

Clock = Callable[[], float]

PASSES = 48
NEVER = 1e-12  # nats: a confidence that no pass reaches, so that stop rules are evaluated and never stop
SETTINGS = Settings(256, None, PASSES, 0.4, 0.8, 0.1, 1, NEVER, (), None)
PARTS = {
    "posterior": "class scores, log Z",
    "sample": "joint sample",
    "map": "MAP",
    "probability": "MAP",
    "entropy": "marginals, entropy",
    "accept": "acceptance, renoising",
    "renoise": "acceptance, renoising",
    "undecided": "stop rule",
    "shape": "shaped logits",
    "__call__": "temperature",
}


class Timed:
    """`subject` behind a stopwatch: what is read from it and called on it is timed under its name in PARTS."""

    def __init__(self, subject: Any, seconds: defaultdict[str, float], clock: Clock) -> None:
        self._subject, self._seconds, self._clock = subject, seconds, clock

    @contextmanager
    def _watch(self, name: str) -> Iterator[None]:
        begin = self._clock()
        yield
        self._seconds[PARTS[name]] += self._clock() - begin

    def __getattr__(self, name: str) -> Any:
        if name not in PARTS:
            return getattr(self._subject, name)
        with self._watch(name):
            value = getattr(self._subject, name)
        return self._call(name, value) if callable(value) else value

    def __call__(self, *arguments: Any) -> Any:
        return self._call("__call__", self._subject)(*arguments)

    def _call(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            with self._watch(name):
                value = function(*arguments)
            return Timed(value, self._seconds, self._clock) if name == "posterior" else value

        return call


def network_of(logits: Tensor) -> Any:
    """A real, tiny DiffusionGemma of the logits' size, whose forward returns them and nothing else."""
    _, length, vocabulary = logits.shape
    network = tiny_model(vocab_size=vocabulary, canvas_length=length)
    network.forward = lambda **_: SimpleNamespace(logits=logits)
    return network


def constrained_passes(
    logits: Tensor, constraint: Constraint, seconds: defaultdict[str, float], clock: Clock
) -> Iterator[object]:
    """The refine loop, one item per pass; `seconds` fills up with the time of each part."""
    length = logits.shape[1]
    denoiser = DiffusionGemma(network_of(logits), torch.ones((1, 1), dtype=torch.int64), torch.ones((1, 1)), SETTINGS)
    begin = clock()
    canvas = TokenConstraints([constraint]).canvas(length, length)
    seconds["canvas"] = clock() - begin
    timed: Any = Timed  # it stands in for protocols
    yield from refine(
        timed(denoiser, seconds, clock),
        timed(canvas, seconds, clock),
        max_passes=PASSES,
        stop=StopRule(certain=1.0, stability=1, confidence=NEVER),
        generator=torch.Generator().manual_seed(0),
    )


@torch.no_grad()
def stock_passes(logits: Tensor) -> Iterator[object]:
    """transformers' own denoising steps, one item per pass."""
    network = network_of(logits)
    _, length, vocabulary = logits.shape
    sampler = EntropyBoundSampler(EntropyBoundSamplerConfig(SETTINGS.entropy_bound), length, vocabulary, PASSES)
    schedule = LinearTemperatureScheduleLogitsProcessor(SETTINGS.t_min, SETTINGS.t_max, PASSES)
    canvas = sampler.initialize_canvas(1, logits.device)
    best, belief, finished = torch.full_like(canvas, -1), None, torch.zeros(1, dtype=torch.bool)
    stopping = StableAndConfidentStoppingCriteria(SETTINGS.stability, NEVER)
    for left in range(PASSES, 0, -1):
        canvas, best, belief, finished = network._denoising_step(
            decoder_forward=network,
            current_canvas=canvas,
            argmax_canvas=best,
            input_ids=None,
            decoder_position_ids=None,
            self_conditioning_logits=belief,
            mask_mapping=None,
            past_key_values=None,
            finished_denoising=finished,
            cur_step=left,
            sampler=sampler,
            logits_processor=LogitsProcessorList([schedule]),
            diffusion_stopping_criteria=stopping,
        )
        yield canvas


def random_logits(length: int, size: int) -> Tensor:
    return torch.randn((1, length, size), generator=torch.Generator().manual_seed(0))


def peaked_logits(length: int, vocabulary: Vocabulary, text: bytes) -> Tensor:
    """Logits that all but spell `text`, in the longest tokens, and end the turn."""
    id_of = {token: i for i, token in enumerate(vocabulary.tokens) if token}
    longest = max(map(len, id_of))
    ids: list[int] = []
    while text:
        width = next(n for n in range(longest, 0, -1) if text[:n] in id_of)
        ids.append(id_of[text[:width]])
        text = text[width:]
    ids = (ids + [vocabulary.end_of_turn[0]] * length)[:length]
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn((1, length, vocabulary.size), generator=generator)
    level = math.log(vocabulary.size) + 2  # the noise's logsumexp: its variance is 4
    logits[0, torch.arange(length), torch.tensor(ids)] = level + 10
    for position in range(0, length, 8):
        rivals = torch.randint(vocabulary.size, (100,), generator=generator)
        logits[0, position, rivals] = level + 9 + torch.randn(100, generator=generator)
    return logits


def measure(logits: Tensor, constraint: Constraint, repeats: int, clock: Clock) -> dict[str, Any]:
    """Seconds per pass of either side, medians over `repeats` after a first pass each, and ours by part."""
    seconds: defaultdict[str, float] = defaultdict(float)
    ours, theirs = constrained_passes(logits, constraint, seconds, clock), stock_passes(logits)
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    parts: list[dict[str, float]] = []
    for _ in range(repeats + 1):
        before = dict(seconds)
        for name, passes in (("ours", ours), ("theirs", theirs)):
            begin = clock()
            next(passes)
            times[name].append(clock() - begin)
        parts.append({part: seconds[part] - before.get(part, 0.0) for part in dict.fromkeys(PARTS.values())})
    mine, stock = (statistics.median(times[name][1:]) for name in ("ours", "theirs"))
    split = {part: statistics.median(row[part] for row in parts[1:]) for part in parts[0]}
    return {"ratio": mine / stock, "ours": mine, "theirs": stock, "canvas": seconds["canvas"], "parts": split}


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    repeats: Annotated[int, typer.Option(help="Passes timed on each side.")] = 5,
    cpu: Annotated[bool, typer.Option("--cpu", help="Count processor time, for a machine that is busy.")] = False,
    schema: Annotated[str, typer.Option(help=f"One of {', '.join(SCHEMAS)}.")] = "order",
    length: Annotated[int, typer.Option(help="Positions of the canvas.")] = 256,
    size: Annotated[int, typer.Option(help="Ids of the vocabulary.")] = 262_144,
) -> None:
    """One constrained pass against one of transformers' own."""
    torch.set_num_threads(threads)
    clock = time.process_time if cpu else time.perf_counter
    vocabulary = resized(Vocabulary.from_tekken(tekken_path()), size)
    constraint = compile(JsonSchema(SCHEMAS[schema]), vocabulary)
    text = json.dumps(ANSWERS[schema]).encode()
    kinds = {
        "peaked": measure(peaked_logits(length, vocabulary, text), constraint, repeats, clock),
        "random": measure(random_logits(length, size), constraint, repeats, clock),
    }
    ratio = max(row["ratio"] for row in kinds.values())
    result = {"ratio": ratio, "threads": threads, "schema": schema, "length": length, "vocabulary": size, **kinds}
    if as_json:
        print(json.dumps(result))
        return
    console = Console()
    table = Table("seconds per pass", *kinds, title=f"{schema}, L = {length}, V = {size:,}, {threads} threads")
    rows = {"constrained": "ours", "unconstrained, transformers": "theirs", "ratio": "ratio"}
    for label, key in rows.items():
        table.add_row(label, *(f"{row[key]:.3f}" for row in kinds.values()), style="bold", end_section=key == "ratio")
    for part in kinds["peaked"]["parts"]:
        table.add_row(part, *(f"{row['parts'][part]:.3f}" for row in kinds.values()))
    table.add_row("canvas, once", *(f"{row['canvas']:.3f}" for row in kinds.values()), style="dim")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
