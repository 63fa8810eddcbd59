"""What a canvas needs of the logits, and its posterior from no more than that (see `masked_head`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from constrain.engine.masked_head import Mask, MaskedHead
from constrain.engine.posterior import TokenPosterior
from constrain.engine.relational import RelationalCanvas, RelationalPosterior
from constrain.engine.seams import Canvas, Denoiser
from constrain.engine.token_canvas import TokenCanvas
from constrain.errors import ConstrainError
from constrain.solving import SCALE, Solution

__all__ = ["MaskedCanvas", "MaskedPosterior", "first_pass", "masked", "needs"]

Constrained: TypeAlias = TokenCanvas | RelationalCanvas

_SHARE = 8
"""How many times as long as all text a canvas must be for its tail to be left out of passes that may be the last. If
they are not, they have computed this part of the head, and of the posterior, twice: of 262,144 tokens at 256 positions
that takes 9 s on a CPU, at 16 positions 1 s, at 64 positions 2.4 s."""

_WIDEST = 4
"""How many times as large as what may stand on a canvas the vocabulary must be. A pass over a quarter of it takes a
quarter of the time, and log Z once more what half of a pass takes: for half of it, two passes break even."""


@runtime_checkable
class _Maskable(Protocol):
    """A denoiser with a head that can leave logits out."""

    def masked(self, mask: Mask) -> MaskedHead | None: ...


def first_pass(denoiser: Denoiser, positions: int, generator: torch.Generator) -> Tensor:
    """Logits `[B, positions, V]` of a pass that is the first and the last: behind them nothing counts."""
    noise = denoiser.noise(generator)
    head = denoiser.masked(Mask(positions)) if isinstance(denoiser, _Maskable) else None
    return denoiser(noise, None, 0, 1)[:, :positions] if head is None else head(noise, None, 0, 1)


def masked(denoiser: Denoiser, valid: Canvas, max_passes: int) -> MaskedCanvas | None:
    """`valid` with the head that it needs; None where it needs everything, or the model offers nothing less."""
    if not isinstance(denoiser, _Maskable) or not isinstance(valid, Constrained):
        return None
    if isinstance(valid, TokenCanvas) and any(judge is not None for judge in valid.judges):
        return None  # the search for what a judge accepts reads logits that the best canvas does not need
    mask = needs(valid)
    head = None if mask is None else denoiser.masked(mask)
    return None if head is None else MaskedCanvas(valid, head, max_passes)


def needs(valid: Constrained) -> Mask | None:
    """The logits that count on a canvas: of the tokens that may stand on it, if no row can end before it does; if not,
    of the positions that text can reach, the end of turn included. None where that leaves (nearly) nothing out.
    """
    length = _length(valid)
    if isinstance(valid, TokenCanvas):
        alive = [lattice.alive[:-1] for lattice in valid.lattices]
        ends = any(each[:, -1].any() for each in alive)
        text = int(np.logical_or.reduce([each[:, :-1].any(1) for each in alive]).sum())
        size = len(valid.lattices[0].tokens.class_of)
    else:
        reach = [len(window.allowed) for window in valid.windows]
        ends, text = min(reach) < length, max(reach)
        size = valid.windows[0].row.constraint.vocabulary.size
    if ends:
        return None if text in (0, length) else Mask(text)
    tokens = np.flatnonzero(_allowed(valid, size))
    return None if len(tokens) * _WIDEST > size else Mask(length, torch.from_numpy(tokens).to(valid.device))


def _allowed(valid: Constrained, size: int) -> NDArray[np.bool_]:
    """bool `[V]`: the tokens that may stand anywhere on a canvas without a tail."""
    allowed = np.zeros(size, np.bool_)
    if isinstance(valid, TokenCanvas):
        for lattice in valid.lattices:
            allowed |= np.logical_or.reduce(lattice.allowed[:, :-1])[lattice.tokens.class_of]
    else:
        for window in valid.windows:
            allowed[np.concatenate(window.allowed)] = True
    return allowed


def _length(valid: Constrained) -> int:
    return valid.lattices[0].length if isinstance(valid, TokenCanvas) else valid.windows[0].length


def _end(valid: Constrained) -> list[int]:
    """What the best canvas of each row has behind the end of turn."""
    if isinstance(valid, TokenCanvas):
        return [int(table.order[-1]) for table in valid.tables]
    return [window.row.constraint.vocabulary.end_of_turn[0] for window in valid.windows]


def _only(valid: Constrained, mask: Mask) -> Constrained:
    """`valid`, for the logits that `mask` leaves."""
    if isinstance(valid, RelationalCanvas):
        return valid.only(mask)
    lattices, tables = valid.lattices, list(valid.tables)
    if mask.tokens is None:
        lattices = [replace(lattice, length=mask.positions) for lattice in lattices]
    else:
        known = {id(table): table.only(mask.tokens) for table in tables}
        tables = [known[id(table)] for table in tables]
    return TokenCanvas(lattices, valid.constraints, tables, valid.judges, valid.effort, valid.device)


class MaskedCanvas:
    """`valid`, as far as `head` goes.

    If its mask names tokens, all that a pass needs follows from them (log Z takes another reading of the head). If not,
    the tail is missing: enough for a draft and for the stop rule, and then `whole` is what the next pass needs.
    """

    def __init__(self, valid: Constrained, head: MaskedHead, max_passes: int) -> None:
        self.valid, self.head, self._passes = valid, head, max_passes
        self.part = _only(valid, head.mask)
        self.closed = head.mask.tokens is not None
        self.missing = _length(valid) - head.mask.positions
        self._short = head.mask.positions * _SHARE <= _length(valid)
        self.end = torch.tensor(_end(valid), device=valid.device)[:, None]

    def posterior(self, canvas: Tensor, belief: Tensor | None, step: int) -> MaskedPosterior | None:
        """The posterior of a pass from the logits that count; None for a pass that is too likely to need them all."""
        if not (self.closed or self._short or step == self._passes - 1):
            return None
        logits = self.head(canvas, belief, step, self._passes)
        return MaskedPosterior(self, self.part.posterior(logits), step)

    def whole(self, step: int) -> TokenPosterior | RelationalPosterior:
        """The posterior of the same pass from all logits."""
        return self.valid.posterior(self.head.whole(step, self._passes))

    def normalizer(self, step: int) -> Tensor:
        """float32 `[B, n]`: the logsumexp over the vocabulary of a pass's logits."""
        return self.head.normalizer(step, self._passes)

    def tokens(self, columns: Tensor) -> Tensor:
        """int64 `[B, L]`: the ids of what the head calls `columns`; the end of turn where positions are missing."""
        known = self.head.mask.tokens
        return torch.cat([columns if known is None else known[columns], self.end.expand(-1, self.missing)], 1)


class MaskedPosterior:
    """The posterior of one pass from the logits that count: a `Posterior`, to the last figure.

    Where the tail is missing, `entropy` is 0 there, and `sample` and `shape` are not to be had.
    """

    def __init__(self, canvas: MaskedCanvas, part: TokenPosterior | RelationalPosterior, step: int) -> None:
        self._canvas, self._part, self._step = canvas, part, step

    @cached_property
    def _excess(self) -> Tensor:
        """float64 `[B, n]`: what log-probabilities are too large by, not knowing of the missing tokens.

        The head is read again for them. 0 where the logits are NaN: then log-probabilities are all `FLOOR`.
        """
        if isinstance(self._part, TokenPosterior):
            known = torch.stack([scores.normalizer for scores in self._part.rows])
        else:
            known = self._part.normalizer
        if not self._canvas.closed:
            return torch.zeros_like(known, dtype=torch.float64)
        excess = self._canvas.normalizer(self._step).double() - known.double()
        return excess.masked_fill(known.isnan(), 0.0)

    @property
    def log_z(self) -> Tensor:
        return self._part.log_z - self._excess.sum(-1)

    @cached_property
    def solutions(self) -> list[Solution | None]:
        found = self._part.solutions
        if isinstance(self._part, TokenPosterior) or not self._canvas.closed:
            return found
        windows, excess = self._part.canvas.windows, self._excess.tolist()
        shifts = [
            round(SCALE * sum(row[i] for each in window.open for i in each.positions.tolist()))
            for window, row in zip(windows, excess, strict=True)
        ]
        return [
            each and replace(each, score=each.score - shift, bound=each.bound - shift)
            for each, shift in zip(found, shifts, strict=True)
        ]

    @property
    def entropy(self) -> Tensor:
        return pad(self._part.entropy, (0, self._canvas.missing))

    @property
    def doubt(self) -> Tensor:
        return pad(self._part.doubt, (0, self._canvas.missing))

    @property
    def undecided(self) -> Tensor:
        return pad(self._part.undecided, (0, self._canvas.missing))

    @property
    def forced(self) -> Tensor:
        return self._part.forced

    @property
    def redecoded(self) -> Sequence[int]:
        return self._part.redecoded

    @property
    def errors(self) -> Sequence[ConstrainError | None]:
        return self._part.errors

    def probability(self) -> Tensor:
        return self._part.probability()

    def map(self) -> Tensor:
        return self._canvas.tokens(self._part.map())

    def sample(self, generator: torch.Generator) -> Tensor:
        return self._canvas.tokens(self._part.sample(generator))

    def shape(self, *, inplace: bool = False) -> Tensor:
        """Shaped logits `[B, L, U]` of the tokens that count, which the head takes back; all others have -inf."""
        return self._part.shape(inplace=inplace)
