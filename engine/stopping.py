"""When to stop refining a canvas: as soon as further passes could not, or would hardly, change the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from constrain.engine.seams import Posterior
from constrain.errors import SpecError

__all__ = ["CERTAIN", "LIKELY", "REASONS", "History", "StopReason", "StopRule"]

StopReason = Literal["forced", "certain", "stable", "budget"]

CERTAIN, LIKELY = 0.999, 0.95
"""The thresholds of constrained decoding (docs/evaluation.md); the others are the checkpoint's."""

REASONS: tuple[StopReason | None, ...] = (None, "forced", "certain", "stable")
"""What the codes of `StopRule.judge` stand for. The fourth reason, `budget`, is the loop's own: no passes are left."""


@dataclass(frozen=True)
class StopRule:
    """
    A row stops at the first pass where one of these holds; the first that does is the reason:

    - *forced*: the constraint leaves a single string;
    - *certain*: the posterior probability of the best canvas is at least `certain` (None: never);
    - *stable*: the best canvas has been the same for `stability` passes before this one, and the constrained entropy,
      averaged over the undecided positions, is below `confidence` nats (None: never), no undecided position meaning 0;
      or it has been the best of any pass before, and its *support* is at least `likely` (None: never). That is
      1 - (1 - p)(1 - q)..., where p, q, ... are its posterior probabilities in all the passes that it was the best of:
      the probability that one of these passes is right about it, if they were independent.

    Without a constraint, `certain=None` is transformers' `StableAndConfidentStoppingCriteria`, bit for bit.
    """

    certain: float | None = 0.999
    stability: int = 1
    confidence: float | None = 0.005
    likely: float | None = None

    def __post_init__(self) -> None:
        for name, value, usual in (("certain", self.certain, 0.999), ("likely", self.likely, 0.95)):
            if value is not None and not 0 < value <= 1:
                raise SpecError(f"{name} is a probability, got {value}", hint=f"{usual}, say, or None for never")
        if self.stability < 0:
            raise SpecError(f"stability counts passes, got {self.stability}", hint="0 or more")
        if self.confidence is not None and not self.confidence >= 0:
            raise SpecError(f"confidence is an entropy in nats, got {self.confidence}", hint="0 or more, or None")

    def judge(self, posterior: Posterior, unchanged: Tensor, support: Tensor) -> Tensor:
        """int64 `[B]`, indices into `REASONS`. `unchanged` and `support` are those of `History`."""
        code = torch.zeros_like(unchanged)
        if self.confidence is not None:
            same = unchanged >= self.stability
            code = torch.where(same & (_mean(posterior.entropy, posterior.undecided) < self.confidence), 3, code)
        if self.likely is not None:
            code = torch.where(support >= self.likely, 3, code)
        if self.certain is not None:
            code = torch.where(posterior.probability() >= self.certain, 2, code)
        return torch.where(posterior.forced, 1, code)


class History:
    """The best canvases of the passes over one canvas so far, of a batch of `rows`."""

    def __init__(self, rows: int, device: torch.device) -> None:
        self.unchanged = torch.zeros(rows, dtype=torch.int64, device=device)
        """int64 `[B]`: how many passes in a row before the last had the same best canvas as it."""
        self.support = torch.zeros(rows, dtype=torch.float64, device=device)
        """float64 `[B]`: that of the last best canvas (see `StopRule`); 0 if no pass before had it."""
        self._bests: list[Tensor] = []
        self._doubts: list[Tensor] = []

    def add(self, best: Tensor, probability: Tensor) -> None:
        """The best canvases of one more pass, int64 `[B, L]`, and their posterior probabilities, float64 `[B]`."""
        doubt = 1 - probability
        if self._bests:
            same = (torch.stack(self._bests) == best).all(-1)
            left = torch.where(same, torch.stack(self._doubts), 1.0).prod(0) * doubt
            self.unchanged = torch.where(same[-1], self.unchanged + 1, 0)
            self.support = torch.where(same.any(0), 1 - left, 0.0)
        self._bests.append(best)
        self._doubts.append(doubt)


def _mean(entropy: Tensor, undecided: Tensor) -> Tensor:
    """The mean over undecided positions, `[B]`; where all are undecided, the very float that `Tensor.mean` gives."""
    length = undecided.shape[-1]
    return torch.where(undecided, entropy, 0.0).mean(-1) * (length / undecided.sum(-1).clamp(min=1))
