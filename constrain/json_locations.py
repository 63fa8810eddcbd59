"""Where a value stands: what is asked of it there, and how one place's alternatives are told apart.

A `Location` is a formula together with its `place`, all the subschemas that say something there. The formula decides
which values may stand; the place, which is the same for all alternatives, decides the order of members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

from constrain.json_atoms import (
    KINDS,
    Containing,
    IsKind,
    ItemIs,
    ItemsAre,
    MemberIs,
    MembersAre,
    NumberAmong,
    Satisfies,
    Subschema,
    TextAmong,
)
from constrain.json_formula import FALSE, TRUE, Formula, any_of, atom, atoms, rewrite
from constrain.json_strings import holds_text

__all__ = ["Location", "Place", "alternatives", "item_place", "member_place", "names_at", "of_kind"]

Place: TypeAlias = tuple[Subschema, ...]


@dataclass(frozen=True)
class Location:
    """A formula over atoms of the value itself, and its place. Equal when both are the same objects."""

    formula: Formula
    place: Place


@lru_cache(maxsize=65_536)
def of_kind(kind: str, formula: Formula) -> Formula:
    """What the formula says of values of this kind."""
    return rewrite(
        formula,
        lambda each, sign: (TRUE if (each.kind == kind) == sign else FALSE) if isinstance(each, IsKind) else None,
    )


def expanded(formula: Formula) -> Formula:
    """The formula with `Satisfies(s)` replaced by what s says."""

    def change(each: object, sign: bool) -> Formula | None:
        if not isinstance(each, Satisfies):
            return None
        return each.schema.formula if sign else ~each.schema.formula

    return rewrite(formula, change)


def is_possible(formula: Formula) -> bool:
    """False if the formula, expanded, is seen at once to have no values; True proves nothing."""
    return any(not _is_contradiction(of_kind(kind, formula)) for kind in KINDS)


def _is_contradiction(formula: Formula) -> bool:
    if formula is FALSE:
        return True
    among: frozenset[str | Decimal] | None = None
    excluded: set[str | Decimal] = set()
    for part in formula.parts if formula.kind == "all" else (formula,):
        if part.kind == "atom" and isinstance(part.atom, TextAmong | NumberAmong):
            if part.positive:
                among = part.atom.values if among is None else among & part.atom.values
            else:
                excluded |= part.atom.values
    return among is not None and among <= excluded


_Value: TypeAlias = tuple[str, str | Decimal]


@lru_cache(maxsize=65_536)
def _finite(schema: Subschema) -> frozenset[_Value] | None:
    """The values of a schema that has just some strings and numbers; None for others."""
    values: set[_Value] = set()
    for kind in KINDS:
        formula = of_kind(kind, schema.formula)
        if formula is FALSE:
            continue
        if formula.kind != "atom" or not formula.positive or not isinstance(formula.atom, TextAmong | NumberAmong):
            return None
        values |= {(kind, value) for value in formula.atom.values}
    return frozenset(values)


def _one_of(values: Iterable[_Value]) -> Formula:
    listed = list(values)
    strings = frozenset(value for kind, value in listed if kind == "string")
    numbers = frozenset(value for kind, value in listed if kind == "number")
    cases = []
    if strings:
        cases.append(atom(IsKind("string")) & atom(TextAmong(strings)))  # type: ignore[arg-type]
    if numbers:
        cases.append(atom(IsKind("number")) & atom(NumberAmong(numbers)))  # type: ignore[arg-type]
    return any_of(cases)


def alternatives(
    formula: Formula,
    schemas: Sequence[Subschema],
    decide: Callable[[Formula, Mapping[Subschema, bool]], Formula],
    place: Place,
) -> list[tuple[Location, Formula]]:
    """What may stand in one place, and what is left of `formula` then: pairs (location, rest), the locations disjoint.

    `decide(formula, truths)` is what is left once it is known which of some schemas the value satisfies. Schemas that
    list their values are decided by the value: n of them make n cases, where knowing each apart would make 2^n.
    """
    listing = [schema for schema in schemas if _finite(schema) is not None]
    cases: dict[Formula, list[Formula]] = {}

    def settle(rest: Formula, known: Formula, others: Sequence[Subschema]) -> None:
        for left, condition in _decided(rest, known, others, decide).items():
            cases.setdefault(left, []).append(condition)

    if len(listing) > 1:
        owners: dict[_Value, list[int]] = {}
        for owner, schema in enumerate(listing):
            for value in _finite(schema) or ():
                owners.setdefault(value, []).append(owner)
        groups: dict[tuple[int, ...], list[_Value]] = {(): []}
        for value, indices in owners.items():
            groups.setdefault(tuple(indices), []).append(value)
        others = [schema for schema in schemas if schema not in listing]
        for holders, values in groups.items():
            rest = decide(formula, {schema: index in holders for index, schema in enumerate(listing)})
            if rest is not FALSE:
                settle(rest, _one_of(values) if holders else ~_one_of(owners), others)
    else:
        settle(formula, TRUE, schemas)
    found = ((Location(any_of(conditions), place), rest) for rest, conditions in cases.items())
    return [(location, rest) for location, rest in found if is_possible(location.formula)]


def _decided(
    rest: Formula,
    known: Formula,
    schemas: Sequence[Subschema],
    decide: Callable[[Formula, Mapping[Subschema, bool]], Formula],
) -> dict[Formula, Formula]:
    """Per remaining formula, the condition (beyond `known`, and including it) under which it remains."""
    if rest is FALSE:
        return {}
    if not schemas:
        return {rest: known}
    first, others = schemas[0], schemas[1:]
    found: list[dict[Formula, Formula]] = []
    for truth in (True, False):
        left = decide(rest, {first: truth})
        condition = known & (first.formula if truth else ~first.formula)
        possible = left is not FALSE and is_possible(condition)
        found.append(_decided(left, condition, others, decide) if possible else {})
    if found[0].keys() == found[1].keys() and len(found[0]) == 1:
        (left,) = found[0]
        if found[0][left] is (known & first.formula) and found[1][left] is (known & ~first.formula):
            return {left: known}  # nothing depends on this schema
    merged = dict(found[0])
    for left, condition in found[1].items():
        merged[left] = merged[left] | condition if left in merged else condition
    return merged


@lru_cache(maxsize=65_536)
def _parts(schema: Subschema) -> tuple[object, ...]:
    """The atoms of the schema that speak of items or members."""
    kinds = MemberIs | MembersAre | ItemIs | ItemsAre | Containing
    return tuple(each for each in atoms(schema.formula) if isinstance(each, kinds))


def names_at(place: Place) -> tuple[str, ...]:
    """The members that the place's schemas mention, in the order in which they are written."""
    return tuple(dict.fromkeys(name for schema in place for name in schema.names))


def member_place(place: Place, name: str) -> Place:
    """All that the place's schemas say of a member of this name."""
    found: dict[Subschema, None] = {}
    for schema in place:
        for each in _parts(schema):
            match each:
                case MemberIs(known, inner) if known == name:
                    found.setdefault(inner)
                case MembersAre(names, inner) if holds_text(names, name):
                    found.setdefault(inner)
    return tuple(found)


def item_place(place: Place, index: int) -> Place:
    """All that the place's schemas say of the item at `index`."""
    found: dict[Subschema, None] = {}
    for schema in place:
        for each in _parts(schema):
            match each:
                case ItemIs(known, inner) if known == index:
                    found.setdefault(inner)
                case ItemsAre(start, inner) if start <= index:
                    found.setdefault(inner)
                case Containing(inner, _):
                    found.setdefault(inner)
    return tuple(found)
