"""What the masked head saves: all of a pass but the layers of the decoder, with all logits and with those needed.

    python tests/bench/head.py [--json] [--threads 1] [--hidden 2304]

One row, a canvas of 256 positions, 262,144 ids, float32; the head and the embedding are one random matrix, as wide as
`DiffusionGemmaTextConfig` has it by default, behind two layers that cost next to nothing. All figures are seconds of
processor time: softcapped and tempered logits, posterior, renoising, stop rule, and the embedding of the belief.

- By constraint: one canvas, refined for so many passes and no more. `text` is how many positions text can reach, the
  end of turn included, and `tokens` how many may stand on a canvas that leaves no room behind it.
- By width: a pass of the model alone, with a belief, and the copy of the weights that a canvas begins with: `_WIDEST`
  in `engine/masked_canvas.py` is read off here.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from constrain.constraint import compile
from constrain.engine.diffusion_gemma import DiffusionGemma, Settings
from constrain.engine.masked_canvas import needs
from constrain.engine.masked_head import Mask
from constrain.engine.narrowing import Narrowed
from constrain.engine.refine import refine
from constrain.engine.relational import RelationalCanvas, RelationalConstraints
from constrain.engine.seams import Denoiser
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenCanvas, TokenConstraints
from constrain.engine.windows import PuzzleConstraint
from constrain.puzzle import Puzzle
from constrain.spec import Spec
from constrain.specs import Choice, Regex
from constrain.sudoku import Sudoku
from constrain.vocabulary import Vocabulary
from tests.models import tiny_model

__all__ = ["Whole", "main"]

NEVER = StopRule(certain=None, confidence=None)
SETTINGS = Settings(256, None, 48, 0.4, 0.8, 0.1, 1, 0.005, (0,), None)
CASES: dict[str, Spec] = {
    "one of four labels": Choice(["positive", "negative", "neutral", "mixed"]),
    "a date": Regex("[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "a Sudoku, 9x9": Sudoku("1" + "." * 80),
    "300 digits": Regex("[0-9]{300}"),
}


class Whole:
    """A denoiser that offers its seam and nothing else, so that all logits are computed."""

    def __init__(self, denoiser: DiffusionGemma) -> None:
        self.length, self.rows, self.device = denoiser.length, denoiser.rows, denoiser.device
        self.noise, self.accept, self.renoise = denoiser.noise, denoiser.accept, denoiser.renoise
        self.close, self.append = denoiser.close, denoiser.append
        self._denoiser = denoiser

    def __call__(self, canvas: Tensor, belief: Tensor | None, step: int, steps: int) -> Tensor:
        return self._denoiser(canvas, belief, step, steps)


def vocabulary_of(size: int) -> Vocabulary:
    """An end of turn, every byte, and words of small letters: digits are tokens of their own."""
    rng = Random(0)
    words = {bytes([byte]): None for byte in range(256)}
    while len(words) < size - 1:
        words["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))).encode()] = None
    return Vocabulary([None, *words], [0])


def canvas_of(spec: Spec, vocabulary: Vocabulary, length: int) -> TokenCanvas | RelationalCanvas:
    if isinstance(spec, Puzzle):
        puzzle = PuzzleConstraint.of(spec, vocabulary)
        (left,) = RelationalConstraints.start([puzzle])
        assert isinstance(left, Narrowed)
        return RelationalConstraints([puzzle], [left]).canvas(length, 2 * length)
    return TokenConstraints([compile(spec, vocabulary)]).canvas(length, 2 * length)


def seconds_of_run(denoiser: Denoiser, canvas: TokenCanvas | RelationalCanvas, passes: int) -> float:
    begin = time.process_time()
    drafts = refine(
        denoiser, canvas, max_passes=passes, stop=NEVER, generator=torch.Generator().manual_seed(0), every_pass=False
    )
    for _ in drafts:
        pass
    return time.process_time() - begin


def by_constraint(denoiser: DiffusionGemma, vocabulary: Vocabulary, most: int) -> list[dict[str, Any]]:
    """Per case and number of passes, the seconds of both sides."""
    rows = []
    for name, spec in CASES.items():
        mask = needs(canvas_of(spec, vocabulary, denoiser.length))
        assert mask is not None
        tokens = None if mask.tokens is None else len(mask.tokens)
        for passes in range(1, most + 1):
            ours, theirs = (
                seconds_of_run(each, canvas_of(spec, vocabulary, denoiser.length), passes)
                for each in (denoiser, Whole(denoiser))
            )
            rows.append(
                {
                    "case": name,
                    "text": mask.positions,
                    "tokens": tokens,
                    "passes": passes,
                    "needed": ours,
                    "all": theirs,
                    "ratio": ours / theirs,
                }
            )
    return rows


@torch.no_grad()
def by_width(denoiser: DiffusionGemma) -> list[dict[str, Any]]:
    """Per number of tokens, seconds of a pass with a belief, and of the copy of the weights."""
    canvas = denoiser.noise(torch.Generator().manual_seed(0))
    rows = []
    for share in (None, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 256, 1 / 4096):
        count = denoiser.vocab_size if share is None else max(int(denoiser.vocab_size * share), 1)
        belief = torch.zeros(1, denoiser.length, count)
        begin = time.process_time()
        tokens = torch.randperm(denoiser.vocab_size, generator=torch.Generator().manual_seed(0))[:count].sort().values
        head = None if share is None else denoiser.masked(Mask(denoiser.length, tokens))
        copied = time.process_time() - begin
        begin = time.process_time()
        (head or denoiser)(canvas, belief, 0, 1)
        rows.append({"tokens": count, "copy": copied if head else 0.0, "pass": time.process_time() - begin})
    return rows


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 1,
    hidden: Annotated[int, typer.Option(help="Width of the head.")] = 2304,
    passes: Annotated[int, typer.Option(help="Passes at most.")] = 2,
    length: Annotated[int, typer.Option(help="Positions of the canvas.")] = 256,
    size: Annotated[int, typer.Option(help="Ids of the vocabulary.")] = 262_144,
) -> None:
    """All logits against those that are needed."""
    torch.set_num_threads(threads)
    network = tiny_model(vocab_size=size, canvas_length=length, hidden_size=hidden)
    denoiser = DiffusionGemma(network, torch.ones((1, 1), dtype=torch.int64), torch.ones((1, 1)), SETTINGS)
    runs, widths = by_constraint(denoiser, vocabulary_of(size), passes), by_width(denoiser)
    if as_json:
        sizes = {"threads": threads, "hidden": hidden, "length": length, "vocabulary": size}
        print(json.dumps(sizes | {"runs": runs, "widths": widths}))
        return
    console = Console(width=None if sys.stdout.isatty() else 130)
    title = f"L = {length}, V = {size:,}, width {hidden:,}, {threads} threads; CPU seconds"
    table = Table("canvas", "text", "tokens", "passes", "needed logits", "all logits", "ratio", title=title)
    for row in runs:
        tokens = "all" if row["tokens"] is None else f"{row['tokens']:,}"
        figures = [f"{row[side]:.3f}" for side in ("needed", "all", "ratio")]
        table.add_row(row["case"], str(row["text"]), tokens, str(row["passes"]), *figures)
    console.print(table)
    table = Table("tokens", "copied once", "a pass of the model", title="the model alone, by the width of its head")
    for row in widths:
        table.add_row(f"{row['tokens']:,}", f"{row['copy']:.3f}", f"{row['pass']:.3f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
