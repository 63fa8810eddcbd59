"""Whether there are values is seen before anything is spelled; the automaton knows too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings

from constrain.errors import ConstrainError
from constrain.json_inhabited import is_inhabited
from constrain.json_schema import Options, schema_language
from tests.constrain.json_schemas import schemas


@given(schemas())
@settings(max_examples=60, deadline=None)
def test_a_schema_has_values_exactly_when_its_automaton_has_texts(schema: Any) -> None:
    try:
        language = schema_language(schema, Options(max_depth=2))
        automaton = language.automaton
    except ConstrainError:
        assume(False)
        raise
    assert is_inhabited(language.graph) or automaton.is_empty()
    assert not is_inhabited(language.graph) or not automaton.is_empty() or language.graph.recursive


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, True),
        (False, False),
        ({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}}, False),
        ({"type": "object", "required": ["a"], "properties": {"a": {"anyOf": [{"$ref": "#"}, {"const": 1}]}}}, True),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, True),
        ({"type": "array", "items": {"$ref": "#"}}, True),
        ({"type": "array", "items": {"$ref": "#"}, "minItems": 1}, False),
        ({"type": "array", "prefixItems": [True, False], "minItems": 2}, False),
        ({"type": "array", "prefixItems": [True, False], "minItems": 1}, True),
        ({"type": "object", "additionalProperties": False, "required": ["a"]}, False),
        (
            {"type": "object", "patternProperties": {"^a": True}, "additionalProperties": False, "required": ["ab"]},
            True,
        ),
    ],
)
def test_values_have_to_end_somewhere(schema: Any, expected: bool) -> None:
    assert is_inhabited(schema_language(schema).graph) == expected
