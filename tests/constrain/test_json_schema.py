"""Schemas as languages. The judge is `jsonschema` under draft 2020-12 with formats asserted."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.expression import compile_expression
from constrain.json_schema import SchemaLanguage, schema_expression, schema_language
from tests.constrain.json_judge import judge, random_word
from tests.constrain.json_schemas import documents, schemas

CASES = tomllib.loads((Path(__file__).parents[1] / "cases" / "json_schema.toml").read_text(encoding="utf-8"))["case"]


def compiled(schema: Any, **options: Any) -> Automaton:
    return compile_expression(schema_expression(schema, **options))


def accepts(schema: Any, text: str, **options: Any) -> bool:
    return compiled(schema, **options).accepts(text.encode())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_cases(case: dict[str, Any]) -> None:
    schema = json.loads(case["schema"])
    is_valid, automaton = judge(schema), compiled(schema)
    for text in case["valid"]:
        assert is_valid(text), f"the judge refuses {text}"
        assert automaton.accepts(text.encode()), text
    for text in case["invalid"]:
        assert not is_valid(text), f"the judge accepts {text}"
        assert not automaton.accepts(text.encode()), text


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_word_is_valid(case: dict[str, Any]) -> None:
    schema = json.loads(case["schema"])
    rng = random.Random(case["name"])
    for options in ({}, {"whitespace": "compact"}, {"additional_properties_default": False}):
        automaton = compiled(schema, **options)
        for length in range(0, 60, 2):
            word = random_word(automaton, rng, length)
            assert judge(schema)(word.decode()), word


def read(schema: Any, **options: Any) -> SchemaLanguage:
    """The language of a random schema, leaving out those that contradict themselves or have overlapping branches."""
    try:
        return schema_language(schema, **options)
    except SpecError:
        assume(False)
        raise


@given(schemas(), st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_words_of_random_schemas_are_valid(schema: Any, rng: random.Random, additional: bool) -> None:
    language = read(schema, additional_properties_default=additional, max_depth=1)
    automaton = compile_expression(language.expression)
    assert automaton.is_empty() == (not language.values)
    assume(language.values)
    for length in (0, 5, 10, 20, 40):
        word = random_word(automaton, rng, length)
        assert judge(schema)(word.decode()), word


@given(schemas(), st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_documents_are_accepted_exactly_when_valid(schema: Any, data: st.DataObject) -> None:
    language = read(schema, max_depth=2)
    automaton = compile_expression(language.expression)
    for document in data.draw(st.lists(documents(), min_size=3, max_size=6)):
        text = json.dumps(document, ensure_ascii=False)
        if judge(schema)(text):
            assert automaton.accepts(language.dumps(document).encode()), language.dumps(document)
        else:
            assert not automaton.accepts(text.encode()), text
            with pytest.raises(SpecError, match="not a value that the schema allows"):
                language.dumps(document)


# --- spelling


def test_members_come_in_schema_order() -> None:
    schema = {
        "allOf": [{"properties": {"b": True}}],
        "required": ["z", "a"],
        "properties": {"c": True, "a": True},
        "anyOf": [{"properties": {"d": True, "b": True}}],
        "type": "object",
    }
    assert accepts(schema, '{"b":0,"c":0,"a":0,"z":0,"d":0,"more":0}')
    for wrong in (
        '{"c":0,"b":0,"a":0,"z":0}',
        '{"a":0,"c":0,"z":0}',
        '{"a":0,"z":0,"d":0,"c":0}',
        '{"more":0,"a":0,"z":0}',
    ):
        assert judge(schema)(wrong)
        assert not accepts(schema, wrong)


@pytest.mark.parametrize(
    ("schema", "admitted", "refused"),
    [
        ({"const": "é/"}, ['"é/"'], [r'"\u00e9/"', r'"é\/"']),
        ({"const": "\n"}, [r'"\n"', r'"\u000a"', r'"\u000A"'], []),
        ({"enum": ["a"]}, ['"a"'], [r'"\u0061"']),
        ({"type": "string", "pattern": "^a$"}, ['"a"'], [r'"\u0061"']),
        ({"type": "string", "format": "date"}, ['"2024-01-01"'], [r'"2024\u002d01-01"']),
        ({"type": "string", "maxLength": 1}, ['"a"', r'"\u0061"', r'"\/"'], []),
        ({"const": 1}, ["1"], ["1.0", "1e0"]),
        ({"enum": [1.0, 1e22]}, ["1.0", "1e+22"], ["1", "1e22"]),
        ({"type": "integer"}, ["10", "0"], ["1e1", "10.0", "-0"]),
        ({"type": "number"}, ["10", "1e1", "10.0", "-0"], []),
        ({"type": "number", "minimum": -5}, ["10", "10.0", "0.0"], ["1e1", "-0", "-0.0"]),
        ({"properties": {"é": True}, "type": "object"}, ['{"é":1}'], [r'{"\u00e9":1}', r'{"\u0061":1}']),
        ({"type": "object"}, [r'{"\u0061":1}'], []),
        ({"const": {"b": 1, "a": [2]}}, ['{"b":1,"a":[2]}', '{ "b" : 1 , "a" : [ 2 ] }'], ['{"a":[2],"b":1}']),
        ({"type": "null"}, ["null"], [" null", "null\n"]),
    ],
)
def test_spelling(schema: Any, admitted: list[str], refused: list[str]) -> None:
    """All of these texts are valid documents; the second list is left out of the language, as documented."""
    automaton = compiled(schema)
    assert all(map(judge(schema), admitted + refused))
    assert [text for text in admitted + refused if automaton.accepts(text.encode())] == admitted


@pytest.mark.parametrize(
    ("whitespace", "admitted"),
    [
        ("any", ['{"a":[1,2]}', '{"a": [1, 2]}', '{\n\t"a" :[ 1\r,2 ] }', '{ "a": [1, 2] }']),
        ("compact", ['{"a":[1,2]}']),
        (" ?", ['{"a":[1,2]}', '{"a": [1, 2]}', '{ "a": [1, 2] }']),
    ],
)
def test_whitespace(whitespace: str, admitted: list[str]) -> None:
    schema = {"type": "object", "properties": {"a": {"const": [1, 2]}}, "additionalProperties": False}
    texts = [
        '{"a":[1,2]}',
        '{"a": [1, 2]}',
        '{\n\t"a" :[ 1\r,2 ] }',
        '{ "a": [1, 2] }',
        ' {"a":[1,2]}',
        '{"a":[1,\v2]}',
    ]
    automaton = compiled(schema, whitespace=whitespace)
    assert [text for text in texts if automaton.accepts(text.encode())] == admitted


@pytest.mark.parametrize(
    ("whitespace", "why"), [(r"\s*", "JSON has no place for"), ("a", "'a'"), ("[^\\s\\S]", "nothing")]
)
def test_whitespace_that_json_does_not_allow(whitespace: str, why: str) -> None:
    with pytest.raises(SpecError, match=why) as caught:
        schema_expression(True, whitespace=whitespace)
    assert caught.value.keyword == "whitespace"


def test_objects_closed_by_default() -> None:
    schema = {"type": "object", "properties": {"a": True, "b": {"type": "object"}, "c": {"properties": {}}}}
    assert accepts(schema, '{"z":1}')
    for text, closed in (('{"a":1}', True), ('{"z":1}', False), ('{"b":{"z":1}}', True), ('{"c":{"z":1}}', False)):
        assert accepts(schema, text, additional_properties_default=False) == closed, text
    stated = {**schema, "additionalProperties": {"const": 1}}
    assert accepts(stated, '{"z":1}', additional_properties_default=False)


def test_depth_of_unconstrained_values() -> None:
    language = schema_language({"type": "array", "items": {}})
    assert language.bounded == ("any JSON value is nested at most 2 deep (at /items)",)
    automaton = compile_expression(language.expression)
    assert automaton.accepts(b'[[{"a":1}]]')
    assert not automaton.accepts(b'[[{"a":[]}]]')
    assert accepts(True, "[[[[]]]]", max_depth=4)
    assert not accepts(True, "[]", max_depth=0)
    assert schema_language({"type": "integer"}).bounded == ()
    closed = schema_language({"type": "object", "properties": {"a": {}}}, additional_properties_default=False)
    assert closed.bounded == ("any JSON value is nested at most 2 deep (at /properties/a)",)


def test_many_unconstrained_places_are_counted() -> None:
    language = schema_language(
        {"properties": {name: {} for name in "abcd"}, "additionalProperties": False, "type": "object"}
    )
    assert language.bounded == (
        "any JSON value is nested at most 2 deep (at /properties/a, /properties/b, /properties/c and 1 more)",
    )


@pytest.mark.parametrize("schema", [{"type": "string"}, {"$ref": "#/$defs/s", "$defs": {"s": {"type": "string"}}}])
def test_nullable_adds_null_to_a_type(schema: dict[str, Any]) -> None:
    if "type" in schema:
        automaton = compiled({**schema, "nullable": True})
        assert automaton.accepts(b"null")
        assert automaton.accepts(b'"a"')
        assert not automaton.accepts(b"1")
        assert not compiled({**schema, "nullable": False}).accepts(b"null")
        assert not compiled({**schema, "nullable": True, "enum": ["a"]}).accepts(b"null")


def test_older_drafts_where_they_mean_the_same() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "definitions": {"x": {"type": "integer", "exclusiveMinimum": 1}},
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/x", "description": "beside it"}},
    }
    assert accepts(schema, '{"a":2}')
    assert not accepts(schema, '{"a":1}')


def test_a_disputed_character_matches_only_if_all_regex_engines_agree() -> None:
    """ECMA-262's \\W is what is not an ASCII letter, digit or underscore; to Python, é is a letter."""
    schema = {"type": "string", "pattern": r"^\W$"}
    assert accepts(schema, '"-"')
    assert not accepts(schema, '"é"')
    assert not judge(schema)('"é"')
    assert accepts({"type": "string", "pattern": r"^[\p{L}\s]$"}, '"é"')  # re cannot read this one


# --- what is empty


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        (False, ()),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, ("",)),
        (
            {"type": "object", "properties": {"a": {"allOf": [{"const": 1}, {"minimum": 2}]}}, "required": ["a"]},
            ("/properties/a",),
        ),
        ({"$ref": "#/$defs/never", "$defs": {"never": {"anyOf": [False]}}}, ()),
    ],
)
def test_contradictions_between_schemas_leave_nothing(schema: Any, where: tuple[str, ...]) -> None:
    language = schema_language(schema)
    assert not language.values
    assert compile_expression(language.expression).is_empty()
    assert language.contradictions == where


def test_a_contradiction_of_an_optional_member_only_forbids_it() -> None:
    language = schema_language({"type": "object", "properties": {"a": {"allOf": [{"const": 1}, {"const": 2}]}}})
    assert language.contradictions == ("/properties/a",)
    assert compile_expression(language.expression).accepts(b'{"b":1}')


CONTRADICTIONS: list[tuple[Any, str, str]] = [
    ({"type": "string", "minLength": 3, "maxLength": 2}, "/minLength", "minLength"),
    ({"type": ["string", "null"], "minLength": 3, "maxLength": 2}, "/minLength", "minLength"),
    ({"type": "string", "pattern": "a^"}, "/pattern", "pattern"),
    ({"type": "string", "pattern": "^a$", "minLength": 2}, "/minLength", "minLength"),
    ({"type": "string", "format": "date", "maxLength": 9}, "/format", "format"),
    ({"type": "array", "minItems": 3, "maxItems": 2}, "/minItems", "minItems"),
    ({"type": "array", "minItems": 1, "items": False}, "/minItems", "minItems"),
    ({"type": "integer", "minimum": 3, "maximum": 2}, "/minimum", "minimum"),
    ({"type": "integer", "exclusiveMinimum": 1.2, "maximum": 1.9}, "/exclusiveMinimum", "exclusiveMinimum"),
    ({"type": "number", "minimum": 1, "exclusiveMaximum": 1}, "/minimum", "minimum"),
    ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "/required", "required"),
    ({"type": "object", "required": ["a"], "additionalProperties": False}, "/required", "required"),
    ({"type": "integer", "enum": ["a", 1.5]}, "/enum", "enum"),
    ({"maximum": 1, "const": 2}, "/const", "const"),
    ({"enum": []}, "/enum", "enum"),
]


@pytest.mark.parametrize(("schema", "pointer", "keyword"), CONTRADICTIONS)
def test_contradictions_within_a_schema(schema: Any, pointer: str, keyword: str) -> None:
    for around, prefix in (
        (lambda inner: inner, ""),
        (lambda inner: {"properties": {"a/b~": inner}}, "/properties/a~1b~0"),
        (lambda inner: {"anyOf": [True, {"items": inner}]}, "/anyOf/1/items"),
    ):
        with pytest.raises(SpecError) as caught:
            schema_expression(around(schema))
        assert (caught.value.pointer, caught.value.keyword) == (prefix + pointer, keyword)
        assert not isinstance(caught.value, UnsupportedError)
        assert caught.value.hint or keyword == "enum"


# --- what is refused


@pytest.mark.parametrize(
    ("schema", "pointer", "message"),
    [
        ({"$ref": "#"}, "/$ref", "recursive"),
        ({"properties": {"a": {"$ref": "#"}}}, "/properties/a/$ref", "recursive"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, "/$defs/a/items/$ref", "recursive"),
        ({"$ref": "https://example.org/other"}, "/$ref", "leads out"),
        ({"$ref": "other.json#/a"}, "/$ref", "leads out"),
        ({"$ref": "#name"}, "/$ref", "name and not a pointer"),
        ({"oneOf": [{"type": "integer"}, {"minimum": 3}]}, "/oneOf", "two branches, as here 0 and 1"),
        ({"oneOf": [{"type": "null"}, {"properties": {"a": True}}, {"required": ["a"]}]}, "/oneOf", "as here 0 and 1"),
        ({"oneOf": [{"type": "string", "pattern": "a"}, {"type": "string", "pattern": "b"}]}, "/oneOf", "0 and 1"),
        ({"type": "string", "format": "uri"}, "/format", "format 'uri' is not supported"),
        ({"type": "string", "pattern": "a(?=b)"}, "/pattern", "look-ahead"),
        ({"items": {"pattern": r"(a)\1"}}, "/items/pattern", "back-reference"),
    ],
)
def test_refusals(schema: Any, pointer: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message) as caught:
        schema_expression(schema)
    assert caught.value.pointer == pointer
    assert caught.value.keyword == pointer.split("/")[-1]
    assert caught.value.hint


def test_a_format_of_another_type_is_not_refused() -> None:
    assert accepts({"type": "integer", "format": "uri"}, "1")


@pytest.mark.parametrize("reference", ["#/$defs/b", "#/$defs/a/type", "#/anyOf/7", "#/anyOf/x", "#/"])
def test_references_to_nowhere(reference: str) -> None:
    schema = {"$defs": {"a": {"type": "null"}}, "anyOf": [True, {"items": {"$ref": reference}}]}
    with pytest.raises(SpecError, match="leads to no schema") as caught:
        schema_expression(schema)
    assert (caught.value.pointer, caught.value.keyword) == ("/anyOf/1/items/$ref", "$ref")


def test_a_malformed_pattern_is_shown() -> None:
    with pytest.raises(SpecError) as caught:
        schema_expression({"properties": {"a": {"pattern": "a(b"}}})
    error = caught.value
    assert (error.pointer, error.keyword, error.source) == ("/properties/a/pattern", "pattern", "a(b")
    assert "^" in str(error)


def test_a_negative_depth() -> None:
    with pytest.raises(SpecError, match="negative"):
        schema_expression(True, max_depth=-1)


@pytest.mark.parametrize("schema", [None, 3, "string", []])
def test_what_is_no_schema(schema: Any) -> None:
    with pytest.raises(SpecError, match="object or a boolean") as caught:
        schema_expression(schema)
    assert caught.value.pointer == ""


# --- size


def nested(levels: int, around: Callable[[Any], Any]) -> Any:
    schema: Any = {"type": "integer"}
    for _ in range(levels):
        schema = around(schema)
    return schema


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: {"type": "object", "properties": {"a": inner}, "required": ["a"], "additionalProperties": False},
        lambda inner: {"type": "object", "properties": {"a": inner}, "additionalProperties": False},
        lambda inner: {"type": "array", "items": inner, "minItems": 1},
        lambda inner: {"type": "array", "prefixItems": [{"type": "null"}, inner], "items": False},
        lambda inner: {"anyOf": [{"type": "null"}, inner]},
    ],
)
def test_deep_schemas(around: Callable[[Any], Any]) -> None:
    assert compiled(nested(31, around)).states < 1_000
    with pytest.raises(LimitError, match="nested more than 64 deep") as caught:
        schema_expression(nested(64, around))
    assert caught.value.limit == 64


def test_references_that_multiply() -> None:
    levels = {f"d{i}": {"prefixItems": [{"$ref": f"#/$defs/d{i + 1}"}] * 2, "minItems": 2} for i in range(25)}
    both = {name: {"type": "array", "items": False, **schema} for name, schema in levels.items()}
    schema = {"$ref": "#/$defs/d0", "$defs": {**both, "d25": {"type": "null"}}}
    with pytest.raises(LimitError, match="more than 50,000 places") as caught:
        schema_expression(schema)
    assert caught.value.given > caught.value.limit == 50_000


def test_alternatives_that_multiply() -> None:
    options = [{"type": "object", "properties": {f"p{i}": {"const": i}}, "required": [f"p{i}"]} for i in range(400)]
    with pytest.raises(LimitError, match="400 and 400 alternatives") as caught:
        schema_expression({"allOf": [{"anyOf": options}, {"anyOf": options[::-1]}]})
    assert (caught.value.limit, caught.value.given) == (100_000, 160_000)


def test_reading_a_schema_needs_no_model_library() -> None:
    program = (
        "import sys, constrain.json_schema; print(sorted({'torch', 'transformers', 'jsonschema'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
