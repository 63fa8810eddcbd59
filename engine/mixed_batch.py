"""A batch whose rows are under constraints of any kind, or under none, decoded side by side in the same passes.

The seams take one kind of constraint at a time (see `rows.grouped`). Here every group gets its own rows of the logits,
and what the groups say is put back in the order of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from constrain.constraint import Constraint
from constrain.engine.rows import Limits, Row, check_budget, constraints_of, grouped, started
from constrain.engine.seams import Canvas, Constraints, Posterior
from constrain.engine.stopping import History, StopRule
from constrain.engine.windows import PuzzleConstraint
from constrain.errors import ConstrainError, SpecError, VocabularyError
from constrain.puzzle import Puzzle

__all__ = [
    "MixedBatch",
    "Part",
    "RowConstraint",
    "RowConstraints",
    "check_fit",
    "joined",
    "limits",
    "per_row",
    "row_constraints",
]

RowConstraint: TypeAlias = "Constraint | PuzzleConstraint | None"
RowConstraints: TypeAlias = "RowConstraint | list[RowConstraint]"
"""One for all rows, or one for each."""


def row_constraints(constraint: object) -> RowConstraints:
    """What rows are decoded with, given a `Constraint` or None, or a list with one for each row.

    Raises `SpecError` for what is not compiled.
    """
    if isinstance(constraint, list | tuple):
        return [_row_constraint(each) for each in constraint]
    return _row_constraint(constraint)


def _row_constraint(constraint: object) -> RowConstraint:
    if isinstance(constraint, Constraint) and isinstance(constraint.spec, Puzzle):
        return PuzzleConstraint.of(constraint.spec, constraint.vocabulary)
    if constraint is None or isinstance(constraint, Constraint):
        return constraint
    raise SpecError(
        f"{constraint!r} is no compiled constraint",
        hint="compile it: constrain.compile(spec, constrain.from_transformers(model, tokenizer).vocabulary)",
    )


def per_row(constraints: RowConstraints, rows: int) -> list[RowConstraint]:
    """One for each of `rows` rows. Raises `SpecError` if another number is given."""
    if not isinstance(constraints, list):
        return [constraints] * rows
    if len(constraints) != rows:
        raise SpecError(
            f"{rows} rows, but {len(constraints)} constraints", hint="give one for each row, or one for all"
        )
    return constraints


def check_fit(constraints: RowConstraints, *, size: int | None = None, budget: int | None = None) -> None:
    """Whether the constraints are over as many ids as the logits are, `size`, and have outputs of `budget` tokens.

    Raises `VocabularyError` and `UnsatisfiableError` where not.
    """
    for constraint in constraints if isinstance(constraints, list) else [constraints]:
        if constraint is None:
            continue
        if size is not None and constraint.vocabulary.size != size:
            raise VocabularyError(
                f"the constraint is over {constraint.vocabulary.size:,} ids, the model's logits over {size:,}",
                hint="compile it over constrain.from_transformers(model, tokenizer).vocabulary",
            )
        if budget is not None:
            check_budget(constraint, budget)


def limits(max_redecoded: int | None, solver_time: float) -> Limits:
    """Those of a loop that counts its passes itself. Raises `SpecError` for what cannot be."""
    return Limits.of(max_passes=1, max_redecoded=max_redecoded, solver_time=solver_time)


@dataclass(frozen=True, eq=False)
class Part:
    """The posterior of one pass over the rows, int64 `[N]` ascending, that are under one kind of constraint.

    `free`: under none at all.
    """

    rows: Tensor
    posterior: Posterior
    free: bool

    def map(self) -> Tensor:
        """The most probable valid canvases, int64 `[N, L]`. Raises the error of a row for which none was found."""
        for error in self.posterior.errors:
            if error is not None:
                raise error
        return self.posterior.map()

    def may_stop(self, rule: StopRule, history: History) -> Tensor:
        """bool `[N]`: rows that `rule` stops; `history` is that of all rows."""
        return rule.judge(self.posterior, history.unchanged[self.rows], history.support[self.rows]) > 0


class MixedBatch:
    """What each row may write, and how far it has come. `budget` is the number of tokens of text that each may take.

    Raises what keeps a puzzle from being solved.
    """

    def __init__(
        self, constraints: Sequence[RowConstraint], *, budget: int, limits: Limits, device: torch.device
    ) -> None:
        self.left = budget
        begun = started([Row([], constraint, budget) for constraint in constraints], limits, device)
        for row in begun:
            if isinstance(row, ConstrainError):
                raise row
        self._groups: list[tuple[Tensor, Constraints, bool]] = []
        for group in grouped(begun):
            rows = list(group.values())
            free = rows[0].constraint is None
            numbers = torch.tensor(list(group), device=device)
            self._groups.append((numbers, constraints_of(rows, limits, (), device), free))
        self._canvases: list[Canvas] = []

    def begin(self, length: int) -> None:
        """Go on to the next canvas, of `length` tokens."""
        self._canvases = [constraints.canvas(length, self.left) for _, constraints, _ in self._groups]

    def commit(self, tokens: Tensor) -> None:
        """Advance over the canvas that was chosen, int64 `[B, L]`, whatever stands behind the end of turn."""
        self.left -= tokens.shape[1]
        for rows, constraints, _ in self._groups:
            constraints.commit(tokens[rows])

    def parts(self, logits: Tensor, *, free: bool = True) -> list[Part]:
        """The posteriors of a pass, of all rows or of those under a constraint alone; `logits` are `[B, L, V]`."""
        return [
            Part(rows, canvas.posterior(logits if len(rows) == len(logits) else logits[rows]), is_free)
            for (rows, _, is_free), canvas in zip(self._groups, self._canvases, strict=True)
            if free or not is_free
        ]


def joined(parts: Sequence[Part], values: Sequence[Tensor]) -> Tensor:
    """The values of the rows of each part, `[N, ...]`, as those of the batch, `[B, ...]`."""
    if len(parts) == 1:
        return values[0]
    out = values[0].new_empty((sum(map(len, values)), *values[0].shape[1:]))
    for part, value in zip(parts, values, strict=True):
        out[part.rows] = value
    return out
