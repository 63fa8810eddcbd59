"""Problems as models of OR-Tools CP-SAT: a Boolean per variable and value, and each rule as clauses and sums of them.

Variables of a `range` that have more than `MAX_LITERALS` values are integers instead, with Booleans only for the values
that a rule or a score names. The assignments of the model are exactly those that satisfy the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from math import ceil, inf

import numpy as np
from ortools.sat.python import cp_model
from ortools.sat.python.cp_model import IntVar, LiteralT

from constrain.errors import LimitError
from constrain.filters import Column, related, walks
from constrain.matching import members
from constrain.relations import AllDifferent, Count, Equal, InSequence, Linear, Problem, Rule, Table, Value, number

__all__ = ["MAX_LITERALS", "Answer", "Encoding"]

MAX_LITERALS = 1_000
MAX_SUM = 2**60


@dataclass(frozen=True)
class Answer:
    """What a search found: the place of each variable's value, and the objective of that; `places` is None if nothing.

    `exhausted` says that nothing was left to find when it stopped: there is no assignment, or none better. `bound` is
    what the objective cannot exceed, if something was found. `seconds` are of wall-clock time.
    """

    places: list[int] | None
    objective: int
    bound: int
    exhausted: bool
    seconds: float

    def then(self, later: Answer) -> Answer:
        """What this search, stopped early, and a later one for the same found together."""
        seconds = self.seconds + later.seconds
        if later.exhausted or self.places is None:
            return replace(later, seconds=seconds)
        if later.places is None:
            return replace(self, seconds=seconds)
        better = max(self, later, key=lambda answer: answer.objective)
        return replace(better, bound=min(self.bound, later.bound), seconds=seconds)


class Encoding:
    """A CP-SAT model of `rules` over the variables of `problem`, restricted to `domains`."""

    def __init__(self, problem: Problem, domains: Sequence[int], rules: Iterable[Rule]) -> None:
        self.model = cp_model.CpModel()
        self.true = self.model.new_constant(1)
        self.index = {name: index for index, name in enumerate(problem.domains)}
        self.columns = [Column(values) for values in problem.domains.values()]
        self.domains = domains
        self.literals: list[dict[int, IntVar]] = []
        self.integers: dict[int, IntVar] = {}
        for index, domain in enumerate(domains):
            self.literals.append(self._literals(index, domain))
        for rule in rules:
            self._add(rule, [self.index[name] for name in rule.variables])

    def fresh(self) -> Encoding:
        """A copy, to which constraints and an objective can be added."""
        copied = copy(self)
        copied.model = self.model.clone()
        copied.literals = [
            known if index not in self.integers else dict(known) for index, known in enumerate(self.literals)
        ]
        return copied

    def solve(self, time_limit: float, *, relax: bool = False, work: float = inf) -> Answer:
        """Searches for `time_limit` seconds of wall-clock time, on one thread, always in the same order.

        `relax` bounds the objective by linear programs, which pays where choices are many and rules few, and else costs
        more than it saves. `work` limits the search, too, in CP-SAT's deterministic measure of time.
        """
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 0
        solver.parameters.symmetry_level = 0  # most problems are solved in less time than looking for these takes
        solver.parameters.cp_model_probing_level = 0
        solver.parameters.linearization_level = 2 if relax else 0
        solver.parameters.max_deterministic_time = work
        solver.parameters.max_time_in_seconds = time_limit
        status = solver.solve(self.model)
        assert status != cp_model.MODEL_INVALID, self.model.validate()
        exhausted = status in (cp_model.OPTIMAL, cp_model.INFEASIBLE)
        found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
        if not found:
            return Answer(None, 0, 0, exhausted, solver.wall_time)
        objective, bound = round(solver.objective_value), ceil(solver.best_objective_bound)
        return Answer(self._places(solver), objective, bound, exhausted, solver.wall_time)

    def _places(self, solver: cp_model.CpSolver) -> list[int]:
        return [
            solver.value(self.integers[index])
            if index in self.integers
            else next(place for place, literal in known.items() if solver.boolean_value(literal))
            for index, known in enumerate(self.literals)
        ]

    def require_any(self, literals: Iterable[LiteralT]) -> None:
        """At least one of `literals` is true."""
        self.model.add_bool_or(literals)

    def suggest(self, places: Mapping[int, int]) -> None:
        """Where the search is to start: the place of the value of some variables."""
        self.model.clear_hints()  # type: ignore[no-untyped-call]
        for index, place in places.items():
            if index in self.integers:
                self.model.add_hint(self.integers[index], place)
            elif len(self.literals[index]) > 1:
                self.model.add_hint(self.literals[index][place], 1)

    def maximize(self, weights: Iterable[tuple[IntVar, int]]) -> None:
        """The sum of the weights of the literals that are true is to be as large as possible."""
        pairs = list(weights)
        total = cp_model.LinearExpr.weighted_sum([literal for literal, _ in pairs], [weight for _, weight in pairs])
        self.model.maximize(total)

    def _literals(self, index: int, domain: int) -> dict[int, IntVar]:
        if domain < 0:  # -1, all bits: a range too long to list
            self.integers[index] = self.model.new_int_var(0, len(self.columns[index].values) - 1, "")
            return {}
        count = domain.bit_count()
        if count == 1:
            return {domain.bit_length() - 1: self.true}
        if count > MAX_LITERALS and isinstance(self.columns[index].values, range):
            self.integers[index] = self.model.new_int_var_from_domain(self._intervals(domain), "")
            return {}
        literals = {place: self.model.new_bool_var("") for place in members(domain)}
        self.model.add_exactly_one(literals.values())
        return literals

    def _intervals(self, domain: int) -> cp_model.Domain:
        """The values of `domain` as the runs of bits that are set, first and last of each."""
        data = np.frombuffer(domain.to_bytes(domain.bit_length() // 8 + 1, "little"), np.uint8)
        bits = np.concatenate([[0], np.unpackbits(data, bitorder="little"), [0]])
        ends = np.flatnonzero(bits[1:] != bits[:-1]).reshape(-1, 2) - [0, 1]
        return cp_model.Domain.from_intervals(ends.tolist())

    def literal(self, index: int, place: int | None) -> IntVar | None:
        """That the variable has the value at `place`; None if it never does."""
        if place is None or not self._allows(index, place):
            return None
        known = self.literals[index].get(place)
        if known is None:
            known = self.literals[index][place] = self.model.new_bool_var("")
            integer = self.integers[index]
            self.model.add(integer == place).only_enforce_if(known)
            self.model.add(integer != place).only_enforce_if(known.negated())
        return known

    def having(self, index: int, value: Value) -> IntVar | None:
        return self.literal(index, self.columns[index].place(value))

    def _add(self, rule: Rule, scope: list[int]) -> None:
        match rule:
            case AllDifferent():
                self._add_different(scope)
            case Equal():
                self._add_equal(scope)
            case Linear():
                self._add_linear(rule, scope)
            case Count():
                found = [self.having(index, value) for index in scope for value in sorted(rule.among, key=_order)]
                amount = sum(literal for literal in found if literal is not None)
                self.model.add_linear_constraint(amount + 0 * self.true, rule.low, rule.high)
            case InSequence():
                self._add_sequence(rule, scope)
            case Table():
                self._add_rows(sorted(rule.rows, key=lambda row: [_order(value) for value in row]), scope)
            case _:
                columns = [[self.columns[i].values[k] for k in members(self.domains[i])] for i in scope]
                self._add_rows(related(rule, columns), scope)

    def _add_different(self, scope: list[int]) -> None:
        long = [index for index in scope if index in self.integers]
        if len(long) > 1:
            self.model.add_all_different([self._number(index) for index in long])
        takers: dict[Value, list[IntVar]] = {}
        for index in scope:
            if index not in self.integers:
                for place, literal in self.literals[index].items():
                    takers.setdefault(self.columns[index].values[place], []).append(literal)
        exact = len(takers) == len(scope)  # as many values as variables: each is taken
        for value, literals in takers.items():
            literals += [taken for index in long if (taken := self.having(index, value)) is not None]
            if exact and not long:
                self.model.add_exactly_one(literals)
            elif len(literals) > 1:
                self.model.add_at_most_one(literals)

    def _number(self, index: int) -> cp_model.LinearExpr:
        values = self.columns[index].values
        assert isinstance(values, range)
        return self.integers[index] * values.step + values.start

    def _add_equal(self, scope: list[int]) -> None:
        first, *others = sorted(scope, key=lambda index: self.domains[index].bit_count())
        for index in others:
            if first in self.integers:
                self.model.add(self._number(first) == self._number(index))
                continue
            shared = []
            for place, literal in self.literals[first].items():
                same = self.having(index, self.columns[first].values[place])
                if same is None:
                    self.model.add_bool_or(literal.negated())
                else:
                    self.model.add_implication(literal, same)
                    shared.append(literal)
            self.model.add_bool_or(shared)

    def _add_linear(self, rule: Linear, scope: list[int]) -> None:
        variables, factors, offset, reach = [], [], 0, abs(rule.bound)
        numbers = {
            index: [number(self.columns[index].values[place]) for place in self.literals[index]]
            for index in scope
            if index not in self.integers
        }
        spread = sum(
            abs(factor) * sum(map(abs, numbers.get(index, ())))
            for index, (_, factor) in zip(scope, rule.terms, strict=True)
        )
        for index, (_, factor) in zip(scope, rule.terms, strict=True):
            values = self.columns[index].values
            if index in self.integers:
                assert isinstance(values, range)
                variables.append(self.integers[index])
                factors.append(factor * values.step)
                offset += factor * values.start
                reach += abs(factor) * max(abs(values[0]), abs(values[-1]))
                continue
            reach += abs(factor) * max(map(abs, numbers[index]))
            if spread <= MAX_SUM:
                variables += self.literals[index].values()
                factors += [factor * each for each in numbers[index]]
            elif reach <= MAX_SUM:  # CP-SAT counts all values of a variable at once, and fears for its integers
                variables.append(self._linked(index, numbers[index]))
                factors.append(factor)
        if reach > MAX_SUM:
            raise LimitError(
                f"these sums get too large for the solver: {rule.describe()}",
                limit=MAX_SUM,
                given=reach,
                hint="use a larger unit",
            )
        total = cp_model.LinearExpr.weighted_sum(variables, factors)
        self.model.add_linear_expression_in_domain(total, self._range(rule.comparison, rule.bound - offset))

    def _linked(self, index: int, numbers: list[int]) -> IntVar:
        """An integer that is the number of the value that the variable has."""
        integer = self.model.new_int_var_from_domain(cp_model.Domain.from_values(numbers), "")
        for literal, each in zip(self.literals[index].values(), numbers, strict=True):
            self.model.add(integer == each).only_enforce_if(literal)
        return integer

    def _range(self, comparison: str, bound: int) -> cp_model.Domain:
        low, high = -4 * MAX_SUM + 1, 4 * MAX_SUM - 1
        match comparison:
            case "==":
                return cp_model.Domain(bound, bound)
            case "!=":
                return cp_model.Domain.from_intervals([[low, bound - 1], [bound + 1, high]])
            case "<" | "<=":
                return cp_model.Domain(low, bound - (comparison == "<"))
            case _:
                return cp_model.Domain(bound + (comparison == ">"), high)

    def _add_rows(self, rows: Iterable[Sequence[Value]], scope: list[int]) -> None:
        """A Boolean per row, one of which is true."""
        chosen: list[IntVar] = []
        rows_with: list[dict[int, list[IntVar]]] = [{} for _ in scope]
        for row in rows:
            places = [self.columns[index].place(value) for index, value in zip(scope, row, strict=True)]
            if all(self._allows(index, place) for index, place in zip(scope, places, strict=True)):
                chosen.append(self.model.new_bool_var(""))
                for found, place in zip(rows_with, places, strict=True):
                    assert place is not None
                    found.setdefault(place, []).append(chosen[-1])
        self.model.add_exactly_one(chosen)
        for index, found in zip(scope, rows_with, strict=True):
            self._explain(index, found)

    def _add_sequence(self, rule: InSequence, scope: list[int]) -> None:
        """A Boolean per step of the automaton, one of which is true at each variable, and per state between them."""
        choices = [
            [(place, self.columns[index].values[place]) for place in members(self.domains[index])] for index in scope
        ]
        arriving: dict[int, list[IntVar]] = {}
        for index, layer in zip(scope, walks(rule.spec.automaton, choices), strict=True):
            taken = [self.model.new_bool_var("") for _ in layer]
            self.model.add_exactly_one(taken)
            leaving: dict[int, list[IntVar]] = {}
            reading: dict[int, list[IntVar]] = {}
            after: dict[int, list[IntVar]] = {}
            for (source, place, target), step in zip(layer, taken, strict=True):
                leaving.setdefault(source, []).append(step)
                reading.setdefault(place, []).append(step)
                after.setdefault(target, []).append(step)
            self._explain(index, reading)
            for state, steps in arriving.items():
                here = self.model.new_bool_var("")
                self._either(here, steps)
                self._either(here, leaving[state])
            arriving = after

    def _explain(self, index: int, reasons: dict[int, list[IntVar]]) -> None:
        """The variable has a value just if one of its reasons is true, of which some reason of some value is."""
        for place in self.literals[index] if index not in self.integers else reasons:
            literal = self.literal(index, place)
            assert literal is not None
            self._either(literal, reasons.get(place, []))

    def _either(self, literal: IntVar, reasons: list[IntVar]) -> None:
        """`literal` is true just if one of `reasons` is."""
        self.model.add_bool_or([literal.negated(), *reasons])
        for reason in reasons:
            self.model.add_implication(reason, literal)

    def _allows(self, index: int, place: int | None) -> bool:
        return place is not None and bool(self.domains[index] >> place & 1)


def _order(value: Value) -> tuple[bool, Value]:
    return isinstance(value, str), value
