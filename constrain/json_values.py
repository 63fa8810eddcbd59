"""Sets of JSON values: what a schema means, before anything is spelled.

A `ValueSet` is a union of shapes, and each shape describes values of one type (`Fixed` lists values of any types).
Shapes are closed under intersection: objects meet member by member and arrays item by item, whatever the order in
which two schemas name their members. So `$ref`, `allOf` and `anyOf` beside other keywords need no automata, and two
sets are disjoint as sets of values, not only as sets of texts, exactly when their intersection has no shapes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Final, TypeAlias

from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.expression import compile_expression
from constrain.json_text import Json, canonical_string, canonical_text

__all__ = ["ANY", "NOTHING", "Array", "Fixed", "Number", "Object", "Shape", "String", "ValueSet", "any_of", "either"]

MAX_PAIRS = 100_000  # alternatives of one set times those of another


@dataclass(frozen=True, eq=False)
class Fixed:
    """Exactly the listed values. 1 and 1.0 are equal, 1 and true are not."""

    values: tuple[Json, ...]

    @cached_property
    def _keys(self) -> frozenset[object]:
        return frozenset(_key(value) for value in self.values)

    def __contains__(self, value: Json) -> bool:
        return _key(value) in self._keys


@dataclass(frozen=True, eq=False)
class Number:
    """Numbers between the bounds, None standing for no bound; `whole` admits only those without a fraction."""

    whole: bool = False
    low: Decimal | None = None
    high: Decimal | None = None
    low_open: bool = False
    high_open: bool = False

    @property
    def integer_bounds(self) -> tuple[int | None, int | None]:
        """The least and the greatest integer within the bounds."""
        low = high = None
        if self.low is not None:
            low = math.ceil(self.low)
            low += self.low_open and low == self.low
        if self.high is not None:
            high = math.floor(self.high)
            high -= self.high_open and high == self.high
        return low, high

    @property
    def is_empty(self) -> bool:
        low, high = self.integer_bounds if self.whole else (self.low, self.high)
        if low is None or high is None:
            return False
        return low > high or (low == high and not self.whole and (self.low_open or self.high_open))

    def __contains__(self, value: Json) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        if self.whole and value != int(value):
            return False
        number = exact(value)
        above = self.low is None or (number > self.low if self.low_open else number >= self.low)
        return above and (self.high is None or (number < self.high if self.high_open else number <= self.high))

    def __and__(self, other: Number) -> Number:
        low, low_open = self.low, self.low_open
        if other.low is not None and (low is None or (other.low, other.low_open) > (low, low_open)):
            low, low_open = other.low, other.low_open
        high, high_open = self.high, self.high_open
        if other.high is not None and (high is None or (other.high, not other.high_open) < (high, not high_open)):
            high, high_open = other.high, other.high_open
        return Number(self.whole or other.whole, low, high, low_open, high_open)


@dataclass(frozen=True, eq=False)
class String:
    """Strings of `low` to `high` code points whose content, canonically spelled, is in `pattern` (None: any)."""

    low: int = 0
    high: int | None = None
    pattern: Automaton | None = None

    @cached_property
    def automaton(self) -> Automaton | None:
        """The pattern and the lengths together; None without a pattern."""
        if self.pattern is None or (not self.low and self.high is None):
            return self.pattern
        return self.pattern & compile_expression(canonical_string(self.low, self.high))

    @property
    def is_empty(self) -> bool:
        if self.high is not None and self.low > self.high:
            return True
        return self.automaton is not None and self.automaton.is_empty()

    def __contains__(self, value: Json) -> bool:
        if not isinstance(value, str) or len(value) < self.low or (self.high is not None and len(value) > self.high):
            return False
        return self.pattern is None or self.pattern.accepts(canonical_text(value)[1:-1])

    def __and__(self, other: String) -> String:
        return String(max(self.low, other.low), _least(self.high, other.high), _both(self.pattern, other.pattern))


@dataclass(frozen=True, eq=False)
class Array:
    """Arrays of `low` to `high` items: the first ones from `prefix`, in order, the others from `items`."""

    items: ValueSet
    prefix: tuple[ValueSet, ...] = ()
    low: int = 0
    high: int | None = None

    @cached_property
    def longest(self) -> int | None:
        """`high`, or less where an item is impossible."""
        places = (*self.prefix, self.items)
        impossible = next((index for index, place in enumerate(places) if not place), None)
        return _least(self.high, impossible)

    @property
    def is_empty(self) -> bool:
        return self.longest is not None and self.low > self.longest

    def place(self, index: int) -> ValueSet:
        return self.prefix[index] if index < len(self.prefix) else self.items

    def __contains__(self, value: Json) -> bool:
        if not isinstance(value, list) or len(value) < self.low or (self.high is not None and len(value) > self.high):
            return False
        return all(item in self.place(index) for index, item in enumerate(value))

    def __and__(self, other: Array) -> Array:
        length = max(len(self.prefix), len(other.prefix))
        prefix = tuple(self.place(index) & other.place(index) for index in range(length))
        return Array(self.items & other.items, prefix, max(self.low, other.low), _least(self.high, other.high))


@dataclass(frozen=True, eq=False)
class Object:
    """Objects with the `required` names, each member from `members` by its name, all others from `additional`.

    The order of `members` is that in which they are written. `lists` says that a schema listed members, and `stated`
    that one spoke of additional ones; a writer may keep to the lists where nothing is stated.
    """

    members: Mapping[str, ValueSet]
    required: frozenset[str]
    additional: ValueSet
    stated: bool = False
    lists: bool = False

    @property
    def is_empty(self) -> bool:
        return not all(self.place(name) for name in self.required)

    def place(self, name: str) -> ValueSet:
        return self.members.get(name, self.additional)

    def __contains__(self, value: Json) -> bool:
        if not isinstance(value, dict) or not self.required <= value.keys():
            return False
        return all(item in self.place(name) for name, item in value.items())

    def __and__(self, other: Object) -> Object:
        required = self.required | other.required
        met: dict[str, ValueSet] = {}
        for name in sorted(required):  # first, because one impossible member settles the whole
            met[name] = self.place(name) & other.place(name)
            if not met[name]:
                return Object({name: NOTHING}, frozenset([name]), NOTHING)
        for name in (*self.members, *other.members):
            if name not in met:
                met[name] = self.place(name) & other.place(name)
        ordered = {name: met[name] for name in (*self.members, *other.members, *sorted(required))}
        stated, lists = self.stated or other.stated, self.lists or other.lists
        return Object(ordered, required, self.additional & other.additional, stated=stated, lists=lists)


Shape: TypeAlias = Fixed | Number | String | Array | Object


@dataclass(frozen=True, eq=False)
class ValueSet:
    """The union of `shapes`, none of which is empty. Build with `either`. Compared by identity."""

    shapes: tuple[Shape, ...] = field(default=())

    def __bool__(self) -> bool:
        """Whether there is any value in the set."""
        return bool(self.shapes)

    def __contains__(self, value: Json) -> bool:
        return any(value in shape for shape in self.shapes)

    def __and__(self, other: ValueSet) -> ValueSet:
        return _intersection(self, other)

    def meets(self, other: ValueSet) -> bool:
        """Whether some value is in both sets: as `bool(self & other)`, but only until the first is found."""
        return any(either([_meet(x, y)]) for x in self.shapes for y in other.shapes)


def either(shapes: Iterable[Shape | None]) -> ValueSet:
    """The union of the shapes that are not empty, with all fixed values in one list."""
    values: dict[object, Json] = {}
    others: list[Shape] = []
    for shape in shapes:
        if isinstance(shape, Fixed):
            for value in shape.values:
                values.setdefault((_key(value), type(value)), value)
        elif shape is not None and not shape.is_empty:
            others.append(shape)
    return ValueSet((Fixed(tuple(values.values())), *others) if values else tuple(others))


def any_of(sets: Iterable[ValueSet]) -> ValueSet:
    """The union of the sets."""
    listed = list(sets)
    return ANY if any(each is ANY for each in listed) else either(shape for each in listed for shape in each.shapes)


@lru_cache(maxsize=4096)  # by identity: a schema that uses a definition twice stays a graph and does not become a tree
def _intersection(a: ValueSet, b: ValueSet) -> ValueSet:
    if b is ANY or a is b:
        return a
    if a is ANY:
        return b
    pairs = len(a.shapes) * len(b.shapes)
    if pairs > MAX_PAIRS:
        raise LimitError(
            f"two sets of {len(a.shapes):,} and {len(b.shapes):,} alternatives have to be combined with each other",
            limit=MAX_PAIRS,
            given=pairs,
            hint="put fewer anyOf and oneOf, or references to them, beside one another",
        )
    return either(_meet(x, y) for x in a.shapes for y in b.shapes)


def _meet(a: Shape, b: Shape) -> Shape | None:
    match a, b:
        case Fixed(), _:
            return Fixed(tuple(value for value in a.values if value in b))
        case _, Fixed():
            return _meet(b, a)
        case (Number(), Number()) | (String(), String()) | (Array(), Array()) | (Object(), Object()):
            return a & b  # type: ignore[operator]  # the two are of one class
    return None


def exact(number: int | float) -> Decimal:
    """The decimal that a number in a schema denotes: 0.1 is one tenth.

    From 2^53 on a double is an integer, often not the one that its shortest spelling denotes, and it is compared with
    integers as that integer.
    """
    return Decimal(repr(number)) if isinstance(number, float) and abs(number) < 2**53 else Decimal(number)


def _least(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)


def _both(a: Automaton | None, b: Automaton | None) -> Automaton | None:
    if a is None or b is None or a is b:
        return a if b is None else b
    return a & b


def _key(value: Json) -> object:
    """Hashable, and equal for equal JSON values."""
    match value:
        case bool() | None:
            return repr(value)
        case str():
            return ("string", value)
        case list():
            return tuple(_key(item) for item in value)
        case dict():
            return frozenset((name, _key(item)) for name, item in value.items())
    return value


NOTHING: Final = ValueSet()
ANY: Final = ValueSet()
object.__setattr__(
    ANY,
    "shapes",
    (Fixed((None, False, True)), Number(), String(), Array(items=ANY), Object({}, frozenset(), ANY)),
)
