"""The requests under a constraint that a vLLM worker has at work: one in each slot, and the passes over all of them.

vLLM decodes requests that come and go, each in a slot of its own: in every pass, some slots refine their canvas and
others emit the one that they have settled on. A slot here is a row of the project's own loop, with its automaton's
state between canvases; a pass joins the canvases of all rows that take part in it, and is then one of `refine`: a joint
draw, the most probable valid canvas, its doubt, the stop rule, and shaped logits.

A worker cannot tell a client what is wrong. Where a request cannot go on (its budget is too small for any text, or no
canvas was found that passes a check on the text), its canvas is filled with its *refusal*, a token that no constraint
allows; who reads the output knows it by that, and ends the request with an error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from constrain.constraint import Constraint
from constrain.engine.seams import Posterior
from constrain.engine.stopping import History, StopRule
from constrain.engine.token_canvas import TokenCanvas, TokenConstraints
from constrain.errors import ConstrainError

__all__ = ["Admitted", "Slots", "Step", "side_by_side"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Admitted:
    """A request as it comes into a slot.

    `constraint` gives what it was compiled to, and may wait for it or raise why it was not. `budget` is the number of
    tokens of text that it may have in all, `written` are those that it has already (it was interrupted), `length` that
    of its canvases, and `max_passes` how many each of them gets.
    """

    constraint: Callable[[], Constraint]
    budget: int
    length: int
    max_passes: int
    refusal: int
    written: Sequence[int] = ()


@dataclass(frozen=True, eq=False)
class Step:
    """What one pass over N slots, whose canvases have L positions, makes of their logits."""

    draw: Tensor
    """int64 `[N, L]`: a joint draw."""
    best: Tensor
    """int64 `[N, L]`: the most probable valid canvas."""
    doubt: Tensor
    """float32 `[N, L]`, in nats: what it is decided by how much of the draw is accepted."""
    stops: Tensor
    """bool `[N]`: this was the last pass over the canvas."""
    shaped: Tensor
    """float32 `[N, L, V]`: shaped logits."""
    log_z: Tensor
    """float64 `[N]`: log of the model's mass on valid canvases; NaN where a request cannot go on."""


class _Row:
    """A request in its slot, and the canvas that it is at.

    Whatever fails here is the end of this request alone: an error that went further would end the worker, and with it
    every request that it serves.
    """

    def __init__(self, admitted: Admitted, constraints: Callable[[Constraint], TokenConstraints]) -> None:
        self.admitted = admitted
        self.passes = 0
        self.error: Exception | None = None
        self.canvas: TokenCanvas
        try:
            self.constraints = constraints(admitted.constraint())
            self.constraints.left = [admitted.budget]
            if admitted.written:
                self.constraints.commit(torch.tensor([admitted.written]))
            self._begin()
        except Exception as error:
            self.refuse(error)

    def _begin(self) -> None:
        budget = max(self.constraints.left[0], 0)
        self.canvas = self.constraints.canvas(self.admitted.length, budget)
        self.passes, self.history = 0, History(1, self.canvas.device)

    def commit(self, ids: Sequence[int]) -> None:
        """Go on behind `ids`, which were emitted."""
        if self.error is not None:
            return
        try:
            self.constraints.commit(torch.tensor([ids]))
            self._begin()
        except Exception as error:
            self.refuse(error)

    def refuse(self, error: Exception) -> None:
        _log.error("a constrained request cannot go on: %s", error, exc_info=not isinstance(error, ConstrainError))
        self.error = error


class Slots:
    """All slots of a worker that have a constrained request; `stop` and `generator` serve every pass."""

    def __init__(self, *, device: torch.device, stop: StopRule, generator: torch.Generator) -> None:
        self.device, self.stop, self.generator = device, stop, generator
        self._admitted: dict[int, Admitted] = {}
        self._rows: dict[int, _Row] = {}
        self._joined: tuple[list[TokenCanvas], TokenCanvas] | None = None

    def __contains__(self, slot: int) -> bool:
        return slot in self._admitted

    def __bool__(self) -> bool:
        return bool(self._admitted)

    def admit(self, slot: int, request: Admitted) -> None:
        self.free(slot)
        self._admitted[slot] = request

    def free(self, slot: int) -> None:
        self._admitted.pop(slot, None)
        self._rows.pop(slot, None)

    def length(self, slot: int) -> int:
        """The number of positions of its canvases."""
        return self._admitted[slot].length

    def error(self, slot: int) -> Exception | None:
        """Why the request in `slot` cannot go on; None if it can."""
        return self._row(slot).error

    def commit(self, slot: int, ids: Sequence[int]) -> None:
        """`ids`, the canvas of `slot` or its beginning, were emitted."""
        self._row(slot).commit(ids)

    def refine(self, slots: Sequence[int], logits: Tensor) -> Step:
        """One pass over `slots`, whose canvases are of equal length, given their logits float32 `[N, L, V]`.

        The logits are divided by the temperature already, and written to.
        """
        rows = [self._row(slot) for slot in slots]
        refusals = torch.tensor([row.admitted.refusal for row in rows], device=self.device)
        best = refusals[:, None].repeat(1, logits.shape[1])
        doubt = torch.zeros(best.shape, device=self.device)
        stops = torch.ones(len(rows), dtype=torch.bool, device=self.device)
        log_z = torch.full((len(rows),), torch.nan, dtype=torch.float64, device=self.device)
        step = Step(best.clone(), best, doubt, stops, logits, log_z)
        sound = {n: row for n, row in enumerate(rows) if row.error is None}
        if sound:
            try:
                self._fill(step, sound)
            except Exception as error:
                for row in sound.values():
                    row.refuse(error)
        for n, row in enumerate(rows):
            if row.error is not None:
                best[n], stops[n] = row.admitted.refusal, True
        return step

    def _fill(self, step: Step, rows: Mapping[int, _Row]) -> None:
        """What the posterior makes of these rows of a step, by number, whose `shaped` are still their logits."""
        index = torch.tensor(list(rows), device=self.device)
        logits = step.shaped if len(rows) == len(step.shaped) else step.shaped[index]
        posterior = self._canvas([row.canvas for row in rows.values()]).posterior(logits)
        step.draw[index] = posterior.sample(self.generator)
        step.best[index] = posterior.map()
        step.doubt[index], step.log_z[index] = posterior.doubt, posterior.log_z
        step.stops[index] = self._judged(list(rows.values()), posterior)
        shaped = posterior.shape(inplace=True)
        if logits is not step.shaped:
            step.shaped[index] = shaped

    def _judged(self, rows: Sequence[_Row], posterior: Posterior) -> Tensor:
        """bool `[N]`: rows for which this was the last pass over their canvas.

        Counts the passes, and refuses a row that is without a valid canvas after its last one.
        """
        best, probability = posterior.map(), posterior.probability()
        for n, row in enumerate(rows):
            row.history.add(best[n : n + 1], probability[n : n + 1])
            row.passes += 1
        histories = [row.history for row in rows]
        unchanged = torch.cat([each.unchanged for each in histories])
        support = torch.cat([each.support for each in histories])
        stops = self.stop.judge(posterior, unchanged, support) > 0
        for n, (row, error) in enumerate(zip(rows, posterior.errors, strict=True)):
            is_last = row.passes >= row.admitted.max_passes
            if error is not None and is_last:
                row.refuse(error)
            if error is not None or is_last:
                stops[n] = is_last
        return stops

    def _row(self, slot: int) -> _Row:
        if slot not in self._rows:
            self._rows[slot] = _Row(self._admitted[slot], self._constraints)
        return self._rows[slot]

    def _constraints(self, constraint: Constraint) -> TokenConstraints:
        """The constraints of one row, with tables that are on the device already, where there are some."""
        made = TokenConstraints([constraint], device=self.device)
        for row in self._rows.values():
            if row.error is None and row.constraints.constraints[0].tokens is constraint.tokens:
                made.tables = row.constraints.tables
        return made

    def _canvas(self, canvases: list[TokenCanvas]) -> TokenCanvas:
        """`canvases` as one batch; the same object as long as they are the same."""
        if len(canvases) == 1:
            return canvases[0]
        if self._joined is None or not _same(self._joined[0], canvases):
            self._joined = canvases, side_by_side(canvases)
        return self._joined[1]


def side_by_side(canvases: Sequence[TokenCanvas]) -> TokenCanvas:
    """The rows of several canvases of equal length as those of one."""
    return TokenCanvas(
        [lattice for each in canvases for lattice in each.lattices],
        [constraint for each in canvases for constraint in each.constraints],
        [tables for each in canvases for tables in each.tables],
        [judge for each in canvases for judge in each.judges],
        canvases[0].effort,
        canvases[0].device,
    )


def _same(some: Sequence[TokenCanvas], others: Sequence[TokenCanvas]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))
