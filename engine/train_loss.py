"""What is minimised: cross entropies of two passes over noised canvases, the second conditioned on the first.

Training imitates decoding. The first pass sees a canvas of pure noise, or one in which a share of the tokens is noise.
The second sees, in most rows, the canvas that the first leads to (tokens of low entropy accepted, the others noise), in
the rest a fresh corruption, and is conditioned on the first pass's logits at the temperatures of decoding. In half of
the rows these logits are narrowed first, to random sets of tokens that hold the right one, as a constraint does.

What parallel decoding gets wrong is mostly a slip: a token twice or not at all, and all that follows in the wrong
place. A joint posterior is sure of the best valid text even where it has slipped. So in a share of the rows both passes
see a canvas that has slipped, and the second is conditioned on logits that are sure of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from constrain.engine.train_data import Part
from constrain.engine.train_network import ENTROPY_BOUND, decode, encode
from constrain.engine.train_tokens import PAD

__all__ = ["Losses", "losses"]

_TAIL_WEIGHT = 0.1
"""Weight of the padding after the answer in the loss: learned within a few hundred steps."""
_TEMPERATURES = (0.4, 0.8)
_FOLLOWS = 0.75
_SLIPS = 0.2
"""Share of the rows that have slipped."""
_SURENESS = (2.0, 14.0)
"""What is added to the logits of slipped tokens, at least and at most."""


@dataclass(frozen=True)
class Losses:
    """`total` is to descend; `by_task` are mean cross entropies of answers, in nats per token, for first and second."""

    total: Tensor
    by_task: Mapping[str, tuple[float, float]]


def losses(model: Any, part: Part, generator: torch.Generator, dtype: torch.dtype) -> Losses:
    """The losses of one part; all noise comes from `generator`."""
    canvas, size = part.canvas, model.config.text_config.vocab_size
    seen = part.prompt != PAD
    cache = encode(model, part.prompt, seen, dtype)
    slips = torch.rand(len(canvas), 1, generator=generator) < _SLIPS
    slipped = torch.where(slips, _slipped(canvas, generator), canvas)
    noisy = _corrupted(slipped, size, generator)
    first = decode(model, noisy, None, cache, seen, dtype)
    with torch.no_grad():
        low, high = _TEMPERATURES
        temperature = low + (high - low) * torch.rand(len(canvas), 1, 1, generator=generator)
        belief = _narrowed(first.detach() / temperature, canvas, generator)
        belief = _sure_of(slipped, slips, belief, generator)
        follows = torch.rand(len(canvas), 1, generator=generator) < _FOLLOWS
        noisy = torch.where(follows, _next_canvas(belief, size, generator), _corrupted(slipped, size, generator))
    second = decode(model, noisy, belief, cache, seen, dtype)
    tail = canvas == PAD
    weight = torch.where(tail, _TAIL_WEIGHT, 1.0)
    each = [
        functional.cross_entropy(logits.flatten(0, 1), canvas.flatten(), reduction="none").view(canvas.shape)
        for logits in (first, second)
    ]
    total = ((each[0] + each[1]) * weight).sum() / (2 * weight.sum())
    return Losses(total, _by_task(part, [loss.detach().masked_fill(tail, 0.0) for loss in each], ~tail))


def _by_task(part: Part, each: list[Tensor], counted: Tensor) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for task in sorted(set(part.tasks)):
        rows = [row for row, other in enumerate(part.tasks) if other == task]
        first, second = (float(loss[rows].sum() / counted[rows].sum()) for loss in each)
        found[task] = first, second
    return found


def _corrupted(canvas: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Each row's tokens replaced by uniform noise with a probability that is 1 for half of the rows, else U(0, 1)."""
    rate = torch.rand(len(canvas), 1, generator=generator) * 2
    replaced = torch.rand(canvas.shape, generator=generator) < rate
    return torch.where(replaced, torch.randint(size, canvas.shape, generator=generator), canvas)


def _slipped(canvas: Tensor, generator: torch.Generator) -> Tensor:
    """Every row with one or two tokens of its text left out or written twice, what follows moved along."""
    rows, length = canvas.shape
    place = torch.arange(length).expand(rows, -1)
    origin = place.clone()
    text = (canvas != PAD).sum(1, keepdim=True)
    for chance in (1.0, 0.3):
        at = (torch.rand(rows, 1, generator=generator) * text).long()
        step = torch.randint(2, (rows, 1), generator=generator) * 2 - 1
        happens = torch.rand(rows, 1, generator=generator) < chance
        origin = origin + torch.where(happens & (place >= at + (step < 0)), step, 0)
    return canvas.gather(1, origin.clamp(0, length - 1))


def _sure_of(slipped: Tensor, rows: Tensor, logits: Tensor, generator: torch.Generator) -> Tensor:
    """The logits, in these rows sure of the slipped tokens, more or less so."""
    low, high = _SURENESS
    more = low + (high - low) * torch.rand(len(slipped), 1, generator=generator)
    return logits.scatter_add(-1, slipped[..., None], torch.where(rows, more, 0.0)[..., None].expand(*slipped.shape, 1))


def _narrowed(logits: Tensor, canvas: Tensor, generator: torch.Generator) -> Tensor:
    """In half of the rows, at a random share of positions, only the right token and a random set of others are left."""
    rows = len(logits)
    share = torch.rand(rows, 1, generator=generator) * (torch.rand(rows, 1, generator=generator) < 0.5)
    narrow = torch.rand(canvas.shape, generator=generator) < share
    kept = torch.rand(*canvas.shape, 1, generator=generator) ** 3
    others = torch.rand(logits.shape, generator=generator) < kept
    left = others.scatter(-1, canvas[..., None], True) | ~narrow[..., None]
    return logits.masked_fill(~left, -1e9)


def _next_canvas(logits: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """The canvas that decoding refines next: draws of low entropy accepted (`DiffusionGemma.accept`), others noise."""
    probability = logits.softmax(-1)
    entropy = torch.special.entr(probability).sum(-1)
    draw = torch.multinomial(probability.flatten(0, 1), 1, generator=generator).view(entropy.shape)
    ascending, order = entropy.sort(-1)
    within = ascending.cumsum(-1) - ascending <= ENTROPY_BOUND
    accepted = torch.zeros_like(within).scatter(-1, order, within)
    return torch.where(accepted, draw, torch.randint(size, draw.shape, generator=generator))
