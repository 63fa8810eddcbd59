"""What a constraint costs in one pass, beside what transformers does in one pass without any.

    python tests/bench/step.py [--json] [--threads 2] [--repeats 5] [--cpu] [--cases ticket,order,random-20000]

One pass is everything after the model's forward, at the size of DiffusionGemma: one row, a canvas of 256 positions,
262,144 ids; two schemas, of some 500 and 5,000 states, and a random automaton of 20,000 states with 200,000 class
edges, of which no two can be added up (`automata.py`). Ours is the very loop that decodes (`refine`): temperature,
posterior, joint sample, MAP and its probability, entropy-bound acceptance, renoising, stop rule, shaped logits for
self-conditioning. The other is transformers' own `_denoising_step` with its stock sampler, schedule and stopping
criteria. Both get the same logits, from a forward that costs nothing, in one process, by turns; `ratio` is the median
of ours over the median of theirs, the larger one of two kinds of logits:

- `peaked`, as a trained model writes: one answer and its end of turn, nearly certain but for every eighth position,
  where the mass lies on some hundred tokens;
- `random`, independent normals: the model knows nothing, and every path through the automaton counts.

Half of the vocabulary is real, half made up (`schemas.resized`). Building a canvas happens once for up to 48 passes and
is shown, but not counted in the time. Memory is how far the resident set grows in the first two passes at most, the
canvas included, in units of the logits.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np
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
from constrain.engine.refine import refine
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenConstraints
from constrain.specs import JsonSchema, Regex
from constrain.token_automaton import TokenAutomaton
from constrain.vocabulary import Vocabulary
from tests.bench.automata import random_automaton
from tests.bench.memory import peak_memory
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
        def call(*arguments: Any, **options: Any) -> Any:
            with self._watch(name):
                value = function(*arguments, **options)
                if name == "posterior":
                    _ = value.log_z  # it waits to be asked
            return Timed(value, self._seconds, self._clock) if name == "posterior" else value

        return call


def network_of(logits: Tensor, clock: Clock) -> Any:
    """A real, tiny DiffusionGemma of the logits' size, whose forward writes them anew, in `network.seconds` so far."""
    _, length, vocabulary = logits.shape
    network = tiny_model(vocab_size=vocabulary, canvas_length=length)
    network.seconds = 0.0
    output = logits.clone()

    def forward(**_: Any) -> SimpleNamespace:
        begin = clock()
        output.copy_(logits)
        network.seconds += clock() - begin
        return SimpleNamespace(logits=output)

    network.forward = forward
    return network


def constrained_passes(
    network: Any, constraint: Constraint, seconds: defaultdict[str, float], clock: Clock
) -> Iterator[object]:
    """The refine loop, one item per pass; `seconds` fills up with the time of each part."""
    length = network.config.canvas_length
    denoiser = DiffusionGemma(network, torch.ones((1, 1), dtype=torch.int64), torch.ones((1, 1)), SETTINGS)
    begin = clock()
    canvas = TokenConstraints([constraint]).canvas(length, length)
    seconds["canvas"] = clock() - begin
    timed: Any = Timed  # it stands in for protocols
    yield from refine(
        timed(denoiser, seconds, clock),
        timed(canvas, seconds, clock),
        max_passes=PASSES,
        stop=StopRule(certain=None, stability=PASSES, confidence=NEVER),
        generator=torch.Generator().manual_seed(0),
    )


@torch.no_grad()
def stock_passes(network: Any) -> Iterator[object]:
    """transformers' own denoising steps, one item per pass."""
    length, vocabulary = network.config.canvas_length, network.config.text_config.vocab_size
    sampler = EntropyBoundSampler(EntropyBoundSamplerConfig(SETTINGS.entropy_bound), length, vocabulary, PASSES)
    schedule = LinearTemperatureScheduleLogitsProcessor(SETTINGS.t_min, SETTINGS.t_max, PASSES)
    canvas = sampler.initialize_canvas(1, network.device)
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


def ids_of(text: bytes, vocabulary: Vocabulary) -> list[int]:
    """`text` in the longest tokens, from left to right."""
    id_of = {token: i for i, token in enumerate(vocabulary.tokens) if token}
    longest, ids = max(map(len, id_of)), list[int]()
    while text:
        width = next(n for n in range(longest, 0, -1) if text[:n] in id_of)
        ids.append(id_of[text[:width]])
        text = text[width:]
    return ids


def walked(tokens: TokenAutomaton, length: int) -> list[int]:
    """Tokens along a random walk of `length` steps that does not end."""
    rng, state, ids = random.Random(0), 0, list[int]()
    for _ in range(length):
        edge = rng.choice(
            [e for e in range(*tokens.outgoing(state).indices(tokens.edges)) if tokens.target[e] < tokens.done]
        )
        ids.append(int(np.flatnonzero(tokens.class_of == tokens.label[edge])[0]))
        state = int(tokens.target[edge])
    return ids


def case_of(name: str, length: int, vocabulary: Vocabulary) -> tuple[Constraint, list[int]]:
    """A schema, or `random-S`: a random automaton of S states; and what a trained model might write."""
    if name in SCHEMAS:
        text = json.dumps(ANSWERS[name]).encode()
        return compile(JsonSchema(SCHEMAS[name]), vocabulary), ids_of(text, vocabulary)
    tokens = random_automaton(int(name.removeprefix("random-")), size=vocabulary.size)
    return Constraint(Regex("a*"), vocabulary, tokens), walked(tokens, length)


def random_logits(length: int, size: int) -> Tensor:
    return torch.randn((1, length, size), generator=torch.Generator().manual_seed(0))


def peaked_logits(length: int, vocabulary: Vocabulary, ids: list[int]) -> Tensor:
    """Logits that all but write `ids`, and end the turn."""
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
    """Seconds per pass of either side, medians over `repeats` after two passes each, and ours by part."""
    seconds: defaultdict[str, float] = defaultdict(float)
    mine, stock = network_of(logits, clock), network_of(logits, clock)
    sides = {
        "ours": (mine, constrained_passes(mine, constraint, seconds, clock)),
        "theirs": (stock, stock_passes(stock)),
    }
    memory = {side: peak_memory(partial(list, islice(loop, 2)))[1] for side, (_, loop) in sides.items()}
    times: dict[str, list[float]] = {side: [] for side in sides}
    parts: list[dict[str, float]] = []
    for _ in range(repeats):
        before, forward = dict(seconds), mine.seconds
        for side, (network, loop) in sides.items():
            begin = clock() - network.seconds
            next(loop)
            times[side].append(clock() - network.seconds - begin)
        seconds[PARTS["__call__"]] -= mine.seconds - forward
        parts.append({part: seconds[part] - before.get(part, 0.0) for part in dict.fromkeys(PARTS.values())})
    ours, theirs = (statistics.median(times[side]) for side in sides)
    split = {part: statistics.median(row[part] for row in parts) for part in parts[0]}
    figures = {"ratio": ours / theirs, "ours": ours, "theirs": theirs, "canvas": seconds["canvas"]}
    held = {f"{side} memory": memory[side] * 2**20 / logits.nbytes for side in sides}
    return figures | held | {"parts": split}


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    repeats: Annotated[int, typer.Option(help="Passes timed on each side.")] = 5,
    cpu: Annotated[bool, typer.Option("--cpu", help="Count processor time, for a machine that is busy.")] = False,
    cases: Annotated[
        str, typer.Option(help=f"Of {', '.join(SCHEMAS)} and random-STATES, separated by commas.")
    ] = "ticket,order,random-20000",
    length: Annotated[int, typer.Option(help="Positions of the canvas.")] = 256,
    size: Annotated[int, typer.Option(help="Ids of the vocabulary.")] = 262_144,
) -> None:
    """One constrained pass against one of transformers' own."""
    torch.set_num_threads(threads)
    clock = time.process_time if cpu else time.perf_counter
    vocabulary = resized(Vocabulary.from_tekken(tekken_path()), size)
    result: dict[str, Any] = {"threads": threads, "length": length, "vocabulary": size, "cases": {}}
    for name in cases.split(","):
        constraint, ids = case_of(name, length, vocabulary)
        kinds = {
            "peaked": measure(peaked_logits(length, vocabulary, ids), constraint, repeats, clock),
            "random": measure(random_logits(length, size), constraint, repeats, clock),
        }
        tokens, ratio = constraint.tokens, max(row["ratio"] for row in kinds.values())
        result["cases"][name] = {"ratio": ratio, "states": tokens.done, "class edges": tokens.edges, **kinds}
    print(json.dumps(result)) if as_json else Console(width=None if sys.stdout.isatty() else 130).print(show(result))


def show(result: dict[str, Any]) -> Table:
    """A column per case and kind of logits."""
    title = f"L = {result['length']}, V = {result['vocabulary']:,}, {result['threads']} threads"
    columns = {(name, kind): row[kind] for name, row in result["cases"].items() for kind in ("peaked", "random")}
    headers = [f"{name}\n{result['cases'][name]['states']:,} states\n{kind}" for name, kind in columns]
    table = Table("seconds per pass", *headers, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    rows = {"constrained": "ours", "unconstrained, transformers": "theirs", "ratio": "ratio"}
    for label, key in rows.items():
        table.add_row(label, *(f"{row[key]:.3f}" for row in columns.values()), style="bold", end_section=key == "ratio")
    for part in dict.fromkeys(PARTS.values()):
        table.add_row(
            part, *(f"{row['parts'][part]:.3f}" for row in columns.values()), end_section=part == "temperature"
        )
    for side, label in (("ours", "constrained"), ("theirs", "transformers")):
        table.add_row(f"memory / logits, {label}", *(f"{row[f'{side} memory']:.2f}" for row in columns.values()))
    table.add_row("canvas, once", *(f"{row['canvas']:.3f}" for row in columns.values()), style="dim")
    return table


if __name__ == "__main__":
    typer.run(main)
