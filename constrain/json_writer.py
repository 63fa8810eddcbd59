"""From sets of JSON values to their texts: expressions for all of them, or one text for one value."""

from __future__ import annotations

import json

from constrain.errors import LimitError, SpecError
from constrain.expression import NOTHING, Expression, union
from constrain.json_numbers import integers, numbers
from constrain.json_text import (
    Json,
    Slot,
    any_value,
    array,
    content,
    fixed,
    free_string,
    member,
    object_,
    other_strings,
    quoted,
)
from constrain.json_values import ANY, Array, Fixed, Number, Object, Shape, String, ValueSet, exact

__all__ = ["Writer", "dumps"]

MAX_PLACES = 50_000


class Writer:
    """Spells value sets with the given white space between tokens.

    Where any value may stand (`ANY`), arrays and objects are at most `depth` deep inside one another, and `reached_any`
    says that there is such a place. Unless `open_objects`, an object with declared members gets others only where a
    schema speaks of additional members.
    """

    def __init__(self, space: Expression, *, depth: int, open_objects: bool) -> None:
        self.space = space
        self.depth = depth
        self.open_objects = open_objects
        self.reached_any = False
        self._known: dict[int, tuple[ValueSet, Expression, int]] = {}
        self._places = 0

    def expression(self, values: ValueSet) -> Expression:
        """All texts of all values in the set. Each set is spelled once, however often the schema refers to it."""
        if values is ANY:
            self.reached_any = True
            return any_value(self.depth, self.space)
        known = self._known.get(id(values))
        if known is None:
            before, self._places = self._places, 1
            spelled = union(*(self._shape(shape) for shape in values.shapes))
            known = self._known[id(values)] = (values, spelled, self._places)
            self._places = before
        self._places += known[2]
        if self._places > MAX_PLACES:
            raise LimitError(
                f"the schema describes more than {MAX_PLACES:,} places once its references are followed",
                limit=MAX_PLACES,
                given=self._places,
                hint="definitions that use one another several times multiply: nest fewer of them",
            )
        return known[1]

    def _shape(self, shape: Shape) -> Expression:
        match shape:
            case Fixed(values):
                return union(*(fixed(value, self.space) for value in values))
            case Number(whole=True):
                return integers(*shape.integer_bounds)
            case Number(_, low, high, low_open, high_open):
                return numbers(low, high, low_open, high_open)
            case String(low, high, None):
                return free_string(low, high)
            case String():
                return NOTHING if shape.automaton is None else quoted(shape.automaton)
            case Array():
                return self._array(shape)
            case Object():
                return self._object(shape)

    def _array(self, shape: Array) -> Expression:
        longest = shape.longest
        places = [self.expression(place) for place in shape.prefix[:longest]]
        beyond = longest is None or longest > len(places)
        rest = self.expression(shape.items) if beyond else NOTHING
        return array(places, rest, shape.low, longest, self.space)

    def _object(self, shape: Object) -> Expression:
        slots: list[Slot] = [
            (member(quoted(content(name)), self.expression(place), self.space), int(name in shape.required), 1)
            for name, place in shape.members.items()
            if place
        ]
        if shape.additional and (self.open_objects or shape.stated or not shape.lists):
            names = other_strings(shape.members) if shape.members else free_string()
            slots.append((member(names, self.expression(shape.additional), self.space), 0, None))
        return object_(slots, self.space)


def dumps(values: ValueSet, value: Json, separators: tuple[str, str]) -> str:
    """The text of one value of the set: members in the order of the schema, numbers spelled as the bounds demand.

    `separators` are the comma and the colon, as in `json.dumps`. Raises `SpecError` if the value is not in the set.
    """
    comma, colon = separators
    shape = next((shape for shape in values.shapes if value in shape), None)
    match shape, value:
        case None, _:
            raise SpecError(f"{value!r} is not a value that the schema allows")
        case Array(), list():
            items = (dumps(shape.place(index), item, separators) for index, item in enumerate(value))
            return f"[{comma.join(items)}]"
        case Object(), dict():
            names = [name for name in shape.members if name in value]
            names += [name for name in value if name not in shape.members]
            items = (f"{_plain(name)}{colon}{dumps(shape.place(name), value[name], separators)}" for name in names)
            return f"{{{comma.join(items)}}}"
        case Number(), int() | float():
            return _number(shape, value)
        case Fixed(values=listed), _:
            value = listed[[value in Fixed((candidate,)) for candidate in listed].index(True)]
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=separators)


def _plain(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _number(shape: Number, value: int | float) -> str:
    if shape.whole:
        return str(int(value))
    if shape.low is None and shape.high is None:
        return json.dumps(value, allow_nan=False)
    return format(exact(value), "f") if value else "0"
