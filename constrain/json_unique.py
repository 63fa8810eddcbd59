"""`uniqueItems` where all items come from a short list: then no value of the list occurs twice.

    every item is one of v1, ..., vn   implies   (unique  =  no two items are v1, and ..., and no two items are vn)

That is counted by the automaton of the array, which has a state for each set of values seen so far, up to 2^n of them;
so it is done only where these are few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from math import comb
from typing import Final, TypeAlias

from constrain.json_atoms import (
    KINDS,
    Containing,
    CountFrom,
    IsKind,
    ItemIs,
    ItemsAre,
    NumberAmong,
    Subschema,
    TextAmong,
    Unique,
    of_kind,
)
from constrain.json_formula import FALSE, TRUE, Formula, all_of, any_of, atom, atoms

__all__ = ["counted_uniqueness"]

MAX_SETS: Final = 32
"""Of values seen so far: those of 5 values, or of 7 of which 2 may come. Each set costs one or two milliseconds."""

_Value: TypeAlias = tuple[str, str | Decimal | None]


def counted_uniqueness(formula: Formula) -> Formula:
    """An equal formula that says of listed items how often they occur, instead of that they are unique."""
    known: dict[tuple[int, tuple[Formula, ...]], Formula] = {}

    def visit(part: Formula, around: tuple[Formula, ...]) -> Formula:
        """`part`, where all of `around` holds."""
        key = (id(part), around)
        if key not in known:
            known[key] = done = part
            if not any(isinstance(each, Unique) for each in atoms(part)):
                return part
            if part.kind == "atom":
                counts = _counts(around)
                if counts is not None:
                    done = counts if part.positive else ~counts
            elif part.kind == "all":
                said = tuple(each for each in map(_said_of_arrays, part.parts) if each is not None)
                done = all_of(visit(each, (*around, *said)) for each in part.parts)
            else:
                done = any_of(visit(each, around) for each in part.parts)
            known[key] = done
        return known[key]

    return visit(formula, ())


def _said_of_arrays(formula: Formula) -> Formula | None:
    """The literal that holds of arrays of which the formula holds; None if it is more than a literal."""
    of_arrays = of_kind("array", formula)
    return of_arrays if isinstance(of_arrays.atom, ItemIs | ItemsAre | CountFrom) else None


def _counts(around: Iterable[Formula]) -> Formula | None:
    """What `Unique` says where all of `around` holds; None if that takes too many states, or is no regular language."""
    longest: int | None = None
    first: dict[int, set[_Value]] = {}
    rest: tuple[int, set[_Value]] | None = None
    for said in around:
        match said.atom:
            case CountFrom(low) if not said.positive:
                longest = min(low - 1, low - 1 if longest is None else longest)
            case ItemIs(index, schema) if said.positive and (values := _values(schema)) is not None:
                first[index] = first.get(index, values) & values
            case ItemsAre(start, schema) if said.positive and (values := _values(schema)) is not None:
                if rest is None or start < rest[0]:
                    rest = start, values
    if longest is not None and longest <= 1:
        return TRUE
    end = longest if rest is None else rest[0]
    if end is None or any(index not in first for index in range(end)):
        return None
    listed = set().union(*(first[index] for index in range(end)), rest[1] if rest else ())
    most = len(listed) if longest is None else longest
    if sum(comb(len(listed), size) for size in range(min(most, MAX_SETS) + 1)) > MAX_SETS:
        return None
    return all_of(~atom(Containing(_equal(*value), 2)) for value in sorted(listed, key=repr))


def _values(schema: Subschema) -> set[_Value] | None:
    """The values of a schema that lists them, none of them an array or an object."""
    found: set[_Value] = set()
    for kind in KINDS:
        values = _values_of_kind(kind, of_kind(kind, schema.raw))
        if values is None:
            return None
        found.update(values)
    return found


def _values_of_kind(kind: str, formula: Formula) -> Iterator[_Value] | None:
    if formula is FALSE:
        return iter(())
    if formula is TRUE and kind in ("null", "false", "true"):
        return iter([(kind, None)])
    if formula.positive and isinstance(formula.atom, TextAmong | NumberAmong):
        return ((kind, value) for value in formula.atom.values)
    return None


@lru_cache(maxsize=1024)
def _equal(kind: str, value: str | Decimal | None) -> Subschema:
    """The schema that only one value satisfies."""
    is_kind = atom(IsKind(kind))
    match value:
        case str():
            is_kind &= atom(TextAmong(frozenset([value])))
        case Decimal():
            is_kind &= atom(NumberAmong(frozenset([value])))
    return Subschema("a value", lambda: is_kind)
