"""`unevaluatedProperties` and `unevaluatedItems` beside every keyword that evaluates, judged by `jsonschema`."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from constrain.errors import LimitError
from constrain.specs import JsonSchema
from tests.constrain.json_judge import verdict_of
from tests.constrain.json_meaning import ARRAYS, OBJECTS, holds, read
from tests.suite.official import DIALECTS

NUMBER: Any = {"type": "number"}
WORD: Any = {"type": "string"}
A: Any = {"properties": {"a": {}}}
B: Any = {"properties": {"b": NUMBER}, "required": ["b"]}
MEMBERS: list[Any] = [
    *({}, A, {"patternProperties": {"b$": {}}}, {"additionalProperties": NUMBER}, {"unevaluatedProperties": WORD}),
    *({"allOf": [A, B]}, {"anyOf": [A, B]}, {"oneOf": [{"required": ["a"]}, B]}, {"not": {"not": A}}, {"not": B}),
    {"anyOf": [{"anyOf": [A, B]}, {"patternProperties": {"^a": NUMBER}}]},
    {"if": {"properties": {"a": NUMBER}, "required": ["a"]}, "then": B, "else": {"properties": {"z": {}}}},
    {"if": B},
    {"if": A, "else": B},
    {"dependentSchemas": {"a": B, "z": {"additionalProperties": True}}},
    {"$ref": "#/$defs/a", "properties": {"b": {}}},
    {"properties": {"a": {"properties": {"b": {}}}}, "propertyNames": {"maxLength": 2}},
]
ITEMS: list[Any] = [
    *({}, {"contains": NUMBER}, {"contains": {"const": "a"}, "minContains": 0, "maxContains": 1}),
    *({"unevaluatedItems": WORD}, {"allOf": [{"contains": NUMBER}, {"contains": WORD}]}, {"not": {"minItems": 3}}),
    {"anyOf": [{"contains": NUMBER}, {"maxItems": 1}]},
]
PREFIXES: list[Any] = [
    *({"prefixItems": [{}, NUMBER]}, {"prefixItems": [{}], "items": NUMBER}, {"items": NUMBER}),
    {"anyOf": [{"prefixItems": [NUMBER]}, {"prefixItems": [{}, WORD]}, {"minItems": 3}]},
    {"if": {"prefixItems": [NUMBER]}, "then": {"prefixItems": [{}, {}]}, "else": {"contains": NUMBER}},
    {"prefixItems": [{}], "contains": WORD, "oneOf": [{"contains": NUMBER}, {"maxItems": 2}]},
    {"$ref": "#/$defs/items"},
]
DEFINITIONS: Any = {"a": A, "items": {"prefixItems": [{}, {}]}}


@pytest.mark.parametrize("left", [False, NUMBER, WORD], ids=json.dumps)
@pytest.mark.parametrize("draft", ["draft2019-09", "draft2020-12"])
@pytest.mark.parametrize("schema", MEMBERS, ids=json.dumps)
def test_members_that_nothing_else_has_evaluated(schema: Any, draft: str, left: Any) -> None:
    """The two drafts agree about members. (`jsonschema` forgets `additionalProperties` under the older one.)"""
    whole = {"unevaluatedProperties": left, **schema, "$defs": DEFINITIONS}
    is_valid, formula = verdict_of(whole), read({"$schema": DIALECTS[draft], **whole}).formula
    for value in OBJECTS:
        assert holds(formula, value) == is_valid(value), value
    for value in ([], [1], "a", None):
        assert holds(formula, value) == is_valid(value), value


@pytest.mark.parametrize("left", [False, NUMBER, WORD], ids=json.dumps)
@pytest.mark.parametrize("schema", [*ITEMS, *PREFIXES], ids=json.dumps)
def test_items_that_nothing_else_has_evaluated(schema: Any, left: Any) -> None:
    whole = {"unevaluatedItems": left, **schema, "$defs": DEFINITIONS}
    is_valid, formula = verdict_of(whole), read(whole).formula
    for value in ARRAYS:
        assert holds(formula, value) == is_valid(value), value


@pytest.mark.parametrize("seed", range(100))
def test_applied_schemas_evaluate_as_far_as_they_hold(seed: int) -> None:
    rng = Random(seed)
    pool, values = rng.choice([(MEMBERS[:-2], OBJECTS), (ITEMS + PREFIXES[:-1], ARRAYS)])
    keyword = "unevaluatedProperties" if values is OBJECTS else "unevaluatedItems"
    one, two, three = rng.sample(pool, 3)
    applied: list[Any] = [
        *({"anyOf": [one, two]}, {"oneOf": [one, two, three]}, {"allOf": [one, {"anyOf": [two, three]}]}),
        *({"if": one, "then": two, "else": three}, {"not": one, "anyOf": [two]}, {"dependentSchemas": {"a": one}}),
    ]
    schema = {keyword: rng.choice([False, NUMBER]), **rng.choice(applied)}
    is_valid, formula = verdict_of(schema), read(schema).formula
    for value in values:
        assert holds(formula, value) == is_valid(value), (schema, value)


@pytest.mark.parametrize("draft", ["draft2019-09", "draft2020-12"])
def test_the_check_of_the_finished_text_knows_what_is_evaluated(draft: str) -> None:
    """That a check is needed at all is due to `uniqueItems`."""
    schema = {"$schema": DIALECTS[draft], "additionalProperties": {"uniqueItems": True}, "unevaluatedProperties": False}
    spec = JsonSchema(schema)
    assert spec.residual
    assert spec.accepts('{"a":[1,2]}')
    assert not spec.accepts('{"a":[1,1]}')


def test_contains_evaluates_from_2020_on() -> None:
    for draft, valid in (("draft2019-09", False), ("draft2020-12", True)):
        schema = {"$schema": DIALECTS[draft], "contains": NUMBER, "unevaluatedItems": False}
        assert holds(read(schema).formula, [1]) == valid


def test_sets_of_names_beyond_the_limit() -> None:
    def schema(count: int) -> Any:
        branches = [{"patternProperties": {f"^{n}": {}}, "required": [f"{n}"]} for n in range(count)]
        return {"type": "object", "properties": {"inner": {"anyOf": branches, "unevaluatedProperties": False}}}

    spec = JsonSchema({**schema(3)["properties"]["inner"], "type": "object"})
    assert spec.accepts('{"2":0,"22":0}')
    assert not spec.accepts('{"2":0,"11":0}')
    with pytest.raises(LimitError, match=r"^at /properties/inner/unevaluatedProperties: 7 sets of names") as caught:
        JsonSchema(schema(7))
    assert (caught.value.limit, caught.value.given) == (6, 7)
    assert caught.value.hint


def test_contains_beyond_the_limit() -> None:
    schema: Any = {"allOf": [{"contains": {"const": n}} for n in range(7)], "unevaluatedItems": False}
    with pytest.raises(LimitError, match=r"^at /unevaluatedItems: 7 contains") as caught:
        JsonSchema(schema)
    assert (caught.value.limit, caught.value.given) == (6, 7)
    assert holds(read({**schema, "allOf": schema["allOf"][:6]}).formula, [5, 4, 3, 2, 1, 0, 0])
