"""What the rules leave open: for a batch of problems, propagation on the device, then rule by rule, then search.

Each of the three only gets what the one before has not decided. None of them knows anything of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import TypeVar

import torch

from constrain.errors import ConstrainError, LimitError
from constrain.kernels.propagate import propagate
from constrain.matching import members
from constrain.propagation import Contradiction, Domains, Propagator
from constrain.propagation import propagate as propagate_rules
from constrain.relations import AllDifferent, Problem, Value
from constrain.solving import Conflict, Solver

__all__ = ["Narrowed", "Rules", "narrow", "singles"]

T = TypeVar("T")

_WIDEST = 1024  # values of an all-different rule that bitsets on the device are made for
_SHARE = 0.1  # of the time limit, for what no output depends on: exact masks, and few rules in a message


@dataclass(frozen=True)
class Narrowed:
    """What is left of a problem: `propagated` after propagation, `domains` after search as well.

    If `complete`, every value of `domains` is in a solution; otherwise time was up, and the values that are not there
    are in none. `solution` is one. `unique` says whether it is the only one, None where time was up before that was
    known. `solver` is there unless every variable has one value left.
    """

    problem: Problem
    propagated: Domains
    domains: Domains
    complete: bool
    unique: bool | None
    solution: Mapping[str, Value]
    solver: Solver | None
    propagation_seconds: float
    solver_seconds: float

    @property
    def candidates(self) -> dict[str, tuple[Value, ...]]:
        """The values left of each variable."""
        domains = zip(self.problem.domains.items(), self.domains, strict=True)
        return {name: tuple(values[k] for k in members(left)) for (name, values), left in domains}


class Rules:
    """A problem, prepared for any number of rounds: its all-different rules over one numbering of their values."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        domains = list(problem.domains.values())
        place = {name: n for n, name in enumerate(problem.domains)}
        rules = [
            rule
            for rule in problem.rules
            if isinstance(rule, AllDifferent)
            and sum(len(problem.domains[name]) for name in rule.variables) <= _WIDEST * len(rule.variables)
        ]
        self.groups = [[place[name] for name in rule.variables] for rule in rules]
        number: dict[Value, int] = {}
        self.numbers: list[list[int] | None] = [None] * len(domains)
        for n in sorted({n for group in self.groups for n in group}):
            self.numbers[n] = [number.setdefault(value, len(number)) for value in domains[n]]
        self.plain = [numbers is not None and numbers == list(range(len(numbers))) for numbers in self.numbers]
        self.words = max(len(number) - 1, 0) // 32 + 1
        self.required = [self._required(group) for group in self.groups]

    def _required(self, group: list[int]) -> int:
        """The values of a group that all have to occur, as there are no more of them than variables."""
        values = {value for n in group for value in self.numbers[n] or ()}
        return sum(1 << value for value in values) if len(values) <= len(group) else 0

    @cached_property
    def propagator(self) -> Propagator:
        return Propagator(self.problem)

    def spread(self, domains: Domains) -> list[int]:
        """The domains in the common numbering; of variables without such a rule, any value."""
        return [
            left if plain else 1 if numbers is None else sum(1 << numbers[k] for k in members(left))
            for left, plain, numbers in zip(domains, self.plain, self.numbers, strict=True)
        ]

    def gather(self, before: Domains, after: Sequence[int]) -> Domains:
        """The other way round, from what is left."""
        return tuple(
            spread
            if plain
            else left
            if numbers is None
            else sum(1 << k for k in members(left) if spread >> numbers[k] & 1)
            for left, spread, plain, numbers in zip(before, after, self.plain, self.numbers, strict=False)
        )


def narrow(
    rows: Sequence[Rules],
    domains: Sequence[Domains],
    solutions: Sequence[Mapping[str, Value] | None] | None = None,
    *,
    time_limit: float = 10.0,
    device: torch.device | str = "cpu",
) -> list[Narrowed | ConstrainError]:
    """What is left of each problem below `domains`; `solutions` are those already known, which have values there.

    `time_limit` is for each question to a solver, in seconds, and a tenth of it for what values are in solutions.
    `UnsatisfiableError`, naming rules, stands for a problem without solution, `LimitError` for one where time was up
    before any was found, `UnsupportedError` where a solver is needed and not installed.
    """
    begun = perf_counter()
    reached = singles(rows, domains, torch.device(device))
    share = (perf_counter() - begun) / max(len(rows), 1)
    known = solutions or [None] * len(rows)
    found: list[Narrowed | ConstrainError] = []
    for row, start, alone, solution in zip(rows, domains, reached, known, strict=True):
        try:
            found.append(_narrowed(row, start, alone, solution, share, time_limit))
        except ConstrainError as error:
            found.append(error)
    return found


def singles(rows: Sequence[Rules], domains: Sequence[Domains], device: torch.device) -> list[Domains]:
    """What `kernels.propagate` leaves, of all problems at once: naked and hidden singles, to the fixed point."""
    variables = max((len(each) for each in domains), default=0)
    words = max((row.words for row in rows), default=1)
    groups, required = [row.groups for row in rows], [row.required for row in rows]
    if all(each == groups[0] for each in groups) and all(each == required[0] for each in required):
        groups, required = groups[:1], required[:1]
    most, width = max(map(len, groups), default=0), max((len(group) for each in groups for group in each), default=0)
    if not most:
        return list(domains)
    spread = [_padded(row.spread(each), variables, 1) for row, each in zip(rows, domains, strict=True)]
    members_of = [_padded([_padded(group, width, -1) for group in each], most, [-1] * width) for each in groups]
    left = propagate(
        _bitsets(spread, words).to(device),
        torch.tensor(members_of, dtype=torch.int64, device=device),
        _bitsets([_padded(each, most, 0) for each in required], words).to(device),
    )
    return [row.gather(each, after) for row, each, after in zip(rows, domains, _integers(left), strict=True)]


def _padded(items: Sequence[T], size: int, item: T) -> list[T]:
    return [*items, *[item] * (size - len(items))]


def _bitsets(rows: Sequence[Sequence[int]], words: int) -> torch.Tensor:
    """int32 `[..., W]` of bitsets of any size."""
    data = b"".join(bits.to_bytes(4 * words, "little") for row in rows for bits in row)
    return torch.frombuffer(bytearray(data), dtype=torch.int32).view(len(rows), -1, words)


def _integers(bits: torch.Tensor) -> list[list[int]]:
    """The other way round: per row, a bitset for each variable."""
    size = 4 * bits.shape[2]
    return [
        [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]
        for data in (row.tobytes() for row in bits.cpu().numpy())
    ]


def _narrowed(
    row: Rules,
    start: Domains,
    singles: Domains,
    solution: Mapping[str, Value] | None,
    seconds: float,
    time_limit: float,
) -> Narrowed:
    begun = perf_counter()
    try:
        left, only = _propagated(row, start if not all(singles) else singles)
    except Contradiction as contradiction:
        raise _conflict(row.problem, start, contradiction, _SHARE * time_limit) from None
    searching = perf_counter()
    seconds += searching - begun
    if only is not None:
        return Narrowed(row.problem, left, left, True, True, only, None, seconds, 0.0)

    solver = Solver(row.problem, left)
    solution = solution or solver.best({}, time_limit=time_limit).values
    domains, complete = solver.supports(time_limit=_SHARE * time_limit)
    unique: bool | None = _only(row.problem, domains) is not None
    if not complete:
        try:
            unique = solver.another(solution, time_limit=time_limit) is None
        except LimitError:
            unique = None
    if unique:
        domains = tuple(1 << values.index(solution[name]) for name, values in row.problem.domains.items())
    if domains != left:
        solver = Solver(row.problem, domains)
    return Narrowed(
        problem=row.problem,
        propagated=left,
        domains=domains,
        complete=complete or bool(unique),
        unique=unique,
        solution=solution,
        solver=None if unique else solver,
        propagation_seconds=seconds,
        solver_seconds=perf_counter() - searching,
    )


def _propagated(row: Rules, domains: Domains) -> tuple[Domains, dict[str, Value] | None]:
    """What reasoning rule by rule leaves, and the solution if nothing is open. Raises `Contradiction`.

    Where singles have decided everything, it is enough to look whether that is right.
    """
    only = _only(row.problem, domains)
    if only is None or row.problem.violations(only):
        domains = row.propagator(domains)
        only = _only(row.problem, domains)
    if only is not None:
        broken = row.problem.violations(only)
        if broken:  # filters need not be exact
            raise Contradiction(broken[0].rule)
    return domains, only


def _only(problem: Problem, domains: Domains) -> dict[str, Value] | None:
    """The assignment, if there is one value left for every variable."""
    if any(left & (left - 1) for left in domains):
        return None
    named = zip(problem.domains.items(), domains, strict=True)
    return {name: values[left.bit_length() - 1] for (name, values), left in named}


def _conflict(problem: Problem, domains: Domains, contradiction: Contradiction, time_limit: float) -> Conflict:
    """The rules that propagation needs to come to `contradiction`, as far as there is time to leave others out.

    First those go that have no variable in common with the rule where it showed.
    """
    deadline = perf_counter() + time_limit
    shown = contradiction.rule
    near = set(() if shown is None else shown.variables)
    needed = sorted(problem.rules, key=lambda rule: not near.isdisjoint(rule.variables))
    for rule in tuple(needed):
        rest = [other for other in needed if other is not rule]
        if rule is not shown and perf_counter() < deadline:
            try:
                propagate_rules(Problem(problem.domains, tuple(rest)), domains)
            except Contradiction:
                needed = rest
    return Conflict(tuple(rule for rule in problem.rules if rule in needed), minimal=False)
