"""A model that says what a script says, and a posterior that is what a test says: the refine loop without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from constrain.errors import ConstrainError
from constrain.solving import Solution

__all__ = ["Conclusion", "ScriptedConstraints", "ScriptedDenoiser", "conclusion"]

PAD = 0


@dataclass
class ScriptedDenoiser:
    """Returns `script[n]` in its n-th pass, accepts everything, and writes down what it is given.

    Its "noise" counts up from 100, so that every canvas differs from every other.
    """

    script: Sequence[Tensor]
    seen: list[tuple[Tensor, Tensor | None]] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)
    appended: list[Tensor] = field(default_factory=list)
    drawn: int = 100

    @property
    def rows(self) -> int:
        return self.script[0].shape[0]

    @property
    def length(self) -> int:
        return self.script[0].shape[1]

    @property
    def device(self) -> torch.device:
        return self.script[0].device

    def noise(self, generator: torch.Generator) -> Tensor:
        self.drawn += 1
        return torch.full((self.rows, self.length), self.drawn)

    def __call__(self, canvas: Tensor, belief: Tensor | None, step: int, steps: int) -> Tensor:
        self.seen.append((canvas, belief))
        self.steps.append((step, steps))
        return self.script[len(self.seen) - 1]

    def accept(self, entropy: Tensor) -> Tensor:
        return torch.zeros(entropy.shape, dtype=torch.bool)

    def renoise(self, canvas: Tensor, draw: Tensor, accepted: Tensor, generator: torch.Generator) -> Tensor:
        return torch.where(accepted, draw, self.noise(generator))

    def close(self, tokens: Tensor, finished: Tensor) -> Tensor:
        return tokens.masked_fill(finished[:, None], PAD)

    def append(self, tokens: Tensor) -> None:
        self.appended.append(tokens)


@dataclass
class Conclusion:
    """A posterior with the given figures, whose best canvas is the argmax of its logits."""

    logits: Tensor
    log_z: Tensor
    entropy: Tensor
    undecided: Tensor
    forced: Tensor
    certainty: Tensor
    redecoded: Sequence[int]
    errors: Sequence[ConstrainError | None]
    solutions: Sequence[Solution | None]

    @property
    def doubt(self) -> Tensor:
        return self.entropy

    def sample(self, generator: torch.Generator) -> Tensor:
        return self.map()

    def map(self) -> Tensor:
        return self.logits.argmax(-1)

    def probability(self) -> Tensor:
        return self.certainty

    def shape(self, *, inplace: bool = False) -> Tensor:
        return self.logits


def conclusion(
    logits: Tensor,
    *,
    forced: Sequence[bool] | None = None,
    certainty: float = 0.5,
    errors: Sequence[ConstrainError | None] | None = None,
) -> Conclusion:
    rows, length = logits.shape[:2]
    return Conclusion(
        logits=logits,
        log_z=torch.full((rows,), -1.0, dtype=torch.float64),
        entropy=torch.ones(rows, length),
        undecided=torch.ones(rows, length, dtype=torch.bool),
        forced=torch.zeros(rows, dtype=torch.bool) if forced is None else torch.tensor(forced),
        certainty=torch.full((rows,), certainty, dtype=torch.float64),
        redecoded=[0] * rows,
        errors=[None] * rows if errors is None else errors,
        solutions=[None] * rows,
    )


@dataclass
class ScriptedConstraints:
    """Rows are forced in the passes that `forced` lists, and complete after the canvases that `complete` lists."""

    forced: Sequence[Sequence[bool]]
    complete: Sequence[Sequence[bool]] = ()
    errors: Sequence[Sequence[ConstrainError | None]] | None = None
    """The errors of each pass."""
    known: Tensor | None = None
    budgets: list[int] = field(default_factory=list)
    committed: list[Tensor] = field(default_factory=list)
    passes: int = 0

    def canvas(self, length: int, budget: int) -> ScriptedConstraints:
        self.budgets.append(budget)
        return self

    def settle(self, tokens: Tensor) -> None:
        raise AssertionError("the scripted denoiser keeps nothing")

    def posterior(self, logits: Tensor) -> Conclusion:
        self.passes += 1
        n = self.passes - 1
        return conclusion(logits, forced=self.forced[n], errors=None if self.errors is None else self.errors[n])

    def commit(self, tokens: Tensor) -> Tensor:
        self.committed.append(tokens)
        return torch.tensor(self.complete[len(self.committed) - 1])
