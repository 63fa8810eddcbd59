"""The most probable canvases of a row one by one: where a path may turn away from the best, and how it then goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from constrain.compressed_rows import slices
from constrain.engine.evidence import only_given
from constrain.engine.tables import Tables, join
from constrain.kernels.chain import backward, log_sum_by
from constrain.kernels.class_reduce import FLOOR, ClassScores, class_reduce
from constrain.lattice import Lattice

__all__ = ["ANY", "Candidate", "Paths", "Tokens"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A canvas up to its end of turn, the state before each token and after the last, the log-probability so far."""

    tokens: list[int]
    states: list[int]
    weights: list[float]


@dataclass(frozen=True)
class Tokens:
    """Tokens that may come next: those that lead `into` a state (None: any) but not into those of `past`, and none of
    `without`.
    """

    into: int | None = None
    past: frozenset[int] = frozenset()
    without: frozenset[int] = frozenset()

    def but(self, token: int, state: int) -> list[Tokens]:
        """All but one, which leads into `state`: those that lead there as well, and those that lead elsewhere."""
        same = Tokens(into=state, without=self.without | {token})
        return [same] if self.into is not None else [same, Tokens(past=self.past | {state}, without=self.without)]


ANY = Tokens()


class Paths:
    """The best way to go on from anywhere on one row's canvas, in one pass, on the host.

    Tokens that are second in their class are looked up in the logits when they are asked for, and remembered.
    """

    def __init__(self, lattice: Lattice, table: Tables, logits: Tensor, scores: ClassScores | None = None) -> None:
        """`logits` `[L, V]` may be on another device, with the `table`; `scores` are those of `class_reduce`."""
        scores = scores or class_reduce(logits, table.order, table.offsets)
        graph, _ = join([lattice], logits.device)
        peaks = only_given(scores.peak.double(), lattice)
        weight = peaks.index_select(1, table.member)
        columns = log_sum_by(table.owner, weight, table.columns, maximum=True)
        columns[:, -1] = 0.0  # the tail
        self.lattice = lattice
        self.peaks = peaks.cpu().numpy()
        self.values = backward(graph, columns, maximum=True).cpu().numpy()
        self.logits, self.normalizer, self.order = logits, scores.normalizer, table.order
        self._known_edges: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._next: dict[tuple[int, int], tuple[int, int, float] | None] = {}
        self._ranked: dict[tuple[int, int], list[tuple[int, float]]] = {}

    @property
    def first(self) -> Candidate:
        """The most probable canvas of all."""
        return self._finish(Candidate([], [self.lattice.start], [0.0]))

    def _edges(self, state: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The classes that may follow `state`, and where each leads."""
        if state not in self._known_edges:
            automaton = self.lattice.tokens
            links, leaving = automaton.links, automaton.outgoing(state)
            bundle = links.bundle[leaving]
            label = links.member[slices(links.offsets, bundle)]
            target = np.repeat(links.target[leaving], np.diff(links.offsets)[bundle])
            self._known_edges[state] = label, target
        return self._known_edges[state]

    def best(self, position: int, state: int, among: Tokens = ANY) -> tuple[int, int, float] | None:
        """The first step of the best way from `state` to the end: token, state, log-probability; None if there is none.

        Tokens that end the turn count as one.
        """
        if among is not ANY:
            return self._best(position, state, among)
        if (position, state) not in self._next:
            self._next[position, state] = self._best(position, state, among)
        return self._next[position, state]

    def _best(self, position: int, state: int, among: Tokens) -> tuple[int, int, float] | None:
        tokens = self.lattice.tokens
        label, target = self._edges(state)
        score = self.peaks[position, label]
        if among.into is not None:
            score[target != among.into] = -np.inf
        for avoided in among.past:
            score[target == avoided] = -np.inf
        others: dict[int, int] = {}
        for k in {int(tokens.class_of[token]) for token in among.without}:
            (edge,) = np.flatnonzero(label == k)
            other = None if k == tokens.end_of_turn else self._best_of_class(position, k, among.without)
            if other is None:
                score[edge] = -np.inf
            elif score[edge] > -np.inf:
                others[k], score[edge] = other
        total = score + self.values[position + 1, target]
        edge = int(total.argmax()) if len(total) else 0
        if not len(total) or total[edge] == -np.inf:
            return None
        k = int(label[edge])
        token = others[k] if k in others else self._rank(position, k, 1)[0][0]
        return token, int(target[edge]), float(score[edge])

    def _best_of_class(self, position: int, k: int, without: frozenset[int]) -> tuple[int, float] | None:
        ranked = self._rank(position, k, len(without) + 1)
        return next((each for each in ranked if each[0] not in without), None)

    def _rank(self, position: int, k: int, count: int) -> list[tuple[int, float]]:
        """The tokens of class k, best first, with their log-probabilities: `count` of them or more, if there are."""
        if position in self.lattice.given_at:
            return [(self.lattice.given_at[position], float(self.peaks[position, k]))]
        begin, end = self.lattice.tokens.offsets[k : k + 2].tolist()
        known = self._ranked.get((position, k), [])
        if len(known) < min(count, end - begin):
            members = self.order[begin:end]
            score = self.logits[position, members].float() - self.normalizer[position]
            score = score.nan_to_num_(nan=FLOOR, posinf=FLOOR, neginf=FLOOR).clamp_(min=FLOOR)
            top = score.topk(min(end - begin, 4 * count))
            known = list(zip(members[top.indices].tolist(), top.values.tolist(), strict=True))
            self._ranked[position, k] = known
        return known

    def candidate(self, tokens: Sequence[int]) -> Candidate:
        """The canvas `tokens`, cut off behind its end of turn."""
        out = Candidate([], [self.lattice.start], [0.0])
        automaton = self.lattice.tokens
        for position, token in enumerate(tokens):
            if out.states[-1] == automaton.done:
                break
            score = (self.logits[position, token].float() - self.normalizer[position]).item()
            state = automaton.step(out.states[-1], token)
            self._append(out, token, state, max(FLOOR, score))  # of FLOOR and a NaN it is FLOOR
        return out

    def go_on(self, prefix: Candidate, length: int, step: tuple[int, int, float]) -> Candidate:
        """The best canvas that begins with `length` tokens of `prefix` and then `step`."""
        out = Candidate(prefix.tokens[:length], prefix.states[: length + 1], prefix.weights[: length + 1])
        self._append(out, *step)
        return self._finish(out)

    def _finish(self, out: Candidate) -> Candidate:
        while len(out.tokens) < self.lattice.length and out.states[-1] != self.lattice.tokens.done:
            following = self.best(len(out.tokens), out.states[-1])
            assert following is not None  # an alive state can always go on
            self._append(out, *following)
        return out

    @staticmethod
    def _append(out: Candidate, token: int, state: int, score: float) -> None:
        out.tokens.append(token)
        out.states.append(state)
        out.weights.append(out.weights[-1] + score)
