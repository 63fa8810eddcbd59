"""Schemas as languages. The judge is `jsonschema`, under the draft that `$schema` names, with formats asserted."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constrain import errors
from constrain.errors import LimitError, SpecError
from constrain.json_schema import Options, schema_language
from constrain.specs import JsonSchema
from tests.constrain.json_judge import judge, random_word, repeats_a_name, same, verdict_of

TABLES = tomllib.loads((Path(__file__).parents[1] / "cases" / "json_schema.toml").read_text(encoding="utf-8"))
CASES = [pytest.param(json.loads(case["schema"]), case, id=case["name"]) for case in TABLES["case"]]
REFUSED = [pytest.param(json.loads(case["schema"]), case, id=case["name"]) for case in TABLES["refused"]]


@pytest.mark.parametrize(("schema", "case"), CASES)
def test_texts_are_accepted_exactly_when_valid(schema: Any, case: dict[str, Any]) -> None:
    is_valid, spec = judge(schema), JsonSchema(schema)
    for text in case["valid"]:
        assert is_valid(text), f"the judge refuses {text}"
        assert spec.accepts(text), text
    for text in case["invalid"]:
        assert not is_valid(text), f"the judge accepts {text}"
        assert not spec.accepts(text), text


@pytest.mark.parametrize(("schema", "case"), CASES)
def test_values_are_written_exactly_when_valid(schema: Any, case: dict[str, Any]) -> None:
    spec = JsonSchema(schema)
    for text in case["valid"]:
        written = spec.dumps(json.loads(text))
        assert spec.accepts(written), written
        assert same(spec.parse(written), json.loads(text)), written
    for text in case["invalid"]:
        with pytest.raises(SpecError, match=r"not a value that the schema allows|does not satisfy"):
            spec.dumps(json.loads(text))


@pytest.mark.parametrize(("schema", "case"), CASES)
def test_every_word_is_valid(schema: Any, case: dict[str, Any]) -> None:
    """What the automaton spells is valid, or the residual check finds it out."""
    rng = random.Random(case["name"])
    for options in ({}, {"whitespace": "compact"}, {"additional_properties_default": False}):
        spec = JsonSchema(schema, max_depth=2, **options)
        for length in range(0, 60, 4):
            text = random_word(spec.automaton, rng, length).decode()
            if spec.accepts(text):
                assert judge(schema)(text), text
                assert not repeats_a_name(text), text
            else:
                assert spec.residual, text


@pytest.mark.parametrize(("schema", "case"), REFUSED)
def test_what_is_refused_is_named(schema: Any, case: dict[str, Any]) -> None:
    with pytest.raises(errors.ConstrainError) as caught:
        _ = JsonSchema(schema).automaton
    error: Any = caught.value
    assert type(error) is getattr(errors, case["error"])
    assert case["message"] in str(error)
    assert error.hint or type(error) is SpecError
    if isinstance(error, LimitError):
        assert f"at {case['pointer']}: " in str(error)
    else:
        assert error.pointer == case["pointer"]


# --- spelling


def test_members_come_in_schema_order() -> None:
    schema = {
        "allOf": [{"properties": {"b": True}}],
        "required": ["z", "a"],
        "properties": {"c": True, "a": True},
        "anyOf": [{"properties": {"d": True, "b": True}}],
        "type": "object",
    }
    spec = JsonSchema(schema)
    assert spec.accepts('{"b":0,"c":0,"a":0,"d":0,"z":0,"more":0}')
    for wrong in (
        '{"c":0,"b":0,"a":0,"z":0}',
        '{"a":0,"c":0,"z":0}',
        '{"a":0,"z":0,"d":0}',
        '{"more":0,"a":0,"z":0}',
    ):
        assert judge(schema)(wrong)
        assert not spec.accepts(wrong)
        assert spec.accepts(spec.dumps(json.loads(wrong)))


def test_members_in_any_order() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    spec = JsonSchema(schema, member_order="any")
    for text in ('{"a":0,"b":0}', '{"b":0,"a":0}', '{"c":0,"b":0,"a":0}', '{"b":0,"c":0,"a":0}'):
        assert spec.accepts(text)
    for text in ('{"a":0}', '{"a":0,"b":0,"a":0}', '{"b":0,"c":0}', '{"b":0,"a":""}'):
        assert not spec.accepts(text)


def test_any_order_of_too_many_members_is_refused() -> None:
    schema = {"type": "object", "properties": {f"p{i}": {"type": "integer"} for i in range(9)}}
    with pytest.raises(LimitError) as caught:
        JsonSchema(schema, member_order="any")
    assert (caught.value.limit, caught.value.given) == (8, 9)


@pytest.mark.parametrize(
    ("schema", "admitted", "refused"),
    [
        ({"const": "é/"}, ['"é/"'], [r'"\u00e9/"', r'"é\/"']),
        ({"const": "\n"}, [r'"\n"', r'"\u000a"', r'"\u000A"'], []),
        ({"enum": ["a"]}, ['"a"'], [r'"\u0061"']),
        ({"type": "string", "pattern": "^a$"}, ['"a"'], [r'"\u0061"']),
        ({"type": "string", "format": "date"}, ['"2024-01-01"'], [r'"2024\u002d01-01"']),
        ({"type": "string", "maxLength": 1}, ['"a"', r'"\u0061"', r'"\/"', r'"\ud83d\ude00"'], []),
        ({"const": 1}, ["1", "1.0", "1e0", "1.00E0"], ["10e-1", "0.1e1"]),
        ({"enum": [1.0, 1e22]}, ["1.0", "1", "1e+22", "1e22"], []),
        ({"type": "integer"}, ["10", "10.0", "1e1", "0", "-0"], ["100e-1"]),
        ({"type": "number"}, ["10", "1e1", "10.0", "-0", "100e-1"], []),
        ({"type": "number", "minimum": -5}, ["10", "10.0", "0.0", "1e1", "-0", "-0.0"], ["100e-1"]),
        ({"type": "object"}, [r'{"\u0061":1}'], []),
        ({"properties": {"é": True}, "type": "object"}, ['{"é":1}'], [r'{"\u00e9":1}', r'{"\u0061":1}']),
        ({"properties": {'"': True}, "type": "object"}, [r'{"\"":1}'], [r'{"\u0022":1}']),
        ({"const": {"b": 1, "a": [2]}}, ['{"b":1,"a":[2]}', '{ "b" : 1 , "a" : [ 2 ] }'], ['{"a":[2],"b":1}']),
        ({"type": "null"}, ["null"], [" null", "null\n"]),
    ],
)
def test_spelling(schema: Any, admitted: list[str], refused: list[str]) -> None:
    """All of these texts are valid documents; the second list is left out of the language, as documented."""
    spec = JsonSchema(schema)
    assert all(map(judge(schema), admitted + refused))
    assert [text for text in admitted + refused if spec.accepts(text)] == admitted


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
    spec = JsonSchema(schema, whitespace=whitespace)
    assert [text for text in texts if spec.accepts(text)] == admitted


@pytest.mark.parametrize(
    ("whitespace", "why"), [(r"\s*", "JSON has no place for"), ("a", "'a'"), ("[^\\s\\S]", "nothing")]
)
def test_whitespace_that_json_does_not_allow(whitespace: str, why: str) -> None:
    with pytest.raises(SpecError, match=why) as caught:
        JsonSchema(True, whitespace=whitespace)
    assert caught.value.keyword == "whitespace"


# --- options


def test_objects_closed_by_default() -> None:
    schema = {"type": "object", "properties": {"a": True, "b": {"type": "object"}, "c": {"properties": {}}}}
    closed = JsonSchema(schema, additional_properties_default=False)
    for text, accepted in (('{"a":1}', True), ('{"z":1}', False), ('{"b":{"z":1}}', True), ('{"c":{"z":1}}', True)):
        assert JsonSchema(schema).accepts(text)
        assert closed.accepts(text) == accepted, text
    stated = JsonSchema({**schema, "additionalProperties": {"const": 1}}, additional_properties_default=False)
    assert stated.accepts('{"z":1}')


def test_formats_may_be_notes() -> None:
    schema = {"type": "string", "format": "date"}
    assert not JsonSchema(schema).accepts('"tomorrow"')
    assert JsonSchema(schema, formats="annotate").accepts('"tomorrow"')


@pytest.mark.parametrize("option", [{"formats": "ignore"}, {"member_order": "sorted"}])
def test_options_that_do_not_exist(option: dict[str, Any]) -> None:
    ((name, value),) = option.items()
    with pytest.raises(SpecError, match=value) as caught:
        JsonSchema(True, **option)
    assert caught.value.keyword == name


def test_depth_of_unconstrained_values() -> None:
    spec = JsonSchema({"type": "array", "items": {}}, max_depth=2)
    assert spec.bounded == ("any JSON value is nested at most 2 deep (at /items)",)
    assert spec.accepts('[[{"a":1}]]')
    assert not spec.accepts('[[{"a":[]}]]')
    assert JsonSchema(True, max_depth=4).accepts("[[[[]]]]")
    assert not JsonSchema(True, max_depth=0).accepts("[]")
    assert JsonSchema({"type": "integer"}).bounded == ()


def test_many_unconstrained_places_are_counted() -> None:
    members = {keyword: {keyword: 0} for keyword in ("minItems", "minLength", "minProperties", "x")}
    schema = {"type": "object", "properties": members, "additionalProperties": False}
    (note,) = JsonSchema(schema, max_depth=1).bounded
    assert note.startswith("any JSON value is nested at most 1 deep (at /properties/minItems, ")
    assert note.endswith(" and 1 more)")


def test_recursion_is_bounded_by_a_depth_that_is_told() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False}
    for depth in (1, 3):
        spec = JsonSchema(node, max_depth=depth)
        assert spec.bounded == (f"recursion goes at most {depth} deep (at the root)",)
        assert spec.accepts('{"next":' * depth + "{}" + "}" * depth)
        assert not spec.accepts('{"next":' * (depth + 1) + "{}" + "}" * (depth + 1))


def test_a_negative_depth() -> None:
    with pytest.raises(SpecError, match="negative"):
        JsonSchema(True, max_depth=-1)


def test_what_openapi_adds_is_a_note() -> None:
    spec = JsonSchema({"type": "string", "nullable": True})
    assert spec.accepts('"a"')
    assert not spec.accepts("null")


def test_a_disputed_character_matches_only_if_all_regex_engines_agree() -> None:
    """ECMA-262's \\W is what is not an ASCII letter, digit or underscore; to Python, é is a letter."""
    spec = JsonSchema({"type": "string", "pattern": r"^\W$"})
    assert spec.accepts('"-"')
    assert not spec.accepts('"é"')
    assert JsonSchema({"type": "string", "pattern": r"^[\p{L}\s]$"}).accepts('"é"')  # re cannot read this one


# --- what is refused


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        pytest.fail("somebody opened a connection")

    monkeypatch.setattr(socket, "socket", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    uri = "https://json.schemastore.org/package.json"
    with pytest.raises(errors.UnsupportedError, match="nothing is fetched"):
        JsonSchema({"items": {"$ref": uri}})
    assert JsonSchema({"$ref": uri}, documents={uri: {"type": "null"}}).accepts("null")


@pytest.mark.parametrize("schema", [None, 3, []])
def test_what_is_no_schema(schema: Any) -> None:
    with pytest.raises(SpecError, match="object or a boolean") as caught:
        JsonSchema(schema)
    assert caught.value.pointer == ""


def test_a_pattern_is_shown_with_its_fault() -> None:
    with pytest.raises(SpecError) as caught:
        JsonSchema({"properties": {"a": {"pattern": "a(b"}}})
    error = caught.value
    assert (error.pointer, error.keyword, error.source) == ("/properties/a/pattern", "pattern", "a(b")
    assert "^" in str(error)


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
    assert JsonSchema(nested(60, around)).automaton.states < 2_000
    with pytest.raises(LimitError, match="256 levels of nesting"):
        JsonSchema(nested(256, around))


def test_references_that_multiply() -> None:
    levels = {f"d{i}": {"prefixItems": [{"$ref": f"#/$defs/d{i + 1}"}] * 2, "minItems": 2} for i in range(25)}
    both = {name: {"type": "array", "items": False, **schema} for name, schema in levels.items()}
    schema = {"$ref": "#/$defs/d0", "$defs": {**both, "d25": {"type": "null"}}}
    with pytest.raises(LimitError, match="automaton states") as caught:
        _ = JsonSchema(schema).automaton
    assert caught.value.given > caught.value.limit


def test_too_many_values() -> None:
    with pytest.raises(LimitError, match="100,000 values"):
        schema_language({"enum": [*range(100_000)]}, Options())


def test_reading_a_schema_needs_no_model_library() -> None:
    program = (
        "import sys, constrain.json_schema; print(sorted({'torch', 'transformers', 'jsonschema'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


NESTED: Any = {
    "type": "array",
    "maxItems": 100,
    "items": {"type": "array", "maxItems": 100, "items": {"type": "object"}},
}


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        (
            {"type": "array", "minItems": 1, "maxItems": 30_000, "items": {"type": "integer"}},
            [1] * 30_000,
            [1] * 30_001,
        ),
        ({"type": "array", "minItems": 2, "maxItems": 30_000}, [1, 1], [1]),
        (NESTED, [[{}] * 100] * 3, [[], [{}] * 101]),
        ({"not": {"type": "array", "minItems": 3_000}}, [0] * 2_999, [0] * 3_000),
        ({"maxProperties": 500}, {str(n): n for n in range(500)}, {str(n): n for n in range(501)}),
        ({"contains": {"type": "null"}, "maxContains": 400}, [None] * 400 + [1], [None] * 401),
        ({"type": "string", "pattern": "^.{0,65535}$"}, "a" * 65_535, "a" * 65_536),
        ({"not": {"pattern": "^.{0,65535}$"}}, "a" * 65_536, "a" * 65_535),
        ({"patternProperties": {"^.{0,20000}$": {"type": "null"}}}, {"a": None}, {"a": 1}),
        ({"patternProperties": {"^.{2,20000}$": {}}, "additionalProperties": False}, {"ab": 1}, {"a": 1}),
    ],
)
def test_large_counts_are_exact_on_the_finished_text(schema: Any, right: Any, wrong: Any) -> None:
    spec = JsonSchema(schema)
    assert spec.residual
    for value, valid in ((right, True), (wrong, False)):
        assert spec.accepts(json.dumps(value)) == valid
        assert verdict_of(schema)(value) == valid
