"""What a puzzle leaves open on a stretch of its layout, in tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from constrain.engine.narrowing import Narrowed, Rules
from constrain.matching import members
from constrain.puzzle import Puzzle
from constrain.relations import Value
from constrain.token_layout import TokenLayout
from constrain.vocabulary import Vocabulary

__all__ = ["Ints", "PuzzleConstraint", "PuzzleRow", "Scores", "Window"]

Ints: TypeAlias = "NDArray[np.int64]"
Scores: TypeAlias = "dict[str, dict[Value, float]]"
"""Log-probabilities of the values of variables."""

_LEAST_TIME = 1e-3  # seconds


@dataclass(frozen=True, eq=False)
class PuzzleConstraint:
    """`spec` over `vocabulary`: what the engine decodes a puzzle with, as it does other specs with `Constraint`."""

    spec: Puzzle
    vocabulary: Vocabulary
    layout: TokenLayout
    rules: Rules

    @classmethod
    def of(cls, spec: Puzzle, vocabulary: Vocabulary) -> PuzzleConstraint:
        """Raises `UnsupportedError` where the values of a variable have no number of tokens in common."""
        return cls(spec, vocabulary, TokenLayout.of(spec, vocabulary), Rules(spec.problem))

    @property
    def shortest(self) -> int:
        """The tokens (the end of turn not counted) that every output has."""
        return len(self.layout)

    longest = shortest

    def text(self, ids: Sequence[int]) -> str:
        """The text that `ids` spell."""
        return self.vocabulary.decode(list(ids)).decode("utf-8", "replace")


@dataclass(eq=False)
class PuzzleRow:
    """How far a puzzle has come: what is left of it after the canvases that are settled."""

    constraint: PuzzleConstraint
    first: Narrowed
    left: Narrowed
    time_limit: float
    complete: bool = True
    finished: bool = False
    propagation_seconds: float = 0.0
    solver_seconds: float = 0.0
    proposed: dict[tuple[int, ...], Mapping[str, Value]] = field(default_factory=dict)
    """The solutions that canvases of this place came from, by their tokens (`Window.written`)."""

    @property
    def next_limit(self) -> float:
        """Seconds for the next question to the solver: an eighth of what is left, as nobody knows how many follow."""
        spent = self.solver_seconds - self.first.solver_seconds
        return max((self.time_limit - spent) / 8, _LEAST_TIME)

    def take(self, left: Narrowed) -> None:
        self.left = left
        self.complete &= left.complete
        self.propagation_seconds += left.propagation_seconds
        self.solver_seconds += left.solver_seconds
        self.proposed = {}


@dataclass(frozen=True, eq=False)
class _Open:
    """A variable with several values left that a canvas tells apart: `spelling` int64 `[positions, values]`.

    `column` int64 `[positions, values]` is where each of those tokens is among the allowed ones of its position.
    """

    name: str
    index: int
    values: tuple[Value, ...]
    places: tuple[int, ...]
    positions: Ints
    spelling: Ints
    column: Ints


@dataclass(frozen=True, eq=False)
class Window:
    """One row on one canvas of `length` tokens: `allowed` tokens of each position, up to the end of turn.

    Behind it anything may stand: that is the tail, and nothing else in a row that was complete before.
    """

    row: PuzzleRow
    begin: int
    length: int
    allowed: list[Ints]
    open: list[_Open]
    ends: bool
    """Whether the last of `allowed` is the end of turn."""

    @classmethod
    def of(cls, row: PuzzleRow, begin: int, length: int) -> Window:
        if row.finished:
            return cls(row, begin, length, [], [], ends=False)
        layout = row.constraint.layout
        domains = list(row.constraint.spec.problem.domains.items())
        known = np.array(layout.tokens(row.left.solution)[begin : begin + length])
        allowed = list(known[:, None])
        opened: list[_Open] = []
        variables = layout.variable[begin : begin + length]
        for index in dict.fromkeys(variables[variables >= 0].tolist()):
            places = tuple(members(row.left.domains[index]))
            if len(places) > 1:
                name, values = domains[index]
                positions = np.flatnonzero(variables == index)
                spelling = layout.spelling[index][places, :].T[layout.offset[begin + positions]]
                if (spelling == spelling[:, :1]).all():  # what tells the values apart is on another canvas
                    continue
                column = np.empty_like(spelling)
                for position, tokens, into in zip(positions, spelling, column, strict=True):
                    allowed[position], into[:] = np.unique(tokens, return_inverse=True)
                kept = tuple(values[place] for place in places)
                opened.append(_Open(name, index, kept, places, positions, spelling, column))
        ends = len(allowed) < length
        if ends:
            allowed.append(np.array(row.constraint.vocabulary.end_of_turn))
        return cls(row, begin, length, allowed, opened, ends)

    def tokens(self, solution: Mapping[str, Value]) -> list[int]:
        """The canvas of a solution; the end of turn behind it, again and again."""
        end = self.row.constraint.vocabulary.end_of_turn[0]
        if self.row.finished:
            return [end] * self.length
        ids = self.row.constraint.layout.tokens(solution)[self.begin : self.begin + self.length]
        return ids + [end] * (self.length - len(ids))

    def written(self, ids: Sequence[int]) -> tuple[int, ...]:
        """The canvas `ids`, as far as the layout goes."""
        return tuple(ids[: max(len(self.row.constraint.layout) - self.begin, 0)])

    def agreeing(self, ids: Sequence[int]) -> tuple[int, ...]:
        """What is left of every domain where the canvas is `ids`."""
        domains = list(self.row.left.domains)
        given = np.array(ids)
        for each in self.open:
            agree = (each.spelling == given[each.positions, None]).all(axis=0)
            domains[each.index] = sum(1 << place for place, yes in zip(each.places, agree, strict=True) if yes)
        return tuple(domains)

    def scores(self, weight: NDArray[np.float64], noise: NDArray[np.float64] | None) -> Scores:
        """Log-probability of every value, given `weight` `[L, A]`, that of the allowed tokens."""
        found: Scores = {}
        at = 0
        for each in self.open:
            total = weight[each.positions[:, None], each.column].sum(axis=0)
            if noise is not None:
                total += noise[at : at + len(total)]
                at += len(total)
            found[each.name] = dict(zip(each.values, total.tolist(), strict=True))
        return found
