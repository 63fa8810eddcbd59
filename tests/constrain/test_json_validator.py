"""The validator behind the residual check: `jsonschema`, but with patterns as ECMA-262 and as Python read them."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.json_validator import Validator
from constrain.specs import JsonSchema

PATTERNS = ["^a", "b$", "^[ab]+$", "c", "", "^(a|b){2}$", "^(?!a)", r"\.", "[^a]"]
"""Read alike by ECMA-262 and Python, on names and strings without line ends."""

names = st.sampled_from(["a", "b", "ab", "ba", "abc", "c", ".", ""])
values = st.recursive(
    st.sampled_from([None, True, 1, "a", "ab", "cab", "."]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
patterns = st.sampled_from([each for each in PATTERNS if each])  # jsonschema takes an empty one for none at all
small = st.sampled_from(
    [True, False, {"type": "integer"}, {"type": "string"}, {"required": ["a"]}, {"minProperties": 2}]
)
schemas = st.recursive(
    small | st.builds(lambda one: {"pattern": one}, patterns),
    lambda inner: st.one_of(
        st.builds(
            lambda one, two, three, four: {
                "properties": {"a": one},
                "patternProperties": {four: two},
                "additionalProperties": three,
            },
            inner,
            inner,
            inner,
            patterns,
        ),
        st.builds(lambda one, two: {"patternProperties": {two: one}}, inner, patterns),
        st.builds(lambda one: {"propertyNames": one}, inner),
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda one, two: {"anyOf": [one, two]}, inner, inner),
        st.builds(lambda one, two: {"allOf": [one, {"items": two}]}, inner, inner),
        st.builds(lambda one, two, three: {"if": one, "then": two, "else": three}, inner, inner, inner),
        st.builds(lambda one, two: {"dependentSchemas": {"a": one}, "items": two}, inner, inner),
        st.builds(lambda one, two: {"$ref": "#/$defs/x", "$defs": {"x": one}, "items": two}, inner, inner),
    ),
    max_leaves=4,
)


def validator(schema: Any, draft: str = "2020-12") -> Validator:
    return Validator(schema, draft, {}, None)


def is_valid(schema: Any, value: Any, draft: str = "2020-12") -> bool:
    return not list(validator(schema, draft).errors(value))


@given(schemas, values)
@settings(max_examples=400, deadline=None)
def test_what_both_read_alike_is_judged_as_by_jsonschema(schema: Any, value: Any) -> None:
    schema = {"$defs": {"x": {"patternProperties": {"^b": {"type": "integer"}}}}, "allOf": [schema]}
    assert is_valid(schema, value) == jsonschema.Draft202012Validator(schema).is_valid(value)


@given(schemas, schemas, values)
@settings(max_examples=400, deadline=None)
def test_unevaluated_members_are_those_of_jsonschema(one: Any, two: Any, value: Any) -> None:
    inner = {**(one if isinstance(one, dict) else {"not": {}}), "unevaluatedProperties": two}
    schema = {"$defs": {"x": {"properties": {"c": True}}}, "items": True, "allOf": [inner]}
    assert is_valid(schema, value) == jsonschema.Draft202012Validator(schema).is_valid(value)


CLOSED = {"unevaluatedProperties": False}
B = {"b": {"properties": {"b": {}}}}


@pytest.mark.parametrize(
    ("draft", "schema", "right", "wrong"),
    [
        ("2020-12", {"patternProperties": {r"^\p{Lu}": True}, **CLOSED}, {"Ä": 1}, {"ä": 1}),
        ("2019-09", {"patternProperties": {r"^\p{Lu}": True}, **CLOSED}, {"Ä": 1}, {"ä": 1}),
        ("2020-12", {"allOf": [{"patternProperties": {r"^\p{Lu}": True}}], **CLOSED}, {"Ä": 1}, {"ä": 1}),
        ("2020-12", {"anyOf": [{"required": ["b"], "properties": {"b": True}}, True], **CLOSED}, {"b": 1}, {"c": 1}),
        ("2020-12", {"dependentSchemas": {"b": {"properties": {"b": True}}}, **CLOSED}, {"b": 1}, {"c": 1}),
        ("2020-12", {"if": {"properties": {"b": {"const": 1}}}, **CLOSED}, {"b": 1}, {"b": 2}),
        ("2020-12", {"if": False, "else": {"properties": {"b": {}}}, **CLOSED}, {"b": 1}, {"c": 2}),
        ("2020-12", {"allOf": [{"unevaluatedProperties": True}], **CLOSED}, {"b": 1}, None),
        ("2020-12", {"$ref": "#/$defs/b", "$defs": B, **CLOSED}, {"b": 1}, {"c": 1}),
        ("2020-12", {"$dynamicRef": "#/$defs/b", "$defs": B, **CLOSED}, {"b": 1}, {"c": 1}),
        ("2019-09", {"additionalProperties": {"type": "integer"}, **CLOSED}, {"b": 1}, {"b": ""}),
        (
            "2019-09",
            {"properties": {"n": {"properties": {"n": True}, "anyOf": [{"$recursiveRef": "#"}], **CLOSED}}},
            {"n": {"n": {}}},
            {"n": {"b": 1}},
        ),
        (
            "2020-12",
            {"allOf": [{"$id": "http://x/y", "$ref": "#/$defs/b", "$defs": B}], **CLOSED},
            {"b": 1},
            {"c": 1},
        ),
    ],
)  # fmt: skip
def test_unevaluated_members(draft: str, schema: Any, right: Any, wrong: Any) -> None:
    assert is_valid(schema, right, draft)
    assert wrong is None or not is_valid(schema, wrong, draft)


ECMA_ONLY = [
    (r"^\p{L}+$", "äb", "1"),
    (r"^\p{Script=Greek}$", "α", "a"),
    ("^(?<y>a)$", "a", "b"),
    ("^[^]$", "\n", "aa"),
    (r"^\cA$", "\x01", "A"),
    (r"^\u{1F600}$", "😀", "u"),
    ("^[\\ud83d\\ude00]$", "😀", "a"),
    (r"^a\/b$", "a/b", "ab"),
    (r"^(?<=(^|ab*))c$", "c", "d"),
]


@pytest.mark.parametrize("draft", ["4", "6", "7", "2019-09", "2020-12"])
@pytest.mark.parametrize(("pattern", "right", "wrong"), ECMA_ONLY)
def test_patterns_that_only_ecma_262_knows(pattern: str, right: str, wrong: str, draft: str) -> None:
    for schema in ({"pattern": pattern}, {"items": {"pattern": pattern}}):
        shape = (lambda text: text) if "pattern" in schema else (lambda text: [text])
        assert is_valid(schema, shape(right), draft)
        assert not is_valid(schema, shape(wrong), draft)
    closed = {"patternProperties": {pattern: {"type": "null"}}, "additionalProperties": False}
    assert is_valid(closed, {right: None}, draft)
    assert not is_valid(closed, {right: 1}, draft)
    assert not is_valid(closed, {wrong: None}, draft)


@pytest.mark.parametrize(("pattern", "right", "wrong"), ECMA_ONLY)
def test_a_schema_that_compiles_accepts_and_refuses_without_errors(pattern: str, right: str, wrong: str) -> None:
    spec = JsonSchema({"uniqueItems": True, "items": {"type": "string", "pattern": pattern}})
    assert spec.residual
    assert spec.accepts(json.dumps([right], ensure_ascii=False))
    assert not spec.accepts(json.dumps([right, right], ensure_ascii=False))
    assert not spec.accepts(json.dumps([wrong], ensure_ascii=False))


@pytest.mark.parametrize(
    ("pattern", "text"), [("^a$", "a\n"), (r"^\d$", "٣"), ("^.$", "\r"), (r"\w", "ä"), (r"^\S$", "\x85")]
)
def test_where_the_readers_disagree_neither_a_pattern_nor_its_negation_holds(pattern: str, text: str) -> None:
    assert not is_valid({"pattern": pattern}, text)
    assert not is_valid({"not": {"pattern": pattern}}, text)
    assert not is_valid({"patternProperties": {pattern: False}}, {text: 1})
    assert not is_valid({"patternProperties": {pattern: True}, "additionalProperties": False}, {text: 1})
    assert not is_valid({"patternProperties": {pattern: True}, "unevaluatedProperties": False}, {text: 1})
    assert is_valid({"pattern": pattern}, 1)


def test_a_subschema_of_another_draft_is_judged_by_its_rules() -> None:
    old = {
        "$id": "http://x/old",
        "$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{"pattern": r"\p{L}"}],
    }
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"a": old}}
    assert is_valid(schema, {"a": ["ä", "1"]})
    assert not is_valid(schema, {"a": ["1"]})
