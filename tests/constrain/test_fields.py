"""The command line's field language is JSON schema in short."""

from __future__ import annotations

import pytest

from constrain.errors import SpecError
from constrain.fields import fields_schema


def test_types_alternatives_and_optional_fields() -> None:
    assert fields_schema("name, age: int, size:small|very large , on?: date,x?") == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "size": {"enum": ["small", "very large"]},
            "on": {"type": "string", "format": "date"},
            "x": {"type": "string"},
        },
        "required": ["name", "age", "size"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [("name, , x", "not a field", 5), ("a: int, b: itn", "unknown type 'itn'", 11), ("a, a", "given twice", 3)],
)
def test_faults_are_pointed_at(text: str, message: str, position: int) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        fields_schema(text)
    assert caught.value.position == position
    assert "^" in str(caught.value)
