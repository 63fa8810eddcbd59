"""The exact posterior of one pass: the model's product distribution over a canvas, given that the canvas is valid.

With log-probabilities l[i, v] of the model at each position, a canvas x has weight exp(sum_i l[i, x_i]). The posterior
restricts that distribution to the canvases that the lattice admits and renormalises it. Tokens enter only through
their classes (`class_reduce`), classes through bundles of them, states through links (`chain`, see `Links`).

What a spec rules out beyond its automaton (`Spec.residual`) is not in the lattice. It is left out of the best canvas
alone, by `search`; log Z, marginals and draws are those of the lattice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from constrain.engine.drawing import drawn
from constrain.engine.evidence import ending_again, only_given
from constrain.engine.passing import best_passing
from constrain.engine.tables import Tables
from constrain.errors import ConstrainError
from constrain.kernels.chain import backward, flow, gumbel_like, log_sum_by, walk
from constrain.kernels.class_reduce import FLOOR, ClassScores, class_reduce
from constrain.kernels.shape_logits import shape_logits
from constrain.solving import Solution

if TYPE_CHECKING:
    from constrain.engine.token_canvas import TokenCanvas

__all__ = ["TokenPosterior"]

_BLOCK = 1 << 18  # logits per temporary, so that it stays in the cache of a core
_DRAWS = 7  # joint draws whose values are considered where rules across fields choose values anew
_TINY = -80.0  # log of the smallest mass whose sum of p log p still has all its digits in float32


class TokenPosterior:
    """The posterior of one pass over a batch; `logits` `[B, L, V]` are read, and changed by `shape` alone, if asked."""

    def __init__(self, canvas: TokenCanvas, logits: Tensor) -> None:
        self.canvas = canvas
        self.logits = logits
        self.solutions: list[Solution | None] = [None] * len(logits)

    @cached_property
    def rows(self) -> list[ClassScores]:
        """What each row's token classes weigh, and its likeliest tokens."""
        tables = self.canvas.tables
        return [class_reduce(row, table.order, table.offsets) for row, table in zip(self.logits, tables, strict=True)]

    @cached_property
    def _beta(self) -> Tensor:
        return backward(self.canvas.graph, self.mass)

    @cached_property
    def log_z(self) -> Tensor:
        """float64 `[B]`: log of the model's mass on the canvases that the lattice admits."""
        return self._beta[0, self.canvas.graph.start]

    @cached_property
    def mass(self) -> Tensor:
        """float64 `[L, C]`: log-probability of every row's bundles, side by side; the tail's is 0."""
        return self._columns([row.mass for row in self.rows])

    @cached_property
    def peak(self) -> Tensor:
        """float64 `[L, C]`: log of the largest probability of a token in every bundle; the tail's is 0."""
        return self._columns([row.peak for row in self.rows], maximum=True)

    def _columns(self, parts: Sequence[Tensor], *, maximum: bool = False) -> Tensor:
        tail = self.logits.new_zeros((len(parts[0]), 1), dtype=torch.float64)
        columns = []
        for part, table, lattice in zip(parts, self.canvas.tables, self.canvas.lattices, strict=True):
            weight = only_given(part.double(), lattice).index_select(1, table.member)
            columns += [log_sum_by(table.owner, weight, table.columns - 1, maximum=maximum), tail]
        return torch.cat(columns, dim=1)

    def _split(self, columns: Tensor) -> tuple[Tensor, ...]:
        return torch.split(columns, [table.columns for table in self.canvas.tables], dim=1)

    @cached_property
    def marginals(self) -> tuple[Tensor, ...]:
        """Per row, float64 `[L, N + 1]`: the posterior probability of each bundle; the last column is the tail's."""
        return self._split(flow(self.canvas.graph, self.mass, self._beta))

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
            bias = torch.logaddexp(own, mu[:, -1:].log())
            out.append(bias.nan_to_num_(nan=-torch.inf, neginf=-torch.inf).float())  # NaN: ruled out by what is given
        return out

    @cached_property
    def entropy(self) -> Tensor:
        """float32 `[B, L]`: entropy in nats of each position's posterior marginal over tokens.

        Class k has probability mu[k] = exp(mass[k] + bias[k]), and the mean of log p(v) over its tokens is
        information[k] / exp(mass[k]). So the entropy, -sum_v p(v | valid) log p(v | valid), is
        -sum_k mu[k] (mean[k] + bias[k]).
        """
        rows = []
        for bias, scores in zip(self.bias, self.rows, strict=True):
            finite = bias.clamp(min=FLOOR).double()
            mu = (scores.mass.double() + bias.double()).exp()
            rows.append((-(mu * (_mean(scores) + finite)).sum(1)).clamp_(min=0.0).float())
        return torch.stack(rows)

    @cached_property
    def doubt(self) -> Tensor:
        """float32 `[B, L]`: the larger of `entropy` and what it would be if only the position itself were constrained.

        Joint probabilities take what the model says at different places for independent evidence. Where it wavers
        between two texts, one a token longer, it does so at all places alike, and the joint posterior is sure of one of
        them for no reason. So a draw is not accepted where the model alone, among what may stand there, would not be
        sure. With masses m[k] of the classes that may stand and their sum M, that entropy is
        log M - sum_k m[k] mean[k] / M.
        """
        rows = []
        for bias, scores in zip(self.bias, self.rows, strict=True):
            mass = scores.mass.double().masked_fill(bias == -torch.inf, -torch.inf)
            total = mass.logsumexp(1, keepdim=True)
            share = (mass - total).exp().nan_to_num_(nan=0.0)
            rows.append((total[:, 0] - (share * _mean(scores)).sum(1)).float())
        return torch.maximum(self.entropy, torch.stack(rows).nan_to_num_(nan=0.0, neginf=0.0))

    @cached_property
    def undecided(self) -> Tensor:
        """bool `[B, L]`: positions with more than one allowed token that are probably not behind the end of turn."""
        tail = torch.stack([mu[:, -1] for mu in self.marginals])
        return ~self.canvas.determined & (tail < 0.5)

    @property
    def forced(self) -> Tensor:
        """bool `[B]`: the lattice admits one text, and it is right."""
        if not any(self.canvas.judges):  # then there are no errors, and nothing to tell the device
            return self.canvas.forced
        failed = [error is not None for error in self.errors]
        return self.canvas.forced & ~torch.tensor(failed, device=self.logits.device)

    def _heaviest(self) -> tuple[Tensor, Tensor]:
        """The path of the most probable canvas, int64 `[B, L]` columns, and its log-probability, float64 `[B]`."""
        graph = self.canvas.graph
        values = backward(graph, self.peak, maximum=True)
        return walk(graph, self.peak, values), values[0, graph.start]

    @cached_property
    def _best(self) -> tuple[Tensor, Tensor, list[int], list[ConstrainError | None]]:
        path, weight = self._heaviest()
        tokens = self._tokens(path, None)
        refused, errors = [0] * len(self.rows), list[ConstrainError | None]([None] * len(self.rows))
        for row, judge in enumerate(self.canvas.judges):
            if judge is None:
                continue
            ids, table = judge.until_end(tokens[row].tolist()), self.canvas.tables[row]
            part = self.canvas.lattices[row], table, self.logits[row], self.rows[row], self.canvas.effort
            try:
                if judge.passes(ids):
                    continue
                best, weight[row], refused[row] = best_passing(judge, ids, *part, partial(self._draws, row))
            except ConstrainError as error:
                errors[row], weight[row] = error, -torch.inf
                continue
            tokens[row] = table.order[-1]  # behind the end of turn, the end of turn again
            tokens[row, : len(best)] = torch.tensor(best, device=tokens.device)
        return tokens, weight, refused, errors

    def _draws(self, row: int) -> list[list[int]]:
        """Joint draws of a row, always the same."""
        return [draw[row].tolist() for draw in self._all_draws]

    @cached_property
    def _all_draws(self) -> list[Tensor]:
        generator = torch.Generator(self.logits.device).manual_seed(0)
        return [self._sampled(generator) for _ in range(_DRAWS)]

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
        """int64 `[B, L]`: one exact joint draw.

        Where tokens may be settled, every part of it has a valid rest: behind the end of turn it stands again, as
        anything else might come to be text; and a draw that does not pass its residual check gives way to `map()`.
        """
        draw, settled = self._sampled(generator), self.canvas.settled
        if settled is None:
            return draw
        draw = ending_again(draw, settled, [each.vocabulary.end_of_turn for each in self.canvas.constraints])
        for row, judge in enumerate(self.canvas.judges):
            if judge is not None and (self.errors[row] or not judge.passes(judge.until_end(draw[row].tolist()))):
                draw[row] = self.map()[row]
        return draw

    def _sampled(self, generator: torch.Generator) -> Tensor:
        return self._tokens(walk(self.canvas.graph, self.mass, self._beta, generator), generator)

    def shape(self, *, inplace: bool = False) -> Tensor:
        """The shaped logits, `[B, L, V]` like the model's: their softmax is the posterior marginal of each position."""
        out = self.logits if inplace else torch.empty_like(self.logits)
        for row, (bias, table) in enumerate(zip(self.bias, self.canvas.tables, strict=True)):
            shape_logits(self.logits[row], bias, table.class_of, out=out[row])
        return out

    def _tokens(self, path: Tensor, generator: torch.Generator | None) -> Tensor:
        """Choose a class within each bundle of `path`, then a token within the class: the likeliest, or a draw.

        In the tail anything may stand: a draw takes the model's own distribution; the best canvas repeats the end of
        turn, so that it does not change with tokens that mean nothing.
        """
        out = torch.empty_like(path)
        for table, rows, index, first in self.canvas.groups:
            label = path[index] - first[:, None]
            rank = torch.stack([self.rows[row].peak if generator is None else self.rows[row].mass for row in rows])
            if generator is not None:
                rank = gumbel_like(rank, generator).add_(rank)
            chosen = rank.masked_fill(~table.contains[label], -torch.inf).argmax(-1)
            if generator is None:
                chosen.masked_fill_(label == table.columns - 1, -1)
            out[index] = self._members(table, rows, chosen, generator)
        settled = self.canvas.settled
        return out if settled is None else torch.where(settled < 0, out, settled)

    def _members(self, table: Tables, rows: Sequence[int], chosen: Tensor, generator: torch.Generator | None) -> Tensor:
        """int64 `[N, L]`: a token of each class in `chosen`, on these rows; an end of turn where it is -1."""
        out = torch.full_like(chosen, int(table.order[-1]))  # the last class holds the end-of-turn tokens
        for k in sorted(set(chosen.flatten().tolist()) - {-1}):
            members = table.order[table.offsets[k] : table.offsets[k + 1]]
            for block in (chosen == k).nonzero().split(max(1, _BLOCK // len(members))):
                read = [self.logits[rows[row], position].index_select(0, members) for row, position in block.tolist()]
                logits = torch.stack(read).float()
                pick = logits.nan_to_num_(nan=-torch.inf).argmax(1) if generator is None else drawn(logits, generator)
                out[block[:, 0], block[:, 1]] = members[pick]
        return out


def _mean(scores: ClassScores) -> Tensor:
    """float64 `[L, K]`: the mean of log p over each class; its peak where the mass is too small for a float32."""
    mass = scores.mass.double()
    return torch.where(mass > _TINY, scores.information.double() * mass.neg().exp(), scores.peak.double())
