"""How fast the GPU kernels are, beside a copy of as many bytes.

    python tests/bench/kernels.py [--json] [--repeats 50] [--length 256] [--size 262144] [--schema order] [--rows 1]

Every kernel is first compared with its torch reference, on a few positions; one that differs is not timed. Times are
medians of device events, each taken after the caches were overwritten. `share` is the share of the bandwidth of a copy,
measured in the same run, that the bytes which have to be read and written at least would be moved at; it says nothing
where latency is the cost (`accept`, `sweep`, `propagate`). Where there is no GPU, it says so and measures nothing.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.constraint import Constraint, compile
from constrain.engine.tables import Tables, join
from constrain.kernels import accept, bitmask, class_reduce, propagate, shape_logits, sweeps
from constrain.kernels.edge_index import EdgeIndex
from constrain.kernels.pieces import Pieces
from constrain.lattice import Lattice
from constrain.specs import JsonSchema
from constrain.vocabulary import Vocabulary
from tests.bench.schemas import SCHEMAS, resized
from tests.tokenizers import tekken_path

__all__ = ["Case", "agree", "cases", "main"]

CHECKED = 3  # positions that are compared with the reference
CACHE = 256 << 20  # bytes: more than any cache holds
COPIED = 1 << 30  # bytes


@dataclass(frozen=True)
class Case:
    """A kernel on a small input, with its reference, and on the input that is timed, with the bytes it has to move."""

    name: str
    small: Callable[[], Any]
    reference: Callable[[], Any]
    timed: Callable[[], Any]
    bytes: int


def cases(constraint: Constraint, length: int, rows: int, dtype: torch.dtype, device: torch.device) -> Iterator[Case]:
    """Every kernel at the size of a canvas of `length` positions; what works on rows of text gets `rows` of them."""
    table = Tables.of(constraint.tokens, device)
    classes, vocabulary = len(table.offsets) - 1, len(table.order)
    generator = torch.Generator(device).manual_seed(0)
    logits = torch.randn((length, vocabulary), generator=generator, device=device).to(dtype)
    size, few = logits.nbytes, logits[:CHECKED]

    pieces, seed = Pieces.of(table.order, table.offsets), torch.tensor(0, device=device)
    reduced = partial(class_reduce.class_reduce_triton, order=table.order, offsets=table.offsets, pieces=pieces)
    expected = partial(class_reduce.class_reduce_reference, order=table.order, offsets=table.offsets, pieces=pieces)
    yield Case("class_reduce, best", partial(reduced, few), partial(expected, few), partial(reduced, logits), size)
    drawn, expected = partial(reduced, seed=seed), partial(expected, seed=seed)
    yield Case("class_reduce, drawn", partial(drawn, few), partial(expected, few), partial(drawn, logits), size)

    bias = torch.randn((length, classes), generator=generator, device=device)
    out = torch.empty_like(logits)
    yield Case(
        "shape_logits",
        partial(shape_logits.shape_logits_triton, few, bias[:CHECKED], table.class_of),
        partial(shape_logits.shape_logits_reference, few, bias[:CHECKED], table.class_of),
        partial(shape_logits.shape_logits_triton, logits, bias, table.class_of, out),
        2 * size,
    )

    mask = logits > 0
    bits = bitmask.pack_reference(mask)
    first = bits[:CHECKED]
    pack, count, apply = bitmask.pack_triton, bitmask.count_triton, bitmask.apply_triton
    expect = partial(bitmask.pack_reference, mask[:CHECKED])
    yield Case("bitmask.pack", partial(pack, mask[:CHECKED]), expect, partial(pack, mask), mask.nbytes + bits.nbytes)
    expect = partial(bitmask.count_reference, first)
    yield Case("bitmask.count", partial(count, first), expect, partial(count, bits), bits.nbytes)
    expect = partial(bitmask.apply_reference, few, first)
    moved = 2 * size + bits.nbytes
    yield Case("bitmask.apply", partial(apply, few, first), expect, partial(apply, logits, bits, out), moved)

    entropy = torch.rand((rows, length), generator=generator, device=device)
    run = partial(accept.accept_triton, entropy, 0.1 * length)
    yield Case("accept", run, partial(accept.accept_reference, entropy, 0.1 * length), run, entropy.nbytes)

    graph, owner = join([Lattice(constraint.tokens, 0, length, length)] * rows, device)
    columns = table.columns * rows
    scores = torch.randn((length, columns), generator=generator, device=device, dtype=torch.float64)
    run = partial(sweeps.sweep_triton, graph, EdgeIndex.of(graph, owner, columns), scores, scores, seed)
    expect = partial(sweeps.sweep_reference, graph, scores, scores, seed)
    yield Case("sweep", run, expect, run, 3 * 4 * graph.alive.numel())

    domains = torch.full((rows, 81, 1), 511, dtype=torch.int32, device=device)
    domains[:, ::10] = 1 << torch.arange(9, device=device, dtype=torch.int32)[:, None]
    lines = torch.arange(81, device=device).view(9, 9)
    groups = torch.cat([lines, lines.mT])[None]
    required = torch.full((1, 18, 1), 511, dtype=torch.int32, device=device)
    run = partial(propagate.propagate_triton, domains, groups, required)
    yield Case(
        "propagate", run, partial(propagate.propagate_reference, domains, groups, required), run, 2 * domains.nbytes
    )


def agree(found: Any, expected: Any) -> bool:
    """Whether two answers are equal: integers exactly, floats within what float32 or bfloat16 hold.

    The draws of `class_reduce` may differ in a thousandth, where a sum is within rounding of a random number; the paths
    of `sweep`, which may be as good within rounding, or use other random numbers, are left out.
    """
    if expected is None:
        return found is None
    if isinstance(expected, sweeps.Swept):
        return all(
            agree(getattr(found, name), getattr(expected, name)) for name in ("log_z", "log_marginals", "weight")
        )
    if isinstance(expected, class_reduce.ClassScores):
        if expected.drawn is not None and (found.drawn != expected.drawn).float().mean() > 1e-3:
            return False
        names = [field.name for field in fields(expected) if field.name != "drawn"]
        return all(agree(getattr(found, name), getattr(expected, name)) for name in names)
    if not expected.is_floating_point():
        return torch.equal(found, expected)
    rtol, atol = (1e-2, 1e-2) if expected.dtype == torch.bfloat16 else (1e-5, 1e-3)
    return torch.allclose(found.to(expected.dtype), expected, rtol=rtol, atol=atol, equal_nan=True)


def seconds(run: Callable[[], Any], repeats: int) -> float:
    """The median over `repeats` runs after two others, each with cold caches."""
    cache = torch.empty(CACHE, dtype=torch.int8, device="cuda")
    times = []
    for _ in range(repeats + 2):
        cache.zero_()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1e3)
    return statistics.median(times[2:])


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    repeats: Annotated[int, typer.Option(help="Runs of each kernel.")] = 50,
    length: Annotated[int, typer.Option(help="Positions of the canvas.")] = 256,
    size: Annotated[int, typer.Option(help="Ids of the vocabulary.")] = 262_144,
    schema: Annotated[str, typer.Option(help=f"One of {', '.join(SCHEMAS)}.")] = "order",
    rows: Annotated[int, typer.Option(help="Rows of the batch, where a kernel takes a batch.")] = 1,
) -> None:
    """The GPU kernels against their references, then against the clock."""
    if not torch.cuda.is_available():
        absent = "no GPU here; where there is one: python tests/bench/kernels.py"
        print(json.dumps({"device": None, "note": absent}) if as_json else absent)
        return
    vocabulary = resized(Vocabulary.from_tekken(tekken_path()), size)
    constraint = compile(JsonSchema(SCHEMAS[schema]), vocabulary)
    source = torch.zeros(COPIED, dtype=torch.int8, device="cuda")
    bandwidth = 2 * COPIED / seconds(partial(torch.empty_like(source).copy_, source), repeats)
    result: dict[str, Any] = {"device": torch.cuda.get_device_name(), "copy": bandwidth, "kernels": {}}
    for case in cases(constraint, length, rows, torch.bfloat16, torch.device("cuda")):
        row: dict[str, Any] = {"agrees": agree(case.small(), case.reference())}
        if row["agrees"]:
            row["seconds"] = seconds(case.timed, repeats)
            row["share"] = case.bytes / row["seconds"] / bandwidth
        result["kernels"][case.name] = row
    if as_json:
        print(json.dumps(result))
        return
    title = f"{result['device']}, copy {bandwidth / 1e12:.2f} TB/s, {schema}, L = {length}, V = {size:,}"
    table = Table("kernel", "us", "share of copy", title=title)
    for name, row in result["kernels"].items():
        figures = (f"{1e6 * row['seconds']:.1f}", f"{row['share']:.0%}") if row["agrees"] else ("differs", "")
        table.add_row(name, *figures)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
