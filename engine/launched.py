"""The posterior of a pass on a GPU: the logits are read once, the paths summed in one launch, the host never waits.

What a CPU computes when it is asked for, a GPU has in two kernels: `class_reduce` finds the likeliest token of every
class and draws one while it reads, `sweep` the best path and a drawn one while it sums. So a draw needs its random seed
before anything else is computed: ask for it first, as `refine` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from constrain.engine.posterior import TokenPosterior
from constrain.engine.tables import Tables
from constrain.kernels.class_reduce import ClassScores, class_reduce
from constrain.kernels.sweeps import Swept, sweep

try:
    import triton  # type: ignore[import-untyped, unused-ignore]  # untyped where it is installed
except ImportError:  # it exists for Linux alone
    triton = None

__all__ = ["LaunchedPosterior", "launches"]

_RULED_OUT = -1e30  # for minus infinity, of which `sweep` takes none: less than any sum of scores


def launches(logits: Tensor) -> bool:
    """Whether what reads these logits is launched, or computed by the host."""
    return logits.is_cuda and triton is not None


class LaunchedPosterior(TokenPosterior):
    """As `TokenPosterior`, but with other random numbers. Every draw but the first takes launches of its own."""

    _seeds: Tensor | None = None
    """int64 `[B + 1]`: of each row's tokens, and of the paths."""

    def _sampled(self, generator: torch.Generator) -> Tensor:
        if self._started:
            return LaunchedPosterior(self.canvas, self.logits)._sampled(generator)
        rows, device = len(self.logits), self.logits.device
        self._seeds = torch.randint(1 << 62, (rows + 1,), generator=generator, device=device)
        return self._tokens(self._swept.drawn, generator)

    @property
    def _started(self) -> bool:
        """Whether anything was computed that a seed would have to come before."""
        return "rows" in vars(self)

    @cached_property
    def rows(self) -> list[ClassScores]:
        if self._seeds is None:
            self._seeds = torch.zeros(len(self.logits) + 1, dtype=torch.int64, device=self.logits.device)
        return [
            class_reduce(row, table.order, table.offsets, pieces=table.pieces, seed=seed)
            for row, table, seed in zip(self.logits, self.canvas.tables, self._seeds[:-1], strict=True)
        ]

    @cached_property
    def _swept(self) -> Swept:
        canvas, mass, peak = self.canvas, self.mass.clamp(min=_RULED_OUT), self.peak.clamp(min=_RULED_OUT)
        assert self._seeds is not None, "scores come before paths"
        return sweep(canvas.graph, canvas.state_row, mass, peak, self._seeds[-1], index=canvas.index)

    @cached_property
    def log_z(self) -> Tensor:
        return self._swept.log_z

    @cached_property
    def marginals(self) -> tuple[Tensor, ...]:
        return self._split(self._swept.log_marginals.double().exp())

    def _heaviest(self) -> tuple[Tensor, Tensor]:
        return self._swept.best, self._swept.weight

    def _members(self, table: Tables, rows: Sequence[int], chosen: Tensor, generator: torch.Generator | None) -> Tensor:
        scores = [self.rows[row] for row in rows]
        known = [each.best if generator is None else each.drawn for each in scores]
        tokens = torch.stack([each for each in known if each is not None]).long()
        picked = tokens.gather(2, chosen.clamp(min=0)[:, :, None]).squeeze(2)
        return torch.where(chosen < 0, table.order[-1], picked)
