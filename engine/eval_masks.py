"""Masks position by position, and nothing else: what a constraint is worth without a joint choice.

A token is allowed at a position if some valid canvas has it there. Every position then chooses for itself, so that
what comes out need not be valid: masks for {AB, CD} admit AD.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from constrain.engine.narrowing import Narrowed, narrow
from constrain.engine.relational import RelationalCanvas, RelationalConstraints
from constrain.engine.seams import Canvas, Constraints
from constrain.engine.token_canvas import TokenCanvas
from constrain.engine.windows import Window
from constrain.errors import ConstrainError
from constrain.kernels.class_reduce import FLOOR
from constrain.lattice import Lattice
from constrain.solving import Solution

__all__ = ["MaskPosterior", "allowed_tokens", "closest_beginning", "is_beginning"]


def allowed_tokens(canvas: Canvas) -> Tensor:
    """bool `[B, L, V]`: the tokens that stand at each position on some valid canvas; in the tail, all of them."""
    if isinstance(canvas, TokenCanvas):
        rows = [each.allowed[:, each.tokens.class_of] | each.allowed[:, -1:] for each in canvas.lattices]
        return torch.from_numpy(np.stack(rows)).to(canvas.graph.start.device)
    assert isinstance(canvas, RelationalCanvas), "there is no third kind of constraint"
    vocabulary = canvas.windows[0].row.constraint.vocabulary.size
    here = canvas.allowed >= 0
    shape = (*canvas.allowed.shape[:2], vocabulary + 1)  # what pads the ids goes into a column of its own
    allowed = torch.zeros(shape, dtype=torch.bool, device=canvas.device)
    allowed.scatter_(2, torch.where(here, canvas.allowed, vocabulary), value=True)
    return allowed[:, :, :-1] | canvas.tail[:, :, None]


class MaskPosterior:
    """One pass over a batch: independent positions, each on its `allowed` tokens, bool `[B, L, V]`.

    `over`, bool `[B]`, are the rows that were complete before this canvas. log Z is the log of the model's mass on what
    the masks allow, more than that on valid canvases.
    """

    def __init__(self, logits: Tensor, allowed: Tensor, over: Tensor | None) -> None:
        weight = logits.float().log_softmax(-1).clamp(min=FLOOR).masked_fill(~allowed, -torch.inf)
        mass = weight.logsumexp(-1, keepdim=True)
        self.log_z = mass.squeeze(-1).double().sum(-1)
        self.weight = weight - mass
        """float32 `[B, L, V]`: log-probabilities on the allowed tokens, -inf on others."""
        self.undecided = allowed.sum(-1) > 1
        self.forced = torch.zeros(len(logits), dtype=torch.bool, device=logits.device) if over is None else over
        self.redecoded = [0] * len(logits)
        self.errors: list[ConstrainError | None] = [None] * len(logits)
        self.solutions: list[Solution | None] = [None] * len(logits)

    @cached_property
    def entropy(self) -> Tensor:
        return -(self.weight.exp() * self.weight.clamp(min=2 * FLOOR)).sum(-1)

    @property
    def doubt(self) -> Tensor:
        return self.entropy

    def sample(self, generator: torch.Generator) -> Tensor:
        draw = torch.multinomial(self.weight.exp().flatten(0, 1), 1, generator=generator)
        return draw.view(self.weight.shape[:2])

    def map(self) -> Tensor:
        return self.weight.argmax(-1)

    def probability(self) -> Tensor:
        return self.weight.amax(-1).double().sum(-1).exp()

    def shape(self, *, inplace: bool = False) -> Tensor:
        return self.weight


def is_beginning(constraints: Constraints, canvas: Canvas, tokens: Tensor) -> Tensor:
    """bool `[B]`: whether a valid output begins, on this canvas, with `tokens` `[B, L]`.

    Where it does, and the constraints are those of a puzzle, they get to know the solution that it begins.
    """
    rows: list[list[int]] = tokens.tolist()
    if isinstance(canvas, TokenCanvas):
        found = [_is_alive(lattice, ids) for lattice, ids in zip(canvas.lattices, rows, strict=True)]
    else:
        assert isinstance(constraints, RelationalConstraints)
        assert isinstance(canvas, RelationalCanvas)
        found = [_has_solution(window, ids) for window, ids in zip(canvas.windows, rows, strict=True)]
    return torch.tensor(found, device=tokens.device)


def _is_alive(lattice: Lattice, ids: list[int]) -> bool:
    state = lattice.start
    for position, token in enumerate(ids, 1):
        if state == lattice.tokens.done:
            return True
        state = lattice.tokens.step(state, token)
        if state < 0 or not lattice.alive[position, state]:
            return False
    return True


def _has_solution(window: Window, ids: list[int]) -> bool:
    """Exact but for the time that the solver may take (`PuzzleRow.next_limit`): where it is up, there is none."""
    row = window.row
    if row.finished or window.written(ids) in row.proposed:
        return True
    domains = window.agreeing(ids)
    if not all(domains):
        return False
    (left,) = narrow([row.constraint.rules], [domains], time_limit=row.next_limit)
    if isinstance(left, Narrowed):
        row.proposed[window.written(ids)] = left.solution
    return isinstance(left, Narrowed)


def closest_beginning(canvas: Canvas, logits: Tensor) -> Tensor:
    """int64 `[B, L]`: the most probable valid canvas of every row."""
    return canvas.posterior(logits).map()
