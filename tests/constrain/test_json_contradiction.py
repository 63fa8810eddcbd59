"""Why a schema has no values. The judge is `jsonschema`, on all small documents: with the keywords that are named none
of them is valid, without them some are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import pytest

from constrain import json_contradiction
from constrain.errors import UnsatisfiableError
from constrain.json_contradiction import contradictions
from constrain.json_schema import Options, schema_language
from constrain.specs import JsonSchema
from tests.constrain.json_judge import verdict_of

BAD = {"type": "integer", "minimum": 5, "maximum": 3}
BAD_KEYWORDS = ["type", "minimum", "maximum"]
DRAFT_4 = {"$schema": "http://json-schema.org/draft-04/schema#"}
DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}

CASES: list[tuple[Any, str, list[str]]] = [
    (BAD, "", BAD_KEYWORDS),
    ({"type": "string", "minLength": 3, "maxLength": 2, "title": "t"}, "", ["type", "minLength", "maxLength"]),
    ({"type": "string", "format": "date", "maxLength": 9}, "", ["type", "format", "maxLength"]),
    ({"type": "string", "pattern": "a^"}, "", ["type", "pattern"]),
    ({"enum": []}, "", ["enum"]),
    ({"const": 2, "maximum": 1}, "", ["const", "maximum"]),
    ({"not": {}}, "", ["not"]),
    ({"allOf": [{"type": "string"}, {"type": "null"}, {}]}, "", ["allOf/0/type", "allOf/1/type"]),
    ({"type": "string", "anyOf": [{"type": "null"}, BAD]}, "", ["type", "anyOf/0/type", "anyOf/1/type"]),
    ({"type": "string", "oneOf": [{"const": 1}, {"const": 2}]}, "", ["type", "oneOf"]),
    ({"oneOf": [{"type": "integer"}, {"type": "integer"}]}, "", ["oneOf"]),
    ({"if": {"type": "integer"}, "then": False, "else": {"type": "integer"}}, "", ["then", "else/type"]),
    ({"type": "object", "properties": {"age": BAD, "a": {}}, "required": ["age"]}, "/properties/age", BAD_KEYWORDS),
    (
        {"type": "object", "required": ["a"], "additionalProperties": False},
        "",
        ["type", "required", "additionalProperties"],
    ),
    ({"type": "object", "minProperties": 2, "maxProperties": 1}, "", ["type", "minProperties", "maxProperties"]),
    (
        {"type": "object", "required": ["abc"], "propertyNames": {"maxLength": 2, "minLength": 1}},
        "",
        ["type", "required", "propertyNames/maxLength"],
    ),
    (
        {
            "type": "object",
            "allOf": [{"properties": {"a": {"const": 1}}}],
            "properties": {"a": {"minimum": 2}},
            "required": ["a"],
        },
        "",
        ["allOf/0/properties/a/const", "properties/a/minimum", "required", "type"],
    ),
    (
        {"allOf": [{"properties": {"b": {}}}], "type": "object", "required": ["a"], "unevaluatedProperties": False},
        "",
        ["type", "required", "unevaluatedProperties"],
    ),
    ({"allOf": [BAD], "unevaluatedProperties": False}, "/allOf/0", BAD_KEYWORDS),
    ({"type": "array", "prefixItems": [True, BAD], "minItems": 2}, "/prefixItems/1", BAD_KEYWORDS),
    (
        {"type": "array", "items": {"type": "string"}, "contains": {"type": "integer"}},
        "",
        ["type", "items/type", "contains/type"],
    ),
    (
        {
            "type": "object",
            "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/x"}, "minItems": 1}},
            "required": ["a"],
            "$defs": {"x": BAD},
        },
        "/$defs/x",
        BAD_KEYWORDS,
    ),
    ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "/properties/a", ["$ref"]),
    (
        {**DRAFT_4, "type": "integer", "minimum": 3, "exclusiveMinimum": True, "maximum": 3},
        "",
        ["type", "minimum", "exclusiveMinimum", "maximum"],
    ),
    (
        {**DRAFT_7, "type": "object", "required": ["a"], "dependencies": {"a": {"maxProperties": 0}}},
        "",
        ["type", "required", "dependencies/a/maxProperties"],
    ),
]


def names_in(schema: Any) -> set[str]:
    match schema:
        case dict():
            listed = {*schema.get("properties", {}), *schema.get("required", [])}
            return listed.union(*map(names_in, schema.values()))
        case list():
            return set().union(*map(names_in, schema))
    return set()


def small_documents(schema: Any) -> Iterator[Any]:
    names = sorted(names_in(schema))
    scalars = [None, True, 0, 1, 3, 4, 5, 2.5, "", "a", "ab", "abcd", "2024-01-01"]
    flat = [*scalars, [], {}, ["a"], [1], [1, 1], [1, "a"], [5, 5]]
    yield from flat
    yield from ({"a": 1, "x": value} for value in flat)
    for name in names:
        yield from ({name: value} for value in flat)
        yield from ({name: {name: value}} for value in flat)
    for one, other in combinations(names, 2):
        yield from ({one: a, other: b} for a, b in product(scalars, repeat=2))


def without(schema: Any, pointers: tuple[str, ...]) -> Any:
    """A copy of the schema without the keywords; subschemas of a list, and of members, admit everything instead."""
    changed = json.loads(json.dumps(schema))
    for pointer in pointers:
        tokens = pointer.split("/")[1:]
        around: Any = changed
        for token in tokens[:-1]:
            around = around[int(token) if isinstance(around, list) else token]
        if isinstance(around, list):
            around[int(tokens[-1])] = {}
        elif tokens[-2:-1] == ["properties"]:
            around[tokens[-1]] = {}
        else:
            del around[tokens[-1]]
    return changed


@pytest.mark.parametrize(("schema", "pointer", "keywords"), CASES, ids=[json.dumps(case[0])[:60] for case in CASES])
def test_the_keywords_that_clash_are_named(schema: Any, pointer: str, keywords: list[str]) -> None:
    (found,) = contradictions(schema_language(schema))
    assert found.pointer == pointer
    assert sorted(found.keywords) == sorted(f"{pointer}/{keyword}" for keyword in keywords)
    assert (pointer or "the root") in found.reason
    endless = "without end" in found.reason
    is_valid, is_valid_without = verdict_of(schema), verdict_of(without(schema, found.keywords))
    documents = list(small_documents(schema))
    assert endless or not any(map(is_valid, documents))
    assert any(map(is_valid_without, documents))


@pytest.mark.parametrize("schema", [False, {"$ref": "#/$defs/never", "$defs": {"never": False}}])
def test_false_has_no_values(schema: Any) -> None:
    (found,) = contradictions(schema_language(schema))
    assert "false" in found.reason or "$ref" in found.reason


def test_several_contradictions_are_told_one_by_one() -> None:
    schema = {"type": "object", "properties": dict.fromkeys("abcde", BAD), "required": list("abcde")}
    found = contradictions(schema_language(schema))
    assert [each.pointer for each in found] == ["/properties/a", "/properties/b", "/properties/c"]
    two = {**schema, "required": ["a", "b"]}
    found = contradictions(schema_language(two))
    pointers = tuple(pointer for each in found for pointer in each.keywords)
    assert verdict_of(without(two, pointers))({"a": 1, "b": 1})
    with pytest.raises(UnsatisfiableError) as caught:
        _ = JsonSchema(two).automaton
    assert "at /properties/a, type" in caught.value.message
    assert "besides, at /properties/b" in str(caught.value.hint)
    assert caught.value.pointer == "/properties/a"


def test_many_members_do_not_hide_it() -> None:
    members = {f"p{i}": {"type": "string", "minLength": i} for i in range(200)}
    schema = {"type": "object", "properties": {**members, "bad": BAD}, "required": ["p3", "bad", "p5"]}
    (found,) = contradictions(schema_language(schema))
    assert found.pointer == "/properties/bad"
    assert len(found.keywords) == 3


def test_objects_closed_by_the_option_are_named_so() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "null"}}, "minProperties": 2}
    assert not contradictions(schema_language(schema))
    (found,) = contradictions(schema_language(schema, Options(additional_properties_default=False)))
    assert found.keywords == ("/type", "/minProperties")
    assert "additional_properties_default=False closes" in found.reason


def test_values_that_nest_too_deep_are_no_contradiction() -> None:
    spec = JsonSchema({"type": "array", "items": {"type": "array", "minItems": 1}, "minItems": 1}, max_depth=0)
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"prefixItems": [{"anyOf": [{"const": 1}, {"$ref": "#/$defs/a"}]}]}}}
    assert not contradictions(spec.language)
    assert not contradictions(schema_language(schema))


@pytest.mark.parametrize("limit", ["MAX_TRIALS", "MAX_SECONDS"])
def test_the_search_ends_when_its_budget_does(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_contradiction, limit, 0)
    schema = {"type": "object", "properties": {"a": BAD}, "required": ["a"]}
    (found,) = contradictions(schema_language(schema))
    assert found.pointer in ("", "/properties/a")
    assert found.reason


def test_without_a_contradiction_nothing_more_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_contradiction, "contradictions", lambda language: [])
    with pytest.raises(UnsatisfiableError, match="no text satisfies JSON schema") as caught:
        _ = JsonSchema(False).automaton
    assert caught.value.hint == "its rules contradict each other"
