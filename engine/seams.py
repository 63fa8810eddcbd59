"""The seams of the refine loop: what a model family and what a constraint must offer, and nothing about either.

B is the number of rows, L the length of a canvas, V the size of the vocabulary. All tensors are on the model's device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from constrain.errors import ConstrainError
from constrain.solving import Solution

__all__ = ["Canvas", "Constraints", "Denoiser", "Posterior"]


class Denoiser(Protocol):
    """A model family, with a batch of prompts already read. Position by position it knows nothing of constraints."""

    @property
    def length(self) -> int:
        """L, the number of tokens in one canvas."""
        ...

    @property
    def rows(self) -> int:
        """B, the number of prompts."""
        ...

    @property
    def device(self) -> torch.device: ...

    def noise(self, generator: torch.Generator) -> Tensor:
        """The canvas that refinement begins with, int64 `[B, L]`."""
        ...

    def __call__(self, canvas: Tensor, belief: Tensor | None, step: int, steps: int) -> Tensor:
        """Logits `[B, L, V]` for `canvas`, already divided by the temperature of pass `step` (from 0) of `steps`.

        `belief` is what the previous pass made of its logits (None in the first), for families that condition on it.
        The logits are the caller's, who may write into them.
        """
        ...

    def accept(self, entropy: Tensor) -> Tensor:
        """bool `[B, L]`: the positions whose draw is kept, given each position's entropy in nats, float32 `[B, L]`.

        Of a family that keeps tokens for good, it is given what the family itself doubts; see `evidence.Keeping`.
        """
        ...

    def renoise(self, canvas: Tensor, draw: Tensor, accepted: Tensor, generator: torch.Generator) -> Tensor:
        """The next pass's canvas: `draw` where accepted, noise elsewhere."""
        ...

    def close(self, tokens: Tensor, finished: Tensor) -> Tensor:
        """The canvas as it is appended: padding behind the end of turn, and throughout rows finished before it."""
        ...

    def append(self, tokens: Tensor) -> None:
        """Read a closed canvas: from now on the model refines the one that follows it."""
        ...


class Posterior(Protocol):
    """What one pass believes about the whole canvas, given that the output must be valid.

    A row whose output was complete before this canvas is `forced`, so that it never holds up the others.
    """

    @property
    def log_z(self) -> Tensor:
        """float64 `[B]`: log of the model's mass on valid canvases; 0 without a constraint."""
        ...

    @property
    def entropy(self) -> Tensor:
        """float32 `[B, L]`: entropy in nats of each position's marginal."""
        ...

    @property
    def doubt(self) -> Tensor:
        """float32 `[B, L]`, in nats: what it is decided by how much of a draw is accepted; no less than `entropy`."""
        ...

    @property
    def undecided(self) -> Tensor:
        """bool `[B, L]`: positions that the constraint leaves open and that are not behind the end of turn."""
        ...

    @property
    def forced(self) -> Tensor:
        """bool `[B]`: the constraint leaves one string, at least on this canvas, and `map()` is it."""
        ...

    @property
    def redecoded(self) -> Sequence[int]:
        """Per row, how many better candidates for `map()` a check on the text has refused."""
        ...

    @property
    def errors(self) -> Sequence[ConstrainError | None]:
        """Per row, why `map()` is not valid; None where it is."""
        ...

    @property
    def solutions(self) -> Sequence[Solution | None]:
        """Per row, what a solver found that `map()` is; None where none was asked."""
        ...

    def sample(self, generator: torch.Generator) -> Tensor:
        """One joint draw, int64 `[B, L]`."""
        ...

    def map(self) -> Tensor:
        """The most probable valid canvas, int64 `[B, L]`."""
        ...

    def probability(self) -> Tensor:
        """float64 `[B]`: the posterior probability of `map()`."""
        ...

    def shape(self, *, inplace: bool = False) -> Tensor:
        """Shaped logits `[B, L, V]`: their softmax is the posterior's marginal at each position.

        With `inplace` they may take the place of the logits; then nothing else can be asked afterwards.
        """
        ...


class Canvas(Protocol):
    """The valid canvases of a batch, at one place in the output."""

    @property
    def known(self) -> Tensor | None:
        """int64 `[B, L]`: the canvas, if no row has more than one to choose from; then no pass is needed. Else None."""
        ...

    def settle(self, tokens: Tensor) -> None:
        """From now on `tokens`, int64 `[B, L]`, stand where they are not -1, and no others: as evidence.

        They are part of a canvas that `map()` or `sample()` of a posterior was.
        """
        ...

    def posterior(self, logits: Tensor) -> Posterior:
        """Condition the product distribution of `logits` `[B, L, V]` on the canvas being valid."""
        ...


class Constraints(Protocol):
    """What a batch of rows may write, and how far each has come."""

    def canvas(self, length: int, budget: int) -> Canvas:
        """The next `length` tokens, when `budget` tokens of text are left, this canvas included."""
        ...

    def commit(self, tokens: Tensor) -> Tensor:
        """Advance over a chosen canvas, int64 `[B, L]`; bool `[B]`: the row's output is complete."""
        ...
