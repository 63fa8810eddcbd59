"""Schemas have one number exactly when they say the same; the judge is their text."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from constrain.json_contents import Contents
from tests.constrain.json_schemas import random_schema

NOTES: dict[str, Any] = {
    "title": "a note",
    "description": "another",
    "$comment": "",
    "default": {"type": 3},
    "examples": [1, "a"],
    "deprecated": True,
    "readOnly": False,
    "writeOnly": True,
}
UNNAMED = [{"const": 1}, {"type": "string", "maxLength": 3}, {"properties": {"title": {"type": "null"}}}, {}]


def noted(schema: Any, rng: Random) -> Any:
    """The schema with notes in it and in the schemas directly below, and everything else in the same order."""
    if not isinstance(schema, dict):
        return schema
    below = {
        keyword: noted(value, rng)
        if keyword in ("items", "not", "if", "then", "else", "contains")
        else {name: noted(each, rng) for name, each in value.items()}
        if keyword in ("properties", "$defs", "patternProperties")
        else [noted(each, rng) for each in value]
        if keyword in ("allOf", "anyOf", "oneOf", "prefixItems")
        else value
        for keyword, value in schema.items()
    }
    parts = list(below.items())
    for note in rng.sample([*NOTES.items()], 3):
        parts.insert(rng.randint(0, len(parts)), note)
    return dict(parts)


def inner(value: Any) -> Iterator[Any]:
    """All objects and booleans in a value, among them all schemas in a schema."""
    if isinstance(value, dict | bool):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inner(each)


def test_numbers_are_equal_where_texts_are() -> None:
    schemas = [random_schema(Random(seed), draft="draft2020-12", depth=1) for seed in range(150)]
    several = [each for schema in schemas for each in inner(schema) if "$schema" not in json.dumps(each)]
    several += copy.deepcopy(several)
    contents = Contents()
    numbers = [contents.number(schema) for schema in several]
    texts = [json.dumps(schema) for schema in several]
    assert None not in numbers
    assert len({*zip(numbers, texts, strict=True)}) == len({*numbers}) == len({*texts}) > 300


@pytest.mark.parametrize("seed", range(50))
def test_notes_say_nothing(seed: int) -> None:
    schema = random_schema(Random(seed), draft="draft2020-12")
    schema.pop("$schema", None)
    contents = Contents()
    assert contents.number(schema) == contents.number(noted(schema, Random(seed)))


@pytest.mark.parametrize("schema", UNNAMED)
@pytest.mark.parametrize("note", NOTES)
def test_each_note_alone_says_nothing(schema: dict[str, Any], note: str) -> None:
    contents = Contents()
    assert contents.number({note: NOTES[note], **schema}) == contents.number(schema)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"const": 1}, {"const": 1.0}),
        ({"const": 1}, {"const": True}),
        ({"const": 0}, {"const": False}),
        ({"const": None}, {"const": "null"}),
        ({"enum": [1]}, {"enum": [[1]]}),
        ({"enum": [[1], 2]}, {"enum": [[1, 2]]}),
        ({"const": [True]}, {"const": [1]}),
        ({"const": {"title": "a"}}, {"const": {"title": "b"}}),
        ({"const": {"title": "a"}}, {"const": {}}),
        ({"enum": [{"description": "a"}]}, {"enum": [{}]}),
        ({"properties": {"title": {"type": "null"}}}, {"properties": {"title": {"type": "string"}}}),
        ({"properties": {"title": {}}}, {"properties": {}}),
        ({"properties": {"a": {}, "b": {}}}, {"properties": {"b": {}, "a": {}}}),
        ({"const": {"a": 1, "b": 1}}, {"const": {"b": 1, "a": 1}}),
        ({"type": "string", "enum": ["a"]}, {"enum": ["a"], "type": "string"}),
        ({"anyOf": [{"type": "null"}, {}]}, {"anyOf": [{}, {"type": "null"}]}),
        ({"anyOf": [{}, {}]}, {"anyOf": [{}]}),
        ({"anyOf": [{}]}, {"allOf": [{}]}),
        ({"items": {}}, {"items": [{}]}),
        ({"items": {}}, {"items": True}),
        ({"not": {}}, {}),
        ({"dependencies": {"a": ["b"]}}, {"dependencies": {"a": {"required": ["b"]}}}),
        ({"title": "a"}, {"title": 3}),
        ({"readOnly": True}, {"readOnly": "yes"}),
        ({"$ref": "#/a"}, {"$ref": "#/b"}),
    ],
)
def test_what_says_something_else_has_another_number(one: Any, other: Any) -> None:
    contents = Contents()
    assert contents.number(one) != contents.number(other)
    assert None not in (contents.number(one), contents.number(other))


@pytest.mark.parametrize("word", ["$id", "id", "$schema", "$anchor", "$dynamicAnchor", "$recursiveAnchor"])
def test_a_schema_with_an_identifier_is_like_no_other(word: str) -> None:
    contents = Contents()
    named = {word: "a", "type": "null"}
    unlike = [named, {"items": named}, {"properties": {"a": named}}, {"anyOf": [{}, named]}, {"$defs": {"a": named}}]
    assert [contents.number(schema) for schema in unlike] == [None] * len(unlike)
    alike = [{"const": named}, {"enum": [named]}, {"properties": {word: {}}}, {"default": named}]
    assert None not in [contents.number(schema) for schema in alike]


@pytest.mark.parametrize("keyword", ["items", "const", "anyOf", "properties", "enum"])
def test_schemas_that_are_too_deep_to_see_are_like_no_other(keyword: str) -> None:
    def deep(levels: int) -> Any:
        schema: Any = {}
        for _ in range(levels):
            schema = {
                keyword: [schema] if keyword in ("anyOf", "enum") else schema if keyword == "items" else {"a": schema}
            }
        return schema

    contents = Contents()
    seen, alike, unseen = deep(40), deep(40), deep(150)
    assert contents.number(seen) == contents.number(alike) is not None
    assert contents.number(unseen) is None


def test_booleans_are_schemas() -> None:
    contents = Contents()
    different = [True, False, {}, {"not": {}}, {"not": True}]
    assert len({contents.number(schema) for schema in different}) == 5
