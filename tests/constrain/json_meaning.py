"""What formulas over atoms mean, value by value, by the definitions of the atoms; and a world of small JSON values."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from constrain.json_atoms import (
    AtLeast,
    AtMost,
    Containing,
    CountFrom,
    Has,
    IsKind,
    ItemIs,
    ItemsAre,
    LengthFrom,
    Matches,
    MemberIs,
    MembersAre,
    MultipleOf,
    NumberAmong,
    SizeFrom,
    Subschema,
    TextAmong,
    Unique,
    Whole,
)
from constrain.json_formula import Formula
from constrain.json_reader import Reader
from constrain.json_references import root_site
from tests.constrain.json_judge import same

__all__ = ["ARRAYS", "NUMBERS", "OBJECTS", "STRINGS", "VALUES", "evaluate", "holds", "kind_of", "number_of", "read"]

NUMBERS: list[Any] = [0, 1, 2, 3, 4, 6, 10, -1, -3, 1.0, 3.0, 0.5, 2.5, -1.25, 1e22, 12345]
STRINGS = ["", "a", "b", "ab", "bb", "abc", "abcd", "é", "😀", 'q"', "x-1", "12", "2024-02-29", "1.2.3.4"]
_SCALARS: list[Any] = [None, True, False, *NUMBERS, *STRINGS]
_FEW: list[Any] = [None, True, 0, 1, "a", "bb"]
ARRAYS: list[Any] = [
    *([], [[]], [{}], [[1]], [{"a": 1}], [{"a": 1}, {"a": 1}], [[1, 2], [2, 1]], [1, 2, 3, 4]),
    *([one] for one in _SCALARS[:24]),
    *([one, other] for one in _FEW for other in _FEW),
    *([one, other, 1] for one in ("a", 1, True) for other in (1, 1.0, "a", None)),
]
OBJECTS: list[Any] = [
    *({}, {"a": {}}, {"a": []}, {"a": {"a": 1}}, {"b": {"a": {}}}, {"": 1}, {'q"': 1}, {"é": "é"}),
    *({name: value} for name in ("a", "b", "ab", "z") for value in _FEW),
    *({"a": one, "b": other} for one in (1, "a", None) for other in (1, "a", True)),
    *({"a": 1, "b": other, "c": "a"} for other in (1, "a")),
    *({"a": one, "z": other} for one in (1, "a") for other in (1, "a")),
    *({"ab": 1, "ac": "a"}, {"x-1": 1, "y": 1}, {"a": 1, "b": 1, "c": 1, "ab": 1}),
]
VALUES: list[Any] = [*_SCALARS, *ARRAYS, *OBJECTS]


def read(schema: Any, **options: Any) -> Subschema:
    """The schema as a whole."""
    return Reader(**options).subschema(root_site(schema))


def kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return "number"
        case str():
            return "string"
    return "array" if isinstance(value, list) else "object"


def number_of(value: float) -> Decimal:
    """The number that `json.dumps` writes."""
    return Decimal(repr(value))


def evaluate(formula: Formula, truth: Callable[[Any], bool]) -> bool:
    """The value of a formula where `truth` is that of its atoms."""
    if formula.kind == "atom":
        return truth(formula.atom) == formula.positive
    return (all if formula.kind == "all" else any)(evaluate(part, truth) for part in formula.parts)


def holds(formula: Formula, value: Any) -> bool:
    """Whether the formula holds of a JSON value. Atoms about other kinds of values than this one are false."""
    return evaluate(formula, lambda each: _is_true(each, value))


def _is_true(each: Hashable, value: Any) -> bool:
    if isinstance(each, IsKind):
        return kind_of(value) == each.kind
    match kind_of(value):
        case "number":
            return _of_number(each, number_of(value), value)
        case "string":
            return _of_string(each, value)
        case "array":
            return _of_array(each, value)
        case "object":
            return _of_object(each, value)
    return False


def _of_number(each: Hashable, number: Decimal, value: float) -> bool:
    match each:
        case AtLeast(bound, strict):
            return number > bound if strict else number >= bound
        case AtMost(bound, strict):
            return number < bound if strict else number <= bound
        case Whole(fraction):
            return number == int(number) if fraction else isinstance(value, int)
        case MultipleOf(divisor):
            return Fraction(number) % Fraction(divisor) == 0
        case NumberAmong(values):
            return number in values
    return False


def _of_string(each: Hashable, text: str) -> bool:
    match each:
        case LengthFrom(low):
            return len(text) >= low
        case Matches(pattern):
            return re.search(pattern, text) is not None
        case TextAmong(values):
            return text in values
    return False


def _of_array(each: Hashable, items: list[Any]) -> bool:
    match each:
        case ItemIs(index, schema):
            return _all(schema, items[index : index + 1])
        case ItemsAre(start, schema):
            return _all(schema, items[start:])
        case CountFrom(low):
            return len(items) >= low
        case Containing(schema, low):
            return sum(holds(schema.formula, item) for item in items) >= low
        case Unique():
            return not any(same(item, other) for n, item in enumerate(items) for other in items[:n])
    return False


def _of_object(each: Hashable, members: Mapping[str, Any]) -> bool:
    match each:
        case Has(name):
            return name in members
        case MemberIs(name, schema):
            return name not in members or holds(schema.formula, members[name])
        case MembersAre(names, schema):
            return _all(schema, (value for name, value in members.items() if holds(names, name)))
        case SizeFrom(low):
            return len(members) >= low
    return False


def _all(schema: Subschema, values: Iterable[Any]) -> bool:
    return all(holds(schema.formula, value) for value in values)
