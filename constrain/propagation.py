"""Removing values that no solution has, rule by rule, until no rule removes any more.

Domains are bit sets: bit k of a variable's domain is the k-th value of `problem.domains`. Each rule on its own is
filtered to domain consistency (every value left occurs in some tuple of values left that satisfies the rule), except
for large equations (see `linear_filter`), equality of large ranges, and variables that lose their values little by
little (see `MAX_CUTS`). All rules together are not: a value left need not occur in any solution.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from constrain.errors import UnsatisfiableError
from constrain.filters import rule_filter
from constrain.relations import Problem, Rule

__all__ = ["MAX_CUTS", "Contradiction", "Domains", "Propagator", "full", "propagate"]

Domains: TypeAlias = "tuple[int, ...]"


MAX_CUTS = 1_000
"""A variable that lost values so often is no reason any more to look at its other rules again: `a < b` and `b < a` take
one value at a time, of millions if there are so many. None of up to so many values can get there."""


class Contradiction(UnsatisfiableError):  # noqa: N818  # the mathematical word, and it is one
    """No assignment has values from the given domains. `rule` is where that showed, with the values that others left.

    The rule alone need not be the contradiction: `solving.Solver.conflict` finds which are.
    """

    def __init__(self, rule: Rule | None, *, variable: str | None = None) -> None:
        what = f"{variable!r} has no value left" if rule is None else f"this cannot hold any more: {rule.describe()}"
        super().__init__(what, hint="give other values, or drop a rule")
        self.rule = rule
        self.variable = variable


def full(problem: Problem) -> Domains:
    """All values of each variable."""
    return tuple((1 << len(domain)) - 1 for domain in problem.domains.values())


def propagate(problem: Problem, domains: Domains) -> Domains:
    """`Propagator(problem)(domains)`, for a problem that is propagated once."""
    return Propagator(problem)(domains)


class Propagator:
    """Prepares the rules of a problem once for any number of propagations."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.names = list(problem.domains)
        number = {name: index for index, name in enumerate(self.names)}
        self.scopes = [[number[name] for name in rule.variables] for rule in problem.rules]
        self.filters = [rule_filter(rule, [problem.domains[name] for name in rule.variables]) for rule in problem.rules]
        self.watching: list[list[int]] = [[] for _ in self.names]
        for index, scope in enumerate(self.scopes):
            for variable in scope:
                self.watching[variable].append(index)

    def __call__(self, domains: Domains) -> Domains:
        """The fixed point. Raises `Contradiction` when a domain becomes empty."""
        current = list(domains)
        for name, domain in zip(self.names, current, strict=True):
            if not domain:
                raise Contradiction(None, variable=name)
        cuts = [0] * len(current)
        queue = deque(range(len(self.filters)))
        waiting = [True] * len(self.filters)
        while queue:
            index = queue.popleft()
            waiting[index] = False
            scope = self.scopes[index]
            before = [current[variable] for variable in scope]
            for variable, old, domain in zip(scope, before, self.filters[index](before), strict=True):
                if domain == old:
                    continue
                if not domain:
                    raise Contradiction(self.problem.rules[index], variable=self.names[variable])
                current[variable] = domain
                cuts[variable] += 1
                if cuts[variable] > MAX_CUTS:
                    continue
                for other in self.watching[variable]:
                    if other != index and not waiting[other]:
                        waiting[other] = True
                        queue.append(other)
        return tuple(current)
