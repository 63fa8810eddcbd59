"""Writing one value: the text is in the language, and means the value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constrain.errors import SpecError
from constrain.expression import compile_expression
from constrain.json_schema import schema_language


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (True, {"b": [1, "é"], "a": None}, '{"b": [1, "é"], "a": null}'),
        ({"properties": {"a": True, "b": True}}, {"z": 1, "b": 2, "a": 3}, '{"a": 3, "b": 2, "z": 1}'),
        ({"items": {"properties": {"a": True, "b": True}}}, [{"b": 1, "a": 2}], '[{"a": 2, "b": 1}]'),
        ({"type": "integer"}, 3.0, "3"),
        ({"type": "integer"}, -0.0, "0"),
        ({"type": "number"}, 1e-7, "1e-07"),
        ({"type": "number", "exclusiveMinimum": 0}, 1e-7, "0.0000001"),
        ({"type": "number", "maximum": 1e300}, 1e22, "10000000000000000000000"),
        ({"type": "number", "minimum": 0}, -0.0, "0"),
        ({"enum": [1.0, "a"]}, 1, "1.0"),
        ({"const": {"b": 1, "a": 2}}, {"a": 2, "b": 1.0}, '{"b": 1, "a": 2}'),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "\n\x00", r'"\n\u0000"'),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "number"}}, [1.0, 1.0], "[1, 1.0]"),
    ],
)
def test_texts(schema: Any, value: Any, text: str) -> None:
    language = schema_language(schema)
    assert language.dumps(value) == text
    assert json.loads(text) == value
    assert compile_expression(language.expression).accepts(text.encode())


def test_separators() -> None:
    language = schema_language({"type": "object", "properties": {"a": {"const": {"b": [1, 2]}}}})
    assert language.dumps({"a": {"b": [1, 2]}}, (",", ":")) == '{"a":{"b":[1,2]}}'
    assert language.dumps({"a": {"b": [1, 2]}}) == '{"a": {"b": [1, 2]}}'


@pytest.mark.parametrize("value", ["a", 3, float("nan"), None, {"a": 1}, object()])
def test_values_outside_the_schema(value: Any) -> None:
    with pytest.raises(SpecError, match="not a value that the schema allows"):
        schema_language({"type": "integer", "maximum": 2}).dumps(value)
