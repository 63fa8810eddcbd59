"""No constraint at all: the posterior is the model's own product distribution, computed as transformers computes it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Categorical

from constrain.engine.evidence import as_certain
from constrain.errors import ConstrainError
from constrain.solving import Solution

__all__ = ["Unconstrained", "UnconstrainedPosterior"]


class Unconstrained:
    """Every row may write anything, and is complete when one of `end_of_turn` occurs on a canvas.

    It carries no state, and serves as its own canvas.
    """

    def __init__(self, end_of_turn: Sequence[int], *, device: torch.device) -> None:
        self.end_of_turn = torch.tensor(list(end_of_turn), dtype=torch.int64, device=device)
        self.known: Tensor | None = None
        self.settled: Tensor | None = None

    def canvas(self, length: int, budget: int) -> Unconstrained:
        self.settled = None
        return self

    def settle(self, tokens: Tensor) -> None:
        self.settled = tokens

    def posterior(self, logits: Tensor) -> UnconstrainedPosterior:
        return UnconstrainedPosterior(as_certain(logits, self.settled))

    def commit(self, tokens: Tensor) -> Tensor:
        return torch.isin(tokens, self.end_of_turn).any(-1)


class UnconstrainedPosterior:
    """Independent positions; nothing is forced and everything is undecided."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        marginals = Categorical(logits=logits, validate_args=False)  # validation would wait for the device
        self.entropy: Tensor = marginals.entropy()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.doubt = self.entropy
        self.log_z = torch.zeros(len(logits), dtype=torch.float64, device=logits.device)
        self.forced = torch.zeros_like(self.log_z, dtype=torch.bool)
        self.undecided = torch.ones_like(self.entropy, dtype=torch.bool)
        self.redecoded = [0] * len(logits)
        self.errors: list[ConstrainError | None] = [None] * len(logits)
        self.solutions: list[Solution | None] = [None] * len(logits)
        self._peaks: Tensor = marginals.logits.amax(-1)

    def sample(self, generator: torch.Generator) -> Tensor:
        probabilities = torch.softmax(self.logits, dim=-1, dtype=torch.float32)
        draw = torch.multinomial(probabilities.flatten(0, 1), num_samples=1, generator=generator)
        return draw.view(self.logits.shape[:-1])

    def map(self) -> Tensor:
        return self.logits.argmax(-1)

    def probability(self) -> Tensor:
        return self._peaks.double().sum(-1).exp()

    def shape(self, *, inplace: bool = False) -> Tensor:
        return self.logits
