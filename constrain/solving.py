"""The best assignment of a problem, whether there is another one, and which values occur in any: by OR-Tools CP-SAT."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.filters import MAX_TUPLES
from constrain.matching import members
from constrain.propagation import Contradiction, Domains, full
from constrain.relations import Problem, Rule, Value

if TYPE_CHECKING:
    from constrain.sat_encoding import Answer, Encoding

__all__ = ["LARGEST", "MAX_TUPLES", "SCALE", "Conflict", "Solution", "Solver"]

SCALE = 10**6
"""Scores are integers in units of 1/SCALE nat."""

LARGEST = 10_000.0
"""Scores are between -LARGEST and LARGEST nats; what is less, and NaN, counts as -LARGEST."""

FIRST_TURN = 0.2
"""How long the first search for the best assignment may take, in CP-SAT's deterministic time: about a second."""


class Conflict(UnsatisfiableError):  # noqa: N818  # the mathematical word, and it is one
    """No assignment satisfies all of `rules`. If `minimal`, any one of them less and there is one."""

    def __init__(self, rules: tuple[Rule, ...], *, minimal: bool) -> None:
        named = "; ".join(rule.describe() for rule in rules[:5])
        more = f"; and {len(rules) - 5} more" if len(rules) > 5 else ""
        super().__init__(f"these rules cannot all hold: {named}{more}", hint="drop one, or give other values")
        self.rules = rules
        self.minimal = minimal


@dataclass(frozen=True)
class Solution:
    """An assignment that satisfies all rules.

    `score` is the sum of its scores in units of 1/`SCALE`, `bound` what no assignment exceeds. `optimal` says that they
    are equal, which it is unless time was up. `seconds` is what the solver took.
    """

    values: dict[str, Value]
    score: int
    bound: int
    optimal: bool
    seconds: float


class Solver:
    """Questions about the assignments of `problem` that take their values from `domains` (default: all).

    All answers but those that time cuts short are functions of the arguments alone. Raises `propagation.Contradiction`
    for an empty domain, and `LimitError` for a rule too large to state.
    """

    def __init__(self, problem: Problem, domains: Domains | None = None) -> None:
        self.problem = problem
        self.domains = full(problem) if domains is None else domains
        self.names = list(problem.domains)
        for name, domain in zip(self.names, self.domains, strict=True):
            if not domain:
                raise Contradiction(None, variable=name)
        self.encoding = self._encoding(problem.rules)

    def best(
        self, scores: Mapping[str, Mapping[Value, float]], *, default: float = 0.0, time_limit: float = 10.0
    ) -> Solution:
        """The assignment with the largest sum of scores; what has no score counts `default`.

        Scores are rounded to multiples of 1/`SCALE`. Raises `Conflict` when there is no assignment (which rules are to
        blame may take as long again), and `LimitError` when `time_limit` (seconds) is up before one is found.
        """
        encoding = self.encoding.fresh()
        base = _scaled(default)
        gains = self._gains(scores, base)
        encoding.maximize(
            (literal, gain)
            for index, known in enumerate(gains)
            for place, gain in known.items()
            if (literal := encoding.literal(index, place)) is not None
        )
        answer = _searched(encoding, _checked(time_limit))
        if answer.places is None:
            raise self._conflict(time_limit) if answer.exhausted else _out_of_time(time_limit)
        offset = base * len(gains)
        score = offset + sum(known.get(place, 0) for known, place in zip(gains, answer.places, strict=True))
        bound = score if answer.exhausted else max(score, offset + answer.bound)
        return Solution(self._values(answer.places), score, bound, answer.exhausted, answer.seconds)

    def _gains(self, scores: Mapping[str, Mapping[Value, float]], base: int) -> list[dict[int, int]]:
        """For each variable, how much more than `base` its values score, by their places."""
        gains: list[dict[int, int]] = [{} for _ in self.names]
        for name, scored in scores.items():
            index = self._index(name)
            for value, score in scored.items():
                place = self.encoding.columns[index].place(value)
                if place is None:
                    raise SpecError(f"{name!r} has a score for {value!r}, which is none of its values", keyword=name)
                gains[index][place] = _scaled(score) - base
        return gains

    def another(self, solution: Mapping[str, Value], *, time_limit: float = 10.0) -> dict[str, Value] | None:
        """An assignment that has another value for some variable of `solution`; None if there is none.

        Raises `LimitError` when `time_limit` (seconds) is up first.
        """
        encoding = self.encoding.fresh()
        kept = [encoding.having(self._index(name), value) for name, value in solution.items()]
        encoding.require_any(encoding.true if literal is None else literal.negated() for literal in kept)
        answer = encoding.solve(_checked(time_limit))
        if answer.places is None and not answer.exhausted:
            raise _out_of_time(time_limit)
        return None if answer.places is None else self._values(answer.places)

    def supports(self, *, time_limit: float = 10.0) -> tuple[Domains, bool]:
        """The values that occur in some assignment, and True; when time is up, the values not known to occur in none.

        The latter also for variables that are integers (see `sat_encoding`), whose values are too many to ask for.
        Raises `Conflict` when there is no assignment at all.
        """
        asked = [0 if index in self.encoding.integers else domain for index, domain in enumerate(self.domains)]
        deadline = time.perf_counter() + _checked(time_limit)
        found = [0] * len(self.names)
        while True:
            encoding = self.encoding.fresh()
            if any(found):
                encoding.require_any(
                    literal
                    for index, domain in enumerate(asked)
                    for place in members(domain & ~found[index])
                    if (literal := encoding.literal(index, place)) is not None
                )
            chance = Random(0)  # hints of values not seen so far, spread evenly: 20 times fewer rounds
            encoding.suggest(
                {
                    index: chance.choice(members(domain & ~found[index]))
                    for index, domain in enumerate(asked)
                    if domain & ~found[index]
                }
            )
            answer = encoding.solve(max(0.0, deadline - time.perf_counter()))
            if answer.places is not None:
                for index, place in enumerate(answer.places):
                    found[index] |= 1 << place
            elif not answer.exhausted:
                return self.domains, False
            elif all(found):
                exact = [one if many else all_ for one, many, all_ in zip(found, asked, self.domains, strict=True)]
                return tuple(exact), all(asked)
            else:
                raise self._conflict(max(0.0, deadline - time.perf_counter()))

    def conflict(self, *, time_limit: float = 10.0) -> tuple[Rule, ...]:
        """Rules that cannot all hold, of which none can be spared unless time was up; empty if all rules can hold.

        Raises `LimitError` when `time_limit` (seconds) is up before it is known whether they can.
        """
        answer = self.encoding.solve(_checked(time_limit))
        if answer.places is None and not answer.exhausted:
            raise _out_of_time(time_limit)
        return self._conflict(time_limit - answer.seconds).rules if answer.places is None else ()

    def _conflict(self, time_limit: float) -> Conflict:
        """What of the rules, which are known to contradict each other, is enough to."""
        deadline = time.perf_counter() + time_limit
        in_time = True

        def contradictory(chosen: Sequence[int]) -> bool:
            nonlocal in_time
            encoding = self._encoding(self.problem.rules[index] for index in chosen)
            answer = encoding.solve(max(0.0, deadline - time.perf_counter()))
            in_time &= answer.places is not None or answer.exhausted
            return answer.places is None and answer.exhausted

        needed = _needed(list(range(len(self.problem.rules))), contradictory)
        return Conflict(tuple(self.problem.rules[index] for index in sorted(needed)), minimal=in_time)

    def _encoding(self, rules: Iterable[Rule]) -> Encoding:
        try:
            from constrain.sat_encoding import Encoding
        except ImportError:
            raise UnsupportedError(
                "rules need OR-Tools, which is not installed", hint="pip install 'constrain-diffusion[puzzles]'"
            ) from None
        return Encoding(self.problem, self.domains, rules)

    def _index(self, name: str) -> int:
        index = self.encoding.index.get(name)
        if index is None:
            raise SpecError(f"there is no variable {name!r}", keyword=name)
        return index

    def _values(self, places: Sequence[int]) -> dict[str, Value]:
        domains = self.problem.domains.items()
        values = {name: domain[place] for (name, domain), place in zip(domains, places, strict=True)}
        assert not self.problem.violations(values)
        return values


def _searched(encoding: Encoding, time_limit: float) -> Answer:
    """Searches with and without linear relaxation in turn, twice as long each time, until one of them ends.

    Which of the two is a hundred times faster depends on the problem. Each starts from what the others found.
    """
    deadline = time.perf_counter() + time_limit
    answer = encoding.solve(time_limit, relax=True, work=FIRST_TURN)
    turn = 1
    while not answer.exhausted and (left := deadline - time.perf_counter()) > 0:
        if answer.places is not None:
            encoding.suggest(dict(enumerate(answer.places)))
        answer = answer.then(encoding.solve(left, relax=turn % 2 == 0, work=FIRST_TURN * 2**turn))
        turn += 1
    return answer


def _needed(contradiction: list[int], contradictory: Callable[[Sequence[int]], bool]) -> list[int]:
    """A part of `contradiction` that is still contradictory, and no part of which is.

    U. Junker, "QuickXplain", AAAI 2004: for k of n rules, some k log(n / k) questions.
    """

    def among(part: list[int], given: list[int], *, asked: bool) -> list[int]:
        """What of `part` is needed besides `given`; `asked` if `given` alone is known not to be contradictory."""
        if not asked and contradictory(given):
            return []
        if len(part) == 1:
            return part
        half = len(part) // 2
        second = among(part[half:], given + part[:half], asked=False)
        first = among(part[:half], given + second, asked=not second)
        return first + second

    return among(contradiction, [], asked=True)


def _checked(time_limit: float) -> float:
    if not time_limit >= 0:
        raise SpecError(f"a time limit of {time_limit!r} is none", hint="give seconds")
    return time_limit


def _scaled(score: float) -> int:
    if math.isnan(score):
        return -round(LARGEST * SCALE)
    return round(max(-LARGEST, min(LARGEST, score)) * SCALE)


def _out_of_time(time_limit: float) -> LimitError:
    milliseconds = round(time_limit * 1000)
    return LimitError(
        f"no assignment was found within {time_limit:g} seconds",
        limit=milliseconds,
        given=milliseconds,
        hint="allow more time, or state rules that leave less to search",
    )
