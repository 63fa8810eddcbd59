"""What is said of each keyword: every one is listed, and what is said holds. The judge is `jsonschema`."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from constrain.errors import ConstrainError
from constrain.json_explain import explain
from constrain.json_schema import Options, schema_language
from constrain.specs import JsonSchema
from tests.constrain.json_judge import verdict_of
from tests.constrain.json_schemas import documents, schemas

DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}


def said(schema: Any, **options: Any) -> dict[str, str]:
    """What is said, by pointer."""
    lines = explain(schema_language(schema, Options(**options)))
    rows = [line.split(maxsplit=1) for line in lines if line.startswith("    /")]
    assert len(rows) == len({pointer for pointer, _ in rows})
    return {pointer: how.strip() for pointer, how in rows}


@pytest.mark.parametrize(
    ("schema", "pointer", "how"),
    [
        ({"type": "string"}, "/type", "automaton"),
        ({"items": {"minimum": 3}}, "/items/minimum", "automaton"),
        ({"a/b": 1}, "/a~1b", "annotation: no keyword of JSON Schema"),
        ({"title": "t"}, "/title", "annotation"),
        ({"format": "colour"}, "/format", "annotation: unknown format"),
        ({"format": "date"}, "/format", "automaton"),
        ({"type": "string", "format": "hostname"}, "/format", "automaton, and checked on the finished text: format"),
        ({"uniqueItems": True}, "/uniqueItems", "checked on the finished text: uniqueItems"),
        ({"uniqueItems": False}, "/uniqueItems", "automaton"),
        ({"type": "string", "maxLength": 9_999}, "/maxLength", "checked on the finished text: lengths above"),
        ({"type": "string", "maxLength": 200}, "/maxLength", "automaton"),
        ({"multipleOf": 0.01}, "/multipleOf", "automaton, and checked on the finished text: multipleOf 0.01"),
        ({"multipleOf": 3}, "/multipleOf", "automaton"),
        ({"items": {"not": {"uniqueItems": True}}}, "/items/not/uniqueItems", "checked on the finished text"),
        ({"not": {"properties": {"a": {"uniqueItems": True}}}}, "/not/properties", "checked on the finished text"),
        ({"then": False}, "/then", "no effect without if"),
        ({"if": True}, "/if", "no effect without then or else"),
        ({"maxContains": 1}, "/maxContains", "no effect without contains"),
        ({**DRAFT_7, "additionalItems": False}, "/additionalItems", "no effect without an array of items"),
        ({**DRAFT_7, "prefixItems": [False]}, "/prefixItems", "annotation: no keyword of draft 7"),
        ({**DRAFT_7, "items": {"$ref": "#", "minItems": 1}}, "/items/minItems", "no effect beside $ref"),
        (DRAFT_7, "/$schema", "draft 7"),
        ({"$anchor": "a"}, "/$anchor", "names this schema"),
        ({"items": {"$ref": "#"}}, "/items/$ref", "automaton, by the root"),
        ({"items": {"$ref": "#"}}, "/items", "automaton; recursion, to a bounded depth"),
        ({"items": True}, "/items", "automaton; any value, nested to a bounded depth"),
        ({"properties": {"a": {}}}, "/properties/a", "any value, nested to a bounded depth"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}, "/$defs/a", "definition, used at /$ref"),
        ({"$defs": {"a": {"type": "null"}}}, "/$defs/a", "definition, never used"),
        (
            {"$ref": "#/$defs/a/items", "$defs": {"a": {"items": {"type": "null"}}}},
            "/$defs/a",
            "definition, a part of it used at /$ref",
        ),
    ],
)
def test_what_is_said(schema: Any, pointer: str, how: str) -> None:
    assert said(schema)[pointer].startswith(how)


def test_options_are_told() -> None:
    assert said({"format": "date"}, formats=False)["/format"] == "annotation: formats are off"
    exclusive = {"$schema": "http://json-schema.org/draft-04/schema#", "exclusiveMinimum": True}
    assert said(exclusive)["/exclusiveMinimum"] == "no effect without minimum"


def test_a_definition_is_listed_once_however_often_it_is_used() -> None:
    schema = {
        "properties": {f"p{i}": {"$ref": "#/$defs/a"} for i in range(5)},
        "$defs": {"a": {"type": "array", "uniqueItems": True}},
    }
    rows = said(schema)
    assert rows["/$defs/a"] == "definition, used at /properties/p0/$ref, /properties/p1/$ref and 3 more"
    assert rows["/$defs/a/uniqueItems"] == "checked on the finished text: uniqueItems"


def test_equal_schemas_in_several_places_are_all_listed() -> None:
    rows = said({"properties": {name: {"items": {"uniqueItems": True}} for name in "abc"}})
    assert [pointer for pointer in rows if pointer.endswith("uniqueItems")] == [
        f"/properties/{name}/items/uniqueItems" for name in "abc"
    ]


def test_columns_are_aligned() -> None:
    lines = JsonSchema({"type": "object", "properties": {"a": {"type": "null"}}}).explain().splitlines()
    rows = [line for line in lines if line.startswith("    /")]
    assert len({line.index("automaton") for line in rows}) == 1
    assert any("no name occurs twice" in line for line in lines)


def keywords_of(schema: Any, pointer: str = "") -> list[str]:
    """The pointers of all keywords of a schema without references and definitions."""
    found = []
    for keyword, value in schema.items() if isinstance(schema, dict) else ():
        below = f"{pointer}/{keyword}"
        found.append(below)
        escaped = lambda name: name.replace("~", "~0").replace("/", "~1")  # noqa: E731 # short, and only here
        if keyword in ("properties", "patternProperties", "dependentSchemas", "dependencies"):
            for name, each in value.items():
                found += keywords_of(each, f"{below}/{escaped(name)}")
        elif keyword in ("allOf", "anyOf", "oneOf", "prefixItems") or (keyword == "items" and isinstance(value, list)):
            for index, each in enumerate(value):
                found += keywords_of(each, f"{below}/{index}")
        elif keyword not in ("enum", "const", "dependentRequired"):
            found += keywords_of(value, below)
    return found


@given(schemas(draft="draft2020-12"))
@settings(max_examples=60, deadline=None)
def test_every_keyword_is_listed(schema: Any) -> None:
    assume("$ref" not in str(schema) and "$defs" not in schema)
    try:
        rows = said(schema, max_depth=1)
    except ConstrainError:
        assume(False)
        raise
    assert set(keywords_of(schema)) <= rows.keys()


@given(schemas(), st.data())
@settings(max_examples=40, deadline=None)
def test_what_has_no_effect_can_be_left_out(schema: Any, data: st.DataObject) -> None:
    schema = {"title": "t", **schema} | ({} if "if" in schema else {"then": False})
    try:
        rows = said(schema, max_depth=1)
    except ConstrainError:
        assume(False)
        raise
    idle = [pointer for pointer, how in rows.items() if how.startswith(("no effect", "annotation"))]
    assert "/title" in idle
    changed = copy.deepcopy(schema)
    for pointer in sorted(idle, key=len, reverse=True):
        *around, keyword = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
        inner: Any = changed
        for token in around:
            inner = inner[int(token) if isinstance(inner, list) else token]
        inner.pop(keyword, None)
    is_valid, is_valid_without = verdict_of(schema), verdict_of(changed)
    for document in data.draw(st.lists(documents(), min_size=3, max_size=6)):
        assert is_valid(document) == is_valid_without(document)


@given(schemas())
@settings(max_examples=60, deadline=None)
def test_whatever_the_automaton_leaves_is_said_somewhere(schema: Any) -> None:
    try:
        language = schema_language(schema, Options(max_depth=1))
    except ConstrainError:
        assume(False)
        raise
    checked = [line for line in explain(language) if "checked on the finished text" in line]
    assert bool(checked) == (language.residual is not None)


def test_nothing_is_left_out_of_a_large_schema() -> None:
    item = {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "maxItems": 3}
    rows = said({"type": "object", "properties": {f"p{i}": item for i in range(1_000)}})
    assert len(rows) == 2 + 5 * 1_000


def test_a_boolean_schema_has_no_keywords() -> None:
    assert explain(schema_language(False)) == []
    assert "any value" in explain(schema_language(True))[-1]


def test_counts_that_are_left_to_the_check_are_told_at_their_keywords() -> None:
    schema = {
        "properties": {
            "a": {"type": "array", "minItems": 300, "maxItems": 301},
            "b": {"type": "array", "contains": {"type": "null"}, "maxContains": 500},
            "c": {"maxProperties": 500},
            "d": {"type": "string", "pattern": "^.{0,65535}$"},
            "e": {"type": "array", "minItems": 300, "maxItems": 300},
        }
    }
    how = dict(line.split(maxsplit=1) for line in JsonSchema(schema).explain().splitlines() if line.startswith("    /"))
    assert how["/properties/a/minItems"] == "automaton"
    assert how["/properties/a/maxItems"] == "checked on the finished text: maxItems above 256"
    assert how["/properties/b/maxContains"] == "checked on the finished text: maxContains above 256"
    assert "checked" not in how["/properties/b/contains"]
    assert how["/properties/c/maxProperties"] == "checked on the finished text: maxProperties above 256"
    assert how["/properties/d/pattern"] == "automaton, and checked on the finished text: counts of a pattern"
    assert how["/properties/e/maxItems"] == "automaton"
