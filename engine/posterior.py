"""The exact posterior of one pass: the model's product distribution over a canvas, given that the canvas is valid.

With log-probabilities l[i, v] of the model at each position, a canvas x has weight exp(sum_i l[i, x_i]). The posterior
restricts that distribution to the canvases that the lattice admits and renormalises it. Tokens enter only through
their classes (`class_reduce`), classes through bundles of them, states through links (`chain`, see `Links`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from constrain.constraint import Constraint
from constrain.kernels.chain import Graph, backward, forward, gumbel_like, log_sum_by, marginals, walk
from constrain.kernels.class_reduce import FLOOR, ClassScores, class_reduce
from constrain.kernels.shape_logits import shape_logits
from constrain.lattice import Lattice
from constrain.token_automaton import TokenAutomaton

__all__ = ["TokenCanvas", "TokenConstraints", "TokenPosterior"]

_BLOCK = 1 << 22  # logits per temporary
_TINY = -80.0  # log of the smallest mass whose sum of p log p still has all its digits in float32


@dataclass(frozen=True, eq=False)
class _Tables:
    """One token automaton on a device: which tokens are in a class, and which classes in a bundle (see `Links`).

    `contains` is bool `[columns, K]`. Its rows, the columns of scores, are the bundles and, last, the tail: any class
    that has tokens.
    """

    class_of: Tensor
    order: Tensor
    offsets: Tensor
    owner: Tensor
    member: Tensor
    contains: Tensor

    @property
    def columns(self) -> int:
        return len(self.contains)

    @classmethod
    def of(cls, tokens: TokenAutomaton, device: torch.device) -> _Tables:
        links = tokens.links
        contains = np.zeros((links.bundles + 1, tokens.classes), np.bool_)
        contains[links.owner, links.member] = True
        contains[-1] = np.diff(tokens.offsets) > 0
        arrays = (tokens.class_of.astype(np.int64), tokens.order, tokens.offsets, links.owner, links.member, contains)
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))


class TokenConstraints:
    """A batch of compiled constraints, one per row, and the automaton state that each row carries between canvases.

    `budgets` are the tokens of text that each row may write in all, where that is less than the batch may.
    """

    def __init__(
        self,
        constraints: Sequence[Constraint],
        *,
        budgets: Sequence[int] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.constraints = list(constraints)
        self.left = [sys.maxsize] * len(self.constraints) if budgets is None else list(budgets)
        self.device = torch.device(device)
        self.states = [0] * len(self.constraints)
        known: dict[int, _Tables] = {}
        self.tables = [
            known.setdefault(id(c.tokens), _Tables.of(c.tokens, self.device))
            if id(c.tokens) not in known
            else known[id(c.tokens)]
            for c in self.constraints
        ]

    def canvas(self, length: int, budget: int) -> TokenCanvas:
        """The lattices of the next canvas, entered in the carried states; `budget` as in `Lattice`."""
        rows = zip(self.constraints, self.states, self.left, strict=True)
        lattices = [Lattice(c.tokens, state, length, max(min(budget, left), 0)) for c, state, left in rows]
        return TokenCanvas(lattices, self.constraints, self.tables, self.device)

    def commit(self, tokens: Tensor) -> Tensor:
        """Advance every row over its chosen canvas; bool `[B]`: the row's text is complete.

        A row is complete once it has ended its turn, when nothing but the end of turn may follow, or when its budget
        is spent.
        """
        for row, (constraint, ids) in enumerate(zip(self.constraints, tokens.tolist(), strict=True)):
            self.left[row] -= len(ids)
            state = constraint.advance(self.states[row], ids)
            self.states[row] = state if self.left[row] > 0 else constraint.tokens.done
        complete = [c.is_complete(state) for c, state in zip(self.constraints, self.states, strict=True)]
        return torch.tensor(complete, device=self.device)


class TokenCanvas:
    """The lattices of a batch on one canvas, joined into one graph (see `chain.Graph`)."""

    def __init__(
        self,
        lattices: Sequence[Lattice],
        constraints: Sequence[Constraint],
        tables: Sequence[_Tables],
        device: torch.device,
    ) -> None:
        self.lattices = lattices
        self.tables = tables
        self.graph, self.state_row = _join(lattices, device)
        self.forced = torch.tensor(
            [bool(c.singular[lattice.start]) for c, lattice in zip(constraints, lattices, strict=True)], device=device
        )
        columns = np.cumsum([0] + [table.columns for table in tables])
        self.groups: list[tuple[_Tables, Tensor, Tensor]] = []
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
        return self.canvas.forced

    @cached_property
    def _best(self) -> tuple[Tensor, Tensor]:
        graph = self.canvas.graph
        peaks = self._columns([row.peak for row in self.rows], maximum=True)
        values = backward(graph, peaks, maximum=True)
        return self._tokens(walk(graph, peaks, values), None), values[0, graph.start]

    def map(self) -> Tensor:
        """int64 `[B, L]`: the most probable valid canvas; behind the end of turn, the end of turn again."""
        return self._best[0]

    def probability(self) -> Tensor:
        """float64 `[B]`: the posterior probability of `map()`, its tail left out."""
        return (self._best[1] - self.log_z).exp().clamp(max=1.0)

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


def _join(lattices: Sequence[Lattice], device: torch.device) -> tuple[Graph, Tensor]:
    """The disjoint union of the lattices' graphs, and the row of every state, int64 `[Q]`."""
    source, target, column, alive, start, state_row = [], [], [], [], [], []
    states = columns = 0
    for row, lattice in enumerate(lattices):
        links, done = lattice.tokens.links, lattice.tokens.done
        source.append(np.append(links.source, done) + states)
        target.append(np.append(links.target, done) + states)
        column.append(np.append(links.bundle, links.bundles) + columns)
        alive.append(lattice.alive)
        start.append(lattice.start + states)
        state_row.append(np.full(done + 1, row))
        states += done + 1
        columns += links.bundles + 1
    sources = np.concatenate(source).astype(np.int64)
    degree = np.bincount(sources, minlength=states)
    outgoing = np.full((states, max(int(degree.max()), 1)), len(sources), np.int64)
    rank = np.arange(len(sources)) - np.repeat(np.cumsum(degree) - degree, degree)
    outgoing[sources, rank] = np.arange(len(sources))
    arrays = (sources, np.concatenate(target), np.concatenate(column), np.hstack(alive), np.array(start), outgoing)
    tensors = [torch.from_numpy(a if a.dtype == np.bool_ else a.astype(np.int64)).to(device) for a in arrays]
    return Graph(*tensors), torch.from_numpy(np.concatenate(state_row)).to(device)
