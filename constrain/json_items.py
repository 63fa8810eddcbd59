"""Arrays as small automata over their items.

The state is the formula that the rest has to satisfy: reading an item rewrites the statements about items, as a
derivative does (`ItemIs(3, s)` is `ItemIs(2, s)` behind the first item).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from constrain.json_atoms import Containing, CountFrom, ItemIs, ItemsAre, Subschema, finished
from constrain.json_formula import FALSE, TRUE, Formula, atom, atoms, rewrite
from constrain.json_locations import Location, Place, alternatives, check_states, item_place

__all__ = ["Items", "items_of"]


@dataclass(frozen=True, eq=False)
class Items:
    """The automaton of an array: per state, what the next item may be and where that leads; state 0 is the start."""

    following: list[list[tuple[Location, int]]]
    accepting: list[bool]


def items_of(formula: Formula, place: Place) -> Items:
    """The automaton of the arrays of which the formula, over atoms about items, holds."""
    horizon = max((each.index + 1 for s in place for each in atoms(s.formula) if isinstance(each, ItemIs)), default=0)
    horizon = max([horizon, *(each.start for s in place for each in atoms(s.formula) if isinstance(each, ItemsAre))])
    places = [item_place(place, index) for index in range(horizon + 1)]
    number: dict[tuple[int, Formula], int] = {(0, formula): 0}
    queue = [(0, formula)]
    following: list[list[tuple[Location, int]]] = []
    for index, rest in queue:
        row = []
        for location, left in alternatives(rest, _asked_of_item(rest), _decide_item, places[index]):
            key = (min(index + 1, horizon), _shifted(left))
            if key[1] is FALSE:
                continue
            if key not in number:
                number[key] = len(queue)
                queue.append(key)
                check_states(len(queue), "array")
            row.append((location, number[key]))
        following.append(row)
    return Items(following, [finished(rest) is TRUE for _, rest in queue])


def _asked_of_item(formula: Formula) -> list[Subschema]:
    found: dict[Subschema, None] = {}
    for each in atoms(formula):
        match each:
            case ItemIs(0, schema) | ItemsAre(0, schema) | Containing(schema, _):
                found.setdefault(schema)
    return list(found)


def _decide_item(formula: Formula, truths: Mapping[Subschema, bool]) -> Formula:
    """What is left when it is known which of the schemas the next item satisfies."""

    def change(each: Hashable, positive: bool) -> Formula | None:
        match each:
            case ItemIs(0, inner) if inner in truths:
                return TRUE if truths[inner] == positive else FALSE
            case ItemsAre(0, inner) if not truths.get(inner, True):
                return FALSE if positive else TRUE
            case Containing(inner, low) if truths.get(inner, False):
                fewer = atom(Containing(inner, low - 1)) if low > 1 else TRUE
                return fewer if positive else ~fewer
        return None

    return rewrite(formula, change)


def _shifted(formula: Formula) -> Formula:
    """The formula for what comes behind one item, all about that item being settled."""

    def change(each: Hashable, positive: bool) -> Formula | None:
        match each:
            case ItemIs(index, schema):
                shifted = atom(ItemIs(index - 1, schema))
            case ItemsAre(start, schema) if start:
                shifted = atom(ItemsAre(start - 1, schema))
            case CountFrom(low):
                shifted = atom(CountFrom(low - 1)) if low > 1 else TRUE
            case _:
                return None
        return shifted if positive else ~shifted

    return rewrite(formula, change)
