"""A one-line language for flat objects: `name, age: int, size: small|medium|large, city?`."""

from __future__ import annotations

import re
from typing import Any

from constrain.errors import SpecError

__all__ = ["fields_schema"]

_TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    **{name: {"type": "string", "format": name} for name in ("date", "time", "date-time", "uuid", "email")},
}
_FIELD = re.compile(r"\s*(?P<name>[^\s:,?]+)\s*(?P<optional>\?)?\s*(?::\s*(?P<type>[^,]*[^,\s]))?\s*")


def fields_schema(text: str) -> dict[str, Any]:
    """The JSON schema of an object with these members and no others.

    Fields are separated by commas: a name, `?` if it may be missing, and after a colon a type (`str` if left out), or
    alternatives separated by `|`. Raises `SpecError` with a caret.
    """
    properties: dict[str, Any] = {}
    required: list[str] = []
    position = 0
    for part in text.split(","):
        match = _FIELD.fullmatch(part)
        if match is None:
            raise SpecError(
                "not a field", source=text, position=position, hint="write name, age: int, size: small|large, city?"
            )
        name, kind = match["name"], match["type"] or "str"
        if name in properties:
            raise SpecError(f"field {name!r} is given twice", source=text, position=position + match.start("name"))
        if "|" in kind:
            properties[name] = {"enum": [option.strip() for option in kind.split("|")]}
        elif kind in _TYPES:
            properties[name] = _TYPES[kind]
        else:
            raise SpecError(
                f"unknown type {kind!r}",
                source=text,
                position=position + match.start("type"),
                hint=f"one of {', '.join(_TYPES)}, or alternatives such as small|large",
            )
        if not match["optional"]:
            required.append(name)
        position += len(part) + 1
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
