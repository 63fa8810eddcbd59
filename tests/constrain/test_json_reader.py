"""Each keyword in a small schema: what is read of it, and the language, agree with `jsonschema` on 200 small values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.json_atoms import Whole
from constrain.json_formula import FALSE, TRUE, atom, atoms
from constrain.json_reader import NEVER, Reader
from constrain.json_references import root_site
from constrain.specs import JsonSchema
from tests.constrain.json_judge import verdict_of
from tests.constrain.json_meaning import VALUES, holds, read
from tests.suite.official import DIALECTS
from tests.suite.verdicts import Verdict, judge_instance

DRAFTS = [*DIALECTS]
ALL, SINCE_6 = DRAFTS[::2], [*DRAFTS[1::2], DRAFTS[-1]]  # every other draft, to save time: those between agree
SINCE_7, SINCE_2019, SINCE_2020 = DRAFTS[2:], DRAFTS[3:], DRAFTS[4:]
NUMBER: Any = {"type": "number"}
WORD: Any = {"type": "string"}
CASES: list[tuple[list[str], Any]] = [
    *((ALL, {"type": kind}) for kind in ("null", "boolean", "integer", "number", "string", "array", "object")),
    (ALL, {}),
    (ALL, {"type": ["integer", "array", "null"]}),
    (ALL, {"enum": [1, "a", None, True, [], {}, [1, "a"], {"a": 1}]}),
    (ALL, {"enum": [1.0, 0, [1.0], {"a": {"a": 1.0}}, "bb"]}),
    (ALL, {"type": "boolean", "enum": [True, 1, 0]}),
    *((SINCE_6, {"const": value}) for value in (1, 0, False, None, "ab", [], [True], {}, {"a": 1, "b": "a"}, 1e22)),
    (ALL, {"minimum": 1}),
    (ALL, {"maximum": 2.5}),
    (["draft4"], {"minimum": 1, "exclusiveMinimum": True}),
    (["draft4"], {"maximum": 3, "exclusiveMaximum": True}),
    (["draft4"], {"maximum": 3, "exclusiveMaximum": False, "exclusiveMinimum": True}),
    (SINCE_6, {"exclusiveMinimum": 1}),
    (SINCE_6, {"exclusiveMaximum": 2.5, "minimum": -1}),
    (ALL, {"multipleOf": 2}),
    (ALL, {"multipleOf": 0.25}),
    (ALL, {"not": {"multipleOf": 3}}),
    (ALL, {"minLength": 2}),
    (ALL, {"maxLength": 1}),
    (ALL, {"minLength": 2.0, "maxLength": 3}),
    (ALL, {"minLength": 3, "maxLength": 2}),
    (ALL, {"pattern": "^a"}),
    (ALL, {"pattern": "b$", "minLength": 2}),
    (ALL, {"not": {"pattern": "[^a]"}}),
    (ALL, {"format": "unheard-of"}),
    (SINCE_7, {"format": "date"}),
    (SINCE_2020, {"prefixItems": [NUMBER, WORD]}),
    (SINCE_2020, {"prefixItems": [NUMBER], "items": False}),
    (DRAFTS[:4], {"items": [NUMBER, WORD]}),
    (DRAFTS[:4], {"items": [NUMBER], "additionalItems": False}),
    (DRAFTS[:4], {"items": [NUMBER], "additionalItems": WORD}),
    (DRAFTS[:4], {"items": NUMBER, "additionalItems": False}),
    (SINCE_2020, {"items": NUMBER, "additionalItems": False}),
    (ALL, {"items": NUMBER}),
    (ALL, {"items": {"items": NUMBER}}),
    (SINCE_6, {"items": False}),
    (ALL, {"minItems": 2}),
    (ALL, {"maxItems": 1.0}),
    (ALL, {"uniqueItems": True}),
    (ALL, {"uniqueItems": False}),
    (SINCE_6, {"contains": NUMBER}),
    (SINCE_2019, {"contains": NUMBER, "minContains": 0}),
    (SINCE_2019, {"contains": NUMBER, "minContains": 2}),
    (SINCE_2019, {"contains": NUMBER, "minContains": 0, "maxContains": 1}),
    (SINCE_2019, {"minContains": 2, "maxContains": 0}),
    (["draft6", "draft7"], {"contains": NUMBER, "minContains": 2, "maxContains": 0}),
    (ALL, {"properties": {"a": NUMBER, "b": WORD}}),
    (ALL, {"patternProperties": {"^a": NUMBER, "b$": WORD}}),
    (ALL, {"properties": {"a": {}}, "additionalProperties": False}),
    (ALL, {"properties": {"a": {}}, "patternProperties": {"b": {}}, "additionalProperties": NUMBER}),
    (SINCE_6, {"properties": {"a": False, "b": True}}),
    (SINCE_6, {"propertyNames": {"maxLength": 1}}),
    (SINCE_6, {"propertyNames": {"enum": ["a", "b"], "type": ["string", "null"]}}),
    (SINCE_6, {"propertyNames": False}),
    (SINCE_6, {"propertyNames": NUMBER}),
    (ALL, {"required": ["a", "b"]}),
    (SINCE_6, {"required": []}),
    (ALL, {"minProperties": 2}),
    (ALL, {"maxProperties": 1}),
    (DRAFTS[:3], {"dependencies": {"a": ["b"], "z": {"maxProperties": 1}}}),
    (["draft6", "draft7"], {"dependencies": {"a": [], "b": False}}),
    (SINCE_2019, {"dependentRequired": {"a": ["b", "z"]}}),
    (SINCE_2019, {"dependentSchemas": {"a": {"properties": {"a": NUMBER}}, "z": False}}),
    (ALL, {"allOf": [{"required": ["a"]}, {"maxProperties": 1}]}),
    (ALL, {"anyOf": [NUMBER, {"maxLength": 1}, {"required": ["a"]}]}),
    (ALL, {"oneOf": [NUMBER, {"minimum": 2}, {"enum": [1, "a"]}]}),
    (ALL, {"oneOf": [{"required": ["a"]}, {"required": ["b"]}, {"type": "object"}]}),
    (ALL, {"not": {"type": ["object", "integer", "string"]}}),
    (ALL, {"not": {"items": NUMBER}}),
    (ALL, {"not": {"properties": {"a": NUMBER}, "additionalProperties": WORD}}),
    (SINCE_7, {"if": NUMBER, "then": {"minimum": 2}, "else": {"required": ["a"]}}),
    (SINCE_7, {"if": {"properties": {"a": NUMBER}}, "then": False}),
    (SINCE_7, {"if": {"required": ["a"]}, "else": False}),
    (SINCE_7, {"then": False, "else": False}),
    (["draft6"], {"if": True, "then": False}),
    (ALL, {"definitions": {"n": NUMBER}, "properties": {"a": {"$ref": "#/definitions/n"}}}),
    (DRAFTS[:3], {"definitions": {"n": NUMBER}, "properties": {"a": {"$ref": "#/definitions/n", "minimum": 5}}}),
    (SINCE_2019, {"$defs": {"n": NUMBER}, "properties": {"a": {"$ref": "#/$defs/n", "minimum": 1}}}),
    (ALL, {"properties": {"a": {"$ref": "#"}}, "additionalProperties": {"type": "integer"}}),
    (["draft2019-09"], {"$recursiveAnchor": True, "items": {"$recursiveRef": "#"}, "not": {"const": 1}}),
    (SINCE_2020, {"$dynamicAnchor": "n", "items": {"$dynamicRef": "#n"}, "not": {"const": 1}}),
    (ALL, {"unheard-of": 3, "title": "a"}),
]  # fmt: skip
EACH = [(draft, schema) for drafts, schema in CASES for draft in drafts]


@pytest.mark.parametrize("schema", [{"$schema": DIALECTS[draft], **schema} for draft, schema in EACH], ids=json.dumps)
def test_a_keyword_means_what_the_draft_says(schema: Any) -> None:
    is_valid = verdict_of(schema)
    formula = read(schema).raw
    try:
        spec = JsonSchema(schema, max_depth=3)
        assert spec.automaton
    except UnsatisfiableError:
        spec = None
    for value in VALUES:
        valid = is_valid(value)
        if "format" not in schema:
            assert holds(formula, value) == valid, value
        if spec is None:
            assert not valid, value
        else:
            assert judge_instance(spec, value, valid)[0] is Verdict.RIGHT, value


def test_schemas_are_read_once() -> None:
    reader = Reader()
    site = root_site({"properties": {"a": {"type": "null"}, "b": {"type": "null"}, "c": {"$ref": "#"}, "d": False}})
    whole = reader.subschema(site)
    assert whole is reader.subschema(site)
    parts = [reader.subschema(site.child("properties", name)) for name in "abcd"]
    assert parts == [parts[0], parts[0], whole, NEVER]
    assert (read(True).formula, read(False).formula, read({}).formula) == (TRUE, FALSE, TRUE)


def test_names_come_in_the_order_of_first_appearance_and_required_ones_last() -> None:
    schema = {
        "required": ["z", "b"],
        "allOf": [{"properties": {"b": {}}}, {"$ref": "#/$defs/x"}],
        "properties": {"c": {"properties": {"inner": {}}}},
        "if": {"const": {"d": 1}},
        "else": {"enum": [{"e": 1}, 3]},
        "dependentRequired": {"f": ["g"]},
        "$defs": {"x": {"properties": {"a": {}}, "allOf": [{"$ref": "#"}]}},
    }
    assert read(schema).names == ("b", "a", "c", "d", "e", "z", "f", "g")


def test_python_reads_integers_only_as_such() -> None:
    assert set(atoms(read({"type": "integer"}, plain_integers=True).formula)) >= {Whole(fraction=False)}
    assert atom(Whole(fraction=False)) in read({"const": 1}, plain_integers=True).formula.parts
    assert atom(Whole(fraction=False)) not in read({"const": 1.5}, plain_integers=True).formula.parts


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"$ref": "#"}, ""),
        ({"allOf": [{"$ref": "#"}]}, ""),
        ({"items": {"anyOf": [{"$ref": "#/$defs/a"}]}, "$defs": {"a": {"not": {"$ref": "#/items"}}}}, "/items"),
        ({"if": {"dependentSchemas": {"a": {"$ref": "#"}}}}, ""),
    ],
)
def test_a_reference_that_leads_back_to_itself_is_refused(schema: Any, pointer: str) -> None:
    with pytest.raises(SpecError, match="leads back to itself") as caught:
        JsonSchema(schema)
    assert (caught.value.pointer, caught.value.keyword) == (pointer, "$ref")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("schema", "kind", "pointer", "keyword"),
    [
        ({"pattern": "("}, SpecError, "/pattern", "pattern"),
        ({"items": {"patternProperties": {"(": {}}}}, SpecError, "/items/patternProperties/(", "patternProperties"),
        ({"patternProperties": {"a/[": {}}}, SpecError, "/patternProperties/a~1[", "patternProperties"),
        ({"pattern": r"(a)\1"}, UnsupportedError, "/pattern", "pattern"),
    ],
)
def test_a_pattern_that_cannot_be_read_is_named(schema: Any, kind: type, pointer: str, keyword: str) -> None:
    with pytest.raises(SpecError) as caught:
        JsonSchema(schema)
    assert type(caught.value) is kind
    assert (caught.value.pointer, caught.value.keyword) == (pointer, keyword)
    assert caught.value.source in (*schema.get("patternProperties", ()), "(", r"(a)\1")
    assert caught.value.hint


def test_a_pattern_that_is_too_large_is_named() -> None:
    with pytest.raises(LimitError, match=r"^at /items/pattern: ") as caught:
        JsonSchema({"items": {"pattern": "^(?!.*a.{40}$)"}})
    assert caught.value.given > caught.value.limit
