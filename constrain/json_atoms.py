"""What a schema can say of one value: the atoms of its formula, and the `Subschema`s that atoms about parts refer to.

An atom about one kind of value means nothing for others, so formulas guard it by the kind (`typed`). The atoms about
items and members are rewritten while an array or object is read from left to right (`json_containers`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Final, TypeAlias

from constrain.json_formula import Formula, atom

__all__ = [
    "KINDS",
    "AtLeast",
    "AtMost",
    "Containing",
    "CountFrom",
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
    "NumberAtom",
    "Satisfies",
    "SizeFrom",
    "StringAtom",
    "Subschema",
    "TextAmong",
    "Unique",
    "Whole",
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
class NumberAmong:
    values: frozenset[Decimal]


NumberAtom: TypeAlias = AtLeast | AtMost | Whole | MultipleOf | NumberAmong


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
    name: str
    draft: str


@dataclass(frozen=True)
class TextAmong:
    values: frozenset[str]


StringAtom: TypeAlias = LengthFrom | Matches | HasFormat | TextAmong


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
class Satisfies:
    """The value itself satisfies the schema."""

    schema: Subschema


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
    """No two items are equal. `seen` are items that have been read already (see `json_containers`)."""

    seen: frozenset[Hashable] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Has:
    name: str


@dataclass(frozen=True)
class MemberIs:
    """There is no member of this name, or its value satisfies the schema."""

    name: str
    schema: Subschema


@dataclass(frozen=True)
class MembersAre:
    """Every member whose name is among `names`, a formula over string atoms, satisfies the schema."""

    names: Formula
    schema: Subschema


@dataclass(frozen=True)
class SizeFrom:
    """The object has at least so many members."""

    low: int
