"""A constraint as a logits processor for transformers' own `generate` of a DiffusionGemma.

What `generate` makes of the logits that a processor returns, in every pass: it draws each position independently, for
the next canvas alone; their entropies say which draws are kept, and when to stop; they are what the next pass is
conditioned on; and their argmax at each position is the canvas that is shown as a draft, and in the end written. So
what is returned here are the shaped logits of the exact posterior, with the tokens of the most probable valid canvas
raised over all others where they are not there already: then that very canvas is what comes out, whichever pass is the
last. Once it is all but certain, nothing is left beside it, and `generate` sees that it is done. Draws are not joint,
as those of the project's own loop are; `constrained` is that loop, in the same call.

A processor is told neither where a prompt ends nor when a call begins. It sees what was read so far, which grows by one
canvas at a time, so the first pass shows the prompt, and what does not go on from there is refused. It cannot see how
many tokens may follow, either: that has to be said, or everything is said in the first canvas.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList
from transformers.models.diffusion_gemma.generation_diffusion_gemma import LinearTemperatureScheduleLogitsProcessor

from constrain.constraint import Constraint
from constrain.engine.mixed_batch import MixedBatch, RowConstraints, check_fit, limits, per_row, row_constraints
from constrain.engine.model import SOLVER_TIME
from constrain.engine.rows import Limits
from constrain.engine.stopping import History, StopRule
from constrain.errors import SpecError, UnsupportedError

__all__ = ["ConstrainedLogits", "ConstrainedLogitsList", "decided", "logits_processor"]

_GAP = 2.0**-20
"""By how much, relatively, the best token is raised over the next: float32 has 24 bits, a division by a temperature
leaves 23 of them right."""
_SETTLED = StopRule(confidence=None)
_MOST = 1e30
"""The largest logit that is taken as it is, so that a division leaves it finite."""


def logits_processor(
    constraint: Constraint | Sequence[Constraint | None] | None,
    *,
    max_new_tokens: int | None = None,
    max_redecoded: int | None = None,
    solver_time: float = SOLVER_TIME,
) -> ConstrainedLogitsList:
    """What to pass as `logits_processor=` to `generate` of a DiffusionGemma, so that its output fits `constraint`.

    `constraint` is compiled (`constrain.compile`) over the model's vocabulary; a list has one for each row, None where
    anything goes. Outputs take at most `max_new_tokens`, of which `generate` has to be told as well, as its default is
    256; without it, they end within the first canvas. `max_redecoded` and `solver_time` are as in `Model.generate`.

    Pass it as it is, call after call, from one thread at a time: it is a `LogitsProcessorList`, to which `generate`
    appends its temperature schedule; processors appended by others come before the constraint, too. As an element of
    another list it serves one call, and comes before the temperature.

    Raises `SpecError` for what is not compiled and `UnsatisfiableError` where `max_new_tokens` are too few; in the
    first pass, `SpecError` for another number of rows, `VocabularyError` for another vocabulary, `UnsatisfiableError`
    where one canvas is too short or a puzzle has no solution; in any pass, `UnsatisfiableError` where no output is
    found that passes a check on the text, and `UnsupportedError` where passes do not go on from one another.
    """
    if max_new_tokens is not None and max_new_tokens < 1:
        raise SpecError(f"max_new_tokens must be at least 1, got {max_new_tokens}")
    check_fit(rows := row_constraints(constraint), budget=max_new_tokens)
    return ConstrainedLogitsList([ConstrainedLogits(rows, max_new_tokens, limits(max_redecoded, solver_time))])


class ConstrainedLogitsList(LogitsProcessorList):
    """A list that ends with a `ConstrainedLogits`, whatever is appended."""

    def append(self, processor: Any) -> None:
        """Put `processor` before the constraint.

        `generate` does so with its temperature schedule, to the list that it is given, once in every call: here a call
        begins, and the schedule of the last one is dropped.
        """
        before, constrained = self[:-1], self[-1]
        if isinstance(processor, LinearTemperatureScheduleLogitsProcessor):
            before = [each for each in before if not isinstance(each, LinearTemperatureScheduleLogitsProcessor)]
            constrained.begin()
        self[:] = [*before, processor, constrained]

    def __call__(self, input_ids: Any, scores: Any, cur_step: Any) -> Any:  # type: ignore[override]  # see below
        """As its superclass, but with the names of what it needs: other lists ask for them before they call it."""
        return super().__call__(input_ids, scores, cur_step=cur_step)


class ConstrainedLogits(LogitsProcessor):
    """The processor itself; see `logits_processor`."""

    def __init__(self, rows: RowConstraints, max_new_tokens: int | None, limits: Limits) -> None:
        self._rows, self._max_new_tokens, self._limits = rows, max_new_tokens, limits
        self._thread: int | None = None
        self._batch: MixedBatch | None = None
        self._read: Tensor

    def begin(self) -> None:
        """A call of `generate` begins, in this thread; so far it has not made a pass."""
        self._thread, self._batch = threading.get_ident(), None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """float32 `[B, L, V]`, given the tokens before the canvas, int64 `[B, P]`, and its logits `[B, L, V]`."""
        if scores.dim() != 3:
            raise UnsupportedError(
                "this processor constrains whole canvases, and this model writes token by token",
                hint="use it with generate of a DiffusionGemma",
            )
        batch = self._at(input_ids, scores)
        scores = scores.float()
        out = scores
        for part in batch.parts(scores, free=False):
            best, settled = part.map(), part.may_stop(_SETTLED, History(len(scores), scores.device))
            shaped = decided(part.posterior.shape(), best, settled)
            if len(shaped) == len(scores):
                return shaped
            out = scores.clone() if out is scores else out
            out[part.rows] = shaped
        return out

    def _at(self, input_ids: Tensor, scores: Tensor) -> MixedBatch:
        """The batch, at the canvas that comes behind `input_ids`. Raises `UnsupportedError` if that is none of its."""
        thread, length = threading.get_ident(), scores.shape[1]
        self._thread = self._thread or thread
        if self._batch is None:
            budget = self._max_new_tokens or length
            rows = per_row(self._rows, len(scores))
            check_fit(rows, size=scores.shape[2], budget=budget)
            self._batch = MixedBatch(rows, budget=budget, limits=self._limits, device=scores.device)
            self._batch.begin(length)
            self._read = input_ids
        known = self._read.shape[1]
        more = input_ids.shape[1] - known
        if thread != self._thread or more not in (0, length) or not torch.equal(input_ids[:, :known], self._read):
            raise UnsupportedError(
                "this processor is at work on another call of generate",
                hint="make one for each call, or pass it as logits_processor= itself, from one thread at a time",
            )
        if more:
            self._batch.commit(input_ids[:, known:])
            self._batch.begin(length)
            self._read = input_ids
        return self._batch


def decided(shaped: Tensor, best: Tensor, settled: Tensor) -> Tensor:
    """`shaped` `[N, L, V]` (float32, written to) with its argmax, and after a division too, at `best` `[N, L]`.

    Where another token has more, the best one is raised just above it. Rows that are `settled`, bool `[N]`, are left to
    their best tokens alone; so are positions where anything else is NaN or infinite, or near it.
    """
    index = best[..., None]
    shaped[settled] = -torch.inf
    own = shaped.gather(-1, index).nan_to_num_(nan=-_MOST, posinf=_MOST).clamp_(-_MOST, _MOST)
    rival = shaped.scatter_(-1, index, -torch.inf).amax(-1, keepdim=True)
    broken = ~(rival < _MOST / 2)
    if broken.any():
        shaped.masked_fill_(broken, -torch.inf)
        rival.masked_fill_(broken, -_MOST)
    rival.clamp_(min=-_MOST)
    raised = rival + _GAP * rival.abs().clamp_(min=1.0)
    return shaped.scatter_(-1, index, torch.maximum(own, raised))
