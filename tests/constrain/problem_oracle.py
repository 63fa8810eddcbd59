"""Random problems, each rule with a plain predicate that says the same, and brute force over all assignments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hypothesis import strategies as st

from constrain.relations import (
    AllDifferent,
    Count,
    Equal,
    Greater,
    InSequence,
    Less,
    Linear,
    NotEqual,
    Problem,
    Relation,
    Rule,
    Sum,
    Table,
)
from constrain.specs import Regex

Judge = Callable[[Mapping[str, Any]], bool]

NUMBERS = [-2, 0, 1, 2, 3, 5, "0", "1", "2", "-3", "07"]
TEXTS = ["a", "b", "ab", "é", *NUMBERS]
PATTERNS = ["a*b*", "(a|b|1|2)*", "[0-9]{2,5}", "(..)*", ".*é.*", "-?[0-9]+(ab)?"]
COMPARE = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}


def same(a: object, b: object) -> bool:
    return type(a) is type(b) and a == b


@dataclass(frozen=True)
class Puzzle:
    """A problem and, for each of its rules, the judge of it."""

    problem: Problem
    judges: Sequence[Judge]

    def solutions(self, domains: Sequence[int] | None = None) -> list[dict[str, Any]]:
        return [each for each in self.assignments(domains) if all(judge(each) for judge in self.judges)]

    def assignments(self, domains: Sequence[int] | None = None) -> list[dict[str, Any]]:
        columns = [
            [value for place, value in enumerate(values) if domains is None or domains[index] >> place & 1]
            for index, values in enumerate(self.problem.domains.values())
        ]
        return [dict(zip(self.problem.domains, row, strict=True)) for row in product(*columns)]


def supports(problem: Problem, solutions: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """The bit sets of the values in `solutions`."""
    found = []
    for name, values in problem.domains.items():
        used = [solution[name] for solution in solutions]
        found.append(sum(1 << place for place, value in enumerate(values) if any(same(value, each) for each in used)))
    return tuple(found)


@st.composite
def rules(draw: st.DrawFn, domains: Mapping[str, Sequence[Any]]) -> tuple[Rule, Judge]:
    names = list(domains)
    numeric = [name for name in names if all(isinstance(value, int) or value in NUMBERS for value in domains[name])]
    kinds = ["different", "equal", "count", "table", "relation", "sequence"]
    kinds += ["unequal"] if len(names) > 1 else []
    kinds += ["linear", "sum", "sum to a variable", "less", "greater"] if len(numeric) > 1 else []
    kind = draw(st.sampled_from(kinds))
    among = numeric if kind in ("linear", "sum", "sum to a variable", "less", "greater") else names
    two = kind in ("less", "greater", "unequal")
    size = 2 if two else draw(st.integers(1, min(len(among), 3 if kind == "relation" else 5)))
    over = draw(st.permutations(among))[:size]
    comparison = draw(st.sampled_from(list(COMPARE)))
    bound = draw(st.integers(-6, 12))
    match kind:
        case "different" | "unequal":
            rule = NotEqual(*over) if two else AllDifferent(over)
            return rule, lambda v: not any(same(v[a], v[b]) for a in over for b in over if a != b)
        case "equal":
            return Equal(*over), lambda v: all(same(v[a], v[b]) for a in over for b in over)
        case "count":
            chosen = draw(st.lists(st.sampled_from([value for name in over for value in domains[name]]), max_size=3))
            low = draw(st.integers(0, len(over)))
            high = low + draw(st.integers(0, 2))
            return Count(
                over, chosen, low, high
            ), lambda v: low <= len([a for a in over if any(same(v[a], value) for value in chosen)]) <= high
        case "table":
            rows = draw(st.lists(st.tuples(*(st.sampled_from([*domains[name], "zz"]) for name in over)), max_size=12))
            return Table(over, rows), lambda v: any(
                all(same(v[a], value) for a, value in zip(over, row, strict=True)) for row in rows
            )
        case "relation":
            modulus = draw(st.integers(2, 4))
            return Relation(
                lambda *found: len("".join(map(str, found))) % modulus != 1, over
            ), lambda v: sum(len(str(v[a])) for a in over) % modulus != 1
        case "sequence":
            pattern = draw(st.sampled_from(PATTERNS))
            return InSequence(
                over, Regex(pattern)
            ), lambda v: re.fullmatch(pattern, "".join(str(v[a]) for a in over)) is not None
        case "linear":
            factors = {name: draw(st.integers(-3, 3)) for name in over}
            return Linear(factors, comparison, bound), lambda v: COMPARE[comparison](
                sum(factors[a] * int(v[a]) for a in over), bound
            )
        case "sum":
            return Sum(over, comparison, bound), lambda v: COMPARE[comparison](sum(int(v[a]) for a in over), bound)
        case "sum to a variable":
            total = draw(st.sampled_from(numeric))
            return Sum(over, comparison, total), lambda v: COMPARE[comparison](
                sum(int(v[a]) for a in over), int(v[total])
            )
        case "less":
            return Less(*over), lambda v: int(v[over[0]]) < int(v[over[1]])
        case _:
            return Greater(*over), lambda v: int(v[over[0]]) > int(v[over[1]])


@st.composite
def puzzles(draw: st.DrawFn, *, most_rules: int = 5, least_rules: int = 0) -> Puzzle:
    """Up to 5 variables of up to 4 values: strings, integers, or a `range`, one domain for all or one for each."""
    amount = draw(st.integers(1, 5))
    values = st.one_of(
        st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4, unique=True).map(tuple),
        st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4, unique=True).map(tuple),
        st.builds(
            lambda start, count, step: range(start, start + count * step, step),
            st.integers(-3, 3),
            st.integers(1, 4),
            st.sampled_from([1, 2, -1, -3]),
        ),
    )
    shared = draw(st.none() | values)
    domains = {f"v{index}": shared or draw(values) for index in range(amount)}
    found = draw(st.lists(rules(domains), min_size=least_rules, max_size=most_rules))
    if found and draw(st.booleans()) and len(found) < most_rules:
        found.append(found[0])
    return Puzzle(Problem(domains, tuple(rule for rule, _ in found)), [judge for _, judge in found])


@st.composite
def restricted(draw: st.DrawFn, problem: Problem) -> tuple[int, ...]:
    """Domains with at least one value of each variable."""
    return tuple(draw(st.integers(1, (1 << len(values)) - 1)) for values in problem.domains.values())
