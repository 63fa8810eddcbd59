"""The exact posterior of one pass: the model's product distribution over a canvas, given that the canvas is valid.

With log-probabilities l[i, v] of the model at each position, a canvas x has weight exp(sum_i l[i, x_i]). The posterior
restricts that distribution to the canvases that the lattice admits and renormalises it. Tokens enter only through
their classes (`class_reduce`), classes through bundles of them, states through links (`chain`, see `Links`).

What a spec rules out beyond its automaton (`Spec.residual`) is not in the lattice. It is left out of the best canvas
alone, by `search`; log Z, marginals and draws are those of the lattice.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from constrain.constraint import Constraint
from constrain.engine.judge import Judge
from constrain.engine.paths import Paths
from constrain.engine.repair import Planner
from constrain.engine.search import Effort, Found, search
from constrain.engine.tables import Tables, join
from constrain.errors import ConstrainError, UnsatisfiableError
from constrain.kernels.chain import backward, forward, gumbel_like, log_sum_by, marginals, walk
from constrain.kernels.class_reduce import FLOOR, ClassScores, class_reduce
from constrain.kernels.shape_logits import shape_logits
from constrain.lattice import Lattice
from constrain.solving import Solution

__all__ = ["TokenCanvas", "TokenConstraints", "TokenPosterior"]

_BLOCK = 1 << 22  # logits per temporary
_DRAWS = 7  # joint draws whose values are considered where rules across fields choose values anew
_PLANNED = 8  # candidates for a canvas that is not the last, each of which takes a solver to judge
_REMEDIES = 64  # the same where none of these is right, and none can be repaired
_TINY = -80.0  # log of the smallest mass whose sum of p log p still has all its digits in float32


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
        self.tables = tables
        self.judges = judges
        self.effort = effort
        self.known: Tensor | None = None
        self.graph, self.state_row = join(lattices, device)
        self.forced = torch.tensor(
            [bool(c.singular[lattice.start]) for c, lattice in zip(constraints, lattices, strict=True)], device=device
        )
        columns = np.cumsum([0] + [table.columns for table in tables])
        self.groups: list[tuple[Tables, Tensor, Tensor]] = []
        """Per table: the rows that use it, int64 `[N]`, and where their score columns begin, int64 `[N]`."""
        for table in {id(table): table for table in tables}.values():
            rows = np.flatnonzero([other is table for other in tables])
            self.groups.append((table, torch.from_numpy(rows).to(device), torch.from_numpy(columns[rows]).to(device)))
        options = np.stack([lattice.options for lattice in lattices])
        self.determined = torch.from_numpy(options <= 1).to(device)

    def posterior(self, logits: Tensor) -> TokenPosterior:
        return TokenPosterior(self, logits)


class TokenPosterior:
    """The posterior of one pass over a batch; `logits` `[B, L, V]` are read, never changed."""

    def __init__(self, canvas: TokenCanvas, logits: Tensor) -> None:
        self.canvas = canvas
        self.logits = logits
        self.solutions: list[Solution | None] = [None] * len(logits)
        self.rows: list[ClassScores] = [
            class_reduce(row, table.order, table.offsets) for row, table in zip(logits, canvas.tables, strict=True)
        ]
        self.beta = backward(canvas.graph, self.mass)
        self.log_z = self.beta[0, canvas.graph.start]

    @cached_property
    def mass(self) -> Tensor:
        """float64 `[L, C]`: log-probability of every row's bundles, side by side; the tail's is 0."""
        return self._columns([row.mass for row in self.rows])

    def _columns(self, parts: Sequence[Tensor], *, maximum: bool = False) -> Tensor:
        tail = self.logits.new_zeros((len(parts[0]), 1), dtype=torch.float64)
        columns = []
        for part, table in zip(parts, self.canvas.tables, strict=True):
            weight = part.double().index_select(1, table.member)
            columns += [log_sum_by(table.owner, weight, table.columns - 1, maximum=maximum), tail]
        return torch.cat(columns, dim=1)

    def _split(self, columns: Tensor) -> tuple[Tensor, ...]:
        return torch.split(columns, [table.columns for table in self.canvas.tables], dim=1)

    @cached_property
    def marginals(self) -> tuple[Tensor, ...]:
        """Per row, float64 `[L, N + 1]`: the posterior probability of each bundle; the last column is the tail's."""
        graph = self.canvas.graph
        alpha = forward(graph, self.mass)
        return self._split(marginals(graph, self.mass, alpha, self.beta, self.log_z[self.canvas.state_row]))

    @cached_property
    def bias(self) -> list[Tensor]:
        """Per row, float32 `[L, K]`: what to add to a class's log-probabilities to get the posterior's, exactly.

        A bundle taken with probability mu[j] has mass exp(s[j]) and takes each of its tokens in proportion to p; in the
        tail (probability tau) tokens keep their own probability. So p(v | valid) = p(v) (tau + sum of mu[j] / exp(s[j])
        over the bundles j that v's class is in). Impossible classes get -inf.
        """
        out = []
        for mu, mass, table in zip(self.marginals, self._split(self.mass), self.canvas.tables, strict=True):
            weight = (mu.log() - mass)[:, :-1].index_select(1, table.owner)
            own = log_sum_by(table.member, weight, table.contains.shape[1])
            out.append(torch.logaddexp(own, mu[:, -1:].log()).float())
        return out

    @cached_property
    def entropy(self) -> Tensor:
        """float32 `[B, L]`: entropy in nats of each position's posterior marginal over tokens.

        Class k has probability mu[k] = exp(mass[k] + bias[k]), and the mean of log p(v) over its tokens is
        information[k] / exp(mass[k]). So the entropy, -sum_v p(v | valid) log p(v | valid), is
        -sum_k mu[k] (mean[k] + bias[k]). Where exp(mass[k]) is too small for a float32, the peak stands for the mean.
        """
        rows = []
        for bias, scores in zip(self.bias, self.rows, strict=True):
            mass, finite = scores.mass.double(), bias.clamp(min=FLOOR).double()
            mean = torch.where(mass > _TINY, scores.information.double() * mass.neg().exp(), scores.peak.double())
            mu = (mass + bias.double()).exp()
            rows.append((-(mu * (mean + finite)).sum(1)).clamp_(min=0.0).float())
        return torch.stack(rows)

    @cached_property
    def undecided(self) -> Tensor:
        """bool `[B, L]`: positions with more than one allowed token that are probably not behind the end of turn."""
        tail = torch.stack([mu[:, -1] for mu in self.marginals])
        return ~self.canvas.determined & (tail < 0.5)

    @property
    def forced(self) -> Tensor:
        """bool `[B]`: the lattice admits one text, and it is right."""
        failed = [error is not None for error in self.errors]
        return self.canvas.forced & ~torch.tensor(failed, device=self.logits.device)

    @cached_property
    def _best(self) -> tuple[Tensor, Tensor, list[int], list[ConstrainError | None]]:
        graph = self.canvas.graph
        peaks = self._columns([row.peak for row in self.rows], maximum=True)
        values = backward(graph, peaks, maximum=True)
        tokens, weight = self._tokens(walk(graph, peaks, values), None), values[0, graph.start]
        refused, errors = [0] * len(self.rows), list[ConstrainError | None]([None] * len(self.rows))
        for row, judge in enumerate(self.canvas.judges):
            if judge is not None:
                try:
                    refused[row] = self._search(row, judge, tokens, weight)
                except ConstrainError as error:
                    errors[row], weight[row] = error, -torch.inf
        return tokens, weight, refused, errors

    def _search(self, row: int, judge: Judge, tokens: Tensor, weight: Tensor) -> int:
        """Put the best canvas to which `judge` does not object into its row; how many candidates were refused.

        Where none is found, the one of an earlier pass stays. Raises `UnsatisfiableError` if there is none either.
        """
        lattice, table, scores = self.canvas.lattices[row], self.canvas.tables[row], self.rows[row]
        ids = tokens[row].tolist()
        ends = (n for n, token in enumerate(ids, 1) if token in judge.constraint.vocabulary.end_of_turn)
        ids = ids[: next(ends, len(ids))]
        if judge.fault(ids, judge.constraint.advance(lattice.start, ids)) is None:
            return 0
        paths = Paths(lattice, table, self.logits[row], scores)

        def look(effort: Effort) -> Found:
            return search(
                lambda noise: Paths(lattice, table, _noisy(self.logits[row], noise)) if noise else paths,
                paths.candidate(ids),
                judge.fault,
                effort,
            )

        effort = self.canvas.effort
        found = look(effort if judge.planner is None else effort.first(None if judge.last else _PLANNED))
        best = found.tokens
        if best is None and judge.planner is not None:
            best = self._repaired(row, judge, judge.planner, ids)
            if best is None and not found.exhausted:
                found = look(effort if judge.last else effort.limited(_REMEDIES))
                best = found.tokens
        best = judge.kept if best is None else best
        if best is None:
            if judge.planner is not None and judge.planner.reason is not None:
                raise judge.planner.unsatisfiable()
            tried = f"all {found.refused:,} outputs" if found.exhausted else f"the {found.refused:,} outputs tried"
            raise UnsatisfiableError(
                f"{tried} that fit {judge.constraint.spec.describe()} otherwise break a rule that is checked on the "
                f"text; the most probable does in {judge.example!r}",
                hint="loosen that rule, allow more tokens, or raise max_redecoded",
            )
        tokens[row] = table.order[-1]  # behind the end of turn, the end of turn again
        tokens[row, : len(best)] = torch.tensor(best, device=tokens.device)
        weight[row] = paths.candidate(best).weights[-1]
        return found.refused

    def _repaired(self, row: int, judge: Judge, planner: Planner, ids: list[int]) -> list[int] | None:
        """A canvas that keeps rules across fields, made from the best one and from draws (see `Planner.repair`)."""
        spelled = judge.constraint.spelled(judge.start, ids)
        ends = judge.constraint.vocabulary.end_of_turn
        silent = (n for n, (token, each) in enumerate(zip(ids, spelled, strict=True)) if each or token in ends)
        head = ids[: next(silent, len(ids))]
        beginnings = [judge.written + b"".join(spelled)]
        for draw in self._draws:
            tokens = draw[row].tolist()
            tokens = tokens[: next((n for n, token in enumerate(tokens) if token in ends), len(tokens))]
            beginnings.append(judge.written + b"".join(judge.constraint.spelled(judge.start, tokens)))
        return planner.repair(beginnings, head, self.canvas.lattices[row], self.logits[row])

    @cached_property
    def _draws(self) -> list[Tensor]:
        generator = torch.Generator(self.logits.device).manual_seed(0)
        return [self.sample(generator) for _ in range(_DRAWS)]

    def map(self) -> Tensor:
        """int64 `[B, L]`: the most probable valid canvas; behind the end of turn, the end of turn again.

        Where a spec has a residual check, it is the most probable that passes it, or near it (see `search`); where it
        has rules across fields and none of the first candidates passes, one that is made to (see `repair`). In a row
        with an error, it is the most probable that does not pass.
        """
        return self._best[0]

    def probability(self) -> Tensor:
        """float64 `[B]`: the posterior probability of `map()`, its tail left out; 0 where it is not valid.

        It is among all canvases of the lattice, those that the residual check refuses included.
        """
        return (self._best[1] - self.log_z).exp().clamp(max=1.0)

    @property
    def redecoded(self) -> list[int]:
        """Per row, how many candidates for `map()` the residual check has refused."""
        return self._best[2]

    @property
    def errors(self) -> list[ConstrainError | None]:
        """Per row, why no canvas that passes the residual check was found, in this pass or before."""
        return self._best[3]

    def sample(self, generator: torch.Generator) -> Tensor:
        """int64 `[B, L]`: one exact joint draw."""
        return self._tokens(walk(self.canvas.graph, self.mass, self.beta, generator), generator)

    def shape(self) -> Tensor:
        """The shaped logits, `[B, L, V]` like the model's: their softmax is the posterior marginal of each position."""
        out = torch.empty_like(self.logits)
        for row, (bias, table) in enumerate(zip(self.bias, self.canvas.tables, strict=True)):
            shape_logits(self.logits[row], bias, table.class_of, out=out[row])
        return out

    def _tokens(self, path: Tensor, generator: torch.Generator | None) -> Tensor:
        """Choose a class within each bundle of `path`, then a token within the class: the likeliest, or a draw.

        In the tail anything may stand: a draw takes the model's own distribution; the best canvas repeats the end of
        turn, so that it does not change with tokens that mean nothing.
        """
        out = torch.empty_like(path)
        for table, rows, first in self.canvas.groups:
            label = path[rows] - first[:, None]
            scores = [self.rows[row].peak if generator is None else self.rows[row].mass for row in rows.tolist()]
            rank = torch.stack(scores)
            if generator is not None:
                rank = gumbel_like(rank, generator).add_(rank)
            chosen = rank.masked_fill(~table.contains[label], -torch.inf).argmax(-1)
            if generator is None:
                out[rows] = table.order[-1]  # the last class holds the end-of-turn tokens
                chosen.masked_fill_(label == table.columns - 1, -1)
            for k in sorted(set(chosen.flatten().tolist()) - {-1}):
                members = table.order[table.offsets[k] : table.offsets[k + 1]]
                for block in (chosen == k).nonzero().split(max(1, _BLOCK // len(members))):
                    row, position = rows[block[:, 0]], block[:, 1]
                    logits = self.logits[row[:, None], position[:, None], members].float()
                    pick = (
                        logits.nan_to_num_(nan=-torch.inf).argmax(1) if generator is None else _draw(logits, generator)
                    )
                    out[row, position] = members[pick]
        return out


def _noisy(logits: Tensor, scale: float) -> Tensor:
    """`logits` with Gumbel noise, always the same."""
    generator = torch.Generator(logits.device).manual_seed(0)
    noise = torch.empty_like(logits, dtype=torch.float32).exponential_(generator=generator)
    return noise.log_().mul_(-scale).add_(logits)


def _draw(logits: Tensor, generator: torch.Generator) -> Tensor:
    """int64 `[N]`: one index per row of `logits` `[N, M]` from its softmax, by inverting the cumulative sum.

    The sum is cumulated in two steps, over about sqrt(M) stretches and then inside the one that was hit.
    """
    rows, members = logits.shape
    top = logits.amax(1, keepdim=True).clamp_(min=torch.finfo(logits.dtype).min)
    weight = (logits - top).clamp_(min=FLOOR).exp_().nan_to_num_(nan=1.0)
    width = math.isqrt(members - 1) + 1
    stretches = torch.nn.functional.pad(weight, (0, -members % width)).view(rows, -1, width)
    ends = stretches.sum(2, dtype=torch.float64).cumsum(1)
    point = torch.rand((rows, 1), dtype=torch.float64, device=logits.device, generator=generator) * ends[:, -1:]
    hit = torch.searchsorted(ends, point, right=True).clamp_(max=ends.shape[1] - 1)
    inner = stretches[torch.arange(rows, device=hit.device), hit.squeeze(1)].double().cumsum(1)
    inner += ends.gather(1, hit) - inner[:, -1:]
    index = hit * width + torch.searchsorted(inner, point, right=True).clamp_(max=width - 1)
    return index.squeeze(1).clamp_(max=members - 1)
