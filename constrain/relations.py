"""Rules over named variables that take finitely many values: what has to hold between the cells of a puzzle.

A `Problem` is a constraint satisfaction problem in the usual sense (Rossi, van Beek and Walsh, *Handbook of Constraint
Programming*, 2006): variables, a finite domain for each, and rules over tuples of them. Here is only what it means.
`propagation` prunes domains, `solving` finds assignments.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from constrain.errors import SpecError, UnsupportedError
from constrain.spec import Spec

__all__ = [
    "AllDifferent",
    "Count",
    "Equal",
    "Greater",
    "InSequence",
    "Less",
    "Linear",
    "NotEqual",
    "Problem",
    "Relation",
    "Rule",
    "Sum",
    "Table",
    "Value",
    "Violation",
    "number",
]

Value: TypeAlias = "str | int"

Comparison = Literal["==", "!=", "<=", ">=", "<", ">"]

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}

_NUMERAL = re.compile(r"[+-]?[0-9]{1,640}")  # Python may be set to read no longer ones


def number(value: Value) -> int:
    """What `value` counts in sums and comparisons: an integer itself, or the one that the text spells in decimal.

    Raises `SpecError` for any other text.
    """
    if isinstance(value, int):
        return value
    if not _NUMERAL.fullmatch(value):
        raise SpecError(f"{value!r} is no integer", hint="sums and comparisons are over integers of up to 640 digits")
    return int(value)


@dataclass(frozen=True)
class Rule(ABC):
    """A set of tuples of values of `variables`. Rules of other kinds than those here are tried on all tuples."""

    @property
    @abstractmethod
    def variables(self) -> tuple[str, ...]:
        """The variables that it speaks of, each once, in the order of `holds`."""

    @abstractmethod
    def holds(self, values: Sequence[Value]) -> bool:
        """Whether the tuple `values`, one for each of `variables`, is in the set."""

    @abstractmethod
    def describe(self) -> str:
        """One line: what has to hold."""

    def numeric(self) -> bool:
        """Whether values count as integers, so that texts which are none are refused."""
        return False


@dataclass(frozen=True)
class _Over(Rule):
    """The fields that all rules here have."""

    over: tuple[str, ...]
    label: str | None

    @property
    def variables(self) -> tuple[str, ...]:
        return self.over


@dataclass(frozen=True)
class AllDifferent(_Over):
    """No two of the variables have the same value."""

    def __init__(self, *variables: str | Iterable[str], label: str | None = None) -> None:
        super().__init__(_names(variables), label)

    def holds(self, values: Sequence[Value]) -> bool:
        return len(set(values)) == len(values)

    def describe(self) -> str:
        return self.label or f"{_listed(self.over)} are all different"


@dataclass(frozen=True)
class Linear(_Over):
    """The sum of coefficient times number over `terms`, compared with `bound`."""

    terms: tuple[tuple[str, int], ...]
    comparison: Comparison
    bound: int

    def __init__(
        self, terms: Mapping[str, int], comparison: Comparison, bound: int, *, label: str | None = None
    ) -> None:
        if comparison not in _COMPARE:
            raise SpecError(f"{comparison!r} is no comparison", hint=f"one of {' '.join(_COMPARE)}")
        for name, factor in (*terms.items(), ("the bound", bound)):
            if not _whole(factor):
                raise SpecError(f"{factor!r}, for {name}, is no integer", hint="scale until all are whole numbers")
        super().__init__(_names([terms]), label)
        object.__setattr__(self, "terms", tuple((name, factor) for name, factor in terms.items()))
        object.__setattr__(self, "comparison", comparison)
        object.__setattr__(self, "bound", bound)

    def holds(self, values: Sequence[Value]) -> bool:
        total = sum(factor * number(value) for (_, factor), value in zip(self.terms, values, strict=True))
        return _COMPARE[self.comparison](total, self.bound)

    def describe(self) -> str:
        if self.label:
            return self.label
        left, right = dict(self.terms), {name: -factor for name, factor in self.terms if factor < 0}
        if 0 < len(right) < len(left):
            left = {name: factor for name, factor in self.terms if name not in right}
        else:
            right = {}
        return f"{_sum(left)} {self.comparison} {_sum(right, self.bound)}"

    def numeric(self) -> bool:
        return True


def Sum(  # noqa: N802  # reads as the class it makes, like the other rules
    variables: Iterable[str], comparison: Comparison, bound: int | str, *, label: str | None = None
) -> Linear:
    """The sum of the variables, compared with an integer or with another variable."""
    terms = dict.fromkeys(_names([variables]), 1)
    if isinstance(bound, str):
        return Linear({**terms, bound: terms.get(bound, 0) - 1}, comparison, 0, label=label)
    return Linear(terms, comparison, bound, label=label)


def Less(a: str, b: str, *, label: str | None = None) -> Linear:  # noqa: N802  # see Sum
    """The number `a` is less than `b`."""
    return Linear({a: 1, b: -1}, "<", 0, label=label or f"{a} is less than {b}")


def Greater(a: str, b: str, *, label: str | None = None) -> Linear:  # noqa: N802  # see Sum
    """The number `a` is greater than `b`."""
    return Linear({a: 1, b: -1}, ">", 0, label=label or f"{a} is greater than {b}")


@dataclass(frozen=True)
class Equal(_Over):
    """All variables have the same value."""

    def __init__(self, *variables: str | Iterable[str], label: str | None = None) -> None:
        super().__init__(_names(variables), label)

    def holds(self, values: Sequence[Value]) -> bool:
        return len(set(values)) <= 1

    def describe(self) -> str:
        return self.label or f"{_listed(self.over)} are equal"


def NotEqual(a: str, b: str, *, label: str | None = None) -> AllDifferent:  # noqa: N802  # see Sum
    """The two variables have different values."""
    return AllDifferent(a, b, label=label or f"{a} is not {b}")


@dataclass(frozen=True)
class Count(_Over):
    """Between `low` and `high` of the variables have one of the values `among`."""

    among: frozenset[Value]
    low: int
    high: int

    def __init__(
        self,
        variables: Iterable[str],
        among: Value | Iterable[Value],
        low: int,
        high: int | None = None,
        *,
        label: str | None = None,
    ) -> None:
        """`high` is `low` by default: exactly so many."""
        over = _names([variables])
        high = low if high is None else high
        if not (_whole(low) and _whole(high) and 0 <= low <= high):
            raise SpecError(f"a count between {low} and {high} is none", hint="0 <= low <= high")
        super().__init__(over, label)
        object.__setattr__(self, "among", frozenset(_values([among] if isinstance(among, str | int) else among)))
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def holds(self, values: Sequence[Value]) -> bool:
        return self.low <= sum(value in self.among for value in values) <= self.high

    def describe(self) -> str:
        amount = f"exactly {self.low}" if self.low == self.high else f"{self.low} to {self.high}"
        values = ", ".join(sorted(map(repr, self.among)))
        return self.label or f"{amount} of {_listed(self.over)} are {values}"


@dataclass(frozen=True)
class Table(_Over):
    """The tuple of the variables' values is one of `rows`."""

    rows: frozenset[tuple[Value, ...]]

    def __init__(self, variables: Iterable[str], rows: Iterable[Sequence[Value]], *, label: str | None = None) -> None:
        over = _names([variables])
        tuples = frozenset(tuple(_values(row)) for row in rows)
        for row in tuples:
            if len(row) != len(over):
                raise SpecError(f"the row {row!r} has {len(row)} values for {len(over)} variables")
        super().__init__(over, label)
        object.__setattr__(self, "rows", tuples)

    def holds(self, values: Sequence[Value]) -> bool:
        return tuple(values) in self.rows

    def describe(self) -> str:
        return self.label or f"({', '.join(self.over)}) is one of {len(self.rows):,} rows"


@dataclass(frozen=True)
class Relation(_Over):
    """`predicate`, called with the values of the variables, is true.

    It is tried on all tuples of values, so it must depend on nothing else, and there may be no more than
    `solving.MAX_TUPLES` of them. What it raises becomes a `SpecError` that tells for which.
    """

    predicate: Callable[..., bool]

    def __init__(self, predicate: Callable[..., bool], variables: Iterable[str], *, label: str | None = None) -> None:
        if not callable(predicate):
            raise SpecError(f"{predicate!r} cannot be called", hint="give a function of the values, then the variables")
        object.__setattr__(self, "predicate", predicate)
        super().__init__(_names([variables]), label)

    def holds(self, values: Sequence[Value]) -> bool:
        try:
            return bool(self.predicate(*values))
        except Exception as error:
            raise SpecError(f"{error!r} for {tuple(values)!r}, when asked whether {self.describe()}") from error

    def describe(self) -> str:
        name = getattr(self.predicate, "__name__", "predicate")
        return self.label or f"{'the predicate' if name == '<lambda>' else name} holds of {_listed(self.over)}"


@dataclass(frozen=True)
class InSequence(_Over):
    """The texts of the values, one after the other, are a text of `spec` (a `Spec`, such as `Regex`)."""

    spec: Spec

    def __init__(self, variables: Iterable[str], spec: Spec, *, label: str | None = None) -> None:
        if not isinstance(spec, Spec):
            raise SpecError(f"{spec!r} is no specification of texts", hint="constrain.Regex(...), say")
        if spec.residual:
            raise UnsupportedError(
                f"{spec.describe()} is not decided by its automaton alone", hint="state a language that is, as a Regex"
            )
        super().__init__(_names([variables]), label)
        object.__setattr__(self, "spec", spec)

    def holds(self, values: Sequence[Value]) -> bool:
        return self.spec.accepts("".join(map(str, values)))

    def describe(self) -> str:
        return self.label or f"{_listed(self.over)} spell a text of {self.spec.describe()}"


@dataclass(frozen=True)
class Violation:
    """A rule that an assignment breaks, with the values it has."""

    rule: Rule
    values: Mapping[str, Value]

    def __str__(self) -> str:
        found = ", ".join(f"{name} = {value}" for name, value in self.values.items())
        return f"{self.rule.describe()}: {found}"


@dataclass(frozen=True)
class Problem:
    """Assignments of a value to every variable, each from its domain, such that all rules hold.

    A domain is a sequence of different values in the order that scores refer to; a `range` may be long. Raises
    `SpecError` for an empty domain, one value twice, a rule over an unknown variable, and texts that are no integers
    where a rule adds or compares them.
    """

    domains: Mapping[str, Sequence[Value]]
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(self.rules))
        for name, domain in self.domains.items():
            if not isinstance(domain, Sequence):
                raise SpecError(f"the values of {name!r} are in no order: {domain!r}", keyword=name, hint="use a tuple")
            if not len(domain):
                raise SpecError(f"the variable {name!r} has no values", keyword=name)
            if not isinstance(domain, range) and len(set(_values(domain))) < len(domain):
                raise SpecError(f"the variable {name!r} has one value twice", keyword=name)
        for rule in self.rules:
            if not isinstance(rule, Rule):
                raise SpecError(f"{rule!r} is no rule", hint="AllDifferent, Sum, Less, Count, Table, Relation, ...")
            for name in rule.variables:
                if name not in self.domains:
                    raise SpecError(
                        f"there is no variable {name!r}, of which a rule says: {rule.describe()}",
                        keyword=name,
                        hint=f"there are {_listed(tuple(self.domains))}" if self.domains else "there are none",
                    )
                if rule.numeric() and not isinstance(self.domains[name], range):
                    for value in self.domains[name]:
                        number(value)

    def violations(self, assignment: Mapping[str, Value]) -> list[Violation]:
        """The rules that do not hold of `assignment`. Of one that leaves variables out, those that it has all of."""
        found = []
        for rule in self.rules:
            if all(name in assignment for name in rule.variables):
                values = [assignment[name] for name in rule.variables]
                if not rule.holds(values):
                    found.append(Violation(rule, dict(zip(rule.variables, values, strict=True))))
        return found


def _names(given: Iterable[str | Iterable[str]]) -> tuple[str, ...]:
    """The variables of a rule, given one by one or as one iterable."""
    names: list[str] = []
    for each in given:
        names += list(each) if isinstance(each, Iterable) and not isinstance(each, str) else [each]
    if not names:
        raise SpecError("a rule needs at least one variable")
    for name in names:
        if not isinstance(name, str):
            raise SpecError(f"a variable is named by a string, not {name!r}")
        if names.count(name) > 1:
            raise SpecError(f"the variable {name!r} is named twice in one rule", keyword=name)
    return tuple(names)


def _values(given: Iterable[Any]) -> list[Any]:
    """`given`, if all are values. Booleans are none: `True == 1`, which would make two values of one."""
    values = list(given)
    for value in values:
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise SpecError(f"{value!r} is no value", hint="values are strings and integers")
    return values


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _listed(names: tuple[str, ...], limit: int = 9) -> str:
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sum(terms: Mapping[str, int], constant: int = 0) -> str:
    """The sum in the usual notation, as in `2*a - b + 1`."""
    signed = [(factor < 0, name if abs(factor) == 1 else f"{abs(factor)}*{name}") for name, factor in terms.items()]
    if constant or not terms:
        signed.append((constant < 0, str(abs(constant))))
    spelled = "".join(f" {'-' if negative else '+'} {size}" for negative, size in signed)
    return spelled.removeprefix(" + ") if spelled.startswith(" + ") else f"-{spelled.removeprefix(' - ')}"
