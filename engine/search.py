"""The most probable canvas that is right: best-first search where the most probable canvas of all is not.

The canvases of a lattice are partitioned as in Lawler, *A procedure for computing the K best solutions* (Management
Science 18, 1972): once a candidate x is refused for its first m tokens, those that remain are the ones that share x[:j]
and then differ, for j < m. The best of each part follows from the maxima over all ways to go on (`Paths`), so a part
needs no exploring before its turn comes.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from constrain.engine.paths import ANY, Candidate, Paths, Tokens

__all__ = ["Effort", "Found", "search"]

Fault: TypeAlias = Callable[[Sequence[int], int], tuple[int, int] | None]
"""Given tokens and the state that they end in: the tokens at fault, from and to; None if the candidate is right. No
candidate that begins like it up to the end of the fault is right."""


@dataclass(frozen=True)
class Effort:
    """How many candidates may be refused, in one pass over one canvas of one row: `total`.

    The first `exact` come strictly by probability: what is found among them is the most probable canvas that is right.
    The others come by place, an equal number under each `noise` (see `search`); `patience` is how many for one place.
    """

    exact: int = 64
    total: int = 256
    noise: tuple[float, ...] = (0.0, 1.0, 8.0, 64.0)
    patience: int = 24

    def first(self, count: int | None = None) -> Effort:
        """The same without what comes by place, and with no more than `count` candidates."""
        exact = self.exact if count is None else min(self.exact, count)
        return replace(self, exact=exact, total=min(exact, self.total))

    def limited(self, count: int) -> Effort:
        """The same with no more than `count` candidates, a quarter of them by probability."""
        return replace(self, exact=min(self.exact, count // 4), total=min(self.total, count))


@dataclass(frozen=True, eq=False)
class Found:
    """What a search came to: the tokens of a canvas that is right, or None, and how many candidates were refused."""

    tokens: list[int] | None
    refused: int
    exhausted: bool
    """Whether nothing else is left."""


def search(paths: Callable[[float], Paths], first: Candidate, fault: Fault, effort: Effort) -> Found:
    """The most probable canvas that is right, beginning with `first`, the most probable of all.

    What is found within `effort.exact` refusals is exact. Beyond that there may be very many canvases that differ from
    the best where it does not matter and repeat its fault. So the search then starts again from the best, keeps what
    stands before the fault, and changes what is at fault, at first in one token (any of them, in the order of
    probability), then in two, and so on. The first remedy is kept, and a fault behind it is treated in the same way.

    Where the model says the same thing again and again, every remedy meets the next fault. So the search starts again
    from the best canvas under other logits: those of the model with Gumbel noise, which is a draw from the model where
    its scale is 1, and ever less the model's where it is larger. `paths(noise)` are the paths under such logits. What
    is found by place is right, but there may be something more probable that is right as well.
    """
    span = fault(first.tokens, first.states[-1])
    if span is None:
        return Found(first.tokens, 0, exhausted=False)
    exact = min(effort.exact, effort.total)
    run = _Search(paths(0.0), fault, exact, effort.patience, refused=1)
    best = run.by_probability(first, span)
    for n, noise in enumerate(effort.noise, 1):
        if best is not None or not run.heap or run.refused >= effort.total:
            break
        run.limit = exact + (effort.total - exact) * n // len(effort.noise)
        if noise:
            run.paths = paths(noise)
            first = run.paths.first
            span = run.judge(first)
        best = first if span is None else run.by_place(first, span)
    return Found(None if best is None else best.tokens, run.refused, exhausted=best is None and not run.heap)


@dataclass(eq=False)
class _Place:
    """Where a remedy is sought: from token `begin` on. `refused` counts the candidates that were none."""

    begin: int
    refused: int = 0


@dataclass(frozen=True, eq=False)
class _Part:
    """The canvases that share `length` tokens with `parent` and go on `among` some; `step` begins the best of them."""

    parent: Candidate
    length: int
    among: Tokens
    step: tuple[int, int, float]
    bound: float
    place: _Place
    changes: int
    """How many times the search has turned away from what was best, since it came to `place`; to lead elsewhere from
    where it has turned already is no change more."""


@dataclass(eq=False)
class _Search:
    paths: Paths
    fault: Fault
    limit: int
    patience: int
    refused: int
    heap: list[tuple[tuple[float, ...], _Part]] = field(default_factory=list)
    serial: Iterator[int] = field(default_factory=itertools.count)

    def by_probability(self, first: Candidate, span: tuple[int, int]) -> Candidate | None:
        """Best first, until one is right, there is none left, or the limit is reached."""
        whole = _Place(0)
        parts = self._parts(first, 0, ANY, span, whole, 0)
        while True:
            for part in parts:
                heapq.heappush(self.heap, ((-part.bound, next(self.serial)), part))
            if not self.heap or self.refused >= self.limit:
                return None
            part = heapq.heappop(self.heap)[1]
            candidate = self.paths.go_on(part.parent, part.length, part.step)
            found = self.judge(candidate)
            if found is None:
                return candidate
            parts = self._parts(candidate, part.length, part.among, found, whole, 0)

    def by_place(self, first: Candidate, span: tuple[int, int]) -> Candidate | None:
        """Rightmost fault first, with as few changes as possible, best first; until as above."""
        self.heap = []
        anywhere = _Place(0)
        parts = self._parts(first, 0, ANY, span, anywhere, 0)
        while True:
            for part in parts:
                self._push(part, part.place)
            if not self.heap or self.refused >= self.limit:
                return None
            key, part = heapq.heappop(self.heap)
            if part.place.refused >= self.patience and key[0] < 0:
                parts = iter(())
                self._push(part, anywhere)
                continue
            candidate = self.paths.go_on(part.parent, part.length, part.step)
            found = self.judge(candidate)
            if found is None:
                return candidate
            part.place.refused += 1
            parts = self._parts(candidate, part.length, part.among, found, part.place, part.changes)

    def _push(self, part: _Part, place: _Place) -> None:
        heapq.heappush(self.heap, ((-place.begin, part.changes, -part.bound, next(self.serial)), part))

    def judge(self, candidate: Candidate) -> tuple[int, int] | None:
        found = self.fault(candidate.tokens, candidate.states[-1])
        self.refused += found is not None
        return found

    def _parts(
        self,
        refused: Candidate,
        length: int,
        among: Tokens,
        span: tuple[int, int],
        place: _Place,
        changes: int,
    ) -> Iterator[_Part]:
        """What is left of a part (`length`, `among`) when no canvas may begin with `refused.tokens[: span[1]]`.

        Tokens that lead where the refused one did are a part of their own: they are other letters in the same place,
        while others end or begin something. To meet the one and the other early, both are tried.
        """
        begin, end = span
        nearer = _Place(begin) if begin > place.begin else place
        for j in range(length, end):
            inside = j >= nearer.begin
            arrived = inside and nearer is not place
            for rest in (among if j == length else ANY).but(refused.tokens[j], refused.states[j + 1]):
                step = self.paths.best(j, refused.states[j], rest)
                if step is not None:
                    bound = refused.weights[j] + step[2] + float(self.paths.values[j + 1, step[1]])
                    more = 1 if arrived else changes + (j > length or rest.into is not None or not changes)
                    yield _Part(refused, j, rest, step, bound, nearer if inside else place, more)
