"""Items that come from a list, and are unique. The judge is `jsonschema`, on all short arrays."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.errors import UnsatisfiableError
from constrain.expression import NOTHING, compile_expression
from constrain.specs import JsonSchema
from tests.constrain.json_judge import verdict_of

VALUES = [None, True, False, 0, 1, 1.0, "a", "b", "1"]


def check(schema: Any, values: list[Any], longest: int) -> None:
    spec, is_valid = JsonSchema(schema), verdict_of(schema)
    assert not spec.residual
    try:
        language = spec.automaton
    except UnsatisfiableError:
        language = compile_expression(NOTHING)
    for length in range(longest + 1):
        for items in product(values, repeat=length):
            assert language.accepts(json.dumps(items).encode()) == is_valid([*items]), items


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(VALUES), min_size=1, max_size=4), st.booleans(), st.data())
def test_listed_items_are_told_apart_by_the_automaton(listed: list[Any], negated: bool, data: st.DataObject) -> None:
    schema: dict[str, Any] = {"type": "array", "items": {"enum": listed}}
    schema |= {"not": {"uniqueItems": True}} if negated else {"uniqueItems": True}
    for bound in ("minItems", "maxItems"):
        if data.draw(st.booleans()):
            schema[bound] = data.draw(st.integers(0, 3))
    check(schema, VALUES[: len(VALUES) if len(listed) < 3 else 7], 3)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True},
        {"type": "array", "items": {"type": ["null", "boolean"]}, "uniqueItems": True, "minItems": 2},
        {"type": "array", "prefixItems": [{"enum": [1, 0]}, {"enum": [1, "a"]}], "items": False, "uniqueItems": True},
        {"type": "array", "prefixItems": [{"const": "a"}], "items": {"enum": ["a", "b", None]}, "uniqueItems": True},
        {"type": "array", "prefixItems": [{"enum": [1, 0]}, {"const": 1}], "maxItems": 2, "uniqueItems": True},
        {"type": "array", "items": {"enum": [*"abcdefg"]}, "maxItems": 2, "uniqueItems": True},
        {"type": "array", "items": {"type": "number"}, "maxItems": 1, "uniqueItems": True},
        {
            "type": "array",
            "allOf": [{"items": {"enum": ["a", 1]}}, {"items": {"enum": ["b", 1]}}, {"uniqueItems": True}],
        },
        {
            "type": "array",
            "items": {"enum": ["a", 1]},
            "anyOf": [{"uniqueItems": True, "minItems": 2}, {"maxItems": 1}, {"const": [1, 1]}],
        },
        {
            "type": "array",
            "items": {"enum": ["a", 1, True]},
            "if": {"uniqueItems": True},
            "then": {"contains": {"const": 1}},
        },
    ],
    ids=str,
)
def test_lists_in_all_places(schema: Any) -> None:
    check(schema, [*VALUES, "c"], 3)


@pytest.mark.parametrize(
    "items",
    [{"type": "integer"}, {"enum": [[], 1]}, {"enum": [*range(9)]}, {"enum": [1, {}]}, {"pattern": "^a$"}, {}],
    ids=str,
)
def test_other_items_are_left_to_the_check_on_the_text(items: Any) -> None:
    schema = {"type": "array", "items": items, "uniqueItems": True}
    spec, is_valid = JsonSchema(schema), verdict_of(schema)
    assert spec.residual
    values: list[Any] = [[], [1], [1, 1], [1, 2], ["a", "a"], [[], []], [[], 1], [1, 1.0]]
    for value in values:
        text = json.dumps(value)
        assert spec.accepts(text) == is_valid(value)
        assert spec.accepts(text, residual=False) >= is_valid(value)


def test_listed_items_below_a_negation_need_no_check() -> None:
    inner = {"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True}
    schema = {"type": "object", "required": ["a"], "not": {"properties": {"a": inner}}, "additionalProperties": False}
    schema["properties"] = {"a": {"type": "array", "items": {"enum": [1, 2]}}}
    spec, is_valid = JsonSchema(schema), verdict_of(schema)
    assert not spec.residual
    for items in ([], [1], [1, 2], [2, 2], [1, 2, 1]):
        assert spec.accepts(json.dumps({"a": items})) == is_valid({"a": items})
