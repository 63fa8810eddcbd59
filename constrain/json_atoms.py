"""What a schema can say of one value: the atoms of its formula, and the `Subschema`s that atoms about parts refer to.

An atom about one kind of value means nothing for others, so formulas guard it by the kind (`typed`). The atoms about
items and members are rewritten while an array or object is read from left to right (`json_items`, `json_members`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Final

from constrain.json_formula import FALSE, TRUE, Formula, all_of, any_of, atom, rewrite

__all__ = [
    "KINDS",
    "AtLeast",
    "AtMost",
    "Containing",
    "CountFrom",
    "Decimals",
    "Has",
    "HasFormat",
    "IsKind",
    "ItemIs",
    "ItemsAre",
    "LengthFrom",
    "Matches",
    "MemberIs",
    "MembersAre",
    "MultipleOf",
    "NumberAmong",
    "SizeFrom",
    "Subschema",
    "TextAmong",
    "Unique",
    "Whole",
    "finished",
    "of_kind",
    "typed",
]

KINDS: Final = ("null", "false", "true", "number", "string", "array", "object")


@dataclass(frozen=True)
class IsKind:
    """The value is of this kind; false and true are kinds of their own."""

    kind: str


def typed(kind: str, formula: Formula) -> Formula:
    """The formula, for values of this kind; nothing for others."""
    return ~atom(IsKind(kind)) | formula


@dataclass(frozen=True)
class AtLeast:
    bound: Decimal
    strict: bool = False


@dataclass(frozen=True)
class AtMost:
    bound: Decimal
    strict: bool = False


@dataclass(frozen=True)
class Whole:
    """The number is an integer; where not `fraction`, it is also written as one (draft 4, and Python's `int`)."""

    fraction: bool = True


@dataclass(frozen=True)
class MultipleOf:
    divisor: Decimal


@dataclass(frozen=True)
class Decimals:
    """The number has up to `max_digits` digits in all, `places` of them behind the point, and is a multiple of `step`;
    None: nothing is asked. As pydantic counts: zeros at the end and before the point are none, and with both limits
    there are at most `max_digits - places` before the point.
    """

    max_digits: int | None
    places: int | None
    step: Decimal | None


@dataclass(frozen=True)
class NumberAmong:
    values: frozenset[Decimal]


@dataclass(frozen=True)
class LengthFrom:
    """The string has at least so many code points."""

    low: int


@dataclass(frozen=True)
class Matches:
    """The ECMA-262 pattern is found in the string."""

    pattern: str


@dataclass(frozen=True)
class HasFormat:
    """The string has the format; without `leap_seconds`, times of it have none (Python has no value for them)."""

    name: str
    draft: str
    leap_seconds: bool = True


@dataclass(frozen=True)
class TextAmong:
    values: frozenset[str]


@lru_cache(maxsize=262_144)
def of_kind(kind: str, formula: Formula) -> Formula:
    """What the formula says of values of this kind, with its statements about listed values put together.

    Sets of strings or numbers are combined as sets wherever they meet, so that a choice of 2,000 constants is one set.
    """
    if formula.kind == "atom":
        if not isinstance(formula.atom, IsKind):
            return formula
        return TRUE if (formula.atom.kind == kind) == formula.positive else FALSE
    inner = (all_of if formula.kind == "all" else any_of)(of_kind(kind, part) for part in formula.parts)
    return _listed(inner) if inner.kind == formula.kind else inner


def _listed(formula: Formula) -> Formula:
    """A conjunction or disjunction with at most one listing literal; disjunctions by De Morgan's law."""
    literals = [part for part in formula.parts if isinstance(part.atom, TextAmong | NumberAmong)]
    if len(literals) < 2:
        return formula
    conjunctive = formula.kind == "all"
    among: frozenset[Any] | None = None
    excluded: set[Any] = set()
    for part in literals:
        assert isinstance(part.atom, TextAmong | NumberAmong)
        if part.positive == conjunctive:
            among = part.atom.values if among is None else among & part.atom.values
        else:
            excluded |= part.atom.values
    values = frozenset(excluded) if among is None else among - excluded
    kept = atom(type(literals[0].atom)(values)) if values else FALSE  # type: ignore[call-arg]
    if (among is None) == conjunctive:
        kept = ~kept
    others = [part for part in formula.parts if not isinstance(part.atom, TextAmong | NumberAmong)]
    return (all_of if conjunctive else any_of)([kept, *others])


class Subschema:
    """A schema for parts of a value, compared by identity; its formula is read when it is first needed.

    `raw` is what the schema says. `formula` is what its automaton is built from: the same, or weaker where `weaken`
    leaves something to the residual check. `names` are the members that it and the schemas in its place mention, in the
    order of first appearance.
    """

    def __init__(
        self,
        label: str,
        raw: Callable[[], Formula],
        names: Callable[[], tuple[str, ...]] = tuple,
        weaken: Callable[[Formula], Formula] = lambda formula: formula,
    ) -> None:
        self.label = label
        self._raw = raw
        self._names = names
        self._weaken = weaken

    @cached_property
    def raw(self) -> Formula:
        return self._raw()

    @cached_property
    def formula(self) -> Formula:
        return self._weaken(self.raw)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return self._names()

    def __repr__(self) -> str:
        return f"<{self.label}>"


@dataclass(frozen=True)
class ItemIs:
    """There is no item `index`, or it satisfies the schema."""

    index: int
    schema: Subschema


@dataclass(frozen=True)
class ItemsAre:
    """Every item from `start` on satisfies the schema."""

    start: int
    schema: Subschema


@dataclass(frozen=True)
class CountFrom:
    """The array has at least so many items."""

    low: int


@dataclass(frozen=True)
class Containing:
    """At least `low` items satisfy the schema."""

    schema: Subschema
    low: int


@dataclass(frozen=True)
class Unique:
    """No two items are equal."""


@dataclass(frozen=True)
class Has:
    name: str

    @property
    def subject(self) -> str:
        return self.name


@dataclass(frozen=True)
class MemberIs:
    """There is no member of this name, or its value satisfies the schema."""

    name: str
    schema: Subschema

    @property
    def subject(self) -> str:
        return self.name


@dataclass(frozen=True)
class MembersAre:
    """Every member whose name is among `names`, a formula over string atoms, satisfies the schema."""

    names: Formula
    schema: Subschema


@dataclass(frozen=True)
class SizeFrom:
    """The object has at least so many members."""

    low: int


def finished(formula: Formula) -> Formula:
    """What is left of statements about items and members when nothing more comes."""

    def change(each: Hashable, positive: bool) -> Formula | None:
        holds = not isinstance(each, CountFrom | Containing | SizeFrom | Has)
        return TRUE if holds == positive else FALSE

    return rewrite(formula, change)
