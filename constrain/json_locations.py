"""Where a value stands: what is asked of it there, and how one place's alternatives are told apart.

A `Location` is a formula together with its `place`, all the subschemas that say something there. The formula decides
which values may stand; the place, which is the same for all alternatives, decides the order of members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeAlias

from constrain.errors import LimitError
from constrain.json_atoms import (
    KINDS,
    Containing,
    Has,
    IsKind,
    ItemIs,
    ItemsAre,
    MemberIs,
    MembersAre,
    NumberAmong,
    Subschema,
    TextAmong,
    of_kind,
)
from constrain.json_formula import FALSE, TRUE, Formula, all_of, any_of, atom, atoms
from constrain.json_strings import holds_text

__all__ = [
    "Location",
    "Place",
    "alternatives",
    "check_states",
    "is_finite",
    "item_place",
    "member_place",
    "names_at",
]

Place: TypeAlias = tuple[Subschema, ...]

MAX_CASES: Final = 2_000
MAX_STATES: Final = 20_000


@dataclass(frozen=True)
class Location:
    """A formula over atoms of the value itself, and its place. Equal when both are the same objects."""

    formula: Formula
    place: Place


@lru_cache(maxsize=65_536)
def is_possible(formula: Formula, levels: int = 3) -> bool:
    """False if the formula is seen to have no values, by looking at so many levels of required members; True proves
    nothing.
    """
    found = ((kind, of_kind(kind, formula)) for kind in KINDS)
    return any(
        part is not FALSE and not (kind == "object" and levels and _is_torn(part, levels - 1)) for kind, part in found
    )


def _is_torn(formula: Formula, levels: int) -> bool:
    """Whether a member that an object needs can have no value, by what the formula says plainly."""
    plain = [part.atom for part in (formula.parts if formula.kind == "all" else (formula,)) if part.positive]
    for name in (each.name for each in plain if isinstance(each, Has)):
        asked = [
            each.schema.formula
            for each in plain
            if (isinstance(each, MemberIs) and each.name == name)
            or (isinstance(each, MembersAre) and holds_text(each.names, name))
        ]
        if asked and not is_possible(all_of(asked), levels):
            return True
    return False


_Value: TypeAlias = tuple[str, str | Decimal]


@lru_cache(maxsize=65_536)
def _finite(formula: Formula) -> frozenset[_Value] | None:
    """The values of a formula that has just some strings and numbers; None for others."""
    values: set[_Value] = set()
    for kind in KINDS:
        part = of_kind(kind, formula)
        if part is FALSE:
            continue
        if part.kind != "atom" or not part.positive or not isinstance(part.atom, TextAmong | NumberAmong):
            return None
        values |= {(kind, value) for value in part.atom.values}
    return frozenset(values)


def is_finite(formula: Formula) -> bool:
    """Whether just some strings and numbers satisfy the formula."""
    return _finite(formula) is not None


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


Decide: TypeAlias = Callable[[Formula, Mapping[Subschema, bool]], Formula]
"""What is left of a formula once it is known which of some schemas the value satisfies."""


def alternatives(
    formula: Formula, schemas: Iterable[Subschema], decide: Decide, place: Place
) -> list[tuple[Location, Formula]]:
    """What may stand in one place, and what is left of `formula` then: pairs (location, rest), the locations disjoint.

    Schemas that list their values are decided by the value: n of them make n cases, where knowing each apart would make
    2^n. Raises `LimitError` if there are too many cases.
    """
    saying: dict[Formula, list[Subschema]] = {}
    for schema in schemas:
        saying.setdefault(schema.formula, []).append(schema)
    listing = [said for said in saying if said is not TRUE and _finite(said) is not None]
    cases = _Cases(decide, saying)
    if len(listing) > 1:
        holders: dict[_Value, list[Formula]] = {}
        for said in listing:
            for value in _finite(said) or ():
                holders.setdefault(value, []).append(said)
        groups: dict[tuple[Formula, ...], list[_Value]] = {(): []}
        for value, holding in holders.items():
            groups.setdefault(tuple(holding), []).append(value)
        others = [said for said in saying if said not in listing]
        for those, values in groups.items():
            rest = cases.known(formula, {said: said in those for said in listing})
            cases.settle(rest, _one_of(values) if those else ~_one_of(holders), others)
    else:
        cases.settle(formula, TRUE, list(saying))
    found = ((Location(any_of(conditions), place), rest) for rest, conditions in cases.left.items())
    return [(location, rest) for location, rest in found if is_possible(location.formula)]


class _Cases:
    """Splits a place by what is known of the value. `left` are the conditions under which each formula remains;
    `saying` the schemas that say the same, which hold together or not at all.
    """

    def __init__(self, decide: Decide, saying: Mapping[Formula, Sequence[Subschema]]) -> None:
        self.decide = decide
        self.saying = saying
        self.left: dict[Formula, list[Formula]] = {}
        self.steps = 0

    def known(self, rest: Formula, truths: Mapping[Formula, bool]) -> Formula:
        return self.decide(rest, {schema: truth for said, truth in truths.items() for schema in self.saying[said]})

    def settle(self, rest: Formula, condition: Formula, undecided: Sequence[Formula]) -> None:
        for left, when in self._split(rest, condition, undecided).items():
            self.left.setdefault(left, []).append(when)

    def _split(self, rest: Formula, condition: Formula, undecided: Sequence[Formula]) -> dict[Formula, Formula]:
        """Per remaining formula, the condition (beyond `condition`, and including it) under which it remains."""
        self.steps += 1
        if self.steps > MAX_CASES:
            raise LimitError(
                f"what may stand in one place depends on more than {MAX_CASES:,} combinations of what is said there",
                limit=MAX_CASES,
                given=self.steps,
                hint="tell alternatives apart by a constant, in a member that comes first",
            )
        if rest is FALSE:
            return {}
        if not undecided:
            return {rest: condition}
        first, others = undecided[0], undecided[1:]
        left = {truth: self.known(rest, {first: truth}) for truth in (True, False)}
        if left[True] is left[False]:
            return self._split(left[True], condition, others)
        found: list[dict[Formula, Formula]] = []
        for truth, said in ((True, first), (False, ~first)):
            when = condition & said
            possible = left[truth] is not FALSE and is_possible(when)
            found.append(self._split(left[truth], when, others) if possible else {})
        merged = dict(found[0])
        for rest, when in found[1].items():
            merged[rest] = merged[rest] | when if rest in merged else when
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
        named, sets = _member_parts(schema)
        found |= dict.fromkeys(named.get(name, ()))
        found |= {each.schema: None for each in sets if holds_text(each.names, name)}
    return tuple(found)


@lru_cache(maxsize=65_536)
def _member_parts(schema: Subschema) -> tuple[Mapping[str, Sequence[Subschema]], Sequence[MembersAre]]:
    """What the schema says of single members, by name, and of sets of them."""
    named: dict[str, list[Subschema]] = {}
    sets: list[MembersAre] = []
    for each in _parts(schema):
        if isinstance(each, MemberIs):
            named.setdefault(each.name, []).append(each.schema)
        elif isinstance(each, MembersAre):
            sets.append(each)
    return named, sets


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


def check_states(given: int, what: str) -> None:
    """Raise `LimitError` if the automaton of an array or object has too many states."""
    if given > MAX_STATES:
        raise LimitError(
            f"what an {what} may contain needs more than {MAX_STATES:,} states to keep track of",
            limit=MAX_STATES,
            given=given,
            hint="fewer alternatives that say different things of the same parts, or shorter bounds",
        )
