"""What one prompt got: the answer, and how it came about."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from constrain.engine.solved import Solved
from constrain.engine.stopping import StopReason
from constrain.engine.streaming import Patch, difference
from constrain.errors import ConstrainError, SpecError
from constrain.notebook import Board, preformatted, table
from constrain.puzzle import Puzzle
from constrain.spec import Spec

if TYPE_CHECKING:
    from constrain.engine.trace import Trace

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """The output for one prompt, finished or after some pass: a draft is the result if decoding stopped there."""

    text: str = ""
    """The text; of a draft that goes on in a later canvas, what is written so far."""
    token_ids: tuple[int, ...] = ()
    """The tokens of `text`, without the thought before and the end of turn behind."""
    pieces: tuple[str, ...] = ()
    """What each of them adds to `text`."""
    decided: tuple[bool, ...] = ()
    """For each of them, whether its place is settled: it is on a canvas that is finished, the constraint leaves nothing
    else there, or one token has nearly all of the constrained posterior (an entropy of at most 0.1 nats: over 90%)."""
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
    trace: Trace | None = field(default=None, repr=False, compare=False)
    """What happened in every pass, where `trace=True` asked for it."""
    before: Result | None = field(default=None, repr=False, compare=False)
    """The draft that was yielded before this one, without its own `before`."""

    @cached_property
    def value(self) -> Any:
        """What the text stands for under the spec; without a spec, the text.

        Raises `error` if there is one, and the spec's own error for a draft that is not `complete`.
        """
        if self.error is not None:
            raise self.error
        return self.text if self.spec is None else self.spec.parse(self.text)

    def patch(self) -> Patch:
        """What has changed since the draft before, as JSON can say it, for a server to send.

        The patches of all drafts of a stream, applied in order (see `streaming.patched`), give its last draft.
        """
        return difference(self.before, self)

    def to_html(self, *, title: str | None = None) -> str:
        """A page that replays the passes: one file, that needs no other and no network. Needs `trace=True`.

        Under `title`, by default what was asked for. Raises `SpecError` where nothing was recorded.
        """
        from constrain.engine.replay import page

        if self.trace is None or not self.trace.passes:
            raise SpecError("nothing was recorded", hint="pass trace=True to generate or stream")
        return page(self.trace, self.described if title is None else title)

    @property
    def described(self) -> str:
        """What was asked for, in a line."""
        return "any text" if self.spec is None else self.spec.describe()

    def _repr_html_(self) -> str:
        failed = () if self.error is None else (("error", preformatted(str(self.error))),)
        is_board = isinstance(self.spec, Puzzle) and self.complete
        rows = [
            ("text", preformatted(self.board if is_board else self.text)),
            ("passes", f"{self.passes} on {self.canvases} canvas{'es' * (self.canvases != 1)}"),
            ("stopped", self.stop_reason or "not yet"),
            ("log Z", f"{self.log_z:.3f}"),
            ("probability", f"{self.probability:.2%}"),
            *(("bounded", preformatted(note)) for note in self.bounded),
        ]
        return table(self.described, failed or rows)

    @property
    def board(self) -> Board:
        """The value of a puzzle, drawn for people to look at. Raises what `value` does, and `SpecError` otherwise."""
        value = self.value
        if not isinstance(self.spec, Puzzle):
            raise SpecError("only a puzzle has a board", hint="read value or text")
        return Board(self.spec.draw(value))

    @property
    def complete(self) -> bool:
        """Whether the text satisfies the spec as it stands. Finished results and drafts of a last canvas always do."""
        return self.error is None and (self.spec is None or self.spec.accepts(self.text))

    @property
    def bounded(self) -> tuple[str, ...]:
        """The bounds under which the spec was compiled, in words."""
        return () if self.spec is None else self.spec.bounded
