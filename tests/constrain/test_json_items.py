"""The automaton of an array admits the arrays that `jsonschema` finds valid; an item has at most one way on."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from constrain import json_locations
from constrain.errors import LimitError
from constrain.json_atoms import CountFrom, of_kind
from constrain.json_formula import FALSE, TRUE, atom
from constrain.json_items import Items, items_of
from tests.constrain.json_judge import verdict_of
from tests.constrain.json_meaning import ARRAYS, holds, read

INNER: list[Any] = [
    *(True, False, {"type": "integer"}, {"type": "string"}, {"const": 1}, {"enum": ["a", 1]}, {"maxLength": 1}),
    *({"required": ["a"]}, {"minItems": 1}, {"not": {"type": "integer"}}, {"type": ["null", "boolean"]}),
]


def random_array_schema(rng: Random, depth: int = 2) -> dict[str, Any]:
    """Every keyword about items that an automaton can decide."""
    schema: dict[str, Any] = {}
    if rng.random() < 0.5:
        schema["prefixItems"] = rng.choices(INNER, k=rng.randint(1, 3))
    if rng.random() < 0.5:
        schema["items"] = rng.choice(INNER)
    if rng.random() < 0.4:
        schema["contains"] = rng.choice(INNER[2:])
        schema |= {keyword: rng.randint(0, 2) for keyword in ("minContains", "maxContains") if rng.random() < 0.4}
    schema |= {keyword: rng.randint(0, 3) for keyword in ("minItems", "maxItems") if rng.random() < 0.2}
    if rng.random() < 0.15:
        schema["unevaluatedItems"] = rng.choice(INNER)
    if depth and rng.random() < 0.6:
        inner = [random_array_schema(rng, depth - 1) for _ in range(3)]
        applied: dict[str, Any] = {"if": inner[0], "then": inner[1], "else": inner[2], "not": inner[0]}
        applied |= {keyword: inner[: rng.randint(1, 3)] for keyword in ("anyOf", "oneOf", "allOf")}
        schema |= {
            keyword: applied[keyword]
            for keyword in rng.choice([["if", "then", "else"], ["not"], ["oneOf"], ["anyOf"], ["allOf"]])
        }
    return schema


def items(schema: Any) -> Items | None:
    """The automaton, None if the schema is seen at once to have no arrays."""
    whole = read(schema)
    formula = of_kind("array", whole.formula)
    return None if formula is FALSE else items_of(formula, (whole,))


def admits(automaton: Items, array: list[Any]) -> bool:
    state = 0
    for item in array:
        targets = [target for location, target in automaton.following[state] if holds(location.formula, item)]
        assert len(targets) <= 1, item
        if not targets:
            return False
        state = targets[0]
    return automaton.accepting[state]


@pytest.mark.parametrize("seed", range(100))
def test_arrays_are_admitted_exactly_when_valid(seed: int) -> None:
    schema = random_array_schema(Random(seed))
    automaton, is_valid = items(schema), verdict_of(schema)
    for array in ARRAYS:
        assert (automaton is not None and admits(automaton, array)) == is_valid(array), (schema, array)


@pytest.mark.parametrize(
    ("schema", "states"),
    [
        (True, 1),
        ({"items": {"type": "null"}}, 1),
        ({"minItems": 3}, 4),
        ({"maxItems": 3}, 4),
        ({"minItems": 2, "maxItems": 5}, 6),
        ({"prefixItems": [True] * 3}, 1 + 3),
        ({"contains": {"const": 1}}, 2),
        ({"contains": {"const": 1}, "minContains": 2, "maxContains": 4}, 5),
        ({"anyOf": [{"items": {"type": "string"}}, {"items": {"type": "integer"}}]}, 3),
        ({"anyOf": [{"items": {"type": "string"}}, {"items": {"const": "a"}}]}, 2),
        ({"prefixItems": [False], "items": {"type": "null"}}, 1),
    ],
)
def test_states_are_what_has_to_be_known_of_the_items_before(schema: Any, states: int) -> None:
    automaton = items(schema)
    assert automaton is not None
    assert len(automaton.following) == len(automaton.accepting) <= states


def test_an_array_of_which_nothing_is_said_holds_anything() -> None:
    automaton = items_of(TRUE, ())
    ((location, target),) = automaton.following[0]
    assert (location.formula, target, automaton.accepting) == (TRUE, 0, [True])


def test_too_many_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_locations, "MAX_STATES", 30)
    assert len(items_of(~atom(CountFrom(30)), ()).following) == 30
    with pytest.raises(LimitError, match="what an array may contain") as caught:
        items_of(~atom(CountFrom(31)), ())
    assert (caught.value.limit, caught.value.given) == (30, 31)
