"""A batch of automata on one canvas after another: what may be written where, and how far each row has come."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from constrain.constraint import Constraint
from constrain.engine.evidence import as_certain
from constrain.engine.judge import Judge
from constrain.engine.launched import LaunchedPosterior, launches
from constrain.engine.posterior import TokenPosterior
from constrain.engine.repair import Planner
from constrain.engine.search import Effort
from constrain.engine.tables import Tables, join
from constrain.kernels.edge_index import EdgeIndex
from constrain.lattice import Lattice

__all__ = ["TokenCanvas", "TokenConstraints"]


class TokenConstraints:
    """A batch of compiled constraints, one per row, and the automaton state that each row carries between canvases.

    `budgets` are the tokens of text that each row may write in all, where that is less than the batch may. `effort` is
    how far to look for a canvas that passes the residual check of its spec, where there is one.
    """

    def __init__(
        self,
        constraints: Sequence[Constraint],
        *,
        budgets: Sequence[int] | None = None,
        effort: Effort | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.constraints = list(constraints)
        self.effort = effort or Effort()
        self.written = [b""] * len(self.constraints)
        self.planners: list[Planner | None] = [None] * len(self.constraints)
        self.left = [sys.maxsize] * len(self.constraints) if budgets is None else list(budgets)
        self.device = torch.device(device)
        self.states = [0] * len(self.constraints)
        known: dict[int, Tables] = {}
        self.tables = [
            known.setdefault(id(c.tokens), Tables.of(c.tokens, self.device))
            if id(c.tokens) not in known
            else known[id(c.tokens)]
            for c in self.constraints
        ]

    def canvas(self, length: int, budget: int) -> TokenCanvas:
        """The lattices of the next canvas, entered in the carried states; `budget` as in `Lattice`."""
        rows = zip(self.constraints, self.states, self.left, strict=True)
        lattices = [Lattice(c.tokens, state, length, max(min(budget, left), 0)) for c, state, left in rows]
        judges = [
            self._judge(row, last=lattice.budget <= length, left=lattice.budget - length)
            for row, lattice in enumerate(lattices)
        ]
        return TokenCanvas(lattices, self.constraints, self.tables, judges, self.effort, self.device)

    def _judge(self, row: int, *, last: bool, left: int) -> Judge | None:
        """The judge of a row's next canvas, behind which `left` tokens may come; None if there is nothing to judge."""
        constraint, state, written = self.constraints[row], self.states[row], self.written[row]
        if not constraint.spec.residual or state == constraint.tokens.done:
            return None
        book, before = constraint.spec.rulebook, self.planners[row]
        if book is not None:
            plan = None if before is None else before.plans.get(written)
            self.planners[row] = Planner(constraint, book, written, max(left, 0), plan)
        return Judge(constraint, state, written, last, self.planners[row])

    def commit(self, tokens: Tensor) -> Tensor:
        """Advance every row over its chosen canvas; bool `[B]`: the row's text is complete.

        A row is complete once it has ended its turn, when nothing but the end of turn may follow, or when its budget
        is spent.
        """
        for row, (constraint, ids) in enumerate(zip(self.constraints, tokens.tolist(), strict=True)):
            self.left[row] -= len(ids)
            spelled = constraint.spelled(self.states[row], ids)
            state = constraint.advance(self.states[row], ids)
            self.states[row] = state if self.left[row] > 0 else constraint.tokens.done
            if constraint.spec.residual and self.states[row] != constraint.tokens.done:
                self.written[row] += b"".join(spelled)
        complete = [c.is_complete(state) for c, state in zip(self.constraints, self.states, strict=True)]
        return torch.tensor(complete, device=self.device)


class TokenCanvas:
    """The lattices of a batch on one canvas, joined into one graph (see `chain.Graph`)."""

    def __init__(
        self,
        lattices: Sequence[Lattice],
        constraints: Sequence[Constraint],
        tables: Sequence[Tables],
        judges: Sequence[Judge | None],
        effort: Effort,
        device: torch.device,
    ) -> None:
        self.lattices = lattices
        self.constraints = constraints
        self.tables = tables
        self.judges = judges
        self.effort = effort
        self.device = device
        self.known: Tensor | None = None
        self.settled: Tensor | None = None
        self.graph, self.state_row = join(lattices, device)
        self.forced = torch.tensor(
            [bool(c.singular[lattice.start]) for c, lattice in zip(constraints, lattices, strict=True)], device=device
        )
        columns = np.cumsum([0] + [table.columns for table in tables])
        self.groups: list[tuple[Tables, list[int], Tensor, Tensor]] = []
        """Per table: the N rows that use it, as numbers and int64 `[N]`, and where their score columns begin."""
        for table in {id(table): table for table in tables}.values():
            rows = np.flatnonzero([other is table for other in tables])
            places = (torch.from_numpy(each).to(device) for each in (rows, columns[rows]))
            self.groups.append((table, rows.tolist(), *places))
        self.determined = self._determined()

    @cached_property
    def index(self) -> EdgeIndex:
        """What a GPU sums paths by; it waits for the device once."""
        return EdgeIndex.of(self.graph, self.state_row, sum(table.columns for table in self.tables))

    def settle(self, tokens: Tensor) -> None:
        """As in `Canvas`. Raises `UnsatisfiableError` where no valid canvas has them."""
        given = [row if (row >= 0).any() else None for row in tokens.cpu().numpy()]
        self.lattices = [replace(lattice, given=row) for lattice, row in zip(self.lattices, given, strict=True)]
        self.settled = tokens
        self.graph, self.state_row = join(self.lattices, self.device)
        vars(self).pop("index", None)
        self.determined = self._determined()

    def _determined(self) -> Tensor:
        """bool `[B, L]`: one token, or the tail, may stand there."""
        options = np.stack([lattice.options for lattice in self.lattices])
        return torch.from_numpy(options <= 1).to(self.device)

    def posterior(self, logits: Tensor) -> TokenPosterior:
        kind = LaunchedPosterior if launches(logits) else TokenPosterior
        return kind(self, as_certain(logits, self.settled))
