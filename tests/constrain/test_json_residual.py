"""The residual judge: what it objects to, and that no right text begins with what it calls wrong."""

from __future__ import annotations

import json
import random
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.errors import UnsupportedError
from constrain.json_residual import Residual
from constrain.json_spans import read

UNIQUE = {"type": "array", "uniqueItems": True}

scalars = st.sampled_from([None, True, False, 0, 1, 1.0, -1.5, "", "a", "1"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
small = st.sampled_from(
    [
        True,
        False,
        {"type": "integer"},
        {"type": ["array", "null"]},
        {"const": 1},
        {"enum": ["a", [1], {}]},
        {"multipleOf": 0.5},
        {"required": ["a"]},
        {"minItems": 2},
        UNIQUE,
    ]
)
schemas = st.recursive(
    small,
    lambda inner: st.one_of(
        st.builds(lambda one: {"items": one, "uniqueItems": True}, inner),
        st.builds(lambda one, two: {"prefixItems": [one], "items": two}, inner, inner),
        st.builds(lambda one, two: {"properties": {"a": one, "b": two}}, inner, inner),
        st.builds(lambda one, two: {"properties": {"a": one}, "additionalProperties": two}, inner, inner),
        st.builds(lambda one, two, three: {"if": one, "then": two, "else": three}, inner, inner, inner),
        st.builds(lambda one: {"dependentSchemas": {"b": one}}, inner),
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda one, two: {"oneOf": [one, two]}, inner, inner),
        st.builds(lambda one, two: {"anyOf": [one, two]}, inner, inner),
        st.builds(lambda one, two: {"allOf": [one, two]}, inner, inner),
        st.builds(lambda one: {"contains": one, "maxContains": 1}, inner),
        st.builds(lambda one: {"patternProperties": {"[ab]": one}, "unevaluatedProperties": False}, inner),
    ),
    max_leaves=4,
)


def written(value: Any, rng: random.Random) -> str:
    """`value` as JSON with spaces here and there and strings that may be escaped."""

    def space() -> str:
        return rng.choice(["", "", " ", "\n "])

    def string(text: str) -> str:
        return '"' + "".join(rng.choice([c, f"\\u{ord(c):04x}"]) for c in text) + '"'

    match value:
        case str():
            return string(value)
        case list():
            inside = f"{space()},{space()}".join(written(item, rng) for item in value)
            return f"[{space()}{inside}{space()}]"
        case dict():
            members = [f"{string(name)}{space()}:{space()}{written(item, rng)}" for name, item in value.items()]
            return "{" + space() + f"{space()},{space()}".join(members) + space() + "}"
    return json.dumps(value)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"a": 1, "b": 2}', None),
        ('{"a": 1, "a": 2}', '{"a": 1, "a"'),
        ('{"a": 1, "\\u0061": 2}', '{"a": 1, "\\u0061"'),
        ('[{"a": {"a": 0}}, {"b": 1, "a": {"b": 1, "b"', '[{"a": {"a": 0}}, {"b": 1, "a": {"b": 1, "b"'),
        ('{"a": 1, "a', None),
        ('{"a": "a", "b": ["a", "a"]}', None),
        ('{"": 1, "": 1', '{"": 1, ""'),
    ],
)
def test_a_repeated_member_name_is_wrong_as_soon_as_it_is_closed(text: str, wrong: str | None) -> None:
    residual = Residual(True, judged=False)
    complete = read(text).broken is False and wrong is None
    assert residual.objection(text, complete=complete) == (None if wrong is None else len(wrong))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[1, 2]", None),
        ("[1, 2, 1]", "[1, 2, 1]"),
        ("[1, 2, 1, 3]", "[1, 2, 1,"),
        ("[1, 2, 1.0e0 , 3]", "[1, 2, 1.0e0 "),
        ("[1, true, [1], [true]]", None),
        ('["a", ["\\u0061"], "\\u0061", 1]', '["a", ["\\u0061"], "\\u0061"'),
        ('[{"a": 1, "b": 2}, {"b": 2, "a": 1}]', '[{"a": 1, "b": 2}, {"b": 2, "a": 1}'),
    ],
)
def test_the_second_of_two_equal_items_is_wrong(text: str, wrong: str | None) -> None:
    assert Residual(UNIQUE).objection(text) == (None if wrong is None else len(wrong))


@pytest.mark.parametrize(
    ("schema", "text", "wrong"),
    [
        ({"items": {"multipleOf": 0.1}}, "[0.1, 0.35, 7]", "[0.1, 0.35,"),
        ({"items": {"multipleOf": 0.01}}, "[19.99]", "[19.99]"),  # not as floats see it
        ({"properties": {"a": {"oneOf": [{"maxItems": 1}, {"items": True}]}}}, '{"a": [], "b": 1}', '{"a": []'),
        ({"if": {"required": ["b"]}, "then": {"properties": {"a": False}}}, '{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ({"dependentSchemas": {"b": {"properties": {"a": False}}}}, '{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),
        ({"items": {"not": {"pattern": "^a"}}}, '["b", "ab", 1]', '["b", "ab"'),
    ],
)  # fmt: skip
def test_a_fault_ends_with_the_smallest_value_that_is_wrong_whatever_follows(
    schema: dict[str, Any], text: str, wrong: str
) -> None:
    assert Residual(schema).objection(text) == len(wrong)


def test_a_fault_begins_behind_the_value_before_it() -> None:
    assert Residual(UNIQUE).fault('[ "x" , "x" ]') == (len('[ "x"'), len('[ "x" , "x"'))
    assert Residual({"items": False}).fault("[ 1 ]") == (0, len("[ 1 ]"))
    assert Residual({"items": {"type": "null"}}).fault("[ 1 ]") == (len("["), len("[ 1 "))
    assert Residual(True, judged=False).fault('{"a":[] , "a":0}') == (len('{"a":[]'), len('{"a":[] , "a"'))


def test_an_unfinished_number_is_not_yet_wrong() -> None:
    residual = Residual(UNIQUE)
    assert residual.objection("[12, 12", complete=False) is None
    assert residual.objection("[12, 12]", complete=False) == 8
    assert Residual({"const": 12}).objection("1", complete=False) is None
    assert Residual({"const": 12}).objection("1") == 1


@given(schemas, values, st.integers(0, 99))
@settings(max_examples=400, deadline=None)
def test_whole_documents_are_judged_as_jsonschema_does(schema: Any, value: Any, seed: int) -> None:
    text = written(value, random.Random(seed))
    objection = Residual(schema).objection(text)
    valid = jsonschema.Draft202012Validator(schema).is_valid(json.loads(text))
    assert (objection is None) == valid
    assert objection is None or 0 < objection <= len(text)


@given(schemas, values, st.integers(0, 99), st.data())
@settings(max_examples=600, deadline=None)
def test_no_right_document_begins_with_what_is_called_wrong(
    schema: Any, value: Any, seed: int, data: st.DataObject
) -> None:
    text = written(value, random.Random(seed))
    residual = Residual(schema)
    cut = text[: data.draw(st.integers(0, len(text)))]
    if residual.objection(text) is None:
        assert residual.objection(cut, complete=False) is None
    elif (k := residual.objection(text)) is not None and k < len(text):
        other = written(data.draw(values), random.Random(seed))
        for rest in (text[k:], "]", "}", f", {other}]", f', "z": {other}' + "}", f", {other}]" + "}"):
            whole = text[:k] + rest
            if not read(whole).broken:
                assert not jsonschema.Draft202012Validator(schema).is_valid(json.loads(whole))


@given(values, st.integers(0, 99), st.data())
@settings(max_examples=200, deadline=None)
def test_equal_items_are_found_where_the_text_stops(value: Any, seed: int, data: st.DataObject) -> None:
    rng = random.Random(seed)
    begin = f'{{"a": [[{written(value, rng)}], null, [{written(value, rng)}]'
    residual = Residual({"properties": {"a": UNIQUE}})
    assert residual.objection(begin + data.draw(st.sampled_from(["", ",", ", 1", "], "])), complete=False) == len(begin)
    assert residual.objection(begin[:-1], complete=False) is None


@pytest.mark.parametrize("rule", ["anyOf", "oneOf"])
def test_equal_items_where_another_branch_may_hold_are_not_yet_wrong(rule: str) -> None:
    residual = Residual({rule: [UNIQUE, {"minItems": 3}]})
    assert residual.objection("[1,1,", complete=False) is None
    assert residual.objection("[1,1]") == 5


@pytest.mark.parametrize("rule", ["anyOf", "oneOf"])
@pytest.mark.parametrize(
    ("branches", "text", "wrong"),
    [
        ([{"type": "integer"}, UNIQUE], "[1,1,", "[1,1,"),
        ([False, {"type": ["object", "null"]}], "[1,1,", "["),
        ([{"properties": {"a": {"const": 1}}}, {"properties": {"b": UNIQUE}}], '{"a":2,"b":[0,0,', '{"a":2,"b":[0,0,'),
        ([{"required": ["a"]}, UNIQUE, {"type": "null"}], "[1,1,", None),
        ([{"required": ["a"]}, {"properties": {"b": UNIQUE}}], '{"b":[0,0],', None),
        ([False, False], "[1,1,", None),
    ],
)  # fmt: skip
def test_a_choice_is_wrong_when_every_branch_is(rule: str, branches: list[Any], text: str, wrong: str | None) -> None:
    assert Residual({rule: branches}).objection(text, complete=False) == (None if wrong is None else len(wrong))


@given(values, st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_reading_gives_the_document(value: Any, seed: int) -> None:
    text = written(value, random.Random(seed))
    reading = read(text)
    assert not reading.broken
    assert reading.root is not None
    assert json.dumps(reading.root.value) == json.dumps(json.loads(text))


@pytest.mark.parametrize("text", ["", "[1,]", "{", "nul", "1 2", '{"a" 1}', "[1}", '"\\x"', "01", "{1:2}", "-"])
def test_what_is_no_document_is_wrong_as_a_whole(text: str) -> None:
    assert Residual(True).fault(text) == (0, len(text))
    assert Residual(True).fault(text, complete=False) is None


def test_formats_are_judged_by_whoever_knows_them() -> None:
    schema = {"items": {"format": "even"}}
    assert Residual(schema).objection('["abc"]') is None
    residual = Residual(schema, format_is_right=lambda name, text: name == "even" and len(text) % 2 == 0)
    assert residual.objection('["ab", 1, "abc"]') == len('["ab", 1, "abc"')


@pytest.mark.parametrize(
    ("draft", "schema", "right", "wrong"),
    [
        ("4", {"maximum": 3, "exclusiveMaximum": True}, "2", "3"),
        ("4", {"type": "integer"}, "1", "1.0"),
        ("6", {"dependencies": {"a": {"required": ["b"]}}}, '{"a":1,"b":1}', '{"a":1}'),
        ("7", {"$ref": "#/definitions/a", "type": "null", "definitions": {"a": {"type": "array"}}}, "[]", "null"),
        ("2019-09", {"items": [True], "additionalItems": False}, "[1]", "[1,2]"),
        ("2020-12", {"$dynamicRef": "#a", "$defs": {"x": {"$dynamicAnchor": "a", "type": "null"}}}, "null", "1"),
    ],
)
def test_every_draft_has_its_own_rules(draft: str, schema: dict[str, Any], right: str, wrong: str) -> None:
    residual = Residual(schema, draft=draft)
    assert residual.objection(right) is None
    assert residual.objection(wrong) == len(wrong)


def test_a_declared_draft_changes_nothing_about_where_faults_are() -> None:
    rule = {"if": {"required": ["b"]}, "then": {"properties": {"a": False}}, "properties": {"c": {"$ref": "#"}}}
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **rule}
    text = '{"c": {"a": 1, "b": 2}, "d": 0}'
    assert Residual(schema).objection(text) == len('{"c": {"a": 1, "b": 2}')


def test_other_documents_are_referred_to_by_their_uri() -> None:
    documents = {
        "https://example.org/one": {"items": {"$ref": "two#/$defs/x"}},
        "https://example.org/two": {"$schema": "https://example.org/none", "$defs": {"x": {"type": "null"}}},
        "https://example.org/three": True,
    }
    schema = {"allOf": [{"$ref": "https://example.org/one"}, {"$ref": "https://example.org/three"}]}
    residual = Residual(schema, documents=documents)
    assert residual.objection("[null]") is None
    assert residual.objection("[null, 1]") == len("[null, 1]")


def test_a_reference_to_nowhere_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="cannot be judged under this schema"):
        Residual({"$ref": "https://example.org/nowhere"}).objection('{"a": 1}')


@pytest.mark.parametrize(
    ("schema", "text", "wrong"),
    [
        ({"maxItems": 2}, "[1, 2 , 3]", "[1, 2 ,"),
        ({"maxItems": 2}, "[[], {} ]", None),
        ({"maxItems": 0}, "[ 1]", "[ 1"),
        ({"maxProperties": 1}, '{"a": 1, "b": 2}', '{"a": 1,'),
        ({"maxProperties": 0}, '{"a": []}', '{"a": ['),
        ({"items": {"maxItems": 1}}, "[[1], [2], [3, 4], 5]", "[[1], [2], [3,"),
        ({"not": {"not": {"maxItems": 1}}}, "[[3, 4], 5]", "[[3, 4], 5]"),
    ],
)
def test_one_too_many_is_wrong_from_the_comma_before_it(schema: dict[str, Any], text: str, wrong: str | None) -> None:
    assert Residual(schema).objection(text) == (None if wrong is None else len(wrong))


@pytest.mark.parametrize("text", ["[" * 20_000 + "]" * 20_000, '{"a":' * 20_000 + "1" + "}" * 20_000])
def test_a_document_too_deep_to_judge_is_wrong_as_a_whole(text: str) -> None:
    schema = {"properties": {"a": {"$ref": "#"}}, "items": {"$ref": "#"}}
    assert Residual(schema).objection(text) == len(text)
    assert Residual(schema).objection(text[:30_000], complete=False) is None
    assert Residual(schema, judged=False).objection(text) is None


def test_a_number_that_python_does_not_read_is_wrong() -> None:
    text = "[" + "1" * 5_000 + ", 2]"
    for residual in (Residual(True), Residual(True, judged=False)):
        assert residual.objection(text) == 5_002
        assert residual.objection(text[:4_990], complete=False) is None
    assert Residual(True).objection("[-" + "1" * 4_300 + "]") is None


@pytest.mark.parametrize("number", ["1e400", "-3.5E+999", f"1{'0' * 400}.0"])
def test_a_number_beyond_all_doubles_is_wrong(number: str) -> None:
    assert Residual(True).fault(f"[1, {number}]") == (2, len(f"[1, {number}]"))
    assert Residual(True).objection(number) == len(number)
    assert Residual(True).objection(number, complete=False) is None
    assert Residual(True).objection("[1e308, 1e-400, 1" + "0" * 400 + "]") is None


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e400", "1e999999"])
def test_a_number_too_large_to_divide_is_wrong(number: str) -> None:
    assert Residual({"items": {"multipleOf": 0.5}}).objection(f"[1, {number}, 2]") == len(f"[1, {number},")
