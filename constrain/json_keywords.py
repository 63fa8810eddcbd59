"""The vocabulary of JSON Schema: which keyword is enforced, which is a note, which is refused, and what is malformed.

Nothing here follows a reference or builds a language. `check_size` looks over the whole schema once, in linear time,
so that everything after it may recurse; `check_keywords` looks at one subschema without its children.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from constrain.errors import LimitError, SpecError, UnsupportedError

__all__ = ["DIALECT", "TYPES", "check_keywords", "check_size", "dialect_of", "is_schema", "join"]

MAX_VALUES = 100_000
MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 256
MAX_INTEGER_BITS = 4_096

TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")

ANNOTATIONS: Final = frozenset({
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment",
    "contentEncoding", "contentMediaType", "contentSchema", "discriminator", "example", "externalDocs", "xml",
})  # fmt: skip
"""Asserting nothing, by the specification: of JSON Schema, or of OpenAPI for the last four."""

LATER: Final = frozenset({
    "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "patternProperties",
    "propertyNames", "minProperties", "maxProperties", "unevaluatedProperties", "unevaluatedItems", "contains",
    "minContains", "maxContains", "uniqueItems", "multipleOf", "additionalItems", "$anchor", "$dynamicRef",
    "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary", "id",
})  # fmt: skip
"""Asserting something, in this draft or an older one, that is not enforced."""

_NEUTRAL: Final = {"uniqueItems": False, "minProperties": 0}
"""Refused keywords that assert nothing with these values."""

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REF_ALONE = ("http://json-schema.org/draft-07/schema", "http://json-schema.org/draft-06/schema")
_OLDER_DIALECTS = ("https://json-schema.org/draft/2019-09/schema", *_REF_ALONE)
_NO_ASSERTIONS = {"$schema", "$id", "$defs", "definitions"}


def join(pointer: str, *tokens: str | int) -> str:
    """The JSON pointer (RFC 6901) that goes on from `pointer`."""
    return pointer + "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


_Place: TypeAlias = "tuple[_Place, str | int] | None"


def check_size(schema: object) -> None:
    """Raise `LimitError` if the schema is too large or too deep, `SpecError` if it holds what JSON cannot."""
    values = characters = 0
    stack: list[tuple[object, int, _Place]] = [(schema, 0, None)]
    while stack:
        value, depth, place = stack.pop()
        values += 1
        match value:
            case str():
                characters += _length(value, place)
            case dict():
                for name, item in value.items():
                    if not isinstance(name, str):
                        raise _not_json(name, place)
                    characters += _length(name, place)
                    stack.append((item, depth + 1, (place, name)))
            case list():
                stack += ((item, depth + 1, (place, index)) for index, item in enumerate(value))
            case int():
                _limit("bits in one integer", value.bit_length(), MAX_INTEGER_BITS)
            case float() if not math.isfinite(value):
                raise _not_json(value, place)
            case float() | None:
                pass
            case _:
                raise _not_json(value, place)
        _limit("values", values + len(stack), MAX_VALUES)
        _limit("characters", characters, MAX_CHARACTERS)
        _limit("levels of nesting", depth, MAX_DEPTH)


def _length(text: str, place: _Place) -> int:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _not_json(text, place) from None
    return len(text)


def _limit(what: str, given: int, limit: int) -> None:
    if given > limit:
        raise LimitError(
            f"a schema may have {limit:,} {what}, and this one has at least {given:,}",
            limit=limit,
            given=given,
            hint="constrain a part of the document, or leave out what is not used",
        )


def _not_json(value: object, place: _Place) -> SpecError:
    tokens: list[str | int] = []
    while place is not None:
        place, token = place
        tokens.append(token)
    return SpecError(
        f"{value!r} has no place in a schema, which is JSON",
        pointer=join("", *reversed(tokens)),
        hint="names are strings without lone surrogates; values are dict, list, str, int, finite float, bool or None",
    )


def is_schema(value: object) -> bool:
    return isinstance(value, bool | Mapping)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_schemas(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_schema, value))


def _is_named_schemas(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(is_schema, value.values()))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value) and len(set(value)) == len(value)


def _is_type(value: Any) -> bool:
    return value in TYPES if isinstance(value, str) else _is_names(value) and set(value) <= set(TYPES) and value != []


_COUNT = (_is_count, "a non-negative integer")
_NUMBER = (_is_number, "a number")
_SCHEMA = (is_schema, "a schema, which is an object or a boolean")
_SCHEMAS = (_is_schemas, "a non-empty array of schemas")
_NAMED_SCHEMAS = (_is_named_schemas, "an object whose values are schemas")
_TEXT = (lambda value: isinstance(value, str), "a string")

ENFORCED: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "$schema": _TEXT,
    "$id": _TEXT,
    "$ref": _TEXT,
    "$defs": _NAMED_SCHEMAS,
    "definitions": _NAMED_SCHEMAS,
    "type": (_is_type, f"one of {', '.join(TYPES)}, or a non-empty array of different ones"),
    "nullable": (lambda value: isinstance(value, bool), "a boolean"),
    "enum": (lambda value: isinstance(value, list) and value != [], "a non-empty array"),
    "const": (lambda value: True, "any value"),
    "anyOf": _SCHEMAS,
    "oneOf": _SCHEMAS,
    "allOf": _SCHEMAS,
    "properties": _NAMED_SCHEMAS,
    "required": (_is_names, "an array of different strings"),
    "additionalProperties": _SCHEMA,
    "prefixItems": _SCHEMAS,
    "items": _SCHEMA,
    "minItems": _COUNT,
    "maxItems": _COUNT,
    "minLength": _COUNT,
    "maxLength": _COUNT,
    "pattern": _TEXT,
    "format": _TEXT,
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "exclusiveMinimum": _NUMBER,
    "exclusiveMaximum": _NUMBER,
}
"""What the value of each keyword has to be."""


def dialect_of(schema: Mapping[str, Any]) -> str:
    """The draft that the root schema declares, or 2020-12. Raises `UnsupportedError` for other than 6 to 2020-12."""
    dialect = schema.get("$schema", DIALECT)
    if not isinstance(dialect, str) or dialect.rstrip("#") not in (DIALECT, *_OLDER_DIALECTS):
        raise UnsupportedError(
            f"the dialect {dialect!r} is not supported",
            pointer="/$schema",
            keyword="$schema",
            hint=f"use {DIALECT}, or drafts 6 to 2019-09 where they mean the same",
        )
    return dialect.rstrip("#")


def check_keywords(schema: Mapping[str, Any], pointer: str, dialect: str = DIALECT) -> None:
    """Raise `SpecError` or `UnsupportedError` for the first keyword of the schema that is malformed or not enforced."""
    for keyword, value in schema.items():
        if keyword in ENFORCED:
            is_right, description = ENFORCED[keyword]
            if not is_right(value):
                raise SpecError(
                    f"{keyword} must be {description}",
                    pointer=join(pointer, keyword),
                    keyword=keyword,
                    hint=_advice(keyword, value),
                )
            if reason := _refusal(keyword, schema, pointer, dialect):
                raise UnsupportedError(
                    f"{keyword} is not supported {reason[0]}",
                    pointer=join(pointer, keyword),
                    keyword=keyword,
                    hint=reason[1],
                )
        elif keyword in LATER:
            if keyword not in _NEUTRAL or value is not _NEUTRAL[keyword]:
                raise UnsupportedError(
                    f"{keyword} is not supported",
                    pointer=join(pointer, keyword),
                    keyword=keyword,
                    hint="remove it, and check what it says on the finished document",
                )
        elif keyword not in ANNOTATIONS and not keyword.startswith("x-"):
            similar = difflib.get_close_matches(keyword, [*ENFORCED, *ANNOTATIONS, *LATER], 1)
            advice = f"did you mean {similar[0]!r}?" if similar else "begin the names of your own notes with x-"
            raise UnsupportedError(
                f"{keyword!r} is no keyword of JSON Schema",
                pointer=join(pointer, keyword),
                keyword=keyword,
                hint=advice,
            )


def _advice(keyword: str, value: object) -> str | None:
    if keyword == "type" and isinstance(value, str):
        similar = difflib.get_close_matches(value, TYPES, 1)
        return f"did you mean {similar[0]!r}?" if similar else None
    if keyword == "items" and isinstance(value, list):
        return "in draft 2020-12 the schemas of the first items are called prefixItems"
    if keyword.startswith("exclusive") and isinstance(value, bool):
        return f"since draft 6 {keyword} is the bound itself"
    return None


def _refusal(keyword: str, schema: Mapping[str, Any], pointer: str, dialect: str) -> tuple[str, str] | None:
    """Why an enforced keyword is refused in this place, and what to do; None if it is not."""
    match keyword:
        case "$id" if pointer:
            return "inside a schema", "remove it, and refer to the schema by a JSON pointer (#/...)"
        case "$schema" if schema[keyword].rstrip("#") != dialect:
            return "with two dialects in one schema", "write the whole schema in one of them"
        case "nullable" if schema[keyword] and "type" not in schema:
            return "without type", 'write {"anyOf": [..., {"type": "null"}]}'
        case "prefixItems" if dialect != DIALECT:
            return "in older drafts, which ignore it", f"declare {DIALECT}"
        case "$ref" if dialect in _REF_ALONE and len(schema.keys() & ENFORCED.keys() - _NO_ASSERTIONS) > 1:
            return "beside other keywords in drafts 6 and 7, which ignore those", f"declare {DIALECT}, or use allOf"
    return None
