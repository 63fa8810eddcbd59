"""What one prompt got: the answer, and how it came about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from constrain.engine.solved import Solved
from constrain.engine.stopping import StopReason
from constrain.errors import ConstrainError, SpecError
from constrain.puzzle import Puzzle
from constrain.spec import Spec

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """The output for one prompt, finished or after some pass: a draft is the result if decoding stopped there."""

    text: str = ""
    """The text; of a draft that goes on in a later canvas, what is written so far."""
    token_ids: tuple[int, ...] = ()
    """The tokens of `text`, without the thought before and the end of turn behind."""
    thinking: str | None = None
    """What the model thought before, in its own channel; None if it did not, or was not asked to."""
    passes: int = 0
    """Passes taken, over all canvases."""
    canvases: int = 0
    """Canvases taken, including the one in progress."""
    stop_reason: StopReason | None = None
    """Why refining the last canvas ended; None in a draft that is still being refined."""
    log_z: float = math.nan
    """Log of the model's own mass on valid outputs, in the pass that decided, summed over canvases. Near 0, the
    constraint changed little; very negative, it went against the model. 0 without a spec, nan where nothing ran. For a
    puzzle, it is the mass on what its masks allow, of the canvases that took a pass: an upper bound."""
    probability: float = math.nan
    """Posterior probability of this output in the pass that decided, among all valid ones; nan where nothing ran. For a
    puzzle, among all that its masks allow: a lower bound."""
    redecoded: int = 0
    """How many outputs with higher probability a check on the text refused, in the pass that decided, summed over
    canvases: where a spec has rules that no automaton expresses (`Spec.residual`). Up to 64 per canvas this output is
    the most probable that is left; beyond, it need not be. Where rules across fields had to be
    repaired, the structure is that of a candidate and the values are the likeliest among those seen that the rules
    admit."""
    relations: Solved | None = None
    """For a puzzle: what its givens, propagation, search and the model each decided."""
    spec: Spec | None = None
    """What was asked for; None: any text."""
    error: ConstrainError | None = None
    """Why this row of a batch could not run, or found nothing that is valid. Reading `value` raises it."""

    @cached_property
    def value(self) -> Any:
        """What the text stands for under the spec; without a spec, the text.

        Raises `error` if there is one, and the spec's own error for a draft that is not `complete`.
        """
        if self.error is not None:
            raise self.error
        return self.text if self.spec is None else self.spec.parse(self.text)

    @property
    def board(self) -> str:
        """The value of a puzzle, drawn for people to look at. Raises what `value` does, and `SpecError` otherwise."""
        value = self.value
        if not isinstance(self.spec, Puzzle):
            raise SpecError("only a puzzle has a board", hint="read value or text")
        return self.spec.draw(value)

    @property
    def complete(self) -> bool:
        """Whether the text satisfies the spec as it stands. Finished results and drafts of a last canvas always do."""
        return self.error is None and (self.spec is None or self.spec.accepts(self.text))

    @property
    def bounded(self) -> tuple[str, ...]:
        """The bounds under which the spec was compiled, in words."""
        return () if self.spec is None else self.spec.bounded
