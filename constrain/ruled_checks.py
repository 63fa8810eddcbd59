"""Rules across the fields of a value: where they apply, what their fields are, and whether they hold.

A rule's variables are paths (`field_paths`). What it means where fields are missing (or null, or in a section of a form
that is not there):

- `*` stands for as many variables as there are values;
- a sum goes over those of its fields that are there, and says nothing if all the fields that it names on one side of
  the comparison are missing (a sum over `*` is there, if only as 0);
- `AllDifferent` and `Equal` speak of the values that are there; `Count` counts them;
- a predicate gets None, and no row of a table has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from constrain.errors import SpecError
from constrain.field_paths import Path, is_many, path_text
from constrain.relations import (
    _COMPARE,
    AllDifferent,
    Count,
    Equal,
    Linear,
    Relation,
    Rule,
    Table,
    _names,
    _whole,
)
from constrain.ruled_trees import Place, Scalar, Spot, spots_at
from constrain.ruled_values import Coding, encode, identity

__all__ = ["Bound", "Filled", "Placed", "bounds_in", "fault_in"]


@dataclass(frozen=True)
class Filled(Rule):
    """Between `low` and `high` (default: exactly `low`) of the fields are there, and not null."""

    over: tuple[str, ...]
    low: int
    high: int
    label: str | None = None

    def __init__(self, fields: Iterable[str], low: int, high: int | None = None, *, label: str | None = None) -> None:
        object.__setattr__(self, "over", _names([fields]))
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", low if high is None else high)
        object.__setattr__(self, "label", label)
        if not (_whole(self.low) and _whole(self.high) and 0 <= self.low <= min(self.high, len(self.over))):
            raise SpecError(f"{self.low} to {self.high} of {len(self.over)} fields is no number of fields")

    @property
    def variables(self) -> tuple[str, ...]:
        return self.over

    def holds(self, values: Sequence[Scalar]) -> bool:
        return self.low <= sum(value is not None for value in values) <= self.high

    def describe(self) -> str:
        amount = f"exactly {self.low}" if self.low == self.high else f"{self.low} to {self.high}"
        return self.label or f"{amount} of {', '.join(self.over)} are filled"


@dataclass(frozen=True)
class Placed:
    """`rule`, at every value that `at` leads to.

    For each of its variables, `paths` leads from there to the field (in JSON's names), `codings` is how it counts, and
    `defaults` its value where it is missing.
    """

    rule: Rule
    at: Path
    paths: tuple[Path, ...]
    codings: tuple[Coding, ...]
    defaults: tuple[Scalar, ...]

    def describe(self) -> str:
        return self.rule.describe() + (f" (in {path_text(self.at)})" if self.at else "")


@dataclass(frozen=True, eq=False)
class Bound:
    """A rule with the fields that it speaks of in one text, per variable. `known`: where these are certain, or None."""

    placed: Placed
    spots: tuple[tuple[Spot, ...], ...]
    known: int | None

    def values(self) -> list[list[Scalar]]:
        """Per variable, the values."""
        return [
            [default if spot.place is None else spot.value for spot in spots]
            for spots, default in zip(self.spots, self.placed.defaults, strict=True)
        ]

    def is_settled(self, fixed: int) -> bool:
        """Whether no other values can be chosen: the rule is about what is there, or all stand in the first `fixed`
        characters.
        """
        if isinstance(self.placed.rule, Filled):
            return True
        return all(spot.place is None or spot.place.end < fixed for spots in self.spots for spot in spots)

    def last(self) -> Place | None:
        """The field that stands last in the text."""
        places = [spot.place for spots in self.spots for spot in spots if spot.place is not None]
        return max(places, key=lambda place: place.end, default=None)

    def holds(self) -> bool:
        rule, values = self.placed.rule, self.values()
        match rule:
            case Linear():
                return self._adds_up(rule, values)
            case AllDifferent() | Equal():
                found = [
                    identity(coding, value)
                    for coding, each in zip(self.placed.codings, values, strict=True)
                    for value in each
                    if value is not None
                ]
                return len(set(found)) == len(found) if isinstance(rule, AllDifferent) else len(set(found)) <= 1
            case Filled():
                return rule.low <= sum(self._is_filled(spot) for spots in self.spots for spot in spots) <= rule.high
            case Count():
                flat = [value for each in values for value in each]
                return rule.low <= sum(value in rule.among for value in flat if value is not None) <= rule.high
        return satisfies(rule, [value for each in values for value in each])

    def _is_filled(self, spot: Spot) -> bool:
        default = self.placed.defaults[[spot in spots for spots in self.spots].index(True)]
        if spot.place is None:
            return default is not None
        return spot.place.children is not None or spot.place.value is not None

    def _adds_up(self, rule: Linear, values: list[list[Scalar]]) -> bool:
        if not says_something(self):
            return True
        total = Fraction(0)
        for (_, factor), coding, each in zip(rule.terms, self.placed.codings, values, strict=True):
            for value in each:
                if value is not None:
                    number = encode(coding, value)
                    if number is None:
                        return False
                    total += factor * Fraction(number)
        return _COMPARE[rule.comparison](total, rule.bound)  # type: ignore[arg-type]  # fractions compare like integers


def says_something(bound: Bound) -> bool:
    """Whether a sum has something on each side of its comparison that it has names for."""
    rule = bound.placed.rule
    assert isinstance(rule, Linear)
    for sign in (1, -1):
        named = [
            (path, each)
            for (_, factor), path, each in zip(rule.terms, bound.placed.paths, bound.values(), strict=True)
            if factor * sign > 0
        ]
        if named and not any(is_many(path) or each != [None] for path, each in named):
            return False
    return True


def satisfies(rule: Rule, values: Sequence[Scalar]) -> bool:
    """Whether a predicate or a table admits `values`. Raises `SpecError` if the predicate fails."""
    if isinstance(rule, Table):
        return tuple(values) in rule.rows
    assert isinstance(rule, Relation)
    try:
        return bool(rule.predicate(*values))
    except Exception as error:
        raise SpecError(
            f"{rule.describe()}: the predicate fails for {values!r} ({type(error).__name__}: {error})",
            hint="it is asked about every value that a field may have, and None for a missing one",
        ) from error


def bounds_in(rules: Sequence[Placed], root: Place) -> Iterator[Bound]:
    """Every rule at every place that it applies to."""
    for placed in rules:
        for at in spots_at(root, placed.at)[0]:
            if at.place is None or at.place.children is None:
                continue
            found = [spots_at(at.place, path) for path in placed.paths]
            ends = [end for _, end in found]
            certain = [end for end in ends if end is not None]
            yield Bound(
                placed,
                tuple(
                    tuple(Spot((*at.path, *spot.path), spot.place, spot.known) for spot in spots) for spots, _ in found
                ),
                max(certain) if len(certain) == len(ends) else None,
            )


def fault_in(rules: Sequence[Placed], root: Place, length: int, *, complete: bool) -> tuple[int, int] | None:
    """As `Spec.fault`: the broken rule that is known first, from where its last field begins.

    A number that no reader reads as it is spelled breaks the rules that it is in.
    """
    found = []
    for bound in bounds_in(rules, root):
        if (bound.known is None and not complete) or (not _is_inexact(bound) and bound.holds()):
            continue
        last = bound.last()
        end = length if bound.known is None else min(bound.known, length)
        found.append((min(0 if last is None else last.begin, end), end))
    return min(found, key=lambda span: (span[1], -span[0]), default=None)


def _is_inexact(bound: Bound) -> bool:
    return any(spot.place is not None and spot.place.inexact for spots in bound.spots for spot in spots)
