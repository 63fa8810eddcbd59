"""The seams of the refine loop, varied: what `Mode` says, put around any denoiser and any constraints.

The loop itself is that of `refine`. Everything here answers its questions from the raw distribution instead of the
constrained one, or the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from constrain.constraint import Constraint
from constrain.engine.eval_masks import MaskPosterior, allowed_tokens, closest_beginning, is_beginning
from constrain.engine.eval_modes import Mode
from constrain.engine.evidence import Keeping, as_certain
from constrain.engine.posterior import TokenPosterior
from constrain.engine.seams import Canvas, Constraints, Denoiser, Posterior
from constrain.engine.token_canvas import TokenCanvas
from constrain.engine.unconstrained import UnconstrainedPosterior
from constrain.errors import ConstrainError
from constrain.kernels.class_reduce import FLOOR
from constrain.solving import Solution

__all__ = ["NoisyDenoiser", "ScoredTail", "VariedConstraints", "VariedDenoiser"]


class NoisyDenoiser:
    """`inner` with Gaussian noise of standard deviation `sigma` on its logits, in every pass anew.

    The noise of a pass depends on `seed` and on the number of passes before it, and on nothing else: whatever is
    compared on the same prompts meets the same noise.
    """

    def __init__(self, inner: Denoiser, sigma: float, seed: int) -> None:
        self.inner = inner
        self.sigma = sigma
        self.length, self.rows, self.device = inner.length, inner.rows, inner.device
        self.noise, self.accept, self.renoise = inner.noise, inner.accept, inner.renoise
        self.close, self.append = inner.close, inner.append
        if isinstance(inner, Keeping):
            self.kept, self.choose = inner.kept, inner.choose
        self._generator = torch.Generator(self.device).manual_seed(seed)

    def __call__(self, canvas: Tensor, belief: Tensor | None, step: int, steps: int) -> Tensor:
        logits = self.inner(canvas, belief, step, steps)
        noise = torch.randn(logits.shape, generator=self._generator, dtype=logits.dtype, device=self.device)
        return torch.add(logits, noise, alpha=self.sigma)


class VariedDenoiser:
    """`inner`, accepting by the entropy and renoising with the tokens of a mode; `constraints` know the masks."""

    def __init__(self, inner: Denoiser, constraints: VariedConstraints, mode: Mode) -> None:
        self.inner = inner
        self.constraints = constraints
        self.mode = mode
        self.length, self.rows, self.device = inner.length, inner.rows, inner.device
        self.close, self.append = inner.close, inner.append
        if isinstance(inner, Keeping):
            self.kept, self.choose = inner.kept, partial(self._choose, inner)
        self._logits: Tensor

    def __call__(self, canvas: Tensor, belief: Tensor | None, step: int, steps: int) -> Tensor:
        self._logits = self.inner(canvas, belief, step, steps)
        return self._logits

    def _choose(self, inner: Keeping, posterior: Posterior, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return inner.choose(UnconstrainedPosterior(self._logits) if self.mode.draw == "raw" else posterior, generator)

    def accept(self, entropy: Tensor) -> Tensor:
        """Families that choose for themselves have made up their minds: what they give is no entropy."""
        if self.mode.entropy == "raw" and not isinstance(self.inner, Keeping):
            entropy = UnconstrainedPosterior(self._logits).entropy
        return self.inner.accept(entropy)

    def noise(self, generator: torch.Generator) -> Tensor:
        """Where only allowed tokens are drawn, uniformly over those of each position."""
        if self.mode.noise == "vocabulary":
            return self.inner.noise(generator)
        allowed = self.constraints.allowed
        draws = torch.multinomial(allowed.flatten(0, 1).float(), 1, generator=generator)
        return draws.view(allowed.shape[:2])

    def renoise(self, canvas: Tensor, draw: Tensor, accepted: Tensor, generator: torch.Generator) -> Tensor:
        noised = self.inner.renoise(canvas, draw, accepted, generator)
        return noised if self.mode.noise == "vocabulary" else torch.where(accepted, noised, self.noise(generator))


class VariedConstraints:
    """`inner`, with canvases whose posteriors answer as a mode says. `padding` are the ids that stand in the tail."""

    def __init__(self, inner: Constraints, mode: Mode, padding: Sequence[int]) -> None:
        self.inner = inner
        self.mode = mode
        self.padding = list(padding)
        self._canvas: VariedCanvas | None = None
        self._over: Tensor | None = None  # bool [B]: rows whose output is complete, or has left the constraint

    @property
    def allowed(self) -> Tensor:
        """bool `[B, L, V]`: the tokens that the masks of this canvas allow."""
        assert self._canvas is not None, "noise is drawn for a canvas"
        return self._canvas.allowed

    def canvas(self, length: int, budget: int) -> VariedCanvas:
        self._canvas = VariedCanvas(self.inner.canvas(length, budget), self.mode, self.padding, self._over)
        return self._canvas

    def commit(self, tokens: Tensor) -> Tensor:
        """What `inner` makes of it. Under masks alone, a row that no valid output begins with is complete as it is."""
        assert self._canvas is not None, "what is chosen was chosen on a canvas"
        canvas = self._canvas.inner
        left = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        if self.mode.constraint == "masks" and canvas.known is None:
            left = ~is_beginning(self.inner, canvas, tokens)
            if left.any():
                tokens = torch.where(left[:, None], closest_beginning(canvas, self._canvas.logits), tokens)
        over = self.inner.commit(tokens) | left
        self._over = over if self._over is None else self._over | over
        return self._over


class VariedCanvas:
    """`inner`, with the posteriors that a mode says. `over` are the rows that were complete before it."""

    def __init__(self, inner: Canvas, mode: Mode, padding: list[int], over: Tensor | None) -> None:
        self.inner = inner
        self.mode = mode
        self.padding = padding
        self.over = over
        self.known = inner.known
        self.logits: Tensor
        self._settled: Tensor | None = None
        self._allowed: Tensor | None = None

    @property
    def allowed(self) -> Tensor:
        """bool `[B, L, V]`."""
        if self._allowed is None:
            self._allowed = allowed_tokens(self.inner)
        return self._allowed

    def settle(self, tokens: Tensor) -> None:
        """Where what is accepted may be invalid, it is no evidence: what is emitted leaves it, if it has to."""
        self._settled = tokens
        if self.mode.constraint == "joint" and self.mode.draw == "constrained":
            self.inner.settle(tokens)

    def posterior(self, logits: Tensor) -> Posterior:
        logits = as_certain(logits, self._settled)
        if self.mode.constraint == "masks":
            self.logits = logits.clone()  # the loop may write into its own
            return MaskPosterior(logits, self.allowed, self.over)
        if self.mode.tail == "scored" and isinstance(self.inner, TokenCanvas):
            return VariedPosterior(ScoredTail(self.inner, logits, self.padding), logits, self.mode)
        return VariedPosterior(self.inner.posterior(logits), logits, self.mode)


class VariedPosterior:
    """`inner`, with draws, feedback and emission as a mode says.

    log Z, entropy and probability are `inner`'s, and so is when to stop: only that what is emitted has settled is
    judged by what is emitted.
    """

    def __init__(self, inner: Posterior, logits: Tensor, mode: Mode) -> None:
        self.inner = inner
        self.logits = logits
        self.mode = mode
        self.log_z, self.entropy = inner.log_z, inner.entropy
        self.doubt = inner.doubt if mode.entropy == "both" else inner.entropy
        self.undecided, self.forced = inner.undecided, inner.forced
        self._drawn: Tensor | None = None

    @property
    def redecoded(self) -> Sequence[int]:
        return self.inner.redecoded

    @property
    def errors(self) -> Sequence[ConstrainError | None]:
        return self.inner.errors

    @property
    def solutions(self) -> Sequence[Solution | None]:
        return self.inner.solutions

    def sample(self, generator: torch.Generator) -> Tensor:
        raw = self.mode.draw == "raw"
        draw = (UnconstrainedPosterior(self.logits) if raw else self.inner).sample(generator)
        if self.mode.emission == "sample":
            self._drawn = self.inner.sample(generator) if raw else draw
        return draw

    def map(self) -> Tensor:
        best = self.inner.map()
        if self._drawn is None:
            return best
        right = torch.tensor([self._is_right(row) for row in range(len(best))], device=best.device)
        return torch.where(right[:, None], self._drawn, best)

    def _is_right(self, row: int) -> bool:
        """Whether the check on the text, where there is one, has nothing to say against what was drawn."""
        assert self._drawn is not None
        judge = self.inner.canvas.judges[row] if isinstance(self.inner, TokenPosterior) else None
        if judge is None:
            return True
        constraint: Constraint = judge.constraint
        ids: list[int] = self._drawn[row].tolist()
        ids = ids[: next((n for n, token in enumerate(ids, 1) if token in constraint.vocabulary.end_of_turn), len(ids))]
        return judge.fault(ids, constraint.advance(judge.start, ids)) is None

    def probability(self) -> Tensor:
        return self.inner.probability()

    def shape(self, *, inplace: bool = False) -> Tensor:
        return self.logits if self.mode.feedback == "raw" else self.inner.shape(inplace=inplace)


class ScoredTail(TokenPosterior):
    """The posterior in which a position behind the end of turn weighs what the model gives to `padding` there.

    So a text that ends earlier than the model believes pays for it. What stands in the tail keeps the model's own
    distribution.
    """

    def __init__(self, canvas: TokenCanvas, logits: Tensor, padding: Sequence[int]) -> None:
        weight = logits[:, :, list(padding)].double().logsumexp(-1) - logits.double().logsumexp(-1)
        self.tail = weight.nan_to_num_(nan=FLOOR, posinf=FLOOR).clamp_(min=FLOOR)
        super().__init__(canvas, logits)

    def _columns(self, parts: Sequence[Tensor], *, maximum: bool = False) -> Tensor:
        columns = super()._columns(parts, maximum=maximum)
        last = -1
        for weight, table in zip(self.tail, self.canvas.tables, strict=True):
            last += table.columns
            columns[:, last] = weight
        return columns
