"""Values as texts. The judge is `jsonschema`: what is written must read back as a valid value."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.algebra import either, joined
from constrain.errors import SpecError
from constrain.specs import Choice, JsonSchema
from tests.constrain.json_judge import verdict_of

DRAFT4 = "http://json-schema.org/draft-04/schema#"
INTEGER: dict[str, Any] = {"type": "integer"}

number_schemas = st.sampled_from(
    [
        INTEGER,
        {"not": INTEGER},
        {"not": {"type": ["integer", "boolean"]}},
        {"oneOf": [INTEGER, {"minimum": 2}]},
        {"anyOf": [INTEGER, {"minimum": 2}]},
        {"type": "number", "multipleOf": 3},
        {"type": "number", "minimum": 1, "not": {"multipleOf": 2}},
        {"enum": [1, 2.5]},
    ]
)
numbers = st.integers(-6, 6) | st.integers(-6, 6).map(float) | st.sampled_from([2.5, -0.5, 1e22, 10**22])


@given(number_schemas, numbers, st.sampled_from(["items", "root"]), st.sampled_from([DRAFT4, DRAFT4.replace("4", "6")]))
@settings(max_examples=300, deadline=None)
def test_a_number_is_written_if_and_only_if_it_is_valid(schema: Any, number: float, where: str, draft: str) -> None:
    value = [number] if where == "items" else number
    asked = {"$schema": draft, **({"items": schema} if where == "items" else schema)}
    spec = JsonSchema(asked)
    if verdict_of(asked)(value):
        text = spec.dumps(value)
        assert json.loads(text) == value
        assert verdict_of(asked)(json.loads(text))
    else:
        with pytest.raises(SpecError, match="not a value"):
            spec.dumps(value)


def test_in_draft_4_an_integer_is_one_by_its_spelling() -> None:
    assert JsonSchema({"$schema": DRAFT4, **INTEGER}).dumps(2) == "2"
    assert JsonSchema({"$schema": DRAFT4, "not": INTEGER}).dumps(2.0) == "2.0"
    for schema, value in ((INTEGER, 2.0), ({"not": INTEGER}, 2)):
        with pytest.raises(SpecError, match="not a value"):
            JsonSchema({"$schema": DRAFT4, **schema}).dumps(value)


def test_a_float_may_be_written_as_an_integer_where_only_that_is_sure_to_be_a_multiple() -> None:
    value = 3e30 - math.fmod(3e30, 7)
    assert JsonSchema({"multipleOf": 7}).dumps(value) == str(int(value))


@pytest.mark.parametrize("schema", [True, {"type": ["number", "array"]}, {"items": True}])
@pytest.mark.parametrize("value", [math.inf, math.nan, [math.nan], [[-math.inf]]])
def test_what_is_no_number_is_not_written(schema: Any, value: Any) -> None:
    with pytest.raises(SpecError, match="not a value"):
        JsonSchema(schema).dumps(value)


@pytest.mark.parametrize("schema", [True, {"type": "string"}, {"enum": ["a", 1]}, {"items": INTEGER}], ids=str)
@pytest.mark.parametrize("value", [{1}, print, b"a", 1j, Decimal("1.5"), [{1}]], ids=repr)
def test_what_json_does_not_know_is_not_written(schema: Any, value: Any) -> None:
    with pytest.raises(SpecError, match="is not a value that the schema allows"):
        JsonSchema(schema).dumps(value)


def test_another_alternative_writes_what_json_does_not_know() -> None:
    spec = either({"enum": ["a", 1]}, joined(Choice(["b"]), Choice(["c"])))
    assert spec.dumps(("b", "c")) == "bc"
