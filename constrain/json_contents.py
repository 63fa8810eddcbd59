"""Which subschemas say the same: equal JSON apart from notes, members in the same order, no identifiers of their own.

Large schemas repeat themselves (`{"type": "string"}` a thousand times), and what is the same is built once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from constrain.json_dialects import MANY, NAMED, ONE

__all__ = ["Contents"]

_NOTES: Final[Mapping[str, type]] = {
    "title": str,
    "description": str,
    "$comment": str,
    "default": object,
    "examples": list,
    "deprecated": bool,
    "readOnly": bool,
    "writeOnly": bool,
}
"""Where notes are of these types, nothing is wrong with them either."""

_IDENTIFIERS: Final = frozenset({"$id", "id", "$schema", "$anchor", "$dynamicAnchor", "$recursiveAnchor"})

MAX_LEVELS: Final = 100


class Contents:
    """Numbers schemas by content. The schemas have to outlive it: each is looked at once, and known by its identity."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._known: dict[int, int | None] = {}

    def number(self, schema: object, level: int = 0) -> int | None:
        """Equal for schemas that say the same; None where no other schema does, or that may be too deep to see."""
        if not isinstance(schema, Mapping):
            return self._value(schema)
        if id(schema) not in self._known:
            self._known[id(schema)] = self._schema(schema, level)
        return self._known[id(schema)]

    def _schema(self, schema: Mapping[str, Any], level: int) -> int | None:
        if level > MAX_LEVELS or not _IDENTIFIERS.isdisjoint(schema):
            return None
        parts: list[int | str] = []
        for keyword, value in schema.items():
            if isinstance(value, _NOTES.get(keyword, ())):
                continue
            if isinstance(value, Mapping) and keyword in NAMED:
                inside = [self.number(each, level + 1) for each in value.values()]
                number = None if None in inside else self._numbered("named", *value, *inside)
            elif isinstance(value, list) and keyword in MANY:
                inside = [self.number(each, level + 1) for each in value]
                number = None if None in inside else self._numbered("list", *inside)
            elif keyword in ONE:
                number = self.number(value, level + 1)
            else:
                number = self._value(value, level + 1)
            if number is None:
                return None
            parts += (keyword, number)
        return self._numbered("schema", *parts)

    def _value(self, value: object, level: int = 0) -> int | None:
        if level > MAX_LEVELS:
            return None
        match value:
            case Mapping():
                inside = [self._value(each, level + 1) for each in value.values()]
                return None if None in inside else self._numbered("object", *value, *inside)
            case list():
                inside = [self._value(each, level + 1) for each in value]
                return None if None in inside else self._numbered("list", *inside)
        return self._numbered(type(value), value)  # 1, 1.0 and true are equal, and not the same

    def _numbered(self, *parts: object) -> int:
        return self._numbers.setdefault(parts, len(self._numbers))
