"""Objects as small automata over their members.

The state is the formula that the rest has to satisfy: reading a member settles the statements about its name. Members
that the place mentions come first, each at most once, in the order of the place (or, on demand, in any order); then
others, whose names are told apart only as far as the formula does.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np

from constrain.automaton import Automaton, distinct_columns
from constrain.errors import LimitError
from constrain.expression import compile_expression
from constrain.json_atoms import (
    Has,
    MemberIs,
    MembersAre,
    SizeFrom,
    Subschema,
    TextAmong,
    finished,
)
from constrain.json_formula import FALSE, TRUE, Formula, all_of, atom, atoms, rewrite
from constrain.json_locations import Location, Place, alternatives, check_states, is_finite, member_place, names_at
from constrain.json_strings import contents, holds_text
from constrain.json_text import canonical_string, canonical_text

__all__ = ["Cell", "Members", "Order", "is_reordered", "members_of"]

MAX_ANY_ORDER = 8
MAX_IN_ORDER = 64
"""With more names than these, those of which nothing is asked any more (they belong to another branch) come last."""


Order: TypeAlias = Literal["schema", "telling first", "any"]
"""Of the members that a place mentions: as it mentions them; those first whose values tell alternatives apart; any."""


@dataclass(frozen=True, eq=False)
class Cell:
    """Names of additional members that the formula does not tell apart: their contents, canonically spelled, or None
    for all names that there are.
    """

    names: Automaton | None


_Others: TypeAlias = tuple[Cell, list[tuple[Location, int]]]


@dataclass(eq=False)
class Waiting:
    """A state of an object: what the next member may be.

    `named` are members that may come now, and `otherwise` is the state in which the first of the others is known not
    to come (-1: it has to); so later members are those of that state. `others` are additional members by cell.
    """

    named: list[tuple[str, list[tuple[Location, int]]]] = field(default_factory=list)
    otherwise: int = -1
    others: list[_Others] = field(default_factory=list)
    accepting: bool = False


@dataclass(frozen=True, eq=False)
class Members:
    """The automaton of an object; state 0 is the start. `names` are those that the place mentions."""

    states: list[Waiting]
    names: tuple[str, ...]


def members_of(formula: Formula, place: Place, *, order: Order = "schema") -> Members:
    """The automaton of the objects of which the formula, over atoms about members, holds."""
    names = _telling_first(place) if order == "telling first" else names_at(place)
    any_order = order == "any"
    mentioned = (each.name for each in atoms(formula) if isinstance(each, MemberIs | Has))
    names = tuple(dict.fromkeys((*names, *mentioned)))
    if any_order and len(names) > MAX_ANY_ORDER:
        raise LimitError(
            f"an object has {len(names)} members that may come in any order",
            limit=MAX_ANY_ORDER,
            given=len(names),
            hint='use member_order="schema"',
        )
    return _Objects(formula, place, names, any_order=any_order).explore()


def _telling_first(place: Place) -> tuple[str, ...]:
    return tuple(sorted(names_at(place), key=lambda name: not _tells(place, name)))


def is_reordered(locations: Iterable[Location]) -> bool:
    """Whether any place has members that tell alternatives apart, and do not come first in the order of the schema."""
    return any(_telling_first(place) != names_at(place) for place in {location.place for location in locations})


def _tells(place: Place, name: str) -> bool:
    """Whether alternatives list different values for the member."""
    asked = [each.formula for each in member_place(place, name)]
    return sum(is_finite(formula) for formula in asked) > 1


_Left: TypeAlias = int | frozenset[str]
"""Members still to come: in order, the place of the next one; in any order, their names."""

_State: TypeAlias = tuple[_Left, Formula, frozenset[str]]


class _Objects:
    """Explores one object's automaton. Statements about a single name wait in `own` until that name's turn, so that a
    state is made of those only that concern several members.
    """

    def __init__(self, formula: Formula, place: Place, names: tuple[str, ...], *, any_order: bool) -> None:
        self.place = place
        self.names = names
        self.any_order = any_order
        self.own: dict[str, list[Formula]] = {}
        shared = []
        for part in formula.parts if formula.kind == "all" else (formula,):
            about = _subject(part)
            if about is None:
                shared.append(part)
            else:
                self.own.setdefault(about, []).append(part)
        self.cells: dict[tuple[tuple[Formula, ...], frozenset[str]], list[_Part]] = {}
        self.number: dict[_State, int] = {}
        self.queue: list[_State] = []
        self.start = all_of(shared)

    def state(self, left: _Left, rest: Formula, dropped: frozenset[str]) -> int:
        """The number of a state: names still to come (in order: the place of the next one), what is asked of them, and
        names that have been dropped from the list.
        """
        if len(self.names) > MAX_IN_ORDER and isinstance(left, int) and rest is not self.start:
            asked = rest.subjects | self.own.keys()
            dropped |= {name for name in self.names[left:] if name not in asked}
            while left < len(self.names) and self.names[left] in dropped:
                left += 1
        key = (left, rest, dropped)
        known = self.number.get(key)
        if known is None:
            known = self.number[key] = len(self.queue)
            self.queue.append(key)
            check_states(len(self.queue), "object")
        return known

    def explore(self) -> Members:
        self.state(frozenset(self.names) if self.any_order else 0, self.start, frozenset())
        states = [self.waiting(*key) for key in self.queue]
        if not self.any_order:
            for number in sorted(range(len(states)), key=self._turn, reverse=True):
                if states[number].otherwise >= 0:
                    states[number].accepting = states[states[number].otherwise].accepting
        return Members(states, self.names)

    def _turn(self, number: int) -> int:
        left = self.queue[number][0]
        return left if isinstance(left, int) else len(self.names) - len(left)

    def waiting(self, left: _Left, rest: Formula, dropped: frozenset[str]) -> Waiting:
        found = Waiting()
        if isinstance(left, int):
            if left == len(self.names):
                found.others = self.others(left, rest, dropped)
                found.accepting = finished(rest) is TRUE
                return found
            name = self.names[left]
            asked = all_of([rest, *self.own.get(name, ())])
            found.named = [(name, self.member(asked, name, left + 1, dropped))]
            without = _without(asked, name)
            if without is not FALSE:
                found.otherwise = self.state(left + 1, without, dropped)
            return found
        assert isinstance(left, frozenset)
        for name in sorted(left, key=self.names.index):
            asked = all_of([rest, *self.own.get(name, ())])
            found.named.append((name, self.member(asked, name, left - {name}, dropped)))
        found.others = self.others(left, rest, dropped)
        ending = rest
        for name in left:
            ending = _without(all_of([ending, *self.own.get(name, ())]), name)
        found.accepting = finished(ending) is TRUE
        return found

    def member(self, asked: Formula, name: str, left: _Left, dropped: frozenset[str]) -> list[tuple[Location, int]]:
        asked = _with(asked, name)
        if asked is FALSE or _is_disputed(asked, name):
            return []
        relevant: dict[Subschema, None] = {}
        for each in atoms(asked, [name, MembersAre]):
            match each:
                case MemberIs(known, schema) if known == name:
                    relevant.setdefault(schema)
                case MembersAre(among, schema) if holds_text(among, name):
                    relevant.setdefault(schema)

        def decide(formula: Formula, truths: Mapping[Subschema, bool]) -> Formula:
            def change(each: Hashable, positive: bool) -> Formula | None:
                match each:
                    case MemberIs(known, inner) if known == name and inner in truths:
                        return TRUE if truths[inner] == positive else FALSE
                    case MembersAre(among, inner) if not truths.get(inner, True) and holds_text(among, name):
                        return FALSE if positive else TRUE
                return None

            return rewrite(formula, change, [name, MembersAre])

        found = alternatives(asked, list(relevant), decide, member_place(self.place, name))
        return [(location, self.state(left, rest, dropped)) for location, rest in found]

    def others(self, left: _Left, rest: Formula, dropped: frozenset[str]) -> list[_Others]:
        counted = _counted(rest)
        if counted is FALSE:
            return []
        sets = tuple(dict.fromkeys(each.names for each in atoms(counted, [MembersAre]) if isinstance(each, MembersAre)))
        found = []
        for cell, inside in self.cells_of(sets, dropped):
            relevant = dict.fromkeys(
                each.schema
                for each in atoms(counted, [MembersAre])
                if isinstance(each, MembersAre) and inside[each.names]
            )

            def decide(
                formula: Formula, truths: Mapping[Subschema, bool], inside: Mapping[Formula, bool] = inside
            ) -> Formula:
                def change(part: Hashable, positive: bool) -> Formula | None:
                    hit = isinstance(part, MembersAre) and not truths.get(part.schema, True) and inside[part.names]
                    return (FALSE if positive else TRUE) if hit else None

                return rewrite(formula, change, [MembersAre])

            place = member_place(self.place, "any" if cell.names is None else _text(cell.names.shortest()))
            options = alternatives(counted, list(relevant), decide, place)
            if options:
                found.append((cell, [(location, self.state(left, after, dropped)) for location, after in options]))
        return found

    def cells_of(self, sets: tuple[Formula, ...], dropped: frozenset[str]) -> list[_Part]:
        """The names that are not listed, or have been dropped from the list, split by the sets."""
        key = (sets, dropped)
        if key not in self.cells:
            self.cells[key] = _cells(sets, frozenset(self.names) - dropped)
        return self.cells[key]


def _subject(formula: Formula) -> str | None:
    """The one name that the formula is about; None if it is about several, or about members in general."""
    if len(formula.subjects) != 1:
        return None
    (subject,) = formula.subjects
    return subject if isinstance(subject, str) else None


def _with(formula: Formula, name: str) -> Formula:
    """What is left when the member is known to be there."""
    return _counted(
        rewrite(formula, lambda each, sign: (TRUE if sign else FALSE) if each == Has(name) else None, [name])
    )


def _without(formula: Formula, name: str) -> Formula:
    """What is left when the member is known to be missing."""

    def change(each: Hashable, positive: bool) -> Formula | None:
        match each:
            case Has(known) if known == name:
                return FALSE if positive else TRUE
            case MemberIs(known, _) if known == name:
                return TRUE if positive else FALSE
        return None

    return rewrite(formula, change, [name])


def _counted(formula: Formula) -> Formula:
    """What is left behind one more member, as far as their number goes."""

    def change(each: Hashable, positive: bool) -> Formula | None:
        if not isinstance(each, SizeFrom):
            return None
        fewer = atom(SizeFrom(each.low - 1)) if each.low > 1 else TRUE
        return fewer if positive else ~fewer

    return rewrite(formula, change, [SizeFrom])


def _is_disputed(formula: Formula, name: str) -> bool:
    """Whether the readers of some pattern disagree on this name."""
    return any(
        isinstance(each, MembersAre) and not holds_text(each.names, name) and not holds_text(~each.names, name)
        for each in atoms(formula, [MembersAre])
    )


_Part: TypeAlias = tuple[Cell, dict[Formula, bool]]


def _cells(sets: tuple[Formula, ...], listed: frozenset[str]) -> list[_Part]:
    """The names that are not listed, split by the sets that the formula speaks of; and in which sets each part is."""
    asked = {each: _of_unlisted(each, listed) for each in sets}
    if not listed and all(each is TRUE or each is FALSE for each in asked.values()):
        return [(Cell(None), {each: left is TRUE for each, left in asked.items()})]
    cells: list[tuple[Automaton, dict[Formula, bool]]] = [(_unlisted(listed), {})]
    for each in dict.fromkeys(asked.values()):
        split: list[tuple[Automaton, dict[Formula, bool]]] = []
        for language, inside in cells:
            for truth, part in ((True, each), (False, ~each)):
                if part is FALSE:
                    continue
                inner = language if part is TRUE else language & contents(part)
                if not inner.is_empty():
                    split.append((inner, {**inside, each: truth}))
        cells = split
    return [(Cell(language), {each: inside[left] for each, left in asked.items()}) for language, inside in cells]


def _of_unlisted(names: Formula, listed: frozenset[str]) -> Formula:
    """A set of names, as far as names go that are not listed."""

    def change(each: Hashable, positive: bool) -> Formula | None:
        if not isinstance(each, TextAmong):
            return None
        left = each.values - listed
        among = atom(TextAmong(left)) if left else FALSE
        return among if positive else ~among

    return rewrite(names, change)


@lru_cache(maxsize=4096)
def _unlisted(names: frozenset[str]) -> Automaton:
    """The contents of all strings but these: along the trie of the names, and off it everywhere."""
    texts = [canonical_text(name)[1:-1] for name in sorted(names)]
    if any(b"\\" in text for text in texts):  # several spellings
        return _ALL - contents(atom(TextAmong(names)))
    alone = np.zeros(256, np.uint8)  # the bytes of names are told apart
    used = sorted(set(b"".join(texts)))
    alone[used] = np.arange(1, len(used) + 1)
    first, byte_class = distinct_columns(np.vstack([_ALL.byte_class, alone]))
    symbol = byte_class.tolist()
    table = _ALL.table[:, _ALL.byte_class[first]].tolist()
    accepting = _ALL.accepting.tolist()

    def copied(state: int) -> int:
        table.append(table[state][:])
        accepting.append(accepting[state])
        return len(table) - 1

    root = copied(0)
    for text in texts:
        state = root
        for byte in text:
            if 0 <= table[state][symbol[byte]] < _ALL.states:
                table[state][symbol[byte]] = copied(table[state][symbol[byte]])
            state = table[state][symbol[byte]]
            if state < 0:  # half a surrogate pair, which no text has
                break
        else:
            accepting[state] = False
    same = list(range(len(table)))  # which state each is equivalent to: names often end alike
    known: dict[tuple[bool, tuple[int, ...]], int] = {}
    for state in (*range(_ALL.states), *range(len(table) - 1, _ALL.states - 1, -1)):  # what comes behind a state first
        table[state] = [same[target] if target >= 0 else -1 for target in table[state]]
        same[state] = known.setdefault((accepting[state], tuple(table[state])), state)
    return Automaton.from_minimal_table(np.array(table, np.int32), byte_class, np.array(accepting), same[root])


_ALL = compile_expression(canonical_string())


def _text(content: bytes) -> str:
    text: str = json.loads(b'"' + content + b'"')
    return text
