"""Trains the bundled model: synthetic data, tokenizer and weights, from one seed.

    python -m constrain.engine.train --out DIR [--steps N] [--cooldown N] [--start MODEL]

Run again with the same --out, it goes on from the last checkpoint; after a kill the losses are those of a run without
one. The learning rate warms up, stays, and falls linearly to zero over the last `--cooldown` steps, so that a run can
be made longer at any time. DIR always holds a model that can be used: an exponential mean of the weights.

The weights of `bundled/` come from several such runs, each of which started from the one before, with more data than it
had: `start` in `training.json` says from which, down to the first.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from torch import Tensor
from transformers import DiffusionGemmaForBlockDiffusion

from constrain.engine.tasks import LABELS, examples
from constrain.engine.train_data import Data
from constrain.engine.train_loss import losses
from constrain.engine.train_network import CANVAS_LENGTH, build_model
from constrain.engine.train_start import begin_with, origin
from constrain.engine.train_tokens import SPECIALS, VOCAB_SIZE, between_values, build_tokenizer, frequent_words, render

__all__ = ["CANVAS_LENGTH", "MIXTURE", "SPECIALS", "VOCAB_SIZE", "Recipe", "main", "render", "train"]

MIXTURE = {
    "extract": 0.44,
    "nested": 0.21,
    "fields": 0.2,
    "classify": 0.04,
    "form": 0.05,
    "sudoku4": 0.03,
    "sudoku6": 0.02,
    "sudoku9": 0.01,
}
"""How often each task is drawn."""
JOINED = ("extract", "nested")
"""Tasks whose objects have few shapes: what stands between two values of their answers becomes one token."""
COPYING = ("extract", "nested", "fields", "form")


@dataclass(frozen=True)
class Recipe:
    """What determines the weights, besides the machine and how long it runs."""

    seed: int = 0
    rows: int = 20
    strata: int = 3
    width: int = 128
    layers: int = 4
    inner: int = 256
    muon_rate: float = 3e-3
    adam_rate: float = 1.5e-3
    warmup: int = 60
    early: int = 400
    """Steps at first that have short examples of copying only."""
    mean: float = 0.998
    """Weight of the old mean when the weights after a step are added to it."""
    bfloat16: bool = True
    """Whether matrix products of training are computed in bfloat16; weights and sums are float32 in any case."""
    sample: int = 16_000
    """Examples that the tokenizer is made from."""
    mixture: dict[str, float] = field(default_factory=lambda: dict(MIXTURE))

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.bfloat16 else torch.float32


class Run:
    """A training run: weights, their mean, optimisers, and the step they have come to.

    `start` is the directory of an earlier model to begin with, in place of random weights.
    """

    def __init__(self, recipe: Recipe, start: Path | None = None) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        sample = [
            each
            for task, share in recipe.mixture.items()
            for each in examples(task, "train", int(recipe.sample * share))
        ]
        self.tokenizer = build_tokenizer(
            (text for each in sample for text in (each.prompt, each.answer)),
            whole=(*LABELS, *frequent_words(each.prompt for each in sample)),
            joined=between_values([each.answer for each in sample if each.task in JOINED]),
        )
        self.model = build_model(VOCAB_SIZE, width=recipe.width, layers=recipe.layers, inner=recipe.inner).train()
        if start is not None:
            begin_with(self.model, self.tokenizer, start)
        self.start = None if start is None else origin(start)
        self.mean = copy.deepcopy(self.model).eval()
        self.data = Data(
            self.tokenizer,
            recipe.mixture,
            copying=[task for task in COPYING if task in recipe.mixture],
            early=recipe.early,
            rows=recipe.rows,
            strata=recipe.strata,
            canvas=CANVAS_LENGTH,
            seed=recipe.seed,
        )
        self.optimizers = _optimizers(self.model, recipe)
        self.step = 0
        self.seconds = 0.0
        self.log: dict[str, list[float]] = {}

    def advance(self, rate: float) -> dict[str, tuple[float, float]]:
        """One step at `rate` times the recipe's learning rates; the losses by task. Noise is a function of the step."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        parts = self.data.step(self.step)
        seen: dict[str, tuple[float, float]] = {}
        for part in parts:
            result = losses(self.model, part, generator, self.recipe.dtype)
            (result.total / len(parts)).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            seen |= result.by_task
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        keep = min(self.recipe.mean, self.step / (self.step + 10))
        with torch.no_grad():
            for old, new in zip(self.mean.parameters(), self.model.parameters(), strict=True):
                old.lerp_(new, 1 - keep)
        return seen

    def save(self, out: Path) -> None:
        """The state for going on, and the mean of the weights as a `from_pretrained` directory; each file at once."""
        out.mkdir(parents=True, exist_ok=True)
        state = {
            "recipe": asdict(self.recipe),
            "model": self.model.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "start": self.start,
            "step": self.step,
            "seconds": self.seconds,
            "log": self.log,
        }
        torch.save(state, part := out / "state.part")
        os.replace(part, out / "state.pt")
        export(self, out / "model")

    def load(self, path: Path) -> None:
        """Take up the state that `save` has written."""
        state = torch.load(path, weights_only=True)
        if (saved := Recipe(**state["recipe"])) != self.recipe:
            raise ValueError(f"{path} was made with another recipe: {saved}")
        self.model.load_state_dict(state["model"])
        self.mean.load_state_dict(state["mean"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.start = state["start"]
        self.step, self.seconds, self.log = state["step"], state["seconds"], state["log"]


def _optimizers(model: DiffusionGemmaForBlockDiffusion, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embeddings, norms and what else there is."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, weight in model.named_parameters():
        inside = weight.ndim == 2 and ("layers" in name or "self_conditioning" in name)
        if "vision" not in name and "embed_vision" not in name:
            (matrices if inside and "router" not in name else others).append(weight)
    muon = {"params": matrices, "peak": recipe.muon_rate}
    adam = {"params": others, "peak": recipe.adam_rate}
    return [
        torch.optim.Muon([muon], lr=recipe.muon_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([adam], lr=recipe.adam_rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def export(run: Run, out: Path) -> None:
    """The mean of the weights with its tokenizer, and `training.json`, which states how they were made."""
    run.mean.save_pretrained(out)
    run.tokenizer.save_pretrained(out)
    weights = (out / "model.safetensors").read_bytes()
    report: dict[str, Any] = {
        **asdict(run.recipe),
        "start": run.start,
        "parameters": sum(weight.numel() for weight in run.model.parameters()),
        "steps": run.step,
        "examples": run.step * run.recipe.rows * run.recipe.strata,
        "seconds": round(run.seconds),
        "hardware": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "losses": {task: [round(value, 5) for value in pair] for task, pair in sorted(run.log.items())},
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    (part := out / "training.part").write_text(json.dumps(report, indent=2) + "\n")
    os.replace(part, out / "training.json")


def train(
    out: Path,
    recipe: Recipe,
    *,
    steps: int,
    cooldown: int,
    save_every: float,
    console: Console,
    start: Path | None = None,
) -> Run:
    """Advance to `steps`, from the checkpoint in `out` if there is one; save every `save_every` seconds and at last."""
    torch.set_flush_denormal(True)  # 15% faster on a CPU: attention leaves many denormal gradients
    has_checkpoint = (out / "state.pt").exists()
    run = Run(recipe, None if has_checkpoint else start)
    if has_checkpoint:
        run.load(out / "state.pt")
        console.print(f"resumed at step {run.step}")
    started, saved = time.monotonic() - run.seconds, time.monotonic()
    while run.step < steps:
        left = steps - run.step
        rate = min((run.step + 1) / recipe.warmup, 1.0) * (min(left / cooldown, 1.0) if cooldown else 1.0)
        for task, pair in run.advance(rate).items():
            before = run.log.get(task, list(pair))
            run.log[task] = [0.97 * old + 0.03 * new for old, new in zip(before, pair, strict=True)]
        run.seconds = time.monotonic() - started
        if run.step % 20 == 0 or run.step == steps:
            figures = "  ".join(f"{task} {first:.3f} {second:.3f}" for task, (first, second) in sorted(run.log.items()))
            console.print(f"step {run.step}  {run.seconds:.0f} s  rate {rate:.3f}  {figures}", highlight=False)
        if time.monotonic() - saved > save_every or run.step == steps:
            run.save(out)
            saved = time.monotonic()
    return run


def main(
    out: Annotated[Path, typer.Option(help="Directory of the checkpoint; OUT/model is the model.")],
    steps: Annotated[int, typer.Option(help="Steps in all, those of the checkpoint included.")] = 8000,
    cooldown: Annotated[int, typer.Option(help="Of these, how many the learning rate falls over.")] = 0,
    save_every: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 300,
    seed: Annotated[int, typer.Option(help="Seed of data, initial weights and noise.")] = 0,
    rate: Annotated[float, typer.Option(help="Learning rate of the matrices; the others have half of it.")] = 3e-3,
    early: Annotated[int, typer.Option(help="Steps at first that have short examples of copying only.")] = 400,
    start: Annotated[Path | None, typer.Option(help="An earlier model to begin with: its directory.")] = None,
) -> None:
    """Train the bundled model, from the checkpoint in --out if there is one."""
    recipe = Recipe(seed=seed, muon_rate=rate, adam_rate=rate / 2, early=early)
    console = Console(soft_wrap=True)
    train(out, recipe, steps=steps, cooldown=cooldown, save_every=save_every, console=console, start=start)


if __name__ == "__main__":
    typer.run(main)
