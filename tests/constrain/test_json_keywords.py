"""Which keywords are known, and what their values may be. The judge is the metaschema that ships with `jsonschema`."""

from __future__ import annotations

import copy
import json
from types import MappingProxyType
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.json_keywords import ANNOTATIONS, ENFORCED, LATER, check_keywords, check_size, dialect_of, join

RIGHT: dict[str, list[Any]] = {
    "$schema": ["https://json-schema.org/draft/2020-12/schema"],
    "$id": ["https://example.org"],
    "$ref": ["#/a"],
    "$defs": [{}, {"a": True, "b": {}}],
    "type": ["string", ["null"], ["integer", "null"]],
    "enum": [[1], [1, "a", None]],
    "const": [None, 1, {}],
    "anyOf": [[True], [{}, False]],
    "oneOf": [[{}]],
    "allOf": [[{}]],
    "properties": [{}, {"a": {}, "b": False}],
    "required": [[], ["a", "b"]],
    "additionalProperties": [True, {}],
    "prefixItems": [[{}]],
    "items": [False, {}],
    **{keyword: [0, 3, 2.0] for keyword in ("minItems", "maxItems", "minLength", "maxLength")},
    **{keyword: [0, -1, 2.5] for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")},
    "pattern": ["a"],
    "format": ["date", "unknown"],
}
WRONG: dict[str, list[Any]] = {
    "$schema": [3],
    "$id": [3],
    "$ref": [{}],
    "$defs": [[], {"a": 3}],
    "type": ["strnig", 3, ["string", "strnig"], ["null", "null"], [], None],
    "enum": [3, {}],
    "anyOf": [[], {}, [3], "a"],
    "oneOf": [[], [None]],
    "allOf": [[], True],
    "properties": [[], {"a": 1}, None],
    "required": ["a", [1], ["a", "a"], True],
    "additionalProperties": ["a", None],
    "prefixItems": [[], {}],
    "items": [[{}], None],
    **{keyword: [-1, 1.5, "x", None] for keyword in ("minItems", "maxItems", "minLength", "maxLength")},
    **{keyword: ["3", None, [], {}] for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")},
    "pattern": [3, None],
    "format": [3],
}
PLACES = [(keyword, value) for keyword, values in WRONG.items() for value in values]


def is_schema(value: Any) -> bool:
    return Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid(value)


@pytest.mark.parametrize(("keyword", "value"), PLACES, ids=[f"{keyword}={value}" for keyword, value in PLACES])
def test_malformed_values(keyword: str, value: Any) -> None:
    assert not is_schema({keyword: value})
    with pytest.raises(SpecError) as caught:
        check_keywords({"title": "t", keyword: value}, "/properties/a")
    assert (caught.value.pointer, caught.value.keyword) == (f"/properties/a/{keyword}", keyword)


def test_well_formed_values() -> None:
    assert RIGHT.keys() | {"nullable", "definitions"} == ENFORCED.keys()
    for keyword, values in RIGHT.items():
        for value in values:
            assert is_schema({keyword: value}), (keyword, value)
            check_keywords({keyword: value}, "")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("nullable", "yes"), ("definitions", []), ("enum", []), ("minLength", True), ("minimum", False)],
)
def test_malformed_values_that_the_metaschema_lets_pass_or_does_not_know(keyword: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        check_keywords({keyword: value, "type": "string"}, "")
    assert (caught.value.pointer, caught.value.keyword) == (f"/{keyword}", keyword)


def test_every_keyword_of_the_draft_is_known() -> None:
    vocabularies = Draft202012Validator.META_SCHEMA["allOf"]
    known = ENFORCED.keys() | ANNOTATIONS | LATER
    names = set(Draft202012Validator.META_SCHEMA["properties"])
    for vocabulary in vocabularies:
        resolver = Draft202012Validator(Draft202012Validator.META_SCHEMA)._resolver
        found = resolver.lookup(f"https://json-schema.org/draft/2020-12/{vocabulary['$ref']}").contents
        names |= set(found["properties"])
    assert len(names) > 50
    assert names <= known


@pytest.mark.parametrize("keyword", sorted(LATER))
def test_unenforced_keywords_are_refused(keyword: str) -> None:
    with pytest.raises(UnsupportedError, match="is not supported") as caught:
        check_keywords({keyword: 7}, "/items")
    assert (caught.value.pointer, caught.value.keyword) == (f"/items/{keyword}", keyword)
    assert caught.value.hint


def test_unenforced_keywords_that_assert_nothing() -> None:
    check_keywords({"uniqueItems": False, "minProperties": 0}, "")
    with pytest.raises(UnsupportedError):
        check_keywords({"minProperties": 1}, "")


@pytest.mark.parametrize(
    ("keyword", "hint"),
    [
        ("maxLenght", "'maxLength'"),
        ("propertys", "'properties'"),
        ("additionalproperties", "'additionalProperties'"),
        ("Title", "'title'"),
        ("zzz", "x-"),
    ],
)
def test_unknown_keywords(keyword: str, hint: str) -> None:
    with pytest.raises(UnsupportedError, match="no keyword of JSON Schema") as caught:
        check_keywords({keyword: 1}, "/a")
    assert (caught.value.pointer, caught.value.keyword) == (f"/a/{keyword}", keyword)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("keyword", "value", "hint"),
    [("type", "strnig", "'string'"), ("items", [{}], "prefixItems"), ("exclusiveMinimum", True, "since draft 6")],
)
def test_hints(keyword: str, value: Any, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_keywords({keyword: value}, "")
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("schema", "keyword", "message"),
    [
        ({"$id": "https://example.org"}, "$id", "inside a schema"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema", "two dialects"),
        ({"nullable": True, "anyOf": [True]}, "nullable", "without type"),
    ],
)
def test_keywords_out_of_place(schema: dict[str, Any], keyword: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message) as caught:
        check_keywords(schema, "/items")
    assert (caught.value.pointer, caught.value.keyword) == (f"/items/{keyword}", keyword)
    assert caught.value.hint


def test_what_older_drafts_ignore() -> None:
    dialect = dialect_of({"$schema": "http://json-schema.org/draft-07/schema#"})
    for schema, keyword in (({"$ref": "#", "type": "null"}, "$ref"), ({"prefixItems": [True]}, "prefixItems")):
        with pytest.raises(UnsupportedError, match="ignore") as caught:
            check_keywords(schema, "", dialect)
        assert caught.value.keyword == keyword
        check_keywords(schema, "")
    check_keywords({"$ref": "#", "title": "t", "definitions": {}}, "", dialect)


@pytest.mark.parametrize("dialect", ["http://json-schema.org/draft-04/schema#", "https://example.org/mine", 3])
def test_unknown_dialects(dialect: Any) -> None:
    with pytest.raises(UnsupportedError, match="dialect") as caught:
        dialect_of({"$schema": dialect})
    assert (caught.value.pointer, caught.value.keyword) == ("/$schema", "$schema")


def test_pointers() -> None:
    assert join("", "a/b", 0, "~c", "") == "/a~1b/0/~0c/"


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"a": [1, {1, 2}]}, "/a/1"),
        ({"a": {"b/c": float("nan")}}, "/a/b~1c"),
        ({"maximum": float("inf")}, "/maximum"),
        ({"a": [{"b": 1, 2: 3}]}, "/a/0"),
        ({"const": "\ud800"}, "/const"),
        ({"a": {"\udfff": 1}}, "/a"),
        ({"a": (1, 2)}, "/a"),
        ({"a": MappingProxyType({})}, "/a"),
    ],
)
def test_what_json_cannot_hold(value: Any, pointer: str) -> None:
    with pytest.raises(SpecError, match="no place in a schema") as caught:
        check_size(value)
    assert caught.value.pointer == pointer


def test_ordinary_schemas_pass() -> None:
    check_size(json.loads(json.dumps({"a": [1, 2.5, "x", None, True, {"b": {}}]})))


def cyclic() -> Any:
    schema: dict[str, Any] = {"type": "array"}
    schema["items"] = schema
    return schema


@pytest.mark.parametrize(
    ("schema", "limit"),
    [
        ({"description": "x" * 5_000_000}, 1_000_000),
        ({"enum": ["y" * 100] * 20_000}, 1_000_000),
        ({"enum": list(range(100_001))}, 100_000),
        ({"properties": {f"p{i}": {"type": "string"} for i in range(60_000)}}, 100_000),
        (json.loads("[" * 300 + "]" * 300), 256),
        (cyclic(), 256),
        ({"const": 2**5_000}, 4_096),
    ],
    ids=["text", "strings", "values", "members", "depth", "cycle", "integer"],
)
def test_sizes(schema: Any, limit: int) -> None:
    with pytest.raises(LimitError, match="a schema may have") as caught:
        check_size(schema)
    assert caught.value.limit == limit < caught.value.given
    assert caught.value.hint


def test_nothing_is_changed() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1, {"b": []}]}}}
    before = copy.deepcopy(schema)
    check_size(schema)
    check_keywords(schema, "")
    assert schema == before
