"""The JSON schema of a Python type: pydantic's own, made to say all that pydantic checks, or refused by name.

pydantic's schemas describe; they leave out what JSON Schema has no word for, and the value is refused when it is read.
Here the schema is what decides, so what is left out has to be put in or refused. Only validators written in Python stay
unseen. `Annotated[..., pydantic.WithJsonSchema(...)]` replaces the schema of a type, and with it these checks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import CoreSchemaOrFieldType, GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema, to_jsonable_python

from constrain.errors import UnsupportedError
from constrain.json_keywords import DECIMAL, join

__all__ = ["Generator", "plain_value", "type_schema"]

_BOUNDS = ("gt", "ge", "lt", "le")
_UNSAID: Final[Mapping[str, tuple[str, ...]]] = {
    "date": (*_BOUNDS, "now_op"),
    "time": _BOUNDS,
    "datetime": (*_BOUNDS, "now_op"),
    "bytes": ("min_length", "max_length"),
}
"""What pydantic checks of each kind of type, and its schema does not say. Lengths of bytes are said, in characters."""

_OPAQUE: Final = frozenset({"complex", "fraction", "is-subclass", "json"})
"""Kinds of types whose schema is any string, or anything."""

_DICTIONARIES: Final = frozenset({"dict", "frozendict", "ordered-dict", "counter", "defaultdict"})

_NARROW_FORMATS: Final = frozenset({
    "base64", "base64url", "color", "directory-path", "file-path", "fraction", "ipv4interface", "ipv4network",
    "ipv6interface", "ipv6network", "ipvanyaddress", "ipvanyinterface", "ipvanynetwork", "json-string",
    "multi-host-uri", "name-email", "zoneinfo",
})  # fmt: skip
"""pydantic's own formats, unknown to JSON Schema, that not every string has."""

_ARITHMETIC: Final = 28
"""The digits that Python calculates with: of numbers with more, pydantic finds no multiples."""

_HINT = "annotate it with pydantic.WithJsonSchema and a schema that says it, or leave it out and check the value"


def type_schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """The schema of what `adapter` reads. Raises `UnsupportedError` for what it checks and no schema can say."""
    schema = adapter.json_schema(schema_generator=Generator)
    _check_formats(schema, "")
    return schema


def plain_value(adapter: TypeAdapter[Any], value: Any) -> Any:
    """`value` as JSON's own types, without the members that were left out when it was made."""
    return to_jsonable_python(
        _with_numbers(adapter.dump_python(value, by_alias=True, exclude_unset=True, warnings=False))
    )


def _with_numbers(value: Any) -> Any:
    """`value` with the decimals inside its containers as numbers (pydantic would write them as strings)."""
    match value:
        case Decimal():
            return _number(value)
        case dict():
            return {key: _with_numbers(item) for key, item in value.items()}
        case list() | tuple():
            return [_with_numbers(item) for item in value]
        case _:
            return value


def _number(value: Decimal | float) -> int | float:
    """The JSON number of `value`: an integer if it is whole, else the nearest float."""
    return int(value) if value == int(value) else float(value)


class Generator(GenerateJsonSchema):
    """pydantic's generator, with decimals as JSON numbers (its own pattern for them needs a look-ahead)."""

    def build_schema_type_to_method(self) -> dict[CoreSchemaOrFieldType, Callable[[Any], JsonSchemaValue]]:
        methods = super().build_schema_type_to_method()
        return {kind: partial(self._complete, method) for kind, method in methods.items()}

    def _complete(self, method: Callable[[Any], JsonSchemaValue], schema: Any) -> JsonSchemaValue:
        kind = schema["type"]
        unsaid = _unsaid(schema)
        if unsaid or kind in _OPAQUE:
            what = f"{' and '.join(unsaid)} of the type {kind}" if unsaid else f"the type {kind}"
            raise UnsupportedError(f"{what} cannot be said in JSON schema", hint=_HINT)
        if kind in _DICTIONARIES and "keys_schema" in schema:
            named = self.generate_inner(schema["keys_schema"]).get("type", "string")
            if named != "string":
                raise UnsupportedError(
                    f"the keys of a dictionary are strings in JSON, not of the type {named}",
                    hint="use str as the type of the keys",
                )
        return method(schema)

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        bounds: dict[str, Any] = {
            name: _number(value)
            for name, value in schema.items()
            if name in _BOUNDS and isinstance(value, Decimal | int | float)
        }
        infinite = schema.get("allow_inf_nan", False)
        said = self.float_schema(core_schema.float_schema(**bounds, allow_inf_nan=infinite))
        return said | _decimal_limits(schema.get("max_digits"), schema.get("decimal_places"), schema.get("multiple_of"))

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        said = super().float_schema(schema)
        if schema.get("allow_inf_nan") is False:  # a number too large for a float reads as infinity
            for bound, exclusive, limit in (
                ("minimum", "exclusiveMinimum", -sys.float_info.max),
                ("maximum", "exclusiveMaximum", sys.float_info.max),
            ):
                if exclusive not in said:
                    said.setdefault(bound, limit)
        return said

    def uuid_schema(self, schema: core_schema.UuidSchema) -> JsonSchemaValue:
        said = super().uuid_schema(schema)
        if version := schema.get("version"):
            said["pattern"] = f"^.{{14}}{version}.{{4}}[89abAB]"
        return said


def _decimal_limits(digits: int | None, places: int | None, step: Decimal | float | None) -> dict[str, Any]:
    """What the schema of a decimal says of its digits. Multiples of integers are a matter of JSON schema, as far as
    Python's arithmetic with decimals reaches.
    """
    if step is not None and step == int(step):
        whole = _ARITHMETIC if digits is None else min(_ARITHMETIC, max(digits - (places or 0), 0))
        return {"multipleOf": int(step), DECIMAL: {"max_digits": whole, "decimal_places": 0}}
    limits = {"max_digits": digits, "decimal_places": places, "multiple_of": None if step is None else str(step)}
    known = {name: value for name, value in limits.items() if value is not None}
    return {DECIMAL: known} if known else {}


def _unsaid(schema: Mapping[str, Any]) -> list[str]:
    """What pydantic checks and its schema leaves out."""
    kind = schema["type"]
    unsaid = [name for name in _UNSAID.get(kind, ()) if schema.get(name) is not None]
    if schema.get("tz_constraint", "aware") != "aware":
        unsaid.append("tz_constraint")
    if kind == "str" and schema.get("strip_whitespace") and schema.keys() & {"min_length", "pattern"}:
        unsaid.append("strip_whitespace")
    if kind == "literal" and any(isinstance(value, bytes) for value in schema["expected"]):
        unsaid.append("bytes")
    return unsaid


def _check_formats(schema: Any, pointer: str) -> None:
    """Refuse formats that narrow a string in ways unknown to JSON Schema, and call versions of UUIDs what they are."""
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            _check_formats(item, join(pointer, index))
    elif isinstance(schema, dict):
        name = schema.get("format")
        if isinstance(name, str) and name in _NARROW_FORMATS:
            raise UnsupportedError(
                f"format {name!r} is not supported", pointer=join(pointer, "format"), keyword="format", hint=_HINT
            )
        if isinstance(name, str) and re.fullmatch(r"uuid\d", name) and "pattern" in schema:
            schema["format"] = "uuid"
        for keyword, value in schema.items():
            if keyword not in ("const", "default", "enum", "examples"):
                _check_formats(value, join(pointer, keyword))
