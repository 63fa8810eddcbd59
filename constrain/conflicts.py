"""Which values break a rule already, whatever the other variables are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from constrain.relations import AllDifferent, Count, Equal, Linear, Problem, Rule, Table, Value, Violation, number

__all__ = ["conflict", "conflicts"]


def conflicts(problem: Problem, known: Mapping[str, Value], rules: Iterable[Rule] | None = None) -> list[Violation]:
    """The rules (those of the problem, by default) that `known` breaks, each with the values that break it.

    Every rule is looked at on its own; where `known` has all variables, these are exactly the rules that do not hold.
    """
    found = []
    for rule in problem.rules if rules is None else rules:
        here = {name: known[name] for name in rule.variables if name in known}
        values = conflict(rule, here, problem.domains)
        if values is not None:
            found.append(Violation(rule, values))
    return found


def conflict(
    rule: Rule, known: Mapping[str, Value], domains: Mapping[str, Sequence[Value]]
) -> Mapping[str, Value] | None:
    """The values among `known`, of variables of `rule`, that break it whatever the others are; None if none do so.

    All that break a rule are found once its variables are all known. Before, it is looked at cheaply: two equal values,
    a count exceeded, no row left, a sum beyond its least or greatest; predicates and sequences are not asked.
    """
    match rule:
        case AllDifferent():
            holders: dict[Value, list[str]] = {}
            for name, value in known.items():
                holders.setdefault(value, []).append(name)
            return next(({name: known[name] for name in names} for names in holders.values() if len(names) > 1), None)
        case Equal():
            return known if len(set(known.values())) > 1 else None
        case Count():
            inside = sum(value in rule.among for value in known.values())
            is_possible = inside <= rule.high and inside + len(rule.variables) - len(known) >= rule.low
            return None if is_possible else known
        case Linear():
            return None if _may_hold(rule, known, domains) else known
        case Table():
            places = [(place, known[name]) for place, name in enumerate(rule.variables) if name in known]
            is_possible = any(all(row[place] == value for place, value in places) for row in rule.rows)
            return None if is_possible else known
    if len(known) < len(rule.variables) or rule.holds([known[name] for name in rule.variables]):
        return None
    return known


def _may_hold(rule: Linear, known: Mapping[str, Value], domains: Mapping[str, Sequence[Value]]) -> bool:
    least = greatest = 0
    for name, factor in rule.terms:
        ends = _ends(domains[name]) if name not in known else (number(known[name]),) * 2
        least += min(factor * end for end in ends)
        greatest += max(factor * end for end in ends)
    match rule.comparison:
        case "==":
            return least <= rule.bound <= greatest
        case "!=":
            return not least == rule.bound == greatest
        case "<=":
            return least <= rule.bound
        case "<":
            return least < rule.bound
        case ">=":
            return greatest >= rule.bound
    return greatest > rule.bound


def _ends(domain: Sequence[Value]) -> tuple[int, int]:
    """The least and the greatest number."""
    if isinstance(domain, range):
        return min(domain[0], domain[-1]), max(domain[0], domain[-1])
    numbers = [number(value) for value in domain]
    return min(numbers), max(numbers)
