"""The rows of a batch, and which of them are decoded together: the seams take one kind of constraint at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import NoneType

import torch

from constrain.constraint import Constraint
from constrain.engine.narrowing import Narrowed
from constrain.engine.relational import RelationalConstraints
from constrain.engine.seams import Constraints
from constrain.engine.search import Effort
from constrain.engine.token_canvas import TokenConstraints
from constrain.engine.unconstrained import Unconstrained
from constrain.engine.windows import PuzzleConstraint
from constrain.errors import ConstrainError

__all__ = ["Limits", "Row", "constraints_of", "grouped", "started"]


@dataclass(frozen=True)
class Row:
    """A prompt that can run: its tokens, what it may write, and how many tokens of it."""

    ids: list[int]
    constraint: Constraint | PuzzleConstraint | None
    budget: int
    thinks: bool = False
    left: Narrowed | None = None
    """What the givens of a puzzle leave open, once that is known; see `started`."""
    given: tuple[int, ...] = ()
    """The tokens that stand at its beginning already, -1 where none does; see `infilling`."""


@dataclass(frozen=True)
class Limits:
    """What every row of a batch has at most."""

    max_passes: int
    effort: Effort
    solver_time: float


def started(rows: Sequence[Row | ConstrainError], limits: Limits, device: torch.device) -> list[Row | ConstrainError]:
    """`rows` with what the givens leave of each puzzle, all puzzles at once; for one that cannot be solved, why."""
    out = list(rows)
    puzzles = [
        (i, row, row.constraint)
        for i, row in enumerate(rows)
        if isinstance(row, Row) and isinstance(row.constraint, PuzzleConstraint)
    ]
    constraints = [constraint for _, _, constraint in puzzles]
    found = RelationalConstraints.start(constraints, time_limit=limits.solver_time, device=device)
    for (i, row, _), left in zip(puzzles, found, strict=True):
        out[i] = replace(row, left=left) if isinstance(left, Narrowed) else left
    return out


def grouped(rows: Sequence[Row | ConstrainError]) -> Iterator[dict[int, Row]]:
    """The rows that can run, by number: those under an automaton, then puzzles, then those free of a constraint."""
    for kind in (Constraint, PuzzleConstraint, NoneType):
        group = {i: row for i, row in enumerate(rows) if isinstance(row, Row) and isinstance(row.constraint, kind)}
        if group:
            yield group


def constraints_of(
    rows: Sequence[Row], limits: Limits, end_of_turn: Sequence[int], device: torch.device
) -> Constraints:
    """The constraints of a group."""
    puzzles = [row.constraint for row in rows if isinstance(row.constraint, PuzzleConstraint)]
    if puzzles:
        left = [row.left for row in rows if row.left is not None]
        return RelationalConstraints(puzzles, left, time_limit=limits.solver_time, device=device)
    constraints = [row.constraint for row in rows if isinstance(row.constraint, Constraint)]
    if constraints:
        budgets = [row.budget for row in rows]
        return TokenConstraints(constraints, budgets=budgets, effort=limits.effort, device=device)
    return Unconstrained(end_of_turn, device=device)
