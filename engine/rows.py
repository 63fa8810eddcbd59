"""The rows of a batch, and which of them are decoded together: the seams take one kind of constraint at a time.

What a request may not ask for is refused here, whoever takes it: `Limits.of`, `check_counts` and `check_budget`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, TypeVar

import torch

from constrain.constraint import Constraint
from constrain.engine.ahead import Ahead
from constrain.engine.narrowing import Narrowed
from constrain.engine.relational import RelationalConstraints
from constrain.engine.seams import Constraints
from constrain.engine.search import Effort
from constrain.engine.token_canvas import TokenConstraints
from constrain.engine.unconstrained import Unconstrained
from constrain.engine.windows import PuzzleConstraint
from constrain.errors import ConstrainError, SpecError, UnsatisfiableError

__all__ = ["Limits", "Row", "check_budget", "check_counts", "constraints_of", "grouped", "started", "tried"]

T = TypeVar("T")


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
    ahead: Ahead | None = None
    """What the network has read of the batch, if that was before this row was known to run."""


@dataclass(frozen=True)
class Limits:
    """What every row of a batch has at most."""

    max_passes: int
    effort: Effort
    solver_time: float

    @classmethod
    def of(cls, *, max_passes: int, max_redecoded: int | None, solver_time: float) -> Limits:
        """As `Model.generate` takes them. Raises `SpecError` for what cannot be."""
        check_counts(max_passes=max_passes, max_redecoded=max_redecoded)
        if not solver_time > 0:
            raise SpecError(f"solver_time is in seconds, and more than 0; got {solver_time}")
        return cls(max_passes, Effort(total=max_redecoded or Effort.total), solver_time)


def check_counts(**counts: int | None) -> None:
    """Raises `SpecError` for an option that is less than 1; None is for one that is not given."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise SpecError(f"{name} must be at least 1, got {count}")


def check_budget(constraint: Constraint | PuzzleConstraint | None, budget: int) -> None:
    """Raises `UnsatisfiableError` if no output has as few tokens as the budget."""
    needed = 1 if constraint is None else max(constraint.shortest, 1)
    if needed > budget:
        raise UnsatisfiableError(
            f"shortest match needs {needed} tokens, budget is {budget}",
            needed=needed,
            available=budget,
            hint=f"pass max_new_tokens={needed} or more",
        )


def tried(call: Callable[..., T], *arguments: Any) -> T | ConstrainError:
    """What the call returns, or what keeps a row from running."""
    try:
        return call(*arguments)
    except ConstrainError as error:
        return error


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
