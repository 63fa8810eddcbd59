"""The posterior of a puzzle: masks from its rules, and the best assignment that keeps them all, by search.

Every variable stands on the same tokens whatever its value is (`TokenLayout`), so that the model's log-probability of a
value is the sum over its tokens, on this canvas; and that of an assignment is the sum over its variables. The rules are
no automaton, so there are no sums over all assignments here: the best one is exact (`Solver.best`), but log Z and
marginals are those of the masks, position by position. Masks follow from the givens and from what earlier canvases
settled, never from what the model prefers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from constrain.engine.evidence import as_certain
from constrain.engine.masked_head import Mask
from constrain.engine.narrowing import Narrowed, narrow
from constrain.engine.solved import Solved
from constrain.engine.windows import Ints, PuzzleConstraint, PuzzleRow, Window
from constrain.errors import ConstrainError, LimitError
from constrain.kernels.chain import gumbel_like
from constrain.kernels.class_reduce import FLOOR
from constrain.relations import Value
from constrain.solving import SCALE, Solution

__all__ = ["RelationalCanvas", "RelationalConstraints", "RelationalPosterior"]


class RelationalConstraints:
    """A batch of puzzles, one per row; `left` is what `start` has made of each.

    `time_limit` is in seconds: for a first solution, and then for all further questions about a row together, each of
    which gets an eighth of what is left. Once a puzzle has a solution it never fails: where time is up, the best
    solution known stands, and `Solved.optimal` says so.
    """

    def __init__(
        self,
        constraints: Sequence[PuzzleConstraint],
        left: Sequence[Narrowed],
        *,
        time_limit: float = 30.0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.rows = [
            PuzzleRow(constraint, each, each, time_limit) for constraint, each in zip(constraints, left, strict=True)
        ]
        for row in self.rows:
            row.take(row.first)
        self.device = torch.device(device)
        self.begin = 0
        self.windows: list[Window] = []

    @staticmethod
    def start(
        constraints: Sequence[PuzzleConstraint], *, time_limit: float = 30.0, device: torch.device | str = "cpu"
    ) -> list[Narrowed | ConstrainError]:
        """What the givens leave of each puzzle, or why it cannot be solved; see `narrow`."""
        given = [constraint.spec.domains_given for constraint in constraints]
        return narrow([each.rules for each in constraints], given, time_limit=time_limit, device=device)

    def canvas(self, length: int, budget: int) -> RelationalCanvas:
        """The next tokens of every layout. Its size is fixed, so `budget` changes nothing: it has to be enough."""
        self.windows = [Window.of(row, self.begin, length) for row in self.rows]
        return RelationalCanvas(self.windows, self.device)

    def commit(self, tokens: Tensor) -> Tensor:
        """Take the values that `tokens` spell as given, with what follows from them; bool `[B]`: the text is complete.

        In each row, `tokens` are what `map()` was in some pass over the last canvas. Of a value that the end of the
        canvas cuts, those that begin so are left.
        """
        changed: list[tuple[PuzzleRow, tuple[int, ...], Mapping[str, Value]]] = []
        length = tokens.shape[1]
        for row, window, ids in zip(self.rows, self.windows, tokens.tolist(), strict=True):
            if row.finished:
                continue
            solution, domains = row.proposed[window.written(ids)], window.agreeing(ids)
            if domains != row.left.domains:
                changed.append((row, domains, solution))
            row.finished = self.begin + length >= len(row.constraint.layout)
        self.begin += length
        going_on = [each for each in changed if not each[0].finished]
        found = narrow(
            [row.constraint.rules for row, _, _ in going_on],
            [domains for _, domains, _ in going_on],
            [solution for _, _, solution in going_on],
            time_limit=min((row.next_limit for row, _, _ in going_on), default=0.0),
            device=self.device,
        )
        for (row, _, _), left in zip(going_on, found, strict=True):
            assert isinstance(left, Narrowed), "a solution is known"
            row.take(left)
        return torch.tensor([row.finished for row in self.rows], device=self.device)

    def solved(self, row: int, solutions: Sequence[Solution]) -> Solved:
        """What is known of a row whose canvases so far have these `solutions`."""
        state = self.rows[row]
        fixed = [
            sum(left & (left - 1) == 0 for left in domains)
            for domains in (state.constraint.spec.domains_given, state.first.propagated, state.first.domains)
        ]
        return Solved(
            variables=len(state.first.domains),
            given=fixed[0],
            by_propagation=fixed[1] - fixed[0],
            by_search=fixed[2] - fixed[1],
            by_model=len(state.first.domains) - fixed[2],
            unique=state.first.unique,
            complete_masks=state.complete,
            optimal=all(solution.optimal for solution in solutions),
            score=sum(solution.score for solution in solutions) / SCALE,
            bound=sum(solution.bound for solution in solutions) / SCALE,
            propagation_seconds=state.propagation_seconds,
            solver_seconds=state.solver_seconds,
            candidates=state.left.candidates,
        )


class RelationalCanvas:
    """A batch of puzzles at one place in their layouts, with what is allowed where: `allowed` int64 `[B, L, A]`,
    padded with -1; nothing in the tail.
    """

    def __init__(self, windows: Sequence[Window], device: torch.device, mask: Mask | None = None) -> None:
        self.windows = windows
        self.device = device
        self.mask = mask
        length = windows[0].length if mask is None else mask.positions
        width = max((len(tokens) for window in windows for tokens in window.allowed), default=1)
        allowed = np.full((len(windows), length, width), -1)
        ends = np.zeros((len(windows), length), np.bool_)
        for b, window in enumerate(windows):
            for position, tokens in enumerate(window.allowed):
                allowed[b, position, : len(tokens)] = self._columns(tokens)
            if window.ends:
                ends[b, len(window.allowed) - 1] = True
        self.allowed = torch.from_numpy(allowed).to(device)
        self.ends = torch.from_numpy(ends).to(device)
        self.tail = self.allowed[:, :, 0] < 0
        self.undecided = (self.allowed[:, :, 1:] >= 0).any(-1) & ~self.ends
        self.forced = torch.tensor([not window.open for window in windows], device=device)
        self.kept = [window.row.left.solution for window in windows]
        """The best solution known for each row."""
        self.settled: Tensor | None = None

    @cached_property
    def known(self) -> Tensor | None:
        """int64 `[B, L]`: the canvas, if no row has anything left to choose on it."""
        if any(window.open for window in self.windows):
            return None
        return self.tokens([None] * len(self.windows))

    def tokens(self, solutions: Sequence[Solution | None]) -> Tensor:
        """int64 `[B, L]`: the canvas of these solutions, or the best known; `commit` gets to know what they are."""
        rows = []
        for window, solution, kept in zip(self.windows, solutions, self.kept, strict=True):
            values = kept if solution is None else solution.values
            rows.append(window.tokens(values))
            window.row.proposed[window.written(rows[-1])] = values
        return torch.from_numpy(self._columns(np.array(rows))[:, : self.allowed.shape[1]]).to(self.device)

    def _columns(self, ids: Ints) -> Ints:
        """Where the logits of `ids` are; of ids that have none, anywhere."""
        if self.mask is None or self.mask.tokens is None:
            return ids
        known: Ints = self.mask.tokens.cpu().numpy()
        return np.searchsorted(known, ids).clip(max=len(known) - 1)

    def only(self, mask: Mask) -> RelationalCanvas:
        """The same for the logits that `mask` leaves, by their columns instead of tokens."""
        part = RelationalCanvas(self.windows, self.device, mask)
        part.kept = self.kept
        return part

    def settle(self, tokens: Tensor) -> None:
        """As in `Canvas`, but by weight alone: a value that puts another token there has 10,000 nats against it."""
        self.settled = tokens

    def posterior(self, logits: Tensor) -> RelationalPosterior:
        return RelationalPosterior(self, as_certain(logits, self.settled))


class RelationalPosterior:
    """One pass over a batch of puzzles; `logits` `[B, L, V]` are read, never changed.

    `log_z` is the log of the model's mass on what the masks allow, an upper bound of that on solutions, and exact where
    one canvas is left; `probability` is relative to it, and so a lower bound. `entropy` and `shape` are those of the
    model's distribution on the allowed tokens of each position.
    """

    def __init__(self, canvas: RelationalCanvas, logits: Tensor) -> None:
        self.canvas = canvas
        self.logits = logits
        self.forced, self.undecided = canvas.forced, canvas.undecided
        self.redecoded = [0] * len(logits)
        self.errors: list[ConstrainError | None] = [None] * len(logits)
        self.normalizer = torch.stack([row.float().logsumexp(-1) for row in logits])
        weight = logits.gather(2, canvas.allowed.clamp(min=0)).double() - self.normalizer[:, :, None].double()
        weight = weight.nan_to_num_(nan=FLOOR, posinf=FLOOR, neginf=FLOOR).clamp_(min=FLOOR)
        self.weight = weight.masked_fill_(canvas.allowed < 0, -torch.inf)
        """float64 `[B, L, A]`: log-probabilities of the allowed tokens."""
        self.mass = self.weight.logsumexp(-1).masked_fill_(canvas.tail, 0.0)
        self.log_z = self.mass.sum(-1)

    @cached_property
    def entropy(self) -> Tensor:
        """float32 `[B, L]`: in nats; in the tail, that of the model's own distribution."""
        masked = self.weight - self.mass[:, :, None]
        entropy = -(masked.exp() * masked.clamp(min=FLOOR)).sum(-1).float()
        tail = self.canvas.tail
        if tail.any():
            own = self.logits[tail].float().log_softmax(-1)
            entropy[tail] = -(own.exp() * own.clamp(min=FLOOR)).sum(-1).nan_to_num_(nan=0.0)
        return entropy.clamp_(min=0.0)

    @property
    def doubt(self) -> Tensor:
        """The entropy: rules narrow every position by itself."""
        return self.entropy

    @cached_property
    def _host(self) -> NDArray[np.float64]:
        weight: NDArray[np.float64] = self.weight.cpu().numpy()
        return weight

    @cached_property
    def solutions(self) -> list[Solution | None]:
        """Per row, what `map()` is: the assignment with the largest log-probability on this canvas that can be
        completed to a solution, with its bound; None where nothing is left to choose.
        """
        found = [self._solve(b, None) for b in range(len(self.logits))]
        self.canvas.kept[:] = [
            old if new is None else new.values for old, new in zip(self.canvas.kept, found, strict=True)
        ]
        return found

    def _solve(self, b: int, noise: NDArray[np.float64] | None) -> Solution | None:
        """Where time is up, the solution known before."""
        window = self.canvas.windows[b]
        solver = window.row.left.solver
        if solver is None or not window.open:
            return None
        scores = window.scores(self._host[b], noise)
        begun = perf_counter()
        try:
            return solver.best(scores, time_limit=window.row.next_limit)
        except LimitError:
            kept = self.canvas.kept[b]
            score = sum(round(scored[kept[name]] * SCALE) for name, scored in scores.items())
            bound = sum(round(max(scored.values()) * SCALE) for scored in scores.values())
            return Solution(dict(kept), score, bound, score == bound, perf_counter() - begun)
        finally:
            window.row.solver_seconds += perf_counter() - begun

    @cached_property
    def _best(self) -> Tensor:
        return self._ended(self.canvas.tokens(self.solutions), self.weight)

    def _ended(self, tokens: Tensor, weight: Tensor) -> Tensor:
        """`tokens` with the end of turn of the largest weight, where the model may know several."""
        best = self.canvas.allowed.gather(2, weight.argmax(-1, keepdim=True)).squeeze(2)
        return torch.where(self.canvas.ends, best, tokens)

    def map(self) -> Tensor:
        """int64 `[B, L]`: the most probable canvas that a solution begins with; in the tail, the end of turn again."""
        return self._best

    def probability(self) -> Tensor:
        """float64 `[B]`: of `map()` among what the masks allow, its tail left out."""
        here = self.canvas.allowed == self._best[:, :, None]
        weight = torch.where(here, self.weight, 0.0).sum((1, 2))
        return (weight - self.log_z).exp().clamp(max=1.0)

    def sample(self, generator: torch.Generator) -> Tensor:
        """int64 `[B, L]`: the best canvas after Gumbel noise was added to the score of every value.

        This is *perturb-and-MAP* (Papandreou and Yuille, 2011): every solution can come out, and likelier ones more
        often. But the noise is per value, not per assignment, so it is no exact draw from the posterior, unless a
        single variable is open.
        """
        size = max(sum(len(each.values) for each in window.open) for window in self.canvas.windows)
        noise = gumbel_like(self.weight.new_zeros((len(self.logits), max(size, 1))), generator).cpu().numpy()
        drawn = [self._solve(b, noise[b]) for b in range(len(self.logits))]
        tokens = self._ended(self.canvas.tokens(drawn), self.weight + gumbel_like(self.weight, generator))
        if self.canvas.tail.any():
            own = self.logits[self.canvas.tail].float().softmax(-1).nan_to_num(nan=1.0)
            tokens[self.canvas.tail] = torch.multinomial(own, 1, generator=generator).squeeze(1)
        return tokens

    def shape(self, *, inplace: bool = False) -> Tensor:
        """`[B, L, V]`: log-probabilities on the allowed tokens, -inf on others; in the tail, the model's logits."""
        out = self.logits if inplace else self.logits.clone()
        out.masked_fill_(~self.canvas.tail[:, :, None], -torch.inf)
        normal = (self.weight - self.mass[:, :, None]).to(out.dtype)
        allowed = self.canvas.allowed >= 0
        b, position, _ = allowed.nonzero(as_tuple=True)
        out[b, position, self.canvas.allowed[allowed]] = normal[allowed]
        return out
